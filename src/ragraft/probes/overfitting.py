"""Overfitting: how far training and dev loss lay apart when training stopped.

In: a `Bench`. Out: a `ProbeResult`, from the curves that training saved. Changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ragraft.probes.bench import Bench, Probe, figure
from ragraft.types import Adapter, CurvePoint, ProbeFigure, ProbeResult, Reading

NO_CURVE = "no dev loss was measured while it was trained"


def run(bench: Bench, folder: Path) -> ProbeResult:
    def of(name: str, label: str, measure: Callable[[CurvePoint, Adapter], float]) -> ProbeFigure:
        readings: list[Reading] = []
        for arm, adapter in bench.adapters.items():
            best = next((p for p in adapter.curve if p.step == adapter.best_step), None)
            value = measure(best, adapter) if best else None
            readings.append(Reading(arm=arm, value=value, n=adapter.dev_rows, reason="" if best else NO_CURVE))
        return figure(name, label, "nats per token", False, readings)

    return ProbeResult(
        probe="overfitting",
        title=PROBE.title,
        figures=(
            of("gap", "dev loss less train loss at the kept checkpoint", lambda best, a: best.dev_loss - best.train_loss),
            of("waste", "dev loss at the end less that of the kept one", lambda best, a: a.curve[-1].dev_loss - best.dev_loss),
        ),
        notes=() if bench.adapters else ("no arm is tuned",),
    )  # fmt: skip


PROBE = Probe(
    name="overfitting",
    title="Did it learn the training rows rather than the task?",
    needs="adapters that were trained with a dev split",
    does="reads the saved learning curves",
    reports="the gap between dev and train loss where training was kept, and how much worse it became after",
    cannot=(
        "Questions of the dev split ask for other facts than those of the train split: a gap is bound to be there when facts are learned.",
    ),
    run=run,
    tasks=("answer", "classify"),
)
