"""Finding passages: the LanceDB index, who may read what, the fusion of BM25 and vectors, and the search itself."""

from ragraft.retrieve.access import readers_filter
from ragraft.retrieve.index import Entry, Index
from ragraft.retrieve.search import search
from ragraft.retrieve.snapshot import Snapshot

__all__ = ["Entry", "Index", "Snapshot", "readers_filter", "search"]
