"""Finding documents: globs, readers, hashes, and what is left out."""

from pathlib import Path

import pytest

from ragraft.config import AccessRule, DocumentsSection
from ragraft.corpus.sources import find, matches, readers
from ragraft.errors import DataError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("a.md", "hr/pay.md", "hr/deep/old.md", "z/notes.txt", ".git/x.md", "hr/.hidden.md", ".ragraft/y.md"):
        path = tmp_path / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def ids(folder: Path, **section: object) -> list[str]:
    return [s.id for s in find(folder, DocumentsSection.model_validate(section))]


def test_all_visible_files_in_order(project: Path) -> None:
    assert ids(project) == ["a.md", "hr/deep/old.md", "hr/pay.md", "z/notes.txt"]


def test_include_and_exclude(project: Path) -> None:
    assert ids(project, include=("**/*.md",), exclude=("hr/deep/",)) == ["a.md", "hr/pay.md"]
    assert ids(project, include=("*.md",)) == ["a.md"]
    assert ids(project, include=("hr/*",)) == ["hr/pay.md"]


def test_links_out_of_the_root_are_left_out(project: Path) -> None:
    (project / "secret.md").write_text("secret")
    (project / "documents" / "out.md").symlink_to(project / "secret.md")
    (project / "documents" / "loop").symlink_to(project / "documents", target_is_directory=True)
    (project / "documents" / "in.md").symlink_to(project / "documents" / "a.md")
    (project / "documents" / "broken.md").symlink_to(project / "nothing")
    assert ids(project, include=("**/*.md",)) == ["a.md", "hr/deep/old.md", "hr/pay.md", "in.md"]


def test_the_last_rule_wins_and_nobody_is_the_default() -> None:
    rules = (AccessRule(path="hr/**", readers=("hr",)), AccessRule(path="hr/deep/*", readers=("board", "board")))
    section = DocumentsSection(readers=("everyone",), rules=rules)
    assert readers("a.md", section) == ("everyone",)
    assert readers("hr/pay.md", section) == ("hr",)
    assert readers("hr/deep/old.md", section) == ("board",)
    assert readers("a.md", DocumentsSection()) == ()


def test_the_hash_follows_the_bytes(project: Path) -> None:
    before = {s.id: s.hash for s in find(project, DocumentsSection())}
    (project / "documents" / "a.md").write_text("changed")
    after = {s.id: s.hash for s in find(project, DocumentsSection())}
    assert [name for name in before if before[name] != after[name]] == ["a.md"]
    assert len(before["a.md"]) == 64


def test_no_documents_names_folder_and_globs(project: Path) -> None:
    with pytest.raises(DataError, match=r"documents: no documents \(include \['\*\.pdf'\]\)"):
        find(project, DocumentsSection(include=("*.pdf",)))
    with pytest.raises(DataError, match="nowhere: no such folder"):
        find(project, DocumentsSection(root="nowhere"))


@pytest.mark.parametrize(
    ("document", "glob", "expected"),
    [
        ("a/b.md", "**/*.md", True),
        ("b.md", "**/*.md", True),
        ("a/b.md", "*.md", False),
        ("a/b/c.md", "a/**", True),
        ("ab.md", "a?.md", True),
        ("a1.md", "a[0-9].md", True),
        ("ax.md", "a[!0-9].md", True),
        ("a+b (1).md", "a+b (1).md", True),
        ("a[.md", "a[.md", True),
        ("a.md", "./a.md", True),
    ],
)
def test_globs(document: str, glob: str, expected: bool) -> None:
    assert matches(document, glob) is expected
