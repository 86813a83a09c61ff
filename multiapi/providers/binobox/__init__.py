"""Binobox: chat in the shared format, plain text only; every answer says what it cost in diamonds.

- Four request fields are documented: model, messages, max_tokens, temperature. No streaming, tools or content parts; stop
  words are cut off on our side.
- A lack of diamonds is known by its code, whatever the status.

Facts and sources: multiapi/simulator/contracts/binobox.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from multiapi.errors import InsufficientCreditsError, StatusError
from multiapi.formats.answer_facts import decimal_of
from multiapi.formats.openai import vendor as openai_format
from multiapi.formats.openai.vendor import Dialect, openai_compatible
from multiapi.http.exchange import HttpResponse
from multiapi.http.json import parse_json
from multiapi.types.chat import CHAT_SETTINGS, ChatRequest, TextPart
from multiapi.types.usage import Cost


def chat_body(request: ChatRequest, dialect: Dialect) -> dict[str, Any]:
    """The shared body without stop words, and with content as plain text."""
    messages = [
        message._replace(content=message.text)
        if not isinstance(message.content, str) and all(isinstance(part, TextPart) for part in message.content)
        else message
        for message in request.messages
    ]
    return openai_format.chat_body(replace(request, messages=messages, stop=None), dialect)


def read_cost(body: Mapping[str, Any], _headers: Mapping[str, str]) -> Cost | None:
    """Diamonds charged, and how many remain."""
    charge = body.get("binobox")
    if not isinstance(charge, dict):
        return None
    amount = decimal_of(charge.get("diamonds_charged"))
    return None if amount is None else Cost(amount, "diamonds", decimal_of(charge.get("balance_remaining")))


def read_error(response: HttpResponse) -> StatusError:
    """The shared reading; a lack of diamonds by its code, with what is required and what is there."""
    error = openai_format.read_error(response, "binobox")
    if error.code != "INSUFFICIENT_DIAMONDS":
        return error
    body = parse_json(response.body)
    details = body.get("error") if isinstance(body, dict) else None
    details = details if isinstance(details, dict) else {}
    return error.as_class(
        InsufficientCreditsError, required=_diamonds(details.get("required")), balance=_diamonds(details.get("balance"))
    )


def _diamonds(value: Any) -> float | None:
    amount = decimal_of(value)
    return value if type(value) in (int, float) else None if amount is None else float(amount)


BINOBOX = openai_compatible(
    name="binobox",
    title="Binobox",
    base_url="https://api.binobox.ir/api/v1",
    api_key_env="BINOBOX_API_KEY",
    base_url_env="BINOBOX_BASE_URL",
    operation_paths=(
        "/chat/completions",
        "/models",
        "/usage",
        "/images/generations",
        "/audio/speech",
        "/music/generations",
        "/videos/generations",
    ),
    units=("diamonds",),
    dialect=Dialect(
        provider="binobox",
        media=frozenset(),
        unknown_settings=frozenset(CHAT_SETTINGS) - {"temperature"},
        takes_names=False,
    ),
    build_body=chat_body,
    read_vendor_error=read_error,
    read_cost=read_cost,
    streaming=False,
    native_tools=False,
    cuts_stop=True,
    structured=("prompted",),
    requests_per_minute=60,
    rate_limit_wait_s=5.0,
    default_models={
        "chat": "gemini-3.1-flash-lite",
        "image": "imagen-4-fast-generate",
        "speech": "gemini-3.1-flash-tts",
        "music": "lyria-3-clip",
        "video": "veo-3-lite-generate",
    },
    hidden_tool_parameters={
        "generate_music": {"lyrics"},
        "generate_video": {"image"},
        "start_video": {"image"},
        "usage_report": {"days"},
    },
    operations="multiapi.providers.binobox.operations",
    capabilities={
        "chat": "documented",
        "image": "documented",
        "speech": "documented",
        "music": "documented",
        "video": "documented",
        "jobs": "documented",
        "models": "documented",
        "usage": "documented",
        "balance": "documented",
    },
)
