"""RSS and Atom feeds of this machine."""

from pathlib import Path

import pytest

from ragraft.corpus.parse import parse
from ragraft.corpus.sources import Item, Unavailable
from ragraft.corpus.sources.feed import find
from ragraft.sourcing import FeedSource
from ragraft.types import Document, Skipped

from .servers import Reply, place, serving

RSS = """<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>News</title>
<item><title>Prices &amp; rope</title><link>https://shop.example/news/rope</link><guid isPermaLink="false">rope-1</guid>
<description>&lt;p&gt;Rope costs &lt;b&gt;€12&lt;/b&gt; now.&lt;/p&gt;</description><pubDate>Mon, 02 Feb 2026 10:00:00 +0100</pubDate></item>
<item><title>Lamps</title><link>https://shop.example/news/lamps?x=1</link><description>Lamps are back.</description></item>
</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>N</title><entry><id>urn:x:1</id><title>One</title>
<updated>2026-03-01T00:00:00Z</updated><content type="html">&lt;p&gt;First words.&lt;/p&gt;</content></entry></feed>"""


def entries(folder: Path, body: str, status: int = 200) -> list[Item | Skipped]:
    with serving({"/feed": Reply(body.encode(), kind="application/xml", status=status)}) as server:
        source = FeedSource(
            type="feed", name="news", url=server.url("/feed"), readers=("staff",), allow_private=(server.address,)
        )
        return list(find(source, place(folder)))


def test_rss_entries_are_documents(tmp_path: Path) -> None:
    rope, lamps = entries(tmp_path, RSS)
    assert isinstance(rope, Item)
    assert isinstance(lamps, Item)
    assert (rope.id, rope.modified, rope.readers) == ("news/rope-1", "2026-02-02T09:00:00+00:00", ("staff",))
    assert lamps.id == "news/news/lamps?x=1"
    read = parse(rope)
    assert isinstance(read, Document)
    assert read.title == "Prices & rope"
    assert "Rope costs **€12** now." in read.text
    assert "https://shop.example/news/rope" in read.text


def test_atom_entries_are_documents_and_a_changed_one_has_another_hash(tmp_path: Path) -> None:
    (one,) = entries(tmp_path, ATOM)
    (other,) = entries(tmp_path, ATOM.replace("First", "Other"))
    assert isinstance(one, Item)
    assert isinstance(other, Item)
    assert (one.id, one.modified, one.id == other.id, one.hash == other.hash) == (
        "news/urn:x:1",
        "2026-03-01T00:00:00+00:00",
        True,
        False,
    )


@pytest.mark.parametrize(
    ("body", "status"), [("<html><body>Sign in</body></html>", 200), ("", 200), (RSS, 404), (RSS, 500)]
)
def test_what_is_no_feed_now_says_nothing_of_its_entries(tmp_path: Path, body: str, status: int) -> None:
    with pytest.raises(Unavailable):
        entries(tmp_path, body, status)
