"""A `Document` -> its `Chunk`s. In: Markdown and the embedder's tokenizer. Out: pieces within the token budget, each below
one heading path. Writes nothing.

A section that fits is one chunk. A longer one is cut between its blocks, prose by semantic-text-splitter and tables between
rows, with the header row repeated in every part.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragraft.config import ChunksSection
from ragraft.corpus.parse import plain
from ragraft.errors import ConfigError
from ragraft.types import Chunk, Document

if TYPE_CHECKING:
    from semantic_text_splitter import MarkdownSplitter
    from tokenizers import Tokenizer

SEPARATOR = " › "

_PAGE = re.compile(r"^\s*<!-- page (\d+) -->\s*$")
_ATX = re.compile(r"^ {0,3}(#{1,6})(?:[ \t]+(.*?))??(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_DELIMITER = re.compile(r"^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    text: str
    page: int | None
    level: int = 0
    """Of a heading, 1 to 6; 0 for any other line."""
    table: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    path: tuple[str, ...]
    lines: tuple[_Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    text: str
    page: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tools:
    """How to count tokens and cut prose for one tokenizer and budget."""

    count: Callable[[str], int]
    splitter: MarkdownSplitter
    limit: int


def chunk(document: Document, tokenizer: Tokenizer | Callable[[str], int], config: ChunksSection) -> tuple[Chunk, ...]:
    """The document's chunks in reading order; ids are `document.id#position`, positions count from 0.

    `tokenizer`: the embedder's own, or a function that counts a text's tokens. The budget `config.max_tokens` and
    `Chunk.tokens` cover the chunk's text without its title and heading path. One table row that is longer than the budget by
    itself stays whole. A heading without text below it stands as text in the section around it. Raises `ConfigError` when the
    overlap is not smaller than the budget.
    """
    tools = _tools(tokenizer, config.max_tokens, config.overlap_tokens)
    pieces = [
        (SEPARATOR.join(section.path), piece)
        for section in _sections(_scan(document.text), document.title)
        for piece in _cut(section.lines, tools)
    ]
    return tuple(
        Chunk(
            id=f"{document.id}#{position}",
            document=document.id,
            title=document.title,
            heading=heading,
            text=piece.text,
            position=position,
            tokens=tools.count(piece.text),
            readers=document.readers,
            page=piece.page,
            tags=tuple(dict.fromkeys((*document.tags, *document.own_tags))),
            modified=document.modified,
            own_readers=document.own_readers,
        )
        for position, (heading, piece) in enumerate(pieces)
    )


@functools.lru_cache(maxsize=8)
def _tools(tokenizer: Tokenizer | Callable[[str], int], limit: int, overlap: int) -> _Tools:
    from semantic_text_splitter import MarkdownSplitter
    from tokenizers import Tokenizer

    if overlap >= limit:
        raise ConfigError(
            f"chunks.overlap_tokens = {overlap} must be below chunks.max_tokens = {limit}: make it smaller"
        )
    if not isinstance(tokenizer, Tokenizer):
        return _Tools(count=tokenizer, splitter=MarkdownSplitter.from_callback(tokenizer, limit, overlap), limit=limit)
    # A copy: truncation and padding, which embedders switch on, would falsify the counts.
    own = Tokenizer.from_str(tokenizer.to_str())
    own.no_truncation()
    own.no_padding()
    return _Tools(
        count=lambda text: len(own.encode(text, add_special_tokens=False)),
        splitter=MarkdownSplitter.from_huggingface_tokenizer(own, limit, overlap),
        limit=limit,
    )


def _scan(text: str) -> list[_Line]:
    """Every line with its page and kind: heading, table row, or other. Page marks are taken out."""
    lines: list[_Line] = []
    page: int | None = None
    fence = ""
    in_table = False
    raw = text.split("\n")
    for number, line in enumerate(raw):
        if mark := _PAGE.match(line):
            page = int(mark[1])
            continue
        if fence:
            fence = "" if line.strip().startswith(fence) and not line.strip().strip(fence[0]) else fence
            lines.append(_Line(text=line, page=page))
            continue
        opened = _FENCE.match(line)
        fence = opened[1] if opened else ""
        after = raw[number + 1] if number + 1 < len(raw) else ""
        in_table = "|" in line and (in_table or ("|" in after and _DELIMITER.match(after) is not None))
        lines.append(_classify(line, lines, page, in_table))
    return lines


def _classify(line: str, lines: list[_Line], page: int | None, in_table: bool) -> _Line:
    """One line outside fences. A line of = or - below a paragraph of one line turns that line into a heading."""
    if in_table:
        return _Line(text=line, page=page, table=True)
    if atx := _ATX.match(line):
        return _Line(text=atx[2] or "", page=page, level=len(atx[1]))
    above = lines[-1] if lines else None
    alone = len(lines) < 2 or not lines[-2].text.strip() or lines[-2].level != 0
    if (
        (rule := _SETEXT.match(line))
        and above
        and above.text.strip()
        and above.level == 0
        and not above.table
        and alone
    ):
        lines[-1] = _Line(text=above.text.strip(), page=above.page, level=1 if rule[1][0] == "=" else 2)
        return _Line(text="", page=page)
    return _Line(text=line, page=page)


def _sections(lines: Sequence[_Line], title: str) -> list[_Section]:
    """The text below each heading with its path. A heading with neither text nor deeper headings becomes a line of text in
    the section around it, so that no word is lost and no heading stands alone."""
    sections: list[_Section] = []
    stack: list[_Line] = []
    body: list[_Line] = []

    def close(next_level: int) -> None:
        nonlocal body
        empty = not any(line.text.strip() for line in body)
        if empty and stack and next_level <= stack[-1].level:
            bare = stack.pop()
            body = [_Line(text=bare.text, page=bare.page)]
        path = tuple(plain(h.text) for h in stack)
        path = tuple(p for p in (path[1:] if path[:1] == (plain(title),) else path) if p)
        if any(line.text.strip() for line in body):
            if sections and sections[-1].path == path:
                sections[-1] = _Section(path=path, lines=(*sections[-1].lines, _Line(text="", page=None), *body))
            else:
                sections.append(_Section(path=path, lines=tuple(body)))
        body = []

    for line in lines:
        if line.level:
            close(line.level)
            stack = [h for h in stack if h.level < line.level] + [line]
        else:
            body.append(line)
    close(0)
    return sections


def _cut(lines: Sequence[_Line], tools: _Tools) -> list[_Piece]:
    whole = _piece(lines)
    if tools.count(whole.text) <= tools.limit:
        return [whole]
    blocks = [_table(b, tools) if b[0].table else _prose(b, tools) for b in _blocks(lines)]
    pieces: list[_Piece] = []
    for block in blocks:
        first, *rest = block
        joined = f"{pieces[-1].text}\n\n{first.text}" if pieces else ""
        # A table keeps the sentence that introduces it, where both fit.
        if pieces and tools.count(joined) <= tools.limit:
            pieces[-1] = _Piece(text=joined, page=pieces[-1].page)
            pieces.extend(rest)
        else:
            pieces.extend(block)
    return pieces


def _piece(lines: Sequence[_Line]) -> _Piece:
    full = [line for line in lines if line.text.strip()]
    return _Piece(text="\n".join(line.text for line in lines).strip(), page=full[0].page if full else None)


def _blocks(lines: Sequence[_Line]) -> list[list[_Line]]:
    """Runs of table rows and of other lines; runs of blank lines are dropped."""
    runs: list[list[_Line]] = []
    for line in lines:
        if runs and runs[-1][0].table == line.table:
            runs[-1].append(line)
        else:
            runs.append([line])
    return [run for run in runs if any(line.text.strip() for line in run)]


def _prose(lines: Sequence[_Line], tools: _Tools) -> list[_Piece]:
    text = "\n".join(line.text for line in lines)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.text) + 1)
    pages = [line.page for line in lines]
    pieces: list[_Piece] = []
    at = 0
    for offset, part in tools.splitter.chunk_indices(text):
        while starts[at + 1] <= offset:
            at += 1
        pieces.append(_Piece(text=part, page=pages[at]))
    return pieces


def _table(rows: Sequence[_Line], tools: _Tools) -> list[_Piece]:
    """The table, whole where it fits, else in parts of whole rows under the repeated header."""
    header = [rows[0].text, rows[1].text] if len(rows) > 1 else [rows[0].text]
    whole = _piece(rows)
    if tools.count(whole.text) <= tools.limit or len(rows) <= len(header):
        return [whole]
    # A header that fills most of the budget would leave no room for rows.
    repeated = header if tools.count("\n".join(header)) <= tools.limit // 2 else []
    room = tools.limit - tools.count("\n".join(header))
    parts: list[_Piece] = []
    current, used, page = list(header), 0, rows[0].page
    for row in rows[len(header) :]:
        cost = tools.count(f"\n{row.text}")
        if len(current) > len(header if not parts else repeated) and used + cost > room:
            parts.append(_Piece(text="\n".join(current).strip(), page=page))
            current, used, page, room = list(repeated), 0, row.page, tools.limit - tools.count("\n".join(repeated))
        current.append(row.text)
        used += cost
    return [*parts, _Piece(text="\n".join(current).strip(), page=page)]
