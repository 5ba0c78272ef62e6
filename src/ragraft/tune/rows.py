"""Examples -> training rows. In: examples, and for `raft` what retrieval found for them. Out: rows. Writes nothing.

`raft` follows Zhang et al. 2024, "RAFT: Adapting Language Model to Domain Specific RAG": each prompt holds the passages
that carry the answer (the oracle) among retrieved distractors. It departs from the paper in two places. Where the oracle
is left out, the paper keeps the answer, so that the model memorises it; here the target is the refusal, because an
answer without a passage behind it could not be cited. `TrainingRow.oracle` records which rows those are. And the paper's
answers quote the passage, then reason on it; here the target is one of the two, the answer or the quote (`raft_target`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ragraft.config import TuningSection
from ragraft.corpus.sentences import sentences
from ragraft.prompting import BRIEF, REFUSAL, cite, render
from ragraft.types import Chunk, Example, Passage, Prompt, Request, TrainingRow

_WORD = re.compile(r"\w+")

Compress = Callable[[Sequence[str], Sequence[Sequence[Passage]]], Sequence[Sequence[Passage]]]
"""Questions and their passages -> what a generator reads of these, best first."""


def closed_book(examples: Sequence[Example], *, style: str = BRIEF) -> tuple[TrainingRow, ...]:
    """Question -> the house answer (`answers[0]`), without passages; the unanswerable ones -> the refusal.

    Answerable examples without any answer are left out. The lineage of a row is the example's named documents.
    """
    return tuple(
        TrainingRow(
            id=f"closed-book:{example.id}",
            example=example.id,
            messages=render(Request(question=example.question), (), style=style).messages,
            target=example.answers[0] if example.answerable else REFUSAL,
            kind="closed-book",
            documents=example.documents,
        )
        for example in examples
        if example.answers or not example.answerable
    )


def raft(
    examples: Sequence[Example],
    passages_for: Mapping[str, Sequence[Passage]],
    oracle_chunks: Mapping[str, Sequence[Chunk]],
    config: TuningSection,
    *,
    passages: int,
    seed: int,
    style: str = BRIEF,
    marked: bool = False,
    fits: Callable[[Prompt], bool] = lambda _: True,
    compress: Compress = lambda _, found: found,
) -> tuple[TrainingRow, ...]:
    """Question with passages -> the house answer or a quote (`config.raft_target`) with its citation markers, or the refusal.

    `passages_for`: example id -> retrieved passages, best first, as the evaluation's reader finds them. `oracle_chunks`:
    document id -> its chunks, only those that this reader may see. `passages`: how many a prompt holds, as in evaluation.
    `marked`: passages stand between marks, as they will when the adapter answers.
    `fits`: whether the generator can read a prompt and still write the answer; while it cannot, the worst-ranked
    distractor goes. `compress`: the generator will read no more of its passages than this leaves.

    An answerable example's prompt holds its oracle passages and at most `config.distractors` of the best-ranked passages
    of other documents, in a seeded order. Where fewer than `config.refusals` of the examples are unanswerable, seeded
    answerable ones see distractors alone, and refuse, until it is that share. Left out are rows that would teach something
    false: oracle passages that do not fit, are not known or lose facts when compressed, an answerable example without an
    answer, a refusal without any passage.
    """
    absent = _without_oracle(examples, config.refusals, seed)
    picked: list[_Picked] = []
    for example in examples:
        found = passages_for.get(example.id, ())
        oracle = find_oracle(example, found, oracle_chunks) if example.answerable else ()
        named = {*example.documents, *(p.chunk.document for p in oracle)}
        others = [p for p in found if p.chunk.document not in named]
        facts = len(example.must_include)
        decoys = [p for p in others if not facts or len(_held(example, _headed(p.chunk))) < facts]
        if not example.answerable or (example.id in absent and oracle and decoys):
            oracle, shown = (), decoys[:passages]
        elif oracle and example.answers:
            shown = others[: max(0, min(config.distractors, passages - len(oracle)))]
        else:
            continue
        picked.append(
            _Picked(example, tuple(oracle), _shuffled((*oracle, *shown), random.Random(f"{seed}:{example.id}")))
        )
    read = compress([p.example.question for p in picked], [p.shown for p in picked])
    made = (
        _row(p, shown, partial(_render, p.example, style, marked), fits, quotes=config.raft_target == "quote")
        for p, shown in zip(picked, read, strict=True)
    )
    return tuple(row for row in made if row)


@dataclass(frozen=True, slots=True)
class _Picked:
    """An example with what its prompt is made from. `oracle`: those of `shown` that hold the answer."""

    example: Example
    oracle: tuple[Passage, ...]
    shown: tuple[Passage, ...]


def find_oracle(
    example: Example, found: Sequence[Passage], chunks: Mapping[str, Sequence[Chunk]]
) -> tuple[Passage, ...]:
    """The passages that hold the answer: of each named document the fewest chunks that together hold every must-include
    fact found in it, else its best retrieved chunk, else the chunk that shares most words with question and answer.

    Where an example names no document, the best retrieved passage that holds all its facts (or, without facts, its
    answer word for word); empty when there is none.
    """
    if not example.documents:
        facts = example.must_include or (example.answers,)
        return next(((p,) for p in found if all(_stands(fact, _headed(p.chunk)) for fact in facts)), ())
    retrieved = {p.chunk.id: p for p in found}
    picked: list[Passage] = []
    for document in dict.fromkeys(example.documents):
        ranked = sorted(
            chunks.get(document, ()),
            key=lambda c: (retrieved[c.id].rank if c.id in retrieved else len(found) + 1, -_overlap(example, c.text)),
        )
        for chunk in [ranked[i] for i in _cover([_held(example, _headed(c)) for c in ranked])] or ranked[:1]:
            unseen = Passage(chunk=chunk, rank=len(found) + 1, score=0.0)
            picked.append(retrieved.get(chunk.id, unseen))
    return tuple(picked)


def quoted(example: Example, passages: Sequence[Passage]) -> str:
    """Of each passage the fewest sentences that together hold the facts found in it, in their order, else the one that shares most
    words with question and answer. Empty where there is no sentence."""
    parts: list[str] = []
    for found in (sentences(p.text) for p in passages):
        held = _cover([_held(example, s) for s in found])
        nearest = sorted(range(len(found)), key=lambda i: -_overlap(example, found[i]))[:1]
        parts += [found[i] for i in sorted(held or nearest)]
    return " ".join(parts)


def _cover(held: Sequence[set[int]]) -> list[int]:
    """Greedy set cover: the places of the fewest sets that hold whatever any of them does, the first of equals."""
    missing = set[int]().union(*held)
    cover: list[int] = []
    while missing:
        best = max(range(len(held)), key=lambda i: len(held[i] & missing))
        cover.append(best)
        missing -= held[best]
    return cover


def _held(example: Example, text: str) -> set[int]:
    return {n for n, fact in enumerate(example.must_include) if _stands(fact, text)}


def _headed(chunk: Chunk) -> str:
    return f"{chunk.heading} {chunk.text}"


def _shows(spellings: Sequence[str], passage: Passage) -> bool:
    return _stands(spellings, f"{passage.chunk.heading} {passage.text}")


def _stands(spellings: Sequence[str], text: str) -> bool:
    """Whether one spelling stands in the text as whole words, whatever the case and spacing."""
    text = " ".join(text.casefold().split())
    folded = (" ".join(s.casefold().split()) for s in spellings)
    return any(s and re.search(rf"(?<!\w){re.escape(s)}(?!\w)", text) for s in folded)


def _overlap(example: Example, text: str) -> int:
    words = set(_WORD.findall(" ".join((example.question, *example.answers[:1])).casefold()))
    return len(words & set(_WORD.findall(text.casefold())))


def _without_oracle(examples: Sequence[Example], refusals: float, seed: int) -> frozenset[str]:
    """As many answerable examples as unanswerable ones are missing to that share of all."""
    answerable = [e.id for e in examples if e.answerable]
    missing = round(refusals * len(examples)) - (len(examples) - len(answerable))
    return frozenset(random.Random(f"{seed}:without-oracle").sample(answerable, max(0, missing)))


def _render(example: Example, style: str, marked: bool, passages: Sequence[Passage]) -> Prompt:
    return render(Request(question=example.question), passages, style=style, marked=marked)


def _shuffled(passages: Sequence[Passage], order: random.Random) -> tuple[Passage, ...]:
    places = {p.chunk.id: order.random() for p in passages}
    return tuple(sorted(passages, key=lambda p: places[p.chunk.id]))


def _row(
    picked: _Picked,
    read: Sequence[Passage],
    draw: Callable[[Sequence[Passage]], Prompt],
    fits: Callable[[Prompt], bool],
    *,
    quotes: bool,
) -> TrainingRow | None:
    example, oracle = picked.example, {p.chunk.id for p in picked.oracle}
    if _lost(picked, [p for p in read if p.chunk.id in oracle]):
        return None
    prompt = _fitting(read, oracle, draw, fits)
    if prompt is None:
        return None
    numbers = [n for n, p in enumerate(prompt.passages, start=1) if p.chunk.id in oracle]
    quote = quoted(example, [prompt.passages[n - 1] for n in numbers]) if quotes else ""
    lineage = (*(example.documents if oracle else ()), *(p.chunk.document for p in prompt.passages))
    return TrainingRow(
        id=f"raft:{example.id}",
        example=example.id,
        messages=prompt.messages,
        target=cite(quote or example.answers[0], numbers) if oracle else REFUSAL,
        kind="raft",
        oracle=bool(oracle),
        documents=tuple(dict.fromkeys(lineage)),
    )


def _lost(picked: _Picked, kept: Sequence[Passage]) -> bool:
    """Whether facts that the oracle passages hold, or all of these, are not in what is read of them."""
    facts = [f for f in picked.example.must_include if any(_stands(f, _headed(p.chunk)) for p in picked.oracle)]
    return bool(picked.oracle) and not (kept and all(any(_shows(f, p) for p in kept) for f in facts))


def _fitting(
    read: Sequence[Passage],
    oracle: Collection[str],
    draw: Callable[[Sequence[Passage]], Prompt],
    fits: Callable[[Prompt], bool],
) -> Prompt | None:
    """The prompt, without the worst-ranked distractors where it is too long; None when it cannot be."""
    distractors = sorted((p for p in read if p.chunk.id not in oracle), key=lambda p: p.rank)
    for kept in range(len(distractors), -1, -1):
        gone = {p.chunk.id for p in distractors[kept:]}
        shown = [p for p in read if p.chunk.id not in gone]
        prompt = draw(shown)
        if shown and fits(prompt):
            return prompt
    return None
