"""With `[retrieval] sentences`, a generator reads the best sentences only, as its training rows do; `quote` and the search read all."""

from pathlib import Path

import pytest

from ragraft import pipeline, stages
from ragraft.context import Context
from ragraft.systems.system import answer
from ragraft.types import Answer, ArmName, Request

from ..project import CONFIG, make

ASKED = Request(question="How many projects fit in Cedar?")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    folder = make(tmp_path_factory.mktemp("short") / "project", CONFIG + "\n[retrieval]\nsentences = 2\n")
    made = Context(folder)
    pipeline.sync(made)
    return made


def read_by(context: Context, arm: ArmName) -> Answer:
    [outcome] = answer(stages.build_system(context, arm, None, None), [ASKED], context.evaluation_reader)
    assert isinstance(outcome, Answer)
    return outcome


def test_a_generator_reads_the_best_sentences(context: Context) -> None:
    passages = read_by(context, "rag").passages
    assert "The Cedar plan holds 102 projects." in passages[0].text
    assert sum(p.text.count(".") for p in passages) == 2
    assert all(p.excerpt is not None for p in passages)


def test_fewer_words_are_fewer_tokens(context: Context, tmp_path: Path) -> None:
    whole = Context(make(tmp_path / "project"))
    pipeline.sync(whole)
    short, long = (read_by(c, "rag").prompt_tokens for c in (context, whole))
    assert short is not None
    assert long is not None
    assert short < long / 2


def test_quote_reads_whole_passages(context: Context) -> None:
    found = read_by(context, "quote").passages
    assert len(found) == 4
    assert all(p.excerpt is None for p in found)


def test_rows_of_raft_show_what_will_be_read(context: Context) -> None:
    parts = stages.divide(context)
    made = stages.training_rows(context, "raft", parts.train)
    assert made
    for row in made:
        lines = [line.partition(": ")[2] for line in row.messages[1].content.splitlines() if line.startswith("[")]
        assert sum(line.count(".") for line in lines) <= 2
