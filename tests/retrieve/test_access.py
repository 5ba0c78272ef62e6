"""The reader filter as text; that it is obeyed stands in test_search.py."""

from ragraft.retrieve.access import names, readers_filter, sql_strings
from ragraft.types import Reader


def test_filter_names_user_groups_and_everyone() -> None:
    reader = Reader(user="ann", groups=frozenset({"staff", "board"}))
    known = "['ann', 'board', 'everyone', 'staff']"
    assert readers_filter(reader) == f"array_has_any(readers, {known}) AND array_has_any(own_readers, {known})"


def test_groups_nest_however_deep() -> None:
    groups = {
        "company": ("engineering", "sales"),
        "engineering": ("backend", "ann"),
        "backend": ("bob",),
        "all": ("everyone",),
    }
    everybody = {"everyone", "all"}
    assert names(Reader(user="bob"), groups) == {"bob", "backend", "engineering", "company"} | everybody
    assert names(Reader(user="ann"), groups) == {"ann", "engineering", "company"} | everybody
    assert names(Reader(user="x", groups=frozenset({"sales"})), groups) == {"x", "sales", "company"} | everybody
    assert names(Reader(user="y"), groups) == {"y"} | everybody
    assert "backend" not in names(Reader(user="z", groups=frozenset({"engineering"})), groups), (
        "membership goes one way"
    )


def test_quotes_are_doubled() -> None:
    assert sql_strings(["o'neil", "']) OR true --"]) == "'o''neil', ''']) OR true --'"
