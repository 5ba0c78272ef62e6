"""A picture -> the words in it, by the program tesseract. In: image bytes, or a page. Out: text. Writes nothing.

Tesseract runs as a process of its own, which a broken picture may bring down and which is ended when it takes too long.
"""

from __future__ import annotations

import io
import os
import subprocess
from typing import Any

from ragraft.corpus.content import Unreadable

_MOST_PIXELS = 60_000_000
_MOST_FRAMES = 500
_DPI = 250
_SECONDS = 120


def read_image(data: bytes, languages: str) -> str:
    """The text of an image; of one with several pages, a marker before each. Raises `Unreadable`, naming what to install where
    tesseract or its data for a language is missing."""
    from PIL import Image, ImageSequence

    if not languages:
        raise Unreadable("a picture, and OCR is switched off (`ocr` in [documents])")
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                raise Unreadable(f"a picture too large to read ({picture.width * picture.height / 1e6:.0f} megapixels)")
            frames = min(getattr(picture, "n_frames", 1), _MOST_FRAMES)
            pages = zip(range(1, frames + 1), ImageSequence.Iterator(picture), strict=False)
            texts = [(number, _words(page.convert("L"), languages)) for number, page in pages]
    except Image.DecompressionBombError as error:
        raise Unreadable("a picture too large to read") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise Unreadable(f"a picture that cannot be read ({str(error)[:100]})") from error
    return texts[0][1] if len(texts) == 1 else "\n\n".join(f"<!-- page {n} -->\n{text}" for n, text in texts)


def read_page(page: Any, languages: str) -> str:
    """The text of a pdfplumber page that holds pictures only. Raises `Unreadable`."""
    if not languages:
        raise Unreadable("a scan, and OCR is switched off (`ocr` in [documents])")
    area = float(page.width) * float(page.height) / 72**2
    # A page may claim any size: the picture drawn of it stays bounded.
    resolution = max(1, min(_DPI, int((_MOST_PIXELS / max(area, 1)) ** 0.5)))
    return _words(page.to_image(resolution=resolution).original.convert("L"), languages)


def _words(picture: Any, languages: str) -> str:
    file = io.BytesIO()
    picture.save(file, "PNG")
    command = ["tesseract", "stdin", "stdout", "-l", languages]
    try:
        done = subprocess.run(
            command,
            input=file.getvalue(),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},  # more threads make it slower
        )
    except FileNotFoundError as error:
        raise Unreadable(f"a scan, and tesseract is not installed; {_remedy(languages)}") from error
    except subprocess.TimeoutExpired as error:
        raise Unreadable(f"tesseract took longer than {_SECONDS} s") from error
    said = done.stderr.decode(errors="replace")
    if done.returncode and "language" in said:
        raise Unreadable(f"a scan, and tesseract has no data for `{languages}`; {_remedy(languages)}")
    if done.returncode:
        raise Unreadable(f"tesseract cannot read it ({' '.join(said.split())[:100]})")
    return done.stdout.decode(errors="replace").strip()


def _remedy(languages: str) -> str:
    others = "".join(f" tesseract-ocr-{name}" for name in languages.split("+") if name != "eng")
    return f"on Debian: apt-get install tesseract-ocr{others}"
