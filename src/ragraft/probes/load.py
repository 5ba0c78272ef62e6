"""Load: one system and many who ask it at once.

In: a `Bench`. Out: a `ProbeResult`. Changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ragraft.probes.bench import Bench, Probe, figure
from ragraft.systems.system import System, answer
from ragraft.types import ArmName, Failure, ProbeFigure, ProbeResult, Reading, Request, Timings

CLIENTS = (1, 4, 16)
EACH = 16
"""Questions in all with few clients; with more, as many as there are clients."""


STAGES: dict[str, str] = {"retrieve": "to search", "generate": "to write", "check": "to check the answer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One answer: seconds that its client waited, and those of its stages."""

    seconds: float
    timings: Timings

    @property
    def first_token(self) -> float | None:
        first = self.timings.first_token
        return None if first is None else self.timings.retrieve + first


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Questions by some clients at once: those that were answered, seconds of all together, and how many failed."""

    answered: tuple[Timed, ...]
    wall: float
    failed: int


def run(bench: Bench, folder: Path) -> ProbeResult:
    questions = [e.question for e in bench.parts.test]
    bursts: dict[ArmName, dict[int, Burst]] = {}
    for arm in bench.arms:
        system = bench.system(arm, bench.context)
        answer(system, [Request(question=questions[0])], bench.context.evaluation_reader)
        bursts[arm] = {clients: _burst(bench, system, questions, clients) for clients in CLIENTS}
        bench.context.notify("load", len(bursts), len(bench.arms))
    failed = sum(b.failed for found in bursts.values() for b in found.values())
    return ProbeResult(
        probe="load",
        title=PROBE.title,
        figures=tuple(f for clients in reversed(CLIENTS) for f in _figures(bursts, clients)),
        notes=(f"{failed} questions failed and are not in the times",) if failed else (),
    )


def _burst(bench: Bench, system: System, questions: Sequence[str], clients: int) -> Burst:
    count = max(EACH, clients)
    asked = [questions[n % len(questions)] for n in range(count)]
    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        found = list(pool.map(partial(_one, bench, system), asked))
    done = tuple(s for s in found if s is not None)
    return Burst(answered=done, wall=time.perf_counter() - started, failed=count - len(done))


def _one(bench: Bench, system: System, question: str) -> Timed | None:
    started = time.perf_counter()
    outcome = answer(system, [Request(question=question)], bench.context.evaluation_reader)[0]
    if isinstance(outcome, Failure):
        return None
    return Timed(seconds=time.perf_counter() - started, timings=outcome.timings)


def _figures(bursts: Mapping[ArmName, Mapping[int, Burst]], clients: int) -> list[ProbeFigure]:
    among = f"{clients} client{'s' if clients > 1 else ''}"

    def of(name: str, label: str, level: float, seconds: Callable[[Timed], float | None]) -> ProbeFigure:
        readings = [_quantile(arm, found[clients], level, seconds) for arm, found in bursts.items()]
        return figure(f"{name}_{clients}", f"{label} with {among}", "s", False, readings)

    def stage(name: str) -> Callable[[Timed], float]:
        return lambda t: getattr(t.timings, name)

    rates = [_rate(arm, found[clients]) for arm, found in bursts.items()]
    return [
        of("p95", "p95", 0.95, lambda t: t.seconds),
        of("p50", "p50", 0.5, lambda t: t.seconds),
        of("first_token", "p50 to the first token", 0.5, lambda t: t.first_token),
        *(of(name, f"p50 {label}", 0.5, stage(name)) for name, label in STAGES.items()),
        figure(f"rate_{clients}", f"answers a second with {among}", "a second", True, rates),
    ]


def _quantile(arm: ArmName, burst: Burst, level: float, seconds: Callable[[Timed], float | None]) -> Reading:
    if not burst.answered:
        return Reading(arm=arm, value=None, reason="every question failed")
    known = [s for t in burst.answered if (s := seconds(t)) is not None]
    if not known:
        return Reading(arm=arm, value=None, reason="what answers here does not tell")
    return Reading(arm=arm, value=float(np.quantile(known, level)), n=len(known))


def _rate(arm: ArmName, burst: Burst) -> Reading:
    return Reading(arm=arm, value=len(burst.answered) / burst.wall, n=len(burst.answered))


PROBE = Probe(
    name="load",
    title="How long does an answer take when many ask at once?",
    needs="test questions",
    does="asks by 1, 4 and 16 clients at once, each waiting for its answer",
    reports="p50 and p95 of the seconds for an answer, p50 to its first token and of each stage, and answers a second",
    cannot=(
        "All clients run in one process on this machine, without a server's batching: a served model answers more at once.",
        "Whatever else the machine does meanwhile is in the times.",
    ),
    run=run,
    tasks=("answer", "classify"),
    version=2,
)
