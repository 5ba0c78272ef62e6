"""What the packaged `reader` does on squad-13 (human questions, 13 articles that its training did not hold), beside the figures asked.

Run: `python benchmarks/packaged_reader.py [--n 1000] [--reader FOLDER]`. Prints one table. The wrong paragraphs are, once, three of the same
article drawn by seed and, once, the three that tf-idf ranks first for the question among all wrong paragraphs of the 13 articles.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from inputs import add_reader, evaluation_set
from ragraft.evaluate.scorers import token_f1
from ragraft.models import span

WRONG = 3


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def same_article(questions: list[dict[str, Any]], documents: list[dict[str, Any]], rng: Random) -> list[list[int]]:
    by_title: dict[str, list[int]] = {}
    for i, d in enumerate(documents):
        by_title.setdefault(d["title"], []).append(i)
    place = {d["id"]: i for i, d in enumerate(documents)}
    gold = [place[q["document"]] for q in questions]
    return [rng.sample([i for i in by_title[documents[g]["title"]] if i != g], WRONG) for g in gold]


def retrieved(questions: list[dict[str, Any]], documents: list[dict[str, Any]]) -> list[list[int]]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(sublinear_tf=True, stop_words="english")
    texts = words.fit_transform([f"{d['title']} {d['text']}" for d in documents])
    ranked = np.argsort(-(words.transform([q["question"] for q in questions]) @ texts.T).toarray(), axis=1)
    return [
        [i for i in row[: WRONG + 1] if documents[i]["id"] != q["document"]][:WRONG]
        for row, q in zip(ranked, questions, strict=True)
    ]


def picking(gold: np.ndarray, wrong: np.ndarray) -> tuple[float, float]:
    """(gold picked among four, refusal on the best of three wrong where a tenth of the gold paragraphs is refused)."""
    limit = np.quantile(gold, 0.10)
    return float((gold > wrong.max(1)).mean()), float((wrong.max(1) < limit).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000)
    add_reader(parser)
    args = parser.parse_args()
    data, rng = evaluation_set("squad-13"), Random(3)
    documents, questions = lines(data / "documents.jsonl"), rng.sample(lines(data / "examples.jsonl"), args.n)
    reader = span.load_reader(args.reader)
    place = {d["id"]: i for i, d in enumerate(documents)}

    def ask(choice: list[list[int]]) -> list[span.Span]:
        pairs = [
            span.Pair(question=q["question"], passage=documents[i]["text"], title=documents[i]["title"])
            for q, row in zip(questions, choice, strict=True)
            for i in row
        ]
        return list(reader.read_pairs(pairs))

    began = time.perf_counter()
    gold = ask([[place[q["document"]]] for q in questions])
    rate = len(gold) / (time.perf_counter() - began)
    f1 = [max(token_f1(s.text, a) for a in q["answers"]) for s, q in zip(gold, questions, strict=True)]
    exact = [same(s.text, q["answers"]) for s, q in zip(gold, questions, strict=True)]
    right = np.array([s.score for s in gold])
    table = Table("figure", "asked", "measured", title=f"reader on squad-13, {args.n} questions")
    table.add_row("gold paragraph given: token F1", "0.58", f"{np.mean(f1):.3f}")
    table.add_row("gold paragraph given: exact match", "0.45", f"{np.mean(exact):.3f}")
    for name, choice in (
        ("same article", same_article(questions, documents, rng)),
        ("retrieved", retrieved(questions, documents)),
    ):
        other = ask(choice)
        wrong = np.array([s.score for s in other]).reshape(-1, WRONG)
        chance = np.array([s.probability for s in other]).reshape(-1, WRONG)
        picked, refused = picking(right, wrong)
        best = np.maximum(chance.max(1), [s.probability for s in gold])
        table.add_row(f"gold picked among four by score ({name})", "0.70", f"{picked:.3f}")
        table.add_row(f"false refusal 0.10: refusal on the best of three wrong ({name})", "0.40", f"{refused:.3f}")
        table.add_row(
            f"at the packaged threshold: refusal without gold ({name})",
            "",
            f"{(chance.max(1) < reader.threshold).mean():.3f}",
        )
        table.add_row(
            f"at the packaged threshold: false refusal of four ({name})",
            "0.10",
            f"{(best < reader.threshold).mean():.3f}",
        )
    table.add_row("pairs a second", "20", f"{rate:.0f}")
    table.add_row("size, MB", "6", f"{sum(f.stat().st_size for f in args.reader.iterdir()) / 1e6:.2f}")
    Console(width=110).print(table)


def same(answer: str, accepted: list[str]) -> bool:
    """SQuAD's exact match: equal after lower case, without punctuation and articles."""
    return any(bare(answer) == bare(a) for a in accepted)


def bare(text: str) -> list[str]:
    kept = "".join(c for c in text.lower() if c.isalnum() or c.isspace() or c == "_")
    return [w for w in kept.split() if w not in {"a", "an", "the"}]


if __name__ == "__main__":
    main()
