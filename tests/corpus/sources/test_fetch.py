"""Fetching from servers that nobody vouches for: nothing inside, nothing endless, nothing slow."""

import socket
import time
from pathlib import Path

import pytest

from ragraft.corpus.sources.fetch import Page, Refused, fetcher, is_public, suffix_of
from ragraft.corpus.sources.item import Unavailable
from ragraft.sourcing import FeedSource

from .servers import Reply, Server, place, serving


def fetch(server: Server, path: str = "/", *, allow: bool = True, limit: int = 1 << 20, seconds: float = 5) -> Page:
    allowed = (server.address,) if allow else ()
    source = FeedSource(type="feed", name="f", url="", allow_private=allowed, timeout_s=seconds)
    with fetcher(source, place(Path(), limit=limit)) as get:
        return get(path if "://" in path else server.url(path))


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_private_addresses_are_refused_whatever_their_spelling() -> None:
    with serving({"/": Reply(b"secret")}) as server:
        port = server.address.partition(":")[2]
        for host in ("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]"):
            with pytest.raises((Refused, Unavailable)):
                fetch(server, f"http://{host}:{port}/", allow=False)
        assert server.asked == []
        assert fetch(server).data == b"secret"


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_a_redirect_does_not_lead_inside(scheme: str) -> None:
    with serving({"/secret": Reply(b"secret")}) as inside:
        target = inside.url("/secret") if scheme == "http" else "file:///etc/passwd"
        away = Reply(status=302, headers={"Location": target})
        with serving({"/": away}) as outside, pytest.raises(Refused, match=r"not a public address|not an http"):
            fetch(outside)
        assert inside.asked == []


def test_a_name_is_resolved_once_and_the_checked_address_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["93.184.216.34", "127.0.0.1"])
    real = socket.getaddrinfo
    connected: list[str] = []

    def resolve(host: object, port: object, *args: object, **kwargs: object) -> object:
        if host == "rebind.example":
            return real(next(answers), port, type=socket.SOCK_STREAM)  # pyright: ignore[reportArgumentType]
        return real(host, port, *args, **kwargs)  # pyright: ignore[reportArgumentType, reportCallIssue]

    def connect(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        connected.append(address[0])
        raise OSError("not in a test")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    with serving({}) as server, pytest.raises(Unavailable):
        fetch(server, "http://rebind.example/")
    assert connected == ["93.184.216.34"]


def test_size_and_time_are_bounded() -> None:
    slow = Reply(b"x" * 400, drip=0.05)
    with serving({"/large": Reply(b"x" * 3000), "/slow": slow}) as server:
        with pytest.raises(Refused, match="larger than"):
            fetch(server, "/large", limit=1000)
        started = time.monotonic()
        with pytest.raises(Unavailable, match=r"too long|no answer"):
            fetch(server, "/slow", seconds=0.5)
        assert time.monotonic() - started < 3


def test_a_compressed_answer_is_measured_unpacked() -> None:
    import gzip

    small = Reply(gzip.compress(b"0" * 500), headers={"Content-Encoding": "gzip"})
    bomb = Reply(gzip.compress(b"0" * 5_000_000), headers={"Content-Encoding": "gzip"})
    with serving({"/small": small, "/bomb": bomb}) as server:
        assert fetch(server, "/small").data == b"0" * 500
        with pytest.raises(Refused, match="larger than 1 MB"):
            fetch(server, "/bomb")


@pytest.mark.parametrize(("status", "kind"), [(404, Refused), (403, Refused), (429, Unavailable), (503, Unavailable)])
def test_what_is_for_good_and_what_for_now(status: int, kind: type[Exception]) -> None:
    with serving({"/": Reply(status=status)}) as server, pytest.raises(kind, match=str(status)):
        fetch(server)


def test_endless_redirects_end() -> None:
    with (
        serving({"/": Reply(status=302, headers={"Location": "/"})}) as server,
        pytest.raises(Refused, match="redirects"),
    ):
        fetch(server)


@pytest.mark.parametrize(
    ("kind", "path", "suffix"),
    [
        ("text/html", "/a", ".html"),
        ("application/pdf", "/a", ".pdf"),
        ("text/plain", "/a.md", ".md"),
        ("application/octet-stream", "/a.docx", ".docx"),
        ("", "/a", ".html"),
    ],
)
def test_the_kind_of_a_page(kind: str, path: str, suffix: str) -> None:
    assert suffix_of(Page(url=f"http://x{path}", data=b"", kind=kind)) == suffix
