"""`tune-retrieval` on a small real project whose documents differ by part numbers, which vectors confuse and words do not."""

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ragraft import pipeline
from ragraft.cli import app
from ragraft.config import load
from ragraft.context import Context
from ragraft.errors import ConfigError, DataError
from ragraft.retrieval_tuning import Change, Found, RaceLine, RetrievalRace, edited
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
PARTS = [
    f"{a}{b}-{17 * n + 1000}" for n, (a, b) in enumerate(zip("ABCDEFGHIJKL" * 3, "QRSTUVWXYZQRSTUV" * 3, strict=False))
]


def make(folder: Path, examples: int = len(PARTS)) -> Path:
    (folder / "documents").mkdir(parents=True)
    for n, part in enumerate(PARTS):
        text = f"# Part {part}\n\nThe part {part} is a steel fitting for a pipe and weighs {40 + n} grams.\n"
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


def test_the_weight_that_finds_part_numbers_wins(dry: RetrievalRace) -> None:
    weights = lines_of(dry, "BM25 weight")
    assert (weights["0.0"].fate, weights["0.0"].difference) == ("present", None)
    won = next(line for line in weights.values() if line.fate == "won")
    assert won.ndcg == won.score.mean
    assert won.difference is not None
    assert won.difference.mean == pytest.approx((won.ndcg or 0) - (weights["0.0"].ndcg or 0))
    assert won.difference.low > 0
    assert won.difference.p_adjusted < 0.05
    assert (won.recall or 0) > (weights["0.0"].recall or 0)
    assert [(c.section, c.key, c.before, str(c.after)) for c in dry.changes if c.key == "bm25_weight"] == [
        ("retrieval", "bm25_weight", "0.0", won.value)
    ]


def test_what_cannot_be_raced_is_said(dry: RetrievalRace) -> None:
    assert [note.partition(":")[0] for note in dry.notes] == ["reranker", "floor"]
    assert (dry.n, dry.unanswerable) == (len(saved_examples(dry)), 0)


def saved_examples(race: RetrievalRace) -> range:
    return range(max(line.n for line in race.lines))


def test_every_search_is_saved_once_and_copies_of_the_index_go(folder: Path, dry: RetrievalRace) -> None:
    for lines in saved(folder).values():
        names = [from_json(Found, line).example for line in lines]
        assert len(names) == len(set(names)) <= dry.n
    assert [p.name for p in (folder / ".ragraft").glob("index*") if p.is_dir()] == ["index"]


def test_chunks_are_cut_anew_for_their_round(dry: RetrievalRace) -> None:
    sizes = lines_of(dry, "chunk tokens")
    assert list(sizes) == ["200", "100", "300"]
    assert {line.score.mean for line in sizes.values()} == {sizes["200"].score.mean}  # all texts are shorter


def test_a_dry_run_writes_nothing_and_a_real_one_the_winner(folder: Path, dry: RetrievalRace) -> None:
    path = folder / "ragraft.toml"
    assert not dry.written
    assert path.read_text() == CONFIG
    before = saved(folder)
    ran = CliRunner().invoke(app, ["tune-retrieval", str(folder), "--json"])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["written"]
    assert saved(folder) == before  # all of it was loaded
    weight = next(c.after for c in dry.changes if c.key == "bm25_weight")
    assert path.read_text().startswith(
        CONFIG.partition("bm25_weight")[0] + f"bm25_weight = {weight}  # vectors alone\n"
    )
    assert load(folder).retrieval.bm25_weight == weight
    again = CliRunner().invoke(app, ["tune-retrieval", str(folder), "--dry-run"])
    assert "BM25 weight" in again.output


def test_too_few_questions_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"3 dev question\(s\) name the documents"):
        pipeline.tune_retrieval(Context(make(tmp_path / "p", examples=4)))


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
