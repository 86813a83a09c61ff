"""Answers as servers of OpenAI's format really send them, each read alike by the core, LangChain and LlamaIndex.

The vendors pass other companies' models on, and with them their companies' habits. The bodies are written by hand after public
reports; the parts that they have in common with the recorded ones are left out.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

import httpx
import pytest
from langchain_core.messages import HumanMessage
from llama_index.core.base.llms.types import ChatMessage, ThinkingBlock, ToolCallBlock

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi.client.client import AsyncClient, Client
from multiapi.errors import MultiApiError, RateLimitError, ServerError
from multiapi.types.chat import ChatRequest, Message, Tool
from tests.cassettes.scenario import KEY, settled

MODEL = "some/model"
TOOLS = [Tool("f"), Tool("g")]
WIRE_TOOLS = [{"type": "function", "function": {"name": tool.name, "parameters": tool.parameters}} for tool in TOOLS]


class Found(NamedTuple):
    """What is to be read in an answer, whoever reads it."""

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    finish_reason: str | None = "stop"
    tokens: tuple[int, int] | None = None
    reasoning: str = ""
    model: str = MODEL


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **top: Any) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "r1", "object": "chat.completion.chunk", "model": MODEL, "choices": choices, **top}


def end(finish: str = "stop", **top: Any) -> dict[str, Any]:
    return chunk({}, finish, **top)


def whole(message: dict[str, Any], finish: str | None = "stop", **top: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "r1", "object": "chat.completion", "model": MODEL, "choices": [choice], **top}


def call(name: str | None, arguments: Any, **fields: Any) -> dict[str, Any]:
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    return {"type": "function", "function": function, **fields}


COUNTS = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
BOTH = (("f", '{"x": 1}'), ("g", '{"y": 2}'))
TOOL_CALLS = Found(calls=BOTH, finish_reason="tool_calls")

SHAPES: dict[str, tuple[list[dict[str, Any]] | dict[str, Any], Found]] = {
    # Mistral: content as a list, thinking apart.
    "mistral_thinking_whole": (
        whole(
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Let me see."}]},
                    {"type": "text", "text": "Four."},
                ]
            }
        ),
        Found("Four.", reasoning="Let me see."),
    ),
    "mistral_thinking_streamed": (
        [
            chunk({"role": "assistant", "content": ""}),
            chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Let me "}]}]}),
            chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "see."}]}]}),
            chunk({"content": [{"type": "text", "text": "Fo"}]}),
            chunk({"content": "ur."}),
            end(usage=COUNTS),
        ],
        Found("Four.", tokens=(7, 3), reasoning="Let me see."),
    ),
    "mistral_references": (
        whole({"content": [{"type": "text", "text": "Oslo"}, {"type": "reference", "reference_ids": [1]}]}),
        Found("Oslo"),
    ),
    # Groq: the token counts of a stream in a field of its own; reasoning under another name.
    "groq_usage": (
        [
            chunk({"role": "assistant", "content": ""}, x_groq={"id": "req_1"}),
            chunk({"content": "Four."}),
            end(x_groq={"id": "req_1", "usage": {**COUNTS, "queue_time": 0.01, "total_time": 0.2}}),
        ],
        Found("Four.", tokens=(7, 3)),
    ),
    "groq_usage_beside_null": (
        [chunk({"content": "Four."}, usage=None), end(usage=None, x_groq={"id": "req_1", "usage": COUNTS})],
        Found("Four.", tokens=(7, 3)),
    ),
    "groq_reasoning": (whole({"content": "Four.", "reasoning": "2+2"}), Found("Four.", reasoning="2+2")),
    # Token counts with an empty list of choices, before or behind [DONE]'s usual place, with every chunk, or twice.
    "usage_with_empty_choices": ([chunk({"content": "Hi"}), end(), chunk(usage=COUNTS)], Found("Hi", tokens=(7, 3))),
    "usage_without_choices_at_all": (
        [chunk({"content": "Hi"}), end(), {"id": "r1", "model": MODEL, "usage": COUNTS}],
        Found("Hi", tokens=(7, 3)),
    ),
    "usage_that_grows": (
        [
            chunk({"content": "H"}, usage={"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8}),
            chunk({"content": "i"}, usage={"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}),
            end(usage=COUNTS),
        ],
        Found("Hi", tokens=(7, 3)),
    ),
    "usage_twice": ([chunk({"content": "Hi"}), end(usage=COUNTS), chunk(usage=COUNTS)], Found("Hi", tokens=(7, 3))),
    # Two finish reasons, the model's name only at the end, an id only at the beginning.
    "finish_twice": ([chunk({"content": "Hi"}), end(), end(usage=COUNTS)], Found("Hi", tokens=(7, 3))),
    "finish_twice_with_another_word": (
        [chunk({"tool_calls": [call("f", '{"x": 1}', index=0, id="a")]}), end("tool_calls"), end("stop")],
        Found(calls=BOTH[:1], finish_reason="tool_calls"),
    ),
    "model_only_in_the_last_chunk": (
        [
            {"id": "r1", "choices": [{"index": 0, "delta": {"content": "Hi"}}]},
            {"id": "r1", "model": "", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"id": "r1", "model": MODEL, "choices": [], "usage": COUNTS},
        ],
        Found("Hi", tokens=(7, 3)),
    ),
    "filter_results_first": (
        [
            {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
            chunk({"role": "assistant"}),
            chunk({"content": "Hi"}),
            end(),
        ],
        Found("Hi"),
    ),
    # Reasoning in every spelling.
    "reasoning": ([chunk({"reasoning": "hm"}), chunk({"content": "Four."}), end()], Found("Four.", reasoning="hm")),
    "reasoning_content": (
        [
            chunk({"reasoning_content": "hm", "content": None}),
            chunk({"reasoning_content": None, "content": "Four."}),
            end(),
        ],
        Found("Four.", reasoning="hm"),
    ),
    "reasoning_details": (
        [
            chunk({"content": "", "reasoning_details": [{"type": "reasoning.text", "text": "h", "index": 0}]}),
            chunk({"content": "", "reasoning_details": [{"type": "reasoning.text", "text": "m", "index": 0}]}),
            chunk({"content": "Four."}),
            end(),
        ],
        Found("Four.", reasoning="hm"),
    ),
    "reasoning_and_its_details": (
        whole(
            {
                "content": "Four.",
                "reasoning": "hm",
                "reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "s"}],
            }
        ),
        Found("Four.", reasoning="hm"),
    ),
    "reasoning_under_both_names": (
        [chunk({"reasoning": "hm", "reasoning_content": "hm"}), chunk({"content": "Four."}), end()],
        Found("Four.", reasoning="hm"),
    ),
    # Null content with tool calls; deltas of calls without index, without id, with null for both.
    "null_content_whole": (
        whole(
            {"content": None, "tool_calls": [call("f", '{"x": 1}', id="a"), call("g", '{"y": 2}', id="b")]},
            "tool_calls",
        ),
        TOOL_CALLS,
    ),
    "arguments_as_an_object": (
        whole(
            {"content": None, "tool_calls": [call("f", {"x": 1}, id="a"), call("g", {"y": 2}, id="b")]}, "tool_calls"
        ),
        TOOL_CALLS,
    ),
    "calls_without_ids": (
        whole({"content": "", "tool_calls": [call("f", '{"x": 1}'), call("g", '{"y": 2}', id=None)]}, "tool_calls"),
        TOOL_CALLS,
    ),
    "deltas_without_index": (
        [
            chunk({"content": None, "tool_calls": [call("f", "", id="a")]}),
            chunk({"tool_calls": [call(None, '{"x": ')]}),
            chunk({"tool_calls": [call(None, "1}")]}),
            chunk({"tool_calls": [call("g", '{"y": 2}', id="b")]}),
            end("tool_calls"),
        ],
        TOOL_CALLS,
    ),
    "deltas_without_ids": (
        [
            chunk({"tool_calls": [call("f", '{"x"', index=0)]}),
            chunk({"tool_calls": [call(None, ": 1}", index=0)]}),
            chunk({"tool_calls": [call("g", '{"y": 2}', index=1)]}),
            end("tool_calls"),
        ],
        TOOL_CALLS,
    ),
    "deltas_without_index_and_ids": (
        [
            chunk({"tool_calls": [call("f", '{"x": 1}')]}),
            chunk({"tool_calls": [call("g", '{"y": 2}')]}),
            end("tool_calls"),
        ],
        TOOL_CALLS,
    ),
    "both_calls_on_index_0": (
        [
            chunk({"tool_calls": [call("f", '{"x": 1}', index=0, id="a")]}),
            chunk({"tool_calls": [call("g", '{"y": 2}', index=0, id="b")]}),
            end("tool_calls"),
        ],
        TOOL_CALLS,
    ),
    "both_calls_in_one_chunk": (
        [
            chunk({"tool_calls": [call("f", '{"x": 1}', index=0, id="a"), call("g", '{"y": 2}', index=1, id="b")]}),
            end("tool_calls"),
        ],
        TOOL_CALLS,
    ),
    "calls_finish_with_stop": (
        [chunk({"tool_calls": [call("f", '{"x": 1}', index=0, id="a")]}), end("stop")],
        Found(calls=BOTH[:1], finish_reason="stop"),
    ),
    # Habits of gateways.
    "keep_alive_chunks": (
        [chunk({"role": "assistant", "content": ""}), chunk({}), chunk({"content": "Hi"}), chunk({}), end()],
        Found("Hi"),
    ),
    "null_delta": (
        [{**chunk(), "choices": [{"index": 0, "delta": None}]}, chunk({"content": "Hi"}), end()],
        Found("Hi"),
    ),
    "message_instead_of_delta": (
        [{**chunk(), "choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]}],
        Found("Hi"),
    ),
    "counts_as_floats_and_text": (
        whole({"content": "Hi"}, usage={"prompt_tokens": 7.0, "completion_tokens": "3", "total_tokens": 10}),
        Found("Hi", tokens=(7, 3)),
    ),
    "no_usage": (whole({"content": "Hi"}, usage=None), Found("Hi")),
}


# ------------------------------------------------------------------------------------------------ who reads


def answering(body: list[dict[str, Any]] | dict[str, Any], *, done: bool = True) -> httpx.MockTransport:
    """A vendor that has one answer."""
    if isinstance(body, dict):
        return httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    events = "".join(f"data: {json.dumps(event)}\n\n" for event in body) + ("data: [DONE]\n\n" if done else "")
    kind = {"content-type": "text/event-stream"}
    return httpx.MockTransport(lambda _: httpx.Response(200, headers=kind, content=events.encode()))


def asked() -> ChatRequest:
    return ChatRequest(model="m", messages=[Message("user", "hi")], tools=TOOLS)


def by_core(body: list[dict[str, Any]] | dict[str, Any]) -> Found:
    with httpx.Client(transport=answering(body)) as http:
        client = Client("aimlapi", api_key=KEY, max_retries=0, http_client=http)
        return of_core(client.chat(asked()) if isinstance(body, dict) else settled([*client.chat_stream(asked())]))


def by_core_async(body: list[dict[str, Any]] | dict[str, Any]) -> Found:
    async def read() -> Any:
        async with httpx.AsyncClient(transport=answering(body)) as http:
            client = AsyncClient("aimlapi", api_key=KEY, max_retries=0, http_client=http)
            if isinstance(body, dict):
                return await client.chat(asked())
            return settled([delta async for delta in client.chat_stream(asked())])

    return of_core(asyncio.run(read()))


def of_core(response: Any) -> Found:
    usage = response.usage
    assert not response.invalid_tool_calls
    assert len({call.id for call in response.tool_calls}) == len(response.tool_calls)
    return Found(
        response.text,
        tuple((call.name, json.dumps(json.loads(call.arguments))) for call in response.tool_calls),
        response.finish_reason,
        (usage.input_tokens, usage.output_tokens) if usage else None,
        response.reasoning.text if response.reasoning else "",
        response.model,
    )


def by_langchain(body: list[dict[str, Any]] | dict[str, Any]) -> Found:
    with httpx.Client(transport=answering(body)) as http:
        model = ChatMultiApi(provider="aimlapi", model="m", api_key=KEY, max_retries=0, http_client=http)
        runnable = model.bind_tools(WIRE_TOOLS)
        if isinstance(body, dict):
            message: Any = runnable.invoke([HumanMessage("hi")])
        else:
            message, *rest = runnable.stream([HumanMessage("hi")])
            for piece in rest:
                message = message + piece
    usage, metadata = message.usage_metadata, message.response_metadata
    assert not message.invalid_tool_calls
    return Found(
        str(message.text),
        tuple((call["name"], json.dumps(call["args"])) for call in message.tool_calls),
        metadata["finish_reason"],
        (usage["input_tokens"], usage["output_tokens"]) if usage else None,
        message.additional_kwargs.get("reasoning_content", ""),
        metadata["model_name"],
    )


def by_llamaindex(body: list[dict[str, Any]] | dict[str, Any]) -> Found:
    with httpx.Client(transport=answering(body)) as http:
        llm = MultiApiLLM(provider="aimlapi", model="m", api_key=KEY, max_retries=0, http_client=http)
        messages = [ChatMessage(role="user", content="hi")]
        if isinstance(body, dict):
            response = llm.chat(messages, tools=WIRE_TOOLS)
        else:
            response = [*llm.stream_chat(messages, tools=WIRE_TOOLS)][-1]
    blocks, facts = response.message.blocks, response.additional_kwargs
    tokens = (facts.get("prompt_tokens"), facts.get("completion_tokens"))
    assert isinstance(response.raw, dict)
    return Found(
        response.message.content or "",
        tuple((block.tool_name, json.dumps(block.tool_kwargs)) for block in blocks if isinstance(block, ToolCallBlock)),
        facts["finish_reason"],
        None if None in tokens else tokens,
        "".join(block.content or "" for block in blocks if isinstance(block, ThinkingBlock)),
        response.raw["model"],
    )


READERS = (by_core, by_core_async, by_langchain, by_llamaindex)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_known_shape_is_read_alike_by_all(shape: str, read: Any) -> None:
    body, expected = SHAPES[shape]
    assert read(body) == expected


# ------------------------------------------------------------------------------------------------ errors inside of streams

FAILURES: dict[str, tuple[list[dict[str, Any]], type[MultiApiError], str]] = {
    "an_error_object": (
        [chunk({"content": "Hi"}), {"error": {"message": "no capacity", "code": 503}}],
        ServerError,
        "Hi",
    ),
    "an_error_in_words": ([chunk({"content": "Hi"}), {"error": "upstream went away"}], ServerError, "Hi"),
    "an_error_of_a_router": (
        [
            chunk({"content": "Hi"}),
            {
                "id": "r1",
                "error": {"code": 429, "message": "Provider returned error"},
                "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
            },
        ],
        RateLimitError,
        "Hi",
    ),
    "an_error_in_the_choice": (
        [
            chunk({"content": "Hi"}),
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": {"message": "x", "code": 502}}]},
        ],
        ServerError,
        "Hi",
    ),
    "an_error_first": ([{"error": {"message": "slow down", "type": "rate_limit_error"}}], RateLimitError, ""),
}


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("failure", FAILURES)
def test_an_error_inside_of_a_stream_is_the_error_that_it_names(failure: str, read: Any) -> None:
    events, kind, said = FAILURES[failure]
    with pytest.raises(kind) as raised:
        read(events)
    assert raised.value.partial is not None
    assert raised.value.partial.text == said


def test_what_came_before_the_error_is_handed_on_although_it_came_in_the_same_piece() -> None:
    events, kind, said = FAILURES["an_error_object"]
    got = []
    with httpx.Client(transport=answering(events)) as http, pytest.raises(kind):
        for delta in Client("aimlapi", api_key=KEY, max_retries=0, http_client=http).chat_stream(asked()):
            got.append(delta.text)
    assert "".join(got) == said
