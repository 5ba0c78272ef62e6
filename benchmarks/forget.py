"""How long `forget` takes on an index of 10,000 chunks (2,500 documents in 40 commits; synthetic text, 384 dimensions).

No figure is asked. Measured: seconds to forget one document with all versions on disk, then ten, then one more.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ragraft import pipeline
from ragraft.context import Context
from ragraft.retrieve.index import Entry
from ragraft.types import EVERYONE, Chunk, Document

CHUNKS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
PER_DOCUMENT, COMMITS, WORDS = 4, 40, 100


def documents(count: int) -> list[Entry]:
    random = np.random.default_rng(7)
    vocabulary = np.array([f"w{n}" for n in range(20_000)])
    entries: list[Entry] = []
    for n in range(count):
        name = f"d{n}.md"
        texts = [" ".join(vocabulary[random.zipf(1.2, WORDS) % len(vocabulary)]) for _ in range(PER_DOCUMENT)]
        vectors = random.normal(size=(PER_DOCUMENT, 384)).astype(np.float32)
        chunks = tuple(
            Chunk(
                id=f"{name}#{i}",
                document=name,
                title=name,
                heading="",
                text=t,
                position=i,
                tokens=WORDS,
                readers=(EVERYONE,),
            )
            for i, t in enumerate(texts)
        )
        document = Document(id=name, title=name, text="", hash=f"{n:064x}", readers=(EVERYONE,))
        entries.append(
            Entry(document=document, chunks=chunks, vectors=vectors / np.linalg.norm(vectors, axis=1)[:, None])
        )
    return entries


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "ragraft.toml").write_text('[documents]\nreaders = ["everyone"]\n')
        index = Context(folder).index
        entries = documents(CHUNKS // PER_DOCUMENT)
        size = -(-len(entries) // COMMITS)
        started = time.perf_counter()
        for start in range(0, len(entries), size):
            index.write(entries[start : start + size])
        print(
            f"{index.count()} chunks written in {time.perf_counter() - started:.1f} s, {len(index.versions())} versions on disk"
        )
        for names in (["d3.md"], [f"d{n}.md" for n in range(10, 20)], ["d5.md"]):
            done = pipeline.forget(Context(folder), names)
            print(
                f"forget {len(names):2d} document(s): {done.seconds:.2f} s, {len(done.purged)} versions purged (n = {CHUNKS})"
            )


if __name__ == "__main__":
    main()
