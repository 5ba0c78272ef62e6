"""Sources -> index. In: a `Context`. Out: a `SyncReport`, or a `SyncPlan` of what would change. Writes the index, and what web
servers said of their pages.

Two passes. The first looks at every source and compares keys, so that what changed is known before anything is written. The
second reads, cuts, embeds and commits only that, batch by batch; no more than a batch of texts is held, and a batch committed
is never lost. What a source hands over while it is looked at waits in a nameless temporary file.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ragraft import index_cost
from ragraft.config import ChunksSection
from ragraft.context import Context
from ragraft.corpus import tombstones
from ragraft.corpus.chunk import chunk
from ragraft.corpus.parse import parse
from ragraft.corpus.sources import Item, Part, Place, Unavailable, owner, parts
from ragraft.corpus.sources import settings as environment
from ragraft.errors import ConfigError, StoreError
from ragraft.meter import metered
from ragraft.retrieve.index import Entry, Index, content_key, search_text
from ragraft.systems.instructions import instructions
from ragraft.types import EVERYONE, Document, Flagged, Move, Skipped, SyncPlan, SyncReport
from ragraft.workspace import fingerprint

_STILL_MS = 200
"""How long a watched folder is waited for before `changes` says that nothing happened."""
CHUNKS_A_COMMIT = 512

Vector = NDArray[np.float32]


class _Spool:
    """Bytes put aside on disk. The file has no name: it is gone when it is closed, or the process killed."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="ragraft-")  # noqa: SIM115 (it is closed with the spool)

    def __enter__(self) -> _Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def put(self, data: bytes) -> Callable[[], bytes]:
        """How to get them back."""
        start = self._file.seek(0, 2)
        self._file.write(data)
        return partial(self._get, start, len(data))

    def _get(self, start: int, length: int) -> bytes:
        self._file.seek(start)
        return self._file.read(length)


@dataclass(slots=True, kw_only=True)
class _Look:
    """What the sources hold beside what the index holds. `known`: document id -> key, as `Index.documents` gives it."""

    known: Mapping[str, str]
    stale: list[Item] = field(default_factory=list[Item])
    seen: set[str] = field(default_factory=set[str])
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list[Skipped])
    kept: set[str] = field(default_factory=set[str])
    removed: list[str] = field(default_factory=list[str])
    moved: dict[str, str] = field(default_factory=dict[str, str])
    """New id -> old id."""

    @property
    def added(self) -> list[str]:
        return [item.id for item in self.stale if item.id not in self.known]

    @property
    def changed(self) -> list[str]:
        return [item.id for item in self.stale if item.id in self.known]


@dataclass(slots=True, kw_only=True)
class _Done:
    """What was written."""

    documents: set[str] = field(default_factory=set[str])
    skipped: list[Skipped] = field(default_factory=list[Skipped])
    flagged: list[Flagged] = field(default_factory=list[Flagged])
    chunks: int = 0
    tokens: int = 0
    reused: int = 0


def plan(context: Context) -> SyncPlan:
    """What `sync` would do. Nothing is written."""
    exists = context.peek_index() is not None
    with _Spool() as spool:
        look = _look(context, context.index if exists else None, {}, spool, remember=False)
    return SyncPlan(
        added=tuple(look.added),
        changed=tuple(look.changed),
        unchanged=look.unchanged,
        kept=len(look.kept),
        removed=tuple(look.removed),
        moved=tuple(Move(before=before, after=after) for after, before in look.moved.items()),
        skipped=tuple(look.skipped),
    )


def sync(context: Context, *, rebuild: bool = False, only: Collection[str] | None = None) -> SyncReport:
    """Bring the index up to date with the sources. Unchanged documents are neither parsed nor embedded again, nor are the
    chunks of a changed or moved one whose text the index has already.

    `rebuild` makes a new index beside the old one and switches to it at the end. `only`: names of the sources to look at (empty
    for the documents folder); the others' documents stay as they are.
    """
    started = time.perf_counter()
    with metered() as meter:
        report = _rebuilt(context, started) if rebuild else _synced(context, context.index, None, started, only)
    index_cost.note(context, report, meter.spent)
    context.space.drop_unused_indices()
    return report


def _rebuilt(context: Context, started: float) -> SyncReport:
    """Documents that cannot be read now are carried over from the old index, embedded anew."""
    if context.config.store.url:
        return _rebuilt_in_place(context, started)
    folder = context.space.index_beside(fingerprint(context.index_settings))
    fresh = context.open_index(folder)
    report = _synced(context, fresh, context.peek_index(), started, None)
    context.space.use_index(folder)
    context.index = fresh
    return report


def _rebuilt_in_place(context: Context, started: float) -> SyncReport:
    """In an object store, which other machines read by its one address. Raises `StoreError` when documents would be lost."""
    old = context.peek_index()
    with _Spool() as spool:
        look = _look(context, None, old.documents() if old else {}, spool, remember=False)
    if look.kept:
        down = next((f"{s.source}: {s.reason}" for s in look.skipped if s.kept), "a feed no longer lists them")
        raise StoreError(
            f"{context.config.store.url}: a rebuild there is in place and would lose {len(look.kept)} documents that cannot "
            f"be read now ({down}); run it again when they can"
        )
    context.index = context.open_index(rebuild=True)
    return _synced(context, context.index, None, started, None)


def _synced(
    context: Context, index: Index, old: Index | None, started: float, only: Collection[str] | None
) -> SyncReport:
    before = old.documents() if old else {}
    with _Spool() as spool:
        look = _look(context, index, before, spool, remember=True, only=only)
        lost = sorted(look.kept & (before.keys() - look.known.keys()))
        if old is not None and lost:
            index.carry(old, lost, context.embedder.embed)
        index.narrow(_still_allowed(context, look.kept))
        done = _write(context, index, look)
    held = {s.source for s in done.skipped if s.kept} & look.known.keys()
    index.narrow({item.id: item.readers for item in look.stale if item.id in held})
    unread = {s.source for s in done.skipped if not s.kept and not s.part} & look.known.keys()
    removed = sorted({*look.removed, *unread})
    index.write([], removed)
    return SyncReport(
        added=sum(name not in look.known for name in done.documents),
        changed=sum(name in look.known for name in done.documents),
        unchanged=look.unchanged + len(look.kept) + len(held),
        moved=sum(after in done.documents for after in look.moved),
        kept=len(look.kept) + len(held),
        removed=len(removed),
        skipped=(*look.skipped, *done.skipped),
        documents=len((look.known.keys() | done.documents | set(lost)) - set(removed)),
        chunks=done.chunks,
        tokens=done.tokens,
        reused=done.reused,
        flagged=tuple(done.flagged),
        seconds=time.perf_counter() - started,
        version=index.version,
    )


def recut(context: Context, chunks: ChunksSection, folder: Path) -> Index:
    """An index of the same documents in `folder`, cut by other chunk settings: a copy of the one in use, in which texts that stay
    the same keep their vectors. Web pages and feeds are not read again and stay cut as they are. Writes to `folder` alone."""
    shutil.rmtree(folder, ignore_errors=True)
    other = context.beside(context.folder, context.config.model_copy(update={"chunks": chunks}))
    index = other.open_index(folder)
    index.fill(context.index)
    only = {"", *(s.name for s in context.config.sources if s.type not in ("web", "feed"))}
    with _Spool() as spool:
        _write(other, index, _look(other, index, {}, spool, remember=False, only=only))
    return index


# --- looking -----------------------------------------------------------------------------------------------------------


def place(context: Context, *, remember: bool = False) -> Place:
    """Where this project's sources are read for."""
    return Place(
        folder=context.folder,
        limit=context.config.documents.max_megabytes << 20,
        settings=environment(context.folder),
        remembered=context.space.sources if remember else None,
    )


def _look(
    context: Context,
    index: Index | None,
    before: Mapping[str, str],
    spool: _Spool,
    *,
    remember: bool,
    only: Collection[str] | None = None,
) -> _Look:
    look = _Look(known=index.documents() if index else {})
    names = look.known.keys() | before.keys()
    stones = tombstones.read(context.space.forgotten)
    found = parts(context.config, place(context, remember=remember))
    untold = {part.name for part in found if part.keeps or (only is not None and part.name not in only)}
    for part in found:
        if only is not None and part.name not in only:
            continue
        try:
            for item in map(_storable, part.items()):
                forgotten = isinstance(item, Item) and tombstones.held_back(item.id, content_key(item.hash), stones)
                _consider(look, forgotten or item, index, spool)
                if len(look.seen) % 64 == 0:
                    context.notify("look for changes", len(look.seen), len(look.seen))
        except Unavailable as error:
            untold.add(part.name)
            # A project that lives from other sources need not have the folder.
            if part.name or any(not owner(name, context.config) for name in names):
                shown = part.name or context.config.documents.root
                look.skipped.append(Skipped(source=shown, reason=str(error), kept=True))
    held = {s.source for s in look.skipped if s.kept}
    for name in names - look.seen:
        if name in held or owner(name, context.config) in untold:
            look.kept.add(name)
        elif name in look.known:
            look.removed.append(name)
    _find_moves(look)
    return look


def _storable(item: Item | Skipped) -> Item | Skipped:
    """A name of bytes that are no text can be neither stored nor shown as it is: the document is skipped, its name escaped."""
    name = item.source if isinstance(item, Skipped) else item.id
    shown = name.encode(errors="backslashreplace").decode()
    if shown == name:
        return item
    return Skipped(source=shown, reason="its name is no UTF-8; rename it")


def _consider(look: _Look, item: Item | Skipped, index: Index | None, spool: _Spool) -> None:
    if isinstance(item, Skipped):
        look.skipped.append(item)
    elif item.id in look.seen:
        look.skipped.append(Skipped(source=item.id, reason="another document has this id; the first one was taken"))
    else:
        look.seen.add(item.id)
        if index is not None and look.known.get(item.id) == index.key(item.hash, item.readers, item.tags):
            look.unchanged += 1
        else:
            look.stale.append(replace(item, data=spool.put(item.data)) if isinstance(item.data, bytes) else item)


def _find_moves(look: _Look) -> None:
    gone = {_content(look.known[name]): name for name in look.removed}
    for item in look.stale:
        if item.id not in look.known:
            old = gone.pop(content_key(item.hash), None)
            if old is not None:
                look.moved[item.id] = old


def _content(key: str) -> str:
    return key.partition("-")[0]


def _still_allowed(context: Context, kept: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Who may read the documents that stay as they are, by today's config: a source that is down takes nobody's side."""
    by_name: dict[str, Part] = {part.name: part for part in parts(context.config, place(context))}
    allowed = {name: by_name[owner(name, context.config)].readers(name) for name in kept}
    return {name: readers for name, readers in allowed.items() if readers is not None}


def changes(context: Context, stop: threading.Event | None) -> Iterator[set[str]]:
    """The names of the sources in whose folders something changed, each time that something does, and none where nothing did for
    `_STILL_MS`. What changes after the first of these counts, also while the caller is at work."""
    from watchfiles import watch

    local = {part.folder: part.name for part in parts(context.config, place(context)) if part.folder is not None}
    folders = {folder.resolve(): name for folder, name in local.items() if folder.is_dir()}
    if not folders:
        sought = ", ".join(map(str, local)) or str(context.folder)
        raise ConfigError(f"{sought}: there is no folder to watch; --watch follows folders on this machine")

    def shown(_: object, path: str) -> bool:
        inside = [Path(path).relative_to(folder).parts for folder in folders if Path(path).is_relative_to(folder)]
        return any(not any(part.startswith(".") for part in names) for names in inside)

    for found in watch(*folders, watch_filter=shown, stop_event=stop, rust_timeout=_STILL_MS, yield_on_timeout=True):
        yield {name for folder, name in folders.items() if any(Path(path).is_relative_to(folder) for _, path in found)}


# --- writing -----------------------------------------------------------------------------------------------------------


def _write(context: Context, index: Index, look: _Look) -> _Done:
    """Read, cut, embed and commit what is stale, some hundred chunks at a time."""
    done, tidied = _Done(), 0
    by_content = {_content(key): name for name, key in look.known.items()}
    waiting: list[Entry] = []
    for number, item in enumerate(look.stale, start=1):
        document = parse(item, context.config.documents)
        if isinstance(document, Skipped):
            done.skipped.append(document)
        else:
            done.skipped += [Skipped(source=item.id, reason=note, part=True) for note in document.notes]
            done.flagged += [Flagged(document=item.id, text=text) for text in _suspicious(document)]
            waiting.append(_cut(context, _with_own_rights(context, document)))
        if number == len(look.stale) or sum(len(e.chunks) for e in waiting) >= CHUNKS_A_COMMIT:
            sources = {by_content.get(content_key(e.document.hash), e.document.id) for e in waiting}
            sources |= {e.document.id for e in waiting}
            _commit(context, index, waiting, index.vectors_of(sources & look.known.keys()), done)
            waiting = []
            if done.chunks >= 2 * tidied:
                index.optimize()
                tidied = max(done.chunks, CHUNKS_A_COMMIT)
            context.notify("index", number, len(look.stale))
    if done.chunks > tidied:
        index.optimize()
    return done


def _suspicious(document: Document) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*instructions(document.title), *instructions(document.text))))


def _with_own_rights(context: Context, document: Document) -> Document:
    """The document as the project lets it speak of itself."""
    if context.config.documents.front_matter:
        return document
    return replace(document, own_readers=(EVERYONE,), own_tags=())


def _cut(context: Context, document: Document) -> Entry:
    chunks = chunk(document, context.tokenizer, context.config.chunks)
    # The text is in the chunks now; a batch need not hold it twice.
    return Entry(document=replace(document, text=""), chunks=chunks, vectors=np.zeros((0, 0), np.float32))


def _commit(
    context: Context, index: Index, entries: Sequence[Entry], vectors: Mapping[str, Vector], done: _Done
) -> None:
    if not entries:
        return
    texts = [search_text(c) for entry in entries for c in entry.chunks]
    known = dict(vectors)
    fresh = [text for text in dict.fromkeys(texts) if text not in known]
    if fresh:
        known |= dict(zip(fresh, context.embedder.embed(fresh), strict=True))
    rows = iter(texts)
    whole = [replace(e, vectors=_stacked(known, rows, len(e.chunks), index.dimension)) for e in entries]
    index.write(whole, tidy=False)
    done.documents |= {e.document.id for e in entries}
    done.chunks += len(texts)
    done.tokens += sum(c.tokens for e in entries for c in e.chunks)
    done.reused += sum(text in vectors for text in texts)


def _stacked(known: Mapping[str, Vector], rows: Iterator[str], n: int, dimension: int) -> Vector:
    return np.stack([known[next(rows)] for _ in range(n)]) if n else np.zeros((0, dimension), np.float32)
