"""What is asked of a vendor, and what is asked instead once it has refused that: tools, JSON answers, token counts of streams.

A refusal is remembered per vendor address and model for the life of the process, so that it costs one request and not one per
call. Nothing here sends: `plan` says what to send, `refused_part` what a refusal was about.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from multiapi import prompted_tools
from multiapi.batch_sizes import BatchSizes
from multiapi.errors import InvalidRequestError, MultiApiError, StatusError
from multiapi.http import HttpRequest
from multiapi.provider import Provider, unsupported
from multiapi.structured import JsonAnswerFilter, as_json_answer
from multiapi.thinking import ThoughtFilter, split_thoughts
from multiapi.tool_names import NameFilter, ToolNames, renamed
from multiapi.types import ChatDelta, ChatRequest, ChatResponse, ResponseFormat, StructuredMethod, Tool

logger = logging.getLogger("multiapi")

# Parameters that servers are known to refuse, and that can be left out or said otherwise.
_NEGOTIABLE = (
    "stream_options",
    "response_format",
    "parallel_tool_calls",
    "max_completion_tokens",
    "max_tokens",
    "strict",
)
_OTHER_NAME = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_CAPABILITY_OF_METHOD = {"json_schema": "structured_output", "json_mode": "json_mode", "function_calling": "tools"}


class Refusals:
    """What vendors have refused, by address and model."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], frozenset[str]] = {}
        self.sizes = BatchSizes()

    def of(self, base_url: str, model: str) -> frozenset[str]:
        """The refused parts for one model at one address."""
        return self._held.get((base_url, model), frozenset())

    def remember(self, base_url: str, model: str, part: str) -> None:
        """Note a refusal; said once in the log."""
        key = (base_url, model)
        if part not in self.of(*key):
            self._held[key] = self.of(*key) | {part}
            logger.info("%s refused %s; it is not asked for again", model, part)

    def forget(self) -> None:
        """Start anew."""
        self._held.clear()
        self.sizes.forget()


class DeltaFilter(Protocol):
    """Changes the deltas of a stream on their way."""

    def take(self, deltas: Iterable[ChatDelta]) -> list[ChatDelta]: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How a chat request is put to one vendor.

    Attributes:
        request: What the vendor's builder gets.
        asked: What the caller wanted, for reading the answer.
        method: The way to structured output that was taken, if any.
        reads_calls: Tool calls are in the text and have to be read back.
        cuts: Stop words to be cut off on our side.
        format: The form of the answer that the caller wanted, if any.
        names: The names of tools that had to be changed, and the caller's.
    """

    request: ChatRequest
    asked: ChatRequest
    method: StructuredMethod | None = None
    reads_calls: bool = False
    cuts: tuple[str, ...] = ()
    format: ResponseFormat | None = None
    names: ToolNames | None = None

    def read(self, response: ChatResponse) -> ChatResponse:
        """The answer as the caller expects it."""
        response = self.attributed(response)
        if self.asked.split_thinking:
            response = split_thoughts(response)
        if self.cuts:
            response = cut_at_stop(response, self.cuts)
        if self.reads_calls:
            response = prompted_tools.read_prompted(response, self.asked)
        if self.wanted is not None:
            response = as_json_answer(response, self.wanted)
        return response if self.names is None else self.names.back(response)

    def attributed(self, response: ChatResponse) -> ChatResponse:
        """The answer, its reasoning under the id that was asked for: vendors answer with names of their own, and it goes back to that id."""
        if response.reasoning is None:
            return response
        return replace(response, reasoning=response.reasoning._replace(model=self.asked.model))

    @property
    def wanted(self) -> ResponseFormat | None:
        """The form of the answer if the way to it was ours to choose: its JSON is then the text, whichever way was taken."""
        return self.format if self.format is not None and self.format.method == "auto" else None

    def filters(self) -> list[DeltaFilter]:
        """The same for a stream."""
        filters: list[DeltaFilter] = []
        if self.asked.split_thinking:
            filters.append(ThoughtFilter())
        if self.cuts:
            filters.append(StopFilter(self.cuts))
        if self.reads_calls:
            filters.append(prompted_tools.PromptedStream(self.asked))
        if self.wanted is not None:
            filters.append(JsonAnswerFilter(self.wanted))
        if self.names is not None:
            filters.append(NameFilter(self.names))
        return filters


def plan(provider: Provider, request: ChatRequest, refused: frozenset[str]) -> Plan:
    """Choose names that vendors take, native or prompted tools, and the way to structured output.

    Raises:
        UnsupportedError: The caller insists on a way that the vendor lacks.
    """
    request, names = renamed(request)
    made = _plan(provider, request, refused)
    return made if names is None else replace(made, names=names)


def _plan(provider: Provider, request: ChatRequest, refused: frozenset[str]) -> Plan:
    asked = request
    cuts: tuple[str, ...] = ()
    if provider.cuts_stop and request.stop:
        cuts = tuple(request.stop)
        request = replace(request, stop=None)
    if (
        not request.tools
        and request.response_format is None
        and not refused
        and not _has_tool_history(provider, request)
    ):
        return Plan(request, asked, cuts=cuts)
    prompted = request.tool_calling == "prompted" or (request.tool_calling == "auto" and not provider.native_tools)
    method: StructuredMethod | None = None
    wanted = request.response_format
    if wanted is not None:
        method = _method(provider, request, wanted, refused, prompted=prompted)
        if not (prompted and request.tools and method == "prompted"):
            request, asked = _with_method(provider, request, asked, wanted, method)
    if "parallel_tool_calls" in refused and request.parallel_tool_calls is not None:
        request = replace(request, parallel_tool_calls=None)
    if "strict" in refused:
        request = _without_strict(request)
    if prompted and (request.tools or _has_tool_history(provider, request)):
        told = prompted_tools.with_prompted_tools(request, request.response_format if method == "prompted" else None)
        return Plan(told, asked, method, bool(request.tools), cuts, wanted)
    return Plan(request, asked, method, cuts=cuts, format=wanted)


def _has_tool_history(provider: Provider, request: ChatRequest) -> bool:
    if provider.native_tools and request.tool_calling != "prompted":
        return False
    return any(message.role == "tool" or message.tool_calls for message in request.messages)


def _method(
    provider: Provider, request: ChatRequest, wanted: ResponseFormat, refused: frozenset[str], *, prompted: bool
) -> StructuredMethod:
    if wanted.method != "auto":
        if wanted.method in {"prompted", "function_calling"} or wanted.method in provider.structured:
            return wanted.method
        raise unsupported(
            provider.name, wanted.method, _CAPABILITY_OF_METHOD[wanted.method], hint="method 'auto' asks in the prompt"
        )
    if prompted and request.tools:
        # A form that the vendor enforces would keep the model from writing calls.
        return "prompted"
    for method in provider.structured:
        if method in refused or (method in {"json_schema", "json_mode"} and "response_format" in refused):
            continue
        if wanted.schema is None and method in {"json_schema", "function_calling"}:
            continue
        if method == "function_calling" and (request.tools or prompted):
            continue
        return method
    return "prompted"


def _with_method(
    provider: Provider, request: ChatRequest, asked: ChatRequest, wanted: ResponseFormat, method: StructuredMethod
) -> tuple[ChatRequest, ChatRequest]:
    if method == "json_schema":
        return request, asked
    if method == "function_calling":
        tool = Tool(wanted.name, wanted.description, wanted.schema or {"type": "object"}, wanted.strict)
        changes: dict[str, Any] = {"tools": (*request.tools, tool), "tool_choice": wanted.name, "response_format": None}
        return replace(request, **changes), replace(asked, **changes)
    if method == "json_mode" and "json_mode" in provider.structured:
        bare = replace(wanted, method="json_mode")
        if wanted.method == "json_mode":
            return replace(request, response_format=bare), asked
        return replace(prompted_tools.with_prompted_format(request), response_format=bare), asked
    return prompted_tools.with_prompted_format(request), asked


def _without_strict(request: ChatRequest) -> ChatRequest:
    tools = tuple(replace(tool, strict=None) for tool in request.tools)
    wanted = replace(request.response_format, strict=None) if request.response_format else None
    return replace(request, tools=tools, response_format=wanted)


def adjusted(http: HttpRequest, refused: frozenset[str]) -> HttpRequest:
    """A request without the parts that the vendor has refused before."""
    if not refused or not isinstance(http.json, dict):
        return http
    body = dict(http.json)
    if "stream_options" in refused:
        body.pop("stream_options", None)
    for name, other in _OTHER_NAME.items():
        if name in refused and other not in refused and name in body:
            body[other] = body.pop(name)
    return replace(http, json=body)


def refused_part(error: MultiApiError, http: HttpRequest, used: Plan) -> str | None:
    """Which negotiable part of the request a refusal names, if it names one that was sent.

    Gateways report it as `param`, as a code, or only in words; the words are searched for the parameter's own name.
    """
    if not isinstance(error, StatusError) or not isinstance(error, InvalidRequestError) or error.status is None:
        return None
    if not isinstance(http.json, dict):
        return None
    said = f"{error.message} {error.body or ''}"
    for name in _NEGOTIABLE:
        if name not in said and not (name == "response_format" and "json_schema" in said):
            continue
        if name == "response_format" and used.method in {"json_schema", "json_mode"} and "response_format" in http.json:
            if used.asked.response_format is None or used.asked.response_format.method != "auto":
                return None
            return used.method
        if name in http.json and name != "response_format":
            return name
    if used.method == "function_calling" and "tool_choice" in said and used.asked.response_format is None:
        return "function_calling"
    return None


# ------------------------------------------------------------------------------------------------ stop words


def cut_at_stop(response: ChatResponse, stops: Sequence[str]) -> ChatResponse:
    """The answer up to the first stop word."""
    at = _first_stop(response.text, stops)
    return response if at is None else replace(response, text=response.text[:at], finish_reason="stop")


def _first_stop(text: str, stops: Sequence[str]) -> int | None:
    return min((at for stop in stops if stop and (at := text.find(stop)) >= 0), default=None)


class StopFilter:
    """Ends the text of a stream at the first stop word, also where it came in pieces."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._keep = max((len(stop) for stop in self._stops), default=1) - 1
        self._held = ""
        self._stopped = False

    def take(self, deltas: Iterable[ChatDelta]) -> list[ChatDelta]:
        """The deltas up to the stop word; the last one always."""
        shown: list[ChatDelta] = []
        for delta in deltas:
            if delta.text:
                delta = delta._replace(text=self._released(delta.text))
            if delta.response is not None:
                if self._held and not self._stopped:
                    shown.append(ChatDelta(self._held))
                shown.append(delta._replace(response=cut_at_stop(delta.response, self._stops)))
            elif delta != ChatDelta():
                shown.append(delta)
        return shown

    def _released(self, text: str) -> str:
        if self._stopped:
            return ""
        self._held += text
        at = _first_stop(self._held, self._stops)
        if at is not None:
            self._stopped = True
            return self._held[:at]
        safe = len(self._held) - self._keep
        if safe <= 0:
            return ""
        released, self._held = self._held[:safe], self._held[safe:]
        return released
