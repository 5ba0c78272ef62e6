"""A picture -> the words in it, by tesseract's data through kreuzberg. In: image bytes. Out: text. Writes nothing."""

from __future__ import annotations

import io
import re
from typing import Any

from ragraft.corpus.content import Unreadable

_MOST_PIXELS = 60_000_000
_DPI = 250
_SECONDS = 120


def read_image(data: bytes, mime: str, languages: str) -> str:
    """The text of an image. Raises `Unreadable` naming what to install when tesseract's data for a language is not there."""
    import kreuzberg

    if not languages:
        raise Unreadable("an image, and OCR is switched off (`ocr` in [documents])")
    _check_size(data)
    config = kreuzberg.ExtractionConfig(
        use_cache=False,
        ocr=kreuzberg.OcrConfig(backend="tesseract", language=languages),
        extraction_timeout_secs=_SECONDS,
    )
    try:
        return kreuzberg.extract_bytes_sync(data, mime, config).content.strip()
    except (kreuzberg.KreuzbergError, OSError, ValueError, RuntimeError) as error:
        raise Unreadable(_reason(str(error), languages)) from error


def read_page(page: Any, languages: str) -> str:
    """The text of a pdfplumber page that holds pictures only. Raises `Unreadable`."""
    area = float(page.width) * float(page.height) / 72**2
    # A page may claim any size: the picture drawn of it stays bounded.
    resolution = min(_DPI, int((_MOST_PIXELS / max(area, 1)) ** 0.5))
    picture = io.BytesIO()
    page.to_image(resolution=resolution).original.convert("L").save(picture, "PNG")
    return read_image(picture.getvalue(), "image/png", languages)


def _check_size(data: bytes) -> None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as picture:
            pixels = picture.width * picture.height
    except Image.DecompressionBombError as error:
        raise Unreadable("a picture too large to read") from error
    except (UnidentifiedImageError, OSError, ValueError):
        return  # kreuzberg knows more kinds; it names the damaged ones
    if pixels > _MOST_PIXELS:
        raise Unreadable(f"a picture too large to read ({pixels / 1e6:.0f} megapixels)")


def _reason(message: str, languages: str) -> str:
    missing = re.search(
        r"anguage '([\w+]+)' not found|traineddata|tessdata|[Tt]esseract.*(not found|missing|initiali[sz])", message
    )
    if missing:
        return (
            f"a scan, and tesseract's data for `{languages}` is not installed; on Debian: "
            f"apt-get install tesseract-ocr{''.join(f' tesseract-ocr-{x}' for x in languages.split('+') if x != 'eng')}"
        )
    return f"a picture that cannot be read ({message[:120]})"
