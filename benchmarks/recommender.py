"""Does the recommender prefer what it should? Three cases where the right outcome is known, through the real stages.

    .venv/bin/python benchmarks/recommender.py [--only intents|changes|null] [--per-intent 40] [--simulations 200]

intents   Banking77, a sample of its train file (its test file is not touched), as a `classify` project: tuning or the hybrid over nearest
          examples alone, or a tie with figures.
changes   An invented catalogue. Training examples state its facts in some wordings, test questions ask for the same facts in others, so that
          a tuned arm can know them. Then every fact changes in the documents and in the truth of the test questions; the adapters
          stay as they are. Retrieval is right then; the same comparison before the change is printed beside it.
null      Two copies of one arm that answer with independent noise: a tie.
Nothing is chosen on a test split. Projects are made in a temporary folder.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from inputs import evaluation_set
from ragraft import pipeline
from ragraft.compare.compare import compare
from ragraft.compare.recommend import recommend
from ragraft.compare.wording import difference
from ragraft.config import Config
from ragraft.context import Context
from ragraft.types import Answer, ArmName, CaseResult, Evaluation, Example, Recommendation, Report, Score, Timings

SEED = 7
CORRECT = "correct"

# --- Banking77 ---------------------------------------------------------------------------------------------------------

INTENTS = f"""
[project]
task = "classify"
seed = {SEED}

[probes]
run = []
"""


def intents(per_intent: int, table: Table) -> None:
    by_intent: dict[str, list[str]] = defaultdict(list)
    with (evaluation_set("banking77") / "train.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_intent[row["category"]].append(row["text"])
    rng = random.Random(SEED)
    lines = [
        json.dumps({"text": text, "label": intent})
        for intent, texts in sorted(by_intent.items())
        for text in rng.sample(texts, min(per_intent, len(texts)))
    ]
    with tempfile.TemporaryDirectory() as place:
        folder = _project(Path(place), INTENTS, lines)
        report = pipeline.compare(Context(folder), probes=())
    found = report.recommendation
    good = found.arm in ("tuned", "tuned+rag") if found.outcome == "one" else found.outcome == "tie"
    _add(table, f"Banking77, {per_intent} texts an intent", "tuned or tuned+rag, or a tie with figures", report, good)


# --- a catalogue whose facts change ------------------------------------------------------------------------------------

ALL_ARMS = ("base", "quote", "rag", "tuned", "tuned+rag")
ONE_MODEL = ("base", "rag", "tuned")
"""The same generator alone, with passages, and tuned: without `quote`, which needs none and wins whatever happens."""
CHANGES = f"""
[project]
seed = {SEED}
instruction = "Answer in a full sentence."

[documents]
readers = ["everyone"]

[examples]
near_duplicate = 1.0             # test questions ask for what training taught, in other words, on purpose

[evaluation]
max_new_tokens = 24

[tuning]
epochs = 40
patience = 6

[probes]
run = []

[compare]
arms = """
PLANS = tuple(
    "Alder Birch Cedar Dogwood Elm Fir Gorse Hazel Ivy Juniper Larch Maple Oak Pine Rowan Spruce Sycamore Tamarack Walnut Yew".split()
)
FACTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "The {plan} plan costs €{value} per month.",
        "€{value}",
        (
            "What does the {plan} plan cost per month?",
            "How much is the {plan} plan each month?",
            "What is the monthly price of {plan}?",
            "How many euros a month do I pay for {plan}?",
        ),
    ),
    (
        "The {plan} plan holds {value} projects.",
        "{value} projects",
        (
            "How many projects does the {plan} plan hold?",
            "How many projects fit into {plan}?",
            "What is the project limit of the {plan} plan?",
            "Up to how many projects can I keep in {plan}?",
        ),
    ),
    (
        "The {plan} plan keeps logs for {value} days.",
        "{value} days",
        (
            "For how long does the {plan} plan keep logs?",
            "How many days are logs kept in {plan}?",
            "After how many days does {plan} delete its logs?",
            "What is the log retention of the {plan} plan?",
        ),
    ),
)


def _values(seed: int) -> dict[tuple[str, int], int]:
    """A number for every fact, all of them different, so that no right answer is right by accident."""
    keys = [(plan, n) for plan in PLANS for n in range(len(FACTS))]
    return dict(zip(keys, random.Random(seed).sample(range(11, 990), len(keys)), strict=True))


def _write_pages(folder: Path, values: dict[tuple[str, int], int]) -> None:
    for plan in PLANS:
        facts = [FACTS[n][0].format(plan=plan, value=values[plan, n]) for n in range(len(FACTS))]
        page = f"# The {plan} plan\n\n## Price\n\n{facts[0]}\n\n## Limits\n\n{facts[1]}\n\n## Logs\n\n{facts[2]}\n"
        (folder / "documents").mkdir(exist_ok=True)
        (folder / "documents" / f"{plan.lower()}.md").write_text(page)


def _questions(values: dict[tuple[str, int], int], new: dict[tuple[str, int], int], changed: set[str]) -> list[str]:
    """One example a wording. A group is a plan in one wording: the same facts stand on both sides of the split in other words."""
    lines: list[str] = []
    for (plan, n), value in values.items():
        sentence, fact, wordings = FACTS[n]
        for wording, question in enumerate(wordings):
            name = f"{plan}-{n}-{wording}"
            truth = new[plan, n] if name in changed else value
            lines.append(
                json.dumps(
                    {
                        "id": name,
                        "question": question.format(plan=plan),
                        "answer": sentence.format(plan=plan, value=truth),
                        "must_include": [fact.format(value=truth)],
                        "documents": [f"{plan.lower()}.md"],
                        "group": f"{plan}-{wording}",
                    }
                )
            )
    return lines


def changes(table: Table) -> None:
    old, new = _values(SEED), _values(SEED + 1)
    with tempfile.TemporaryDirectory() as place:
        folder = _project(Path(place), CHANGES, _questions(old, new, set()))
        _write_pages(folder, old)
        before = [_compared(folder, arms) for arms in (ALL_ARMS, ONE_MODEL)]
        tested = {e.id for e in before[0].split.test}
        _write_pages(folder, new)
        (folder / "examples.jsonl").write_text("\n".join(_questions(old, new, tested)) + "\n")
        after = [_compared(folder, arms) for arms in (ALL_ARMS, ONE_MODEL)]
    assert {e.id for e in after[0].split.test} == tested, "the test questions are the same"
    trained = {t.arm: t.adapter.fingerprint for t in before[0].tuned}
    for name, reports in (("before its facts change", before), ("after", after)):
        for arms, report in zip(("", ", one model"), reports, strict=True):
            assert {t.arm: t.adapter.fingerprint for t in report.tuned} == trained, "nothing was trained again"
            found = report.recommendation
            good = found.arm in ("quote", "rag") and "tuned" not in found.tied if reports is after else None
            asked = "–" if good is None else "quote or rag; tuned not among the tied"
            _add(table, f"catalogue{arms}, {name}", asked, report, good)


def _compared(folder: Path, arms: Sequence[str]) -> Report:
    (folder / "ragraft.toml").write_text(CHANGES + json.dumps(arms) + "\n")
    return pipeline.compare(Context(folder), probes=())


def _project(folder: Path, config: str, lines: Sequence[str]) -> Path:
    (folder / "ragraft.toml").write_text(config)
    (folder / "examples.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def _add(table: Table, name: str, asked: str, report: Report, good: bool | None) -> None:
    metric, found = report.comparison.metric, report.recommendation
    means = ", ".join(
        f"{s.arm} {e.mean:.3f}" for s in report.comparison.arms if (e := s.estimate(metric)) and e.mean is not None
    )
    verdict = f"{found.outcome}: {found.arm}" + (f" (tied: {', '.join(found.tied)})" if found.tied else "")
    pairs = [t for t in report.comparison.pairs if {t.a, t.b} in ({"rag", "tuned"}, {"rag", "tuned+rag"})]
    gaps = "; ".join(
        f"{t.a} − {t.b} {difference(metric, t.difference)} [{difference(metric, t.low)}, {difference(metric, t.high)}], p {t.p_adjusted:.2g}"
        for t in pairs
    )
    mark = "" if good is None else "holds: " if good else "FAILS: "
    table.add_row(name, asked, f"{mark}{verdict}\n{metric}: {means}\n{gaps}", str(report.comparison.n))


# --- two copies of one arm ---------------------------------------------------------------------------------------------

COPIES: tuple[ArmName, ArmName] = ("rag", "raft")
WHOLE = Answer(
    text="", raw="", refused=False, citations=(), passages=(), prompt_tokens=400, completion_tokens=20,
    timings=Timings(retrieve=0.01, generate=0.4),
)  # fmt: skip


def null(simulations: int, table: Table) -> None:
    for name, cases, groups in (
        ("150 questions in 50 groups", 150, 50),
        ("150 questions, each its own group", 150, 150),
    ):
        found = Counter(_twins(cases, groups, seed).outcome for seed in range(simulations))
        share = found["tie"] / simulations
        mark = "holds: " if share >= 0.94 else "FAILS: "
        others = ", ".join(f"{outcome} {n}" for outcome, n in found.items() if outcome != "tie") or "no other outcome"
        table.add_row(
            f"two copies of one arm, {name}", "tie in ≥ 94 %", f"{mark}{share:.1%} ({others})", str(simulations)
        )


def _twins(cases: int, groups: int, seed: int) -> Recommendation:
    """Both answer each question rightly with the same chance, which depends on the question and its group."""
    rng = np.random.default_rng(seed)
    group = np.arange(cases) % groups
    chance = 1 / (1 + np.exp(-(0.5 + rng.normal(0, 0.8, groups)[group] + rng.normal(0, 0.8, cases))))
    examples = [Example(id=str(i), question=str(i), answers=("",), group=str(group[i])) for i in range(cases)]
    evaluations = [
        Evaluation(
            arm=arm, fingerprint="", latency=(WHOLE.timings,) * 10,
            cases=tuple(
                CaseResult(example=e.id, group=e.group, outcome=WHOLE, scores=(Score(name=CORRECT, value=float(right)),))
                for e, right in zip(examples, rng.random(cases) < chance, strict=True)
            ),
        )
        for arm in COPIES
    ]  # fmt: skip
    built: dict[ArmName, float] = dict.fromkeys(COPIES, 10.0)
    config = Config()
    return recommend(
        compare(evaluations, examples, metric=CORRECT, build_seconds=built, config=config, not_applicable=()), config
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("intents", "changes", "null"))
    parser.add_argument("--per-intent", type=int, default=40)
    parser.add_argument("--simulations", type=int, default=200)
    chosen = parser.parse_args()
    table = Table("case", "asked", "measured", "n", title=f"The recommender, seed {SEED}")
    if chosen.only in (None, "null"):
        null(chosen.simulations, table)
    if chosen.only in (None, "changes"):
        changes(table)
    if chosen.only in (None, "intents"):
        intents(chosen.per_intent, table)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
