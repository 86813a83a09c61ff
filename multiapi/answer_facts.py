"""What every vendor's answer may say beside its content: counts, money, ids; and how to read parsed JSON that may lack anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from email.message import Message
from typing import Any
from urllib.parse import unquote

from multiapi.errors import ResponseFormatError, printable
from multiapi.http import HttpResponse, excerpt
from multiapi.types import Cost, Usage

ReadCost = Callable[[Mapping[str, Any], Mapping[str, str]], Cost | None]
"""What a call cost, from its body and headers."""

_REQUEST_ID_HEADERS = ("x-inference-id", "x-request-id", "request-id", "cf-ray")


def answer_without(response: HttpResponse, provider: str, body: Mapping[str, Any], what: str) -> ResponseFormatError:
    """The error for an answer that lacks what it is about."""
    return ResponseFormatError(
        f"{provider} answered without {what} (fields: {', '.join(map(str, body)) or 'none'})",
        provider=provider,
        status=response.status,
        request_id=request_id(response.headers, body),
        body=excerpt(response.body),
    )


def request_id(headers: Mapping[str, str], body: Any = None) -> str | None:
    """The vendor's id of a request, from the headers or the body."""
    for name in _REQUEST_ID_HEADERS:
        if headers.get(name):
            return headers[name]
    if isinstance(body, dict):
        for name in ("request_id", "requestId"):
            if isinstance(body.get(name), str):
                return str(body[name])
    return None


def read_usage(body: Any) -> Usage | None:
    """Token counts in OpenAI's, the Responses API's and Anthropic's words; None if there are none."""
    if not isinstance(body, dict):
        return None
    inputs = whole_number(body.get("prompt_tokens", body.get("input_tokens")))
    outputs = whole_number(body.get("completion_tokens", body.get("output_tokens")))
    total = whole_number(body.get("total_tokens"))
    if inputs is None and outputs is None and total is None:
        return None
    if total is None and inputs is not None and outputs is not None:
        total = inputs + outputs
    of_input = body.get("prompt_tokens_details", body.get("input_tokens_details")) or {}
    of_output = body.get("completion_tokens_details", body.get("output_tokens_details")) or {}
    of_input = of_input if isinstance(of_input, dict) else {}
    of_output = of_output if isinstance(of_output, dict) else {}
    return Usage(
        inputs,
        outputs,
        total,
        whole_number(of_input.get("cached_tokens", body.get("cache_read_input_tokens"))),
        whole_number(of_input.get("cache_creation_tokens", body.get("cache_creation_input_tokens"))),
        whole_number(of_output.get("reasoning_tokens", body.get("reasoning_tokens"))),
        whole_number(of_input.get("audio_tokens")),
        whole_number(of_output.get("audio_tokens")),
        body,
    )


def name_of_answer(headers: Mapping[str, str]) -> str | None:
    """The file's name in `Content-Disposition`, as RFC 6266 has it: `filename*` first; without folders and control characters."""
    words = Message()
    words["content-disposition"] = printable(headers.get("content-disposition", ""), 2_000)
    try:
        found = words.get_filename()
        star = _EXTENDED_NAME.search(str(words["content-disposition"]))
        if star is not None:
            found = unquote(star[2], encoding=star[1] or "utf-8", errors="strict")
    except (LookupError, ValueError):
        found = None
    if found is None:
        return None
    last = re.split(r"[/\\]", found)[-1].strip().strip(".")
    shown = printable("".join(character for character in last if character.isprintable()), 200).strip()
    return shown or None


_EXTENDED_NAME = re.compile(r"(?i)filename\*\s*=\s*([\w-]*)'[\w-]*'([^;\s]+)")


# ------------------------------------------------------------------------------------------------ single values


def is_filler(value: Any) -> bool:
    """Whether a value of parsed JSON only fills its place: null, an empty text, or a list or object that holds nothing but such
    values, 0 and false. Gateways write every field of their structures; what is filler counts as absent. A bare 0 or false does not:
    it means what its field means.
    """
    if value is None or value == "":
        return True
    if type(value) is not dict and type(value) is not list:
        return False
    waiting = [value]
    while waiting:
        place = waiting.pop()
        for each in place.values() if type(place) is dict else place:
            if each:  # neither null nor "", 0, false, [] or {}
                if type(each) is not dict and type(each) is not list:
                    return False
                waiting.append(each)
    return True


def whole_number(value: Any) -> int | None:
    """A count, however it was spelled; None for what is none."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return int(value) if isinstance(value, (int, str)) else round(float(value))
    except (ValueError, OverflowError, TypeError):
        try:
            return round(float(value))
        except (ValueError, OverflowError, TypeError):
            return None


def decimal_of(value: Any) -> Decimal | None:
    """An amount of money without rounding: from text as it stands, from a float by its shortest form."""
    if isinstance(value, bool) or value is None or not isinstance(value, (int, float, str, Decimal)):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def text_at(body: Mapping[str, Any], name: str) -> str:
    """The text in a field; empty if there is none."""
    value = body.get(name)
    return value if isinstance(value, str) else ""


def object_at(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object in a field; empty if there is none."""
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def list_at(body: Mapping[str, Any], name: str) -> list[Any]:
    """The list in a field; empty if there is none."""
    value = body.get(name)
    return value if isinstance(value, list) else []


def kind_of(value: Any) -> str:
    """What a value of parsed JSON is, in words."""
    kinds = {
        type(None): "null",
        list: "a list",
        dict: "an object",
        str: "text",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    return "empty" if value == [] else kinds.get(type(value), type(value).__name__)
