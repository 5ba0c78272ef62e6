"""Rule-made and human questions over passages, packed for `reader_train.py`.

In: `corpus/*.jsonl.xz` (title, text; squad-25 with questions). Out: `OUT/rules.npz`, `OUT/human.npz`, `OUT/dev.jsonl`.
Run: `python training/reader_data.py CORPUS OUT [--passages 120000]`.

A packed example is one passage with several questions before it, `[CLS] q1 [SEP] [CLS] q2 [SEP] … title : text [SEP]`.
A question sees itself and the passage, never another question, so one pass over the passage trains on all of them.
"""

from __future__ import annotations

import argparse
import json
import lzma
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import folders
import numpy as np
import reader_rules as rules

from ragraft.models import span
from ragraft.models.packaged import minilm_folder

QUESTIONS = Path(__file__).with_name("questions.jsonl.xz")
DEV_SHARE = 0.10
SEED = 17


@dataclass(slots=True)
class Asked:
    """A question and the character spans of its answers in the passage's text; no span: the passage does not say."""

    question: str
    spans: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Packed:
    """`title` is an article's name, or `Site › Page › Heading`; texts of one article or site are each other's wrong passages."""

    title: str
    text: str
    asked: list[Asked]


def articles(path: Path) -> Iterator[dict[str, Any]]:
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def content(text: str) -> set[str]:
    """Stems of the content words, for telling whether two sentences speak of the same fact."""
    return {w.lower()[:6] for w in re.findall(r"[A-Za-z]{4,}", text) if w.lower() not in rules.STOPWORDS}


def windows(text: str, rng: Random) -> list[str]:
    """Passages of whole sentences, 200 to 1,000 characters, from an article's paragraphs."""
    out: list[str] = []
    for paragraph in text.split("\n"):
        if len(paragraph) < 200:
            continue
        spans = rules.sentences(paragraph)
        target, first = rng.choice((300, 450, 600, 800, 1000)), 0
        for i, (_, end) in enumerate(spans):
            if end - spans[first][0] >= target or i == len(spans) - 1:
                if end - spans[first][0] >= 200:
                    out.append(paragraph[spans[first][0] : min(end, spans[first][0] + 1100)])
                first, target = i + 1, rng.choice((300, 450, 600, 800, 1000))
                if first >= len(spans):
                    break
    return out


def local(title: str, text: str, near: dict[str, list[str]], rng: Random, most: int) -> list[Asked]:
    """Questions from different sentences of the passage itself."""
    spans = rules.sentences(text)
    rng.shuffle(spans)
    out: list[Asked] = []
    for start, end in spans * 2:
        if len(out) == most:
            break
        sentence = text[start:end]
        found = rules.candidates(sentence)
        if len(sentence) < 30 or not found:
            continue
        answer = rules.choose(found, rng)
        question = rules.make(sentence, answer, title, near, rng)
        if question:
            at = (start + answer.start, start + answer.end)
            if rng.random() < 0.5:
                at = trim(text, at)
            out.append(Asked(question, [at]))
    return out


def trim(text: str, at: tuple[int, int]) -> tuple[int, int]:
    """Without a leading article: people answer both ways."""
    article = re.match(r"(?:the|a|an|its|their|his|her) ", text[at[0] : at[1]])
    return (at[0] + article.end(), at[1]) if article else at


def distant(title: str, passages: Sequence[str], near: dict[str, list[str]], rng: Random) -> dict[int, list[Asked]]:
    """Questions from a sentence elsewhere in the article that shares the answer and two more content words: other words by nature."""
    told: dict[str, list[tuple[int, str, rules.Candidate]]] = {}
    for i, text in enumerate(passages):
        for start, end in rules.sentences(text):
            sentence = text[start:end]
            for c in rules.candidates(sentence):
                answer = sentence[c.start : c.end]
                if (
                    c.kind in {"name", "year", "date", "quoted", "measure", "percent", "money"}
                    and answer not in title
                    and title not in answer
                ):
                    told.setdefault(answer, []).append((i, sentence, c))
    out: dict[int, list[Asked]] = {}
    common = content(title)
    for answer, places in told.items():
        if not 2 <= len(places) <= 8:
            continue
        (i, ask, c), (j, tell, _) = rng.sample(places, 2)
        shared = (content(ask) & content(tell)) - common - content(answer)
        if i == j or len(shared) < 2 + (c.kind == "name"):
            continue
        question = rules.make(ask, c, title, near, rng)
        if question:
            at = passages[j].index(tell)
            spans = [(at + m.start(), at + m.end()) for m in re.finditer(re.escape(answer), tell)]
            out.setdefault(j, []).append(Asked(question, spans[:4]))
    return out


def by_rule(title: str, text: str, near: dict[str, list[str]], rng: Random, per_article: int) -> list[Packed]:
    """Packed examples of one article: local questions, distant ones, and one or two that another passage answers."""
    passages = windows(text, rng)
    if not passages:
        return []
    elsewhere = distant(title, passages[:60], near, rng)
    order = sorted(elsewhere) + rng.sample(range(len(passages)), min(len(passages), per_article))
    chosen = list(dict.fromkeys(order))[: per_article + 2]
    asked = {i: local(title, passages[i], near, rng, 5) for i in chosen}
    out: list[Packed] = []
    for i in chosen:
        if not asked[i]:
            continue
        strangers = [a for j in chosen if j != i for a in asked[j] if not answered(a, passages[j], passages[i])]
        missing = rng.sample(strangers, min(len(strangers), rng.choice((1, 1, 2))))
        mine = asked[i] + elsewhere.get(i, [])[:3] + [Asked(a.question) for a in missing]
        rng.shuffle(mine)
        out.append(Packed(title, passages[i], mine))
    return out


def answered(a: Asked, source: str, other: str) -> bool:
    """Whether the other passage might answer the question too: it holds the answer's words."""
    return not a.spans or source[a.spans[0][0] : a.spans[0][1]].lower() in other.lower()


def human(path: Path, rng: Random) -> tuple[list[Packed], list[Packed]]:
    """(train, dev) of squad-25; dev is a tenth of the articles, whole. The questions written for this project are all for training."""
    rows, written = list(articles(path)), list(articles(QUESTIONS))
    titles = sorted({r["title"] for r in rows})
    rng.shuffle(titles)
    held = set(titles[: max(2, round(len(titles) * DEV_SHARE))])
    parts: tuple[list[Packed], list[Packed]] = ([], [])
    for r in rows + written:
        asked = [Asked(q["question"].strip(), occurrences(r["text"], q["answers"])) for q in r["questions"]]
        kept = [a for a, q in zip(asked, r["questions"], strict=True) if a.spans or not q["answers"]]
        parts[r["title"] in held].append(Packed(r["title"].replace("_", " "), r["text"], kept))
    return parts


def occurrences(text: str, answers: Sequence[str]) -> list[tuple[int, int]]:
    """Where the accepted answers stand: the first two places of each wording, at most six in all."""
    out: list[tuple[int, int]] = []
    for answer in dict.fromkeys(answers):
        places = [m.span() for m in re.finditer(r"(?<!\w)" + re.escape(answer) + r"(?!\w)", text)] if answer else []
        out += places[:2]
    return out[:6]


def near_words(paths: Sequence[Path], rng: Random) -> dict[str, list[str]]:
    """For each frequent word, others that the packaged MiniLM places next to it (cosine of at least 0.6)."""
    from sentence_transformers import SentenceTransformer

    count: Counter[str] = Counter()
    for path in paths:
        for n, a in enumerate(articles(path)):
            if n == 1500:
                break
            count.update(re.findall(r"\b[a-z]{3,}\b", a["text"]))
    words = [w for w, n in count.most_common(14_000) if n >= 5 and w not in rules.STOPWORDS]
    encoder = SentenceTransformer(str(minilm_folder()), device="cpu")
    vectors = encoder.encode(words, batch_size=512, normalize_embeddings=True, convert_to_numpy=True)
    out: dict[str, list[str]] = {}
    for i in range(0, len(words), 1000):
        cosine = vectors[i : i + 1000] @ vectors.T
        for k, row in enumerate(cosine):
            best = np.argsort(-row)[1:6]
            found = [words[j] for j in best if row[j] >= 0.6]
            if found:
                out[words[i + k]] = found
    return out


def near_ids(near: dict[str, list[str]]) -> dict[int, list[int]]:
    """The same among the tokenizer's whole words, by token id."""
    vocabulary = span.load_tokenizer().get_vocab()
    found = {vocabulary[w]: [vocabulary[n] for n in ns if n in vocabulary] for w, ns in near.items() if w in vocabulary}
    return {w: ns for w, ns in found.items() if ns}


def pack(rows: Sequence[Packed], path: Path) -> None:
    """Token ids and spans, flat: `ids`, `part` (1… question, 254 title, 255 text), `row_at`, `group` (number of the row's article or
    site), `spans` (row, question, start, end)."""
    tokenizer = span.load_tokenizer()
    texts = tokenizer.encode_batch([r.text for r in rows], add_special_tokens=False)
    titles = tokenizer.encode_batch([r.title + " :" for r in rows], add_special_tokens=False)
    ids: list[np.ndarray] = []
    asked_ids: list[np.ndarray] = []
    row_at, asked_at, asked_row, spans = [0], [0], [], []
    for n, row in enumerate(rows):
        head, body = titles[n].ids[: span.TITLE_TOKENS], texts[n]
        starts = {o[0]: i for i, o in enumerate(body.offsets)}
        ends = {o[1]: i for i, o in enumerate(body.offsets)}
        ids.append(np.array([len(head), *head, *body.ids], dtype=np.uint16))
        row_at.append(row_at[-1] + len(ids[-1]))
        encoded = tokenizer.encode_batch([a.question for a in row.asked], add_special_tokens=False)
        for a, e in zip(row.asked, encoded, strict=True):
            places = [(starts[s], ends[t]) for s, t in a.spans if s in starts and t in ends]
            if a.spans and not places:
                continue
            spans += [(len(asked_row), s, t) for s, t in places]
            asked_row.append(n)
            asked_ids.append(np.array(e.ids[: span.QUESTION_TOKENS], dtype=np.uint16))
            asked_at.append(asked_at[-1] + len(asked_ids[-1]))
    groups: dict[str, int] = {}
    np.savez(
        path,
        group=np.array([groups.setdefault(r.title.split(" › ")[0], len(groups)) for r in rows], dtype=np.int32),
        ids=np.concatenate(ids),
        row_at=np.array(row_at),
        asked=np.concatenate(asked_ids),
        asked_at=np.array(asked_at),
        asked_row=np.array(asked_row, dtype=np.int32),
        spans=np.array(spans, dtype=np.int32),
    )
    print(f"{path.name}: {len(rows)} passages, {len(asked_row)} questions, {len(spans)} spans", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=folders.corpus)
    parser.add_argument("out", type=Path)
    parser.add_argument("--passages", type=int, default=120_000)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rng = Random(SEED)
    train, dev = human(args.corpus / "squad-25.jsonl.xz", rng)
    pack(train, args.out / "human.npz")
    with (args.out / "dev.jsonl").open("w") as f:
        for r in dev:
            asked = [{"question": a.question, "answers": sorted({r.text[s:t] for s, t in a.spans})} for a in r.asked]
            f.write(json.dumps({"title": r.title, "text": r.text, "questions": asked}) + "\n")
    names = ["wikipedia-1", "wikipedia-2", "wikipedia-3", "wikinews", "product-docs"]
    paths = [args.corpus / f"{name}.jsonl.xz" for name in names]
    store = args.out / "near.json"
    if not store.exists():
        store.write_text(json.dumps(near_words([paths[0], paths[3], paths[4]], rng)))
    near = json.loads(store.read_text())
    (args.out / "near_ids.json").write_text(json.dumps(near_ids(near)))
    rows: list[Packed] = []
    for path, share in zip(paths, (0.28, 0.28, 0.28, 0.06, 0.10), strict=True):
        want, have = int(args.passages * share), len(rows)
        for a in articles(path):
            rows += by_rule(a["title"], a["text"], near, rng, 2)
            if len(rows) - have >= want:
                break
        print(path.name, len(rows) - have, flush=True)
    rng.shuffle(rows)
    pack(rows, args.out / "rules.npz")
    for r in rows[:12]:
        for a in r.asked:
            print(f"  {a.question} -> {[r.text[s:t] for s, t in a.spans]}")


if __name__ == "__main__":
    main()
