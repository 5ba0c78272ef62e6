"""Prompts -> completions from a causal language model on this machine: `pocket`, or any `hf:NAME_OR_PATH`, with an adapter or not.

In: rendered prompts. Out: completions, greedy and reproducible. Nothing is written.

Weights: bf16 on a GPU; on a CPU fp32 for small models, because there a batch must give the very text that each prompt gives
alone (bf16 rounding flips near-ties when the batch's shape changes), and bf16 for larger ones, which memory would not hold otherwise.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragraft.errors import ModelError
from ragraft.models.embedder import batches, first_line
from ragraft.models.hub import folder_fingerprint, model_folder, quiet_loading
from ragraft.models.packaged import pocket_folder
from ragraft.types import Completion, Failure, Message, Prompt

if TYPE_CHECKING:
    import torch

_BATCH_TOKENS = {"cpu": 4096, "cuda": 131072}
_SMALL = 1_000_000_000
"""Parameters below which a CPU computes in fp32."""


def load_generator(spec: str, *, adapter: Path | None = None) -> LocalGenerator:
    """The generator behind `pocket` or `hf:NAME_OR_PATH`, an adapter folder merged into it.

    Raises `ModelError` when a model or an adapter is missing, damaged, or has no chat template.
    """
    folder = base_folder(spec)
    model, tokenizer = load_causal(spec)
    if adapter is not None:
        model = _merged(model, adapter, spec)
    return LocalGenerator(
        name=spec,
        fingerprint=folder_fingerprint(folder, *([adapter] if adapter else [])),
        model=model.eval(),
        tokenizer=tokenizer,
        context_tokens=_context(model, tokenizer),
        stops=_stops(model, tokenizer),
    )


def base_folder(spec: str) -> Path:
    """Where the files of `pocket` or `hf:NAME_OR_PATH` lie, the packaged weights checked. Raises `ModelError`."""
    return pocket_folder() if spec == "pocket" else model_folder(spec.removeprefix("hf:"))


def load_causal(spec: str, *, dtype: torch.dtype | None = None) -> tuple[Any, Any]:
    """(transformers causal model, fast tokenizer) of `pocket` or `hf:NAME_OR_PATH`, on the GPU when there is one.

    `dtype` None: this module's choice (see above). Raises `ModelError`.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = base_folder(spec)
    try:
        with quiet_loading():
            tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            model: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=dtype or _dtype(folder),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
            )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise ModelError(f"{spec}: not a causal language model that can be loaded ({first_line(error)})") from error
    if not tokenizer.chat_template:
        raise ModelError(f"{spec}: its tokenizer has no chat template; use the chat or instruct version of the model")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    return model.to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer


def chat_text(tokenizer: Any, messages: Sequence[Message]) -> str:
    """The text that the model reads, up to and with the opening of its answer.

    Special tokens spelled out in a message are broken up first: a document cannot open a turn of its own. A template
    that has no system role gets the system message at the head of the user's.
    """
    from jinja2 import TemplateError

    special = re.compile("|".join(re.escape(t) for t in sorted(tokenizer.all_special_tokens, key=len, reverse=True)))

    def turns(parts: Sequence[Message]) -> list[dict[str, str]]:
        return [{"role": m.role, "content": special.sub(lambda t: f"{t[0][0]} {t[0][1:]}", m.content)} for m in parts]

    # enable_thinking is read by the templates of models that would otherwise think aloud; others ignore it.
    options = {"tokenize": False, "add_generation_prompt": True, "enable_thinking": False}
    try:
        return tokenizer.apply_chat_template(turns(messages), **options)
    except TemplateError:
        return tokenizer.apply_chat_template(turns(_without_system(messages)), **options)


def answer_frame(tokenizer: Any) -> tuple[str, list[int]]:
    """What the chat template writes around an answer: the white space before it, and the tokens after it up to the first special one,
    where generation stops. The end token alone where a template leaves answers out, or writes nothing special after them."""
    turns = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "@"}]
    opened = tokenizer.apply_chat_template(turns[:1], tokenize=False, add_generation_prompt=True)
    head, answer, tail = tokenizer.apply_chat_template(turns, tokenize=False).rpartition("@")
    if not answer:
        return "", [tokenizer.eos_token_id]
    lead = head.removeprefix(opened)
    ids = tokenizer(tail, add_special_tokens=False)["input_ids"]
    special = set(tokenizer.all_special_ids)
    first = next((n for n, token in enumerate(ids) if token in special), None)
    return lead if lead.isspace() else "", [tokenizer.eos_token_id] if first is None else ids[: first + 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalGenerator:
    """A `Generator` over a transformers model in this process."""

    name: str
    fingerprint: str
    model: Any
    tokenizer: Any
    context_tokens: int
    stops: frozenset[int]

    def count(self, prompt: Prompt) -> int:
        return len(self._ids(prompt))

    def generate(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int, on_done: Callable[[int], None] | None = None
    ) -> tuple[Completion | Failure, ...]:
        """Batches of about equal length. A batch's seconds are shared out by tokens: its prefill by each prompt's, the
        rest by what each wrote. A prompt that does not fit the context is a `Failure` that no retry mends."""
        ids = [self._ids(p) for p in prompts]
        out: list[Completion | Failure] = [self._too_long(len(i), max_new_tokens) for i in ids]
        fits = [n for n, i in enumerate(ids) if len(i) + max_new_tokens <= self.context_tokens]
        if on_done and len(fits) < len(ids):
            on_done(len(ids) - len(fits))
        lengths = [len(ids[n]) + max_new_tokens for n in fits]
        for batch in batches(lengths, _BATCH_TOKENS[self.model.device.type]):
            rows = [fits[b] for b in batch]
            for row, completion in zip(rows, self._complete([ids[r] for r in rows], max_new_tokens), strict=True):
                out[row] = completion
            if on_done:
                on_done(len(rows))
        return tuple(out)

    def stream(self, prompt: Prompt, *, max_new_tokens: int) -> Iterator[str]:
        ids = self._ids(prompt)
        if len(ids) + max_new_tokens > self.context_tokens:
            raise ModelError(self._too_long(len(ids), max_new_tokens).message)
        written: list[int] = []
        sent = ""
        for (token,) in self._steps([ids], max_new_tokens):
            if token in self.stops:
                break
            written.append(token)
            text = self.tokenizer.decode(written, skip_special_tokens=True).lstrip()
            # A character whose bytes are not all here yet decodes to U+FFFD: wait for the rest of it.
            if text != sent and not text.endswith("\ufffd"):
                yield text[len(sent) :]
                sent = text

    def log_likelihood(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> tuple[float, ...]:
        """Nats per token of each answer after its prompt. Lines are padded on the left, so that all answers end together."""
        import torch

        heads = [self._ids(p) for p in prompts]
        lead, _ = answer_frame(self.tokenizer)
        tails: list[list[int]] = [self.tokenizer(lead + a, add_special_tokens=False)["input_ids"] for a in answers]
        out = [0.0] * len(heads)
        lengths = [len(h) + len(t) for h, t in zip(heads, tails, strict=True)]
        for rows in batches(lengths, _BATCH_TOKENS[self.model.device.type]):
            width, kept = max(lengths[r] for r in rows), max(len(tails[r]) for r in rows)
            lines = [[0] * (width - lengths[r]) + heads[r] + tails[r] for r in rows]
            masks = [[0] * (width - lengths[r]) + [1] * lengths[r] for r in rows]
            ids, mask = (torch.tensor(x, device=self.model.device) for x in (lines, masks))
            with torch.inference_mode():
                logits = self.model(
                    input_ids=ids,
                    attention_mask=mask,
                    position_ids=(mask.cumsum(1) - 1).clamp(min=0),
                    logits_to_keep=kept + 1,
                ).logits
            chances = logits[:, :-1].float().log_softmax(-1)
            found = chances.gather(2, ids[:, -kept:, None])[:, :, 0]
            for row, line in zip(rows, found, strict=True):
                out[row] = float(line[-len(tails[row]) :].mean())
        return tuple(out)

    def _complete(self, ids: list[list[int]], max_new_tokens: int) -> list[Completion]:
        written: list[list[int]] = [[] for _ in ids]
        started, first = time.perf_counter(), 0.0
        for tokens in self._steps(ids, max_new_tokens):
            first = first or time.perf_counter() - started
            for row, token in zip(written, tokens, strict=True):
                if not row or row[-1] not in self.stops:
                    row.append(token)
        rest = time.perf_counter() - started - first
        read, wrote = sum(map(len, ids)), sum(map(len, written))
        return [
            Completion(
                text=self.tokenizer.decode([t for t in row if t not in self.stops], skip_special_tokens=True).strip(),
                prompt_tokens=len(prompt),
                completion_tokens=len(row),
                seconds=first * len(prompt) / read + rest * len(row) / wrote,
                first_token_seconds=first * len(prompt) / read,
                truncated=row[-1] not in self.stops,
            )
            for prompt, row in zip(ids, written, strict=True)
        ]

    def _steps(self, ids: list[list[int]], max_new_tokens: int) -> Iterator[list[int]]:
        """One greedy token per row and step, until every row has stopped. What a stopped row yields is to be ignored.

        `model.generate` writes the same tokens (a test compares them) at 10 to 20 % more time a step on small models, and
        needs hooks for the time of the first token and a thread for streaming; this serves both.
        """
        import torch

        longest, device = max(map(len, ids)), self.model.device
        pad = self.tokenizer.pad_token_id
        tokens = torch.tensor([[pad] * (longest - len(i)) + i for i in ids], device=device)
        mask = torch.tensor([[0] * (longest - len(i)) + [1] * len(i) for i in ids], device=device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        padded = bool((mask == 0).any())
        stopped: set[int] = set()
        cache = None
        for _ in range(max_new_tokens):
            with torch.inference_mode():
                output = self.model(
                    input_ids=tokens,
                    attention_mask=mask if padded else None,
                    position_ids=positions,
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=1,
                )
                tokens = output.logits[:, -1].argmax(-1, keepdim=True)
                mask = torch.cat([mask, mask.new_ones(len(ids), 1)], dim=1)
            cache, positions = output.past_key_values, positions[:, -1:] + 1
            step: list[int] = tokens[:, 0].tolist()
            yield step
            stopped |= {row for row, token in enumerate(step) if token in self.stops}
            if len(stopped) == len(ids):
                return

    def _ids(self, prompt: Prompt) -> list[int]:
        return self.tokenizer(chat_text(self.tokenizer, prompt.messages), add_special_tokens=False, verbose=False)[
            "input_ids"
        ]

    def _too_long(self, tokens: int, max_new_tokens: int) -> Failure:
        message = f"{tokens} prompt tokens and {max_new_tokens} new ones do not fit {self.name}'s context of {self.context_tokens}"
        return Failure(stage="generate", message=message, retryable=False)


def _without_system(messages: Sequence[Message]) -> tuple[Message, ...]:
    if len(messages) < 2 or messages[0].role != "system":
        return tuple(messages)
    joined = f"{messages[0].content}\n\n{messages[1].content}"
    return Message(role=messages[1].role, content=joined), *messages[2:]


def _merged(model: Any, adapter: Path, spec: str) -> Any:
    from peft import PeftModel

    if not (adapter / "adapter_model.safetensors").is_file():
        raise ModelError(f"{adapter}: no adapter_model.safetensors in it; train it again with `ragraft tune`")
    try:
        with quiet_loading():
            return PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"{adapter}: not an adapter of {spec} ({first_line(error)}); train it again") from error


def _dtype(folder: Path) -> torch.dtype:
    import torch

    size = sum(p.stat().st_size for p in folder.glob("*.safetensors"))
    small = size < 2 * _SMALL  # weights are stored in two bytes each, as a rule
    return torch.float32 if small and not torch.cuda.is_available() else torch.bfloat16


def _context(model: Any, tokenizer: Any) -> int:
    # Tokenizers without a limit carry a huge number here.
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return min(int(positions or tokenizer.model_max_length), int(tokenizer.model_max_length))


def _stops(model: Any, tokenizer: Any) -> frozenset[int]:
    configured = model.generation_config.eos_token_id
    ids = configured if isinstance(configured, list) else [configured]
    return frozenset(i for i in [*ids, tokenizer.eos_token_id] if i is not None)
