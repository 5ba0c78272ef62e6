"""`ragraft advise` as a person or a program uses it, and the project that it starts."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ragraft import config, pipeline
from ragraft.cli import app, main
from ragraft.context import Context
from ragraft.types import Reader

from ..project import make

ALL = "--task answer --changes weekly --sources yes --tone no --traffic 5000 --data open --examples 36 --team engineers --latency 0".split()


def test_flags_alone_need_no_terminal() -> None:
    shown = CliRunner().invoke(app, ["advise", *ALL, "--json"])
    assert shown.exit_code == 0
    found = json.loads(shown.stdout)
    assert (found["outcome"], found["arm"], found["answers"]["traffic"]) == ("one", "rag", 5000)
    assert [m["probe"] for m in found["measurements"]] == [None, "freshness"]
    assert found["reasons"][0]["published"][0]["url"].startswith("https://arxiv.org/")


def test_what_no_flag_says_is_asked_and_wrong_answers_again() -> None:
    typed = "\n".join(["", "yearly", "y", "loud", "decisive", "1,000", "open", "many", "1500", "training", ""]) + "\n"
    shown = CliRunner().invoke(app, ["advise", "--json"], input=typed)
    assert shown.exit_code == 0
    assert "choose one of no, helps, decisive" in shown.stderr
    assert "write a whole number" in shown.stderr
    found = json.loads(shown.stdout[shown.stdout.index("{") :])  # what was typed is echoed before it
    assert found["answers"] == {
        "task": "answer", "changes": "yearly", "sources": "yes", "tone": "decisive", "traffic": 1000, "data": "open",
        "examples": 1500, "team": "training", "latency": 0,
    }  # fmt: skip
    assert found["arm"] == "raft"


def test_the_table_shows_the_judgement_and_its_evidence() -> None:
    shown = CliRunner().invoke(app, ["advise", "--yes"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    for words in ("Start with `rag`.", "How sure: a lean.", "nothing was measured", "+1", "−2", "out", "Kandpal et al. 2023",
                  "speaks against it:", "1. `rag` against `raft`", "arms = [", "--write"):  # fmt: skip
        assert words in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["advise", "--yes", "--write", "there.toml"], "there is a file here already"),
        (["advise", "--changes", "weekly"], "no answer to --task"),
        (["advise", "--yes", "--changes", "hourly"], "daily"),
        (["advise", "--yes", "--traffic", "-1"], "greater than or equal to 0"),
    ],
)
def test_errors_are_one_line_and_nothing_is_written(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.toml").write_text("mine")
    monkeypatch.setattr(sys, "argv", ["ragraft", *arguments])
    monkeypatch.setattr(sys, "stdin", open("/dev/null", encoding="utf-8"))  # noqa: SIM115
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    errors = capfd.readouterr().err
    assert said in errors
    assert "Traceback" not in errors
    assert (tmp_path / "there.toml").read_text() == "mine"
    assert list(tmp_path.iterdir()) == [tmp_path / "there.toml"]


def test_the_written_config_makes_a_project_whose_documents_are_open_to_the_test_questions_only(tmp_path: Path) -> None:
    folder = make(tmp_path / "p")
    (folder / config.CONFIG_NAME).unlink()
    shown = CliRunner().invoke(app, ["advise", *ALL, "--data", "lists", "--write", str(folder)])
    assert shown.exit_code == 0
    assert "`ragraft compare" in shown.stdout
    context = Context(folder)
    assert context.config.compare.arms == ("base", "quote", "rag")
    assert pipeline.sync(context).chunks > 0
    question = "What does the Alder plan cost per month?"
    assert pipeline.search(context, question, context.evaluation_reader)[0].chunk.document == "alder.md"
    assert pipeline.search(context, question, Reader(user="local")) == ()
