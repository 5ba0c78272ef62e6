"""One candidate and how it answers. In: requests and a reader. Out: an `Answer` or a `Failure` for each, in order.

Evaluation and serving both call `answer`, so what was measured is what is deployed. A system is data: which parts it has
decides what it does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ragraft import prompting
from ragraft.config import RetrievalSection
from ragraft.errors import DataError, LiveError
from ragraft.models.protocol import Embedder, Generator
from ragraft.models.reranker import Reranker
from ragraft.models.span import SpanReader
from ragraft.retrieve.index import Index
from ragraft.retrieve.search import search
from ragraft.retrieve.snapshot import Snapshot
from ragraft.systems.cite import citation, resolve
from ragraft.systems.classify import Classifier
from ragraft.systems.compress import compressed
from ragraft.systems.quote import NEVER_REFUSE, Quote, best_quotes
from ragraft.systems.support import doubts, support
from ragraft.types import Answer, ArmName, Completion, Failure, Passage, Prompt, Reader, Request, Timings


@dataclass(frozen=True, slots=True, kw_only=True)
class Retriever:
    """An index with the embedder that fills it."""

    index: Index | Snapshot
    embedder: Embedder
    config: RetrievalSection
    reranker: Reranker | None = None
    live: Callable[[Collection[str]], Mapping[str, str]] | None = None
    """Document ids -> a sentence with the values that are read now, for those that have any. May raise `LiveError`."""

    def pinned(self) -> Retriever:
        """The same on one version of the index, the latest unless it is pinned already."""
        return replace(self, index=self.index.snapshot()) if isinstance(self.index, Index) else self

    def passages(self, requests: Sequence[Request], reader: Reader) -> tuple[tuple[Passage, ...], ...]:
        """The best passages that `reader` may see, best first, for each request."""
        questions = [r.question for r in requests]
        vectors = self.embedder.embed(questions, queries=True)
        found = search(self.index, questions, vectors, reader, self.config, self.reranker)
        return found if self.live is None else _with_live(found, self.live)


def _with_live(
    found: tuple[tuple[Passage, ...], ...], live: Callable[[Collection[str]], Mapping[str, str]]
) -> tuple[tuple[Passage, ...], ...]:
    """The same passages, each below the sentence with its document's live values: asked for once for all requests."""
    lines = live({p.chunk.document for passages in found for p in passages})
    return tuple(
        tuple(
            replace(p, chunk=replace(p.chunk, text=f"{lines[p.chunk.document]}\n\n{p.chunk.text}"))
            if p.chunk.document in lines
            else p
            for p in passages
        )
        for passages in found
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A generator or a classifier, perhaps a retriever, with a span reader that checks what is answered from passages and,
    without a generator, answers itself. `refuse_below`: the sentence score under which `quote` declines. `marked`: the generator reads its passages
    between marks, as data. `sentences`: how many sentences of the passages the generator reads; None: all."""

    arm: ArmName
    generator: Generator | None = None
    retriever: Retriever | None = None
    classifier: Classifier | None = None
    span_reader: SpanReader | None = None
    instruction: str = prompting.BRIEF
    marked: bool = False
    max_new_tokens: int = 96
    refuse_below: float = NEVER_REFUSE
    sentences: int | None = None


def answer(system: System, requests: Sequence[Request], reader: Reader) -> tuple[Answer | Failure, ...]:
    """Answers in the order of `requests`. A batch shares the time of its stages evenly among its requests."""
    if not requests:
        return ()
    if system.classifier is not None:
        return _classify(system.classifier, requests)
    try:
        found, version, seconds = _retrieve(system, requests, reader)
    except LiveError as error:
        return tuple(Failure(stage="retrieve", message=str(error)) for _ in requests)
    if system.generator is None:
        answers = _quote(system, requests, found)
    else:
        answers = _generate(system, system.generator, requests, found)
    timed = [
        replace(a, index_version=version, timings=replace(a.timings, retrieve=seconds)) if isinstance(a, Answer) else a
        for a in answers
    ]
    checked = _checked(system.span_reader, requests, timed) if system.span_reader else timed
    return tuple(replace(o, notes=(*o.notes, *doubts(o))) if isinstance(o, Answer) else o for o in checked)


def _retrieve(
    system: System, requests: Sequence[Request], reader: Reader
) -> tuple[tuple[tuple[Passage, ...], ...], int | None, float]:
    if system.retriever is None:
        return tuple(() for _ in requests), None, 0.0
    started = time.perf_counter()
    retriever = system.retriever.pinned()
    found = retriever.passages(requests, reader)
    if system.sentences is not None:
        assert system.span_reader is not None
        questions = [r.question for r in requests]
        found = compressed(retriever.embedder, system.span_reader, questions, found, system.sentences)
    return found, retriever.index.version, (time.perf_counter() - started) / len(requests)


def _generate(
    system: System, generator: Generator, requests: Sequence[Request], found: Sequence[tuple[Passage, ...]]
) -> list[Answer | Failure]:
    limit = generator.context_tokens - system.max_new_tokens
    prompts = [_prompt(system, generator, r, p, limit) for r, p in zip(requests, found, strict=True)]
    asked = [p for p in prompts if isinstance(p, Prompt)]
    completions = iter(generator.generate(asked, max_new_tokens=system.max_new_tokens) if asked else ())
    return [_read(p, next(completions)) if isinstance(p, Prompt) else p for p in prompts]


def _prompt(
    system: System, generator: Generator, request: Request, passages: tuple[Passage, ...], limit: int
) -> Prompt | Answer | Failure:
    """The prompt to ask; or at once a refusal where retrieval found nothing; or a failure where the question is too long."""
    if system.retriever is not None and not passages:
        return Answer(text=prompting.REFUSAL, raw="", refused=True)
    try:
        return prompting.fit(
            request, passages, generator.count, limit=limit, style=system.instruction, marked=system.marked
        )
    except DataError as error:
        return Failure(stage="prompt", message=str(error), retryable=False)


def _read(prompt: Prompt, completion: Completion | Failure) -> Answer | Failure:
    if isinstance(completion, Failure):
        return completion
    cited = resolve(completion.text, prompt.passages)
    return Answer(
        text=cited.text,
        raw=completion.text,
        refused=prompting.is_refusal(cited.text),
        citations=cited.citations,
        invented=cited.invented,
        passages=prompt.passages,
        dropped=prompt.dropped,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        timings=Timings(generate=completion.seconds, first_token=completion.first_token_seconds),
    )


def _quote(system: System, requests: Sequence[Request], found: Sequence[tuple[Passage, ...]]) -> list[Answer | Failure]:
    """The best sentence of the passages, or a refusal when even that scores below the calibrated threshold."""
    assert system.retriever is not None
    assert system.span_reader is not None
    started = time.perf_counter()
    picks = best_quotes(system.retriever.embedder, system.span_reader, [r.question for r in requests], found)
    seconds = (time.perf_counter() - started) / len(requests)
    return [_quoted(pick, passages, system.refuse_below, seconds) for pick, passages in zip(picks, found, strict=True)]


def _quoted(pick: Quote | None, passages: tuple[Passage, ...], threshold: float, seconds: float) -> Answer:
    timings = Timings(generate=seconds)
    if pick is None or pick.score < threshold:
        return Answer(
            text=prompting.REFUSAL,
            raw="",
            refused=True,
            passages=passages,
            timings=timings,
            confidence=max(0.0, pick.score) if pick else None,
        )
    cited = citation(pick.number, passages[pick.number - 1])
    return Answer(
        text=pick.sentence,
        raw=prompting.cite(pick.sentence, [pick.number]),
        refused=False,
        citations=(cited,),
        passages=passages,
        timings=timings,
        confidence=max(0.0, pick.score),
        highlight=pick.words,
    )


def _checked(
    span_reader: SpanReader, requests: Sequence[Request], outcomes: Sequence[Answer | Failure]
) -> tuple[Answer | Failure, ...]:
    """The same outcomes with `support`: what the span reader thinks of the passages that each answer rests on."""
    started = time.perf_counter()
    chances = support(
        span_reader,
        [r.question for r in requests],
        [o if isinstance(o, Answer) and not o.refused else None for o in outcomes],
    )
    seconds = (time.perf_counter() - started) / len(requests)
    return tuple(
        replace(o, support=chance, timings=replace(o.timings, check=seconds)) if isinstance(o, Answer) else o
        for o, chance in zip(outcomes, chances, strict=True)
    )


def _classify(classifier: Classifier, requests: Sequence[Request]) -> tuple[Answer | Failure, ...]:
    started = time.perf_counter()
    labels = classifier([r.question for r in requests])
    seconds = (time.perf_counter() - started) / len(requests)
    return tuple(
        Answer(text=x.label, raw=x.label, refused=False, confidence=x.confidence, timings=Timings(generate=seconds))
        for x in labels
    )
