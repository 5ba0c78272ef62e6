"""Real HTTP against a server in this process that speaks the protocol, and breaks it in every way that we know of."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragraft.config import ModelsSection
from ragraft.errors import ModelError
from ragraft.models import remote
from ragraft.types import Completion, Failure, Message, Prompt

KEY = "sk-test-3f9a7c51d2"
CONFIG = ModelsSection(timeout_s=5, retries=2, concurrency=4)
HELLO = Prompt(messages=(Message(role="system", content="Be brief."), Message(role="user", content="Hello?")))


@dataclass
class Server:
    """`model` in a request names the behaviour; what was asked is kept for the assertions."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    running: int = 0
    most_running: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        with self.lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        yield
        with self.lock:
            self.running -= 1

    def generator(self, model: str, config: ModelsSection = CONFIG) -> remote.RemoteGenerator:
        return remote.remote_generator(f"{self.url}#{model}", config)

    def one(self, model: str, config: ModelsSection = CONFIG) -> Completion | Failure:
        (outcome,) = self.generator(model, config).generate([HELLO], max_new_tokens=16)
        return outcome


def event(text: str = "", finish: str | None = None, usage: bool = False) -> bytes:
    body: dict[str, Any] = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
    if usage:
        body["usage"] = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
    else:
        body["choices"] = [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]
    return b"data: " + json.dumps(body).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
GOOD = (event("Blue"), event(" sky"), event(finish="stop"), event(usage=True), DONE)
STREAMS: dict[str, tuple[bytes, ...]] = {
    "good": GOOD,
    "no-usage": (event("Blue sky"), event(finish="stop"), DONE),
    "long": (event("Blue"), event(finish="length"), DONE),
    "filtered": (event("Bl"), event(finish="content_filter"), DONE),
    "broken-off": (event("Blue"),),
    "not-json": (b"data: {not json\n\n",),
    "wrong-shape": (b'data: {"choices": "nope"}\n\n', DONE),
    "a-list": (b"data: [1, 2]\n\n", DONE),
    "error-event": (event("Bl"), b'data: {"error": {"message": "engine died"}}\n\n'),
    "empty": (DONE,),
}
STATUSES = {"bad-key": 401, "forbidden": 403, "unknown-model": 404, "too-long": 400, "down": 503, "busy": 429}


def make_handler(state: Server) -> type[BaseHTTPRequestHandler]:  # noqa: C901, a branch for each behaviour
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def error(self, status: int, message: str, headers: dict[str, str] | None = None, param: str = "") -> None:
            self.reply(status, json.dumps({"error": {"message": message, "param": param or None}}).encode(), headers)

        def stream(self, parts: tuple[bytes, ...], wait: float = 0.0) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for part in parts:
                self.wfile.write(part)
                self.wfile.flush()
                time.sleep(wait)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            model = body["model"]
            with state.lock:
                state.calls[model] += 1
                state.times.append(time.monotonic())
                state.bodies.append(body)
                state.keys.append(self.headers["Authorization"])
            self.embed(body) if self.path.endswith("/embeddings") else self.chat(model, body, state.calls[model])

        def chat(self, model: str, body: dict[str, Any], call: int) -> None:
            if model in STREAMS:
                self.stream(STREAMS[model])
            elif model in STATUSES:
                self.error(STATUSES[model], f"refused with key {KEY}")
            elif model == "wait-seconds" and call == 1:
                self.error(429, "slow down", {"Retry-After": "1"})
            elif model == "wait-date" and call == 1:
                self.error(429, "slow down", {"Retry-After": formatdate(time.time() + 2, usegmt=True)})
            elif model == "500-once" and call == 1:
                self.error(500, "oops")
            elif model == "slow":
                time.sleep(1.0)
            elif model == "paced":
                with state.counted():
                    self.stream(GOOD[:-1], wait=0.1)
                self.wfile.write(DONE)
            elif model == "picky" and "temperature" in body:
                self.error(400, "temperature is not supported", param="temperature")
            elif model == "cut":
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Content-Length", "5000")
                self.end_headers()
                self.wfile.write(event("Blue"))
                self.close_connection = True
            elif model == "html":
                self.reply(200, b"<html>hi</html>", {"Content-Type": "text/html"})
            else:
                self.stream(GOOD)

        def embed(self, body: dict[str, Any]) -> None:
            vectors = [[float(len(t)), 1.0, 0.0] for t in body["input"]]
            data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)][::-1]
            if body["model"] == "one-short" and len(data) > 1:
                data.pop()
            if body["model"] == "text-vectors":
                data = [{"index": 0, "embedding": "nope"}]
            if body["model"] == "down":
                self.error(503, "down")
            else:
                self.reply(200, json.dumps({"object": "list", "model": "m", "data": data}).encode())

    return Handler


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("RAGRAFT_API_KEY", KEY)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    state = Server()
    http = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(state))
    state.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield state
    http.shutdown()
    http.server_close()


def test_a_completion_carries_text_usage_and_times(server: Server) -> None:
    outcome = server.one("paced")
    assert isinstance(outcome, Completion)
    assert (outcome.text, outcome.prompt_tokens, outcome.completion_tokens) == ("Blue sky", 11, 3)
    assert outcome.first_token_seconds is not None
    assert outcome.first_token_seconds < outcome.seconds - 0.15
    assert not outcome.truncated
    sent = server.bodies[0]
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
    assert (sent["max_tokens"], sent["temperature"], sent["stream"]) == (16, 0, True)
    assert server.keys == [f"Bearer {KEY}"]


def test_without_usage_tokens_are_estimated(server: Server) -> None:
    outcome = server.one("no-usage")
    assert isinstance(outcome, Completion)
    assert (outcome.prompt_tokens, outcome.completion_tokens) == (server.generator("m").count(HELLO), 2)


def test_an_answer_that_hit_the_limit_is_marked(server: Server) -> None:
    outcome = server.one("long")
    assert isinstance(outcome, Completion)
    assert outcome.truncated


@pytest.mark.parametrize(("model", "wait"), [("wait-seconds", 0.95), ("wait-date", 0.9), ("500-once", 0.2)])
def test_a_passing_error_is_retried_after_the_asked_wait(server: Server, model: str, wait: float) -> None:
    outcome = server.one(model)
    assert isinstance(outcome, Completion)
    assert outcome.text == "Blue sky"
    assert server.calls[model] == 2
    assert server.times[1] - server.times[0] >= wait


@pytest.mark.parametrize(
    ("model", "retryable", "calls", "message"),
    [
        ("bad-key", False, 1, "API key is missing or wrong"),
        ("forbidden", False, 1, "may not use this model"),
        ("unknown-model", False, 1, "no such model"),
        ("too-long", False, 1, "HTTP 400"),
        ("filtered", False, 1, "content filter"),
        ("down", True, 2, "HTTP 503"),
        ("busy", True, 2, "too many requests"),
        ("broken-off", True, 1, "broke off"),
        ("empty", True, 1, "broke off"),
        ("html", True, 1, "broke off"),
        ("cut", True, 1, "cannot reach"),
        ("not-json", True, 1, "not the OpenAI protocol"),
        ("wrong-shape", True, 1, "not the OpenAI protocol"),
        ("a-list", True, 1, "not an object"),
        ("error-event", True, 1, "engine died"),
    ],
)
def test_every_way_of_failing_is_a_failure(
    server: Server, model: str, retryable: bool, calls: int, message: str
) -> None:
    outcome = server.one(model, ModelsSection(timeout_s=5, retries=1))
    assert isinstance(outcome, Failure)
    assert (outcome.stage, outcome.retryable) == ("generate", retryable)
    assert message in outcome.message
    assert "\n" not in outcome.message
    assert KEY not in outcome.message
    assert server.calls[model] == calls


def test_a_slow_server_times_out(server: Server) -> None:
    outcome = server.one("slow", ModelsSection(timeout_s=0.2, retries=0))
    assert isinstance(outcome, Failure)
    assert outcome.retryable
    assert "timeout_s" in outcome.message


def test_nobody_listening_is_a_failure_per_case(server: Server) -> None:
    generator = remote.remote_generator("http://127.0.0.1:9/v1#m", ModelsSection(retries=0))
    outcomes = generator.generate([HELLO, HELLO], max_new_tokens=4)
    assert [isinstance(o, Failure) and o.retryable for o in outcomes] == [True, True]
    assert all("cannot reach http://127.0.0.1:9/v1" in o.message for o in outcomes if isinstance(o, Failure))


def test_calls_run_side_by_side_up_to_the_limit(server: Server) -> None:
    done: list[int] = []
    outcomes = server.generator("paced").generate([HELLO] * 9, max_new_tokens=4, on_done=done.append)
    assert all(isinstance(o, Completion) for o in outcomes)
    assert sum(done) == 9
    assert server.most_running == CONFIG.concurrency


def test_an_option_that_the_model_refuses_is_left_out_from_then_on(server: Server) -> None:
    generator = server.generator("picky")
    outcomes = generator.generate([HELLO], max_new_tokens=4) + generator.generate([HELLO], max_new_tokens=4)
    assert all(isinstance(o, Completion) for o in outcomes)
    assert ["temperature" in body for body in server.bodies] == [True, False, False]


def test_stream_yields_pieces_and_raises_when_it_breaks(server: Server) -> None:
    assert list(server.generator("good").stream(HELLO, max_new_tokens=4)) == ["Blue", " sky"]
    with pytest.raises(ModelError, match="broke off"):
        list(server.generator("broken-off").stream(HELLO, max_new_tokens=4))
    with pytest.raises(ModelError, match="HTTP 401") as caught:
        list(server.generator("bad-key").stream(HELLO, max_new_tokens=4))
    assert KEY not in str(caught.value)


def test_the_key_reaches_no_log_repr_or_name(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        generator = server.generator("bad-key")
        outcome = generator.generate([HELLO], max_new_tokens=4)
        embedder = remote.remote_embedder(f"{server.url}#e", CONFIG)
    assert server.keys[0] == f"Bearer {KEY}"
    everything = [caplog.text, repr(generator), str(generator), repr(embedder), repr(outcome), generator.fingerprint]
    assert all(KEY not in text for text in everything)
    assert caplog.text


def test_keys_come_from_the_environment_first_and_the_env_file_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "RAGRAFT_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ModelError, match="OPENAI_API_KEY"):
        remote.endpoint("openai:m", folder=tmp_path)
    (tmp_path / ".env").write_text("OPENAI_API_KEY=from-file\nRAGRAFT_API_KEY=other\n")
    assert remote.endpoint("openai:m", folder=tmp_path).key == "from-file"
    assert remote.endpoint("http://host:8000/v1#m", folder=tmp_path).key == "other"
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    assert remote.endpoint("openai:m", folder=tmp_path).key == "from-environment"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://proxy/v1/")
    assert remote.endpoint("openai:m", folder=tmp_path).url == "http://proxy/v1"


@pytest.mark.parametrize("spec", ["http://host/v1", "openai:", "http://#m", "http://user:secret@host/v1#m"])
def test_a_malformed_endpoint_is_an_error_without_its_password(spec: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        remote.endpoint(spec, folder=tmp_path)
    assert "secret" not in str(caught.value)


def test_embeddings_are_batched_ordered_and_normalised(server: Server) -> None:
    embedder = remote.remote_embedder(f"{server.url}#e", CONFIG)
    texts = ["x" * n for n in range(300)]
    vectors = embedder.embed(texts)
    assert embedder.dimension == 3
    assert vectors.shape == (300, 3)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(vectors[7], np.array([7, 1, 0]) / np.sqrt(50), atol=1e-6)
    assert [len(body["input"]) for body in server.bodies[:1]] == [1]
    assert sorted(len(body["input"]) for body in server.bodies[1:]) == [44, 128, 128]
    assert all("" not in body["input"] for body in server.bodies)
    assert embedder.embed([]).shape == (0, 3)
    assert embedder.count_tokens(["12345678"]) == [2]


@pytest.mark.parametrize(("model", "message"), [("down", "HTTP 503"), ("text-vectors", "not the OpenAI protocol")])
def test_an_embedder_that_cannot_be_used_says_so(server: Server, model: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        remote.remote_embedder(f"{server.url}#{model}", ModelsSection(retries=0))


def test_a_missing_vector_is_an_error(server: Server) -> None:
    embedder = remote.remote_embedder(f"{server.url}#one-short", CONFIG)
    with pytest.raises(ModelError, match="1 vectors came back for 2 texts"):
        embedder.embed(["a", "b"])
