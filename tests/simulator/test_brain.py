"""A real model behind the simulator: what reaches it, what the providers make of its responses, and where it may be."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from multiapi import MultiApiError
from multiapi.simulator import Simulator
from multiapi.simulator.server import Server
from tests.simulator.test_script import MODELS, model_of


class Rules(ThreadingHTTPServer):
    """An OpenAI-compatible server that answers by rules and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, Any]] = []
        self.status = 200
        self.url = f"http://127.0.0.1:{self.server_port}/v1"

    def message(self, body: dict[str, Any]) -> dict[str, Any]:
        last = body["messages"][-1]
        text = last["content"] if isinstance(last["content"], str) else last["content"][0]["text"]
        if last["role"] == "tool":
            return {"content": f"The tool said {text}."}
        if body.get("tools"):
            function = body["tools"][0]["function"]
            names = function["parameters"]["properties"]
            arguments = json.dumps({name: text.split()[-1] for name in names})
            return {"content": None, "tool_calls": [{"id": "x", "type": "function", "function": {"name": function["name"], "arguments": arguments}}]}  # fmt: skip
        if "response_format" in body or '"properties"' in text:
            return {"content": '{"city": "Oslo"}'}
        return {"content": f"{text.upper()} ({len(body['messages'])})", "reasoning_content": "Shout."}


class Handler(BaseHTTPRequestHandler):
    server: Rules

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(body)
        choice = {"index": 0, "message": {"role": "assistant", **self.server.message(body)}, "finish_reason": "stop"}
        sent = json.dumps({"choices": [choice]}).encode()
        self.send_response(self.server.status if self.path == "/v1/chat/completions" else 404)
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *given: Any) -> None:
        """Say nothing."""


@pytest.fixture
def rules() -> Iterator[Rules]:
    with Rules() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


class City(BaseModel):
    """A city."""

    city: str


def look_up(word: str) -> str:
    """Look up a word."""
    return word


@pytest.mark.parametrize("name", MODELS)
def test_the_brain_thinks_for_each_provider(rules: Rules, name: str) -> None:
    simulator = Simulator(brain=rules.url, brain_model="tiny")
    model = model_of(simulator, name)
    assert model.invoke([("user", "a"), ("assistant", "b"), ("user", "tell me")]).text == "TELL ME (3)"
    assert "".join(chunk.text for chunk in model.stream("hello")) == "HELLO (1)"
    asked = model.bind_tools([look_up]).invoke("look up fjord")
    assert [(call["name"], call["args"]) for call in asked.tool_calls] == [("look_up", {"word": "fjord"})]
    assert rules.asked[-1]["tools"][0]["function"]["name"] == "look_up"
    history = [
        ("user", "look up fjord"),
        asked,
        {"role": "tool", "content": "a bay", "tool_call_id": asked.tool_calls[0]["id"]},
    ]
    assert model.bind_tools([look_up]).invoke(history).text == "The tool said a bay."
    assert model.with_structured_output(City).invoke("Oslo") == City(city="Oslo")
    assert {body["model"] for body in rules.asked} == {"tiny"}
    assert {entry.mind for entry in simulator.log} == {"brain"}
    account = simulator.vendor(name.split(":")[0]).account("any-key-1234")
    assert account.charges
    assert all(charge.amount > 0 for charge in account.charges)


def test_the_simulator_still_checks_cuts_and_breaks(rules: Rules) -> None:
    simulator = Simulator(brain=rules.url, brain_model="tiny")
    with pytest.raises(MultiApiError):
        model_of(simulator, MODELS[2], temperature=9).invoke("x")
    assert rules.asked == []
    assert model_of(simulator, MODELS[2], max_tokens=4).invoke("one two three").text == "ONE TWO"
    simulator.faults.add("cut=1")
    with pytest.raises(MultiApiError):
        list(model_of(simulator, MODELS[2]).stream("x"))
    simulator.answers("scripted")
    assert model_of(simulator, MODELS[2]).invoke("x").text == "scripted"


def test_a_brain_that_fails_is_the_provider_s_error(rules: Rules) -> None:
    rules.status = 500
    simulator = Simulator(brain=rules.url, brain_model="tiny")
    with pytest.raises(MultiApiError, match=r"the brain at .* answered 500"):
        model_of(simulator, MODELS[2]).invoke("x")


def test_the_server_thinks_beside_other_requests(rules: Rules) -> None:
    server = Server(Simulator(brain=rules.url, brain_model="tiny"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        body = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
        url = f"{server.base_url('aimlapi')}/v1/chat/completions"
        answer = httpx.post(url, json=body, headers={"authorization": "Bearer any"}, timeout=30)
        assert answer.json()["choices"][0]["message"]["content"] == "HI (1)"
    finally:
        server.stop()
        thread.join(5)


@pytest.mark.parametrize("url", ["http://example.com/v1", "https://10.0.0.5/v1", "http://localhost.example.com/v1", "http://127.0.0.1.example.com", "http://[2001:db8::1]/v1"])  # fmt: skip
def test_another_machine_is_refused_unless_it_is_meant(url: str) -> None:
    with pytest.raises(ValueError, match="not on this machine"):
        Simulator(brain=url, brain_model="m")
    assert Simulator(brain=url, brain_model="m", brain_remote=True).brain is not None


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/v1", "http://localhost:1/v1", "http://[::1]:1/v1", "http://127.8.9.1/v1"]
)
def test_this_machine_is_taken(url: str) -> None:
    assert Simulator(brain=url, brain_model="m").brain is not None
    with pytest.raises(ValueError, match="needs brain_model"):
        Simulator(brain=url)


@pytest.mark.parametrize("url", ["127.0.0.1:11434", "ftp://127.0.0.1/v1", ""])
def test_what_is_not_an_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be an address"):
        Simulator(brain=url, brain_model="m")
