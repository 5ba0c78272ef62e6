"""Tasks of lm-eval, on the packaged generator, with a task file and data of its own; nothing is fetched."""

import importlib.util
import json
from pathlib import Path

import pytest

from ragraft.errors import DataError
from ragraft.models.local import load_generator
from ragraft.probes import lm_tasks, table
from ragraft.probes.forgetting import ITEMS, Item
from ragraft.workspace import from_json

from ..project import CONFIG
from ..templates import lead_answers
from .planted import bench, closed, value

TASK = """
task: capitals
dataset_path: json
dataset_kwargs:
  data_files: {test: capitals.jsonl}
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{label}}"
metric_list:
  - metric: acc
  - metric: acc_norm
"""
QUESTIONS = 24


def written(folder: Path, task: str = TASK) -> Path:
    items = [from_json(Item, line) for line in ITEMS.read_text().splitlines()][:QUESTIONS]
    rows = [
        {"question": i.question, "choices": [*i.wrong[: n % 2], i.right, *i.wrong[n % 2 :]], "label": n % 2}
        for n, i in enumerate(items)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "capitals.jsonl").write_text("\n".join(json.dumps(r) for r in rows) + "\n")
    (folder / "capitals.yaml").write_text(task)
    return folder


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> lm_tasks.Scored:
    folder = written(tmp_path_factory.mktemp("tasks"))
    (task,) = lm_tasks.load(["capitals.yaml"], folder, folder / "cache")
    assert task.name == "capitals"
    return lm_tasks.score(task, load_generator("pocket"), questions=16, seed=7)


def test_a_task_file_is_scored_question_by_question(scored: lm_tasks.Scored) -> None:
    assert (scored.metric, scored.higher_is_better, scored.share) == ("acc", True, True)
    assert [c.case for c in scored.cases] == [f"capitals:{n}" for n in range(16)]
    assert {c.value for c in scored.cases} <= {0.0, 1.0}


@pytest.mark.parametrize("lead", ["", " "])
def test_its_scores_are_those_of_the_likelihoods(lead: str, tmp_path: Path) -> None:
    """lm-eval sums nats over an answer; the same, reckoned here from the generator's own likelihoods per token."""
    from ragraft.types import Message, Prompt

    generator = load_generator("pocket")
    tokenizer = lead_answers(generator.tokenizer, lead)
    (task,) = lm_tasks.load(["capitals.yaml"], written(tmp_path / "tasks"), tmp_path / "cache")
    scored = lm_tasks.score(task, generator, questions=16, seed=7)
    items = [from_json(Item, line) for line in ITEMS.read_text().splitlines()][:16]
    expected: list[float] = []
    for item in items:
        prompt = Prompt(messages=(Message(role="user", content=item.question),))
        answers = (item.right, *item.wrong)
        sums = [
            x * len(tokenizer(f"{lead}{a}", add_special_tokens=False)["input_ids"])
            for x, a in zip(generator.log_likelihood([prompt] * len(answers), answers), answers, strict=True)
        ]
        expected.append(float(sums[0] > max(sums[1:])))
    agree = [c.value == e for c, e in zip(scored.cases, expected, strict=True)]
    assert sum(agree) >= 15, "one question may be near a tie, at another batch's rounding"


def test_the_probe_reports_base_and_tuned_with_n_and_interval(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    tasks = '\nlm_eval = ["capitals.yaml"]\nlm_eval_questions = 12\n'
    model = load_generator("pocket")
    made = bench(
        folder,
        lambda context, b: {"base": closed("base", model), "tuned": closed("tuned", model)},
        config=CONFIG.rstrip() + tasks,
    )
    written(folder)
    result = table.run("forgetting", made)
    found = result.figure("lm_eval_capitals")
    assert found is not None
    assert found.label == "lm-eval capitals, acc"
    base, tuned = found.reading("base"), found.reading("tuned")
    assert base is not None
    assert tuned is not None
    assert (base.value, base.n) == (tuned.value, 12)
    assert base.low is not None
    assert base.high is not None
    assert base.low <= (base.value or 0) <= base.high
    assert base.cases == tuned.cases
    assert value(result, "rise", "tuned") == 0.0
    assert not list((folder / ".ragraft").rglob("lm-eval")), "no cache of the task's data is left"
    assert result.blocks == ()


@pytest.mark.parametrize(
    ("task", "fault"),
    [
        (TASK.replace("test_split: test", "test_split: test\nprocess_docs: !function mine.process"), "functions in it are not run"),
        (TASK + "include: other.yaml\n", "the key `include`"),
        (TASK.replace("metric: acc_norm", "metric: my_metric"), "'my_metric' is no metric of lm-eval itself"),
        (TASK.replace("metric: acc_norm", "metric: accuracy\n    hf_evaluate: true"), "no metric of lm-eval itself"),
        ("group: mine\ntask: [a, b]\n", "it needs `task: NAME`"),
        (TASK.replace("capitals.jsonl", "absent.jsonl"), "check its data_files"),
    ],
)  # fmt: skip
def test_a_task_file_is_data_and_nothing_else(tmp_path: Path, task: str, fault: str) -> None:
    written(tmp_path, task)
    with pytest.raises(DataError, match=fault) as error:
        lm_tasks.load(["capitals.yaml"], tmp_path, tmp_path / "cache")
    assert "\n" not in str(error.value)
    assert "probes.lm_eval" in str(error.value)


def test_a_file_that_is_not_there_and_one_without_lm_eval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"absent\.yaml cannot be read"):
        lm_tasks.inputs(["absent.yaml"], tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        DataError, match=r"names arc_easy, and lm-eval is not installed: pip install 'ragraft\[lm-eval\]'"
    ):
        lm_tasks.load(["arc_easy"], tmp_path, tmp_path)


def test_an_unknown_name_and_a_hub_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    import lm_eval.tasks
    from lm_eval.tasks import TaskManager

    def unreachable(*args: object, **options: object) -> None:
        raise ConnectionError("Couldn't reach 'allenai/ai2_arc' on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    own = Path(lm_eval.tasks.__file__).parent / "arc"  # to look through all of them takes seconds
    manager = TaskManager(include_defaults=False, include_path=own)
    with pytest.raises(DataError, match="no task 'arc_eazy'; did you mean arc_easy"):
        lm_tasks.load_one(manager, "arc_eazy", None, tmp_path)
    with pytest.raises(DataError, match="comes from the Hugging Face hub: check the network"):
        lm_tasks.load_one(manager, "arc_easy", None, tmp_path)


def test_results_depend_on_the_task_file_and_its_data(tmp_path: Path) -> None:
    before = lm_tasks.inputs(["capitals.yaml"], written(tmp_path))
    (tmp_path / "capitals.jsonl").write_text((tmp_path / "capitals.jsonl").read_text() + "\n")
    assert lm_tasks.inputs(["capitals.yaml"], tmp_path) != before
