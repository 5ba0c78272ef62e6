"""`compare` from end to end on a tiny real project: what it says, what it saves, what it does not do twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import ragraft
from ragraft import pipeline, stages
from ragraft.context import Context
from ragraft.errors import DataError
from ragraft.types import ARMS, Answer, Reader
from ragraft.workspace import read_lines

from .project import CONFIG, make

READER = Reader(user="u")


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> ragraft.Comparing:
    return ragraft.open(make(tmp_path_factory.mktemp("tiny") / "project")).compare()


def folder_of(compared: ragraft.Comparing) -> Path:
    return compared.folder.parents[2]


def test_every_arm_is_measured_on_the_same_sealed_questions(compared: ragraft.Comparing) -> None:
    assert tuple(s.arm for s in compared.comparison.arms) == ARMS
    split = compared.report.split
    asked = [c.example for c in compared.evaluations[0].cases]
    assert asked == [e.id for e in split.test]
    assert all([c.example for c in e.cases] == asked for e in compared.evaluations)
    assert not {e.group for e in split.test} & {e.group for e in (*split.train, *split.dev)}
    assert len(compared.comparison.pairs) == 15


def test_the_index_finds_and_quote_answers(compared: ragraft.Comparing) -> None:
    quote = compared.comparison.summary("quote")
    facts, recall = quote.estimate("facts"), quote.estimate("recall_at_k")
    assert facts is not None
    assert recall is not None
    assert facts.mean is not None
    assert facts.mean >= 0.6
    assert recall.mean == 1.0


def test_the_report_is_written_and_reads_back(compared: ragraft.Comparing) -> None:
    assert compared.html.read_text().lower().startswith("<!doctype html>")
    again = ragraft.open(folder_of(compared)).run("latest")
    assert again.report == compared.report
    assert compared.recommendation.headline in repr(compared)
    assert "<table" in compared._repr_html_()


def test_nothing_is_done_twice(compared: ragraft.Comparing) -> None:
    folder = folder_of(compared)
    answers = sorted((folder / ".ragraft" / "evaluations").iterdir())
    before = [(p, p.stat().st_mtime_ns) for p in answers]
    context = Context(folder)
    second = pipeline.compare(context)
    assert second.comparison == compared.comparison
    assert [(p, p.stat().st_mtime_ns) for p in answers] == before
    assert {"generator", "embedder"} & set(vars(context)) == set(), "no model is loaded when nothing has changed"


def test_another_prompt_format_is_another_input(compared: ragraft.Comparing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passages that are marked change what arms with passages are asked, and nothing of the others."""
    context = Context(folder_of(compared))
    parts = stages.divide(context)
    tuned, raft = (stages.adapter_key(context, arm, parts) for arm in ("tuned", "raft"))
    monkeypatch.setattr(Context, "marks_passages", True)
    assert stages.adapter_key(context, "tuned", parts) == tuned
    assert stages.adapter_key(context, "raft", parts) != raft


def test_sentences_weighed_otherwise_are_another_input(
    compared: ragraft.Comparing, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = Context(folder_of(compared))
    parts = stages.divide(context)
    assert stages.threshold_spent(context, parts) is not None
    monkeypatch.setattr(stages, "WEIGHTS", (0.5, 0.5, 1.0))
    assert stages.threshold_spent(context, parts) is None


def test_lineage_names_every_document_that_a_training_row_rests_on(compared: ragraft.Comparing) -> None:
    trained = {d for e in compared.report.split.train for d in e.documents}
    lineage = {t.arm: set(t.adapter.documents) for t in compared.report.tuned}
    assert trained <= lineage["tuned"]
    assert trained < lineage["raft"], "distractors were read in training too"


def test_ask_answers_with_what_was_measured(compared: ragraft.Comparing) -> None:
    folder = folder_of(compared)
    project = ragraft.open(folder)
    for arm in ("quote", "raft", "base"):
        found = project.ask("What does the Elm plan cost per month?", system=arm)
        assert isinstance(found, Answer)
    quoted = project.ask("What does the Elm plan cost per month?", system="quote")
    assert isinstance(quoted, Answer)
    assert "€14" in quoted.text
    assert quoted.citations[0].document == "elm.md"


def test_a_changed_document_changes_the_answer_and_only_it_is_embedded(tmp_path: Path) -> None:
    folder = make(tmp_path / "p")
    context = Context(folder)
    first = pipeline.sync(context)
    assert (first.added, first.documents) == (9, 9)
    (folder / "documents" / "elm.md").write_text("# The Elm plan\n\nThe Elm plan costs €77 per month.\n")
    (folder / "documents" / "ivy.md").unlink()
    second = pipeline.sync(context)
    assert (second.added, second.changed, second.unchanged, second.removed) == (0, 1, 7, 1)
    assert second.chunks == 1
    assert any("€77" in p.chunk.text for p in pipeline.search(context, "Elm plan cost", READER))
    assert not any(p.chunk.document == "ivy.md" for p in pipeline.search(context, "Ivy plan", READER))


def test_who_may_not_read_finds_nothing(tmp_path: Path) -> None:
    rules = '\n[[documents.rules]]\npath = "elm.md"\nreaders = ["staff"]\n'
    folder = make(tmp_path / "p", CONFIG + rules)
    context = Context(folder)
    pipeline.sync(context)
    seen = {p.chunk.document for p in pipeline.search(context, "What does the Elm plan cost?", READER)}
    staff = {
        p.chunk.document
        for p in pipeline.search(context, "What does the Elm plan cost?", Reader(user="a", groups=frozenset({"staff"})))
    }
    assert "elm.md" not in seen
    assert "elm.md" in staff
    (folder / "ragraft.toml").write_text(CONFIG)
    assert pipeline.sync(Context(folder)).changed == 1
    assert "elm.md" in {
        p.chunk.document for p in pipeline.search(Context(folder), "What does the Elm plan cost?", READER)
    }


def test_bad_files_are_named_and_the_run_goes_on(tmp_path: Path) -> None:
    folder = make(tmp_path / "p")
    (folder / "documents" / "empty.md").write_text("")
    (folder / "documents" / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    report = pipeline.sync(Context(folder))
    assert {s.source for s in report.skipped} == {"empty.md", "broken.pdf"}
    assert report.documents == 9


def remove_examples(folder: Path) -> None:
    (folder / "examples.jsonl").unlink()


def name_a_missing_document(folder: Path) -> None:
    text = (folder / "examples.jsonl").read_text()
    (folder / "examples.jsonl").write_text(text.replace('"elm.md"', '"elmm.md"'))


def make_one_group(folder: Path) -> None:
    text = (folder / "examples.jsonl").read_text()
    for plan in ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Gorse", "Hazel", "Ivy"):
        text = text.replace(f'"group": "{plan}"', '"group": "all"')
    (folder / "examples.jsonl").write_text(text)


def break_a_line(folder: Path) -> None:
    with (folder / "examples.jsonl").open("a") as file:
        file.write("{not json\n")


def remove_documents(folder: Path) -> None:
    for path in (folder / "documents").iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove_examples, "rag"),
        (name_a_missing_document, r"elmm\.md.*elm\.md"),
        (make_one_group, "group"),
        (break_a_line, r"37"),
        (remove_documents, "documents"),
    ],
)
def test_bad_input_is_one_clear_line_and_nothing_is_lost(
    tmp_path: Path, spoil: Callable[[Path], None], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make(tmp_path / "p")
    pipeline.sync(Context(folder))
    spoil(folder)
    with pytest.raises(DataError, match=message) as caught:
        pipeline.compare(Context(folder))
    assert "\n" not in str(caught.value)
    assert Context(folder).index.count() > 0


def test_without_examples_rag_and_quote_can_still_be_asked(tmp_path: Path) -> None:
    folder = make(tmp_path / "p")
    remove_examples(folder)
    context = Context(folder)
    pipeline.sync(context)
    for arm in ("rag", "quote"):
        assert isinstance(pipeline.ask(context, "What does the Elm plan cost?", arm, READER), Answer)
    with pytest.raises(DataError, match="examples"):
        pipeline.ask(context, "What does the Elm plan cost?", "raft", READER)


def test_asking_before_anything_is_indexed_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ragraft sync"):
        pipeline.ask(Context(make(tmp_path / "p")), "?", "rag", READER)


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path, stop: signal.Signals) -> None:
    folder = make(tmp_path / "p", CONFIG.replace("[tuning]", '[compare]\narms = ["base", "rag"]\n\n[tuning]'))
    command = [str(Path(sys.executable).parent / "ragraft"), "compare", str(folder)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "100"}
    )
    cases = folder / ".ragraft" / "evaluations"
    deadline = time.monotonic() + 120
    while not any(cases.glob("*.jsonl")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(stop)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (-signal.SIGKILL, 130, 0)
    assert "Traceback" not in errors
    kept = {p: read_lines(p) for p in cases.glob("*.jsonl")}
    report = pipeline.compare(Context(folder))
    assert report.comparison.n == len(report.split.test)
    assert all(read_lines(p)[: len(lines)] == lines for p, lines in kept.items())


def test_a_stage_is_the_same_however_often_it_is_divided(compared: ragraft.Comparing) -> None:
    assert stages.divide(Context(folder_of(compared))) == compared.report.split
