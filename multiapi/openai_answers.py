"""Answers and errors in the wire format that most vendors share, whole and streamed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from multiapi.answer_facts import ReadCost, decimal_of, request_id
from multiapi.assembly import Assembly
from multiapi.errors import ResponseFormatError, StatusError, printable, status_error_class
from multiapi.http import HttpResponse, excerpt, parse_json
from multiapi.stream import ChatStream
from multiapi.types import ChatResponse, Cost, Limits


def read_error(response: HttpResponse, provider: str) -> StatusError:
    """An error from a status and whatever body there is. The status decides the class, the body gives the words."""
    try:
        body = parse_json(response.body)
    except ValueError:
        body = None
    return error_from_body(body, response, provider, status=response.status)


def error_from_body(body: Any, response: HttpResponse, provider: str, *, status: int) -> StatusError:
    """The shared reading of an error body in any of the forms that are known."""
    message, code = error_words(body)
    if not message:
        text = (
            body if isinstance(body, str) else "" if isinstance(body, (dict, list)) and body else excerpt(response.body)
        )
        message = text or _REASONS.get(status, "no explanation")
    cls = status_error_class(status, code, message)
    return cls(
        printable(message),
        provider=provider,
        status=status,
        code=code,
        param=_parameter(body),
        request_id=request_id(response.headers, body) or _request_id_inside(body),
        body=excerpt(response.body),
    )


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
    if isinstance(body, str):
        return body, None
    if isinstance(body, list):
        for entry in body:
            words = error_words(entry)
            if words[0]:
                return words
        return "", None
    if not isinstance(body, dict):
        return "", None
    code = _word(body.get("code")) or _word(body.get("type"))
    for key in ("error", "message", "detail", "errors", "msg", "error_description", "reason"):
        value = body.get(key)
        if isinstance(value, str) and value:
            return value, code
        if isinstance(value, (dict, list)) and value:
            message, inner = error_words(value)
            if message or inner:
                return message, inner or code
    return "", code


def _word(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        return None
    return printable(str(value), MAX_CODE_CHARS)


MAX_CODE_CHARS = 120


def _parameter(body: Any) -> str | None:
    """The field of the request that a refusal names by its name."""
    error = body.get("error") if isinstance(body, dict) else None
    for place in (error, body):
        if isinstance(place, dict) and isinstance(place.get("param"), str):
            return _word(place["param"])
    return None


def _request_id_inside(body: Any) -> str | None:
    error = body.get("error") if isinstance(body, dict) else None
    return request_id({}, error)


def error_inside(body: Any) -> Any:
    """The error that a body reports although the status is a success, or None."""
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if error:
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
            if isinstance(choice, dict) and choice.get("error"):
                return {"error": choice["error"]}
    return None


def status_inside(body: Any, default: int = 500) -> int:
    """The HTTP status that an error inside of a success stands for: its code, its status, else by its words."""
    nested = body.get("error") if isinstance(body, dict) else None
    for place in (nested, body):
        if isinstance(place, dict):
            for key in ("statusCode", "status_code", "status", "code"):
                value = place.get(key)
                if isinstance(value, str) and value.isascii() and value.isdigit():
                    value = int(value)
                if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
                    return value
    _, code = error_words(body)
    return _STATUS_OF_WORD.get(str(code or "").lower(), default)


_STATUS_OF_WORD = {
    "invalid_request_error": 400,
    "bad_request": 400,
    "validationerror": 400,
    "context_length_exceeded": 400,
    "authentication_error": 401,
    "autherror": 401,
    "unauthorized": 401,
    "invalid_api_key": 401,
    "insufficient_funds": 402,
    "insufficientbalance": 402,
    "insufficient_diamonds": 402,
    "insufficient_quota": 402,
    "payment_required": 402,
    "forbidden": 403,
    "permission_error": 403,
    "paidfeatureerror": 403,
    "not_found": 404,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "ratelimiterror": 429,
    "rate_limited": 429,
    "too_many_requests": 429,
    "overloaded_error": 503,
    "service_unavailable": 503,
    "upstream_error": 502,
    "gateway_timeout": 504,
}


def read_event_error(event: str, value: Any, head: HttpResponse, *, provider: str) -> StatusError | None:
    """The error that an event of a stream reports, or None."""
    if event == "error":
        body = value
    elif isinstance(value, dict):
        body = error_inside(value)
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
            f"{provider} answered {response.status} with JSON that is no object",
            provider=provider,
            status=response.status,
            body=excerpt(response.body),
        )
    failure = error_inside(body)
    if failure is not None:
        raise error_from_body(failure, response, provider, status=status_inside(failure))
    return body


def parse_chat(response: HttpResponse, *, provider: str, read_cost: ReadCost | None = None) -> ChatResponse:
    """A whole answer, in whatever detail it deviates from the documentation; also one that comes as events unasked."""
    if response.body[:1] != b"{":
        response = without_comments(response)
        if comes_as_events(response):
            return read_at_once(response, partial(chat_stream_decoder, provider=provider, read_cost=read_cost))
    body = parse_object(response, provider)
    assembly = Assembly(provider, headers=response.headers, read_cost=read_cost)
    try:
        assembly.add_body(body)
    except ResponseFormatError as error:
        error.status = response.status
        error.body = excerpt(response.body)
        raise
    answer = assembly.response()
    object.__setattr__(answer, "raw", body)
    return answer


_COMMENTS = re.compile(rb"(?:\s+|:[^\n]*\n)*+")
_EVENT_FIELDS = (b"data:", b"event:", b"id:", b"retry:")


def without_comments(response: HttpResponse) -> HttpResponse:
    """The answer without the comment lines that some servers send ahead of it, so that the connection stays open."""
    comments = _COMMENTS.match(response.body)
    assert comments is not None
    return response._replace(body=response.body[comments.end() :])


def comes_as_events(response: HttpResponse) -> bool:
    """Whether a body is an event stream, whatever its label says."""
    return response.body.startswith(_EVENT_FIELDS)


def read_at_once(response: HttpResponse, decoder: Callable[[HttpResponse, Limits], ChatStream]) -> ChatResponse:
    """The answer of an event stream that is there as a whole."""
    head = HttpResponse(response.status, {**response.headers, "content-type": "text/event-stream"})
    stream = decoder(head, Limits())
    deltas = [*stream.feed(response.body), *stream.close()]
    answer = deltas[-1].response
    assert answer is not None
    return answer


def chat_stream_decoder(
    head: HttpResponse, limits: Limits, *, provider: str, read_cost: ReadCost | None = None
) -> ChatStream:
    """The decoder for one streamed answer in the shared format."""
    return ChatStream(
        head,
        limits,
        accumulator=Assembly(provider, headers=head.headers, read_cost=read_cost),
        parse=partial(parse_chat, provider=provider, read_cost=read_cost),
        read_event_error=partial(read_event_error, provider=provider),
    )


def usage_cost(body: Mapping[str, Any], _headers: Mapping[str, str], *, unit: str | None) -> Cost | None:
    """A cost inside `usage`, as routers put it there."""
    usage = body.get("usage")
    amount = decimal_of(usage.get("cost", usage.get("total_cost"))) if isinstance(usage, dict) else None
    return None if amount is None else Cost(amount, unit)
