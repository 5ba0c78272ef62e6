"""Which questions the rules make of plain English, and which sentences they leave alone."""

import pytest

from ragraft.synthesis.clauses import names
from ragraft.synthesis.draft import Draft
from ragraft.synthesis.rules import Page, drafts, english
from ragraft.synthesis.tables import tables
from ragraft.types import Chunk

NAMES = frozenset({"Beacon", "Lantern", "Tolvane"})


def chunk(text: str, *, title: str = "The portal", heading: str = "", document: str = "portal.md") -> Chunk:
    return Chunk(
        id=f"{document}#0", document=document, title=title, heading=heading, text=text, position=0, tokens=50, readers=("everyone",),
    )  # fmt: skip


def made(text: str, **where: str) -> dict[str, Draft]:
    return {d.question: d for d in drafts(Page(chunk=chunk(text, **where), names=NAMES))}


@pytest.mark.parametrize(
    ("sentence", "question", "facts"),
    [
        ("Deleted records stay in the trash for 28 days.", "How long do deleted records stay in the trash?", (("28 days",),)),
        ("A crew can have up to 20 people.", "How many people can a crew have?", (("20",),)),
        ("A person can belong to up to 3 crews.", "How many crews can a person belong to?", (("3", "three"),)),
        ("You receive a decision within 2 working days.", "How soon do I receive a decision?", (("2 working days", "two working days"),)),
        ("The Beacon plan costs €23 per member per month.", "How much does the Beacon plan cost?", (("€23",),)),
        ("Crews are managed in **Settings > Crews**.", "Where are crews managed?", (("Settings > Crews",),)),
        ("Only the owner can empty the trash.", "Who can empty the trash?", (("owner", "owners"),)),
        ("On Beacon, entries are kept for 180 days.", "How long are entries kept on Beacon?", (("180 days",),)),
        ("Maintenance takes place on Sundays from 03:00 to 05:00 CET.", "When does maintenance take place?", (("Sundays from 03:00 to 05:00 CET",),)),
        ("The company has been certified since March 2022.", "Since when has the company been certified?", (("March 2022",),)),
        ("A crew is a group of people who are planned together.", "What is a crew?", (("group of people",),)),
        ("Delivery is available on the Beacon and Lantern plans.", "On which plans is delivery available?", (("Beacon",), ("Lantern",))),
        ("Tolvane is made by Ostrel Works B.V.", "Who is Tolvane made by?", (("Ostrel Works B.V",),)),
    ],
)  # fmt: skip
def test_a_fact_is_asked_for_in_natural_words(sentence: str, question: str, facts: tuple[tuple[str, ...], ...]) -> None:
    found = made(sentence)
    assert question in found, sorted(found)
    assert found[question].facts == facts
    assert found[question].answer.rstrip(".") in sentence.replace("**", "")


@pytest.mark.parametrize(
    "sentence",
    [
        "It is kept for 28 days.",
        "Nobody can change entries within 30 days.",
        "If a card has expired, it is charged after 3 days and then closed.",
        "You can renew it in **Settings > Guests**.",
        "See the table below, which has 4 rows.",
        "Invoices paid by bank transfer are fine.",
    ],
)
def test_what_needs_its_neighbours_is_left_alone(sentence: str) -> None:
    assert made(sentence) == {}


def test_table_rows() -> None:
    found = made("| Plan | Guests |\n|---|---|\n| Beacon | 60 |\n| Lantern | 10 |\n")
    assert found["How many guests come with the Beacon plan?"].facts == (("60",),)
    codes = made("| Code | Meaning | Known |\n|---|---|---|\n| TV-401 | The token is wrong | yes |\n")
    assert list(codes) == ["What does TV-401 mean?"]


def test_a_table_of_uneven_rows_gives_only_its_whole_rows() -> None:
    found = tables("| A | B |\n|---|---|\n| x | 1 |\n| y |\n")
    assert [t.rows for t in found] == [(("x", "1"),)]


def test_a_section_of_steps_is_asked_where_it_starts() -> None:
    found = made("1. Open **Settings > Guests > Invite**.\n2. Select **Send**.\n", heading="Invite a guest")
    assert found["Where do I invite a guest?"].facts == (("Settings > Guests > Invite",),)


def test_the_clearer_wording_names_the_matter() -> None:
    task = made("Open the page. The link is valid for 45 minutes.", heading="Reset a password")
    assert task["How long is the link valid when I reset a password?"].facts == (("45 minutes",),)
    page = made("The link is valid for 45 minutes.", title="Passwords")
    assert page["How long is the link valid?"].clearer == "Passwords: how long is the link valid?"


def test_names_keep_their_capital_and_other_first_words_do_not() -> None:
    found = names(["We like Tolvane. Crews are large.", "All crews use Tolvane."])
    assert "Tolvane" in found
    assert "Crews" not in found


def test_only_english_is_read() -> None:
    assert english("The link is valid for a day and can be used once.")
    assert not english("Der Link ist einen Tag lang gültig und kann einmal benutzt werden.")
    assert not english("")
