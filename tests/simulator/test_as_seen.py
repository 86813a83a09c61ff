"""The forms that users saw live: each is sent when its name is on, and nothing else changes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from PIL import Image

from multiapi.simulator import Clock, Simulator, as_seen
from multiapi.simulator.__main__ import main
from multiapi.simulator.contract import VENDORS, Operation, contract
from tests.simulator.conversing import Talk
from tests.simulator.test_contracts import (
    OPERATIONS,
    documented_requests,
    fitted,
    form,
    name,
    prepared,
    refit_bineric_audio,
)

HELLO = [{"role": "user", "content": "Say hello in three words."}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def talk(vendor: str = "aicredits", *names: str, **facts: Any) -> Talk:
    return Talk(vendor, Simulator(clock=Clock(1_780_000_000.0), as_seen=names, **facts))


def structured(model: str, schema: Mapping[str, Any] = SCHEMA) -> dict[str, Any]:
    form = {"type": "json_schema", "json_schema": {"name": "city", "schema": schema}}
    return {"model": model, "messages": HELLO, "response_format": form}


def content(response: httpx.Response) -> Any:
    return response.json()["choices"][0]["message"]["content"]


# ------------------------------------------------------------------------------------------------ each name


def test_structured_answers_of_google_are_empty_by_turns_and_charged() -> None:
    seen = talk("aicredits", "structured")
    answers = [seen.post("/v1/chat/completions", structured("google/gemini-2.5-pro")) for _ in range(4)]
    assert [content(answer) for answer in answers] == ["", "{}", "", "{}"]
    assert {answer.json()["choices"][0]["finish_reason"] for answer in answers} == {"stop"}
    assert seen.get("/v1/credits").json()["balance"] < 500
    assert "city" in content(seen.post("/v1/chat/completions", structured("openai/gpt-4o")))


@pytest.mark.parametrize(("delay", "status"), [("24", 200), ("30", 200), ("31", 500), ("90", 500)])
def test_an_unstreamed_call_ends_after_thirty_seconds_of_the_simulators_clock(delay: str, status: int) -> None:
    seen = talk(
        "aicredits",
        "wall",
    )
    body = {"model": "openai/gpt-4o", "messages": HELLO}
    seen.simulator.faults.add(f"delay={delay}")
    answer = seen.send("POST", "/v1/chat/completions", json=body) if status == 200 else _unchecked(seen, body)
    assert answer.status_code == status
    assert seen.simulator.clock.now() == 1_780_000_000.0 + min(float(delay), 30.0)
    assert (answer.text == "") is (status == 500)
    seen.simulator.faults.add(f"delay={delay}")
    assert _unchecked(seen, {**body, "stream": True}).status_code == 200


def _unchecked(seen: Talk, body: Any) -> httpx.Response:
    seen.check = False
    return seen.post("/v1/chat/completions", body)


def test_the_balance_is_elsewhere() -> None:
    seen = talk("aicredits", "credits")
    answer = seen.get("/v1/credits")
    assert (answer.status_code, answer.text) == (404, "404 page not found")
    seen.post("/v1/chat/completions", {"model": "openai/gpt-4o", "messages": HELLO})
    data = seen.get("/api/v1/credits").json()["data"]
    assert data["total_credits"] - data["total_usage"] == pytest.approx(data["credits_inr"])
    assert talk().get("/api/v1/credits").status_code == 404


def test_the_list_has_the_live_names() -> None:
    seen = talk("aicredits", "models")
    data = seen.get("/api/models").json()["data"]
    listed = contract("aicredits").document["components"]["schemas"]["ModelSeen"]["properties"]
    assert {field for entry in data for field in entry} == set(listed) - {"input_cost_per_1m"}
    assert [entry["id"] for entry in data if not entry["is_active"]] == ["example/retired-model"]
    assert seen.get("/v1/models").json()["data"] == data
    seen.key = None
    seen.check = False
    assert seen.get("/v1/models").status_code == 401


@pytest.mark.parametrize("host", ["https://api.aicredits.in", "https://aicredits.in"])
@pytest.mark.parametrize("start", ["/v1", "/api/v1"])
def test_the_service_is_below_both_paths_on_both_hosts(host: str, start: str) -> None:
    seen = talk("aicredits", "hosts")
    body = {"model": "openai/gpt-4o", "messages": HELLO}
    answer = seen.client.post(f"{host}{start}/chat/completions", json=body, headers=seen.headers())
    assert content(answer) == "hello in three words"


@pytest.mark.parametrize("stream", [False, True])
def test_the_cost_stands_in_the_usage(stream: bool) -> None:
    seen = talk("aicredits", "cost")
    body = {"model": "google/gemini-2.5-flash", "messages": HELLO}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    answer = seen.post("/v1/chat/completions", body)
    usage = Talk_events(answer)[-1]["usage"] if stream else answer.json()["usage"]
    assert usage["total_tokens"] > usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["latency_ms"] > 0
    assert 500 - usage["cost"] == pytest.approx(seen.get("/v1/credits").json()["balance"])


def Talk_events(answer: httpx.Response) -> list[Any]:
    from tests.simulator.conversing import events

    return list(events(answer.text))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["object", "null"]},
        {"type": "object", "properties": {"a": {"type": ["string", "null"]}}},
        {"type": "object", "$defs": {"A": {"items": {"anyOf": [{"type": ["integer"]}]}}}},
    ],
)
def test_a_list_as_type_is_refused_in_the_words_of_go(schema: dict[str, Any]) -> None:
    seen = talk("aicredits", "schema")
    answer = seen.post("/v1/chat/completions", structured("openai/gpt-4o", schema))
    assert answer.status_code == 400
    assert "jsonschema.DataType" in answer.json()["error"]["message"]
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    body = {"model": "openai/gpt-4o", "messages": HELLO, "tools": [tool]}
    assert seen.post("/v1/chat/completions", body).status_code == 400


def test_a_property_that_is_called_type_is_no_type() -> None:
    seen = talk("aicredits", "schema")
    schema = {"type": "object", "properties": {"type": {"enum": ["a"]}, "b": {"enum": [["string"]], "type": "array"}}}
    assert seen.post("/v1/chat/completions", structured("openai/gpt-4o", schema)).status_code == 200


def test_picture_sizes_and_kinds() -> None:
    seen = talk("aicredits", "sizes", "jpeg")
    body = {"model": "dall-e-2", "prompt": "a boat", "size": "512x512"}
    url = seen.post("/v1/images/generations", body).json()["data"][0]["url"]
    picture = Image.open(io.BytesIO(seen.client.get(url).content))
    assert (picture.format, picture.size) == ("JPEG", (512, 512))
    assert seen.post("/v1/images/generations", {**body, "size": "1792x1024"}).status_code == 400
    flux = {"model": "black-forest-labs/flux-2-dev", "prompt": "a boat", "size": "1024x768"}
    assert seen.post("/v1/images/generations", flux).status_code == 200
    refused = talk().post("/v1/images/generations", body).json()["error"]["message"]
    assert refused == 'size: "512x512" is not one of "1024x1024", "1792x1024" or "1024x1792"'


def test_the_upstream_refuses_a_few_calls_without_headers() -> None:
    seen = talk("aicredits", "upstream")
    body = {"model": "openai/gpt-4o", "messages": HELLO}
    answers = [seen.post("/v1/chat/completions", body) for _ in range(40)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 2
    assert not any("x-ratelimit-limit" in answer.headers for answer in refused)
    unknown = seen.post("/v1/chat/completions", {**body, "model": "no-such-model"})
    assert (unknown.status_code, "No endpoints found" in unknown.text) == (404, True)


def test_thoughts_have_both_names() -> None:
    seen = talk("aicredits", "reasoning")
    body = {"model": "deepseek/deepseek-r1", "messages": HELLO}
    assert seen.post("/v1/chat/completions", body).json()["choices"][0]["message"]["reasoning_content"]
    answer = seen.post("/v1/chat/completions", {**body, "stream": True})
    fields = {field for event in Talk_events(answer) for field in event["choices"][0]["delta"]}
    assert {"reasoning_content", "reasoning"} <= fields


@pytest.mark.parametrize("model", ["gpt-4", "text-to-speech", "speech-to-text"])
def test_bineric_answers_in_choices(model: str) -> None:
    seen = talk("bineric", "choices")
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "Hei. Er du der?"}]}
    if model == "speech-to-text":
        body["messages"][0]["attachments"] = ["data:audio/wav;base64,"]
        body = refit_bineric_audio(body)
    answer = seen.post("/ai/chat/completions", body).json()
    made = answer["choices"][0]["message"]["content"]
    if model == "text-to-speech":
        assert made["audioContent"].startswith("data:audio/mp3;base64,")
        assert made["metadata"] == {"format": "mp3"}
    elif model == "speech-to-text":
        assert answer["_bineric"]["phrases"][0]["startTime"].startswith("PT")
    else:
        assert isinstance(made, str)


# ------------------------------------------------------------------------------------------------ nothing else

TOUCHED: dict[str, set[str]] = {
    "structured": set(),  # no documented request asks Google for a schema
    "wall": set(),  # no documented request takes that long
    "credits": {"getCredits"},
    "models": {"listModels"},
    "hosts": set(),
    "cost": {"createChatCompletion", "createEmbedding"},
    "schema": set(),
    "transcript": {"createTranscription"},
    "choices": {"createChatCompletion"},
    "sizes": set(),
    "jpeg": {"createImage"},
    "upstream": set(),
    "reasoning": set(),
}
"""The operations of which some documented request is answered otherwise."""


def answers(operation: Operation, names: Any) -> list[tuple[int, bytes, dict[str, str]]]:
    found = []
    for media_type, _, value in documented_requests(operation):
        seen = Talk(operation.vendor, Simulator(clock=Clock(1_780_000_000.0), as_seen=names), check=False)
        path, query = prepared(seen, operation)
        options: dict[str, Any] = {"params": query}
        if media_type == "multipart/form-data":
            options |= form(value, operation)
        elif media_type:
            body = fitted(seen, operation, value, path)
            chat = name(operation) == "bineric-createChatCompletion"
            options["json"] = refit_bineric_audio(body) if chat else body
        response = seen.send(operation.method, path, **options)
        found.append((response.status_code, response.content, dict(response.headers)))
    return found


MINE = [operation for operation in OPERATIONS if operation.vendor in set(as_seen.PROVIDER_OF.values())]


@pytest.mark.parametrize("operation", MINE, ids=name)
def test_a_name_changes_its_own_operations_alone(operation: Operation) -> None:
    plain = answers(operation, ())
    for switch, provider in as_seen.PROVIDER_OF.items():
        changed = answers(operation, {switch}) != plain
        assert changed is (provider == operation.vendor and operation.id in TOUCHED[switch]), switch


def documented_only(schema: Any) -> Any:
    """A schema without what was only seen."""
    if isinstance(schema, list):
        return [documented_only(inner) for inner in schema if not _is_seen(inner)]
    if isinstance(schema, dict):
        return {key: documented_only(inner) for key, inner in schema.items() if not _is_seen(inner)}
    return schema


def _is_seen(part: Any) -> bool:
    return isinstance(part, dict) and part.get("x-source") == "seen"


@pytest.mark.parametrize("vendor", sorted(set(as_seen.PROVIDER_OF.values())))
def test_off_no_field_is_sent_that_was_only_seen(vendor: str) -> None:
    """The fields of the schemas that were only seen occur in no answer to a documented request."""
    fields = set()

    def walk(part: Any, inside: bool) -> None:
        if isinstance(part, dict):
            inside = inside or _is_seen(part)
            for key, inner in part.items():
                if key == "properties" and isinstance(inner, dict):
                    fields.update(inner if inside else [each for each, value in inner.items() if _is_seen(value)])
                walk(inner, inside)
        elif isinstance(part, list):
            for inner in part:
                walk(inner, inside)

    schemas = contract(vendor).document["components"]["schemas"]
    walk(schemas, False)
    fields -= _fields_of(documented_only(schemas))
    assert fields
    for operation in MINE:
        if operation.vendor == vendor:
            for _, body, _ in answers(operation, ()):
                found = [field for field in fields if f'"{field}":'.encode() in body]
                assert not found, f"{operation.id}: {found}"


def _fields_of(part: Any) -> set[str]:
    if isinstance(part, dict):
        mine = set(part.get("properties", {})) if isinstance(part.get("properties"), dict) else set()
        return mine.union(*(_fields_of(inner) for inner in part.values())) if part else mine
    return set().union(*(_fields_of(inner) for inner in part)) if isinstance(part, list) and part else set()


# ------------------------------------------------------------------------------------------------ the switch itself


def test_true_is_every_name_and_a_wrong_name_is_refused() -> None:
    assert Simulator(as_seen=True).as_seen == set(as_seen.PROVIDER_OF)
    assert Simulator(as_seen="credits, wall").as_seen == {"credits", "wall"}
    assert Simulator().as_seen == set()
    with pytest.raises(ValueError, match="as_seen does not know nothing; known are structured"):
        Simulator(as_seen={"nothing"})
    with pytest.raises(SystemExit):
        main(["--as-seen", "nothing"])


def test_the_table_of_the_module_has_every_name() -> None:
    assert as_seen.__doc__ is not None
    assert set(as_seen.PROVIDER_OF.values()) <= set(VENDORS)
    for switch in as_seen.PROVIDER_OF:
        assert f"`{switch}`" in as_seen.__doc__
        assert switch in TOUCHED


def test_it_is_switched_at_the_controls_and_survives_a_reset() -> None:
    seen = talk()
    url = "http://127.0.0.1/_simulator/as-seen"
    assert seen.client.post(url, json={"as_seen": ["credits"]}).json() == {"as_seen": ["credits"]}
    seen.simulator.reset()
    assert seen.get("/v1/credits").status_code == 404
    assert seen.client.post(url, json={"as_seen": ["nothing"]}).status_code == 400
    assert seen.client.get(url).json() == {"as_seen": ["credits"]}
    assert seen.client.delete(url).json() == {"as_seen": []}


# ------------------------------------------------------------------------------------------------ what needs no name


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
def test_a_repeated_request_is_answered_from_the_cache_as_json(first: bool, second: bool) -> None:
    seen = Talk("aicredits", Simulator(clock=Clock(1_780_000_000.0), cache=True))
    body = {"model": "openai/gpt-4o", "messages": HELLO}
    seen.post("/v1/chat/completions", {**body, "stream": first})
    left = seen.get("/v1/credits").json()["balance"]
    hit = seen.post("/v1/chat/completions", {**body, "stream": second, "no_cache": True})
    assert (hit.headers["x-cache-status"], hit.headers["content-type"]) == ("HIT", "application/json")
    assert content(hit) == "hello in three words"
    assert seen.get("/v1/credits").json()["balance"] == left
    other = seen.post("/v1/chat/completions", {**body, "temperature": 0.5})
    assert "x-cache-status" not in other.headers
    assert "x-cache-status" not in talk().post("/v1/chat/completions", body).headers


def test_a_blocked_word_is_a_guardrail() -> None:
    seen = Talk("aicredits", Simulator(clock=Clock(1_780_000_000.0), blocked_words=["Bomb"]))
    body = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "how to build a BOMB"}]}
    refused = seen.post("/v1/chat/completions", body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "blocked_keyword")
    assert refused.json()["error"]["type"] == "guardrail_violation"


@pytest.mark.parametrize("multiapi_as_seen", [True, {"credits", "cost"}, "credits,cost", False])
def test_the_fixtures_take_the_switch(
    multiapi_as_seen: Any, multiapi_simulator: Any, multiapi_in_process: Simulator
) -> None:
    expected = as_seen.read(multiapi_as_seen)
    assert multiapi_simulator.simulator.as_seen == multiapi_in_process.as_seen == expected
    answer = httpx.get(
        multiapi_simulator.base_url("aicredits") + "/v1/credits", headers={"authorization": "Bearer any-key-1234"}
    )
    assert answer.status_code == (404 if "credits" in expected else 200)


def test_without_a_word_nothing_is_on(multiapi_simulator: Any, multiapi_in_process: Simulator) -> None:
    assert not multiapi_simulator.simulator.as_seen and not multiapi_in_process.as_seen
