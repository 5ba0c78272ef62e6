"""A model's name in `ragraft.toml` -> an `Embedder` or a `Generator`. Nothing is written."""

from __future__ import annotations

from pathlib import Path

from ragraft.config import ModelsSection
from ragraft.errors import ModelError
from ragraft.models import embedder as local_embedder
from ragraft.models import local, remote, span
from ragraft.models import reranker as rerankers
from ragraft.models.hub import folder_fingerprint, model_folder
from ragraft.models.packaged import MINILM_SHA256, POCKET_SHA256
from ragraft.models.protocol import Embedder, Generator
from ragraft.models.reranker import Reranker


def embedder(spec: str, config: ModelsSection, *, folder: Path | None = None) -> Embedder:
    """`minilm`, `hf:NAME_OR_PATH`, `openai:MODEL` or `URL#MODEL`; `folder` is the project's, for its `.env`.

    Raises `ModelError` for an unknown form and for a model that is not there.
    """
    if spec == "minilm":
        return local_embedder.minilm()
    if _is_local(spec):
        return local_embedder.sentence_transformer(spec.removeprefix("hf:"))
    if is_remote(spec):
        return remote.remote_embedder(spec, config, folder=folder)
    raise ModelError(f"models.embedder: {spec!r} is not a model; write minilm, {_FORMS}")


def generator(
    spec: str, config: ModelsSection, *, adapter: Path | None = None, folder: Path | None = None
) -> Generator:
    """`pocket`, `hf:NAME_OR_PATH`, `openai:MODEL` or `URL#MODEL`, with an adapter folder for a local one.

    Raises `ModelError` for an unknown form, for a model that is not there, and for an adapter on a remote model.
    """
    if spec == "pocket" or _is_local(spec):
        return local.load_generator(spec, adapter=adapter)
    if is_remote(spec) and adapter is not None:
        raise ModelError(f"{spec}: an adapter needs a local model; set models.generator to pocket or hf:NAME_OR_PATH")
    if is_remote(spec):
        return remote.remote_generator(spec, config, folder=folder)
    raise ModelError(f"models.generator: {spec!r} is not a model; write pocket, {_FORMS}")


def reranker(spec: str) -> Reranker:
    """`reader` or `hf:NAME_OR_PATH`. Raises `ModelError` for another form and for a model that is not there."""
    if spec == "reader":
        return rerankers.span_reader()
    if not _is_local(spec):
        raise ModelError(f"models.reranker: {spec!r} is not a reranker; write reader or hf:NAME_OR_PATH")
    return rerankers.cross_encoder(spec.removeprefix("hf:"))


def reranker_fingerprint(spec: str | None) -> str:
    """Changes when the order would; nothing is loaded. Raises `ModelError` where the model is not there."""
    if spec == "reader":
        return span.load_settings(span.reader_folder()).sha256
    return _fingerprint(spec) if spec else ""


def embedder_fingerprint(spec: str) -> str:
    """What `embedder(spec).fingerprint` would be, without loading the model. Raises `ModelError` where it is not there."""
    return MINILM_SHA256[:16] if spec == "minilm" else _fingerprint(spec)


def generator_fingerprint(spec: str) -> str:
    """Changes when the answers of `spec` without an adapter would; nothing is loaded. Raises `ModelError` likewise."""
    return POCKET_SHA256[:16] if spec == "pocket" else _fingerprint(spec)


def _fingerprint(spec: str) -> str:
    return folder_fingerprint(model_folder(spec.removeprefix("hf:"))) if _is_local(spec) else spec


def _is_local(spec: str) -> bool:
    return spec.startswith("hf:") and len(spec) > len("hf:")


def is_remote(spec: str) -> bool:
    """Whether a spec names an endpoint rather than a model on this machine."""
    return spec.startswith(("openai:", "http://", "https://"))


_FORMS = "hf:NAME_OR_PATH, openai:MODEL or http://HOST:PORT/v1#MODEL"
