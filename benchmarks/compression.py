"""What fewer sentences do to a generator that reads passages: on the train and dev questions of the demo, `rag`, nothing tuned.

    .venv/bin/python benchmarks/compression.py [PROJECT] [--generator SPEC] [--sentences 1 2 3 4 6 8]

Prints for whole passages and for `[retrieval] sentences` of each size: answers with all facts, prompts that hold all facts, refusals, prompt
tokens and seconds a question. The test split is not read. Works on a copy of the project.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from inputs import add_project
from ragraft import pipeline, stages
from ragraft.context import Context
from ragraft.evaluate.scorers import holds
from ragraft.models.load import generator
from ragraft.prompting import passage_text
from ragraft.systems.system import System, answer
from ragraft.types import Answer, Example, Reader, Request


def main() -> None:
    parser = argparse.ArgumentParser()
    add_project(parser)
    parser.add_argument("--generator", default="pocket")
    parser.add_argument("--sentences", type=int, nargs="+", default=[1, 2, 3, 4, 6, 8])
    options = parser.parse_args()
    console = Console(width=130)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        shutil.copytree(options.project, folder, ignore=shutil.ignore_patterns(".ragraft"))
        context = Context(folder)
        pipeline.sync(context)
        parts = stages.divide(context)
        examples = [e for e in (*parts.train, *parts.dev) if e.must_include or not e.answerable]
        model = generator(options.generator, context.config.models, folder=folder)
        system = replace(stages.build_system(context, "rag", None, None), generator=model)
        known = sum(e.answerable for e in examples)
        table = Table(
            "reads", "all facts told", "all facts shown", "refused", "refused rightly", "prompt tokens", "seconds",
            title=f"{options.generator}, `rag`: {known} answerable questions, {len(examples) - known} not",
        )  # fmt: skip
        for size in (None, *options.sentences):
            name = "whole passages" if size is None else f"sentences = {size}"
            table.add_row(name, *_row(replace(system, sentences=size), examples, context.evaluation_reader))
        console.print(table)


def _row(system: System, examples: Sequence[Example], reader: Reader) -> list[str]:
    started = time.perf_counter()
    outcomes = answer(system, [Request(question=e.question) for e in examples], reader)
    seconds = (time.perf_counter() - started) / len(examples)
    pairs = [(e, o) for e, o in zip(examples, outcomes, strict=True) if isinstance(o, Answer)]
    known, unknown = ([(e, o) for e, o in pairs if e.answerable is kind] for kind in (True, False))
    told = [all(holds(o.text, f) for f in e.must_include) for e, o in known]
    shown = [all(holds(" ".join(map(passage_text, o.passages)), f) for f in e.must_include) for e, o in known]
    shares = (told, shown, [o.refused for _, o in known], [o.refused for _, o in unknown])
    tokens = np.mean([o.prompt_tokens or 0 for _, o in pairs])
    return [*(f"{np.mean(share):.3f}" for share in shares), f"{tokens:.0f}", f"{seconds:.3f}"]


if __name__ == "__main__":
    main()
