"""Many small documents through `sync`: does memory stay bounded?

In: `--documents N` (default 200,000), `--embedder stub|minilm`. Out: a table on standard output. Writes to a temporary folder only.
The documents come from one JSONL file of synthetic text (three sentences each). `stub` puts a hash of each text in the place of
its embedding, so that the run shows what the rest of sync holds and takes; the table says which embedder was used.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ragraft import syncing
from ragraft.context import Context

CONFIG = '[[sources]]\ntype = "jsonl"\nname = "many"\npath = "many.jsonl"\nreaders = ["everyone"]\n'
GB = 1 << 30


class Stub:
    """384 numbers drawn by a hash of the text; tokens are words."""

    name, fingerprint, dimension, max_tokens, tokenizer = "stub", "1", 384, 256, None

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> NDArray[np.float32]:
        rng = np.random.default_rng([hash(texts[0]) & 0xFFFFFFFF, len(texts)])
        rows = rng.normal(size=(len(texts), self.dimension)).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def write(path: Path, n: int) -> None:
    rng = random.Random(7)
    words = [
        f"{a}{b}" for a in "ba ce di fo gu la me ni so tu".split() for b in "ran lex vik dom pel sar tin mog".split()
    ]
    with path.open("w") as file:
        for number in range(n):
            text = ". ".join(" ".join(rng.choices(words, k=12)).capitalize() for _ in range(3))
            file.write(json.dumps({"id": f"{number:07}", "title": f"Document {number}", "text": f"{text}."}) + "\n")


def resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / GB


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GB


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--documents", type=int, default=200_000)
    arguments.add_argument("--embedder", choices=("stub", "minilm"), default="stub")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ragraft.toml").write_text(CONFIG)
        write(folder / "many.jsonl", options.documents)
        points: list[tuple[int, float, float]] = []
        started = time.perf_counter()

        def notify(stage: str, done: int, total: int) -> None:
            if stage == "index" and (not points or done - points[-1][0] >= total / 10 or done == total):
                points.append((done, resident(), time.perf_counter() - started))

        context = Context(folder, notify)
        if options.embedder == "stub":
            context.__dict__["embedder"] = Stub()
        report = syncing.sync(context)
        first = peak()
        again = syncing.sync(context)
    print(f"embedder: {options.embedder}; threads at the end: {threading.active_count()}")
    print(f"{'documents':>10} {'resident GB':>12} {'seconds':>9}")
    for done, memory, seconds in points:
        print(f"{done:>10} {memory:>12.2f} {seconds:>9.1f}")
    print(f"{'what':<44}{'asked':>8}{'measured':>10}{'n':>10}")
    print(f"{'peak memory, first sync, GB':<44}{'≤ 3':>8}{first:>10.2f}{report.documents:>10}")
    print(f"{'peak memory after a second, unchanged, GB':<44}{'≤ 3':>8}{peak():>10.2f}{again.unchanged:>10}")
    print(f"{'seconds, first sync':<44}{'':>8}{report.seconds:>10.1f}{report.chunks:>10}")
    print(f"{'seconds, unchanged':<44}{'':>8}{again.seconds:>10.1f}{again.unchanged:>10}")


if __name__ == "__main__":
    main()
