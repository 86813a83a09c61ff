"""Agents that answer in a form, at servers that refuse one part of how it is asked for: the tool is called and the form comes all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from pydantic import BaseModel

from langchain_multiapi import ChatMultiApi
from multiapi.sending.kept import PROCESS

OSLO = '{"city":"Oslo"}'


class City(BaseModel):
    """A city."""

    city: str


def weather(city: str) -> str:
    """The weather in a city."""
    return f"rain in {city}"


@pytest.fixture(autouse=True)
def nothing_is_known() -> Iterator[None]:
    PROCESS.refusals.forget()
    yield
    PROCESS.refusals.forget()


REFUSED = {
    "nothing": ("", lambda body: False),
    "tool_choice": (
        "Thinking mode does not support this tool_choice",
        lambda body: body.get("tool_choice") not in {None, "auto"},
    ),
    "response_format": ("response_format is not supported", lambda body: "response_format" in body),
    "both": (
        "json mode cannot be combined with tool/function calling",
        lambda body: "response_format" in body and "tools" in body,
    ),
    "strict": ("strict: Extra inputs are not permitted", lambda body: '"strict"' in json.dumps(body)),
    "schema": ("Invalid schema for response_format 'City'", lambda body: "response_format" in body),
}


class Server:
    """Calls the weather first, then answers in the form, as a tool's arguments or as text."""

    def __init__(self, refused: str) -> None:
        self.words, self.refuses = REFUSED[refused]
        self.results: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if self.refuses(body):
            return httpx.Response(400, json={"error": {"message": self.words}})
        tools = [tool["function"]["name"] for tool in body.get("tools", ())]
        called = [message["content"] for message in body["messages"] if message["role"] == "tool"]
        self.results += called[:1]
        name = "weather" if not called else "City" if "City" in tools else None
        message: dict[str, Any] = {"role": "assistant", "content": OSLO}
        if name is not None:
            call = {"id": f"c{len(called)}", "type": "function", "function": {"name": name, "arguments": OSLO}}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
        finish = "stop" if name is None else "tool_calls"
        return httpx.Response(200, json={"id": "a", "choices": [{"message": message, "finish_reason": finish}]})


@pytest.mark.parametrize("refused", REFUSED)
@pytest.mark.parametrize("form", [ToolStrategy(City), ProviderStrategy(City), City], ids=["tool", "provider", "class"])
def test_an_agent_answers_in_its_form_whatever_is_refused(refused: str, form: Any) -> None:
    server = Server(refused)
    model = ChatMultiApi(
        provider="aimlapi", model="m", api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(server))
    )
    answer = create_agent(model, tools=[weather], response_format=form).invoke({"messages": [("user", "x")]})
    assert answer["structured_response"] == City(city="Oslo")
    assert server.results[0] == "rain in Oslo"
