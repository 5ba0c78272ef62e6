"""What the table is made of: its schema and its indices. In: an embedder's name, settings, a LanceDB table. Out: a schema;
writes indices to that table.
"""

from __future__ import annotations

import bisect
import os
from datetime import timedelta
from typing import Any

from ragraft.config import RetrievalSection
from ragraft.retrieve import vectors

TABLE = "chunks"
TIDY_AFTER = 1_000
"""Rows that may lie outside the indices of a large table before a write brings those up to date, which takes seconds there;
meanwhile a search compares them one by one."""

GATHER_AFTER = 16
"""Small files that a large table may have before a write puts the rows outside the indices into one: every file takes each half of
every search some 0.1 ms, and every change makes a file."""

EMBEDDER = b"ragraft.embedder"
_KEY = {b"lance-schema:unenforced-primary-key": b"true"}
"""On the column `id`: without it, two writers that add the same document at once both add it (docs/log.md)."""


def schema(embedder_name: str, dimension: int) -> Any:
    import pyarrow as pa

    text, number = pa.string(), pa.int32()
    fields: list[Any] = [pa.field("id", text, nullable=False, metadata=_KEY)]
    fields += [(name, text) for name in ("document", "key", "title", "heading", "text", "search")]
    fields += [("position", number), ("tokens", number), ("page", number)]
    fields += [
        ("modified", text),
        ("tags", pa.list_(text)),
        ("readers", pa.list_(text)),
        ("own_readers", pa.list_(text)),
        ("vector", pa.list_(pa.float32(), dimension)),
    ]
    return pa.schema(fields, metadata={EMBEDDER: embedder_name.encode()})


def text_index(settings: dict[str, Any]) -> Any:
    from lancedb.index import FTS

    return FTS(language=settings["language"], stem=settings["stem"])


def ensure_text_index(table: Any, retrieval: RetrievalSection) -> None:
    wanted = {"language": retrieval.language, "stem": retrieval.stem}
    found = next((i.index_details for i in table.list_indices() if i.columns == ["search"]), None)
    if found is None or any(found[key] != value for key, value in wanted.items()):
        table.create_index("search", config=text_index(wanted), replace=True)


def tidy(table: Any) -> bool:
    """Whether the indices of a large table are there and cover all but `TIDY_AFTER` rows; those lie in few files from then on."""
    named = next((index.name for index in table.list_indices() if index.columns == ["vector"]), None)
    stats = table.index_stats(named) if named else None
    if stats is None or stats.num_unindexed_rows >= TIDY_AFTER:
        return False
    if table.stats()["fragment_stats"]["num_small_fragments"] >= GATHER_AFTER:
        gather(table, stats.num_unindexed_rows)
    return True


def gather(table: Any, newest: int) -> None:
    """Put the rows that were written last into one file. What another writer changes meanwhile stays changed."""
    # A row id is the number of its file, which grows with every file, and 32 bits of its place there.
    file = bisect.bisect_left(range(1 << 32), True, key=lambda n: table.count_rows(f"_rowid >= {n << 32}") <= newest)
    rows = table.search().where(f"_rowid >= {file << 32}").to_arrow()
    if rows.num_rows:
        merge = table.merge_insert("id").when_matched_update_all(where="target.key = source.key")
        merge.execute(rows, timeout=timedelta(hours=1))


def ensure_large_indices(table: Any) -> None:
    """What only a large table needs. Chosen on a million rows (docs/log.md): one bit a dimension, compared again in full."""
    from lancedb.index import BTree, IvfRq, LabelList

    wanted: dict[str, Any] = {
        "vector": IvfRq(distance_type="l2", target_partition_size=vectors.PARTITION, sample_rate=64, max_iterations=20),
        **{column: LabelList() for column in ("readers", "own_readers", "tags")},
        **{column: BTree() for column in ("id", "document", "modified")},
    }
    have = {tuple(index.columns) for index in table.list_indices()}
    for column, config in wanted.items():
        if (column,) not in have:
            table.create_index(column, config=config)


def quiet_and_quick() -> None:
    """The store's own settings, read from the environment when it is first used: no warnings on a user's terminal, and BM25
    by its index instead of row by row unless a reader sees less than 2 % (its default of 10 % is three times slower there)."""
    os.environ.setdefault("LANCEDB_LOG", "error")
    os.environ.setdefault("LANCE_FLAT_SEARCH_PERCENT_THRESHOLD", "2")
