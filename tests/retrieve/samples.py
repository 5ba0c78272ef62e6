"""Tiny documents with made-up vectors for the tests of the index and the search."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ragraft.config import RetrievalSection
from ragraft.retrieve import held, layout, vectors
from ragraft.retrieve.access import NO_GROUPS, Groups
from ragraft.retrieve.index import Entry, Index
from ragraft.types import EVERYONE, Chunk, Document

DIMENSION = 8
RETRIEVAL = RetrievalSection()


def unit(seed: int, rows: int = 1) -> NDArray[np.float32]:
    values = np.random.default_rng(seed).normal(size=(rows, DIMENSION)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def open_index(
    path: Path | str,
    *,
    name: str = "tiny",
    rebuild: bool = False,
    recipe: str = "",
    groups: Groups = NO_GROUPS,
    storage: dict[str, str] | None = None,
) -> Index:
    return Index.open(
        path,
        embedder_name=name,
        dimension=lambda: DIMENSION,
        retrieval=RETRIEVAL,
        rebuild=rebuild,
        recipe=recipe,
        groups=groups,
        storage=storage,
    )


def entry(name: str, *texts: str, readers: tuple[str, ...] = (EVERYONE,), digest: str = "h1", seed: int = 0) -> Entry:
    chunks = tuple(
        Chunk(
            id=f"{name}#{n}",
            document=name,
            title=f"Title of {name}",
            heading="Part",
            text=text,
            position=n,
            tokens=len(text.split()),
            readers=readers,
            page=n + 1,
        )
        for n, text in enumerate(texts)
    )
    document = Document(id=name, title=f"Title of {name}", text=" ".join(texts), hash=digest, readers=readers)
    return Entry(document=document, chunks=chunks, vectors=unit(seed, len(texts)))


def large(patch: pytest.MonkeyPatch, few: int = -1) -> None:
    """Every index counts as a large one: searched through the approximate index, except by readers who may see `few` rows."""
    patch.setattr(vectors, "EXACT_UP_TO", 0)
    patch.setattr(vectors, "FEW", few)


PATHS = ("whole", "stored", "held", "crowded")
"""Where the vectors of a search come from: all in memory, all on disk, the reader's rows in memory from version to version, or some
readers' rows in memory that have room for three."""


def take(path: str, patch: pytest.MonkeyPatch) -> None:
    """Search on one of `PATHS` from here on."""
    if path != "whole":
        large(patch, -1 if path == "stored" else 99)
        patch.setattr(held, "CHANGED", 1.0)
        patch.setattr(layout, "GATHER_AFTER", 2)
    if path == "crowded":
        for name, value in {"HELD_BYTES": 3 * 4 * DIMENSION, "AT_ONCE": 0, "OFTEN": 2, "PATIENCE": 1}.items():
            patch.setattr(held, name, value)
