"""Cases 29 to 41: a 200 that is no answer, and answers that are not quite what was documented."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from multiapi.errors import (
    AuthenticationError,
    InsufficientCreditsError,
    InvalidRequestError,
    MultiApiError,
    RateLimitError,
    ResponseFormatError,
    ServerError,
    StatusError,
)
from tests.reliability.bodies import chat_body, good_for
from tests.reliability.hostile_server import HostileServer, answer, head_bytes, raw
from tests.reliability.ways import (
    CHAT,
    TEXT,
    VENDORS,
    Way,
    every_stream,
    every_vendor,
    every_way,
    every_whole_way,
)


@every_way
@pytest.mark.parametrize(
    ("code", "word", "kind"),
    [
        (401, "AuthError", AuthenticationError),
        (402, "InsufficientBalance", InsufficientCreditsError),
        (400, "ValidationError", InvalidRequestError),
        (500, "ProcessingError", ServerError),
    ],
)
def test_case_029_bineric_200_without_success(way: Way, code: int, word: str, kind: type[StatusError]) -> None:
    body = {"success": False, "request_id": "r-1", "error": {"type": word, "message": "WORDS", "code": code}}
    with HostileServer(answer(body)) as server:
        error = way.ask(server.url, "bineric", max_retries=0).failed(kind)
    assert "WORDS" in str(error)
    assert error.request_id == "r-1"
    assert error.inside_success or way.is_stream


def test_case_029_bineric_without_a_code_goes_by_its_word() -> None:
    for word, kind in (
        ("AuthError", AuthenticationError),
        ("InsufficientBalance", InsufficientCreditsError),
        ("x", ServerError),
    ):
        with HostileServer(answer({"success": False, "error": {"type": word, "message": "m"}})) as server:
            CHAT.ask(server.url, "bineric", max_retries=0).failed(kind)


ERRORS_INSIDE: list[tuple[Any, type[MultiApiError]]] = [
    ({"error": {"message": "WORDS", "code": 429}}, RateLimitError),
    ({"error": {"message": "WORDS"}, "choices": None}, ServerError),
    ({"error": {"message": "WORDS"}, "choices": []}, ServerError),
    (
        {"error": {"message": "WORDS", "type": "invalid_request_error"}, "choices": [{"message": {"content": "x"}}]},
        InvalidRequestError,
    ),
    ({"error": "WORDS"}, ServerError),
    ({"choices": [{"error": {"message": "WORDS", "code": 402}, "message": {"content": ""}}]}, InsufficientCreditsError),
    ({"object": "error", "message": "WORDS", "code": "invalid_api_key"}, AuthenticationError),
    ({"success": False, "message": "WORDS"}, ServerError),
    ({"statusCode": 401, "message": "WORDS"}, AuthenticationError),
    ({"statusCode": "429", "message": "WORDS"}, RateLimitError),
]


@every_vendor
@every_whole_way
@pytest.mark.parametrize(("body", "kind"), ERRORS_INSIDE)
def test_case_030_an_error_inside(way: Way, vendor: str, body: Any, kind: type[MultiApiError]) -> None:
    with HostileServer(answer(body)) as server:
        error = way.ask(server.url, vendor, max_retries=0).failed(kind)
    assert "WORDS" in str(error)
    assert server.count == 1


@every_whole_way
def test_case_030_busy_inside_of_a_success_is_repeated_for_chat(way: Way) -> None:
    for code in (429, 500):
        with HostileServer(answer({"error": {"message": "busy", "code": code}}), good_for(way)) as server:
            assert way.ask(server.url).good().text == TEXT
        assert server.count == 2


SHAPELESS: list[Any] = [
    {"id": "FIELD"},
    {"FIELD": 1, "choices": None},
    {"FIELD": 1, "choices": []},
    {"FIELD": 1, "choices": "text"},
    {"FIELD": 1, "choices": {}},
    {"FIELD": 1, "choices": 7},
    {"FIELD": 1, "choices": [None]},
    {"FIELD": 1, "choices": ["x", 3]},
    {"choices": [{"FIELD": 1, "message": None}]},
    {"choices": [{"FIELD": 1, "message": "text"}]},
    {"choices": [{"FIELD": 1}]},
]


@every_vendor
@every_whole_way
@pytest.mark.parametrize("body", SHAPELESS)
def test_case_031_without_choices(way: Way, vendor: str, body: Any) -> None:
    with HostileServer(answer(body)) as server:
        error = way.ask(server.url, vendor).failed(ResponseFormatError)
    assert "FIELD" in str(error) or "id" in str(error)
    assert error.status == 200
    assert not error.retryable
    assert server.count == 1


@every_whole_way
@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ("", ""),
        ([], ""),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
        (["a", "b"], "ab"),
        ([{"type": "text", "text": None}, None, 3, {"type": "text", "text": "b"}], "b"),
        ([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "b"}], "b"),
    ],
)
def test_case_032_content(way: Way, content: Any, text: str) -> None:
    with HostileServer(answer(chat_body(content))) as server:
        outcome = way.ask(server.url).good()
    assert outcome.text == text


NO_JSON = [
    (b"<html><body>please log in</body></html>", "text/html"),
    (b"", "application/json"),
    (b"", None),
    (b"   ", "application/json"),
    (b"null", "application/json"),
    (b"[]", "application/json"),
    (b"[{}]", "application/json"),
    (b"3", "application/json"),
    (b'"text"', "application/json"),
    (b"true", "application/json"),
    (b'{"choices": [{"message": {"content": "half', "application/json"),
    (b"{}", "application/json"),
    (b"{} {}", "application/json"),
    (b"data: x", "text/plain"),
]


@every_vendor
@every_way
@pytest.mark.parametrize(("body", "type"), NO_JSON)
def test_case_033_no_answer_at_all(way: Way, vendor: str, body: bytes, type: str | None) -> None:
    with HostileServer(answer(body, type=type)) as server:
        error = way.ask(server.url, vendor).failed(ResponseFormatError)
    assert error.status == 200
    assert server.count == 1
    assert "<" not in (error.body or "")


@every_way
def test_case_033_204(way: Way) -> None:
    with HostileServer(answer(status=204)) as server:
        error = way.ask(server.url).failed(ResponseFormatError)
    assert error.status == 204
    assert server.count == 1


@every_whole_way
@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (None, None),
        ({}, None),
        ([], None),
        ("many", None),
        (7, None),
        ({"prompt_tokens": None, "completion_tokens": None}, None),
        ({"prompt_tokens": "3", "completion_tokens": "5"}, (3, 5)),
        ({"prompt_tokens": 3.0, "completion_tokens": 5.0}, (3, 5)),
        ({"prompt_tokens": "three", "completion_tokens": {}, "total_tokens": []}, None),
        (
            {
                "prompt_tokens": 3,
                "completion_tokens": 5,
                "prompt_tokens_details": "x",
                "completion_tokens_details": [1],
            },
            (3, 5),
        ),
        ({"prompt_tokens": 1e400, "completion_tokens": -1}, None),
        ({"prompt_tokens": True, "completion_tokens": False}, None),
        ({"input_tokens": 3, "output_tokens": 5}, (3, 5)),
    ],
)
def test_case_034_usage(way: Way, usage: Any, counts: tuple[int, int] | None) -> None:
    body = chat_body()
    body["usage"] = usage
    text = json.dumps(body).replace("Infinity", "1e400")
    with HostileServer(answer(text)) as server:
        outcome = way.ask(server.url).good()
    assert outcome.text == TEXT
    if counts is not None:
        assert outcome.usage == counts


def test_case_034_missing() -> None:
    body = chat_body()
    del body["usage"]
    with HostileServer(answer(body)) as server:
        assert CHAT.ask(server.url).good().usage is None


def changed(**changes: Any) -> dict[str, Any]:
    body = chat_body()
    for name, value in changes.items():
        body[name] = value
    return body


ODD_FIELDS = [
    {"choices": [{"message": {"content": TEXT}}]},
    changed(id=None, created=None, model=None, object=None),
    changed(id=7, created="now", model=["m"], object={}),
    changed(choices=[{"index": None, "message": {"role": None, "content": TEXT}, "finish_reason": None}]),
    changed(choices=[{"index": "0", "message": {"role": 3, "content": TEXT}, "finish_reason": "because"}]),
    changed(choices=[{"message": {"content": TEXT, "new": {"a": [1]}}, "finish_reason": {"x": 1}, "what": "x"}]),
    changed(
        choices=[
            {
                "message": {
                    "content": TEXT,
                    "tool_calls": None,
                    "function_call": None,
                    "refusal": None,
                    "annotations": None,
                }
            }
        ]
    ),
    changed(
        choices=[{"message": {"content": TEXT, "tool_calls": [], "images": {}, "audio": [], "reasoning_details": "x"}}]
    ),
    changed(choices=[{"message": {"content": TEXT}, "logprobs": "x"}]),
    changed(choices=[{"message": {"content": TEXT}, "logprobs": {"content": None}}]),
    changed(
        system_fingerprint=3, service_tier=[], citations="x", search_results=[None, 3, {"url": 4}], meta="x", binobox=3
    ),
    changed(error=None, success=True, message=None),
    changed(error="", errors=[]),
]


@every_whole_way
@pytest.mark.parametrize("body", ODD_FIELDS)
def test_case_035_fields_that_are_missing_null_or_odd(way: Way, body: Any) -> None:
    with HostileServer(answer(body)) as server:
        assert way.ask(server.url).good().text == TEXT


@every_way
@pytest.mark.parametrize("code", [200, 201, 202, 203, 299])
def test_case_035_other_successes(way: Way, code: int) -> None:
    with HostileServer(answer(chat_body(), status=code)) as server:
        assert way.ask(server.url).good().text == TEXT


@every_way
def test_case_035_early_hints_many_and_odd_headers_and_cookies(way: Way) -> None:
    body = json.dumps(chat_body()).encode()
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    headers = [(f"x-header-{number}", "v" * 50) for number in range(90)]
    headers += [
        ("set-cookie", "sid=abc; Path=/"),
        ("set-cookie", "b=2"),
        ("x-odd", "caf\u00e9 \u0663"),
        ("X-Empty", ""),
    ]
    headers += [("content-length", str(len(body))), ("content-type", "application/json")]
    play = raw(hints + head_bytes(200, headers) + body, then="keep")
    with HostileServer(play) as server:
        assert way.ask(server.url).good().text == TEXT
        assert way.ask(server.url).good().text == TEXT
    assert all("cookie" not in request.headers for request in server.requests)


def test_case_035_no_cookie_with_a_client_of_the_users() -> None:
    import httpx

    with HostileServer(answer(chat_body(), headers={"set-cookie": "sid=abc; Path=/"})) as server, httpx.Client() as own:
        CHAT.ask(server.url, http_client=own).good()
        CHAT.ask(server.url, http_client=own).good()
    assert all("cookie" not in request.headers for request in server.requests)


@every_whole_way
@pytest.mark.parametrize(
    "body",
    [
        '{"choices": null, "choices": [{"message": {"content": "a"}}]}',
        '{"choices": [{"message": {"content": "b"}}], "choices": null}',
        '{"choices": [{"message": {"content": "a", "content": "b"}}]}',
    ],
)
def test_case_036_duplicate_keys(way: Way, body: str) -> None:
    found = []
    for _ in range(3):
        with HostileServer(answer(body)) as server:
            outcome = way.ask(server.url)
        assert outcome.error is None or isinstance(outcome.error, ResponseFormatError)
        found.append((outcome.text, type(outcome.error)))
    assert len(set(found)) == 1


DEEP = [
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b'{"choices": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"choices": [{"message": {"content": "x", "y": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}]}",
    b"[" * 100_000,
    b'{"choices": [{"message": {"content": "good"}}], "n": ' + b"9" * 10_000 + b"}",
    b'{"choices": [{"message": {"content": "good"}}], "created": -' + b"9" * 10_000 + b"}",
    b'{"choices": [{"message": {"content": "good"}}], "created": NaN, "usage": {"prompt_tokens": Infinity}}',
    b'{"choices": [{"message": {"content": "good"}}], "usage": {"prompt_tokens": 1e999999, "completion_tokens": -1e999999}}',
    b'{"choices": [{"message": {"content": "good"}}], "usage": {"cost": 1e-999999, "total_tokens": 99999999999999999999999}}',
    b'{"choices": [{"message": {"content": "good"}}], "usage": {"cost": "1e999999999999"}}',
]


@every_vendor
@every_way
@pytest.mark.parametrize("body", DEEP, ids=range(len(DEEP)))
def test_case_037_deep_json_and_numbers(way: Way, vendor: str, body: bytes) -> None:
    with HostileServer(answer(body)) as server:
        outcome = way.ask(server.url, vendor)
    if outcome.error is None:
        assert outcome.text == "good"
    else:
        assert isinstance(outcome.error, ResponseFormatError)
    assert server.count == 1


def deep_arguments(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@every_way
@pytest.mark.parametrize("depth", [100, 5_000, 100_000])
def test_case_037_deep_tool_arguments(way: Way, depth: int) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": deep_arguments(depth)}}
    with HostileServer(answer(chat_body(None, tool_calls=[call]))) as server:
        outcome = way.ask(server.url, tools=True)
    assert outcome.error is None or isinstance(outcome.error, ResponseFormatError)
    if depth == 100:
        assert len(outcome.good().calls) == 1


@every_whole_way
@pytest.mark.parametrize(
    ("body", "type"),
    [
        (b"\xef\xbb\xbf" + json.dumps(chat_body()).encode(), "application/json"),
        (json.dumps(chat_body()).encode("utf-16"), "application/json"),
        (json.dumps(chat_body(), ensure_ascii=False).encode(), "application/json; charset=latin-1"),
        (json.dumps(chat_body(), ensure_ascii=False).encode(), "application/json; charset=hex"),
        (json.dumps(chat_body()).encode(), "text/plain"),
        (json.dumps(chat_body()).encode(), "text/html"),
        (json.dumps(chat_body()).encode(), None),
    ],
)
def test_case_038_labels_and_marks(way: Way, body: bytes, type: str | None) -> None:
    with HostileServer(answer(body, type=type)) as server:
        assert way.ask(server.url).good().text == TEXT


@every_whole_way
@pytest.mark.parametrize(
    "text",
    [
        b"caf\xe9",
        b"\xff\xfe",
        b"\xc3",
        b"\xed\xa0\x80",
        b"line\nbreak",
        b"tab\there",
        b"nul\x00",
        b"\x1b[31m",
        b"\xf8\x88\x80\x80\x80",
    ],
)
def test_case_038_bytes_that_are_no_utf8_and_raw_controls(way: Way, text: bytes) -> None:
    body = b'{"choices": [{"message": {"content": "it is ' + text + b' here"}}]}'
    with HostileServer(answer(body)) as server:
        outcome = way.ask(server.url)
    if outcome.error is None:
        assert outcome.text.startswith("it is ")
        assert outcome.text.endswith(" here")
        outcome.text.encode()
    else:
        assert isinstance(outcome.error, ResponseFormatError)


@every_way
@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r"nul \u0000 esc \u001b bell \u0007", "nul \x00 esc \x1b bell \x07"),
        (r"bidi \u202e and \u2066", "bidi \u202e and \u2066"),
        (r"half \ud83d alone", "half \ufffd alone"),
        (r"other half \udc00", "other half \ufffd"),
        (r"whole \ud83d\ude00", "whole \U0001f600"),
        (r"wrong order \ude00\ud83d!", "wrong order \ufffd\ufffd!"),
        (r"separators \u2028 \u2029 \u0085", "separators \u2028 \u2029 \u0085"),
    ],
)
def test_case_039_text_that_is_hard_to_carry(way: Way, written: str, text: str) -> None:
    body = '{"choices": [{"message": {"content": "%s"}, "finish_reason": "stop"}]}' % written
    with HostileServer(answer(body)) as server:
        outcome = way.ask(server.url).good()
    assert outcome.text == text
    assert outcome.text.encode().decode() == text


def with_calls(*calls: Any) -> dict[str, Any]:
    return chat_body(None, tool_calls=list(calls))


def call(arguments: Any = '{"city": "Oslo"}', **fields: Any) -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": arguments}, **fields}


OSLO = [("get_weather", {"city": "Oslo"})]
CALLS: list[tuple[Any, Any]] = [
    (call({"city": "Oslo"}), OSLO),
    (call('{"city": "Oslo"}', id=None), OSLO),
    (call('{"city": "Oslo"}', id=""), OSLO),
    (call('{"city": "Oslo"}', id=7, type=None, index=None), OSLO),
    (call(""), [("get_weather", {})]),
    (call(None), [("get_weather", {})]),
    (call("null"), [("get_weather", {})]),
    (call({}), [("get_weather", {})]),
    (call('"{\\"city\\": \\"Oslo\\"}"'), OSLO),
    (call('  {"city": "Oslo"}\n'), OSLO),
    ({"id": "c1", "name": "get_weather", "arguments": '{"city": "Oslo"}'}, OSLO),
    (call('{"city": "Osl'), "invalid"),
    (call("Oslo"), "invalid"),
    (call("[1]"), "invalid"),
    (call('{"a": NaN}'), "invalid"),
    (call([1]), "invalid"),
    (call(3), "invalid"),
    ({"id": "c1", "function": {"arguments": "{}"}}, "invalid"),
]


@every_whole_way
@pytest.mark.parametrize(("given", "expected"), CALLS)
def test_case_040_tool_calls(way: Way, given: Any, expected: Any) -> None:
    with HostileServer(answer(with_calls(given))) as server:
        outcome = way.ask(server.url, tools=True).good()
    if expected != "invalid":
        assert outcome.calls == expected
        assert not outcome.invalid_calls
        return
    assert len(outcome.calls) + len(outcome.invalid_calls) == 1, "the call was dropped without a trace"
    assert all(name == "" for name, _ in outcome.calls), "LlamaIndex has no other place for a call that names no tool"


@every_whole_way
def test_case_040_ids_are_there_and_differ(way: Way) -> None:
    with HostileServer(answer(with_calls(call(id=None), call(id=None), call(id="c9")))) as server:
        outcome = way.ask(server.url, tools=True).good()
    assert len(outcome.calls) == 3


SERIALIZED = {
    "lc": 1,
    "type": "secret",
    "id": ["AIMLAPI_API_KEY"],
}


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
def test_case_041_answers_shaped_like_serialized_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    from langchain_core.load import dumps, loads

    from langchain_multiapi import ChatMultiApi

    monkeypatch.setenv("AIMLAPI_API_KEY", "sk-MARKED-secret-of-the-environment")
    body = chat_body(
        [{"type": "text", "text": "x", "lc": 1}, {"type": "lc", **SERIALIZED}],
        tool_calls=[{"id": "c", "function": {"name": "get_weather", "arguments": json.dumps({"a": SERIALIZED})}}],
        annotations=[
            {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "t", **SERIALIZED}}
        ],
        reasoning_details=[SERIALIZED],
        extra=SERIALIZED,
    )
    body["usage"] = {"prompt_tokens": 1, "completion_tokens": 1, **SERIALIZED}
    body["system_fingerprint"] = SERIALIZED
    with HostileServer(answer(body)) as server:
        message: Any = ChatMultiApi(provider="aimlapi", model="m", base_url=server.url).invoke("hi")
    text = dumps(message)
    assert "MARKED" not in text
    try:
        again = loads(text, secrets_from_env=True, allowed_objects="all")
    except (ValueError, NotImplementedError) as error:
        assert "MARKED" not in str(error)
    else:
        assert "MARKED" not in repr(again)
        assert "MARKED" not in dumps(again)
    assert "MARKED" not in repr(message)


def test_case_041_and_in_llamaindex(monkeypatch: pytest.MonkeyPatch) -> None:
    from llama_index.core.llms import ChatResponse

    monkeypatch.setenv("AIMLAPI_API_KEY", "sk-MARKED-secret-of-the-environment")
    body = chat_body("text", extra=SERIALIZED, class_name="ChatMessage")
    from llamaindex_multiapi import MultiApiLLM

    with HostileServer(answer(body)) as server:
        response = MultiApiLLM(provider="aimlapi", model="m", base_url=server.url).chat(
            [__import__("llama_index.core.llms", fromlist=["ChatMessage"]).ChatMessage(content="hi")]
        )
    assert isinstance(response, ChatResponse)
    assert "MARKED" not in response.model_dump_json()


def test_nothing_but_our_errors_for_any_json_value() -> None:
    for vendor in VENDORS:
        for value in (
            0,
            -1.5,
            "x",
            [],
            [[]],
            {"choices": [[]]},
            {"response": 3},
            {"response": None},
            {"response": {}},
            {"": ""},
        ):
            with HostileServer(answer(orjson.dumps(value))) as server:
                CHAT.ask(server.url, vendor).failed(ResponseFormatError)


@every_stream
def test_case_033_streams_of_a_single_json_text(way: Way) -> None:
    with HostileServer(answer(b"null", type="text/event-stream")) as server:
        way.ask(server.url).failed(ResponseFormatError)
