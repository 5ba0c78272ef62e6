"""Questions made from plain sentences by rules, most of them in other words than the sentence. Pure functions; writes nothing.

A question is kept only when its answer is a span of the sentence and is not already given away by the question.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from data_words import AGENT, IRREGULAR, base_form, reword

_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_DATE = rf"(?:\d{{1,2}} {_MONTH} \d{{4}}|{_MONTH} \d{{1,2}},? \d{{4}}|{_MONTH} \d{{4}}|{_MONTH} \d{{1,2}}|\d{{1,2}} {_MONTH})"
_NAME = r"(?:the )?[A-Z][\w'’.-]+(?:(?: of| the| de| and)? [A-Z][\w'’.-]+){0,4}"
_AUX = r"was|were|is|are|has|had|have|can|could|will|would|may|must|should"
_SUBJECT = r"(?:[A-Z][\w'’-]*)(?: (?!(?:who|which|that|and|when|where|if|as)\b)[\w'’-]+){0,6}?"
_CLAUSE = re.compile(
    rf"^(?:(?P<lead>[A-Z][^,]{{2,30}}), )?(?P<subject>{_SUBJECT}|he|she|it|they|the [\w'’ -]{{3,40}}?) (?P<aux>{_AUX}) (?P<rest>[^;:]{{8,220}})[.!]$"
)
_PAST = re.compile(
    rf"^(?:(?P<lead>[A-Z][^,]{{2,30}}), )?(?P<subject>(?:[Tt]he |A )?(?:[\w'’-]+ ){{0,3}}?[\w'’-]+) (?P<verb>[a-z]+ed|{'|'.join(IRREGULAR)}) (?P<rest>[^;:]{{8,220}})[.!]$"
)
_PRONOUN = {"he", "she", "it", "they", "this"}
_NOT_SUBJECT = frozenset(
    "In On At If When After Before While However Over Since For By From With As Although During Then Also Both Commonly There What Where".split()
)
_BORN = re.compile(rf"\((?:born |b\. )({_DATE})\)")
_LIFE = re.compile(rf"\(({_DATE}) ?[–-] ?({_DATE})\)")
_IS_A = re.compile(
    r"^([A-Z][^,()]{2,50}?)(?: \([^)]*\))? (?:is|was) (an? (?:[A-Z][\w-]+ )?[^,.]{4,70}?)(?= who | which | that | from | in | at | located|[,.])"
)
_SPANS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("date", re.compile(rf"\b(?:on |in |since |by )({_DATE})")),
    ("year", re.compile(r"\b(?:in|since|until|by) (1\d{3}|20\d{2})\b(?! \w+s\b)")),
    ("agent", re.compile(rf"\bby ({_NAME})")),
    (
        "count",
        re.compile(
            r"\b((?:about |over |approximately |nearly )?\d[\d,.]*\d|\d|two|three|four|five|six|seven|eight|nine|ten|twelve) ([a-z]+s|people|men|women|children)\b"
        ),
    ),
    (
        "amount",
        re.compile(
            r"((?:[$€£]|US\$)\d[\d,.]*\d(?: (?:million|billion))?|\d[\d,.]*(?:%| percent| per cent| million| billion))"
        ),
    ),
    ("place", re.compile(rf"\b(?:in|at|near|from) ((?!{_MONTH}\b){_NAME}(?:, [A-Z][a-z]+)?)")),
    ("reason", re.compile(r"\b(?:because|due to|in order to|so that) ([a-z][^,.;]{12,90})")),
    (
        "called",
        re.compile(r"\b(?:known as|called|named|titled) [\"“]?((?:the )?[A-Z\"“][\w'’-]*(?: [A-Z][\w'’-]*){0,4})"),
    ),
    ("with", re.compile(r"\b(?:of|with|for|to|using) (an? (?:[a-z-]+ ){1,4}[a-z-]+)(?=[,. ])")),
)
_ASK: dict[str, tuple[str, ...]] = {
    "date": ("When", "When", "On what date", "What date"),
    "year": ("When", "In what year", "What year", "In which year"),
    "agent": ("By whom", "Who"),
    "place": ("Where", "Where", "In what place", "In which place"),
    "reason": ("Why", "Why", "For what reason"),
    "called": ("What",),
    "with": ("What",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A question, its span in `sentence`, and the rule that made it."""

    question: str
    answer: str
    sentence: str
    rule: str


def make(title: str, sentence: str, known: dict[str, int], rng: random.Random) -> list[Made]:
    """All questions that the rules find for one sentence of the article `title`."""
    found = [*_about_title(title, sentence), *_from_clause(title, sentence, known, rng)]
    kept: list[Made] = []
    for rule, question, span in found:
        answer = span.strip(' ,."“”')
        asked = _tidy(question, rng)
        if (
            1 <= len(answer) <= 120
            and answer in sentence
            and answer.lower() not in asked.lower()
            and 4 <= asked.count(" ") + 1 <= 30
        ):
            kept.append(Made(question=asked, answer=answer, sentence=sentence, rule=rule))
    return kept


def _tidy(question: str, rng: random.Random) -> str:
    text = " ".join(question.replace(" ,", ",").replace("“", '"').replace("”", '"').split()).strip(" ,.")
    text = re.sub(r"\(\s*\)|\([^)]*$|^[^(]*\)", "", text) if text.count("(") != text.count(")") else text
    text = reword(text, rng, rate=0.0 if rng.random() < 0.4 else 0.6)
    return text[:1].upper() + text[1:] + ("" if rng.random() < 0.05 else "?")


def _about_title(title: str, sentence: str) -> Iterator[tuple[str, str, str]]:
    """Questions in words that the sentence does not hold: birth, death, kind, number of inhabitants, agent nouns."""
    name = re.sub(r" \(.*\)$", "", title)
    if born := _BORN.search(sentence):
        yield "born", f"When was {name} born", born[1]
        yield "born", f"What is {name}'s date of birth", born[1]
    if life := _LIFE.search(sentence):
        yield "born", f"When was {name} born", life[1]
        yield "died", f"When did {name} die", life[2]
        yield "died", f"What is {name}'s date of death", life[2]
    kind = _IS_A.match(sentence)
    if kind and kind[1].split()[-1] in name:
        yield "kind", f"What is {kind[1]}", kind[2]
        yield "kind", f"What kind of thing is {name}", kind[2]
    if people := re.search(r"population (?:of|was|is) (?:about |approximately )?(\d[\d,]*\d)", sentence):
        yield "people", f"How many people live in {name}", people[1]
    about = name.split()[-1] in sentence
    for verb, agent in AGENT.items() if about else ():
        if match := re.search(rf"\b{verb} by ({_NAME})", sentence):
            yield "agent-noun", f"Who is the {agent} of {name}", match[1]
            yield "agent-noun", f"Who was {name}'s {agent}", match[1]


def _from_clause(
    title: str, sentence: str, known: dict[str, int], rng: random.Random
) -> Iterator[tuple[str, str, str]]:
    clause = _CLAUSE.match(sentence)
    if clause:
        subject, aux, rest = clause["subject"], clause["aux"], clause["rest"]
    else:
        clause = _PAST.match(sentence)
        base = base_form(clause["verb"], known) if clause else None
        if clause is None or base is None:
            return
        subject, aux, rest = clause["subject"], "did", f"{base} {clause['rest']}"
    told = f"{clause['verb']} {clause['rest']}" if aux == "did" else f"{aux} {rest}"
    if subject.split()[0] in _NOT_SUBJECT or subject.split()[-1] in ("and", "or", "of"):
        return
    shown = _named(subject, title)
    lead = clause["lead"]
    if lead and (when := re.fullmatch(rf"(?:In|On|Since|By) ((?:\d{{4}})|{_DATE})", lead)):
        yield (
            "lead",
            f"{rng.choice(_ASK['year' if len(when[1]) == 4 else 'date'])} {aux} {shown} {_shorten(rest, rng)}",
            when[1],
        )
    if _plain_subject(subject) and rng.random() < 0.4:
        person = (
            len(subject.split()) in (2, 3)
            and all(w[:1].isupper() for w in subject.split())
            and not subject.startswith("The")
        )
        verb = {"were": "was", "are": "is", "have": "has"}.get(aux, aux)
        yield (
            "subject",
            f"{'Who' if person else 'What'} {told.replace(aux, verb, 1) if aux != 'did' else told}",
            subject,
        )
    yield from _span_questions(shown, aux, rest, rng)


def _span_questions(shown: str, aux: str, rest: str, rng: random.Random) -> Iterator[tuple[str, str, str]]:
    for rule, pattern in _SPANS:
        match = pattern.search(rest)
        if not match:
            continue
        before, after = rest[: match.start()].strip(), rest[match.end() :]
        after = after if after.startswith(",") is False and rng.random() < 0.5 else ""
        after = re.split(r"[,;]| and ", after)[0]
        if rule == "agent" and aux in ("was", "were", "is", "are") and rng.random() < 0.6:
            yield (
                "passive",
                f"Who {before.removeprefix('also ')} {shown}{after}"
                if before.count(" ") == 0
                else f"Who {aux} it that {shown} was {before} by",
                match[1],
            )
        elif rule == "count":
            yield rule, f"How many {match[2]} {aux} {shown} {before}{after}", match[1]
        elif rule == "amount":
            yield rule, f"How much {aux} {shown} {before}{after}", match[1]
        elif rule in ("called", "with"):
            keep = rest[match.start() : match.start(1)].strip()
            yield rule, f"What {aux} {shown} {before} {keep}", match[1]
        elif before:
            yield rule, f"{rng.choice(_ASK[rule])} {aux} {shown} {_shorten(before, rng)}{after}", match[1]


def _plain_subject(subject: str) -> bool:
    return (
        subject.lower() not in _PRONOUN
        and subject.split(maxsplit=1)[0] not in ("This", "His", "Her", "Its", "Their", "These", "There")
        and not subject.endswith("ly")
    )


def _named(subject: str, title: str) -> str:
    if subject.lower() in _PRONOUN:
        return re.sub(r" \(.*\)$", "", title)
    first = subject.split(maxsplit=1)[0]
    return (
        subject[0].lower() + subject[1:]
        if first in ("The", "A", "An", "This", "These", "His", "Her", "Its", "Their")
        else subject
    )


def _shorten(text: str, rng: random.Random) -> str:
    """Drop what follows the first comma, and now and then a trailing prepositional phrase."""
    text = re.split(r"[,;(]", text)[0].strip() or text
    cut = re.match(r"^(.{12,}?) (?:in|at|on|during|after|with|for) [^ ]+(?: [^ ]+){0,4}$", text)
    return cut[1] if cut and rng.random() < 0.4 else text
