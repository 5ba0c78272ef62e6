"""Corpus text. In: `NAME.jsonl.xz` files of `{"title", "text"}`. Out: articles as paragraphs of clean sentences. Writes nothing.

Articles whose title hashes into the held-out share below are never trained on; the evaluation reads only those.
"""

from __future__ import annotations

import html
import json
import lzma
import random
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

HELD_OUT_PER_MILLE = 5
_ABBREVIATION = re.compile(
    r"(?:\b[A-Z]|\b(?:Mr|Mrs|Ms|Dr|St|No|vs|Jr|Sr|Gen|Col|Lt|Sgt|Inc|Ltd|Co|Corp|etc|approx|c|ca|e\.g|i\.e))\.$"
)
_BREAK = re.compile(r"(?<=[.!?])[\"”]?\s+(?=[\"“]?[A-Z0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """`paragraphs[i]` is the sentences of one paragraph, in order."""

    title: str
    paragraphs: tuple[tuple[str, ...], ...]


def held_out(title: str) -> bool:
    return zlib.crc32(title.encode()) % 1000 < HELD_OUT_PER_MILLE


def sentences(text: str) -> tuple[str, ...]:
    """Split after `.`, `!` or `?` before a capital or digit, but not after initials and common abbreviations."""
    parts: list[str] = []
    for piece in _BREAK.split(text.strip()):
        if parts and _ABBREVIATION.search(parts[-1]):
            parts[-1] += " " + piece
        elif piece:
            parts.append(piece)
    return tuple(parts)


def articles(path: Path, *, evaluation: bool = False, limit: int | None = None) -> Iterator[Article]:
    """Articles with at least one usable paragraph; only the held-out ones when `evaluation`, only the others if not."""
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        records = (r for line in lines if held_out((r := json.loads(line))["title"]) == evaluation)
        found = (a for r in records if (a := _article(r)))
        yield from islice(found, limit)


def _article(record: dict[str, str]) -> Article | None:
    title = html.unescape(record["title"]).strip()
    paragraphs: list[tuple[str, ...]] = []
    for line in record["text"].split("\n"):
        text = " ".join(html.unescape(line).split())
        if len(text) < 60 or text[-1] not in ".!?" or "]" in text or "!INCLUDE" in text:
            continue
        if kept := tuple(s for s in sentences(text) if 20 <= len(s) <= 400):
            paragraphs.append(kept)
    return Article(title=title, paragraphs=tuple(paragraphs)) if paragraphs and len(title) < 80 else None


def excerpt(paragraph: tuple[str, ...], words: int, rng: random.Random) -> tuple[str, ...]:
    """Consecutive sentences of a paragraph with about `words` words, from a random start."""
    start = rng.randrange(len(paragraph))
    taken: list[str] = []
    size = 0
    for sentence in paragraph[start:]:
        size += sentence.count(" ") + 1
        if taken and size > words:
            break
        taken.append(sentence)
    return tuple(taken)


def passage(title: str, text: str, heading: str = "") -> str:
    """The shape of `prompting.passage_text`: `Title › heading: text` on one line."""
    return f"{title} › {heading}: {text}" if heading else f"{title}: {text}"
