"""What is measured on the test split: scores, cases, estimates, paired tests, costs, and the comparison of all arms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ragraft.types.answers import Answer, Failure, Timings
from ragraft.types.names import ArmName


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One measured number for one case; `value` None means unscored and `reason` says why."""

    name: str
    value: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """One test example put to one arm."""

    example: str
    group: str
    outcome: Answer | Failure
    scores: tuple[Score, ...] = ()

    def value(self, name: str) -> float | None:
        return next((s.value for s in self.scores if s.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Every case of one arm, in the order of the test split. `latency`: single requests, asked one at a time."""

    arm: ArmName
    fingerprint: str
    cases: tuple[CaseResult, ...]
    latency: tuple[Timings, ...] = ()

    @property
    def failed(self) -> int:
        return sum(isinstance(c.outcome, Failure) for c in self.cases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over `n` scored cases with a 95 % interval clustered by group; `unscored` and `failed` are not in the mean.

    `mean` is None when no case was scored.
    """

    metric: str
    mean: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTest:
    """Two arms on the same cases: mean(a) - mean(b), its 95 % interval, and p before and after Holm's adjustment."""

    a: ArmName
    b: ArmName
    metric: str
    n: int
    clusters: int
    difference: float
    low: float
    high: float
    p: float
    p_adjusted: float
    test: Literal["permutation", "mcnemar"]
    detectable: float
    """Smallest true difference found with probability 0.8 at the 5 % level by a split of this size (paired, clustered)."""

    @property
    def decisive(self) -> bool:
        return self.p_adjusted < 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a piece of work took: seconds by the clock and of the processor, and the most memory that the whole process held
    meanwhile, in megabytes. `gpu`: one was in use."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    gpu: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What an arm costs by the config's prices, in its currency; None where something was not measured or has no price.

    `storage`: a month. `monthly`: at the config's traffic, with the build spread over its months.
    """

    build: float
    per_1000: float | None
    per_100_changes: float | None = None
    storage: float | None = None
    monthly: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What else an arm asked for, as measured: besides the seconds of its build.

    `labelled`: examples that it learned from. `stored_bytes`: its index and adapter on disk. `change_seconds`: of the machine,
    to index one changed document. `retraining_seconds`: to train it again, 0 where a change asks for none; `relabelled`: examples
    that one changed document makes stale. None: not measured.
    """

    gpu: bool = False
    labelled: int = 0
    stored_bytes: int | None = 0
    change_seconds: float | None = 0.0
    retraining_seconds: float = 0.0
    relabelled: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSummary:
    """Everything the comparison says of one arm. `build_seconds` is index plus tuning as measured when they were built."""

    arm: ArmName
    estimates: tuple[Estimate, ...]
    p50_ms: float | None
    p95_ms: float | None
    build_seconds: float
    prompt_tokens: float
    completion_tokens: float
    passages_dropped: int
    cost: Cost
    failed: int
    n: int
    retrieve_ms: float | None = None
    generate_ms: float | None = None
    first_token_ms: float | None = None
    """Medians by stage over the same single requests as p50_ms and p95_ms."""
    latency_n: int = 0
    machine_seconds: float | None = None
    """Mean of one question: what the own machine works on it. Waiting for a hosted model is not counted."""
    work: Work = Work()

    def estimate(self, metric: str) -> Estimate | None:
        return next((e for e in self.estimates if e.metric == metric), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotApplicable:
    """An arm that does not exist for this task or project, and why."""

    arm: ArmName
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthEstimate:
    arm: ArmName
    estimate: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthPart:
    """The test questions whose truth is synthetic, or those whose truth people wrote, and every arm's primary metric on them alone."""

    synthetic: bool
    n: int
    estimates: tuple[TruthEstimate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All arms on one test split. `metric` is the primary one, on which the pair tests are made. `truths`: human and synthetic
    questions apart, whichever there are."""

    metric: str
    n: int
    clusters: int
    arms: tuple[ArmSummary, ...]
    pairs: tuple[PairTest, ...]
    not_applicable: tuple[NotApplicable, ...] = ()
    truths: tuple[TruthPart, ...] = ()

    @property
    def synthetic(self) -> int:
        """Test questions whose truth is synthetic."""
        return sum(t.n for t in self.truths if t.synthetic)

    def summary(self, arm: ArmName) -> ArmSummary:
        return next(s for s in self.arms if s.arm == arm)
