"""Text -> its sentences. Writes nothing."""

from __future__ import annotations

import re

_ABBREVIATIONS = re.compile(r"\b(?:e\.g|i\.e|etc|Mr|Mrs|Ms|Dr|St|No|vs|approx|Inc|Ltd|Co|U\.S)\.$")
_BLOCK_END = re.compile(r"\n(?=\s*(?:[-*+|#>]|\d+[.)]\s))|\n\s*\n")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)\]*_]*(?=\s+[\"'“‘(\[*_]*[A-Z0-9€$£])")


def sentences(text: str) -> tuple[str, ...]:
    """Sentences of running text or Markdown, in single spaces; every list item and table row is one of its own."""
    return tuple(sentence for sentence, _ in placed_sentences(text))


def placed_sentences(text: str) -> tuple[tuple[str, tuple[int, int]], ...]:
    """The same, each with its start and end in `text`, in characters."""
    blocks = _pieces(text, 0, len(text), _BLOCK_END)
    told = (block for block in blocks if not re.fullmatch(r"[|\s:-]*", text[slice(*block)]))
    places = (place for block in told for place in _in_block(text, *block))
    return tuple((" ".join(text[slice(*place)].split()), place) for place in places)


def _in_block(text: str, start: int, end: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for first, last in _pieces(text, start, end, _SENTENCE_END):
        before = text[slice(*found[-1])] if found else ""
        if _ABBREVIATIONS.search(before) or re.fullmatch(r"\d+[.)]", before):
            found[-1] = found[-1][0], last
        else:
            found.append((first, last))
    return found


def _pieces(text: str, start: int, end: int, cut: re.Pattern[str]) -> list[tuple[int, int]]:
    """What stands between the ends of these cuts, without the white space around it."""
    ends = [*(m.end() for m in cut.finditer(text, start, end)), end]
    found: list[tuple[int, int]] = []
    for stop in ends:
        piece = text[start:stop]
        if piece.strip():
            found.append((start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())))
        start = stop
    return found
