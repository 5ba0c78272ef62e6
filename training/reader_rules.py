"""Questions made from sentences by rule, without a parser: plain text in, (question, answer offsets) out, nothing written.

A sentence `A answer B` becomes `A what B`, `what B A` (the template of Fabbri et al. 2020), `when was A B` or a bag of its
content words behind the question word; then words are dropped, swapped with near words or moved, so that the question does
not repeat the sentence. Answers are found by regular expressions (dates, numbers, names, noun phrases, reasons); the
question word follows from the kind of answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_NAME = r"[A-Z][\w'’&.-]*[\w](?:\s(?:(?:of|de|von|van|the|and|for|la|du)\s)?[A-Z][\w'’&.-]*[\w]){0,5}"
_STOP = (
    "the a an and or but of in on at to for from by with as is are was were be been being has have had it its his her their he she "
    "they them this that these those which who whom whose what when where how why not no also than then so such into over under "
    "between during after before about against through while if because can could will would may might must shall should do does "
    "did there here more most other some any each both all only very one two up out off we you i our your my s t"
).split()
STOPWORDS = frozenset(_STOP)
_BREAK = r"(?:of|in|on|at|to|for|from|by|with|as|is|are|was|were|be|been|has|have|had|and|or|but|that|which|who|when|where|while|than|not)"

PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("date", re.compile(rf"\b(?:\d{{1,2}} {_MONTH}|{_MONTH} \d{{1,2}})(?:,? \d{{4}})?\b|\b{_MONTH},? \d{{4}}\b")),
    ("percent", re.compile(rf"\b{_NUMBER}(?: ?%| percent| per cent)")),
    ("money", re.compile(rf"(?:US|A|C)?[$£€]{_NUMBER}(?: (?:million|billion|trillion))?")),
    (
        "measure",
        re.compile(
            rf"\b{_NUMBER} (?:km|kilometres|kilometers|miles|metres|meters|feet|m|kg|tons|tonnes|acres|hectares|years|days|hours|minutes|months|weeks)\b"
        ),
    ),
    ("year", re.compile(r"\b(?:1[0-9]|20)\d{2}\b(?:[–-]\d{2,4})?")),
    ("decade", re.compile(r"\bthe (?:early |late |mid-)?\d{4}s\b|\bthe (?:\d+|[a-z]+)(?:st|nd|rd|th) century\b")),
    (
        "count",
        re.compile(
            rf"\b(?:{_NUMBER}|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty)(?: (?:million|billion|thousand|hundred))?(?= [a-z]{{3,}})"
        ),
    ),
    (
        "reason",
        re.compile(
            r"(?:(?<=because )|(?<=due to )|(?<=in order to )|(?<=so that )|(?<=as a result of ))[a-z][^,.;:()]{8,70}(?=[,.;])"
        ),
    ),
    ("means", re.compile(r"(?<=\bby )[a-z]+ing [^,.;:()]{4,50}(?=[,.;])")),
    ("quoted", re.compile(r"(?<=[\"“])[^\"“”]{3,50}(?=[\"”])")),
    ("name", re.compile(rf"\b{_NAME}")),
    (
        "phrase",
        re.compile(
            rf"\b(?:the|a|an|its|their|his|her) (?!{_BREAK}\b)[a-z][\w-]+(?: (?!{_BREAK}\b)[\w-]+){{0,3}}(?=[,.;:)]| {_BREAK}\b)"
        ),
    ),
    (
        "list",
        re.compile(
            r"\b[a-z][\w-]+(?: [a-z][\w-]+)?, [a-z][\w-]+(?: [a-z][\w-]+)?,? and [a-z][\w-]+(?=[,.;]| (?:in|of|by|from|to|for)\b)"
        ),
    ),
)
_RARITY = {
    "name": 1.0,
    "phrase": 0.9,
    "year": 1.0,
    "date": 1.5,
    "count": 1.5,
    "quoted": 1.5,
    "reason": 4.0,
    "means": 3.0,
    "list": 2.0,
    "measure": 1.5,
    "money": 3.0,
    "percent": 2.0,
    "decade": 2.0,
}
_WH: dict[str, tuple[str, ...]] = {
    "date": ("when", "on what date", "what day", "when"),
    "year": ("when", "in what year", "what year", "in which year"),
    "decade": ("when", "in what period", "in what century", "what time period"),
    "percent": ("what percentage", "how much", "what percent"),
    "money": ("how much", "how much money", "what amount", "what was the cost"),
    "measure": ("how long", "how much", "how far", "how many", "what length"),
    "count": ("how many",),
    "reason": ("why", "for what reason", "what caused it that"),
    "means": ("how", "in what way", "by what means"),
    "quoted": ("what", "what name", "what term", "what phrase", "which"),
    "list": ("what", "which things", "what"),
    "phrase": ("what", "what", "which", "what"),
    "place": ("where", "in what place", "in what city", "in what country", "what location", "in which area"),
    "person": ("who", "who", "which person", "whom", "what person"),
    "thing": ("what", "which", "who", "what organization", "what", "who"),
}
_FIRST = frozenset(
    "John William James Charles George Thomas Henry Robert Joseph Edward David Richard Paul Peter Michael Louis Daniel Mark Frank "
    "Arthur Albert Alexander Martin Anthony Francis Andrew Stephen Philip Walter Frederick Jack Harry Samuel Benjamin Mary Elizabeth "
    "Anne Anna Margaret Jane Sarah Catherine Maria Alice Helen Victoria Barbara Susan Julia Emma Carl Karl Hans Johann Jean Pierre "
    "Juan Jose Carlos Antonio Giovanni Ivan Vladimir Ali Muhammad Mohammed Ahmed Chris Steve Bill Tom Tony Brian Kevin Jason Eric".split()
)
_KINDS = (
    "University College School River Lake War Battle Church Museum Company Party Island Mountain Empire Kingdom Act Treaty Award Prize "
    "Street Station Airport Club League Band Theatre Theater Festival Court Army Council County City Province Department Institute Bridge "
    "Palace Cathedral Park Valley Sea Ocean Bank Union Agreement Conference Dynasty Championship Cup Records Corporation Airlines".split()
)
_AUX = re.compile(r"\b(was|were|is|are|had|has|have|can|could|will|would|may|might|must|should)\b")
_WORD = re.compile(r"[\w$£€%.,'’–-]*[\w%]")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible answer: its kind and its place in the sentence."""

    kind: str
    start: int
    end: int


_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Jr|Sr|vs|etc|No|Inc|Ltd|Co|Gen|Col|Lt|Capt|Prof|approx|c|ca)|\b[A-Z]|\b(?:e\.g|i\.e|U\.S))\.$"
)


def sentences(text: str) -> list[tuple[int, int]]:
    """Offsets of the sentences of a paragraph."""
    spans: list[tuple[int, int]] = []
    start = 0
    for gap in re.finditer(r"(?<=[.!?])[\"”']?\s+(?=[\"“'(]?[A-Z0-9])", text):
        if _ABBREVIATION.search(text[start : gap.start()]):
            continue
        spans.append((start, gap.start()))
        start = gap.end()
    if start < len(text):
        spans.append((start, len(text)))
    return spans


def candidates(sentence: str) -> list[Candidate]:
    """Every possible answer in a sentence; the first kind in the table wins where two overlap."""
    taken: list[Candidate] = []
    for kind, pattern in PATTERNS:
        for hit in pattern.finditer(sentence):
            start, end = hit.span()
            if kind == "name" and " " not in hit.group() and (start == 0 or len(hit.group()) < 3 or "’" in hit.group()):
                continue
            if kind == "name" and hit.group().split()[0].lower() in STOPWORDS:
                start += len(hit.group().split()[0]) + 1
            if end - start < 2 and kind != "count":
                continue
            if any(start < c.end and c.start < end for c in taken):
                continue
            taken.append(Candidate(kind, start, end))
    return taken


def choose(found: Sequence[Candidate], rng: Random) -> Candidate:
    """One candidate, rare kinds more often than their share."""
    return rng.choices(list(found), weights=[_RARITY[c.kind] for c in found])[0]


def make(sentence: str, answer: Candidate, title: str, near: Mapping[str, Sequence[str]], rng: Random) -> str | None:
    """A question whose answer is that span, or None where too little of the sentence is left to ask by."""
    before, after = _clause(sentence[: answer.start], sentence[answer.end :], rng)
    before = _resolve(before, title, rng)
    question_word, after = _question_word(sentence, answer, after, rng)
    if len([w for w in _WORD.findall(before + " " + after) if w.lower() not in STOPWORDS]) < 3:
        return None
    words = _noise(_arrange(question_word, before, after, rng), question_word, near, rng)
    if not 4 <= len(words) <= 26:
        return None
    text = " ".join(words)
    return text[0].upper() + text[1:] + ("?" if rng.random() < 0.93 else "")


def _clause(before: str, after: str, rng: Random) -> tuple[str, str]:
    if rng.random() < 0.75:
        before = re.split(r"[;:(]|, (?=(?:and|but|which|who|while|where)\b)", before)[-1]
        after = re.split(r"[;:()]|, (?=(?:and|but|which|who|while|where|with|as)\b)", after)[0]
    if rng.random() < 0.4 and len(before.split()) + len(after.split(",")[0].split()) >= 6:
        after = after.split(",")[0]
    left, right = before.split(" "), after.split(" ")
    limit = rng.randint(8, 20)
    while len(left) + len(right) > limit:
        if len(right) > len(left):
            right.pop()
        else:
            left.pop(0)
    return " ".join(left).strip(" ,;:("), " ".join(right).strip(" ,;:().")


def _resolve(before: str, title: str, rng: Random) -> str:
    name = re.sub(r"\s*\(.*\)$", "", title)
    if rng.random() < 0.85:
        before = re.sub(r"^(?:He|She|It|They)\b", lambda _: name, before)
        before = re.sub(r"^(?:His|Her|Its|Their)\b", lambda _: name + "'s", before)
    return before


def _question_word(sentence: str, answer: Candidate, after: str, rng: Random) -> tuple[str, str]:
    kind, text = answer.kind, sentence[answer.start : answer.end]
    if kind == "name":
        words = text.split()
        last = next((k for k in _KINDS if k in words), None)
        preceding = sentence[: answer.start].rstrip().rsplit(" ", 1)[-1].lower()
        if last and rng.random() < 0.7:
            return f"{rng.choice(('what', 'which'))} {last.lower()}", after
        if words[0] in _FIRST or preceding in {
            "president",
            "king",
            "queen",
            "sir",
            "mr.",
            "dr.",
            "emperor",
            "pope",
            "general",
        }:
            kind = "person"
        elif preceding in {"in", "at", "near", "from", "to"}:
            kind = "place"
        else:
            kind = "thing"
    if kind == "phrase" and rng.random() < 0.45:
        head = text.split()[-1]
        if len(text.split()) >= 3:
            return f"{rng.choice(('what kind of', 'what type of', 'what', 'which'))} {head}", after
    return rng.choice(_WH[kind]), after


def _arrange(question_word: str, before: str, after: str, rng: Random) -> list[str]:
    bare = re.sub(r"\s(?:in|on|at|to|by|from|the|a|an|of|for|with|since|until)$", "", before)
    if not before:
        return f"{question_word} {after}".split()
    shape = rng.random()
    if shape < 0.25:
        return f"{before} {question_word} {after}".split()
    if shape < 0.45:
        return f"{question_word} {after} {before}".split()
    if shape < 0.8:
        auxiliary = _AUX.search(bare)
        if auxiliary and auxiliary.start() > 0:
            rest = bare[: auxiliary.start()].strip() + bare[auxiliary.end() :]
            return f"{question_word} {auxiliary.group()} {rest} {after}".split()
        return f"{question_word} {rng.choice(('did', 'did', 'does', 'was', 'is'))} {_lemmas(bare, rng)} {after}".split()
    content = [w for w in _WORD.findall(f"{bare} {after}") if w.lower() not in STOPWORDS]
    kept = [w for w in content if rng.random() < 0.8]
    return f"{question_word} {rng.choice(('is', 'was', 'did', 'does', ''))} {' '.join(kept)}".split()


def _lemmas(text: str, rng: Random) -> str:
    if rng.random() < 0.3:
        return text
    text = re.sub(r"\b([a-z]{3,})ied\b", r"\1y", text)
    text = re.sub(
        r"\b([a-z]{2,}(?:at|iz|is|uc|ur|av|iv|ov|ut|in|ag|nd))ed\b", r"\1e" if rng.random() < 0.6 else r"\1", text
    )
    return re.sub(r"\b([a-z]{3,})ed\b", r"\1", text)


def _noise(words: list[str], question_word: str, near: Mapping[str, Sequence[str]], rng: Random) -> list[str]:
    fixed = set(question_word.split())
    swap, drop = rng.choice((0.0, 0.1, 0.3, 0.5)), rng.choice((0.0, 0.0, 0.05, 0.12))
    out: list[str] = []
    for raw in words:
        word = raw.strip(',;:()"“”[]')
        if not word:
            continue
        low = word.lower()
        if low not in fixed:
            if rng.random() < (drop * 2 if low in STOPWORDS else drop):
                continue
            if rng.random() < swap and low in near and low not in STOPWORDS:
                word = rng.choice(near[low])
        out.append(word)
    for i in range(len(out) - 1):
        if rng.random() < 0.04 and out[i].lower() not in fixed and out[i + 1].lower() not in fixed:
            out[i], out[i + 1] = out[i + 1], out[i]
    if rng.random() < 0.3:
        out = [w.lower() for w in out]
    return out
