"""Metric names, units and arms in words, and numbers as text: shared by the HTML report, its charts and the terminal.

In: raw metric names and floats. Out: labels and strings. An unknown metric is shown under its raw name; a missing
number is `DASH`, never 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ragraft.types import ArmName, Estimate

DASH = "–"
NBSP = "\u00a0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How a metric is shown. `short` fits a column head; `group` is the head above it."""

    label: str
    short: str
    explanation: str
    group: str = "Other"
    kind: Literal["percent", "number"] = "percent"
    higher: bool = True


METRICS: dict[str, Metric] = {
    "correct": Metric(
        label="Correct answers",
        short="Correct",
        group="Correctness",
        explanation="Answerable questions whose answer holds every fact, and unanswerable ones that were refused.",
    ),
    "accuracy": Metric(
        label="Accuracy", short="Accuracy", group="Correctness", explanation="Texts given their true label."
    ),
    "macro_f1": Metric(
        label="Macro F1",
        short="Macro F1",
        group="Correctness",
        explanation="F1 per label, averaged with equal weight, so that rare labels count as much as common ones.",
    ),
    "facts": Metric(
        label="Facts found",
        short="Facts",
        group="Correctness",
        explanation="Share of the required facts in the answer.",
    ),
    "token_f1": Metric(
        label="Token F1",
        short="Token F1",
        group="Correctness",
        explanation="Overlap of words with the best true answer.",
    ),
    "rouge_l": Metric(
        label="ROUGE-L",
        short="ROUGE-L",
        group="Correctness",
        explanation="Longest common word sequence with the best true answer.",
    ),
    "judge": Metric(
        label="Judge", short="Judge", group="Correctness", explanation="Answers that the judge model calls correct."
    ),
    "grounding": Metric(
        label="Grounding",
        short="Grounding",
        group="Grounding",
        explanation="Sentences of the answer that a retrieved passage supports.",
    ),
    "support": Metric(
        label="Reader's support",
        short="Support",
        group="Grounding",
        explanation="The packaged reader's chance that a cited passage answers the question in words that the answer holds.",
    ),
    "cited": Metric(
        label="Answers with a citation",
        short="Cited",
        group="Grounding",
        explanation="Answers, refusals aside, that cite at least one passage.",
    ),
    "citation_precision": Metric(
        label="Citation precision",
        short="Cite prec.",
        group="Grounding",
        explanation="Citations that point at a document which holds the answer.",
    ),
    "citation_recall": Metric(
        label="Citation recall",
        short="Cite recall",
        group="Grounding",
        explanation="Documents that hold the answer and were cited.",
    ),
    "refusal": Metric(
        label="Correct refusals",
        short="Correct",
        group="Refusals",
        explanation="Unanswerable questions that were refused.",
    ),
    "false_refusal": Metric(
        label="False refusals",
        short="False",
        group="Refusals",
        explanation="Answerable questions that were refused. Lower is better.",
        higher=False,
    ),
    "oos_recall": Metric(
        label="Out-of-scope recall",
        short="Out of scope",
        group="Refusals",
        explanation="Texts that belong to no class and were recognised as such.",
    ),
    "recall_at_k": Metric(
        label="Recall@k",
        short="Recall@k",
        group="Retrieval",
        explanation="Documents holding the answer that were among the k passages retrieved.",
    ),
    "mrr": Metric(
        label="MRR",
        short="MRR",
        group="Retrieval",
        kind="number",
        explanation="Mean of 1 / rank of the first passage from a right document.",
    ),
    "ndcg": Metric(
        label="nDCG",
        short="nDCG",
        group="Retrieval",
        kind="number",
        explanation="Ranking quality, discounted by rank; 1 is ideal.",
    ),
}
YES_NO = ("correct", "accuracy", "cited", "refusal", "false_refusal", "oos_recall")
"""Metrics that are a plain yes or no for a single case."""
RETRIEVAL = ("recall_at_k", "mrr", "ndcg")
BRIEF = ("facts", "grounding", "citation_precision", "refusal", "macro_f1", "oos_recall")
"""What a narrow table shows beside the primary metric."""
AT_LENGTH = ("rouge_l",)
"""Shown only where every figure is: another metric of the table says nearly the same."""

ARM_WORDS: dict[ArmName, str] = {
    "base": "the model alone",
    "quote": "retrieval, best sentence quoted",
    "rag": "the model with retrieval",
    "tuned": "the fine-tuned model",
    "tuned+rag": "fine-tuned, retrieval added",
    "raft": "fine-tuned to read passages",
}
CLASSIFY_WORDS: dict[ArmName, str] = {
    "base": "similarity to label names",
    "rag": "nearest labelled examples",
    "tuned": "the fine-tuned encoder",
    "tuned+rag": "fine-tuned, nearest examples",
}


def metric(name: str) -> Metric:
    """The words for a metric; a name that is not in `METRICS` stands for itself."""
    return METRICS.get(name) or Metric(label=name, short=name, explanation=f"The metric `{name}`.", kind="number")


def value(name: str, number: float | None, *, unit: bool = True) -> str:
    """A metric's value, `81.3 %` or `0.812`; `DASH` where it is unscored."""
    if number is None:
        return DASH
    if metric(name).kind == "percent":
        return f"{100 * number:.1f}" + (f"{NBSP}%" if unit else "")
    return f"{number:.3f}"


def case_value(name: str, number: float | None) -> str:
    """A single case's value: `yes` or `no` where that is all there is."""
    if name in YES_NO and number in (0.0, 1.0):
        return "yes" if number else "no"
    return (
        f"{100 * number:.0f}{NBSP}%" if number is not None and metric(name).kind == "percent" else value(name, number)
    )


def interval(name: str, estimate: Estimate, *, unit: bool = True) -> str:
    """`74.0–88.1 %`, or nothing where there is no interval."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{value(name, estimate.low, unit=False)}{DASH}{value(name, estimate.high, unit=unit)}"


def difference(name: str, number: float) -> str:
    """A signed difference in percentage points or in the metric's own unit, with a true minus sign."""
    text = f"{100 * number:+.1f}" if metric(name).kind == "percent" else f"{number:+.3f}"
    return text.replace("-", "−") if text.strip("+-0.") else text[1:]


def points(name: str) -> str:
    return "points" if metric(name).kind == "percent" else metric(name).label


def milliseconds(number: float | None) -> str:
    if number is None:
        return DASH
    if number >= 10_000:
        return f"{number / 1000:.0f}{NBSP}s"
    if number >= 1000:
        return f"{number / 1000:.2f}{NBSP}s"
    return f"{number:.0f}{NBSP}ms" if number >= 10 else f"{number:.1f}{NBSP}ms"


def seconds(number: float) -> str:
    if number >= 5400:
        return f"{number / 3600:.1f}{NBSP}h"
    if number >= 60:
        return f"{number / 60:.1f}{NBSP}min"
    return f"{number:.0f}{NBSP}s" if number >= 10 else f"{number:.1f}{NBSP}s"


def amount(number: float | None, unit: str, currency: str = "") -> str:
    """A figure of the trade-off table in its unit; with a currency where one is given."""
    if number is None:
        return DASH
    if unit == "share":
        text = f"{100 * number:.1f}"
        return f"{text.removesuffix('.0')}{NBSP}%"
    if unit == "ms":
        return milliseconds(number)
    if unit == "s":  # a tenth of a second is coarse for one search
        return milliseconds(1000 * number) if 0 < number < 1 else seconds(number) if number else f"0{NBSP}s"
    if unit == "money":
        return money(number) + (f"{NBSP}{currency}" if currency else "")
    return f"{number:,.3g}"


def money(number: float | None) -> str:
    """Three significant figures below 1, cents above."""
    if number is None:
        return DASH
    return f"{number:,.2f}" if number >= 1 or number == 0 else f"{number:.3g}" if number >= 1e-4 else f"{number:.1e}"


def p_value(number: float) -> str:
    return "< 0.001" if number < 0.001 else f"{number:.3f}"


def split_code(text: str) -> tuple[str, ...]:
    """Sentences name arms and keys between backticks: plain text at even places, what stood between at odd ones."""
    return tuple(re.split(r"`([^`]+)`", text))


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 question`, `1,204 questions`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
