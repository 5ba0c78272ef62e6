"""Crawling a site of this machine: one host, robots.txt, sitemaps, conditional requests, pages that fail."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from ragraft.corpus.sources import Item, Unavailable
from ragraft.corpus.sources.web import find
from ragraft.sourcing import WebSource
from ragraft.types import Skipped

from .servers import Reply, Server, page, place, serving


def source(server: Server, path: str = "/", **more: Any) -> WebSource:
    return WebSource(type="web", name="site", url=server.url(path), allow_private=(server.address,), **more)


def crawled(folder: Path, of: WebSource, **variables: str) -> tuple[dict[str, Item], list[Skipped]]:
    found = list(find(of, place(folder, remember=True, **variables)))
    return {i.id: i for i in found if isinstance(i, Item)}, [s for s in found if isinstance(s, Skipped)]


def site() -> dict[str, Reply]:
    return {
        "/": Reply(page("/a", "b/c.html#part", "http://elsewhere.example/x", "mailto:x@y.z", title="Home"), etag='"1"'),
        "/a": Reply(page("/", "/deep", title="A"), etag='"2"'),
        "/b/c.html": Reply(page("/file.pdf", title="C")),
        "/deep": Reply(page("/deeper", title="Deep")),
        "/deeper": Reply(page(title="Deeper")),
        "/file.pdf": Reply(b"%PDF-1.4 x", kind="application/pdf"),
    }


def test_a_crawl_stays_on_its_host_and_within_its_depth(tmp_path: Path) -> None:
    with serving(site()) as server:
        items, skipped = crawled(tmp_path, source(server, depth=2))
    assert list(items) == ["site/index", "site/a", "site/b/c.html", "site/deep", "site/file.pdf"]
    assert items["site/file.pdf"].suffix == ".pdf"
    assert items["site/a"].suffix == ".html"
    assert skipped == []
    assert server.asked.count("/") == 1


def test_unchanged_pages_are_asked_for_with_conditions_and_still_lead_on(tmp_path: Path) -> None:
    with serving(site()) as server:
        first, _ = crawled(tmp_path, source(server))
        server.pages["/a"].etag = '"3"'
        server.pages["/a"].body = page("/", title="New")
        second, _ = crawled(tmp_path, source(server))
        assert [name for name in second if second[name].hash != first[name].hash] == ["site/a"]
        assert set(first) - set(second) == {"site/deep", "site/deeper"}
        assert not isinstance(second["site/index"].data, bytes), "nothing was sent"
        assert b"Home" in second["site/index"].read()
    assert "Words" not in (tmp_path / "state" / "site.json").read_text(), "no text is remembered"


def test_limits_globs_and_robots_are_kept_and_named(tmp_path: Path) -> None:
    robots = Reply(b"User-agent: *\nDisallow: /a\nDisallow: /*.pdf$\n", kind="text/plain")
    hidden = Reply(page("/b/c.html", head='<meta name="robots" content="noindex">'))
    with serving({**site(), "/robots.txt": robots, "/": hidden}) as server:
        items, skipped = crawled(tmp_path, source(server))
        assert set(items) == {"site/b/c.html"}
        assert {(s.source, s.reason.split(" ")[0]) for s in skipped} == {
            ("site/index", "the"),
            ("site/file.pdf", "robots.txt"),
        }
        assert "/file.pdf" not in server.asked
    with serving(site()) as server:
        items, skipped = crawled(tmp_path / "2", source(server, max_pages=2, exclude=("index", "")))
        assert set(items) == {"site/a"}
        assert "max_pages" in skipped[0].reason


def test_a_sitemap_names_the_pages(tmp_path: Path) -> None:
    with serving(site()) as server:
        urls = "".join(f"<url><loc>{server.url(p)}</loc></url>" for p in ("/a", "/deeper"))
        pages = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}<url><loc>http://e.example/</loc></url></urlset>'
        server.pages["/pages.xml.gz"] = Reply(gzip.compress(pages.encode()), kind="application/gzip")
        index = f"<sitemapindex><sitemap><loc>{server.url('/pages.xml.gz')}</loc></sitemap></sitemapindex>"
        server.pages["/sitemap.xml"] = Reply(index.encode(), kind="text/xml")
        items, _ = crawled(tmp_path, source(server, "/sitemap.xml"))
        assert list(items) == ["site/a", "site/deeper"]
        server.pages["/sitemap.xml"].body = b'<!DOCTYPE x [<!ENTITY a "b">]><urlset/>'
        with pytest.raises(Unavailable, match="entities"):
            crawled(tmp_path, source(server, "/sitemap.xml"))


def test_a_page_that_fails_for_now_is_kept_and_one_that_is_gone_is_not(tmp_path: Path) -> None:
    with serving(site()) as server:
        server.pages["/a"] = Reply(status=503)
        server.pages["/b/c.html"] = Reply(status=410)
        found: list[Item | Skipped] = []
        with pytest.raises(Unavailable, match=r"1 page\(s\) did not answer"):
            found.extend(find(source(server), place(tmp_path)))
    skipped = {s.source: s.kept for s in found if isinstance(s, Skipped)}
    assert skipped == {"site/a": True, "site/b/c.html": False}


def test_a_site_that_is_down_or_cannot_say_its_rules_is_unavailable(tmp_path: Path) -> None:
    robots = Reply(status=500)
    with serving({"/robots.txt": robots, "/": Reply(page())}) as server, pytest.raises(Unavailable, match="500"):
        crawled(tmp_path, source(server))
    with pytest.raises(Unavailable):
        crawled(tmp_path, source(server))


def test_a_token_in_the_url_is_never_shown_nor_stored(tmp_path: Path) -> None:
    with serving({"/?key=s3cret": Reply(page("/a?key=s3cret"), etag='"1"')}) as server:
        of = source(server, "/?key=${KEY}")
        items, skipped = crawled(tmp_path, of, KEY="s3cret")
    assert list(items) == ["site/index?key=${KEY}"]
    assert [s.source for s in skipped] == ["site/a?key=${KEY}"]
    assert not any("s3cret" in p.read_text() for p in tmp_path.rglob("*.json"))


@pytest.mark.parametrize("start", [Reply(status=404), Reply(status=302, headers={"Location": "http://127.0.0.2/"})])
def test_a_start_that_is_gone_says_nothing_of_what_lies_behind_it(tmp_path: Path, start: Reply) -> None:
    with serving({"/": start}) as server, pytest.raises(Unavailable):
        crawled(tmp_path, source(server))
