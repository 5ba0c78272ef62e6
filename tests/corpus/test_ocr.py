"""Pictures and scanned pages, read by tesseract's data; they are skipped where it is not installed."""

import io
import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from ragraft.config import DocumentsSection
from ragraft.corpus.parse import parse
from ragraft.corpus.sources import Item
from ragraft.types import Document, Skipped

needs_tesseract = pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")


def picture(text: str, kind: str) -> bytes:
    image = Image.new("RGB", (1240, 500), "white")
    ImageDraw.Draw(image).text((60, 60), text, fill="black", font=ImageFont.load_default(44))
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def read(name: str, data: bytes, ocr: str = "eng") -> Document | Skipped:
    return parse(Item(id=name, hash="0", data=data, suffix=Path(name).suffix, readers=()), DocumentsSection(ocr=ocr))


def mixed_pdf(tmp_path: Path) -> bytes:
    """A page of text, a scanned page, and a blank one: only the scan needs OCR."""
    import pypdfium2 as pdfium

    book = pdfium.PdfDocument(Path(__file__).parent / "files" / "book.pdf")
    scan = pdfium.PdfDocument(picture("The rope costs twelve euros.\nLamps are sold out.", "PDF"))
    out = pdfium.PdfDocument.new()
    out.import_pages(book, [0])
    out.import_pages(scan)
    out.new_page(300, 300)
    file = io.BytesIO()
    out.save(file)
    return file.getvalue()


@needs_tesseract
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_the_words_of_a_picture(kind: str) -> None:
    found = read(f"sign.{kind.lower()}", picture("The rope costs twelve euros.", kind))
    assert isinstance(found, Document), found
    assert "rope costs twelve euros" in found.text


@needs_tesseract
def test_a_page_without_text_is_read_and_keeps_its_number(tmp_path: Path) -> None:
    found = read("mixed.pdf", mixed_pdf(tmp_path))
    assert isinstance(found, Document)
    assert "Paragraph 5 of section 1" in found.text
    assert "<!-- page 2 -->\nThe rope costs twelve euros. Lamps are sold out." in found.text
    assert found.notes == ()


@pytest.mark.parametrize(("ocr", "said"), [("zzz", "apt-get install tesseract-ocr"), ("", "switched off")])
def test_without_ocr_the_page_is_named_and_the_rest_is_read(tmp_path: Path, ocr: str, said: str) -> None:
    found = read("mixed.pdf", mixed_pdf(tmp_path), ocr)
    assert isinstance(found, Document)
    assert "Paragraph 5 of section 1" in found.text
    assert len(found.notes) == 1
    assert found.notes[0].startswith("page 2: ")
    assert said in found.notes[0]
    alone = read("sign.png", picture("Words", "PNG"), ocr)
    assert isinstance(alone, Skipped)
    assert said in alone.reason


@needs_tesseract
def test_each_page_of_a_fax_is_a_page() -> None:
    frames = [Image.open(io.BytesIO(picture(f"The {word} is sold out.", "PNG"))) for word in ("rope", "lamp")]
    out = io.BytesIO()
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:])
    found = read("fax.tiff", out.getvalue())
    assert isinstance(found, Document)
    assert "<!-- page 2 -->\nThe lamp is sold out." in found.text


def test_without_tesseract_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = read("sign.png", picture("Words", "PNG"))
    assert isinstance(found, Skipped)
    assert found.reason == "a scan, and tesseract is not installed; on Debian: apt-get install tesseract-ocr"


def test_a_picture_too_large_to_read_is_not_opened() -> None:
    image = Image.new("1", (9000, 9000))
    out = io.BytesIO()
    image.save(out, "PNG")
    found = read("huge.png", out.getvalue())
    assert isinstance(found, Skipped)
    assert "81 megapixels" in found.reason
