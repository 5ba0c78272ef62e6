"""What a piece of work costs this machine. In: the work, as a `with` block. Out: seconds, processor seconds, peak memory.

Nothing is written. Blocks may nest, since memory is sampled and no counter of the process is set back.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Generator

from ragraft.types import Spent

EVERY = 0.05
"""Seconds between two looks at the memory; a peak that is over sooner may be missed."""


class Meter:
    """What was spent since it was made, up to now."""

    def __init__(self) -> None:
        import psutil

        self._memory = psutil.Process().memory_info
        self._started, self._before = time.perf_counter(), _processor()
        self._peak = 0
        self.look()

    def look(self) -> None:
        self._peak = max(self._peak, self._memory().rss)

    @property
    def spent(self) -> Spent:
        self.look()
        return Spent(
            seconds=time.perf_counter() - self._started,
            cpu_seconds=_processor() - self._before,
            peak_mb=self._peak / 1e6,
            gpu=_on_gpu(),
        )


@contextlib.contextmanager
def metered() -> Generator[Meter]:
    """A `Meter` that looks at the memory while the block runs; read `spent` at its end."""
    meter, done = Meter(), threading.Event()

    def watch() -> None:
        while not done.wait(EVERY):
            meter.look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield meter
    finally:
        done.set()
        thread.join()


def _processor() -> float:
    """Seconds of all threads, in the program and the system, and of child processes that have ended."""
    return sum(os.times()[:4])


def _on_gpu() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_initialized())
