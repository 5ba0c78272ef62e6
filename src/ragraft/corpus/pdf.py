"""PDF bytes -> Markdown. In: a file's bytes. Out: `Content` with headings by font size, ruled tables as pipe tables and a
`<!-- page N -->` line at each page's start. Writes nothing.

kreuzberg checks the file (it names encrypted and damaged ones) and gives the plain text to fall back on. Its Markdown is not
used: in version 4.10 it glues words over line ends of tagged PDFs and mixes pages in their tables (docs/log.md).
"""

from __future__ import annotations

import itertools
import re
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from ragraft.corpus.content import Content, Unreadable
from ragraft.corpus.ocr import read_page
from ragraft.corpus.parse import extract

_HEADING_RATIO = 1.12
"""A line this much taller than the body text is a heading."""

_EDGE_LINES = 4
"""So many lines at a page's top and bottom may be running heads and feet."""

_SHORT = 60
"""Characters in a line that may be a running head wherever it stands."""

_TALLEST_ROW = 120
"""In points. Rules further apart belong to two tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line of text, or a whole table (`size` 0). Lengths are in points; `gap` is the space above, None at a page's top."""

    text: str
    size: float
    top: float
    bottom: float
    page: int
    gap: float | None = None


def read_pdf(data: bytes, languages: str = "eng") -> Content:
    """Raises `Unreadable` for encrypted and damaged files, and for those in which there is no text, not even by OCR. A page
    without text goes through OCR (`languages`: tesseract's); where that cannot be, it is named in the notes."""
    import pdfplumber
    from pdfplumber.utils.exceptions import PdfminerException

    fallback = extract(data, "application/pdf", pages=True, output="plain")
    notes: list[str] = []
    try:
        with pdfplumber.open(BytesIO(data)) as pdf:
            pages: list[list[_Line]] = []
            for number, page in enumerate(pdf.pages, start=1):
                pages.append(_page_lines(page, number) or _scanned(page, number, languages, notes))
                page.close()  # what it has laid out is of no use any more, and large
            title = str((pdf.metadata or {}).get("Title") or "")
    except (PdfminerException, ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError):
        return _with_text(fallback, notes)
    text = _markdown(_without_furniture(pages))
    # A font without a character map is read by one library and not by the other: keep the one that found the words.
    best = Content(text=text, title=title) if _words(text) >= 0.8 * _words(fallback.text) else fallback
    return _with_text(best, notes)


def _with_text(content: Content, notes: Sequence[str]) -> Content:
    if not _words(content.text):
        raise Unreadable("; ".join(notes) or "no text in it: its pages are blank, or drawings")
    return replace(content, notes=tuple(notes))


def _scanned(page: Any, number: int, languages: str, notes: list[str]) -> list[_Line]:
    """The lines that OCR finds on a page that holds pictures and no text."""
    if not page.images:
        return []
    try:
        text = read_page(page, languages)
    except Unreadable as error:
        notes.append(f"page {number}: {error}")
        return []
    blocks = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text)]
    # The places are not known: paragraphs are set apart by a gap of their own.
    return [
        _Line(text=block, size=10, top=40.0 * i, bottom=40.0 * i + 10, page=number, gap=30.0 if i else None)
        for i, block in enumerate(filter(None, blocks))
    ]


def _words(text: str) -> int:
    return len(re.findall(r"\w+", re.sub(r"<!--.*?-->", "", text)))


def _page_lines(page: Any, number: int) -> list[_Line]:
    """The page's lines in the order of its text, each table in the place of its first word."""
    ruled = [t for t in page.find_tables() if len(t.rows) > 1 and len(t.columns) > 1]
    tables = ruled or _row_ruled(page)
    lines: list[_Line] = []
    waiting: list[dict[str, Any]] = []
    seen: set[int] = set()
    for word in page.extract_words(use_text_flow=True, extra_attrs=["size"]):
        inside = next((i for i, table in enumerate(tables) if _inside(word, table.bbox)), None)
        if inside is None:
            waiting.append(word)
        elif inside not in seen:
            seen.add(inside)
            table = tables[inside]
            text = _pipe_table(table.extract())
            lines += _lines(waiting, number)
            lines.append(_Line(text=text, size=0, top=table.bbox[1], bottom=table.bbox[3], page=number))
            waiting = []
    lines += _lines(waiting, number)
    above = [None, *(line.bottom for line in lines[:-1])]
    return [replace(x, gap=None if b is None else x.top - b) for x, b in zip(lines, above, strict=False)]


def _row_ruled(page: Any) -> list[Any]:
    """Tables with rules between rows only. A browser draws such a rule cell by cell: its pieces give the columns."""
    rows: dict[int, set[int]] = {}
    for edge in page.edges:
        if edge["orientation"] == "h":
            rows.setdefault(round(edge["top"] / 2), set()).update((round(edge["x0"]), round(edge["x1"])))
    groups: list[tuple[frozenset[int], list[int]]] = []
    for key in sorted(rows):
        top, columns = key * 2, frozenset(rows[key])
        if len(columns) > 2 and groups and groups[-1][0] == columns and top - groups[-1][1][-1] < _TALLEST_ROW:
            groups[-1][1].append(top)
        elif len(columns) > 2:
            groups.append((columns, [top]))
    tables: list[Any] = []
    for columns, tops in groups:
        lines = [t for i, t in enumerate(tops) if i == 0 or t - tops[i - 1] > 4]
        if len(lines) < 3:
            continue
        tables += page.find_tables(
            {
                "vertical_strategy": "explicit",
                "horizontal_strategy": "explicit",
                "explicit_vertical_lines": _rules(sorted(columns), "x", lines),
                "explicit_horizontal_lines": _rules(lines, "top", sorted(columns)),
            }
        )
    return [t for t in tables if len(t.rows) > 1 and len(t.columns) > 1]


def _rules(places: Sequence[int], axis: str, across: Sequence[int]) -> list[dict[str, Any]]:
    """Rules at each place along one axis, as long as the table (`across`: its rules on the other axis)."""
    low, high = across[0], across[-1]
    if axis == "x":
        return [_edge(x, x, low, high, "v") for x in places]
    return [_edge(low, high, y, y, "h") for y in places]


def _edge(x0: int, x1: int, top: int, bottom: int, orientation: str) -> dict[str, Any]:
    size = {"width": x1 - x0, "height": bottom - top}
    return {"x0": x0, "x1": x1, "top": top, "bottom": bottom, "orientation": orientation, "object_type": "line", **size}


def _inside(word: dict[str, Any], box: Sequence[float]) -> bool:
    x, y = (word["x0"] + word["x1"]) / 2, (word["top"] + word["bottom"]) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _lines(words: Sequence[dict[str, Any]], page: int) -> list[_Line]:
    rows: list[list[dict[str, Any]]] = []
    for word in words:
        last = rows[-1][-1] if rows else None
        same = (
            last is not None and abs(word["bottom"] - last["bottom"]) < 0.5 * last["size"] and word["x0"] > last["x0"]
        )
        if same:
            rows[-1].append(word)
        else:
            rows.append([word])
    return [
        _Line(
            text=" ".join(w["text"] for w in row),
            size=round(statistics.median(w["size"] for w in row), 1),
            top=min(w["top"] for w in row),
            bottom=max(w["bottom"] for w in row),
            page=page,
        )
        for row in rows
    ]


def _pipe_table(rows: Sequence[Sequence[str | None]]) -> str:
    cells = [[" ".join((cell or "").split()).replace("|", r"\|") for cell in row] for row in rows]
    written = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([written[0], f"|{' --- |' * len(cells[0])}", *written[1:]])


def _without_furniture(pages: list[list[_Line]]) -> list[_Line]:
    """All lines but those at the top and bottom edges that recur on most pages (running heads, page numbers, source lines)."""
    seen: Counter[tuple[str, int]] = Counter()
    for page in pages:
        seen.update({_shape(line) for edge in _edges(page) for line in edge})
    repeated = {shape for shape, n in seen.items() if n >= 3 and n >= 0.6 * len(pages)}
    furniture = {
        id(line)
        for page in pages
        for edge in _edges(page)
        for line in itertools.takewhile(lambda x: _shape(x) in repeated, edge)
    }
    return [line for page in pages for line in page if id(line) not in furniture]


def _edges(page: Sequence[_Line]) -> tuple[list[_Line], list[_Line]]:
    """The lines nearest to the top and to the bottom, from the edge inward. By place: in some files a page's foot is its first text."""
    down = sorted(page, key=lambda line: line.top)
    return down[:_EDGE_LINES], down[: -_EDGE_LINES - 1 : -1]


def _shape(line: _Line) -> tuple[str, int]:
    """Equal for a running head of every page: the words, whatever the numbers; of a long line also the height, since the lines
    of a paragraph may recur as well."""
    return re.sub(r"\d+", "0", line.text), round(line.top / 3) if len(line.text) > _SHORT else 0


def _markdown(lines: Sequence[_Line]) -> str:
    levels = _levels(lines)
    gaps = sorted(line.gap for line in lines if line.gap is not None and line.gap > 0)
    usual = gaps[len(gaps) // 4] if gaps else 0.0
    out: list[str] = []
    for before, line in zip([None, *lines], lines, strict=False):
        level = levels.get(line.size, 0)
        new_page = before is None or before.page != line.page
        if _starts_block(before, line, usual, levels):
            out.append("")
        if new_page:
            out.append(f"<!-- page {line.page} -->")
        continues = before is not None and level and levels.get(before.size) == level and not _apart(line, usual)
        if continues and not new_page:
            out[-1] = f"{out[-1]} {line.text}"
        else:
            out.append(f"{'#' * level} {line.text}" if level else line.text)
    return "\n".join(out)


def _levels(lines: Sequence[_Line]) -> dict[float, int]:
    """Heading level by font size: the sizes above the body text's, largest first."""
    weight: Counter[float] = Counter()
    for line in lines:
        weight[line.size] += len(line.text) if line.size else 0
    if not weight:
        return {}
    body = weight.most_common(1)[0][0]
    sizes = sorted((size for size in weight if size >= _HEADING_RATIO * body and size), reverse=True)
    return {size: min(level, 6) for level, size in enumerate(sizes, start=1)}


def _apart(line: _Line, usual: float) -> bool:
    return line.gap is None or line.gap < 0 or line.gap > usual + 0.3 * (line.size or 10)


def _starts_block(before: _Line | None, line: _Line, usual: float, levels: dict[float, int]) -> bool:
    if before is None:
        return False
    if before.page != line.page:
        # A sentence that runs over the page's end goes on; anything else starts anew.
        runs_on = before.size == line.size and line.text[:1].islower() and before.text[-1:] not in ".!?:"
        return not runs_on
    return (
        before.size != line.size
        and (not before.size or not line.size or levels.get(before.size, 0) != levels.get(line.size, 0))
    ) or _apart(line, usual)
