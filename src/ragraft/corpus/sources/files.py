"""Files -> `Item`s: a folder, any fsspec URL, or one document behind an https URL. Writes nothing.

Whether a local file changed is told by a hash of its bytes; of a remote one by what the store says of it (ETag or checksum,
else size and date), so that an unchanged object is never fetched.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from ragraft.config import DocumentsSection
from ragraft.corpus.front import SIDE
from ragraft.corpus.sources.fetch import fetcher, suffix_of
from ragraft.corpus.sources.item import PARSER_VERSION, Item, Place, Unavailable, content_hash, moment, with_side
from ragraft.errors import ConfigError, DataError
from ragraft.sourcing import FilesSource, SourceSection
from ragraft.types import Skipped

_MARKS = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "updated", "mtime")
"""Under which names the stores' drivers say that an object changed."""
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure", "abfss": "azure"}


def documents(place: Place, config: DocumentsSection) -> Iterator[Item | Skipped]:
    """Every file under `folder / config.root` that an include glob names and no exclude glob does, sorted by id.

    Hidden files and folders and symbolic links that leave the root are left out; linked folders are not followed.
    Raises `DataError` when there is no such folder or nothing is left in it.
    """
    root = place.folder / config.root
    if not root.is_dir():
        raise DataError(
            f"{root}: {_absent(root)}; put documents into a folder of that name, or set `root` in [documents]"
        )
    names = set(_walk(root))
    ids = _wanted(names, config.include, config.exclude)
    if not ids:
        globs = f"include {list(config.include)}" + (f", exclude {list(config.exclude)}" if config.exclude else "")
        raise DataError(f"{root}: no documents ({globs}); put files there, or change the globs in [documents]")
    for name in ids:
        yield _local(root / name, name, place, readers=readers(name, config), tags=config.tags)
    yield from _orphans(names)


def find(source: FilesSource, place: Place) -> Iterator[Item | Skipped]:
    """The files of a named source, sorted by id. Raises `Unavailable` when its folder or store is not there now, and
    `ConfigError` when the URL's kind needs a package that is not installed."""
    if source.url.startswith(("http://", "https://")):
        yield from _one_page(source, place)
    elif "://" in source.url and not source.url.startswith("file://"):
        yield from _remote(source, place)
    else:
        root = local_folder(source, place)
        if root is None or not root.is_dir():
            raise Unavailable(f"{source.url}: {_absent(root)}")
        there = set(_walk(root))
        names = _wanted(there, source.include, source.exclude)
        if not names:  # perhaps a disk that is not mounted
            raise Unavailable(f"{source.url}: no documents in it")
        for name in names:
            yield _local(root / name, f"{source.name}/{name}", place, readers=source.readers, tags=source.tags)
        yield from _orphans(there, f"{source.name}/")


def local_folder(source: FilesSource, place: Place) -> Path | None:
    """The folder on this machine that the source names, relative to the project; None for a remote one."""
    url = place.expand(source.url.removeprefix("file://"))
    return None if "://" in url else place.folder / Path(url).expanduser()


def readers(document: str, config: DocumentsSection | SourceSection) -> tuple[str, ...]:
    """Who may read a document id (of a source's: without its name): the last matching rule's readers, else the section's default."""
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


def _wanted(names: Iterable[str], include: tuple[str, ...], exclude: tuple[str, ...]) -> list[str]:
    return sorted(
        name
        for name in names
        if any(matches(name, g) for g in include)
        and not any(matches(name, g) for g in exclude)
        and not name.endswith(SIDE)
    )


def _orphans(names: Collection[str], prefix: str = "") -> Iterator[Skipped]:
    """Side files that stand beside nothing: a misspelt one would leave its document open without a word."""
    for name in sorted(names):
        if name.endswith(SIDE) and name.removesuffix(SIDE) not in names:
            yield Skipped(source=prefix + name, reason=f"there is no {name.removesuffix(SIDE)} beside it")


def _walk(root: Path) -> Iterator[str]:
    inside = root.resolve()
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = Path(folder, name)
            if not name.startswith(".") and path.is_file() and path.resolve().is_relative_to(inside):
                yield path.relative_to(root).as_posix()


def _local(path: Path, name: str, place: Place, *, readers: tuple[str, ...], tags: tuple[str, ...]) -> Item | Skipped:
    try:
        status = path.stat()
        if status.st_size > place.limit:
            return too_large(name, place)
        digest = hashlib.sha256(PARSER_VERSION.encode())
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
        beside = path.with_name(path.name + SIDE)
        side = beside.read_bytes() if beside.is_file() else b""
    except OSError as error:
        return Skipped(source=name, reason=f"cannot be opened ({error.strerror})", kept=True)
    item = Item(
        id=name,
        hash=digest.hexdigest(),
        data=path.read_bytes,
        suffix=path.suffix.lower(),
        readers=readers,
        tags=tags,
        modified=moment(status.st_mtime),
    )
    return with_side(item, side) if side else item


def too_large(name: str, place: Place) -> Skipped:
    return Skipped(source=name, reason=f"larger than {place.limit >> 20} MB (`max_megabytes` in [documents])")


def _one_page(source: FilesSource, place: Place) -> Iterator[Item | Skipped]:
    with fetcher(source, place) as fetch:
        page = fetch(place.expand(source.url))
    name = f"{source.name}/{PurePosixPath(page.path).name or 'index'}"
    yield Item(
        id=name,
        hash=content_hash(page.data),
        data=page.data,
        suffix=suffix_of(page),
        readers=source.readers,
        tags=source.tags,
        modified=page.modified,
    )


def _remote(source: FilesSource, place: Place) -> Iterator[Item | Skipped]:
    with driver(source.url, place):
        store, root = open_store(source.url, place)
        found: dict[str, dict[str, Any]] = store.find(root, detail=True)
    if not found:
        raise Unavailable(f"{source.url}: nothing is there")
    base = root.rstrip("/") + "/"
    paths = {path.removeprefix(base) if path.startswith(base) else path.rsplit("/", 1)[-1]: path for path in found}
    visible = (name for name in paths if not any(part.startswith(".") for part in name.split("/")))
    for name in _wanted(visible, source.include, source.exclude):
        info, load = found[paths[name]], partial(_fetch_object, store, paths[name], source.url, place)
        full = f"{source.name}/{name}"
        size = int(info.get("size") or 0)
        if size > place.limit:
            yield too_large(full, place)
            continue
        marks = [str(info[mark]) for mark in _MARKS if info.get(mark)]
        data = load if marks else load()  # a store that says nothing of changes has to be asked for the bytes
        item = Item(
            id=full,
            hash=content_hash(data) if isinstance(data, bytes) else content_hash(str(size), *marks),
            data=data,
            suffix=PurePosixPath(name).suffix.lower(),
            readers=source.readers,
            tags=source.tags,
            modified=next((m for mark in _MARKS if (m := moment(info.get(mark)))), None),
        )
        beside = paths.get(name + SIDE)
        side = _fetch_object(store, beside, source.url, place) if beside else b""
        yield with_side(item, side) if side else item
    yield from _orphans(paths, f"{source.name}/")


def _fetch_object(store: Any, path: str, url: str, place: Place) -> bytes:
    with driver(url, place), store.open(path, "rb") as file:
        data: bytes = file.read(place.limit + 1)
    if len(data) > place.limit:
        raise Unavailable(f"{path}: larger than {place.limit >> 20} MB")
    return data


_S3 = {
    "key": "AWS_ACCESS_KEY_ID",
    "secret": "AWS_SECRET_ACCESS_KEY",
    "token": "AWS_SESSION_TOKEN",
    "endpoint_url": "AWS_ENDPOINT_URL_S3 AWS_ENDPOINT_URL",
}
_GOOGLE = {"token": "GOOGLE_APPLICATION_CREDENTIALS", "project": "GOOGLE_CLOUD_PROJECT"}
_AZURE = {
    "account_name": "AZURE_STORAGE_ACCOUNT_NAME",
    "account_key": "AZURE_STORAGE_ACCOUNT_KEY",
    "sas_token": "AZURE_STORAGE_SAS_TOKEN",
    "connection_string": "AZURE_STORAGE_CONNECTION_STRING",
}
_CREDENTIALS = {"s3": _S3, "s3a": _S3, "gs": _GOOGLE, "gcs": _GOOGLE, "az": _AZURE, "abfs": _AZURE, "abfss": _AZURE}
"""Protocol -> a driver's option -> the variables that may hold it, the first of them first. Drivers look into the environment alone, not into `.env`."""


def credentials(url: str, settings: Mapping[str, str | None]) -> dict[str, dict[str, str]]:
    """Each object store in a URL -> the options of its fsspec driver, from the environment and the project's `.env`."""
    protocols = {part.split("://", 1)[0] for part in url.split("::")}
    return {
        protocol: {
            option: value
            for option, names in _CREDENTIALS[protocol].items()
            if (value := next(filter(None, map(settings.get, names.split())), None))
        }
        for protocol in sorted(protocols & _CREDENTIALS.keys())
    }


def open_store(shown: str, place: Place) -> Any:
    """(fsspec file system, path in it) of a config's URL. Raises `ConfigError` naming the package that it needs."""
    import fsspec

    url = place.expand(shown)
    protocol = shown.split("://", 1)[0]
    if any(part.startswith(("http://", "https://")) for part in url.split("::")):
        raise ConfigError(
            f"{shown}: an address of the web within another URL, where it would be fetched unchecked; name it alone"
        )
    try:
        return fsspec.core.url_to_fs(url, **credentials(url, place.settings))
    except ImportError as error:
        extra = _EXTRAS.get(protocol)
        remedy = f"`pip install 'ragraft[{extra}]'`" if extra else f"install what fsspec asks for ({error})"
        raise ConfigError(f"{shown}: {protocol}:// needs a package that is not installed; {remedy}") from error
    except ValueError as error:
        raise ConfigError(f"{shown}: not a URL that can be read ({protocol}:// is not known)") from error


def _absent(folder: Path | None) -> str:
    return "a file, not a folder" if folder is not None and folder.exists() else "no such folder"


@contextlib.contextmanager
def driver(url: str, place: Place) -> Generator[None]:
    """Whatever a store's driver raises -> `Unavailable`. Each driver has exceptions of its own, so the border is broad."""
    try:
        yield
    except (Unavailable, ConfigError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise Unavailable(place.scrubbed(f"{url}: {type(error).__name__}: {reason}", url)) from None
