"""Evaluations -> a `Comparison`: an estimate for every metric of every arm, and a paired test for every pair of arms.

In: scored evaluations over one test split. Out: a value; nothing is written. An unscored case is in no mean.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ragraft.compare.cost import cost
from ragraft.compare.stats import ArmScores, cluster_sums, estimate, expanded_tails, pair_tests
from ragraft.config import Config
from ragraft.models.load import is_remote
from ragraft.types import (
    Answer,
    ArmName,
    ArmSummary,
    Comparison,
    Cost,
    Estimate,
    Evaluation,
    Example,
    NotApplicable,
    Timings,
    TruthEstimate,
    TruthPart,
    Work,
)

_F1_DRAWS = 1000


def compare(
    evaluations: Sequence[Evaluation],
    examples: Sequence[Example],
    *,
    metric: str,
    build_seconds: Mapping[ArmName, float],
    config: Config,
    not_applicable: Sequence[NotApplicable],
    work: Mapping[ArmName, Work] | None = None,
) -> Comparison:
    """Compare arms on the cases of one split. `evaluations[i].cases[j]` answers `examples[j]`. `metric`: the primary one.
    `work`: what an arm asked for besides the seconds of its build; what is not given is taken to be nothing."""
    groups = [e.group for e in examples]
    seed = config.project.seed
    scores = [ArmScores(arm=e.arm, values=tuple(c.value(metric) for c in e.cases)) for e in evaluations]
    return Comparison(
        metric=metric,
        n=len(examples),
        clusters=len(set(groups)),
        arms=tuple(
            _summary(e, examples, build_seconds[e.arm], config, (work or {}).get(e.arm, Work())) for e in evaluations
        ),
        pairs=pair_tests(metric, scores, groups, seed=seed),
        not_applicable=tuple(not_applicable),
        truths=tuple(
            t for kind in (False, True) if (t := _truth(evaluations, examples, metric, seed, synthetic=kind)).n
        ),
    )


def _truth(
    evaluations: Sequence[Evaluation], examples: Sequence[Example], metric: str, seed: int, *, synthetic: bool
) -> TruthPart:
    """Every arm on the questions of one kind of truth alone."""
    own = [n for n, e in enumerate(examples) if e.human != synthetic]
    groups = [examples[n].group for n in own]
    found = [
        TruthEstimate(arm=e.arm, estimate=estimate(metric, [e.cases[n].value(metric) for n in own], groups, seed=seed))
        for e in evaluations
        if own
    ]
    return TruthPart(synthetic=synthetic, n=len(own), estimates=tuple(found))


def _summary(
    evaluation: Evaluation, examples: Sequence[Example], build: float, config: Config, work: Work
) -> ArmSummary:
    groups = [e.group for e in examples]
    answers = [c.outcome for c in evaluation.cases if isinstance(c.outcome, Answer)]
    times = evaluation.latency
    summary = ArmSummary(
        arm=evaluation.arm,
        estimates=_estimates(evaluation, examples, groups, config),
        p50_ms=_percentile(times, 50, lambda t: t.total),
        p95_ms=_percentile(times, 95, lambda t: t.total),
        build_seconds=build,
        prompt_tokens=_mean([a.prompt_tokens for a in answers]),
        completion_tokens=_mean([a.completion_tokens for a in answers]),
        passages_dropped=sum(a.dropped for a in answers),
        cost=Cost(build=0.0, per_1000=None),
        failed=evaluation.failed,
        n=len(evaluation.cases),
        retrieve_ms=_percentile(times, 50, lambda t: t.retrieve),
        generate_ms=_percentile(times, 50, lambda t: t.generate),
        first_token_ms=_percentile([t for t in times if t.first_token is not None], 50, lambda t: t.first_token or 0.0),
        latency_n=len(times),
        machine_seconds=_mean([machine_seconds(t, evaluation.arm, config) for t in times]) if times else None,
        work=work,
    )
    return replace(summary, cost=cost(summary, config))


def machine_seconds(times: Timings, arm: ArmName, config: Config) -> float:
    """What the own machine works on one question: not the time in which it waits for a hosted generator."""
    waits = is_remote(config.models.generator) and config.project.task == "answer" and arm != "quote"
    return times.total - times.generate if waits else times.total


def _estimates(
    evaluation: Evaluation, examples: Sequence[Example], groups: Sequence[str], config: Config
) -> tuple[Estimate, ...]:
    seed = config.project.seed
    names = dict.fromkeys(s.name for c in evaluation.cases for s in c.scores)
    found = [
        estimate(n, [c.value(n) for c in evaluation.cases], groups, seed=seed, failed=evaluation.failed) for n in names
    ]
    if config.project.task == "classify":
        found.append(_macro_f1(evaluation, examples, groups, seed))
    return tuple(found)


def _macro_f1(evaluation: Evaluation, examples: Sequence[Example], groups: Sequence[str], seed: int) -> Estimate:
    """Mean F1 over the labels of the test split, from label counts, with a cluster bootstrap interval.

    A property of the whole split: no single case has one, so it is not pair-tested.
    """
    kept = [
        (e.answers[0], c.outcome.text, g)
        for e, c, g in zip(examples, evaluation.cases, groups, strict=True)
        if isinstance(c.outcome, Answer)
    ]
    if not kept:
        return Estimate(metric="macro_f1", mean=None, low=None, high=None, n=0, failed=evaluation.failed)
    truth, guess, where = np.array([k[0] for k in kept]), np.array([k[1] for k in kept]), [k[2] for k in kept]
    # One column of counts per label, so that a bootstrap draw is three matrix products instead of a recount.
    right, told, real = (np.stack([_per_cluster(hit, where) for hit in hits], axis=1) for hits in _hits(truth, guess))
    ones = np.ones(right.shape[0])
    low, high = _bootstrap_f1(right, told, real, seed)
    mean = float(_f1(ones @ right, ones @ told, ones @ real))
    return Estimate(metric="macro_f1", mean=mean, low=low, high=high, n=len(kept), failed=evaluation.failed)


def _hits(truth: np.ndarray, guess: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    labels = sorted(set(truth.tolist()))
    return (
        [(truth == label) & (guess == label) for label in labels],
        [guess == label for label in labels],
        [truth == label for label in labels],
    )


def _per_cluster(hit: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    return cluster_sums(hit.astype(float), groups)[0]


def _f1(right: np.ndarray, told: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Macro F1 over the labels that occur in the draw; the last axis is the label."""
    there = real > 0
    f1 = np.divide(2 * right, told + real, out=np.zeros_like(right, dtype=float), where=(told + real) > 0)
    return (f1 * there).sum(-1) / np.maximum(there.sum(-1), 1)


def _bootstrap_f1(
    right: np.ndarray, told: np.ndarray, real: np.ndarray, seed: int
) -> tuple[float | None, float | None]:
    k = right.shape[0]
    if k < 2:
        return None, None
    counts = np.random.default_rng(seed).multinomial(k, np.full(k, 1 / k), size=_F1_DRAWS).astype(np.float32)
    draws = _f1(counts @ right, counts @ told, counts @ real)
    low, high = np.quantile(draws, expanded_tails(k))
    return float(low), float(high)


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else 0.0


def _percentile(times: Sequence[Timings], q: float, part: Callable[[Timings], float]) -> float | None:
    return float(np.percentile([part(t) for t in times], q)) * 1000 if times else None
