"""Batches for the span reader: packed arrays of `reader_data.py` in, tensors out, nothing written."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from ragraft.models import span

Mode = Literal["rules", "packed", "single"]
WIDTHS = (192, 288)
TOKENS = 2048
CLS, SEP, TITLE, TEXT = 101, 102, 254, 255


@dataclass(frozen=True, slots=True)
class Batch:
    """B rows of T tokens, Q questions. `row`, `anchor`: a question's row and the place of its [CLS]; `start`, `end`: (Q, T) accepted
    places; `group`: questions of the same number are the same question asked of several passages."""

    ids: torch.Tensor
    position: torch.Tensor
    context: torch.Tensor
    mask: torch.Tensor
    text: torch.Tensor
    row: torch.Tensor
    anchor: torch.Tensor
    start: torch.Tensor
    end: torch.Tensor
    answerable: torch.Tensor
    group: torch.Tensor


@dataclass(frozen=True, slots=True)
class Corpus:
    """The arrays of one .npz, with the questions of each passage, the spans of each question and the passages of each group."""

    ids: np.ndarray
    row_at: np.ndarray
    asked: np.ndarray
    asked_at: np.ndarray
    of_row: list[list[int]]
    of_question: list[list[tuple[int, int]]]
    group: list[int]

    @staticmethod
    def load(path: Path) -> Corpus:
        a = np.load(path)
        rows, questions = len(a["row_at"]) - 1, len(a["asked_row"])
        of_row: list[list[int]] = [[] for _ in range(rows)]
        for q, r in enumerate(a["asked_row"].tolist()):
            of_row[r].append(q)
        of_question: list[list[tuple[int, int]]] = [[] for _ in range(questions)]
        for q, s, e in a["spans"].tolist():
            of_question[q].append((s, e))
        return Corpus(a["ids"], a["row_at"], a["asked"], a["asked_at"], of_row, of_question, a["group"].tolist())


@dataclass(slots=True)
class Row:
    """One passage and the questions asked of it: (question, whether its spans are here)."""

    passage: int
    asked: list[tuple[int, bool]]


@dataclass(slots=True)
class Laid:
    """A row as token lists."""

    ids: list[int]
    position: list[int]
    part: list[int]
    asked: list[tuple[int, int, list[tuple[int, int]]]]


def lay(corpus: Corpus, row: Row, near: dict[int, list[int]] | None, rng: random.Random) -> Laid:
    """`[CLS] q [SEP]` for each question that fits, then title and text; spans moved to their place in the row."""
    raw = corpus.ids[corpus.row_at[row.passage] : corpus.row_at[row.passage + 1]].tolist()
    head, body = raw[1 : 1 + raw[0]], raw[1 + raw[0] :]
    if rng.random() < 0.15:
        head = []
    body = body[: WIDTHS[-1] - span.QUESTION_TOKENS - 3 - len(head)]
    out, room = Laid([], [], [], []), WIDTHS[-1] - len(head) - len(body) - 1
    for q, here in row.asked:
        spans = [(s, e) for s, e in corpus.of_question[q] if e < len(body)] if here else []
        words = corpus.asked[corpus.asked_at[q] : corpus.asked_at[q + 1]].tolist()
        if len(out.ids) + len(words) + 2 > room or (here and corpus.of_question[q] and not spans):
            continue
        if near:
            words = [rng.choice(near[w]) if w in near and rng.random() < 0.08 else w for w in words]
        number = len(out.asked) + 1
        out.asked.append((q, len(out.ids), spans))
        out.ids += [CLS, *words, SEP]
        out.position += range(len(words) + 2)
        out.part += [number] * (len(words) + 2)
    at = len(out.ids) + len(head)
    out.asked = [(q, anchor, [(s + at, e + at) for s, e in spans]) for q, anchor, spans in out.asked]
    out.ids += [*head, *body, SEP]
    out.position += range(span.CONTEXT_AT, span.CONTEXT_AT + len(head) + len(body) + 1)
    out.part += [TITLE] * len(head) + [TEXT] * len(body) + [TITLE]
    return out


def collate(rows: list[Laid], width: int) -> Batch:
    """Rows padded to `width` tokens; a row without tokens only fills the batch, so that its shape is always one of two."""
    ids, position, part = (np.zeros((len(rows), width), dtype=np.int64) for _ in range(3))
    for i, r in enumerate(rows):
        n = len(r.ids)
        ids[i, :n], position[i, :n], part[i, :n] = r.ids, r.position, r.part
    context = part >= TITLE
    allowed = (part[:, :, None] == part[:, None, :]) | (
        (context[:, :, None] | context[:, None, :]) & (part[:, None, :] > 0)
    )
    asked = [(i, q, anchor, spans) for i, r in enumerate(rows) for q, anchor, spans in r.asked]
    start, end = np.zeros((len(asked), width), dtype=bool), np.zeros((len(asked), width), dtype=bool)
    for k, (_, _, _, spans) in enumerate(asked):
        for s, e in spans:
            start[k, s] = end[k, e] = True
    groups: dict[int, int] = {}
    return Batch(
        ids=torch.from_numpy(ids),
        position=torch.from_numpy(position),
        context=torch.from_numpy(context.astype(np.int64)),
        mask=torch.from_numpy(allowed[:, None]),
        text=torch.from_numpy(part == TEXT),
        row=torch.tensor([a[0] for a in asked]),
        anchor=torch.tensor([a[2] for a in asked]),
        start=torch.from_numpy(start),
        end=torch.from_numpy(end),
        answerable=torch.from_numpy(start.any(1)),
        group=torch.tensor([groups.setdefault(a[1], len(groups)) for a in asked]),
    )


def blocks(corpus: Corpus, rng: random.Random, mode: Mode) -> Iterator[list[Row]]:
    """Rows that belong into one batch together: one pass over the corpus."""
    order = list(range(len(corpus.of_row)))
    rng.shuffle(order)
    by_group: dict[int, list[int]] = {}
    for r, group in enumerate(corpus.group):
        by_group.setdefault(group, []).append(r)
    for r in order:
        own = [(q, True) for q in corpus.of_row[r]]
        rng.shuffle(own)
        if mode == "rules":
            yield [Row(r, own)]
            continue
        others = [o for o in by_group[corpus.group[r]] if o != r] or [o for o in rng.sample(order, 2) if o != r]
        other = rng.choice(others)
        if mode == "packed":
            foreign = [(q, True) for q in corpus.of_row[other]]
            rng.shuffle(foreign)
            most = rng.randint(2, 6)
            yield [
                Row(r, own[:most] + [(q, False) for q, _ in foreign[:2]]),
                Row(other, foreign[:most] + [(q, False) for q, _ in own[:2]]),
            ]
        else:
            for q, _ in own[:6]:
                wrong = rng.sample(others, min(2, len(others))) if corpus.of_question[q] else []
                yield [Row(r, [(q, True)]), *(Row(w, [(q, False)]) for w in wrong)]


def batches(
    corpus: Corpus, rng: random.Random, *, mode: Mode, near: dict[int, list[int]] | None = None
) -> Iterator[Batch]:
    """Batches of about `TOKENS` tokens, of one of two widths, for ever. A block stays whole."""
    shelves: dict[int, list[Laid]] = {w: [] for w in WIDTHS}
    while True:
        for block in blocks(corpus, rng, mode):
            laid = [x for x in (lay(corpus, row, near, rng) for row in block) if x.asked]
            if not laid:
                continue
            width = next(w for w in WIDTHS if w >= max(len(x.ids) for x in laid))
            shelf, room = shelves[width], TOKENS // width
            if len(shelf) + len(laid) > room:
                yield collate(shelf + [Laid([], [], [], [])] * (room - len(shelf)), width)
                shelf.clear()
            shelf += laid
