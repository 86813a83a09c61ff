"""The simulator refuses the roots of schemas that OpenAI's models refuse, and only for those."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from multiapi.simulator import Simulator

TREE = {"$ref": "#/$defs/Tree", "$defs": {"Tree": {"type": "object", "properties": {}}}}
NO_OBJECTS: list[dict[str, Any]] = [
    {},
    TREE,
    {"type": "array", "items": {"type": "integer"}},
    {"type": "string"},
    {"type": ["object", "null"], "properties": {}},
    {"anyOf": [{"type": "object", "properties": {}}, {"type": "null"}]},
]
OBJECT = {"type": "object", "properties": {"city": {"type": "string"}}}
MODELS = {"aimlapi": "openai/gpt-4o", "aicredits": "openai/gpt-4o-mini", "binom_router": "gpt-4o"}
OTHERS = {
    "aimlapi": "google/gemini-2.5-flash",
    "aicredits": "google/gemini-2.5-flash",
    "binom_router": "gemini-2.5-flash",
}


def post(vendor: str, body: dict[str, Any], path: str = "/chat/completions") -> httpx.Response:
    simulator = Simulator()
    url = simulator.base_url(vendor).removesuffix("/v1") + "/v1" + path
    with httpx.Client(transport=simulator.transport) as http:
        return http.post(url, headers={"authorization": "Bearer any-key-1234"}, json=body)


def asked(model: str, schema: dict[str, Any], place: str) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "Oslo"}]}
    if place == "form":
        form = {"name": "City", "schema": schema}
        return {**body, "response_format": {"type": "json_schema", "json_schema": form}}
    return {**body, "tools": [{"type": "function", "function": {"name": "look", "parameters": schema}}]}


@pytest.mark.parametrize("schema", NO_OBJECTS, ids=str)
@pytest.mark.parametrize("place", ["form", "tool"])
@pytest.mark.parametrize("vendor", MODELS)
def test_a_root_that_is_not_an_object_is_refused(vendor: str, place: str, schema: dict[str, Any]) -> None:
    answer = post(vendor, asked(MODELS[vendor], schema, place))
    assert answer.status_code == 400
    assert "schema must be a JSON Schema of 'type: \\\"object\\\"'" in answer.text


@pytest.mark.parametrize("place", ["form", "tool"])
@pytest.mark.parametrize("vendor", MODELS)
def test_an_object_is_taken_and_other_models_take_more(vendor: str, place: str) -> None:
    assert post(vendor, asked(MODELS[vendor], OBJECT, place)).status_code == 200
    assert post(vendor, asked(OTHERS[vendor], TREE, place)).status_code == 200


@pytest.mark.parametrize("vendor", MODELS)
def test_parameters_without_properties_are_refused(vendor: str) -> None:
    answer = post(vendor, asked(MODELS[vendor], {"type": "object"}, "tool"))
    assert answer.status_code == 400
    assert "object schema missing properties" in answer.text


@pytest.mark.parametrize("place", ["form", "tool"])
def test_the_responses_protocol_is_held_to_the_same(place: str) -> None:
    tool = {"type": "function", "name": "look", "parameters": TREE}
    form = {"format": {"type": "json_schema", "name": "City", "schema": TREE}}
    body = {"model": "openai/gpt-4o", "input": "Oslo", **({"tools": [tool]} if place == "tool" else {"text": form})}
    answer = post("aimlapi", body, "/responses")
    assert answer.status_code == 400
    assert "schema must be a JSON Schema" in answer.text
