"""The prior recommendation: what speaks for it, ties, the measurements, and a config that the rest of ragraft reads."""

import itertools
import tomllib
from dataclasses import replace
from typing import get_args

import pytest

from ragraft import config
from ragraft.compare.advise import Advice, advise, questions_needed
from ragraft.compare.prior import (
    DOUBTS,
    EVIDENCE,
    QUESTIONS,
    Access,
    Answers,
    Changes,
    Key,
    Team,
    Tone,
    band,
)
from ragraft.compare.published import load
from ragraft.types import PROBES

WITH_EXAMPLES = Answers(examples=1_500, team="training", changes="yearly")


def points(advice: Advice) -> dict[str, int]:
    return {s.arm: s.points for s in advice.standings}


def test_documents_and_nothing_else_start_with_retrieval() -> None:
    found = advise(Answers())
    assert (found.outcome, found.arm, found.tied, found.sure) == ("one", "rag", (), "a lean")
    assert found.headline == "Start with `rag`."
    assert found.sure_because.startswith("This is a prior: nothing was measured on your data.")
    assert {s.arm for s in found.standings if s.out == "examples"} == {"tuned", "tuned+rag", "raft"}


def test_labels_with_many_examples_start_with_tuning() -> None:
    found = advise(Answers(task="classify", changes="never", examples=10_000))
    assert (found.outcome, found.arm, found.tied) == ("tie", "tuned", ("tuned", "tuned+rag"))
    assert points(found)["tuned"] > points(found)["rag"]
    assert "bucher-classify" in {p.id for r in found.reasons for p in r.published}


def test_a_decisive_tone_with_sources_starts_with_raft() -> None:
    assert advise(replace(WITH_EXAMPLES, tone="decisive", sources="yes")).arm == "raft"
    free = advise(replace(WITH_EXAMPLES, changes="never", tone="decisive", traffic=2_000_000, latency=300))
    assert (free.outcome, free.arm) == ("one", "tuned")


@pytest.mark.parametrize("task", ["answer", "classify"])
def test_faster_changes_and_closed_data_never_speak_for_an_adapter(task: str) -> None:
    def lead(**change: object) -> int:
        found = points(advise(replace(WITH_EXAMPLES, task=task, **change)))  # pyright: ignore[reportArgumentType]
        return found["tuned"] - found["rag"]

    leads = [lead(changes=c) for c in get_args(Changes)]
    assert leads == sorted(leads, reverse=True)
    assert leads[0] > leads[-1]
    assert lead(data="personal") < lead(data="open")
    assert lead(data="lists") <= lead(data="open")


def test_what_cannot_cite_is_ruled_out_where_sources_must_be_shown() -> None:
    found = advise(replace(WITH_EXAMPLES, sources="yes"))
    assert {s.arm: s.out for s in found.standings if s.out} == {"base": "sources", "tuned": "sources"}
    assert config.parse(tomllib.loads(found.config)).constraints.must_cite
    reason = next(r for r in found.reasons if r.question == "sources")
    assert (reason.answer, reason.rules_out) == ("sources must be shown", ("base", "tuned"))


def test_a_tie_names_the_simplest_and_is_a_guess() -> None:
    found = advise(Answers(changes="weekly", sources="yes", examples=500, team="training"))
    assert (found.outcome, found.arm, found.tied, found.sure) == ("tie", "rag", ("rag", "raft"), "a guess")
    assert found.headline == "No arm stands out: start with `rag`, the simplest of those level (with `raft`)."


def test_a_result_that_speaks_against_is_named() -> None:
    found = advise(WITH_EXAMPLES)
    assert "Sager et al. 2024" in found.sure_because
    reading = next(r for r in found.reasons if r.question == "examples")
    assert [p.id for p in reading.against] == ["raft-newer-models"]


def test_the_first_measurement_says_how_many_questions_it_needs() -> None:
    assert questions_needed(0.10) == 194  # (1.95996 * 0.5 + 0.84162 * sqrt(0.24))^2 / 0.01 = 193.9
    few, many = advise(Answers(examples=300)), advise(Answers(examples=3_000))
    assert "194 test questions (554 examples, of which you have 300)" in few.measurements[0].sentence
    assert "your 3,000 examples leave 1,050 for the test" in many.measurements[0].sentence


@pytest.mark.parametrize(
    ("answers", "probe"),
    [
        (Answers(data="lists"), "permission"),
        (Answers(data="personal", examples=1_500, team="training"), "leakage"),
        (Answers(data="personal", examples=50, team="none"), "deletion"),
        (Answers(changes="daily"), "freshness"),
        (Answers(changes="never", latency=200), "load"),
        (Answers(task="classify", data="lists", examples=500), "robustness"),
    ],
)
def test_the_second_measurement_is_the_probe_of_the_greatest_doubt(answers: Answers, probe: str) -> None:
    found = advise(answers)
    assert found.measurements[1].probe == probe
    read = config.parse(tomllib.loads(found.config))
    assert read.traffic.questions_per_month == found.answers.traffic
    assert (read.probes.run, read.compare.arms) == ((probe,), found.measurements[0].arms)
    assert found.arm in read.compare.arms


def test_documents_that_not_everyone_may_read_stay_closed() -> None:
    assert config.parse(tomllib.loads(advise(Answers(data="open")).config)).documents.readers == ("everyone",)
    read = config.parse(tomllib.loads(advise(Answers(data="lists")).config))
    assert read.documents.readers == (read.evaluation.user,)


def test_every_answer_gives_an_advice_that_parses() -> None:
    choices = itertools.product(
        ("answer", "classify"), get_args(Changes), ("yes", "no"), get_args(Tone), get_args(Access), get_args(Team), (0, 5_000)
    )  # fmt: skip
    for task, changes, sources, tone, data, team, examples in itertools.islice(choices, 0, None, 7):
        answers = Answers(
            task=task, changes=changes, sources=sources, tone=tone, data=data, team=team, examples=examples
        )
        found = advise(answers)
        out = {s.arm for s in found.standings if s.out}
        assert found.arm not in out
        assert not out & set(found.tied)
        assert config.parse(tomllib.loads(found.config)).project.task == task


def test_the_tables_name_only_what_exists() -> None:
    words = {q.key: {*q.choices, *(b.name for b in q.bands)} for q in QUESTIONS}
    assert set(words) == set(get_args(Key))
    for row in (*EVIDENCE, *DOUBTS):
        assert set(row.when) <= words[row.question], row
    papers = {p.id for p in load()}
    for row in EVIDENCE:
        assert set((*row.published, *row.against)) <= papers, row
        assert all(-2 <= p <= 2 and p for p in row.points.values()), row
        assert row.because.endswith("."), row
    assert {d.probe for d in DOUBTS} <= set(PROBES)
    assert papers == {i for row in EVIDENCE for i in (*row.published, *row.against)}


@pytest.mark.parametrize(("examples", "name"), [(0, "none"), (19, "none"), (20, "few"), (999, "some"), (1_000, "many")])
def test_numbers_fall_into_bands(examples: int, name: str) -> None:
    question = next(q for q in QUESTIONS if q.key == "examples")
    assert band(question, Answers(examples=examples)) == name
