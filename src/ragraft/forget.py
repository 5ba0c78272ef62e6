"""Erases documents from a project. In: document ids. Out: a `Certificate`.

Writes `forgotten.json` first, so that no sync brings them back, and `certificates/ID.json` last; in between it takes them out
of the index, of caches, of saved reports and of adapters' training rows, and purges the index's older versions. Every step can
be done again, so a run that was stopped is finished by running it again. docs/architecture.md states the policy.
"""

from __future__ import annotations

import difflib
import hashlib
import html
import os
import re
import secrets
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pydantic import ValidationError

from ragraft import lineage
from ragraft.compare import report as reporting
from ragraft.compare.redact import Gone, redact
from ragraft.context import Context
from ragraft.corpus import tombstones
from ragraft.corpus.sources import owner
from ragraft.errors import DataError
from ragraft.retrieve import history
from ragraft.sourcing import JsonlSource
from ragraft.stages import ADAPTER_OF
from ragraft.types import ArmName, Certificate, Forgotten, MarkedAdapter, Report, Split, Tombstone, TrainingRow
from ragraft.where import condition, sql_strings
from ragraft.workspace import from_json, now, read_lines, to_json, write_atomic

RUN = 8
"""Words in a row that a text must share with a forgotten one to count as quoting it; shorter texts count when held whole."""

WEIGHTS = (".safetensors", ".pt", ".bin", ".pth")
"""Files of numbers, in which no text is looked for."""

_WORD = re.compile(r"\w+")
_ESCAPE = re.compile(r"\\[ntr]")
_TEMPORARY = re.compile(r"\..+\.\w{8}")
"""Files that `write_atomic` was writing when it was killed."""


class _Text:
    """The words of the forgotten documents, as runs of `RUN` words that no other document shares."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._runs = {run for text in texts for run in _runs(_words(text))}
        self._sizes: dict[str, set[int]] = {}
        """First word -> how long the runs are that begin with it."""
        for run in self._runs:
            self._sizes.setdefault(run[0], set()).add(len(run))

    def __bool__(self) -> bool:
        return bool(self._runs)

    def spare(self, other: str) -> None:
        """Take out what another document says too."""
        self._runs -= set(self._shared(other))

    def quoted(self, text: str) -> bool:
        """Whether one of the runs stands in `text`, which may be JSON."""
        return next(self._shared(text), None) is not None

    def _shared(self, text: str) -> Iterator[tuple[str, ...]]:
        words = _words(text) if self._runs else []
        for i, word in enumerate(words):
            for size in self._sizes.get(word, ()):
                if (run := tuple(words[i : i + size])) in self._runs:
                    yield run


def _words(text: str) -> list[str]:
    return _WORD.findall(_ESCAPE.sub(" ", text).casefold())


def _runs(words: Sequence[str]) -> Iterable[tuple[str, ...]]:
    if len(words) < RUN:
        return [tuple(words)] if len(words) > 2 else []
    return (tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a `forget` would erase, before it does."""

    documents: tuple[str, ...]
    copies: tuple[str, ...]
    """Those of them that were not named and hold the same content as one that was."""
    chunks: int
    adapters: tuple[str, ...]
    """The arms whose adapters learned from them."""
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Certificates, newest first, and the documents whose `forget` was stopped before its end."""

    done: tuple[Certificate, ...]
    unfinished: tuple[str, ...]


def matching(context: Context, where: str) -> tuple[str, ...]:
    """The ids of the indexed documents that meet a filter (`ragraft.where`). Raises `ConfigError` for a wrong filter,
    `DataError` when nothing meets it."""
    found = history.documents(context.indexed().snapshot(), condition(where))
    if not found:
        raise DataError(f"--where {where}: no document meets it")
    return tuple(sorted(found))


def plan(context: Context, names: Sequence[str]) -> Plan:
    """What `forget` would do. Raises `DataError` for an id of which nothing is held."""
    _check_held(context, names, history.texts_ever(context.index, names))
    ids = _with_copies(context, names)
    learned = [lineage.read(folder) for folder in _adapters(context)]
    arms = {one.arm: None for one in learned if any(o.document in ids for o in one.origins)}
    where = f"document IN ({sql_strings(ids)})"
    return Plan(
        documents=ids,
        copies=tuple(name for name in ids if name not in names),
        chunks=int(context.index.snapshot().table.count_rows(where)),
        adapters=tuple(arms),
        sources=_sources(context, ids),
    )


def forget(context: Context, names: Sequence[str]) -> Certificate:
    """Erase these documents, and those with the same content under another id, which no sync would take in again either; the
    certificate says what was done and what is left to do. Raises `DataError` for an id of which
    nothing is held. Nobody else may write to the project meanwhile (the caller holds its lock)."""
    started = time.perf_counter()
    _check_held(context, sorted(set(names)), history.texts_ever(context.index, names))
    ids = frozenset(_with_copies(context, names))
    known = history.texts_ever(context.index, ids)
    stone = _bury(context, ids)
    context.space.drop_unused_indices()  # a rebuild that was stopped may have left one
    context.index.write([], sorted(ids & context.index.documents().keys()))
    text = _text(context, known)
    adapters, rows = _clean_adapters(context, ids)
    reports, dropped = _reports(context, ids, text)
    removed = (*_caches(context, ids, text, everything=bool(adapters)), *dropped)
    remaining = _remaining(context, text) if text else None
    before = {v.version for v in history.versions(context.index)}
    context.index.purge()
    certificate = Certificate(
        id=stone.certificate,
        project=context.name,
        at=now(),
        ragraft=version("ragraft"),
        documents=tuple(_erased(name, known.get(name, [])) for name in sorted(ids)),
        purged=tuple(sorted(before - {v.version for v in history.versions(context.index)})),
        index_version=context.index.version,
        rewritten=(*rows, *reports),
        removed=tuple(sorted(removed)),
        adapters=adapters,
        sources=_sources(context, sorted(ids)),
        remaining=remaining,
        seconds=time.perf_counter() - started,
    )
    write_atomic(context.space.certificate(certificate.id), to_json(certificate, indent=2))
    return certificate


def certificates(context: Context) -> tuple[Certificate, ...]:
    """Past ones, newest first."""
    return tuple(from_json(Certificate, path.read_bytes()) for path in context.space.certificates())


def unfinished(context: Context) -> tuple[str, ...]:
    """Documents whose `forget` was stopped before its end."""
    stones = tombstones.read(context.space.forgotten)
    return tuple(s.document for s in stones if not context.space.certificate(s.certificate).is_file())


def allow(context: Context, names: Sequence[str]) -> None:
    """Let forgotten documents in again at the next sync. Raises `DataError` for one that was not forgotten."""
    stones = tombstones.read(context.space.forgotten)
    if missing := set(names) - {s.document for s in stones}:
        raise DataError(f"{sorted(missing)[0]}: not a forgotten document; `ragraft forget --list` shows them")
    tombstones.write(context.space.forgotten, [s for s in stones if s.document not in names])


# --- the steps ---------------------------------------------------------------------------------------------------------


def _bury(context: Context, ids: Collection[str]) -> Tombstone:
    """Write the tombstones. One that is there from a run that was stopped keeps its content's key."""
    keys, at = context.index.documents(), now()
    name = f"{re.sub(r'[^0-9]', '', at)[:14]}-{secrets.token_hex(3)}"
    stones = tombstones.read(context.space.forgotten)
    known = {s.document: s.content for s in stones} | {d: k.partition("-")[0] for d, k in keys.items()}
    fresh = [Tombstone(document=d, content=known.get(d, ""), at=at, certificate=name) for d in sorted(ids)]
    tombstones.write(context.space.forgotten, [*(s for s in stones if s.document not in ids), *fresh])
    return fresh[0]


def _with_copies(context: Context, names: Sequence[str]) -> tuple[str, ...]:
    """The names, then every other document with the content of one of them, in the index or begun to be forgotten."""
    stones = tombstones.read(context.space.forgotten)
    contents = {s.document: s.content for s in stones}
    contents |= {d: k.partition("-")[0] for d, k in context.index.documents().items()}
    wanted = {contents.get(name, "") for name in names} - {""}
    return tuple(dict.fromkeys((*names, *(d for d, content in sorted(contents.items()) if content in wanted))))


def _check_held(context: Context, names: Sequence[str], known: Collection[str]) -> None:
    if context.config.project.task != "answer":
        raise DataError(f"{context.folder}: a `{context.config.project.task}` project holds no documents to forget")
    learned = (o.document for folder in _adapters(context) for o in lineage.read(folder).origins)
    held = {*known, *(s.document for s in tombstones.read(context.space.forgotten)), *learned}
    for name in names:
        if name not in held and not _mentioned(context, name):
            near = difflib.get_close_matches(name, sorted(held | context.index.documents().keys()), n=1)
            hint = f"; did you mean `{near[0]}`?" if near else "; `ragraft search` shows the ids of documents"
            raise DataError(f"{name}: nothing is held of a document of this name{hint}")


def _text(context: Context, known: Mapping[str, Sequence[str]]) -> _Text:
    """What to look for. The documents must be out of the latest version already."""
    text = _Text(t for texts in known.values() for t in texts)
    for batch in context.index.snapshot().table.search().select(["search"]).to_batches() if text else ():
        for other in batch["search"].to_pylist():
            text.spare(other)
    return text


def _erased(name: str, texts: Sequence[str]) -> Forgotten:
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest() if texts else ""
    return Forgotten(document=name, chunks=len(texts), sha256=digest)


def _adapters(context: Context) -> list[Path]:
    return [f for f in context.space.finished_stages("adapters") if (f / lineage.LINEAGE).is_file()]


def _clean_adapters(context: Context, ids: Collection[str]) -> tuple[tuple[MarkedAdapter, ...], tuple[str, ...]]:
    """Erase the rows that came from the documents, dev rows too, and mark the adapters that learned from them: (marks, files
    that were rewritten)."""
    marks: list[MarkedAdapter] = []
    rewritten: list[str] = []
    for folder in _adapters(context):
        path = folder / "rows.jsonl"
        lines = read_lines(path)
        kept = [line for line in lines if not set(ids).intersection(from_json(TrainingRow, line).documents)]
        learned = lineage.read(folder)
        origins = [o for o in learned.origins if o.document in ids]
        if origins:
            before = lineage.mark_of(folder)
            mark = MarkedAdapter(
                arm=learned.arm,
                key=folder.name,
                documents=_union(before.documents if before else (), (o.document for o in origins)),
                examples=_union(before.examples if before else (), (e for o in origins for e in o.examples)),
            )
            write_atomic(folder / lineage.MARK, to_json(mark, indent=1))
            marks.append(mark)
        if len(kept) < len(lines):
            write_atomic(path, "".join(f"{line}\n" for line in kept))
            rewritten.append(_shown(context, path))
    return tuple(marks), tuple(rewritten)


def _union(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _reports(context: Context, ids: Collection[str], text: _Text) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(files rewritten, files removed): past comparisons without what rested on the documents. One that cannot be read back
    is removed when it mentions them."""
    rewritten: list[str] = []
    removed: list[str] = []
    for folder in context.space.run_folders():
        path = folder / "report.json"
        try:
            report = from_json(Report, path.read_bytes())
        except (FileNotFoundError, ValidationError):
            if any(_holds(file, ids, text) for file in _files(folder)):
                shutil.rmtree(folder)
                removed.append(_shown(context, folder))
            continue
        clean = redact(report, _gone(report, ids, text))
        if clean is not report:
            reporting.write(clean, folder)
            rewritten += [_shown(context, path), _shown(context, folder / "report.html")]
    return tuple(rewritten), tuple(removed)


def _gone(report: Report, ids: Collection[str], text: _Text) -> Gone:
    trained = {t.arm for t in report.tuned if set(ids).intersection(t.adapter.documents)}
    arms: frozenset[ArmName] = frozenset(arm for arm, source in ADAPTER_OF.items() if source in trained)
    return Gone(documents=frozenset(ids), arms=arms, quoted=text.quoted)


def _caches(context: Context, ids: Collection[str], text: _Text, *, everything: bool) -> list[str]:
    """Remove what can be made again and holds something of the documents; with `everything`, all saved answers. What a
    killed run left half made goes too."""
    removed: list[str] = []
    named = {*ids, *_example_ids(context, ids)}
    for path in context.space.evaluations():
        if everything or _holds(path, named, text):
            path.unlink()
            removed.append(_shown(context, path))
    for folder in context.space.stage_folders():
        adapter = folder.parent.name == "adapters" and not folder.name.startswith(".")
        verdicts = folder.parent.name == "judge" and everything
        if not adapter and (verdicts or any(_holds(file, named, text) for file in _files(folder))):
            shutil.rmtree(folder)
            removed.append(_shown(context, folder))
    for path in _files(context.space.state):
        if _TEMPORARY.fullmatch(path.name) and not path.is_relative_to(context.space.index):
            path.unlink()
            removed.append(_shown(context, path))
    return removed


def _example_ids(context: Context, ids: Collection[str]) -> set[str]:
    """Examples that name the documents: saved answers to them may hold what the documents say."""
    found: set[str] = set()
    for folder in context.space.finished_stages("split"):
        try:
            parts = from_json(Split, (folder / "split.json").read_bytes())
        except ValidationError:  # of an older ragraft: removed by what it mentions
            continue
        found |= {e.id for e in (*parts.train, *parts.dev, *parts.test) if set(ids).intersection(e.documents)}
    return found


def _remaining(context: Context, text: _Text) -> tuple[str, ...]:
    """Files in which the text still stands. The index itself is left out: it is rewritten whole."""
    files = (p for p in _files(context.space.state) if not p.is_relative_to(context.space.index))
    return tuple(_shown(context, path) for path in files if text.quoted(_decoded(path)))


def _holds(path: Path, names: Collection[str], text: _Text) -> bool:
    """Whether a file names a document or an example, or quotes the text."""
    content = _decoded(path)
    return any(to_json(n) in content for n in names) or text.quoted(content)


def _decoded(path: Path) -> str:
    """A file's text; of binary files only what happens to be text in them."""
    if path.suffix in WEIGHTS:
        return ""
    content = path.read_bytes().decode(errors="ignore")
    return html.unescape(content) if path.suffix == ".html" else content


def _files(folder: Path) -> list[Path]:
    return sorted(Path(place, name) for place, _, names in os.walk(folder) for name in names)


def _mentioned(context: Context, name: str) -> bool:
    return any(to_json(name) in _decoded(p / "report.json") for p in context.space.runs())


def _sources(context: Context, ids: Sequence[str]) -> tuple[str, ...]:
    """Where the user still has the documents, or may have them; `forget` leaves all of that alone."""
    root, urls = context.folder / context.config.documents.root, {s.name: s for s in context.config.sources}
    found: list[str] = []
    for name in ids:
        source = urls.get(owner(name, context.config))
        if source is not None:
            found.append(f"{name} (from {source.path if isinstance(source, JsonlSource) else source.url})")
        elif (root / name).is_file():
            found.append(_shown(context, root / name))
    return tuple(found)


def _shown(context: Context, path: Path) -> str:
    return path.relative_to(context.folder).as_posix()
