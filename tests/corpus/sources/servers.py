"""A web server of this machine, with pages that a test may change, and a list of what was asked of it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ragraft.corpus.sources import Place


@dataclass
class Reply:
    """`etag`: answered with 304 when it is sent back. `drip`: seconds between two bytes."""

    body: bytes = b""
    kind: str = "text/html"
    status: int = 200
    etag: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    drip: float = 0.0


@dataclass
class Server:
    address: str
    pages: dict[str, Reply]
    asked: list[str]
    stop: threading.Event

    def url(self, path: str = "/") -> str:
        return f"http://{self.address}{path}"


def page(*links: str, title: str = "T", text: str = "Words.", head: str = "") -> bytes:
    anchors = "".join(f'<a href="{link}">x</a>' for link in links)
    return (
        f"<html><head><title>{title}</title>{head}</head><body><h1>{title}</h1><p>{text}</p>{anchors}</body>".encode()
    )


@contextlib.contextmanager
def serving(pages: dict[str, Reply]) -> Generator[Server]:
    asked: list[str] = []
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            reply = pages.get(self.path, Reply(status=404))
            same = bool(reply.etag) and self.headers.get("If-None-Match") == reply.etag
            self.send_response(304 if same else reply.status)
            self.send_header("Content-Type", reply.kind)
            body = b"" if same else reply.body
            self.send_header("Content-Length", str(len(body)))
            for name, value in {**({"ETag": reply.etag} if reply.etag else {}), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                if not reply.drip:
                    self.wfile.write(body)
                for byte in body if reply.drip else b"":
                    if stop.is_set():
                        return
                    self.wfile.write(bytes([byte]))
                    time.sleep(reply.drip)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Server(address=f"127.0.0.1:{server.server_port}", pages=pages, asked=asked, stop=stop)
    finally:
        stop.set()
        server.shutdown()
        server.server_close()


def place(folder: Path, *, limit: int = 1 << 20, remember: bool = False, **variables: str) -> Place:
    return Place(folder=folder, limit=limit, settings=variables, remembered=folder / "state" if remember else None)
