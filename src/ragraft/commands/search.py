"""What `ragraft search` and `ragraft tune-retrieval` print. In: values and a rich console. Writes to the console only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from ragraft.types import Passage

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 240
"""Characters of a passage that are shown."""


def print_passages(passages: Sequence[Passage], console: Console) -> None:
    """Each passage with what ranked it where it is; no line needs a wide terminal."""
    for passage in passages:
        head = " › ".join(part for part in (passage.chunk.title, passage.chunk.heading) if part)
        page = f", page {passage.chunk.page}" if passage.chunk.page else ""
        text = " ".join(passage.text.split())
        console.print(
            f"[bold]{passage.rank}  {escape(head)}[/]  [dim]{escape(passage.chunk.document)}{page}[/]", highlight=False
        )
        console.print(f"{escape(text[:SHOWN])}{'…' if len(text) > SHOWN else ''}", highlight=False)
        console.print(f"[dim]{why(passage)}[/]\n", highlight=False)


def why(passage: Passage) -> str:
    """`reranked 2.31 · fused 0.812 · BM25 12.30 (#1) · cosine 0.73 (#4) · 2 repeats merged`; a dash where a half did not find it."""
    parts = [f"reranked {passage.reranked:.2f}"] if passage.reranked is not None else []
    parts += [
        f"fused {passage.score:.3f}",
        f"BM25 {_ranked(passage.bm25, passage.bm25_rank)}",
        f"cosine {_ranked(passage.cosine, passage.cosine_rank)}",
    ]
    if passage.merged:
        parts.append(f"{passage.merged} repeat{'s' if passage.merged > 1 else ''} merged")
    return " · ".join(parts)


def _ranked(score: float | None, rank: int | None) -> str:
    if score is None:
        return "–"
    return f"{score:.2f} ({f'#{rank}' if rank else '–'})"
