"""The stages of a comparison, one function each. In: a `Context` and the results of earlier stages. Out: values.

What costs time is saved under the fingerprint of its inputs (`Workspace.build_stage`): with unchanged inputs it is loaded
instead of run. `pipeline` calls these in order.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ragraft import judging, lineage, syncing
from ragraft.context import Context
from ragraft.corpus import examples as labelled
from ragraft.corpus import tombstones
from ragraft.corpus.sources import live_values
from ragraft.corpus.split import split
from ragraft.errors import DataError
from ragraft.evaluate import run
from ragraft.evaluate.scorers import Evidence, score
from ragraft.prompting import messages
from ragraft.retrieve import history
from ragraft.sourcing import SqlSource
from ragraft.systems import classify
from ragraft.systems.compress import compressed
from ragraft.systems.quote import FALSE_REFUSALS, NEVER_REFUSE, WEIGHTS, best_quotes, calibrate
from ragraft.systems.system import Retriever, System
from ragraft.tune import encoder, lora, rows
from ragraft.types import (
    Adapter,
    Agreement,
    Answer,
    ArmName,
    Evaluation,
    Example,
    Request,
    Spent,
    Split,
    Timings,
    TrainingRow,
)
from ragraft.workspace import fingerprint, from_json, to_json, write_atomic

DISTRACTOR_POOL = 3
"""Passages retrieved per passage that a `raft` prompt holds."""
LATENCY_REQUESTS = 20
"""How many test questions are asked one at a time to measure latency."""

INDEX_ARMS: frozenset[ArmName] = frozenset({"quote", "rag", "tuned+rag", "raft"})
ADAPTER_OF: dict[ArmName, ArmName] = {"tuned": "tuned", "tuned+rag": "tuned", "raft": "raft"}
"""Which training an arm's adapter comes from: `tuned` and `tuned+rag` share one."""


# --- examples ----------------------------------------------------------------------------------------------------------


def has_examples(context: Context) -> bool:
    return (context.folder / context.config.examples.path).is_file()


def divide(context: Context) -> Split:
    """Load the examples, check them against the index, and split them by group; near-duplicates stay together. Examples
    that name a forgotten document are left out."""
    config, gone = context.config, _forgotten(context)
    examples = tuple(e for e in _labelled(context) if gone.isdisjoint(e.documents))
    if config.project.task == "answer":
        labelled.check_documents(examples, context.index.documents().keys())
    seed, stratify = config.project.seed, config.project.task == "classify"
    key = fingerprint(examples, config.examples, seed, stratify, context.embedder_fingerprint)

    def build(folder: Path) -> None:
        made = split(examples, context.embedder.embed, config.examples, seed, stratify=stratify)
        write_atomic(folder / "split.json", to_json(made))

    folder = context.space.build_stage("split", key, build)
    return from_json(Split, (folder / "split.json").read_bytes())


def left_out(context: Context) -> tuple[str, ...]:
    """A caveat for the report where examples were left out."""
    gone = _forgotten(context)
    count = sum(not gone.isdisjoint(e.documents) for e in _labelled(context)) if gone else 0
    return (f"{count} example(s) name forgotten documents and were left out.",) if count else ()


def _labelled(context: Context) -> tuple[Example, ...]:
    config = context.config.examples
    return labelled.load(context.folder / config.path, skip_bad_lines=config.skip_bad_lines).examples


def _forgotten(context: Context) -> set[str]:
    return {stone.document for stone in tombstones.read(context.space.forgotten)}


# --- tuning ------------------------------------------------------------------------------------------------------------


def tune(context: Context, arm: ArmName, parts: Split) -> Adapter:
    """The adapter of `tuned` or `raft`, trained on the train split with early stopping on dev; loaded when it is there.
    One that holds forgotten data is trained again, and the old weights go."""
    key = adapter_key(context, arm, parts)
    if context.config.project.task == "answer" and lineage.outdated(context.space.stage("adapters", key)):
        shutil.rmtree(context.space.stage("adapters", key))
    folder = context.space.build_stage("adapters", key, partial(_train, context, arm, parts))
    write_atomic(context.space.latest_adapter(arm), key)
    lineage.drop_marked(context.space, arm)
    return _adapter(folder)


def trained(context: Context, arm: ArmName) -> Adapter:
    """The adapter that `tune` made or loaded last, for answering questions: a document that has changed since does not
    take it away. Raises `DataError` saying how to train one."""
    pointer = context.space.latest_adapter(arm)
    key = pointer.read_text() if pointer.is_file() else ""
    if not key or not context.space.has_stage("adapters", key):
        raise DataError(
            f"{context.folder}: `{arm}` has no adapter yet; `ragraft tune {context.folder} --arm {arm}` trains it on examples"
        )
    return _adapter(context.space.stage("adapters", key))


def _adapter(folder: Path) -> Adapter:
    return replace(from_json(Adapter, (folder / "adapter.json").read_bytes()), path=str(folder))


def adapter_key(context: Context, arm: ArmName, parts: Split) -> str:
    config = context.config
    if config.project.task == "classify":
        return fingerprint(
            "classify", parts.train, parts.dev, config.tuning, config.project.seed, context.embedder_fingerprint
        )
    seen = (context.knowledge_fingerprint(), context.evaluation_reader) if arm == "raft" else ""
    reads = _scores(context) if arm == "raft" and config.retrieval.sentences is not None else ""
    return fingerprint(
        arm,
        parts.train,
        parts.dev,
        config.tuning,
        config.project,
        seen,
        reads,
        *_generation(context, arm),
    )


def _scores(context: Context) -> tuple[str, tuple[float, ...]]:
    """What the scores of sentences rest on."""
    return context.span_reader_fingerprint, WEIGHTS


def _generation(context: Context, arm: ArmName) -> tuple[str, str]:
    """The generator and the format of its prompts, so that another format counts as another input."""
    passages = ("",) if arm in INDEX_ARMS else ()
    return context.generator_fingerprint, fingerprint(messages(passages, "", marked=context.marks_passages))


def _train(context: Context, arm: ArmName, parts: Split, folder: Path) -> None:
    config, progress = context.config, partial(_training_progress, context, arm)
    if config.project.task == "classify":
        adapter = encoder.train(
            parts.train,
            parts.dev,
            base=config.models.embedder,
            config=config.tuning,
            seed=config.project.seed,
            folder=folder,
            progress=progress,
        )
    else:
        train_rows, dev_rows = (training_rows(context, arm, part) for part in (parts.train, parts.dev))
        write_atomic(folder / "rows.jsonl", "\n".join(to_json(r) for r in (*train_rows, *dev_rows)) + "\n")
        lineage.record(context, arm, train_rows, folder)
        adapter = lora.train(
            train_rows,
            dev_rows,
            base=config.models.generator,
            config=config.tuning,
            seed=config.project.seed,
            folder=folder,
            progress=progress,
        )
    write_atomic(folder / "adapter.json", to_json(adapter))


def _training_progress(context: Context, arm: ArmName, done: int, total: int, loss: float) -> None:
    context.notify(f"tune {arm}", done, total)


def training_rows(context: Context, arm: ArmName, examples: Sequence[Example]) -> tuple[TrainingRow, ...]:
    """Closed-book rows for `tuned`; rows with oracle passages and retrieved distractors for `raft`."""
    config = context.config
    if arm == "tuned":
        return rows.closed_book(examples, style=config.project.instruction)
    # The oracle documents' own chunks leave the distractors, so more are asked for than a prompt holds.
    wider = config.retrieval.model_copy(update={"passages": DISTRACTOR_POOL * config.retrieval.passages})
    found = replace(retriever(context), config=wider).passages(
        [Request(question=e.question) for e in examples], context.evaluation_reader
    )
    limit = min(context.generator.context_tokens, config.tuning.max_tokens) - config.evaluation.max_new_tokens
    return rows.raft(
        examples,
        {e.id: p for e, p in zip(examples, found, strict=True)},
        context.index.chunks_of({d for e in examples for d in e.documents}, context.evaluation_reader),
        config.tuning,
        passages=config.retrieval.passages,
        seed=config.project.seed,
        style=config.project.instruction,
        marked=context.marks_passages,
        fits=lambda prompt: context.generator.count(prompt) <= limit,
        compress=_compressor(context),
    )


def _compressor(context: Context) -> rows.Compress:
    sentences = context.config.retrieval.sentences
    if sentences is None:
        return lambda _, found: found
    return partial(compressed, context.embedder, context.span_reader, sentences=sentences)


# --- systems -----------------------------------------------------------------------------------------------------------


def build_system(context: Context, arm: ArmName, parts: Split | None, adapter: Adapter | None) -> System:
    """The parts that `arm` is made of. `adapter` is that of `ADAPTER_OF[arm]`, None for arms without one; without
    examples (`parts` None) `rag` and `base` are complete and `quote` never refuses."""
    config = context.config
    if config.project.task == "classify":
        if parts is None:
            raise DataError(
                f"{context.folder / config.examples.path}: `classify` needs labelled examples, one JSON object a line"
            )
        return System(
            arm=arm, classifier=classify.build(arm, context.embedder, parts, adapter, config.evaluation.out_of_scope)
        )
    return System(
        arm=arm,
        generator=None if arm == "quote" else context.generator_with(adapter),
        retriever=retriever(context) if arm in INDEX_ARMS else None,
        span_reader=context.span_reader if arm in INDEX_ARMS else None,
        instruction=config.project.instruction,
        marked=context.marks_passages,
        max_new_tokens=config.evaluation.max_new_tokens,
        refuse_below=_calibrated(context, parts) if arm == "quote" and parts else NEVER_REFUSE,
        sentences=config.retrieval.sentences if arm != "quote" else None,
    )


def retriever(context: Context, as_of: int | None = None) -> Retriever:
    """Searches in the latest version of the index, or in an older one under the rights of now."""
    index = context.indexed()
    live = tuple(s for s in context.config.sources if isinstance(s, SqlSource) and s.live)
    return Retriever(
        index=index if as_of is None else history.as_of(index, as_of),
        embedder=context.embedder,
        config=context.config.retrieval,
        reranker=context.reranker,
        live=partial(live_values, live, syncing.place(context)) if live else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteThreshold:
    """The sentence score under which `quote` refuses, and the dev questions it was calibrated on."""

    refuse_below: float
    answerable: int
    unanswerable: int


def _calibrated(context: Context, parts: Split) -> float:
    def build(folder: Path) -> None:
        requests = [Request(question=e.question) for e in parts.dev]
        found = retriever(context).passages(requests, context.evaluation_reader) if requests else ()
        picks = best_quotes(context.embedder, context.span_reader, [r.question for r in requests], found)
        kinds = [e.answerable for e in parts.dev]
        threshold = QuoteThreshold(
            refuse_below=calibrate([p.score if p else NEVER_REFUSE for p in picks], kinds),
            answerable=sum(kinds),
            unanswerable=len(kinds) - sum(kinds),
        )
        write_atomic(folder / "threshold.json", to_json(threshold))

    folder = context.space.build_stage("quote", _quote_key(context, parts), build)
    return from_json(QuoteThreshold, (folder / "threshold.json").read_bytes()).refuse_below


def threshold_spent(context: Context, parts: Split) -> Spent | None:
    """What calibrating `quote` took; None where that is not known."""
    key = _quote_key(context, parts)
    return context.space.spent(context.space.stage("quote", key)) if context.space.has_stage("quote", key) else None


def _quote_key(context: Context, parts: Split) -> str:
    return fingerprint(
        parts.dev,
        context.knowledge_fingerprint(),
        _scores(context),
        FALSE_REFUSALS,
        context.evaluation_reader,
    )


# --- evaluation --------------------------------------------------------------------------------------------------------


def evaluate(context: Context, arm: ArmName, parts: Split, adapter: Adapter | None) -> Evaluation:
    """Every test question put to `arm`, unscored, with the latency of single requests. Nothing finished is asked again."""
    key = _evaluation_key(context, arm, parts, adapter)
    path = context.space.evaluation(key)
    label = f"ask {arm}"
    if run.pending(path, parts.test):
        system = build_system(context, arm, parts, adapter)
        run.collect(
            system,
            parts.test,
            context.evaluation_reader,
            path,
            batch_size=context.config.evaluation.batch_size,
            progress=partial(context.notify, label),
        )
    timings = _latency(context, arm, parts, adapter, key)
    done = run.finished(path)
    return Evaluation(arm=arm, fingerprint=key, cases=tuple(done[e.id] for e in parts.test), latency=timings)


def _latency(context: Context, arm: ArmName, parts: Split, adapter: Adapter | None, key: str) -> tuple[Timings, ...]:
    """Timings of single requests; kept only when none of them failed, so that a later run measures again."""
    if context.space.has_stage("latency", key):
        return from_json(tuple[Timings, ...], (context.space.stage("latency", key) / "timings.json").read_bytes())
    system = build_system(context, arm, parts, adapter)
    measured = run.latency(system, parts.test, context.evaluation_reader, n=LATENCY_REQUESTS)
    if len(measured) == min(LATENCY_REQUESTS, len(parts.test)):
        text = to_json(measured, tuple[Timings, ...])
        context.space.build_stage("latency", key, lambda folder: write_atomic(folder / "timings.json", text))
    return measured


def _evaluation_key(context: Context, arm: ArmName, parts: Split, adapter: Adapter | None) -> str:
    config = context.config
    if config.project.task == "classify":
        return fingerprint(
            arm,
            parts.train,
            parts.test,
            context.embedder_fingerprint,
            adapter.fingerprint if adapter else "",
            config.evaluation,
        )
    return fingerprint(
        arm,
        parts.test,
        config.project,
        config.evaluation,
        (context.knowledge_fingerprint(), _scores(context)) if arm in INDEX_ARMS else "",
        _quote_key(context, parts) if arm == "quote" else _generation(context, arm),
        adapter.fingerprint if adapter else "",
    )


def scored(
    context: Context, parts: Split, evaluations: Sequence[Evaluation]
) -> tuple[tuple[Evaluation, ...], Agreement | None]:
    """The same evaluations with scores, and the judge's agreement with people where the config names both.

    Arms without an index are checked against what the first arm with one retrieved.
    """
    proof = _evidence(evaluations)
    task, oos = context.config.project.task, context.config.evaluation.out_of_scope
    done = tuple(replace(e, cases=score(task, parts.test, e.cases, proof, out_of_scope=oos)) for e in evaluations)
    if context.config.judge.model is None or task != "answer":
        return done, None
    return judging.judged(context, parts, done)


def _evidence(evaluations: Sequence[Evaluation]) -> list[Evidence]:
    indexed = next((e for e in evaluations if e.arm in INDEX_ARMS), None)
    if indexed is None:
        return []
    return [Evidence(passages=c.outcome.passages if isinstance(c.outcome, Answer) else ()) for c in indexed.cases]
