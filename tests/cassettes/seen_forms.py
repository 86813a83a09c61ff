"""Which of the forms that users saw live an exchange shows, by the names of the simulator's switch."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from multiapi.simulator.as_seen import PROVIDER_OF

_DOCUMENTED_SIZES = {"1024x1024", "1792x1024", "1024x1792"}
_LIVE_NAMES = ("context_length", "is_active")


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, as a cassette has them."""

    provider: str
    method: str
    path: str
    host: str
    sent: Any
    status: int
    headers: dict[str, list[str]]
    body: bytes

    @classmethod
    def of(cls, provider: str, interaction: dict[str, Any]) -> Exchange:
        """The exchange of one interaction."""
        request, response = interaction["request"], interaction["response"]
        parts = urlsplit(request["uri"])
        return cls(
            provider,
            request["method"],
            parts.path,
            parts.hostname or "",
            _json(request["body"]),
            response["status"]["code"],
            response["headers"],
            response["body"]["string"] or b"",
        )

    @property
    def answers(self) -> list[Any]:
        """The answer, or each event of it."""
        if self.headers.get("content-type", [""])[0].startswith("text/event-stream"):
            events = re.findall(rb"^data: (\{.*)$", self.body, re.MULTILINE)
            return [each for event in events if isinstance(each := _json(event), dict)]
        answer = _json(self.body)
        return [answer] if isinstance(answer, dict) else []

    @property
    def is_chat(self) -> bool:
        return self.path.endswith("/chat/completions")


def _json(data: Any) -> Any:
    try:
        return json.loads(data) if data else None
    except ValueError:
        return None


def _messages(exchange: Exchange) -> Iterator[dict[str, Any]]:
    for answer in exchange.answers:
        for choice in answer.get("choices") or ():
            yield choice.get("message") or choice.get("delta") or {}


def _error(exchange: Exchange) -> str:
    return str((exchange.answers or [{}])[0].get("error") or "")


def _asks_google_for_a_schema(exchange: Exchange) -> bool:
    sent = exchange.sent or {}
    form = sent.get("response_format") or {}
    return form.get("type") == "json_schema" and str(sent.get("model", "")).startswith(("google/", "gemini-"))


def _fields(exchange: Exchange) -> set[str]:
    return {name for answer in exchange.answers for name in answer.get("usage") or ()}


def _models(exchange: Exchange) -> bool:
    rows = [row for answer in exchange.answers for row in answer.get("data") or () if isinstance(row, dict)]
    return any(name in _LIVE_NAMES or "_per_token" in name for row in rows for name in row)


def _is_refusal_of_upstream(exchange: Exchange) -> bool:
    if exchange.status == 429:
        return "x-ratelimit-limit" not in exchange.headers and "retry-after" not in exchange.headers
    return exchange.status == 404 and "No endpoints found" in _error(exchange)


SHOWS: dict[str, Callable[[Exchange], Any]] = {
    "structured": lambda each: (
        each.status == 200
        and each.is_chat
        and _asks_google_for_a_schema(each)
        and any(message.get("content") in ("", "{}") for message in _messages(each))
    ),
    "wall": lambda each: each.status == 500 and each.is_chat and not each.body,
    "credits": lambda each: each.path.endswith("/credits") and (each.status == 404) is (each.path == "/v1/credits"),
    "models": lambda each: each.path.endswith("/models") and _models(each),
    "hosts": lambda each: (
        each.status < 400
        and (each.host == "aicredits.in" or each.path.startswith("/api/v1/"))
        and not each.path.endswith("/credits")
    ),
    "cost": lambda each: {"cost", "latency_ms"} & _fields(each),
    "schema": lambda each: each.status == 400 and "jsonschema" in _error(each),
    "transcript": lambda each: (
        each.path.endswith("/audio/transcriptions")
        and any({"transcript", "segments"} & answer.keys() for answer in each.answers)
    ),
    "choices": lambda each: any("choices" in answer for answer in each.answers),
    "sizes": lambda each: (
        each.path.endswith("/images/generations")
        and each.status == 200
        and (each.sent or {}).get("size", "1024x1024") not in _DOCUMENTED_SIZES
    ),
    "jpeg": lambda each: each.body[:3] == b"\xff\xd8\xff" or b'"b64_json":"/9j/' in each.body.replace(b" ", b""),
    "upstream": _is_refusal_of_upstream,
    "reasoning": lambda each: any({"reasoning_content", "reasoning"} & message.keys() for message in _messages(each)),
}
"""For each name whether an exchange with its provider shows it."""


def seen_in(exchange: Exchange) -> list[str]:
    """The names of the forms that an exchange shows."""
    return [name for name, shows in SHOWS.items() if PROVIDER_OF[name] == exchange.provider and shows(exchange)]
