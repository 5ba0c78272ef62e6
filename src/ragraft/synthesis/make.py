"""Documents -> a review file of questions. In: a `Context`, what is wished, who reads. Out: counts. Writes the review file, batch by
batch, so that a run that was stopped goes on where it was; a model's replies are kept under `.ragraft/evaluations/`.

Only what the named reader may see is used. What the file holds already stays, with what people decided on it.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Literal, TypeVar

from ragraft import stages
from ragraft.context import Context
from ragraft.corpus import examples as labelled
from ragraft.errors import DataError
from ragraft.synthesis import ask, missing, review
from ragraft.synthesis.check import Checked, check
from ragraft.synthesis.clauses import names
from ragraft.synthesis.draft import Draft
from ragraft.synthesis.known import Known
from ragraft.synthesis.review import Row
from ragraft.synthesis.rules import Page, drafts, english
from ragraft.systems.instructions import instructions
from ragraft.types import Chunk, Example, Passage, Reader, Request
from ragraft.workspace import fingerprint

T = TypeVar("T")
By = Literal["rule", "model"]

BATCH = 24
"""Drafts that are checked together."""
PATIENCE = 8
"""Drafts examined for each question wished, before the search is given up."""
FEWEST_DOCUMENTS = 50
"""Documents that are read together."""

FOREIGN = "not English, which is all that the rules read (--by model reads others)"
SUSPECT = "reads like an instruction to a model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """`count`: questions that the file is to hold, rejected ones apart; `unanswerable`, `hard`: the shares of it that no document
    answers, and that a search finds another document first for."""

    count: int
    seed: int
    by: By
    unanswerable: float
    hard: float
    path: Path

    @property
    def lacking(self) -> int:
        return round(self.count * self.unanswerable)

    @property
    def answerable(self) -> int:
        return self.count - self.lacking

    @property
    def plain(self) -> int:
        return self.answerable - round(self.answerable * self.hard)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    why: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What one `make` did, and what the file holds now, rejected ones apart. `unused`: drafts that were not needed."""

    path: str
    by: By
    drafted: int
    added: int
    unused: int
    held: int
    unanswerable: int
    hard: int
    documents: int
    rejected: tuple[Reason, ...]
    skipped: tuple[Reason, ...]


def make(context: Context, wish: Wish, reader: Reader) -> Made:
    """Bring the review file up to `wish.count`. Raises `DataError` when the reader sees no document, when the file holds nothing in
    the end or is the examples file itself, and `ModelError` when the model does not answer."""
    if wish.path.resolve() == (context.folder / context.config.examples.path).resolve():
        raise DataError(f"{wish.path}: these are the examples; drafts need a file of their own (--output)")
    return _Work(context, wish, reader).run()


class _Work:
    """One run: what is held, what was seen, and why the rest was not kept."""

    def __init__(self, context: Context, wish: Wish, reader: Reader) -> None:
        self.context, self.wish, self.reader = context, wish, reader
        self.rng = random.Random(f"{wish.seed}:make")
        self.rows = list(review.read(wish.path))
        self.known = Known(context.embedder.embed, context.config.examples.near_duplicate)
        self.known.add([*_labelled(context), *(r.example for r in self.rows)])
        self.drafted = self.added = 0
        self.reasons, self.skipped = Counter[str](), Counter[str]()
        self.pages: list[Page] = []
        self.asked: list[Draft] = []
        self.lacking: list[Draft] = []
        self.spare: list[Checked] = []

    def run(self) -> Made:
        documents = sorted(self.context.indexed().documents())
        self.rng.shuffle(documents)
        size, seen = max(self.wish.count, FEWEST_DOCUMENTS), 0
        for start in range(0, len(documents), size):
            chunks = self.context.index.chunks_of(documents[start : start + size], self.reader)
            seen += len(chunks)
            for batch in self._batches(self._pages(chunks)):
                self._keep(self._checked(batch))
                if self._enough():
                    break
            if self._enough():
                break
        if not seen:
            raise DataError(
                f"{self.context.folder}: `{self.reader.user}` may read no document; name another reader with --as or --group"
            )
        self._fill(sorted(self.spare, key=lambda c: c.hard), self.wish.answerable)
        self._add_lacking()
        return self._made()

    def _pages(self, chunks: dict[str, tuple[Chunk, ...]]) -> list[Page]:
        """What may be asked about, in turns over the documents."""
        capitals = names([c.text for own in chunks.values() for c in own])
        kept: list[list[Page]] = []
        for document in sorted(chunks, key=lambda d: self.rng.random()):
            own = chunks[document]
            if self.wish.by == "rule" and not english("\n".join(c.text for c in own)):
                self.skipped[FOREIGN] += 1
                continue
            harmless = [c for c in own if not instructions(c.text)]
            self.skipped[SUSPECT] += len(own) - len(harmless)
            kept.append([Page(chunk=c, names=capitals) for c in self.rng.sample(harmless, len(harmless))])
        return _in_turn(kept)

    def _batches(self, pages: Sequence[Page]) -> Iterator[Sequence[Draft]]:
        self.pages += pages
        if self.wish.by == "rule":
            made = [d for page in pages for d in drafts(page)]
            self.drafted += len(made)
            self.asked += made
            yield from _parts(_mixed(made, self.rng), BATCH)
            return
        key = fingerprint("drafts", self.context.generator_fingerprint, ask.INSTRUCTION)
        path = self.context.space.evaluation(f"drafts-{key}")
        for part in _parts(pages, ask.BATCH):
            replied = ask.ask([p.chunk for p in part], self.context.generator, path)
            self.drafted += len(replied.drafts) + len(replied.useless)
            self.reasons.update(replied.useless)
            self.lacking += [d for d in replied.drafts if not d.answerable]
            yield [d for d in replied.drafts if d.answerable]

    def _checked(self, batch: Sequence[Draft]) -> list[Checked]:
        """Those that hold, each unlike every question before it."""
        fresh = [
            d
            for d, reason in zip(batch, self.known.reasons([_example(d) for d in batch]), strict=True)
            if self._fits(reason)
        ]
        good = [c for c in check(fresh, self._find, self.context.span_reader) if self._fits(c.reason)]
        if self.wish.by == "model" and good:
            good = [
                c
                for c, reason in zip(good, self._second_opinion([c.draft for c in good]), strict=True)
                if self._fits(reason)
            ]
        return good

    def _second_opinion(self, batch: Sequence[Draft]) -> list[str]:
        """What the model itself says against questions of its own, all answerable or none."""
        model = self.context.generator
        if batch[0].answerable:
            return [ask.KNOWN if known else "" for known in ask.known(batch, model)]
        questions = [d.question for d in batch]
        return ["" if refused else ask.UNSURE for refused in ask.refuses(questions, self._find(questions), model)]

    def _fits(self, reason: str) -> bool:
        if reason:
            self.reasons[reason] += 1
        return not reason

    def _find(self, questions: Sequence[str]) -> Sequence[tuple[Passage, ...]]:
        return stages.retriever(self.context).passages([Request(question=q) for q in questions], self.reader)

    def _keep(self, good: Sequence[Checked]) -> None:
        """Hard ones and plain ones up to their shares; what is beyond waits."""
        for one in good:
            plain, hard = self._count(hard=False), self._count(hard=True)
            room = plain < self.wish.plain or (one.hard and plain + hard < self.wish.answerable)
            if room:
                self._add(one)
            else:
                self.spare.append(one)
        self._save()

    def _add_lacking(self) -> None:
        if self.wish.by == "rule":
            self.lacking = missing.unanswered(self.asked, self.pages, self.context.embedder, seed=self.wish.seed)
        wanted = self._count(hard=None)
        for batch in _parts(self.lacking[: PATIENCE * self.wish.lacking], BATCH):
            if wanted >= self.wish.lacking:
                break
            self.drafted += len(batch) if self.wish.by == "rule" else 0
            self._fill(self._checked(batch), self.wish.lacking, lacking=True)
            wanted = self._count(hard=None)

    def _fill(self, good: Sequence[Checked], upto: int, *, lacking: bool = False) -> None:
        for one in good:
            held = self._count(hard=None) if lacking else self._count(hard=False) + self._count(hard=True)
            if held < upto:
                self._add(one)
        self._save()

    def _add(self, one: Checked) -> None:
        example = _example(one.draft)
        if self._fits(self.known.reasons([example])[0]):
            self.known.add([example])
            self.added += 1
            self.rows.append(_row(one, example))

    def _save(self) -> None:
        review.write(self.wish.path, self.rows)
        held = sum(r.status != "rejected" for r in self.rows)
        self.context.notify("make examples", min(held, self.wish.count), self.wish.count)

    def _count(self, *, hard: bool | None) -> int:
        """Rows held: hard ones, plain ones, or (None) those without an answer."""
        held = [r for r in self.rows if r.status != "rejected"]
        if hard is None:
            return sum(not r.example.answerable for r in held)
        return sum(r.example.answerable and r.hard == hard for r in held)

    def _enough(self) -> bool:
        full = self._count(hard=False) + self._count(hard=True) >= self.wish.answerable
        tried = sum(self.reasons.values()) + self.added + len(self.spare)
        return full or tried >= PATIENCE * self.wish.count

    def _made(self) -> Made:
        held = [r for r in self.rows if r.status != "rejected"]
        made = Made(
            path=str(self.wish.path),
            by=self.wish.by,
            drafted=self.drafted,
            added=self.added,
            unused=self.drafted - self.added - sum(self.reasons.values()),
            held=len(held),
            unanswerable=self._count(hard=None),
            hard=self._count(hard=True),
            documents=len({r.made_from for r in held}),
            rejected=_counted(self.reasons),
            skipped=_counted(self.skipped),
        )
        if not held:
            why = (
                "; ".join(f"{r.count} × {r.why}" for r in (*made.rejected, *made.skipped))
                or "the rules found no fact to ask for"
            )
            raise DataError(
                f"{self.context.folder}: no question could be made ({why}); add documents, or write questions with --by model and a larger generator"
            )
        return made


def _counted(reasons: Counter[str]) -> tuple[Reason, ...]:
    return tuple(Reason(why=why, count=n) for why, n in reasons.most_common() if n)


def _labelled(context: Context) -> tuple[Example, ...]:
    path = context.folder / context.config.examples.path
    return labelled.load(path, skip_bad_lines=True).examples if review.has_text(path) else ()


def _example(draft: Draft) -> Example:
    return Example(
        id=draft.id,
        question=draft.question,
        answers=(draft.answer,),
        must_include=draft.facts,
        documents=(draft.chunk.document,) if draft.answerable else (),
        group=draft.chunk.document,
        answerable=draft.answerable,
        human=False,
    )


def _row(one: Checked, example: Example) -> Row:
    chunk = one.draft.chunk
    return Row(
        example=example, status="draft", made_from=chunk.document, passage=chunk.text, by=one.draft.kind, hard=one.hard
    )


def _mixed(made: Sequence[Draft], rng: random.Random) -> list[Draft]:
    """In turns over the documents, and within each over the kinds."""
    documents: dict[str, dict[str, list[Draft]]] = defaultdict(lambda: defaultdict(list))
    for draft in rng.sample(list(made), len(made)):
        documents[draft.chunk.document][draft.kind].append(draft)
    return _in_turn([_in_turn(list(kinds.values())) for kinds in documents.values()])


def _in_turn(lists: Sequence[Sequence[T]]) -> list[T]:
    return [one for turn in zip_longest(*lists) for one in turn if one is not None]


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
