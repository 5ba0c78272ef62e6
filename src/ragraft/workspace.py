"""Where a project's state lives: the only module that knows the paths under `.ragraft/`.

    .ragraft/
      lock                       who works on the project now
      index/                     the LanceDB store; after a rebuild index-KEY/, named by the file index-in-use
      sources/NAME.json          what a web server said of its pages
      index-cost.json            seconds and chunks of every sync so far
      stages/NAME/FINGERPRINT/   finished artifacts of one stage, manifest.json written last
      evaluations/FINGERPRINT.jsonl   one finished case a line, appended as they finish
      runs/ID/                   report.json, report.html, config.json
      forgotten.json             documents that no sync takes in again
      certificates/ID.json       what each `forget` did

Everything is written to a temporary name and renamed, so that a killed run leaves the old state or the new one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import functools
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from ragraft.errors import LockedError, StoreError
from ragraft.meter import metered
from ragraft.types import Spent

T = TypeVar("T")
STATE = ".ragraft"
FULL_BELOW = 1 << 20
"""Free bytes under which a failed write is put down to a full disk."""


def fingerprint(*parts: object) -> str:
    """Sixteen hex digits over the canonical JSON of dataclasses, pydantic models and plain values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=_plain).encode()).hexdigest()[:16]


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")  # type: ignore[union-attr]
    if isinstance(value, (set, frozenset)):
        return sorted(value)  # type: ignore[type-var]
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"cannot fingerprint {type(value).__name__}")


@functools.cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def to_json(value: object, kind: Any = None, *, indent: int | None = None) -> str:
    """A dataclass (or a container of them, with `kind` given) as JSON."""
    return _adapter(kind or type(value)).dump_json(value, indent=indent).decode()


def from_json(kind: type[T], text: str | bytes) -> T:
    """The inverse of `to_json`. Raises pydantic's `ValidationError` on foreign data."""
    return _adapter(kind).validate_json(text)


def write_atomic(path: Path, data: str | bytes) -> None:
    """Write `data` to a temporary name beside `path`, flush it to disk, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = data.encode() if isinstance(data, str) else data
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise disk_error(error, path) from error


@functools.cache
def _umask() -> int:
    """The process's umask, which can only be read by setting it; temporary files are private until they are renamed."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def disk_error(error: OSError, path: Path) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(
            f"{path}: the disk is full; free some space and run the same command again, it continues where it was"
        )
    return StoreError(
        f"{path}: cannot be written ({error.strerror}); check the folder's rights and run the same command again"
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The last file of a finished stage. `spent`: None where the build was interrupted, or not measured."""

    stage: str
    fingerprint: str
    made: str
    spent: Spent | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Workspace:
    """The state of the project in `root`."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / STATE

    @property
    def index(self) -> Path:
        """The index in use: `index`, until a rebuild has put another one in its place."""
        pointer = self.state / "index-in-use"
        return self.state / (pointer.read_text().strip() if pointer.is_file() else "index")

    def index_beside(self, key: str) -> Path:
        """A folder for an index to be built beside the one in use. The same again after an interruption, to go on in."""
        first, second = self.state / f"index-{key}", self.state / f"index-{key}-again"
        return second if self.index == first else first

    def use_index(self, folder: Path) -> None:
        """Switch to a finished index: from now on, `index` is this folder."""
        write_atomic(self.state / "index-in-use", folder.name)

    def drop_unused_indices(self) -> None:
        """Erase every index but the one in use."""
        for path in self.state.glob("index*"):
            if path.is_dir() and path != self.index:
                shutil.rmtree(path)

    @property
    def sources(self) -> Path:
        """What web servers said of their pages, a file a source."""
        return self.state / "sources"

    @property
    def index_cost(self) -> Path:
        return self.state / "index-cost.json"

    @property
    def forgotten(self) -> Path:
        return self.state / "forgotten.json"

    def certificate(self, name: str) -> Path:
        return self.state / "certificates" / f"{name}.json"

    def certificates(self) -> list[Path]:
        """Newest first."""
        return sorted((self.state / "certificates").glob("[!.]*.json"), reverse=True)

    def stage(self, name: str, key: str) -> Path:
        return self.state / "stages" / name / key

    def has_stage(self, name: str, key: str) -> bool:
        return (self.stage(name, key) / "manifest.json").is_file()

    def finished_stages(self, name: str) -> list[Path]:
        """The folders of a stage's finished artifacts."""
        return sorted(p.parent for p in (self.state / "stages" / name).glob("[!.]*/manifest.json"))

    def stage_folders(self) -> list[Path]:
        """Of every stage, finished or being built."""
        return sorted((self.state / "stages").glob("*/*/"))

    def evaluations(self) -> list[Path]:
        """The files of saved answers."""
        return sorted((self.state / "evaluations").glob("*"))

    def run_folders(self) -> list[Path]:
        """Of every run, finished or not."""
        return sorted((self.state / "runs").glob("*/"))

    def latest_adapter(self, arm: str) -> Path:
        """Holds the fingerprint of the adapter that was trained or loaded last for `arm`."""
        return self.state / "stages" / "adapters" / f"latest-{arm}"

    def evaluation(self, key: str) -> Path:
        return self.state / "evaluations" / f"{key}.jsonl"

    def build_stage(self, name: str, key: str, build: Callable[[Path], None]) -> Path:
        """The finished artifacts of a stage: loaded when they are there, else built by `build(folder)` and renamed.

        A build that was interrupted finds its own leftovers in `folder` and may continue from them. The manifest holds what the
        build took; null where it was interrupted, since nobody saw how the first part ended.
        """
        target = self.stage(name, key)
        if self.has_stage(name, key):
            return target
        working = target.with_name(f".{key}.building")
        whole = not working.exists()
        try:
            working.mkdir(parents=True, exist_ok=True)
            with metered() as meter:
                build(working)
            manifest = Manifest(stage=name, fingerprint=key, made=now(), spent=meter.spent if whole else None)
            write_atomic(working / "manifest.json", to_json(manifest))
            shutil.rmtree(target, ignore_errors=True)
            working.rename(target)
        except OSError as error:
            raise disk_error(error, target) from error
        except _weight_errors() as error:
            if shutil.disk_usage(working).free < FULL_BELOW:
                raise disk_error(OSError(errno.ENOSPC, ""), target) from error
            raise
        return target

    def spent(self, folder: Path) -> Spent | None:
        """What building a finished stage took; None where that is not known."""
        return from_json(Manifest, (folder / "manifest.json").read_bytes()).spent

    def new_run(self) -> Path:
        """A fresh run directory, named by UTC time so that names sort by age."""
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        for suffix in ("", *(f"-{n}" for n in range(2, 100))):
            path = self.state / "runs" / f"{stamp}{suffix}"
            with contextlib.suppress(FileExistsError):
                path.mkdir(parents=True)
                return path
        raise StoreError(f"{self.state / 'runs'}: more than 99 runs in one second")

    def run(self, name: str) -> Path:
        """The folder of a run by its id."""
        return self.state / "runs" / name

    def runs(self) -> list[Path]:
        """Finished runs, newest first."""
        return sorted((p.parent for p in (self.state / "runs").glob("*/report.json")), reverse=True)

    @contextlib.contextmanager
    def lock(self, purpose: str, *, wait: bool = False) -> Generator[None]:
        """Hold the project for one writer. Raises `LockedError` naming the holder, unless `wait`."""
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "another process"
                raise LockedError(f"{self.root}: {holder} works on this project; wait for it, or use --wait") from None
            _sign(file.fileno(), f"`{purpose}` (process {os.getpid()}, since {time.strftime('%H:%M:%S')})")
            try:
                yield
            finally:
                _sign(file.fileno(), "")


def _weight_errors() -> tuple[type[Exception], ...]:
    """What writers of weights raise where the disk is full instead of an `OSError`: torch the first, safetensors the second."""
    from safetensors import SafetensorError

    return RuntimeError, SafetensorError


def _sign(descriptor: int, holder: str) -> None:
    """Write who holds the lock. A disk too full for that line says so when something that matters is written."""
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, holder.encode())


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def append_line(path: Path, line: str) -> None:
    """Append one finished line and flush it to disk; a line cut off by a kill is dropped by `read_lines`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise disk_error(error, path) from error


def read_lines(path: Path) -> list[str]:
    """The finished lines of a file written by `append_line`; a torn last line is cut from the file as well."""
    if not path.is_file():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) != len(data):
        write_atomic(path, whole)
    return whole.decode().splitlines()
