"""English sentences -> clauses that can be turned into questions. In: Markdown. Out: values; nothing is written.

No parser: the subject is what stands before the first auxiliary or one of some unmistakable verbs. What does not fit this plain
shape, or needs the sentence before it to be understood, is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from ragraft.corpus.sentences import sentences

LONGEST = 32
"""Words of a sentence that is used."""
_SUBJECT_WORDS = 8

_BASE = (
    "stay keep last take cost receive include contain hold begin start end expire allow require need run arrive appear work apply send "
    "go come move become remain get give show accept provide delete serve open close publish pay maintain repeat consist belong depend "
    "carry live sit stand lie sell buy earn weigh grow employ host operate offer cover reply respond happen follow return arise enter "
    "pass produce contribute visit meet celebrate reach fall rise drop count support store"
).split()
_NOUNS_TOO = frozenset("works covers offers needs returns runs drops counts supports stores visits shows moves".split())
"""Third persons that are as often plural nouns: only after a subject with an article or a name."""
_IRREGULAR = (
    "took take, began begin, became become, held hold, kept keep, went go, came come, ran run, gave give, got get, sold sell, bought buy, "
    "sent send, met meet, paid pay, grew grow, built build, won win, left leave, lost lose, led lead, made make, wrote write, rose rise, "
    "fell fall, lay lie, died die, stopped stop, banned ban, planned plan"
)
_REGULAR = (
    "open close start end join found move receive produce publish release propose introduce establish create launch acquire announce appear "
    "arrive approve complete decide declare defeat develop enter expand form graduate increase kill name offer pass perform purchase reach "
    "record refuse reject replace return serve support train visit vote work hire resign retire merge adopt invent discover"
).split()
_PAST: dict[str, str] = {
    **{past: base for past, base in (pair.split() for pair in _IRREGULAR.split(", "))},
    **{f"{verb.removesuffix('e')}ed": verb for verb in _REGULAR},
}
_AUX = frozenset("is are was were can could will must should may has have".split())
_DANGLING = frozenset(
    "it they this that these those there here he she we what which who how please then otherwise however also but and or so yet if when "
    "while because although since once unless see note its their such both either neither nobody nothing some others another more "
    "during".split()
)
_FIRST = frozenset(
    "On In For With After During Before At From Under To By Until Within Without Up More Less At".split()
)
_NEGATION = re.compile(r"\b(?:not|never|no|cannot|nobody|none|neither|without)\b|n['’]t\b", re.IGNORECASE)
_INNER = re.compile(r"\b(?:who|that|which|if|when|where|while|because|than|whose)\b|[,;:()|]", re.IGNORECASE)
_POINTING = re.compile(
    r"\[|https?:|\b(?:above|below|following|this page|this section|see also|in that case|the same|the former|the latter|these|those|then)\b",
    re.IGNORECASE,
)
_LEAD = re.compile(r"^((?:On|In|For|With|After|During|Before|At|From) (?!that|this|these|then)[^,]{2,48}), (?=\S)")
_LEAD_TO_YOU = re.compile(
    r"^((?:On|In|For|With|After|During|Before|At|From|Under|To) (?!that|this|these|then)[^,]{2,48}) (?=you )"
)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_BREAK = re.compile(r"; |, (?:and|but) (?=(?:an?|the|on|in|each|every|you|your|its|it|after|for|[A-Z])\b)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """`text` says: `subject` `aux` `rest` (`aux` of a plain verb is do, does or did, and `rest` starts with its base form).
    `lead`: an adverbial that stood first, such as "on Beacon". `sentence`: the whole sentence."""

    subject: str
    aux: str
    rest: str
    lead: str
    sentence: str


def said(text: str) -> list[str]:
    """The sentences of a chunk of Markdown, without list marks, links and tables."""
    found = [
        re.sub(r"^(?:[-*+]|\d+[.)])\s+", "", _LINK.sub(r"\1", s))
        for s in sentences(text)
        if not s.startswith(("|", "#"))
    ]
    return [s for s in found if 3 <= len(s.split()) <= LONGEST and not _POINTING.search(s)]


def bare(text: str) -> str:
    """Without emphasis and code marks."""
    return text.replace("**", "").replace("__", "").replace("`", "").strip()


def clauses(sentence: str) -> list[Clause]:
    """The main clauses of a sentence that can be asked about."""
    found: list[Clause] = []
    for part in _BREAK.split(sentence.rstrip(" .!")):
        lead = _LEAD.match(part) or _LEAD_TO_YOU.match(part)
        body = part[lead.end() :] if lead else part
        if clause := _clause(body.strip(), lower_first(lead[1]) if lead else "", sentence):
            found.append(clause)
    return found


def _clause(body: str, lead: str, sentence: str) -> Clause | None:
    words = body.split()
    if not words or words[0].lower().strip("*,") in _DANGLING or words[0] in _FIRST or _NEGATION.search(body):
        return None
    for at in range(1, min(len(words) - 1, _SUBJECT_WORDS + 1)):
        if verb := _verb(words, at):
            subject = " ".join(words[:at])
            if _INNER.search(subject) or "**" in subject or re.search(r"\b(?:to|by)$", subject):
                return None
            aux, base = verb
            rest = " ".join([*([base] if base else []), *words[at + 1 :]])
            return Clause(subject=subject, aux=aux, rest=rest, lead=lead, sentence=sentence)
    return None


def _verb(words: list[str], at: int) -> tuple[str, str] | None:
    """(auxiliary, base form of a plain verb or nothing) where the word there is the clause's verb."""
    word, before, after = words[at], words[at - 1], words[at + 1]
    if word in ("has", "have"):
        perfect = after == "been" or (after.endswith("ed") and after != "need")
        return (word, "") if perfect else ("does" if word == "has" else "do", "have")
    if word in _AUX:
        return word, ""
    if word in _PAST:
        reduced = before.lower() in ("a", "an", "the") or after == "by" or not _AUX.isdisjoint(words[at:])
        return None if reduced else ("did", _PAST[word])
    if word in _THIRD:
        clear = (
            word not in _NOUNS_TOO or re.match(r"(?:An?|The|Each|Every)$", words[0]) or (at == 1 and word.endswith("s"))
        )
        return ("does", _THIRD[word]) if clear and not before.endswith("s") else None
    plural = before.endswith("s") and not before.endswith(("ss", "us", "is", "'s", "’s"))
    if word in _BASES and (plural or before.lower() in ("you", "people", "we")):
        return "do", word
    return None


def _third(verb: str) -> str:
    if verb.endswith(("ss", "sh", "ch", "x", "go")):
        return verb + "es"
    return verb[:-1] + "ies" if verb.endswith("y") and verb[-2] not in "aeiou" else verb + "s"


_BASES = frozenset(_BASE)
_THIRD = {_third(verb): verb for verb in _BASE}
third_persons = frozenset(_THIRD) | {"includes", "allows", "sends", "supports", "means"}
_PROPER = re.compile(r"^(?:[A-Z]{2}|[A-Z][a-z]+[A-Z]|I\b|[A-Z]+-?\d)")


def lower_first(text: str) -> str:
    """The first letter small, as inside a sentence, unless the word is a name by its own form."""
    return text if _PROPER.match(text) else text[:1].lower() + text[1:]


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def asked(words: str, clause: Clause, rest: str, names: frozenset[str]) -> str:
    """The question: `words` auxiliary subject rest lead. The reader of the page becomes the one who asks."""
    text = " ".join(f"{words} {clause.aux} {subject(clause, names)} {rest} {clause.lead}".split())
    return first_person(bare(text).strip(" ,;:")) + "?"


def subject(clause: Clause, names: frozenset[str]) -> str:
    """As inside a sentence: only names keep their capital."""
    first = re.sub(r"['’]s?$", "", clause.subject.split()[0])
    return clause.subject if first in names else lower_first(clause.subject)


def first_person(text: str) -> str:
    """ "You" as the one who asks."""
    for you, i in (
        (r"\bare you\b", "am I"),
        (r"\byou are\b", "I am"),
        (r"\byourself\b", "myself"),
        (r"\byour\b", "my"),
        (r"\byou\b", "I"),
    ):
        text = re.sub(you, i, text)
    return re.sub(
        r"\b(for|to|by|with|from|of|on|at|after|send|sends|show|shows|give|gives|tell|tells|inform|informs) I\b",
        r"\1 me",
        text,
    )


def names(texts: list[str]) -> frozenset[str]:
    """Words that keep their capital at the start of a sentence: within one they have it more often than not, or they stand before
    another capital and never without."""
    text = bare(" ".join(texts))
    upper = Counter(re.findall(r"(?<=[a-z,(] )[A-Z][\w-]*\w", text))
    lower = Counter(re.findall(r"(?<![\w./@-])[a-z][\w-]*\w(?!\.[a-z])", text))
    first = set(re.findall(r"\b[A-Z][\w-]*\w(?= [A-Z]\w)", text))
    known = {w for w in {*upper, *first} if w.lower() not in _COMMON}
    return frozenset(w for w in known if upper[w] > lower[w.lower()] or (w in first and not lower[w.lower()]))


_COMMON = frozenset(
    "a an the on in at for to with from by of after each every all some most other no your our my his her its this that".split()
)
