"""What every provider's answer may say beside its content: counts, money, ids; and how to read parsed JSON that may lack anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from email.message import Message
from typing import Any
from urllib.parse import unquote

from multiapi.errors import ResponseFormatError, printable
from multiapi.errors import place as place_of
from multiapi.http.exchange import HttpResponse, excerpt
from multiapi.types.chat import ChatResponse
from multiapi.types.usage import Cost, Usage

ReadCost = Callable[[Mapping[str, Any], Mapping[str, str]], Cost | None]
"""What a call cost, from its body and headers."""

_REQUEST_ID_HEADERS = ("x-inference-id", "x-request-id", "request-id", "cf-ray")


def answer_without(response: HttpResponse, provider: str, body: Mapping[str, Any], what: str) -> ResponseFormatError:
    """The error for a response that lacks what it is about."""
    return ResponseFormatError(
        f"{provider} answered without {what} (fields: {', '.join(map(str, body)) or 'none'})",
        provider=provider,
        status=response.status,
        request_id=request_id(response.headers, body),
        body=excerpt(response.body),
    )


def untranslated(answer: ChatResponse | None, error: Exception, provider: str | None = None) -> ResponseFormatError:
    """The error for a response that could be read, but not be written as a framework has it; `partial` is the response, which is paid for."""
    return ResponseFormatError(
        f"{answer.provider if answer is not None else provider} gave a response that the framework's classes do not hold ({place_of(error)})",
        provider=answer.provider if answer is not None else provider,
        request_id=answer.request_id if answer is not None else None,
        partial=answer,
    )


def request_id(headers: Mapping[str, str], body: Any = None) -> str | None:
    """The provider's id of a request, from the headers or the body."""
    for name in _REQUEST_ID_HEADERS:
        if headers.get(name):
            return headers[name]
    if isinstance(body, dict):
        for name in ("request_id", "requestId"):
            if isinstance(body.get(name), str):
                return str(body[name])
    return None


_INPUT = (
    "prompt_tokens",
    "input_tokens",
    "promptTokens",
    "inputTokens",
    "prompt_token_count",
    "promptTokenCount",
    "prompt_eval_count",
)
_OUTPUT = (
    "completion_tokens",
    "output_tokens",
    "completionTokens",
    "outputTokens",
    "candidates_token_count",
    "candidatesTokenCount",
    "eval_count",
)
_TOTAL = ("total_tokens", "totalTokens", "total_token_count", "totalTokenCount")
_OF_INPUT = (
    "prompt_tokens_details",
    "input_tokens_details",
    "input_token_details",
    "prompt_token_details",
    "promptTokensDetails",
    "inputTokensDetails",
)
_OF_OUTPUT = (
    "completion_tokens_details",
    "output_tokens_details",
    "output_token_details",
    "completion_token_details",
    "completionTokensDetails",
    "outputTokensDetails",
)
_CACHED = (
    "cached_tokens",
    "cache_read_tokens",
    "cache_read",
    "cache_read_input_tokens",
    "prompt_cache_hit_tokens",
    "cached_prompt_tokens",
    "cached_input_tokens",
    "cachedTokens",
    "cacheReadInputTokens",
    "cached_content_token_count",
    "cachedContentTokenCount",
)
_WRITTEN = (
    "cache_creation_tokens",
    "cache_write_tokens",
    "cache_creation",
    "cache_creation_input_tokens",
    "cache_write_input_tokens",
    "cacheWriteInputTokens",
    "cacheCreationInputTokens",
)
_WRITTEN_PARTS = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
_REASONING = (
    "reasoning_tokens",
    "thinking_tokens",
    "reasoning",
    "reasoningTokens",
    "thoughts_token_count",
    "thoughtsTokenCount",
)
_AUDIO = ("audio_tokens", "audio", "audioTokens")
_OUTSIDE_OF_INPUT = ("cache_read_input_tokens", "cache_creation_input_tokens")


def _fields(**names: tuple[str, ...]) -> dict[str, str]:
    return {name: field for field, spellings in names.items() for name in spellings}


_BODY_FIELDS = _fields(
    inputs=_INPUT, outputs=_OUTPUT, total=_TOTAL, cached=_CACHED, written=_WRITTEN, reasoning=_REASONING
)
_PARTS = {
    **dict.fromkeys(_OF_INPUT, _fields(cached=_CACHED, written=_WRITTEN, audio_in=_AUDIO)),
    **dict.fromkeys(_OF_OUTPUT, _fields(reasoning=_REASONING, audio_out=_AUDIO)),
}


def read_usage(body: Any, *, rest_is_reasoning: bool = False) -> Usage | None:
    """Token counts in every documented spelling; None if there are none, or zeros only.

    Each count is looked for in all of its places: a null, a zero or an empty object in one hides none in the next. Counts of parts
    that stand beside the input or output instead of in it are added to it, which the arithmetic decides: a total that is the sum of
    all, a part above its whole, or Anthropic's words for the cache. So no part is above its whole.

    Args:
        rest_is_reasoning: The provider counts thoughts in nothing but the total.
    """
    if not isinstance(body, dict):
        return None
    counts: dict[str, int] = {}
    details: list[tuple[dict[str, Any], Mapping[str, str]]] = []
    for name, value in body.items():
        if type(value) is dict and name in _PARTS:
            details.append((value, _PARTS[name]))
            _count(value, _PARTS[name], counts)
    _count(body, _BODY_FIELDS, counts)
    inputs, outputs, total = counts.get("inputs"), counts.get("outputs"), counts.get("total")
    if (inputs is None and outputs is None and total is None) or not (
        inputs or outputs or total or not is_filler(body)
    ):
        return None
    if total == 0 and (inputs or outputs):
        total = None
    cached, written, reasoning = counts.get("cached"), counts.get("written"), counts.get("reasoning")
    if not written and "cache_creation" in body:
        written = _in_parts(body["cache_creation"]) or written
    beside, thoughts = (cached or 0) + (written or 0), reasoning or 0
    known = (inputs or 0) + (outputs or 0)
    if total is None or total not in {known, known + thoughts, known + beside, known + thoughts + beside}:
        in_words = "prompt_tokens" not in body and not details and any(name in body for name in _OUTSIDE_OF_INPUT)
        is_beside = (total is None and in_words) or max(cached or 0, written or 0) > (inputs or 0)
        is_thought = thoughts > (outputs or 0)
    else:
        is_beside = total != known and total in {known + beside, known + thoughts + beside}
        is_thought = total != known and total in {known + thoughts, known + thoughts + beside}
    if is_beside and inputs is not None:
        inputs += beside
    if is_thought and outputs is not None:
        outputs += thoughts
    if rest_is_reasoning and not thoughts and total is not None and inputs is not None and outputs is not None:
        rest = total - inputs - outputs
        if rest > 0 and all(is_filler(place) for place, _ in details):
            reasoning, outputs = rest, outputs + rest
    if inputs is not None and outputs is not None and (total is None or total < inputs + outputs):
        total = inputs + outputs
    return Usage(
        inputs,
        outputs,
        total,
        cached and _at_most(cached, inputs),
        written and _at_most(written, inputs),
        reasoning and _at_most(reasoning, outputs),
        (heard := counts.get("audio_in")) and _at_most(heard, inputs),
        (said := counts.get("audio_out")) and _at_most(said, outputs),
        body,
    )


def has_total(usage: Mapping[str, Any]) -> bool:
    """Whether counts say what they sum up to."""
    return any(usage.get(name) for name in _TOTAL)


def has_counts(usage: Mapping[str, Any]) -> bool:
    """Whether there are counts of the input or output as a whole."""
    return any(usage.get(name) for name in (*_INPUT, *_OUTPUT))


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


def token_details(usage: Usage) -> tuple[dict[str, int], dict[str, int]]:
    """What is known of the parts of input and output, in the words that both frameworks' users know from LangChain."""
    of_input = {
        "cache_read": usage.cached_input_tokens,
        "cache_creation": usage.cache_write_tokens,
        "audio": usage.audio_input_tokens,
    }
    of_output = {"reasoning": usage.reasoning_tokens, "audio": usage.audio_output_tokens}
    inputs: dict[str, int] = {}
    outputs: dict[str, int] = {}
    for found, counts, whole in ((inputs, of_input, usage.input_tokens), (outputs, of_output, usage.output_tokens)):
        for name, count in counts.items():
            if count is not None and whole is not None:
                found[name] = count
    return inputs, outputs


def _count(place: Mapping[str, Any], fields: Mapping[str, str], counts: dict[str, int]) -> None:
    """Take the counts of one object; the first above zero stays."""
    for name, value in place.items():
        field = fields.get(name)
        if field is None or value is None:
            continue
        number = value if type(value) is int else whole_number(value)
        if number is not None and number >= 0 and not counts.get(field):
            counts[field] = number


def _in_parts(written: Any) -> int:
    """Tokens written to a cache, by how long they are kept."""
    return sum(whole_number(written.get(name)) or 0 for name in _WRITTEN_PARTS) if type(written) is dict else 0


def _at_most(part: int, whole: int | None) -> int:
    return part if whole is None else min(part, whole)


def who_answered(headers: Mapping[str, str], body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The full id of the model that a router chose, and the company that served it, from `meta` or the headers."""
    meta = body.get("meta")
    said: Mapping[str, Any] = meta if isinstance(meta, dict) else {}
    model, company = said.get("model"), said.get("provider")
    return (
        model if isinstance(model, str) and model else headers.get("x-aimlapi-model") or None,
        company if isinstance(company, str) and company else headers.get("x-aimlapi-provider") or None,
    )


def facts_beside(headers: Mapping[str, str], usage: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is told of a response in places where nobody looks: whether a cache gave it, and how long it took."""
    found: dict[str, Any] = {}
    if headers.get("x-cache-status"):
        found["cache"] = headers["x-cache-status"].lower()
    latency = usage.get("latency_ms") if usage is not None else None
    if isinstance(latency, (int, float)) and not isinstance(latency, bool):
        found["latency_ms"] = latency
    return found


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
