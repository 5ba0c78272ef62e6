"""Archives and mail: their members are read, and no archive costs more than the bound."""

import bz2
import gzip
import io
import lzma
import tarfile
import time
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from ragraft.config import DocumentsSection
from ragraft.corpus.parse import parse
from ragraft.corpus.sources import Item
from ragraft.types import Document, Skipped

FILES = Path(__file__).parent / "files"
SMALL = DocumentsSection(max_megabytes=1)


def read(name: str, data: bytes, section: DocumentsSection = SMALL) -> Document | Skipped:
    return parse(Item(id=name, hash="0", data=data, suffix=Path(name).suffix, readers=("everyone",)), section)


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(mode: str, **members: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{mode}") as archive:  # pyright: ignore[reportCallIssue, reportArgumentType]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


MEMBERS = {
    "notes/a.md": b"# Rope\n\nRope costs 12.",
    "b.docx": (FILES / "handbook.docx").read_bytes(),
    ".hidden": b"no",
}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("kit.zip", zipped(**MEMBERS)),
        ("kit.tar", tarred("", **MEMBERS)),
        ("kit.tar.gz", tarred("gz", **MEMBERS)),
        ("kit.tar.bz2", tarred("bz2", **MEMBERS)),
        ("kit.tar.xz", tarred("xz", **MEMBERS)),
        ("kit.zip", zipped(**{"inner.tgz": tarred("gz", **MEMBERS)})),
    ],
)
def test_every_member_is_read(name: str, data: bytes) -> None:
    found = read(name, data)
    assert isinstance(found, Document), found
    assert found.title in ("Kit", "Kit.tar", "Kit tar")
    assert "## notes/a.md\n\n# Rope\n\nRope costs 12." in found.text
    assert "| Rope | €12 |" in found.text
    assert (found.notes, "hidden" in found.text) == ((), False)


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)])
def test_one_packed_file(suffix: str, pack: object) -> None:
    assert callable(pack)
    found = read(f"a.md{suffix}", pack(b"# Bell\n\nA bell."))
    assert isinstance(found, Document)
    assert "A bell." in found.text


def test_bombs_are_named_and_cost_little() -> None:
    zeros = b"0" * (30 << 20)
    nested = b"# deep"
    for depth in range(8):
        nested = zipped(**{"deeper.zip" if depth else "a.md": nested})
    bombs = {
        "flat.zip": zipped(**{"a.txt": zeros}),
        "many.zip": zipped(**{f"{n}.txt": zeros[: 1 << 19] for n in range(5)}),
        "flat.gz": gzip.compress(zeros),
        "flat.xz": lzma.compress(zeros),
        "flat.tgz": tarred("gz", **{"a.txt": zeros}),
        "sheet.xlsx": zipped(**{"xl/workbook.xml": zeros}),
    }
    started = time.perf_counter()
    for name, data in bombs.items():
        found = read(name, data)
        assert isinstance(found, Skipped), name
        assert "unpacks to" in found.reason, (name, found.reason)
    deep = read("nested.zip", nested)
    assert isinstance(deep, Skipped)
    assert "not opened any deeper" in deep.reason
    assert time.perf_counter() - started < 10


def test_an_archive_that_holds_itself_ends() -> None:
    # Russ Cox's r.zip needs 440 bytes; a chain as deep as the limit and one more shows the same.
    inside = zipped(
        **{"r.zip": zipped(**{"r.zip": zipped(**{"r.zip": zipped(**{"r.zip": b"PK\x03\x04"})})}), "a.md": b"Words."}
    )
    found = read("r.zip", inside)
    assert isinstance(found, Document)
    assert "Words." in found.text
    assert len(found.notes) == 1


def test_damaged_and_encrypted_members_are_noted() -> None:
    data = bytearray(zipped(**{"a.md": b"Good words.", "b.md": b"Bad words, many of them, to be spoilt."}))
    place = data.index(b"b.md") + 10
    data[place : place + 4] = b"\xff\xff\xff\xff"
    found = read("x.zip", bytes(data))
    assert isinstance(found, Document)
    assert "Good words." in found.text
    assert found.notes[0].startswith("b.md: damaged")
    for name, broken in {
        "cut.zip": bytes(data[:40]),
        "cut.gz": gzip.compress(b"x" * 99)[:20],
        "no.tar": b"no tar" * 99,
    }.items():
        result = read(name, broken)
        assert isinstance(result, Skipped), name
        assert "damaged" in result.reason
    locked = bytearray(zipped(**{"a.md": b"Secret."}))
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):
        locked[locked.index(mark) + (6 if mark.endswith(b"\x04") else 8)] |= 1
    result = read("locked.zip", bytes(locked))
    assert isinstance(result, Skipped)
    assert "a.md: encrypted" in result.reason


def test_mail_with_its_attachments() -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Refund rule", "ann@shop.example", "bob@shop.example"
    mail.set_content("Refunds take nine days.")
    mail.add_alternative("<p>Refunds take <b>nine</b> days.</p>", subtype="html")
    mail.add_attachment(
        (FILES / "handbook.docx").read_bytes(), maintype="application", subtype="x", filename="book.docx"
    )
    mail.add_attachment(b"\x00\x01\x02" * 50, maintype="application", subtype="x", filename="blob.bin")
    found = read("rule.eml", mail.as_bytes())
    assert isinstance(found, Document)
    assert found.title == "Refund rule"
    assert found.text.count("Refunds take") == 1
    assert "ann@shop.example" in found.text
    assert "## book.docx" in found.text
    assert "| Rope | €12 |" in found.text
    assert [note.partition(":")[0] for note in found.notes] == ["blob.bin"]


def test_a_member_with_readers_of_its_own_stays_out() -> None:
    data = zipped(
        **{
            "a.md": b"Open words.",
            "b.md": b"---\nreaders: [hr]\n---\nClosed words.",
            "c.md": b"---\nreaders: {\n---\nx",
        }
    )
    found = read("kit.zip", data)
    assert isinstance(found, Document)
    assert "Closed" not in found.text
    assert [note.partition(":")[0] for note in found.notes] == ["b.md", "c.md"]
    ignored = read("kit.zip", data, DocumentsSection(front_matter=False))
    assert isinstance(ignored, Document)
    assert "Closed words." in ignored.text
