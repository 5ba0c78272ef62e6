"""Making examples from a tiny project with the packaged models, from documents to a review file."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ragraft import pipeline, stages
from ragraft.context import Context
from ragraft.errors import DataError, ModelError
from ragraft.synthesis import ask, review
from ragraft.synthesis.make import Made, Wish
from ragraft.types import Completion, Failure, Prompt, Reader

from ..project import CONFIG, make
from .test_ask import Fake

READER = Reader(user="u")


def wish(folder: Path, **changes: object) -> Wish:
    wanted = {
        "count": 16,
        "seed": 7,
        "by": "rule",
        "unanswerable": 0.25,
        "hard": 0.1,
        "path": folder / "examples-made.jsonl",
    } | changes
    return Wish(**wanted)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make(tmp_path_factory.mktemp("made") / "project")
    (folder / "examples.jsonl").unlink()
    (folder / "documents" / "staff.md").write_text("# Staff\n\nThe Kiosk plan costs €99 per month.\n")
    (folder / "documents" / "mail.md").write_text(
        "# Mail\n\nThe help desk is reached at ann.lee@corp.example within 3 days.\n"
    )
    rule = '\n[[documents.rules]]\npath = "staff.md"\nreaders = ["staff"]\n\n[examples]'
    (folder / "ragraft.toml").write_text(CONFIG.replace("\n[examples]", rule))
    return folder


@pytest.fixture(scope="module")
def made(project: Path) -> Made:
    return pipeline.make_examples(Context(project), wish(project), READER)


def test_what_is_made_holds(made: Made, project: Path) -> None:
    rows = review.read(Path(made.path))
    assert made.held == len(rows) == made.added >= 8
    assert made.drafted == made.added + made.unused + sum(r.count for r in made.rejected)
    for r in rows:
        e = r.example
        assert not e.human
        assert r.status == "draft"
        assert e.group == r.made_from
        assert e.documents == ((r.made_from,) if e.answerable else ())
        assert all(any(s in r.passage for s in fact) for fact in e.must_include)
    assert any(r.example.must_include == (("€12",),) or "cost" in r.example.question for r in rows)


def test_a_document_that_the_reader_may_not_see_is_not_used(made: Made) -> None:
    assert "Kiosk" not in Path(made.path).read_text()


def test_personal_data_is_kept_out(made: Made) -> None:
    assert "ann.lee" not in "".join(r.example.question + r.example.answers[0] for r in review.read(Path(made.path)))


def test_run_again_it_keeps_what_people_decided_and_goes_on(made: Made, project: Path) -> None:
    path = Path(made.path)
    before = path.read_text()
    again = pipeline.make_examples(Context(project), wish(project, count=made.held), READER)
    assert (again.added, path.read_text()) == (0, before)


def test_accepted_ones_are_examples_that_split_by_document(made: Made, project: Path) -> None:
    rows = [replace(r, status="accepted") for r in review.read(Path(made.path))]
    context = Context(project)
    assert pipeline.add_examples(context, rows) == made.held
    parts = stages.divide(context)
    sides = [{e.group for e in part} for part in (parts.train, parts.dev, parts.test)]
    assert sum(map(len, sides)) == len(set.union(*sides))
    assert all(not e.human for e in (*parts.train, *parts.dev, *parts.test))
    (project / "examples.jsonl").unlink()


def test_a_reader_who_sees_nothing_gets_a_clear_error(tmp_path: Path) -> None:
    folder = make(tmp_path / "p", CONFIG.replace('["everyone"]', '["staff"]'))
    with pytest.raises(DataError, match="may read no document"):
        pipeline.make_examples(Context(folder), wish(folder), READER)


class Writer(Fake):
    """Writes a question of each kind about any passage, and answers nothing without the passages or with them."""

    def generate(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int, on_done: Callable[[int], None] | None = None
    ) -> tuple[Completion | Failure, ...]:
        self.asked += prompts
        return tuple(Completion(text=self.text(p), prompt_tokens=1, completion_tokens=1, seconds=0.0) for p in prompts)

    def text(self, prompt: Prompt) -> str:
        if prompt.messages[0].content != ask.INSTRUCTION:
            return "The documents do not say."
        passage = json.loads(prompt.messages[1].content)["passage"]
        found = re.search(r"The (\w+) plan costs (€\d+) per month", passage)
        if not found:
            return "no JSON"
        question = {
            "question": f"What do I pay for {found[1]} each month?",
            "answer": f"You pay {found[2]} a month.",
            "fact": found[2],
        }
        return json.dumps({"questions": [question], "unanswered": f"Who founded the company behind {found[1]}?"})


def test_by_a_model_both_kinds_are_checked_and_nothing_is_asked_twice(tmp_path: Path) -> None:
    folder = make(tmp_path / "p")
    (folder / "examples.jsonl").unlink()
    context, model = Context(folder), Writer("")
    vars(context)["generator"] = model
    done = pipeline.make_examples(context, wish(folder, by="model", count=6, unanswerable=0.34), READER)
    rows = review.read(Path(done.path))
    assert (done.held, done.unanswerable) == (6, 2)
    assert {r.by for r in rows} == {"model"}
    assert all(r.example.must_include[0][0] in r.passage for r in rows if r.example.answerable)
    assert any(r.why == ask.NOT_JSON for r in done.rejected)
    written = sum(p.messages[0].content == ask.INSTRUCTION for p in model.asked)
    Path(done.path).unlink()
    again = pipeline.make_examples(context, wish(folder, by="model", count=6, unanswerable=0.34), READER)
    assert again.held == 6
    assert sum(p.messages[0].content == ask.INSTRUCTION for p in model.asked) == written


def test_drafts_never_go_into_the_examples_themselves(tmp_path: Path) -> None:
    folder = make(tmp_path / "p")
    with pytest.raises(DataError, match="a file of their own"):
        pipeline.make_examples(Context(folder), wish(folder, path=folder / "examples.jsonl"), READER)


def test_a_model_that_is_down_is_one_line(tmp_path: Path) -> None:
    down = '[models]\ngenerator = "http://127.0.0.1:9/v1#m"\nretries = 0\n\n[tuning]'
    folder = make(tmp_path / "p", CONFIG.replace("[tuning]", down))
    with pytest.raises(ModelError, match="goes on from there"):
        pipeline.make_examples(Context(folder), wish(folder, by="model"), READER)


def test_classify_has_no_documents(tmp_path: Path) -> None:
    folder = make(tmp_path / "p", CONFIG.replace('name = "Tiny"', 'name = "Tiny"\ntask = "classify"'))
    with pytest.raises(DataError, match="classify"):
        pipeline.make_examples(Context(folder), wish(folder), READER)


def test_every_line_is_json_with_a_status(made: Made) -> None:
    lines = [json.loads(line) for line in Path(made.path).read_text().splitlines()]
    assert {line["status"] for line in lines} == {"draft"}
    assert {line["synthetic"] for line in lines} == {True}
