"""Parsing: real files of each kind, and bad ones, which are skipped with a reason and never raise."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragraft.corpus.parse import parse
from ragraft.corpus.sources import Item
from ragraft.types import Document, Skipped

FILES = Path(__file__).parent / "files"
TABLE = "| Item | Price |\n| --- | --- |\n| Rope | €12 |\n| Lamp | €30 |"


def read(path: Path) -> Document | Skipped:
    return parse(Item(id=path.name, data=path.read_bytes, suffix=path.suffix.lower(), readers=("everyone",), hash="0"))


def document(path: Path) -> Document:
    result = read(path)
    assert isinstance(result, Document), result
    return result


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_docx_keeps_headings_and_tables() -> None:
    found = document(FILES / "handbook.docx")
    assert found.title == "Depot handbook"
    assert TABLE in found.text
    assert "# Limits\n" in found.text
    assert "## Exceptions\n" in found.text


def test_html_gives_its_body_without_the_head() -> None:
    found = document(FILES / "handbook.html")
    assert found.title == "Depot handbook"
    assert found.text.startswith("# Depot handbook\n")
    assert "| Rope | €12   |" in found.text
    assert "### Exceptions" in found.text


def test_pptx_marks_slides_and_xlsx_names_sheets() -> None:
    assert "<!-- page 2 -->\n\n## Prices\n\n| Item | Price |" in document(FILES / "handbook.pptx").text
    sheet = document(FILES / "handbook.xlsx")
    assert "## Prices\n\n| Item | Price |\n| --- | --- |\n| Rope | 12 |\n| Lamp | 30.5 |" in sheet.text
    assert "## Limits" in sheet.text


def test_pdf_gives_headings_tables_and_pages() -> None:
    found = document(FILES / "book.pdf")
    assert found.title == "The big depot book"
    assert found.text.startswith("<!-- page 1 -->\n# The big depot book\n\nAn introduction to all.\n\n## Section 1\n")
    assert [f"## Section {n}\n" in found.text for n in range(1, 6)] == [True] * 5
    assert (
        "### Price table 1\n\n| Item | Price | Delivery |\n| --- | --- | --- |\n| Item 1-0 thing | €1 |" in found.text
    )
    assert "the river is high\nand nobody" in found.text
    assert [f"<!-- page {n} -->" in found.text for n in (2, 3, 4, 5)] == [True, True, True, False]
    # Every paragraph and row stands once: nothing is doubled or moved between pages.
    assert [found.text.count(f"Paragraph {i} of section {n}.") for n in range(1, 6) for i in range(6)] == [1] * 30
    assert [found.text.count(f"Item {n}-{i} thing") for n in range(1, 6) for i in range(8)] == [1] * 40


def test_pdf_tables_with_rules_between_rows_only() -> None:
    text = document(FILES / "rows.pdf").text
    assert (
        "| Add-on | Price | Billed |\n| --- | --- | --- |\n| Text message bundle, 500 messages | €35 | once |" in text
    )
    assert "| Printed asset labels | €24 | per roll of 250 |\n\nTraining on site costs" in text


def test_csv_becomes_a_table(tmp_path: Path) -> None:
    found = document(written(tmp_path, "price-list.csv", 'Item,Price\nRope,12\n"Lamp, big",30\n'))
    assert found.title == "Price list"
    assert found.text == "| Item | Price |\n| --- | --- |\n| Rope | 12 |\n| Lamp, big | 30 |"


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("a.md", '---\ntitle: "From the front"\ntags: x\n---\n# Heading\n\nText.', "From the front"),
        ("a.md", "+++\ntitle = 'Toml'\n+++\nText.", "Toml"),
        ("a.md", "```\n# no\n```\n\n# The *real* [one](x.md) #\n\nText.", "The real one"),
        ("a.md", "Set with lines\n===\n\nText.", "Set with lines"),
        ("failed_payments-v2.txt", "Only text.", "Failed payments v2"),
        ("a.html", "<html><head><title>T &amp; t</title></head><body><p>Text</p></body></html>", "T & t"),
        ("a.html", "<title>x</title><h1>Real</h1><p>Text</p>", "Real"),
    ],
)
def test_titles(tmp_path: Path, name: str, content: str, title: str) -> None:
    assert document(written(tmp_path, name, content)).title == title


def test_rules_at_the_top_are_not_front_matter(tmp_path: Path) -> None:
    assert document(written(tmp_path, "a.md", "---\nA line.\n---\nB.")).text == "---\nA line.\n---\nB."


def test_front_matter_is_stripped_and_encodings_are_read(tmp_path: Path) -> None:
    assert document(written(tmp_path, "a.md", "\ufeff---\r\nx: 1\r\n---\r\nBody\r\n")).text == "Body"
    assert document(written(tmp_path, "b.txt", "Café".encode("latin-1"))).text == "Café"
    assert document(written(tmp_path, "c.txt", "Café".encode("utf-16"))).text == "Café"


def test_bad_files_are_skipped_with_a_reason(tmp_path: Path) -> None:
    pdf, docx, xlsx = ((FILES / n).read_bytes() for n in ("book.pdf", "handbook.docx", "handbook.xlsx"))
    cases: dict[str, tuple[bytes, str]] = {
        "empty.md": (b"", "empty"),
        "blank.txt": (b" \n\t ", "white space"),
        "front.md": (b"---\ntitle: x\n---\n", "nothing but front matter"),
        "zip.pdf": (xlsx, "not a PDF in spite of its name: it looks like a zip archive"),
        "cut.pdf": (pdf[:3000], "damaged or cut off"),
        "cut.docx": (docx[:5000], "damaged or cut off"),
        "pdf.docx": (pdf, "not a DOCX file in spite of its name: it looks like a PDF"),
        "sheet.docx": (xlsx, "damaged"),
        "old.docx": (b"\xd0\xcf\x11\xe0" + b"x" * 600, "encrypted"),
        "binary.txt": (bytes(range(256)) * 9, "not text"),
        "pdf.md": (pdf, "not text"),
        "what.xyz": (b"abc", "not a kind of document"),
        "photo.png": (b"\x89PNG\r\n\x1a\n", "a picture that cannot be read"),
        "noending": (b"abc", "not a kind of document"),
    }
    for name, (content, reason) in cases.items():
        result = read(written(tmp_path, name, content))
        assert isinstance(result, Skipped), name
        assert result.source == name
        assert reason in result.reason, (name, result.reason)
    assert read(FILES / "locked.pdf") == Skipped(
        source="locked.pdf", reason="encrypted: save it again without a password"
    )
    assert read(FILES / "blank.pdf") == Skipped(
        source="blank.pdf", reason="no text in it: its pages are blank, or drawings"
    )
    assert "cannot be opened" in getattr(read(tmp_path / "gone.md"), "reason", "")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["book.pdf", "handbook.docx", "handbook.pptx", "handbook.xlsx", "handbook.html"]),
    cut=st.floats(0.01, 1),
    at=st.floats(0, 1),
    noise=st.binary(max_size=40),
)
def test_damage_never_raises(tmp_path: Path, name: str, cut: float, at: float, noise: bytes) -> None:
    data = (FILES / name).read_bytes()
    data = data[: int(cut * len(data))]
    place = int(at * len(data))
    assert isinstance(
        read(written(tmp_path, name, data[:place] + noise + data[place + len(noise) :])), Document | Skipped
    )
