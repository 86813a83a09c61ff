"""What an error says and which class it is, however it comes: as a status, inside of a success, inside of a stream, wrapped in another."""

from __future__ import annotations

import json
import pickle
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import AsyncClient, ChatRequest, Client, ImageRequest, Message
from multiapi.agent_tools.tool import failure_text
from multiapi.cli.exit_codes import exit_code
from multiapi.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextLengthError,
    InsufficientCreditsError,
    InvalidRequestError,
    MultiApiError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StatusError,
)
from multiapi.formats.openai.answers import read_error
from multiapi.http.exchange import HttpResponse
from multiapi.providers import PROVIDERS
from multiapi.sending.waiting import without_waiting
from tests.contracts import Example, response_examples

ASK = ChatRequest(model="m", messages=[Message("user", "hi")])
WAYS = ("whole", "inside", "event")


class Wire:
    """A provider that always says the same, and how often it was asked."""

    def __init__(self, status: int, body: Any, way: str = "whole", headers: dict[str, str] | None = None) -> None:
        self.status, self.body, self.way, self.headers, self.requests = status, body, way, headers or {}, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if self.way == "event":
            text = f"data: {json.dumps(self.body)}\n\ndata: [DONE]\n\n"
            return httpx.Response(200, text=text, headers={"content-type": "text/event-stream", **self.headers})
        status = 200 if self.way == "inside" else self.status
        return httpx.Response(status, json=self.body, headers=self.headers)

    def client(self, provider: str = "aimlapi", **settings: Any) -> Client:
        return Client(provider, api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(self)), **settings)

    def failure(self, provider: str = "aimlapi", **settings: Any) -> StatusError:
        client = self.client(provider, **settings)
        with without_waiting(), pytest.raises(MultiApiError) as caught:
            if self.way == "event":
                list(client.chat_stream(ASK))
            else:
                client.chat(ASK)
        assert isinstance(caught.value, StatusError)
        return caught.value


CODES: dict[str, type[StatusError]] = {
    "insufficient_quota": InsufficientCreditsError,
    "insufficient_funds": InsufficientCreditsError,
    "insufficient_balance": InsufficientCreditsError,
    "InsufficientBalance": InsufficientCreditsError,
    "INSUFFICIENT_DIAMONDS": InsufficientCreditsError,
    "err_insufficent_credits": InsufficientCreditsError,
    "payment_required": InsufficientCreditsError,
    "rate_limit_exceeded": RateLimitError,
    "rate_limit_error": RateLimitError,
    "RateLimitError": RateLimitError,
    "invalid_api_key": AuthenticationError,
    "authentication_error": AuthenticationError,
    "permission_error": PermissionDeniedError,
    "PaidFeatureError": PermissionDeniedError,
    "model_not_found": NotFoundError,
    "context_length_exceeded": ContextLengthError,
    "guardrail_violation": ContentFilterError,
    "blocked_keyword": ContentFilterError,
    "content_filter": ContentFilterError,
    "content_policy_violation": ContentFilterError,
    "ResponsibleAIPolicyViolation": ContentFilterError,
    "data_inspection_failed": ContentFilterError,
    "moderation_blocked": ContentFilterError,
    "service_unavailable": ServerError,
    "overloaded_error": ServerError,
}
REPEATED = {RateLimitError, ServerError}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [400, 402, 403, 429])
@pytest.mark.parametrize(("code", "cls"), CODES.items())
def test_a_known_code_is_stronger_than_the_status(code: str, cls: type[StatusError], status: int, way: str) -> None:
    fields = {"message": "You exceeded your current quota", "type": "", "code": status, "data": {}}
    place = ("code", "type", "kind")[len(code) % 3]
    fields |= {"data": {"kind": code}} if place == "kind" else {place: code}
    wire = Wire(status, {"error": fields}, way)
    error = wire.failure(max_retries=2)
    assert type(error) is cls
    assert error.code == code
    assert error.status == (status if way == "whole" or place != "code" else error.stands_for or error.status)
    assert wire.requests == (1 if way == "event" or cls not in REPEATED else 3)
    assert error.retryable is (cls in REPEATED)


@pytest.mark.parametrize("code", ["invalid_request_error", "server_error", "upstream_error", "unheard_of", ""])
@pytest.mark.parametrize(
    ("status", "cls"), [(402, InsufficientCreditsError), (401, AuthenticationError), (503, ServerError)]
)
def test_a_word_for_a_whole_family_leaves_the_status_alone(code: str, status: int, cls: type[StatusError]) -> None:
    assert type(Wire(status, {"error": {"message": "x", "code": code}}).failure(max_retries=0)) is cls


@pytest.mark.parametrize("framework", ["core", "acore", "langchain", "llamaindex"])
@pytest.mark.parametrize("code", ["insufficient_quota", "content_filter", "err_insufficent_credits"])
async def test_every_surface_says_the_same(framework: str, code: str) -> None:
    wire = Wire(429, {"error": {"message": "no", "data": {"kind": code}, "details": {"why": "x"}}})
    handler = httpx.MockTransport(wire)
    own = {"http_client": httpx.Client(transport=handler), "http_async_client": httpx.AsyncClient(transport=handler)}
    with without_waiting(), pytest.raises(MultiApiError) as caught:
        if framework == "core":
            wire.client().chat(ASK)
        elif framework == "acore":
            await AsyncClient("aimlapi", api_key="k", http_client=own["http_async_client"]).chat(ASK)
        elif framework == "langchain":
            ChatMultiApi(provider="aimlapi", model="m", api_key="k", **own).invoke("x")
        else:
            MultiApiLLM(provider="aimlapi", model="m", api_key="k", **own).complete("x")
    assert isinstance(caught.value, CODES[code])
    assert (caught.value.code, caught.value.details, wire.requests) == (code, {"why": "x"}, 1)


WRAPPED = {
    "raw text": lambda inner, text: {
        "error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": text}}
    },
    "raw json in text": lambda inner, text: {
        "error": {"message": "Provider returned error", "metadata": {"raw": json.dumps(inner)}}
    },
    "raw object": lambda inner, text: {"error": {"message": "Provider returned error", "metadata": {"raw": inner}}},
    "message is json": lambda inner, text: {"error": {"message": json.dumps(inner)}},
    "json behind words": lambda inner, text: {"message": "400 from upstream: " + json.dumps(inner)},
    "error in error": lambda inner, text: {"error": {"message": "Bad Request", "error": inner["error"]}},
    "details": lambda inner, text: {"error": {"message": "failed", "details": inner}},
    "detail": lambda inner, text: {"detail": {"error": {"error": inner}}},
    "twice": lambda inner, text: {
        "error": {"message": "a", "metadata": {"raw": json.dumps({"error": {"message": json.dumps(inner)}})}}
    },
}
INNER = [
    ("maximum context length is 8192 tokens", "invalid", ContextLengthError),
    ("the account is empty", "insufficient_quota", InsufficientCreditsError),
    ("the input was blocked", "content_policy_violation", ContentFilterError),
    ("the field is wrong", "odd", InvalidRequestError),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wrap", WRAPPED)
@pytest.mark.parametrize(("text", "code", "cls"), INNER)
def test_the_innermost_words_are_told_and_decide(wrap: str, text: str, code: str, cls: type, way: str) -> None:
    inner = {"error": {"message": text, "code": code}}
    if wrap == "raw text" and cls is not ContextLengthError:
        cls = InvalidRequestError  # text alone has no code
    body: dict[str, Any] = {**WRAPPED[wrap](inner, text), "status": 400}
    if way != "whole" and "error" not in body:
        body = {"error": body}
    error = Wire(400, body, way).failure("aicredits", max_retries=0)
    assert type(error) is cls
    assert error.message.endswith(text)
    assert error.message.count(text) == 1


def test_wrapping_has_an_end() -> None:
    body: Any = {"message": "WORDS"}
    for _ in range(400):
        body = {"error": body}
    assert Wire(400, body).failure().status == 400
    assert (
        len(Wire(400, {"errors": [{"message": f"w{i} " + "x" * 500} for i in range(5_000)]}).failure().message) < 2_100
    )


# ------------------------------------------------------------------------------------------------ details of a refusal

DETAILS = [
    ["a must be b", "c is required"],
    [{"msg": "a must be b"}, {"message": "c is required"}],
    "a must be b; c is required",
]


@pytest.mark.parametrize("key", ["message", "detail", "errors", "details"])
@pytest.mark.parametrize("value", DETAILS, ids=["texts", "objects", "text"])
@pytest.mark.parametrize("place", ["top", "under error"])
def test_both_halves_of_a_refusal_are_told(key: str, value: Any, place: str) -> None:
    if place == "top":
        body = {"status": 400, key: value, "error": {"name": "BadRequestException", "message": "Validation failed"}}
    else:
        body = {"status": 400, "message": "Validation failed", "error": {key: value, "name": "BadRequestException"}}
    error = Wire(400, body).failure()
    for words in ("Validation failed", "a must be b", "c is required"):
        assert error.message.count(words) == 1
    if key != "message" or not isinstance(value, str):
        assert error.details == (value if key != "errors" or not isinstance(value, str) else None)


def test_the_words_of_a_list_are_joined() -> None:
    body = {"status": 400, "message": ["a must be b", "c is required"]}
    assert Wire(400, body).failure().message == "a must be b; c is required"
    body["error"] = {"name": "BadRequestException", "message": "Validation failed"}
    assert Wire(400, body).failure().message == "Validation failed: a must be b; c is required"


# ------------------------------------------------------------------------------------------------ AI/ML API

MONEY = [
    {
        "name": "ForbiddenException",
        "message": "You've run out of credits. Please top up.",
        "data": {"kind": "err_insufficent_credits"},
    },
    {"name": "OutOfFundsException", "message": "You've run out of funds.", "data": {"kind": "err_insufficent_credits"}},
    {"message": "", "data": {"kind": "err_insufficent_credits"}},
]


@pytest.mark.parametrize("error", MONEY)
@pytest.mark.parametrize("way", ["chat", "stream", "image"])
def test_an_account_without_money_is_known_by_its_kind(error: dict[str, Any], way: str) -> None:
    wire = Wire(403, {"status": 403, "message": error["message"], "error": error})
    client = wire.client()
    with pytest.raises(InsufficientCreditsError, match="said of this request") as caught:
        if way == "chat":
            client.chat(ASK)
        elif way == "stream":
            list(client.chat_stream(ASK))
        else:
            client.image(ImageRequest(model="flux/schnell", prompt="x"))
    assert (caught.value.code, wire.requests, caught.value.retryable) == ("err_insufficent_credits", 1, False)


@pytest.mark.parametrize("words", ["You've run out of credits", "You've run out of funds.", "Your balance is too low"])
def test_without_a_kind_a_403_that_speaks_of_money_is_for_want_of_it(words: str) -> None:
    assert isinstance(Wire(403, {"statusCode": 403, "message": words}).failure(), InsufficientCreditsError)
    assert type(Wire(403, {"statusCode": 403, "message": "no access"}).failure()) is PermissionDeniedError


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503, 504])
def test_both_forms_of_an_error_are_read_equally(status: int) -> None:
    old = {"requestId": "r1", "statusCode": status, "timestamp": "t", "path": "/x", "message": "WORDS"}
    new = {"requestId": "r1", "title": "T", "status": status, "message": "WORDS", "instance": "/x?", "timestamp": "t"}
    new["error"] = {"name": "BadRequestException", "message": "WORDS"}
    read = [Wire(status, body, headers={"x-inference-id": "other"}).failure(max_retries=0) for body in (old, new)]
    facts = [(type(e), e.code, e.message, e.request_id, str(e)) for e in read]
    assert facts[0] == facts[1]
    assert (read[0].message, read[0].request_id) == ("WORDS", "r1")


def test_a_request_id_is_taken_from_the_first_place_that_has_one() -> None:
    headers = {"x-inference-id": "inference", "x-request-id": "request"}
    assert Wire(400, {"message": "x"}, headers=headers).failure().request_id == "inference"


@pytest.mark.parametrize(
    ("text", "cls", "requests"),
    [
        ("400 Unable to access model gpt-4o-mini. ", InvalidRequestError, 1),
        ("404 no such model", NotFoundError, 1),
        ("429 slow down", ServerError, 3),
        ("503 try later", ServerError, 3),
        ("failed after 400 tries", ServerError, 3),
        ("4000 tokens were lost", ServerError, 3),
    ],
)
def test_a_status_inside_of_a_500_decides(text: str, cls: type, requests: int) -> None:
    wire = Wire(500, {"statusCode": 500, "message": text})
    error = wire.failure(max_retries=2)
    assert (type(error), wire.requests, error.status) == (cls, requests, 500)


# ------------------------------------------------------------------------------------------------ content

FILTERED = {
    "error": {"message": "Request contains blocked content", "type": "guardrail_violation", "code": "blocked_keyword"}
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_refusal_for_content_has_a_class(provider: str, way: str) -> None:
    wire = Wire(400, FILTERED, way)
    error = wire.failure(provider)
    assert type(error) is ContentFilterError
    assert isinstance(error, InvalidRequestError)
    assert (error.code, error.type, error.retryable, wire.requests) == (
        "blocked_keyword",
        "guardrail_violation",
        False,
        1,
    )
    assert exit_code(error) == 14
    assert "refused for its content" in failure_text(error)


def test_a_routers_moderation_is_a_refusal_for_content() -> None:
    body = {
        "error": {"message": "flagged", "code": 403, "metadata": {"reasons": ["violence"], "flagged_input": "SECRET"}}
    }
    error = Wire(403, body).failure()
    assert type(error) is ContentFilterError
    assert "SECRET" not in str(error)


# ------------------------------------------------------------------------------------------------ contracts

ERRORS = list(
    {
        (vendor, example.status, json.dumps(example.value)): example  # many operations share one
        for vendor in PROVIDERS
        for example in response_examples(vendor)
        if not example.status.startswith(("2", "3")) and isinstance(example.value, dict)
    }.values()
)


def word_of(value: dict[str, Any]) -> str | None:
    """The machine word of a documented body, found independently of the reader."""
    error = value["error"] if isinstance(value.get("error"), dict) else value
    data = error.get("data") if isinstance(error.get("data"), dict) else {}
    found = [data.get("kind"), error.get("code"), error.get("type")]
    return next((each for each in found if isinstance(each, str) and each and not each.isdigit()), None)


@pytest.mark.parametrize("example", ERRORS, ids=str)
def test_the_providers_own_word_is_the_code(example: Example) -> None:
    body = json.dumps(example.value).encode()
    status = int(example.status) if example.status.isdigit() else example.value.get("statusCode", 500)
    error = PROVIDERS[example.vendor].read_error(HttpResponse(status, {}, body))
    assert error.code == word_of(example.value)
    error.details = [{"loc": "x"}]
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, again.details, again.type) == (error.code, error.details, error.type)


def test_the_table_of_contracts_is_not_empty() -> None:
    assert {"ConversionError", "insufficient_funds", "INSUFFICIENT_DIAMONDS"} <= {
        word_of(each.value) for each in ERRORS
    }


# ------------------------------------------------------------------------------------------------ printable

ODD = [chr(code) for code in (*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029, 0x202E, 0x2066) if chr(code) != "\n"]


@pytest.mark.parametrize("character", ODD, ids=lambda character: f"{ord(character):04x}")
def test_no_fact_of_an_error_brings_a_control_character(character: str) -> None:
    odd = f"a{character}b\nc"
    body = {
        "error": {"message": odd, "code": odd, "type": odd, "param": odd, "details": [odd, {odd: odd}]},
        "request_id": odd,
    }
    error = read_error(HttpResponse(500, {}, json.dumps(body).encode()), "aimlapi")
    for fact in (str(error), error.message, repr(error.details)):
        assert character not in fact
    for fact in (error.code, error.type, error.param, error.request_id):
        assert fact is not None
        assert fact.isprintable()
    header = read_error(HttpResponse(500, {"x-request-id": odd}, b"{}"), "aimlapi")
    assert str(header).isprintable()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "error",
                        "message",
                        "code",
                        "type",
                        "detail",
                        "details",
                        "errors",
                        "metadata",
                        "raw",
                        "data",
                        "kind",
                        "status",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    ),
    st.sampled_from([400, 403, 429, 500]),
)
@settings(deadline=None)
def test_any_json_is_an_error_that_can_be_shown(body: Any, status: int) -> None:
    error = read_error(HttpResponse(status, {}, json.dumps(body).encode()), "aimlapi")
    assert error.message.strip()
    assert error.status == status
    assert len(str(error)) < 2_500
    assert all(line.isprintable() for line in str(error).split("\n"))
    pickle.loads(pickle.dumps(error))


def test_the_table_has_each_word_once() -> None:
    from multiapi.formats.error_codes import _GENERAL, _TABLE, GENERAL_CODES, KNOWN_CODES, _plain

    words = [_plain(word) for rows in (_TABLE, _GENERAL) for _, _, row, _ in rows for word in row]
    assert len(set(KNOWN_CODES) & set(GENERAL_CODES)) == 0
    assert len(words) - len(set(words)) < 12, "the same word may be spelt in two ways, but not often"
    assert all(source for rows in (_TABLE, _GENERAL) for *_, source in rows)
