"""Where documents come from: folders, object stores, web sites, feeds, databases, JSONL."""

from ragraft.corpus.sources.collect import Part, owner, parts
from ragraft.corpus.sources.files import matches, readers
from ragraft.corpus.sources.item import Item, Place, Unavailable, content_hash, settings
from ragraft.corpus.sources.sql import live_values

__all__ = [
    "Item",
    "Part",
    "Place",
    "Unavailable",
    "content_hash",
    "live_values",
    "matches",
    "owner",
    "parts",
    "readers",
    "settings",
]
