"""The packaged `reader`: (question, passages) -> the exact words of each passage that answer, with the chance that they do.

In: questions and passages as text; the packaged MiniLM encoder and `models/reader/` (a 4-bit change to the encoder's weights and
a span head), both checked by hash. Out: one `Span` for each passage, or for each of its parts. Nothing is written. The recipe is in `training/`.

A pair is encoded together, `[CLS] question [SEP] title : passage [SEP]`; the state of [CLS] makes a start vector and an end vector,
which are compared with the state of every passage token, and a null score for "this passage does not say" (SQuAD 2.0's scheme).
The unchanged encoder adds what it knows: how near the question is to each sentence (added to that sentence's start and end logits)
and to the passage (added to the log-odds that the passage answers).
"""

from __future__ import annotations

import bisect
import itertools
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragraft.errors import ModelError
from ragraft.models.embedder import batches, best_device, minilm
from ragraft.models.hub import quiet_loading
from ragraft.models.packaged import file_sha256, minilm_folder

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor

    from ragraft.models.protocol import Embedder

QUESTION_TOKENS = 44
TITLE_TOKENS = 12
CONTEXT_AT = 48
"""Position of the first token after the question, however long the question is."""

WINDOW_TOKENS = 224
WINDOW_STEP = 160
SPAN_TOKENS = 30
GROUP = 192
"""Weights that share one scale in the stored change."""

_CLS, _SEP = 101, 102
_SENTENCE_END = re.compile(
    r"\n+|(?<!\b[A-Z]\.)(?<!\b(?:Mr|Ms|Dr|St|Jr)\.)(?<!\bMrs\.)(?<=[.!?])[\"”')]*\s+(?=[\"“'(]?[A-Z0-9])"
)
_BATCH_TOKENS = 8192

Part = tuple[int, int]
"""Start and end of a part of a passage, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The best answer that one passage holds: `passage[start:end] == text`, offsets in characters.

    `score`: the log-odds that this passage answers the question, by which passages are ranked; `probability`: the same as a chance.
    `margin` (the span's logits less the null's) and `likeness` (cosine of question and passage) are what the score is made of.
    """

    start: int
    end: int
    text: str
    score: float
    probability: float
    margin: float
    likeness: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One question put to one passage; `title` names what the passage is about, so that its pronouns can be understood."""

    question: str
    passage: str
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`config.json` of a reader: the weights' hash; what a cosine of question and sentence adds to that sentence's logits; the line
    from margin and likeness to log-odds; and the probability below which the best passage of a search is no answer (set on the
    development articles where a tenth of the answerable questions are refused)."""

    sha256: str
    sentence: float
    margin: float
    likeness: float
    offset: float
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanReader:
    """The reader in memory. Batched in bf16 where the processor computes in it, on the GPU when there is one."""

    settings: Settings
    encoder: Any
    weight: Tensor
    bias: Tensor
    tokenizer: Tokenizer
    embedder: Embedder

    @property
    def fingerprint(self) -> str:
        """Changes when the spans would: the hash of the weights."""
        return self.settings.sha256

    @property
    def threshold(self) -> float:
        return self.settings.threshold

    def read(self, question: str, passages: Sequence[str], titles: Sequence[str] = ()) -> tuple[Span, ...]:
        """The best span of each passage, in their order; whether it answers is `span.probability >= reader.threshold`.

        A passage without a word has an empty span of probability 0.
        """
        heads = list(titles) or [""] * len(passages)
        pairs = [Pair(question=question, passage=p, title=t) for p, t in zip(passages, heads, strict=True)]
        return self.read_pairs(pairs)

    def read_pairs(self, pairs: Sequence[Pair]) -> tuple[Span, ...]:
        """The same for any pairs, in one batched pass. Passages longer than a window are read in overlapping windows."""
        return tuple(span for (span,) in self.read_parts(pairs, [[(0, len(p.passage))] for p in pairs]))

    def read_parts(self, pairs: Sequence[Pair], parts: Sequence[Sequence[Part]]) -> tuple[tuple[Span, ...], ...]:
        """For each pair the best span inside each of these parts of its passage, read in the light of all of it."""
        near = self._near(pairs)
        windows = [w for n, pair in enumerate(pairs) for w in self._windows(n, pair, near[n], parts[n])]
        best = [[(-math.inf, 0, 0)] * len(p) for p in parts]
        for rows in batches([len(w.ids) for w in windows], _BATCH_TOKENS):
            group = [windows[r] for r in rows]
            for window, found in zip(group, self._best(group), strict=True):
                for part, first, last, margin in found:
                    if margin > best[window.pair][part][0]:
                        best[window.pair][part] = margin, window.offsets[first][0], window.offsets[last][1]
        return tuple(
            tuple(self._span(pair.passage, *b, likeness=n.passage) for b in found)
            for pair, found, n in zip(pairs, best, near, strict=True)
        )

    def _span(self, passage: str, margin: float, start: int, end: int, *, likeness: float) -> Span:
        if margin == -math.inf:
            return Span(start=0, end=0, text="", score=-math.inf, probability=0.0, margin=margin, likeness=likeness)
        start, end = whole_words(passage, start, end)
        score = self.settings.margin * margin + self.settings.likeness * likeness + self.settings.offset
        return Span(
            start=start,
            end=end,
            text=passage[start:end],
            score=score,
            probability=chance(score),
            margin=margin,
            likeness=likeness,
        )

    def _near(self, pairs: Sequence[Pair]) -> list[_Near]:
        """The cosine of each question with its passage and with the passage's sentences; every text is embedded once."""
        bounds = [sentence_bounds(p.passage) for p in pairs]
        wholes = [f"{p.title}: {p.passage}" if p.title else p.passage for p in pairs]
        parts = [[p.passage[s:e] for s, e in b] for p, b in zip(pairs, bounds, strict=True)]
        texts = list(dict.fromkeys([*(p.question for p in pairs), *wholes, *(t for part in parts for t in part)]))
        rows, vectors = {text: i for i, text in enumerate(texts)}, self.embedder.embed(texts)
        out: list[_Near] = []
        for pair, whole, part, bound in zip(pairs, wholes, parts, bounds, strict=True):
            cosines = (vectors[[rows[whole], *(rows[t] for t in part)]] @ vectors[rows[pair.question]]).tolist()
            out.append(_Near(cosines[0], cosines[1:], [e for _, e in bound]))
        return out

    def _windows(self, number: int, pair: Pair, near: _Near, parts: Sequence[Part]) -> list[_Window]:
        question = self.tokenizer.encode(pair.question, add_special_tokens=False).ids[:QUESTION_TOKENS]
        title = (
            self.tokenizer.encode(f"{pair.title} :", add_special_tokens=False).ids[:TITLE_TOKENS] if pair.title else []
        )
        body = self.tokenizer.encode(pair.passage, add_special_tokens=False)
        bonus = [self.settings.sentence * near.of(start) for start, _ in body.offsets]
        head = [_CLS, *question, _SEP]
        out: list[_Window] = []
        for at in range(0, max(len(body.ids) - (WINDOW_TOKENS - WINDOW_STEP), 1), WINDOW_STEP):
            here = slice(at, at + WINDOW_TOKENS)
            ids, offsets = [*head, *title, *body.ids[here], _SEP], body.offsets[here]
            if held := _in_tokens(parts, offsets):
                out.append(_Window(number, ids, len(head), len(title), offsets, bonus[here], held))
        return out

    def _best(self, windows: Sequence[_Window]) -> list[list[tuple[int, int, int, float]]]:
        """For each window (part, first token, last token, score above the null) of the parts that it holds, tokens counted from the
        passage's start."""
        import torch

        width, device = max(len(w.ids) for w in windows), self.weight.device
        ids, position = (torch.zeros((len(windows), width), dtype=torch.long) for _ in range(2))
        bonus, until = torch.zeros((len(windows), width)), torch.full((len(windows), width), -1)
        for i, w in enumerate(windows):
            n, after = len(w.ids), len(w.ids) - w.question
            ids[i, :n] = torch.tensor(w.ids)
            position[i, : w.question] = torch.arange(w.question)
            position[i, w.question : n] = torch.arange(CONTEXT_AT, CONTEXT_AT + after)
            bonus[i, w.text : n - 1] = torch.tensor(w.bonus)
            for _, first, end in w.parts:
                until[i, w.text + first : w.text + end] = w.text + end - 1
        context, mask = (position >= CONTEXT_AT).long(), (ids > 0).long()
        with torch.inference_mode():
            hidden = self.encoder(
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                token_type_ids=context.to(device),
                position_ids=position.to(device),
            )[0].float()
            start, end, null = span_logits(hidden, hidden[:, 0], self.weight, self.bias)
            extra = bonus.to(device)
            scores, lasts = best_spans(start + extra, end + extra, until.to(device))
        table = zip(windows, scores.cpu().numpy(), lasts.cpu().numpy(), null.tolist(), strict=True)
        return [_best_of_parts(w, row[w.text :], last[w.text :] - w.text, 2 * n) for w, row, last, n in table]


@dataclass(frozen=True, slots=True)
class _Window:
    """A pair, or a stretch of a long one, as tokens: `question` and `title` count theirs, [CLS] and [SEP] with the question's. `parts`:
    number, first token and end of each part that has tokens here."""

    pair: int
    ids: list[int]
    question: int
    title: int
    offsets: list[tuple[int, int]]
    bonus: list[float]
    parts: list[tuple[int, int, int]]

    @property
    def text(self) -> int:
        """The token at which the passage's text begins."""
        return self.question + self.title


@dataclass(frozen=True, slots=True)
class _Near:
    """Cosines of a question with a passage and with its sentences, which end at `ends`."""

    passage: float
    sentences: list[float]
    ends: list[int]

    def of(self, start: int) -> float:
        return self.sentences[min(bisect.bisect_right(self.ends, start), len(self.sentences) - 1)]


def reader_folder() -> Path:
    return Path(__file__).parent / "reader"


def load_reader(folder: Path | None = None) -> SpanReader:
    """The packaged reader, or another one of the same make. Raises `ModelError` when a file is missing or damaged."""
    import torch

    folder = folder or reader_folder()
    settings = load_settings(folder)
    encoder, (device, kind) = load_encoder(), best_device()
    head = apply_change(encoder, load_change(folder, settings))
    return SpanReader(
        settings=settings,
        encoder=encoder.eval().to(device=device, dtype=kind),
        weight=head["weight"].to(device, torch.float32),
        bias=head["bias"].to(device, torch.float32),
        tokenizer=load_tokenizer(),
        embedder=minilm(),
    )


def load_settings(folder: Path) -> Settings:
    """Raises `ModelError` when `config.json` is missing or is not one of a reader."""
    path = folder / "config.json"
    try:
        return Settings(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: not the settings of a reader ({error}); reinstall ragraft") from error


def load_change(folder: Path, settings: Settings) -> dict[str, Tensor]:
    """The tensors of `adapter.safetensors`, its hash checked. Raises `ModelError`."""
    from safetensors.torch import load_file

    path = folder / "adapter.safetensors"
    if not path.is_file():
        raise ModelError(f"{path}: the reader's weights are missing; reinstall ragraft")
    found = file_sha256(path)
    if found != settings.sha256:
        raise ModelError(f"{path}: damaged (sha256 {found[:12]}…, not {settings.sha256[:12]}…); reinstall ragraft")
    return load_file(path)


def apply_change(encoder: Any, change: dict[str, Tensor]) -> dict[str, Tensor]:
    """Adds the stored change to the encoder's weights in place; returns the head's `weight` and `bias`.

    A vector is stored as it is (`NAME`); a matrix as two 4-bit numbers a byte (`NAME.q`) with one scale for each `GROUP`
    (`NAME.s`); the head's matrix as 8-bit numbers with one scale a row. Raises `ModelError` when the names do not fit.
    """
    import torch

    parameters = dict(encoder.named_parameters())
    names = {name.removesuffix(".q").removesuffix(".s") for name in change if not name.startswith("head.")}
    if not names <= set(parameters) or not {"head.q", "head.s", "head.bias"} <= set(change):
        raise ModelError(
            f"reader: its tensors do not fit the encoder ({sorted(names - set(parameters))[:3]}); reinstall ragraft"
        )
    with torch.no_grad():
        for name in names:
            stored = change[name] if name in change else unpack(change[f"{name}.q"], change[f"{name}.s"])
            parameters[name] += stored.float().view_as(parameters[name])
    return {"weight": change["head.q"].float() * change["head.s"].float()[:, None], "bias": change["head.bias"].float()}


def unpack(packed: Tensor, scale: Tensor) -> Tensor:
    """Bytes of two 4-bit numbers each (low half first, offset 8) times the scale of their group, flat."""
    import torch

    numbers = torch.stack([packed & 15, packed >> 4], dim=-1).flatten().float() - 8
    return (numbers.view(-1, GROUP) * scale.float()[:, None]).flatten()


def load_encoder() -> Any:
    """The packaged MiniLM (6 layers, width 384) in fp32, without a pooler."""
    from transformers import BertModel

    with quiet_loading():
        return BertModel.from_pretrained(minilm_folder(), add_pooling_layer=False, attn_implementation="sdpa")


def load_tokenizer() -> Tokenizer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def span_logits(hidden: Tensor, anchor: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Start and end logits (questions, tokens) and null logits (questions,) from token states (questions, tokens, width) and the
    state of each question's own [CLS] (questions, width). `weight` is (2·width + 1, width)."""
    width = hidden.shape[-1]
    query = anchor @ weight.T + bias
    both = query[:, : 2 * width].unflatten(1, (2, width)) @ hidden.transpose(1, 2) / width**0.5
    return both[:, 0], both[:, 1], query[:, -1]


def best_spans(start: Tensor, end: Tensor, until: Tensor) -> tuple[Tensor, Tensor]:
    """(score, last token) of the best span that starts at each token, from logits (rows, tokens): at most `SPAN_TOKENS` long and up to
    the token that `until` (rows, tokens) names; -1e9 where that lies before the start."""
    import torch

    width = start.shape[1]
    last = torch.arange(width, device=start.device)[:, None] + torch.arange(SPAN_TOKENS, device=start.device)
    both = start[:, :, None] + end[:, last.clamp(max=width - 1)]
    score, ahead = both.masked_fill(last > until[:, :, None], -1e9).max(2)
    return score, ahead + last[:, 0]


def chance(log_odds: float) -> float:
    """The logistic function; next to 0 for -inf."""
    return 1 / (1 + math.exp(-max(-60.0, log_odds)))


def _best_of_parts(window: _Window, scores: Any, lasts: Any, null: float) -> list[tuple[int, int, int, float]]:
    firsts = [(part, first + int(scores[first:end].argmax())) for part, first, end in window.parts]
    return [(part, first, int(lasts[first]), float(scores[first]) - null) for part, first in firsts]


def _in_tokens(parts: Sequence[Part], offsets: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    starts = [start for start, _ in offsets]
    found = [(n, bisect.bisect_left(starts, s), bisect.bisect_left(starts, e)) for n, (s, e) in enumerate(parts)]
    return [(n, first, end) for n, first, end in found if first < end]


def sentence_bounds(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence or line that has a word; all of the text when it has none."""
    cuts = [0, *(m.end() for m in _SENTENCE_END.finditer(text)), len(text)]
    found = [(s, e) for s, e in itertools.pairwise(cuts) if re.search(r"\w", text[s:e])]
    return found or [(0, len(text))]


def whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """The span widened to whole words: the tokenizer cuts inside them."""
    while start > 0 and text[start].isalnum() and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    return start, end
