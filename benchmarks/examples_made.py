"""Rule-made examples of the demo: how many a check that made none of them confirms, and whether they rank arms as people's questions do.

    python benchmarks/examples_made.py [--count 200] [--ask 100] [--show 40]

The check knows neither the rules nor the span reader: (1) every fact stands in the answer and in the passage as whole words, and in the
question not at all; (2) no other document holds a sentence (or a table row, with the table's head) with all of the question's content
words; (3) no question that people wrote
about the same document, alike to a cosine of 0.8, asks for other facts. An unanswerable one is confirmed when no sentence of any document
holds all of its content words. The maker drops a question whose words a sentence among what a search finds holds (part 2 in small), so that
part 2 is no fully independent witness; the same check over the questions that people wrote says what share it can confirm at best.
Nothing is tuned here. `--show` prints so many drawn by seed, to be read.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ragraft import pipeline, stages, syncing
from ragraft.context import Context
from ragraft.corpus import examples as labelled
from ragraft.corpus.sentences import sentences
from ragraft.evaluate.scorers import holds
from ragraft.synthesis import review
from ragraft.synthesis.make import Made, Wish
from ragraft.systems.cite import content_words
from ragraft.systems.system import answer
from ragraft.types import Answer, ArmName, Chunk, Example, Request

DEMO = Path(__file__).resolve().parent.parent / "examples" / "help-centre"
ALIKE = 0.8
ASKED_FOR = 0.9
ASKING = content_words("how many much long often soon time come mean fee allowed")
ARMS: tuple[ArmName, ...] = ("base", "quote", "rag")


def make(context: Context, count: int) -> tuple[Made, tuple[review.Row, ...], float]:
    path = context.folder / "examples-made.jsonl"
    started = time.perf_counter()
    wish = Wish(count=count, seed=7, by="rule", unanswerable=0.15, hard=0.15, path=path)
    made = pipeline.make_examples(context, wish, context.evaluation_reader)
    return made, review.read(path), time.perf_counter() - started


def confirmed(context: Context, rows: Sequence[review.Row], human: Sequence[Example]) -> list[str]:
    """For each row the number of the part of the check that it fails, or nothing."""
    chunks = context.index.chunks_of(tuple(context.index.documents()), context.evaluation_reader)
    said = {d: [words for c in own for words in lines(c)] for d, own in chunks.items()}
    questions = context.embedder.embed([r.example.question for r in rows])
    theirs = context.embedder.embed([e.question for e in human])
    found: list[str] = []
    for row, vector in zip(rows, questions, strict=True):
        e, matter = row.example, content_words(row.example.question) - ASKING
        rivals = [d for d, lines in said.items() if d not in e.documents and any(matter <= line for line in lines)]
        twins = [h for h, near in zip(human, theirs @ vector, strict=True) if near >= ALIKE and h.answerable]
        twins = [h for h in twins if set(h.documents) & set(e.documents)]
        if not e.answerable:
            found.append("2" if rivals else "")
            continue
        whole = all(
            holds(row.passage, f) and holds(e.answers[0], f) and not holds(e.question, f) for f in e.must_include
        )
        agrees = not twins or any(holds(h.answers[0], e.must_include[0]) for h in twins)
        found.append("1" if not whole else "2" if rivals else "" if agrees else "3")
    return found


def lines(chunk: Chunk) -> list[frozenset[str]]:
    """The content words of each sentence with those of its headings, and of each table row with those of the table's head."""
    head = f"{chunk.title} {chunk.heading}"
    rows = [line for line in chunk.text.splitlines() if line.startswith("|")]
    return [
        *(content_words(f"{head} {s}") for s in sentences(chunk.text)),
        *(content_words(f"{head} {rows[0]} {row}") for row in rows),
    ]


def right(context: Context, arm: ArmName, examples: Sequence[Example]) -> float:
    """Share of answerable questions whose answer holds every fact."""
    system = stages.build_system(context, arm, None, None)
    hits = 0
    for start in range(0, len(examples), 8):
        batch = examples[start : start + 8]
        outcomes = answer(system, [Request(question=e.question) for e in batch], context.evaluation_reader)
        hits += sum(
            isinstance(o, Answer) and not o.refused and all(holds(o.text, f) for f in e.must_include)
            for e, o in zip(batch, outcomes, strict=True)
        )
    return hits / len(examples)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--ask", type=int, default=100)
    parser.add_argument("--show", type=int, default=40)
    options = parser.parse_args()
    console = Console(width=180)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "help-centre"
        shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns(".ragraft", "examples-made.jsonl"))
        human = labelled.load(folder / "examples.jsonl", skip_bad_lines=False).examples
        (folder / "examples.jsonl").unlink()  # so that questions which people asked too are made all the same
        context = Context(folder)
        syncing.sync(context)
        made, rows, seconds = make(context, options.count)
        faults = confirmed(context, rows, human)
        report(console, made, rows, faults, seconds)
        by_people(console, context, human)
        rng = random.Random(7)
        for n in sorted(rng.sample(range(len(rows)), min(options.show, len(rows)))):
            e = rows[n].example
            console.print(
                f"{faults[n] or '.'} {rows[n].by}{' hard' * rows[n].hard}: {e.question}  →  {e.answers[0]}  {e.must_include}",
                markup=False,
                highlight=False,
            )
        if options.ask:
            mine = [r.example for r in rows if r.example.answerable]
            theirs = [e for e in human if e.answerable and e.must_include]
            sides = {"synthetic": mine, "human": theirs}
            drawn = {k: rng.sample(v, min(options.ask, len(v))) for k, v in sides.items()}
            ranking(console, context, drawn)


def report(console: Console, made: Made, rows: Sequence[review.Row], faults: Sequence[str], seconds: float) -> None:
    table = Table(title="rule-made examples of examples/help-centre")
    for column in ("figure", "asked", "measured", "n"):
        table.add_column(column)
    for kind, wanted in (("answerable", True), ("unanswerable", False)):
        own = [fault for row, fault in zip(rows, faults, strict=True) if row.example.answerable == wanted]
        if own:
            table.add_row(
                f"{kind}, confirmed",
                f"{ASKED_FOR:.2f}" if wanted else "–",
                f"{own.count('') / len(own):.3f}",
                str(len(own)),
            )
            table.add_row("  failing part 1 / 2 / 3", "–", " / ".join(str(own.count(p)) for p in "123"), str(len(own)))
    table.add_row("a search finds another passage first", "–", f"{made.hard}", str(made.held))
    table.add_row("seconds", "–", f"{seconds:.0f}", str(made.drafted - made.unused))
    for reason in made.rejected:
        table.add_row(f"rejected: {reason.why}", "–", str(reason.count), str(made.drafted - made.unused))
    console.print(table)


def by_people(console: Console, context: Context, human: Sequence[Example]) -> None:
    """What the check confirms of questions that people wrote, each against the whole text of its documents."""
    asked = [e for e in human if e.answerable and e.must_include and e.documents]
    chunks = context.index.chunks_of({d for e in asked for d in e.documents}, context.evaluation_reader)
    rows = [
        review.Row(
            example=e,
            status="draft",
            made_from=e.documents[0],
            passage="\n".join(c.text for d in e.documents for c in chunks.get(d, ())),
            by="people",
        )
        for e in asked
    ]
    faults = confirmed(context, rows, human)
    parts = " / ".join(str(faults.count(p)) for p in "123")
    console.print(
        f"questions by people that the check confirms: {faults.count('') / len(rows):.3f} (n {len(rows)}; {parts})"
    )


def ranking(console: Console, context: Context, drawn: dict[str, list[Example]]) -> None:
    table = Table(title="share of answerable questions answered with every fact")
    for column in ("arm", *(f"{k}, n {len(v)}" for k, v in drawn.items())):
        table.add_column(column)
    for arm in ARMS:
        table.add_row(arm, *(f"{right(context, arm, examples):.2f}" for examples in drawn.values()))
    console.print(table)


if __name__ == "__main__":
    main()
