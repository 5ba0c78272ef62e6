"""`tune-retrieval`: which search settings find the documents that the dev questions name. In: a `Context` and the dev split. Out:
a `RetrievalRace`, and `ragraft.toml` with what won.

Round by round (chunk size, weight of BM25, reranker, passages, floor), the present value races against others; one takes its
place only when a paired test finds it better. Finished searches are saved under `.ragraft/stages/races/`, so that a stopped race goes on;
copies of the index for other chunk sizes lie beside it until the race is over.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ragraft import config as configuration
from ragraft import syncing
from ragraft.compare import stats
from ragraft.compare.race import Difference, Lane, differences, race
from ragraft.compare.settings import (
    DEEPEST,
    Change,
    Fate,
    Found,
    Hit,
    Marks,
    RaceLine,
    RetrievalRace,
    RoundName,
    Setting,
    marked,
)
from ragraft.config import CONFIG_NAME, ChunksSection, RetrievalSection
from ragraft.context import Context
from ragraft.errors import DataError
from ragraft.models import load
from ragraft.retrieve.fusion import BM25_WEIGHT
from ragraft.retrieve.index import Index
from ragraft.retrieve.search import search
from ragraft.types import Example
from ragraft.workspace import append_line, fingerprint, from_json, read_lines, to_json, write_atomic

CHUNK_TOKENS = (100, 200, 300)
OVERLAP = 0.12
"""Of a chunk's tokens: as in the default of 24 in 200."""
WEIGHTS = (0.0, 0.15, 0.3, 0.45, 0.6, 1.0)
PASSAGES = (2, 4, 6, 8)
FLOORS_KEEP = (1.0, 0.95)
"""A floor is tried that keeps this share of the answerable questions which found a right document without one."""
BLOCK = 20
"""Questions between two looks at who is out; at least a fifth of them all."""
RECUT_UP_TO = 20_000
"""Chunks of an index that is copied and cut anew for the race; larger ones take too long to embed."""
FEWEST = 10
"""Questions with documents under which nothing is raced."""


@dataclass(slots=True, kw_only=True)
class _Track:
    """Where the race is run: the questions in their order, the indices by chunk settings, searches by setting."""

    context: Context
    examples: tuple[Example, ...]
    vectors: np.ndarray
    indices: dict[str, Index]
    copies: list[Path] = field(default_factory=list[Path])
    rerankers: dict[str, Any] = field(default_factory=dict[str, Any])
    searches: dict[str, dict[str, Found]] = field(default_factory=dict[str, dict[str, Found]])

    @property
    def seed(self) -> int:
        return self.context.config.project.seed

    @property
    def groups(self) -> list[str]:
        return [e.group for e in self.examples]


def tune(
    context: Context, dev: Sequence[Example], *, rerankers: Sequence[str] = (), dry_run: bool = False
) -> RetrievalRace:
    """Race the settings on the dev questions that name documents or have no answer; write the winner unless `dry_run`.

    `rerankers`: cross-encoders that are tried beside the packaged reader and the config's. The index must be in step with the documents. Raises
    `DataError` with too few questions, `ModelError` for a reranker that cannot be loaded.
    """
    started = time.perf_counter()
    examples = tuple(e for e in dev if e.documents or not e.answerable)
    named = sum(bool(e.documents) for e in examples)
    if named < FEWEST:
        raise DataError(
            f"{context.folder}: {named} dev question(s) name the documents that answer them; tune-retrieval needs {FEWEST} "
            "(add `documents` to examples, or more examples)"
        )
    order = np.random.default_rng(context.config.project.seed).permutation(len(examples))
    examples = tuple(examples[i] for i in order)
    present = _present(context)
    track = _Track(
        context=context,
        examples=examples,
        vectors=context.embedder.embed([e.question for e in examples], queries=True),
        indices={fingerprint(present.chunks): context.index},
    )
    try:
        lines, winner, notes = _rounds(track, present, rerankers)
    finally:
        for copy in track.copies:
            shutil.rmtree(copy, ignore_errors=True)
    changes = _changes(context, present, winner)
    if changes and not dry_run:
        path = context.folder / CONFIG_NAME
        write_atomic(path, edited(path.read_text(encoding="utf-8"), changes, place=str(path)))
    return RetrievalRace(
        n=len(examples),
        unanswerable=len(examples) - named,
        lines=tuple(lines),
        changes=changes,
        notes=tuple(notes),
        written=bool(changes) and not dry_run,
        seconds=time.perf_counter() - started,
    )


def _present(context: Context) -> Setting:
    config = context.config
    weight = config.retrieval.bm25_weight
    return Setting(
        chunks=config.chunks,
        bm25_weight=BM25_WEIGHT if weight is None else weight,
        reranker=config.models.reranker,
        passages=config.retrieval.passages,
        floor=config.retrieval.floor,
    )


# --- rounds ------------------------------------------------------------------------------------------------------------


def _rounds(track: _Track, present: Setting, rerankers: Sequence[str]) -> tuple[list[RaceLine], Setting, list[str]]:
    """Every round, each from what won before: its lines, the winner of all, and what was left out."""
    options: dict[RoundName, Callable[[Setting], list[Setting] | str]] = {
        "chunk tokens": partial(_chunk_sizes, track),
        "BM25 weight": lambda s: [replace(s, bm25_weight=w) for w in WEIGHTS],
        "reranker": partial(_rerankers, track, rerankers),
        "passages": partial(_passages, track),
        "floor": partial(_floors, track),
    }
    notes = [f"{name}: {others}" for name, option in options.items() if isinstance(others := option(present), str)]
    lines: list[RaceLine] = []
    for name, option in options.items():
        others = option(present)
        settings = list(dict.fromkeys([present, *(() if isinstance(others, str) else others)]))
        if len(settings) > 1:
            told, present = _round(track, name, settings, families=len(options) - len(notes))
            lines += told
    return lines, present, notes


def _chunk_sizes(track: _Track, present: Setting) -> list[Setting] | str:
    if (count := track.context.index.count()) > RECUT_UP_TO:
        return f"the index has {count:,} chunks; up to {RECUT_UP_TO:,} are cut and embedded anew for a race"
    sizes = [n for n in CHUNK_TOKENS if n != present.chunks.max_tokens]
    return [replace(present, chunks=ChunksSection(max_tokens=n, overlap_tokens=round(OVERLAP * n))) for n in sizes]


def _rerankers(track: _Track, more: Sequence[str], present: Setting) -> list[Setting] | str:
    names = dict.fromkeys((None, "reader", present.reranker, *more))
    return [replace(present, reranker=name) for name in names]


def _passages(track: _Track, present: Setting) -> list[Setting] | str:
    """Those whose passages fill at most half of the generator's context."""
    room = track.context.generator.context_tokens // 2
    found = _searched(track, present, 0, len(track.examples))
    held = {k: np.mean([sum(h.tokens for h in f.hits[:k]) for f in found]) for k in PASSAGES}
    return [replace(present, passages=k) for k in PASSAGES if held[k] <= room]


def _floors(track: _Track, present: Setting) -> list[Setting] | str:
    if all(e.answerable for e in track.examples):
        return "no dev question is without an answer, and a floor can only lose on the others"
    found = _searched(track, present, 0, len(track.examples))
    best = sorted(
        max(scores)
        for e, f in zip(track.examples, found, strict=True)
        if (scores := [h.score for h in f.hits[: present.passages] if h.document in e.documents])
    )
    if not best:
        return "no right document was found"
    floors = [np.floor(100 * best[int((1 - share) * len(best))]) / 100 for share in FLOORS_KEEP]
    return [replace(present, floor=f) for f in (None, *(float(f) for f in floors if f > 0))]


def _round(track: _Track, name: RoundName, settings: list[Setting], *, families: int) -> tuple[list[RaceLine], Setting]:
    """One race; the first setting is the present one. Its lines, and the winner."""
    marks: list[list[Marks]] = [[] for _ in settings]
    total, done = len(settings) * len(track.examples), 0

    def score(lane: int, start: int, stop: int) -> list[float]:
        nonlocal done
        found = _searched(track, settings[lane], start, stop)
        marks[lane] += [marked(e, f, settings[lane]) for e, f in zip(track.examples[start:stop], found, strict=True)]
        done += stop - start
        track.context.notify(f"race {name}", done, total)
        return [m.score for m in marks[lane][start:stop]]

    block = max(BLOCK, len(track.examples) // 5)
    lanes = race(score, len(settings), track.groups, seed=track.seed, block=block)
    track.context.notify(f"race {name}", total, total)
    compared = (None, *differences(lanes, track.groups, seed=track.seed, families=families))
    better = [n for n, d in enumerate(compared) if d is not None and d.better]
    best = max(better, key=lambda n: (lanes[n].mean, -n), default=0)
    lines = [
        _line(track, name, setting, lane, mark, difference, _fate(n, best, lane))
        for n, (setting, lane, mark, difference) in enumerate(zip(settings, lanes, marks, compared, strict=True))
    ]
    return lines, settings[best]


def _fate(number: int, best: int, lane: Lane) -> Fate:
    if number == 0:
        return "present"
    if lane.dropped:
        return "dropped"
    return "won" if number == best else "no better"


def _line(
    track: _Track,
    name: RoundName,
    setting: Setting,
    lane: Lane,
    marks: Sequence[Marks],
    difference: Difference | None,
    fate: Fate,
) -> RaceLine:
    n = len(lane.values)
    values: Mapping[RoundName, object] = {
        "chunk tokens": setting.chunks.max_tokens,
        "BM25 weight": setting.bm25_weight,
        "reranker": setting.reranker or "none",
        "passages": setting.passages,
        "floor": "none" if setting.floor is None else setting.floor,
    }
    return RaceLine(
        round=name,
        value=str(values[name]),
        fate=fate,
        n=n,
        score=stats.estimate("score", lane.values, track.groups[:n], seed=track.seed),
        ndcg=_mean([m.ndcg for m in marks]),
        recall=_mean([m.recall for m in marks]),
        empty=_mean([m.score for m in marks if m.ndcg is None]),
        tokens=float(np.mean([m.tokens for m in marks])),
        difference=difference,
    )


def _mean(values: Sequence[float | None]) -> float | None:
    kept = [v for v in values if v is not None]
    return float(np.mean(kept)) if kept else None


# --- searches ----------------------------------------------------------------------------------------------------------


def _searched(track: _Track, setting: Setting, start: int, stop: int) -> list[Found]:
    """The searches of these questions, from the disk where they are there; passages and floor do not change them."""
    context = track.context
    retrieval = context.config.retrieval.model_copy(
        update={"bm25_weight": setting.bm25_weight, "passages": DEEPEST, "floor": None, "neighbours": 0}
    )
    key = _key(track, setting, retrieval)
    path = context.space.stage("races", key) / "found.jsonl"
    if key not in track.searches:
        track.searches[key] = {f.example: f for f in (from_json(Found, line) for line in read_lines(path))}
    known = track.searches[key]
    asked = [i for i in range(start, stop) if track.examples[i].id not in known]
    if asked:
        questions = [track.examples[i].question for i in asked]
        index, rerank = _index(track, setting.chunks), _reranker(track, setting.reranker)
        passages = search(index, questions, track.vectors[asked], context.evaluation_reader, retrieval, rerank)
        fresh = [
            Found(
                example=track.examples[i].id,
                hits=tuple(Hit(document=p.chunk.document, score=p.score, tokens=p.chunk.tokens) for p in found),
            )
            for i, found in zip(asked, passages, strict=True)
        ]
        append_line(path, "\n".join(map(to_json, fresh)))
        known |= {f.example: f for f in fresh}
    return [known[e.id] for e in track.examples[start:stop]]


def _key(track: _Track, setting: Setting, retrieval: RetrievalSection) -> str:
    context = track.context
    return fingerprint(
        context.index.documents(),
        setting.chunks,
        retrieval,
        load.reranker_fingerprint(setting.reranker),
        (context.embedder_fingerprint, context.evaluation_reader, context.config.groups),
        [(e.id, e.question) for e in track.examples],
    )


def _index(track: _Track, chunks: ChunksSection) -> Index:
    """The index of these chunk settings, made where there is none yet."""
    key = fingerprint(chunks)
    if key not in track.indices:
        folder = track.context.space.index_beside(key)
        track.copies.append(folder)
        track.context.notify(f"cut to {chunks.max_tokens} tokens", 0, 1)
        track.indices[key] = syncing.recut(track.context, chunks, folder)
        track.context.notify(f"cut to {chunks.max_tokens} tokens", 1, 1)
    return track.indices[key]


def _reranker(track: _Track, name: str | None) -> Any:
    if name is None:
        return None
    if name not in track.rerankers:
        track.rerankers[name] = load.reranker(name)
    return track.rerankers[name]


# --- the config --------------------------------------------------------------------------------------------------------


def _changes(context: Context, before: Setting, after: Setting) -> tuple[Change, ...]:
    config = context.config
    rows: list[tuple[str, str, object, float | int | str | None, bool]] = [
        ("chunks", "max_tokens", config.chunks.max_tokens, after.chunks.max_tokens, before.chunks != after.chunks),
        (
            "chunks",
            "overlap_tokens",
            config.chunks.overlap_tokens,
            after.chunks.overlap_tokens,
            before.chunks != after.chunks,
        ),
        ("retrieval", "bm25_weight", before.bm25_weight, after.bm25_weight, before.bm25_weight != after.bm25_weight),
        ("models", "reranker", before.reranker, after.reranker, before.reranker != after.reranker),
        ("retrieval", "passages", before.passages, after.passages, before.passages != after.passages),
        ("retrieval", "floor", before.floor, after.floor, before.floor != after.floor),
    ]
    return tuple(
        Change(section=section, key=key, before=None if old is None else str(old), after=new)
        for section, key, old, new, differs in rows
        if differs
    )


def edited(text: str, changes: Sequence[Change], *, place: str = CONFIG_NAME) -> str:
    """The text of a `ragraft.toml` with these keys set (or taken out, for None); everything else stays, comments too. Raises
    `ConfigError` when what results is no valid config."""
    import tomlkit

    document: Any = tomlkit.parse(text)
    for change in changes:
        if change.after is None:
            document.get(change.section, {}).pop(change.key, None)
            continue
        if change.section not in document:
            document[change.section] = tomlkit.table()
        document[change.section][change.key] = change.after
    written = tomlkit.dumps(document)
    configuration.parse(document.unwrap(), text=written, place=place)
    return written
