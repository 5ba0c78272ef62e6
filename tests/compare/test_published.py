"""The published results: complete, told apart by id, and readable as statements about arms."""

import pytest
from pydantic import ValidationError

from ragraft.compare.published import Published, Relation, load


def test_every_result_names_its_paper_and_where_it_stands() -> None:
    found = load()
    assert len({p.id for p in found}) == len(found) >= 10
    for p in found:
        assert p.url.startswith("https://")
        assert p.claim.endswith(".")
        assert 2019 <= p.year <= 2026
    assert next(p for p in found if p.id == "raft").cited == "Zhang et al. 2024"


def test_a_result_about_two_arms_says_which_was_better() -> None:
    found = {p.id: p.relation for p in load()}
    assert found["ovadia-new-facts"] == Relation(better="rag", worse="tuned")
    assert found["raft"] == Relation(better="raft", worse="tuned+rag")
    assert found["lewis-swap"] is None


@pytest.mark.parametrize("says", ["rag > tuned", "correct: rag > gpt", "correct: rag = tuned"])
def test_an_unreadable_statement_is_refused(says: str) -> None:
    with pytest.raises(ValidationError, match="ARM > ARM"):
        Published(id="x", claim="c.", paper="p", year=2024, url="https://x", figure="", says=says)
