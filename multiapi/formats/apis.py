"""The protocols that carry a chat: OpenAI's chat completions, OpenAI's Responses, Anthropic's Messages.

A provider that has more than one takes the same `ChatRequest` by each of them. What comes is read by what it is, whatever was asked for.
The modules of the other two are imported by the first chat that needs them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from multiapi.formats.answer_facts import ReadCost
from multiapi.formats.assembly import Assembly
from multiapi.formats.openai.answers import comes_as_events, read_at_once, read_event_error, without_comments
from multiapi.formats.schemas import SchemaStyle
from multiapi.formats.stream import Accumulator, ChatStream
from multiapi.http.exchange import HttpRequest, HttpResponse
from multiapi.http.json import parse_answer
from multiapi.provider import Provider, StreamOperation
from multiapi.types.chat import ChatApi, ChatDelta, ChatRequest, ChatResponse
from multiapi.types.limits import Limits

BUILT_IN: Mapping[str, ChatApi] = {
    **dict.fromkeys(
        (
            "web_search_preview",
            "web_search_preview_2025_03_11",
            "mcp",
            "code_interpreter",
            "local_shell",
            "computer_use_preview",
            "image_generation",
            "file_search",
        ),
        "responses",
    ),
    **dict.fromkeys(
        (
            "bash_20250124",
            "code_execution_20250522",
            "code_execution_20250825",
            "code_execution_20260120",
            "memory_20250818",
            "text_editor_20250124",
            "text_editor_20250429",
            "text_editor_20250728",
            "web_search_20250305",
            "web_search_20260209",
            "web_fetch_20250910",
            "web_fetch_20260209",
            "web_fetch_20260309",
            "tool_search_tool_bm25_20251119",
            "tool_search_tool_bm25",
            "tool_search_tool_regex_20251119",
            "tool_search_tool_regex",
        ),
        "messages",
    ),
}
"""The types of tools that a provider itself has, and the protocol that takes them; as in the contract of AI/ML API."""


def chosen_api(request: ChatRequest, *, responses_only: Collection[str] = ()) -> ChatApi:
    """Return the protocol for a request that names none: that of its model, else that of a built-in tool in it."""
    if request.model in responses_only:
        return "responses"
    for tool in request.tools:
        if tool.raw is not None and (found := BUILT_IN.get(str(tool.raw.get("type")))) is not None:
            return found
    return "chat"


def api_of(provider: Provider, request: ChatRequest) -> ChatApi:
    """Return the protocol that a request takes; what the provider lacks among those chosen for it is left at "chat"."""
    if request.api != "auto":
        return request.api
    found = "chat" if provider.choose_api is None else provider.choose_api(request)
    return found if found in provider.apis else "chat"


def with_apis(
    shared: Provider,
    apis: Sequence[ChatApi],
    *,
    choose: Any,
    schemas: SchemaStyle,
    read_cost: ReadCost | None,
    rest_is_reasoning: bool = False,
) -> Provider:
    """Return a provider whose chats may also take other protocols.

    Args:
        shared: The provider as it speaks the shared format.
        apis: Its other protocols.
        choose: `Provider.choose_api`.
        schemas: How it takes JSON schemas.
        read_cost: What a call cost, from its body and headers.
        rest_is_reasoning: As for `openai_compatible`.
    """
    name = shared.name
    assert shared.chat_stream is not None
    shared_stream = shared.chat_stream.build

    def build(request: ChatRequest) -> HttpRequest:
        api = api_of(made, request)
        if api == "responses":
            from multiapi.formats.responses import build_responses

            return build_responses(request, provider=name, schemas=schemas)
        if api == "messages":
            from multiapi.formats.messages import build_messages

            return build_messages(request, provider=name, schemas=schemas)
        return shared.chat.build(request)

    def build_stream(request: ChatRequest) -> HttpRequest:
        if api_of(made, request) == "chat":
            return shared_stream(request)
        http = build(request)  # both report token counts unasked
        return replace(http, json={**http.json, "stream": True}, stream=True)

    def parse(response: HttpResponse) -> ChatResponse:
        if response.body[:1] != b"{":
            response = without_comments(response)
            if comes_as_events(response):
                return read_at_once(response, decoder)
        if _OTHER.search(response.body) is not None:
            found = _protocol_of(response.body)
            if found == "responses":
                from multiapi.formats.responses import parse_responses

                return parse_responses(response, provider=name, read_cost=read_cost)
            if found == "messages":
                from multiapi.formats.messages import parse_messages

                return parse_messages(response, provider=name, read_cost=read_cost)
        return shared.chat.parse(response)

    def decoder(head: HttpResponse, limits: Limits) -> ChatStream:
        facts: dict[str, Any] = {"headers": head.headers, "read_cost": read_cost, "limits": limits}
        return ChatStream(
            head,
            limits,
            accumulator=AnyAssembly(Assembly(name, rest_is_reasoning=rest_is_reasoning, **facts), facts),
            parse=parse,
            read_event_error=partial(read_event_error, provider=name),
        )

    made = replace(
        shared,
        apis=("chat", *apis),
        choose_api=choose,
        chat=replace(shared.chat, build=build, parse=parse),
        chat_stream=StreamOperation(build_stream, decoder),
    )
    return made


_OTHER = re.compile(rb'(?<!\\)"(?:output(?:_text)?"\s*+:|type"\s*+:\s*+"message")')
"""What only bodies of the other protocols hold outside of texts. Arguments of tools may hold it too: it is a reason to look, not a proof."""


def _protocol_of(body: bytes) -> ChatApi:
    try:
        value = parse_answer(body)
    except ValueError:
        return "chat"
    if not isinstance(value, dict) or value.get("choices"):
        return "chat"
    if isinstance(value.get("output"), list) or isinstance(value.get("output_text"), str):
        return "responses"
    return "messages" if value.get("type") == "message" and "content" in value else "chat"


_OF_MESSAGES = frozenset(
    {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    }
)


class AnyAssembly:
    """Takes events of each protocol: the first one decides, and `add` is then that of the one it belongs to."""

    def __init__(self, shared: Accumulator, facts: Mapping[str, Any]) -> None:
        self.provider = shared.provider
        self._facts = facts
        self._inner = shared

    def add(self, event: Mapping[str, Any]) -> ChatDelta | None:
        """Take the first event that says something."""
        kind = str(event.get("type", ""))
        if kind == "ping":
            return None
        if kind.startswith("response."):
            from multiapi.formats.responses import ResponsesAssembly

            self._inner = ResponsesAssembly(self.provider, **self._facts)
        elif kind in _OF_MESSAGES:
            from multiapi.formats.messages import MessagesAssembly

            self._inner = MessagesAssembly(self.provider, **self._facts)
        self.add = self._inner.add  # type: ignore[method-assign]
        return self._inner.add(event)

    @property
    def finished(self) -> bool:
        """Whether the response is complete."""
        return self._inner.finished

    @property
    def answered(self) -> bool:
        """Whether anything of a response has come."""
        return self._inner.answered

    def rest(self) -> ChatDelta | None:
        """What is to be told at the end."""
        return self._inner.rest()

    def response(self, *, interrupted: bool = False) -> ChatResponse:
        """What has arrived."""
        return self._inner.response(interrupted=interrupted)
