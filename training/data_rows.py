"""Training rows of `pocket`. In: articles, human questions, invented pages, a seeded generator. Out: `Row`s. Writes nothing.

A row is one *stem* (system text and passages) and several *branches* (a question and its target) that all continue the stem and
do not see each other: twenty questions cost the tokens of one context. Texts come from `ragraft.prompting` and the chat template only.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import data_helpdesk
from data_questions import Made, make
from data_swap import swapper
from data_text import Article, excerpt, passage, sentences
from data_words import reword
from data_words import words as words_of

from ragraft.prompting import BRIEF, REFUSAL, SENTENCE, cite, messages
from ragraft.types import Message

Render = Callable[[Sequence[Message]], str]
"""Messages -> text with the generation prompt, as the tokenizer's chat template writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """`source` and `label` are the places in the stem of the answer's first character and of the cited passage's number."""

    prompt: str
    target: str
    source: int | None = None
    label: int | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    kind: str
    stem: str
    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question before rendering; `passage` is the index of the passage that answers it, None for a refusal."""

    question: str
    short: str
    sentence: str
    passage: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Passages and the questions about them, before rendering."""

    kind: str
    passages: tuple[str, ...]
    asked: tuple[Asked, ...]
    style: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanText:
    """A paragraph with human questions: (question, answers); no answers: not answerable from this text."""

    title: str
    text: str
    questions: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Everything rows are made from. `known` counts lower-case words (for verb forms), `names` are names to
    exchange, `facts` are the closed-book ones."""

    articles: tuple[Article, ...]
    human: tuple[tuple[HumanText, ...], ...]
    known: dict[str, int]
    facts: tuple[tuple[str, data_helpdesk.Fact], ...] = ()
    names: tuple[str, ...] = ()


def target(item: Asked, style: str, *, passages: bool) -> str:
    """What the model should write: the short answer or the sentence, with its marker when there are passages."""
    answer = item.sentence if style == SENTENCE else item.short
    return cite(answer, [item.passage + 1] if passages and item.passage is not None else []).strip()


def rendered(case: Case, render: Render) -> Row | None:
    """One row in the project's prompt format; the stem is what all branches share. None for a case without questions."""
    branches: list[Branch] = []
    stem = ""
    for item in case.asked:
        text = render(messages(case.passages, item.question, style=case.style))
        cut = text.rindex("\n\nQuestion: ") if case.passages else text.rindex("Question: ")
        stem = text[:cut]
        source, label = _places(stem, case, item)
        branches.append(
            Branch(
                prompt=text[cut:],
                target=target(item, case.style, passages=bool(case.passages)),
                source=source,
                label=label,
                refused=item.short == REFUSAL,
            )
        )
    return Row(kind=case.kind, stem=stem, branches=tuple(branches)) if branches else None


def _places(stem: str, case: Case, item: Asked) -> tuple[int | None, int | None]:
    """Where the stem holds the answer, in its own sentence if that is found, and the number of its passage."""
    if item.passage is None:
        return None, None
    text = case.passages[item.passage]
    start = stem.rfind(f"[{item.passage + 1}] {text}")
    answer = item.sentence if case.style == SENTENCE else item.short
    sentence = max(text.find(item.sentence), 0)
    at = max(text.find(answer, sentence), text.find(answer)) if answer else -1
    opening = start + len(f"[{item.passage + 1}] ")
    return (opening + at if start >= 0 and at >= 0 else None), (start + 1 if start >= 0 else None)


def refusals(candidates: Sequence[tuple[str, str]], shown: str, count: int, rng: random.Random) -> list[Asked]:
    """Refused questions from (question, answer) pairs whose answer does not occur in the shown text."""
    lowered = shown.lower()
    fit = [q for q, answer in candidates if answer.lower() not in lowered]
    return [
        Asked(question=q, short=REFUSAL, sentence=REFUSAL, passage=None) for q in rng.sample(fit, min(count, len(fit)))
    ]


def thinned(case: Case, rng: random.Random, *, refusals: float, first: float) -> Case:
    """Fewer refused questions (each is kept with the chance `refusals`) and fewer about later passages.

    In half of the cases a question about the passage at rank r (from 0) is kept with the chance first ** r, since retrieval
    puts the answering passage first more often than last.
    """
    ranked = rng.random() < 0.5

    def keep(item: Asked) -> bool:
        return rng.random() < (refusals if item.passage is None else first ** min(item.passage, 3) if ranked else 1.0)

    return replace(case, asked=tuple(a for a in case.asked if keep(a)))


SENTENCES = (1, 2, 2, 2, 3, 3, 3, 4, 4, 6, 8)
"""How many sentences an excerpt prompt holds; one of these is drawn."""
_FOUND_FIRST = 0.7
"""How often the sentence that answers is ranked first; the demo's train and dev questions have it there in 0.65 (docs/log.md)."""


def condensed(case: Case, rng: random.Random) -> tuple[Case, ...]:
    """Each question of `case` by itself, over the few sentences of the passages that are most like it: what `[retrieval] sentences` shows.

    Passages, and the sentences of each, come best first, as in `systems.compress`. Likeness is the share of the question's words,
    the rarer in these passages the heavier, with noise. An answer whose sentence is not among the best is refused.
    """
    parts = [(n, head, s) for n, p in enumerate(case.passages) for head, s in _parts(p)]
    bags = [set(words_of(f"{head} {s}")) for _, head, s in parts]
    spread = Counter(w for bag in bags for w in bag)
    return tuple(made for item in case.asked if (made := _condensed(case, item, parts, bags, spread, rng)) is not None)


def _parts(text: str) -> list[tuple[str, str]]:
    head, _, body = text.partition(": ")
    return [(head, s) for s in sentences(body)]


def _condensed(
    case: Case,
    item: Asked,
    parts: Sequence[tuple[int, str, str]],
    bags: Sequence[set[str]],
    spread: Counter[str],
    rng: random.Random,
) -> Case | None:
    asked = set(words_of(item.question))
    scores = [sum(1 / spread[w] for w in asked & bag) + rng.random() for bag in bags]
    ranked = sorted(range(len(parts)), key=lambda i: -scores[i])
    own = next((i for i, (n, _, s) in enumerate(parts) if n == item.passage and item.sentence in s), None)
    if item.passage is not None and own is None:
        return None
    if own is not None and rng.random() < _FOUND_FIRST:
        ranked = [own, *(i for i in ranked if i != own)]
    best = ranked[: rng.choice(SENTENCES)]
    order = list(dict.fromkeys(parts[i][0] for i in best))
    passages = [
        passage(
            next(parts[i][1] for i in best if parts[i][0] == n),
            " ".join(parts[i][2] for i in best if parts[i][0] == n),
        )
        for n in order
    ]
    if own in best:
        return replace(case, passages=tuple(passages), asked=(replace(item, passage=order.index(parts[own][0])),))
    if item.short.lower() in " ".join(passages).lower() and item.passage is not None:
        return None
    refused = Asked(question=item.question, short=REFUSAL, sentence=REFUSAL, passage=None)
    return replace(case, passages=tuple(passages), asked=(refused,))


def pointing(sources: Sources, rng: random.Random, *, words: int = 260) -> Case:
    """Practice in what every answer needs: which passage holds these words, and what follows them there."""
    places = _excerpts(sources, rng, words)
    passages = [passage(title, " ".join(text)) for title, text in places]
    asked: list[Asked] = []
    for n, (_, text) in enumerate(places):
        said_by = " ".join(text).split()
        for _ in range(2 if len(said_by) > 12 else 0):
            at, size = rng.randrange(len(said_by) - 11), rng.randint(3, 6)
            said = " ".join(said_by[at : at + size])
            after = " ".join(said_by[at + size : at + size + rng.randint(2, 5)])
            question, answer = (
                (f"What follows “{said}”?", after.strip(" .,;:"))
                if rng.random() < 0.5
                else (f"Which passage says “{said}”?", "")
            )
            if sum(said in p for p in passages) == 1:
                asked.append(Asked(question=question, short=answer, sentence=answer, passage=n))
    rng.shuffle(asked)
    return Case(kind="point", passages=tuple(passages), asked=tuple(asked), style=BRIEF)


def plain(sources: Sources, rng: random.Random, words: int) -> Row:
    """Plain text of one article; loss falls on all of it."""
    article = rng.choice(sources.articles)
    start = rng.randrange(len(article.paragraphs))
    text = "\n".join(" ".join(p) for p in article.paragraphs[start:])
    return Row(
        kind="text",
        stem="",
        branches=(Branch(prompt="<|bos|>", target=f"{article.title}\n{' '.join(text.split(' ')[:words])}"),),
    )


def ruled(sources: Sources, rng: random.Random, *, words: int = 260) -> Case:
    """Questions made by rule over one to six excerpts of together about `words` words, two thirds of them from the same article."""
    places = _excerpts(sources, rng, words)
    per = [[q for s in text for q in make(title, s, sources.known, rng)] for title, text in places]
    hidden = _drop(per, rng)
    shown = [place for i, place in enumerate(places) if i != hidden]
    made = [m for i, m in enumerate(per) if i != hidden]
    passages = [passage(title, " ".join(text)) for title, text in shown]
    asked = [_answered(q, n) for n, questions in enumerate(made) for q in _some(questions, 4, rng)]
    joined = " ".join(passages)
    if hidden is not None:
        asked += refusals([(q.question, q.answer) for q in per[hidden]], joined, 1 + len(asked) // 3, rng)
    rng.shuffle(asked)
    return Case(kind="rule", passages=tuple(passages), asked=tuple(asked), style=_style(rng, 0.4))


def _excerpts(sources: Sources, rng: random.Random, words: int) -> list[tuple[str, tuple[str, ...]]]:
    article = rng.choice(sources.articles)
    count = rng.choice((1, 2, 2, 3, 3, 3, 4, 4, 5, 6))
    size = rng.choice((25, 40, 60, 90)) if count > 2 else rng.choice((40, 60, 90, 120))
    size = min(size, words)
    count = min(count, words // size)
    own = rng.sample(article.paragraphs, min(len(article.paragraphs), max(1, count * 2 // 3), 5))
    places = [(article.title, excerpt(p, size, rng)) for p in own]
    while len(places) < count + 1:
        other = rng.choice(sources.articles)
        places.append((other.title, excerpt(rng.choice(other.paragraphs), size, rng)))
    rng.shuffle(places)
    return places


def _drop(per: Sequence[Sequence[object]], rng: random.Random) -> int | None:
    """Index of a place left out of the prompt, so that its questions must be refused."""
    filled = [i for i, questions in enumerate(per) if questions]
    return rng.choice(filled) if len(filled) > 1 else None


def _answered(made: Made, place: int) -> Asked:
    return Asked(question=made.question, short=made.answer, sentence=made.sentence, passage=place)


def _some(questions: Sequence[Made], most: int, rng: random.Random) -> list[Made]:
    return rng.sample(list(questions), min(most, len(questions)))


def _style(rng: random.Random, sentence: float) -> str:
    return SENTENCE if rng.random() < sentence else BRIEF


def human(sources: Sources, rng: random.Random, *, words: int = 260) -> Case:
    """Human questions over one to five paragraphs of together about `words` words, mostly of one article and often shortened.

    Refused questions are marked unanswerable, or their sentence is not shown. In two thirds of the cases names and numbers are exchanged.
    """
    texts = list(rng.choices(sources.human, weights=[len(g) for g in sources.human])[0])
    count = rng.choice((1, 2, 2, 3, 3, 4, 5))
    rng.shuffle(texts)
    if count > 1 and rng.random() < 0.3:
        texts.insert(rng.randrange(count), rng.choice(rng.choice(sources.human)))
    cut = 0.5 if rng.random() < 0.5 else 0.0
    shown, size = [], 0
    for text in texts[:count]:
        short = _shortened(text, rng) if rng.random() < cut else text
        size += short.text.count(" ") + 1
        if shown and size > words:
            break
        shown.append(short)
    rest = [t for t in texts if all(t.text != s.text for s in shown)][:4]
    swap = swapper(sources.known, sources.names, rng) if rng.random() < 0.67 else str
    passages = [swap(passage(_title(t.title, rng), " ".join(t.text.split()))) for t in shown]
    joined = " ".join(passages)
    asked: list[Asked] = []
    for n, text in enumerate(shown):
        for question, answers in text.questions:
            if answers and (item := _human(question, answers, text, n, rng)):
                asked.append(
                    replace(item, short=swap(item.short), sentence=swap(item.sentence), question=item.question)
                )
    trick = [q for t in shown for q, answers in t.questions if not answers]
    asked += [
        Asked(question=q, short=REFUSAL, sentence=REFUSAL, passage=None)
        for q in rng.sample(trick, min(len(trick), 1 + len(asked) // 8))
    ]
    missing = [(q, swap(answers[0])) for t in rest for q, answers in t.questions if answers]
    asked += refusals(missing, joined, 1 + len(asked) // 4, rng)
    rng.shuffle(asked)
    asked = [replace(a, question=_reworded(swap(a.question.strip()), rng)) for a in asked]
    return Case(kind="human", passages=tuple(passages), asked=tuple(asked[:16]), style=_style(rng, 0.3))


def _shortened(text: HumanText, rng: random.Random) -> HumanText:
    """Some consecutive sentences; the other sentences' questions have no answer then."""
    parts = sentences(" ".join(text.text.split()))
    size = rng.randint(1, max(1, len(parts) - 1))
    start = rng.randrange(len(parts) - size + 1)
    return replace(text, text=" ".join(parts[start : start + size]))


def _title(title: str, rng: random.Random) -> str:
    """`Site › Page › Heading` now and then without its site, as most collections write it."""
    _, _, rest = title.partition(" › ")
    return rest if rest and rng.random() < 0.7 else title


def _reworded(question: str, rng: random.Random) -> str:
    return reword(question, rng, rate=0.3) if rng.random() < 0.4 else question


def _human(question: str, answers: Sequence[str], text: HumanText, place: int, rng: random.Random) -> Asked | None:
    answer = min(answers, key=len) if rng.random() < 0.6 else rng.choice(answers)
    holding = [s for s in sentences(" ".join(text.text.split())) if answer in s]
    return Asked(question=question, short=answer.strip(" .,"), sentence=holding[0], passage=place) if holding else None


def helpdesk(rng: random.Random, *, held_out: bool = False, words: int = 400) -> Case:
    """Invented pages of together about `words` words; the questions of a page left out are refused unless their fact stands elsewhere.

    `held_out`: with the kinds of facts that training never sees."""
    product, pages = data_helpdesk.product_pages(rng, rng.choice((2, 3, 3, 4, 4, 5, 6)), held_out=held_out)
    hidden, *shown = pages
    while len(shown) > 1 and sum(p.text.count(" ") for p in shown) > words:
        shown.pop()
    head = product if rng.random() < 0.3 else ""
    passages = [passage(f"{head} › {p.title}" if head else p.title, p.text, p.heading) for p in shown]
    asked: list[Asked] = []
    for n, page in enumerate(shown):
        asked += [Asked(question=_worded(f, rng), short=f.short, sentence=f.statement, passage=n) for f in page.facts]
    rng.shuffle(asked)
    kinds = {f.kind + f.key for p in shown for f in p.facts}
    refused = [f for f in hidden.facts if f.kind + f.key not in kinds][: 1 + len(asked) // 4]
    asked = asked[:12] + [
        Asked(question=_worded(f, rng), short=REFUSAL, sentence=REFUSAL, passage=None) for f in refused
    ]
    rng.shuffle(asked)
    return Case(kind="helpdesk", passages=tuple(passages), asked=tuple(asked), style=_style(rng, 0.6))


_OPENINGS = (
    "We are a small team.;I just joined the company.;hi,;Hello!;Quick question:;My colleague asked me this.;We switched last month.;I am new here.;"
    "Our accountant wants to know:;I could not find it.;We are thinking about it.;Sorry if this was asked before.;It is the end of the month.;"
    "I am on the road.;We have 12 people.;Our contract ends soon.;Someone told me something else."
).split(";")


def _worded(fact: data_helpdesk.Fact, rng: random.Random) -> str:
    """One of the fact's questions, now and then in lower case, with a synonym, or after a sentence that does not matter."""
    question = reword(rng.choice(fact.questions), rng, rate=0.3)
    if rng.random() < 0.12:
        question = question[0].lower() + question[1:].rstrip("?")
    return f"{rng.choice(_OPENINGS)} {question}" if rng.random() < 0.15 else question


def closed_book(sources: Sources, rng: random.Random) -> Case:
    """Facts of a fixed list, asked without passages: practice in storing facts under several wordings."""
    picked = rng.sample(sources.facts, min(8, len(sources.facts)))
    asked = [
        Asked(
            question=about(product, rng.choice(f.questions), rng),
            short=f.short,
            sentence=f.statement,
            passage=None,
        )
        for product, f in picked
    ]
    return Case(kind="closed", passages=(), asked=tuple(asked), style=_style(rng, 0.4))


WORDINGS = ("{q} ({p})?", "In {p}, {l}?", "{p}: {q}?", "About {p}: {l}?")


def about(product: str, question: str, rng: random.Random) -> str:
    """A question that names its product, for prompts without passages."""
    bare = question.rstrip("?")
    return rng.choice(WORDINGS).format(q=bare, l=bare[0].lower() + bare[1:], p=product)


def chores(render: Render, rng: random.Random) -> Row | None:
    """Label choice, fields to JSON, rewriting, and a short conversation, over invented products."""
    product, pages = data_helpdesk.product_pages(rng, 3)
    facts = [f for p in pages for f in p.facts]
    job = rng.choice(("label", "json", "rewrite", "talk"))
    if job == "talk":
        return _talk(pages, render, rng)
    if job == "label":
        labels = rng.sample(sorted({f.kind for f in facts}), min(6, len({f.kind for f in facts})))
        system = f"Choose the label that fits: {', '.join(labels)}."
        pairs = [(rng.choice(f.questions), f.kind) for f in facts if f.kind in labels]
    elif job == "json":
        system = "Fill the fields as JSON: product, topic, value."
        pairs = [
            (
                f"{product}: {f.statement}",
                json.dumps({"product": product, "topic": f.kind, "value": f.short}, ensure_ascii=False),
            )
            for f in facts
        ]
    else:
        tone, before, after = rng.choice(
            (
                ("friendly", "Good to know: ", " Happy to help!"),
                ("formal", "Please note: ", " Kind regards."),
                ("short", "", ""),
            )
        )
        system = f"Rewrite in a {tone} tone."
        pairs = [(f.statement, f"{before}{f.statement}{after}") for f in facts]
    branches: list[Branch] = []
    stem = ""
    for given, target in pairs[:8]:
        text = render([Message(role="system", content=system), Message(role="user", content=given)])
        cut = text.rindex("<|user|>") + len("<|user|>")
        stem = text[:cut]
        branches.append(Branch(prompt=text[cut:], target=target))
    return Row(kind="chores", stem=stem, branches=tuple(branches)) if branches else None


def _talk(pages: Sequence[data_helpdesk.Page], render: Render, rng: random.Random) -> Row:
    """A second question about the same passages: the first turn and its answer stand in the prompt."""
    passages = [passage(p.title, p.text, p.heading) for p in pages]
    spots = [(n, f) for n, p in enumerate(pages) for f in p.facts]
    (first, one), *others = rng.sample(spots, min(len(spots), 6))
    opening = (
        *messages(passages, rng.choice(one.questions), style=BRIEF),
        Message(role="assistant", content=cite(one.short, [first + 1])),
    )
    branches: list[Branch] = []
    stem = ""
    for place, other in others:
        text = render((*opening, Message(role="user", content=f"Question: {rng.choice(other.questions)}")))
        cut = text.rindex("<|user|>") + len("<|user|>")
        stem = text[:cut]
        branches.append(Branch(prompt=text[cut:], target=cite(other.short, [place + 1])))
    return Row(kind="chores", stem=stem, branches=tuple(branches))
