"""Examples made by a model behind a real HTTP endpoint that speaks the OpenAI protocol, and falters on the way."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ragraft import pipeline
from ragraft.context import Context
from ragraft.errors import ModelError
from ragraft.synthesis import ask, review
from ragraft.synthesis.make import Made, Wish
from ragraft.types import Reader

from ..models.test_remote import DONE, Server, event, make_handler
from ..project import CONFIG, PLANS, make

READER = Reader(user="u")
KEY = "sk-test-77aa12"


@dataclass
class Writer(Server):
    """Writes a question of each kind about the price of every plan. `faults`: what happens to the passage of a plan, for so many calls."""

    faults: dict[str, tuple[str, int]] = field(default_factory=dict)
    about: Counter[str] = field(default_factory=Counter)
    """Calls that asked for questions, by plan."""

    def text(self, messages: list[dict[str, str]]) -> str:
        if messages[0]["content"] != ask.INSTRUCTION:
            return "The documents do not say."
        plan, price = found_in(messages)
        if not plan:
            return json.dumps({"questions": []})
        question = {
            "question": f"What do I pay for {plan} each month?",
            "answer": f"You pay {price} a month.",
            "fact": price,
        }
        return json.dumps({"questions": [question], "unanswered": f"Who founded the company behind {plan}?"})


def found_in(messages: list[dict[str, str]]) -> tuple[str, str]:
    found = re.search(r"The (\w+) plan costs (€\d+) per month", json.loads(messages[1]["content"])["passage"])
    return (found[1], found[2]) if found else ("", "")


def handler(state: Writer) -> type[BaseHTTPRequestHandler]:
    base: Any = make_handler(state)

    class Handler(base):
        def chat(self, model: str, body: dict[str, Any], call: int) -> None:
            writes = body["messages"][0]["content"] == ask.INSTRUCTION
            plan = found_in(body["messages"])[0] if writes else ""
            with state.lock:
                state.about[plan] += 1
                fault, calls = state.faults.get(plan, ("", 0))
                here = fault if state.about[plan] <= calls else ""
            text = state.text(body["messages"])
            if here.isdigit():
                self.error(int(here), f"no, {KEY}", {"Retry-After": "0"} if here == "429" else None)
            elif here == "broken JSON":
                self.stream((event(text[: len(text) // 2]), event(finish="stop"), DONE))
            elif here == "not an event":
                self.stream((b"data: {not json\n\n",))
            elif here == "breaks off":
                self.stream((event(text[:9]),))
            else:
                self.stream((event(text[:20]), event(text[20:]), event(finish="stop"), event(usage=True), DONE))

    return Handler


@pytest.fixture
def server() -> Iterator[Writer]:
    state = Writer()
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler(state))
    http.daemon_threads = True
    state.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield state
    http.shutdown()
    http.server_close()


def project(folder: Path, server: Writer) -> Path:
    models = f'[models]\ngenerator = "{server.url}#writer"\nretries = 1\nconcurrency = 3\ntimeout_s = 20\n\n[tuning]'
    made = make(folder, CONFIG.replace("[tuning]", models))
    (made / "examples.jsonl").unlink()
    (made / ".env").write_text(f"RAGRAFT_API_KEY={KEY}\n")
    return made


def made(folder: Path, count: int = 12) -> Made:
    wish = Wish(count=count, seed=7, by="model", unanswerable=0.34, hard=0.0, path=folder / "examples-made.jsonl")
    return pipeline.make_examples(Context(folder), wish, READER)


def test_faults_on_the_way_cost_what_they_spoil_and_nothing_else(tmp_path: Path, server: Writer) -> None:
    server.faults = {
        "Alder": ("429", 1),  # once, then it answers
        "Birch": ("500", 1),
        "Cedar": ("500", 99),  # always
        "Dogwood": ("broken JSON", 99),
        "Elm": ("not an event", 99),
        "Fir": ("breaks off", 99),
    }
    folder = project(tmp_path / "p", server)
    done = made(folder)
    rows = review.read(Path(done.path))
    asked = {p for p in PLANS for r in rows if r.example.answerable and p in r.example.question}
    assert asked == {"Alder", "Birch", "Gorse", "Hazel", "Ivy"}, "those that answered, in the end"
    assert done.held == len(rows)
    assert done.unanswerable == 4
    why = {r.why: r.count for r in done.rejected}
    assert why[ask.NOT_JSON] == 1
    failed = {w: n for w, n in why.items() if w.startswith("the call failed")}
    assert sum(failed.values()) == 3
    assert any("HTTP 500" in w for w in failed)
    assert server.about["Alder"] == server.about["Birch"] == server.about["Cedar"] == 2, "one retry"
    assert server.keys[0] == f"Bearer {KEY}"
    everything = b"".join(p.read_bytes() for p in (folder / ".ragraft").rglob("*") if p.is_file())
    assert KEY not in done.path + "".join(why) + Path(done.path).read_text()
    assert KEY.encode() not in everything


def test_the_same_command_asks_only_for_what_failed(tmp_path: Path, server: Writer) -> None:
    server.faults = {"Cedar": ("500", 2), "Dogwood": ("breaks off", 1)}
    folder = project(tmp_path / "p", server)
    first = made(folder)
    again = made(folder, count=14)
    plans = [
        p for p in PLANS for r in review.read(Path(again.path)) if r.example.answerable and p in r.example.question
    ]
    assert sorted(plans) == sorted(PLANS)
    assert again.held > first.held
    assert {p: server.about[p] for p in PLANS} == {**dict.fromkeys(PLANS, 1), "Cedar": 3, "Dogwood": 2}


@pytest.mark.parametrize("status", ["401", "503"])
def test_an_endpoint_that_answers_nothing_is_one_line(tmp_path: Path, server: Writer, status: str) -> None:
    server.faults = dict.fromkeys([*PLANS, ""], (status, 99))
    folder = project(tmp_path / "p", server)
    with pytest.raises(ModelError, match=f"HTTP {status}.*goes on from there") as error:
        made(folder)
    assert "\n" not in str(error.value)
    assert KEY not in str(error.value)
    assert not (folder / "examples-made.jsonl").exists()
    server.faults = {}
    assert made(folder).held == 12
