"""Who may use an adapter: those who may read every document behind its rows. And what a document may say of its readers."""

from pathlib import Path

import pytest

from ragraft import lineage, pipeline, stages
from ragraft.context import Context
from ragraft.errors import DataError, RefusedError
from ragraft.types import Answer, Reader

from .project import CONFIG, make

STAFF = Reader(user="ann", groups=frozenset({"backend"}))
GUEST = Reader(user="guest")
RULES = """
[[documents.rules]]
path = "cedar.md"
readers = ["staff"]

[groups]
staff = ["engineering", "sales"]
engineering = ["backend"]

[compare]
arms = ["base", "rag", "tuned"]
"""
QUESTION = "What does the Fir plan cost per month?"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`cedar.md`, which is in the train split, is for staff."""
    folder = make(tmp_path_factory.mktemp("lineage") / "p", CONFIG + RULES)
    pipeline.tune(Context(folder), ["tuned"])
    return folder


def configure(folder: Path, text: str) -> Context:
    (folder / "ragraft.toml").write_text(CONFIG + RULES + text)
    return Context(folder)


def test_an_adapter_is_closed_to_who_may_not_read_what_it_learned_from(project: Path) -> None:
    context = configure(project, "")
    adapter = stages.trained(context, "tuned")
    (shut,) = lineage.closed(context, adapter, GUEST)
    assert shut.document == "cedar.md"
    assert len(shut.examples) == 3
    assert lineage.closed(context, adapter, STAFF) == ()
    assert isinstance(pipeline.ask(context, QUESTION, "tuned", STAFF), Answer)
    with pytest.raises(RefusedError, match=r"from 1 document\(s\) that `guest` may not read") as refused:
        pipeline.ask(context, QUESTION, "tuned", GUEST)
    assert "cedar.md" not in str(refused.value), "who may not read it may not know of it"
    with pytest.raises(RefusedError):
        pipeline.ask(context, QUESTION, "tuned+rag", GUEST)


def test_config_may_warn_or_ignore(project: Path) -> None:
    warned = pipeline.ask(configure(project, '\n[access]\nadapters = "warn"\n'), QUESTION, "tuned", GUEST)
    assert isinstance(warned, Answer)
    assert "may not read" in warned.notes[0]
    assert "cedar.md" not in warned.notes[0]
    ignored = pipeline.ask(configure(project, '\n[access]\nadapters = "ignore"\n'), QUESTION, "tuned", GUEST)
    assert isinstance(ignored, Answer)
    assert ignored.notes == ()


def test_the_report_says_which_examples_closed_an_arm(project: Path) -> None:
    refused = pipeline.compare(configure(project, ""))
    assert [s.arm for s in refused.comparison.arms] == ["base", "rag"]
    (absent,) = refused.comparison.not_applicable
    assert absent.arm == "tuned"
    assert "`evaluation` may not read: cedar.md, through the examples" in absent.reason
    warned = pipeline.compare(configure(project, '\n[access]\nadapters = "warn"\n'))
    assert [s.arm for s in warned.comparison.arms] == ["base", "rag", "tuned"]
    assert any("cedar.md" in c for c in warned.recommendation.caveats)
    member = pipeline.compare(_with_member(project))
    assert [s.arm for s in member.comparison.arms] == ["base", "rag", "tuned"]


def _with_member(folder: Path) -> Context:
    text = (CONFIG + RULES).replace("max_new_tokens = 16", 'max_new_tokens = 16\ngroups = ["sales"]')
    (folder / "ragraft.toml").write_text(text)
    return Context(folder)


def test_rights_of_now_count_and_of_then_once_a_document_is_gone(project: Path) -> None:
    adapter = stages.trained(configure(project, ""), "tuned")
    page = project / "documents" / "alder.md"
    text = page.read_text()
    page.write_text("---\nreaders: [boss]\n---\n" + text)
    context = configure(project, "")
    pipeline.sync(context)
    assert [c.document for c in lineage.closed(context, adapter, STAFF)] == ["alder.md"]
    page.unlink()
    pipeline.sync(context)
    assert lineage.closed(context, adapter, STAFF) == (), "it was open to everyone when the adapter was trained"
    assert [c.document for c in lineage.closed(context, adapter, GUEST)] == ["cedar.md"]
    (project / "documents" / "cedar.md").rename(project / "cedar.md")
    pipeline.sync(context)
    assert [c.document for c in lineage.closed(context, adapter, GUEST)] == ["cedar.md"]
    page.write_text(text)
    (project / "cedar.md").rename(project / "documents" / "cedar.md")
    pipeline.sync(context)


def test_an_adapter_without_a_lineage_is_not_used(project: Path) -> None:
    context = configure(project, "")
    adapter = stages.trained(context, "tuned")
    path = Path(adapter.path) / lineage.LINEAGE
    kept = path.read_text()
    path.unlink()
    with pytest.raises(DataError, match="does not say what it learned from"):
        pipeline.ask(context, QUESTION, "tuned", STAFF)
    path.write_text(kept)


def test_front_matter_narrows_and_never_widens(tmp_path: Path) -> None:
    folder = make(tmp_path / "p", CONFIG + RULES)
    documents = folder / "documents"
    for name, names in {"elm": "[ann]", "cedar": "[everyone]", "fir": "[staff]"}.items():
        page = documents / f"{name}.md"
        page.write_text(f"---\nreaders: {names}\ntags: [plans]\n---\n" + page.read_text())
    (documents / "gorse.md").write_text("---\nreaders: [ann\n---\n# The Gorse plan\n")
    context = Context(folder)
    report = pipeline.sync(context)
    assert [(s.source, "not valid YAML" in s.reason) for s in report.skipped] == [("gorse.md", True)]

    def seen(context: Context, reader: Reader) -> set[str]:
        return set(context.index.chunks_of({"elm.md", "cedar.md", "fir.md", "ivy.md"}, reader))

    assert seen(context, STAFF) == {"elm.md", "cedar.md", "fir.md", "ivy.md"}
    assert seen(context, GUEST) == {"ivy.md"}
    assert seen(context, Reader(user="bob", groups=frozenset({"sales"}))) == {"cedar.md", "fir.md", "ivy.md"}
    assert context.index.chunks_of({"fir.md"}, STAFF)["fir.md"][0].tags == ("plans",)
    again = pipeline.sync(Context(folder))
    assert (again.changed, again.unchanged) == (0, 8), "own readers do not make a document new"
    text = (CONFIG + RULES).replace('readers = ["everyone"]\n', 'readers = ["everyone"]\nfront_matter = false\n', 1)
    (folder / "ragraft.toml").write_text(text)
    ignoring = Context(folder)
    assert pipeline.sync(ignoring).changed == 8
    assert seen(ignoring, GUEST) == {"elm.md", "fir.md", "ivy.md"}
    assert ignoring.index.chunks_of({"fir.md"}, STAFF)["fir.md"][0].tags == ()
