"""Rows of Markdown tables and `key: value` lines -> questions. In: Markdown. Out: values; nothing is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ragraft.synthesis.clauses import bare, lower_first, third_persons

_RULE = re.compile(r"^\s*\|?[\s:|-]+\|?\s*$")
_NUMBER = re.compile(r"^[\d.,]+$")
_AMOUNT = re.compile(r"^[€$£]\s?\d|^\d[\d.,]* ?(?:EUR|USD|GBP|CHF|€|\$)$")
_LOOSE = re.compile(r"^(?:yes|no|none|x|✓|✗|–|-|n/?a|unlimited|)$", re.IGNORECASE)
_MEANING = re.compile(r"^(?:meaning|description|explanation|definition|what it means)$", re.IGNORECASE)
_ACTION = re.compile(r"^(?:what to do|what you can do|action|remedy|solution|fix)$", re.IGNORECASE)
_PRICE = re.compile(r"\b(?:price|cost|fee|charge|rate)s?\b", re.IGNORECASE)
_CLAUSE = re.compile(
    r"^(?P<subject>.+?) (?P<aux>is|are|can be|must be) (?P<done>[a-z]+) (?P<prep>for|after|within|until|by|to)$"
)
_SENTENCE = re.compile(rf"\b(?:{'|'.join(sorted(third_persons))})\b")
_VERBAL = re.compile(
    r"\b(?:is|are|was|can|will|has|have|does|do|must|ends?|starts?|what|which|who|how|when|if)\b", re.IGNORECASE
)
_KEY_VALUE = re.compile(r"^\s*(?:[-*+]\s+)?\*{0,2}([A-Z][\w ()/-]{2,30}?)\*{0,2}:\*{0,2}\s+([^\n]{1,60})$")
_KEPT = re.compile(r"^(?P<done>[A-Za-z]+(?:ed|pt|nt)) (?P<prep>for|after|within|until|by)$")
_PARTICIPLE = re.compile(r"^(.+s) (needed|required|allowed|included)$")
_ODD = re.compile(rf"^(?:\w+ed|{'|'.join(sorted(third_persons))})$")
_LONG_FIGURE = re.compile(r"^\d\S*(?: \S+){3,}")
_NO_THING = re.compile(
    r"^(?:\d|up to|more|less|from|to|outside|over|under|other|until|between|all|any|every|at|in|on|if|when)\b",
    re.IGNORECASE,
)
_NOUN = re.compile(r"(?<!for)(?<!after)(?<!within)(?<!until)(?<!by)(?<!to)(?<!from)$")
_ASKING = {
    "for": "For how long",
    "after": "After what time",
    "within": "Within what time",
    "until": "Until when",
    "by": "By whom",
    "to": "To whom",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFact:
    """`thing`: the words of the question that name the row, `kind`: what its rows are."""

    question: str
    answer: str
    fact: str
    thing: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Cells as text without emphasis; the first column names what a row is about. `source`: as it stood."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    source: str


def tables(text: str) -> list[Table]:
    """The pipe tables of a text that have a head and whose rows are as wide as it."""
    found: list[Table] = []
    for block in re.findall(r"(?:^[ \t]*\|.*\|[ \t]*$\n?){3,}", text, re.MULTILINE):
        lines = block.strip().splitlines()
        if _RULE.match(lines[1]):
            head, *rows = (_cells(line) for n, line in enumerate(lines) if n != 1)
            found.append(Table(head=head, rows=tuple(r for r in rows if len(r) == len(head)), source=block))
    return found


def _cells(line: str) -> tuple[str, ...]:
    return tuple(bare(cell) for cell in line.strip().strip("|").split("|"))


def table_facts(text: str, names: frozenset[str]) -> Iterator[TableFact]:
    """A question for every cell that a plain question can ask for."""
    for table in tables(text):
        keys = [row[0] for row in table.rows]
        for row in table.rows:
            if keys.count(row[0]) == 1 and row[0] and len(row[0].split()) <= 8:
                for column, cell in zip(table.head[1:], row[1:], strict=True):
                    yield from _of_cell(table.head[0], row[0], column, cell, names)


def _of_cell(kind: str, key: str, column: str, cell: str, names: frozenset[str]) -> Iterator[TableFact]:
    if _LOOSE.match(cell) or not column or len(cell.split()) > 7 or _LONG_FIGURE.match(cell) or _NO_THING.match(key):
        return
    thing = entity(kind, key, names)
    if asked := _asked(thing, key, column, cell.strip(" .")):
        yield TableFact(question=asked[0], answer=asked[1], fact=_core(cell), thing=thing, kind=kind)


def _core(cell: str) -> str:
    """A cell's text as an answer would say it, without its last full stop and its small first letter."""
    return (
        lower_first(re.split(r"[;(]", cell, maxsplit=1)[0].strip(" .")) if not cell[:1].isupper() else cell.strip(" .")
    )


def entity(kind: str, key: str, names: frozenset[str]) -> str:
    """How a sentence names a row: "the Beacon plan", "a yearly subscription", "TV-401"."""
    word = key.split(maxsplit=1)[0]
    if len(key.split()) == 1 and (word in names) and re.fullmatch(r"[A-Z][a-z]+", kind):
        return f"the {key} {kind.lower()}"
    if word in names or not re.fullmatch(r"[A-Z][a-z]+", word):
        return key
    article = "" if plural(key) else "an " if word[0] in "AEIOU" else "a "
    return article + lower_first(key)


def plural(phrase: str) -> bool:
    """Whether the noun of a phrase, what stands before its first preposition, is a plural."""
    noun = re.split(r" (?:per|of|in|at|for|with|by|to|on|from|and|needed|required|allowed|included) ?|,", phrase)[
        0
    ].split()[-1]
    return noun.endswith("s") and not noun.endswith(("ss", "us", "is"))


def _asked(thing: str, key: str, column: str, cell: str) -> tuple[str, str] | None:
    """(question, answer) for one cell; None where the column's name is neither a noun phrase nor a known form."""
    if _MEANING.match(column):
        return f"What does {key} mean?", f"{key} means: {cell}"
    if _ACTION.match(column):
        return f"What should I do about {key}?", f"What to do about {key}: {lower_first(cell)}"
    if clause := _CLAUSE.match(column):
        aux, _, be = clause["aux"].partition(" ")
        question = (
            f"{_ASKING[clause['prep']]} {aux} {lower_first(clause['subject'])} {be} {clause['done']} with {thing}?"
        )
        return question, f"{column} {cell} with {thing}"
    if clause := _KEPT.match(column):
        be, done = "are" if plural(key) else "is", lower_first(clause["done"])
        return f"{_ASKING[clause['prep']]} {be} {thing} {done}?", f"{thing} {be} {done} {clause['prep']} {cell}"
    return _of_noun(thing, column, cell)


def _of_noun(thing: str, column: str, cell: str) -> tuple[str, str] | None:
    """For a column whose head is a noun phrase."""
    if _VERBAL.search(column) or len(column.split()) > 4 or not _NOUN.search(column) or _ODD.search(column.lower()):
        return None
    lowered, be = lower_first(column), "are" if plural(column) else "is"
    if (part := _PARTICIPLE.match(column)) and _NUMBER.match(cell):
        what, done = lower_first(part[1]), part[2]
        return f"How many {what} are {done} for {thing}?", f"{cell} {what} are {done} for {thing}"
    if _NUMBER.match(cell) and plural(column):
        return (
            f"How many {lowered} come with {thing}?",
            f"{thing} {'come' if plural(thing) else 'comes'} with {cell} {lowered}",
        )
    of = "of" if _PRICE.search(column) and _AMOUNT.match(cell) else "for"
    return f"What {be} the {lowered} {of} {thing}?", f"the {lowered} {of} {thing} {be} {cell}"


def key_values(text: str, title: str) -> Iterator[TableFact]:
    """Lines such as "Opening hours: 9 to 5", asked with the page's title."""
    for line in text.splitlines():
        found = _KEY_VALUE.match(line)
        if (
            found
            and len(found[2].split()) <= 6
            and not (_VERBAL.search(found[2]) or _SENTENCE.search(found[2]))
            and title
        ):
            value = bare(found[2]).strip(" .")
            verb = "are" if found[1].endswith("s") else "is"
            yield TableFact(
                question=f"What {verb} the {lower_first(found[1].strip())} of {title}?",
                answer=f"{found[1]}: {value}",
                fact=value,
            )
