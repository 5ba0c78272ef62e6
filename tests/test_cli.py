"""The command line as a person or a program uses it: one-line errors, exit codes, JSON."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ragraft.cli import app, main
from ragraft.init import make as initialise

from .project import CONFIG, make

COMMANDS = ("init", "advise", "compare", "sync", "search", "ask", "tune", "runs", "versions", "forget")
DOWN = CONFIG.replace(
    "[tuning]",
    '[compare]\narms = ["base", "quote"]\n\n[models]\ngenerator = "http://127.0.0.1:9/v1#m"\nretries = 0\n\n[tuning]',
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "ragraft", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert "Example:" in shown.stdout
    assert f"ragraft {command}" in shown.stdout


def test_help_is_quick() -> None:
    def seconds() -> float:
        started = time.perf_counter()
        assert run("--help").returncode == 0
        return time.perf_counter() - started

    def bare() -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import typer, rich"], check=True)
        return time.perf_counter() - started

    # A busy machine slows both: what ragraft adds to typer and rich is what this holds down.
    assert min(seconds() for _ in range(3)) < 0.5 + min(bare() for _ in range(3))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["compare", "nowhere"], 2, "ragraft init nowhere"),
        (["ask", "?", "--system", "rat"], 2, "raft"),
        (["sync"], 2, "ragraft.toml"),
        (["runs", "--show", "latest"], 2, "ragraft.toml"),
        (["init", "a-file"], 2, "a-file: a file is there already"),
        (["compare", "a-file"], 2, "a-file: a file, where a project's folder belongs"),
        (["init", "a-file/below"], 5, "Not a directory"),
        (["search", " ", "-p", "project"], 3, "the question is empty"),
        (["ask", "", "-p", "project"], 3, "the question is empty"),
        (["ask", "caf\udce9", "-p", "project"], 3, "character 4 of the question is no UTF-8"),
        (["search", "\udcff", "-p", "project"], 3, "character 1 of the question is no UTF-8"),
    ],
)
def test_errors_are_one_line_with_an_exit_code(
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a-file").write_text("")
    initialise(Path("project"))
    monkeypatch.setattr(sys, "argv", ["ragraft", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    errors = capfd.readouterr().err
    assert stopped.value.code == code
    assert said in errors
    assert "Traceback" not in errors


def test_a_new_project_compares_at_once_and_never_overwrites(tmp_path: Path) -> None:
    folder = str(tmp_path / "hand book")
    assert run("init", folder).returncode == 0
    written = sorted(p.name for p in Path(folder).iterdir())
    assert written == [".gitignore", "documents", "examples.jsonl", "ragraft.toml"]
    assert len(Path(folder, "examples.jsonl").read_text().splitlines()) == 2
    again = run("init", folder)
    assert again.returncode == 2
    assert "already" in again.stderr
    asked = run("sync", folder, "--json")
    assert json.loads(asked.stdout)["added"] == 1
    found = run("ask", "When does the reading room open?", "--system", "quote", "-p", folder, "--json")
    assert "09:00" in json.loads(found.stdout)["text"]


def test_search_explains_ranks_and_the_reader_is_obeyed(tmp_path: Path) -> None:
    folder = str(make(tmp_path / "p", CONFIG.replace('readers = ["everyone"]', 'readers = ["staff"]')))
    assert run("sync", folder).returncode == 0
    assert json.loads(run("search", "Elm plan cost", "-p", folder, "--json").stdout) == []
    (first, *_) = json.loads(run("search", "Elm plan cost", "-p", folder, "--json", "--group", "staff").stdout)
    assert first["chunk"]["document"] == "elm.md"
    assert (first["bm25_rank"], first["rank"]) == (1, 1)


def test_an_endpoint_that_is_down_fails_cases_not_the_run(tmp_path: Path) -> None:
    folder = make(tmp_path / "p", DOWN)
    done = run("compare", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    arms = {a["arm"]: a for a in json.loads(done.stdout)["comparison"]["arms"]}
    assert arms["base"]["failed"] == arms["base"]["n"]
    assert all(e["mean"] is None for e in arms["base"]["estimates"])
    assert arms["quote"]["failed"] == 0
    listed = json.loads(run("runs", str(folder), "--json").stdout)
    assert [line["n"] for line in listed] == [16]
    asked = run("ask", "Who?", "--system", "base", "-p", str(folder))
    assert asked.returncode == 7
    assert len(asked.stderr.strip().splitlines()) <= 2
    tuned = run("tune", str(folder))
    assert "Traceback" not in tuned.stderr


def test_asking_a_tuned_arm_of_an_endpoint_says_why_not(tmp_path: Path) -> None:
    folder = make(tmp_path / "p", DOWN)
    asked = run("ask", "Who?", "--system", "raft", "-p", str(folder))
    assert asked.returncode == 3
    assert "remote endpoint" in asked.stderr


def test_forget_says_what_it_did_and_what_is_left_to_do(tmp_path: Path) -> None:
    folder = str(make(tmp_path / "p"))
    assert run("sync", folder).returncode == 0
    (newest, *_) = json.loads(run("versions", folder, "--json").stdout)
    assert newest["chunks"] == 18
    asked = subprocess.run(
        [Path(sys.executable).parent / "ragraft", "forget", "elm.md", "-p", folder],
        capture_output=True,
        text=True,
        check=False,
        input="n\n",
    )
    assert asked.returncode == 1
    assert "elm.md" in asked.stderr
    planned = json.loads(run("forget", "elm.md", "-p", folder, "--dry-run", "--json").stdout)
    assert (planned["documents"], planned["chunks"], planned["sources"]) == (["elm.md"], 2, ["documents/elm.md"])
    assert json.loads(run("forget", "--list", "-p", folder, "--json").stdout)["done"] == []
    done = json.loads(run("forget", "elm.md", "-p", folder, "--yes", "--json").stdout)
    assert done["sources"] == ["documents/elm.md"]
    assert done["documents"][0]["chunks"] == 2
    assert newest["version"] in done["purged"]
    gone = run("search", "Elm", "-p", folder, "--as-of", str(newest["version"]))
    assert gone.returncode == 3
    assert f"version {newest['version']} cannot be searched: there are" in gone.stderr
    listed = json.loads(run("forget", "--list", "-p", folder, "--json").stdout)
    assert [c["id"] for c in listed["done"]] == [done["id"]]
    assert "skipped elm.md" in run("sync", folder).stdout
    assert run("forget", "-p", folder).returncode == 2
    assert run("forget", "--allow", "elm.md", "-p", folder).returncode == 0
    assert json.loads(run("sync", folder, "--json").stdout)["added"] == 1


def test_sync_says_what_it_would_do_and_what_it_did(tmp_path: Path) -> None:
    folder = make(tmp_path / "p")
    planned = CliRunner().invoke(app, ["sync", str(folder), "--dry-run"])
    assert "9 would be added:" in planned.stdout
    assert "elm.md" in planned.stdout
    assert "Nothing was written." in planned.stdout
    assert not (folder / ".ragraft" / "index").exists()
    CliRunner().invoke(app, ["sync", str(folder)])
    (folder / "documents" / "elm.md").rename(folder / "documents" / "oak.md")
    (folder / "documents" / "bad.pdf").write_bytes(b"no pdf")
    planned = CliRunner().invoke(app, ["sync", str(folder), "--dry-run"])
    assert "1 would be moved:\n  elm.md → oak.md" in planned.stdout
    done = " ".join(CliRunner().invoke(app, ["sync", str(folder)]).stdout.split())
    assert "1 added (1 of them moved), 0 changed, 8 unchanged, 1 removed" in done
    assert "with vectors that were there already" in done
    assert "skipped bad.pdf: not a PDF" in done
    data = json.loads(CliRunner().invoke(app, ["sync", str(folder), "--json"]).stdout)
    assert (data["unchanged"], data["chunks"], data["skipped"][0]["source"]) == (9, 0, "bad.pdf")
