"""A system that serves one at a time is seen to slow down under load; one that serves all at once is not."""

import threading
import time

import pytest

from ragraft.probes import table
from ragraft.types import Adapter, CurvePoint, ProbeResult, Prompt

from .planted import Planted, bench, closed, value


class Patient(Planted):
    def say(self, prompt: Prompt) -> str:
        time.sleep(0.02)
        return "Nine."


class Queueing(Patient):
    def __init__(self) -> None:
        self.lock = threading.Lock()

    def say(self, prompt: Prompt) -> str:
        with self.lock:
            return super().say(prompt)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ProbeResult:
    made = bench(
        tmp_path_factory.mktemp("load") / "p",
        lambda context, b: {"base": closed("base", Patient()), "tuned": closed("tuned", Queueing())},
    )
    return table.run("load", made)


def test_one_that_queues_is_caught_and_the_other_is_not(result: ProbeResult) -> None:
    slow, fast = value(result, "p95_16", "tuned"), value(result, "p95_16", "base")
    assert slow is not None
    assert fast is not None
    assert slow > 0.2
    assert fast < slow / 2
    assert (value(result, "rate_16", "base") or 0) > 2 * (value(result, "rate_16", "tuned") or 0)


def test_the_stages_are_told_apart(result: ProbeResult) -> None:
    assert value(result, "retrieve_16", "base") == 0.0, "it searches nothing"
    assert value(result, "generate_1", "base") == pytest.approx(0.001), "as the generator says"
    assert value(result, "first_token_1", "base") is None, "it does not say"


def test_a_gap_between_the_curves_is_seen(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from dataclasses import replace

    made = bench(tmp_path / "p", lambda context, b: {"tuned": closed("tuned", Patient())})
    points = (
        CurvePoint(step=5, epoch=1, train_loss=2.0, dev_loss=2.1),
        CurvePoint(step=10, epoch=2, train_loss=0.5, dev_loss=2.6),
    )
    adapter = Adapter(
        path="", base="pocket", fingerprint="x", rows=9, dev_rows=3, tokens=1, seconds=1, best_step=5, curve=points
    )
    found = table.run("overfitting", replace(made, adapters={"tuned": adapter}))
    assert value(found, "gap", "tuned") == pytest.approx(0.1)
    assert value(found, "waste", "tuned") == pytest.approx(0.5)
