"""Scores for finished cases. In: examples with their outcomes. Out: `CaseResult`s with scores; nothing is written.

A score is a number or *unscored with a reason*: a failed call is never a zero, and a question without a named document
has no retrieval score. The names are listed in `NAMES`.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ragraft.corpus.sentences import sentences
from ragraft.systems.cite import supports
from ragraft.types import Answer, CaseResult, Example, Failure, Passage, Score, Task

NAMES = (
    "correct", "facts", "token_f1", "rouge_l", "grounding", "support", "cited", "citation_precision", "citation_recall",
    "refusal", "false_refusal", "recall_at_k", "mrr", "ndcg", "judge", "accuracy", "oos_recall",
)  # fmt: skip

_FAILED = "the call failed"
_UNANSWERABLE = "the question cannot be answered from the documents"
_ANSWERABLE = "the question can be answered from the documents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the index returns for one test question to the evaluation reader: the passages that can support an answer."""

    passages: tuple[Passage, ...] = ()


def score(
    task: Task,
    examples: Sequence[Example],
    cases: Sequence[CaseResult],
    evidence: Sequence[Evidence] = (),
    *,
    out_of_scope: str = "oos",
) -> tuple[CaseResult, ...]:
    """The same cases with their scores, in order. `evidence` (one an example, or none) supports arms without an index."""
    if task == "classify":
        return tuple(
            replace(c, scores=_classify(e, c.outcome, out_of_scope)) for e, c in zip(examples, cases, strict=True)
        )
    found = list(evidence) or [Evidence()] * len(examples)
    ranking = _retrieval(examples, cases)
    return tuple(
        replace(case, scores=(*_answer(example, case.outcome, proof), *ranked))
        for example, case, proof, ranked in zip(examples, cases, found, ranking, strict=True)
    )


def _answer(example: Example, outcome: Answer | Failure, evidence: Evidence) -> tuple[Score, ...]:
    if isinstance(outcome, Failure):
        return tuple(
            Score(name=n, value=None, reason=_FAILED)
            for n in NAMES if n not in ("judge", "accuracy", "oos_recall", "recall_at_k", "mrr", "ndcg")
        )  # fmt: skip
    facts = _facts(example, outcome)
    return (
        _correct(example, outcome, facts),
        facts,
        *_overlap(example, outcome),
        _grounding(outcome, evidence),
        _support(outcome),
        *_citations(example, outcome),
        *_refusals(example, outcome),
    )


def _facts(example: Example, outcome: Answer) -> Score:
    """Share of the must-include facts of which one accepted spelling stands in the answer, as whole words."""
    if not example.answerable:
        return Score(name="facts", value=None, reason=_UNANSWERABLE)
    if not example.must_include:
        return Score(name="facts", value=None, reason="the example names no must_include facts")
    return Score(
        name="facts", value=sum(holds(outcome.text, fact) for fact in example.must_include) / len(example.must_include)
    )


def _correct(example: Example, outcome: Answer, facts: Score) -> Score:
    """1 when every fact is there, or when an unanswerable question is refused; else 0."""
    if not example.answerable:
        return Score(name="correct", value=float(outcome.refused))
    if facts.value is None:
        return Score(name="correct", value=None, reason=facts.reason)
    return Score(name="correct", value=float(facts.value == 1 and not outcome.refused))


def _overlap(example: Example, outcome: Answer) -> tuple[Score, ...]:
    """Token F1 (SQuAD's normalisation, Rajpurkar et al. 2016) and ROUGE-L F1 (Lin 2004), best over the references."""
    reason = (
        _UNANSWERABLE if not example.answerable else "" if example.answers else "the example has no reference answer"
    )
    if reason:
        return Score(name="token_f1", value=None, reason=reason), Score(name="rouge_l", value=None, reason=reason)
    rouge = _rouge()
    return (
        Score(name="token_f1", value=max(token_f1(outcome.text, a) for a in example.answers)),
        Score(name="rouge_l", value=max(rouge.score(a, outcome.text)["rougeL"].fmeasure for a in example.answers)),
    )


def _grounding(outcome: Answer, evidence: Evidence) -> Score:
    """Share of the answer's sentences that one passage supports: a passage of its own prompt, or for an arm without an
    index one that the index returns for the question."""
    if outcome.refused:
        return Score(name="grounding", value=None, reason="a refusal claims nothing")
    passages = outcome.passages or evidence.passages
    if not passages:
        return Score(name="grounding", value=None, reason="no passage was found to check against")
    claims = sentences(outcome.text)
    if not claims:
        return Score(name="grounding", value=None, reason="the answer is empty")
    texts = [_context(p) for p in passages]
    return Score(name="grounding", value=sum(any(supports(t, c) for t in texts) for c in claims) / len(claims))


def _support(outcome: Answer) -> Score:
    """The span reader's chance that the passages behind the answer hold it (`systems.support`)."""
    reason = "a refusal claims nothing" if outcome.refused else "the arm has no passages to check against"
    return Score(name="support", value=outcome.support, reason=reason if outcome.support is None else "")


def _context(passage: Passage) -> str:
    return f"{passage.chunk.title} {passage.chunk.heading} {passage.text}"


def _citations(example: Example, outcome: Answer) -> tuple[Score, ...]:
    """Citations against the named documents (ALCE's precision and recall, Gao et al. 2023, by document). An invented
    citation counts against precision."""
    if outcome.refused:
        return _unscored(("cited", "citation_precision", "citation_recall"), "a refusal needs no citation")
    cited = Score(name="cited", value=float(bool(outcome.citations)))
    if not example.documents:
        reason = _UNANSWERABLE if not example.answerable else "the example names no documents"
        return cited, *_unscored(("citation_precision", "citation_recall"), reason)
    named = {c.document for c in outcome.citations}
    right = len(named & set(example.documents))
    total = len(named) + outcome.invented
    precision = (
        Score(name="citation_precision", value=right / total)
        if total
        else Score(name="citation_precision", value=None, reason="nothing was cited")
    )
    return cited, precision, Score(name="citation_recall", value=right / len(set(example.documents)))


def _refusals(example: Example, outcome: Answer) -> tuple[Score, ...]:
    refused = float(outcome.refused)
    if example.answerable:
        return Score(name="refusal", value=None, reason=_ANSWERABLE), Score(name="false_refusal", value=refused)
    return Score(name="refusal", value=refused), Score(name="false_refusal", value=None, reason=_UNANSWERABLE)


def _unscored(names: Sequence[str], reason: str) -> tuple[Score, ...]:
    return tuple(Score(name=n, value=None, reason=reason) for n in names)


def _retrieval(examples: Sequence[Example], cases: Sequence[CaseResult]) -> list[tuple[Score, ...]]:
    """Recall@k, MRR and nDCG of the documents in the prompt against the named documents, by ir-measures.

    k is the number of passages that the arm retrieves; a document's rank is that of its best passage.
    """
    names = ("recall_at_k", "mrr", "ndcg")
    scored = {
        c.example: (e, c.outcome)
        for e, c in zip(examples, cases, strict=True)
        if isinstance(c.outcome, Answer) and e.documents and (c.outcome.passages or c.outcome.index_version is not None)
    }
    values = _measure(scored) if scored else {}
    return [
        tuple(Score(name=n, value=v) for n, v in zip(names, values[c.example], strict=True))
        if c.example in values
        else _unscored(names, _why_no_ranking(e, c.outcome))
        for e, c in zip(examples, cases, strict=True)
    ]


def _why_no_ranking(example: Example, outcome: Answer | Failure) -> str:
    if isinstance(outcome, Failure):
        return _FAILED
    return "the example names no documents" if not example.documents else "the arm has no index"


def _measure(scored: dict[str, tuple[Example, Answer]]) -> dict[str, tuple[float, float, float]]:
    import ir_measures

    deepest = max((len(a.passages) for _, a in scored.values()), default=1) or 1
    measures = (ir_measures.R @ deepest, ir_measures.RR @ deepest, ir_measures.nDCG @ deepest)
    qrels = [ir_measures.Qrel(q, d, 1) for q, (e, _) in scored.items() for d in set(e.documents)]
    run = [
        ir_measures.ScoredDoc(q, document, -float(rank))
        for q, (_, a) in scored.items()
        for rank, document in enumerate(dict.fromkeys(p.chunk.document for p in a.passages))
    ]
    found: dict[str, dict[Any, float]] = {q: dict.fromkeys(measures, 0.0) for q in scored}
    for metric in ir_measures.iter_calc(measures, qrels, run) if run else ():
        found[metric.query_id][metric.measure] = metric.value
    return {q: (v[measures[0]], v[measures[1]], v[measures[2]]) for q, v in found.items()}


def _classify(example: Example, outcome: Answer | Failure, out_of_scope: str) -> tuple[Score, ...]:
    if isinstance(outcome, Failure):
        return _unscored(("accuracy", "oos_recall"), _FAILED)
    right = float(outcome.text == example.answers[0])
    if example.answers[0] == out_of_scope:
        return Score(name="accuracy", value=right), Score(name="oos_recall", value=right)
    return Score(name="accuracy", value=right), Score(name="oos_recall", value=None, reason="the text is in scope")


def holds(text: str, spellings: Sequence[str]) -> bool:
    """Whether one of the spellings stands in the text as whole words; case, spacing, quotes and emphasis do not count."""
    folded = plain(text)
    return any(re.search(rf"(?<![\w]){re.escape(plain(s))}(?![\w])(?![.,]\d)", folded) for s in spellings if plain(s))


def plain(text: str) -> str:
    """A text without case, emphasis, kinds of quotes and dashes, and spacing."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = folded.translate(
        str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "*": None, "`": None, "_": " "})
    )
    return " ".join(folded.split()).strip(" .")


def token_f1(answer: str, reference: str) -> float:
    """SQuAD's token F1: lower case, no punctuation, no articles; two empty texts give 1."""
    a, b = _tokens(answer), _tokens(reference)
    if not a or not b:
        return float(a == b)
    shared = sum((Counter(a) & Counter(b)).values())
    return 2 * shared / (len(a) + len(b))


def _tokens(text: str) -> list[str]:
    bare = re.sub(r"[^\w\s]", "", text.lower())
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


@functools.cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=True)
