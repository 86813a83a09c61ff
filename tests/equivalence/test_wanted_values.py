"""The value that was asked for is found, refused or missed alike: by the core, LangChain and LlamaIndex, whole and as a stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import ChatRequest, Client, Message, ResponseFormat, read_structured


class City(BaseModel):
    """A city."""

    name: str
    people: int = 0


OTHER_WAYS = "the ways to ask are json_schema"
CASES: dict[str, tuple[dict[str, Any], str, str | dict[str, Any]]] = {
    "JSON": ({"content": '{"name": "Oslo"}'}, "stop", {"name": "Oslo", "people": 0}),
    "among words": ({"content": 'It is ```json\n{"name": "Oslo"}\n```'}, "stop", {"name": "Oslo", "people": 0}),
    "two values": ({"content": '{"name": "Oslo"} or {"name": "Bergen"}'}, "stop", "several different values"),
    "cut off": ({"content": '{"name": "Os'}, "length", "it was cut off at max_tokens"),
    "cut off where it could end": ({"content": '{"name": "Oslo", "people": 70'}, "length", "it was cut off at max_tokens"),
    "refused beside JSON": ({"content": '{"name": "Oslo"}', "refusal": "I may not."}, "stop", "the model refused: I may not."),
    "refused": ({"content": None, "refusal": "I may not."}, "stop", "the model refused: I may not."),
    "empty object": ({"content": "{}"}, "stop", OTHER_WAYS),
    "of another form": ({"content": '{"name": ["Oslo"]}'}, "stop", "Input should be a valid string"),
    "nothing": ({"content": ""}, "stop", "the response is empty"),
}  # fmt: skip


def settings(message: dict[str, Any], finish: str) -> dict[str, Any]:
    def answer(request: httpx.Request) -> httpx.Response:
        head = {"id": "a", "model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
        if not json.loads(request.content).get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
            return httpx.Response(200, json={**head, "choices": [choice]})
        text = message.get("content") or ""
        deltas: list[dict[str, Any]] = [{"content": text[at : at + 5]} for at in range(0, len(text), 5)]
        deltas.append({name: value for name, value in message.items() if name != "content"})
        events = [{"id": "a", "model": "m", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        lines = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=lines)

    mocked = httpx.MockTransport(answer)
    clients = {"http_client": httpx.Client(transport=mocked), "http_async_client": httpx.AsyncClient(transport=mocked)}
    return {"provider": "aimlapi", "model": "m", "api_key": "k", **clients}


def by_core(given: dict[str, Any], *, streamed: bool) -> Any:
    model, _ = given.pop("model"), given.pop("http_async_client")
    wanted = ResponseFormat(schema=City.model_json_schema(), name="City", method="json_schema")
    request = ChatRequest(model=model, messages=[Message("user", "?")], response_format=wanted)
    if streamed:
        response = list(Client(**given).chat_stream(request))[-1].response
        assert response is not None
    else:
        response = Client(**given).chat(request)
    return City.model_validate(read_structured(response, wanted))


def by_langchain(given: dict[str, Any], *, streamed: bool) -> Any:
    chain = ChatMultiApi(**given).with_structured_output(City, method="json_schema")
    return list(chain.stream("?"))[-1] if streamed else chain.invoke("?")


def by_langchain_awaited(given: dict[str, Any], *, streamed: bool) -> Any:
    chain = ChatMultiApi(**given).with_structured_output(City, method="json_schema")

    async def ask() -> Any:
        return [value async for value in chain.astream("?")][-1] if streamed else await chain.ainvoke("?")

    return asyncio.run(ask())


def by_langchain_beside_raw(given: dict[str, Any], *, streamed: bool) -> Any:
    chain = ChatMultiApi(**given).with_structured_output(City, method="json_schema", include_raw=True)
    found: Any = {}
    for chunk in chain.stream("?") if streamed else [chain.invoke("?")]:
        found |= chunk
    if found["parsing_error"] is not None:
        raise found["parsing_error"]
    return found["parsed"]


def by_llamaindex(given: dict[str, Any], *, streamed: bool) -> Any:
    llm, prompt = MultiApiLLM(structured_method="json_schema", **given), PromptTemplate("?")
    if streamed:
        return list(llm.stream_structured_predict(City, prompt))[-1]
    return llm.structured_predict(City, prompt)


def by_llamaindex_awaited(given: dict[str, Any], *, streamed: bool) -> Any:
    llm, prompt = MultiApiLLM(structured_method="json_schema", **given), PromptTemplate("?")

    async def ask() -> Any:
        if streamed:
            return [value async for value in await llm.astream_structured_predict(City, prompt)][-1]
        return await llm.astructured_predict(City, prompt)

    return asyncio.run(ask())


WAYS: list[Callable[..., Any]] = [
    by_core,
    by_langchain,
    by_langchain_awaited,
    by_langchain_beside_raw,
    by_llamaindex,
    by_llamaindex_awaited,
]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES)
def test_the_same_response_has_the_same_value_or_the_same_fault(
    case: str, way: Callable[..., Any], streamed: bool
) -> None:
    message, finish, expected = CASES[case]
    if isinstance(expected, str):
        with pytest.raises(Exception) as caught:
            way(settings(message, finish), streamed=streamed)
        assert expected in str(caught.value)
    else:
        assert way(settings(message, finish), streamed=streamed).model_dump() == expected
