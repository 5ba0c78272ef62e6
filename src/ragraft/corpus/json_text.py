"""One JSON value from text or bytes that others wrote, or why it is none. Shared by examples and sources."""

from __future__ import annotations

import json
import re
from typing import Any

_HALF = re.compile(r"[\ud800-\udfff]")


def parsed(line: str | bytes) -> Any:
    """Raises `ValueError` (a `json.JSONDecodeError` where the text is no JSON), also for half of a surrogate pair, which no text has
    and nothing can store, and for brackets nested too deeply."""
    try:
        value = json.loads(line)
    except RecursionError as error:
        raise ValueError("brackets nested too deeply") from error
    if half := _HALF.search(json.dumps(value, ensure_ascii=False)):
        raise ValueError(f"\\u{ord(half[0]):x} is half of a character: write both halves, or the character itself")
    return value
