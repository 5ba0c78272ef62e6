"""The demo help centre is consistent: pages, examples, facts, groups and house style.

Reads plain files only. PDF and DOCX pages are checked through the Markdown they were made from.
"""

import json
import re
from collections import Counter, defaultdict
from html.parser import HTMLParser
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2] / "examples" / "help-centre"
DOCUMENTS = HOME / "documents"
KEYS = {"id", "question", "answer", "must_include", "documents", "group", "answerable"}
REFUSAL = "The documents do not say."
PLANS = ("Spark", "Lantern", "Beacon", "Lighthouse")
YES_NO = re.compile(r"(Is|Are|Am|Can|Could|Do|Does|Did|Has|Have|May|Must|Should|Will)\b", re.IGNORECASE)
NUMBER_WORDS = set("one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty".split())
BANNED_WORDS = set("please sorry unfortunately thank thanks will we us our ours i".split())

EXAMPLES = [json.loads(line) for line in (HOME / "examples.jsonl").read_text(encoding="utf-8").splitlines()]
ANSWERABLE = [e for e in EXAMPLES if e["answerable"]]
PAGES = sorted(p for p in DOCUMENTS.rglob("*") if p.is_file())


class TextOfHtml(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def text_of(document: str) -> str:
    """The words of a page on one line, without markup."""
    path = DOCUMENTS / document
    if path.suffix in (".pdf", ".docx"):
        path = (HOME / "sources" / document).with_suffix(".md")
    raw = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        parser = TextOfHtml()
        parser.feed(raw)
        raw = "".join(parser.parts)
    return " ".join(raw.replace("**", "").replace("`", "").split())


TEXTS = {p.relative_to(DOCUMENTS).as_posix(): text_of(p.relative_to(DOCUMENTS).as_posix()) for p in PAGES}


def spellings(fact: str | list[str]) -> list[str]:
    return [fact] if isinstance(fact, str) else fact


def stands_in(fact: str | list[str], text: str) -> bool:
    """Whether one spelling stands in the text as whole words: "5 days" does not stand in "45 days"."""
    return any(
        re.search(rf"(?<!\w)(?<!\d[.,]){re.escape(spelling)}(?!\w)(?![.,]\d)", text) for spelling in spellings(fact)
    )


# ---------------------------------------------------------------- pages


def test_there_are_enough_pages_of_every_format():
    formats = Counter(p.suffix for p in PAGES)
    assert len(PAGES) >= 45
    assert formats[".html"] >= 5
    assert formats[".pdf"] == 2
    assert formats[".docx"] == 1
    assert set(formats) == {".md", ".html", ".pdf", ".docx"}


def test_binaries_are_real_and_small():
    for path in PAGES:
        if path.suffix in (".pdf", ".docx"):
            head = path.read_bytes()[:4]
            assert head == (b"%PDF" if path.suffix == ".pdf" else b"PK\x03\x04"), path
            assert path.stat().st_size < 150_000, path


def test_pages_have_a_title_sections_and_a_sensible_length():
    for document, text in TEXTS.items():
        assert 150 <= len(text.split()) <= 600, document
        path = DOCUMENTS / document
        if path.suffix == ".html":
            raw = path.read_text(encoding="utf-8")
            assert raw.count("<h1>") == 1, document
            assert raw.count("<h2>") >= 2, document
            assert "<table>" in raw, document
            assert "<ul>" in raw or "<ol>" in raw, document
        else:
            source = path if path.suffix == ".md" else (HOME / "sources" / document).with_suffix(".md")
            lines = source.read_text(encoding="utf-8").splitlines()
            assert [line for line in lines if line.startswith("# ")] == lines[:1], document
            assert sum(line.startswith("## ") for line in lines) >= 2, document


def test_links_between_pages_lead_somewhere():
    for path in PAGES:
        if path.suffix in (".md", ".html"):
            raw = path.read_text(encoding="utf-8")
            for target in re.findall(r"\]\(([^)]+)\)", raw) + re.findall(r'href="([^"]+)"', raw):
                assert (path.parent / target).resolve().is_file(), f"{path.name} -> {target}"


def test_every_page_is_asked_about():
    asked = {document for e in ANSWERABLE for document in e["documents"]}
    assert asked == set(TEXTS)


# ---------------------------------------------------------------- examples


def test_counts():
    assert len(EXAMPLES) >= 240
    assert len(EXAMPLES) - len(ANSWERABLE) >= 30
    assert sum(len(e["documents"]) == 2 for e in EXAMPLES) >= 20
    assert sum(any(d.startswith("internal/") for d in e["documents"]) for e in EXAMPLES) >= 12


def test_ids_and_questions_are_unique():
    assert [e["id"] for e in EXAMPLES] == [f"hc-{n:03d}" for n in range(1, len(EXAMPLES) + 1)]
    words = Counter(" ".join(re.findall(r"\w+", e["question"].casefold())) for e in EXAMPLES)
    assert [q for q, n in words.items() if n > 1] == []


def test_examples_have_the_right_shape():
    for e in EXAMPLES:
        assert set(e) == KEYS, e["id"]
        assert e["question"].strip() == e["question"] != "", e["id"]
        assert isinstance(e["answerable"], bool), e["id"]
        if e["answerable"]:
            assert 1 <= len(e["documents"]) <= 2, e["id"]
            assert e["must_include"], e["id"]
            assert set(e["documents"]) <= set(TEXTS), e["id"]
        else:
            assert (e["documents"], e["must_include"], e["answer"]) == ([], [], REFUSAL), e["id"]


def test_facts_stand_in_the_named_pages_and_in_the_answer():
    for e in ANSWERABLE:
        for fact in e["must_include"]:
            assert stands_in(fact, e["answer"]), (e["id"], fact)
            assert any(stands_in(fact, TEXTS[d]) for d in e["documents"]), (e["id"], fact)
        for document in e["documents"]:
            assert any(stands_in(fact, TEXTS[document]) for fact in e["must_include"]), (e["id"], document)


def test_a_question_on_two_pages_needs_both():
    for e in ANSWERABLE:
        if len(e["documents"]) == 2:
            found = [[stands_in(fact, TEXTS[d]) for d in e["documents"]] for fact in e["must_include"]]
            assert [True, False] in found, e["id"]
            assert [False, True] in found, e["id"]


def test_no_question_gives_its_answer_away():
    for e in ANSWERABLE:
        question = e["question"].casefold()
        given = [stands_in([s.casefold() for s in spellings(fact)], question) for fact in e["must_include"]]
        assert not all(given), e["id"]


# ---------------------------------------------------------------- groups


def test_groups_are_many_and_small():
    sizes = Counter(e["group"] for e in EXAMPLES)
    assert len(sizes) >= 45
    assert max(sizes.values()) <= 12


def test_unanswerable_questions_share_groups_with_answerable_ones():
    assert {e["group"] for e in EXAMPLES if not e["answerable"]} <= {e["group"] for e in ANSWERABLE}


def test_no_fact_of_a_page_is_asked_in_two_groups():
    groups = defaultdict(set)
    for e in ANSWERABLE:
        for document in e["documents"]:
            for fact in e["must_include"]:
                if stands_in(fact, TEXTS[document]):
                    groups[document, spellings(fact)[0]].add(e["group"])
    assert {key: found for key, found in groups.items() if len(found) > 1} == {}


# ---------------------------------------------------------------- house style


def asks_yes_or_no(question: str) -> bool:
    """Whether a sentence of the question begins with a verb such as "Can"; an introduction may stand before it."""
    return any(YES_NO.match(sentence) for sentence in re.split(r"(?<=[.?!])\s+", question))


def style_faults(question: str, answer: str) -> list[str]:
    """The rules of style-guide.md that an answer breaks."""
    plain = answer.replace("**", "")
    outside_quotes = re.sub(r"»[^«»]*«", "", plain)
    words = set(re.findall(r"[a-z]+(?:-[a-z]+)*", outside_quotes.casefold()))
    without_bold_plans = re.sub(rf"\*\*({'|'.join(PLANS)})\*\*", "", answer)
    rules = {
        "one line with a full stop at its end": answer.endswith(".") and "\n" not in answer,
        "at most 2 sentences": len(re.findall(r"\.(?=\s+[A-Z»0-9]|$)", plain)) <= 2,
        "at most 45 words": len(plain.split()) <= 45,
        "no exclamation, question, contraction or straight quotes": not set("!?\"“”'’`") & set(answer),
        "no banned words": not words & BANNED_WORDS,
        "numbers are digits": not words & NUMBER_WORDS,
        "yes or no first": not asks_yes_or_no(question) or answer.startswith(("Yes, ", "No, ")),
        "plan names are bold": not any(plan in without_bold_plans for plan in PLANS),
        "only plan names are bold": "*" not in without_bold_plans,
        "menu paths stand in »…«": " > " not in outside_quotes and answer.count("»") == answer.count("«"),
        "€12": not re.search(r"€\s|\d\s*€|\d euros?\b", answer),
        "€1,150": not re.search(r"€\d{4}", answer),
        "15%": not re.search(r"\d\s+%", answer),
        "24-hour times": not re.search(r"\d\s*(am|pm|a\.m\.|p\.m\.)\b|(?<!\d)\d:\d\d", answer),
        "14 May 2018": not re.search(r"\d(st|nd|rd|th)\b|\d-\d\d-\d\d|\b(May|June|July) \d{1,2}\b", plain),
        "units of time are words": not re.search(r"\d (min|mins|sec|secs|hrs?|h|d)\b", answer),
    }
    return [rule for rule, kept in rules.items() if not kept]


def test_answers_follow_the_house_style():
    faults = {e["id"]: style_faults(e["question"], e["answer"]) for e in ANSWERABLE}
    assert {example: found for example, found in faults.items() if found} == {}


@pytest.mark.parametrize(
    ("question", "answer", "fault"),
    [
        ("How much is Lantern?", "Lantern costs €12.", "plan names are bold"),
        ("I have a lot of jobs. Can I export?", "You can export.", "yes or no first"),
        ("Can I export?", "You can export.", "yes or no first"),
        ("Where is it?", "Open Settings > Data.", "menu paths stand in »…«"),
        ("How long?", "It takes three days.", "numbers are digits"),
        ("When?", "At 9:30 on Monday.", "24-hour times"),
        ("How much?", "It costs 12 €.", "€12"),
        ("Where?", "Please write to support.", "no banned words"),
    ],
)
def test_the_style_check_finds_a_fault(question: str, answer: str, fault: str):
    assert style_faults(question, answer) == [fault]
