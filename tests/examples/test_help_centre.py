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
NUMBER_WORDS = "one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty".split()
BANNED_WORDS = "please sorry unfortunately thank thanks will we us our ours i".split()

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
    return any(spelling in text for spelling in spellings(fact))


def by_id(example: dict) -> str:
    return example["id"]


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


@pytest.mark.parametrize("document", sorted(TEXTS))
def test_a_page_has_a_title_sections_and_a_sensible_length(document: str):
    assert 150 <= len(TEXTS[document].split()) <= 600
    path = DOCUMENTS / document
    if path.suffix == ".html":
        raw = path.read_text(encoding="utf-8")
        assert raw.count("<h1>") == 1 and raw.count("<h2>") >= 2
        assert "<table>" in raw and ("<ul>" in raw or "<ol>" in raw)
    else:
        source = path if path.suffix == ".md" else (HOME / "sources" / document).with_suffix(".md")
        lines = source.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith("# ") and sum(line.startswith("# ") for line in lines) == 1
        assert sum(line.startswith("## ") for line in lines) >= 2


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


@pytest.mark.parametrize("example", EXAMPLES, ids=by_id)
def test_an_example_has_the_right_shape(example: dict):
    assert set(example) == KEYS
    assert example["question"].strip() == example["question"] != ""
    assert isinstance(example["answerable"], bool)
    if example["answerable"]:
        assert 1 <= len(example["documents"]) <= 2 and example["must_include"]
        assert set(example["documents"]) <= set(TEXTS)
    else:
        assert example["documents"] == [] and example["must_include"] == []
        assert example["answer"] == REFUSAL


@pytest.mark.parametrize("example", ANSWERABLE, ids=by_id)
def test_facts_stand_in_the_pages_and_in_the_answer(example: dict):
    for fact in example["must_include"]:
        assert stands_in(fact, example["answer"]), fact
        assert any(stands_in(fact, TEXTS[d]) for d in example["documents"]), fact
    for document in example["documents"]:
        assert any(stands_in(fact, TEXTS[document]) for fact in example["must_include"]), document
    if len(example["documents"]) == 2:
        held = [{i for i, f in enumerate(example["must_include"]) if stands_in(f, TEXTS[d])} for d in example["documents"]]
        assert held[0] - held[1] and held[1] - held[0], "one page would be enough"


@pytest.mark.parametrize("example", ANSWERABLE, ids=by_id)
def test_the_question_does_not_give_the_answer_away(example: dict):
    question = example["question"].casefold()
    assert not all(stands_in([s.casefold() for s in spellings(f)], question) for f in example["must_include"])


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


@pytest.mark.parametrize("example", ANSWERABLE, ids=by_id)
def test_the_answer_follows_the_house_style(example: dict):
    answer = example["answer"]
    plain = answer.replace("**", "")
    words = re.findall(r"[a-z]+(?:-[a-z]+)*", re.sub(r"»[^«]*«", "", plain).casefold())

    assert answer.endswith(".") and "\n" not in answer
    assert len(re.findall(r"\.(?=\s+[A-Z»0-9]|$)", plain)) <= 2, "more than 2 sentences"
    assert len(plain.split()) <= 45
    assert not set("!?\"“”'’`") & set(answer)
    assert not set(BANNED_WORDS) & set(words)
    assert not set(NUMBER_WORDS) & set(words)
    if YES_NO.match(example["question"]):
        assert answer.startswith(("Yes, ", "No, "))

    for plan in PLANS:
        assert re.sub(rf"\*\*{plan}\*\*", "", answer).count(plan) == 0, f"{plan} is not bold"
    assert re.sub(rf"\*\*({'|'.join(PLANS)})\*\*", "", answer).count("*") == 0, "only plan names are bold"
    assert " > " not in re.sub(r"»[^«»]*«", "", answer), "a menu path stands in »…«"
    assert answer.count("»") == answer.count("«")

    assert not re.search(r"€\s|\d\s*€|\beuros? \d|\d euros?\b", answer)
    assert not re.search(r"\d\s+%", answer)
    assert not re.search(r"\d\s*(am|pm|a\.m\.|p\.m\.)\b|\b\d:\d\d", answer)
    assert not re.search(r"\b\d{4,}\b(?<!20\d\d)", answer.replace("1,", "")), "thousands have a comma"
    assert not re.search(r"\d (min|mins|sec|secs|hrs?|h|d)\b", answer)
