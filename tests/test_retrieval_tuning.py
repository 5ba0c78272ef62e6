"""`tune-retrieval` on a small real project whose documents differ by a part number at the end of a long text: in smaller chunks
its vector tells them apart."""

import itertools
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ragraft import pipeline
from ragraft.cli import app
from ragraft.compare.settings import Change, Found, Hit, Marks, RaceLine, RetrievalRace, Setting, marked
from ragraft.config import ChunksSection, load
from ragraft.context import Context
from ragraft.errors import ConfigError, DataError
from ragraft.retrieval_tuning import edited
from ragraft.types import Example
from ragraft.workspace import from_json, read_lines

CONFIG = """# parts
[documents]
readers = ["everyone"]

[examples]
train = 0.1
dev = 0.8   # most
test = 0.1
near_duplicate = 1.0

[retrieval]
bm25_weight = 0.0  # vectors alone
passages = 2
"""
PARTS = ["".join(digits) for digits in itertools.permutations("2749183")][::97][:36]
BOILERPLATE = (
    "A fitting joins two lengths of pipe. It is cut from steel, dipped in zinc, and checked by hand before it leaves. "
    * 4
)


def make(folder: Path, examples: int = len(PARTS)) -> Path:
    (folder / "documents").mkdir(parents=True)
    for n, part in enumerate(PARTS):
        text = f"# Fittings\n\n{BOILERPLATE}The one numbered {part} weighs {40 + n} grams.\n"
        (folder / "documents" / f"{part}.md").write_text(text)
    rows = [
        {"question": f"How heavy is the fitting {part}?", "answer": f"{40 + n} grams", "documents": [f"{part}.md"]}
        for n, part in enumerate(PARTS[:examples])
    ]
    (folder / "examples.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (folder / "ragraft.toml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("parts") / "project")


@pytest.fixture(scope="module")
def dry(folder: Path) -> RetrievalRace:
    """A dry run that was stopped once while it raced the weights, and started again."""

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "race BM25 weight" and done > total / 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.tune_retrieval(Context(folder, stop), dry_run=True)
    before = saved(folder)
    assert before
    done = pipeline.tune_retrieval(Context(folder), dry_run=True)
    assert all(saved(folder)[path][: len(lines)] == lines for path, lines in before.items())
    return done


def saved(folder: Path) -> dict[Path, list[str]]:
    return {path: read_lines(path) for path in (folder / ".ragraft/stages/races").glob("*/found.jsonl")}


def lines_of(race: RetrievalRace, name: str) -> dict[str, RaceLine]:
    return {line.value: line for line in race.lines if line.round == name}


def test_the_chunks_that_tell_part_numbers_apart_win(dry: RetrievalRace) -> None:
    sizes = lines_of(dry, "chunk tokens")
    present, won = sizes["200"], sizes["100"]
    assert list(sizes) == ["200", "100", "300"]
    assert (present.fate, present.difference, won.fate) == ("present", None, "won")
    assert won.ndcg == won.score.mean
    assert won.difference is not None
    assert won.difference.mean == pytest.approx((won.ndcg or 0) - (present.ndcg or 0))
    assert won.difference.low > 0
    assert won.difference.p_adjusted < 0.05
    assert (won.recall or 0) > (present.recall or 0)
    assert won.tokens < present.tokens
    assert [(c.section, c.key, c.before, c.after) for c in dry.changes][:2] == [
        ("chunks", "max_tokens", "200", 100),
        ("chunks", "overlap_tokens", "24", 12),
    ]


def test_later_rounds_start_from_what_won(dry: RetrievalRace) -> None:
    assert lines_of(dry, "BM25 weight")["0.0"].score == lines_of(dry, "chunk tokens")["100"].score


def test_what_cannot_be_raced_is_said(dry: RetrievalRace) -> None:
    assert [note.partition(":")[0] for note in dry.notes] == ["floor"]
    assert {"none", "reader"} <= {line.value for line in dry.lines if line.round == "reranker"}
    assert dry.n == max(line.n for line in dry.lines)
    assert dry.unanswerable == 0


def test_every_search_is_saved_once_and_copies_of_the_index_go(folder: Path, dry: RetrievalRace) -> None:
    for lines in saved(folder).values():
        names = [from_json(Found, line).example for line in lines]
        assert len(names) == len(set(names)) <= dry.n
    assert [p.name for p in (folder / ".ragraft").glob("index*") if p.is_dir()] == ["index"]


def test_a_dry_run_writes_nothing_and_a_real_one_the_winner(folder: Path, dry: RetrievalRace) -> None:
    path = folder / "ragraft.toml"
    assert not dry.written
    assert path.read_text() == CONFIG
    before = saved(folder)
    ran = CliRunner().invoke(app, ["tune-retrieval", str(folder), "--json"])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["written"]
    assert saved(folder) == before  # all of it was loaded
    assert path.read_text().startswith(CONFIG)
    assert load(folder).chunks.max_tokens == 100
    again = CliRunner().invoke(app, ["tune-retrieval", str(folder), "--dry-run"])
    assert "BM25 weight" in again.output


def test_too_few_questions_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"2 dev question\(s\) name the documents"):
        pipeline.tune_retrieval(Context(make(tmp_path / "p", examples=4)))


def test_floor_and_passages_decide_what_a_search_is_worth() -> None:
    hits = tuple(Hit(document=d, score=s, tokens=10) for d, s in [("a", 0.9), ("a", 0.8), ("b", 0.6), ("c", 0.5)])
    asked = Example(id="1", question="?", answers=(), documents=("b", "x"), group="1")
    found, nothing = (
        Found(example="1", hits=hits),
        Example(id="1", question="?", answers=(), group="1", answerable=False),
    )

    def worth(example: Example, passages: int, floor: float | None) -> Marks:
        return marked(
            example,
            found,
            Setting(chunks=ChunksSection(), bm25_weight=0.3, reranker=None, passages=passages, floor=floor),
        )

    ideal = 1 + 1 / np.log2(3)
    first = worth(asked, 3, None)
    assert (first.recall, first.tokens) == (0.5, 30)
    assert first.score == first.ndcg == pytest.approx(1 / np.log2(3) / ideal)  # `b` is the second document
    assert worth(asked, 2, None) == Marks(score=0.0, ndcg=0.0, recall=0.0, tokens=20)
    assert worth(asked, 3, 0.95) == Marks(score=0.0, ndcg=0.0, recall=0.0, tokens=0)
    assert worth(nothing, 3, None) == Marks(score=0.0, ndcg=None, recall=None, tokens=30)
    assert worth(nothing, 3, 0.95) == Marks(score=1.0, ndcg=None, recall=None, tokens=0)


def test_a_config_is_edited_in_place() -> None:
    text = "# top\n[retrieval] # how\nfloor = 0.4 # least\npassages = 4 # few\n\n[project]\nname = 'x'\n"
    changes = (
        Change(section="retrieval", key="passages", before="4", after=6),
        Change(section="retrieval", key="floor", before="0.4", after=None),
        Change(section="models", key="reranker", before=None, after="hf:a/b"),
    )
    written = edited(text, changes)
    assert written.startswith("# top\n[retrieval] # how\npassages = 6 # few\n\n[project]\nname = 'x'\n")
    assert tomllib.loads(written) == {
        "retrieval": {"passages": 6}, "project": {"name": "x"}, "models": {"reranker": "hf:a/b"},
    }  # fmt: skip
    with pytest.raises(ConfigError, match="passages"):
        edited(text, [Change(section="retrieval", key="passages", before="4", after=0)])
