"""Who may read what. In: a `Reader`. Out: the SQL filter that runs inside both halves of the search, before top-k."""

from __future__ import annotations

from collections.abc import Iterable

from ragraft.types import EVERYONE, Reader


def readers_filter(reader: Reader) -> str:
    """A Lance SQL condition: the row's reader list shares a name with `reader.names`.

    An empty reader list matches nobody. AND it with other filters; never OR.
    """
    return f"array_has_any(readers, [{sql_strings(sorted(reader.names))}])"


def common_readers(a: Iterable[str], b: Iterable[str]) -> tuple[str, ...]:
    """Who is admitted by both reader lists, sorted. A list with `everyone` admits whomever the other one names."""
    first, second = set(a), set(b)
    if EVERYONE in first:
        return tuple(sorted(second))
    return tuple(sorted(first if EVERYONE in second else first & second))


def sql_strings(values: Iterable[str]) -> str:
    """`'a', 'it''s'`: SQL string literals. A quote is the only character with a meaning inside one (no backslash escapes)."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)
