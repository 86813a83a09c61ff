"""The OpenAPI documents of single models, as each row of the list links one: made from the catalogue, or an example of the contract."""

import re
from functools import cache
from typing import Any
from urllib.parse import urlencode

from multiapi.simulator.contract import Contract, aimlapi_catalogue

_WORDS = {
    "min": "minimum",
    "max": "maximum",
    **{
        word: word
        for word in (
            "enum",
            "default",
            "format",
            "pattern",
            "nullable",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
        )
    },
}
_PARTS = {"text": "text", "image": "image_url", "audio": "input_audio", "video": "video_url", "file": "file"}


def address(model: str, kind: str) -> str:
    """Where the document of a model is, as its row says it."""
    return f"https://api.aimlapi.com/docs-json?{urlencode({'model': model, 'endpoint': kind})}"


@cache
def newer(contract: Contract) -> dict[str, dict[str, Any]]:
    """The documents of models that are newer than the catalogue, by id: the contract's examples."""
    examples = contract.operations["getModelDocument"].response_examples()
    return {value["info"]["title"]: value for status, _, _, value in examples if status == "200"}


def document(contract: Contract, model: str) -> dict[str, Any] | None:
    """The document of a model; None if there is no such model."""
    entry = next(
        (each for each in aimlapi_catalogue().values() if model in (each["id"], each.get("schema_id"))),
        None,
    )
    if entry is None:
        return newer(contract).get(model)
    method, path = entry["endpoint"].split(" ", 1)
    common = contract.document["x-text-common-params"].get(entry["endpoint"], {}) if entry["family"] == "text" else {}
    lacks = entry.get("lacks", ())
    params = {**{name: spec for name, spec in common.items() if name not in lacks}, **entry["params"]}
    properties: dict[str, Any] = {"model": {"type": "string", "enum": [model]}}
    if entry["family"] == "text":
        properties["input" if path == "/v1/responses" else "messages"] = _talk(entry)
    properties |= {name: _schema(spec) for name, spec in params.items()}
    required = ["model", *(name for name, spec in params.items() if spec.get("required"))]
    body = {"type": "object", "properties": properties, "required": required}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}}
    paths: dict[str, Any] = {
        path: {method.lower(): {"requestBody": {"content": content}, "responses": {"200": {"description": "Success"}}}}
    }
    if entry["poll_endpoint"]:
        for polled, item in _poll(entry["poll_endpoint"]).items():
            paths[polled] = {**paths.get(polled, {}), **item}
    return {
        "openapi": "3.0.0",
        "info": {"title": model, "version": "1.0"},
        "paths": paths,
        "components": {"schemas": {"Body": body}},
    }


def _poll(endpoint: str) -> dict[str, Any]:
    method, path = endpoint.split(" ", 1)
    path, _, query = path.partition("?")
    named = [query.split("=")[0]] if query else re.findall(r"\{(\w+)\}", path)
    given = [{"name": name, "in": "query" if query else "path", "schema": {"type": "string"}} for name in named]
    return {path: {method.lower(): {"parameters": given, "responses": {"200": {"description": "Success"}}}}}


def _talk(entry: dict[str, Any]) -> dict[str, Any]:
    """What is said: the roles, and the parts that a message may have."""
    roles = entry.get("roles") or ["system", "user", "assistant", "tool"]
    parts = [
        {"type": "object", "properties": {"type": {"type": "string", "enum": [_PARTS[each]]}}}
        for each in entry["input"]
        if each in _PARTS
    ]
    content = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"anyOf": parts or [{"type": "object"}]}}]}
    message = {"type": "object", "properties": {"role": {"type": "string", "enum": roles}, "content": content}}
    return {"type": "array", "items": message}


def _schema(spec: dict[str, Any]) -> dict[str, Any]:
    """A parameter of the catalogue as a JSON schema."""
    kinds = spec["type"].split("|")
    branches = [_branch(kind, spec) for kind in kinds]
    if spec.get("open_enum"):
        branches = [{"type": "string", "enum": spec["enum"]}, {"type": "string"}]
        spec = {name: value for name, value in spec.items() if name != "enum"}
    told = {theirs: spec[ours] for ours, theirs in _WORDS.items() if ours in spec}
    return {**branches[0], **told} if len(branches) == 1 else {"anyOf": branches, **told}


def _branch(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    if kind.startswith("array<"):
        items = _branch(kind[6:-1], spec)
        if "item_enum" in spec:
            items["enum"] = spec["item_enum"]
        return {"type": "array", "items": items}
    if kind == "binary":
        return {"type": "string", "format": "binary"}
    if kind != "object":
        return {} if kind == "any" else {"type": kind}
    schema: dict[str, Any] = {"type": "object"}
    inside = spec.get("props", {})
    if inside:
        schema["properties"] = {name: _schema(each) for name, each in inside.items()}
        schema["required"] = [name for name, each in inside.items() if each.get("required")]
        return {"anyOf": [schema]} if "kinds" in spec else schema
    if "kinds" in spec:
        return {
            "anyOf": [
                {"type": "object", "properties": {"type": {"type": "string", "enum": [tag]}}} for tag in spec["kinds"]
            ]
        }
    return schema
