"""Scores of single cases: known values, and the difference between zero and unscored."""

import pytest

from ragraft.evaluate.scorers import Evidence, holds, score, token_f1
from ragraft.types import Answer, CaseResult, Chunk, Citation, Example, Failure, Passage


def passage(rank: int, document: str, text: str) -> Passage:
    chunk = Chunk(
        id=f"{document}#0",
        document=document,
        title="",
        heading="",
        text=text,
        position=0,
        tokens=1,
        readers=("everyone",),
    )
    return Passage(chunk=chunk, rank=rank, score=1 / rank)


PASSAGES = (
    passage(1, "other.md", "Cats sleep all day."),
    passage(2, "plans.md", "The Harbour plan costs €29 per month."),
)
PRICE = Example(
    id="1",
    question="What does Harbour cost?",
    answers=("It costs €29.",),
    must_include=(("€29", "29 euros"),),
    documents=("plans.md",),
    group="g",
)
GAP = Example(id="2", question="Who made it?", answers=("The documents do not say.",), group="g", answerable=False)


def scored(example: Example, outcome: Answer | Failure, evidence: tuple[Passage, ...] = ()) -> CaseResult:
    return score(
        "answer", [example], [CaseResult(example=example.id, group="g", outcome=outcome)], [Evidence(passages=evidence)]
    )[0]


def answered(text: str, cited: tuple[int, ...] = (), *, invented: int = 0, refused: bool = False) -> Answer:
    citations = tuple(
        Citation(number=n, chunk=PASSAGES[n - 1].chunk.id, document=PASSAGES[n - 1].chunk.document) for n in cited
    )
    return Answer(
        text=text, raw=text, refused=refused, citations=citations, invented=invented, passages=PASSAGES, index_version=1
    )


def test_a_right_cited_answer() -> None:
    case = scored(PRICE, answered("The Harbour plan costs €29.", (2,)))
    for name in ("correct", "facts", "grounding", "cited", "citation_precision", "citation_recall", "recall_at_k"):
        assert case.value(name) == 1.0, name
    assert case.value("mrr") == 0.5
    assert case.value("ndcg") == pytest.approx(0.6309, abs=1e-4)
    assert case.value("false_refusal") == 0.0
    assert case.value("refusal") is None


def test_wrong_and_invented_citations_lower_precision_and_leave_recall() -> None:
    case = scored(PRICE, answered("The Harbour plan costs €29.", (1, 2), invented=2))
    assert case.value("citation_precision") == 0.25
    assert case.value("citation_recall") == 1.0


def test_no_citation_is_unscored_precision_and_zero_recall() -> None:
    case = scored(PRICE, answered("The Harbour plan costs €29."))
    assert case.value("citation_precision") is None
    assert case.value("citation_recall") == 0.0
    assert case.value("cited") == 0.0


def test_a_made_up_number_is_not_grounded() -> None:
    assert scored(PRICE, answered("The Harbour plan costs €39.")).value("grounding") == 0.0


def test_an_arm_without_an_index_is_checked_against_what_the_index_returns() -> None:
    closed = Answer(text="The Harbour plan costs €29.", raw="", refused=False)
    assert scored(PRICE, closed, PASSAGES).value("grounding") == 1.0
    case = scored(PRICE, closed)
    assert case.value("grounding") is None
    assert case.value("recall_at_k") is None


def test_refusing_is_right_only_where_nothing_answers() -> None:
    refusal = answered("The documents do not say.", refused=True)
    assert scored(GAP, refusal).value("correct") == 1.0
    assert scored(GAP, refusal).value("refusal") == 1.0
    assert scored(PRICE, refusal).value("correct") == 0.0
    assert scored(PRICE, refusal).value("false_refusal") == 1.0
    assert scored(GAP, answered("Ada made it.")).value("correct") == 0.0


def test_a_failed_call_is_unscored_never_zero() -> None:
    case = scored(PRICE, Failure(stage="generate", message="down"))
    assert case.scores
    assert all(s.value is None and s.reason == "the call failed" for s in case.scores)


def test_without_facts_correctness_is_unscored() -> None:
    bare = Example(id="3", question="Why?", answers=("Because.",), group="g")
    assert scored(bare, answered("Because.")).value("correct") is None
    assert scored(bare, answered("Because.")).value("token_f1") == 1.0


@pytest.mark.parametrize(
    ("text", "spellings", "expected"),
    [
        ("It costs €29 a month", ["€29"], True),
        ("It costs €129 a month", ["29"], False),
        ("It costs €29.50", ["€29"], False),
        ("within two\nweeks.", ["14 days", "two weeks"], True),
        ("**Settings › Billing**", ["Settings › Billing"], True),
        ("HARBOUR plan", ["Harbour"], True),
        ("anything", [""], False),
        ("It takes 30 days.", ["30 days."], True),
    ],
)
def test_facts_match_whole_words(text: str, spellings: list[str], expected: bool) -> None:
    assert holds(text, spellings) is expected


def test_token_f1_is_squads() -> None:
    assert token_f1("The cat sat.", "a cat sat down") == pytest.approx(0.8)
    assert token_f1("", "cat") == 0.0


def test_classify_scores_out_of_scope_apart() -> None:
    inside = Example(id="1", question="card lost", answers=("lost_card",), group="1")
    outside = Example(id="2", question="sing", answers=("oos",), group="2")
    outcomes = [Answer(text="lost_card", raw="", refused=False), Answer(text="lost_card", raw="", refused=False)]
    cases = [
        CaseResult(example=e.id, group=e.group, outcome=o) for e, o in zip([inside, outside], outcomes, strict=True)
    ]
    first, second = score("classify", [inside, outside], cases)
    assert (first.value("accuracy"), first.value("oos_recall")) == (1.0, None)
    assert (second.value("accuracy"), second.value("oos_recall")) == (0.0, 0.0)
