"""What a document says of itself: front matter in Markdown and text, meta elements in HTML; what a side file says of it. In: the
text. Out: a `Front`.

`readers` and `tags` are lists of names, or one text with commas. Writes nothing.
"""

from __future__ import annotations

import html
import re
import tomllib
from dataclasses import dataclass
from typing import Any

from ragraft.types import EVERYONE

SIDE = ".ragraft.toml"
"""`contract.pdf.ragraft.toml` says of `contract.pdf` what front matter would."""

_BLOCK = re.compile(r"\A(---|\+\+\+)[ \t]*\n(.*?\n)?\1[ \t]*(?:\n|\Z)", re.S)
_KEY = re.compile(r"[\w-]+\s*[:=]")
_TITLE = re.compile(r"^title\s*[:=]\s*(.+?)\s*$", re.M)
_RIGHTS = re.compile(r"^[\"']?(?:readers|tags)[\"']?\s*[:=]", re.M | re.I)
_META = re.compile(r"<meta\s[^>]*>", re.I)
_ATTRIBUTE = re.compile(r"([\w-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")


class Unclear(Exception):
    """Within this package: a document names readers or tags in a way that cannot be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """`readers`: the document's own list; `everyone` alone where it has none, empty where it closes itself to all."""

    title: str = ""
    readers: tuple[str, ...] = (EVERYONE,)
    tags: tuple[str, ...] = ()


def split_front(text: str) -> tuple[Front, str]:
    """(what the front matter says, the text below it). A block that is not front matter stays in the text.

    Raises `Unclear` where it names readers or tags and is not valid YAML (`---`) or TOML (`+++`), or they are no names.
    """
    found = _BLOCK.match(text)
    block = (found[2] or "") if found else ""
    if not found or not (_KEY.match(block.lstrip()) or _RIGHTS.search(block)):
        return Front(), text
    title = _TITLE.search(block)
    values = _values(block, toml=found[1] == "+++") if _RIGHTS.search(block) else {}
    front = Front(title=title[1].strip("\"'") if title else "", **_rights(values))
    return front, text[found.end() :].strip()


def read_meta(text: str) -> Front:
    """The `<meta name="readers" content="…">` and `<meta name="tags" …>` of an HTML page. Raises `Unclear` for one without
    content and for two that name readers."""
    values: dict[str, list[str]] = {}
    for element in _META.findall(text):
        known = {m[1].lower(): html.unescape(m[2] or m[3] or m[4] or "") for m in _ATTRIBUTE.finditer(element)}
        name = known.get("name", "").lower()
        if name in ("readers", "tags"):
            if name in values and name == "readers":
                raise Unclear("two `readers` in its head; keep one")
            if "content" not in known:
                raise Unclear(f"its `{name}` has no content")
            values.setdefault(name, []).extend(_names(known["content"], name))
    return Front(**_rights(values))


def read_side(data: bytes) -> Front:
    """A side file: `title`, `readers` and `tags` in TOML, and nothing else. Raises `Unclear`."""
    try:
        values = tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Unclear(f"its side file (…{SIDE}) is not valid TOML ({' '.join(str(error).split())[:120]})") from error
    unknown = sorted(values.keys() - {"title", "readers", "tags"})
    if unknown:
        raise Unclear(f"its side file (…{SIDE}) holds `{unknown[0]}`; it may hold title, readers and tags")
    return Front(title=str(values.get("title", "")), **_rights(values))


def both(inside: Front, beside: Front) -> Front:
    """What a document and its side file say together. Raises `Unclear` where both name readers."""
    if Front().readers not in (inside.readers, beside.readers):
        raise Unclear(f"it and its side file (…{SIDE}) both name readers; keep one")
    return Front(
        title=beside.title or inside.title,
        readers=inside.readers if beside.readers == Front().readers else beside.readers,
        tags=tuple(dict.fromkeys((*inside.tags, *beside.tags))),
    )


def _values(block: str, *, toml: bool) -> dict[str, Any]:
    import yaml

    try:
        values = tomllib.loads(block) if toml else yaml.safe_load(block)
    except (yaml.YAMLError, tomllib.TOMLDecodeError) as error:
        kind = "TOML" if toml else "YAML"
        reason = " ".join(str(error).split())[:120]
        raise Unclear(f"its front matter names readers or tags and is not valid {kind} ({reason})") from error
    if not isinstance(values, dict):
        raise Unclear("its front matter names readers or tags and is no list of keys")
    return {str(key).lower(): value for key, value in values.items()}


def _rights(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _names(values[name], name) for name in ("readers", "tags") if name in values}


def _names(value: Any, key: str) -> tuple[str, ...]:
    """A list of names, or one text with commas; nothing at all is an empty list."""
    parts = value.split(",") if isinstance(value, str) else [] if value is None else value
    if not isinstance(parts, list) or not all(isinstance(p, str | int) and not isinstance(p, bool) for p in parts):
        raise Unclear(f"its `{key}` is no list of names")
    return tuple(dict.fromkeys(name for p in parts if (name := str(p).strip())))
