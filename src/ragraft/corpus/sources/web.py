"""A web site -> `Item`s: a crawl within one host, or the pages of a sitemap. robots.txt is honoured.

Writes what the server said of each page (ETag, Last-Modified, a hash of the page, its links; never its text) to the file that
the place remembers, so that the next run asks only for what changed.
"""

from __future__ import annotations

import gzip
import time
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from ragraft.corpus.sources.fetch import AGENT, Fetch, Page, Refused, fetcher, suffix_of
from ragraft.corpus.sources.files import matches
from ragraft.corpus.sources.item import Item, Place, Unavailable, content_hash
from ragraft.errors import DataError
from ragraft.sourcing import WebSource
from ragraft.types import Skipped
from ragraft.workspace import from_json, to_json, write_atomic

if TYPE_CHECKING:
    from protego import Protego

_LONGEST_PAUSE = 30.0
_SITEMAPS = 100
"""So many sitemaps may one sitemap index name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What a server said of a page last time."""

    etag: str
    last_modified: str
    hash: str
    suffix: str
    modified: str | None
    links: tuple[str, ...] = ()
    index: bool = True


@dataclass(slots=True, kw_only=True)
class _Crawl:
    """One run over a site. `failed`: pages that did not answer, so that what only they link to is not known."""

    source: WebSource
    place: Place
    fetch: Fetch
    robots: Protego
    before: Mapping[str, Remembered]
    after: dict[str, Remembered] = field(default_factory=dict[str, Remembered])
    asked: int = 0
    failed: int = 0

    def allowed(self, url: str) -> bool:
        return bool(self.robots.can_fetch(url, AGENT))

    def get(self, url: str, known: Remembered | None = None) -> Page:
        """A page, after the pause that the site asks for."""
        if self.asked:
            wanted = float(self.robots.crawl_delay(AGENT) or 0.0)
            time.sleep(max(self.source.delay_s, min(wanted, _LONGEST_PAUSE)))
        self.asked += 1
        if known is None:
            return self.fetch(url)
        return self.fetch(url, etag=known.etag, last_modified=known.last_modified)


def find(source: WebSource, place: Place) -> Iterator[Item | Skipped]:
    """Pages from the start URL on, nearest first, or those of a sitemap.

    Raises `Unavailable` when the site does not answer, and at the end when some page did not: what only it links to cannot be
    known. A page that its server no longer has is not yielded.
    """
    start = place.expand(source.url)
    with fetcher(source, place) as fetch:
        crawl = _Crawl(
            source=source, place=place, fetch=fetch, robots=_robots(fetch, start), before=_recall(source, place)
        )
        if urlsplit(start).path.endswith((".xml", ".xml.gz")):
            yield from _pages(crawl, deque((url, source.depth) for url in _sitemap(crawl, start)))
        else:
            yield from _pages(crawl, deque([(_plain(start), 0)]))
    _remember(crawl)
    if crawl.failed:
        raise Unavailable(f"{crawl.failed} page(s) did not answer; what else the index holds of the site is left alone")


def _pages(crawl: _Crawl, queue: deque[tuple[str, int]]) -> Iterator[Item | Skipped]:
    seen = {url for url, _ in queue}
    host, done = urlsplit(queue[0][0]).netloc if queue else "", 0
    while queue:
        url, depth = queue.popleft()
        name = _name(crawl, url)
        if done >= crawl.source.max_pages:
            yield Skipped(source=crawl.source.name, reason=f"{len(queue) + 1} more pages: `max_pages` was reached")
            return
        if not crawl.allowed(url):
            yield Skipped(source=name, reason="robots.txt does not allow it")
            continue
        done += 1
        try:
            page = crawl.get(url, crawl.before.get(name))
            if urlsplit(page.url).netloc != host:
                raise Refused(f"leads to another host, {urlsplit(page.url).hostname}")
            found = _note(crawl, name, page)
        except Unavailable as error:
            crawl.failed += 1
            yield Skipped(source=name, reason=str(error), kept=True)
            continue
        except Refused as error:
            if done == 1:  # the way in: behind it there may be all that the index holds
                raise Unavailable(str(error)) from error
            yield Skipped(source=name, reason=str(error))
            continue
        if _wanted(crawl.source, url):
            yield _item(crawl, name, url, page, found)
        fresh = [link for link in found.links if link not in seen] if depth < crawl.source.depth else []
        seen.update(fresh)
        queue.extend((link, depth + 1) for link in fresh if urlsplit(link).netloc == host)


def _note(crawl: _Crawl, name: str, page: Page) -> Remembered:
    known = crawl.before.get(name)
    if page.unchanged:
        if known is None:
            raise Refused("the server answered 304 to a question without conditions")
        crawl.after[name] = known
        return known
    links = _links(page) if suffix_of(page) == ".html" else _Links("")
    crawl.after[name] = fresh = Remembered(
        etag=page.etag,
        last_modified=page.last_modified,
        hash=content_hash(page.data),
        suffix=suffix_of(page),
        modified=page.modified,
        links=tuple(dict.fromkeys(links.found)),
        index=links.index,
    )
    return fresh


def _item(crawl: _Crawl, name: str, url: str, page: Page, found: Remembered) -> Item | Skipped:
    if not found.index:
        return Skipped(source=name, reason="the page asks not to be indexed (robots meta tag)")
    return Item(
        id=name,
        hash=found.hash,
        data=partial(_again, crawl.source, crawl.place, url) if page.unchanged else page.data,
        suffix=found.suffix,
        readers=crawl.source.readers,
        tags=crawl.source.tags,
        modified=found.modified,
    )


def _again(source: WebSource, place: Place, url: str) -> bytes:
    """A page that has not changed, whole: needed when it is not in the index any more, or is cut otherwise."""
    with fetcher(source, place) as fetch:
        try:
            return fetch(url).data
        except Refused as error:
            raise Unavailable(str(error)) from error


def _wanted(source: WebSource, url: str) -> bool:
    path = unquote(urlsplit(url).path).lstrip("/")
    return any(matches(path, g) for g in source.include) and not any(matches(path, g) for g in source.exclude)


def _name(crawl: _Crawl, url: str) -> str:
    parts = urlsplit(url)
    path = (unquote(parts.path).lstrip("/") or "index") + (f"?{parts.query}" if parts.query else "")
    return crawl.place.scrubbed(f"{crawl.source.name}/{path}", crawl.source.url)


def _plain(url: str) -> str:
    return urldefrag(url).url


# --- robots.txt, sitemaps, links ---------------------------------------------------------------------------------------


def _robots(fetch: Fetch, start: str) -> Protego:
    """The site's rules. None where it has none (RFC 9309: 4xx allows all); `Unavailable` when it cannot say."""
    from protego import Protego

    try:
        page = fetch(urljoin(start, "/robots.txt"))
    except Refused as error:
        if "the server answered 4" not in str(error):
            raise Unavailable(str(error)) from error
        return Protego.parse("")
    return Protego.parse(page.data[: 512 << 10].decode("utf-8", errors="replace"))


def _sitemap(crawl: _Crawl, start: str) -> list[str]:
    """The pages that a sitemap names, with those of the sitemaps it names itself, on its own host."""
    pages: dict[str, None] = {}
    waiting, seen = deque([start]), {start}
    while waiting and len(seen) <= _SITEMAPS:
        try:
            nested, urls = _locations(crawl.get(waiting.popleft()).data, crawl.place.limit)
        except Refused as error:
            raise Unavailable(f"the sitemap: {error}") from error
        pages.update(dict.fromkeys(_plain(u) for u in urls if urlsplit(u).netloc == urlsplit(start).netloc))
        fresh = [u for u in nested if u not in seen and urlsplit(u).netloc == urlsplit(start).netloc]
        seen.update(fresh)
        waiting.extend(fresh)
    if not pages:
        raise Unavailable("the sitemap names no page of its own host")
    return list(pages)


def _locations(data: bytes, limit: int) -> tuple[list[str], list[str]]:
    """(sitemaps, pages) named in a sitemap. Raises `Unavailable` when it is none."""
    from xml.etree import ElementTree

    try:
        if data.startswith(b"\x1f\x8b"):
            unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            data = unpacker.decompress(data, limit)
        if b"<!ENTITY" in data or b"<!DOCTYPE" in data[:1024]:
            raise Unavailable("the sitemap declares entities, which no sitemap needs")
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, zlib.error, gzip.BadGzipFile, ValueError) as error:
        raise Unavailable(f"the sitemap cannot be read ({error})") from error
    texts = [(e.text or "").strip() for e in root.iter() if e.tag.rpartition("}")[2] == "loc"]
    return (texts, []) if root.tag.endswith("sitemapindex") else ([], texts)


class _Links(HTMLParser):
    """The addresses that a page links to, and whether it may be indexed."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base, self.found, self.index, self.follow = base, list[str](), True, True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "base" and has.get("href"):
            self.base = urljoin(self.base, has["href"])
        elif tag == "meta" and has.get("name", "").lower() in ("robots", AGENT):
            said = has.get("content", "").lower()
            self.index &= "noindex" not in said and "none" not in said
            self.follow &= "nofollow" not in said and "none" not in said
        elif tag == "a" and has.get("href") and "nofollow" not in has.get("rel", ""):
            try:
                link = _plain(urljoin(self.base, has["href"].strip()))
            except ValueError:
                return
            if link.startswith(("http://", "https://")):
                self.found.append(link)


def _links(page: Page) -> _Links:
    reader = _Links(page.url)
    reader.feed(page.data.decode("utf-8", errors="replace"))
    if not reader.follow:
        reader.found.clear()
    return reader


# --- what is remembered ------------------------------------------------------------------------------------------------


def _file(source: WebSource, place: Place) -> Path | None:
    return place.remembered / f"{source.name}.json" if place.remembered else None


def _recall(source: WebSource, place: Place) -> Mapping[str, Remembered]:
    from pydantic import ValidationError

    path = _file(source, place)
    if path is None or not path.is_file():
        return {}
    try:
        return from_json(dict[str, Remembered], path.read_bytes())
    except ValidationError:
        return {}  # of another version: the pages are asked for anew
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); mend that or delete it") from error


def _remember(crawl: _Crawl) -> None:
    path = _file(crawl.source, crawl.place)
    if path is not None:
        kept = {n: r for n, r in crawl.before.items() if crawl.failed and n not in crawl.after} | crawl.after
        text = to_json(kept, dict[str, Remembered])
        if text == crawl.place.scrubbed(text, crawl.source.url):  # a secret in a link is never written down
            write_atomic(path, text)
