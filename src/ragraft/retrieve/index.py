"""The index: one LanceDB table of chunks with their document's metadata, vectors, reader lists and a BM25 index.

In: documents with their chunks and vectors. Out: versions of the table, and snapshots to search in. Writes to the folder or
object store given to `Index.open` and nowhere else. Replacing and removing documents is one atomic commit, so a reader sees the old state or the new.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragraft.config import RetrievalSection
from ragraft.errors import DataError, StoreError
from ragraft.retrieve import layout, vectors
from ragraft.retrieve.access import NO_GROUPS, Groups, common_readers
from ragraft.retrieve.held import Held
from ragraft.retrieve.snapshot import COLUMNS, Snapshot, store_errors
from ragraft.types import Chunk, Document, Reader
from ragraft.where import sql_strings
from ragraft.workspace import fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A document to be written: its chunks and their embeddings, float32 of shape (chunks, dimension), L2-normalised."""

    document: Document
    chunks: tuple[Chunk, ...]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """A document's two reader lists; a reader must be named by both."""

    readers: tuple[str, ...]
    own_readers: tuple[str, ...]


class Index:
    """The chunks of one project, on disk or in an object store. Safe to share between threads; several processes may read
    and write at once: a commit that another one overtook is made again on top of it."""

    def __init__(
        self, path: Path | str, connection: Any, table: Any, *, recipe: str, groups: Groups, keep: timedelta
    ) -> None:
        self.path = path
        self.dimension: int = table.schema.field("vector").type.list_size
        self.groups = groups
        self._recipe = recipe
        self._keep = keep
        self._connection = connection
        self._table = table
        self._snapshot: Snapshot | None = None
        self._held = Held(self.dimension)

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        embedder_name: str,
        dimension: Callable[[], int],
        retrieval: RetrievalSection,
        recipe: str = "",
        rebuild: bool = False,
        groups: Groups = NO_GROUPS,
        keep: timedelta = timedelta(days=7),
        storage: Mapping[str, str] | None = None,
    ) -> Index:
        """Open the index in `path`, made empty where there is none; only then is `dimension` asked for (it may load a model).

        `path`: a folder or an object store's URL, whose settings are `storage` (Lance's storage options). `recipe`: a
        fingerprint of whatever else shapes the rows (chunk settings); documents written under another recipe count as changed.
        `rebuild` starts from an empty table. `groups`: how groups nest. `keep`: how long older versions stay searchable. Raises `StoreError` when the index was made with another embedder, or
        cannot be read.
        """
        layout.quiet_and_quick()
        import lancedb

        with store_errors(path):
            # Every use of this handle sees the latest version; searches read pinned snapshots instead.
            connection = lancedb.connect(
                str(path), read_consistency_interval=timedelta(0), storage_options=dict(storage) if storage else None
            )
            exists = layout.TABLE in connection.list_tables().tables
            if exists and not rebuild:
                table = connection.open_table(layout.TABLE)
            else:
                schema = layout.schema(embedder_name, dimension())
                mode = "overwrite" if exists else "create"
                table = connection.create_table(layout.TABLE, schema=schema, mode=mode, exist_ok=not exists)
            made_with = (table.schema.metadata or {}).get(layout.EMBEDDER, b"").decode()
            if made_with != embedder_name:
                raise StoreError(
                    f"{path}: the index was made with embedder `{made_with}`, the project names `{embedder_name}`; "
                    "run `ragraft sync --rebuild`"
                )
            if missing := set(COLUMNS) - set(table.schema.names):
                raise StoreError(
                    f"{path}: the index was made by an older ragraft (without {', '.join(sorted(missing))}); "
                    "run `ragraft sync --rebuild`"
                )
            layout.ensure_text_index(table, retrieval)
        return cls(path, connection, table, recipe=recipe, groups=groups, keep=keep)

    @classmethod
    def peek(cls, path: Path | str, *, storage: Mapping[str, str] | None = None) -> Index | None:
        """The index in `path` whatever embedder made it, to copy from; None where there is none, or none that can be read."""
        import lancedb

        if isinstance(path, Path) and not path.is_dir():
            return None
        try:
            with store_errors(path):
                connection = lancedb.connect(str(path), storage_options=dict(storage) if storage else None)
                table = connection.open_table(layout.TABLE)
        except StoreError:
            return None
        return cls(path, connection, table, recipe="", groups=NO_GROUPS, keep=timedelta(days=7))

    @property
    def version(self) -> int:
        """The latest version; every committed change makes a higher one."""
        with store_errors(self.path):
            return int(self._table.version)

    def count(self) -> int:
        """Chunks in the latest version."""
        with store_errors(self.path):
            return int(self._table.count_rows())

    def snapshot(self) -> Snapshot:
        """The latest version, pinned. The same object is returned until something is written."""
        version, known = self.version, self._snapshot
        if known is not None and known.version == version:
            return known
        self._snapshot = fresh = replace(self.pinned(version), held=self._held)
        return fresh

    def pinned(self, version: int) -> Snapshot:
        """A version as it was, its rights too; to search in an older one use `retrieve.history.as_of`."""
        with store_errors(self.path):
            table = self._connection.open_table(layout.TABLE)
            table.checkout(version)
            dimension = table.schema.field("vector").type.list_size
        return Snapshot(table=table, version=version, dimension=dimension, path=self.path, groups=self.groups)

    def versions(self) -> list[dict[str, Any]]:
        """What the store says of each version that is still on disk, oldest first."""
        with store_errors(self.path):
            return self._table.list_versions()

    def documents(self) -> dict[str, str]:
        """Document id -> key of what is indexed of it: a fingerprint of its hash, readers, tags and the recipe."""
        with store_errors(self.path):
            rows = self._table.search().select(["document", "key"]).to_arrow()
        return dict(zip(rows["document"].to_pylist(), rows["key"].to_pylist(), strict=True))

    def rights(self, documents: Collection[str]) -> dict[str, Rights]:
        """Document id -> its reader lists, of those documents that are indexed."""
        if not documents:
            return {}
        where = f"document IN ({sql_strings(sorted(documents))}) AND position = 0"
        with store_errors(self.path):
            found = self._table.search().where(where).select(["document", "readers", "own_readers"]).to_arrow()
        return {
            row["document"]: Rights(readers=tuple(row["readers"]), own_readers=tuple(row["own_readers"]))
            for row in found.to_pylist()
        }

    def chunks_of(self, documents: Collection[str], reader: Reader) -> dict[str, tuple[Chunk, ...]]:
        """Document id -> its chunks in reading order, of those documents that `reader` may see."""
        return self.snapshot().chunks_of(documents, reader)

    def write(self, entries: Sequence[Entry], removed: Sequence[str] = (), *, tidy: bool = True) -> int:
        """Put these documents in the place of what the index holds of them, and take `removed` out: one commit.

        Returns the new version. Rows can be found as soon as this returns; documents not named are not touched. Without `tidy`,
        `optimize` is left to the caller: among many commits it is most of the time.
        Raises `DataError` for vectors of the wrong shape or repeated ids, `StoreError` when the folder cannot be written.
        """
        rows = self._rows(entries)
        replaced = sorted({entry.document.id for entry in entries} | set(removed))
        if not replaced:
            return self.version
        with store_errors(self.path):
            self._replace(rows, f"document IN ({sql_strings(replaced)})")
        if tidy:
            self.optimize()
        return self.version

    def _replace(self, rows: Any, where: str) -> None:
        """Put `rows` in the place of all rows that meet `where`, in one commit.

        Rows that have no successor are rare and cost a pass over the whole table (a second at a million rows), so they are
        looked for first; and again afterwards, in case another writer put some there in between.
        """
        if not rows.num_rows:
            self._table.delete(where)
            return
        ids = set(rows["id"].to_pylist())
        merge = self._table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
        whole = self._table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
        whole = whole.when_not_matched_by_source_delete(where)
        if self._ids(where) <= ids:
            merge.execute(rows, timeout=timedelta(hours=1))
            if self._ids(where) <= ids:
                return
        whole.execute(rows, timeout=timedelta(hours=1))

    def _ids(self, where: str) -> set[str]:
        return set(self._table.search().where(where).select(["id"]).to_arrow()["id"].to_pylist())

    def optimize(self) -> None:
        """Bring the BM25 and vector indices up to date and compact small files. Never needed for a right answer:
        rows outside the indices are searched too, only more slowly."""
        with store_errors(self.path):
            try:
                large = self._table.count_rows() > vectors.EXACT_UP_TO
                if large and layout.tidy(self._table):
                    return
                self._table.optimize(cleanup_older_than=self._keep)
                if large:
                    layout.ensure_large_indices(self._table)
            except RuntimeError as error:
                # Another writer changed the table meanwhile: it tidies up after itself, or the next write does.
                if "commit conflict" not in str(error):
                    raise

    def purge(self) -> None:
        """Erase removed text from the disk: rewrite the rows, rebuild the BM25 index, drop every older version.

        No other process may work on the index meanwhile.
        """
        with store_errors(self.path):
            settings = next(i.index_details for i in self._table.list_indices() if i.columns == ["search"])
            # Compaction leaves a file alone while few of its rows are deleted; overwriting leaves none.
            self._table.add(self._table.search().to_batches(), mode="overwrite")
            for index in list(self._table.list_indices()):
                self._table.drop_index(index.name)
            self._table.create_index("search", config=layout.text_index(settings))
        self.optimize()
        with store_errors(self.path), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it warns of what is wanted here
            self._table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
            self._snapshot = None
            self._held = Held(self.dimension)

    def key(self, document_hash: str, readers: Sequence[str], tags: Sequence[str] = ()) -> str:
        """What `documents` holds for a document that is indexed as it stands; another key means that it has to be written.

        It begins with 16 hex digits of the content alone, which two documents with the same content share.
        """
        beside = document_hash.partition("+")[2]
        rest = fingerprint(sorted(readers), sorted(tags), self._recipe, *((beside,) if beside else ()))
        return f"{content_key(document_hash)}-{rest}"

    def vectors_of(self, documents: Collection[str]) -> dict[str, NDArray[np.float32]]:
        """Text that was embedded -> its vector, for the chunks that the index holds of these documents."""
        if not documents:
            return {}
        with store_errors(self.path):
            where = f"document IN ({sql_strings(sorted(documents))})"
            rows = self._table.search().where(where).select(["search", "vector"]).to_arrow()
        flat = rows["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, self.dimension)
        return dict(zip(rows["search"].to_pylist(), flat, strict=True))

    def fill(self, other: Index) -> None:
        """Copy all rows of another index with the same embedder into this empty one."""
        with store_errors(self.path):
            self._table.add(other._table.search().to_batches())
        self.optimize()

    def carry(
        self, other: Index, documents: Sequence[str], embed: Callable[[Sequence[str]], NDArray[np.float32]]
    ) -> None:
        """Copy documents from another index as they stand there, with vectors of this one's embedder."""
        import pyarrow as pa

        names = [name for name in self._table.schema.names if name != "vector"]
        for start in range(0, len(documents), 64):
            part = documents[start : start + 64]
            with store_errors(self.path):
                where = f"document IN ({sql_strings(part)})"
                rows = other._table.search().where(where).select(names).to_arrow()
                flat = pa.array(embed(rows["search"].to_pylist()).astype(np.float32, copy=False).ravel())
                vectors = pa.FixedSizeListArray.from_arrays(flat, self.dimension)
                columns = [vectors if name == "vector" else rows[name] for name in self._table.schema.names]
                merge = self._table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
                merge.execute(pa.table(columns, schema=self._table.schema), timeout=timedelta(hours=1))
        self.optimize()

    def narrow(self, allowed: Mapping[str, Sequence[str]]) -> int:
        """Take from documents, where they stand, every reader that `allowed` (document id -> readers) does not admit; how many
        changed. Their keys are spoilt, so that a sync that can read them again writes them anew."""
        if not allowed:
            return 0
        with store_errors(self.path):
            rows = self._table.search().where("position = 0").select(["document", "readers"]).to_arrow().to_pylist()
            groups: dict[tuple[str, ...], list[str]] = {}
            for row in rows:
                if row["document"] in allowed:
                    left = common_readers(row["readers"], allowed[row["document"]])
                    if set(left) != set(row["readers"]):
                        groups.setdefault(left, []).append(row["document"])
            for left, documents in groups.items():
                self._table.update(
                    where=f"document IN ({sql_strings(documents)})",
                    values_sql={
                        "readers": f"make_array({sql_strings(left)})",
                        "key": "concat(substr(key, 1, 17), 'narrowed')",
                    },
                )
        return sum(map(len, groups.values()))

    def _rows(self, entries: Sequence[Entry]) -> Any:
        import pyarrow as pa

        for entry in entries:
            if entry.vectors.shape != (len(entry.chunks), self.dimension):
                raise DataError(
                    f"{entry.document.id}: vectors of shape {entry.vectors.shape} for {len(entry.chunks)} chunks "
                    f"of dimension {self.dimension}; embed with the index's own embedder"
                )
        pairs = [(entry, chunk) for entry in entries for chunk in entry.chunks]
        ids = [chunk.id for _, chunk in pairs]
        if len(set(ids)) < len(ids):
            twice = next(i for i in ids if ids.count(i) > 1)
            raise DataError(f"{twice}: two chunks have this id; give each document and chunk its own")
        schema = self._table.schema
        parts = [entry.vectors for entry in entries if entry.chunks] or [np.zeros((0, self.dimension), np.float32)]
        flat = pa.array(np.concatenate(parts).astype(np.float32, copy=False).ravel())
        columns: dict[str, Any] = {
            name: pa.array([getattr(chunk, name) for _, chunk in pairs], schema.field(name).type) for name in COLUMNS
        }
        documents = {entry.document.id: entry.document for entry in entries}
        keys = {name: self.key(d.hash, d.readers, d.tags) for name, d in documents.items()}
        columns["key"] = pa.array([keys[entry.document.id] for entry, _ in pairs], pa.string())
        columns["search"] = pa.array([search_text(chunk) for _, chunk in pairs], pa.string())
        columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, self.dimension)
        return pa.table([columns[name] for name in schema.names], schema=schema)


def search_text(chunk: Chunk) -> str:
    """What BM25 reads of a chunk: title, heading, text. Embed the same."""
    return "\n".join(part for part in (chunk.title, chunk.heading, chunk.text) if part)


def content_key(document_hash: str) -> str:
    """The first part of a document's key: that of its content, without what a `+` in its hash sets apart."""
    return fingerprint(document_hash.partition("+")[0])
