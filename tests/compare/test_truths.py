"""Human and synthetic truths are never mixed without saying so: recommendation, terminal, page and notebook."""

import dataclasses
import io

import pytest
from rich.console import Console

from ragraft.compare import report as reporting
from ragraft.compare import terminal, view
from ragraft.compare.compare import compare
from ragraft.compare.recommend import recommend
from ragraft.config import Config
from ragraft.types import ArmName, Comparison, Example, Report

from .factory import answer_report
from .made import evaluation

HUMAN = {"rag": 0.9, "raft": 0.5}
SYNTHETIC = {"rag": 0.2, "raft": 1.0}


def comparison(human: int, synthetic: int) -> Comparison:
    """Two arms: `rag` is right on the share `HUMAN` of what people asked, and so on; in order, so that figures are exact."""
    examples = [
        Example(id=str(i), question=f"q{i}", answers=("a",), group=str(i // 2), human=i < human)
        for i in range(human + synthetic)
    ]
    arms: tuple[ArmName, ...] = ("rag", "raft")

    def right(arm: ArmName, i: int) -> float:
        place, n, share = (i, human, HUMAN[arm]) if i < human else (i - human, synthetic, SYNTHETIC[arm])
        return float(place < share * n)

    evaluations = [evaluation(arm, examples, [right(arm, i) for i in range(len(examples))]) for arm in arms]
    seconds: dict[ArmName, float] = {"rag": 1.0, "raft": 2.0}
    return compare(evaluations, examples, metric="correct", build_seconds=seconds, config=Config(), not_applicable=())


def report(c: Comparison) -> Report:
    return dataclasses.replace(answer_report(24), comparison=c, recommendation=recommend(c, Config()))


def printed(shown: Report, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    terminal.print_report(shown, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_each_kind_has_its_own_figures() -> None:
    c = comparison(20, 30)
    assert [(t.synthetic, t.n) for t in c.truths] == [(False, 20), (True, 30)]
    found = {(t.synthetic, e.arm): e.estimate.mean for t in c.truths for e in t.estimates}
    assert found == {
        (False, "rag"): 0.9,
        (False, "raft"): 0.5,
        (True, "rag"): pytest.approx(0.2),
        (True, "raft"): 1.0,
    }
    assert c.synthetic == 30


def test_a_mixed_split_says_what_each_kind_shows_and_where_they_disagree() -> None:
    caveats = recommend(comparison(20, 30), Config()).caveats
    assert "30 of the 50 test questions are synthetic" in caveats[0]
    assert "`raft`: 50.0 % on the human ones, 100.0 % on the synthetic ones" in caveats[0].replace("\u00a0", " ")
    assert "20 human questions alone `rag` is ahead" in caveats[1]


def test_an_all_synthetic_split_is_a_caveat_of_its_own() -> None:
    caveats = recommend(comparison(0, 30), Config()).caveats
    assert caveats[0].startswith("All 30 test questions are synthetic")


def test_a_human_split_says_nothing() -> None:
    shown = report(comparison(30, 0))
    assert not any("synthetic" in c for c in shown.recommendation.caveats)
    assert "synthetic" not in printed(shown)
    assert view.truth_rows(shown) == ()
    assert "Human and synthetic" not in reporting.html(shown)


@pytest.mark.parametrize("width", [80, 120])
def test_terminal_and_page_show_both(width: int) -> None:
    shown = report(comparison(20, 30))
    text = printed(shown, width)
    assert "50 test questions in 25 groups, 30 synthetic, 20 human" in text
    assert "human, n 20" in text
    assert max(map(len, text.splitlines())) <= width
    page = reporting.html(shown)
    assert "30 synthetic, 20 human" in page
    assert "Human and synthetic questions apart" in page
    assert "30 synthetic, 20 human" in reporting.html_summary(shown)


def test_all_synthetic_is_said_at_the_top() -> None:
    assert "30 test questions in 15 groups, all synthetic" in printed(report(comparison(0, 30)))
