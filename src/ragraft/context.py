"""One opened project: its config, its workspace, and its models, which load when first used.

In: a project folder. Out: a `Context` that the stages share. Nothing is written.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ragraft import config as configuration
from ragraft.errors import DataError
from ragraft.models import load, span
from ragraft.models.protocol import Embedder, Generator
from ragraft.models.reranker import Reranker
from ragraft.models.span import SpanReader
from ragraft.retrieve.index import Index
from ragraft.types import Adapter, Reader
from ragraft.workspace import Workspace, fingerprint

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Notify = Callable[[str, int, int], None]
"""Called as (stage, units done, units in all) while a stage works; done equals all when it ends."""


def silent(stage: str, done: int, total: int) -> None:
    """Reports to nobody."""


class Context:
    """What every stage needs. A model that no stage asks for is never loaded."""

    def __init__(self, folder: Path, notify: Notify = silent) -> None:
        """Raises `ConfigError` when `folder` holds no valid `ragraft.toml`."""
        self.folder = folder
        self.config = configuration.load(folder)
        self.space = Workspace(folder)
        self.notify = notify

    def beside(self, folder: Path, config: configuration.Config) -> Context:
        """The same project in another folder, with an index of its own and the models that are loaded here (`config` must name
        the same). Reports its progress to nobody."""
        other = copy.copy(self)
        vars(other).pop("index", None)
        other.folder, other.config, other.space, other.notify = folder, config, Workspace(folder), silent
        return other

    @property
    def name(self) -> str:
        return self.config.project.name or self.folder.resolve().name

    @cached_property
    def embedder(self) -> Embedder:
        return load.embedder(self.config.models.embedder, self.config.models, folder=self.folder)

    @cached_property
    def tokenizer(self) -> Tokenizer | Callable[[str], int]:
        """What counts a chunk's tokens: the embedder's own tokenizer, or its count where an endpoint hides it."""
        return self.embedder.tokenizer or (lambda text: self.embedder.count_tokens([text])[0])

    @cached_property
    def reranker(self) -> Reranker | None:
        """The cross-encoder that the config names, if it names one."""
        return load.reranker(self.config.models.reranker) if self.config.models.reranker else None

    @cached_property
    def generator(self) -> Generator:
        """The generator without an adapter."""
        return load.generator(self.config.models.generator, self.config.models, folder=self.folder)

    def generator_with(self, adapter: Adapter | None) -> Generator:
        """The generator with a trained adapter, or without one."""
        if adapter is None:
            return self.generator
        return load.generator(self.config.models.generator, self.config.models, adapter=Path(adapter.path))

    @cached_property
    def span_reader(self) -> SpanReader:
        """The packaged span reader, which `quote` needs."""
        return span.load_reader()

    @cached_property
    def span_reader_fingerprint(self) -> str:
        return span.load_settings(span.reader_folder()).sha256

    @property
    def generator_is_remote(self) -> bool:
        return load.is_remote(self.config.models.generator)

    @property
    def marks_passages(self) -> bool:
        """Whether the generator reads passages between marks, as data: by default all but the packaged one, which knows them bare."""
        set_by = self.config.models.mark_passages
        return self.config.models.generator != "pocket" if set_by is None else set_by

    @cached_property
    def generator_fingerprint(self) -> str:
        return load.generator_fingerprint(self.config.models.generator)

    @cached_property
    def embedder_fingerprint(self) -> str:
        return load.embedder_fingerprint(self.config.models.embedder)

    @cached_property
    def index(self) -> Index:
        return self.open_index()

    @property
    def index_settings(self) -> str:
        """The embedder that makes the vectors. Another one needs another index."""
        return f"{self.config.models.embedder} {self.embedder_fingerprint}"

    def open_index(self, folder: Path | None = None, *, rebuild: bool = False) -> Index:
        """The index of this embedder and these chunk settings: the one in use, or one that is built beside it in `folder`;
        `rebuild` empties it first."""
        return Index.open(
            folder or self.config.store.url or self.space.index,
            embedder_name=self.index_settings,
            dimension=lambda: self.embedder.dimension,
            retrieval=self.config.retrieval,
            recipe=fingerprint(self.config.chunks, self.config.documents.front_matter),
            rebuild=rebuild,
            groups=self.config.groups,
            keep=timedelta(days=self.config.store.keep_days),
            storage=self._storage,
        )

    def peek_index(self) -> Index | None:
        """The index in use whatever embedder made it; None where there is none, or none that can be read."""
        return Index.peek(self.config.store.url or self.space.index, storage=self._storage)

    @property
    def _storage(self) -> dict[str, str] | None:
        return storage_options(self.folder) if self.config.store.url else None

    @property
    def evaluation_reader(self) -> Reader:
        return Reader(user=self.config.evaluation.user, groups=frozenset(self.config.evaluation.groups))

    def indexed(self) -> Index:
        """The index, when it holds something. Raises `DataError` when nothing was synced yet."""
        if not (self.config.store.url or self.space.index.is_dir()) or self.index.count() == 0:
            raise DataError(
                f"{self.folder}: nothing is indexed yet; `ragraft sync {self.folder}` indexes its documents"
            )
        return self.index

    def knowledge_fingerprint(self) -> str:
        """Changes when a search could answer otherwise: documents, readers, chunking, embedder or retrieval settings."""
        return fingerprint(
            self.index.documents(),
            self.embedder_fingerprint,
            load.reranker_fingerprint(self.config.models.reranker),
            self.config.retrieval,
            self.config.groups,
        )


def storage_options(folder: Path) -> dict[str, str]:
    """What an object store needs to be reached: the `AWS_…`, `GOOGLE_…` and `AZURE_…` variables of the environment and of the
    project's `.env`, as Lance's storage options. Plain HTTP is allowed where the endpoint says so itself."""
    from dotenv import dotenv_values

    settings = {**dotenv_values(folder / ".env"), **os.environ}
    known = {k.lower(): v for k, v in settings.items() if v and k.startswith(("AWS_", "GOOGLE_", "AZURE_"))}
    endpoint = known.get("aws_endpoint") or known.get("aws_endpoint_url_s3") or known.get("aws_endpoint_url") or ""
    if endpoint:
        known |= {"aws_endpoint": endpoint, "allow_http": str(endpoint.startswith("http://")).lower()}
    return known
