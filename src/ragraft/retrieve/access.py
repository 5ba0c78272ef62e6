"""Who may read what. In: a `Reader` and the project's groups. Out: the names it goes by, and the SQL filter that runs inside
both halves of the search, before top-k. The only place where groups are expanded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ragraft.types import EVERYONE, Reader
from ragraft.where import sql_strings

Groups = Mapping[str, Collection[str]]
"""Group -> its members: user ids and other groups."""

NO_GROUPS: Groups = {}


def names(reader: Reader, groups: Groups = NO_GROUPS) -> frozenset[str]:
    """Everything that a reader list may name this reader by: user id, groups, `everyone`, and each group that one of these
    names is a member of, however deep."""
    found = set(reader.names)
    while more := {group for group, members in groups.items() if group not in found and not found.isdisjoint(members)}:
        found |= more
    return frozenset(found)


def readers_filter(reader: Reader, groups: Groups = NO_GROUPS) -> str:
    """A Lance SQL condition: both of the row's reader lists share a name with the reader's.

    An empty reader list matches nobody. AND it with other filters; never OR.
    """
    known = f"[{sql_strings(sorted(names(reader, groups)))}]"
    return f"array_has_any(readers, {known}) AND array_has_any(own_readers, {known})"


def admits(readers: Collection[str], own_readers: Collection[str], known: Collection[str]) -> bool:
    """What `readers_filter` decides for a row, outside the store; `known` comes from `names`."""
    return not set(known).isdisjoint(readers) and not set(known).isdisjoint(own_readers)


def common_readers(a: Iterable[str], b: Iterable[str]) -> tuple[str, ...]:
    """Who is admitted by both reader lists, sorted. A list with `everyone` admits whomever the other one names."""
    first, second = set(a), set(b)
    if EVERYONE in first:
        return tuple(sorted(second))
    return tuple(sorted(first if EVERYONE in second else first & second))
