"""Racing: what is clearly worse goes early, what is better beyond noise is told so, and noise rarely is."""

import numpy as np
import pytest

from ragraft.compare.race import Lane, differences, race


def test_a_clearly_worse_setting_is_dropped_and_asked_no_more() -> None:
    rng = np.random.default_rng(5)
    hard = rng.random(100)
    values = np.stack([hard, np.clip(hard - 0.4, 0, 1), hard + 0.01])
    asked: list[tuple[int, int, int]] = []

    def score(setting: int, start: int, stop: int) -> list[float]:
        asked.append((setting, start, stop))
        return values[setting, start:stop].tolist()

    groups = [str(n) for n in range(100)]
    lanes = race(score, 3, groups, seed=1, block=25)
    assert [lane.dropped for lane in lanes] == [False, True, False]
    assert [len(lane.values) for lane in lanes] == [100, 25, 100]
    assert [a for a in asked if a[0] == 1] == [(1, 0, 25)]
    out, better = differences(lanes, groups, seed=1)
    assert (out.p_adjusted, out.better) == (1.0, False)
    assert better.mean == pytest.approx(0.01)
    assert better.better
    assert better.low <= better.mean <= better.high
    assert not differences(lanes, groups, seed=1, families=600)[1].better


def test_the_first_setting_stays_however_bad_it_is() -> None:
    lanes = race(lambda s, start, stop: [float(s)] * (stop - start), 2, list("abcdefghijklmnop"), seed=1, block=8)
    assert lanes == (Lane(values=(0.0,) * 16, dropped=False), Lane(values=(1.0,) * 16, dropped=False))
    assert differences(lanes, list("abcdefghijklmnop"), seed=1)[0].better


def test_settings_that_differ_by_noise_alone_seldom_win() -> None:
    """Five settings, 24 questions, 100 races: at most about 5 % name a winner."""
    rng, groups, won = np.random.default_rng(11), [str(n) for n in range(24)], 0
    for trial in range(100):
        values = rng.random((5, 24)) < 0.6
        lanes = race(lambda s, a, b, v=values: v[s, a:b].astype(float).tolist(), 5, groups, seed=trial, block=12)
        won += any(d.better for d in differences(lanes, groups, seed=trial))
    assert won <= 10


def test_questions_of_one_group_count_as_one() -> None:
    lanes = (Lane(values=(0.0,) * 12, dropped=False), Lane(values=(1.0,) * 12, dropped=False))
    assert differences(lanes, [str(n) for n in range(12)], seed=1)[0].better
    assert not differences(lanes, ["a"] * 6 + ["b"] * 6, seed=1)[0].better
