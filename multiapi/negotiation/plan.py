"""What is asked of a provider, and what is asked instead once it has refused that: tools, JSON answers, token counts of streams.

A refusal is remembered for exactly what it was about, so that it costs one request and not one per call. Nothing here sends: `plan` says what to send, `refused_part` what a refusal was about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, get_args

from multiapi.errors import InvalidRequestError, MultiApiError, UnsupportedError
from multiapi.formats.apis import api_of
from multiapi.formats.model_facts import thinking_fields
from multiapi.formats.schemas import object_root
from multiapi.formats.unseen_media import with_notes
from multiapi.http.exchange import HttpRequest
from multiapi.negotiation import prompted_tools
from multiapi.negotiation.answer_options import OptionsFilter, decided, has_options, placed
from multiapi.negotiation.call_ids import with_unique_ids
from multiapi.negotiation.json_answers import (
    JsonAnswerFilter,
    RootFilter,
    as_json_answer,
    demands_fields,
    json_text,
    parsed,
    without_root,
)
from multiapi.negotiation.refusals import Refusal, Refusals, digest, refusal_in
from multiapi.negotiation.stop_words import StopFilter, cut_at_stop
from multiapi.negotiation.thoughts import ThoughtFilter, split_thoughts
from multiapi.negotiation.tool_names import NameFilter, ToolNames, renamed
from multiapi.provider import Provider, known_providers, names, unsupported
from multiapi.types.chat import ChatApi, ChatDelta, ChatRequest, ChatResponse, ResponseFormat, StructuredMethod, Tool

__all__ = [
    "DeltaFilter",
    "Plan",
    "Refusals",
    "StopFilter",
    "adjusted",
    "cut_at_stop",
    "plan",
    "refused_part",
    "without_answer",
]


_OTHER_NAME = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}


_CAPABILITY_OF_METHOD = {"json_schema": "structured_output", "json_mode": "json_mode", "function_calling": "tools"}


_JSON_BESIDE_TOOLS = "a JSON form beside tools"


_APIS: tuple[str, ...] = get_args(ChatApi)


_JSON_FORMS = ("json_schema", "json_mode")


class DeltaFilter(Protocol):
    """Changes the deltas of a stream on their way."""

    def take(self, deltas: Iterable[ChatDelta]) -> list[ChatDelta]: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How a chat request is put to one provider.

    Attributes:
        request: What the provider's builder gets.
        asked: What the caller wanted, for reading the response.
        method: The way to structured output that was taken, if any.
        reads_calls: Tool calls are in the text and have to be read back.
        cuts: Stop words to be cut off on our side.
        format: The form of the response that the caller wanted, if any.
        names: The names of tools that had to be changed, and the caller's.
        root: The name under which the wanted value stands, where it had to be put into an object.
        costs_more: The call is known to be charged for once more than its response tells.
        charge: What is held for a stream that has begun, until its end is known; see `multiapi.flows.charges`.
    """

    request: ChatRequest
    asked: ChatRequest
    method: StructuredMethod | None = None
    reads_calls: bool = False
    cuts: tuple[str, ...] = ()
    format: ResponseFormat | None = None
    names: ToolNames | None = None
    root: str | None = None
    costs_more: bool = False
    charge: Any = field(default=None, repr=False, compare=False)

    def read(self, response: ChatResponse) -> ChatResponse:
        """The response as the caller expects it."""
        if self.costs_more or response.reasoning is not None:
            response = self.attributed(response)
        if self.asked.split_thinking:
            response = split_thoughts(response)
        if self.cuts:
            response = cut_at_stop(response, self.cuts)
        if self.reads_calls:
            response = prompted_tools.read_prompted(response, self.asked)
        if self.format is not None and (wanted := self.wanted) is not None:
            response = without_root(as_json_answer(response, wanted), self.root)
        if self.names is not None:
            response = self.names.back(response)
        return decided(response, self.asked) if has_options(self.asked) else response

    def attributed(self, response: ChatResponse) -> ChatResponse:
        """The response, its reasoning under the id that was asked for: providers answer with names of their own, and it goes back to that id.

        A cost that is known to be a part of what is charged says so.
        """
        if self.costs_more and response.cost is not None:
            response = replace(response, cost=response.cost._replace(complete=False))
        if response.reasoning is None:
            return response
        return replace(response, reasoning=response.reasoning._replace(model=self.asked.model))

    @property
    def is_auto(self) -> bool:
        """Whether the way to structured output was ours to choose."""
        return self.format is not None and self.format.method == "auto"

    @property
    def wanted(self) -> ResponseFormat | None:
        """The form of the response if the way to it was ours to choose: its JSON is then the text, whichever way was taken."""
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
            if self.root is not None:
                filters.append(RootFilter(self.root))
        if self.names is not None:
            filters.append(NameFilter(self.names))
        if has_options(self.asked):
            filters.append(OptionsFilter(self.asked))
        return filters


def plan(provider: Provider, request: ChatRequest, refused: frozenset[str]) -> Plan:
    """Choose names that providers take, native or prompted tools, and the way to structured output.

    Raises:
        UnsupportedError: The caller insists on a way that the provider lacks.
    """
    if request.web_search is not None:
        request = with_search(provider, request)
    if request.api != "chat" and (request.api != "auto" or provider.choose_api is not None):
        request = with_api(provider, request)
    if request.prompt_cache is not None:
        request = with_prompt_cache(provider, request)
    if request.think is not None:
        request = with_thinking(provider, request)
    if not refused and request.model not in provider.routers and _is_plain(request):
        return _plan(provider, request, refused)
    request, names = renamed(with_unique_ids(with_notes(provider, placed(request, provider.name))))
    root = None
    wanted = request.response_format
    if wanted is not None and wanted.schema is not None:
        schema, root = object_root(wanted.schema)
        if schema != wanted.schema:
            request = replace(request, response_format=replace(wanted, schema=schema))
    made = _plan(provider, request, refused)
    costs_more = request.model in provider.routers
    if names is None and root is None and not costs_more:
        return made
    return replace(made, names=names, root=root, costs_more=costs_more)


def _is_plain(request: ChatRequest) -> bool:
    """Whether there is nothing to choose: text alone, without tools, calls and a form of the response."""
    if request.tools or request.response_format is not None:
        return False
    for message in request.messages:
        if type(message.content) is not str or message.tool_calls or message.role == "tool":
            return False
    return True


_API_NOUNS = {"responses": ("Responses API", "responses"), "messages": ("Anthropic messages", "messages")}


def with_api(provider: Provider, request: ChatRequest) -> ChatRequest:
    """The request with the protocol that carries it, "chat" being left unsaid.

    Raises:
        InvalidRequestError: A word that is not a protocol.
        UnsupportedError: The provider does not have it; the message names those that have.
    """
    if request.api not in _APIS:
        name = provider.name
        raise InvalidRequestError(f"{name}: api must be one of {', '.join(_APIS)}, not {request.api!r}", provider=name)
    if request.api != "auto" and request.api not in provider.apis:
        raise unsupported(provider.name, *_API_NOUNS[request.api])
    if request.api != "auto" or provider.choose_api is None:
        return request
    api = api_of(provider, request)
    return request if api == "chat" else replace(request, api=api)


def with_search(provider: Provider, request: ChatRequest) -> ChatRequest:
    """The request with `web_search` in the words of the provider and the model.

    Raises:
        UnsupportedError: The provider or the model has no search.
    """
    if provider.searching is not None:
        return provider.searching(request)
    if request.web_search is False:
        return replace(request, web_search=None)
    raise unsupported(provider.name, "web search in chat", "web_search")


def with_prompt_cache(provider: Provider, request: ChatRequest) -> ChatRequest:
    """The request with `prompt_cache` as the provider's own field; what `extra` says of that wins.

    Raises:
        InvalidRequestError: Something else than a switch.
        UnsupportedError: The provider has no such field, or none in this protocol.
    """
    wanted, field = request.prompt_cache, provider.prompt_cache_field
    if not isinstance(wanted, bool):
        raise InvalidRequestError(
            f"{provider.name}: prompt_cache must be True or False, not {wanted!r}", provider=provider.name
        )
    if field is None:
        having = [other.name for other in known_providers().values() if other.prompt_cache_field is not None]
        raise unsupported(
            provider.name,
            "setting prompt_cache",
            hint=f"{names(having)} {'has' if len(having) == 1 else 'have'}; leave it out, or mark parts of messages with cache_control",
        )
    if (api := api_of(provider, request)) != "chat":
        raise unsupported(provider.name, f"setting prompt_cache by api={api!r}", hint="use api='chat'")
    return replace(request, prompt_cache=None, extra={field: wanted, **request.extra})


def scope_of(provider: Provider, request: ChatRequest) -> str:
    """What a refusal is remembered for: the model, and the protocol if it is not chat completions."""
    api = api_of(provider, request)
    return request.model if api == "chat" else f"{api}:{request.model}"


THINK = ("less", "off")


def with_thinking(provider: Provider, request: ChatRequest) -> ChatRequest:
    """The request with `think` in the words of the provider and the model.

    Raises:
        InvalidRequestError: Another word, or the same is said by `reasoning_effort` or `reasoning` as well.
    """
    name = provider.name
    if request.think not in THINK:
        raise InvalidRequestError(
            f"{name}: think must be one of {', '.join(THINK)}, not {request.think!r}", provider=name
        )
    other = "reasoning_effort" if request.reasoning_effort is not None else "reasoning"
    if request.reasoning_effort is not None or "reasoning" in request.extra or "reasoning_effort" in request.extra:
        raise InvalidRequestError(f"{name}: set think or {other}, not both", provider=name)
    if request.api == "messages":
        thinking = {"type": "disabled"} if request.think == "off" else {"type": "enabled", "budget_tokens": 1024}
        return replace(request, think=None, extra={"thinking": thinking, **request.extra})
    fields = dict(thinking_fields(name, request.model, request.think))
    effort = fields.pop("reasoning_effort", None)
    return replace(request, think=None, reasoning_effort=effort, extra={**fields, **request.extra})


def _plan(provider: Provider, request: ChatRequest, refused: frozenset[str]) -> Plan:
    asked = request
    cuts: tuple[str, ...] = ()
    if request.stop and (provider.cuts_stop or request.api == "responses"):
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
    in_words: ResponseFormat | None = None  # the form, if it is asked for beside prompted tools or their results
    if wanted is not None:
        method = _method(provider, request, wanted, refused, prompted=prompted)
        if prompted and (request.tools or _has_tool_history(provider, request)):
            in_words = wanted if method == "prompted" or (method == "json_mode" and wanted.method == "auto") else None
        if in_words is None:
            request, asked = _with_method(provider, request, asked, wanted, method)
    if "parallel_tool_calls" in refused and request.parallel_tool_calls is not None:
        request = replace(request, parallel_tool_calls=None)
    if "strict" in refused:
        request = _without_strict(request)
    elif any(tool.strict for tool in request.tools) and f"strict#{digest_of_tools(request.tools)}" in refused:
        request = replace(request, tools=tuple(replace(tool, strict=None) for tool in request.tools))
    if not prompted:
        request = _without_compulsion(request, refused)
    if prompted and (request.tools or _has_tool_history(provider, request)):
        told = prompted_tools.with_prompted_tools(request, in_words)
        if in_words is not None and method == "json_mode":
            told = replace(told, response_format=replace(in_words, method="json_mode"))
        return Plan(told, asked, method, bool(request.tools), cuts, wanted)
    return Plan(request, asked, method, cuts=cuts, format=wanted)


def _has_tool_history(provider: Provider, request: ChatRequest) -> bool:
    if provider.native_tools and request.tool_calling != "prompted":
        return False
    return any(message.role == "tool" or message.tool_calls for message in request.messages)


def _method(
    provider: Provider, request: ChatRequest, wanted: ResponseFormat, refused: frozenset[str], *, prompted: bool
) -> StructuredMethod:
    if request.api == "messages":
        return _method_of_messages(provider, request, wanted, refused, prompted=prompted)
    if wanted.method != "auto":
        if wanted.method in {"prompted", "function_calling"} or wanted.method in provider.structured:
            return wanted.method
        raise unsupported(
            provider.name, wanted.method, _CAPABILITY_OF_METHOD[wanted.method], hint="method 'auto' asks in the prompt"
        )
    if prompted and request.tools:
        # A form that the provider enforces would keep the model from writing calls.
        return "prompted"
    mark = f"#{digest(wanted.schema)}" if any("#" in part for part in refused) else None
    for method in provider.structured_for(request.model):
        if method in refused or (mark is not None and method + mark in refused):
            continue
        if method in _JSON_FORMS and request.tools and _JSON_BESIDE_TOOLS in refused:
            continue
        if wanted.schema is None and method in {"json_schema", "function_calling"}:
            continue
        if method == "function_calling" and (request.tools or prompted):
            continue
        return method
    return "prompted"


def _method_of_messages(
    provider: Provider, request: ChatRequest, wanted: ResponseFormat, refused: frozenset[str], *, prompted: bool
) -> StructuredMethod:
    """The protocol has no field for the form of a response: a tool has its schema, or the prompt."""
    if wanted.method in {"prompted", "function_calling"}:
        return wanted.method
    if wanted.method != "auto":
        raise UnsupportedError(
            f"{provider.name}: the Messages protocol has no {wanted.method}; use function_calling, prompted or auto",
            provider=provider.name,
        )
    is_free = not prompted and not request.tools and wanted.schema is not None and "function_calling" not in refused
    return "function_calling" if is_free and f"function_calling#{digest(wanted.schema)}" not in refused else "prompted"


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


def _without_compulsion(request: ChatRequest, refused: frozenset[str]) -> ChatRequest:
    """Tools without the choice that was refused: where a call was demanded, that is said in one sentence."""
    if ("tool_choice" not in refused and "tool_choice:auto" not in refused) or not request.tools:
        return request
    choice = request.tool_choice
    if choice == "none" and "tool_choice" in refused:
        return replace(request, tools=(), tool_choice=None, parallel_tool_calls=None)
    if choice not in {None, "auto"} and "tool_choice" in refused:
        what = "one of the tools" if choice == "required" else f"the tool {choice}"
        messages = prompted_tools.with_instructions(request.messages, f"Answer by calling {what}.")
        request, choice = replace(request, messages=messages, tool_choice="auto"), "auto"
    return replace(request, tool_choice=None) if choice == "auto" and "tool_choice:auto" in refused else request


def _without_strict(request: ChatRequest) -> ChatRequest:
    tools = tuple(replace(tool, strict=None) for tool in request.tools)
    wanted = replace(request.response_format, strict=None) if request.response_format else None
    return replace(request, tools=tools, response_format=wanted)


def adjusted(http: HttpRequest, refused: frozenset[str]) -> HttpRequest:
    """A request without the parts that the provider has refused before."""
    if not refused or not isinstance(http.json, dict):
        return http
    body = dict(http.json)
    for name in ("stream_options", "parallel_tool_calls"):
        if name in refused:
            body.pop(name, None)
    for name, other in _OTHER_NAME.items():
        if name in refused and other not in refused and name in body:
            body[other] = body.pop(name)
    return replace(http, json=body)


def refused_part(error: MultiApiError, http: HttpRequest, used: Plan) -> str | None:
    """Which part of the request is to be left out or said otherwise after a refusal; None if that is for the caller to decide.

    See `multiapi.negotiation.refusals` for how that is found out, and `plan` for what becomes of it.
    """
    found = refusal_in(error, http.json)
    if found is None:
        return None
    body: dict[str, Any] = http.json
    own_method = used.method if used.is_auto else None
    if found.is_schema:
        return _refused_schema(found, used, own_method)
    parts = found.parts
    if "response_format" in parts and parts & {"tools", "tool_choice"} and used.asked.tools:
        return _JSON_BESIDE_TOOLS if own_method in _JSON_FORMS else None
    for part in ("parallel_tool_calls", "stream_options", "max_tokens", "max_completion_tokens", "strict"):
        if part in parts:
            return part
    if "tool_choice" in parts and own_method != "function_calling":
        return "tool_choice:auto" if body.get("tool_choice") == "auto" else "tool_choice"
    if "response_format" in parts:
        return own_method if own_method in _JSON_FORMS else None
    return own_method if own_method == "function_calling" else None


def _refused_schema(found: Refusal, used: Plan, own_method: StructuredMethod | None) -> str | None:
    """A refused schema is refused alone: other schemas of the model are asked for as before."""
    if own_method in _JSON_FORMS and "response_format" in found.parts and used.format is not None:
        return f"{own_method}#{digest(used.format.schema)}"
    if own_method == "function_calling" and used.format is not None and "tools" in found.parts:
        return f"function_calling#{digest(used.format.schema)}"
    tools = [tool for tool in used.request.tools if tool.strict]
    if "tools" in found.parts and tools:
        return f"strict#{digest_of_tools(used.request.tools)}"
    return None


def digest_of_tools(tools: Sequence[Tool]) -> str:
    """A set of tools, in a few characters."""
    return digest([[tool.name, tool.parameters, tool.raw] for tool in tools])


def without_answer(response: ChatResponse, used: Plan) -> str | None:
    """The way to structured output that gave nothing although it was taken, as after a refusal; None if all is well.

    Only a way that was chosen here, a response that ended by itself and is "" or {}, and a schema that does not allow that.
    """
    method, wanted = used.method, used.format
    if not used.is_auto or method in {None, "prompted"} or wanted is None:
        return None
    if response.refusal or response.finish_reason not in {"stop", "tool_calls", "end_turn"}:
        return None
    calls = [call for call in response.tool_calls if call.name == wanted.name]
    if method == "function_calling":
        if response.invalid_tool_calls or (response.tool_calls and not calls):
            return None
        given = calls[0].arguments if calls else json_text(response.text) or ""
    elif response.tool_calls or response.invalid_tool_calls:
        return None
    else:
        given = response.text
    given = given.strip()
    if given and given != "{}" and parsed(given) != {}:
        return None
    return method if not given or demands_fields(wanted.schema) else None
