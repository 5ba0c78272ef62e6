"""An `Item` -> its text as Markdown. In: one document found. Out: a `Document`, or `Skipped` with the reason; a bad file never
raises. Writes nothing.

Markdown, text and source code are read as they are, without front matter. PDF goes through `corpus.pdf`, pictures through
`corpus.ocr`, archives and mail through `corpus.packed`; HTML, Office files, CSV and the rest through kreuzberg. Pages and slides
leave `<!-- page N -->` lines, which `corpus.chunk` turns into page numbers.
"""

from __future__ import annotations

import functools
import html
import lzma
import re
import tarfile
import tempfile
import zipfile
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import PurePosixPath

from ragraft.config import DocumentsSection
from ragraft.corpus.content import Content, Unreadable
from ragraft.corpus.front import SIDE, Front, Unclear, both, read_meta, read_side, split_front
from ragraft.corpus.packed import PACKED, Budget, TooLarge, members
from ragraft.corpus.sources.item import Item, Unavailable
from ragraft.types import Document, Skipped

MARKDOWN = (".md", ".markdown", ".mdx")
TEXT = (".txt", ".text", ".rst", ".adoc")
HTML = (".html", ".htm", ".xhtml")

_PAGE = "RAGRAFTPAGE"
_SECONDS = 120
"""For one file in kreuzberg."""
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w-]+)", re.I)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.I | re.S)
_HEAD = re.compile(r"<head[\s>].*?</head>", re.I | re.S)
_FENCE = re.compile(r"^ {0,3}(```|~~~).*?(^ {0,3}\1|\Z)", re.M | re.S)
_H1 = re.compile(r"^ {0,3}#[ \t]+(\S.*?)[ \t]*#*[ \t]*$|^ {0,3}(\S[^\n]*)\n {0,3}=+[ \t]*$", re.M)
_OFFICE = (".docx", ".pptx", ".xlsx")


def parse(item: Item, section: DocumentsSection | None = None) -> Document | Skipped:
    """The document, or the reason why there is none. The title is the front matter's, else the source's, else the first H1,
    else the HTML title or the file's own metadata, else the file name made readable. A mail's is its subject."""
    section = section or DocumentsSection()
    content = _content(item, section)
    if isinstance(content, Skipped):
        return content
    text = content.text.strip()
    if not re.search(r"\w", re.sub(r"<!--.*?-->", "", text, flags=re.S)):
        return Skipped(source=item.id, reason="; ".join(("empty: there is no text in it", *content.notes)))
    given = content.title if item.suffix in PACKED else ""
    title = content.front.title or item.title or given or first_heading(text) or content.title or readable(item.id)
    return Document(
        id=item.id,
        title=title,
        text=text,
        hash=item.hash,
        readers=item.readers,
        tags=item.tags,
        modified=item.modified,
        own_readers=content.front.readers,
        own_tags=content.front.tags,
        notes=content.notes,
    )


def _content(item: Item, section: DocumentsSection) -> Content | Skipped:
    """What can be read; `kept` where it may be read another time."""
    reason, kept = "", False
    try:
        content = _read(item.id, item.suffix, item.read(), section, Budget(section.max_megabytes << 20))
        return replace(content, front=both(content.front, read_side(item.side))) if item.side else content
    except OSError as error:
        reason, kept = f"cannot be opened ({error.strerror})", not isinstance(error, FileNotFoundError)
    except Unavailable as error:
        reason, kept = str(error), True
    except (Unreadable, Unclear) as error:
        reason = str(error)
    return Skipped(source=item.id, reason=reason, kept=kept)


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


def _read(name: str, suffix: str, data: bytes, section: DocumentsSection, budget: Budget) -> Content:
    if not data.strip():
        raise Unreadable("empty: the file has no bytes" if not data else "empty: there is only white space in it")
    _check_kind(suffix, data)
    if suffix in MARKDOWN + TEXT:
        return _read_text(data)
    if suffix in HTML:
        return _read_html(data)
    if suffix in PACKED:
        return _read_packed(name, data, section, budget)
    if suffix == ".pdf":
        from ragraft.corpus.pdf import read_pdf

        return read_pdf(data, section.ocr)
    return _read_other(suffix, data, section)


def _read_packed(name: str, data: bytes, section: DocumentsSection, budget: Budget) -> Content:
    """Every member that can be read, below a heading with its name; the others are noted."""
    mail = name.lower().endswith(".eml")
    body = extract(data, "message/rfc822", pages=False) if mail else Content(text="", title=readable(name))
    if budget.depth == 0:
        raise Unreadable("an archive in an archive in an archive: it is not opened any deeper")
    texts, notes = [body.text], [*body.notes]
    inner = Budget(budget.left, budget.depth - 1)
    try:
        for member in members(name, data, inner):
            try:
                if member.fault:
                    raise Unreadable(member.fault)
                if member.name.endswith(SIDE):
                    raise Unreadable("a side file, which has no force in an archive: unpack it")
                found = _read(member.name, PurePosixPath(member.name).suffix.lower(), member.data, section, inner)
                if section.front_matter and found.front.readers != Front().readers:
                    raise Unreadable("it names readers of its own, which an archive cannot keep: unpack it")
                texts.append(f"## {member.name}\n\n{found.text.strip()}")
                notes += [f"{member.name}: {note}" for note in found.notes]
            except Unreadable as error:
                notes.append(f"{member.name}: {error}")
    except TooLarge:
        raise Unreadable(
            f"it unpacks to more than {section.max_megabytes} MB (`max_megabytes` in [documents])"
        ) from None
    except (ValueError, EOFError, OSError, zlib.error, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError) as error:
        raise Unreadable(f"damaged or cut off ({error})") from error
    finally:
        budget.left = inner.left
    if notes and not any(text.strip() for text in texts):
        raise Unreadable("; ".join(notes[:5]))
    return Content(text="\n\n".join(t for t in texts if t.strip()), title=body.title, notes=tuple(notes))


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


def _read_text(data: bytes) -> Content:
    try:
        front, text = split_front(decode(data).strip())
    except Unclear as error:
        raise Unreadable(str(error)) from error
    if not text:
        raise Unreadable("empty: there is nothing but front matter in it")
    return Content(text=text, front=front)


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


def _read_other(suffix: str, data: bytes, section: DocumentsSection) -> Content:
    mime = _mime(suffix)
    if not mime:
        kind = suffix or "a file without an ending"
        raise Unreadable(f"{kind} is not a kind of document that can be read; leave it out by an exclude glob")
    if mime == "text/x-source-code":
        return Content(text=decode(data))
    if mime.startswith("image/") and mime != "image/svg+xml":
        from ragraft.corpus.ocr import read_image

        return Content(text=read_image(data, section.ocr))
    _check_unpacked(data, section)
    return extract(data, mime, pages="presentation" in mime)


@functools.cache
def _mime(suffix: str) -> str:
    """kreuzberg's name for a kind of file; empty when it knows none. It tells by the ending of a file that has to exist."""
    import kreuzberg

    try:
        with tempfile.NamedTemporaryFile(suffix=suffix) as file:
            return kreuzberg.validate_mime_type(kreuzberg.detect_mime_type_from_path(file.name))
    except (kreuzberg.KreuzbergError, OSError, ValueError, RuntimeError):
        return ""


def _check_unpacked(data: bytes, section: DocumentsSection) -> None:
    """Office and e-book files are zip archives: one that unpacks to too much is not handed to a parser."""
    if not data.startswith(b"PK\x03\x04"):
        return
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            size = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, ValueError, EOFError, OSError):
        return  # damaged: the parser says how
    if size > section.max_megabytes << 20:
        raise Unreadable(f"it unpacks to {size >> 20} MB, more than {section.max_megabytes} (`max_megabytes`)")


def extract(data: bytes, mime: str, *, pages: bool, output: str = "markdown") -> Content:
    """kreuzberg's text of a file, without OCR, with page markers where asked. Raises `Unreadable`."""
    import kreuzberg

    # The marker is one word of letters: kreuzberg escapes any punctuation in it.
    marked = kreuzberg.PageConfig(insert_page_markers=True, marker_format=f"\n\n{_PAGE}{{page_num}}\n\n")
    config = kreuzberg.ExtractionConfig(
        output_format=output,
        use_cache=False,
        pages=marked if pages else None,
        extraction_timeout_secs=_SECONDS,
        disable_ocr=True,  # pyright: ignore[reportCallIssue]  # missing from kreuzberg's stub, not from the class
    )
    try:
        result = kreuzberg.extract_bytes_sync(data, mime, config)
    except (kreuzberg.KreuzbergError, OSError, ValueError, RuntimeError) as error:
        raise Unreadable(_reason(str(error))) from error
    text = re.sub(rf"{_PAGE}(\d+)", r"<!-- page \1 -->", result.content)
    return Content(
        text=text, title=" ".join(str(result.metadata.get("title") or result.metadata.get("subject") or "").split())
    )


def _reason(message: str) -> str:
    if re.search(r"password|encrypt", message, re.I):
        return "encrypted: save it again without a password"
    return f"damaged or cut off ({message.removeprefix('ParsingError: ')[:120]})"
