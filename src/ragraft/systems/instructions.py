"""Text in a document that reads like an instruction to a language model. In: text. Out: the places found; nothing is written.

A short list of rules over wordings that documents for people hardly use. It finds the plain attempts, not the clever ones: what is
found is shown to a person, and what is not found proves nothing.
"""

from __future__ import annotations

import re
import unicodedata

SHOWN = 120
"""Characters of each place that are kept."""

_TAGS = {0xE0000 + code: code for code in range(0x20, 0x7F)}
_WHOM = r"(?:previous|prior|above|earlier|preceding|other|all|any|your|these|the system)"
_WHAT = r"(?:instructions?|rules?|prompts?|guidelines|directions|context|passages|messages)"
_LANGUAGE = r"(?:French|German|Spanish|Italian|Portuguese|Dutch|Russian|Chinese|Japanese|Arabic|Latin|another language)"
_RULES = tuple(
    re.compile(rule, re.IGNORECASE)
    for rule in (
        # Set the instructions aside.
        rf"\b(?:ignore|disregard|forget|override|bypass)\b[^.\n]{{0,40}}\b{_WHOM}\b[^.\n]{{0,30}}\b{_WHAT}\b",
        # Become another.
        r"\byou are (?:now|no longer)\b|\bpretend (?:to be|you are)\b|\bfrom now on,? (?:you|answer|reply|respond|act|write)\b",
        # Talk to the model by what it is.
        r"\b(?:note|message|instructions?) (?:to|for) (?:the|any|all)? ?(?:AI|LLM|language model|assistant|chat ?bot)s?\b"
        r"|\b(?:as|if you are) an? (?:AI|LLM|large language model|language model)\b|\b(?:system|hidden|initial) prompt\b",
        # Dictate the answer.
        r"\b(?:answer|reply|respond)\b[^.\n]{0,20}\b(?:only|solely|exactly|nothing but)\b[^.\n]{0,20}\b(?:with|by|in|the words?)\b",
        rf"\b(?:answer|reply|respond)\b[^.\n]{{0,40}}\bin {_LANGUAGE}\b",
        r"\b(?:add|append|insert|include|put)\b[^.\n]{0,40}\b(?:to|in|into|at the end of) (?:your|every|each) (?:answer|reply|response)s?\b",
        # Carry words out in an address.
        r"!\[[^\]\n]*\]\(https?://[^)\s]*[?&][^)\s]*=",
        # The marks of chat formats.
        r"<\|[a-z_]{2,20}\|>|\[/?INST\]|<</?SYS>>|</?(?:system|assistant)>|^#{2,} ?(?:system|assistant)\b ?:",
    )
)  # fmt: skip


def instructions(text: str) -> tuple[str, ...]:
    """The first place that each rule finds, with the words around it, in reading order."""
    flat = " ".join(visible(text).split())
    found = sorted((m.start(), m.end()) for rule in _RULES if (m := rule.search(flat)))
    return tuple(dict.fromkeys(_around(flat, start, end) for start, end in found))


def visible(text: str) -> str:
    """The text as it would be read: other forms of letters (full width, mathematical) folded (NFKC), characters without a width
    left out, and the invisible twins of ASCII (Unicode tags, U+E0020 to U+E007E) in plain letters."""
    folded = unicodedata.normalize("NFKC", text.translate(_TAGS))
    return "".join(c for c in folded if unicodedata.category(c) != "Cf")


def _around(text: str, start: int, end: int) -> str:
    spare = max(0, SHOWN - (end - start)) // 2
    return text[max(0, start - spare) : end + spare].strip()
