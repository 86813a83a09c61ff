"""What real servers behind one API key do, as data: each case is an answer and what a chat model must make of it.

The cases know no integration. `Subject` makes the models that are tried, so that the same cases run against other packages in
`benchmarks/hostile_answers.py`; for that they need langchain-core and the standard library only.
"""

from __future__ import annotations

import base64
import json
import pickle
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
)
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from .server import Answer, Asked, HostileServer


class Subject(Protocol):
    """A package that is tried: makes a chat model and, if it has them, embeddings that call an address."""

    name: str

    def model(self, address: str, **settings: Any) -> Any: ...

    def embeddings(self, address: str, **settings: Any) -> Any: ...


class NotThereError(Exception):
    """The package has no such thing; the case does not count."""


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        kind: What it is about: answers, streams, tools, reasoning, errors, requests, embeddings, care.
        about: What is expected, in a few words.
        check: Tries it; whatever it raises is a failure.
    """

    name: str
    kind: str
    about: str
    check: Callable[[Subject], None]


CASES: list[Case] = []


def case(kind: str, about: str) -> Callable[[Callable[[Subject], None]], Callable[[Subject], None]]:
    def keep(check: Callable[[Subject], None]) -> Callable[[Subject], None]:
        CASES.append(Case(check.__name__, kind, about, check))
        return check

    return keep


# ------------------------------------------------------------------------------------------------ answers


def body(message: dict[str, Any] | None = None, *, finish_reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "hello"} if message is None else {"role": "assistant", **message},
        "finish_reason": finish_reason,
    }
    counts = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    answer = {
        "id": "gen-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "m-1",
        "system_fingerprint": "fp",
        "choices": [choice],
        "usage": counts,
    }
    return {name: value for name, value in {**answer, **more}.items() if value is not ABSENT}


ABSENT: Any = object()


def delta(content: str | None = None, *, finish_reason: str | None = None, **fields: Any) -> dict[str, Any]:
    inner = {"role": "assistant", **({} if content is None else {"content": content}), **fields}
    return {
        "id": "gen-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "m-1",
        "system_fingerprint": "fp",
        "choices": [{"index": 0, "delta": inner, "finish_reason": finish_reason}],
    }


def usage(inputs: int = 5, outputs: int = 7, **more: Any) -> dict[str, Any]:
    counts = {"prompt_tokens": inputs, "completion_tokens": outputs, "total_tokens": inputs + outputs, **more}
    return {**delta(), "choices": [], "usage": counts}


def call(
    index: int | None = 0, id: str | None = None, name: str | None = None, arguments: Any = ABSENT
) -> dict[str, Any]:
    function: dict[str, Any] = {}
    if name is not None:
        function["name"] = name
    if arguments is not ABSENT:
        function["arguments"] = arguments
    piece: dict[str, Any] = {"type": "function", "function": function}
    if index is not None:
        piece["index"] = index
    if id is not None:
        piece["id"] = id
    return piece


def reply(value: Any, status: int = 200, content_type: str = "application/json", **headers: str) -> Answer:
    content = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return status, {"content-type": content_type, **named}, [content], 0.0


def stream(*events: Any, done: bytes = b"data: [DONE]\n\n", pause_s: float = 0.0) -> Answer:
    """Events, each in a packet of its own; bytes stand for themselves."""
    pieces = [event if isinstance(event, bytes) else sse(event) for event in events]
    return 200, {"content-type": "text/event-stream"}, [*pieces, done], pause_s


def sse(event: Any) -> bytes:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


class Talk:
    """A subject in front of a server that gives these answers, the last one again and again."""

    def __init__(self, subject: Subject, server: HostileServer) -> None:
        self._subject = subject
        self.server = server

    def model(self, **settings: Any) -> Any:
        return self._subject.model(self.server.address, **settings)

    def embeddings(self, **settings: Any) -> Any:
        return self._subject.embeddings(self.server.address, **settings)

    def invoke(self, asked: Any = "hello", **settings: Any) -> Any:
        return self.model(**settings).invoke(asked)

    def stream(self, asked: Any = "hello", **settings: Any) -> Any:
        return joined(self.model(**settings).stream(asked))

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.body) for request in self.server.requests if request.body]


@contextmanager
def talking(subject: Subject, *answers: Answer | Callable[[Asked], Answer]) -> Iterator[Talk]:
    left = list(answers)

    def answer(asked: Asked) -> Answer:
        given = left.pop(0) if len(left) > 1 else left[0]
        return given(asked) if callable(given) else given

    with HostileServer(answer) as server:
        yield Talk(subject, server)


def joined(chunks: Any) -> Any:
    chunks = list(chunks)
    total = chunks[0]
    for chunk in chunks[1:]:
        total = total + chunk
    return total


def blocks(message: Any) -> list[dict[str, Any]]:
    return [{key: value for key, value in block.items() if key != "index"} for block in message.content_blocks]


def kinds(message: Any) -> list[str]:
    return [block["type"] for block in message.content_blocks]


def holds(value: Any, wanted: Any) -> bool:
    """Whether something stands anywhere inside of a value."""
    if isinstance(value, dict):
        return any(holds(inner, wanted) for inner in value.values())
    if isinstance(value, (list, tuple)):
        return any(holds(inner, wanted) for inner in value)
    if isinstance(wanted, float):
        try:
            return abs(float(value) - wanted) < 1e-12
        except (TypeError, ValueError):
            return False
    return bool(value == wanted)


def everything(message: Any) -> dict[str, Any]:
    return {
        "metadata": message.response_metadata,
        "kwargs": message.additional_kwargs,
        "usage": dict(message.usage_metadata or {}),
        "content": message.content_blocks,
    }


def raises(kind: type[BaseException] | tuple[type[BaseException], ...], attempt: Callable[[], Any]) -> BaseException:
    try:
        found = attempt()
    except NotThereError:
        raise
    except kind as error:
        return error
    raise AssertionError(f"no error, but {found!r}"[:300])


def calls_of(message: Any) -> list[tuple[str, Any]]:
    assert not message.invalid_tool_calls, message.invalid_tool_calls
    ids = [found["id"] for found in message.tool_calls]
    assert all(ids), f"ids {ids}"
    assert len(set(ids)) == len(ids), f"ids {ids}"
    return [(found["name"], found["args"]) for found in message.tool_calls]


# ================================================================================================ answers


@case("answers", "content null without calls is an empty text")
def content_null(subject: Subject) -> None:
    with talking(subject, reply(body({"content": None}))) as talk:
        assert talk.invoke().text == ""


@case("answers", "content as a list of parts is text")
def content_as_parts(subject: Subject) -> None:
    parts = [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]
    with talking(subject, reply(body({"content": parts}))) as talk:
        assert talk.invoke().text == "hello"


@case("answers", "a lean answer without id, created and fingerprint is an answer")
def lean_answer(subject: Subject) -> None:
    lean = body(id=ABSENT, object=ABSENT, created=ABSENT, system_fingerprint=ABSENT)
    with talking(subject, reply(lean)) as talk:
        assert talk.invoke().text == "hello"


@case("answers", "a missing system_fingerprint is fine in a stream")
def stream_without_fingerprint(subject: Subject) -> None:
    event = {key: value for key, value in delta("hello", finish_reason="stop").items() if key != "system_fingerprint"}
    with talking(subject, stream(event)) as talk:
        assert talk.stream().text == "hello"


@case("answers", "fields of odd types do no harm")
def odd_types(subject: Subject) -> None:
    odd = body(created="2026-11-20T10:00:00Z", system_fingerprint=7, service_tier={"name": "x"}, id=12345)
    with talking(subject, reply(odd)) as talk:
        assert talk.invoke().text == "hello"


@case("answers", "an unknown finish_reason is passed on")
def unknown_finish_reason(subject: Subject) -> None:
    with talking(subject, reply(body(finish_reason="eos_token"))) as talk:
        assert talk.invoke().response_metadata["finish_reason"] == "eos_token"


@case("answers", "JSON with a byte order mark is JSON")
def byte_order_mark(subject: Subject) -> None:
    with talking(subject, reply(b"\xef\xbb\xbf" + json.dumps(body()).encode())) as talk:
        assert talk.invoke().text == "hello"


@case("answers", "JSON labelled text/plain is JSON")
def wrong_label(subject: Subject) -> None:
    with talking(subject, reply(body(), content_type="text/plain")) as talk:
        assert talk.invoke().text == "hello"


@case("answers", "usage null leaves the counts unknown")
def usage_null(subject: Subject) -> None:
    with talking(subject, reply(body(usage=None))) as talk:
        assert talk.invoke().text == "hello"


@case("answers", "token counts with a point become whole numbers")
def usage_floats(subject: Subject) -> None:
    counts = {"prompt_tokens": 5.0, "completion_tokens": 7.0, "total_tokens": 12.0}
    with talking(subject, reply(body(usage=counts))) as talk:
        told = talk.invoke().usage_metadata
        assert (told["input_tokens"], told["output_tokens"]) == (5, 7)
        assert all(type(count) is int for count in told.values() if not isinstance(count, dict))


@case("answers", "details of usage that are null do no harm")
def usage_details_null(subject: Subject) -> None:
    counts = {
        "prompt_tokens": 5,
        "completion_tokens": 7,
        "total_tokens": 12,
        "prompt_tokens_details": None,
        "completion_tokens_details": {"reasoning_tokens": None},
    }
    with talking(subject, reply(body(usage=counts))) as talk:
        assert talk.invoke().usage_metadata["total_tokens"] == 12


@case("answers", "cached and reasoning tokens are told")
def usage_details(subject: Subject) -> None:
    counts = {
        "prompt_tokens": 5,
        "completion_tokens": 7,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    with talking(subject, reply(body(usage=counts))) as talk:
        told = talk.invoke().usage_metadata
        assert told["input_token_details"]["cache_read"] == 3
        assert told["output_token_details"]["reasoning"] == 2


@case("answers", "tokens of sound are told")
def usage_audio(subject: Subject) -> None:
    counts = {
        "prompt_tokens": 5,
        "completion_tokens": 7,
        "total_tokens": 12,
        "prompt_tokens_details": {"audio_tokens": 3},
        "completion_tokens_details": {"audio_tokens": 2},
    }
    with talking(subject, reply(body(usage=counts))) as talk:
        told = talk.invoke().usage_metadata
        assert told["input_token_details"].get("audio") == 3
        assert told["output_token_details"].get("audio") == 2


@case("answers", "what the call cost is kept")
def cost_in_usage(subject: Subject) -> None:
    counts = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12, "cost": 0.00123}
    with talking(subject, reply(body(usage=counts))) as talk:
        message = talk.invoke()
        assert holds(everything(message), 0.00123)


@case("answers", "citations in annotations become citations")
def citations(subject: Subject) -> None:
    annotation = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}
    with talking(subject, reply(body({"content": "hello", "annotations": [annotation]}))) as talk:
        assert holds(talk.invoke().content_blocks, "https://a.example")


@case("answers", "a list of sources beside the answer becomes citations")
def sources_beside(subject: Subject) -> None:
    with talking(subject, reply(body(citations=["https://a.example"]))) as talk:
        assert holds(talk.invoke().content_blocks, "https://a.example")


@case("answers", "a picture in the answer is an image block")
def picture(subject: Subject) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}
    with talking(subject, reply(body({"content": "here", "images": [image]}))) as talk:
        assert "image" in kinds(talk.invoke())


@case("answers", "a refusal can be seen")
def refusal(subject: Subject) -> None:
    with talking(subject, reply(body({"content": None, "refusal": "I cannot help with that"}))) as talk:
        assert holds(everything(talk.invoke()), "I cannot help with that")


@case("answers", "the second of two answers is not lost")
def two_answers(subject: Subject) -> None:
    answer = body()
    answer["choices"].append({"index": 1, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"})
    with talking(subject, reply(answer)) as talk:
        result = talk.model().generate([[HumanMessage("hello")]])
        assert [found.text for found in result.generations[0]] == ["hello", "hi"]


# ================================================================================================ streams


@case("streams", "keep-alive comments are passed over")
def comments(subject: Subject) -> None:
    comment = b": OPENROUTER PROCESSING\n\n"
    with talking(subject, stream(comment, delta("hel"), comment, delta("lo", finish_reason="stop"), comment)) as talk:
        assert talk.stream().text == "hello"


@case("streams", "lines may end in CRLF")
def crlf(subject: Subject) -> None:
    events = [sse(delta("hel")), sse(delta("lo", finish_reason="stop"))]
    with talking(
        subject, stream(*(event.replace(b"\n", b"\r\n") for event in events), done=b"data: [DONE]\r\n\r\n")
    ) as talk:
        assert talk.stream().text == "hello"


@case("streams", "data may stand on several lines")
def several_lines(subject: Subject) -> None:
    event = json.dumps(delta("hello", finish_reason="stop"), indent=1)
    lines = "".join(f"data: {line}\n" for line in event.split("\n"))
    with talking(subject, stream(lines.encode() + b"\n")) as talk:
        assert talk.stream().text == "hello"


@case("streams", "a character may be cut by a packet")
def cut_characters(subject: Subject) -> None:
    whole = sse(delta("hällo 你好")) + sse(delta(finish_reason="stop"))
    with talking(subject, stream(*(whole[at : at + 1] for at in range(len(whole))))) as talk:
        assert talk.stream().text == "hällo 你好"


@case("streams", "no space after data: is fine")
def no_space(subject: Subject) -> None:
    events = [sse(event).replace(b"data: ", b"data:") for event in (delta("hello"), delta(finish_reason="stop"))]
    with talking(subject, stream(*events, done=b"data:[DONE]\n\n")) as talk:
        assert talk.stream().text == "hello"


@case("streams", "the closing word may be missing after a finish reason")
def no_done(subject: Subject) -> None:
    with talking(subject, stream(delta("hello"), delta(finish_reason="stop"), done=b"")) as talk:
        assert talk.stream().text == "hello"


@case("streams", "an end before the answer is complete is an error")
def cut_short(subject: Subject) -> None:
    with talking(subject, stream(delta("once upon a"), done=b"")) as talk:
        raises(ModelError, talk.stream)


@case("streams", "no event at all is an error")
def nothing(subject: Subject) -> None:
    with talking(subject, stream(done=b"")) as talk:
        raises(ModelError, talk.stream)


@case("streams", "an event without choices is passed over")
def event_without_choices(subject: Subject) -> None:
    bare = {"id": "gen-1", "object": "chat.completion.chunk", "model": "m-1", "created": 1}
    with talking(subject, stream(bare, delta("hello"), delta(finish_reason="stop"))) as talk:
        assert talk.stream().text == "hello"


@case("streams", "choices null in an event is passed over")
def event_with_null_choices(subject: Subject) -> None:
    with talking(subject, stream({**delta(), "choices": None}, delta("hello"), delta(finish_reason="stop"))) as talk:
        assert talk.stream().text == "hello"


@case("streams", "delta null is passed over")
def null_delta(subject: Subject) -> None:
    empty = {**delta(), "choices": [{"index": 0, "delta": None, "finish_reason": None}]}
    with talking(subject, stream(delta("hello"), empty, delta(finish_reason="stop"))) as talk:
        assert talk.stream().text == "hello"


@case("streams", "a finish reason that comes twice is said once")
def finish_twice(subject: Subject) -> None:
    with talking(subject, stream(delta("hello", finish_reason="stop"), delta("", finish_reason="stop"))) as talk:
        message = talk.stream()
        assert message.response_metadata["finish_reason"] == "stop"
        assert message.response_metadata["model_name"] == "m-1"


@case("streams", "token counts that grow with every event are not added up")
def cumulative_usage(subject: Subject) -> None:
    events = [{**delta("word "), "usage": usage(5, number)["usage"]} for number in range(1, 4)]
    with talking(subject, stream(*events, delta(finish_reason="stop"))) as talk:
        told = talk.stream().usage_metadata
        assert (told["input_tokens"], told["output_tokens"]) == (5, 3)


@case("streams", "token counts that come with the last words are told")
def usage_with_finish(subject: Subject) -> None:
    with talking(subject, stream(delta("hello"), {**delta(finish_reason="stop"), "usage": usage()["usage"]})) as talk:
        assert talk.stream().usage_metadata["total_tokens"] == 12


@case("streams", "a cost that is said twice is kept once")
def cost_twice(subject: Subject) -> None:
    last = usage(cost=0.00123)
    with talking(subject, stream(delta("hello"), delta(finish_reason="stop"), usage(cost=0.0008), last)) as talk:
        message = talk.stream()
        assert holds(everything(message), 0.00123)
        assert message.usage_metadata["total_tokens"] == 12


@case("streams", "invoke and stream say the same of an answer")
def same_metadata(subject: Subject) -> None:
    events = [delta("hel"), delta("lo"), delta(finish_reason="stop"), usage()]
    with talking(subject, reply(body()), stream(*events)) as talk:
        model = talk.model()
        invoked, streamed = model.invoke("hello"), joined(model.stream("hello"))
        assert streamed.response_metadata == invoked.response_metadata
        assert streamed.usage_metadata == invoked.usage_metadata


@case("streams", "a plain JSON answer to a streamed request is an answer")
def json_instead(subject: Subject) -> None:
    with talking(subject, reply(body())) as talk:
        assert talk.stream().text == "hello"


@case("streams", "an event that names itself ping is passed over")
def ping(subject: Subject) -> None:
    with talking(
        subject,
        stream(b"event: ping\ndata: {}\n\n", delta("hello"), b"event: ping\ndata:\n\n", delta(finish_reason="stop")),
    ) as talk:
        assert talk.stream().text == "hello"


@case("streams", "silence with keep-alives ends by a time limit")
def silence(subject: Subject) -> None:
    with talking(
        subject, stream(delta("one"), *[b": keep-alive\n\n"] * 60, delta(finish_reason="stop"), pause_s=0.1)
    ) as talk:
        raises(Exception, lambda: talk.stream(stall_s=0.5))


@case("streams", "a consumer that stops closes the connection")
def stopped_consumer(subject: Subject) -> None:
    with talking(subject, stream(*[delta("word ")] * 200, pause_s=0.02)) as talk:
        chunks = talk.model().stream("hello")
        next(iter(chunks))
        chunks.close()
        deadline = time.monotonic() + 2
        while not talk.server.broken and time.monotonic() < deadline:
            time.sleep(0.02)
        assert talk.server.broken
        assert talk.server.sent < 150


# ================================================================================================ tools


def tool_case(*fragments: dict[str, Any], finish_reason: str = "tool_calls") -> Answer:
    return stream(*(delta(tool_calls=[piece]) for piece in fragments), delta(finish_reason=finish_reason))


@case("tools", "arguments that are an object are taken")
def arguments_object(subject: Subject) -> None:
    with talking(subject, reply(body({"content": None, "tool_calls": [call(0, "c1", "add", {"a": 1})]}))) as talk:
        assert calls_of(talk.invoke()) == [("add", {"a": 1})]


@case("tools", "empty arguments count as none")
def arguments_empty(subject: Subject) -> None:
    with talking(subject, reply(body({"content": None, "tool_calls": [call(0, "c1", "now", "")]}))) as talk:
        assert calls_of(talk.invoke()) == [("now", {})]


@case("tools", "arguments null count as none")
def arguments_null(subject: Subject) -> None:
    with talking(subject, reply(body({"content": None, "tool_calls": [call(0, "c1", "now", None)]}))) as talk:
        assert calls_of(talk.invoke()) == [("now", {})]


@case("tools", "arguments that were encoded twice are read")
def arguments_twice(subject: Subject) -> None:
    twice = json.dumps(json.dumps({"a": 1}))
    with talking(subject, reply(body({"content": None, "tool_calls": [call(0, "c1", "add", twice)]}))) as talk:
        assert calls_of(talk.invoke()) == [("add", {"a": 1})]


@case("tools", "a call without an id gets one")
def call_without_id(subject: Subject) -> None:
    pieces = [call(0, None, "add", '{"a": 1}'), call(1, None, "add", '{"a": 2}')]
    with talking(subject, reply(body({"content": None, "tool_calls": pieces}))) as talk:
        assert calls_of(talk.invoke()) == [("add", {"a": 1}), ("add", {"a": 2})]


@case("tools", "a streamed call without an id gets one")
def streamed_call_without_id(subject: Subject) -> None:
    with talking(subject, tool_case(call(0, None, "add", '{"a"'), call(0, None, None, ": 1}"))) as talk:
        assert calls_of(talk.stream()) == [("add", {"a": 1})]


@case("tools", "fragments without an index are put together")
def no_index(subject: Subject) -> None:
    with talking(
        subject,
        tool_case(call(None, "c1", "add", '{"a"'), call(None, None, None, ": 1}"), call(None, "c2", "now", "{}")),
    ) as talk:
        assert calls_of(talk.stream()) == [("add", {"a": 1}), ("now", {})]


@case("tools", "parallel calls that all say index 0 are told apart")
def same_index(subject: Subject) -> None:
    with talking(subject, tool_case(call(0, "c1", "add", '{"a": 1}'), call(0, "c2", "now", "{}"))) as talk:
        assert calls_of(talk.stream()) == [("add", {"a": 1}), ("now", {})]


@case("tools", "parallel calls on index 0 without ids are told apart")
def same_index_without_ids(subject: Subject) -> None:
    with talking(subject, tool_case(call(0, None, "add", '{"a": 1}'), call(0, None, "now", "{}"))) as talk:
        assert calls_of(talk.stream()) == [("add", {"a": 1}), ("now", {})]


@case("tools", "an empty or made-up id in later fragments changes nothing")
def placeholder_ids(subject: Subject) -> None:
    with talking(
        subject, tool_case(call(0, "c1", "add", ""), call(0, "", None, '{"a"'), call(0, "null", None, ": 1}"))
    ) as talk:
        message = talk.stream()
        assert calls_of(message) == [("add", {"a": 1})]
        assert message.tool_calls[0]["id"] == "c1"


@case("tools", "a new id for every fragment is still one call")
def changing_ids(subject: Subject) -> None:
    with talking(
        subject, tool_case(call(0, "x1", "add", '{"a"'), call(0, "x2", None, ": "), call(0, "x3", None, "1}"))
    ) as talk:
        assert calls_of(talk.stream()) == [("add", {"a": 1})]


@case("tools", "a name that is repeated in every fragment is said once")
def repeated_name(subject: Subject) -> None:
    with talking(subject, tool_case(call(0, "c1", "add", '{"a"'), call(0, "c1", "add", ": 1}"))) as talk:
        assert calls_of(talk.stream()) == [("add", {"a": 1})]


@case("tools", "streamed arguments null count as none")
def streamed_arguments_null(subject: Subject) -> None:
    with talking(subject, tool_case(call(0, "c1", "now", None))) as talk:
        assert calls_of(talk.stream()) == [("now", {})]


@case("tools", "streamed arguments that are an object are taken")
def streamed_arguments_object(subject: Subject) -> None:
    with talking(subject, tool_case(call(0, "c1", "add", {"a": 1}))) as talk:
        assert calls_of(talk.stream()) == [("add", {"a": 1})]


@case("tools", "interleaved fragments of two calls are put together")
def interleaved(subject: Subject) -> None:
    pieces = [
        call(0, "c1", "add", ""),
        call(1, "c2", "add", ""),
        call(0, None, None, '{"a": '),
        call(1, None, None, '{"a": '),
        call(0, None, None, "1}"),
        call(1, None, None, "2}"),
    ]
    with talking(subject, tool_case(*pieces)) as talk:
        assert calls_of(talk.stream()) == [("add", {"a": 1}), ("add", {"a": 2})]


CUT = '{"target": "all", "dry_run'


@case("tools", "a call that was cut off is not carried out")
def truncated(subject: Subject) -> None:
    answer = body({"content": None, "tool_calls": [call(0, "c1", "delete", CUT)]}, finish_reason="length")
    with talking(subject, reply(answer)) as talk:
        message = talk.invoke()
        assert message.tool_calls == []
        assert message.invalid_tool_calls[0]["name"] == "delete"


@case("tools", "a streamed call that was cut off is not carried out")
def streamed_truncated(subject: Subject) -> None:
    with talking(subject, tool_case(call(0, "c1", "delete", CUT), finish_reason="length")) as talk:
        message = talk.stream()
        assert message.tool_calls == []
        assert message.invalid_tool_calls[0]["name"] == "delete"


@case("tools", "a cut that is reported as tool_calls is still a cut")
def disguised_truncated(subject: Subject) -> None:
    with talking(subject, tool_case(call(0, "c1", "delete", CUT))) as talk:
        message = talk.stream()
        assert message.tool_calls == []
        assert message.invalid_tool_calls[0]["name"] == "delete"


@case("tools", "calls that share an id are told apart, and have ids of their own")
def shared_ids(subject: Subject) -> None:
    calls = [call(number, "c0", "look", f'{{"n":{number}}}') for number in range(2)]
    for answer in (reply(body({"content": None, "tool_calls": calls}, finish_reason="tool_calls")), None):
        events = [delta(tool_calls=[each]) for each in calls] + [delta(finish_reason="tool_calls")]
        with talking(subject, answer or stream(*events)) as talk:
            message = talk.invoke() if answer else joined(talk.model().stream("hello"))
            assert calls_of(message) == [("look", {"n": 0}), ("look", {"n": 1})]


@case("tools", "two fragments of one call in one event are one call")
def fragments_in_one_event(subject: Subject) -> None:
    pieces = [call(0, "c1", "look", ""), call(0, arguments='{"n":1}')]
    with talking(subject, stream(delta(tool_calls=pieces), delta(finish_reason="tool_calls"))) as talk:
        assert calls_of(joined(talk.model().stream("hello"))) == [("look", {"n": 1})]


@case("tools", "an empty function_call beside a call is none")
def filler_beside_a_call(subject: Subject) -> None:
    empty = {"function_call": {"name": "", "arguments": ""}}
    event = delta("", tool_calls=[call(0, "c1", "look", '{"n":1}')], **empty)
    with talking(subject, stream(event, delta(finish_reason="tool_calls"))) as talk:
        assert calls_of(joined(talk.model().stream("hello"))) == [("look", {"n": 1})]
    with talking(subject, reply(body({"content": "hello", **empty}))) as talk:
        assert calls_of(talk.invoke()) == []


@case("tools", "an id that comes behind the name is the call's id")
def late_id(subject: Subject) -> None:
    events = [delta(tool_calls=[call(0, None, "look", "")]), delta(tool_calls=[call(0, "c1", arguments='{"n":1}')])]
    with talking(subject, stream(*events, delta(finish_reason="tool_calls"))) as talk:
        message = joined(talk.model().stream("hello"))
        assert calls_of(message) == [("look", {"n": 1})]
        assert message.tool_calls[0]["id"] == "c1"


@case("tools", "a whole number of any size keeps its digits")
def long_integers(subject: Subject) -> None:
    number = 25_000_000_000_000_000_001
    said = call(0, "c1", "pay", f'{{"wei":{number}}}')
    with talking(subject, reply(body({"content": None, "tool_calls": [said]}, finish_reason="tool_calls"))) as talk:
        message = talk.invoke()
        assert calls_of(message) == [("pay", {"wei": number})]
        talk.invoke([HumanMessage("q"), message, ToolMessage("r", tool_call_id=message.tool_calls[0]["id"])])
        assert str(number) in json.dumps(talk.bodies[-1])


@case("tools", "a call that a stream repeats in a whole message at its end is not called twice")
def repeated_at_the_end(subject: Subject) -> None:
    said = call(0, "c1", "look", '{"n":1}')
    last = delta(finish_reason="tool_calls")
    last["choices"][0] = {"index": 0, "message": {"content": "", "tool_calls": [said]}, "finish_reason": "tool_calls"}
    with talking(subject, stream(delta(tool_calls=[said]), last)) as talk:
        assert calls_of(joined(talk.model().stream("hello"))) == [("look", {"n": 1})]


@case("answers", "an empty error beside an answer is none")
def empty_error(subject: Subject) -> None:
    with talking(subject, reply(body(error={"code": "", "message": "", "type": ""}))) as talk:
        assert talk.invoke().text == "hello"


@case("answers", "token counts in the last choice of a stream are told")
def counts_in_the_choice(subject: Subject) -> None:
    last = delta(finish_reason="stop")
    last["choices"][0]["usage"] = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    with talking(subject, stream(delta("hello"), last)) as talk:
        counts = joined(talk.model().stream("hello")).usage_metadata
        assert counts is not None
        assert (counts["input_tokens"], counts["output_tokens"]) == (5, 7)


@case("tools", "text and a call in one v1 stream stay two blocks")
def v1_text_and_call(subject: Subject) -> None:
    events = [
        delta("Let me see."),
        delta(tool_calls=[call(0, "c1", "add", '{"a": 1}')]),
        delta(finish_reason="tool_calls"),
    ]
    with talking(subject, stream(*events)) as talk:
        message = talk.stream(output_version="v1")
        assert kinds(message) == ["text", "tool_call"]
        assert message.content_blocks[0]["text"] == "Let me see."
        assert message.content_blocks[1]["args"] == {"a": 1}


@case("tools", "reasoning, text and two calls stay four blocks in v3 events")
def v3_everything(subject: Subject) -> None:
    events = [
        delta(reasoning_content="hm"),
        delta("Let me see."),
        delta(tool_calls=[call(0, "c1", "add", '{"a": 1}')]),
        delta(tool_calls=[call(1, "c2", "now", "{}")]),
        delta(finish_reason="tool_calls"),
    ]
    with talking(subject, stream(*events)) as talk:
        output = talk.model().stream_events("hello", version="v3").output
        assert kinds(output) == ["reasoning", "text", "tool_call", "tool_call"]


# ================================================================================================ reasoning


@case("reasoning", "reasoning_content is a reasoning block")
def reasoning_content(subject: Subject) -> None:
    with talking(subject, reply(body({"content": "4", "reasoning_content": "2+2"}))) as talk:
        assert blocks(talk.invoke())[0] == {"type": "reasoning", "reasoning": "2+2"}


@case("reasoning", "reasoning is a reasoning block")
def reasoning_field(subject: Subject) -> None:
    with talking(subject, reply(body({"content": "4", "reasoning": "2+2"}))) as talk:
        assert blocks(talk.invoke())[0] == {"type": "reasoning", "reasoning": "2+2"}


@case("reasoning", "streamed reasoning is one reasoning block before the text")
def streamed_reasoning(subject: Subject) -> None:
    events = [delta(reasoning_content="2"), delta(reasoning_content="+2"), delta("4"), delta(finish_reason="stop")]
    with talking(subject, stream(*events)) as talk:
        message = talk.stream()
        assert blocks(message) == [{"type": "reasoning", "reasoning": "2+2"}, {"type": "text", "text": "4"}]


@case("reasoning", "thinking parts inside of content are reasoning")
def thinking_parts(subject: Subject) -> None:
    parts = [{"type": "thinking", "thinking": "2+2", "signature": "s"}, {"type": "text", "text": "4"}]
    with talking(subject, reply(body({"content": parts}))) as talk:
        message = talk.invoke()
        assert message.text == "4"
        assert "reasoning" in kinds(message)


@case("reasoning", "signed reasoning goes back unchanged with the next request")
def signed_reasoning(subject: Subject) -> None:
    base = {"type": "reasoning.text", "index": 0, "format": "anthropic-claude-v1"}
    pieces = [{**base, "text": "2"}, {**base, "text": "+2"}, {**base, "signature": "c2ln"}]
    events = [*(delta(reasoning_details=[piece]) for piece in pieces), delta("4"), delta(finish_reason="stop")]
    with talking(subject, stream(*events), reply(body())) as talk:
        model = talk.model(replays_reasoning=True)
        answer = joined(model.stream("2+2?"))
        model.invoke([HumanMessage("2+2?"), answer, HumanMessage("and 3+3?")])
        assert holds(talk.bodies[1], "c2ln")
        assert holds(talk.bodies[1], "2+2")


# ================================================================================================ errors


@case("errors", "an error inside of a 200 is typed and says what the server said")
def error_in_success(subject: Subject) -> None:
    with talking(subject, reply({"error": {"message": "the upstream is down", "code": 502}})) as talk:
        assert "the upstream is down" in str(raises(ModelError, talk.invoke))


@case("errors", "choices null is a typed error")
def choices_null(subject: Subject) -> None:
    with talking(subject, reply({**body(), "choices": None})) as talk:
        raises(ModelError, talk.invoke)


@case("errors", "no choices is a typed error")
def choices_empty(subject: Subject) -> None:
    with talking(subject, reply({**body(), "choices": []})) as talk:
        raises(ModelError, talk.invoke)


@case("errors", "a page instead of JSON is a typed error")
def html(subject: Subject) -> None:
    with talking(subject, reply(b"<html><body>Welcome</body></html>", content_type="text/html")) as talk:
        raises(ModelError, talk.invoke)


@case("errors", "a page instead of a stream is a typed error")
def html_stream(subject: Subject) -> None:
    with talking(subject, reply(b"<html><body>Welcome</body></html>", content_type="text/html")) as talk:
        raises(ModelError, talk.stream)


@case("errors", "an empty body is a typed error")
def empty_body(subject: Subject) -> None:
    with talking(subject, reply(b"")) as talk:
        raises(ModelError, talk.invoke)


@case("errors", "an error in the middle of a stream is typed and says what the server said")
def error_mid_stream(subject: Subject) -> None:
    with talking(subject, stream(delta("once"), {"error": {"message": "overloaded", "code": 503}}, done=b"")) as talk:
        assert "overloaded" in str(raises(ModelAPIError, talk.stream))


@case("errors", "an error event in the middle of a stream is typed")
def error_event(subject: Subject) -> None:
    event = b'event: error\ndata: {"error": {"message": "overloaded", "type": "overloaded_error"}}\n\n'
    with talking(subject, stream(delta("once"), event, done=b"")) as talk:
        assert "overloaded" in str(raises(ModelError, talk.stream))


STATUSES: Sequence[tuple[int, type[ModelError]]] = (
    (400, ModelInvalidRequestError),
    (401, ModelAuthenticationError),
    (403, ModelPermissionDeniedError),
    (404, ModelNotFoundError),
    (429, ModelRateLimitError),
    (500, ModelAPIError),
)


def status_case(status: int, expected: type[ModelError]) -> Callable[[Subject], None]:
    def check(subject: Subject) -> None:
        with talking(subject, reply({"error": {"message": "no", "code": status}}, status)) as talk:
            raises(expected, talk.invoke)
            raises(expected, talk.stream)

    check.__name__ = f"status_{status}"
    return check


for _status, _expected in STATUSES:
    case("errors", f"{_status} is LangChain's {_expected.__name__}, asked either way")(status_case(_status, _expected))


@case("errors", "402 is typed and not to be retried")
def no_money(subject: Subject) -> None:
    with talking(subject, reply({"error": {"message": "Insufficient credits", "code": 402}}, 402)) as talk:
        error = raises(ModelError, talk.invoke)
        assert not error.is_retryable  # type: ignore[attr-defined]


@case("errors", "the wait that a 429 asks for can be read off the error")
def retry_after(subject: Subject) -> None:
    with talking(subject, reply({"error": {"message": "slow down", "code": 429}}, 429, retry_after="17")) as talk:
        error = raises(Exception, talk.invoke)
        waits = [getattr(error, "retry_after", None), getattr(error, "retry_after_s", None)]
        headers = getattr(getattr(error, "response", None), "headers", None) or getattr(error, "headers", None) or {}
        assert "17" in [str(headers.get("retry-after")), *(f"{wait:g}" for wait in waits if wait is not None)]


def overflow_case(name: str, words: str, **fields: Any) -> None:
    def check(subject: Subject) -> None:
        with talking(subject, reply({"error": {"message": words, "code": 400, **fields}}, 400)) as talk:
            raises(ContextOverflowError, talk.invoke)

    check.__name__ = f"overflow_{name}"
    case("errors", f"a conversation that is too long is known by the words of {name}")(check)


TOO_LONG = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
overflow_case("openai", TOO_LONG, type="invalid_request_error", param="messages", code="context_length_exceeded")
overflow_case("router", TOO_LONG)
overflow_case("anthropic", "prompt is too long: 210000 tokens > 200000 maximum")
overflow_case("google", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).")


@case("errors", "an HTML 502 is a server failure")
def html_502(subject: Subject) -> None:
    with talking(subject, reply(b"<html><h1>502 Bad Gateway</h1></html>", 502, "text/html")) as talk:
        raises(ModelAPIError, talk.invoke)


@case("errors", "at most as many repetitions as were allowed")
def bounded_retries(subject: Subject) -> None:
    with talking(subject, reply({"error": {"message": "down", "code": 503}}, 503)) as talk:
        raises(Exception, lambda: talk.invoke(max_retries=1))
        assert len(talk.server.requests) <= 2


# ================================================================================================ requests


@case("requests", "the name of a message is sent")
def message_name(subject: Subject) -> None:
    with talking(subject, reply(body())) as talk:
        talk.invoke([HumanMessage("hello", name="ada")])
        assert talk.bodies[0]["messages"][0].get("name") == "ada"


@case("requests", "a plain text document is sent as text")
def text_document(subject: Subject) -> None:
    document = {"type": "text-plain", "text": "a fact", "mime_type": "text/plain", "title": "Facts"}
    with talking(subject, reply(body())) as talk:
        talk.invoke([HumanMessage([{"type": "text", "text": "read"}, document])])
        assert "a fact" in json.dumps(talk.bodies[0]["messages"])
        assert "text-plain" not in json.dumps(talk.bodies[0]["messages"])


@case("requests", "an earlier answer with annotations is sent as text alone")
def annotated_history(subject: Subject) -> None:
    block = {
        "type": "text",
        "text": "hi",
        "annotations": [{"type": "citation", "url": "https://a.example"}],
        "index": 0,
    }
    with talking(subject, reply(body())) as talk:
        talk.invoke([HumanMessage("hello"), AIMessage([block]), HumanMessage("and?")])
        sent = talk.bodies[0]["messages"][1]["content"]
        assert sent in ("hi", [{"type": "text", "text": "hi"}]), sent


@case("requests", "a picture that a tool gave reaches the model in a form that servers take")
def picture_of_a_tool(subject: Subject) -> None:
    image = {"type": "image", "base64": "aGVsbG8=", "mime_type": "image/png"}
    history = [
        HumanMessage("draw"),
        AIMessage("", tool_calls=[{"name": "draw", "args": {}, "id": "c1"}]),
        ToolMessage([{"type": "text", "text": "done"}, image], tool_call_id="c1"),
    ]
    with talking(subject, reply(body())) as talk:
        talk.invoke(history)
        for sent in talk.bodies[0]["messages"]:
            if sent["role"] == "tool":
                parts = sent["content"] if isinstance(sent["content"], list) else []
                assert all(part["type"] == "text" for part in parts), "servers take text alone from tools"
        assert "data:image/png;base64,aGVsbG8=" in json.dumps(talk.bodies[0])


@case("requests", "a call that could not be read and was never answered is not sent back")
def unanswered_invalid_call(subject: Subject) -> None:
    invalid = {"name": "add", "args": '{"a": ', "id": "c9", "error": "cut", "type": "invalid_tool_call"}
    with talking(subject, reply(body())) as talk:
        talk.invoke([HumanMessage("hello"), AIMessage("hm", invalid_tool_calls=[invalid]), HumanMessage("and?")])
        assert not talk.bodies[0]["messages"][1].get("tool_calls")


@case("requests", "letters stay letters in the arguments of earlier calls")
def letters(subject: Subject) -> None:
    history = [
        HumanMessage("?"),
        AIMessage("", tool_calls=[{"name": "find", "args": {"name": "你好"}, "id": "c1"}]),
        ToolMessage("x", tool_call_id="c1"),
    ]
    with talking(subject, reply(body())) as talk:
        talk.invoke(history)
        assert "你好" in talk.bodies[0]["messages"][1]["tool_calls"][0]["function"]["arguments"]


@case("requests", "a form that the server ignores is found among the words")
def ignored_form(subject: Subject) -> None:
    schema = {"title": "Sum", "type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    answer = body({"content": 'Sure! Here it is:\n```json\n{"a": 4}\n```'})
    with talking(subject, reply(answer)) as talk:
        assert talk.model().with_structured_output(schema, method="json_schema").invoke("?") == {"a": 4}


@case("requests", "a form that the server refuses is asked for otherwise")
def refused_form(subject: Subject) -> None:
    schema = {"title": "Sum", "type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}

    def answer(asked: Asked) -> Answer:
        sent = json.loads(asked.body)
        if "response_format" in sent:
            return reply({"error": {"message": "response_format is not supported by this model", "code": 400}}, 400)
        if "tools" in sent:
            return reply(body({"content": None, "tool_calls": [call(0, "c1", "Sum", '{"a": 4}')]}))
        return reply(body({"content": '{"a": 4}'}))

    with talking(subject, answer) as talk:
        assert talk.model(max_retries=2).with_structured_output(schema).invoke("?") == {"a": 4}


# ================================================================================================ embeddings


def vectors(*rows: tuple[int, list[float]]) -> Answer:
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in rows]
    return reply({"object": "list", "data": data, "model": "e-1", "usage": {"prompt_tokens": 1, "total_tokens": 1}})


@case("embeddings", "vectors that come out of order are put in order")
def out_of_order(subject: Subject) -> None:
    with talking(subject, vectors((2, [3.0]), (0, [1.0]), (1, [2.0]))) as talk:
        assert talk.embeddings().embed_documents(["a", "b", "c"]) == [[1.0], [2.0], [3.0]]


@case("embeddings", "texts are sent as text and not as numbers")
def texts_as_text(subject: Subject) -> None:
    with talking(subject, vectors((0, [1.0]))) as talk:
        talk.embeddings().embed_documents(["hello"])
        sent = talk.bodies[0]["input"]
        assert sent in ("hello", ["hello"]), sent


@case("embeddings", "base64 vectors are read")
def base64_vectors(subject: Subject) -> None:
    packed = base64.b64encode(array("f", [1.0, 2.0]).tobytes()).decode()
    rows = [{"object": "embedding", "index": 0, "embedding": packed}]
    with talking(subject, reply({"object": "list", "data": rows, "model": "e-1"})) as talk:
        assert talk.embeddings().embed_query("hello") == [1.0, 2.0]


@case("embeddings", "numbers are read although base64 is the usual form")
def float_vectors(subject: Subject) -> None:
    with talking(subject, vectors((0, [1.0, 2.0]))) as talk:
        assert talk.embeddings().embed_query("hello") == [1.0, 2.0]


@case("embeddings", "too few vectors are an error")
def too_few_vectors(subject: Subject) -> None:
    with talking(subject, vectors((0, [1.0]))) as talk:
        raises(Exception, lambda: talk.embeddings().embed_documents(["a", "b"]))


@case("embeddings", "vectors of different lengths are an error")
def different_lengths(subject: Subject) -> None:
    with talking(subject, vectors((0, [1.0]), (1, [1.0, 2.0]))) as talk:
        raises(Exception, lambda: talk.embeddings().embed_documents(["a", "b"]))


@case("embeddings", "a typed error when the server refuses")
def embeddings_error(subject: Subject) -> None:
    with talking(subject, reply({"error": {"message": "no such model", "code": 404}}, 404)) as talk:
        model = talk.embeddings()
        raises(ModelNotFoundError, lambda: model.embed_query("hello"))


# ================================================================================================ care


@case("care", "keys of other services in the environment are not sent")
def foreign_keys(subject: Subject) -> None:
    import os

    names = ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ORGANIZATION")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "foreign-secret"))
    try:
        with talking(subject, reply(body())) as talk:
            try:
                talk.model(api_key=None).invoke("hello")
            except Exception:
                pass
            talk.invoke()
            assert "foreign-secret" not in json.dumps([request.headers for request in talk.server.requests])
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@case("care", "a redirect to another host does not take the key along")
def redirect(subject: Subject) -> None:
    with HostileServer(lambda _: reply(body())) as other:
        to = other.address.replace("127.0.0.1", "localhost")
        with talking(subject, reply({}, 307, location=f"{to}/elsewhere")) as talk:
            try:
                talk.invoke()
            except Exception:
                pass
            assert "test-key" not in json.dumps([request.headers for request in other.requests])


@case("care", "secrets in headers are neither shown nor written out")
def headers_hidden(subject: Subject) -> None:
    with talking(subject, reply(body())) as talk:
        model = talk.model(default_headers={"x-secret": "header-secret"})
        model.invoke("hello")
        assert holds([request.headers for request in talk.server.requests], "header-secret")
        assert "header-secret" not in repr(model) + str(model) + dumps(model)


@case("care", "a model can be pickled, also after it was used")
def pickles(subject: Subject) -> None:
    with talking(subject, reply(body())) as talk:
        model = talk.model()
        model.invoke("hello")
        assert pickle.loads(pickle.dumps(model)).invoke("hello").text == "hello"


@case("care", "connections are used again after a stream")
def kept_connections(subject: Subject) -> None:
    with talking(subject, stream(delta("hello"), delta(finish_reason="stop"))) as talk:
        model = talk.model()
        for _ in range(4):
            joined(model.stream("hello"))
        assert talk.server.connections <= 2
