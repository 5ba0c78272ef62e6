"""One comparison, whole, with what it rests on."""

from __future__ import annotations

from dataclasses import dataclass

from ragraft.types.choosing import Disagreement, Hosted, Recommendation, Sensitivity, Tradeoff, Traffic
from ragraft.types.knowledge import SyncReport
from ragraft.types.learning import Split, TunedArm
from ragraft.types.measuring import Comparison, Evaluation
from ragraft.types.names import Task
from ragraft.types.probing import ProbeResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The judge against people on the same answers: Cohen's kappa over `n` labels."""

    model: str
    kappa: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprints:
    """What the run rests on: hashes that change when an input changes."""

    config: str
    documents: str
    examples: str
    split: str
    embedder: str
    generator: str
    ragraft: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One `compare`, whole: what report.json holds and report.html shows. `test` gives the truth beside the answers."""

    run: str
    project: str
    task: Task
    made: str
    seconds: float
    currency: str
    sync: SyncReport | None
    """None where the task reads no documents."""
    split: Split
    comparison: Comparison
    recommendation: Recommendation
    evaluations: tuple[Evaluation, ...]
    tuned: tuple[TunedArm, ...]
    fingerprints: Fingerprints
    config_text: str
    agreement: Agreement | None = None
    probes: tuple[ProbeResult, ...] = ()
    tradeoffs: tuple[Tradeoff, ...] = ()
    sensitivity: Sensitivity | None = None
    traffic: Traffic | None = None
    price_notes: tuple[str, ...] = ()
    """Where the prices that the config does not set are from."""
    published: tuple[Disagreement, ...] = ()
    hosted: tuple[Hosted, ...] = ()
