"""Style: whether answers sound like the house, told by a small classifier, and whether they keep their facts.

In: a `Bench`. Out: a `ProbeResult`. Changes nothing. The classifier is a logistic regression on the packaged embedder's vectors and on what can be counted (`probes.plain.manner`). It learns the
answers of the train split, and texts that the config names, against paraphrases of the same texts by rule (`probes.plain`), so that it
cannot go by what is said; it is judged on groups of texts that it did not learn from.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragraft.compare import stats
from ragraft.config import DocumentsSection
from ragraft.context import Context
from ragraft.corpus.parse import parse
from ragraft.corpus.sentences import sentences
from ragraft.corpus.sources import Item
from ragraft.errors import DataError
from ragraft.models import load
from ragraft.probes.bench import SHOWN, Bench, Probe, Put, failing, figure, put, right, said, shares
from ragraft.probes.plain import manner, paraphrases
from ragraft.types import Answer, ArmName, Example, ProbeCase, ProbeFigure, ProbeResult, Reading, Skipped

ASKED = 48
"""Test questions, at most."""
LEARNED = 400
"""House texts to learn from, at most; fewer than `FEWEST` teach nothing."""
FEWEST = 12
WORDS = 5
"""A sentence of a named text with fewer is left out."""
FOLDS = 5
STRENGTH = 0.01
"""Inverse of the regularisation of the logistic regression, over standardised features."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text in the house style. Texts of one group are never on both sides of a fold."""

    text: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """`house(texts)`: the chance of each to be the house's. The rest was measured on texts not learned from: the share told right,
    house and plain ones counting the same, and how often the house's own and those of each plain manner are taken for the house's."""

    house: Callable[[Sequence[str]], NDArray[np.float64]]
    accuracy: float
    own: float
    plain: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """One answer. `house`: the chance that it is in the house style."""

    put: Put
    house: float

    @property
    def example(self) -> Example:
        return self.put.example


def run(bench: Bench, folder: Path) -> ProbeResult:
    texts = house_texts(bench)
    embedder = bench.context.embedder if bench.context.config.models.embedder == "minilm" else None
    embedder = embedder or load.embedder("minilm", bench.context.config.models)
    found = learn(texts, partial(_features, embedder.embed), seed=bench.seed)
    if isinstance(found, str):
        readings = tuple(Reading(arm=arm, value=None, reason=found) for arm in bench.arms)
        house = figure("house", LABEL, "share", True, readings)
        return ProbeResult(probe="style", title=PROBE.title, figures=(house,), notes=(found,))
    examples = [e for e in bench.parts.test if e.answerable][:ASKED]
    spoken: dict[ArmName, tuple[Spoken, ...]] = {}
    for arm in bench.arms:
        answers = put(bench, bench.system(arm, bench.context), examples, label=f"style {arm}")
        told = [p for p in answers if isinstance(p.outcome, Answer) and not p.outcome.refused]
        chances = found.house([said(p.outcome) for p in told]) if told else ()
        spoken[arm] = tuple(Spoken(put=p, house=float(c)) for p, c in zip(told, chances, strict=True))

    def of(name: str, label: str, hit: Callable[[Spoken], bool | None]) -> ProbeFigure:
        return shares(bench, name, label, spoken, hit, better=True, empty="it answered nothing")

    plain = ", ".join(f"{100 * taken:.0f} % ({name})" for name, taken in found.plain.items())
    return ProbeResult(
        probe="style",
        title=PROBE.title,
        figures=(
            of("house", LABEL, lambda s: s.house >= 0.5),
            of("facts", "answers that keep all their facts", partial(_kept, bench)),
            of("both", "in the house style with all facts", partial(_both, bench)),
        ),
        notes=(
            f"the classifier tells {100 * found.accuracy:.0f} % of texts that it did not learn from right; it takes for the house's "
            f"{100 * found.own:.0f} % of its own and of plain ones {plain}: shares beyond these say no more",
            f"{len(texts)} texts in the house style were learned from",
        ),
        failures=tuple(c for arm in bench.arms for c in _cases(arm, spoken[arm])),
    )  # fmt: skip


LABEL = "answers in the house style"


# --- the house's texts -------------------------------------------------------------------------------------------------


def house_texts(bench: Bench) -> tuple[Text, ...]:
    """Answers of the train split and sentences of the files that the config names, each once, in a seeded order. Raises `DataError`
    where a glob finds no file that can be read."""
    found = [Text(text=e.answers[0], group=e.group) for e in bench.parts.train if e.answerable and e.answers]
    for path in _files(bench.context):
        found += [
            Text(text=s, group=path.name)
            for s in sentences(_read(path))
            if len(s.split()) >= WORDS and s[0] not in "#|"
        ]
    once = list({t.text: t for t in found}.values())
    return tuple(random.Random(f"{bench.seed}:style").sample(once, min(LEARNED, len(once))))


def _files(context: Context) -> list[Path]:
    files: list[Path] = []
    for glob in context.config.probes.house_texts:
        here = sorted(p for p in context.folder.glob(glob) if p.is_file())
        if not here:
            raise DataError(
                f"{context.folder}: probes.house_texts: no file matches {glob!r}; correct it, or leave it out"
            )
        files += here
    return files


def _read(path: Path) -> str:
    data = path.read_bytes()
    item = Item(id=path.name, hash="", data=data, suffix=path.suffix.lower(), readers=())
    document = parse(item, DocumentsSection())
    if isinstance(document, Skipped):
        raise DataError(f"{path}: probes.house_texts: {document.reason}")
    return document.text


# --- the classifier ----------------------------------------------------------------------------------------------------


def learn(texts: Sequence[Text], features: Callable[[Sequence[str]], Vectors], *, seed: int) -> Judge | str:
    """A judge of style; or why there is none."""
    lines = [Line(text=t.text, group=t.group, of=n, manner="") for n, t in enumerate(texts)]
    for n, t in enumerate(texts):
        lines += [Line(text=p, group=t.group, of=n, manner=m) for m, p in paraphrases(t.text, seed).items()]
    groups = [line.group for line in lines]
    if len(texts) < FEWEST or len(set(groups)) < 2:
        return f"cannot tell: {len(texts)} texts of the house to learn from, in {len(set(groups))} groups"
    vectors = features([line.text for line in lines])
    truth = np.array([line.manner == "" for line in lines])
    guessed = _held_out(vectors, truth, groups, seed)
    hits = guessed == truth
    each = [_of_text(n, lines, hits) for n in range(len(texts))]
    measured = stats.estimate("", each, [t.group for t in texts], seed=seed)
    accuracy = float(np.mean(each))
    if measured.low is None or measured.low <= 0.5:
        return f"cannot tell: a classifier tells {100 * accuracy:.0f} % of texts that it did not learn from right, no better than chance"
    model = _fitted(vectors, truth, seed)
    manners = dict.fromkeys(line.manner for line in lines)
    taken = {m: float(guessed[[line.manner == m for line in lines]].mean()) for m in manners}
    return Judge(
        house=lambda found: model(features(found)),
        accuracy=accuracy,
        own=taken.pop(""),
        plain=taken,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A text to learn from. `of`: the house text that it is, or paraphrases in a manner."""

    text: str
    group: str
    of: int
    manner: str


def _of_text(number: int, lines: Sequence[Line], hits: NDArray[np.bool_]) -> float:
    """How right it is about one text and its paraphrases: 0.5 by chance, however many those are."""
    own = [float(h) for line, h in zip(lines, hits, strict=True) if line.of == number and not line.manner]
    plain = [float(h) for line, h in zip(lines, hits, strict=True) if line.of == number and line.manner]
    return float(np.mean(own) + np.mean(plain)) / 2 if plain else float(np.mean(own))


def _features(embed: Callable[[Sequence[str]], Vectors], texts: Sequence[str]) -> Vectors:
    return np.concatenate([embed(texts), np.array([manner(t) for t in texts], np.float32)], axis=1)


def _held_out(features: Vectors, truth: NDArray[np.bool_], groups: Sequence[str], seed: int) -> NDArray[np.bool_]:
    """What each text is taken for by a classifier that saw nothing of its group."""
    from sklearn.model_selection import GroupKFold

    folds: Any = GroupKFold(n_splits=min(FOLDS, len(set(groups))), shuffle=True, random_state=seed)
    guessed = np.zeros(len(truth), np.bool_)
    for known, left in folds.split(features, truth, groups):
        guessed[left] = _fitted(features[known], truth[known], seed)(features[left]) >= 0.5
    return guessed


def _fitted(features: Vectors, truth: NDArray[np.bool_], seed: int) -> Callable[[Vectors], NDArray[np.float64]]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classifier = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000, random_state=seed)
    model: Any = make_pipeline(StandardScaler(), classifier).fit(features, truth)
    return lambda new: model.predict_proba(new)[:, 1]


# --- figures -----------------------------------------------------------------------------------------------------------


def _kept(bench: Bench, spoken: Spoken) -> bool | None:
    """None of an answer without must_include facts: nobody can say whether it keeps them."""
    return right(bench, spoken.put) if spoken.example.must_include else None


def _both(bench: Bench, spoken: Spoken) -> bool | None:
    return None if (kept := _kept(bench, spoken)) is None else kept and spoken.house >= 0.5


def _cases(arm: ArmName, spoken: Sequence[Spoken]) -> list[ProbeCase]:
    """The answers that are least like the house's."""
    odd = sorted((s for s in spoken if s.house < 0.5), key=lambda s: s.house)

    def failed(s: Spoken) -> ProbeCase:
        expected = f"the house style, as in: {s.example.answers[0]}"
        return failing(arm, "house", s.put.question, s.put.outcome, expected)

    return [failed(s) for s in odd[:SHOWN]]


def _settings(bench: Bench) -> object:
    return [(str(p), hashlib.sha256(p.read_bytes()).hexdigest()) for p in _files(bench.context)]


PROBE = Probe(
    name="style",
    title="Does it sound like the house, with its facts kept?",
    needs="training answers in the house style, or texts that [probes] house_texts names",
    does="learns to tell the house's texts from plain paraphrases of them, and judges the answers to test questions",
    reports="the share of answers in the house style, the share that keep all must_include facts, and both",
    cannot=(
        "The classifier knows the house's style and three others, made by rule: neutral, chatty and terse. A style that is neither is "
        "put to whichever side it is nearer.",
        "It reads small and capital letters alike, and cannot see whether a rule of a style guide is followed.",
        "Shares are counted by a classifier that errs: its own accuracy, on texts that it did not learn from, bounds what they say.",
    ),
    run=run,
    settings=_settings,
)
