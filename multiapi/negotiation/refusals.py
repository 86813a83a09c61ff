"""What a refusal was about, and what is kept of it.

A refusal is decided by the field that the provider names (`param`), by its code, and only then by words: a word counts where it stands
beside "unsupported", "unknown" and their like, and where the request itself did not contain it, since errors repeat what was sent. What
was learnt is kept for exactly what it was about (a model, a pair of parts, one schema), only after the request without that part was taken,
for some hours, and for a limited number of models.
"""

from __future__ import annotations

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import unquote

from multiapi.errors import (
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    MultiApiError,
    NotFoundError,
    StatusError,
    one_line,
)
from multiapi.http.json import LargeText, dump_json
from multiapi.negotiation.batch_sizes import BatchSizes

logger = logging.getLogger("multiapi")

KEPT_S = 6 * 3600.0
MAX_MODELS = 1_000
MAX_PARTS = 40


class Refusals:
    """What providers have refused, by address and model: bounded, and for some hours.

    Args:
        clock: Seconds that only go up.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: OrderedDict[tuple[str, str], tuple[tuple[str, float], ...]] = OrderedDict()
        self.sizes = BatchSizes()

    def __len__(self) -> int:
        return len(self._held)

    def of(self, base_url: str, model: str) -> frozenset[str]:
        """The refused parts for one model at one address."""
        held = self._held.get((base_url, model))
        if not held:
            return frozenset()
        now = self._clock()
        return frozenset(part for part, until in held if until > now)

    def remember(self, base_url: str, model: str, part: str) -> None:
        """Note a refusal; said once in the log."""
        key, known = (base_url, model), self.of(base_url, model)
        if part in known:
            return
        kept = [(each, until) for each, until in self._held.get(key, ()) if each in known]
        self._held[key] = (*kept[-MAX_PARTS + 1 :], (part, self._clock() + KEPT_S))
        while len(self._held) > MAX_MODELS:
            self._held.popitem(last=False)
        logger.info("%s refused %s; it is not asked for again for some hours", one_line(model), one_line(part))

    def forget(self) -> None:
        """Start from nothing."""
        self._held.clear()
        self.sizes.forget()


# ------------------------------------------------------------------------------------------------ words


class Words(NamedTuple):
    """How servers call one part of a request, and where that was seen."""

    part: str
    words: tuple[str, ...]
    source: str


WORDS = (
    Words(
        "stream_options",
        ("stream_options", "include_usage", "stream options"),
        "QuantumNous/new-api#418, CherryHQ/cherry-studio#9214",
    ),
    Words(
        "parallel_tool_calls", ("parallel_tool_calls",), "openai: run-llama/llama_index#20865, evalstate/fast-agent#279"
    ),
    Words(
        "parallel_tool_calls",
        ("parallel tool calls", "parallel tool calling", "parallel tool use"),
        "vllm, sglang: launch messages",
    ),
    Words(
        "parallel_tool_calls",
        ("parallel function calling", "parallel function calls", "parallel calls"),
        "azure and llama.cpp servers",
    ),
    Words("parallel_tool_calls", ("disable_parallel_tool_use",), "docs.anthropic.com, tool use"),
    Words(
        "tool_choice",
        ("tool_choice",),
        "dashscope: cloudwego/eino#994; deepseek: tickernelz/opencode-mem#253; zed-industries/zed#36094",
    ),
    Words(
        "tool_choice",
        ("tool choice", "toolchoice", "forced function calling", "forced tool"),
        "bedrock, google: vercel/ai#16540",
    ),
    Words("tool_choice", ("function_calling_config", "tool_config", "toolconfig"), "google: googleapis/js-genai#601"),
    Words(
        "response_format",
        ("response_format", "response format"),
        "deepseek: llm-exe/llm-exe#662; groq: agno-agi/agno#1065",
    ),
    Words("response_format", ("json_schema", "json schema", "json_object"), "deepseek: browser-use/browser-use#215"),
    Words("response_format", ("json mode", "json-mode", "json output", "json response"), "groq: vercel/ai#16540"),
    Words(
        "response_format", ("structured output", "structured_output", "structured response"), "oxy-hq/oxygen#31, azure"
    ),
    Words(
        "response_format",
        ("response mime type", "response_mime_type", "responsemimetype"),
        "google: symfony/ai#803, snailyp/gemini-balance#264",
    ),
    Words(
        "response_format",
        ("response_schema", "response schema", "responseschema", "response_json_schema"),
        "google: googleapis/js-genai#601",
    ),
    Words("response_format", ("controlled generation", "constrained decoding"), "google: googleapis/js-genai#601"),
    Words(
        "response_format", ("guided decoding", "guided_json", "guided_decoding", "grammar"), "vllm, llama.cpp servers"
    ),
    Words(
        "response_format",
        ("text.format", "output_config", "output_format"),
        "openai responses: mavam/pi-web-providers#14; anthropic",
    ),
    Words(
        "tools",
        ("tools", "tool use", "tool_use", "tool calling", "tool calls", "tool_calls"),
        "openrouter: dnakov/anon-kode#2",
    ),
    Words(
        "tools",
        ("function calling", "function call", "function_call", "functions", "tool/function calling"),
        "groq: vercel/ai#16540",
    ),
    Words("strict", ("strict",), "openai-compatible servers that check bodies (extra inputs are not permitted)"),
    Words("max_completion_tokens", ("max_completion_tokens",), "servers older than that name"),
    Words("max_tokens", ("max_tokens",), "openai's reasoning models: use max_completion_tokens instead"),
)
"""Longer words are found before the shorter ones that they contain."""

_PART_OF_WORD = {word: row.part for row in WORDS for word in row.words}


@cache
def _any_word() -> re.Pattern[str]:
    """Find the words for parts of a request. Like all long patterns here it is compiled with the first refusal, and not by an import."""
    return re.compile(
        r"(?<![a-z0-9_])("
        + "|".join(sorted(map(re.escape, _PART_OF_WORD), key=len, reverse=True))
        + r")s?(?![a-z0-9_])"
    )


@cache
def _refusing() -> re.Pattern[str]:
    """Find what says that something is refused."""
    return re.compile(
        r"unsupported|unknown|unrecogni[sz]ed|unexpected|unavailable|incompatible|forbidden|disabled|invalid|deprecated"
        r"|(?:not|n't|never|cannot|can't)(?: be| being| currently| yet)? (?:support|recogni[sz]e|allow|permit|accept|tak|use[ds]?\b|combin|implement|enabl"
        r"|available|compatible|valid|known|set\b|specified|work)\w*"
        r"|extra (?:inputs?|fields?|parameters?|arguments?)|no endpoints found|instead of populating|(?:only|just) (?:supports?|allowed|accepts?|takes?|available)"
        r"|only [^.;,]{0,40}?(?:supported|allowed|accepted|available|permitted)|requires? --"
        r"|must (?:not|be (?:one of )?[\[('\"`]*(?:auto|text|json_object|none\b|removed|omitted|unset|left))|no such (?:parameter|field|argument|option)|not found in"
        r"|不支持|不允许|不能|无法|无效|未知|暂未|[仅只](?:支持|能|允许)|必须(?:为|是)"
    )


@cache
def _about_values() -> re.Pattern[str]:
    """Find what says that a value is refused, and not its field."""
    return re.compile(
        r"\b(?:at least|at most|too (?:large|small|big|high|low|long|many|few)|(?:greater|less|larger|smaller|more|fewer) than|range|maximum|minimum"
        r"|exceed\w*|between|positive|integer|whole number|limit was reached)\b|[<>]=?"
    )


_SENTENCE_END = re.compile(r"(?<=[.;!?])\s+|(?<=[。；！？])|\n+")
_REACH = 160
"""How far a refusing word may stand from the part, in characters."""

_UNSUPPORTED_CODES = frozenset(
    {"unsupported_parameter", "unknown_parameter", "unsupported_value", "unrecognized_parameter", "extra_forbidden"}
)
_SCHEMA_CODES = frozenset({"invalid_json_schema", "invalid_function_parameters", "invalid_schema"})


@cache
def _about_schemas() -> re.Pattern[str]:
    """Find what says that a schema is refused.

    Sources: openai (run-llama/llama_index#18799, dottxt-ai/outlines#1666, mavam/pi-web-providers#14), Go gateways (live.md of the contracts), google,
    anthropic.
    """
    return re.compile(
        r"invalid schema|invalid_json_schema|invalid_function_parameters|invalid json ?schema|json ?schema is (?:invalid|not valid)|not a valid (?:json )?schema"
        r"|jsonschema|cannot unmarshal|schema must|schema is too|schema contains|schema produces|schema didn't|schema does not specify"
        r"|(?:unsupported|invalid|unknown) (?:json )?schema (?:keyword|feature|type|field)|(?:response_|input_|output_)schema[.\[:]|format\.schema[.\[:]"
    )


_KNOWN_SENTENCES = (
    "unsupported parameter: '{}' is not supported with this model",
    "unknown parameter: '{}'",
    "unrecognized request argument supplied: {}",
    "extra parameters ['{}'] are not allowed",
)
"""Whole sentences of servers: they count although the request contains the name itself, if it does not contain the sentence."""

_ROOTS = {
    "stream_options": "stream_options",
    "parallel_tool_calls": "parallel_tool_calls",
    "tool_choice": "tool_choice",
    "response_format": "response_format",
    "text": "response_format",
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_completion_tokens",
    "tools": "tools",
    "functions": "tools",
}
_SETTINGS_OF_OTHERS = re.compile(r"[A-Za-z_]+")


class Refusal(NamedTuple):
    """What was refused.

    Attributes:
        parts: The parts of the request that were named, of those that were sent; several stand for their combination.
        is_schema: It is about a schema's content.
    """

    parts: frozenset[str] = frozenset()
    is_schema: bool = False


def refusal_in(error: MultiApiError, body: Any) -> Refusal | None:
    """What a refusal was about; None if it names nothing that was sent and could be said otherwise."""
    if not isinstance(error, StatusError) or error.status is None or not isinstance(body, dict):
        return None
    if isinstance(error, (ContentFilterError, ContextLengthError)):
        return None
    said = _as_read(error.message)
    if not isinstance(error, InvalidRequestError) and not (
        isinstance(error, NotFoundError) and "no endpoints found that" in said
    ):
        return None
    sent = _sent(body)
    own = _Own(_content(body))
    codes = {(error.code or "").lower(), (error.type or "").lower()}
    hits = [(part, word) for named, word in _hits(said, own) if (part := _of_sent(named, sent)) in sent]
    is_schema = bool(codes & _SCHEMA_CODES) or own.says(_about_schemas(), said)
    param = (error.param or "").lower()
    root = (_SETTINGS_OF_OTHERS.match(param) or [""])[0]
    if is_schema and sent & {"response_format", "tools"}:
        return Refusal(frozenset(_schema_places(said, param, sent)), True)
    if param:
        meant = "strict" if param.rstrip("]'\"").endswith("strict") else _ROOTS.get(root, "")
        if meant in sent:
            if "schema" in param or "parameters" in param:
                return Refusal(frozenset({meant}), True)
            if (
                meant in {"max_tokens", "max_completion_tokens"}
                and _about_values().search(said)
                and not codes & _UNSUPPORTED_CODES
            ):
                return None
            return Refusal(frozenset({meant, *_pair(meant, hits)}))
        if root in body or root in {"messages", "input", "model"}:
            return None  # something else is wrong
    parts = frozenset(part for part, _ in hits)
    return Refusal(parts) if parts else None


_NEVER_NAMED = frozenset({"model", "messages", "input", "stream", "prompt", "tools"})


def named_setting(error: StatusError, body: Mapping[str, Any]) -> str | None:
    """The field of a request that a refusal names beside a refusing word, where it has no `param`; None if it names none, or several."""
    own, found = _Own(_content(body)), set()
    names = {name.lower(): name for name in body if name not in _NEVER_NAMED}
    for sentence in _SENTENCE_END.split(_as_read(error.message)):
        if not any(not own.has(at[0]) for at in _refusing().finditer(sentence)):
            continue
        words = re.findall(r"[a-z_][a-z0-9_]*", sentence)
        found |= {names[word] for word in words if word in names and not own.has(word)}
    return found.pop() if len(found) == 1 else None


def _of_sent(part: str, sent: frozenset[str]) -> str:
    """A choice of tools that was not sent is named where the tools are meant."""
    return "tools" if part == "tool_choice" and part not in sent else part


def _pair(part: str, hits: list[tuple[str, str]]) -> set[str]:
    """The other half of a combination that was refused."""
    others = {"response_format": {"tools", "tool_choice"}, "tools": {"response_format"}}.get(part, set())
    return {other for other, _ in hits if other in others}


def _schema_places(said: str, param: str, sent: frozenset[str]) -> Iterator[str]:
    of_tool = re.search(
        r"for function|function '|function_parameters|\binput_schema|functiondeclaration", said
    ) or param.startswith(("tools", "functions"))
    if of_tool and "tools" in sent:
        yield "tools"
    elif "response_format" in sent:
        yield "response_format"
    else:
        yield "tools"


def _sent(body: Mapping[str, Any]) -> frozenset[str]:
    """The parts that a request has."""
    found = {part for name, part in _ROOTS.items() if name in body}
    form = body.get("response_format")
    schema = form.get("json_schema") if isinstance(form, dict) else None
    tools = [tool for tool in body.get("tools") or () if isinstance(tool, dict)]
    functions = [tool["function"] for tool in tools if isinstance(tool.get("function"), dict)]
    if any("strict" in place for place in (*functions, *tools, *([schema] if isinstance(schema, dict) else ()))):
        found.add("strict")
    return frozenset(found)


def _hits(said: str, own: _Own) -> list[tuple[str, str]]:
    """The parts that are named beside a refusing word, and how."""
    found: list[tuple[str, str]] = []
    for sentence in _SENTENCE_END.split(said):
        refusing = [at.start() for at in _refusing().finditer(sentence) if not own.has(at[0])]
        for at in _any_word().finditer(sentence):
            word = at[1]
            if own.has(word):
                known = (each.format(word) for each in _KNOWN_SENTENCES)
                if any(each in sentence and not own.has(each) for each in known):
                    found.append((_PART_OF_WORD[word], word))
                continue
            if not any(abs(place - at.start()) <= _REACH for place in refusing):
                continue
            if word in {"max_tokens", "max_completion_tokens"} and _about_values().search(sentence):
                continue
            found.append((_PART_OF_WORD[word], word))
    return found


# ------------------------------------------------------------------------------------------------ what the request contained


def _as_read(text: str) -> str:
    return text.lower().replace("’", "'")


class _Own:
    """What the request itself contained: it says nothing when it comes back in an error, plain or escaped."""

    def __init__(self, content: str) -> None:
        content = _as_read(content)
        if "\\u" in content:
            content += "\n" + re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), content)
        content += "\n" + " ".join(content.split())
        if "%" in content:
            content += "\n" + unquote(content)
        self._content = content.lower()

    def has(self, words: str) -> bool:
        """Whether these words came from the request."""
        return words in self._content

    def says(self, pattern: re.Pattern[str], text: str) -> bool:
        """Whether a text has words of a pattern that are not the request's."""
        return any(not self.has(found[0]) for found in pattern.finditer(text))


def _content(body: Mapping[str, Any]) -> str:
    """Everything in a request that its author chose: texts, names, descriptions, and both names and values of schemas."""
    texts: list[str] = []
    for name, value in body.items():
        if name in {"messages", "input", "prompt"}:
            _gather(value, texts, with_names=False)
        elif name in {"tools", "functions"}:
            for tool in value if isinstance(value, list) else ():
                function = tool.get("function") if isinstance(tool, dict) else None
                if isinstance(function, dict):
                    _gather(function, texts, with_names=False, schemas=("parameters",))
                else:
                    _gather(tool, texts, with_names=True)
        elif name == "response_format":
            form = value.get("json_schema") if isinstance(value, dict) else None
            _gather(form, texts, with_names=False, schemas=("schema",))
        elif name != "stream_options":
            _gather(value, texts, with_names=True)
    return "\n".join(texts)


def _gather(value: Any, texts: list[str], *, with_names: bool, schemas: tuple[str, ...] = ()) -> None:
    left = [(value, with_names)]
    while left:
        each, named = left.pop()
        if isinstance(each, str):
            texts.append(each)
        elif isinstance(each, Mapping):
            for name, inner in each.items():
                if named:
                    texts.append(str(name))
                left.append((inner, named or name in schemas))
        elif isinstance(each, (list, tuple)):
            left += [(inner, named) for inner in each]
        elif isinstance(each, LargeText):
            continue


def digest(value: Any) -> str:
    """A schema or a set of tools, in a few characters."""
    return sha256(dump_json(_sorted(value))).hexdigest()[:16]


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _sorted(value[name]) for name in sorted(value, key=str)}
    return [_sorted(each) for each in value] if isinstance(value, (list, tuple)) else value
