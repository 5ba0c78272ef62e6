"""An arm that was costly to build is seen; one that was not is not; what nobody measured is unknown, not zero."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from ragraft.config import ProbesSection
from ragraft.probes import table
from ragraft.probes.bench import Bench
from ragraft.probes.setup import watt_hours
from ragraft.types import Adapter, ProbeResult, Spent

from .planted import Memory, Reading, bench, closed, indexed, value


def costly(folder: Path) -> None:
    block = bytearray(300_000_000)
    block[::4096] = b"x" * len(block[::4096])
    until = time.process_time() + 0.6  # from here on, so that the memory is held while somebody can look at it
    while time.process_time() < until:
        pass


def adapter(made: Bench, key: str, build) -> Adapter:  # type: ignore[no-untyped-def]
    started = time.perf_counter()
    folder = made.context.space.build_stage("adapters", key, build)
    seconds = time.perf_counter() - started
    return Adapter(
        path=str(folder), base="", fingerprint=key, rows=1, dev_rows=0, tokens=1, seconds=seconds, best_step=1, curve=()
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    arms = {
        "base": closed("base", Memory({})),
        "tuned": closed("tuned", Memory({})),
        "raft": indexed("raft", Reading()),
    }
    found = bench(tmp_path_factory.mktemp("setup") / "p", lambda context, b: arms)
    return replace(
        found, adapters={"tuned": adapter(found, "a", costly), "raft": adapter(found, "b", lambda folder: None)}
    )


@pytest.fixture(scope="module")
def result(made: Bench) -> ProbeResult:
    return table.run("setup", made)


def test_a_costly_build_is_seen(made: Bench, result: ProbeResult) -> None:
    tuned = value(result, "cpu_seconds", "tuned")
    assert tuned is not None
    assert tuned >= 0.55
    small = made.context.space.spent(Path(made.adapters["raft"].path))
    assert small is not None
    assert (value(result, "peak_mb", "tuned") or 0) > small.peak_mb + 250
    assert small.cpu_seconds < tuned


def test_one_with_nothing_to_build_costs_nothing(result: ProbeResult) -> None:
    assert [value(result, f.name, "base") for f in result.figures] == [0.0, 0.0, 0.0, 0.0]


def test_the_index_counts_for_those_that_search(made: Bench, result: ProbeResult) -> None:
    from ragraft import index_cost

    spent = index_cost.spent(made.context)
    assert spent is not None
    assert value(result, "seconds", "raft") == pytest.approx(spent.seconds + made.adapters["raft"].seconds)


def test_an_index_that_an_older_version_built_is_unknown_in_part(tmp_path: Path) -> None:
    made = bench(tmp_path / "p", lambda context, b: {"raft": indexed("raft", Reading())})
    made.context.space.index_cost.write_text('{"seconds": 3.0, "chunks": 9}')
    result = table.run("setup", made)
    assert value(result, "seconds", "raft") == pytest.approx(3.0 / 9 * made.context.index.count())
    assert [value(result, name, "raft") for name in ("cpu_seconds", "peak_mb", "energy")] == [None] * 3
    assert result.figure("energy").reading("raft").reason.startswith("not known of index")


def test_an_interrupted_build_is_unknown(made: Bench) -> None:
    def broken(folder: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapter(made, "c", broken)
    other = replace(made, adapters={**made.adapters, "tuned": adapter(made, "c", lambda folder: None)})
    result = table.run("setup", other)
    reading = result.figure("cpu_seconds").reading("tuned")
    assert (reading.value, reading.reason.split(":")[0]) == (None, "not known of adapter")
    assert value(result, "seconds", "tuned") is not None


def test_energy_is_that_of_the_published_formula() -> None:
    # An hour on two cores at half load with 8 GB, PUE 1.67: (2 × 12 × 0.5 + 8 × 0.3725) × 1.67
    spent = Spent(seconds=3600, cpu_seconds=3600, peak_mb=8000)
    assert watt_hours(spent, ProbesSection(pue=1.67)) == pytest.approx((12 + 2.98) * 1.67)
    assert watt_hours(replace(spent, gpu=True), ProbesSection()) == pytest.approx(12 + 2.98 + 200)
