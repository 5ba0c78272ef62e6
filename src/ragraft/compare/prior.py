"""What `ragraft advise` asks, and what each answer speaks for: the whole of its judgement, as tables. Imports nothing heavy.

Points are judgements between -2 and +2, not measurements: 1 speaks for or against an arm, 2 does so strongly. `rules_out` is for what an
arm cannot do at all. Where experiments were published, a row names them (ids of `published.toml`), those that found otherwise too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ragraft.types import ArmName, ProbeName, Task

Changes = Literal["never", "yearly", "monthly", "weekly", "daily"]
YesNo = Literal["yes", "no"]
Tone = Literal["no", "helps", "decisive"]
Access = Literal["open", "lists", "personal"]
Team = Literal["none", "engineers", "training"]
Key = Literal["task", "changes", "sources", "tone", "traffic", "data", "examples", "team", "latency"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What is known before anything is measured. The defaults are those of someone who has documents and nothing else."""

    task: Task = "answer"
    changes: Changes = "monthly"
    sources: YesNo = "no"
    tone: Tone = "no"
    traffic: int = 10_000
    """Questions a month."""
    data: Access = "open"
    examples: int = 0
    """Labelled ones."""
    team: Team = "engineers"
    latency: int = 0
    """Milliseconds that 95 % of the answers may take at most; 0: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A range of a number: from the band before it up to, not including, `below`."""

    name: str
    below: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question. `choices`: word -> what it means; without any the answer is a number, which falls into one of `bands`."""

    key: Key
    asks: str
    choices: Mapping[str, str] = field(default_factory=dict[str, str])
    bands: tuple[Band, ...] = ()


QUESTIONS: tuple[Question, ...] = (
    Question(
        key="task",
        asks="What is the model to do?",
        choices={"answer": "answer questions from documents", "classify": "give texts a label"},
    ),
    Question(
        key="changes",
        asks="How often does the knowledge change?",
        choices={"never": "never", "yearly": "yearly", "monthly": "monthly", "weekly": "weekly", "daily": "daily or more often"},
    ),
    Question(
        key="sources", asks="Must an answer show its sources?", choices={"yes": "sources must be shown", "no": "need not"}
    ),
    Question(
        key="tone",
        asks="Does a house tone or format decide whether an answer is good?",
        choices={"no": "facts decide", "helps": "tone helps", "decisive": "tone is decisive"},
    ),
    Question(
        key="traffic",
        asks="How many questions a month?",
        bands=(Band(name="few", below=1_000), Band(name="usual", below=1_000_000), Band(name="many")),
    ),
    Question(
        key="data",
        asks="Who may read the documents?",
        choices={
            "open": "everyone who may ask",
            "lists": "not everyone may read everything",
            "personal": "personal data, which must be erasable",
        },
    ),
    Question(
        key="examples",
        asks="How many labelled examples (question and right answer) do you have?",
        bands=(
            Band(name="none", below=20), Band(name="few", below=200), Band(name="some", below=1_000), Band(name="many"),
        ),
    ),
    Question(
        key="team",
        asks="Who looks after the system?",
        choices={"none": "nobody who programs", "engineers": "engineers", "training": "people who have trained models"},
    ),
    Question(
        key="latency",
        asks="In how many milliseconds must 95 % of the answers be there (0: no limit)?",
        bands=(Band(name="no limit", below=1), Band(name="tight", below=501), Band(name="relaxed")),
    ),
)  # fmt: skip


def band(question: Question, answers: Answers) -> str:
    """The answer as the tables below know it: the word, or the name of the number's band."""
    value = getattr(answers, question.key)
    return next((b.name for b in question.bands if value < b.below), str(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one answer speaks for. `published` found the same, `against` found otherwise."""

    question: Key
    when: tuple[str, ...]
    because: str
    points: Mapping[ArmName, int] = field(default_factory=dict[ArmName, int])
    rules_out: tuple[ArmName, ...] = ()
    published: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = ("answer", "classify")


_ANSWER: tuple[Task, ...] = ("answer",)
_CLASSIFY: tuple[Task, ...] = ("classify",)

EVIDENCE: tuple[Evidence, ...] = (
    Evidence(
        question="task", when=_ANSWER,
        because="What stands in your documents alone is known to an arm that reads them; fine-tuning teaches new facts slowly, and inventing with them.",
        points={"base": -2, "quote": 1, "rag": 1, "tuned": -1, "tuned+rag": 1, "raft": 1},
        published=("kandpal-long-tail", "soudani-rare-facts", "ovadia-new-facts", "gekhman-hallucination"),
    ),
    Evidence(
        question="task", when=_ANSWER,
        because="A quoted sentence joins no facts and answers in no other words than the document's.",
        points={"quote": -2},
    ),
    Evidence(
        question="task", when=_ANSWER,
        because="An adapter trained without passages is no better at reading them, and may be worse.",
        points={"tuned+rag": -1}, published=("ovadia-naive-both", "raft"), against=("balaguer-cumulative",),
    ),
    Evidence(
        question="task", when=_CLASSIFY,
        because="Labels are a skill, not facts: a small model tuned on them beats prompting, and label names alone tell little.",
        points={"base": -2, "tuned": 1, "tuned+rag": 1}, published=("bucher-classify",),
    ),
    Evidence(
        question="changes", when=("never",),
        because="What never changes need not be looked up again for every question.",
        points={"tuned": 1},
    ),
    Evidence(
        question="changes", when=("monthly",), tasks=_ANSWER,
        because="An adapter tells the old facts until it is trained again, every month.",
        points={"tuned": -1}, published=("ovadia-new-facts",),
    ),
    Evidence(
        question="changes", when=("weekly", "daily"), tasks=_ANSWER,
        because="A changed document is in the answers after one sync; an adapter tells the old facts until it is trained again.",
        points={"quote": 1, "rag": 1, "tuned": -2, "tuned+rag": -1}, published=("lewis-swap", "ovadia-new-facts"),
    ),
    Evidence(
        question="changes", when=("weekly", "daily"), tasks=_CLASSIFY,
        because="A new label works by its examples at once; a tuned encoder must be trained again.",
        points={"rag": 1, "tuned": -1, "tuned+rag": -1},
    ),
    Evidence(
        question="sources", when=("yes",), tasks=_ANSWER,
        because="An arm that reads no passages has nothing to cite; a quote is its own source, and `raft` is trained to cite.",
        points={"quote": 1, "rag": 1, "raft": 1}, rules_out=("base", "tuned"),
    ),
    Evidence(
        question="sources", when=("yes",), tasks=_CLASSIFY,
        because="The nearest labelled examples are their own explanation.",
        points={"rag": 1},
    ),
    Evidence(
        question="tone", when=("helps",), tasks=_ANSWER,
        because="Tone is what a moderate number of examples teaches; a quote keeps the document's.",
        points={"quote": -1, "tuned": 1, "tuned+rag": 1, "raft": 1}, published=("lima-style",),
    ),
    Evidence(
        question="tone", when=("decisive",), tasks=_ANSWER,
        because="Tone is what a moderate number of examples teaches; instructions reach it in part, a quote not at all.",
        points={"quote": -2, "rag": -1, "base": -1, "tuned": 2, "tuned+rag": 1, "raft": 1}, published=("lima-style",),
    ),
    Evidence(
        question="traffic", when=("few",),
        because="So few questions do not repay training and looking after an adapter.",
        points={"tuned": -1, "tuned+rag": -1, "raft": -1},
    ),
    Evidence(
        question="traffic", when=("many",), tasks=_ANSWER,
        because="At this volume the passages in every prompt are most of the cost; a closed-book prompt is a fraction as long, and a quote generates nothing.",
        points={"quote": 1, "tuned": 1},
    ),
    Evidence(
        question="data", when=("lists",), tasks=_ANSWER,
        because="Search can hold back what a reader may not see; weights cannot, so an adapter is open only to those who may read all it learned from.",
        points={"quote": 1, "rag": 1, "tuned": -2, "tuned+rag": -2, "raft": -1},
        published=("secret-sharer",), against=("zeng-privacy",),
    ),
    Evidence(
        question="data", when=("personal",),
        because="Weights memorise rare strings and cannot unlearn; a document leaves an index for good, though search can be made to tell what it holds.",
        points={"tuned": -2, "tuned+rag": -2, "raft": -2}, published=("secret-sharer",), against=("zeng-privacy",),
    ),
    Evidence(
        question="examples", when=("none",), tasks=_ANSWER,
        because="There is nothing to train on yet.",
        rules_out=("tuned", "tuned+rag", "raft"),
    ),
    Evidence(
        question="examples", when=("none",), tasks=_CLASSIFY,
        because="Without labelled examples there is nothing to train on and nothing to be near to.",
        rules_out=("rag", "tuned", "tuned+rag"),
    ),
    Evidence(
        question="examples", when=("few",), tasks=_ANSWER,
        because="So few examples teach a form at best.",
        points={"tuned": -1, "tuned+rag": -1, "raft": -1}, published=("lima-style",),
    ),
    Evidence(
        question="examples", when=("few",), tasks=_CLASSIFY,
        because="With a handful of examples per label the gain of training is small.",
        points={"tuned": -1}, published=("casanueva-intents",),
    ),
    Evidence(
        question="examples", when=("many",), tasks=_ANSWER,
        because="Enough examples to teach tone and reading; what `raft` gains by it was found on older models.",
        points={"tuned": 1, "raft": 1}, published=("lima-style", "raft"), against=("raft-newer-models",),
    ),
    Evidence(
        question="examples", when=("many",), tasks=_CLASSIFY,
        because="Accuracy keeps growing with the examples per label that a classifier is trained on.",
        points={"tuned": 1, "tuned+rag": 1}, published=("casanueva-intents",),
    ),
    Evidence(
        question="team", when=("none",),
        because="An adapter must be trained, watched and trained again; nobody is there to do it.",
        points={"tuned": -2, "tuned+rag": -2, "raft": -2},
    ),
    Evidence(
        question="team", when=("engineers",), tasks=_ANSWER,
        because="An adapter is one more thing to train, watch for what it forgets, and train again.",
        points={"tuned": -1, "tuned+rag": -1, "raft": -1}, published=("biderman-lora",),
    ),
    Evidence(
        question="latency", when=("tight",), tasks=_ANSWER,
        because="Search and a long prompt come before the first word; a quote needs no generator.",
        points={"base": 1, "tuned": 1, "quote": 1, "rag": -1, "tuned+rag": -1, "raft": -1},
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Which probe settles a doubt that an answer raises. `adapter`: only where one of the two arms in question has an adapter."""

    question: Key
    when: tuple[str, ...]
    probe: ProbeName
    settles: str
    adapter: bool = False
    tasks: tuple[Task, ...] = ("answer",)


DOUBTS: tuple[Doubt, ...] = (
    Doubt(question="data", when=("lists",), probe="permission", settles="what each arm tells readers who may not read it"),
    Doubt(question="data", when=("personal",), probe="leakage", settles="what an adapter tells of its training rows", adapter=True),
    Doubt(question="data", when=("personal",), probe="deletion", settles="what an arm still tells after a document went"),
    Doubt(
        question="changes", when=("monthly", "weekly", "daily"), probe="freshness",
        settles="how many facts each arm tells rightly after they changed, and how soon",
    ),
    Doubt(
        question="latency", when=("tight",), probe="load", tasks=("answer", "classify"),
        settles="whether the slowest answers keep your limit with several clients at once",
    ),
    Doubt(
        question="traffic", when=("many",), probe="load", tasks=("answer", "classify"),
        settles="how many questions a second one machine answers",
    ),
    Doubt(
        question="tone", when=("helps", "decisive"), probe="forgetting", adapter=True,
        settles="what an adapter loses while it learns your tone",
    ),
    Doubt(
        question="task", when=("answer", "classify"), probe="robustness", tasks=("answer", "classify"),
        settles="whether the lead holds for questions with typing errors and in other words",
    ),
)  # fmt: skip
"""In order of weight: the first that applies is the second measurement. The last always applies."""
