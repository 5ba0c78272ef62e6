"""The same text with other names and numbers. In: a word-count table and a pool of names. Out: a function from text to text.

A small model that meets a human question several times learns its answer by heart. With every name, number, month and year exchanged in
passages, question and answer alike, it has to read (entity substitution: Raiman and Miller 2017; Longpre et al. 2021).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_COUNTS = "two three four five six seven eight nine ten eleven twelve".split()
_PIECE = re.compile(
    r"\d[\d,.]*\d(?![\w.]*[A-Za-z])|\d(?![\w.]*[A-Za-z])|[A-Z][a-zà-ÿ'’]*[a-zà-ÿ](?:-[A-Z][a-zà-ÿ]+)?|\b[A-Z]{3,6}\b|[a-z]+"
)
_COMMON = 30
"""A capitalised word that stands in lower case at least so often in the corpus is no name."""


def is_name(word: str, known: dict[str, int]) -> bool:
    return len(word) > 2 and word[0].isupper() and known.get(word.lower(), 0) < _COMMON


def swapper(
    known: dict[str, int], names: Sequence[str], rng: random.Random, *, keep: float = 0.15
) -> Callable[[str], str]:
    """A mapping that replaces each name, month, weekday, count and number by another one, the same wherever it occurs.

    Digits keep their number and form; all years of one mapping move by the same span. A share `keep` stays as it is. Passages come
    before questions, so that a name which a question writes in lower case follows the passage's.
    """
    table: dict[str, str] = {}
    for group in (_MONTHS, _DAYS, _COUNTS):
        table.update(zip(group, rng.sample(group, len(group)), strict=True))
    shift = rng.randrange(-90, 15)

    def other(piece: str) -> str:
        if piece[0].islower():
            named = table.get(piece.capitalize(), "")
            return named.lower() if is_name(piece.capitalize(), known) and named else piece
        if rng.random() < keep:
            return piece
        if piece[0].isdigit():
            return _number(piece, shift, rng)
        if piece.isupper():
            return "".join(rng.choice("ABCDEFGHIKLMNOPRSTUV") for _ in piece)
        return rng.choice(names) if is_name(piece, known) else piece

    def replaced(match: re.Match[str]) -> str:
        piece = match.group()
        if piece not in table:
            table[piece] = other(piece)
        return table[piece]

    return lambda text: _PIECE.sub(replaced, text)


def _number(piece: str, shift: int, rng: random.Random) -> str:
    if piece.isdigit() and 1000 <= int(piece) < 2100:
        return str(int(piece) + shift)
    first = str(rng.randrange(1, 10)) if piece[0] != "0" else "0"
    return first + re.sub(r"\d", lambda _: str(rng.randrange(10)), piece[1:])
