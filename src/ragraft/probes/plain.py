"""The same said in no particular style, and what can be counted of a style. In: a text. Out: paraphrases; nothing is written.

Three manners, so that a style is told from more than one other: neutral, chatty and terse. All of them lose the marks (bold, quotes)
and the habits (contractions or none, digits or words, set phrases) of a text, and keep what it says. English only.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

_MARKS = re.compile(r"[*_`»«„“”\"]|^[#>\-]+ ", re.MULTILINE)
_GREETING = re.compile(
    r"^(?:(?:sure|great|hello|hi|hey|dear|welcome|thanks|thank you|well|ahoy|of course|certainly|absolutely)\b[^.!?]{0,40}?[,.!–-]+\s*)+",
    re.IGNORECASE,
)
_CONTRACTIONS = tuple(
    pair.split("=")
    for pair in (
        "cannot=can't", "does not=doesn't", "do not=don't", "did not=didn't", "is not=isn't", "are not=aren't", "was not=wasn't",
        "has not=hasn't", "have not=haven't", "will not=won't", "it is=it's", "that is=that's", "you are=you're", "we are=we're",
        "they are=they're", "you have=you've", "we have=we've", "you will=you'll", "it will=it'll",
    )
)  # fmt: skip
_NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split()
_PHRASES = tuple(
    pair.split("=")
    for pair in (
        "costs=is priced at", "contains=has got", "at least=no less than", "at most=no more than", "up to=as much as",
        "within=in less than", "because=since", "so that=in order that", "if you=in case you", "must=have to", "need to=have to",
        "however=still", "also=as well", "only=just", "every=each", "before=ahead of", "shows=lets you see", "starts=begins",
        "ends=is over", "keeps=holds on to", "means that=says that",
    )
)  # fmt: skip
_BEFORE = ("Okay, so ", "Well, as far as I know, ", "Good question! I think ", "So basically, ", "Hmm, I believe ")
_AFTER = ("", " Hope that helps!", " Let me know if you need more.", " That's about it, really.")
_COUNTED = tuple(
    re.compile(rule, re.IGNORECASE)
    for rule in (
        r"[*_`»«„“”\"]", r"!", r"\?", r",", r"[.!?](?=\s|$)", r"\w[’']\w", r"\d",
        r"\b(?:the|an?|of|to|is|are|was|be|that|which)\b", r"\b(?:you|your|yours)\b", r"\b(?:we|us|our|I|me|my)\b",
        r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b",
    )
)  # fmt: skip
_SMALL = re.compile(r"\b(?:the|an?|is|are|was|were|that|which|of|your|you|its|this|there)\b\s*", re.IGNORECASE)


def paraphrases(text: str, seed: int) -> dict[str, str]:
    """Manner -> the text in it; a manner that finds nothing to change is left out."""
    made = {manner.__name__: manner(text, random.Random(f"{seed}:{text}")) for manner in (neutral, chatty, terse)}
    return {name: other for name, other in made.items() if other != text}


def manner(text: str) -> list[float]:
    """What can be counted of how a text is written: sentences' and words' length, an end, and marks, punctuation and small words
    a word."""
    words = max(1, len(text.split()))
    ends = text.rstrip()[-1:] in (".", "!", "?")
    return [words / 20, len(text) / words / 6, float(ends), *(len(p.findall(text)) / words for p in _COUNTED)]


def neutral(text: str, rng: random.Random) -> str:
    bare = _GREETING.sub("", " ".join(_MARKS.sub("", text).split()))
    bare = _either_way(bare, _CONTRACTIONS)
    for old, new in _PHRASES:
        bare = re.sub(rf"\b{old}\b", new, bare)
    return _numbers(bare).replace("!", ".")


def chatty(text: str, rng: random.Random) -> str:
    plain = neutral(text, rng)
    head = plain[:1].lower() + plain[1:] if plain[1:2].islower() else plain
    return rng.choice(_BEFORE) + head + rng.choice(_AFTER)


def terse(text: str, rng: random.Random) -> str:
    """As in a note: small words left out."""
    return _SMALL.sub("", neutral(text, rng)).rstrip(". ")


def _either_way(text: str, pairs: Sequence[Sequence[str]]) -> str:
    """Contracted where the text does not contract, written out where it does."""
    contracted = any(re.search(rf"\b{short}\b", text, re.IGNORECASE) for _, short in pairs)
    for long, short in pairs:
        old, new = (short, long) if contracted else (long, short)
        text = re.sub(rf"\b{old}\b", new, text, flags=re.IGNORECASE)
    return text


def _numbers(text: str) -> str:
    """Small numbers in words where the text has digits, in digits where it has words."""
    digits = re.compile(r"(?<![\w€$£.,:-])(\d|1[0-2])(?= [a-z])")
    if digits.search(text):
        return digits.sub(lambda m: _NUMBERS[int(m[1])], text)
    words = re.compile(rf"\b({'|'.join(_NUMBERS[2:])})\b(?= [a-z])")
    return words.sub(lambda m: str(next(n for n, word in enumerate(_NUMBERS) if word == m[1])), text)
