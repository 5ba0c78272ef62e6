import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ragraft.compare import cases, pairs, report, view, wording
from ragraft.types import Answer, CaseResult, Estimate, Evaluation, PairTest, Recommendation, Report, Score
from ragraft.workspace import from_json

from .factory import answer_report, case_chunk, classify_report, undecided_report

VOID = {"meta", "input", "br", "img", "link", "hr"}


class Checker(HTMLParser):
    """Collects what the tests ask about: the tags with their attributes, and tags that do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"{tag} at {self.getpos()}")

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def check(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    return checker


@pytest.fixture(scope="module")
def answers() -> Report:
    return answer_report(24)


@pytest.fixture(scope="module")
def page(answers: Report) -> str:
    return report.html(answers)


def test_json_round_trips_and_html_stands_beside_it(tmp_path: Path, answers: Report) -> None:
    path = report.write(answers, tmp_path)
    assert path == tmp_path / "report.html"
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert from_json(Report, (tmp_path / "report.json").read_text()) == answers


def test_page_is_well_formed_and_loads_nothing(page: str) -> None:
    checker = check(page)
    assert checker.wrong == []
    assert checker.open == []
    assert not checker.named("script")
    assert not checker.named("link")
    assert not checker.named("img")
    links = [a.get("href") for tag in ("a", "use") for a in checker.named(tag)]
    assert links
    assert all(link and link.startswith("#") for link in links)
    assert "url(" not in page
    assert "@import" not in page


def test_page_can_be_read_by_assistive_technology(page: str) -> None:
    checker = check(page)
    assert len(checker.named("h1")) == 1
    assert len(checker.named("main")) == 1
    assert all(th.get("scope") for th in checker.named("th"))
    drawings = [svg for svg in checker.named("svg") if svg.get("aria-hidden") != "true"]
    assert drawings
    assert all(svg.get("role") == "img" and (svg.get("aria-label") or svg.get("aria-labelledby")) for svg in drawings)
    ids = [a["id"] for _, a in checker.tags if a.get("id")]
    assert len(ids) == len(set(ids))
    asked = [i for _, a in checker.tags for i in (a.get("aria-labelledby") or "").split()]
    assert set(asked) <= set(ids)
    targets = {(a.get("href") or "#")[1:] for a in checker.named("a")}
    assert targets <= set(ids)


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
def test_colours_have_enough_contrast_in_light_and_dark(page: str, theme: int) -> None:
    block = page.split(" color-scheme: ")[theme + 1]
    tokens = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block.split("}")[0]))
    for text in ("ink", "quiet", "good", "bad", "warn", "tie", "link"):
        for ground in ("paper", "wash"):
            assert contrast(tokens[text], tokens[ground]) >= 4.5, (text, ground)
    for tone in ("good", "warn", "tie"):
        for text in ("ink", "quiet", tone):
            assert contrast(tokens[text], tokens[f"{tone}-wash"]) >= 4.5, (text, tone)
    arms = [name for name in tokens if name.startswith("arm-")]
    assert len(arms) == 6
    assert all(contrast(tokens[arm], tokens[ground]) >= 3 for arm in arms for ground in ("paper", "wash"))


def test_sections_stand_in_order_recommendation_first(page: str) -> None:
    found = re.findall(r'<section id="(\w+)"', page)
    assert found == [
        "recommendation", "comparison", "differences", "tradeoffs", "learning", "retrieval", "questions", "data", "run",
    ]  # fmt: skip


def test_text_from_documents_and_models_is_escaped(answers: Report) -> None:
    evil = "<script>alert(1)</script>"
    case = answers.evaluations[2].cases[0]
    outcome = case.outcome
    assert isinstance(outcome, Answer)
    passage = dataclasses.replace(
        outcome.passages[0],
        chunk=dataclasses.replace(case_chunk(0, 0), text=evil, title=evil, heading=evil, document=evil),
    )
    bad = dataclasses.replace(
        case,
        outcome=dataclasses.replace(outcome, text=evil, passages=(passage, *outcome.passages[1:]), citations=()),
        scores=(*case.scores, Score(name=evil, value=None, reason=evil)),
    )
    example = dataclasses.replace(answers.split.test[0], question=evil, answers=(evil,), must_include=((evil,),))
    hostile = dataclasses.replace(
        answers,
        project=evil,
        config_text=evil,
        evaluations=(dataclasses.replace(answers.evaluations[2], cases=(bad,)),),
        split=dataclasses.replace(answers.split, test=(example,)),
        recommendation=Recommendation(outcome="undecided", arm=None, headline=evil, reasons=(evil,), caveats=(evil,)),
        comparison=dataclasses.replace(answers.comparison, metric=evil),
    )
    for html in (report.html(hostile), report.html_summary(hostile)):
        assert "<script" not in html
        assert "&lt;script&gt;alert(1)" in html


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (answer_report, "one", "Recommended"),
        (classify_report, "tie", "A tie"),
        (undecided_report, "undecided", "Not enough evidence"),
    ],
)
def test_the_three_outcomes_look_different(make: object, kind: str, words: str) -> None:
    html = report.html(make())  # type: ignore[operator]
    assert f'class="verdict {kind}"' in html
    verdict = html[html.index('id="recommendation"') :]
    assert words in verdict[:1500]


def test_unscored_is_a_dash_with_its_reason_and_never_zero(answers: Report) -> None:
    base = view.arm_rows(answers)[0]
    column = [h.name for h in view.heads(answers)].index("grounding")
    assert base.cells[column].text == wording.DASH
    assert "the arm has no passages" in base.cells[column].title
    nothing = Estimate(metric="correct", mean=None, low=None, high=None, n=0, unscored=3)
    assert view.cell("correct", nothing, None).text == wording.DASH
    assert view.mean_bar(nothing) is None
    assert view.cell("correct", None, None).text == wording.DASH


def test_every_figure_states_its_n(answers: Report) -> None:
    for row in view.arm_rows(answers):
        assert row.counts.startswith("n ")
        assert all(c.note.startswith("n ") for c in row.cells)
    failing = view.arm_rows(undecided_report())[1]
    assert failing.counts == "n 8, 4 failed"


def test_marks_only_where_the_adjusted_difference_is_decisive(answers: Report) -> None:
    for row in view.arm_rows(answers):
        test = pairs.find_pair(answers.comparison, row.arm, "raft")
        assert (row.mark is not None) == (test is not None and test.p_adjusted < 0.05)
        if row.mark and test:
            assert row.mark.better == (test.difference > 0)
    assert not any(r.mark for r in view.arm_rows(undecided_report()))


def test_pairs_are_turned_towards_the_recommended_arm(answers: Report) -> None:
    rows = pairs.pair_rows(answers)
    assert [r.test.a for r in rows[:5]] == ["raft"] * 5
    assert all(r.test.difference >= 0 for r in rows[5:])
    given = next(t for t in answers.comparison.pairs if (t.a, t.b) == ("base", "raft"))
    shown = next(r.test for r in rows if r.test.b == "base")
    assert (shown.difference, shown.low, shown.high) == (-given.difference, -given.high, -given.low)
    assert shown.p_adjusted == given.p_adjusted
    for row in rows:
        assert row.bar.low <= row.bar.mid <= row.bar.high
        assert (row.bar.mid > 50) == (row.test.difference > 0)


def test_open_questions_name_undecided_pairs_and_what_is_missing() -> None:
    lines = view.open_questions(undecided_report())
    assert any("rag or quote" in line for line in lines)
    assert lines[-1] == "About 160 further test questions would settle it (an estimate)."


def test_arms_that_do_not_apply_and_skipped_documents_are_named() -> None:
    html = report.html(classify_report(12))
    assert "Not compared: labels are not read from passages." in html
    assert "encrypted: it needs a password" in html
    assert "None: every arm answered all 12 questions." in html


def test_failures_are_grouped_and_counted() -> None:
    (found,) = report.failed_cases(undecided_report())
    assert (found.arm, found.stage, found.count, found.first) == ("rag", "generate", 4, "q000")
    html = report.html(undecided_report())
    assert "503 from the endpoint after 4 retries" in html
    assert 'id="show-failed"' in html


def test_case_states() -> None:
    def state(value: float | None) -> str:
        case = CaseResult(
            example="q",
            group="g",
            outcome=Answer(text="a", raw="a", refused=False),
            scores=(Score(name="m", value=value),),
        )
        return cases.state_of(case, "m")

    assert [state(v) for v in (1.0, 0.0, 0.4, None)] == ["right", "wrong", "part", "unscored"]


def test_facts_are_highlighted_whatever_their_case_and_spelling() -> None:
    pieces = cases.highlight("Up to 25 seats; Owners raise it, 250 never.", (("25", "25.0"), ("owners",), ()))
    assert [p.text for p in pieces if p.fact] == ["25", "Owners"]
    assert "".join(p.text for p in pieces) == "Up to 25 seats; Owners raise it, 250 never."
    assert cases.highlight("", ()) == ()


def test_questions_hold_each_passage_once_and_mark_citations(answers: Report) -> None:
    first = cases.questions(answers).shown[0]
    assert len(first.arms) == 6
    assert len(first.passages) == 4
    cited = first.passages[0]
    assert cited.right
    for a in first.arms:
        assert [u.number for u in a.used] == list(range(1, len(a.used) + 1))
        assert (a.arm in cited.cited_by) == any(u.cited for u in a.used)


def test_an_excerpt_is_shown_beside_the_passage_that_others_read(answers: Report) -> None:
    def shortened(evaluation: Evaluation) -> Evaluation:
        case, *rest = evaluation.cases
        assert isinstance(case.outcome, Answer)
        [first, *others] = case.outcome.passages
        passages = (dataclasses.replace(first, excerpt="One sentence."), *others)
        outcome = dataclasses.replace(case.outcome, passages=passages)
        return dataclasses.replace(evaluation, cases=(dataclasses.replace(case, outcome=outcome), *rest))

    made = tuple(shortened(e) if e.arm == "rag" else e for e in answers.evaluations)
    first = cases.questions(dataclasses.replace(answers, evaluations=made)).shown[0]
    assert len(first.passages) == 5
    [excerpt] = [p for p in first.passages if p.text == "One sentence."]
    assert excerpt.place.endswith("(its best sentences)")
    [rag] = [a for a in first.arms if a.arm == "rag"]
    assert rag.used[0].key == excerpt.key


def test_long_splits_show_the_telling_questions(monkeypatch: pytest.MonkeyPatch, answers: Report) -> None:
    monkeypatch.setattr(cases, "MOST", 5)
    shown = cases.questions(answers)
    assert (shown.total, len(shown.shown)) == (24, 5)
    assert all(q.disagree for q in shown.shown)
    assert [q.number for q in shown.shown] == sorted(q.number for q in shown.shown)
    assert "5 of 24 questions are shown" in report.html(answers)


def test_an_unknown_metric_keeps_its_raw_name(answers: Report) -> None:
    more = Estimate(metric="house_style", mean=0.5, low=0.4, high=0.6, n=24)
    arms = tuple(dataclasses.replace(s, estimates=(*s.estimates, more)) for s in answers.comparison.arms)
    changed = dataclasses.replace(answers, comparison=dataclasses.replace(answers.comparison, arms=arms))
    assert view.heads(changed)[-1].short == "house_style"
    assert view.arm_rows(changed)[0].cells[-1].text == "0.500"


def test_a_report_of_one_arm_without_extras() -> None:
    full = undecided_report()
    comparison = dataclasses.replace(full.comparison, arms=full.comparison.arms[:1], pairs=(), not_applicable=())
    bare = dataclasses.replace(full, comparison=comparison, evaluations=full.evaluations[:1], tuned=(), agreement=None)
    html = report.html(bare)
    assert check(html).wrong == []
    assert 'id="differences"' not in html
    assert 'id="tradeoffs"' not in html


def test_an_arm_that_failed_everywhere_has_no_number() -> None:
    full = undecided_report()
    failed = full.evaluations[1].cases[0]
    dead = Evaluation(arm="rag", fingerprint="x", cases=(failed,))
    summary = dataclasses.replace(
        full.comparison.summary("rag"),
        estimates=(Estimate(metric="correct", mean=None, low=None, high=None, n=0, failed=1),),
        p50_ms=None, p95_ms=None, failed=1, n=1,
    )  # fmt: skip
    comparison = dataclasses.replace(full.comparison, arms=(summary,), pairs=())
    html = report.html(dataclasses.replace(full, comparison=comparison, evaluations=(dead,)))
    row = html[html.index('<tr class="">') : html.index("</tr>", html.index('<tr class="">'))]
    assert "<b>–</b>" in row
    assert "n 0, 1 failed" in row
    assert "0.0" not in re.sub(r"<td[^>]*>0.0.s</td>|[\d.]+</td>", "", row)


def test_a_task_without_documents_has_no_sync() -> None:
    html = report.html(dataclasses.replace(classify_report(12), sync=None))
    assert check(html).wrong == []
    assert "This task reads no documents." in html
    assert "Skipped documents" not in html


def test_tied_arms_are_tagged_only_in_a_tie() -> None:
    assert [view.status(classify_report(12), a) for a in ("rag", "tuned", "base")] == ["tied", "recommended", ""]
    full = undecided_report()
    level = dataclasses.replace(full, recommendation=dataclasses.replace(full.recommendation, tied=("rag", "raft")))
    assert view.status(level, "rag") == ""


def test_summary_is_a_small_fragment(answers: Report) -> None:
    html = report.html_summary(answers)
    assert check(html).wrong == []
    assert len(html) < 20_000
    assert "Use <b>raft</b>: it answers" in html
    assert html.count('<th scope="row"') == 6


def test_size_of_a_full_report_stays_below_three_megabytes() -> None:
    assert len(report.html(answer_report(120)).encode()) < 3_000_000


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (wording.value("correct", 0.8125), "81.2\u00a0%"),
        (wording.value("mrr", 0.8125), "0.812"),
        (wording.value("correct", None), "–"),
        (wording.difference("correct", -0.0831), "−8.3"),
        (wording.difference("correct", -0.0001), "0.0"),
        (wording.milliseconds(4.24), "4.2\u00a0ms"),
        (wording.milliseconds(1240), "1.24\u00a0s"),
        (wording.milliseconds(None), "–"),
        (wording.seconds(151), "2.5\u00a0min"),
        (wording.seconds(9000), "2.5\u00a0h"),
        (wording.money(0.01556), "0.0156"),
        (wording.money(0), "0.00"),
        (wording.money(1234.5), "1,234.50"),
        (wording.p_value(0.0004), "< 0.001"),
        (wording.count(1, "question"), "1 question"),
        (wording.count(1200, "question"), "1,200 questions"),
        (wording.case_value("refusal", 1.0), "yes"),
        (wording.case_value("token_f1", 0.667), "67\u00a0%"),
    ],
)
def test_numbers_as_text(shown: str, wanted: str) -> None:
    assert shown == wanted


def test_pair_test_turned_twice_is_itself(answers: Report) -> None:
    test: PairTest = answers.comparison.pairs[0]
    assert pairs.turned(pairs.turned(test)) == test
