"""Does the interval of a break-even volume hold the true one? Requests with lognormal times, whose true means are known.

    .venv/bin/python benchmarks/break_even.py [--simulations 1000]

Two arms: one costs 0.001 a question, the other 0.0005 and 5.00 a month; the true break-even is 10,000 questions a month. Prints
the coverage of the 95 % interval for 20 and for 60 timed requests an arm.
"""

from __future__ import annotations

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table

from ragraft import config
from ragraft.compare.cost import costed
from ragraft.compare.resample import Draws, Usage
from ragraft.compare.sensitivity import break_evens
from ragraft.types import ArmName, ArmSummary, Comparison, Cost, Work

TRUE, ASKED, DRAWS, SPREAD = 10_000.0, 0.95, 1000, 0.5
PRICES = {"currency": "EUR", "cpu_hour": 3.6, "gpu_hour": 36.0, "gb_month": 0.0, "label_example": 2.0}
CONFIG = config.parse(
    {"prices": PRICES, "traffic": {"questions_per_month": 1000, "changes_per_month": 0, "months": 12}}
)


def summary(arm: ArmName, times: np.ndarray, labelled: int) -> ArmSummary:
    return ArmSummary(
        arm=arm, estimates=(), p50_ms=None, p95_ms=None, build_seconds=0.0, prompt_tokens=0.0, completion_tokens=0.0,
        passages_dropped=0, cost=Cost(build=0.0, per_1000=None), failed=0, n=len(times), latency_n=len(times),
        machine_seconds=float(times.mean()), work=Work(labelled=labelled),
    )  # fmt: skip


def holds(rng: np.random.Generator, requests: int) -> bool:
    """One simulated measurement: whether its interval holds the true break-even. Times of the arms are paired by request."""
    shape = np.exp(rng.normal(-(SPREAD**2) / 2, SPREAD, requests))
    times = {"rag": 1.0 * shape, "tuned": 0.5 * np.exp(rng.normal(-(SPREAD**2) / 2, SPREAD, requests))}
    arms = (summary("rag", times["rag"], 0), summary("tuned", times["tuned"], 30))
    comparison = costed(Comparison(metric="correct", n=requests, clusters=requests, arms=arms, pairs=()), CONFIG)
    picked = rng.integers(0, requests, size=(DRAWS, requests))
    none = np.zeros(DRAWS)
    usage = {a: Usage(seconds=t[picked].mean(axis=1), prompt=none, completion=none) for a, t in times.items()}
    (found,) = break_evens(comparison, CONFIG, Draws(n=DRAWS, figures={}, usage=usage))
    return found.least is not None and found.least <= TRUE <= (np.inf if found.most is None else found.most)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--simulations", type=int, default=1000)
    simulations = parser.parse_args().simulations
    table = Table("figure", "asked", "measured", "n", title="Break-even volumes, seed 7")
    for requests in (20, 60):
        rng = np.random.default_rng(7)
        share = np.mean([holds(rng, requests) for _ in range(simulations)])
        table.add_row(f"coverage with {requests} timed requests", f"{ASKED:.2f}", f"{share:.3f}", f"{simulations:,}")
    Console().print(table)


if __name__ == "__main__":
    main()
