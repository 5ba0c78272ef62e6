"""Text -> its sentences. Writes nothing."""

from __future__ import annotations

import re

_ABBREVIATIONS = re.compile(r"\b(?:e\.g|i\.e|etc|Mr|Mrs|Ms|Dr|St|No|vs|approx|Inc|Ltd|Co|U\.S)\.$")
_BOUNDARY = re.compile(r"(?<=[.!?])[\"'”’)\]*_]*\s+(?=[\"'“‘(\[*_]*[A-Z0-9€$£])")


def sentences(text: str) -> tuple[str, ...]:
    """Sentences of running text or Markdown; every list item and table row is one of its own."""
    found: list[str] = []
    for block in re.split(r"\n(?=\s*(?:[-*+|#>]|\d+[.)]\s))|\n\s*\n", text):
        line = " ".join(block.split())
        if not line or re.fullmatch(r"[|\s:-]+", line):
            continue
        found.extend(_split_line(line))
    return tuple(found)


def _split_line(line: str) -> list[str]:
    parts: list[str] = []
    for piece in _BOUNDARY.split(line):
        if parts and (_ABBREVIATIONS.search(parts[-1]) or re.fullmatch(r"\d+[.)]", parts[-1])):
            parts[-1] = f"{parts[-1]} {piece}"
        else:
            parts.append(piece)
    return [p.strip() for p in parts if p.strip()]
