"""Answers and errors in the wire format that most providers share, whole and streamed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from multiapi.errors import (
    ContextLengthError,
    InvalidRequestError,
    RequestTooLargeError,
    ResponseFormatError,
    ServerError,
    StatusError,
    is_context_overflow,
    printable,
    status_error_class,
)
from multiapi.formats.answer_facts import ReadCost, decimal_of, is_filler, request_id
from multiapi.formats.assembly import Assembly
from multiapi.formats.error_codes import meaning_of
from multiapi.formats.error_words import ErrorWords, numeric_status, read_error_words
from multiapi.formats.stream import ChatStream
from multiapi.http.exchange import HttpResponse, excerpt
from multiapi.http.json import parse_answer
from multiapi.types.chat import ChatResponse
from multiapi.types.limits import Limits
from multiapi.types.usage import Cost


def read_error(response: HttpResponse, provider: str) -> StatusError:
    """An error from a status and whatever body there is. The status decides the class, the body gives the words."""
    try:
        body = parse_answer(response.body)
    except ValueError:
        body = None
    return error_from_body(body, response, provider, status=response.status)


def error_from_body(body: Any, response: HttpResponse, provider: str, *, status: int) -> StatusError:
    """The shared reading of an error body in any of the forms that are known: a known code decides, else the status, else the words."""
    words = read_error_words(body)
    cls, stands_for = class_of(status, words)
    message = words.message
    if not message.strip():
        text = (
            body if isinstance(body, str) else "" if isinstance(body, (dict, list)) and body else excerpt(response.body)
        )
        message = text or _REASONS.get(stands_for or status, "no explanation")
    error = cls(
        printable(message),
        provider=provider,
        status=status,
        code=words.code,
        request_id=request_id({}, body) or _request_id_inside(body) or request_id(response.headers),
        body=excerpt(response.body),
    )
    error.type, error.param, error.details, error.stands_for = (
        words.type or error.type,
        words.param,
        words.details,
        stands_for,
    )
    return error


def class_of(status: int, words: ErrorWords) -> tuple[type[StatusError], int | None]:
    """The class of an error, and the status that its words stand for where that is another one."""
    known = meaning_of(words.codes)
    if known is not None:
        stands_for, cls = known
        if issubclass(cls, ServerError) and status >= 500:
            stands_for = status
    else:
        inner = words.status_in_text if status == 500 else None
        if inner is not None and inner not in _MAY_PASS:
            return status_error_class(inner, words.code, words.message), inner
        return status_error_class(status, words.code, words.message), None
    if cls in (InvalidRequestError, RequestTooLargeError) and is_context_overflow(words.code, words.message):
        cls = ContextLengthError
    return cls, None if stands_for == status else stands_for


_MAY_PASS = frozenset({408, 409, 429})
"""Statuses inside of a text that do not say that the request is wrong."""

_REASONS = {
    401: "the key was refused",
    402: "not enough credits",
    403: "not permitted",
    404: "not found",
    413: "the request is too large",
    429: "too many requests",
    500: "server failure",
    502: "bad gateway",
    503: "unavailable",
    504: "the gateway timed out",
}


def error_words(body: Any) -> tuple[str, str | None]:
    """Message and code of an error body, wherever it has them."""
    words = read_error_words(body)
    return words.message, words.code


def _request_id_inside(body: Any) -> str | None:
    error = body.get("error") if isinstance(body, dict) else None
    return request_id({}, error)


def error_inside(body: Any) -> Any:
    """The error that a body reports although the status is a success, or None."""
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if error and is_error(error):
        return body
    if body.get("success") is False:
        return body
    if body.get("object") == "error" or body.get("type") == "error":
        return body
    if "choices" not in body and isinstance(body.get("statusCode"), (int, str)) and body.get("message"):
        return body
    choices = body.get("choices")
    if isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, dict) and "error" in choice and is_error(choice["error"]):
                return {"error": choice["error"]}
    return None


_ALL_IS_WELL = frozenset({"", "0", "200", "ok", "success", "none", "null", "false"})


def is_error(value: Any) -> bool:
    """Whether what stands in the place of an error is one: gateways fill it with zeros, or with words such as "success"."""
    if not value or is_filler(value):
        return False
    said = value.values() if isinstance(value, dict) else [value]
    return not all(is_filler(each) or each is False or str(each).strip().lower() in _ALL_IS_WELL for each in said)


def error_instead(body: Mapping[str, Any]) -> Any:
    """The error that a body without choices is by its status or its code, wherever it has them; None if it says no such thing."""
    choices = body.get("choices")
    if isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, dict):
                return None
    if numeric_status(body) is None and meaning_of(_codes_beside(body)) is None:
        return None
    return body if read_error_words(body).message.strip() else None


def _codes_beside(body: Mapping[str, Any]) -> list[str]:
    return [code for name in ("code", "error_code", "errorCode") if isinstance(code := body.get(name), str)]


def status_inside(body: Any, default: int = 500) -> int:
    """The HTTP status that an error inside of a success stands for: its code or status as a number, else by its words."""
    found = numeric_status(body)
    if found is not None:
        return found
    codes = read_error_words(body).codes
    meaning = meaning_of(codes) or meaning_of(codes, general=True)
    return default if meaning is None else meaning[0]


_SAY_ERRORS = frozenset({"error", "success", "type"})
"""Fields without which an event that has choices reports no error."""


def read_event_error(event: str, value: Any, head: HttpResponse, *, provider: str) -> StatusError | None:
    """The error that an event of a stream reports, or None."""
    if event == "error":
        body = value
    elif isinstance(value, dict):
        choices = value.get("choices")
        if choices and _SAY_ERRORS.isdisjoint(value) and value.get("object") != "error" and type(choices) is list:
            for choice in choices:
                if type(choice) is dict and "error" in choice:
                    break
            else:
                return None
        body = error_inside(value) or (None if value.get("choices") else error_instead(value))
    else:
        return None
    if body is None:
        return None
    response = HttpResponse(head.status, head.headers)
    return error_from_body(body, response, provider, status=status_inside(body))


def parse_object(response: HttpResponse, provider: str) -> dict[str, Any]:
    """The body as a JSON object that reports no error.

    Raises:
        StatusError: It reports one.
        ResponseFormatError: It is no JSON object.
    """
    body = response.json(provider=provider)
    if not isinstance(body, dict):
        raise ResponseFormatError(
            f"{provider} answered {response.status} with JSON that is not an object",
            provider=provider,
            status=response.status,
            body=excerpt(response.body),
        )
    failure = error_inside(body)
    if failure is not None:
        raise error_from_body(failure, response, provider, status=status_inside(failure))
    return body


def parse_chat(
    response: HttpResponse, *, provider: str, read_cost: ReadCost | None = None, rest_is_reasoning: bool = False
) -> ChatResponse:
    """A whole response, in whatever detail it deviates from the documentation; also one that comes as events unasked."""
    facts: dict[str, Any] = {"provider": provider, "read_cost": read_cost, "rest_is_reasoning": rest_is_reasoning}
    if response.body[:1] != b"{":
        response = without_comments(response)
        if comes_as_events(response):
            return read_at_once(response, partial(chat_stream_decoder, **facts))
    body = parse_object(response, provider)
    failure = error_instead(body)
    if failure is not None:
        raise error_from_body(failure, response, provider, status=status_inside(failure))
    assembly = Assembly(headers=response.headers, limits=response.limits, **facts)
    try:
        assembly.add_body(body)
    except ResponseFormatError as error:
        error.status = response.status
        error.body = excerpt(response.body)
        raise
    return assembly.response(raw=body)


_COMMENTS = re.compile(rb"(?:\s++|:[^\n]*+\n)*")
_EVENT_FIELDS = (b"data:", b"event:", b"id:", b"retry:")


def without_comments(response: HttpResponse) -> HttpResponse:
    """The response without the comment lines that some servers send ahead of it, so that the connection stays open."""
    comments = _COMMENTS.match(response.body)
    assert comments is not None
    return response._replace(body=response.body[comments.end() :])


def comes_as_events(response: HttpResponse) -> bool:
    """Whether a body is an event stream, whatever its label says."""
    return response.body.startswith(_EVENT_FIELDS)


def read_at_once(response: HttpResponse, decoder: Callable[[HttpResponse, Limits], ChatStream]) -> ChatResponse:
    """The response of an event stream that is there as a whole."""
    head = HttpResponse(response.status, {**response.headers, "content-type": "text/event-stream"})
    stream = decoder(head, response.limits or Limits())
    deltas = [*stream.feed(response.body), *stream.close()]
    answer = deltas[-1].response
    assert answer is not None
    return answer


def chat_stream_decoder(
    head: HttpResponse,
    limits: Limits,
    *,
    provider: str,
    read_cost: ReadCost | None = None,
    rest_is_reasoning: bool = False,
) -> ChatStream:
    """The decoder for one streamed answer in the shared format."""
    facts: dict[str, Any] = {"provider": provider, "read_cost": read_cost, "rest_is_reasoning": rest_is_reasoning}
    return ChatStream(
        head,
        limits,
        accumulator=Assembly(headers=head.headers, limits=limits, **facts),
        parse=partial(parse_chat, **facts),
        read_event_error=partial(read_event_error, provider=provider),
    )


def usage_cost(body: Mapping[str, Any], _headers: Mapping[str, str], *, unit: str | None) -> Cost | None:
    """A cost inside `usage`, as routers put it there."""
    usage = body.get("usage")
    amount = decimal_of(usage.get("cost", usage.get("total_cost"))) if isinstance(usage, dict) else None
    return None if amount is None else Cost(amount, unit)
