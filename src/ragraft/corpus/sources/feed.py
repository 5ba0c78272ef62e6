"""An RSS or Atom feed -> `Item`s, one an entry. Writes nothing."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ragraft.corpus.sources.fetch import Refused, fetcher
from ragraft.corpus.sources.item import Item, Place, Unavailable, content_hash, moment
from ragraft.sourcing import FeedSource
from ragraft.types import Skipped


def find(source: FeedSource, place: Place) -> Iterator[Item | Skipped]:
    """The feed's entries, with the text that the feed itself holds of them. Raises `Unavailable` when it does not answer or
    is no feed."""
    import feedparser

    try:
        with fetcher(source, place) as fetch:
            page = fetch(place.expand(source.url))
    except Refused as error:
        raise Unavailable(str(error)) from error
    # The bytes are given, not the URL: feedparser would fetch it unchecked.
    feed: Any = feedparser.parse(page.data, response_headers={"content-type": page.kind, "content-location": page.url})
    if not feed.entries and (feed.bozo or not feed.get("version")):
        raise Unavailable(f"not a feed that can be read ({feed.get('bozo_exception') or 'no entries'})")
    for entry in feed.entries:
        yield _item(source, entry)


def _item(source: FeedSource, entry: Any) -> Item | Skipped:
    title = html.unescape(re.sub(r"<[^>]+>", "", entry.get("title", ""))).strip()
    mark = entry.get("id") or entry.get("link") or title
    if not mark:
        return Skipped(source=source.name, reason="an entry has neither id, link nor title")
    body = "\n".join(c.get("value", "") for c in entry.get("content", [])) or entry.get("summary", "")
    link = entry.get("link", "")
    page = f"<h1>{html.escape(title)}</h1>\n{body}" + (
        f'\n<p><a href="{html.escape(link)}">Source</a></p>' if link else ""
    )
    when = dict.get(entry, "updated_parsed") or dict.get(entry, "published_parsed")
    return Item(
        id=f"{source.name}/{_short(mark)}",
        hash=content_hash(title, page),
        data=f'<meta charset="utf-8">{page}'.encode(),
        suffix=".html",
        readers=source.readers,
        tags=source.tags,
        title=title,
        modified=moment(float(_seconds(when))) if when else None,
    )


def _seconds(when: time.struct_time) -> int:
    import calendar

    return calendar.timegm(when)


def _short(mark: str) -> str:
    """An entry's id as a path: of a URL, what follows the host."""
    parts = urlsplit(mark)
    path = parts.path.strip("/") + (f"?{parts.query}" if parts.query else "")
    return path if parts.scheme in ("http", "https") and path else mark
