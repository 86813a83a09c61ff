"""OpenAI's Responses protocol, for the models that speak only that: the same `ChatRequest` in, the same `ChatResponse` out.

Leading instructions go into `instructions`, the rest of the conversation becomes items. Reasoning items of an earlier answer go
back unchanged to the provider and model that wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.formats.answer_facts import ReadCost, answer_without, is_filler, list_at
from multiapi.formats.assembly import Assembly, assembled
from multiapi.formats.media_parts import fitted
from multiapi.formats.openai.vendor import (
    check_request,
    data_url,
    error_from_body,
    merged,
    parse_object,
    response_format_to_wire,
    same_model,
    status_inside,
)
from multiapi.formats.schemas import PLAIN, SchemaStyle, tool_parameters, written
from multiapi.formats.tool_arguments import arguments_object
from multiapi.http.exchange import HttpRequest, HttpResponse
from multiapi.types.chat import (
    CHAT_SETTINGS,
    ChatDelta,
    ChatRequest,
    ChatResponse,
    MediaPart,
    Message,
    Part,
    RawPart,
    Reasoning,
    TextPart,
    Tool,
)
from multiapi.types.limits import Limits

_SETTINGS = ("temperature", "top_p", "parallel_tool_calls")
_KNOWN = frozenset({*_SETTINGS, "reasoning_effort"})
_FINISH_REASONS = {"max_output_tokens": "length"}


# ------------------------------------------------------------------------------------------------ building


def build_responses(
    request: ChatRequest, *, provider: str, path: str = "/v1/responses", schemas: SchemaStyle = PLAIN
) -> HttpRequest:
    """A conversation as the Responses API takes it.

    Raises:
        InvalidRequestError: What is wrong with every provider, or sound and video in a message.
        UnsupportedError: A setting that the protocol has no field for.
    """
    check_request(request, provider)
    for name in (*CHAT_SETTINGS, "stop"):
        if name not in _KNOWN and getattr(request, name):
            raise UnsupportedError(
                f"the Responses API of {provider} has no setting {name}; "
                f"pass it in `{request.extra_name}` to send it all the same",
                provider=provider,
            )
    instructions, items = _items(request, provider)
    body: dict[str, Any] = {"model": request.model, "input": items}
    if instructions:
        body["instructions"] = instructions
    for name in _SETTINGS:
        if getattr(request, name) is not None:
            body[name] = getattr(request, name)
    if request.max_tokens is not None:
        body["max_output_tokens"] = request.max_tokens
    if request.reasoning_effort is not None:
        body["reasoning"] = {"effort": request.reasoning_effort}
    if request.response_format is not None:
        body["text"] = {"format": _format(response_format_to_wire(request.response_format, schemas))}
    if request.tools:
        body["tools"] = [_tool(tool, schemas) for tool in request.tools]
        if request.tool_choice is not None:
            words = {"auto", "none", "required"}
            choice = request.tool_choice
            body["tool_choice"] = choice if choice in words else {"type": "function", "name": choice}
    return HttpRequest("POST", path, json=merged(body, request.extra), headers=request.headers)


def _items(request: ChatRequest, provider: str) -> tuple[str, Any]:
    messages = list(request.messages)
    leading: list[str] = []
    while messages and messages[0].role in {"system", "developer"}:
        leading.append(messages.pop(0).text)
    instructions = "\n\n".join(text for text in leading if text)
    if len(messages) == 1 and messages[0].role == "user" and isinstance(messages[0].content, str):
        return instructions, messages[0].content
    items = [item for message in messages for item in _message_items(message, request, provider)]
    if not items:
        return "", instructions
    return instructions, items


def _message_items(message: Message, request: ChatRequest, provider: str) -> list[dict[str, Any]]:
    if message.role == "tool":
        output = message.text
        items = [{"type": "function_call_output", "call_id": message.tool_call_id or "", "output": output}]
        media = [] if isinstance(message.content, str) else [p for p in message.content if not isinstance(p, TextPart)]
        if media:
            items.append({"role": "user", "content": [_part(part, provider) for part in media]})  # type: ignore[dict-item]
        return items
    if message.role != "assistant":
        content = message.content
        wire = content if isinstance(content, str) else [_part(part, provider) for part in content]
        return [{"role": message.role, "content": wire}]
    items = _reasoning_items(message.reasoning, request.model, provider)
    text = message.text or (message.refusal if not message.tool_calls else None)
    if text:
        items.append({"role": "assistant", "content": text})
    for call in message.tool_calls:
        items.append(
            {
                "type": "function_call",
                "call_id": call.id,
                "name": call.name,
                "arguments": arguments_object(call.arguments),
            }
        )
    return items


def _reasoning_items(reasoning: Reasoning | None, model: str, provider: str) -> list[dict[str, Any]]:
    if reasoning is None or reasoning.provider != provider or not same_model(reasoning.model or "", model):
        return []
    return [dict(item) for item in reasoning.details if item.get("type") == "reasoning" and item.get("id")]


def _part(part: Part, provider: str) -> dict[str, Any]:
    if isinstance(part, RawPart):
        return dict(part.value)
    if isinstance(part, MediaPart) and part.kind in {"image", "file"}:
        part = fitted(part, provider, {"file": ("application/pdf",)})
    if isinstance(part, TextPart):
        return {"type": "input_text", "text": part.text}
    if part.kind == "image":
        return {
            "type": "input_image",
            "image_url": _address(part, "image/png", provider),
            "detail": part.detail or "auto",
        }
    if part.kind == "file":
        address = _address(part, "application/pdf", provider)
        return {"type": "input_file", "filename": part.filename or "document.pdf", "file_data": address}
    raise InvalidRequestError(f"the Responses API of {provider} takes no {part.kind} in messages", provider=provider)


def _address(part: MediaPart, mime_type: str, provider: str) -> str:
    if part.url is None and part.data is None:
        raise InvalidRequestError(f"{provider} takes {part.kind} input by URL or as base64", provider=provider)
    return str(data_url(part, mime_type))


def _format(wire: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", **wire["json_schema"]} if wire["type"] == "json_schema" else wire


def _tool(tool: Tool, schemas: SchemaStyle) -> dict[str, Any]:
    if tool.raw is not None:
        return dict(tool.raw)
    parameters = written(tool_parameters(tool.parameters), schemas)
    wire: dict[str, Any] = {"type": "function", "name": tool.name, "parameters": parameters}
    if tool.description:
        wire["description"] = tool.description
    return {**wire, "strict": bool(tool.strict)}


# ------------------------------------------------------------------------------------------------ reading


def parse_responses(response: HttpResponse, *, provider: str, read_cost: ReadCost | None = None) -> ChatResponse:
    """A response, whatever stands in its output; what is of an unknown type stays in `raw`.

    Raises:
        StatusError: It failed.
        ResponseFormatError: It has no output.
    """
    return response_of(parse_object(response, provider), response, provider=provider, read_cost=read_cost)


def response_of(
    body: Mapping[str, Any], response: HttpResponse, *, provider: str, read_cost: ReadCost | None = None
) -> ChatResponse:
    """The response that a response object is."""
    output = body.get("output")
    if not isinstance(output, list):
        if not isinstance(body.get("output_text"), str):
            raise answer_without(response, provider, body, "output")
        output = [{"type": "message", "content": [{"type": "output_text", "text": body["output_text"]}]}]
    items = [item for item in output if isinstance(item, dict)]
    reasons = [item for item in items if item.get("type") == "reasoning" and not is_filler(_labelless(item))]
    calls = [item for item in items if item.get("type") == "function_call"]
    details = body.get("incomplete_details")
    cut = details.get("reason") if isinstance(details, dict) else None
    finish = _FINISH_REASONS.get(str(cut), str(cut)) if cut else "tool_calls" if calls else "stop"
    answer = assembled(
        body,
        response,
        content=[
            part
            for item in items
            if item.get("type") == "message"
            for part in (item["content"] if isinstance(item.get("content"), list) else [item.get("content")])
            if part
        ],
        calls=[(call.get("call_id") or call.get("id"), call.get("name"), call.get("arguments")) for call in calls],
        finish_reason=finish,
        provider=provider,
        read_cost=read_cost,
    )
    thought = "\n\n".join(filter(None, map(_thought, reasons)))
    status = body.get("status")
    return replace(
        answer,
        reasoning=Reasoning(thought, tuple(reasons), provider, answer.model) if reasons else None,
        metadata={**answer.metadata, **({"status": status} if status else {})},
    )


def _labelless(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in {"type", "status"}}


def _thought(item: Mapping[str, Any]) -> str:
    parts = [*list_at(item, "summary"), *list_at(item, "content")]
    return "\n\n".join(str(part["text"]) for part in parts if isinstance(part, dict) and part.get("text"))


# ------------------------------------------------------------------------------------------------ streams

_PIECES = {
    "response.output_text.delta": "content",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning_content",
    "response.reasoning_summary_text.delta": "reasoning_content",
}
_ENDINGS = frozenset({"response.completed", "response.incomplete"})


class ResponsesAssembly:
    """Puts a streamed answer together from typed events: each becomes an event of the shared format. Unknown ones are skipped."""

    def __init__(
        self,
        provider: str,
        *,
        headers: Mapping[str, str] | None = None,
        read_cost: ReadCost | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.provider = provider
        self.finished = self.answered = False
        self._inner = Assembly(provider, headers=headers, read_cost=read_cost, limits=limits)
        self._head = HttpResponse(200, headers or {}, limits=limits)
        self._read_cost = read_cost
        self._numbers: dict[str, int] = {}
        self._whole: Mapping[str, Any] | None = None

    def add(self, event: Mapping[str, Any]) -> ChatDelta | None:
        """Take one event.

        Raises:
            StatusError: The provider reports that it failed.
        """
        kind = event.get("type")
        self.answered = self.answered or str(kind).startswith("response.")
        if kind in _PIECES:
            return self._add({_PIECES[kind]: event.get("delta")})
        if kind == "response.output_item.added":
            return self._item(event)
        if kind == "response.function_call_arguments.delta":
            return self._call(event, {"arguments": event.get("delta")})
        if kind == "response.output_text.annotation.added":
            self._add({"annotations": [event.get("annotation")]})
            return None
        whole = event.get("response")
        if kind == "response.failed":
            error = whole.get("error") if isinstance(whole, dict) else None
            failure = {"error": {"message": "it failed"} if is_filler(error) else error}
            raise error_from_body(failure, self._head, self.provider, status=status_inside(failure))
        if isinstance(whole, dict):
            facts = {name: value for name, value in whole.items() if name not in {"output", "choices"}}
            self._inner.add(facts)
            if kind in _ENDINGS:
                self._whole, self.finished = whole, True
        elif "meta" in event or "usage" in event:
            self._inner.add({name: value for name, value in event.items() if name != "choices"})
        return None

    def rest(self) -> ChatDelta | None:
        """The ids of calls for which none came."""
        return self._inner.rest()

    def response(self, *, interrupted: bool = False) -> ChatResponse:
        """What has arrived. With the provider's last word it is that whole response, read as if it had come in one piece."""
        output = self._whole.get("output") if self._whole is not None else None
        if self._whole is not None and isinstance(output, list) and not is_filler(output):
            return response_of(self._whole, self._head, provider=self.provider, read_cost=self._read_cost)
        answer = self._inner.response(interrupted=interrupted)
        if self.finished and answer.finish_reason is None:
            return replace(answer, finish_reason="tool_calls" if answer.tool_calls else "stop")
        return answer

    def _add(self, delta: Mapping[str, Any]) -> ChatDelta | None:
        return self._inner.add({"choices": [{"index": 0, "delta": dict(delta)}]})

    def _item(self, event: Mapping[str, Any]) -> ChatDelta | None:
        item = event.get("item")
        if not isinstance(item, dict) or item.get("type") != "function_call":
            return None
        function = {"name": item.get("name"), "arguments": item.get("arguments") or ""}
        return self._call(event, function, item.get("call_id") or item.get("id"))

    def _call(self, event: Mapping[str, Any], function: dict[str, Any], call_id: Any = None) -> ChatDelta | None:
        place = str(event.get("output_index", event.get("item_id")))
        number = self._numbers.setdefault(place, len(self._numbers))
        call = {"index": number, "type": "function", "function": function}
        return self._add({"tool_calls": [call if call_id is None else {**call, "id": call_id}]})
