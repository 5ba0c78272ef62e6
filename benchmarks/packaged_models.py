"""The figures of `pocket` for any model folders, side by side. In: model folders, the corpus, the evaluation sets. Out: a printed table.

    python benchmarks/packaged_models.py                         # the packaged model
    python benchmarks/packaged_models.py MODEL_DIR MODEL_DIR     # versions against each other
    python benchmarks/packaged_models.py --only rules,squad,bytes,facts,speed --questions 150

Rows: questions made by rule and invented help pages (held-out articles and seeds), squad-13 with the gold paragraph among three and
with it removed (the other paragraphs are TF-IDF's best), bits per byte of held-out text, and facts stored by LoRA without passages.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "training"))

import data_helpdesk  # noqa: E402
import data_rows  # noqa: E402
import folders  # noqa: E402
from pocket_pack import load_sources  # noqa: E402

from inputs import add_corpus, evaluation_set  # noqa: E402
from ragraft.config import TuningSection  # noqa: E402
from ragraft.evaluate.scorers import holds, token_f1  # noqa: E402
from ragraft.models.local import LocalGenerator, load_generator  # noqa: E402
from ragraft.models.packaged import pocket_folder  # noqa: E402
from ragraft.prompting import BRIEF, is_refusal, messages, split_citations  # noqa: E402
from ragraft.types import Completion, Prompt, TrainingRow  # noqa: E402

BARS = {
    "rule: exact answer": 0.75,
    "rule: right citation": 0.90,
    "squad-13: token F1": 0.40,
    "squad-13: right citation": 0.75,
    "squad-13, gold removed: refusal": 0.75,
    "squad-13: false refusal": 0.15,
    "LoRA, closed book: facts right": 0.60,
    "tokens per second, batch 1": 80.0,
}
Figures = dict[str, tuple[float, int]]
"""Row of the table -> (value, number of cases)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`gold` is the number of the passage that answers, None where a refusal is right; `answers` are the accepted ones."""

    prompt: Prompt
    answers: tuple[str, ...]
    gold: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    text: str
    f1: float
    exact: bool
    cited: bool
    refused: bool


def ask(model: LocalGenerator, questions: Sequence[Question], batch: int = 16) -> list[Judged]:
    """Greedy answers, judged; an answer that could not be generated counts as wrong and as no refusal."""
    judged: list[Judged] = []
    for start in range(0, len(questions), batch):
        part = questions[start : start + batch]
        for question, done in zip(part, model.generate([q.prompt for q in part], max_new_tokens=64), strict=True):
            text, cited = split_citations(done.text) if isinstance(done, Completion) else ("", ())
            judged.append(
                Judged(
                    text=text,
                    f1=max((token_f1(text, a) for a in question.answers), default=0.0),
                    exact=any(text.strip(" .").lower() == a.strip(" .").lower() for a in question.answers),
                    cited=question.gold is not None and cited[:1] == (question.gold,),
                    refused=is_refusal(text),
                )
            )
    return judged


def made_questions(case: Callable[[random.Random], data_rows.Case], count: int, seed: int) -> list[Question]:
    """One question of each made case, so that contexts are independent."""
    rng = random.Random(seed)
    found: list[Question] = []
    while len(found) < count:
        made = case(rng)
        if not made.asked:
            continue
        item = rng.choice(made.asked)
        prompt = Prompt(messages=messages(made.passages, item.question, style=made.style))
        answer = split_citations(data_rows.target(item, made.style, passages=False))[0]
        found.append(
            Question(prompt=prompt, answers=(answer,), gold=None if item.passage is None else item.passage + 1)
        )
    return found


def four_passages(sources: data_rows.Sources) -> Callable[[random.Random], data_rows.Case]:
    """Rule-made cases of at most four passages, as the bar asks."""

    def case(rng: random.Random) -> data_rows.Case:
        while True:
            made = data_rows.ruled(sources, rng)
            if len(made.passages) <= 4:
                return made

    return case


def squad_questions(folder: Path, count: int, *, gold: bool) -> list[Question]:
    """squad-13 questions over three paragraphs: the gold one among TF-IDF's best others, or three others only."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    documents = [json.loads(line) for line in (folder / "documents.jsonl").read_text().splitlines()]
    examples = [json.loads(line) for line in (folder / "examples.jsonl").read_text().splitlines()]
    rng = random.Random(13)
    picked = rng.sample(examples, count)
    vectorizer = TfidfVectorizer(sublinear_tf=True, stop_words="english")
    matrix = vectorizer.fit_transform([f"{d['title']} {d['text']}" for d in documents])
    similarity: Any = (vectorizer.transform([e["question"] for e in picked]) @ matrix.T).toarray()
    place = {d["id"]: i for i, d in enumerate(documents)}
    found: list[Question] = []
    for example, row in zip(picked, similarity, strict=True):
        target = place[example["document"]]
        others = [int(i) for i in row.argsort()[::-1] if i != target]
        shown = [target, *others[:2]] if gold else others[:3]
        rng.shuffle(shown)
        passages = [f"{documents[i]['title']}: {' '.join(documents[i]['text'].split())}" for i in shown]
        prompt = Prompt(messages=messages(passages, example["question"], style=BRIEF))
        found.append(
            Question(prompt=prompt, answers=tuple(example["answers"]), gold=shown.index(target) + 1 if gold else None)
        )
    return found


def share(flags: Sequence[bool]) -> tuple[float, int]:
    return (statistics.fmean(flags) if flags else math.nan), len(flags)


def rules(model: LocalGenerator, args: argparse.Namespace, sources: data_rows.Sources) -> Figures:
    figures: Figures = {}
    for name, case in (
        ("rule", four_passages(sources)),
        ("invented pages", data_rows.helpdesk),
        ("invented pages, kinds of facts not trained on", partial(data_rows.helpdesk, held_out=True)),
    ):
        questions = made_questions(case, args.questions, seed=99)
        judged = ask(model, questions)
        pairs = list(zip(questions, judged, strict=True))
        answered = [j for q, j in pairs if q.gold is not None]
        figures[f"{name}: exact answer"] = share([j.exact for j in answered])
        figures[f"{name}: right citation"] = share([j.cited for j in answered])
        figures[f"{name}: false refusal"] = share([j.refused for j in answered])
        figures[f"{name}: refusal where unanswerable"] = share([j.refused for q, j in pairs if q.gold is None])
    return figures


def squad(model: LocalGenerator, args: argparse.Namespace, _: data_rows.Sources) -> Figures:
    folder = evaluation_set("squad-13")
    with_gold = ask(model, squad_questions(folder, args.questions, gold=True))
    without = ask(model, squad_questions(folder, args.questions, gold=False))
    return {
        "squad-13: token F1": (statistics.fmean(j.f1 for j in with_gold), len(with_gold)),
        "squad-13: right citation": share([j.cited for j in with_gold]),
        "squad-13: false refusal": share([j.refused for j in with_gold]),
        "squad-13, gold removed: refusal": share([j.refused for j in without]),
    }


def bits_per_byte(model: LocalGenerator, args: argparse.Namespace, _: data_rows.Sources) -> Figures:
    """-log2 p of the text over its UTF-8 bytes, in windows of 512 tokens that each start afresh."""
    import torch

    figures: Figures = {}
    for source in ("wikipedia-1", "wikinews", "product-docs"):
        articles = load_sources(args.corpus, limit=20, evaluation=True, only=source).articles
        nats = size = 0.0
        for article in articles:
            text = " ".join(" ".join(p) for p in article.paragraphs)[:2000]
            ids = [model.tokenizer.bos_token_id, *model.tokenizer(text, add_special_tokens=False).input_ids[:511]]
            with torch.no_grad():
                batch = torch.tensor([ids], device=model.model.device)
                nats += model.model(input_ids=batch, labels=batch).loss.item() * (len(ids) - 1)
            size += len(model.tokenizer.decode(ids[1:]).encode())
        figures[f"bits per byte, {source}"] = (nats / math.log(2) / size, len(articles))
    return figures


def facts(model: LocalGenerator, args: argparse.Namespace, _: data_rows.Sources) -> Figures:
    """LoRA on `--facts` invented facts, five wordings each; asked in a wording whose question template was not trained on."""
    from ragraft.tune.lora import train

    rng = random.Random(77)
    rows: list[TrainingRow] = []
    asked: list[Question] = []
    while len(asked) < args.facts:
        product, fact = data_helpdesk.name(rng), data_helpdesk.fact(rng, "it")
        if len(fact.questions) < 3:
            continue
        unseen, *seen = rng.sample(fact.questions, len(fact.questions))
        for n in range(5):
            question = data_rows.about(product, seen[n % len(seen)], rng)
            prompt = messages((), question, style=BRIEF)
            rows.append(
                TrainingRow(
                    id=f"{len(rows)}", example=f"{len(asked)}", messages=prompt, target=fact.short, kind="closed-book"
                )
            )
        last = Prompt(messages=messages((), data_rows.about(product, unseen, rng), style=BRIEF))
        asked.append(Question(prompt=last, answers=(fact.short,), gold=None))
    config = TuningSection(epochs=args.fact_epochs, batch_size=32)
    with tempfile.TemporaryDirectory() as folder:
        adapter = train(rows, [], base=model.name, config=config, seed=1, folder=Path(folder))
        tuned = load_generator(model.name, adapter=Path(folder))
        judged = ask(tuned, asked, batch=64)
    right = [holds(j.text, q.answers) for q, j in zip(asked, judged, strict=True)]
    return {"LoRA, closed book: facts right": share(right), "LoRA, closed book: seconds": (adapter.seconds, len(rows))}


def speed(model: LocalGenerator, args: argparse.Namespace, sources: data_rows.Sources) -> Figures:
    """Tokens per second at batch 1, prompt included, over sentence answers."""
    questions = made_questions(four_passages(sources), 12, seed=5)
    tokens, begun = 0, time.perf_counter()
    for question in questions:
        done = model.generate([question.prompt], max_new_tokens=64)[0]
        tokens += done.completion_tokens if isinstance(done, Completion) else 0
    return {"tokens per second, batch 1": (tokens / (time.perf_counter() - begun), len(questions))}


PARTS: dict[str, Callable[[LocalGenerator, argparse.Namespace, data_rows.Sources], Figures]] = {
    "rules": rules,
    "squad": squad,
    "bytes": bits_per_byte,
    "facts": facts,
    "speed": speed,
}


def parts(names: str) -> list[str]:
    for name in (asked := names.split(",")):
        if name not in PARTS:
            raise argparse.ArgumentTypeError(f"{name}: not one of {', '.join(PARTS)}")
    return asked


def main() -> None:
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("models", nargs="*", type=folders.model)
    add_corpus(parser)
    parser.add_argument("--only", type=parts, default="rules,squad,bytes,speed", help=f"of {','.join(PARTS)}")
    parser.add_argument("--questions", type=int, default=150)
    parser.add_argument("--facts", type=int, default=200)
    parser.add_argument("--fact-epochs", type=int, default=20)
    args = parser.parse_args()
    sources = load_sources(args.corpus, limit=60, evaluation=True)
    shown = args.models or [pocket_folder()]
    columns: list[Figures] = []
    for folder in shown:
        model = load_generator(f"hf:{folder}")
        figures: Figures = {}
        for part in args.only:
            figures |= PARTS[part](model, args, sources)
        columns.append(figures)
    table = Table("figure", "asked", *(folder.name for folder in shown), "n")
    for name in columns[0]:
        bar = f"{BARS[name]:g}" if name in BARS else "–"
        table.add_row(name, bar, *(f"{c[name][0]:.3f}" for c in columns), str(columns[0][name][1]))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
