"""`ragraft examples make` and `review` as a person or a program uses them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ragraft.cli import app
from ragraft.commands import examples as commands
from ragraft.corpus.examples import load
from ragraft.errors import DataError
from ragraft.synthesis import review

from ..project import make
from .test_review import row


def run(*arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(app, ["examples", *arguments], input=text)


@pytest.fixture
def reviewed(tmp_path: Path) -> Path:
    folder = make(tmp_path / "project")
    review.write(folder / commands.FILE, [row(n) for n in range(1, 5)])
    return folder


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "at_terminal", lambda: True)


def statuses(folder: Path) -> list[str]:
    return [r.status for r in review.read(folder / commands.FILE)]


@pytest.mark.parametrize("command", ["make", "review"])
def test_help_has_an_example(command: str) -> None:
    shown = run(command, "--help").stdout
    assert f"ragraft examples {command}" in shown


def test_make_prints_what_was_drafted_and_why_not_kept(tmp_path: Path) -> None:
    folder = make(tmp_path / "project")
    (folder / "examples.jsonl").unlink()
    made = json.loads(run("make", str(folder), "--count", "4", "--unanswerable", "0.25", "--json").stdout)
    assert made["held"] == made["added"] <= 4
    assert made["by"] == "rule"
    assert all(set(r) == {"why", "count"} for r in made["rejected"])
    again = run("make", str(folder), "--count", str(made["held"]))
    assert again.exit_code == 0
    assert "drafted by rule" in again.stdout
    assert "ragraft examples review" in again.stdout


def test_accept_edit_reject_skip(reviewed: Path, at_terminal: None) -> None:
    done = run("review", str(reviewed), text="a\ne\nWhat fits?\nThree.\n3 | three; lid\nr\ns\n")
    assert done.exit_code == 0, done.output
    assert statuses(reviewed) == ["accepted", "accepted", "rejected", "draft"]
    added = [e for e in load(reviewed / "examples.jsonl", skip_bad_lines=False).examples if e.id.startswith("made-")]
    assert [e.question for e in added] == ["How many things fit in box 1?", "What fits?"]
    assert added[1].must_include == (("3", "three"), ("lid",))
    assert "2 added" in done.stdout
    assert "1 still to be read" in " ".join(done.stdout.split())


def test_quit_keeps_what_was_decided(reviewed: Path, at_terminal: None) -> None:
    run("review", str(reviewed), text="r\nq\n")
    assert statuses(reviewed) == ["rejected", "draft", "draft", "draft"]


def test_without_a_terminal_only_the_file_counts(reviewed: Path) -> None:
    path = reviewed / commands.FILE
    path.write_text(path.read_text().replace('"draft"', '"accepted"', 1))
    before = load(reviewed / "examples.jsonl", skip_bad_lines=False).examples
    assert json.loads(run("review", str(reviewed), "--json").stdout) == {
        "added": 1,
        "accepted_unseen": 0,
        "accepted": 1,
        "draft": 3,
    }
    assert len(load(reviewed / "examples.jsonl", skip_bad_lines=False).examples) == len(before) + 1


def test_accepting_unseen_is_said(reviewed: Path) -> None:
    done = run("review", str(reviewed), "--accept-all")
    assert "4 accepted that nobody has read" in done.stdout
    assert statuses(reviewed) == ["accepted"] * 4
    assert "0 added" in run("review", str(reviewed)).stdout


def test_nothing_to_review_says_what_makes_some(tmp_path: Path) -> None:
    folder = make(tmp_path / "project")
    error = run("review", str(folder)).exception
    assert "ragraft examples make" in str(error)


def test_where_all_is_asked_already_the_error_says_so(tmp_path: Path) -> None:
    error = run("make", str(make(tmp_path / "project")), "--unanswerable", "0").exception
    assert isinstance(error, DataError)
    assert "no question could be made" in str(error)
    assert "asks for the same fact" in str(error)


def test_an_unknown_maker_is_named(tmp_path: Path) -> None:
    done = run("make", str(make(tmp_path / "project")), "--by", "magic")
    assert done.exit_code == 2
    assert "rule or model" in done.output
