"""Every form of a chat response in the contracts, documented or seen, reads the same everywhere; a new example needs no new code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from multiapi.cassettes import replay
from multiapi.client.client import Client
from multiapi.providers import PROVIDERS
from multiapi.types.chat import ChatRequest, Message
from tests.cassettes.readers import READERS, Reading, Refused
from tests.cassettes.record import recorder
from tests.cassettes.scenario import KEY, Scenario, Step, run
from tests.cassettes.scrubbing import Scrubber
from tests.contracts import Example, response_examples

CHAT = [
    example
    for vendor in PROVIDERS
    for example in response_examples(vendor)
    if example.operation == "createChatCompletion"
    and example.status.startswith("2")
    and example.media_type in {"application/json", "text/event-stream"}
]
HELLO = ChatRequest(model="a-model", messages=[Message("user", "Hello")])


def body_of(example: Example) -> bytes:
    """The example as it travels; of a single event a whole stream."""
    if example.media_type == "application/json":
        return json.dumps(example.value).encode()
    if isinstance(example.value, str):
        return example.value.encode()
    return b"data: " + json.dumps(example.value).encode() + b"\n\ndata: [DONE]\n\n"


def is_whole(example: Example) -> bool:
    """Whether it can stand for a whole response: a single event of the middle of a stream cannot."""
    return (
        example.media_type == "application/json" or b'"delta"' in body_of(example) or b'"response"' in body_of(example)
    )


def events(example: Example) -> Iterator[dict[str, Any]]:
    for line in body_of(example).decode().splitlines():
        if line.startswith("data: {"):
            yield json.loads(line[6:])


def told(example: Example) -> tuple[str, set[str], str | None, str]:
    """Text, names of called tools, finish reason and thoughts, found without the reader."""
    bodies = [example.value] if example.media_type == "application/json" else list(events(example))
    text, tools, finish, thoughts = "", set(), None, ""
    for body in bodies:
        if isinstance(body.get("response"), str):
            text = body["response"]
        text += body.get("text") or ""
        for choice in (body.get("choices") or ())[:1]:
            message = choice.get("message") or choice.get("delta") or {}
            content = message.get("content")
            text += content if isinstance(content, str) else ""
            thoughts += message.get("reasoning_content") or message.get("reasoning") or ""
            finish = choice.get("finish_reason") or finish
            tools |= {
                call["function"]["name"]
                for call in message.get("tool_calls") or ()
                if call.get("function", {}).get("name")
            }
    return text, tools, finish, thoughts


def readings(example: Example, folder: Path) -> dict[str, Any]:
    """What each reader finds: core, LangChain and LlamaIndex, sync and async, of the call that the example answers."""
    streamed = example.media_type == "text/event-stream" and PROVIDERS[example.vendor].chat_stream is not None
    step = Step(method="chat_stream" if streamed else "chat", arguments=(HELLO,))
    scenario = Scenario(provider=example.vendor, name="form", steps=(step,), settings={"max_retries": 0})
    answer = httpx.Response(200, headers={"content-type": example.media_type}, content=body_of(example))
    http = httpx.Client(transport=httpx.MockTransport(lambda request: answer))
    scrubber = Scrubber(KEY, live=False)
    path = folder / "form.yaml"
    with recorder().use_cassette(
        str(path), before_record_request=scrubber.request, before_record_response=scrubber.response
    ):
        try:
            run(scenario, lambda _: Client(scenario.provider, api_key=KEY, http_client=http, **scenario.settings))
        except Exception as error:
            if example.name != "final_error":
                raise AssertionError(f"{example}: {error!r}") from error
    found = {}
    for name, read in READERS.items():
        try:
            with replay(path):
                found[name] = read(scenario)
        except Exception as error:
            found[name] = error
    return found


@pytest.mark.parametrize("example", [each for each in CHAT if is_whole(each)], ids=str)
def test_every_form_reads_the_same_everywhere(example: Example, tmp_path: Path) -> None:
    found = readings(example, tmp_path)
    kinds = {name: type(each) for name, each in found.items()}
    if example.name == "final_error":
        assert not any(isinstance(each, Reading) for each in found.values())
        return
    assert set(kinds.values()) == {Reading}, f"{example} has no result: {found}"
    assert len(set(found.values())) == 1, found
    reading: Reading = found["core"]
    text, tools, finish, thoughts = told(example)
    assert not isinstance(reading, Refused)
    assert (reading.text, {name for _, name, _ in reading.calls}) == (text, tools)
    assert reading.finish_reason == finish
    assert reading.reasoning == thoughts
    cost = None if example.media_type != "application/json" else (example.value.get("usage") or {}).get("cost")
    if cost is not None:
        assert float(reading.cost or 0) == cost


def test_the_examples_are_many_and_some_were_seen() -> None:
    assert {each.vendor for each in CHAT} == set(PROVIDERS)
    assert sum(each.name.startswith("seen") for each in CHAT) >= 7
