"""Loading examples: formats, defaults, bad lines with their number and remedy."""

import json
from pathlib import Path

import pytest

from ragraft.corpus.examples import LoadedExamples, SkippedLine, check_documents, load
from ragraft.errors import DataError
from ragraft.types import Example


def loaded(folder: Path, text: str, name: str = "examples.jsonl", *, skip: bool = False) -> LoadedExamples:
    (folder / name).write_text(text, encoding="utf-8")
    return load(folder / name, skip_bad_lines=skip)


def test_a_full_line(tmp_path: Path) -> None:
    line = {
        "id": 7,
        "question": " What does it cost? ",
        "answers": ["12 euros", "€12"],
        "must_include": ["12", ["euro", "€"]],
        "documents": ["a.md", "b.md", "a.md"],
        "group": "prices",
        "synthetic": True,
        "note": "ignored",
    }
    assert loaded(tmp_path, json.dumps(line)).examples == (
        Example(
            id="7",
            question="What does it cost?",
            answers=("12 euros", "€12"),
            must_include=(("12",), ("euro", "€")),
            documents=("a.md", "b.md"),
            group="prices",
            human=False,
        ),
    )


def test_defaults_are_stable(tmp_path: Path) -> None:
    text = '{"question": "Q", "answer": "A"}\n\n{"text": "Q", "label": "x"}\n{"question": "R", "answerable": false}\n'
    first = loaded(tmp_path, text).examples
    assert first == loaded(tmp_path, text).examples
    assert [e.group for e in first] == [e.id for e in first]
    assert first[1].id == f"{first[0].id}-2"
    assert [e.answers for e in first] == [("A",), ("x",), ()]
    assert [e.answerable for e in first] == [True, True, False]
    assert all(e.human for e in first)


def test_csv_with_lists(tmp_path: Path) -> None:
    text = (
        "\ufeffquestion;answer;must_include;documents;answerable;human\n"
        '"Two\nlines?";One, two;one|two;a.md|b.md;yes;no\n'
        'B?;b;"[[""x"", ""y""]]";;;\n'
        "C?;;;;false;\n"
    )
    a, b, c = loaded(tmp_path, text, "e.csv").examples
    assert (a.question, a.answers, a.must_include) == ("Two\nlines?", ("One, two",), (("one",), ("two",)))
    assert (a.documents, a.human, b.must_include, c.answerable) == (("a.md", "b.md"), False, (("x", "y"),), False)


def test_chat_lines(tmp_path: Path) -> None:
    turns = [("system", "s"), ("user", "first"), ("assistant", "one"), ("user", "second"), ("assistant", "two")]
    chat = {"messages": [{"role": r, "content": c} for r, c in turns], "group": "g"}
    parts = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "q"}]},
            {"role": "assistant", "content": "a"},
        ]
    }
    first, second = loaded(tmp_path, f"{json.dumps(chat)}\n{json.dumps(parts)}").examples
    assert (first.question, first.answers, first.group) == ("second", ("two",), "g")
    assert (second.question, second.answers) == ("q", ("a",))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"question": "Q", "answer": ', "not valid JSON"),
        ('["Q", "A"]', "not a JSON object but a list"),
        ('{"question": "Q \\ud800", "answer": "A"}', "\\ud800 is half of a character"),
        ("[" * 100_000, "nested too deeply"),
        ('{"answer": "A"}', "no question"),
        ('{"question": "Q"}', "no answer"),
        (
            '{"question": "Q", "answer": "A", "must_includes": ["x"]}',
            "unknown key `must_includes`; did you mean `must_include`",
        ),
        ('{"question": "Q", "answer": "A", "answerable": "perhaps"}', "`answerable`"),
        ('{"question": "Q", "answer": "A", "id": "first"}', "the id 'first' stands already on line 1"),
        ('{"question": "Q", "answer": "A", "human": true, "synthetic": true}', "both true"),
        ('{"messages": [{"role": "user", "content": "Q"}]}', "no user turn followed by an assistant turn"),
    ],
)
def test_bad_lines(tmp_path: Path, line: str, fault: str) -> None:
    text = f'{{"id": "first", "question": "Q", "answer": "A"}}\n{line}\n{{"question": "Z", "answer": "A"}}\nnull\n'
    with pytest.raises(DataError, match=r"examples\.jsonl:2: .*1 more bad lines.*`skip_bad_lines = true`") as caught:
        loaded(tmp_path, text)
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)
    kept = loaded(tmp_path, text, skip=True)
    assert [e.question for e in kept.examples] == ["Q", "Z"]
    assert [s.line for s in kept.skipped] == [2, 4]
    assert fault in kept.skipped[0].reason
    assert kept.skipped[1] == SkippedLine(line=4, reason="not a JSON object but `null`")


def test_bad_csv_lines(tmp_path: Path) -> None:
    kept = loaded(tmp_path, 'question,documents,answer\na,"[""x""",1\nb,[x],2\nc,d,3,4\n', "e.csv", skip=True)
    assert [e.question for e in kept.examples] == ["a"]
    assert [s.line for s in kept.skipped] == [3, 4]


def test_no_examples_says_how_to_make_some(tmp_path: Path) -> None:
    for text in ("", "\n \n"):
        with pytest.raises(DataError, match=r"no examples in it; write one JSON object a line.*--system quote"):
            loaded(tmp_path, text)
    with pytest.raises(DataError, match="no such file; write one"):
        load(tmp_path / "none.jsonl", skip_bad_lines=False)
    with pytest.raises(DataError, match="a folder, not a file; write one"):
        load(tmp_path, skip_bad_lines=False)
    with pytest.raises(DataError, match="no usable example in its 1 lines"):
        loaded(tmp_path, "{", skip=True)
    (tmp_path / "latin.jsonl").write_bytes(b'{"question": "\xe9"}')
    with pytest.raises(DataError, match="not UTF-8"):
        load(tmp_path / "latin.jsonl", skip_bad_lines=True)


def test_missing_documents_are_named_with_the_nearest(tmp_path: Path) -> None:
    lines = [{"id": str(n), "question": f"Q{n}", "answer": "A", "documents": [f"pages/pay{n}.md"]} for n in range(5)]
    examples = loaded(tmp_path, "\n".join(map(json.dumps, lines))).examples
    with pytest.raises(DataError, match=r"1 names 'pages/pay1\.md' \(nearest: 'page/pay1\.md'\).* and 1 more"):
        check_documents(examples, {"pages/pay0.md", "page/pay1.md"})
    check_documents(examples, {f"pages/pay{n}.md" for n in range(5)})


@pytest.mark.shared_data
def test_real_files(shared_data: Path) -> None:
    squad = load(shared_data / "squad-13" / "examples.jsonl", skip_bad_lines=False).examples
    assert (len({e.group for e in squad}), len(squad[0].documents)) == (13, 1)
    banking = load(shared_data / "banking77" / "train.csv", skip_bad_lines=False).examples
    assert (len(banking), len({e.answers[0] for e in banking})) == (10_003, 77)
