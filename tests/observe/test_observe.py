"""Every operation is one span and counts in the metrics, whoever calls it; nothing secret is in them, and nothing happens while it is off."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings, MultiApiToolkit
from llamaindex_multiapi import MultiApiLLM
from multiapi import (
    AsyncClient,
    AuthenticationError,
    ChatRequest,
    Client,
    EmbedRequest,
    ImageRequest,
    InvalidRequestError,
    Message,
    NotFoundError,
    ServerError,
    ToolCall,
    observe,
)
from multiapi.flows.observing import OBSERVING
from multiapi.providers import PROVIDERS
from multiapi.simulator import Simulator

KEY = "a-key-that-nobody-may-see-4711"
MODELS = {
    "bineric": "gpt-4",
    "binom_router": "gpt-4o",
    "aimlapi": "openai/gpt-4o",
    "aicredits": "openai/gpt-4o-mini",
    "binobox": "gemini-3.1-flash-lite",
}


class Seen:
    """What was written."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.traces = TracerProvider()
        self.traces.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def span(self) -> ReadableSpan:
        (only,) = self.spans
        return only

    def metrics(self) -> dict[str, list[Any]]:
        data = self.reader.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def text(self) -> str:
        """All of it, as an exporter writes it."""
        data = self.reader.get_metrics_data()
        return "".join(span.to_json() for span in self.spans) + ("" if data is None else data.to_json())


@pytest.fixture
def seen() -> Iterator[Seen]:
    made = Seen()
    observe.instrument(tracer_provider=made.traces, meter_provider=made.meters)
    yield made
    observe.uninstrument()


def request_of(vendor: str, text: str = "Say hello.", **settings: Any) -> ChatRequest:
    return ChatRequest(model=MODELS[vendor], messages=[Message("user", text)], **settings)


def given_key() -> Any:
    """What clients are given as their key."""
    return KEY


def client_of(vendor: str, simulator: Simulator, **settings: Any) -> Client:
    http = httpx.Client(transport=simulator.transport)
    return Client(vendor, api_key=given_key(), base_url=simulator.base_url(vendor), http_client=http, **settings)


def ask(vendor: str, simulator: Simulator, request: ChatRequest, way: str) -> None:
    """Have one answer."""
    if way == "sync":
        client_of(vendor, simulator).chat(request)
    elif way == "stream":
        assert list(client_of(vendor, simulator).chat_stream(request))
    else:
        asyncio.run(_ask(vendor, simulator, request, way))


async def _ask(vendor: str, simulator: Simulator, request: ChatRequest, way: str) -> None:
    async with httpx.AsyncClient(transport=simulator.async_transport) as http:
        client = AsyncClient(vendor, api_key=given_key(), base_url=simulator.base_url(vendor), http_client=http)
        if way == "async":
            await client.chat(request)
        else:
            assert [delta async for delta in client.chat_stream(request)]


WAYS = ["sync", "stream", "async", "astream"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("vendor", PROVIDERS)
def test_a_chat_is_one_span_with_the_attributes_of_the_conventions(
    vendor: str, way: str, simulator: Simulator, seen: Seen
) -> None:
    ask(vendor, simulator, request_of(vendor, max_tokens=50), way)
    span = seen.span()
    told = dict(span.attributes or {})
    assert (span.name, span.kind, span.status.status_code) == (
        f"chat {MODELS[vendor]}",
        SpanKind.CLIENT,
        StatusCode.UNSET,
    )
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == vendor
    assert told["gen_ai.request.model"] == MODELS[vendor]
    assert told["gen_ai.request.max_tokens"] == 50
    assert told["server.address"] == "127.0.0.1"
    assert told["gen_ai.response.model"]
    assert ("gen_ai.response.time_to_first_chunk" in told) == told.get("gen_ai.request.stream", False)
    usages = [name for name in told if name.startswith("gen_ai.usage")]
    points = seen.metrics()
    (duration,) = points["gen_ai.client.operation.duration"]
    assert duration.attributes["gen_ai.request.model"] == MODELS[vendor]
    counted = {
        point.attributes["gen_ai.token.type"]: point.sum for point in points.get("gen_ai.client.token.usage", [])
    }
    assert counted == {
        kind: told[f"gen_ai.usage.{kind}_tokens"]
        for kind in ("input", "output")
        if f"gen_ai.usage.{kind}_tokens" in told
    }
    assert usages or vendor == "binobox"
    for word in ("hello", KEY, "gen_ai.input", "gen_ai.output.messages"):
        assert word not in seen.text()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("api", ["responses", "messages"])
def test_another_api_is_one_span_too(api: Any, way: str, simulator: Simulator, seen: Seen) -> None:
    ask("aimlapi", simulator, request_of("aimlapi", api=api, max_tokens=50), way)
    assert seen.span().name == "chat openai/gpt-4o"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("vendor", PROVIDERS)
def test_a_retry_is_an_event(vendor: str, way: str, simulator: Simulator, seen: Seen, waits: list[float]) -> None:
    simulator.faults.add("status=500", vendor=vendor)
    ask(vendor, simulator, request_of(vendor), way)
    span = seen.span()
    assert [(event.name, dict(event.attributes or {})) for event in span.events] == [
        ("multiapi.retry", {"http.request.resend_count": 1, "http.response.status_code": 500})
    ]
    assert (span.attributes or {})["http.request.resend_count"] == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("vendor", PROVIDERS)
def test_an_error_is_told_by_its_class(
    vendor: str, way: str, simulator: Simulator, seen: Seen, waits: list[float]
) -> None:
    for _ in range(3):
        simulator.faults.add("status=500", vendor=vendor)
    with pytest.raises(ServerError):
        ask(vendor, simulator, request_of(vendor), way)
    span = seen.span()
    told = dict(span.attributes or {})
    assert span.status.status_code == StatusCode.ERROR
    assert (told["error.type"], told["http.response.status_code"]) == ("ServerError", 500)
    (duration,) = seen.metrics()["gen_ai.client.operation.duration"]
    assert duration.attributes["error.type"] == "ServerError"


def test_what_is_refused_before_it_is_sent_is_an_error_too(simulator: Simulator, seen: Seen) -> None:
    with pytest.raises(InvalidRequestError):
        client_of("aimlapi", simulator).chat(request_of("aimlapi", streaming="sometimes", max_tokens=1))  # type: ignore[arg-type]
    assert len(seen.spans) <= 1


def test_a_stream_that_nobody_reads_on_ends_its_span(simulator: Simulator, seen: Seen) -> None:
    stream = client_of("aimlapi", simulator).chat_stream(request_of("aimlapi"))
    next(stream)
    stream.close()
    assert (seen.span().attributes or {})["multiapi.stream.abandoned"] is True


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("vendor", PROVIDERS)
def test_content_is_captured_only_where_it_is_asked_for_and_without_the_key(
    vendor: str, way: str, simulator: Simulator, seen: Seen
) -> None:
    observe.instrument(tracer_provider=seen.traces, meter_provider=seen.meters, capture_content=True)
    ask(vendor, simulator, request_of(vendor, f"Repeat after me: sea {KEY} sea."), way)
    told = dict(seen.span().attributes or {})
    (said,) = json.loads(str(told["gen_ai.input.messages"]))
    assert said["role"] == "user"
    assert said["parts"][0]["content"].startswith("Repeat after me: sea ")
    (answer,) = json.loads(str(told["gen_ai.output.messages"]))
    assert answer["parts"]
    assert KEY not in seen.text()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("is_fixed", [True, False], ids=["a key", "a function of keys"])
@pytest.mark.parametrize("place", ["model", "stop"])
def test_a_key_in_the_wrong_place_is_in_no_span(
    place: str, is_fixed: bool, way: str, simulator: Simulator, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody mixes two arguments up."""
    fields = {"model": f"openai/{KEY}"} if place == "model" else {"stop": [KEY, "b"]}
    request = replace(request_of("aimlapi", max_tokens=20), **fields)  # type: ignore[arg-type]
    if not is_fixed:
        monkeypatch.setattr(sys.modules[__name__], "given_key", lambda: lambda: KEY)
    with suppress(NotFoundError, InvalidRequestError):
        ask("aimlapi", simulator, request, way)
    assert seen.span().name.startswith("chat openai/")
    assert KEY not in seen.text()


class Failing(SpanProcessor):
    """What a program's own processor may do."""

    def __init__(self, place: str) -> None:
        self.place = place

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if self.place == "start":
            raise RuntimeError(KEY)

    def on_end(self, span: Any) -> None:
        if self.place == "end":
            raise RuntimeError(KEY)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", ["start", "end"])
def test_an_answer_is_not_lost_with_its_span(
    place: str, way: str, simulator: Simulator, seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    """What was paid for comes, whatever the tracing fails with; a failure of the provider is its own."""
    seen.traces.add_span_processor(Failing(place))
    ask("aimlapi", simulator, request_of("aimlapi"), way)
    assert "what observes the operations failed: RuntimeError" in caplog.text
    simulator.faults.add("status=401", vendor="aimlapi")
    with pytest.raises(AuthenticationError):
        ask("aimlapi", simulator, request_of("aimlapi"), way)
    assert KEY not in caplog.text


@pytest.mark.parametrize("method", ["requested", "first_chunk", "ended", "failed", "left"])
@pytest.mark.parametrize("way", WAYS)
def test_no_call_of_an_observer_ends_an_operation(
    method: str, way: str, simulator: Simulator, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError(KEY)

    monkeypatch.setattr(observe._Watch, method, fail)
    ask("aimlapi", simulator, request_of("aimlapi"), way)
    simulator.faults.add("status=401", vendor="aimlapi")
    with pytest.raises(AuthenticationError):
        ask("aimlapi", simulator, request_of("aimlapi"), way)
    stream = client_of("aimlapi", simulator).chat_stream(request_of("aimlapi"))
    next(stream)
    stream.close()


ODD = [
    '{"a": 123456789012345678901234567890}',
    "lone \ud800 surrogate",
    {"a": 10**30},
    {1: 2},
    {"a": "\ud800"},
    float("nan"),
]


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_odd_content_is_captured_all_the_same(odd: Any, seen: Seen, simulator: Simulator) -> None:
    observe.instrument(tracer_provider=seen.traces, meter_provider=seen.meters, capture_content=True)
    said = Message("assistant", "\udfff", tool_calls=[ToolCall("1", "f", odd)])
    client = client_of("aimlapi", simulator)
    messages = [Message("user", "\ud800"), said, Message("tool", "x", tool_call_id="1")]
    with suppress(InvalidRequestError):
        client.chat(replace(request_of("aimlapi"), messages=messages))
    assert len(seen.spans) == 1
    assert json.loads(observe._content([observe._message(said)]))


def test_the_variable_of_the_conventions_asks_for_content(
    simulator: Simulator, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(observe.CAPTURE_CONTENT, "true")
    observe.instrument(tracer_provider=seen.traces, meter_provider=seen.meters)
    ask("aimlapi", simulator, request_of("aimlapi"), "sync")
    assert "gen_ai.input.messages" in (seen.span().attributes or {})


def test_each_operation_of_the_core_is_seen(simulator: Simulator, seen: Seen) -> None:
    client = client_of("aimlapi", simulator)
    client.embed(EmbedRequest(model="text-embedding-3-small", texts=["a"], dimensions=64))
    client.image(ImageRequest(model="flux/schnell", prompt="a house"))
    client.balance()
    assert [span.name for span in seen.spans] == ["embeddings text-embedding-3-small", "image flux/schnell", "balance"]
    embedded, drawn, _ = (dict(span.attributes or {}) for span in seen.spans)
    assert embedded["gen_ai.embeddings.dimension.count"] == 64
    assert (drawn["gen_ai.output.type"], drawn["multiapi.cost.unit"], drawn["multiapi.cost.basis"]) == (
        "image",
        "USD",
        "charged",
    )
    (image_cost,) = [
        point.value
        for point in seen.metrics()["multiapi.client.cost"]
        if point.attributes["gen_ai.operation.name"] == "image"
    ]
    assert image_cost == drawn["multiapi.cost.amount"]


def test_both_frameworks_and_tools_are_seen_below_the_span_around_them(simulator: Simulator, seen: Seen) -> None:
    given = {
        "api_key": KEY,
        "base_url": simulator.base_url("aimlapi"),
        "http_client": httpx.Client(transport=simulator.transport),
    }
    tracer = seen.traces.get_tracer("a program")
    with tracer.start_as_current_span("a program"):
        ChatMultiApi(provider="aimlapi", model="openai/gpt-4o", **given).invoke("Say hello.")  # type: ignore[arg-type]
        MultiApiEmbeddings(provider="aimlapi", model="text-embedding-3-small", **given).embed_query("a")  # type: ignore[arg-type]
        MultiApiLLM(provider="aimlapi", model="openai/gpt-4o", **given).complete("Say hello.")  # type: ignore[arg-type]
        kit = MultiApiToolkit(provider="aimlapi", include=["generate_image"], **given)  # type: ignore[arg-type]
        kit.get_tools()[0].invoke({"prompt": "a house"})
    *spans, program = seen.spans
    assert program.context is not None
    names = [span.name.partition(" ")[0] for span in spans]
    assert names == ["chat", "embeddings", "chat", "image"]
    assert {span.parent.span_id for span in spans if span.parent} == {program.context.span_id}


def test_nothing_is_imported_and_nothing_happens_while_it_is_off(simulator: Simulator, seen: Seen) -> None:
    observe.uninstrument()
    assert OBSERVING.observer is None
    ask("aimlapi", simulator, request_of("aimlapi"), "stream")
    assert seen.spans == []
    code = (
        "import sys, multiapi, langchain_multiapi, llamaindex_multiapi; from multiapi import Client, AsyncClient; "
        "Client('aimlapi', api_key='x' * 20); print([name for name in sys.modules if name.startswith('multiapi.observe')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_collector_receives_it(simulator: Simulator) -> None:
    """The exporter of OpenTelemetry, to a receiver on this machine."""
    received: list[ExportTraceServiceRequest] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        traces = TracerProvider()
        endpoint = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
        traces.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint)))
        observe.instrument(tracer_provider=traces, meter_provider=MeterProvider())
        try:
            ask("aicredits", simulator, request_of("aicredits"), "sync")
        finally:
            observe.uninstrument()
            traces.shutdown()
            server.shutdown()
    names = [
        span.name
        for each in received
        for group in each.resource_spans
        for part in group.scope_spans
        for span in part.spans
    ]
    assert names == ["chat openai/gpt-4o-mini"]
