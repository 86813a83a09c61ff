"""What is done with each row: a row becomes a request, and the response becomes columns."""

from __future__ import annotations

import inspect
import json
import string
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Any

from multiapi.bulk.json_form import from_dict, to_dict
from multiapi.errors import InvalidRequestError, MultiApiError, printable
from multiapi.http.json import dump_json
from multiapi.provider import Provider
from multiapi.providers import find_provider, split_model
from multiapi.types.chat import ChatRequest, ChatResponse, Message, ResponseFormat, Tool
from multiapi.types.embeddings import EmbedRequest, EmbedResponse
from multiapi.types.usage import Cost

MAX_TEXTS = 256
MAX_TEXT_CHARS = 600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A row that is ready to be sent.

    Attributes:
        identity: What tells its request from others, as JSON.
        body_bytes: The size of what is sent, for bounds of costs.
        max_tokens: The most tokens that can come back; None is not known.
    """

    request: Any
    identity: Any
    body_bytes: int = 0
    messages: int = 0
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The response to a row: what is kept of it, and what it cost."""

    columns: Mapping[str, Any]
    cost: Cost | None = None
    usage: Any = None
    request_id: str | None = None


class Task(ABC):
    """One kind of call for every row."""

    provider: Provider
    operation: str
    model: str
    texts_per_call = 1

    @abstractmethod
    def prepare(self, row: Mapping[str, Any]) -> Prepared:
        """Make the request of a row.

        Raises:
            MultiApiError: The row cannot become a request; nothing is sent for it.
        """

    @abstractmethod
    async def call(self, client: Any, requests: Sequence[Any], headers: Mapping[str, str]) -> list[Answered]:
        """Carry out the requests of one call, in their order."""

    def describe(self) -> dict[str, str]:
        """Return what the ledger says of the task."""
        return {"task": self.operation, "model": self.model}


def prepared_row(task: Task, row: Mapping[str, Any]) -> Prepared:
    """Make the request of a row; whatever goes wrong with it is an error of that row and ends no job.

    Raises:
        MultiApiError: The row cannot become a request.
    """
    try:
        return task.prepare(row)
    except MultiApiError:
        raise
    except Exception as error:
        raise InvalidRequestError(
            f"the row cannot become a request: {type(error).__name__}: {printable(str(error), 300)}"
        ) from error


class _Fields(string.Formatter):
    """`str.format` over a row, without access to attributes or items."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:  # noqa: ARG002
        if field_name not in kwargs:
            raise InvalidRequestError(f"the row has no field {printable(field_name, 80)!r}; it has {_named(kwargs)}")
        if kwargs[field_name] is None:
            raise InvalidRequestError(f"the row's field {printable(field_name, 80)!r} is null")
        return kwargs[field_name], field_name


def _named(row: Mapping[str, Any]) -> str:
    return printable(", ".join(map(str, list(row)[:30])), 500) or "none"


def fill(template: str, row: Mapping[str, Any]) -> str:
    """Return a template with the fields of a row in it.

    Raises:
        InvalidRequestError: The row lacks a field.
    """
    try:
        return _Fields().vformat(template, (), row)
    except InvalidRequestError:
        raise
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise InvalidRequestError(f"the template cannot be filled: {printable(str(error), 200)}") from None


def check_template(template: str) -> None:
    """Refuse a template that no row could fill.

    Raises:
        InvalidRequestError: Its braces do not match, or a field is not a plain name.
    """
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise InvalidRequestError(
            f"the prompt is not a valid template: {error}; write {{{{ and }}}} for braces"
        ) from None
    for _, name, _, _ in parts:
        if name is not None and (not name or any(sign in name for sign in ".[]")):
            raise InvalidRequestError(f"the prompt's field {name!r} is not valid; name a column, as in {{text}}")


def _provider_of(model: str, provider: str | Provider | None) -> tuple[Provider, str]:
    return split_model(model, provider)


@dataclass
class Chat(Task):
    """A chat for each row.

        Chat("aimlapi:openai/gpt-4o-mini", prompt="Label as good or bad: {text}", max_tokens=5)

    Args:
        model: With the provider before it, or with `provider`.
        prompt: A template over the row's fields.
        messages: Instead of a prompt: messages with `role` and `content`, whose texts are templates.
        system: A template for instructions in front.
        schema: A pydantic class or a JSON schema of the response, which is then an object.
        tools: Tools that the model may call; the calls are kept, not carried out.
        settings: Further fields of `ChatRequest`.
    """

    model: str
    prompt: str | None = None
    messages: Sequence[Mapping[str, str]] | None = None
    system: str | None = None
    schema: Any = None
    tools: Sequence[Tool] = ()
    provider: Any = None
    settings: dict[str, Any] = field(default_factory=dict)
    operation = "chat"

    def __init__(
        self,
        model: str,
        prompt: str | None = None,
        *,
        messages: Sequence[Mapping[str, str]] | None = None,
        system: str | None = None,
        schema: Any = None,
        tools: Sequence[Tool] = (),
        provider: str | Provider | None = None,
        **settings: Any,
    ) -> None:
        self.provider, self.model = _provider_of(model, provider)
        if (prompt is None) == (messages is None):
            raise InvalidRequestError("Chat takes either prompt=... or messages=[...]")
        self.prompt, self.messages, self.system = prompt, messages, system
        for each in filter(None, [prompt, system, *(str(held.get("content", "")) for held in messages or ())]):
            check_template(each)
        self.schema = schema
        self.tools = tuple(tools)
        known = {"headers"} | set(ChatRequest.__dataclass_fields__) - {
            "model",
            "messages",
            "tools",
            "response_format",
            "headers",
        }
        unknown = sorted(set(settings) - known)
        if unknown:
            raise InvalidRequestError(f"Chat has no setting {unknown[0]!r}; it has {', '.join(sorted(known))}")
        self.settings = settings
        self._format = _response_format(schema)

    def describe(self) -> dict[str, str]:
        """Return what the ledger says of the task."""
        return {"task": "chat", "model": self.model}

    def prepare(self, row: Mapping[str, Any]) -> Prepared:
        """Fill the templates with the row."""
        messages = [Message("system", fill(self.system, row))] if self.system else []
        if self.prompt is not None:
            messages.append(Message("user", fill(self.prompt, row)))
        messages.extend(Message(str(each["role"]), fill(str(each["content"]), row)) for each in self.messages or ())
        if not any(message.text.strip() for message in messages if message.role == "user"):
            raise InvalidRequestError("the row makes an empty message")
        request = ChatRequest(
            model=self.model, messages=messages, tools=self.tools, response_format=self._format, **self.settings
        )
        return prepared_chat(request)

    async def call(self, client: Any, requests: Sequence[Any], headers: Mapping[str, str]) -> list[Answered]:
        """Ask for one chat."""
        return [await _chat(client, requests[0], headers, structured=self.schema is not None)]


def _response_format(schema: Any) -> ResponseFormat | None:
    if schema is None:
        return None
    if isinstance(schema, Mapping):
        return ResponseFormat(schema=dict(schema), name=str(schema.get("title", "answer")))
    made = getattr(schema, "model_json_schema", None)
    if made is None:
        raise InvalidRequestError("schema must be a pydantic class or a JSON schema")
    return ResponseFormat(schema=made(), name=schema.__name__)


def prepared_chat(request: ChatRequest) -> Prepared:
    """Return a chat with what is known of its size."""
    identity = to_dict(with_headers(request, {}) if request.headers else request)
    size = len(dump_json(identity, str))
    return Prepared(
        request=request,
        identity=identity,
        body_bytes=size,
        messages=len(request.messages),
        max_tokens=request.max_tokens,
    )


@cache
def _slots_of(kind: type[Any]) -> tuple[tuple[Callable[[Any, Any], None], ...], Callable[[Any], tuple[Any, ...]]]:
    """Return what sets and what reads all fields of a frozen class with slots."""
    names = tuple(kind.__dataclass_fields__)
    return tuple(getattr(kind, name).__set__ for name in names), attrgetter(*names)


def with_headers(request: ChatRequest, headers: Mapping[str, str]) -> ChatRequest:
    """Return a request with other headers, as `dataclasses.replace` does in ten times the time: a job does it for each row."""
    sets, read = _slots_of(ChatRequest)
    other = object.__new__(ChatRequest)
    for name, set_field, value in zip(ChatRequest.__dataclass_fields__, sets, read(request), strict=True):
        set_field(other, headers if name == "headers" else value)
    return other


async def _chat(client: Any, request: ChatRequest, headers: Mapping[str, str], *, structured: bool) -> Answered:
    response: ChatResponse = await client.chat(
        with_headers(request, {**request.headers, **headers}) if headers else request
    )
    answer: Any = response.text
    if structured:
        from multiapi.negotiation.wanted import read_structured

        answer = read_structured(response, request.response_format)
    columns: dict[str, Any] = {"answer": answer, "finish_reason": response.finish_reason, "model": response.model}
    if response.tool_calls:
        columns["tool_calls"] = [to_dict(call) for call in response.tool_calls]
    return Answered(
        columns=_with_usage(columns, response), cost=response.cost, usage=response.usage, request_id=response.request_id
    )


def _with_usage(columns: dict[str, Any], response: ChatResponse) -> dict[str, Any]:
    if response.usage is not None:
        columns |= {"input_tokens": response.usage.input_tokens, "output_tokens": response.usage.output_tokens}
    return columns


class Embed(Task):
    """A vector for each row; up to 256 texts are sent in one request.

        Embed("aimlapi:text-embedding-3-small", text="text")

    Args:
        text: The column that holds the text.
    """

    operation = "embed"
    texts_per_call = MAX_TEXTS

    def __init__(
        self,
        model: str,
        text: str = "text",
        *,
        dimensions: int | None = None,
        input_type: str | None = None,
        provider: str | Provider | None = None,
    ) -> None:
        self.provider, self.model = _provider_of(model, provider)
        self.text = text
        self._request = EmbedRequest(model=self.model, texts=(), dimensions=dimensions, input_type=input_type)
        self._known = to_dict(self._request)

    def prepare(self, row: Mapping[str, Any]) -> Prepared:
        """Take the text of a row."""
        if self.text not in row:
            raise InvalidRequestError(f"the row has no field {self.text!r}; it has {_named(row)}")
        text = row[self.text]
        if not isinstance(text, str) or not text.strip():
            raise InvalidRequestError(
                "the text is empty" if isinstance(text, str) else f"the text is {type(text).__name__}"
            )
        identity = {**self._known, "text": text}
        return Prepared(
            request=text, identity=identity, body_bytes=len(text.encode("utf-8", "surrogatepass")) + 200, max_tokens=0
        )

    async def call(self, client: Any, requests: Sequence[Any], headers: Mapping[str, str]) -> list[Answered]:
        """Ask for the vectors of several texts in one request."""
        response: EmbedResponse = await client.call(
            "embed", replace(self._request, texts=list(requests), headers=dict(headers))
        )
        sizes = [max(len(text), 1) for text in requests]
        costs = shares(response.cost, sizes)
        return [
            Answered(columns={"vector": vector, "model": response.model}, cost=cost, request_id=response.request_id)
            for vector, cost in zip(response.vectors, costs, strict=True)
        ]


def shares(cost: Cost | None, sizes: Sequence[int]) -> list[Cost | None]:
    """Divide the cost of a request of many texts by their sizes; the remainder goes to the first."""
    if cost is None:
        return [None] * len(sizes)
    total = sum(sizes)
    nano = int(cost.amount * 1_000_000_000)
    parts = [nano * size // total for size in sizes]
    parts[0] += nano - sum(parts)
    return [Cost(Decimal(part) / 1_000_000_000, cost.unit, basis=cost.basis) for part in parts]


class Requests(Task):
    """Rows that are requests already: a line of OpenAI's batch form (`custom_id`, `body`), or a `ChatRequest` in JSON form."""

    operation = "chat"

    def __init__(self, provider: str | Provider) -> None:
        self.provider = find_provider(provider)
        self.model = ""

    def prepare(self, row: Mapping[str, Any]) -> Prepared:
        """Read the request of a row."""
        body = row.get("body", row)
        if not isinstance(body, Mapping):
            raise InvalidRequestError(f"body must be an object, not {type(body).__name__}")
        fields = set(ChatRequest.__dataclass_fields__)
        known = {name: value for name, value in body.items() if name in fields and name != "tools"}
        extra = {
            name: value
            for name, value in body.items()
            if name not in known and name not in {"custom_id", "method", "url"}
        }
        known["messages"] = [_message(each) for each in _listed(body.get("messages"))]
        if "body" not in row:
            extra = {}
        request = replace(from_dict(ChatRequest, {**known, "messages": []}), messages=known["messages"])
        if extra:
            request = replace(request, extra={**request.extra, **extra})
        return prepared_chat(request)

    async def call(self, client: Any, requests: Sequence[Any], headers: Mapping[str, str]) -> list[Answered]:
        """Ask for one chat."""
        return [await _chat(client, requests[0], headers, structured=False)]


def _listed(value: Any) -> Iterable[Any]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise InvalidRequestError("messages must be a list")
    return value


def _message(found: Any) -> Message:
    if not isinstance(found, Mapping) or not isinstance(found.get("role"), str):
        raise InvalidRequestError("a message must be an object with role and content")
    if isinstance(found.get("content"), str):
        return Message(found["role"], found["content"])
    return from_dict(Message, found)


class Function(Task):
    """Your own function for each row: it gets the row, and what it returns is kept as JSON.

    Its calls are not told apart: a row that was under way in a crash is unknown as a whole.

    Args:
        function: Async, or else run in a thread.
        max_cost_per_row: What a row may cost at most, like "0.01 USD"; needed for a budget.
    """

    operation = "function"

    def __init__(
        self,
        function: Callable[[Mapping[str, Any]], Any | Awaitable[Any]],
        *,
        provider: str | Provider,
        name: str | None = None,
        max_cost_per_row: str | None = None,
    ) -> None:
        self.provider = find_provider(provider)
        self.model = name or str(getattr(function, "__qualname__", type(function).__name__))
        self.function = function
        self.max_cost_per_row = max_cost_per_row

    def prepare(self, row: Mapping[str, Any]) -> Prepared:
        """Take the row as it is."""
        identity = {"function": self.model, "row": json.loads(json.dumps(row, default=str))}
        return Prepared(request=dict(row), identity=identity)

    async def call(self, client: Any, requests: Sequence[Any], headers: Mapping[str, str]) -> list[Answered]:  # noqa: ARG002
        """Call the function."""
        import asyncio

        if inspect.iscoroutinefunction(self.function):
            found = await self.function(requests[0])
        else:
            found = await asyncio.to_thread(self.function, requests[0])
            if inspect.isawaitable(found):
                found = await found
        return [Answered(columns={"answer": json.loads(json.dumps(found, default=to_dict))})]
