"""What a piece of work took: processor, memory, nested, and through a stage that was interrupted."""

import mmap
import time
from pathlib import Path

import pytest

from ragraft.meter import EVERY, metered
from ragraft.workspace import Workspace


def test_a_block_knows_its_time_processor_and_peak() -> None:
    with metered() as outer:
        # Memory of its own: an allocator may serve a large block from what it holds already.
        with metered() as inner, mmap.mmap(-1, 200_000_000) as block:
            block[::4096] = b"x" * len(block[::4096])
            time.sleep(20 * EVERY)
        high = inner.spent
        with metered() as after:
            pass
    whole = outer.spent
    assert high.peak_mb > after.spent.peak_mb + 150
    assert whole.peak_mb >= high.peak_mb
    assert whole.seconds >= high.seconds >= 20 * EVERY
    assert high.cpu_seconds < whole.seconds * 64
    assert not whole.gpu


def test_a_stage_notes_what_it_took_unless_it_was_interrupted(tmp_path: Path) -> None:
    space = Workspace(tmp_path)
    spent = space.spent(space.build_stage("x", "a", lambda folder: time.sleep(0.1)))
    assert spent is not None
    assert spent.seconds >= 0.1

    def broken(folder: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        space.build_stage("x", "b", broken)
    assert space.spent(space.build_stage("x", "b", lambda folder: None)) is None


def test_the_manifest_of_an_older_version_is_read(tmp_path: Path) -> None:
    space = Workspace(tmp_path)
    folder = space.stage("x", "old")
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"stage": "x", "fingerprint": "old", "made": "2026-01-01T00:00:00+00:00"}')
    assert space.spent(folder) is None
