"""Repetition, stepping down and batches, played by hand: a flow holds no clock and no client."""

from __future__ import annotations

import json
from typing import Any

import pytest

from multiapi.errors import (
    ConnectionFailedError,
    EmbeddingBatchError,
    InvalidRequestError,
    MultiApiError,
    RateLimitError,
    RequestTimeoutError,
    ResponseFormatError,
    ServerError,
    StatusError,
)
from multiapi.flows.attempts import call
from multiapi.flows.chat import chat
from multiapi.flows.embeddings import embed
from multiapi.flows.steps import Parallel, Policy, Sleep, Target
from multiapi.http.exchange import HttpRequest, HttpResponse
from multiapi.negotiation.plan import Refusals
from multiapi.provider import Operation, Retry
from multiapi.providers import PROVIDERS
from multiapi.types.chat import ChatRequest, Message, ResponseFormat, Tool
from multiapi.types.embeddings import EmbedRequest

ASK = ChatRequest(model="m", messages=[Message("user", "hi")])
GOOD = HttpResponse(200, {}, b'{"choices":[{"message":{"content":"ok"}}],"response":"ok"}')


def target(name: str = "aimlapi", **policy: Any) -> Target:
    return Target(PROVIDERS[name], "https://x.example", Policy(**policy), Refusals())


def play(flow: Any, *outcomes: Any) -> tuple[list[Any], Any]:
    """Hand the outcomes to a flow; sleeps are granted. Gives the requests and the result or the error."""
    steps: list[Any] = []
    waiting = list(outcomes)
    given: Any = None
    try:
        step = flow.send(None)
        while True:
            steps.append(step)
            if isinstance(step, Sleep):
                step = flow.send(None)
                continue
            given = waiting.pop(0)
            step = flow.throw(given) if isinstance(given, MultiApiError) else flow.send(given)
    except StopIteration as end:
        return steps, end.value
    except MultiApiError as error:
        return steps, error


def requests(steps: list[Any]) -> int:
    return sum(isinstance(step, HttpRequest) for step in steps)


def status(code: int, body: bytes = b"", **headers: str) -> HttpResponse:
    return HttpResponse(code, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def sent_and_lost() -> ConnectionFailedError:
    return ConnectionFailedError("reset", outcome_unknown=True)


@pytest.mark.parametrize(
    ("name", "outcome", "repeats"),
    [
        ("aimlapi", status(429), True),
        ("bineric", status(429), False),
        ("bineric", status(429, retry_after="1"), True),
        ("bineric", status(500), True),
        ("bineric", status(502), True),
        ("aicredits", status(502), True),
        ("aicredits", status(503), False),
        ("aicredits", status(504), True),
        ("binom_router", status(503), True),
        ("binom_router", status(504), True),
        ("binobox", status(500), True),
        *[("aimlapi", status(code), False) for code in (400, 401, 402, 403, 404, 408, 409, 413, 422, 301, 307)],
        ("aimlapi", ConnectionFailedError("refused"), True),
        ("aimlapi", RequestTimeoutError("slow", phase="connect"), True),
        ("aimlapi", RequestTimeoutError("full", phase="pool"), False),
        ("aimlapi", sent_and_lost(), False),
        ("aimlapi", RequestTimeoutError("slow", phase="read", outcome_unknown=True), False),
        ("aimlapi", status(200, b"<html>"), False),
        ("aimlapi", status(200, b'{"error":{"message":"busy","code":429}}'), True),
        ("aimlapi", status(200, b'{"error":{"message":"no","code":400}}'), False),
        ("aimlapi", status(429, x_should_retry="false"), False),
    ],
)
def test_what_is_repeated_in_a_chat(name: str, outcome: Any, repeats: bool) -> None:
    steps, result = play(chat(target(name), ASK), outcome, GOOD)
    assert requests(steps) == (2 if repeats else 1)
    assert (getattr(result, "text", None) == "ok") is repeats
    if not repeats:
        assert isinstance(result, MultiApiError)
        assert not result.retryable
        assert result.not_repeated


@pytest.mark.parametrize(
    ("kind", "outcome", "repeats"),
    [
        (Retry.READ, status(500), True),
        (Retry.READ, sent_and_lost(), True),
        (Retry.READ, status(200, b"<html>"), True),
        (Retry.READ, status(408), True),
        (Retry.MEDIA, status(500), False),
        (Retry.MEDIA, status(429), True),
        (Retry.MEDIA, sent_and_lost(), False),
        (Retry.JOB, status(500), False),
        (Retry.JOB, status(503), False),
        (Retry.JOB, status(503, retry_after="2"), True),
        (Retry.JOB, status(429), True),
        (Retry.JOB, sent_and_lost(), False),
        (Retry.JOB, ConnectionFailedError("refused"), True),
    ],
)
def test_what_is_repeated_in_other_operations(kind: Retry, outcome: Any, repeats: bool) -> None:
    operation = Operation(
        "x", lambda _: HttpRequest("GET" if kind is Retry.READ else "POST", "/x"), lambda r: r.json(provider="x"), kind
    )
    steps, _ = play(call(target(), operation, None), outcome, GOOD)
    assert requests(steps) == (2 if repeats else 1)


def test_at_most_n_plus_one_requests() -> None:
    steps, error = play(chat(target(max_retries=2), ASK), *[status(500)] * 5)
    assert requests(steps) == 3
    assert isinstance(error, ServerError)
    assert error.attempts == 3
    assert requests(play(chat(target(max_retries=0), ASK), status(500))[0]) == 1


def test_waits_grow_and_are_at_least_what_the_vendor_asks() -> None:
    steps, _ = play(chat(target(max_retries=3), ASK), status(500), status(500), status(429, retry_after="7"), GOOD)
    sleeps = [step for step in steps if isinstance(step, Sleep)]
    assert sleeps == [Sleep(0.0, 0.5), Sleep(0.0, 1.0), Sleep(7.0, 7.1)]


def test_a_wait_above_the_cap_is_raised_at_once() -> None:
    steps, error = play(chat(target(), ASK), status(429, retry_after="86400"))
    assert requests(steps) == 1
    assert isinstance(error, RateLimitError)
    assert error.retry_after_s == 86400
    assert "86400 s" in error.not_repeated


def test_no_time_or_no_budget_for_a_wait_raises_the_error() -> None:
    flow = chat(target(), ASK)
    next(flow)
    assert isinstance(flow.send(status(500)), Sleep)
    with pytest.raises(ServerError) as caught:
        flow.send("no time is left of the total limit")
    assert caught.value.not_repeated == "no time is left of the total limit"


def test_unknown_outcomes_are_repeated_only_on_demand() -> None:
    assert requests(play(chat(target(repeat_unknown=True), ASK), sent_and_lost(), GOOD)[0]) == 2


def test_a_redirect_names_the_host_and_is_not_followed() -> None:
    _, error = play(chat(target(), ASK), status(307, location="https://evil.example/x?token=1"))
    assert isinstance(error, StatusError)
    assert "evil.example" in str(error)
    assert "token" not in str(error)


def refusing(word: str) -> HttpResponse:
    return status(400, json.dumps({"message": f"Unknown parameter: '{word}'", "statusCode": 400}).encode())


def test_a_refused_json_schema_is_asked_for_in_another_way_and_remembered() -> None:
    where = target()
    request = ChatRequest(model="m", messages=ASK.messages, response_format=ResponseFormat({"type": "object"}, "thing"))
    called = b'{"choices":[{"message":{"tool_calls":[{"id":"1","function":{"name":"thing","arguments":"{}"}}]}}]}'
    steps, _ = play(chat(where, request), refusing("response_format"), HttpResponse(200, {}, called))
    assert "response_format" in steps[0].json
    assert steps[1].json["tool_choice"] == {"type": "function", "function": {"name": "thing"}}
    assert "response_format" not in steps[1].json
    steps, _ = play(chat(where, request), HttpResponse(200, {}, called))
    assert "tool_choice" in steps[0].json


def test_a_named_method_is_not_replaced() -> None:
    wanted = ResponseFormat({"type": "object"}, method="json_schema")
    request = ChatRequest(model="m", messages=ASK.messages, response_format=wanted)
    steps, error = play(chat(target(), request), refusing("response_format"))
    assert requests(steps) == 1
    assert isinstance(error, InvalidRequestError)


@pytest.mark.parametrize(
    ("changes", "word", "before", "after"),
    [
        ({"max_tokens": 5}, "max_tokens", "max_tokens", "max_completion_tokens"),
        ({"tools": [Tool("f")], "parallel_tool_calls": False}, "parallel_tool_calls", "parallel_tool_calls", None),
    ],
)
def test_other_refused_parameters(changes: dict, word: str, before: str, after: str | None) -> None:
    request = ChatRequest(model="m", messages=ASK.messages, **changes)
    steps, _ = play(chat(target(), request), refusing(word), GOOD)
    assert before in steps[0].json
    assert before not in steps[1].json
    assert after is None or steps[1].json[after] == 5


def vectors(*values: float, indices: list[int] | None = None) -> HttpResponse:
    data = [{"embedding": [v, 1.0], "index": i} for v, i in zip(values, indices or range(len(values)), strict=True)]
    return HttpResponse(200, {}, json.dumps({"data": data, "usage": {"total_tokens": 1}}).encode())


def test_vectors_are_put_in_the_order_of_the_texts() -> None:
    _, result = play(embed(target(), EmbedRequest(model="e", texts=["a", "b"])), vectors(2, 1, indices=[1, 0]))
    assert result.vectors == [[1.0, 1.0], [2.0, 1.0]]


@pytest.mark.parametrize(
    "answer",
    [
        vectors(1),
        vectors(1, 2, 3),
        vectors(1, 2, indices=[0, 0]),
        vectors(1, 2, indices=[0, 5]),
        status(200, b'{"data":[{"embedding":[1,2]},{"embedding":[1]}]}'),
        status(200, b'{"data":[{"embedding":[1,"x"]},{"embedding":[1,2]}]}'),
        status(200, b'{"data":[{"embedding":[true]},{"embedding":[1]}]}'),
        status(200, b'{"data":[{"embedding":[1e999]},{"embedding":[1]}]}'),
        status(200, b'{"data":[{"embedding":"AAA="},{"embedding":"AAAAAA=="}]}'),
        status(200, b'{"data":[{"embedding":"AADAfw=="},{"embedding":"AAAAAA=="}]}'),
        status(200, b'{"data":[null,null]}'),
        status(200, b'{"data":[]}'),
        status(200, b"{}"),
    ],
)
def test_vectors_that_cannot_be_right_are_refused(answer: HttpResponse) -> None:
    _, error = play(embed(target(), EmbedRequest(model="e", texts=["a", "b"])), answer)
    assert isinstance(error, ResponseFormatError)


def test_empty_texts_are_named_before_sending_and_no_texts_need_no_request() -> None:
    steps, error = play(embed(target(), EmbedRequest(model="e", texts=["a", ""])))
    assert (steps, type(error)) == ([], InvalidRequestError)
    assert "text 1 is empty" in str(error)
    assert play(embed(target(), EmbedRequest(model="e", texts=[])))[1].vectors == []


def test_finished_batches_are_on_the_error_of_a_failed_one() -> None:
    flow = embed(target(max_retries=0), EmbedRequest(model="e", texts=["a", "b", "c"], batch_size=1))
    step = flow.send(None)
    assert isinstance(step, Parallel)
    outcomes = [
        play(sub, answer)[1] for sub, answer in zip(step.flows, [vectors(1), status(500), vectors(3)], strict=True)
    ]
    with pytest.raises(EmbeddingBatchError) as caught:
        flow.send(outcomes)
    error = caught.value
    assert error.done == {0: [1.0, 1.0], 2: [3.0, 1.0]}
    assert error.failed_index == 1
    assert (error.status, type(error.__cause__)) == (500, ServerError)


def test_a_refused_batch_is_halved_until_the_text_at_fault_stands_alone() -> None:
    poison = status(400, b'{"message":"bad text","statusCode":400}')
    flow = embed(target(), EmbedRequest(model="e", texts=["a", "b", "c", "d"]))
    steps, error = play(flow, poison, vectors(1, 2), poison, poison, vectors(4))
    assert isinstance(error, EmbeddingBatchError)
    assert error.failed_index == 2
    assert error.done == {0: [1.0, 1.0], 1: [2.0, 1.0], 3: [4.0, 1.0]}
    assert [step.json["input"] for step in steps] == [["a", "b", "c", "d"], ["a", "b"], ["c", "d"], ["c"], ["d"]]
