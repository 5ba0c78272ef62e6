"""The documents folder -> `Source`s. In: the project folder and its `[documents]` section. Out: one `Source` a file, in a
fixed order, with the hash that tells whether it changed. Writes nothing.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ragraft.config import DocumentsSection
from ragraft.errors import DataError

PARSER_VERSION = "1"
"""Part of every hash: raising it makes each document new, so that a better parser reaches an existing index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file to parse. `id`: its path relative to the root, forward slashes. `hash`: 64 hex digits over PARSER_VERSION and
    the file's bytes; the readers are not in it, so compare them too when deciding whether an indexed document is current."""

    id: str
    path: Path
    readers: tuple[str, ...]
    hash: str


def find(folder: Path, config: DocumentsSection) -> tuple[Source, ...]:
    """Every file under `folder / config.root` that an include glob names and no exclude glob does, sorted by id.

    Hidden files and folders and symbolic links that leave the root are left out; linked folders are not followed.
    Raises `DataError` when nothing is left.
    """
    root = folder / config.root
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; make it and put documents there, or set `root` in [documents]")
    ids = sorted(name for name in _walk(root) if _wanted(name, config))
    if not ids:
        globs = f"include {list(config.include)}" + (f", exclude {list(config.exclude)}" if config.exclude else "")
        raise DataError(f"{root}: no documents ({globs}); put files there, or change the globs in [documents]")
    return tuple(Source(id=i, path=root / i, readers=readers(i, config), hash=_hash(root / i)) for i in ids)


def readers(document: str, config: DocumentsSection) -> tuple[str, ...]:
    """Who may read a document id: the last matching rule's readers, else the section's default."""
    found = next((rule.readers for rule in reversed(config.rules) if matches(document, rule.path)), config.readers)
    return tuple(dict.fromkeys(found))


def matches(document: str, glob: str) -> bool:
    """Whether a document id matches a glob: `*` and `?` stay within one folder, `**` crosses folders, and a trailing slash
    means everything below."""
    return _pattern(glob).fullmatch(document) is not None


@functools.lru_cache(maxsize=512)
def _pattern(glob: str) -> re.Pattern[str]:
    glob = glob.removeprefix("./") + ("**" if glob.endswith("/") else "")
    tokens = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", glob)
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(known.get(t) or (_class(t) if t.startswith("[") else re.escape(t)) for t in tokens), re.S)


def _class(token: str) -> str:
    if len(token) < 3 or not token.endswith("]"):
        return re.escape(token)
    inside = token[1:-1].replace("\\", r"\\").replace("[", r"\[")
    return "[^" + inside[1:] + "]" if inside.startswith("!") else "[" + inside.replace("^", r"\^") + "]"


def _walk(root: Path) -> list[str]:
    found: list[str] = []
    inside = root.resolve()
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = Path(folder, name)
            if not name.startswith(".") and path.is_file() and path.resolve().is_relative_to(inside):
                found.append(PurePosixPath(path.relative_to(root).as_posix()).as_posix())
    return found


def _wanted(document: str, config: DocumentsSection) -> bool:
    return any(matches(document, g) for g in config.include) and not any(matches(document, g) for g in config.exclude)


def _hash(path: Path) -> str:
    digest = hashlib.sha256(PARSER_VERSION.encode())
    try:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    except OSError:
        # Parsing will name the file and the reason; here it only must not end the run.
        return hashlib.sha256(b"unreadable").hexdigest()
    return digest.hexdigest()
