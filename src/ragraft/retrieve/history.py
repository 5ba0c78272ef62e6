"""Older versions of the index. In: an `Index`. Out: what there is, a `Snapshot` of one, all texts a document ever had there.

Writes nothing. A version that is searched shows the documents of then under the rights of now: a document that still exists
is open to whom its reader lists name today; one that was removed since, to whom they named when it was.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC

from ragraft.errors import DataError
from ragraft.retrieve.access import readers_filter
from ragraft.retrieve.index import Index
from ragraft.retrieve.snapshot import Correction, Snapshot, store_errors
from ragraft.types import Reader, Version
from ragraft.where import sql_strings


def versions(index: Index) -> tuple[Version, ...]:
    """Every version that can still be searched, newest first."""
    return tuple(
        Version(
            version=found["version"],
            made=found["timestamp"].astimezone(UTC).isoformat(timespec="seconds"),
            chunks=int(found["metadata"].get("total_rows", 0)),
        )
        for found in reversed(index.versions())
    )


def as_of(index: Index, version: int) -> Snapshot:
    """The version, to search in under the rights of now. Raises `DataError` naming the versions there are."""
    known = sorted(v["version"] for v in index.versions())
    if version not in known:
        raise DataError(
            f"{index.path}: version {version} cannot be searched: there are {known[0]} to {known[-1]} "
            "(older ones are dropped after `keep_days` in [store], and by `ragraft forget`)"
        )
    now, then = index.snapshot(), index.pinned(version)
    if not then.table.schema.equals(now.table.schema, check_metadata=True):
        raise DataError(
            f"{index.path}: version {version} was made with another embedder or by an older ragraft; choose a later one"
        )
    return replace(then, corrected=functools.lru_cache(maxsize=64)(functools.partial(_correction, then, now)))


def _correction(then: Snapshot, now: Snapshot, reader: Reader) -> Correction:
    rule = readers_filter(reader, now.groups)
    open_then, open_now = documents(then, rule), documents(now, rule)
    return Correction(
        opened=(open_now - open_then) & documents(then, "true"),
        closed=(open_then - open_now) & documents(now, "true"),
    )


def documents(snapshot: Snapshot, where: str) -> frozenset[str]:
    """The ids of the documents of which a chunk meets an SQL condition."""
    with store_errors(snapshot.path):
        found = snapshot.table.search().where(where).select(["document"]).to_arrow()
    return frozenset(found["document"].unique().to_pylist())


def texts_ever(index: Index, names: Collection[str]) -> dict[str, list[str]]:
    """Document id -> the texts of its chunks below their titles and headings, the latest version's first and in reading order, then those that only older
    versions hold. Documents that no version holds are left out."""
    where = f"document IN ({sql_strings(sorted(names))})"
    found: dict[str, dict[str, None]] = {}
    for version in (v.version for v in versions(index)):
        snapshot = index.pinned(version)
        with store_errors(index.path):
            rows = (
                snapshot.table.search().where(where).select(["document", "position", "search"]).to_arrow().to_pylist()
            )
        for row in sorted(rows, key=lambda r: r["position"]):
            found.setdefault(row["document"], {})[row["search"]] = None
    return {document: list(texts) for document, texts in found.items()}
