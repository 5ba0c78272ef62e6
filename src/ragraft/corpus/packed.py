"""Files that hold files: zip, tar, gzip, bzip2, xz archives and mail. In: bytes. Out: the members, one by one. Writes nothing.

What an archive unpacks to is bounded while it is unpacked, whatever its directory says; so bombs cost at most the bound.
"""

from __future__ import annotations

import bz2
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from pathlib import PurePosixPath
from typing import Any

PACKED = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".eml")
_MEMBERS = 10_000


class TooLarge(Exception):
    """Within this package: an archive unpacks to more than it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file in a file; `fault` says why it cannot be read, and then there are no bytes."""

    name: str
    data: bytes = b""
    fault: str = ""


@dataclass(slots=True)
class Budget:
    """Bytes that may still be unpacked, and archives that may still be opened in one another."""

    left: int
    depth: int = 4

    def spend(self, data: bytes) -> bytes:
        self.left -= len(data)
        if self.left < 0:
            raise TooLarge
        return data


def members(name: str, data: bytes, budget: Budget) -> Iterator[Member]:
    """The files in an archive, or a mail's attachments. Raises `TooLarge`; `ValueError`, `EOFError`, `OSError`, `zlib.error`,
    `tarfile.TarError`, `zipfile.BadZipFile` or `lzma.LZMAError` when it is damaged."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".zip":
        yield from _zip(data, budget)
    elif suffix == ".eml":
        yield from _attachments(data, budget)
    elif suffix == ".tar":
        yield from _tar(data, budget)
    else:
        inside = _decompressed(suffix, data, budget)
        stem = PurePosixPath(name).stem
        if suffix in (".tgz", ".tbz2", ".txz") or stem.lower().endswith(".tar"):
            yield from _tar(inside, budget)
        else:
            yield Member(name=stem, data=inside)


def _zip(data: bytes, budget: Budget) -> Iterator[Member]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist()[:_MEMBERS]:
            if info.is_dir() or _hidden(info.filename):
                continue
            if info.flag_bits & 1:
                yield Member(name=info.filename, fault="encrypted: pack it again without a password")
                continue
            try:
                with archive.open(info) as file:
                    yield Member(name=info.filename, data=budget.spend(file.read(budget.left + 1)))
            except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error) as error:
                yield Member(name=info.filename, fault=f"damaged ({error})")


def _tar(data: bytes, budget: Budget) -> Iterator[Member]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for number, info in enumerate(archive):
            file = archive.extractfile(info) if info.isfile() and not _hidden(info.name) else None
            if file is not None:
                yield Member(name=info.name, data=budget.spend(file.read(budget.left + 1)))
            if number >= _MEMBERS:
                return


def _decompressed(suffix: str, data: bytes, budget: Budget) -> bytes:
    if suffix in (".gz", ".tgz"):
        unpacker: Any = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    else:
        unpacker = bz2.BZ2Decompressor() if suffix in (".bz2", ".tbz2") else lzma.LZMADecompressor(memlimit=1 << 28)
    inside = unpacker.decompress(data, budget.left + 1)
    budget.spend(inside)
    if not unpacker.eof:
        raise EOFError("it is cut off")
    return inside


def _attachments(data: bytes, budget: Budget) -> Iterator[Member]:
    mail = BytesParser(policy=policy.default).parsebytes(data)
    for number, part in enumerate(mail.iter_attachments(), start=1):
        if part.get_content_type() == "message/rfc822":
            inner: Any = part.get_payload(0)
            yield Member(name=f"attachment-{number}.eml", data=budget.spend(inner.as_bytes()))
            continue
        content: Any = part.get_payload(decode=True)
        if isinstance(content, bytes):
            yield Member(name=part.get_filename() or f"attachment-{number}", data=budget.spend(content))


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)
