"""URL -> bytes, for servers that nobody vouches for. In: a URL. Out: a `Page`. Writes nothing.

Private, loopback and link-local addresses are refused: the name is resolved here, every address it has is checked, and the
connection goes to the checked address, so that neither a redirect nor a second DNS answer leads inside. Size, redirects and the
time of a whole request are bounded. Proxies from the environment are not used: they would connect unchecked.
"""

from __future__ import annotations

import contextlib
import ipaddress
import mimetypes
import socket
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

from ragraft.corpus.sources.item import Place, Unavailable, moment
from ragraft.sourcing import WebSection

if TYPE_CHECKING:
    import httpcore
    import httpx

AGENT = "ragraft"
_REDIRECTS = 5
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SUFFIXES = {"text/html": ".html", "application/xhtml+xml": ".html", "text/plain": ".txt", "text/markdown": ".md"}


class Refused(Exception):
    """Within this package: a page is not to be had, for good or by our own rules (404, a private address, too large)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a server sent. `url`: after redirects. `data` is empty when nothing changed since the validators given
    (`unchanged`)."""

    url: str
    data: bytes
    kind: str
    etag: str = ""
    last_modified: str = ""
    unchanged: bool = False

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.url).path)

    @property
    def modified(self) -> str | None:
        try:
            return moment(parsedate_to_datetime(self.last_modified)) if self.last_modified else None
        except ValueError:
            return None


Fetch = Callable[..., Page]
"""(url, *, etag="", last_modified="") -> Page. Raises `Refused` for good, `Unavailable` for now."""


@contextlib.contextmanager
def fetcher(source: WebSection, place: Place) -> Generator[Fetch]:
    """How to fetch for one source, over connections that are shared and closed at the end."""
    import httpx

    transport = _transport(frozenset(source.allow_private), source.timeout_s)
    headers = {"User-Agent": f"{AGENT}/{version('ragraft')}", "Accept-Encoding": "gzip"}
    with httpx.Client(transport=transport, timeout=source.timeout_s, headers=headers, trust_env=False) as client:

        def fetch(url: str, *, etag: str = "", last_modified: str = "") -> Page:
            validators = {"If-None-Match": etag, "If-Modified-Since": last_modified}
            asked = {name: value for name, value in validators.items() if value}
            deadline = time.monotonic() + source.timeout_s
            for _ in range(_REDIRECTS + 1):
                answer = _once(client, url, asked, place.limit, deadline)
                if isinstance(answer, Page):
                    return answer
                url = answer
            raise Refused(f"more than {_REDIRECTS} redirects")

        yield fetch


def suffix_of(page: Page) -> str:
    """The file ending of a page's kind; where the server names none that is known, that of its URL."""
    by_kind = _SUFFIXES.get(page.kind) or mimetypes.guess_extension(page.kind)
    in_url = PurePosixPath(page.path).suffix.lower()
    vague = by_kind is None or page.kind in ("application/octet-stream", "text/plain")
    return in_url if vague and in_url else by_kind or ".html"


def _once(client: httpx.Client, url: str, headers: dict[str, str], limit: int, deadline: float) -> Page | str:
    """One request: the page, or the URL that it redirects to."""
    import httpx

    if urlsplit(url).scheme not in ("http", "https"):
        raise Refused(f"not an http(s) address: {urlsplit(url).scheme}")
    try:
        with client.stream("GET", url, headers=headers) as response:
            if response.has_redirect_location:
                return urljoin(url, response.headers["location"])
            if response.status_code in (408, 425, 429) or response.status_code >= 500:
                raise Unavailable(f"the server answered {response.status_code}")
            if response.status_code not in (200, 304):
                raise Refused(f"the server answered {response.status_code}")
            return Page(
                url=url,
                data=_bounded(response, limit, deadline),
                kind=response.headers.get("content-type", "").partition(";")[0].strip().lower(),
                etag=response.headers.get("etag", ""),
                last_modified=response.headers.get("last-modified", ""),
                unchanged=response.status_code == 304,
            )
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
        raise Refused(f"not an address that can be fetched ({error})") from error
    except httpx.HTTPError as error:
        raise Unavailable(f"no answer ({type(error).__name__}{f': {error}' if str(error) else ''})") from error


def _bounded(response: httpx.Response, limit: int, deadline: float) -> bytes:
    data = bytearray()
    for part in response.iter_bytes(65536):
        data += part
        if len(data) > limit:
            raise Refused(f"larger than {limit >> 20} MB")
        if time.monotonic() > deadline:
            raise Unavailable("it took too long")
    return bytes(data)


def addresses(host: str, port: int) -> list[str]:
    """Every address of a host. Raises `Refused` when one of them is not public, `Unavailable` when there is none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise Unavailable(f"{host}: no such host ({error})") from error
    names = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    inside = next((name for name in names if not is_public(name)), None)
    if inside is not None:
        leads = "" if host == inside else f" leads to {inside}, which"
        raise Refused(
            f'{host}{leads} is not a public address; `allow_private = ["{host}:{port}"]` at its source would allow it'
        )
    return names


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet, also where it carries an IPv4 address inside (mapped, NAT64, 6to4,
    Teredo)."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast


def _transport(allowed: frozenset[str], seconds: float) -> httpx.BaseTransport:
    import httpcore
    import httpx

    class Stream(httpcore.NetworkStream):
        """A connection on which no single answer may take longer than `seconds` in all, however slowly it drips."""

        def __init__(self, inner: httpcore.NetworkStream) -> None:
            self.inner, self.deadline = inner, time.monotonic() + seconds

        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise httpcore.ReadTimeout("it took too long")
            return self.inner.read(max_bytes, left)

        def write(self, buffer: bytes, timeout: float | None = None) -> None:
            self.deadline = time.monotonic() + seconds  # a request begins
            self.inner.write(buffer, timeout)

        def close(self) -> None:
            self.inner.close()

        def start_tls(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
            return Stream(self.inner.start_tls(*args, **kwargs))

        def get_extra_info(self, info: str) -> Any:
            return self.inner.get_extra_info(info)

    class Backend(httpcore.NetworkBackend):
        """Connects to addresses that were checked, never to names."""

        def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> httpcore.NetworkStream:
            names = [host] if f"{host}:{port}" in allowed else addresses(host, port)
            for name in names:
                try:
                    return Stream(
                        httpcore.SyncBackend().connect_tcp(name, port, timeout, local_address, socket_options)
                    )
                except (httpcore.ConnectError, httpcore.ConnectTimeout):
                    continue
            raise httpcore.ConnectError(f"{host} does not answer")

    class Transport(httpx.HTTPTransport):
        def __init__(self) -> None:
            super().__init__(trust_env=False)
            self._pool = httpcore.ConnectionPool(ssl_context=httpx.create_ssl_context(), network_backend=Backend())

    return Transport()
