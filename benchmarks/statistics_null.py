"""False-positive rate and interval coverage of the comparison's statistics, by simulation.

Two (or six) copies of one system with independent noise answer the same questions; the adjusted test should reject at most 6 %
of the time, and intervals should cover the truth 93 to 97 % of the time, with and without a true difference.

    .venv/bin/python benchmarks/statistics_null.py [--simulations 1000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from ragraft.compare.stats import ArmScores, pair_tests
from ragraft.types import ARMS


@dataclass(frozen=True, slots=True)
class Design:
    """A test split: cases, groups, arms, and the true advantage of the first arm (on the probability scale)."""

    name: str
    cases: int
    groups: int
    arms: int
    advantage: float
    binary: bool


DESIGNS = (
    Design("100 cases in 35 groups, 2 arms", 100, 35, 2, 0.0, True),
    Design("the same, shares instead of 0/1", 100, 35, 2, 0.0, False),
    Design("100 cases, each its own group (McNemar)", 100, 100, 2, 0.0, True),
    Design("60 cases in 20 groups", 60, 20, 2, 0.0, True),
    Design("170 cases in 21 groups, 6 arms (15 pairs)", 170, 21, 6, 0.0, True),
    Design("100 cases in 35 groups, true advantage 0.15", 100, 35, 2, 0.15, True),
    Design("the same, shares instead of 0/1", 100, 35, 2, 0.15, False),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    rejected: bool
    covered: float


def simulate(design: Design, seed: int) -> Outcome:
    """One split drawn from a population of groups; each arm answers with its own noise around the question's difficulty."""
    rng = np.random.default_rng(seed)
    group = np.sort(
        np.concatenate([np.arange(design.groups), rng.integers(0, design.groups, design.cases - design.groups)])
    )
    centre = rng.normal(0.0, 0.8, design.groups)[group] + rng.normal(0.0, 0.8, design.cases)
    chance = 1 / (1 + np.exp(-centre))
    # How much the first arm gains differs by group, and averages to the advantage over the population.
    gain = design.advantage * (1 + 0.5 * rng.standard_normal(design.groups)[group]) if design.advantage else 0.0
    floor, ceiling = (0.2, 0.6) if design.advantage else (0.0, 1.0)
    level = floor + (ceiling - floor) * chance
    draw: Callable[[np.ndarray], np.ndarray] = (
        (lambda p: (rng.random(design.cases) < p).astype(float))
        if design.binary
        else (lambda p: rng.beta(4 * p + 0.1, 4 * (1 - p) + 0.1))
    )
    truth = design.advantage if design.binary else design.advantage * 4 / 4.2
    first = draw(np.clip(level + gain, 0.001, 0.999))
    values = [first, *(draw(np.clip(level, 0.001, 0.999)) for _ in range(design.arms - 1))]
    arms = [ArmScores(arm=a, values=tuple(v.tolist())) for a, v in zip(ARMS, values, strict=False)]
    tests = pair_tests("correct", arms, [str(g) for g in group], seed=seed)
    hit = [t.low <= (truth if t.a == ARMS[0] else 0.0) <= t.high for t in tests]
    return Outcome(rejected=any(t.decisive for t in tests), covered=float(np.mean(hit)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=1000)
    n = parser.parse_args().simulations
    table = Table(title=f"{n} simulations each")
    for column in ("design", "rejects (asked)", "covers (asked)"):
        table.add_column(column, justify="left" if column == "design" else "right")
    for design in DESIGNS:
        found = [simulate(design, seed) for seed in range(n)]
        rejects, covers = np.mean([f.rejected for f in found]), np.mean([f.covered for f in found])
        asked = "power" if design.advantage else "≤ 6 %"
        table.add_row(design.name, f"{rejects:.1%} ({asked})", f"{covers:.1%} (93–97 %)")
    Console().print(table)


if __name__ == "__main__":
    main()
