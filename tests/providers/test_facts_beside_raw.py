"""Facts that providers document are fields of the results, and not in `raw` alone."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

import orjson
import pytest

from langchain_multiapi._answers import from_response
from llamaindex_multiapi._answers import from_answer
from llamaindex_multiapi._requests import Call
from multiapi.agent_tools.tools import balance_facts
from multiapi.cli.account import _price
from multiapi.http.exchange import HttpResponse
from multiapi.providers import PROVIDERS
from multiapi.types.account import Balance, Price, UsageEntry
from multiapi.types.chat import ChatRequest
from multiapi.types.usage import Cost

SOUND = base64.b64encode(b"ID3\x04" + bytes(200)).decode()


def read(provider: str, operation: str, body: Any) -> Any:
    answer = HttpResponse(200, {"content-type": "application/json"}, orjson.dumps(body))
    return PROVIDERS[provider].operations[operation].parse(answer)


@pytest.mark.parametrize("operation", ["speech", "music"])
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (30, 30.0),
        (2.5, 2.5),
        ("30", 30.0),
        (0, 0.0),
        (None, None),
        (-1, None),
        ("long", None),
        ({}, None),
        (True, None),
    ],
)
def test_sound_of_binobox_says_how_long_it_is(operation: str, said: Any, expected: float | None) -> None:
    body = {"object": "audio", "model": "m", "duration": said, "data": [{"b64_json": SOUND, "mime_type": "audio/mpeg"}]}
    assert read("binobox", operation, body).duration_s == expected


@pytest.mark.parametrize(
    ("info", "size", "expected"),
    [
        ({"extension": ".mp3", "category": "audio"}, {"original": 204, "base64": 272}, (".mp3", 272)),
        ({}, {}, (None, None)),
        ({"extension": 3}, {"base64": "many"}, (None, None)),
    ],
)
def test_an_encoded_file_has_its_ending_and_length(info: Any, size: Any, expected: tuple[Any, Any]) -> None:
    data = {"base64String": SOUND, "originalName": "a.mp3", "fileInfo": info, "size": size}
    found = read("bineric", "file_to_base64", {"success": True, "data": data})
    assert (found.extension, found.encoded_bytes) == expected


def test_the_least_of_a_call_reads_the_same_everywhere() -> None:
    from multiapi.agent_tools.tools import _price_words

    price = Price(amount=Decimal("0.18"), currency="diamonds", what="call_at_least")
    assert _price(price) == _price_words(price) == "at least 0.18 diamonds a call"


BINERIC_USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 5,
    "total_tokens": 12,
    "total_cost": 0.01,
    "response_time_ms": 1250,
    "account_info": {"type": "paid", "balance": 9.5, "model_cost": {"input_cost_per_1k": 0.005}},
    "current_usage": {"requests_made": 5, "total_cost": 0.3},
}
BINERIC_BODY = {"success": True, "request_id": "req_1", "model": "gpt-4", "response": "hi", "usage": BINERIC_USAGE}


@pytest.mark.parametrize("way", ["whole", "a stream of the whole", "a stream of chunks"])
def test_a_chat_of_bineric_tells_time_account_and_usage_and_raw_is_its_body(way: str) -> None:
    facts = {name: BINERIC_USAGE[name] for name in ("response_time_ms", "account_info", "current_usage")}
    if way == "whole":
        answer = HttpResponse(200, {"content-type": "application/json"}, orjson.dumps(BINERIC_BODY))
    else:
        last = BINERIC_BODY if way.endswith("whole") else {**BINERIC_BODY, "response": "", "text": "i"}
        events: list[dict[str, Any]] = [{"text": "h"}, last]
        body = b"".join(b"data: " + orjson.dumps(event) + b"\n\n" for event in events) + b"data: [DONE]\n\n"
        answer = HttpResponse(200, {"content-type": "text/event-stream"}, body)
    found = PROVIDERS["bineric"].chat.parse(answer)
    assert {name: found.metadata.get(name) for name in facts} == facts
    assert found.text == "hi" and found.raw["response"] == "hi" and "choices" not in found.raw
    message, view = (
        from_response(found, "m").generations[0].message,
        from_answer(found, Call(ChatRequest(model="m", messages=()))),
    )
    assert facts.items() <= message.response_metadata.items()
    assert view.raw is not None and view.raw["usage"] == BINERIC_USAGE and "choices" not in view.raw


def test_choices_that_bineric_sent_stay_in_raw() -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    body = {"model": "gpt-4", "choices": [choice], "usage": BINERIC_USAGE}
    answer = HttpResponse(200, {"content-type": "application/json"}, orjson.dumps(body))
    assert PROVIDERS["bineric"].chat.parse(answer).raw["choices"] == [choice]


@pytest.mark.parametrize("odd", [None, [], "x", 3, {"daily": 3, "total": []}, {"daily": {"tokens": 3, "cost": "much"}}])
def test_a_balance_of_bineric_has_sums_times_and_usage(odd: Any) -> None:
    data = {
        "balance": 95.26,
        "inputTokens": 1240,
        "outputTokens": 3560,
        "lastUpdated": "2024-12-31T23:59:59.999Z",
        "payment_status": {"active": True, "expires": "2024-12-31T23:59:59.999Z"},
        "usage": {
            "daily": {"requests": 5, "tokens": {"input": 12, "output": 35}, "cost": 0.03738},
            "total": {"input_tokens": 1240, "output_tokens": 3560},
        },
    }
    found: Balance = read("bineric", "balance", {"success": True, "data": data})
    assert (found.active, found.updated) == (True, "2024-12-31T23:59:59.999Z")
    assert (found.input_tokens, found.output_tokens) == (1240, 3560)
    assert found.today == UsageEntry(requests=5, input_tokens=12, output_tokens=35, cost=Cost(Decimal("0.03738"), None))
    assert found.total == UsageEntry(input_tokens=1240, output_tokens=3560)
    assert balance_facts(found) == [
        "The account is paid for.",
        "Today: 5 requests, 12 input tokens, 35 output tokens, 0.03738 spent.",
        "In total: 1240 input tokens, 3560 output tokens.",
    ]
    data |= {"usage": odd, "payment_status": odd, "inputTokens": odd, "lastUpdated": odd if odd != "x" else 1}
    bare: Balance = read("bineric", "balance", {"success": True, "data": data})
    assert bare.amount == found.amount and (bare.active, bare.updated) == (None, None)
    balance_facts(bare)


def test_a_model_of_bineric_says_what_it_cannot_do_and_which_files_it_takes() -> None:
    features = {"streaming": True, "vision": False, "odd": "maybe"}
    files = {
        "image": {"formats": ["png"], "max_size_mb": 20},
        "document": None,
        "max_files": 5,
        "total_max_size_mb": 30,
    }
    entry = {"id": "m", "name": "M", "features": features, "file_support": files}
    (info,) = read("bineric", "models", {"success": True, "count": 1, "data": [entry]})
    assert (info.features, info.files) == ({"streaming": True, "vision": False}, files)
    for odd in (None, [], "none", 3):
        (info,) = read(
            "bineric", "models", {"success": True, "data": [{"id": "m", "features": odd, "file_support": odd}]}
        )
        assert (info.features, info.files) == ({}, {})
