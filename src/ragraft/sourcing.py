"""The `[[sources]]` of `ragraft.toml`: where documents come from besides the documents folder. In: decoded TOML. Writes nothing."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ragraft.section import Positive, Section


class AccessRule(Section):
    path: str
    """Glob over document ids, of a source's without its name; the last rule that matches wins."""
    readers: tuple[str, ...]


class SourceSection(Section):
    """What every kind of source has. `${NAME}` in a URL is taken from the environment or `.env` when it is used."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    """The first part of its documents' ids: NAME/…"""
    readers: tuple[str, ...] = ()
    """Who may read those of its documents that no rule names. Empty: nobody."""
    rules: tuple[AccessRule, ...] = ()
    tags: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _no_password(self) -> SourceSection:
        url = getattr(self, "url", getattr(self, "path", ""))
        found = re.match(r"[^/?#]*://[^/?#@]*:([^/?#@]+)@", url)
        if found and not re.search(r"\$\{\w+\}", found[1]):
            raise ValueError("a password stands in the URL: write ${NAME} and set NAME in the environment or in .env")
        return self


class WebSection(SourceSection):
    """What every source has that is fetched from the web."""

    allow_private: tuple[str, ...] = ()
    """`HOST:PORT` of servers in a private network that may be asked all the same."""
    timeout_s: Annotated[float, Field(gt=0)] = 30.0
    """For one page, from the first byte sent to the last byte received."""


class FilesSource(WebSection):
    type: Literal["files"]
    url: str
    """A folder (relative to the project), or any fsspec URL: s3://, gs://, az://, sftp://, https:// (one document)."""
    include: tuple[str, ...] = ("**/*",)
    exclude: tuple[str, ...] = ()


class WebSource(WebSection):
    type: Literal["web"]
    url: str
    """Where the crawl starts; or a sitemap (`….xml`, `….xml.gz`), whose pages are read and no links followed."""
    include: tuple[str, ...] = ("**",)
    """Globs over the path of a page's URL, without its first slash."""
    exclude: tuple[str, ...] = ()
    depth: Annotated[int, Field(ge=0)] = 3
    max_pages: Positive = 1000
    delay_s: Annotated[float, Field(ge=0)] = 0.0
    """Pause between two requests; a longer Crawl-delay in robots.txt is kept."""


class FeedSource(WebSection):
    type: Literal["feed"]
    url: str
    keep: bool = True
    """Entries that have left the feed stay in the index."""


class SqlSource(SourceSection):
    type: Literal["sql"]
    url: str
    """A SQLAlchemy URL, such as sqlite:///shop.db or postgresql+psycopg://reader:${DB_PASSWORD}@HOST/DB."""
    query: str
    """One row is one document."""
    key: str
    template: str
    """Markdown with {column} in it."""
    title: str = ""
    """A template too."""
    updated: str | None = None
    """The column that says when a row last changed."""
    readers_column: str | None = None
    """Names of those who may read the row, separated by commas; instead of `readers`."""
    live: tuple[str, ...] = ()
    """Columns that are read when a question is asked, not when the row is indexed."""
    when_down: Literal["stale", "fail"] = "stale"
    """Answer without the live values, and say so; or do not answer."""
    timeout_s: Annotated[float, Field(gt=0)] = 2.0
    """For reading live values."""

    @model_validator(mode="after")
    def _one_say(self) -> SqlSource:
        if self.readers_column is not None and (self.readers or self.rules):
            raise ValueError(
                f"{self.name}: `readers_column` alone says who may read each row; take it out, or `readers` and `rules`"
            )
        return self


class JsonlSource(WebSection):
    type: Literal["jsonl"]
    path: str
    """A file (relative to the project) or an fsspec URL; one JSON object a line."""
    id: str = "id"
    text: str = "text"
    title: str = "title"


Source = Annotated[FilesSource | WebSource | FeedSource | SqlSource | JsonlSource, Field(discriminator="type")]
