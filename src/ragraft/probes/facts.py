"""Facts that can be told apart from all others, and false values for them. In: texts and examples. Out: values; nothing is written.

A fact qualifies when one document alone holds it and its question does not: then an answer that holds it knows that document.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ragraft.evaluate.scorers import holds, plain
from ragraft.types import Answer, Example, Failure

TEXT = (
    ".md", ".markdown", ".mdx", ".txt", ".text", ".rst", ".adoc", ".html", ".htm", ".xhtml", ".csv", ".tsv",
)  # fmt: skip
"""Kinds of documents that can be edited as text."""
TRIES = 60
"""False values drawn for a fact before it is given up."""
MONTHS = tuple("January February March April May June July August September October November December".split())
DAYS = tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split())
NAMES = tuple(
    "Marvane Quendril Ostavia Brelworth Talmeric Fennigold Harquist Velbrook Dornavale Kestrova Immeldorf Passwick Ruvania "
    "Selmarin Thornequay Ulbrecht".split()
)
"""Names that stand nowhere; each is checked to be absent before it is used."""

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME = re.compile(r"[A-ZÀ-Þ][\w'’-]+(?: [A-ZÀ-Þ][\w'’.-]+){0,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What one document alone says. `spelling`: as it stands there; `spellings`: all that count as telling it."""

    example: Example
    document: str
    spelling: str
    spellings: tuple[str, ...]


def find_facts(texts: Mapping[str, str], examples: Sequence[Example], *, seed: int) -> tuple[Fact, ...]:
    """One fact an example at most, in a seeded order, those first that can be edited. `texts`: document id -> all its text."""
    folded = {document: plain(text) for document, text in texts.items()}
    drawn = random.Random(f"{seed}:facts").sample(list(examples), len(examples))
    found = [fact for example in drawn if (fact := _fact(example, folded))]
    return tuple(sorted(found, key=lambda fact: not editable(fact)))


def editable(fact: Fact) -> bool:
    """Whether its document is text and a rule gives it another value."""
    suffix = PurePosixPath(fact.document).suffix.lower()
    return suffix in TEXT and _other(fact.spelling, random.Random(0)) is not None


def _fact(example: Example, folded: Mapping[str, str]) -> Fact | None:
    for spellings in example.must_include if example.answerable else ():
        if holds(example.question, spellings):
            continue
        words = [plain(s) for s in spellings]
        where = [d for d, text in folded.items() if any(w in text for w in words) and holds(text, spellings)]
        if len(where) == 1 and where[0] in example.documents:
            spelling = next(s for s in spellings if holds(folded[where[0]], (s,)))
            return Fact(example=example, document=where[0], spelling=spelling, spellings=spellings)
    return None


def told(outcome: Answer | Failure, spellings: Sequence[str]) -> bool:
    return isinstance(outcome, Answer) and not outcome.refused and holds(outcome.text, spellings)


def changed(spelling: str, taken: str, rng: random.Random) -> str | None:
    """The same words with another number, date or name, of which `taken` (folded by `plain`) holds nothing; None where no rule
    applies or nothing free is found."""
    for _ in range(TRIES):
        other = _other(spelling, rng)
        if other is None:
            return None
        if other != spelling and plain(other) not in taken:
            return other
    return None


def _other(spelling: str, rng: random.Random) -> str | None:
    numbers = list(_NUMBER.finditer(spelling))
    if numbers:
        chosen = rng.choice(numbers)
        return spelling[: chosen.start()] + _number(chosen, rng) + spelling[chosen.end() :]
    for names in (DAYS, MONTHS):
        if named := next((n for n in names if re.search(rf"\b{n}\b", spelling)), None):
            return spelling.replace(named, rng.choice([n for n in names if n != named]))
    return rng.choice(NAMES) if _NAME.fullmatch(spelling) else None


def _number(found: re.Match[str], rng: random.Random) -> str:
    """Another number of the same shape: an hour stays an hour, a day of a month one, a year near its year."""
    text, after = found[0], found.string[found.end() :].lstrip()
    head = re.match(r"\d+", text)
    digits = head[0] if head else text
    rest = text[len(digits) :]
    if rest.startswith(":"):
        return f"{rng.randint(6, 22):02d}{rest}"
    if after.startswith(MONTHS):
        return str(rng.randint(1, 28)) + rest
    if len(digits) == 4 and not rest and digits[:2] in ("19", "20"):
        return str(int(digits) + rng.choice([-7, -5, -3, 2, 3, 4, 6, 8]))
    first = 2 if len(digits) == 1 else 1  # "1" would make a plural wrong
    return str(rng.randint(first, 9)) + "".join(str(rng.randint(0, 9)) for _ in digits[1:]) + rest


def rewritten(text: str, old: str, new: str) -> str:
    """The text with `old` replaced as whole words, whatever its spacing and emphasis."""
    words = r"[\s*_`]+".join(re.escape(w) for w in old.split())
    return re.sub(rf"(?<!\w){words}(?!\w)(?![.,]\d)", lambda _: new, text)
