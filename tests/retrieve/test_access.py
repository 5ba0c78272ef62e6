"""The reader filter as text; that it is obeyed stands in test_search.py."""

from ragraft.retrieve.access import readers_filter, sql_strings
from ragraft.types import Reader


def test_filter_names_user_groups_and_everyone() -> None:
    reader = Reader(user="ann", groups=frozenset({"staff", "board"}))
    assert readers_filter(reader) == "array_has_any(readers, ['ann', 'board', 'everyone', 'staff'])"


def test_quotes_are_doubled() -> None:
    assert sql_strings(["o'neil", "']) OR true --"]) == "'o''neil', ''']) OR true --'"
