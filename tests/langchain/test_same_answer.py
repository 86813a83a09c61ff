"""However one answer is cut into events and packets, and however it is asked for, it is the same answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from .wire import Pieces, Server, call, joined, sse

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
arguments = st.dictionaries(
    words, words | st.integers(-1000, 1000) | st.booleans() | st.none() | st.lists(words, max_size=2), max_size=3
)
names = st.sampled_from(["add", "now", "find_it"])
answers = st.fixed_dictionaries(
    {
        "reasoning": words,
        "text": words,
        "calls": st.lists(st.tuples(names, arguments), max_size=3),
        "usage": st.booleans(),
        "cost": st.booleans(),
        "citation": st.booleans(),
        "picture": st.booleans(),
        "id": st.sampled_from(["gen-1", None]),
    }
)


def message_of(answer: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer["text"]}
    if answer["reasoning"]:
        message["reasoning_content"] = answer["reasoning"]
    if answer["calls"]:
        message["tool_calls"] = [
            call(number, f"c{number}", name, json.dumps(value)) for number, (name, value) in enumerate(answer["calls"])
        ]
    return message | extras_of(answer)


def extras_of(answer: dict[str, Any]) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if answer["citation"]:
        extras["annotations"] = [{"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}]
    if answer["picture"]:
        extras["images"] = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}]
    return extras


def top_of(answer: dict[str, Any]) -> dict[str, Any]:
    return {"model": "m-1", "created": 1_700_000_000} | ({"id": answer["id"]} if answer["id"] else {})


def counts_of(answer: dict[str, Any]) -> dict[str, Any]:
    counts: dict[str, Any] = {}
    if answer["usage"]:
        counts["usage"] = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    if answer["cost"]:
        counts["meta"] = {"usage": {"usd_spent": 0.00123}}
    return counts


def reason_of(answer: dict[str, Any]) -> str:
    return "tool_calls" if answer["calls"] else "stop"


def whole_of(answer: dict[str, Any]) -> httpx.Response:
    choice = {"index": 0, "message": message_of(answer), "finish_reason": reason_of(answer)}
    return httpx.Response(200, json={**top_of(answer), "choices": [choice], **counts_of(answer)})


def cut(text: str, data: st.DataObject) -> list[str]:
    """A text in pieces, each at least one character long."""
    pieces = []
    while text:
        size = data.draw(st.integers(1, max(1, len(text))))
        pieces.append(text[:size])
        text = text[size:]
    return pieces


def events_of(answer: dict[str, Any], data: st.DataObject) -> list[dict[str, Any]]:
    """The answer as a stream: each part in pieces, counts and extras in an event of their own or with the last one."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}] * data.draw(st.integers(0, 1))
    deltas += [{"reasoning_content": piece} for piece in cut(answer["reasoning"], data)]
    deltas += [{"content": piece} for piece in cut(answer["text"], data)]
    for number, (name, value) in enumerate(answer["calls"]):
        pieces = cut(json.dumps(value), data)
        together = data.draw(st.booleans())
        first = call(number, f"c{number}", name, pieces.pop(0) if together else "")
        deltas += [{"tool_calls": [first]}, *({"tool_calls": [call(number, None, None, piece)]} for piece in pieces)]
    if extras_of(answer):
        deltas.append(extras_of(answer))
    events = [{**top_of(answer), "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    last = {**top_of(answer), "choices": [{"index": 0, "delta": {}, "finish_reason": reason_of(answer)}]}
    counts = counts_of(answer)
    if data.draw(st.booleans()):
        return [*events, {**last, **counts}]
    return [*events, last, *([{**top_of(answer), "choices": [], **counts}] if counts else [])]


def stream_of(events: list[dict[str, Any]], data: st.DataObject) -> httpx.Response:
    """The events in packets that are cut anywhere."""
    content = b"".join(sse(event) for event in events) + b"data: [DONE]\n\n"
    size = data.draw(st.integers(1, len(content)))
    packets = [content[at : at + size] for at in range(0, len(content), size)]
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Pieces(packets))


def plain(blocks: Any) -> list[dict[str, Any]]:
    """Blocks without what only streams need, and without what only messages say."""
    return [{key: value for key, value in block.items() if key != "index"} for block in blocks]


def facts(message: AIMessage) -> dict[str, Any]:
    return {
        "blocks": plain(message.content_blocks),
        "text": message.text,
        "calls": [(found["id"], found["name"], found["args"]) for found in message.tool_calls],
        "invalid": message.invalid_tool_calls,
        "usage": message.usage_metadata,
        "metadata": {key: value for key, value in message.response_metadata.items() if key != "output_version"},
        "extras": message.additional_kwargs,
    }


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(answers, st.data())
def test_invoke_stream_astream_and_v3_give_the_same_answer(answer: dict[str, Any], data: st.DataObject) -> None:
    events = events_of(answer, data)
    server = Server(whole_of(answer), stream_of(events, data))
    model = server.model()
    expected = facts(model.invoke("?"))
    assert expected["text"] == answer["text"]
    assert facts(joined(model.stream("?"))) == expected

    async def awaited() -> list[Any]:
        return [chunk async for chunk in model.astream("?")]

    assert facts(joined(asyncio.run(awaited()))) == expected
    assert facts(model.stream_events("?", version="v3").output) == expected
    in_blocks = server.model(output_version="v1")
    assert facts(joined(in_blocks.stream("?"))) == expected


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(answers, st.data())
def test_an_answer_goes_back_as_it_came(answer: dict[str, Any], data: st.DataObject) -> None:
    """What is sent of an earlier answer does not depend on how it was asked for or which version its content has."""
    server = Server(whole_of(answer), stream_of(events_of(answer, data), data))
    model, in_blocks = server.model(), server.model(output_version="v1")
    history = [model.invoke("?"), joined(model.stream("?")), joined(in_blocks.stream("?"))]
    for message in history:
        list(model.stream(["?", message, "and?"]))
    sent = [body["messages"][1] for body in server.bodies[-3:]]
    if answer["picture"]:
        # Text notes stand for what no vendor takes back; a message of version 1 holds them in its content.
        for message in sent:
            message.pop("content")
    assert sent[0] == sent[1] == sent[2]
    if answer["calls"]:
        assert [json.loads(found["function"]["arguments"]) for found in sent[0]["tool_calls"]] == [
            value for _, value in answer["calls"]
        ]
