"""Prompts -> completions, and texts -> vectors, through any OpenAI-compatible endpoint.

In: `openai:MODEL` or `http(s)://HOST/v1#MODEL`, and an API key from the environment or the project's `.env`. Out: completions,
or a `Failure` for each call that failed. Nothing is written, and the key never reaches a message, a log or a repr.

Retries (timeouts, broken connections, 408, 409, 429, 5xx), exponential backoff with jitter, and `Retry-After` in seconds or as
a date are the openai client's; this module owns concurrency, the time to the first token, and what counts as a whole answer.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from ragraft.config import ModelsSection
from ragraft.errors import ModelError
from ragraft.types import Completion, Failure, Prompt
from ragraft.workspace import fingerprint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from openai import OpenAI

_DEFAULT_URL = "https://api.openai.com/v1"
_CONTEXT_TOKENS = 16_384
"""Assumed, since endpoints do not say: what a prompt is fitted to. A smaller model answers 400, which becomes a `Failure`."""
_EMBED_TOKENS = 8_191
_EMBED_BATCH = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a model is served. `key` is empty where none is set."""

    url: str
    model: str
    key: str = field(repr=False)

    def scrubbed(self, text: str) -> str:
        """`text` on one line, without the key: servers like to quote it back."""
        line = " ".join(text.split())[:300]
        return line.replace(self.key, "***") if self.key else line


def endpoint(spec: str, *, folder: Path | None = None) -> Endpoint:
    """The endpoint behind `openai:MODEL` or `URL#MODEL`. Raises `ModelError` when it is malformed or a key is missing.

    Settings come from the environment, then from `folder/.env`: OPENAI_API_KEY (else RAGRAFT_API_KEY) and OPENAI_BASE_URL
    for `openai:`; RAGRAFT_API_KEY alone for a URL, so that an OpenAI key is never sent to another host.
    """
    from dotenv import dotenv_values

    settings = {**dotenv_values((folder or Path.cwd()) / ".env"), **os.environ}
    if spec.startswith("openai:"):
        url, model = settings.get("OPENAI_BASE_URL") or _DEFAULT_URL, spec.removeprefix("openai:")
        key = settings.get("OPENAI_API_KEY") or settings.get("RAGRAFT_API_KEY") or ""
    else:
        url, _, model = spec.partition("#")
        key = settings.get("RAGRAFT_API_KEY") or ""
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise ModelError(
            f"{parts.hostname}: a model's URL must not hold a user or password; set RAGRAFT_API_KEY instead"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or not model:
        raise ModelError(f"{spec}: not a model at an endpoint; write openai:MODEL or http://HOST:PORT/v1#MODEL")
    if url == _DEFAULT_URL and not key:
        raise ModelError(f"{spec}: no API key; set OPENAI_API_KEY in the environment or in the project's .env")
    return Endpoint(url=url.rstrip("/"), model=model, key=key)


def _client(where: Endpoint, config: ModelsSection) -> OpenAI:
    # Whole before any thread starts: openai looks at a half-imported httpx when two threads meet there.
    importlib.import_module("httpx")
    from openai import OpenAI

    # The client insists on a key; servers that need none ignore it.
    return OpenAI(base_url=where.url, api_key=where.key or "none", timeout=config.timeout_s, max_retries=config.retries)


def remote_generator(spec: str, config: ModelsSection, *, folder: Path | None = None) -> RemoteGenerator:
    """A generator at an endpoint. No call is made yet. Raises `ModelError` as `endpoint` does."""
    where = endpoint(spec, folder=folder)
    return RemoteGenerator(
        name=spec,
        fingerprint=fingerprint(where.url, where.model),
        endpoint=where,
        client=_client(where, config),
        concurrency=config.concurrency,
    )


def remote_embedder(spec: str, config: ModelsSection, *, folder: Path | None = None) -> RemoteEmbedder:
    """An embedder at an endpoint; one call is made to learn the dimension. Raises `ModelError`."""
    where = endpoint(spec, folder=folder)
    client = _client(where, config)
    return RemoteEmbedder(
        name=spec,
        fingerprint=fingerprint(where.url, where.model),
        endpoint=where,
        client=client,
        concurrency=config.concurrency,
        dimension=len(_embed_batch(client, where, ["dimension"])[0]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteGenerator:
    """A `Generator` behind an OpenAI-compatible chat endpoint. Token counts are estimates (characters / 4) until the endpoint
    reports its own in a completion."""

    name: str
    fingerprint: str
    endpoint: Endpoint
    client: OpenAI = field(repr=False)
    concurrency: int
    context_tokens: int = _CONTEXT_TOKENS
    refused: set[str] = field(default_factory=set, repr=False)
    """Options that this endpoint said it does not take; they are left out from then on."""

    def count(self, prompt: Prompt) -> int:
        return sum(4 + _estimate(m.content) for m in prompt.messages)

    def generate(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int, on_done: Callable[[int], None] | None = None
    ) -> tuple[Completion | Failure, ...]:
        """At most `concurrency` calls at a time. `seconds` is one call's wall time, its retries included."""
        if not prompts:
            return ()
        with ThreadPoolExecutor(max_workers=self.concurrency) as pool:
            calls = [pool.submit(self._complete, prompt, max_new_tokens) for prompt in prompts]
            try:
                for _ in as_completed(calls):
                    if on_done:
                        on_done(1)
            finally:
                # Ctrl-C must not wait for the calls that are still queued.
                pool.shutdown(wait=False, cancel_futures=True)
            return tuple(call.result() for call in calls)

    def stream(self, prompt: Prompt, *, max_new_tokens: int) -> Iterator[str]:
        try:
            for chunk in self._chunks(prompt, max_new_tokens):
                if chunk.text:
                    yield chunk.text
        except _call_errors() as error:
            raise ModelError(f"{self.name}: {_failure(error, self.endpoint).message}") from None

    def _complete(self, prompt: Prompt, max_new_tokens: int) -> Completion | Failure:
        started, first = time.perf_counter(), None
        text, finish, usage = "", "", None
        try:
            for chunk in self._chunks(prompt, max_new_tokens):
                if chunk.text and first is None:
                    first = time.perf_counter() - started
                text, finish, usage = text + chunk.text, chunk.finish or finish, chunk.usage or usage
        except _call_errors() as error:
            return _failure(error, self.endpoint)
        if finish == "content_filter":
            return Failure(
                stage="generate", message="the endpoint's content filter stopped the answer", retryable=False
            )
        return Completion(
            text=text.strip(),
            prompt_tokens=usage.prompt_tokens if usage else self.count(prompt),
            completion_tokens=usage.completion_tokens if usage else _estimate(text),
            seconds=time.perf_counter() - started,
            first_token_seconds=first,
            truncated=finish == "length",
        )

    def _chunks(self, prompt: Prompt, max_new_tokens: int) -> Iterator[_Chunk]:
        """The parts of one answer. Raises what `_call_errors` lists; a stream without an end is `_Malformed`."""
        finished = False
        with self._open(prompt, max_new_tokens) as stream:
            for event in stream:
                chunk = _chunk(event)
                finished = finished or bool(chunk.finish)
                yield chunk
        if not finished:
            raise _Malformed("the answer broke off before its end")

    def _open(self, prompt: Prompt, max_new_tokens: int) -> Any:
        import openai

        limit = "max_completion_tokens" if self.endpoint.url == _DEFAULT_URL else "max_tokens"
        options: dict[str, Any] = {
            limit: max_new_tokens,
            "temperature": 0,
            "seed": 0,
            "stream_options": {"include_usage": True},
        }
        messages = [{"role": m.role, "content": m.content} for m in prompt.messages]
        create: Any = self.client.chat.completions.create
        while True:
            taken = {k: v for k, v in options.items() if k not in self.refused}
            try:
                return create(model=self.endpoint.model, messages=messages, stream=True, **taken)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                # Some models take no temperature, some servers no seed or usage; the limit stays.
                if error.param not in taken or error.param == limit:
                    raise
                self.refused.add(error.param)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteEmbedder:
    """An `Embedder` behind an OpenAI-compatible embeddings endpoint. Raises `ModelError` when a call fails after its retries."""

    name: str
    fingerprint: str
    endpoint: Endpoint
    client: OpenAI = field(repr=False)
    concurrency: int
    dimension: int
    max_tokens: int = _EMBED_TOKENS
    tokenizer: None = None

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [_estimate(t) for t in texts]

    def embed(self, texts: Sequence[str], *, queries: bool = False) -> NDArray[np.float32]:
        import numpy as np

        parts = [list(texts[i : i + _EMBED_BATCH]) for i in range(0, len(texts), _EMBED_BATCH)]
        with ThreadPoolExecutor(max_workers=self.concurrency) as pool:
            rows = [row for part in pool.map(self._batch, parts) for row in part]
        vectors = np.array(rows, np.float32).reshape(len(rows), self.dimension)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-12)

    def _batch(self, texts: list[str]) -> list[list[float]]:
        rows = _embed_batch(self.client, self.endpoint, texts)
        if any(len(row) != self.dimension for row in rows):
            raise ModelError(f"{self.name}: vectors of another length than {self.dimension}; index the project anew")
        return rows


def _embed_batch(client: OpenAI, where: Endpoint, texts: list[str]) -> list[list[float]]:
    try:
        # An empty text is an error to most endpoints.
        reply = client.embeddings.create(model=where.model, input=[t or " " for t in texts], encoding_format="float")
        items = [_Vector.model_validate(item, from_attributes=True) for item in reply.data or []]
    except (*_call_errors(), TypeError, AttributeError) as error:
        raise ModelError(f"{where.model} at {where.url}: {_failure(error, where).message}") from None
    if sorted(item.index for item in items) != list(range(len(texts))):
        raise ModelError(f"{where.model} at {where.url}: {len(items)} vectors came back for {len(texts)} texts")
    return [item.embedding for item in sorted(items, key=lambda item: item.index)]


class _Malformed(ValueError):
    """A reply that is not what the protocol says."""


class _Vector(BaseModel):
    index: int
    embedding: list[float]


class _Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int


class _Delta(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    delta: _Delta
    finish_reason: str | None = None


class _Chunk(BaseModel):
    """The parts of a stream event that are read here; the client itself does not check them."""

    choices: list[_Choice]
    usage: _Usage | None = None

    @property
    def text(self) -> str:
        return (self.choices[0].delta.content or "") if self.choices else ""

    @property
    def finish(self) -> str:
        return (self.choices[0].finish_reason or "") if self.choices else ""


def _chunk(event: object) -> _Chunk:
    if not isinstance(event, BaseModel):
        raise _Malformed("an event of the answer is not an object")
    return _Chunk.model_validate(event.model_dump(warnings=False))


def _call_errors() -> tuple[type[Exception], ...]:
    """What a call may raise: the client's errors, its transport's, and (as ValueError) JSON or fields that do not parse."""
    import httpx
    import openai

    return openai.OpenAIError, httpx.HTTPError, ValueError


def _failure(error: Exception, where: Endpoint) -> Failure:
    import openai

    retryable = True
    if isinstance(error, openai.APITimeoutError):
        message = "no reply in time; raise models.timeout_s or look at the server"
    elif isinstance(error, openai.APIStatusError):
        retryable = error.status_code in (408, 409, 429) or error.status_code >= 500
        message = f"HTTP {error.status_code}{_HINTS.get(error.status_code, '')} ({error.message})"
    elif isinstance(error, openai.APIConnectionError):
        message = f"cannot reach {where.url} ({error.__cause__ or error})"
    elif isinstance(error, _Malformed | openai.APIError):
        message = str(error)
    else:
        message = f"a reply that is not the OpenAI protocol ({type(error).__name__})"
    return Failure(stage="generate", message=where.scrubbed(message), retryable=retryable)


_HINTS = {
    401: ": the API key is missing or wrong; set OPENAI_API_KEY or RAGRAFT_API_KEY",
    403: ": the API key may not use this model",
    404: ": no such model or path; check the model's name and that the URL ends in /v1",
    429: ": too many requests even after the retries; lower models.concurrency",
}


def _estimate(text: str) -> int:
    return (len(text) + 3) // 4
