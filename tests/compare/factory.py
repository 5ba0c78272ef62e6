"""Made-up reports for the tests of the report, the charts and the terminal. Figures follow from the cases."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from itertools import combinations

from ragraft.types import (
    Adapter,
    Agreement,
    Answer,
    ArmName,
    ArmSummary,
    CaseResult,
    Chunk,
    Citation,
    Comparison,
    Cost,
    CurvePoint,
    Estimate,
    Evaluation,
    Example,
    Exclusion,
    Failure,
    Fingerprints,
    NearDuplicate,
    NotApplicable,
    PairTest,
    Passage,
    Recommendation,
    Report,
    Score,
    Skipped,
    Split,
    SyncReport,
    Timings,
    TunedArm,
)

SKILL: dict[str, float] = {"base": 0.08, "quote": 0.58, "rag": 0.66, "tuned": 0.31, "tuned+rag": 0.64, "raft": 0.84}
LATENCY: dict[str, float] = {"base": 0.34, "quote": 0.012, "rag": 0.52, "tuned": 0.33, "tuned+rag": 0.55, "raft": 0.56}
BUILD: dict[str, float] = {"base": 0.0, "quote": 11.2, "rag": 11.2, "tuned": 96.0, "tuned+rag": 107.0, "raft": 151.0}
INDEXED = ("quote", "rag", "tuned+rag", "raft")
TOPICS = ("Exports", "Seats", "Invoices", "Webhooks", "Retention", "Single sign-on", "Imports", "Roles")
FILLER = (
    "Owners and administrators can change this at any time; the change takes effect with the next run and is written "
    "to the audit trail. The Starter plan has a lower limit than Team, and both differ from Enterprise, where the "
    "limit is agreed in the contract. A warning is mailed at four fifths of the limit, and jobs that were already "
    "queued are finished before the limit applies. Nothing is deleted without a notice of fourteen days. "
)


def case_chunk(i: int, n: int) -> Chunk:
    topic = TOPICS[(i + n) % len(TOPICS)]
    return Chunk(
        id=f"guide/{topic.lower().replace(' ', '-')}.md#{n}",
        document=f"guide/{topic.lower().replace(' ', '-')}.md",
        title=topic,
        heading="Limits › Plans" if n % 2 else "Overview",
        text=f"{topic} are limited to {25 + i * 7 + n} per workspace on the Team plan. " + FILLER * 2,
        position=n,
        tokens=190,
        readers=("everyone",),
        page=n + 3 if n == 2 else None,
    )


def example(i: int) -> Example:
    topic, answerable = TOPICS[i % len(TOPICS)], i % 7 != 6
    return Example(
        id=f"q{i:03d}",
        question=f"How many {topic.lower()} may a Team workspace have, and who can raise the limit (case {i})?",
        answers=(f"{25 + i * 7} per workspace; owners and administrators can raise it.",)
        if answerable
        else ("The documents do not say.",),
        must_include=((f"{25 + i * 7}", f"{25 + i * 7}.0"), ("owners", "owner"), ("administrators", "admins"))
        if answerable
        else (),
        documents=(case_chunk(i, 0).document,) if answerable else (),
        group=f"g{i // 3}",
        answerable=answerable,
        human=i % 5 != 0,
    )


def answer_case(arm: ArmName, truth: Example, i: int, rng: random.Random) -> CaseResult:
    right = rng.random() < SKILL[arm]
    refused = right != truth.answerable
    indexed = arm in INDEXED
    passages = tuple(
        Passage(chunk=case_chunk(i, n), rank=n + 1, score=0.9 - 0.1 * n, cosine=0.6, cosine_rank=n + 1)
        for n in range(4 if indexed else 0)
    )
    cited = (Citation(number=1, chunk=passages[0].chunk.id, document=passages[0].chunk.document),) if indexed else ()
    text = (
        "The documents do not say."
        if refused
        else truth.answers[0]
        if right
        else f"A workspace may have {12 + i} of them; the owner decides."
    )
    seconds = LATENCY[arm] * rng.uniform(0.7, 1.6)
    outcome = Answer(
        text=text,
        raw=text + (" [1]" if cited and not refused else ""),
        refused=refused,
        citations=() if refused else cited,
        invented=1 if arm == "rag" and i % 11 == 0 else 0,
        passages=passages,
        dropped=1 if indexed and i % 9 == 0 else 0,
        prompt_tokens=820 if indexed else 40,
        completion_tokens=22,
        timings=Timings(retrieve=0.009 if indexed else 0.0, generate=seconds, first_token=0.05),
        index_version=4 if indexed else None,
    )
    return CaseResult(
        example=truth.id, group=truth.group, outcome=outcome, scores=answer_scores(truth, right, refused, indexed, rng)
    )


def answer_scores(truth: Example, right: bool, refused: bool, indexed: bool, rng: random.Random) -> tuple[Score, ...]:
    overlap = round(rng.uniform(0.75, 1.0) if right else rng.uniform(0.1, 0.5), 3)
    nothing = "the answer is a refusal" if indexed else "the arm has no passages"
    known = truth.answerable and not refused
    return (
        Score(name="correct", value=float(right)),
        Score(name="facts", value=(1.0 if right else 1 / 3) if known else 0.0)
        if truth.answerable
        else Score(name="facts", value=None, reason="the question has no answer"),
        Score(name="token_f1", value=overlap),
        Score(name="rouge_l", value=round(overlap * 0.95, 3)),
        Score(name="grounding", value=float(right or rng.random() < 0.5))
        if indexed and not refused
        else Score(name="grounding", value=None, reason=nothing),
        Score(name="cited", value=float(indexed))
        if not refused
        else Score(name="cited", value=None, reason="a refusal needs no citation"),
        Score(name="citation_precision", value=float(rng.random() < 0.85))
        if indexed and known
        else Score(name="citation_precision", value=None, reason=nothing),
        Score(name="citation_recall", value=float(rng.random() < 0.8))
        if indexed and known
        else Score(name="citation_recall", value=None, reason=nothing),
        Score(name="false_refusal" if truth.answerable else "refusal", value=float(refused)),
        *(
            Score(name=name, value=round(rng.uniform(low, 1.0), 3))
            if indexed and truth.answerable
            else Score(name=name, value=None, reason="the arm retrieves nothing")
            for name, low in (("recall_at_k", 0.8), ("mrr", 0.6), ("ndcg", 0.65))
        ),
    )


def label_case(arm: ArmName, truth: Example, i: int, rng: random.Random) -> CaseResult:
    skill = {"base": 0.63, "rag": 0.90, "tuned": 0.93, "tuned+rag": 0.932}[arm]
    right = rng.random() < skill
    text = truth.answers[0] if right else "card arrival"
    return CaseResult(
        example=truth.id,
        group=truth.group,
        outcome=Answer(
            text=text, raw=text, refused=False, confidence=0.81, timings=Timings(generate=rng.uniform(0.002, 0.006))
        ),
        scores=(Score(name="accuracy", value=float(right)),),
    )


def estimates(cases: tuple[CaseResult, ...]) -> tuple[Estimate, ...]:
    names = dict.fromkeys(s.name for c in cases for s in c.scores)
    failed = sum(isinstance(c.outcome, Failure) for c in cases)
    result: list[Estimate] = []
    for name in names:
        values = [v for c in cases if (v := c.value(name)) is not None]
        if not values:
            result.append(
                Estimate(metric=name, mean=None, low=None, high=None, n=0, unscored=len(cases), failed=failed)
            )
            continue
        mean = sum(values) / len(values)
        half = 1.96 * (max(mean * (1 - mean), 0.01) / len(values)) ** 0.5
        result.append(
            Estimate(
                metric=name,
                mean=mean,
                low=max(0.0, mean - half),
                high=min(1.0, mean + half),
                n=len(values),
                unscored=len(cases) - failed - len(values),
                failed=failed,
            )
        )
    return tuple(result)


def summary(evaluation: Evaluation) -> ArmSummary:
    times = sorted(1000 * c.outcome.timings.total for c in evaluation.cases if isinstance(c.outcome, Answer))
    arm = evaluation.arm
    return ArmSummary(
        arm=arm,
        estimates=estimates(evaluation.cases),
        p50_ms=times[len(times) // 2] if times else None,
        p95_ms=times[int(len(times) * 0.95)] if times else None,
        build_seconds=BUILD[arm],
        prompt_tokens=820.0 if arm in INDEXED else 40.0,
        completion_tokens=22.0,
        retrieve_ms=9.0 if arm in INDEXED else None,
        generate_ms=1000 * LATENCY[arm],
        latency_n=20,
        passages_dropped=7 if arm in INDEXED else 0,
        cost=Cost(build=BUILD[arm] / 3600 * 0.1, per_1000=LATENCY[arm] / 3600 * 0.1 * 1000),
        failed=evaluation.failed,
        n=len(evaluation.cases),
    )


def pair(a: ArmSummary, b: ArmSummary, metric: str, tests: int) -> PairTest:
    left, right = a.estimate(metric), b.estimate(metric)
    assert left
    assert right
    gap, half = (left.mean or 0) - (right.mean or 0), 0.9 / max(left.n, 1) ** 0.5
    p = max(0.0005, min(1.0, 1.2 * 2.718 ** (-((gap / (half / 2)) ** 2) / 1.6)))
    return PairTest(
        a=a.arm,
        b=b.arm,
        metric=metric,
        n=left.n,
        clusters=left.n // 3,
        difference=gap,
        low=gap - half,
        high=gap + half,
        p=p,
        p_adjusted=min(1.0, p * tests / 2),
        test="mcnemar" if metric == "accuracy" else "permutation",
        detectable=half * 1.43,
    )


def adapter(arm: ArmName) -> TunedArm:
    points = [
        CurvePoint(
            step=s, epoch=s / 40, train_loss=2.4 * 0.72 ** (s / 20) + 0.15, dev_loss=2.5 * 0.75 ** (s / 20) + 0.42
        )
        for s in range(20, 201, 20)
    ]
    curve = tuple(dataclasses.replace(p, dev_loss=p.dev_loss + 0.004 * max(0, p.step - 120)) for p in points)
    best = min(curve, key=lambda p: p.dev_loss)
    return TunedArm(
        arm=arm,
        adapter=Adapter(
            path="stages/tune/0f",
            base="pocket",
            fingerprint="0f3a11d09b2c44e1",
            rows=180,
            dev_rows=36,
            tokens=211_000,
            seconds=96.4,
            best_step=best.step,
            curve=curve,
            documents=("guide/seats.md",),
            stopped_early=True,
        ),
    )


def build(
    arms: tuple[ArmName, ...],
    examples: tuple[Example, ...],
    metric: str,
    case: Callable[[ArmName, Example, int, random.Random], CaseResult],
    recommendation: Recommendation,
    *,
    task: str = "answer",
    not_applicable: tuple[NotApplicable, ...] = (),
    tuned: tuple[ArmName, ...] = (),
) -> Report:
    evaluations = tuple(
        Evaluation(
            arm=arm,
            fingerprint=f"{arm}-1",
            cases=tuple(case(arm, e, i, random.Random(f"{arm}{i}")) for i, e in enumerate(examples)),
        )
        for arm in arms
    )
    summaries = tuple(map(summary, evaluations))
    pairs = tuple(pair(a, b, metric, len(arms)) for a, b in combinations(summaries, 2))
    return Report(
        run="20260312-101500",
        project="help-centre",
        task=task,  # type: ignore[arg-type]
        made="2026-03-12T10:15:00+00:00",
        seconds=287.4,
        currency="EUR",
        sync=SyncReport(
            added=45,
            changed=2,
            unchanged=1,
            removed=0,
            skipped=(
                Skipped(source="scans/contract-2019.pdf", reason="encrypted: it needs a password"),
                Skipped(source="notes/empty.md", reason="empty: no text was found"),
            ),
            documents=48,
            chunks=312,
            tokens=41_200,
            seconds=6.1,
            version=4,
        ),
        split=Split(
            train=examples[:2],
            dev=examples[2:3],
            test=examples,
            threshold=0.9,
            joined=(NearDuplicate(a="q001", b="q017", similarity=0.94),),
        ),
        comparison=Comparison(
            metric=metric,
            n=len(examples),
            clusters=len({e.group for e in examples}),
            arms=summaries,
            pairs=pairs,
            not_applicable=not_applicable,
        ),
        recommendation=recommendation,
        evaluations=evaluations,
        tuned=tuple(map(adapter, tuned)),
        fingerprints=Fingerprints(
            config="9a41c7d0e8b2f613",
            documents="5be0cd19137e2179",
            examples="1f83d9abfb41bd6b",
            split="a54ff53a3c6ef372",
            embedder="53aa51172d142c89",
            generator="bb67ae856a09e667",
            ragraft="0.1.0",
        ),
        config_text='[project]\nname = "help-centre"\ntask = "answer"\n\n[constraints]\nmust_cite = true\n',
        agreement=Agreement(model="openai:judge-1", kappa=0.71, n=80) if task == "answer" else None,
    )


def answer_report(n: int = 60) -> Report:
    """Six arms, one recommended."""
    return build(
        ("base", "quote", "rag", "tuned", "tuned+rag", "raft"),
        tuple(map(example, range(n))),
        "correct",
        answer_case,
        Recommendation(
            outcome="one",
            arm="raft",
            headline="Use `raft`: it answers more questions right than every other arm that may be used.",
            reasons=(
                "raft has the highest share of correct answers, ahead of quote and tuned+rag by a decisive difference.",
                "It meets every constraint: it cites its passages, and its p95 stays below the 2 s allowed.",
                "Its build takes 2.5 min, and 1,000 questions cost 0.0156 EUR, 8 % more than rag.",
            ),
            excluded=(
                Exclusion(
                    arm="base",
                    constraint="must_cite",
                    sentence="`base` is ruled out by `must_cite`: it cites nothing: it has no index to cite from.",
                ),
                Exclusion(
                    arm="tuned",
                    constraint="must_cite",
                    sentence="`tuned` is ruled out by `must_cite`: it cites nothing: it has no index to cite from.",
                ),
            ),
            caveats=("A fifth of the truths are synthetic, not written by a person.",),
        ),
        tuned=("tuned", "tuned+rag", "raft"),
    )


def classify_report(n: int = 90) -> Report:
    """Four arms on labels, a tie; `quote` and `raft` do not apply."""
    labels = ("lost card", "exchange rate", "top-up failed", "pending transfer")
    examples = tuple(
        Example(
            id=f"t{i:04d}",
            question=f"My transfer number {i} is still pending, why?",
            answers=(labels[i % 4],),
            group=f"g{i}",
        )
        for i in range(n)
    )
    return build(
        ("base", "rag", "tuned", "tuned+rag"),
        examples,
        "accuracy",
        label_case,
        Recommendation(
            outcome="tie",
            arm="tuned",
            tied=("tuned", "tuned+rag", "rag"),
            headline="No decisive difference between tuned, tuned+rag and rag: take tuned, the cheapest of the three to run.",
            reasons=("tuned has the lowest cost per 1,000 questions among the three.",),
            examples_needed=420,
        ),
        task="classify",
        not_applicable=(
            NotApplicable(arm="quote", reason="a label is not a sentence that could be quoted"),
            NotApplicable(arm="raft", reason="labels are not read from passages"),
        ),
        tuned=("tuned",),
    )


def undecided_report() -> Report:
    """Twelve questions, an endpoint that was down: nothing can be concluded."""

    def case(arm: ArmName, truth: Example, i: int, rng: random.Random) -> CaseResult:
        if arm == "rag" and i % 3 == 0:
            return CaseResult(
                example=truth.id,
                group=truth.group,
                outcome=Failure(stage="generate", message="503 from the endpoint after 4 retries"),
            )
        return answer_case(arm, truth, i, rng)

    return build(
        ("quote", "rag", "raft"),
        tuple(map(example, range(12))),
        "correct",
        case,
        Recommendation(
            outcome="undecided",
            arm=None,
            headline="The data cannot tell: 12 test questions are too few to separate quote, rag and raft.",
            reasons=("The best two arms differ by 8.3 points, and the 95 % interval spans −17.6 to 34.3.",),
            examples_needed=160,
            caveats=("4 of rag's 12 cases failed; run the same command again to retry them.",),
        ),
        not_applicable=(NotApplicable(arm="tuned", reason="left out by `compare.arms`"),),
    )
