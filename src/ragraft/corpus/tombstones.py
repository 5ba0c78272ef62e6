"""Which documents were forgotten and must not come back. In: the project's `forgotten.json`. Out: `Tombstone`s.

Writes that file only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ragraft.types import Skipped, Tombstone
from ragraft.workspace import from_json, to_json, write_atomic


def read(path: Path) -> tuple[Tombstone, ...]:
    return from_json(tuple[Tombstone, ...], path.read_bytes()) if path.is_file() else ()


def write(path: Path, tombstones: Sequence[Tombstone]) -> None:
    write_atomic(path, to_json(tuple(tombstones), tuple[Tombstone, ...], indent=1))


def held_back(document: str, content: str, tombstones: Sequence[Tombstone]) -> Skipped | None:
    """Why a document that a source lists stays out of the index; None when it may come in. `content`: its content's key."""
    for stone in tombstones:
        if document == stone.document or (stone.content and content == stone.content):
            what = "forgotten" if stone.document == document else f"the same content as the forgotten {stone.document}"
            return Skipped(
                source=document,
                reason=f"{what} ({stone.at[:10]}): delete it; `ragraft forget --allow {stone.document}` would let it in",
            )
    return None
