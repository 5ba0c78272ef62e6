"""Questions by rule. In: a chunk of an English document. Out: drafts; nothing is written.

A rule looks for one kind of fact (a duration, a price, a limit, a date, a place in a menu, who may) in a plain clause and asks for it
with the clause's own words; others read table rows, definitions, conditions and step lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ragraft.corpus.chunk import SEPARATOR
from ragraft.synthesis.clauses import (
    Clause,
    asked,
    bare,
    clauses,
    first_person,
    lower_first,
    said,
    subject,
    third_persons,
    upper_first,
)
from ragraft.synthesis.draft import Draft
from ragraft.synthesis.tables import key_values, table_facts
from ragraft.types import Chunk

_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_DATE = rf"(?:\d{{1,2}} {_MONTH}(?: \d{{4}})?|{_MONTH} \d{{4}}|{_MONTH} \d{{1,2}}(?!\d)(?:, \d{{4}})?|(?:19|20)\d\d(?![\d-]))"
_DAY = r"(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_WORDS = "one two three four five six seven eight nine ten eleven twelve".split()
NUMBER = rf"(?:\d+(?:[.,]\d+)*|{'|'.join(_WORDS[1:])})"
TIME = rf"{NUMBER}[ -](?:(?:working|business|calendar) )?(?:second|minute|hour|day|week|month|year)s?"
MONEY = r"(?:[€$£]\s?\d+(?:[.,]\d+)*|\d+(?:[.,]\d+)* (?:euros?|dollars?|pounds?|EUR|USD|GBP|CHF))"
_SIZE = rf"{NUMBER} (?:KB|MB|GB|TB|kg|km|cm|mm|metres|meters|litres|pixels|percent|%)"
_ABOUT = (
    r"(?:up to |at most |at least |about |around |approximately |more than |over |less than |no more than |a maximum of |a minimum of |"
    r"only |exactly |another |the next |the last |the first )?"
)
_OF = r"(?: (?:of|after|before|from) (?:(?:the|an?|your|its) )?[\w'-]+(?: [\w'-]+){0,2})?(?=$|[,.;])"
_PATH = r"\*\*[^*]+ > [^*]+\*\*"
_PEOPLE = (
    r"(?:owners?|admins?|administrators?|managers?|members?|users?|employees?|staff|teams?|customers?|technicians?|dispatchers?|"
    r"viewers?|leads?|supervisors?|students?|teachers?|parents?|residents?|patients?|guests?|agents?|editors?|authors?|officers?)"
)
_THIRDS = "|".join(sorted(third_persons))
_ELSEWHERE = re.compile(
    rf"\b(?:if|when|who|which|that|because|unless|where|while|until|as soon as)\b| and (?:{_THIRDS}|is|are|can|has)\b|, (?:and|but) "
)
"""Before a fact: it belongs to another clause than the verb that is asked with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """`pattern` over what follows the auxiliary; group `fact` is the answer, and what it matches is cut out."""

    kind: str
    words: str
    pattern: re.Pattern[str]


def _rule(kind: str, words: str, pattern: str) -> _Rule:
    return _Rule(kind=kind, words=words, pattern=re.compile(pattern))


_RULES = (
    _rule("price", "How much", rf"(?<=^cost) {_ABOUT}(?P<fact>{MONEY})(?: per [a-z]+(?: (?:per|and) [a-z]+)*)?"),
    _rule("duration", "How long", rf"(?<=^take|^last) {_ABOUT}(?P<fact>{TIME})"),
    _rule("deadline", "How soon", rf" within (?P<fact>{TIME}){_OF}"),
    _rule("duration", "How long", rf" for {_ABOUT}(?P<fact>{TIME})\b"),
    _rule("frequency", "How often", rf" (?:once )?(?P<fact>every {TIME}|every (?:day|week|month|quarter|year)|once a \w+|twice a \w+)\b"),
    _rule("delay", "After how long", rf" after {_ABOUT}(?P<fact>{TIME})\b{_OF}"),
    _rule("time", "When", rf" (?:on|every) (?P<fact>{_DAY}s?(?: to {_DAY}s?)?(?: (?:at|from) \d{{1,2}}:\d\d(?: to \d{{1,2}}:\d\d)?(?: [A-Z]{{2,4}})?)?)"),
    _rule("time", "At what time", r" at (?P<fact>\d{1,2}[:.]\d\d(?: ?[ap]m)?(?: [A-Z]{2,4})?)"),
    _rule("date", "Since when", rf" since (?P<fact>{_DATE})"),
    _rule("date", "Until when", rf" until (?P<fact>{_DATE})"),
    _rule("date", "When", rf" (?:on|in) (?P<fact>{_DATE})"),
    _rule("menu", "Where", rf" (?:in|under|at|with|via) (?P<fact>{_PATH})"),
    _rule("size", "How large", rf"(?<=^be) {_ABOUT}(?P<fact>{_SIZE})(?: in size)?|(?<=^be) (?:up to|at most) (?P<limit>{_SIZE})"),
)  # fmt: skip
_COUNT = re.compile(
    rf"^(?P<verb>(?:(?!to |for |of |in |on )[a-z]+ )(?:to |of |by |with )?){_ABOUT}(?P<fact>{NUMBER}) "
    rf"(?P<noun>(?:more |new |other |different )?(?:[a-z][\w'-]+ ){{0,2}}?(?:[a-z][\w'-]+s|people))(?P<after>\b.*)$"
)
_UNIT = re.compile(r"\b(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|times|characters per|KB|MB|GB|TB)\b")
_WHICH = re.compile(
    r" (?P<prep>on|in|for|with) (?:the )?(?P<fact>[A-Z]\w+(?:, [A-Z]\w+)*,? (?:and|or) [A-Z]\w+) (?P<noun>[a-z]+s)\b"
)
_AGENT = re.compile(r"^\w+(?: \w+)? by (?P<fact>[A-Z][\w.&-]*(?: [A-Z][\w.&-]*)*)(?=$|[,.;]| (?:in|on|at) )")
_LEAD_DATE = re.compile(rf"^(?:in|on) (?:early |late )?(?P<fact>{_DATE})$")
_WHO = re.compile(rf"^(?:Only )?((?:[Tt]he |[Aa]n? |[Aa]ll )?(?:[a-z]+ )?{_PEOPLE}(?:,? (?:and|or) (?:the |an? )?(?:[a-z]+ )?{_PEOPLE})?) (can|may) (?!be\b)([^.;:]+)$", re.IGNORECASE)  # fmt: skip
_DEFINITION = re.compile(r"^(An? [a-z][\w -]{2,40}?|[A-Z][\w-]+(?: [A-Z][\w-]+){0,3}) is ((?:an?|the) [^.;:]+)$")
_CONDITION = re.compile(r"^(If|When) ([^,]{8,90}), (?:then )?((?:the|an?|its|your|all|you|it|they) [^.;:]{6,120})$")
_OUTCOME = re.compile(r"\b(?:is|are|be) ([a-z]+(?:ed|n|ut|pt|ld)(?: (?:to|from|in|into|as|on|off|by) [^,]+)?)$")
_IMPERATIVE = re.compile(rf"^([A-Z][a-z]+) ((?:the|an?|your|a new) [^.;:,*]{{2,50}}) (?:in|under|at) ({_PATH})")
_VERBS = frozenset(
    "activate add adjust apply archive assign attach block book buy call cancel change check choose claim clean clear close collect configure "
    "connect contact convert copy correct create deactivate define delete disable download edit empty enable end enter exchange export extend "
    "file fill find fix get give hand hide import install invite join link lock log look make manage mark merge move open order pay plan "
    "prepare print publish read record recover register reject remove rename renew reopen repair replace report request reset restore return "
    "review rotate run save scan schedule search select sell send set share show sign start stop store subscribe switch sync test "
    "track transfer translate turn undo unlock update upgrade upload use verify view wake withdraw write".split()
)
_BARE = re.compile(r"^(?:\w+ )?the \w+$")
"""A subject, or what is done to it, that only its section makes clear."""
_STEP = re.compile(r"(?:^|[.!?] )(?:\d+[.)] +|[-*] +)?([A-Z][a-z]+) ", re.MULTILINE)
_MANNER = re.compile(r"of$|with$|without$|in$|at$|by$|[a-z]+ly$")
_VAGUE = re.compile(r"\b(?:it|them|they|this|these|those|he|she|him|there|here|so)\b", re.IGNORECASE)
_LATIN = re.compile(r"\b(?:the|of|and|is|are|to|in|for|with|you|can|it|this|that|be|on|or|as)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A chunk with what its questions need: which words are names, and what the page is about."""

    chunk: Chunk
    names: frozenset[str] = field(default_factory=frozenset[str])

    @property
    def task(self) -> str:
        """The heading as a task, such as "invite a guest", where the section says what to do; else empty."""
        heading = (self.chunk.heading.split(SEPARATOR)[-1] or self.chunk.title).strip(" .:?")
        words = heading.split()
        steps = (m[1].lower() in _VERBS for m in _STEP.finditer(self.chunk.text))
        task = (
            any(steps)
            and 2 <= len(words) <= 8
            and words[0].lower() in _VERBS
            and not _VAGUE.search(heading)
            and not _MANNER.match(words[1])
        )
        return lower_first(bare(heading)) if task else ""


def english(text: str) -> bool:
    """Whether a text reads as English: a tenth of its words are among the commonest."""
    words = len(text.split())
    return words > 0 and len(_LATIN.findall(text)) >= 0.1 * words


def drafts(page: Page) -> tuple[Draft, ...]:
    """Every question that the rules find in one chunk; several may ask for one fact."""
    found = [*_from_sentences(page), *_from_steps(page), *_from_table(page)]
    kept = [
        d for d in found if 3 <= len(d.question.split()) <= 24 and not _VAGUE.search(d.question) and not _given_away(d)
    ]
    return tuple({d.question: d for d in kept}.values())


def _given_away(draft: Draft) -> bool:
    question = f" {bare(draft.question).lower()} "
    return any(re.search(rf"\b{re.escape(s.lower())}\b", question) for fact in draft.facts for s in fact)


def _draft(page: Page, kind: str, question: str, answer: str, *facts: str) -> Draft:
    question = upper_first(re.sub(r"\s+([?,])", r"\1", " ".join(question.split())))
    return Draft(
        question=question,
        clearer=_clearer(page, question),
        answer=upper_first(bare(answer)).rstrip(" .") + ".",
        facts=tuple(spellings(bare(f), people=kind == "who") for f in facts),
        chunk=page.chunk,
        kind=kind,
    )


def _clearer(page: Page, question: str) -> str:
    """With the task that the section is about, or with the page's title."""
    task = first_person(page.task)
    if task and task.split()[-1] not in question.lower():
        return f"{question.rstrip('?')} when I {task}?"
    title = bare(page.chunk.title).strip(" .:?")
    return f"{title}: {lower_first(question)}" if title and title.lower() not in question.lower() else ""


def spellings(fact: str, *, people: bool = False) -> tuple[str, ...]:
    """A small number is right as a figure and as a word, people as one and as many."""
    if people:
        return (fact, fact.removesuffix("s")) if fact.endswith("s") else (fact, fact + "s")
    first, _, rest = fact.partition(" ")
    tail = f" {rest}" if rest else ""
    if re.match(_MONTH, rest):
        return (fact,)
    if first.isdigit() and 2 <= int(first) <= len(_WORDS):
        return fact, _WORDS[int(first) - 1] + tail
    if first in _WORDS:
        return fact, str(_WORDS.index(first) + 1) + tail
    return (fact,)


def _from_sentences(page: Page) -> Iterator[Draft]:
    for sentence in said(page.chunk.text):
        yield from _who(page, sentence)
        yield from _whole(page, sentence)
        for clause in clauses(sentence):
            yield from _from_clause(page, clause)


def _from_clause(page: Page, clause: Clause) -> Iterator[Draft]:
    about = subject(clause, page.names)
    for draft in _asked_of(page, clause):
        made = _in_context(page, draft, about)
        named = " " in about and f"{clause.aux} {about}" in made.question
        family = f"{made.kind} {clause.aux} {clause.rest.split()[0]}"
        yield replace(made, subject=about, family=family) if named else made


def _in_context(page: Page, draft: Draft, about: str) -> Draft:
    """With the section's task at once where `about` is bare."""
    alone = page.task and _BARE.search(about) and draft.clearer
    return replace(draft, question=draft.clearer, clearer="") if alone else draft


def _asked_of(page: Page, clause: Clause) -> Iterator[Draft]:
    for rule in _RULES:
        found = rule.pattern.search(clause.rest)
        if not found or _ELSEWHERE.search(clause.rest[: found.start()]):
            continue
        fact = next(g for g in found.groups() if g)
        rest = clause.rest[: found.start()] + _tail(clause.rest[found.end() :])
        bound = rule.kind == "deadline" and (clause.aux in ("can", "may", "must") or rest.startswith("have to"))
        words = "Within what time" if bound else rule.words
        yield _draft(page, rule.kind, asked(words, clause, _light(rest), page.names), clause.sentence, fact)
    if (found := _COUNT.match(clause.rest)) and not _UNIT.search(found["noun"]):
        rest = _light(f"{found['verb']}{_tail(found['after'])}")
        words = f"How many {found['noun']}"
        yield _draft(page, "limit", asked(words, clause, rest, page.names), clause.sentence, found["fact"])
    if found := _WHICH.search(clause.rest):
        rest = clause.rest[: found.start()] + _tail(clause.rest[found.end() :])
        each = re.split(r", (?:and |or )?| and | or ", found["fact"])
        words = f"{found['prep']} which {found['noun']}"
        yield _draft(page, "which", asked(words, clause, rest, page.names), clause.sentence, *each)
    if (found := _LEAD_DATE.match(clause.lead)) and clause.aux in ("was", "were", "did"):
        plain = replace(clause, lead="")
        yield _draft(page, "date", asked("When", plain, _tail(clause.rest), page.names), clause.sentence, found["fact"])
    if (found := _AGENT.search(clause.rest)) and clause.aux in ("is", "are", "was", "were"):
        rest = clause.rest[: found.start("fact")].rstrip() + _tail(clause.rest[found.end() :])
        yield _draft(page, "agent", asked("Who", clause, rest, page.names), clause.sentence, found["fact"].rstrip("."))


def _tail(after: str) -> str:
    """What follows a fact, up to the next clause."""
    return re.split(
        rf"[;:(]|, |\s(?:and|but|or) (?=(?:the|an?|you|it|is|are|can|its|\d\S*|{_THIRDS}) )|\b(?:unless|because|so that)\b",
        after,
        maxsplit=1,
    )[0]


def _light(rest: str) -> str:
    """Without the place in a menu, and words that only tie a sentence to the one before."""
    rest = re.sub(rf" (?:in|under|at|with|via) {_PATH}", "", rest)
    return re.sub(r"\b(?:also|already|even|however|therefore|usually|only) ", "", rest)


def _who(page: Page, sentence: str) -> Iterator[Draft]:
    """ "Only the owner can delete a workspace." """
    found = _WHO.match(bare(_light(sentence)).rstrip(" ."))
    if found and not re.search(r"\b(?:not|never|only|up to|at most)\b", found[3]) and not re.search(r"\d|>", found[3]):
        task = re.split(r", | and (?=\w+ )|\b(?:so that|because)\b", found[3], maxsplit=1)[0].strip()
        if len(task.split()) > 1 and not re.search(r"\b(?:it|them|this|their|his|her)\b", task):
            who = re.split(
                r",? (?:and|or) (?:the |an? )?", re.sub(r"^(?:the|an?|all) ", "", found[1], flags=re.IGNORECASE)
            )
            made = _draft(page, "who", f"Who {found[2].lower()} {first_person(task)}?", sentence, *who)
            yield _in_context(page, made, task)


def _whole(page: Page, sentence: str) -> Iterator[Draft]:
    """Definitions, conditions, and instructions that name a place."""
    plain = bare(sentence).rstrip(" .")
    if found := _DEFINITION.match(plain):
        head = re.split(r"[,(]| (?:who|that|which|in which|where|for|with|from|on|at|and) ", found[2], maxsplit=1)[0]
        fact = re.sub(r"^(?:an?|the) ", "", head)
        first = found[1].split()[0]
        if 2 <= len(fact.split()) <= 6 and (first in ("A", "An") or first in page.names):
            yield _draft(
                page,
                "definition",
                f"What is {found[1] if first in page.names else lower_first(found[1])}?",
                sentence,
                fact,
            )
    if found := _CONDITION.match(plain):
        outcome = _OUTCOME.search(found[3])
        if (
            outcome
            and not re.search(r"\b(?:it|they|them|this|these)\b", found[2])
            and not re.search(r"\bnot\b", found[3])
        ):
            words = " ".join(outcome[1].split()[:5])
            yield _draft(
                page, "condition", f"What happens {found[1].lower()} {first_person(found[2])}?", sentence, words
            )
    if (found := _IMPERATIVE.match(sentence)) and found[1].lower() in _VERBS:
        question = f"Where do I {found[1].lower()} {first_person(found[2])}?"
        yield _draft(page, "menu", question, sentence, found[3])


def _from_steps(page: Page) -> Iterator[Draft]:
    """A task's heading over steps, the first of which says where."""
    if not page.task:
        return
    opened = re.search(rf"(?:^|\n)\s*(?:1[.)]\s+)?(Open ({_PATH})[^.\n]*)", page.chunk.text)
    if opened:
        yield _draft(page, "menu", f"Where do I {first_person(page.task)}?", opened[1], opened[2])


def _from_table(page: Page) -> Iterator[Draft]:
    for row in (*table_facts(page.chunk.text, page.names), *key_values(page.chunk.text, bare(page.chunk.title))):
        made = _draft(page, "table", row.question, row.answer, row.fact)
        yield replace(made, subject=row.thing, family=f"table {row.kind}") if row.thing else made
