"""Answers to nine questions -> a prior recommendation: where to start before anything is measured. Nothing is written.

In: `prior.Answers`. Out: `Advice`: an arm or a tie, what spoke for and against each, how sure that is, and the two measurements that would
settle it as the text of a ragraft.toml. The judgement is in the tables of `prior`; here points are only added up. Arms within `TIE`
points of the best are tied, and the simplest of them is named.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from ragraft.compare.prior import DOUBTS, EVIDENCE, QUESTIONS, Answers, Doubt, Evidence, Key, Question, band
from ragraft.compare.published import Published, load
from ragraft.compare.recommend import SIMPLICITY
from ragraft.compare.stats import LEVEL, POWER
from ragraft.compare.wording import count
from ragraft.types import ARMS, ArmName, ProbeName

TIE = 1
"""Points: as much as one answer moves an arm."""
STRONG = 4
CLASSIFY_ARMS: tuple[ArmName, ...] = ("base", "rag", "tuned", "tuned+rag")
WORTHWHILE = 0.10
"""The difference between two arms that the first measurement should find: ten points."""
DISAGREE = 0.25
"""Share of questions that two good arms answer differently, assumed for the size of the test split."""
TEST_SHARE = 0.35
"""Of the examples, as `[examples]` divides them by default."""

Sureness = Literal["a guess", "a lean", "a strong lean"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    arm: ArmName
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One row of the table of judgements that an answer brought in."""

    question: Key
    answer: str
    because: str
    points: tuple[Points, ...]
    rules_out: tuple[ArmName, ...]
    published: tuple[Published, ...]
    against: tuple[Published, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An arm's sum. `out`: the answer that rules it out; None where none does."""

    arm: ArmName
    points: int
    out: Key | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """`probe` None: the comparison on test questions itself."""

    probe: ProbeName | None
    arms: tuple[ArmName, ...]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """`arm` is where to start; with the outcome `tie` it is the simplest of `tied`. `config`: text of a ragraft.toml."""

    outcome: Literal["one", "tie"]
    arm: ArmName
    tied: tuple[ArmName, ...]
    headline: str
    sure: Sureness
    sure_because: str
    reasons: tuple[Reason, ...]
    standings: tuple[Standing, ...]
    measurements: tuple[Measurement, Measurement]
    answers: Answers
    config: str


def advise(answers: Answers) -> Advice:
    """The prior recommendation. Raises nothing: one arm at least is never ruled out."""
    rows, published = [e for e in EVIDENCE if _holds(e, answers)], load()
    reasons = tuple(_reason(e, answers, published) for e in rows)
    standings = _standings(rows, answers)
    level = [s for s in standings if s.out is None and standings[0].points - s.points <= TIE]
    arm = min(level, key=lambda s: SIMPLICITY.index(s.arm)).arm
    rival = _rival(standings, arm)
    measurements = (_first(answers, arm, rival), _second(answers, arm, rival))
    tie = len(level) > 1
    behind = [standings[0].points - s.points for s in standings if s.out is None and s not in level]
    sure: Sureness = "a guess" if tie else "a strong lean" if min(behind, default=0) >= STRONG else "a lean"
    return Advice(
        outcome="tie" if tie else "one",
        arm=arm,
        tied=tuple(s.arm for s in level) if tie else (),
        headline=_headline(arm, [s.arm for s in level if s.arm != arm]),
        sure=sure,
        sure_because=_sure_because(reasons, _gap(arm, rival, behind, tie=tie)),
        reasons=reasons,
        standings=standings,
        measurements=measurements,
        answers=answers,
        config=_config(answers, measurements),
    )


def _holds(row: Evidence | Doubt, answers: Answers) -> bool:
    return answers.task in row.tasks and band(_question(row.question), answers) in row.when


def _question(key: Key) -> Question:
    return next(q for q in QUESTIONS if q.key == key)


def _reason(row: Evidence, answers: Answers, published: Sequence[Published]) -> Reason:
    return Reason(
        question=row.question,
        answer=shown(row.question, answers),
        because=row.because,
        points=tuple(Points(arm=a, points=row.points[a]) for a in _arms(answers) if a in row.points),
        rules_out=tuple(a for a in _arms(answers) if a in row.rules_out),
        published=tuple(p for p in published if p.id in row.published),
        against=tuple(p for p in published if p.id in row.against),
    )


def shown(key: Key, answers: Answers) -> str:
    """An answer in words: `sources must be shown`, `10,000 (usual)`."""
    question = _question(key)
    value = getattr(answers, key)
    return question.choices[value] if question.choices else f"{value:,} ({band(question, answers)})"


def _arms(answers: Answers) -> tuple[ArmName, ...]:
    return ARMS if answers.task == "answer" else CLASSIFY_ARMS


def _standings(rows: Sequence[Evidence], answers: Answers) -> tuple[Standing, ...]:
    """Best first; ruled-out arms last."""
    found = [
        Standing(
            arm=arm,
            points=sum(row.points.get(arm, 0) for row in rows),
            out=next((row.question for row in rows if arm in row.rules_out), None),
        )
        for arm in _arms(answers)
    ]
    return tuple(sorted(found, key=lambda s: (s.out is not None, -s.points, SIMPLICITY.index(s.arm))))


def _rival(standings: Sequence[Standing], arm: ArmName) -> ArmName:
    """The best of the others. Want of examples rules no rival out: a measurement needs examples anyway."""
    open_ = [s for s in standings if s.arm != arm and s.out in (None, "examples")]
    return max(open_, key=lambda s: (s.points, s.out is None, -SIMPLICITY.index(s.arm))).arm


# --- sentences ---------------------------------------------------------------------------------------------------------


def _headline(arm: ArmName, others: Sequence[ArmName]) -> str:
    if not others:
        return f"Start with `{arm}`."
    return f"No arm stands out: start with `{arm}`, the simplest of those level (with {_list(others)})."


def _gap(arm: ArmName, rival: ArmName, behind: Sequence[int], *, tie: bool) -> str:
    if tie:
        return f"`{arm}` and `{rival}` lie within {count(TIE, 'point')} of a table of judgements"
    if not behind:
        return f"`{arm}` is the only arm that your answers leave; `{rival}` comes next once they change"
    return f"`{arm}` leads by {count(min(behind), 'point')} of a table of judgements"


def _sure_because(reasons: Sequence[Reason], gap: str) -> str:
    papers = {p.id for r in reasons for p in r.published}
    contrary = sorted({p.cited for r in reasons for p in r.against})
    return (
        f"This is a prior: nothing was measured on your data. {gap}. "
        f"Behind it: {count(len(papers), 'published result')}, on other models and other data"
        + (f"; against parts of it: {_list(contrary, quote='')}." if contrary else ".")
    )


def _list(names: Sequence[str], quote: str = "`") -> str:
    quoted = [f"{quote}{n}{quote}" for n in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + f" and {quoted[-1]}"


# --- the two measurements ----------------------------------------------------------------------------------------------


def questions_needed(difference: float) -> int:
    """Test questions with which McNemar's test finds a true difference with probability `POWER`, where two arms answer a share
    `DISAGREE` of them differently (Connor 1987, "Sample size for testing differences in proportions for the paired-sample
    design", Biometrics 43: n = (z_0.975 sqrt(p) + z_power sqrt(p - d^2))^2 / d^2)."""
    level, power = NormalDist().inv_cdf(0.5 + LEVEL / 2), NormalDist().inv_cdf(POWER)
    spread = level * math.sqrt(DISAGREE) + power * math.sqrt(DISAGREE - difference**2)
    return math.ceil((spread / difference) ** 2)


def _first(answers: Answers, arm: ArmName, rival: ArmName) -> Measurement:
    needed = questions_needed(WORTHWHILE)
    total = round(needed / TEST_SHARE)
    have = round(answers.examples * TEST_SHARE)
    size = (
        f"your {answers.examples:,} examples leave {have:,} for the test, which is enough"
        if have >= needed
        else f"about {needed} test questions ({total} examples, of which you have {answers.examples:,})"
    )
    return Measurement(
        probe=None,
        arms=_compared(answers, arm, rival),
        sentence=(
            f"`{arm}` against `{rival}` on the same sealed test questions: {size}, to find a difference of "
            f"{100 * WORTHWHILE:.0f} points where the two answer a quarter of them differently."
        ),
    )


def _second(answers: Answers, arm: ArmName, rival: ArmName) -> Measurement:
    adapter = bool({arm, rival} & {"tuned", "tuned+rag", "raft"})
    doubt = next(d for d in DOUBTS if _holds(d, answers) and (adapter or not d.adapter))
    return Measurement(
        probe=doubt.probe,
        arms=_compared(answers, arm, rival),
        sentence=f"The probe `{doubt.probe}`: {doubt.settles}.",
    )


def _compared(answers: Answers, arm: ArmName, rival: ArmName) -> tuple[ArmName, ...]:
    """The two arms in question, and `base`, without which nobody sees what either is worth."""
    return tuple(a for a in _arms(answers) if a in (arm, rival, "base"))


def _config(answers: Answers, measurements: tuple[Measurement, Measurement]) -> str:
    first, second = measurements
    lines = ["# From `ragraft advise`; nothing is measured yet. `ragraft compare` makes both measurements.", "#"]
    lines += [f"# {q.asks} {shown(q.key, answers)}" for q in QUESTIONS]
    lines += ["", "[project]", f'task = "{answers.task}"', ""]
    if answers.task == "answer":
        lines += ["[documents]", 'root = "documents"', *_readers(answers), ""]
    lines += ["[examples]", 'path = "examples.jsonl"', ""]
    lines += ["[models]", 'embedder = "minilm"           # or hf:NAME_OR_PATH, openai:MODEL']
    if answers.task == "answer":
        lines += ['generator = "pocket"          # a tiny model, for a first run; or hf:NAME_OR_PATH, openai:MODEL']
    lines += ["", *_comment(f"1. {first.sentence}"), "[compare]", f"arms = [{_quoted(first.arms)}]", ""]
    lines += [
        *_comment(f"2. {second.sentence}"),
        "[probes]",
        f"run = [{_quoted([second.probe] if second.probe else [])}]",
    ]
    lines += ["", "[traffic]", f"questions_per_month = {answers.traffic}"]
    limits = ["must_cite = true"] if answers.task == "answer" and answers.sources == "yes" else []
    limits += [f"max_p95_ms = {answers.latency}"] if answers.latency else []
    lines += ["", "[constraints]", *limits] if limits else []
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 110, initial_indent="# ", subsequent_indent="#    ")


def _readers(answers: Answers) -> tuple[str, ...]:
    if answers.data == "open":
        return ('readers = ["everyone"]',)
    return (
        "# Nobody but the reader that asks the test questions, until you say who may read what:",
        'readers = ["evaluation"]',
        "# [[documents.rules]]",
        '# path = "handbook/**"',
        '# readers = ["staff", "evaluation"]',
    )


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{n}"' for n in names)
