"""kill -9 while documents are written: what was committed stays whole, and the next writer goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .samples import entry, open_index

WRITER = """
import sys
from pathlib import Path
from tests.retrieve.samples import entry, open_index

index = open_index(Path(sys.argv[1]))
for n in range(int(sys.argv[2]), 10_000):
    pair = [entry(f"d{n}{s}", *[f"text {i} of d{n}{s}" for i in range(4)], digest=f"h{n}") for s in "xy"]
    index.write([*pair, entry("same", *[f"round {n}"] * (n % 3 + 1), digest=f"h{n}")], [f"d{n - 5}y"])
    print(n, flush=True)
"""
ROOT = Path(__file__).parents[2]


def write_until_killed(folder: Path, start: int, commits: int, wait: float) -> list[int]:
    """The commits that the writer had finished when it was killed, `wait` seconds into one."""
    search_path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    command = [sys.executable, "-c", WRITER, str(folder), str(start)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": search_path}
    ) as p:
        assert p.stdout is not None
        done = [int(p.stdout.readline()) for _ in range(commits)]
        time.sleep(wait)
        p.send_signal(signal.SIGKILL)
        return [*done, *(int(line) for line in p.stdout.read().split())]


@pytest.mark.parametrize("wait", [0.0, 0.004, 0.012])
def test_no_finished_document_is_lost(tmp_path: Path, wait: float) -> None:
    start = 0
    for _ in range(2):
        done = write_until_killed(tmp_path, start, 4, wait)
        index = open_index(tmp_path)
        rows = index.snapshot().table.search().select(["document", "key", "text"]).to_arrow().to_pylist()
        held: dict[str, list[str]] = {}
        for row in rows:
            held.setdefault(row["document"], []).append(row["text"])
        last = done[-1]
        committed = int(held["same"][0].split()[1])
        assert committed in (last, last + 1), "what was said to be written, and at most the one on its way"
        assert held["same"] == [f"round {committed}"] * (committed % 3 + 1), "never both versions, never a part"
        for n in range(start, committed + 1):
            for side in "xy":
                gone = side == "y" and n <= committed - 5
                whole = sorted(f"text {i} of d{n}{side}" for i in range(4))
                assert sorted(held.get(f"d{n}{side}", [])) == ([] if gone else whole)
        assert len(index.snapshot().table.search("text", query_type="fts").limit(500).to_arrow()) == len(rows) - len(
            held["same"]
        )
        start = committed + 1
    index.write([entry("after", "still writable")])
    assert "after" in index.documents()
