"""Rows of a SQL query -> `Item`s, one a row through a template; and live values, read when a question is asked.

Reads only. Every connection is made for one use; nothing is written here or there.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ragraft.corpus.sources.item import Item, Place, Unavailable, content_hash, moment
from ragraft.errors import ConfigError, LiveError
from ragraft.sourcing import SqlSource
from ragraft.types import Skipped

if TYPE_CHECKING:
    from sqlalchemy import Engine, RowMapping, Select

T = TypeVar("T")
_ROWS = 1000
"""Rows held at a time."""
_COLUMN = re.compile(r"\{(\w+)\}")


def find(source: SqlSource, place: Place) -> Iterator[Item | Skipped]:
    """One document a row. A row without a key, or with an empty text, is skipped and named. Raises `Unavailable` when the
    database does not answer, `ConfigError` when the query lacks a column that the source names."""
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    with _engine(source, place) as engine:
        try:
            with engine.connect().execution_options(stream_results=True, yield_per=_ROWS) as connection:
                result = connection.execute(text(source.query.rstrip().rstrip(";")))
                _check(source, list(result.keys()))
                for number, row in enumerate(result.mappings(), start=1):
                    yield _item(source, row, number)
        except SQLAlchemyError as error:
            raise Unavailable(_reason(source, place, error)) from None


def live_values(sources: Sequence[SqlSource], place: Place, documents: Collection[str]) -> dict[str, str]:
    """Document id -> one sentence with its row's live values, for those documents that have any; one query a source.

    A database that does not answer in time gives a sentence that says so (`when_down = "stale"`), or raises `LiveError`.
    """
    lines: dict[str, str] = {}
    for source in sources:
        prefix = f"{source.name}/"
        keys = [d.removeprefix(prefix) for d in documents if d.startswith(prefix)]
        if not source.live or not keys:
            continue
        try:
            found = _in_time(lambda source=source, keys=keys: _read(source, place, keys), source.timeout_s)
        except Unavailable as error:
            if source.when_down == "fail":
                raise LiveError(
                    f"{source.name}: the live values ({', '.join(source.live)}) cannot be read: {error}; try again, or "
                    'set `when_down = "stale"`'
                ) from error
            lines |= {
                prefix + k: f"Current values of {', '.join(source.live)} are not available just now." for k in keys
            }
            continue
        lines |= {prefix + key: f"Current values: {values}." for key, values in found.items()}
    return lines


def _item(source: SqlSource, row: RowMapping, number: int) -> Item | Skipped:
    key = row[source.key]
    if key is None or not str(key).strip():
        return Skipped(source=f"{source.name}: row {number}", reason=f"its key `{source.key}` is empty")
    name = f"{source.name}/{key}"
    body, title = _filled(source.template, row), " ".join(_filled(source.title, row).split())
    when = row[source.updated] if source.updated else None
    readers = source.readers
    if source.readers_column:
        readers = tuple(dict.fromkeys(r.strip() for r in str(row[source.readers_column] or "").split(",") if r.strip()))
    return Item(
        id=name,
        hash=content_hash(title, body, str(when or "")),
        data=body.encode(),
        suffix=".md",
        readers=readers,
        tags=source.tags,
        title=title,
        modified=moment(when),
    )


def _filled(template: str, row: RowMapping) -> str:
    return _COLUMN.sub(lambda found: "" if row[found[1]] is None else str(row[found[1]]), template)


def _check(source: SqlSource, columns: Sequence[str]) -> None:
    named = {source.key, *source.live, *_COLUMN.findall(source.template + source.title)}
    named |= {column for column in (source.updated, source.readers_column) if column}
    missing = sorted(named - set(columns))
    if missing:
        raise ConfigError(
            f"[[sources]] {source.name}: the query gives no column `{missing[0]}`; it gives {', '.join(columns)}"
        )
    frozen = [column for column in source.live if f"{{{column}}}" in source.template]
    if frozen:
        raise ConfigError(
            f"[[sources]] {source.name}: `{frozen[0]}` is live and stands in the template, where its value of today would be "
            "indexed; take it out of one of them"
        )


def _read(source: SqlSource, place: Place, keys: Sequence[str]) -> dict[str, str]:
    from sqlalchemy.exc import SQLAlchemyError

    with _engine(source, place) as engine:
        try:
            with engine.connect() as connection:
                rows = connection.execute(_by_key(source, place, keys)).mappings().all()
        except SQLAlchemyError as error:
            raise Unavailable(_reason(source, place, error)) from None
    return {str(row[source.key]): ", ".join(f"{c} {_shown(row[c])}" for c in source.live) for row in rows}


def _by_key(source: SqlSource, place: Place, keys: Sequence[str]) -> Select[Any]:
    """The query with its rows cut down to these keys. Keys come from the index as text, whatever the column's type."""
    from sqlalchemy import String, cast, column, select, text

    inner = text(source.query.rstrip().rstrip(";")).columns(*(column(name) for name in (source.key, *source.live)))
    rows = inner.subquery("documents")
    return select(rows).where(cast(rows.c[source.key], String).in_(keys))


def _shown(value: object) -> str:
    return "unknown" if value is None else str(value)


def _in_time(call: Callable[[], T], seconds: float) -> T:
    """The call's result, or `Unavailable` when it takes longer. Drivers differ in their timeouts, and a host that does not
    answer blocks in most of them: so the call runs in a thread that is left behind."""
    done: list[T] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            done.append(call())
        except (Unavailable, ConfigError) as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise Unavailable(f"no answer in {seconds:g} s")
    return done[0]


@contextlib.contextmanager
def _engine(source: SqlSource, place: Place) -> Generator[Engine]:
    from sqlalchemy import create_engine
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    try:
        url = make_url(place.expand(source.url) if source.url.startswith("${") else source.url)
        # Each part by itself, so that a password may hold any character.
        url = url.set(
            username=place.expand(url.username or "") or None,
            password=place.expand(str(url.password or "")) or None,
            host=place.expand(url.host or "") or None,
            database=place.expand(url.database or "") or None,
        )
        if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
            path = place.folder / url.database
            if not path.is_file():  # the driver would make an empty database
                raise Unavailable(f"{url.database}: no such file")
            url = url.set(database=str(path))
        engine = create_engine(url, poolclass=NullPool)
    except ImportError as error:
        raise ConfigError(
            f"[[sources]] {source.name}: {source.url.partition('://')[0]} needs the package `{error.name}`; `pip install {error.name}`"
        ) from error
    except SQLAlchemyError as error:
        raise ConfigError(f"[[sources]] {source.name}: {_reason(source, place, error)}") from None
    try:
        yield engine
    finally:
        engine.dispose()


def _reason(source: SqlSource, place: Place, error: Exception) -> str:
    """The driver's own words on one line, without the credentials and without SQLAlchemy's copy of the query."""
    said = " ".join(str(getattr(error, "orig", None) or error).split())[:200]
    return place.scrubbed(said, source.url, source.query)
