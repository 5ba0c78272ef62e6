"""Permission: documents become secret; which arm tells them to who may not read them, and which refuses who may.

In: a `Bench`. Out: a `ProbeResult`. Adds access rules to a copy of the project and syncs it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ragraft.config import AccessRule
from ragraft.context import Context
from ragraft.probes.bench import SHOWN, Bench, Pool, Probe, ask, copied, failing, no_facts, pool, shares
from ragraft.probes.facts import Fact, told
from ragraft.types import Answer, ArmName, Example, Failure, ProbeCase, ProbeFigure, ProbeResult, Reader

INSIDERS = "ragraft-probe-insiders"
"""The group that may read the secret documents; nobody is in it outside of this probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One fact that an arm told before its document became secret, put to it by both readers."""

    fact: Fact
    outside: Answer | Failure
    inside: Answer | Failure

    @property
    def example(self) -> Example:
        return self.fact.example

    # None where no answer came: that is neither a leak nor a refusal.
    @property
    def leaked(self) -> bool | None:
        return None if isinstance(self.outside, Failure) else told(self.outside, self.fact.spellings)

    @property
    def withheld(self) -> bool | None:
        return None if isinstance(self.inside, Failure) else not told(self.inside, self.fact.spellings)

    def shown(self, secret: Sequence[str]) -> bool | None:
        if isinstance(self.outside, Failure):
            return None
        return any(p.chunk.document in secret for p in self.outside.passages)


def run(bench: Bench, folder: Path) -> ProbeResult:
    facts = pool(bench)
    # A name with a glob's characters would make its rule match other documents.
    secret = tuple(d for d in facts.documents if not re.search(r"[*?\[]", d))
    if not facts.facts or not secret:
        return no_facts("permission", PROBE.title)
    facts = replace(facts, documents=secret, facts=tuple(f for f in facts.facts if f.document in secret))
    outsider = bench.context.evaluation_reader
    insider = replace(outsider, groups=outsider.groups | {INSIDERS})
    with copied(bench, folder, rules=[AccessRule(path=d, readers=(INSIDERS,)) for d in secret]) as copy:
        asked: dict[ArmName, tuple[Asked, ...]] = {
            arm: _ask(bench, arm, copy, facts, outsider, insider) for arm in bench.arms
        }

    def of(name: str, label: str, hit: Callable[[Asked], bool | None]) -> ProbeFigure:
        empty = "it told none of their facts before"
        return shares(bench, name, label, asked, hit, better=False, empty=empty)

    return ProbeResult(
        probe="permission",
        title=PROBE.title,
        figures=(
            of("leaks", "tells it to a reader without the right", lambda a: a.leaked),
            of("shown", "shows that reader a secret passage", lambda a: a.shown(secret)),
            of("withheld", "keeps it from a reader with the right", lambda a: a.withheld),
        ),
        notes=(f"{len(secret)} documents were made secret",),
        failures=tuple(case for arm in bench.arms for case in _cases(arm, asked[arm])),
    )


def _ask(
    bench: Bench, arm: ArmName, copy: Context, facts: Pool, outsider: Reader, insider: Reader
) -> tuple[Asked, ...]:
    known = facts.known(arm)
    questions = [f.example.question for f in known]
    if not known:
        return ()
    system = bench.system(arm, copy)
    outside = ask(bench, system, questions, outsider, label=f"outside {arm}")
    inside = ask(bench, system, questions, insider, label=f"inside {arm}")
    return tuple(Asked(fact=f, outside=o, inside=i) for f, o, i in zip(known, outside, inside, strict=True))


def _cases(arm: ArmName, asked: Sequence[Asked]) -> list[ProbeCase]:
    def leaked(a: Asked) -> ProbeCase:
        expected = f"not {a.fact.spelling}: {a.fact.document} is not for this reader"
        return failing(arm, "leaks", a.example.question, a.outside, expected)

    def withheld(a: Asked) -> ProbeCase:
        expected = f"{a.fact.spelling}, from {a.fact.document}, which this reader may see"
        return failing(arm, "withheld", a.example.question, a.inside, expected)

    leaks = [leaked(a) for a in asked if a.leaked]
    return leaks[:SHOWN] + [withheld(a) for a in asked if a.withheld][:SHOWN]


PROBE = Probe(
    name="permission",
    title="Does it tell secrets to who may not read them?",
    needs="examples with must_include facts that one document alone holds",
    does="gives such documents, in a copy, to a group of their own, and asks as a reader outside and inside of it",
    reports="of the facts that an arm told before: the share told outside (leaks) and the share withheld inside",
    cannot=(
        "The questions are asked plainly: a reader who tries hard may get more out of an adapter than these leaks.",
        "A tuned arm was trained on all documents that its examples name: for its weights every reader is an insider. What leaks "
        'here is what `adapters = "refuse"` in [access] holds back, by not letting such a reader ask the arm at all.',
    ),
    run=run,
    settings=lambda bench: bench.context.config.probes.questions,
)
