"""Reads a JSON answer out of what models really write: fences, thinking aloud, words around it."""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder
from typing import Any

from multiapi.errors import ResponseFormatError
from multiapi.http import parse_json
from multiapi.types import ChatResponse, ResponseFormat

_THINK = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|$)", re.DOTALL | re.IGNORECASE)
_FENCED = re.compile(r"```(?:json|JSON)?\s*\n?(.*?)```", re.DOTALL)


def json_text(text: str) -> str | None:
    """The JSON object or array inside of a text, or None.

    Looks at the whole text, then inside of fences, then for the first object that can be read; thoughts in `<think>` are passed
    over.
    """
    text = _THINK.sub("", text).strip()
    for candidate in (text, *(found.group(1).strip() for found in _FENCED.finditer(text))):
        if candidate[:1] in {"{", "["} and _is_json(candidate):
            return candidate
    decoder = JSONDecoder(strict=False)
    for start in re.finditer(r"[{\[]", text):
        try:
            value, end = decoder.raw_decode(text, start.start())
        except (JSONDecodeError, RecursionError):
            continue
        if isinstance(value, (dict, list)) and value:
            return text[start.start() : end]
    return None


def read_structured(response: ChatResponse, wanted: ResponseFormat | None = None) -> Any:
    """The JSON value of an answer: the arguments of the tool that stands for it, else the JSON in its text.

    Raises:
        ResponseFormatError: There is none; `body` holds the beginning of the text.
    """
    for call in response.tool_calls:
        if wanted is None or call.name == wanted.name:
            return parse_json(call.arguments.encode("utf-8", "replace"))
    found = json_text(response.text)
    if found is None:
        if response.invalid_tool_calls:
            reason = response.invalid_tool_calls[0].error
        elif response.refusal:
            reason = f"the model refused: {response.refusal}"
        else:
            reason = "the text holds no JSON" if response.text else "the answer is empty"
        if response.finish_reason == "length":
            reason += "; the answer was cut off at max_tokens"
        raise ResponseFormatError(
            f"{response.provider} gave no JSON answer: {reason}",
            provider=response.provider,
            request_id=response.request_id,
            body=response.text[:500],
            partial=response,
        )
    return parse_json(found.encode("utf-8", "replace"))


def _is_json(text: str) -> bool:
    try:
        parse_json(text.encode("utf-8", "replace"))
    except ValueError:
        return False
    return True


def partial_json(text: str) -> str:
    """The JSON object at the end of a text that is still being written, without thoughts, fence and what stands before it."""
    text = _THINK.sub("", text)
    start = text.find("{")
    if start < 0:
        return ""
    end = text.find("\n```", start)
    return text[start:] if end < 0 else text[start:end]
