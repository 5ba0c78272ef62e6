"""State on disk: atomic, resumable, one writer at a time."""

import errno
import multiprocessing
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from safetensors import SafetensorError

from ragraft import workspace
from ragraft.errors import LockedError, StoreError
from ragraft.types import Answer, CaseResult, Failure, Score
from ragraft.workspace import Workspace


def hold(root: Path, seconds: float) -> None:
    with Workspace(root).lock("ragraft compare"):
        (root / "held").touch()
        time.sleep(seconds)


def test_a_second_writer_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=hold, args=(tmp_path, 20))
    process.start()
    while not (tmp_path / "held").exists():
        time.sleep(0.05)
    try:
        with (
            pytest.raises(LockedError, match=rf"`ragraft compare` \(process {process.pid}"),
            Workspace(tmp_path).lock("ragraft tune"),
        ):
            pass
    finally:
        process.kill()
        process.join()
    with Workspace(tmp_path).lock("ragraft tune"):
        assert "ragraft tune" in (tmp_path / ".ragraft" / "lock").read_text()


def test_waiting_for_the_lock_gets_it(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=hold, args=(tmp_path, 0.5))
    process.start()
    while not (tmp_path / "held").exists():
        time.sleep(0.05)
    with Workspace(tmp_path).lock("ragraft tune", wait=True):
        process.join(5)
        assert process.exitcode == 0


def test_a_stage_is_built_once_and_a_broken_build_leaves_no_manifest(tmp_path: Path) -> None:
    space, calls = Workspace(tmp_path), []

    def broken(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise ZeroDivisionError

    def build(folder: Path) -> None:
        calls.append(sorted(p.name for p in folder.iterdir()))
        (folder / "whole").write_text("x")

    with pytest.raises(ZeroDivisionError):
        space.build_stage("split", "k", broken)
    assert not space.has_stage("split", "k")
    first, second = space.build_stage("split", "k", build), space.build_stage("split", "k", build)
    assert first == second
    assert calls == [["half"]]
    assert (first / "whole").read_text() == "x"


def test_a_torn_last_line_is_dropped_and_the_rest_kept(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    workspace.append_line(path, "one")
    with path.open("a") as file:
        file.write("tw")
    assert workspace.read_lines(path) == ["one"]
    workspace.append_line(path, "two")
    assert workspace.read_lines(path) == ["one", "two"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    workspace.write_atomic(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="disk is full"):
        workspace.write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_named_whatever_the_writer_of_weights_calls_it(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(folder: Path) -> None:
        (folder / "rows.jsonl").write_text("kept")
        raise error

    with pytest.raises(type(error), match=r"unexpected pos|serializing"):
        Workspace(tmp_path).build_stage("adapters", "k", build)
    monkeypatch.setattr(workspace.shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(StoreError, match="disk is full"):
        Workspace(tmp_path).build_stage("adapters", "k", build)
    assert (tmp_path / ".ragraft/stages/adapters/.k.building/rows.jsonl").read_text() == "kept"


@pytest.mark.parametrize(
    "outcome", [Failure(stage="generate", message="down"), Answer(text="a", raw="a [1]", refused=False)]
)
def test_values_round_trip_through_json(outcome: Answer | Failure) -> None:
    case = CaseResult(
        example="1", group="g", outcome=outcome, scores=(Score(name="correct", value=None, reason="why"),)
    )
    assert workspace.from_json(CaseResult, workspace.to_json(case)) == case


def test_fingerprints_follow_content_not_order_of_sets() -> None:
    assert workspace.fingerprint({"a": 1, "b": 2}, frozenset("xyz")) == workspace.fingerprint(
        {"b": 2, "a": 1}, frozenset("zyx")
    )
    assert workspace.fingerprint("a") != workspace.fingerprint("b")
