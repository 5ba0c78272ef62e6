"""What each command does, stage by stage. In: a `Context`. Out: values. Owns the order of the stages and what is saved.

`compare` is the main job; a reader who follows it opens each module once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from ragraft import forget as forgetting
from ragraft import lineage, retrieval_tuning, runs, stages, syncing, upkeep
from ragraft.compare import compare as comparing
from ragraft.compare import limits, weigh
from ragraft.compare.conclude import conclude
from ragraft.compare.settings import RetrievalRace
from ragraft.config import CONFIG_NAME
from ragraft.context import Context
from ragraft.errors import DataError, RagraftError, RefusedError
from ragraft.probes import table as probing
from ragraft.probes.bench import Bench
from ragraft.retrieve import history
from ragraft.stages import ADAPTER_OF
from ragraft.synthesis import make as making
from ragraft.synthesis import review as reviewing
from ragraft.systems import classify
from ragraft.systems.system import System, answer
from ragraft.tune import lora
from ragraft.types import (
    Adapter,
    Answer,
    ArmName,
    Certificate,
    Failure,
    Fingerprints,
    NotApplicable,
    Passage,
    ProbeName,
    ProbeResult,
    Reader,
    Report,
    Request,
    Split,
    SyncPlan,
    SyncReport,
    TrainingRow,
    TunedArm,
    Version,
)
from ragraft.where import both
from ragraft.workspace import fingerprint, now


def compare(context: Context, *, probes: Sequence[ProbeName] | None = None, wait: bool = False) -> Report:
    """Documents and examples to a recommendation: build every arm, measure it on the sealed test split, compare, report.

    `probes`: those to run beside; None: those that the config names.
    """
    started = time.perf_counter()
    config = context.config
    weigh.check(config)
    with context.space.lock("ragraft compare", wait=wait):
        synced = syncing.sync(context) if config.project.task == "answer" else None
        parts = stages.divide(context)
        arms, absent = _arms(context)
        adapters: dict[ArmName, Adapter] = {arm: stages.tune(context, arm, parts) for arm in _trainings(arms)}
        arms, refused, caveats = _open_arms(context, arms, adapters)
        asked = [stages.evaluate(context, arm, parts, _adapter_of(arm, adapters)) for arm in arms]
        evaluations, agreement = stages.scored(context, parts, asked)
        comparison = comparing.compare(
            evaluations,
            parts.test,
            metric=_primary_metric(context, parts),
            build_seconds={arm: upkeep.build_seconds(context, arm, _adapter_of(arm, adapters)) for arm in arms},
            config=config,
            not_applicable=(*absent, *refused),
            work={arm: upkeep.work(context, arm, parts, _adapter_of(arm, adapters)) for arm in arms},
        )
        named = dict.fromkeys((*config.probes.run, *limits.probes(config)))
        probed = _probed(_bench(context, parts, arms, adapters), tuple(named) if probes is None else probes)
        found = conclude(comparison, evaluations, probed, config)
        verdict = found.recommendation
        folder = context.space.new_run()
        report = Report(
            run=folder.name,
            project=context.name,
            task=config.project.task,
            made=now(),
            seconds=time.perf_counter() - started,
            currency=config.prices.currency,
            sync=synced,
            split=parts,
            comparison=comparison,
            recommendation=replace(verdict, caveats=(*verdict.caveats, *caveats, *stages.left_out(context))),
            evaluations=evaluations,
            tuned=tuple(TunedArm(arm=arm, adapter=adapter) for arm, adapter in adapters.items()),
            fingerprints=_fingerprints(context, parts),
            config_text=(context.folder / CONFIG_NAME).read_text(encoding="utf-8"),
            agreement=agreement,
            probes=probed,
            tradeoffs=found.tradeoffs,
            sensitivity=found.sensitivity,
            traffic=found.traffic,
            price_notes=config.prices.sources,
            published=found.published,
            hosted=found.hosted,
        )
        runs.save(report, folder)
    return report


def sync(
    context: Context, *, rebuild: bool = False, only: Collection[str] | None = None, wait: bool = False
) -> SyncReport:
    """Bring the index up to date with the sources; `rebuild` makes it anew, `only` looks at those sources alone."""
    with context.space.lock("ragraft sync", wait=wait):
        return syncing.sync(context, rebuild=rebuild, only=only)


def plan(context: Context) -> SyncPlan:
    """What `sync` would do; nothing is written."""
    return syncing.plan(context)


def watch(context: Context, stop: threading.Event | None = None) -> Iterator[SyncReport]:
    """A sync now, and one of the folders that changed whenever they do, until `stop` is set. Raises `ConfigError` when no
    source is a folder on this machine."""
    changes = syncing.changes(context, stop)
    next(changes, None)  # it watches from here on: what changes while the first sync runs is not missed
    yield sync(context, wait=True)
    for changed in changes:
        if changed:
            yield sync(context, only=changed, wait=True)


def forget(context: Context, documents: Sequence[str], *, wait: bool = False) -> Certificate:
    """Erase documents from the index, its older versions, caches and reports, and mark the adapters that learned from them."""
    with context.space.lock("ragraft forget", wait=wait):
        return forgetting.forget(context, documents)


def to_forget(context: Context, documents: Sequence[str], where: str | None) -> tuple[str, ...]:
    """The documents named, and those that meet a filter."""
    return tuple(dict.fromkeys((*documents, *(forgetting.matching(context, where) if where else ()))))


def forget_plan(context: Context, documents: Sequence[str]) -> forgetting.Plan:
    """What `forget` would do."""
    return forgetting.plan(context, documents)


def allow(context: Context, documents: Sequence[str], *, wait: bool = False) -> None:
    """Let forgotten documents in again at the next sync."""
    with context.space.lock("ragraft forget", wait=wait):
        forgetting.allow(context, documents)


def certificates(context: Context) -> forgetting.Past:
    """What was forgotten, and what was begun and not finished."""
    return forgetting.Past(done=forgetting.certificates(context), unfinished=forgetting.unfinished(context))


def versions(context: Context) -> tuple[Version, ...]:
    """The versions of the index that can still be searched, newest first."""
    return history.versions(context.indexed())


def search(
    context: Context, query: str, reader: Reader, *, as_of: int | None = None, where: str = ""
) -> tuple[Passage, ...]:
    """The passages that `reader` may see for a query, best first; `as_of` searches in an older version of the index, under
    the rights of now; `where` is a filter beside the config's (`ragraft.where`)."""
    request = _asked(query)
    retriever = stages.retriever(context, as_of)
    narrower = retriever.config.model_copy(update={"where": both(retriever.config.where, where)})
    return replace(retriever, config=narrower).passages([request], reader)[0]


def ask(context: Context, question: str, arm: ArmName, reader: Reader) -> Answer | Failure:
    """One question to one arm, with the same `answer` that was measured. The arm's adapter must be trained already."""
    request = _asked(question)
    arms, absent = _arms(context, (arm,))
    if not arms:
        raise DataError(f"`{arm}` cannot be asked: {absent[0].reason}")
    classify_task = context.config.project.task == "classify"
    calibrated = arm == "quote" and stages.has_examples(context)
    parts = stages.divide(context) if classify_task or calibrated else None
    adapter = stages.trained(context, ADAPTER_OF[arm]) if arm in ADAPTER_OF else None
    notes = lineage.checked(context, arm, adapter, reader) if adapter else ()
    outcome = answer(stages.build_system(context, arm, parts, adapter), [request], reader)[0]
    return replace(outcome, notes=(*outcome.notes, *notes)) if isinstance(outcome, Answer) else outcome


def _asked(question: str) -> Request:
    """Raises `DataError` for a question without words, or of bytes that no text has."""
    if not question.strip():
        raise DataError("the question is empty: write what you want to know")
    try:
        question.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"character {error.start + 1} of the question is no UTF-8: write it in UTF-8") from error
    return Request(question=question)


def tune(context: Context, arms: Sequence[ArmName], *, wait: bool = False) -> tuple[TunedArm, ...]:
    """Train the adapters behind `arms`; what is trained already is loaded."""
    with context.space.lock("ragraft tune", wait=wait):
        if context.config.project.task == "answer":
            syncing.sync(context)
        parts = stages.divide(context)
        present, _ = _arms(context, arms)
        return tuple(TunedArm(arm=arm, adapter=stages.tune(context, arm, parts)) for arm in _trainings(present))


def tune_retrieval(
    context: Context, *, rerankers: Sequence[str] = (), dry_run: bool = False, wait: bool = False
) -> RetrievalRace:
    """Race the search settings on the dev split; what is better beyond noise goes to `ragraft.toml`, unless `dry_run`."""
    if context.config.project.task != "answer":
        raise DataError(f"{context.folder}: a `{context.config.project.task}` project searches nothing")
    with context.space.lock("ragraft tune-retrieval", wait=wait):
        syncing.sync(context)
        dev = stages.divide(context).dev
        return retrieval_tuning.tune(context, dev, rerankers=rerankers, dry_run=dry_run)


# --- examples ----------------------------------------------------------------------------------------------------------


def make_examples(context: Context, wish: making.Wish, reader: Reader, *, wait: bool = False) -> making.Made:
    """Questions from the documents that `reader` may see, checked, into a review file."""
    if context.config.project.task != "answer":
        raise DataError(f"{context.folder}: examples are made from documents, which the task `classify` does not read")
    with context.space.lock("ragraft examples make", wait=wait):
        syncing.sync(context)
        return making.make(context, wish, reader)


def add_examples(context: Context, rows: Sequence[reviewing.Row], *, wait: bool = False) -> int:
    """Append what was accepted to the project's examples file; how many were not there yet."""
    with context.space.lock("ragraft examples review", wait=wait):
        return reviewing.add(rows, context.folder / context.config.examples.path)


# --- probes ------------------------------------------------------------------------------------------------------------


def probe(context: Context, names: Sequence[ProbeName], *, wait: bool = False) -> tuple[ProbeResult, ...]:
    """Run these probes; arms that are not built yet are built first. Raises what the first probe that fails raises."""
    with context.space.lock("ragraft probe", wait=wait):
        if context.config.project.task == "answer":
            syncing.sync(context)
        parts = stages.divide(context)
        arms, _ = _arms(context)
        adapters: dict[ArmName, Adapter] = {arm: stages.tune(context, arm, parts) for arm in _trainings(arms)}
        arms, _, _ = _open_arms(context, arms, adapters)
        bench = _bench(context, parts, arms, adapters)
        return tuple(probing.run(name, bench) for name in names)


def _probed(bench: Bench, names: Sequence[ProbeName]) -> tuple[ProbeResult, ...]:
    """The same within a comparison: a probe that fails takes nothing else with it."""
    results: list[ProbeResult] = []
    for name in names:
        try:
            results.append(probing.run(name, bench))
        except RagraftError as error:
            results.append(ProbeResult(probe=name, title=probing.PROBES[name].title, notes=(f"failed: {error}",)))
    return tuple(results)


def _bench(context: Context, parts: Split, arms: tuple[ArmName, ...], adapters: Mapping[ArmName, Adapter]) -> Bench:
    mine: dict[ArmName, Adapter] = {arm: adapter for arm in arms if (adapter := _adapter_of(arm, adapters)) is not None}
    built: dict[ArmName, System] = {}

    def system(arm: ArmName, where: Context) -> System:
        if arm not in built:
            built.clear()  # one model with an adapter in memory at a time
            built[arm] = stages.build_system(context, arm, parts, mine.get(arm))
        found = built[arm]
        return found if found.retriever is None else replace(found, retriever=stages.retriever(where))

    def trained(arm: ArmName, rows: Sequence[TrainingRow], folder: Path) -> System:
        own, dev = (stages.training_rows(context, arm, part) for part in (parts.train, parts.dev))
        base, config, seed = context.config.models.generator, context.config.tuning, context.config.project.seed
        adapter = lora.train((*own, *rows), dev, base=base, config=config, seed=seed, folder=folder)
        return stages.build_system(context, arm, parts, adapter)

    return Bench(context=context, parts=parts, arms=arms, adapters=mine, system=system, trained=trained)


# --- arms --------------------------------------------------------------------------------------------------------------


def _arms(
    context: Context, wanted: Sequence[ArmName] | None = None
) -> tuple[tuple[ArmName, ...], tuple[NotApplicable, ...]]:
    """The arms that exist for this task and generator, and for each other one why it does not."""
    reasons: dict[ArmName, str] = {arm: _why_not(context, arm) for arm in wanted or context.config.compare.arms}
    present: tuple[ArmName, ...] = tuple(arm for arm, reason in reasons.items() if not reason)
    return present, tuple(NotApplicable(arm=arm, reason=reason) for arm, reason in reasons.items() if reason)


def _why_not(context: Context, arm: ArmName) -> str:
    if context.config.project.task == "classify":
        return classify.NOT_APPLICABLE.get(arm, "")
    if arm in ADAPTER_OF and context.generator_is_remote:
        return f"{context.config.models.generator} is a remote endpoint: an adapter cannot be trained for it here"
    return ""


def _open_arms(
    context: Context, arms: Sequence[ArmName], adapters: dict[ArmName, Adapter]
) -> tuple[tuple[ArmName, ...], tuple[NotApplicable, ...], tuple[str, ...]]:
    """The arms that may answer the evaluation's reader, those that may not with the reason, and warnings for the report."""
    found = {arm: lineage.objection(context, a, context.evaluation_reader) for arm, a in adapters.items()}
    objections: dict[ArmName, lineage.Objection] = {
        arm: o for arm in arms if arm in ADAPTER_OF and (o := found[ADAPTER_OF[arm]])
    }
    refused = tuple(NotApplicable(arm=arm, reason=o.sentence) for arm, o in objections.items() if o.refuse)
    caveats = tuple(f"`{arm}`: {o.sentence}" for arm, o in objections.items() if not o.refuse)
    shut = {r.arm for r in refused}
    if refused and shut.issuperset(arms):
        raise RefusedError(f"{context.folder}: no arm may be asked: {refused[0].reason}")
    return tuple(arm for arm in arms if arm not in shut), refused, caveats


def _trainings(arms: Sequence[ArmName]) -> tuple[ArmName, ...]:
    return tuple(dict.fromkeys(ADAPTER_OF[arm] for arm in arms if arm in ADAPTER_OF))


def _adapter_of(arm: ArmName, adapters: Mapping[ArmName, Adapter]) -> Adapter | None:
    return adapters[ADAPTER_OF[arm]] if arm in ADAPTER_OF else None


def _primary_metric(context: Context, parts: Split) -> str:
    if context.config.compare.metric:
        return context.config.compare.metric
    if context.config.project.task == "classify":
        return "accuracy"
    return "correct" if any(e.must_include for e in parts.test) else "token_f1"


def _fingerprints(context: Context, parts: Split) -> Fingerprints:
    documents = context.index.documents() if context.config.project.task == "answer" else {}
    return Fingerprints(
        config=fingerprint(context.config),
        documents=fingerprint(documents),
        examples=fingerprint(parts.train, parts.dev, parts.test),
        split=fingerprint([[e.id for e in part] for part in (parts.train, parts.dev, parts.test)]),
        embedder=context.embedder_fingerprint,
        generator=context.generator_fingerprint,
        ragraft=version("ragraft"),
    )
