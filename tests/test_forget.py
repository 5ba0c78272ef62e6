"""`forget` on a tiny compared project: nothing of the document's words is left, and what rested on it says so."""

import contextlib
import json
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path

import lancedb
import pytest

from ragraft import forget, lineage, pipeline
from ragraft.compare.redact import CAVEAT, GONE
from ragraft.context import Context
from ragraft.errors import ConfigError, DataError, RefusedError
from ragraft.runs import load_run
from ragraft.types import Answer, Reader
from ragraft.workspace import append_line

from .project import CONFIG, make

READER = Reader(user="u")
CANARY = "zanzibarium"
PAGE = f"""# The Cedar plan

## Price

The Cedar plan costs €12 per month, and its secret name is {CANARY} quillwort.

## Limits

The Cedar plan holds 102 projects under the eye of the old {CANARY} quillwort of Cedarstadt.
"""


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compared project with the canary in a document, an older version of it, passages, rows, answers and examples."""
    folder = make(
        tmp_path_factory.mktemp("forget") / "project", CONFIG.replace("epochs = 1", "epochs = 1\nraft_epochs = 1")
    )
    page = folder / "documents" / "cedar.md"
    page.write_text(PAGE.replace("secret", f"{CANARY} former"))
    pipeline.sync(Context(folder))
    page.write_text(PAGE)
    examples = folder / "examples.jsonl"
    said = json.dumps("The Cedar plan holds 102 projects.")
    examples.write_text(examples.read_text().replace(said, json.dumps(f"The Cedar plan is the {CANARY} quillwort.")))
    assert CANARY in examples.read_text()
    pipeline.compare(Context(folder))
    return folder


@pytest.fixture
def project(compared: Path, tmp_path: Path) -> Path:
    return shutil.copytree(compared, tmp_path / "project")


def words_on_disk(folder: Path) -> Iterator[tuple[str, str]]:
    """(place, text) of everything under `.ragraft/`: files raw and unzipped, and every row of every version of the index."""
    state = folder / ".ragraft"
    for path in state.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            yield str(path), data.decode(errors="ignore")
            with contextlib.suppress(zlib.error):
                yield str(path), zlib.decompress(data, wbits=47).decode(errors="ignore")
    table = lancedb.connect(state / "index").open_table("chunks")
    for version in table.list_versions():
        table.checkout(version["version"])
        yield f"version {version['version']}", json.dumps(table.to_arrow().drop_columns(["vector"]).to_pylist())


def places(folder: Path, word: str = CANARY) -> set[str]:
    return {place for place, text in words_on_disk(folder) if word in text.casefold()}


def test_no_word_of_it_is_left_anywhere(project: Path) -> None:
    before = places(project)
    for part in ("version ", "rows.jsonl", "report.json", "report.html", "split.json", "evaluations", ".lance"):
        assert any(part in place for place in before), f"the canary must be in {part} first"
    (project / "documents" / "cedar.md").unlink()
    certificate = pipeline.forget(Context(project), ["cedar.md"])
    assert places(project) == set()
    assert certificate.remaining == ()
    assert len(certificate.purged) > 5
    assert [d.document for d in certificate.documents] == ["cedar.md"]
    assert len(certificate.documents[0].sha256) == 64
    assert {a.arm for a in certificate.adapters} == {"tuned", "raft"}
    assert all(a.examples for a in certificate.adapters)
    assert certificate.sources == ()
    assert forget.certificates(Context(project)) == (certificate,)
    assert forget.unfinished(Context(project)) == ()


def test_adapters_refuse_until_trained_again(project: Path) -> None:
    pipeline.forget(Context(project), ["cedar.md"])
    context = Context(project)
    for arm in ("tuned", "tuned+rag", "raft"):
        with pytest.raises(RefusedError, match=r"from 1 forgotten document\(s\); `ragraft tune --arm"):
            pipeline.ask(context, "What does the Fir plan cost?", arm, READER)
    assert isinstance(pipeline.ask(context, "What does the Fir plan cost?", "rag", READER), Answer)
    config = project / "ragraft.toml"
    config.write_text(config.read_text() + '\n[forget]\nadapters = "warn"\n')
    answer = pipeline.ask(Context(project), "What does the Fir plan cost?", "tuned", READER)
    assert isinstance(answer, Answer)
    assert "forgotten document" in answer.notes[0]
    assert "cedar.md" not in answer.notes[0]
    pipeline.tune(Context(project), ["tuned"])
    assert {m.arm for m in lineage.marked(Context(project).space)} == {"raft"}, "the old weights went"
    fresh = pipeline.ask(Context(project), "What does the Fir plan cost?", "tuned", READER)
    assert isinstance(fresh, Answer)
    assert fresh.notes == ()


def test_the_report_keeps_its_figures_and_loses_the_words(project: Path) -> None:
    before = load_run(Context(project), "latest")
    pipeline.forget(Context(project), ["cedar.md"])
    after = load_run(Context(project), "latest")
    assert after.comparison == before.comparison
    assert CAVEAT in after.recommendation.caveats
    tuned = next(e for e in after.evaluations if e.arm == "tuned")
    assert {c.outcome.text for c in tuned.cases if isinstance(c.outcome, Answer)} == {GONE}
    base = next(e for e in after.evaluations if e.arm == "base")
    assert sum(c.outcome.text != GONE for c in base.cases if isinstance(c.outcome, Answer)) >= 12
    assert all(
        c.value("correct") == b.value("correct") for c, b in zip(base.cases, before.evaluations[0].cases, strict=True)
    )


def test_it_does_not_come_back_by_itself(project: Path) -> None:
    shutil.copy(project / "documents" / "cedar.md", project / "documents" / "copy.md")
    pipeline.forget(Context(project), ["cedar.md"])
    context = Context(project)
    report = pipeline.sync(context)
    skipped = {s.source: s.reason for s in report.skipped}
    assert set(skipped) == {"cedar.md", "copy.md"}
    assert "ragraft forget --allow cedar.md" in skipped["cedar.md"]
    assert "same content as the forgotten cedar.md" in skipped["copy.md"]
    assert "cedar.md" not in context.index.documents()
    (project / "documents" / "cedar.md").write_text("# Another page\n\nWritten anew.\n")
    assert "cedar.md" not in Context(project).index.documents(), "whatever its content"
    forget.allow(Context(project), ["cedar.md"])
    assert {s.source for s in pipeline.sync(Context(project)).skipped} == set()
    with pytest.raises(DataError, match="not a forgotten document"):
        forget.allow(Context(project), ["cedar.md"])


STEPS = ("_bury", "_text", "_clean_adapters", "_reports", "_caches", "_remaining", "version")


@pytest.mark.parametrize("step", STEPS)
def test_stopped_anywhere_and_run_again(project: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """`step` is done, then the process is gone; `version` is asked for after the purge."""
    done = getattr(forget, step)

    def stop(*arguments: object, **named: object) -> None:
        done(*arguments, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(forget, step, stop)
    with pytest.raises(KeyboardInterrupt):
        pipeline.forget(Context(project), ["cedar.md"])
    assert forget.certificates(Context(project)) == ()
    assert forget.unfinished(Context(project)) == ("cedar.md",)
    monkeypatch.undo()
    certificate = pipeline.forget(Context(project), ["cedar.md"])
    assert places(project) == set()
    assert {a.arm for a in certificate.adapters} == {"tuned", "raft"}
    assert certificate.sources == ("documents/cedar.md",)
    assert forget.unfinished(Context(project)) == ()


def test_a_document_that_left_the_index_long_ago_is_found_in_what_it_left_behind(project: Path) -> None:
    (project / "documents" / "cedar.md").unlink()
    examples = project / "examples.jsonl"
    examples.write_text("\n".join(line for line in examples.read_text().splitlines() if "cedar.md" not in line) + "\n")
    context = Context(project)
    pipeline.sync(context)
    context.index.purge()
    assert "cedar.md" not in context.index.documents()
    pipeline.forget(Context(project), ["cedar.md"])
    assert places(project) == set()


def test_an_unknown_document_is_named_with_the_nearest(project: Path) -> None:
    with pytest.raises(DataError, match=r"cedarr\.md: nothing is held.*did you mean `cedar\.md`"):
        pipeline.forget(Context(project), ["cedarr.md"])
    assert not Context(project).space.forgotten.exists()


def test_a_condition_names_documents(tmp_path: Path) -> None:
    folder = make(tmp_path / "p")
    page = folder / "documents" / "cedar.md"
    page.write_text("---\ntags: [old, it's]\n---\n" + page.read_text())
    context = Context(folder)
    pipeline.sync(context)
    assert forget.matching(context, "tag = 'old'") == ("cedar.md",)
    assert forget.matching(context, "tag = 'it''s' OR document = 'fir.md'") == ("cedar.md", "fir.md")
    with pytest.raises(DataError, match="no document meets it"):
        forget.matching(context, "tag = 'new'")
    with pytest.raises(ConfigError, match="'tagg' stands"):
        forget.matching(context, "tagg = 'new'")


def test_words_that_other_documents_share_are_spared(project: Path) -> None:
    """Boilerplate is no trace of the document."""
    line = "All prices are stated without value added tax and may change at the end of any month."
    for name in ("cedar", "fir"):
        page = project / "documents" / f"{name}.md"
        page.write_text(page.read_text() + f"\n## Small print\n\n{line}\n")
    pipeline.sync(Context(project))
    note = Context(project).space.state / "notes.txt"
    append_line(note, line)
    certificate = pipeline.forget(Context(project), ["cedar.md"])
    assert certificate.remaining == ()
    append_line(note, "The Fir plan costs €15 per month, says the page about the Fir plan.")
    assert pipeline.forget(Context(project), ["fir.md"]).remaining == (".ragraft/notes.txt",)
