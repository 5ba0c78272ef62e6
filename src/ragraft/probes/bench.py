"""What every probe works with. In: a project whose arms are built. Out: copies of it to harm, answers, readings.

Writes into the folder that a probe is given, and what the arms told before any change under `.ragraft/stages/told/`.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeVar

from ragraft import syncing
from ragraft.compare import stats
from ragraft.config import AccessRule, Config, StoreSection
from ragraft.context import Context
from ragraft.corpus.sources import owner
from ragraft.evaluate.run import collect
from ragraft.probes.facts import Fact, find_facts, told
from ragraft.stages import INDEX_ARMS
from ragraft.systems.system import System
from ragraft.types import (
    Adapter,
    Answer,
    ArmName,
    CaseValue,
    Example,
    Failure,
    ProbeCase,
    ProbeFigure,
    ProbeName,
    ProbeResult,
    Reader,
    Reading,
    Split,
    Task,
    TrainingRow,
)
from ragraft.workspace import fingerprint, from_json, to_json, write_atomic

FAILED = "every answer failed"
SHOWN = 3
"""Failed cases of an arm that a result names."""
ANSWERS = ".answers.jsonl"
COPY = "copy"
DOCUMENTS = "documents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A project with its arms. `system(arm, context)` is the arm over the index of `context`: the project's own or a copy's."""

    context: Context
    parts: Split
    arms: tuple[ArmName, ...]
    adapters: Mapping[ArmName, Adapter]
    """By arm: `tuned` and `tuned+rag` have the same one."""
    system: Callable[[ArmName, Context], System]
    trained: Callable[[ArmName, Sequence[TrainingRow], Path], System]
    """The arm with an adapter trained on its own rows and further ones, in a folder of the probe."""
    kept: Path | None = None
    """Where answers are kept while a probe runs, so that one which was stopped goes on."""

    @property
    def seed(self) -> int:
        return self.context.config.project.seed

    def key(self, *more: object) -> str:
        """Changes when an arm could answer otherwise."""
        config, context = self.context.config, self.context
        index = context.knowledge_fingerprint() if config.project.task == "answer" else ""
        return fingerprint(
            self.arms,
            {arm: a.fingerprint for arm, a in self.adapters.items()},
            (config.project, config.evaluation, config.documents, context.evaluation_reader, index),
            (context.embedder_fingerprint, context.generator_fingerprint, self.parts),
            more,
        )

    @property
    def no_index(self) -> dict[ArmName, str]:
        """The arms that read no documents when they answer, and the same said in words."""
        return dict.fromkeys(
            (arm for arm in self.arms if arm not in INDEX_ARMS), "it reads no documents when it answers"
        )

    def facts(self) -> tuple[Fact, ...]:
        """The facts to ask about, each with its question, from all examples: an arm may know by heart what it was trained on."""
        reader = self.context.evaluation_reader
        chunks = self.context.index.chunks_of(self.context.index.documents().keys(), reader)
        texts = {d: "\n".join(f"{c.title}\n{c.heading}\n{c.text}" for c in held) for d, held in chunks.items()}
        return find_facts(texts, (*self.parts.train, *self.parts.test), seed=self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One probe. `title`: the question that it answers; `needs`, `does`, `reports` and `cannot` describe it in a sentence each.

    `run(bench, folder)` may write into `folder`, and only there. A higher `version` makes saved results void, and so does another
    value of `settings(bench)`: what else its result depends on.
    """

    name: ProbeName
    title: str
    needs: str
    does: str
    reports: str
    cannot: tuple[str, ...]
    run: Callable[[Bench, Path], ProbeResult]
    tasks: tuple[Task, ...] = ("answer",)
    settings: Callable[[Bench], object] = lambda bench: ()
    version: int = 1


class Case(Protocol):
    """One case of a share."""

    @property
    def example(self) -> Example: ...


T = TypeVar("T", bound=Case)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """A document that a copy gets besides; only `reader`, a user or a group, may see it."""

    document: str
    data: bytes
    reader: str


@contextlib.contextmanager
def copied(
    bench: Bench, folder: Path, *, rules: Sequence[AccessRule] = (), more: Sequence[Extra] = ()
) -> Generator[Context]:
    """A copy of the project's documents folder and index, with further access rules and documents, synced; it is gone
    afterwards."""
    context, place = bench.context, folder / COPY
    shutil.rmtree(place, ignore_errors=True)
    _copy_files(context, place / DOCUMENTS)
    for extra in more:
        target = place / DOCUMENTS / extra.document
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(extra.data)
    own = [AccessRule(path=x.document, readers=(x.reader,)) for x in more]
    try:
        other = context.beside(place, _config(context.config, (*rules, *own), [x.document for x in more]))
        if context.space.index.is_dir():  # an index elsewhere is made anew here
            shutil.copytree(context.space.index, other.space.index)
        sync_copy(other)
        yield other
    finally:
        shutil.rmtree(place, ignore_errors=True)


def sync_copy(copy: Context) -> None:
    """Bring a copy up to date with its own documents folder; what came from other sources stays as it was."""
    syncing.sync(copy, only=("",))


def _copy_files(context: Context, target: Path) -> None:
    """The files of the documents folder that the index knows; a copy brings nothing back that is not readable, or forgotten."""
    root = context.folder / context.config.documents.root
    for document in context.index.documents():
        parts = [] if owner(document, context.config) else [document, *map(str, PurePosixPath(document).parents)]
        if name := next(
            (p for p in parts if (root / p).is_file()), None
        ):  # a part of an archive has the archive's name in its own
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, target / name)


def _config(config: Config, rules: Sequence[AccessRule], added: Sequence[str]) -> Config:
    before = config.documents
    documents = before.model_copy(
        update={
            "root": DOCUMENTS,
            "rules": (*before.rules, *rules),
            "include": (*before.include, *added),
            # The copy holds what was wanted and nothing else, so that no glob may keep an added document out.
            "exclude": () if added else before.exclude,
        }
    )
    return config.model_copy(update={"documents": documents, "store": StoreSection()})


def ask(
    bench: Bench, system: System, questions: Sequence[str], reader: Reader | None = None, *, label: str
) -> tuple[Answer | Failure, ...]:
    """The answers in order, in batches as in evaluation; by the evaluation's reader where none is given. What was answered under
    this label before the probe was stopped is not asked again."""
    asked = [Example(id=str(n), question=q, answers=(), group="") for n, q in enumerate(questions)]
    with contextlib.ExitStack() as stack:
        kept = bench.kept or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cases = collect(
            system,
            asked,
            reader or bench.context.evaluation_reader,
            kept / f"{label}{ANSWERS}",
            batch_size=bench.context.config.evaluation.batch_size,
            progress=partial(bench.context.notify, label),
        )
    return tuple(c.outcome for c in cases)


def closed_book(system: System) -> System:
    """The same generator without passages, where its own memory speaks."""
    return System(
        arm=system.arm,
        generator=system.generator,
        instruction=system.instruction,
        max_new_tokens=system.max_new_tokens,
    )


def drop_answers(folder: Path) -> None:
    """What a probe was told is not kept longer than it is needed."""
    for path in folder.glob(f"*{ANSWERS}"):
        path.unlink()


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """An example put to an arm, in its own words or others."""

    example: Example
    question: str
    outcome: Answer | Failure


def put(
    bench: Bench,
    system: System,
    examples: Sequence[Example],
    *,
    label: str,
    words: Callable[[Example], str] | None = None,
) -> tuple[Put, ...]:
    """As `ask`; `words` makes an example's question, which is its own by default."""
    questions = [words(e) if words else e.question for e in examples]
    outcomes = ask(bench, system, questions, label=label)
    return tuple(Put(example=e, question=q, outcome=o) for e, q, o in zip(examples, questions, outcomes, strict=True))


def right(bench: Bench, found: Put) -> bool | None:
    """Whether an answer holds all facts of its example, or is its label; None where none came."""
    if isinstance(found.outcome, Failure):
        return None
    if bench.context.config.project.task == "classify":
        return found.outcome.text == found.example.answers[0]
    return all(told(found.outcome, fact) for fact in found.example.must_include)


def with_facts(bench: Bench, examples: Sequence[Example]) -> tuple[Example, ...]:
    """Those of which `right` can tell."""
    every = bench.context.config.project.task == "classify"
    return tuple(e for e in examples if every or (e.answerable and e.must_include))


def told_before(bench: Bench, arm: ArmName, facts: Sequence[Fact]) -> frozenset[str]:
    """The ids of the examples whose fact `arm` tells while nothing is changed; kept, since several probes start from it."""

    def build(folder: Path) -> None:
        system = bench.system(arm, bench.context)
        questions = [f.example.question for f in facts]
        outcomes = ask(replace(bench, kept=folder), system, questions, label=f"before {arm}")
        known = [f.example.id for f, o in zip(facts, outcomes, strict=True) if told(o, f.spellings)]
        write_atomic(folder / "told.json", to_json(tuple(known), tuple[str, ...]))
        drop_answers(folder)

    folder = bench.context.space.build_stage("told", fingerprint(arm, bench.key(), facts), build)
    return frozenset(from_json(tuple[str, ...], (folder / "told.json").read_bytes()))


def share(bench: Bench, arm: ArmName, hits: Sequence[bool], examples: Sequence[Example], *, empty: str) -> Reading:
    """The share of true among `hits` with its interval, clustered by the examples' groups; `empty` says why there may be none."""
    both = zip(hits, examples, strict=True)
    return mean(bench, arm, [CaseValue(case=e.id, group=e.group, value=float(h)) for h, e in both], empty=empty)


def mean(bench: Bench, arm: ArmName, cases: Sequence[CaseValue], *, empty: str) -> Reading:
    """The mean of the cases with its interval, clustered by their groups; `empty` says why there may be none."""
    found = stats.estimate("", [c.value for c in cases], [c.group for c in cases], seed=bench.seed)
    finite = found.low is not None and math.isfinite(found.low)  # one group alone has an infinite interval
    low, high = (found.low, found.high) if finite else (None, None)
    reason = "" if found.n else empty
    return Reading(arm=arm, value=found.mean, low=low, high=high, n=found.n, reason=reason, cases=tuple(cases))


def shares(
    bench: Bench,
    name: str,
    label: str,
    found: Mapping[ArmName, Sequence[T]],
    hit: Callable[[T], bool | None],
    *,
    better: bool | None,
    empty: str,
    absent: Mapping[ArmName, str] | None = None,
) -> ProbeFigure:
    """For each arm the share of its cases that are hits; a case whose hit is None (no answer came) is left out. `empty` says why an
    arm may have no case, `absent` why it is not in `found`."""
    readings = {arm: Reading(arm=arm, value=None, reason=reason) for arm, reason in (absent or {}).items()}
    for arm, cases in found.items():
        told = [(h, c.example) for c in cases if (h := hit(c)) is not None]
        readings[arm] = share(
            bench, arm, [h for h, _ in told], [e for _, e in told], empty=FAILED if cases and not told else empty
        )
    return figure(name, label, "share", better, [readings[arm] for arm in bench.arms if arm in readings])


def figure(name: str, label: str, unit: str, better: bool | None, readings: Sequence[Reading]) -> ProbeFigure:
    return ProbeFigure(name=name, label=label, unit=unit, higher_is_better=better, readings=tuple(readings))


def said(outcome: Answer | Failure) -> str:
    return outcome.text if isinstance(outcome, Answer) else f"(failed: {outcome.message})"


def failing(arm: ArmName, figure: str, question: str, outcome: Answer | Failure, expected: str) -> ProbeCase:
    """A question at which `arm` failed, as a result names it."""
    return ProbeCase(arm=arm, figure=figure, question=question, said=said(outcome), expected=expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Facts of some documents, and which examples' facts each arm tells while nothing is changed."""

    facts: tuple[Fact, ...]
    documents: tuple[str, ...]
    before: Mapping[ArmName, frozenset[str]]

    def known(self, arm: ArmName) -> tuple[Fact, ...]:
        return tuple(f for f in self.facts if f.example.id in self.before[arm])


def pool(bench: Bench) -> Pool:
    """Up to `questions` facts, in at most half of the documents: those with most facts told."""
    facts = bench.facts()[: bench.context.config.probes.questions]
    before: dict[ArmName, frozenset[str]] = {arm: told_before(bench, arm, facts) for arm in bench.arms if facts}
    known = Counter(f.document for f in facts for ids in before.values() if f.example.id in ids)
    ranked = sorted({f.document for f in facts}, key=lambda d: (-known[d], d))
    documents = tuple(ranked[: max(1, len(bench.context.index.documents()) // 2)])
    return Pool(facts=tuple(f for f in facts if f.document in documents), documents=documents, before=before)


def no_facts(probe: ProbeName, title: str) -> ProbeResult:
    note = "no example asks for a fact that one document alone holds: nothing can be asked"
    return ProbeResult(probe=probe, title=title, notes=(note,))
