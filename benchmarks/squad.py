"""Every arm on squad-13: real questions over real paragraphs. In: the set, in the folder RAGRAFT_DATA. Out: the comparison on the screen.

    .venv/bin/python benchmarks/squad.py [--articles 13] [--questions 80]

Each paragraph is a document; questions are grouped by article, so test articles are never trained on. `--questions` are drawn per
article by seed. A fact is any of the annotators' answers. The numbers are reported as they are: nothing is tuned here.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from pathlib import Path

from rich.console import Console

import ragraft
from inputs import evaluation_set
from ragraft.compare.terminal import print_report

CONFIG = """
[project]
name = "squad-13"
[documents]
readers = ["everyone"]
[examples]
train = 0.4
dev = 0.15
test = 0.45
[evaluation]
max_new_tokens = 32
"""


def make(folder: Path, data: Path, articles: int, questions: int) -> None:
    documents = [json.loads(line) for line in (data / "documents.jsonl").open(encoding="utf-8")]
    examples = [json.loads(line) for line in (data / "examples.jsonl").open(encoding="utf-8")]
    groups = sorted({e["group"] for e in examples})[:articles]
    (folder / "documents").mkdir(parents=True)
    for d in documents:
        if d["id"].rpartition("-")[0] in groups:
            (folder / "documents" / f"{d['id']}.md").write_text(f"# {d['title']}\n\n{d['text']}\n", encoding="utf-8")
    rng = random.Random(7)
    lines: list[str] = []
    for group in groups:
        of_group = [e for e in examples if e["group"] == group]
        for e in rng.sample(of_group, min(questions, len(of_group))):
            row = {
                "id": e["id"],
                "question": e["question"],
                "answers": e["answers"],
                "must_include": [e["answers"]],
                "documents": [f"{e['document']}.md"],
                "group": group,
            }
            lines.append(json.dumps(row))
    (folder / "examples.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "ragraft.toml").write_text(CONFIG, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=13)
    parser.add_argument("--questions", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "squad"
        make(folder, evaluation_set("squad-13"), options.articles, options.questions)
        print_report(ragraft.open(folder).compare().report, Console(width=100))


if __name__ == "__main__":
    main()
