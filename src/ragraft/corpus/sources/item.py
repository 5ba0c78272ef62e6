"""What every kind of source yields, and what it is given. In: the project's folder and settings. Out: `Item`s. Writes nothing."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from ragraft.errors import ConfigError

PARSER_VERSION = "2"
"""Part of every hash: raising it makes each document new, so that a better parser reaches an existing index."""

_VARIABLE = re.compile(r"\$\{(\w+)\}")


class Unavailable(Exception):
    """Within this package: a source cannot be read now, and why. What it did not list stays in the index as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One document to be: found, not yet read.

    `hash`: 64 hex digits that change when the content does; readers and tags are not in it, so compare them too. After a `+`
    stands what else has to change for the document to be written anew. `data`: the
    bytes, or how to get them (raises `OSError` or `Unavailable`). `suffix`: the file ending that says how to read them.
    """

    id: str
    hash: str
    data: bytes | Callable[[], bytes]
    suffix: str
    readers: tuple[str, ...]
    tags: tuple[str, ...] = ()
    title: str = ""
    modified: str | None = None
    side: bytes = b""
    """What its side file holds (`corpus.front`); a digest of it follows a `+` in `hash`."""

    def read(self) -> bytes:
        return self.data if isinstance(self.data, bytes) else self.data()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where sources are read for: the project's folder, how many bytes one document may have, the environment with the
    project's `.env`, and the folder that remembers what web servers said (None: nothing is remembered)."""

    folder: Path
    limit: int
    settings: Mapping[str, str | None] = field(repr=False)
    remembered: Path | None = None

    def expand(self, text: str) -> str:
        """`text` with each `${NAME}` replaced. Raises `ConfigError` naming the one that is not set."""

        def value(found: re.Match[str]) -> str:
            setting = self.settings.get(found[1])
            if setting is None:
                raise ConfigError(f"{text}: {found[1]} is not set; set it in the environment or in the project's .env")
            return setting

        return _VARIABLE.sub(value, text)

    def scrubbed(self, text: str, *templates: str) -> str:
        """`text` without the values of the variables in `templates`: libraries and servers like to quote them back."""
        for name in {name for template in templates for name in _VARIABLE.findall(template)}:
            secret = self.settings.get(name) or ""
            for form in {secret, quote(secret, safe="")} - {""}:
                text = text.replace(form, f"${{{name}}}")
        return text


def settings(folder: Path) -> dict[str, str | None]:
    """The environment, and below it the project's `.env`."""
    from dotenv import dotenv_values

    return {**dotenv_values(folder / ".env"), **os.environ}


def with_side(item: Item, side: bytes) -> Item:
    """The item, with what its side file holds."""
    return replace(item, side=side, hash=f"{item.hash}+{content_hash(side)}")


def content_hash(*parts: str | bytes) -> str:
    """64 hex digits over PARSER_VERSION and the parts, each with its length."""
    digest = hashlib.sha256(PARSER_VERSION.encode())
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()


def moment(value: object) -> str | None:
    """A datetime, a date, seconds since 1970 or a text that says when -> ISO 8601 in UTC; None when it cannot be told."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = datetime.fromtimestamp(value, UTC)
    if not isinstance(value, datetime):
        try:
            value = datetime.fromisoformat(str(value).strip())
        except ValueError:
            return None
    return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC).isoformat(timespec="seconds")
