"""The filter language of `--where`: text -> an SQL condition of the store. Nothing is read or written.

    tag = 'hr' AND modified >= '2025-01-01' AND NOT document LIKE 'drafts/%'

Names, operators and values are parsed here and written out anew; no text of a user reaches the store as it stands. A name that
has no value in a chunk (no page, no date) meets no condition and no negation of one, as in SQL; `IS NULL` asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from ragraft.errors import ConfigError

LONGEST = 2000
DEEPEST = 20
"""Characters of a filter, and brackets inside brackets."""

_TEXTS = ("document", "title", "heading")
_NAMES = (*_TEXTS, "tag", "modified", "page")
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")|(?P<number>\d+)|(?P<word>[A-Za-z_]+)|(?P<sign><=|>=|!=|<>|[=<>(),]))"""
)
_COMPARE = ("=", "!=", "<", "<=", ">", ">=")
_WORDS = ("AND", "OR", "NOT", "IN", "LIKE", "IS", "NULL")


def condition(text: str) -> str:
    """The Lance SQL condition of a filter. Raises `ConfigError`, one line that says what is wrong and what there is."""
    if len(text) > LONGEST:
        raise ConfigError(f"filter of {len(text)} characters: {LONGEST} are the most")
    parser = _Parser(text, _tokens(text))
    found = parser.either(0)
    if not parser.done:
        raise parser.wrong("AND, OR or the end")
    return found


def both(*filters: str) -> str:
    """One filter that asks for all of these; empty ones ask for nothing. Each must be right by itself."""
    given = [text for text in filters if text.strip()]
    for text in given:
        condition(text)
    return given[0] if len(given) == 1 else " AND ".join(f"({text})" for text in given)


def sql_strings(values: Iterable[str]) -> str:
    """`'a', 'it''s'`: SQL string literals. A quote is the only character with a meaning inside one (no backslash escapes)."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str

    @property
    def value(self) -> str:
        """What a quoted text says."""
        quote = self.text[0]
        return self.text[1:-1].replace(quote * 2, quote)


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    place = 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            raise ConfigError(
                f"filter {text!r}: {text[place:].strip()[:20]!r} is no part of a filter; write it like \"tag = 'hr' AND page < 9\""
            )
        kind = str(match.lastgroup)
        part = match[kind]
        found.append(_Token(kind, part.upper() if kind == "word" and part.upper() in _WORDS else part))
        place = match.end()
    return found


class _Parser:
    """Recursive descent over one filter; each method returns the SQL of what it has read."""

    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.place = 0

    @property
    def done(self) -> bool:
        return self.place == len(self.tokens)

    def wrong(self, wanted: str) -> ConfigError:
        found = "the filter ends" if self.done else f"{self.tokens[self.place].text!r} stands"
        return ConfigError(f"filter {self.text!r}: {wanted} should stand where {found}")

    def take(self, *texts: str) -> str:
        """The next token's text when it is one of these; else an empty string, and nothing is taken."""
        if self.done or self.tokens[self.place].text not in texts or self.tokens[self.place].kind in ("text", "number"):
            return ""
        self.place += 1
        return self.tokens[self.place - 1].text

    def need(self, *texts: str) -> str:
        found = self.take(*texts)
        if not found:
            raise self.wrong(" or ".join(texts))
        return found

    def kind(self, kind: str, wanted: str) -> _Token:
        if self.done or self.tokens[self.place].kind != kind:
            raise self.wrong(wanted)
        self.place += 1
        return self.tokens[self.place - 1]

    def either(self, depth: int) -> str:
        parts = [self.all(depth)]
        while self.take("OR"):
            parts.append(self.all(depth))
        return parts[0] if len(parts) == 1 else "(" + " OR ".join(parts) + ")"

    def all(self, depth: int) -> str:
        parts = [self.one(depth)]
        while self.take("AND"):
            parts.append(self.one(depth))
        return " AND ".join(parts)

    def one(self, depth: int) -> str:
        if depth > DEEPEST:
            raise ConfigError(f"filter {self.text[:40]!r}…: brackets and NOT stand more than {DEEPEST} deep")
        if self.take("NOT"):
            return f"NOT ({self.one(depth + 1)})"
        if self.take("("):
            inner = self.either(depth + 1)
            self.need(")")
            return f"({inner})"
        return self.comparison()

    def comparison(self) -> str:
        name = self.take(*_NAMES) or ("tag" if self.take("tags") else "")
        if not name:
            raise self.wrong(f"a name ({', '.join(_NAMES)})")
        if self.take("IS"):
            negated = self.take("NOT")
            self.need("NULL")
            return _is_null(name, bool(negated))
        negated = self.take("NOT")
        sign = self.need(*(() if negated else _signs(name)), "IN", *(("LIKE",) if name in _TEXTS else ()))
        if sign == "IN":
            self.need("(")
            values = [self.value(name)]
            while self.take(","):
                values.append(self.value(name))
            self.need(")")
            found = "(" + " OR ".join(_compared(name, "=", value) for value in values) + ")"
        else:
            value = self.value(name)
            found = f"{name} LIKE {sql_strings([value])}" if sign == "LIKE" else _compared(name, sign, value)
        return f"NOT ({found})" if negated else found

    def value(self, name: str) -> str:
        if name == "page":
            page = self.kind("number", "a page number").text
            if int(page) > 2**31 - 1:
                raise ConfigError(f"filter {self.text!r}: there is no page {page}")
            return page
        value = self.kind("text", "a text in quotes").value
        if name == "modified":
            _span(value)
        return value


def _signs(name: str) -> tuple[str, ...]:
    return (*_COMPARE, "<>") if name in ("modified", "page") else ("=", "!=", "<>")


def _is_null(name: str, negated: bool) -> str:
    if name == "tag":
        return f"array_length(tags) {'>' if negated else '='} 0"
    if name in _TEXTS:
        return f"{name} {'!=' if negated else '='} ''"
    return f"{name} IS {'NOT ' if negated else ''}NULL"


def _compared(name: str, sign: str, value: str) -> str:
    sign = "!=" if sign == "<>" else sign
    if name == "page":
        return f"page {sign} {value}"
    if name == "modified":
        return _MOMENT[sign](*(f"'{moment}'" for moment in _span(value)))
    if name == "tag":
        found = f"array_has(tags, {sql_strings([value])})"
        return found if sign == "=" else f"NOT {found}"
    return f"{name} {sign} {sql_strings([value])}"


_MOMENT: dict[str, Callable[[str, str], str]] = {
    "=": lambda start, end: f"(modified >= {start} AND modified < {end})",
    "!=": lambda start, end: f"(modified < {start} OR modified >= {end})",
    "<": lambda start, end: f"modified < {start}",
    "<=": lambda start, end: f"modified < {end}",
    ">": lambda start, end: f"modified >= {end}",
    ">=": lambda start, end: f"modified >= {start}",
}
"""A day or a second is a span of time, from its start to before its end. Moments in UTC compare as texts; what follows the
seconds in a stored one comes after the end of a text without it."""


def _span(value: str) -> tuple[str, str]:
    """The first second of a date or time and the first one after it, ISO 8601 in UTC without an offset, 19 characters."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            start, length = datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC), timedelta(days=1)
        else:
            start, length = datetime.fromisoformat(value), timedelta(seconds=1)
            start = start.replace(tzinfo=UTC) if start.tzinfo is None else start.astimezone(UTC)
        return start.isoformat()[:19], (start + length).isoformat()[:19]
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"filter: {value!r} is no date; write 2025-01-31 or 2025-01-31T12:00:00+01:00") from error
