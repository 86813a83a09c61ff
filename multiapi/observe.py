"""Traces and metrics of every operation as OpenTelemetry, after the semantic conventions for generative AI (`gen_ai.*`).

    import multiapi.observe

    multiapi.observe.instrument()

From then on each operation of this process is a span and counts in the metrics, whether a client, LangChain, LlamaIndex, an agent's
tool or a bulk job asks for it. Needs the extra `otel`. Without this call nothing of OpenTelemetry is imported.

A span has names, numbers and settings. It has no prompts and no responses unless `capture_content` is set, never the contents of files, and
never a key. Requests that are made again are events of the same span.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from multiapi._package import __version__, install
from multiapi.errors import IN_FORCE, MultiApiError, printable
from multiapi.flows.observing import OBSERVING, Observer, Sent, Watch
from multiapi.flows.steps import Target
from multiapi.http.json import dump_json
from multiapi.types.chat import ChatRequest, ChatResponse, Message, TextPart
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.usage import Cost, Usage

try:
    from opentelemetry import metrics, trace
    from opentelemetry.trace import SpanKind, Status, StatusCode
except ImportError as error:
    raise ImportError(f"multiapi.observe needs opentelemetry-api; {install('otel')}") from error

CAPTURE_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The variable that says whether prompts and responses are captured, if `instrument` does not."""

MAX_CONTENT_CHARS = 100_000
"""The most characters of one captured text."""

_NAMES = {"embed": "embeddings"}
"""Operations that the conventions have another name for; an operation that they do not know keeps its own."""

_OUTPUT = {"image": "image", "edit_image": "image", "speech": "speech", "chat": "text"}

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
"""The limits of the buckets that the conventions recommend."""

Attributes = dict[str, Any]


def instrument(*, tracer_provider: Any = None, meter_provider: Any = None, capture_content: bool | None = None) -> None:
    """Write spans and metrics for all operations of this process from now on; a second call replaces what the first one set.

    Args:
        tracer_provider: Of OpenTelemetry; None: the global one.
        meter_provider: Of OpenTelemetry; None: the global one.
        capture_content: Whether spans have the texts of prompts and responses, which may be personal. None: the variable
            `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` decides, and without it they do not.
    """
    if capture_content is None:
        capture_content = os.environ.get(CAPTURE_CONTENT, "").strip().lower() in {
            "true",
            "1",
            "span_only",
            "span_and_event",
        }
    OBSERVING.observer = _Observer(tracer_provider, meter_provider, capture_content)


def uninstrument() -> None:
    """Stop. Operations that are under way finish their spans."""
    OBSERVING.observer = None


class _Observer(Observer):
    """Begins spans."""

    def __init__(self, tracer_provider: Any, meter_provider: Any, capture_content: bool) -> None:
        self.capture_content = capture_content
        self.tracer = trace.get_tracer("multiapi", __version__, tracer_provider)
        meter = metrics.get_meter("multiapi", __version__, meter_provider)

        def histogram(name: str, unit: str, what: str, limits: Sequence[float]) -> Any:
            return meter.create_histogram(name, unit, what, explicit_bucket_boundaries_advisory=limits)

        self.duration = histogram("gen_ai.client.operation.duration", "s", "Duration of an operation.", _SECONDS)
        self.first_chunk = histogram(
            "gen_ai.client.operation.time_to_first_chunk", "s", "Time until the first chunk of a stream.", _SECONDS
        )
        self.tokens = histogram("gen_ai.client.token.usage", "{token}", "Tokens of an operation.", _TOKENS)
        self.cost = meter.create_counter("multiapi.client.cost", "1", "What operations cost, per `multiapi.cost.unit`.")

    def begin(self, target: Target, name: str, request: Any, stream: bool) -> _Watch:
        """Begin the span of an operation."""
        about = _about(target, name, request)
        asked = {**about, **_asked(name, request)}
        if stream:
            asked["gen_ai.request.stream"] = True
        span = self.tracer.start_span(_span_name(about), kind=SpanKind.CLIENT, attributes=asked)
        return _Watch(self, span, about, asked, request)


class _Watch(Watch):
    """Writes the span of one operation."""

    def __init__(self, observer: _Observer, span: Any, about: Attributes, asked: Attributes, request: Any) -> None:
        self._observer = observer
        self._request = request if observer.capture_content and isinstance(request, ChatRequest) else None
        self._span = span
        self._about = about
        self._asked = asked
        self._begun = time.perf_counter()
        self._requests = 0

    def requested(self, before: Sent | None) -> None:
        """Write down a request that is made again."""
        self._requests += 1
        if self._requests > 1:
            told: Attributes = {"http.request.resend_count": self._requests - 1}
            if before is not None and before.status is not None:
                told["http.response.status_code"] = before.status
            if before is not None and before.error is not None:
                told["error.type"] = before.error
            self._span.add_event("multiapi.retry", told)

    def first_chunk(self) -> None:
        """Write down how long the first chunk took."""
        passed = time.perf_counter() - self._begun
        self._span.set_attribute("gen_ai.response.time_to_first_chunk", passed)
        self._observer.first_chunk.record(passed, self._about)

    def ended(self, result: Any) -> None:
        """Write down the result."""
        try:
            self._result(result)
        finally:
            self._end()

    def failed(self, error: BaseException) -> None:
        """Write down the error's class, its status and what it cost; its message may have words of the prompt."""
        kind = type(error).__name__
        self._span.set_status(Status(StatusCode.ERROR))
        self._span.set_attribute("error.type", kind)
        if isinstance(error, MultiApiError):
            status = getattr(error, "status", None)
            if status is not None:
                self._span.set_attribute("http.response.status_code", status)
            self._result(error.partial, error.cost)
        self._about = {**self._about, "error.type": kind}
        self._end()

    def left(self) -> None:
        """Write down that nobody read on."""
        self._span.set_attribute("multiapi.stream.abandoned", True)
        self._end()

    def _end(self) -> None:
        try:
            self._hide_key()
            if self._requests > 1:
                self._span.set_attribute("http.request.resend_count", self._requests - 1)
            if self._request is not None and self._requests:
                self._span.set_attribute("gen_ai.input.messages", _content(map(_message, self._request.messages)))
            self._observer.duration.record(time.perf_counter() - self._begun, self._about)
        finally:
            self._span.end()

    def _hide_key(self) -> None:
        """Take a key out of what was written before it was known, as that of a function; only a mistake brings it there."""
        texts = "\n".join(_texts_of(self._asked))
        if _clean(texts) == texts:
            return
        for about in (self._asked, self._about):
            for name, value in about.items():
                clean = _clean(value)
                if clean != value:
                    about[name] = clean
                    self._span.set_attribute(name, clean)
                    self._span.update_name(_span_name(self._about))

    def _result(self, result: Any, cost: Cost | None = None) -> None:
        told = _told(result)
        model = told.get("gen_ai.response.model")
        if model:
            self._about = {**self._about, "gen_ai.response.model": model}
        usage = getattr(result, "usage", None)
        if isinstance(usage, Usage):
            for kind, count in (("input", usage.input_tokens), ("output", usage.output_tokens)):
                if count is not None:
                    self._observer.tokens.record(count, {**self._about, "gen_ai.token.type": kind})
        cost = cost or getattr(result, "cost", None)
        if isinstance(cost, Cost):
            told |= {"multiapi.cost.amount": float(cost.amount), "multiapi.cost.basis": cost.basis}
            if cost.unit:
                told["multiapi.cost.unit"] = cost.unit
            if cost.amount > Decimal(0):
                named: Attributes = {
                    name: told[name] for name in ("multiapi.cost.unit", "multiapi.cost.basis") if name in told
                }
                self._observer.cost.add(float(cost.amount), {**self._about, **named})
        if self._observer.capture_content and isinstance(result, ChatResponse):
            told["gen_ai.output.messages"] = _content(map(_answer, (result, *result.alternatives)))
        self._span.set_attributes(told)


# ------------------------------------------------------------------------------------ what is written


def _about(target: Target, name: str, request: Any) -> Attributes:
    """What each span and each measurement of an operation has."""
    address = urlsplit(target.base_url)
    about: Attributes = {
        "gen_ai.operation.name": _NAMES.get(name, name),
        "gen_ai.provider.name": target.provider.name,
        "server.address": address.hostname or "",
    }
    if (port := address.port or {"https": 443, "http": 80}.get(address.scheme)) is not None:
        about["server.port"] = port
    model = getattr(request, "model", None)
    if isinstance(model, str) and model:
        about["gen_ai.request.model"] = printable(model, 200)
    return about


def _span_name(about: Attributes) -> str:
    operation, model = about["gen_ai.operation.name"], about.get("gen_ai.request.model")
    return f"{operation} {model}" if model else str(operation)


def _texts_of(asked: Attributes) -> Iterator[str]:
    """What a caller wrote freely."""
    for value in map(asked.get, ("gen_ai.request.model", "gen_ai.request.stop_sequences")):
        if value is not None:
            yield from (value,) if isinstance(value, str) else value


def _clean(value: Any) -> Any:
    """An attribute without the key."""
    if isinstance(value, str):
        return value if IN_FORCE.scrub is None else IN_FORCE.scrub(value, len(value))
    return tuple(map(_clean, value)) if isinstance(value, tuple) else value


def _asked(name: str, request: Any) -> Attributes:
    """The settings of a request that the conventions have names for."""
    asked: Attributes = {}
    if name in _OUTPUT:
        asked["gen_ai.output.type"] = _OUTPUT[name]
    if isinstance(request, ChatRequest):
        if request.response_format is not None:
            asked["gen_ai.output.type"] = "json"
        settings = {
            "temperature": request.temperature,
            "top_p": request.top_p,
            "top_k": request.top_k,
            "max_tokens": request.max_tokens,
            "seed": request.seed,
            "frequency_penalty": request.frequency_penalty,
            "presence_penalty": request.presence_penalty,
            "stop_sequences": None if request.stop is None else tuple(printable(each, 200) for each in request.stop),
            "choice.count": request.n if request.n != 1 else None,
        }
        asked |= {f"gen_ai.request.{each}": value for each, value in settings.items() if value is not None}
    elif isinstance(request, EmbedRequest) and request.dimensions is not None:
        asked["gen_ai.embeddings.dimension.count"] = request.dimensions
    return asked


def _told(result: Any) -> Attributes:
    """What a result says of itself; texts of the provider go through the filter that takes keys out."""
    texts = {
        "gen_ai.response.id": getattr(result, "id", None),
        "gen_ai.response.model": getattr(result, "model", None),
        "multiapi.request.id": getattr(result, "request_id", None),
    }
    told: Attributes = {name: text for name, text in texts.items() if isinstance(text, str) and text}
    if isinstance(result, ChatResponse):
        reasons = [each.finish_reason for each in (result, *result.alternatives) if each.finish_reason]
        if reasons:
            told["gen_ai.response.finish_reasons"] = tuple(reasons)
    whole = " ".join([" ".join(each) if isinstance(each, tuple) else each for each in told.values()])
    if len(whole) > 200 or printable(whole) != whole:  # else there is nothing to take out or to shorten
        told = {name: _shown(each) for name, each in told.items()}
    usage = getattr(result, "usage", None)
    if isinstance(usage, Usage):
        counts = {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cache_read.input_tokens": usage.cached_input_tokens,
            "cache_creation.input_tokens": usage.cache_write_tokens,
            "reasoning.output_tokens": usage.reasoning_tokens,
        }
        told |= {f"gen_ai.usage.{each}": count for each, count in counts.items() if count is not None}
    return told


def _shown(text: str | tuple[str, ...]) -> str | tuple[str, ...]:
    return printable(text, 200) if isinstance(text, str) else tuple([printable(each, 80) for each in text])


def _content(messages: Any) -> str:
    """Messages as JSON text, without a key that may stand in them."""
    text = dump_json(list(messages), str).decode()
    return text if IN_FORCE.scrub is None else IN_FORCE.scrub(text, len(text))


def _message(message: Message) -> Mapping[str, Any]:
    """A message in the form of the conventions; of media only the kind."""
    parts: list[Attributes] = []
    if isinstance(message.content, str):
        if message.role != "tool" and message.content:
            parts.append(_text(message.content))
    else:
        parts = [
            _text(part.text) if isinstance(part, TextPart) else {"type": _kind_of(part)} for part in message.content
        ]
    if message.role == "tool":
        content = message.content if isinstance(message.content, str) else parts
        response = content[:MAX_CONTENT_CHARS] if isinstance(content, str) else content
        parts = [{"type": "tool_call_response", "id": message.tool_call_id, "response": response}]
    parts += [_call(each) for each in message.tool_calls]
    return {"role": message.role, "parts": parts}


def _answer(response: ChatResponse) -> Mapping[str, Any]:
    parts = []
    if response.reasoning is not None and response.reasoning.text:
        parts.append({"type": "reasoning", "content": response.reasoning.text[:MAX_CONTENT_CHARS]})
    if response.text:
        parts.append(_text(response.text))
    parts += [_call(each) for each in response.tool_calls]
    return {"role": "assistant", "parts": parts, "finish_reason": response.finish_reason or ""}


def _text(text: str) -> Attributes:
    return {"type": "text", "content": text[:MAX_CONTENT_CHARS]}


def _call(call: Any) -> Attributes:
    return {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments}


def _kind_of(part: Any) -> str:
    return str(getattr(part, "kind", None) or type(part).__name__)
