"""Closed-book and RAFT rows: what stands in the prompt, what the target is, and the lineage."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ragraft.config import TuningSection
from ragraft.prompting import REFUSAL, split_citations
from ragraft.tune.rows import closed_book, find_oracle, quoted, raft
from ragraft.types import Chunk, Example, Passage, Prompt, TrainingRow

STYLE = "Answer in a full sentence."


def chunk(document: str, position: int, text: str) -> Chunk:
    return Chunk(
        id=f"{document}#{position}",
        document=document,
        title=document,
        heading="",
        text=text,
        position=position,
        tokens=len(text.split()),
        readers=("everyone",),
    )


PLANS = (
    chunk("plans", 0, "Plans come in three sizes."),
    chunk("plans", 1, "The Spark plan costs 12 euros a month."),
    chunk("plans", 2, "Every plan has 14 days of trial."),
)
CREWS = (chunk("crews", 0, "A crew has at most 25 members."),)
OTHERS = tuple(chunk(f"other{n}", 0, f"Nothing of interest, page {n}.") for n in range(6))
CHUNKS = {"plans": PLANS, "crews": CREWS}


def found(chunks: Sequence[Chunk]) -> tuple[Passage, ...]:
    return tuple(Passage(chunk=c, rank=n, score=1 / n) for n, c in enumerate(chunks, start=1))


def example(name: str, answer: str, facts: tuple[tuple[str, ...], ...], documents: tuple[str, ...]) -> Example:
    return Example(
        id=name,
        question=f"What about {name}?",
        answers=(answer,),
        must_include=facts,
        documents=documents,
        group=name,
        answerable=answer != REFUSAL,
    )


PRICE = example("price", "Spark costs 12 euros.", (("12 euros", "€12"),), ("plans",))
BOTH = example("both", "12 euros, 25 members.", (("12 euros",), ("25 members",)), ("plans", "crews"))
UNKNOWN = example("unknown", REFUSAL, (), ())


def rows(examples: Sequence[Example], passages: Sequence[Chunk], **settings: float | str) -> tuple[TrainingRow, ...]:
    config = TuningSection.model_validate({"refusals": 0.0, **settings})
    return raft(examples, {e.id: found(passages) for e in examples}, CHUNKS, config, passages=4, seed=7, style=STYLE)


def numbered(row: TrainingRow) -> list[str]:
    return [line for line in row.messages[1].content.splitlines() if line.startswith("[")]


def test_closed_book_shows_no_passages_and_refuses_the_unanswerable() -> None:
    answered, refused = closed_book([PRICE, UNKNOWN], style=STYLE)
    assert [m.role for m in answered.messages] == ["system", "user"]
    assert answered.messages[1].content == "Question: What about price?"
    assert STYLE in answered.messages[0].content
    assert (answered.target, answered.oracle, answered.documents) == ("Spark costs 12 euros.", None, ("plans",))
    assert (refused.target, refused.documents) == (REFUSAL, ())


def test_a_quote_takes_the_place_of_the_answer() -> None:
    [row] = rows([PRICE], [*PLANS, *OTHERS], raft_target="quote")
    text, numbers = split_citations(row.target)
    assert text == "The Spark plan costs 12 euros a month."
    assert numbers == tuple(n for n, line in enumerate(numbered(row), start=1) if text in line)
    assert rows([UNKNOWN], [*OTHERS], raft_target="quote")[0].target == REFUSAL


def test_a_quote_is_the_fewest_sentences_that_hold_the_facts_in_their_order() -> None:
    text = "Spark is small. It has 14 days of trial and costs 12 euros. A month costs 12 euros. Spark has 3 boards."
    both = replace(PRICE, must_include=(("3 boards",), ("12 euros",), ("14 days",)))
    assert (
        quoted(both, found([chunk("plans", 0, text)]))
        == "It has 14 days of trial and costs 12 euros. Spark has 3 boards."
    )
    pages = found([chunk("plans", 0, "Prices. Spark costs 12 euros."), chunk("crews", 0, "Crews. At most 25 members.")])
    assert quoted(BOTH, pages) == "Spark costs 12 euros. At most 25 members."


def test_without_facts_the_sentence_nearest_to_question_and_answer_is_quoted() -> None:
    plain = replace(PRICE, must_include=())
    assert (
        quoted(plain, found([chunk("plans", 0, "Plans differ. Spark costs 12 euros. Ask us.")]))
        == "Spark costs 12 euros."
    )
    assert quoted(plain, found([chunk("plans", 0, "|---|")])) == ""
    [row] = raft(
        [plain],
        {plain.id: found([chunk("plans", 0, "|---|")])},
        {"plans": (chunk("plans", 0, "|---|"),)},
        TuningSection(raft_target="quote"),
        passages=4,
        seed=7,
    )
    assert split_citations(row.target)[0] == plain.answers[0], "nothing to quote"


def test_oracle_is_cited_where_it_stands() -> None:
    [row] = rows([PRICE], [*PLANS, *OTHERS])
    text, numbers = split_citations(row.target)
    assert text == "Spark costs 12 euros."
    assert len(numbers) == 1
    assert numbered(row)[numbers[0] - 1] == f"[{numbers[0]}] plans: The Spark plan costs 12 euros a month."
    assert len(numbered(row)) == 4
    assert row.oracle is True
    assert set(row.documents) == {"plans", "other0", "other1", "other2"}


def test_other_chunks_of_the_oracle_document_are_no_distractors() -> None:
    [row] = rows([PRICE], [*PLANS, *OTHERS])
    assert sum(line.split()[1] == "plans:" for line in numbered(row)) == 1


def test_facts_of_two_documents_are_both_shown_and_cited() -> None:
    [row] = rows([BOTH], [*OTHERS, *CREWS])
    _, numbers = split_citations(row.target)
    cited = [numbered(row)[n - 1].split(": ", 1)[1] for n in numbers]
    assert sorted(cited) == ["A crew has at most 25 members.", "The Spark plan costs 12 euros a month."]
    assert list(numbers) == sorted(numbers)
    assert len(numbered(row)) == 4


def test_the_order_is_seeded_and_varies() -> None:
    examples = [example(f"e{n}", "12 euros", (("12 euros",),), ("plans",)) for n in range(40)]
    first, second = rows(examples, OTHERS), rows(examples, OTHERS)
    assert first == second
    places = {split_citations(row.target)[1] for row in first}
    assert places == {(1,), (2,), (3,), (4,)}


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_share_without_oracle_refuses_and_is_recorded(share: float) -> None:
    examples = [example(f"e{n}", "12 euros", (("12 euros",),), ("plans",)) for n in range(20)]
    made = rows(examples, [*PLANS, *OTHERS], refusals=share)
    absent = [row for row in made if row.oracle is False]
    assert len(absent) == round(share * 20)
    for row in absent:
        assert row.target == REFUSAL
        assert "plans" not in row.documents
        assert "12 euros" not in row.messages[1].content
        assert len(numbered(row)) == 4


@pytest.mark.parametrize(("share", "absent"), [(0.15, 0), (0.2, 0), (0.5, 6)])
def test_unanswerable_examples_count_towards_the_refusals(share: float, absent: int) -> None:
    known = [example(f"e{n}", "12 euros", (("12 euros",),), ("plans",)) for n in range(16)]
    unknown = [example(f"u{n}", REFUSAL, (), ()) for n in range(4)]
    made = rows([*known, *unknown], [*PLANS, *OTHERS], refusals=share)
    assert sum(row.target == REFUSAL for row in made) == 4 + absent
    assert sum(row.target == REFUSAL for row in made if row.example.startswith("e")) == absent


def test_a_refusal_never_sees_the_answer_in_another_document() -> None:
    copy = chunk("copy", 0, "Spark: 12 euros a month.")
    [row] = rows([PRICE], [copy, *OTHERS], refusals=1.0)
    assert row.target == REFUSAL
    assert "copy" not in row.documents


def test_unanswerable_examples_see_distractors_and_refuse() -> None:
    [row] = rows([UNKNOWN], OTHERS)
    assert (row.target, row.oracle, len(numbered(row))) == (REFUSAL, False, 4)
    assert rows([UNKNOWN], ()) == ()


def test_distractors_are_dropped_by_rank_and_the_oracle_never() -> None:
    def made(most: int) -> tuple[TrainingRow, ...]:
        def fits(prompt: Prompt) -> bool:
            return len(prompt.passages) <= most

        config = TuningSection(refusals=0.0)
        return raft([PRICE], {"price": found(OTHERS)}, CHUNKS, config, passages=4, seed=7, fits=fits)

    assert set(made(2)[0].documents) == {"plans", "other0"}
    assert made(1)[0].documents == ("plans",)
    assert made(0) == ()


def test_oracle_without_facts_is_the_best_retrieved_chunk_of_the_document() -> None:
    plain = example("plain", "Fourteen days of trial.", (), ("plans",))
    assert [p.chunk.id for p in find_oracle(plain, found([OTHERS[0], PLANS[1], PLANS[0]]), CHUNKS)] == ["plans#1"]
    # Nothing of the document was retrieved: the chunk that shares most words with question and answer.
    assert [p.chunk.id for p in find_oracle(plain, found(OTHERS), CHUNKS)] == ["plans#2"]


def test_oracle_of_an_example_that_names_no_document() -> None:
    nameless = example("nameless", "12 euros", (("12 euros",),), ())
    assert [p.chunk.id for p in find_oracle(nameless, found([OTHERS[0], PLANS[1]]), {})] == ["plans#1"]
    assert find_oracle(nameless, found(OTHERS), {}) == ()


def test_facts_match_whole_words_only() -> None:
    decoy = chunk("plans", 0, "It costs 112 eurosterling.")
    chunks = {"plans": (decoy, PLANS[1])}
    assert [p.chunk.id for p in find_oracle(PRICE, found([decoy]), chunks)] == ["plans#1"]


def shortened(questions: Sequence[str], found: Sequence[Sequence[Passage]]) -> list[list[Passage]]:
    """The passages backwards, of each the first six words."""
    assert len(questions) == len(found)
    return [[replace(p, excerpt=" ".join(p.chunk.text.split()[:6])) for p in reversed(ps)] for ps in found]


def test_a_prompt_shows_what_compression_leaves_in_its_order() -> None:
    config = TuningSection.model_validate({"refusals": 0.0})
    held = {PRICE.id: found([*PLANS, *OTHERS])}
    [whole] = raft([PRICE], held, CHUNKS, config, passages=4, seed=7)
    [short] = raft([PRICE], held, CHUNKS, config, passages=4, seed=7, compress=shortened)
    assert "[" in short.target
    cited = numbered(short)[split_citations(short.target)[1][0] - 1]
    assert cited.endswith("plans: The Spark plan costs 12 euros")
    assert [line.split()[1] for line in numbered(short)] == [line.split()[1] for line in reversed(numbered(whole))]


def test_an_oracle_that_loses_its_facts_makes_no_row() -> None:
    def cut(questions: Sequence[str], found: Sequence[Sequence[Passage]]) -> list[list[Passage]]:
        return [[replace(p, excerpt=p.chunk.text[:10]) for p in ps] for ps in found]

    config = TuningSection.model_validate({"refusals": 0.0})
    held = {e.id: found([*PLANS, *CREWS, *OTHERS]) for e in (PRICE, BOTH, UNKNOWN)}
    made = raft([PRICE, BOTH, UNKNOWN], held, CHUNKS, config, passages=4, seed=7, compress=cut)
    assert [(r.example, r.target) for r in made] == [("unknown", REFUSAL)]
    kept = raft([BOTH], held, CHUNKS, config, passages=4, seed=7, compress=lambda _, f: [list(ps)[:1] for ps in f])
    assert kept == ()
