"""Load: one system and many who ask it at once.

In: a `Bench`. Out: a `ProbeResult`. Changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ragraft.probes.bench import Bench, Probe, figure
from ragraft.systems.system import System, answer
from ragraft.types import Answer, ArmName, ProbeFigure, ProbeResult, Reading, Request

CLIENTS = (1, 4, 16)
EACH = 16
"""Questions in all with few clients; with more, as many as there are clients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """`n` questions by some clients at once: seconds of each, of all, and how many failed."""

    seconds: tuple[float, ...]
    wall: float
    failed: int


def run(bench: Bench, folder: Path) -> ProbeResult:
    questions = [e.question for e in bench.parts.test]
    bursts: dict[ArmName, list[Burst]] = {}
    for arm in bench.arms:
        system = bench.system(arm, bench.context)
        answer(system, [Request(question=questions[0])], bench.context.evaluation_reader)
        bursts[arm] = [_burst(bench, system, questions, clients) for clients in CLIENTS]
        bench.context.notify("load", len(bursts), len(bench.arms))
    figures: list[ProbeFigure] = []
    for n, clients in enumerate(CLIENTS):
        among = f"{clients} client{'s' if clients > 1 else ''}"
        of: dict[ArmName, Burst] = {arm: found[n] for arm, found in bursts.items()}
        figures += [
            figure(f"p95_{clients}", f"p95 with {among}", "s", False, [_quantile(a, b, 0.95) for a, b in of.items()]),
            figure(f"p50_{clients}", f"p50 with {among}", "s", False, [_quantile(a, b, 0.5) for a, b in of.items()]),
            figure(f"rate_{clients}", f"answers a second with {among}", "a second", True, [_rate(a, b) for a, b in of.items()]),
        ]  # fmt: skip
    failed = sum(b.failed for found in bursts.values() for b in found)
    notes = (f"{failed} questions failed and are not in the times",) if failed else ()
    return ProbeResult(probe="load", title=PROBE.title, figures=tuple(figures[-3:] + figures[:-3]), notes=notes)


def _burst(bench: Bench, system: System, questions: Sequence[str], clients: int) -> Burst:
    count = max(EACH, clients)
    asked = [questions[n % len(questions)] for n in range(count)]
    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        found = list(pool.map(partial(_one, bench, system), asked))
    done = tuple(s for s in found if s is not None)
    return Burst(seconds=done, wall=time.perf_counter() - started, failed=count - len(done))


def _one(bench: Bench, system: System, question: str) -> float | None:
    started = time.perf_counter()
    outcome = answer(system, [Request(question=question)], bench.context.evaluation_reader)[0]
    return time.perf_counter() - started if isinstance(outcome, Answer) else None


def _quantile(arm: ArmName, burst: Burst, level: float) -> Reading:
    if not burst.seconds:
        return Reading(arm=arm, value=None, reason="every question failed")
    return Reading(arm=arm, value=float(np.quantile(burst.seconds, level)), n=len(burst.seconds))


def _rate(arm: ArmName, burst: Burst) -> Reading:
    return Reading(arm=arm, value=len(burst.seconds) / burst.wall, n=len(burst.seconds))


PROBE = Probe(
    name="load",
    title="How long does an answer take when many ask at once?",
    needs="test questions",
    does="asks by 1, 4 and 16 clients at once, each waiting for its answer",
    reports="p50 and p95 of the seconds for an answer, and answers a second",
    cannot=(
        "All clients run in one process on this machine, without a server's batching: a served model answers more at once.",
        "Whatever else the machine does meanwhile is in the times.",
    ),
    run=run,
    tasks=("answer", "classify"),
)
