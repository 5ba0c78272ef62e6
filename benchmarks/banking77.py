"""The `classify` arms on Banking77 and out-of-scope texts on CLINC150. In: both sets, in the folder RAGRAFT_DATA. Out: tables on the screen.

    .venv/bin/python benchmarks/banking77.py [--seed 7] [--only banking77|clinc150]

Banking77: 20 % of the train file is held out as test, stratified by label and drawn by the seed; 10 % of the rest is dev.
CLINC150: 40 of its intents, 30 training texts each, and its out-of-scope texts. Nothing is chosen on a test split.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

from inputs import evaluation_set
from ragraft.compare.stats import ArmScores, pair_tests
from ragraft.config import TuningSection
from ragraft.models.embedder import minilm
from ragraft.models.protocol import Embedder
from ragraft.systems import classify
from ragraft.tune import encoder
from ragraft.types import Adapter, ArmName, Example, Split

ARMS: tuple[ArmName, ...] = ("base", "rag", "tuned", "tuned+rag")
ASKED: dict[ArmName, float] = {"base": 0.60, "rag": 0.90, "tuned": 0.925}
OOS = "oos"
INTENTS = 40


def banking77(path: Path, seed: int) -> Split:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [_example(n, r["text"], r["category"]) for n, r in enumerate(csv.DictReader(file))]
    rest, test = train_test_split(rows, test_size=0.2, random_state=seed, stratify=[e.answers[0] for e in rows])
    train, dev = train_test_split(rest, test_size=0.1, random_state=seed, stratify=[e.answers[0] for e in rest])
    return Split(train=tuple(train), dev=tuple(dev), test=tuple(test), threshold=1.0)


def clinc150(path: Path) -> Split:
    data = json.loads(path.read_text(encoding="utf-8"))
    intents = sorted({label for _, label in data["train"]})[:INTENTS]

    def part(name: str, per_label: int, outside: int) -> tuple[Example, ...]:
        chosen = [[t for t in data[name] if t[1] == i][:per_label] for i in intents] + [data[f"oos_{name}"][:outside]]
        return tuple(_example(f"{name}-{n}", *row) for n, row in enumerate(r for rows in chosen for r in rows))

    return Split(train=part("train", 30, 100), dev=part("val", 10, 50), test=part("test", 30, 300), threshold=1.0)


def _example(name: object, text: str, label: str) -> Example:
    return Example(id=str(name), question=text, answers=(label,), group=str(name))


def tuned(parts: Split, seed: int, folder: Path) -> Adapter:
    def progress(step: int, planned: int, loss: float) -> None:
        if step % 100 == 0 or step == planned:
            print(f"  step {step}/{planned}, loss {loss:.3f}", flush=True)

    adapter = encoder.train(
        parts.train, parts.dev, base="minilm", config=TuningSection(), seed=seed, folder=folder, progress=progress
    )
    points = ", ".join(f"{p.train_loss:.3f}/{p.dev_loss:.3f}" for p in adapter.curve)
    print(f"tuned on {adapter.rows} rows in {adapter.seconds:.0f} s; train/dev loss by epoch: {points}")
    return adapter


def answers(parts: Split, embedder: Embedder, adapter: Adapter) -> dict[ArmName, list[str]]:
    texts = [e.question for e in parts.test]
    made = {arm: classify.build(arm, embedder, parts, adapter, OOS) for arm in ARMS}
    return {arm: [x.label for x in classifier(texts)] for arm, classifier in made.items()}


def compare_banking77(seed: int, embedder: Embedder) -> None:
    parts = banking77(evaluation_set("banking77") / "train.csv", seed)
    with tempfile.TemporaryDirectory() as folder:
        found = answers(parts, embedder, tuned(parts, seed, Path(folder)))
    truth = [e.answers[0] for e in parts.test]
    print(f"\nBanking77, seed {seed}, train {len(parts.train)}, dev {len(parts.dev)}, n = {len(truth)}")
    print(f"{'':<34}{'asked':>7}{'accuracy':>10}{'macro-F1':>10}")
    for arm, labels in found.items():
        print(f"{arm:<34}{ASKED.get(arm, ''):>7}{_share(labels, truth):>10.4f}{_f1(truth, labels):>10.4f}")
    reference = _logistic(parts, embedder)
    print(
        f"{'logistic regression, frozen vectors':<34}{'':>6}{_share(reference, truth):>10.4f}{_f1(truth, reference):>10.4f}"
    )
    rights = [
        ArmScores(arm=arm, values=tuple(float(a == b) for a, b in zip(labels, truth, strict=True)))
        for arm, labels in found.items()
    ]
    print("\npaired (exact McNemar, Holm-adjusted)")
    for t in pair_tests("accuracy", rights, [e.group for e in parts.test], seed=seed):
        print(f"{t.a + ' - ' + t.b:<24}{t.difference:>+8.4f} [{t.low:+.4f}, {t.high:+.4f}]  p = {t.p_adjusted:.2g}")


def compare_clinc150(seed: int, embedder: Embedder) -> None:
    parts = clinc150(evaluation_set("clinc150") / "data_full.json")
    with tempfile.TemporaryDirectory() as folder:
        found = answers(parts, embedder, tuned(parts, seed, Path(folder)))
    truth = np.array([e.answers[0] for e in parts.test])
    inside = truth != OOS
    print(f"\nCLINC150, {INTENTS} intents, n = {inside.sum()} in scope and {(~inside).sum()} out of scope")
    print(f"{'':<12}{'in scope':>10}{'oos recall':>12}{'all':>8}")
    for arm, labels in found.items():
        right = np.array(labels) == truth
        print(f"{arm:<12}{right[inside].mean():>10.4f}{right[~inside].mean():>12.4f}{right.mean():>8.4f}")


def _logistic(parts: Split, embedder: Embedder) -> list[str]:
    model = LogisticRegression(C=10.0, max_iter=1000)
    model.fit(embedder.embed([e.question for e in parts.train]), [e.answers[0] for e in parts.train])
    return model.predict(embedder.embed([e.question for e in parts.test])).tolist()


def _share(labels: Sequence[str], truth: Sequence[str]) -> float:
    return float(np.mean([a == b for a, b in zip(labels, truth, strict=True)]))


def _f1(truth: Sequence[str], labels: Sequence[str]) -> float:
    return float(f1_score(truth, labels, average="macro"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", choices=("banking77", "clinc150"))
    chosen = parser.parse_args()
    started, embedder = time.monotonic(), minilm()
    if chosen.only != "clinc150":
        compare_banking77(chosen.seed, embedder)
    if chosen.only != "banking77":
        compare_clinc150(chosen.seed, embedder)
    print(f"\n{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
