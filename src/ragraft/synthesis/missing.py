"""Questions that the documents do not answer. In: drafts that they do answer, and chunks. Out: drafts to be checked; nothing is written.

Either what is said of one thing is asked of another that it may well be confused with, or a price or a time is asked for a task that
a page describes. Whether no passage answers after all is for `check` to find out.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, zip_longest

from ragraft.models.protocol import Embedder
from ragraft.prompting import REFUSAL
from ragraft.synthesis.clauses import first_person
from ragraft.synthesis.draft import Draft
from ragraft.synthesis.rules import MONEY, TIME, Page

RIVALS = 3
"""Other things that one fact is asked of."""

_LOOKS = {
    "price": MONEY, "duration": TIME, "deadline": TIME, "delay": TIME, "frequency": r"\b(?:every|once|twice)\b", "limit": r"\d",
    "size": r"\d", "time": r"\d[:.]\d\d|day\b", "date": r"\d{4}", "menu": r" > ", "table": r": ",
}  # fmt: skip
"""Kind of fact -> what an answer would look like."""
_OF_TASKS = (
    ("What does it cost to {}?", MONEY),
    ("Is there a fee when I {}?", MONEY),
    ("How long does it take to {}?", TIME),
    ("How often am I allowed to {}?", r"\b(?:every|once|twice|times|often)\b"),
    ("Whom do I call to {}?", r"\b(?:call|phone|telephone)\b|\+\d"),
    ("Since when has it been possible to {}?", r"\b(?:19|20)\d\d\b|\bsince\b"),
    ("In which countries can I {}?", r"\b(?:countr|Europe|EU\b)"),
    ("How many people does it take to {}?", r"\b(?:people|persons|colleagues)\b"),
)


def unanswered(drafts: Sequence[Draft], pages: Sequence[Page], embedder: Embedder, *, seed: int) -> list[Draft]:
    """Both kinds in turns, in a seeded order, each question once and none that a draft asks."""
    rng = random.Random(f"{seed}:missing")
    known = {d.question.casefold() for d in drafts} | {d.clearer.casefold() for d in drafts}
    # Of other things far more are rejected: three for each of a task.
    others, tasks = list(_of_others(drafts, embedder, rng)), _of_tasks(pages, rng)
    turns = zip_longest(others[::3], others[1::3], others[2::3], tasks)
    found = {d.question.casefold(): d for d in chain.from_iterable(turns) if d is not None}
    return [d for question, d in found.items() if question not in known]


def _of_others(drafts: Sequence[Draft], embedder: Embedder, rng: random.Random) -> Iterator[Draft]:
    """What one page says of its subject, asked of the likest subjects of other pages."""
    families: dict[str, list[Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.subject and draft.kind in _LOOKS:
            families[draft.family].append(draft)
    usable = [d for d in drafts if len(families.get(d.family, ())) > 1]
    subjects = list(dict.fromkeys(d.subject for d in usable))
    if not subjects:
        return
    row = {subject: n for n, subject in enumerate(subjects)}
    vectors = embedder.embed(subjects)
    for draft in rng.sample(usable, len(usable)):
        others = {d.subject for d in families[draft.family] if d.subject.casefold() != draft.subject.casefold()}
        near = vectors @ vectors[row[draft.subject]]
        for other in sorted(others, key=lambda s: (-float(near[row[s]]), s))[:RIVALS]:
            yield _missing(draft, draft.question.replace(draft.subject, other, 1), _LOOKS[draft.kind], "other thing")


def _of_tasks(pages: Sequence[Page], rng: random.Random) -> Iterator[Draft]:
    tasks = list({page.task: page for page in pages if page.task}.values())
    for page in rng.sample(tasks, len(tasks)):
        words, looks = rng.choice(_OF_TASKS)
        base = Draft(question="", answer="", facts=(), chunk=page.chunk, kind="")
        yield _missing(base, words.format(first_person(page.task)), looks, "not said")


def _missing(draft: Draft, question: str, absent: str, kind: str) -> Draft:
    return replace(
        draft, question=question, clearer="", answer=REFUSAL, facts=(), kind=kind, answerable=False, absent=absent
    )
