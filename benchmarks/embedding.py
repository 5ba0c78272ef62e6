"""Embedding throughput of `minilm` beside sentence-transformers' fp32 default, and what it does to SciFact's nDCG@10.

Same process, same texts, taken in turns so that a busy machine disturbs both alike; the ratio is the median of the turns. The nDCG part
embeds the whole corpus both ways (several minutes); `--texts N` sizes the throughput part, `--speed-only` leaves the other out.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import time
from typing import Any

from inputs import evaluation_set

TURNS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--speed-only", action="store_true")
    arguments = parser.parse_args()

    import torch
    from sentence_transformers import SentenceTransformer

    from ragraft.models import embedder
    from ragraft.models.packaged import minilm_folder

    torch.set_num_threads(2)
    corpus = {row["_id"]: f"{row['title']} {row['text']}" for row in rows("corpus.jsonl")}
    ours, reference = embedder.minilm(), SentenceTransformer(str(minilm_folder()), device="cpu")
    speed(ours, reference, list(corpus.values())[: arguments.texts])
    if not arguments.speed_only:
        quality(ours, reference, corpus)


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (evaluation_set("scifact") / name).read_text(encoding="utf-8").splitlines()]


def speed(ours: Any, reference: Any, texts: list[str]) -> None:
    ours.embed(texts[:32])
    reference.encode(texts[:32])
    slow, fast = [], []
    for _ in range(TURNS):
        slow.append(seconds(lambda: reference.encode(texts)))
        fast.append(seconds(lambda: ours.embed(texts)))
    ratio = statistics.median(s / f for s, f in zip(slow, fast, strict=True))
    print(
        f"texts per second: sentence-transformers fp32 {len(texts) / min(slow):.1f}, minilm {len(texts) / min(fast):.1f}"
    )
    print(
        f"throughput ratio: asked >= 2.5, measured {ratio:.2f} (n = {len(texts)} abstracts, {TURNS} turns)", flush=True
    )


def seconds(call: Any) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def quality(ours: Any, reference: Any, corpus: dict[str, str]) -> None:
    with (evaluation_set("scifact") / "qrels" / "test.tsv").open(encoding="utf-8") as file:
        judged = [(r["query-id"], r["corpus-id"], int(r["score"])) for r in csv.DictReader(file, delimiter="\t")]
    asked = {q for q, _, _ in judged}
    queries = {r["_id"]: r["text"] for r in rows("queries.jsonl") if r["_id"] in asked}
    found = {
        "fp32": ndcg(
            reference.encode(list(corpus.values()), normalize_embeddings=True),
            reference.encode(list(queries.values()), normalize_embeddings=True),
            corpus,
            queries,
            judged,
        ),
        "minilm": ndcg(
            ours.embed(list(corpus.values())), ours.embed(list(queries.values()), queries=True), corpus, queries, judged
        ),
    }
    difference = found["minilm"] - found["fp32"]
    print(
        f"SciFact test nDCG@10: fp32 {found['fp32']:.4f}, minilm {found['minilm']:.4f} (asked >= 0.640; n = {len(queries)})"
    )
    print(f"difference: asked within 0.003, measured {difference:+.4f}")


def ndcg(
    documents: Any, questions: Any, corpus: dict[str, str], queries: dict[str, str], judged: list[tuple[str, str, int]]
) -> float:
    import ir_measures
    import numpy as np

    ids, scores, run = list(corpus), questions @ documents.T, []
    for query, row in zip(queries, scores, strict=True):
        run += [ir_measures.ScoredDoc(query, ids[i], float(row[i])) for i in np.argsort(-row)[:100]]
    qrels = [ir_measures.Qrel(*triple) for triple in judged]
    return ir_measures.calc_aggregate([ir_measures.nDCG @ 10], qrels, run)[ir_measures.nDCG @ 10]


if __name__ == "__main__":
    main()
