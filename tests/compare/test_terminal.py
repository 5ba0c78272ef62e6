import dataclasses
import io
from pathlib import Path

import pytest
from rich.console import Console

from ragraft.compare import terminal
from ragraft.compare.pairs import Bar
from ragraft.types import Report

from .factory import answer_report, classify_report, undecided_report


def printed(report: Report, width: int, path: Path | None = None) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    terminal.print_report(report, console, path)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("make", [answer_report, classify_report, undecided_report])
def test_fits_the_console_and_cuts_nothing(make: object, width: int) -> None:
    report: Report = make()  # type: ignore[operator]
    text = printed(report, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for summary in report.comparison.arms:
        assert f" {summary.arm} " in text
    assert "95 % interval" in text


def test_recommendation_and_path_come_last(tmp_path: Path) -> None:
    lines = printed(answer_report(24), 100, tmp_path / "report.html").strip().splitlines()
    assert lines[-1] == f"Report  {tmp_path / 'report.html'}"
    assert any("Recommended, raft" in line for line in lines)
    assert any(line.startswith("→ raft") for line in lines)


def test_undecided_has_no_arrow_and_counts_failures() -> None:
    text = printed(undecided_report(), 80)
    assert "Not enough evidence" in text
    assert "→" not in text
    assert " 8/12 " in text
    assert "tuned is not compared: left out by compare.arms" in text


def test_unscored_is_a_dash() -> None:
    row = next(line for line in printed(answer_report(24), 80).splitlines() if line.startswith("  base"))
    assert row.split()[-3:-1] == ["–", "–"]


def test_brackets_in_texts_are_not_markup() -> None:
    report = dataclasses.replace(answer_report(24), project="a [1] [/b]")
    assert "a [1] [/b]" in printed(report, 80)


def test_interval_as_text() -> None:
    text = terminal.drawn(Bar(low=40, mid=50, high=60))
    assert len(text) == terminal.CELLS
    assert text.count("●") == 1
    assert text.startswith("·")
    assert text.endswith("·")
