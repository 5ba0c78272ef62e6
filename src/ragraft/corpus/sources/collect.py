"""Every source of a project, ready to be read. In: the config. Out: `Part`s, the documents folder first. Writes nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ragraft.config import Config
from ragraft.corpus.sources import feed, files, jsonl, sql, web
from ragraft.corpus.sources.fetch import Refused
from ragraft.corpus.sources.item import Item, Place, Unavailable
from ragraft.errors import DataError
from ragraft.sourcing import FeedSource, FilesSource, Source, SqlSource
from ragraft.types import Skipped

_FIND: dict[str, Callable[[Any, Place], Iterator[Item | Skipped]]] = {
    "files": files.find,
    "web": web.find,
    "feed": feed.find,
    "sql": sql.find,
    "jsonl": jsonl.find,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One source. `items` raises `Unavailable` when it cannot be read whole: what it did not list stays in the index.

    `name` is empty for the documents folder. `readers`: who may read a document by the config as it is today; None where only
    the source itself knows. `keeps`: what it no longer lists stays. `folder`: what to watch for changes, on this machine.
    """

    name: str
    items: Callable[[], Iterator[Item | Skipped]]
    readers: Callable[[str], tuple[str, ...] | None]
    keeps: bool = False
    folder: Path | None = None


def parts(config: Config, place: Place) -> tuple[Part, ...]:
    """The documents folder, then each of `[[sources]]`. A project that names sources may have no documents folder."""
    section = config.documents
    named = tuple(_part(source, place) for source in config.sources)
    folder = Part(
        name="",
        items=lambda: _own_documents(config, place),
        readers=lambda document: files.readers(document, section),
        folder=place.folder / section.root,
    )
    return (folder, *named)


def owner(document: str, config: Config) -> str:
    """The name of the source that a document id belongs to; empty for the documents folder."""
    first = document.partition("/")[0] if "/" in document else ""
    return first if first in {source.name for source in config.sources} else ""


def _part(source: Source, place: Place) -> Part:
    per_row = isinstance(source, SqlSource) and source.readers_column is not None
    return Part(
        name=source.name,
        items=lambda: _guarded(source, place),
        readers=lambda document: None if per_row else _readers(source, document),
        keeps=isinstance(source, FeedSource) and source.keep,
        folder=files.local_folder(source, place) if isinstance(source, FilesSource) else None,
    )


def _readers(source: Source, document: str) -> tuple[str, ...]:
    return files.readers(document.removeprefix(f"{source.name}/"), source)


def _guarded(source: Source, place: Place) -> Iterator[Item | Skipped]:
    """The source's items, each with the readers of the rule that names it; nothing that leaves here holds the value of a variable in its URL."""
    template = getattr(source, "url", getattr(source, "path", ""))
    try:
        for found in _FIND[source.type](source, place):
            if isinstance(found, Skipped):
                yield replace(
                    found,
                    source=place.scrubbed(found.source, template),
                    reason=place.scrubbed(found.reason, template),
                )
            else:
                yield replace(found, readers=_readers(source, found.id)) if source.rules else found
    except (Unavailable, Refused) as error:
        raise Unavailable(place.scrubbed(str(error), template)) from None


def _own_documents(config: Config, place: Place) -> Iterator[Item | Skipped]:
    """The documents folder. It may be missing or empty only where there are other sources."""
    try:
        for found in files.documents(place, config.documents):
            name = found.id if isinstance(found, Item) else found.source
            taken = owner(name, config)
            if taken:
                yield Skipped(source=name, reason=f"its folder has the name of a source, `{taken}`; rename one")
            else:
                yield found
    except DataError as error:
        if not config.sources:
            raise
        raise Unavailable(str(error)) from error
