"""The values that cross module borders: frozen, slotted, keyword-only. They hold data and tiny derived properties only.

Conventions: seconds are floats, token counts are ints, `None` in a `Score` means *unscored* and carries a reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

Task = Literal["answer", "classify"]
ArmName = Literal["base", "quote", "rag", "tuned", "tuned+rag", "raft"]
SplitName = Literal["train", "dev", "test"]
ProbeName = Literal[
    "freshness", "deletion", "permission", "injection", "forgetting", "leakage", "robustness", "load", "overfitting",
    "style", "context", "growth", "setup",
]  # fmt: skip
Role = Literal["system", "user", "assistant"]

ARMS: tuple[ArmName, ...] = ("base", "quote", "rag", "tuned", "tuned+rag", "raft")
PROBES: tuple[ProbeName, ...] = get_args(ProbeName)
EVERYONE = "everyone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who asks. `user` and every entry of `groups` are matched against a document's reader list; `everyone` is implied."""

    user: str
    groups: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        return self.groups | {self.user, EVERYONE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One source as Markdown. `id` is its path relative to the documents folder, with forward slashes; a document of a named
    source starts with that source's name. `modified`: when it last changed, ISO 8601 in UTC; None where nobody knows.

    `readers` and `tags` are what the config or the source gives it; `own_readers` and `own_tags` what it says of itself. A
    reader must be named by both lists of readers; `everyone` in one of them narrows nothing."""

    id: str
    title: str
    text: str
    hash: str
    readers: tuple[str, ...]
    tags: tuple[str, ...] = ()
    modified: str | None = None
    notes: tuple[str, ...] = ()
    """What of it could not be read: pages, parts of an archive; each with the reason."""
    own_readers: tuple[str, ...] = (EVERYONE,)
    own_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A source that could not be read, with the reason in plain words. `kept`: only for now, so that what the index held of
    it stays; `part`: the rest of the document was read."""

    source: str
    reason: str
    kept: bool = False
    part: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a document: the unit of retrieval. `heading` is the path of headings above it, joined by ` › `.
    A reader must be named by `readers` and by `own_readers`; `tags` are the document's, given and its own."""

    id: str
    document: str
    title: str
    heading: str
    text: str
    position: int
    tokens: int
    readers: tuple[str, ...]
    page: int | None = None
    tags: tuple[str, ...] = ()
    modified: str | None = None
    own_readers: tuple[str, ...] = (EVERYONE,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk found for one request. `score` is the fused score of both halves; it ranks the chunk unless a reranker read it, whose
    own score is `reranked` then. The parts say why.

    Ranks start at 1; `None` means that this half of the search did not return the chunk. `merged`: how many worse-ranked chunks
    said nothing that this one does not say word for word, and were left out. `before` and `after`: what stands around the chunk
    in its document, where the config asks for neighbours.
    """

    chunk: Chunk
    rank: int
    score: float
    bm25: float | None = None
    bm25_rank: int | None = None
    cosine: float | None = None
    cosine_rank: int | None = None
    reranked: float | None = None
    merged: int = 0
    before: str = ""
    after: str = ""

    @property
    def text(self) -> str:
        """The chunk with its neighbours: what a prompt shows of it."""
        return "\n".join(part for part in (self.before, self.chunk.text, self.after) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One labelled question. For `classify`, `question` is the text and `answers[0]` the label.

    `must_include`: facts that a right answer holds; each fact is a tuple of accepted spellings.
    `documents`: ids of the documents that hold the answer; empty where unknown or unanswerable.
    `human` marks a truth written by a person (False: synthetic).
    """

    id: str
    question: str
    answers: tuple[str, ...]
    must_include: tuple[tuple[str, ...], ...] = ()
    documents: tuple[str, ...] = ()
    group: str
    answerable: bool = True
    human: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """A place in a document that reads like an instruction to a language model, for a person to look at."""

    document: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What one sync did to the index. Counts are documents; `chunks` and `tokens` are those written, and `reused` those of
    them whose vectors were there already. `moved` are among the added; `kept`: left as they were since their source did not
    answer, or no longer lists them and keeps them; they are among the unchanged. `flagged`: places in what was written."""

    added: int
    changed: int
    unchanged: int
    removed: int
    skipped: tuple[Skipped, ...]
    documents: int
    chunks: int
    tokens: int
    seconds: float
    version: int
    moved: int = 0
    kept: int = 0
    reused: int = 0
    flagged: tuple[Flagged, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a piece of work took: seconds by the clock and of the processor, and the most memory that the whole process held
    meanwhile, in megabytes. `gpu`: one was in use."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    gpu: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A document that has another id now."""

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPlan:
    """What a sync would do, by document id. `moved` are among the added and the removed."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: int
    kept: int
    removed: tuple[str, ...]
    moved: tuple[Move, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NearDuplicate:
    """Two examples whose questions are alike (`similarity` = cosine of their embeddings)."""

    a: str
    b: str
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Train, dev and the sealed test split, by group. `joined`: near-duplicate pairs of different groups, whose groups
    were kept together so that no pair straddles splits; `straddling` counts the pairs that still do (0)."""

    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: tuple[Example, ...]
    threshold: float
    joined: tuple[NearDuplicate, ...] = ()
    straddling: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to a system, without any truth about its answer."""

    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a generator reads. `passages[i]` is cited as `[i+1]`; `dropped` counts those that did not fit."""

    messages: tuple[Message, ...]
    passages: tuple[Passage, ...] = ()
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a generator wrote. `first_token_seconds` is None where the backend cannot tell."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    first_token_seconds: float | None = None
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A passage that an answer names. It always resolves: `number` is the passage's place in the prompt, from 1."""

    number: int
    chunk: str
    document: str
    page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Seconds by stage for one request. In a batch, a shared stage's time is divided among its requests."""

    retrieve: float = 0.0
    generate: float = 0.0
    check: float = 0.0
    first_token: float | None = None

    @property
    def total(self) -> float:
        return self.retrieve + self.generate + self.check


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A system's answer. `text` has no citation markers; `invented` counts markers that named no passage.

    `confidence` in [0, 1] where the system has one (classify, quote), else None. `highlight`: start and end, in characters of `text`,
    of the words that answer (quote). `support`: the span reader's chance that a cited passage answers the question in words that
    the answer holds; None without passages.
    """

    text: str
    raw: str
    refused: bool
    citations: tuple[Citation, ...] = ()
    invented: int = 0
    passages: tuple[Passage, ...] = ()
    dropped: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    timings: Timings = Timings()
    index_version: int | None = None
    confidence: float | None = None
    highlight: tuple[int, int] | None = None
    support: float | None = None
    notes: tuple[str, ...] = ()
    """What the reader should know of how it was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A case that did not get an answer. `retryable`: a later run should try it again."""

    stage: str
    message: str
    retryable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRow:
    """One supervised example: loss falls on `target` only. `documents` is the lineage; `oracle` says whether the
    passages in the prompt hold the answer (None for closed-book rows)."""

    id: str
    example: str
    messages: tuple[Message, ...]
    target: str
    kind: Literal["closed-book", "raft"]
    oracle: bool | None = None
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One evaluation during training: mean loss per answer token on train (since the last point) and on dev."""

    step: int
    epoch: float
    train_loss: float
    dev_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A trained change to a base model. `path` is a directory; `curve` the learning curve; `best_step` the kept checkpoint."""

    path: str
    base: str
    fingerprint: str
    rows: int
    dev_rows: int
    tokens: int
    seconds: float
    best_step: int
    curve: tuple[CurvePoint, ...]
    documents: tuple[str, ...] = ()
    stopped_early: bool = False


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
class TruthPart:
    """The test questions whose truth is synthetic, or those whose truth people wrote, and every arm's primary metric on them alone."""

    synthetic: bool
    n: int
    estimates: tuple[TruthEstimate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthEstimate:
    arm: ArmName
    estimate: Estimate


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """An arm ruled out by a hard constraint, in one plain sentence with the figure."""

    arm: ArmName
    constraint: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One arm's value of a figure over `n` cases, with a 95 % interval where it samples; `value` None: not measured, and `reason`
    says why."""

    arm: ArmName
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFigure:
    """One thing that a probe measures. `unit`: `share` (0 to 1), `s`, or a plural noun; `higher_is_better` None where neither is."""

    name: str
    label: str
    unit: str
    higher_is_better: bool | None
    readings: tuple[Reading, ...]

    def reading(self, arm: ArmName) -> Reading | None:
        return next((r for r in self.readings if r.arm == arm), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeCase:
    """A question at which an arm failed, for the reader of a report: what it said and what was expected."""

    arm: ArmName
    figure: str
    question: str
    said: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What one probe measured. The first figure is its main one; `cannot`: what does not follow from it; `notes`: what befell
    this run; `blocks`: arms that must not be recommended because of it. Seconds by the clock and of the processor."""

    probe: ProbeName
    title: str
    figures: tuple[ProbeFigure, ...] = ()
    cannot: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    failures: tuple[ProbeCase, ...] = ()
    blocks: tuple[Exclusion, ...] = ()
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def figure(self, name: str) -> ProbeFigure | None:
        return next((f for f in self.figures if f.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tradeoff:
    """One row of the trade-off table. `name`: a metric, a figure of time or cost, or `PROBE.FIGURE`. `unit`: `share`, `ms`, `s`,
    `money`, or a plural noun.

    `best`: the arm with the best figure. `worse`: those whose difference from it is beyond noise, by `test`; where `test` is empty
    nothing was sampled and nothing is marked.
    """

    name: str
    label: str
    group: str
    unit: str
    higher_is_better: bool | None
    readings: tuple[Reading, ...]
    best: ArmName | None = None
    worse: tuple[ArmName, ...] = ()
    test: str = ""

    def reading(self, arm: ArmName) -> Reading | None:
        return next((r for r in self.readings if r.arm == arm), None)

    def value(self, arm: ArmName) -> float | None:
        found = self.reading(arm)
        return found.value if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """Questions a month above which `high` costs less than `low`, which costs less below; None: `low` is cheaper at any volume.

    A 95 % interval over resampled questions; its end is None where it has none.
    """

    low: ArmName
    high: ArmName
    volume: float | None
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """Where one number of the config, moved alone from `now` (None: not set) past `at`, changes the choice to `arm` (None: no arm
    can be recommended)."""

    parameter: str
    now: float | None
    at: float
    arm: ArmName | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wins:
    """The share of draws in which an arm comes first: over resampled test cases, and over random weights (None: not weighed)."""

    arm: ArmName
    cases: float
    weights: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """How far the choice holds. `weighed`: the trade-offs that random weights were put on; `unweighed`: those left out because an
    arm has no figure; `steady`: parameters whose moving changes nothing."""

    flips: tuple[Flip, ...]
    steady: tuple[str, ...]
    wins: tuple[Wins, ...]
    draws: int
    weighed: tuple[str, ...] = ()
    unweighed: tuple[str, ...] = ()
    break_evens: tuple[BreakEven, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """`one`: `arm` is the best. `tie`: `arm` is the cheapest of `tied`. `undecided`: `arm` is None.

    `examples_needed`: further test examples (estimate) that would settle it; None where more would not help.
    """

    outcome: Literal["one", "tie", "undecided"]
    arm: ArmName | None
    tied: tuple[ArmName, ...] = ()
    headline: str
    reasons: tuple[str, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    examples_needed: int | None = None
    caveats: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The judge against people on the same answers: Cohen's kappa over `n` labels."""

    model: str
    kappa: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedArm:
    """The adapter behind an arm, for the report's learning curves."""

    arm: ArmName
    adapter: Adapter


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
class Hosted:
    """What `arm` would cost if a hosted model of the price table read and wrote its measured tokens. Its quality is not measured."""

    model: str
    arm: ArmName
    per_1000: float
    monthly: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What the monthly cost was reckoned with."""

    questions: float
    changes: float
    months: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A published finding that the measured figures contradict beyond noise."""

    id: str
    claim: str
    paper: str
    year: int
    url: str
    figure: str
    measured: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A state of the index that can still be searched. `made`: ISO 8601 in UTC."""

    version: int
    made: str
    chunks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A document that a reader may not read and that an adapter learned from, with the examples through which it did."""

    document: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A forgotten document, which no sync takes in again: neither its id, nor the same content under another one.
    `content`: the key of its content, empty where nobody knows."""

    document: str
    content: str
    at: str
    certificate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedAdapter:
    """An adapter that learned from forgotten documents, through the training rows of these examples."""

    arm: str
    key: str
    documents: tuple[str, ...]
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was erased of one document. `sha256`: over its chunks' texts as the index held them; empty where it held none."""

    document: str
    chunks: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What one `forget` did; written when everything else is done. Paths are relative to the project.

    `purged`: versions of the index that are no longer on disk. `adapters` still hold what they learned until they are
    trained again. `sources`: files outside `.ragraft/` that still hold the document. `remaining`: files under `.ragraft/` in
    which a run of its words was still found; None where its text was gone before this could be looked for.
    """

    id: str
    project: str
    at: str
    ragraft: str
    documents: tuple[Forgotten, ...]
    purged: tuple[int, ...]
    index_version: int
    rewritten: tuple[str, ...]
    removed: tuple[str, ...]
    adapters: tuple[MarkedAdapter, ...]
    sources: tuple[str, ...]
    remaining: tuple[str, ...] | None
    seconds: float
