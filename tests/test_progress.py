"""Progress bars: one a stage; a stage that ended early is shown as done."""

import io

from rich.console import Console

from ragraft.progress import bars


def test_a_stage_that_ended_early_is_done_when_the_next_one_starts() -> None:
    out = io.StringIO()
    with bars(Console(file=out, force_terminal=True, width=100)) as notify:
        notify("tune", 5, 40)
        notify("ask", 2, 2)
    shown = out.getvalue()
    assert "5/5" in shown
    assert "2/2" in shown


def test_quiet_shows_nothing() -> None:
    out = io.StringIO()
    with bars(Console(file=out, force_terminal=True), quiet=True) as notify:
        notify("tune", 1, 2)
    assert out.getvalue() == ""
