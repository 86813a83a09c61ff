"""The sum of a stream with `include_raw=True` is what `invoke` gives: same keys, value, error and calls, for every shape of answer."""

from __future__ import annotations

import json
from functools import reduce
from operator import add
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from langchain_multiapi import ChatMultiApi

STREAMING = ("aimlapi", "aicredits", "binom_router", "binobox")
METHODS = (None, "json_schema", "function_calling", "json_mode")
NOT_AT_BINOBOX = {"json_schema", "json_mode"}
WAYS = [
    (provider, method)
    for provider in STREAMING
    for method in METHODS
    if provider != "binobox" or method not in NOT_AT_BINOBOX
]


class Weather(BaseModel):
    """The weather of a place."""

    city: str
    degrees: int


class Name(BaseModel):
    """Make a user name."""

    name: str


def called(name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"content": None, "tool_calls": [{"id": "c1", "index": 0, "type": "function", "function": function}]}


whole = st.builds(
    lambda city, degrees: json.dumps({"city": city, "degrees": degrees}), st.text(max_size=6), st.integers(-9, 99)
)
cut = st.builds(lambda text, at: text[: max(1, at % len(text))], whole, st.integers(0, 50))
words = st.sampled_from(["hello", "I cannot say.", "{}", "[1]", '{"city": 1}', '{"tool_calls": []}'])
ANSWERS = st.one_of(
    (whole | cut | words).map(lambda text: {"content": text}),
    st.builds(lambda before, text: {"content": f"{before}\n```json\n{text}\n```"}, words, whole),
    (whole | cut | words).map(lambda arguments: called("Weather", arguments)),
    st.sampled_from(["al", ""]).map(lambda name: called("Name", json.dumps({"name": name}))),
    cut.map(lambda arguments: called("Name", arguments)),
    st.just({"content": ""}),
    st.just({"content": None, "refusal": "I will not."}),
)


class Wire:
    """Gives one answer to every request, streamed in several chunks where a stream is asked for."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        reason = "tool_calls" if "tool_calls" in self.answer else "stop"
        facts = {"id": "a", "model": "m", "usage": usage}
        if not json.loads(request.content).get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", **self.answer}, "finish_reason": reason}
            return httpx.Response(200, json={**facts, "choices": [choice]})
        deltas = [{"role": "assistant"}, *self.parts(), {}]
        choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
        choices[-1]["finish_reason"] = reason
        events = [{"id": "a", "model": "m", "choices": [choice]} for choice in choices]
        lines = [f"data: {json.dumps(event)}\n\n" for event in [*events, {**facts, "choices": []}]]
        head = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=head, text="".join(lines) + "data: [DONE]\n\n")

    def parts(self) -> list[dict[str, Any]]:
        if text := self.answer.get("content"):
            return [{"content": text[:3]}, {"content": text[3:]}]
        if calls := self.answer.get("tool_calls"):
            function = calls[0]["function"]
            begun = {**calls[0], "function": {**function, "arguments": function["arguments"][:4]}}
            return [
                {"tool_calls": [begun]},
                {"tool_calls": [{"index": 0, "function": {"arguments": function["arguments"][4:]}}]},
            ]
        return [self.answer]

    def form(self, provider: str, method: Any, *, tools: bool) -> Any:
        transport = httpx.MockTransport(self)
        clients = {
            "http_client": httpx.Client(transport=transport),
            "http_async_client": httpx.AsyncClient(transport=transport),
        }
        model = ChatMultiApi(provider=provider, model="m", api_key="k", **clients)
        more: dict[str, Any] = {"method": method} if method else {}
        if tools:
            more["tools"] = [Name]
        return model.with_structured_output(Weather, include_raw=True, **more)


def seen(result: dict[str, Any]) -> dict[str, Any]:
    error, raw = result["parsing_error"], result["raw"]
    return {
        "keys": sorted(result),
        "parsed": result["parsed"],
        "error": error and (type(error), str(error)),
        "calls": [(call["name"], call["args"]) for call in raw.tool_calls],
        "invalid": [(call["name"], call["args"], call["error"]) for call in raw.invalid_tool_calls],
        "tokens": raw.usage_metadata,
    }


@pytest.mark.parametrize("tools", [False, True], ids=["alone", "beside tools"])
@pytest.mark.parametrize(("provider", "method"), WAYS)
@settings(max_examples=12)
@given(answer=ANSWERS)
async def test_a_stream_adds_up_to_what_invoke_gives(
    provider: str, method: Any, tools: bool, answer: dict[str, Any]
) -> None:
    form = Wire(answer).form(provider, method, tools=tools)
    at_once = seen(form.invoke("?"))
    assert at_once["keys"] == ["parsed", "parsing_error", "raw"]
    chunks = list(form.stream("?"))
    awaited = [chunk async for chunk in form.astream("?")]
    assert seen(reduce(add, chunks)) == at_once
    assert seen(reduce(add, awaited)) == at_once
    assert seen(await form.ainvoke("?")) == at_once
