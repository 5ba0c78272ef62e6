"""What is known and who may know it: documents, chunks and passages, readers, syncs and the versions of the index."""

from __future__ import annotations

from dataclasses import dataclass

from ragraft.types.names import EVERYONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who asks. `user` and every entry of `groups` are matched against a document's reader list; `everyone` is implied."""

    user: str
    groups: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        return self.groups | {self.user, EVERYONE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One source as Markdown. `id` is its path relative to the documents folder, with forward slashes; a document of a named
    source starts with that source's name. `modified`: when it last changed, ISO 8601 in UTC; None where nobody knows.

    `readers` and `tags` are what the config or the source gives it; `own_readers` and `own_tags` what it says of itself. A
    reader must be named by both lists of readers; `everyone` in one of them narrows nothing."""

    id: str
    title: str
    text: str
    hash: str
    readers: tuple[str, ...]
    tags: tuple[str, ...] = ()
    modified: str | None = None
    notes: tuple[str, ...] = ()
    """What of it could not be read: pages, parts of an archive; each with the reason."""
    own_readers: tuple[str, ...] = (EVERYONE,)
    own_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A source that could not be read, with the reason in plain words. `kept`: only for now, so that what the index held of
    it stays; `part`: the rest of the document was read."""

    source: str
    reason: str
    kept: bool = False
    part: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a document: the unit of retrieval. `heading` is the path of headings above it, joined by ` › `.
    A reader must be named by `readers` and by `own_readers`; `tags` are the document's, given and its own."""

    id: str
    document: str
    title: str
    heading: str
    text: str
    position: int
    tokens: int
    readers: tuple[str, ...]
    page: int | None = None
    tags: tuple[str, ...] = ()
    modified: str | None = None
    own_readers: tuple[str, ...] = (EVERYONE,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk found for one request. `score` is the fused score of both halves; it ranks the chunk unless a reranker read it, whose
    own score is `reranked` then. The parts say why.

    Ranks start at 1; `None` means that this half of the search did not return the chunk. `merged`: how many worse-ranked chunks
    said nothing that this one does not say word for word, and were left out. `before` and `after`: what stands around the chunk
    in its document, where the config asks for neighbours. `excerpt`: its best sentences, where the config asks for no more of it.
    """

    chunk: Chunk
    rank: int
    score: float
    bm25: float | None = None
    bm25_rank: int | None = None
    cosine: float | None = None
    cosine_rank: int | None = None
    reranked: float | None = None
    merged: int = 0
    before: str = ""
    after: str = ""
    excerpt: str | None = None

    @property
    def text(self) -> str:
        """What a prompt shows of it: its excerpt, or the chunk with its neighbours."""
        if self.excerpt is not None:
            return self.excerpt
        return "\n".join(part for part in (self.before, self.chunk.text, self.after) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """A place in a document that reads like an instruction to a language model, for a person to look at."""

    document: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What one sync did to the index. Counts are documents; `chunks` and `tokens` are those written, and `reused` those of
    them whose vectors were there already. `moved` are among the added; `kept`: left as they were since their source did not
    answer, or no longer lists them and keeps them; they are among the unchanged. `flagged`: places in what was written."""

    added: int
    changed: int
    unchanged: int
    removed: int
    skipped: tuple[Skipped, ...]
    documents: int
    chunks: int
    tokens: int
    seconds: float
    version: int
    moved: int = 0
    kept: int = 0
    reused: int = 0
    flagged: tuple[Flagged, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A document that has another id now."""

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPlan:
    """What a sync would do, by document id. `moved` are among the added and the removed."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: int
    kept: int
    removed: tuple[str, ...]
    moved: tuple[Move, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A state of the index that can still be searched. `made`: ISO 8601 in UTC."""

    version: int
    made: str
    chunks: int
