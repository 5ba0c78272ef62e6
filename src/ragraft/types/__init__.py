"""The values that cross module borders: frozen, slotted, keyword-only. They hold data and tiny derived properties only.

Conventions: seconds are floats, token counts are ints, `None` in a `Score` means *unscored* and carries a reason.
"""

from ragraft.types.answers import Answer, Citation, Completion, Failure, Message, Prompt, Request, Timings
from ragraft.types.choosing import (
    BreakEven,
    Disagreement,
    Flip,
    Hosted,
    Recommendation,
    Sensitivity,
    Tradeoff,
    Traffic,
    Wins,
)
from ragraft.types.erasure import Certificate, Forgotten, MarkedAdapter, Tombstone
from ragraft.types.knowledge import (
    Chunk,
    Document,
    Flagged,
    Move,
    Passage,
    Reader,
    Skipped,
    SyncPlan,
    SyncReport,
    Version,
)
from ragraft.types.learning import Adapter, Closed, CurvePoint, Example, NearDuplicate, Split, TrainingRow, TunedArm
from ragraft.types.measuring import (
    ArmSummary,
    CaseResult,
    Comparison,
    Cost,
    Estimate,
    Evaluation,
    NotApplicable,
    PairTest,
    Score,
    Spent,
    TruthEstimate,
    TruthPart,
    Work,
)
from ragraft.types.names import ARMS, EVERYONE, PROBES, ArmName, ProbeName, Role, SplitName, Task
from ragraft.types.probing import CaseValue, Exclusion, ProbeCase, ProbeFigure, ProbeResult, Reading
from ragraft.types.reporting import Agreement, Fingerprints, Report

__all__ = [
    "ARMS", "EVERYONE", "PROBES", "Adapter", "Agreement", "Answer", "ArmName", "ArmSummary", "BreakEven",
    "CaseResult", "CaseValue", "Certificate", "Chunk", "Citation", "Closed", "Comparison", "Completion", "Cost", "CurvePoint",
    "Disagreement", "Document", "Estimate", "Evaluation", "Example", "Exclusion", "Failure", "Fingerprints",
    "Flagged", "Flip", "Forgotten", "Hosted", "MarkedAdapter", "Message", "Move", "NearDuplicate", "NotApplicable",
    "PairTest", "Passage", "ProbeCase", "ProbeFigure", "ProbeName", "ProbeResult", "Prompt", "Reader", "Reading",
    "Recommendation", "Report", "Request", "Role", "Score", "Sensitivity", "Skipped", "Spent", "Split", "SplitName",
    "SyncPlan", "SyncReport", "Task", "Timings", "Tombstone", "Tradeoff", "Traffic", "TrainingRow", "TruthEstimate",
    "TruthPart", "TunedArm", "Version", "Wins", "Work",
]  # fmt: skip
