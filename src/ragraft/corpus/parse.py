"""A `Source` -> its text as Markdown. In: one file. Out: a `Document`, or `Skipped` with the reason; a bad file never raises.
Writes nothing.

Markdown and text are read as they are, without front matter. PDF goes through `corpus.pdf`; HTML, Office files, CSV and the
rest through kreuzberg. Pages and slides leave `<!-- page N -->` lines, which `corpus.chunk` turns into page numbers.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ragraft.corpus.front import Front, Unclear, read_meta, split_front
from ragraft.corpus.sources import Source
from ragraft.types import Document, Skipped

MARKDOWN = (".md", ".markdown", ".mdx")
TEXT = (".txt", ".text", ".rst", ".adoc")
HTML = (".html", ".htm", ".xhtml")

_PAGE = "RAGRAFTPAGE"
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w-]+)", re.I)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.I | re.S)
_HEAD = re.compile(r"<head[\s>].*?</head>", re.I | re.S)
_FENCE = re.compile(r"^ {0,3}(```|~~~).*?(^ {0,3}\1|\Z)", re.M | re.S)
_H1 = re.compile(r"^ {0,3}#[ \t]+(\S.*?)[ \t]*#*[ \t]*$|^ {0,3}(\S[^\n]*)\n {0,3}=+[ \t]*$", re.M)
_OFFICE = (".docx", ".pptx", ".xlsx")


class Unreadable(Exception):
    """Within this package: a file cannot be read, and why, in plain words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a format's reader found: Markdown, and the title where the format itself holds one."""

    text: str
    title: str = ""
    front: Front = field(default_factory=Front)


def parse(source: Source) -> Document | Skipped:
    """The document, or the reason why there is none. The title is the front matter's, else the first H1, else the HTML
    title or the file's own metadata, else the file name made readable."""
    try:
        data = source.path.read_bytes()
        content = _read(source, data)
    except OSError as error:
        return Skipped(source=source.id, reason=f"cannot be opened ({error.strerror})")
    except Unreadable as error:
        return Skipped(source=source.id, reason=str(error))
    text = content.text.strip()
    if not re.search(r"\w", re.sub(r"<!--.*?-->", "", text, flags=re.S)):
        return Skipped(source=source.id, reason="empty: there is no text in it")
    front = content.front
    if source.path.suffix.lower() in MARKDOWN + TEXT:
        try:
            front, text = split_front(text)
        except Unclear as error:
            return Skipped(source=source.id, reason=str(error))
    if not text:
        return Skipped(source=source.id, reason="empty: there is nothing but front matter in it")
    title = front.title or first_heading(text) or content.title or readable(source.id)
    return Document(
        id=source.id,
        title=title,
        text=text,
        hash=source.hash,
        readers=source.readers,
        own_readers=front.readers,
        own_tags=front.tags,
    )


def first_heading(text: str) -> str:
    """The first level-one heading of a Markdown text outside code fences, without its markup; empty when there is none."""
    found = _H1.search(_FENCE.sub("", text))
    return plain(found[1] or found[2]) if found else ""


def plain(heading: str) -> str:
    """A heading's words without emphasis, code marks, links and escapes."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"(\*\*|__|`|(?<!\w)[*_]|(?<!\\)[*_](?!\w))", "", text)
    return " ".join(html.unescape(re.sub(r"\\([^\w\s])", r"\1", text)).split())


def readable(document: str) -> str:
    """`billing/failed-payments.md` -> `Failed payments`."""
    words = re.sub(r"[-_.\s]+", " ", PurePosixPath(document).stem).strip() or document
    return words[0].upper() + words[1:]


def _read(source: Source, data: bytes) -> Content:
    if not data.strip():
        raise Unreadable("empty: the file has no bytes" if not data else "empty: there is only white space in it")
    suffix = source.path.suffix.lower()
    _check_kind(suffix, data)
    if suffix in MARKDOWN + TEXT:
        return Content(text=decode(data))
    if suffix in HTML:
        return _read_html(data)
    if suffix == ".pdf":
        from ragraft.corpus.pdf import read_pdf

        return read_pdf(data)
    return _read_other(source, data)


def _check_kind(suffix: str, data: bytes) -> None:
    """Refuse files whose first bytes contradict their name, with a better reason than a parser would give."""
    if suffix == ".pdf" and b"%PDF-" not in data[:1024]:
        raise Unreadable(f"not a PDF in spite of its name{_looks_like(data)}")
    if suffix in _OFFICE and not data.startswith(b"PK"):
        if data.startswith(b"\xd0\xcf\x11\xe0"):
            raise Unreadable("encrypted, or an old Office file: save it again without a password")
        raise Unreadable(f"not a {suffix[1:].upper()} file in spite of its name{_looks_like(data)}")


def _looks_like(data: bytes) -> str:
    kinds = {
        b"PK\x03\x04": "a zip archive or Office file",
        b"%PDF-": "a PDF",
        b"\x89PNG": "a PNG image",
        b"<": "HTML or XML",
    }
    return next((f": it looks like {name}" for magic, name in kinds.items() if data.lstrip().startswith(magic)), "")


def decode(data: bytes) -> str:
    """Bytes as text with Unix line ends: UTF-8, UTF-16 with its mark, else Windows-1252. Raises `Unreadable` on binary data."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", errors="replace")
    odd = sum(1 for c in text if c == "\ufffd" or (c < " " and c not in "\t\n\r\f\v"))
    if "\x00" in text or odd > 0.02 * len(text):
        raise Unreadable(f"not text: it holds binary data{_looks_like(data)}")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read_html(data: bytes) -> Content:
    charset = _CHARSET.search(data[:2048])
    try:
        text = data.decode(charset[1].decode()) if charset else decode(data)
    except (LookupError, UnicodeDecodeError):
        text = decode(data)
    title = _TITLE.search(text)
    # Left in, the head's metadata would stand at the top of the text as if it were the author's.
    body = extract(_HEAD.sub("", text, count=1).encode(), "text/html", pages=False)
    try:
        front = read_meta(text)
    except Unclear as error:
        raise Unreadable(str(error)) from error
    return Content(text=body.text, title=" ".join(html.unescape(title[1]).split()) if title else "", front=front)


def _read_other(source: Source, data: bytes) -> Content:
    import kreuzberg

    try:
        mime = kreuzberg.validate_mime_type(kreuzberg.detect_mime_type_from_path(source.path))
    except (kreuzberg.KreuzbergError, OSError, ValueError, RuntimeError):
        mime = ""
    if not mime or mime.startswith(("image/", "text/x-")):
        kind = source.path.suffix or "a file without an ending"
        raise Unreadable(f"{kind} is not a kind of document that can be read; leave it out by an exclude glob")
    return extract(data, mime, pages="presentation" in mime)


def extract(data: bytes, mime: str, *, pages: bool, output: str = "markdown") -> Content:
    """kreuzberg's text of a file, without OCR, with page markers where asked. Raises `Unreadable`."""
    import kreuzberg

    # The marker is one word of letters: kreuzberg escapes any punctuation in it.
    marked = kreuzberg.PageConfig(insert_page_markers=True, marker_format=f"\n\n{_PAGE}{{page_num}}\n\n")
    config = kreuzberg.ExtractionConfig(
        output_format=output,
        use_cache=False,
        pages=marked if pages else None,
        disable_ocr=True,  # pyright: ignore[reportCallIssue]  # missing from kreuzberg's stub, not from the class
    )
    try:
        result = kreuzberg.extract_bytes_sync(data, mime, config)
    except (kreuzberg.KreuzbergError, OSError, ValueError, RuntimeError) as error:
        raise Unreadable(_reason(str(error))) from error
    text = re.sub(rf"{_PAGE}(\d+)", r"<!-- page \1 -->", result.content)
    return Content(text=text, title=" ".join(str(result.metadata.get("title") or "").split()))


def _reason(message: str) -> str:
    if re.search(r"password|encrypt", message, re.I):
        return "encrypted: save it again without a password"
    return f"damaged or cut off ({message.removeprefix('ParsingError: ')[:120]})"
