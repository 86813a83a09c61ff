"""Response formats of agents at AICredits go by the developer of the model (live 1), and an empty one is learned from (live 2)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_multiapi import ChatMultiApi
from multiapi.sending.kept import PROCESS


class City(BaseModel):
    """A city."""

    city: str


@tool
def look_up(name: str) -> str:
    """Look something up."""
    return name


FORMS = {"auto": City, "tool": ToolStrategy(City), "provider": ProviderStrategy(City)}
OWN, OTHERS = ("openai/gpt-4o-mini", "gpt-4o-mini", "o3-mini"), (
    "google/gemini-2.5-flash",
    "anthropic/claude-haiku-4.5",
    "deepseek/deepseek-v4-flash",
    "mistralai/mistral-large",
    "gemini-2.5-flash",
)  # fmt: skip


class Server:
    """Calls the caller's tool once, and then answers in the form that is asked for."""

    def __init__(self, text: str = '{"city": "Oslo"}') -> None:
        self.sent: list[dict[str, Any]] = []
        self._text = text

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.sent.append(body)
        names = [each["function"]["name"] for each in body.get("tools", ())]
        message: dict[str, Any] = {"role": "assistant", "content": self._text}
        called = "look_up" if "look_up" in names and len(self.sent) == 1 else "City" if "City" in names else None
        if called is not None and self._text:
            arguments = self._text if called == "City" else '{"name": "x"}'
            call = {
                "id": f"c{len(self.sent)}",
                "type": "function",
                "function": {"name": called, "arguments": arguments},
            }
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return httpx.Response(200, json={"id": "a", "model": "m", "choices": [choice]})

    def model(self, name: str) -> ChatMultiApi:
        transport = httpx.MockTransport(self)
        return ChatMultiApi(
            provider="aicredits",
            model=name,
            api_key="k-123456",
            http_client=httpx.Client(transport=transport),
            http_async_client=httpx.AsyncClient(transport=transport),
        )

    @property
    def ways(self) -> list[tuple[str | None, bool]]:
        """For each request the kind of its response format, and whether the form stands as a tool."""
        return [
            (
                (body.get("response_format") or {}).get("type"),
                "City" in [each["function"]["name"] for each in body.get("tools", ())],
            )
            for body in self.sent
        ]


def expected(name: str, form: str, *, own_tools: bool) -> tuple[str | None, bool]:
    if form == "tool" or (
        form == "auto" and name == "o3-mini"
    ):  # LangChain itself chooses tools for names it does not know
        return None, True
    if name in OWN:
        return "json_schema", False
    if form == "provider" and own_tools:
        return "json_object", False
    return None, True


def run(how: str, agent: Any) -> Any:
    asked = {"messages": [("user", "x")]}
    if how == "invoke":
        return agent.invoke(asked)
    if how == "ainvoke":
        return asyncio.run(agent.ainvoke(asked))
    return list(agent.stream(asked, stream_mode="values"))[-1]


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream"])
@pytest.mark.parametrize("own_tools", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_agents_ask_in_the_way_that_the_model_has(form: str, own_tools: bool, how: str) -> None:
    for name in (*OWN, *OTHERS):
        server = Server()
        agent = create_agent(server.model(name), [look_up] if own_tools else [], response_format=FORMS[form])
        assert run(how, agent)["structured_response"] == City(city="Oslo")
        assert set(server.ways) == {expected(name, form, own_tools=own_tools)}, name
        assert len(server.sent) == (2 if own_tools else 1)


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream"])
def test_an_empty_response_is_paid_for_once_and_the_next_way_is_taken(how: str) -> None:
    PROCESS.refusals.forget()
    empty = Server("")
    agent = create_agent(empty.model("openai/gpt-4o-mini"), [], response_format=ProviderStrategy(City))
    with pytest.raises(Exception, match="empty|JSON|structured"):
        run(how, agent)
    assert empty.ways == [("json_schema", False)]
    server = Server()
    run(how, create_agent(server.model("openai/gpt-4o-mini"), [], response_format=ProviderStrategy(City)))
    assert server.ways == [(None, True)]
