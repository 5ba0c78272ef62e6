"""What becomes of ranked passages before anyone reads them: repeats are merged, neighbours are added.

In: passages, best first, of a pinned version. Out: passages. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ragraft.retrieve.snapshot import Snapshot
from ragraft.types import Chunk, Passage
from ragraft.where import sql_strings

OVERLAP = range(2000, 11, -1)
"""Characters that two neighbouring chunks may share at their border; fewer are chance."""


def merged(ranked: Sequence[Passage], limit: int) -> tuple[Passage, ...]:
    """The best `limit` passages of which none says word for word what a better one says under the same title and headings,
    ranked anew from 1.

    Case and white space do not count; a text that stands whole inside a better-ranked one is a repeat too. Vectors are not
    asked: "refunded" and "not refunded", "14 days" and "30 days" come closer than 0.98 (docs/log.md).
    """
    kept: list[Passage] = []
    said: list[tuple[str, str]] = []
    for passage in ranked:
        head, text = _plain(f"{passage.chunk.title}\n{passage.chunk.heading}"), f" {_plain(passage.chunk.text)} "
        twin = next((i for i, (h, t) in enumerate(said) if h == head and text in t), None)
        if twin is not None:
            kept[twin] = replace(kept[twin], merged=kept[twin].merged + 1)
        elif len(kept) < limit:
            kept.append(replace(passage, rank=len(kept) + 1))
            said.append((head, text))
        else:
            break
    return tuple(kept)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def with_neighbours(
    snapshot: Snapshot, found: Sequence[tuple[Passage, ...]], where: str, width: int
) -> tuple[tuple[Passage, ...], ...]:
    """The same passages with up to `width` chunks before and after each as `before` and `after`, of those that meet `where`.

    What two chunks share at their border is shown once; a chunk that is a passage of the same question by itself, or that has
    no unbroken way to the passage, is left out.
    """
    wanted: dict[str, set[int]] = {}
    for passage in (p for passages in found for p in passages):
        at = passage.chunk.position
        wanted.setdefault(passage.chunk.document, set()).update(range(max(0, at - width), at + width + 1))
    if not wanted or not width:
        return tuple(found)
    places = " OR ".join(
        f"(document = {sql_strings([document])} AND position IN ({', '.join(map(str, sorted(positions)))}))"
        for document, positions in sorted(wanted.items())
    )
    around = {(c.document, c.position): c for c in snapshot.chunks_where(f"({places}) AND {where}")}
    return tuple(
        tuple(_between(p, around, width, {(q.chunk.document, q.chunk.position) for q in passages}) for p in passages)
        for passages in found
    )


def _between(
    passage: Passage, around: dict[tuple[str, int], Chunk], width: int, shown: set[tuple[str, int]]
) -> Passage:
    def chunks(step: int) -> list[Chunk]:
        line: list[Chunk] = []
        for distance in range(1, width + 1):
            place = (passage.chunk.document, passage.chunk.position + step * distance)
            if place in shown or place not in around:
                break
            line.append(around[place])
        return line

    before, after = "", ""
    inner = passage.chunk.text
    for chunk in chunks(-1):
        before = "\n".join(filter(None, (_headed(chunk, passage, _without_end(chunk.text, inner)), before)))
        inner = chunk.text
    inner = passage.chunk.text
    for chunk in chunks(1):
        after = "\n".join(filter(None, (after, _headed(chunk, passage, _without_start(chunk.text, inner)))))
        inner = chunk.text
    return replace(passage, before=before, after=after)


def _headed(chunk: Chunk, passage: Passage, text: str) -> str:
    """Text of another section under that section's own heading."""
    if chunk.heading == passage.chunk.heading or not text:
        return text
    return f"{chunk.heading.rpartition(' › ')[2] or chunk.title}: {text}"


def _without_end(text: str, following: str) -> str:
    shared = next((n for n in OVERLAP if n <= min(len(text), len(following)) and text.endswith(following[:n])), 0)
    return text[: len(text) - shared].rstrip()


def _without_start(text: str, preceding: str) -> str:
    shared = next((n for n in OVERLAP if n <= len(text) and preceding.endswith(text[:n])), 0)
    return text[shared:].lstrip()
