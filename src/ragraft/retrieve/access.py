"""Who may read what. In: a `Reader`. Out: the SQL filter that runs inside both halves of the search, before top-k."""

from __future__ import annotations

from collections.abc import Iterable

from ragraft.types import Reader


def readers_filter(reader: Reader) -> str:
    """A Lance SQL condition: the row's reader list shares a name with `reader.names`.

    An empty reader list matches nobody. AND it with other filters; never OR.
    """
    return f"array_has_any(readers, [{sql_strings(sorted(reader.names))}])"


def sql_strings(values: Iterable[str]) -> str:
    """`'a', 'it''s'`: SQL string literals. A quote is the only character with a meaning inside one (no backslash escapes)."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)
