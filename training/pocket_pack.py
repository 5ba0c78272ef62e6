"""Packed training data. In: the corpus folder, a tokenizer, a seed. Out: `shard-NNNN.npz` files in the folder given by --out.

A shard holds arrays of shape (sequences, length): `tokens` (uint16), `doc` (row number within the sequence, 0 for padding),
`seg` (0: stem, n: branch n), `pos` (rotary position), `weight` (0: no loss, 1: context, 2: answer, 3: plain text, 4: the tokens
of an answer that decide it, its first one and the number that it cites) and `goal` (at the token before one that decides: 1 + the place of
what it copies, 1 + that of the row's first token for a refusal; 0: nothing to point at).
Shards depend only on (seed, number, corpus, tokenizer), so any of them can be made again, on any machine, in any order.

    python training/pocket_pack.py --corpus CORPUS --tokenizer MODEL_DIR --out DATA --shards 8
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import random
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import data_helpdesk
import data_rows
import folders
import numpy as np
from data_rows import HumanText, Row, Sources
from data_swap import is_name
from data_text import articles
from data_words import words as words_of

from ragraft.models.local import answer_frame

ARRAYS = ("tokens", "doc", "seg", "pos", "weight", "goal")
MIXTURES = {
    "passages": {"text": 0.08, "rule": 0.13, "helpdesk": 0.15, "human": 0.55, "point": 0.04, "closed": 0.03, "chores": 0.02},
    "excerpts": {"text": 0.08, "rule": 0.11, "helpdesk": 0.11, "human": 0.25, "excerpt": 0.38, "point": 0.02, "closed": 0.03, "chores": 0.02},
}  # fmt: skip
"""Shares of the tokens by kind of row, for a run that goes on from a model; from scratch, `--plain 0.2` raises that of plain text."""
QUESTIONS = Path(__file__).with_name("questions.jsonl.xz")
"""Questions written for this project, in the form of `squad-25`."""
_NAME = re.compile(r"(?<=[a-z] )[A-Z][a-zà-ÿ]+")
HUMAN_DEV = 2
"""The last articles of `squad-25` that only the development shard uses."""
_DECISIVE, _TEXT, _ANSWER, _CONTEXT = 4, 3, 2, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    tokens: list[int]
    seg: list[int]
    pos: list[int]
    weight: list[int]
    goal: list[int]


def load_sources(corpus: Path, *, limit: int, evaluation: bool = False, only: str = "") -> Sources:
    """Articles (at most `limit` a file), human questions grouped by article, word counts and the closed-book facts."""
    files = sorted(p for p in corpus.glob("*.jsonl.xz") if not p.name.startswith("squad") and only in p.name)
    found = tuple(chain.from_iterable(articles(p, evaluation=evaluation, limit=limit) for p in files))
    known = Counter(w for a in found for p in a.paragraphs for s in p for w in words_of(s))
    with lzma.open(corpus / "squad-25.jsonl.xz", "rt", encoding="utf-8") as lines:
        human = _grouped(lines)
    human = human[-HUMAN_DEV:] if evaluation else human[:-HUMAN_DEV]
    if QUESTIONS.exists() and not evaluation:
        with lzma.open(QUESTIONS, "rt", encoding="utf-8") as lines:
            human += _grouped(lines)
    names = {w for a in found for p in a.paragraphs for s in p for w in _NAME.findall(s) if is_name(w, known)}
    rng = random.Random(20)
    facts = tuple((data_helpdesk.name(rng), data_helpdesk.fact(rng, "it")) for _ in range(1500))
    return Sources(articles=found, human=tuple(human), known=dict(known), facts=facts, names=tuple(sorted(names)))


def _grouped(lines: Iterable[str]) -> list[tuple[HumanText, ...]]:
    """Records of `{"title", "text", "questions"}` by article, or by site for titles like `Site › Page`."""
    grouped: dict[str, list[HumanText]] = {}
    for record in map(json.loads, lines):
        questions = tuple((q["question"], tuple(q["answers"])) for q in record["questions"])
        text = HumanText(title=record["title"], text=record["text"], questions=questions)
        grouped.setdefault(record["title"].split(" › ")[0], []).append(text)
    return [tuple(group) for _, group in sorted(grouped.items())]


def renderer(tokenizer: Any) -> data_rows.Render:
    """The tokenizer's own chat template, with the generation prompt."""

    def render(prompt: Any) -> str:
        turns = [{"role": m.role, "content": m.content} for m in prompt]
        return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)

    return render


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Shares of the tokens by kind, words of all passages of a row, and the two chances of `data_rows.thinned`."""

    kinds: dict[str, float]
    words: int = 260
    refusals: float = 1.0
    first: float = 0.6


def with_plain(mixture: dict[str, float], plain: float | None) -> dict[str, float]:
    """The same shares among the other kinds, with this one of plain text; unchanged for None."""
    if plain is None:
        return mixture
    return {kind: part * (1 - plain) / (1 - mixture["text"]) for kind, part in mixture.items()} | {"text": plain}


def make_rows(
    kind: str, sources: Sources, render: data_rows.Render, rng: random.Random, length: int, recipe: Recipe
) -> Iterator[Row]:
    match kind:
        case "text":
            made = [data_rows.plain(sources, rng, words=length // 2)]
        case "chores":
            made = [data_rows.chores(render, rng)]
        case "excerpt":
            [of] = rng.choices(("human", "helpdesk", "rule"), (0.6, 0.25, 0.15))
            whole = _case(of, sources, rng, recipe)
            made = [data_rows.rendered(case, render) for case in data_rows.condensed(whole, rng)]
        case _:
            made = [data_rows.rendered(_questioned(kind, sources, rng, recipe), render)]
    yield from (row for row in made if row)


def _questioned(kind: str, sources: Sources, rng: random.Random, recipe: Recipe) -> data_rows.Case:
    match kind:
        case "point":
            return data_rows.pointing(sources, rng, words=recipe.words)
        case "closed":
            return data_rows.closed_book(sources, rng)
        case _:
            tried = [_case(kind, sources, rng, recipe) for _ in range(3 if kind == "rule" else 1)]
            return max(tried, key=lambda c: (len(c.asked) + 1) / (sum(map(len, c.passages)) + 200))


def _case(kind: str, sources: Sources, rng: random.Random, recipe: Recipe) -> data_rows.Case:
    made = {
        "rule": lambda: data_rows.ruled(sources, rng, words=recipe.words),
        "human": lambda: data_rows.human(sources, rng, words=recipe.words),
        "helpdesk": lambda: data_rows.helpdesk(rng, words=recipe.words),
    }
    return data_rows.thinned(made[kind](), rng, refusals=recipe.refusals, first=recipe.first)


def encode(row: Row, tokenizer: Any, length: int, rng: random.Random) -> Encoded | None:
    """Stem once, then each branch; branches that do not fit are left out. None when no branch fits.

    In a third of the rows the positions jump once inside the stem, so that distances up to 2,048 are seen in short sequences.
    """
    lead = "" if row.kind == "text" else answer_frame(tokenizer)[0]
    texts = [row.stem, *(b.prompt for b in row.branches), *(lead + b.target for b in row.branches)]
    encoded = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
    stem, *ids = encoded.input_ids
    ends = [end for _, end in encoded.offset_mapping[0]]
    pos = list(range(len(stem)))
    if len(stem) > 40 and rng.random() < 0.33:
        at, jump = rng.randrange(20, len(stem)), rng.randrange(1, 2000 - length)
        pos = [p + jump if p >= at else p for p in pos]
    start = pos[-1] + 1 if pos else 0
    out = Encoded(tokens=list(stem), seg=[0] * len(stem), pos=pos, weight=[_CONTEXT] * len(stem), goal=[0] * len(stem))
    pairs = zip(row.branches, ids[: len(row.branches)], ids[len(row.branches) :], strict=True)
    for number, (branch, prompt, answer) in enumerate(pairs, start=1):
        target = [*answer, tokenizer.eos_token_id]
        if row.kind == "text":
            target = target[: length - 1 - len(prompt)]
        size = len(prompt) + len(target)
        if len(out.tokens) + size > length:
            continue
        out.tokens.extend(prompt + target)
        out.seg.extend([number] * size)
        out.pos.extend(range(start, start + size))
        written = [tokenizer.decode([t]) for t in target]
        opening = 2 if written[0].isspace() else 1  # a number's first digit is a token after the space
        decisive = [False] * len(target) if row.kind == "text" else _deciding(written, opening)
        plain = _TEXT if row.kind == "text" else _ANSWER
        out.weight.extend([_CONTEXT] * len(prompt) + [_DECISIVE if d else plain for d in decisive])
        out.goal.extend([0] * (len(prompt) - 1) + _goals(branch, decisive, opening, row.stem, ends) + [0])
    return out if len(out.tokens) > len(stem) else None


def _deciding(written: list[str], opening: int) -> list[bool]:
    """Which tokens of an answer decide it: its first ones, and the number it cites."""
    return [n < opening or (written[n - 1].endswith("[") and text.isdigit()) for n, text in enumerate(written)]


def _goals(branch: data_rows.Branch, decisive: list[bool], opening: int, stem: str, ends: list[int]) -> list[int]:
    """For the token before each one of the answer: 1 + the stem's token to point at, where one decides; 0 elsewhere."""
    source = branch.source
    first = source - 1 if opening == 2 and source and stem[source - 1] == " " else source
    places = [1 if branch.refused else _token_at(first, ends), _token_at(source, ends)][:opening]
    return [(places[n] if n < opening else _token_at(branch.label, ends)) if d else 0 for n, d in enumerate(decisive)]


def _token_at(place: int | None, ends: list[int]) -> int:
    return 0 if place is None else 1 + bisect_right(ends, place)


def encoded_rows(
    sources: Sources, tokenizer: Any, rng: random.Random, length: int, recipe: Recipe
) -> Iterator[Encoded]:
    """Endless; the kind furthest behind its share of the tokens is made next."""
    render, kinds = renderer(tokenizer), recipe.kinds
    spent: Counter[str] = Counter()
    while True:
        kind = min(kinds, key=lambda k: (spent[k] + rng.random() * length) / kinds[k])
        rows = [encode(row, tokenizer, length, rng) for row in make_rows(kind, sources, render, rng, length, recipe)]
        made = [row for row in rows if row]
        spent[kind] += sum(len(row.tokens) for row in made) + 1
        yield from made


def pack(rows: Iterator[Encoded], sequences: int, length: int, *, lookahead: int = 24) -> dict[str, np.ndarray]:
    """Fill each sequence greedily with the largest waiting row that fits; the rest is padding."""
    arrays = {
        name: np.zeros((sequences, length), np.uint16 if name in ("tokens", "pos", "goal") else np.uint8)
        for name in ARRAYS
    }
    waiting = [next(rows) for _ in range(lookahead)]
    for index in range(sequences):
        used, doc = 0, 0
        while True:
            fits = [r for r in waiting if used + len(r.tokens) <= length]
            if not fits:
                break
            row = waiting[0] if used == 0 else max(fits, key=lambda r: len(r.tokens))
            waiting.remove(row)
            waiting.append(next(rows))
            span, doc = slice(used, used + len(row.tokens)), doc + 1
            for name in ("tokens", "seg", "pos", "weight"):
                arrays[name][index, span] = getattr(row, name)
            arrays["goal"][index, span] = [g + used if g else 0 for g in row.goal]
            arrays["doc"][index, span] = doc
            used += len(row.tokens)
    return arrays


def write_shard(path: Path, arrays: dict[str, np.ndarray]) -> None:
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    with temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # pyright: ignore[reportArgumentType]
    os.replace(temporary, path)


def main() -> None:
    from transformers import AutoTokenizer

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--corpus", type=folders.corpus, required=True)
    parser.add_argument("--tokenizer", type=folders.tokenizer, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--stride", type=int, default=1, help="step between shard numbers, for several processes")
    parser.add_argument("--sequences", type=int, default=1024)
    parser.add_argument("--length", type=int, default=768)
    parser.add_argument("--words", type=int, default=0, help="of all passages of a row; half of --length if not given")
    parser.add_argument("--articles", type=int, default=12000, help="articles read from each file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--refusals", type=float, default=1.0, help="share of the refused questions that is kept")
    parser.add_argument(
        "--ranked", type=float, default=0.6, help="how much retrieval's first passage is favoured: 1 is not at all"
    )
    parser.add_argument("--mixture", choices=sorted(MIXTURES), default="passages")
    parser.add_argument("--plain", type=float, default=None, help="share of plain text, if not the mixture's")
    args = parser.parse_args()
    recipe = Recipe(
        kinds=with_plain(MIXTURES[args.mixture], args.plain),
        words=args.words or args.length // 2,
        refusals=args.refusals,
        first=args.ranked,
    )
    tokenizer = AutoTokenizer.from_pretrained(args.tokenizer)
    args.out.mkdir(parents=True, exist_ok=True)
    if not (args.out / "dev.npz").exists():
        sources = load_sources(args.corpus, limit=60, evaluation=True)
        rows = encoded_rows(sources, tokenizer, random.Random(args.seed), args.length, recipe)
        write_shard(args.out / "dev.npz", pack(rows, 48, args.length))
    sources = load_sources(args.corpus, limit=args.articles)
    for number in range(args.first, args.first + args.shards * args.stride, args.stride):
        rows = encoded_rows(sources, tokenizer, random.Random(f"{args.seed}-{number}"), args.length, recipe)
        arrays = pack(rows, args.sequences, args.length)
        write_shard(args.out / f"shard-{number:04d}.npz", arrays)
        filled = int((arrays["doc"] > 0).sum())
        print(
            f"shard {number}: {filled:,} tokens, {filled / arrays['doc'].size:.0%} full, {int((arrays['weight'] == 2).sum()):,} answer tokens",
            flush=True,
        )


if __name__ == "__main__":
    main()
