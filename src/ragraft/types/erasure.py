"""What `forget` leaves behind: tombstones and certificates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A forgotten document, which no sync takes in again: neither its id, nor the same content under another one.
    `content`: the key of its content, empty where nobody knows."""

    document: str
    content: str
    at: str
    certificate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedAdapter:
    """An adapter that learned from forgotten documents, through the training rows of these examples."""

    arm: str
    key: str
    documents: tuple[str, ...]
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was erased of one document. `sha256`: over its chunks' texts as the index held them; empty where it held none."""

    document: str
    chunks: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What one `forget` did; written when everything else is done. Paths are relative to the project.

    `purged`: versions of the index that are no longer on disk. `adapters` still hold what they learned until they are
    trained again. `sources`: files that still hold a document, and ids with the address of the source that gave them and may
    still do so. `remaining`: files under `.ragraft/` in
    which a run of its words was still found; None where its text was gone before this could be looked for.
    """

    id: str
    project: str
    at: str
    ragraft: str
    documents: tuple[Forgotten, ...]
    purged: tuple[int, ...]
    index_version: int
    rewritten: tuple[str, ...]
    removed: tuple[str, ...]
    adapters: tuple[MarkedAdapter, ...]
    sources: tuple[str, ...]
    remaining: tuple[str, ...] | None
    seconds: float
