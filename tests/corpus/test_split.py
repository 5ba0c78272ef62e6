"""Splitting: a partition by group, near duplicates together, shares kept, the same for the same seed."""

import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ragraft.config import ExamplesSection
from ragraft.corpus.split import normalise, split
from ragraft.errors import DataError
from ragraft.types import Example, Split

CONFIG = ExamplesSection()


def embed(questions: Sequence[str]) -> NDArray[np.float32]:
    """Bag of words in 4,096 hashed dimensions: questions that share most words are near."""
    vectors = np.zeros((len(questions), 4096), dtype=np.float32)
    for row, question in enumerate(questions):
        for word in normalise(question).split():
            vectors[row, zlib.crc32(word.encode()) % 4096] += 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def example(
    n: int, question: str | None = None, *, group: str | None = None, label: str = "x", ok: bool = True
) -> Example:
    return Example(id=str(n), question=question or f"only{n}", answers=(label,), group=group or str(n), answerable=ok)


def sides(found: Split) -> dict[str, str]:
    named = (("train", found.train), ("dev", found.dev), ("test", found.test))
    return {e.id: side for side, examples in named for e in examples}


def test_shares_and_unanswerable_are_kept() -> None:
    examples = [example(n, group=str(n // 3), ok=n % 30 >= 6) for n in range(300)]
    found = split(examples, embed, CONFIG, 7)
    assert [len(found.train), len(found.dev), len(found.test)] == [150, 45, 105]
    unanswerable = [sum(not e.answerable for e in part) for part in (found.train, found.dev, found.test)]
    assert unanswerable == pytest.approx([30, 9, 21], abs=3)
    assert (found.straddling, found.joined, found.threshold) == (0, (), 0.9)


def test_the_seed_decides() -> None:
    examples = [example(n) for n in range(60)]
    assert split(examples, embed, CONFIG, 7) == split(examples, embed, CONFIG, 7)
    assert split(examples, embed, CONFIG, 7) != split(examples, embed, CONFIG, 8)


def test_near_duplicates_join_their_groups() -> None:
    examples = [example(n) for n in range(40)]
    examples[3] = example(3, "How do I pay my bill by card today please now or later", group="a")
    examples[9] = example(9, "How do I pay my bill by card today please now or never", group="b")
    examples[20] = example(20, "WHAT is it?!", group="c")
    examples[30] = example(30, "what is  it", group="d")
    for seed in range(8):
        found = split(examples, embed, CONFIG, seed)
        where = sides(found)
        assert (where["3"], where["20"]) == (where["9"], where["30"])
        assert [(p.a, p.b) for p in found.joined] == [("3", "9"), ("20", "30")]
        assert [p.similarity for p in found.joined] == pytest.approx([12 / 13, 1.0], abs=1e-3)
        assert found.straddling == 0


def test_labels_keep_their_shares() -> None:
    sizes = {"a": 100, "b": 40, "c": 20, "d": 2}
    labels = [label for label, size in sizes.items() for _ in range(size)]
    found = split([example(n, label=label) for n, label in enumerate(labels)], embed, CONFIG, 3, stratify=True)
    assert Counter(e.answers[0] for e in found.train) == {"a": 50, "b": 20, "c": 10, "d": 1}
    assert Counter(e.answers[0] for e in found.test) == pytest.approx({"a": 35, "b": 14, "c": 7, "d": 1}, abs=1)
    assert len(found.dev) == pytest.approx(24, abs=2)


def test_two_groups_are_enough_one_is_not() -> None:
    found = split([example(n, group=str(n % 2)) for n in range(10)], embed, CONFIG, 1)
    assert (len(found.train), len(found.dev), len(found.test)) == (5, 0, 5)
    config = ExamplesSection(train=0.6, dev=0.35, test=0.05)
    assert len(split([example(n, group=str(n % 2)) for n in range(10)], embed, config, 1).test) == 5
    with pytest.raises(
        DataError, match=r"all 10 examples are of one group \('g'\): a sealed test split needs at least two"
    ):
        split([example(n, group="g") for n in range(10)], embed, CONFIG, 1)
    with pytest.raises(DataError, match="no examples to split"):
        split([], embed, CONFIG, 1)


def test_every_wanted_side_gets_something() -> None:
    found = split([example(n) for n in range(3)], embed, ExamplesSection(train=0.9, dev=0.05, test=0.05), 1)
    assert (len(found.train), len(found.dev), len(found.test)) == (1, 1, 1)
    found = split([example(n) for n in range(9)], embed, ExamplesSection(train=0, dev=0, test=1), 1)
    assert (len(found.train), len(found.dev), len(found.test)) == (0, 0, 9)


def test_chained_duplicates_are_refused() -> None:
    same = [example(n, "always the same question") for n in range(6)]
    with pytest.raises(DataError, match="near duplicates chain 6 of 10 examples into one group"):
        split([*same, *(example(n) for n in range(10, 14))], embed, CONFIG, 1)
    with pytest.raises(DataError, match="all 6 examples are near duplicates"):
        split(same, embed, CONFIG, 1)
    # A group that is large by itself is the user's own choice.
    large = [example(n, group="large") for n in range(6)]
    assert split([*large, *(example(n) for n in range(10, 14))], embed, CONFIG, 1).straddling == 0


def test_ten_thousand_questions_in_blocks() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((10_000, 32)).astype(np.float32)
    vectors[5000:5500] = vectors[:500]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = split([example(n) for n in range(10_000)], lambda _: vectors, ExamplesSection(near_duplicate=0.999), 1)
    assert len(found.joined) == 500
    assert found.straddling == 0
    assert [len(found.train), len(found.dev), len(found.test)] == [5000, 1500, 3500]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 40), st.booleans(), st.sampled_from("xyz")),
        min_size=1,
        max_size=60,
    ),
    seed=st.integers(0, 5),
    stratify=st.booleans(),
)
def test_a_partition_in_which_nothing_straddles(
    rows: list[tuple[int, int, bool, str]], seed: int, stratify: bool
) -> None:
    examples = [example(n, f"word{q}", group=f"g{g}", ok=ok, label=x) for n, (g, q, ok, x) in enumerate(rows)]
    try:
        found = split(examples, embed, CONFIG, seed, stratify=stratify)
    except DataError:
        return
    where = sides(found)
    assert sorted(where) == sorted(e.id for e in examples)
    assert len(found.train) + len(found.dev) + len(found.test) == len(examples)
    assert all(len({where[e.id] for e in examples if e.group == g}) == 1 for g in {e.group for e in examples})
    assert all(len({where[e.id] for e in examples if e.question == q}) == 1 for q in {e.question for e in examples})
    assert found.straddling == 0
    assert found.test
    assert found.train
