"""What AI/ML API's catalogue says of one model: which values its parameters take."""

import re
from functools import lru_cache
from typing import Any

import jsonschema_rs

from multiapi.simulator.contract import aimlapi_catalogue, contract, first_violation
from multiapi.simulator.minds import tokens
from multiapi.simulator.vendors.vendor import Call, Refusal

# Of text models these are left to the contract: the catalogue says less of them.
_OF_TEXT = {"model", "messages", "input", "tools", "tool_choice", "response_format", "stream_options", "text"}


def check_model(call: Call) -> None:
    """Refuse values that the model's own schema does not allow.

    Fields that only other models have are let through, as the server is said to be lenient with them; embedding
    models are strict, because their schemas are closed.
    """
    model = call.body["model"]
    if call.operation.id == "createEmbedding":
        _check_lengths(model, call.body["input"])
    validator = _validator(model, f"{call.operation.method} {call.operation.path}")
    if validator is not None and (violation := first_violation(validator, _numerals(call.body))) is not None:
        raise Refusal(400, str(violation))


_MOST_TOKENS = 8191
_MOST_CHARACTERS, _MOST_CHARACTERS_IN_A_LIST = 8000, 800


def _check_lengths(model: str, given: str | list[str]) -> None:
    """Refuse texts that are longer than the contract's limits for embedding models."""
    texts = [given] if isinstance(given, str) else given
    if model.startswith("voyage"):
        most = _MOST_CHARACTERS if isinstance(given, str) else _MOST_CHARACTERS_IN_A_LIST
        if any(len(text) > most for text in texts):
            raise Refusal(400, f"input: String must contain at most {most} character(s)")
    elif re.search(r"(?:^|/)text-embedding-(?:3|ada)", model) and any(
        len(text) > _MOST_TOKENS and tokens.count(text) > _MOST_TOKENS for text in texts
    ):
        raise Refusal(400, f"input: This model's maximum context length is {_MOST_TOKENS} tokens", bare=True)


def _numerals(body: dict[str, Any]) -> dict[str, Any]:
    """The body with numerals that were sent as text read as numbers, as the server takes them."""
    return {
        name: int(value) if isinstance(value, str) and name == "duration" and value.isdigit() else value
        for name, value in body.items()
    }


@lru_cache(maxsize=1000)
def _validator(model: str, endpoint: str) -> Any:
    entry = aimlapi_catalogue().get(model)
    if entry is None or endpoint == "POST /v1/images/edits":
        return None  # The catalogue has what these models take when they make a picture; the contract says what edits take.
    params = dict(entry["params"])
    if entry["family"] == "text":
        if entry["endpoint"] != endpoint:
            return None
        common = contract("aimlapi").document["x-text-common-params"].get(endpoint, {})
        params = {**{name: spec for name, spec in common.items() if name not in entry.get("lacks", ())}, **params}
    elif endpoint not in (entry["endpoint"], *entry.get("other_endpoints", ())):
        return None
    skipped = _OF_TEXT if entry["family"] == "text" else {"model", "input"}
    properties = {name: _schema(spec) for name, spec in params.items() if name not in skipped}
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    schema["required"] = [
        name for name, spec in params.items() if spec.get("required") and name not in ("audio", "file", "url", *skipped)
    ]
    if entry["family"] == "embedding":
        schema["properties"] = {**properties, "model": {}, "input": {}}
        schema["additionalProperties"] = False
    return jsonschema_rs.Draft202012Validator(schema)


_KINDS = {"string", "integer", "number", "boolean", "object", "array"}


def _schema(spec: dict[str, Any]) -> dict[str, Any]:
    """A catalogue entry's parameter as a JSON schema."""
    kinds = [kind.split("<")[0] for kind in str(spec.get("type", "")).split("|")]
    kinds = [kind for kind in kinds if kind in _KINDS]
    if not kinds:
        return {}
    if spec.get("nullable"):
        kinds.append("null")
    schema: dict[str, Any] = {"type": kinds}
    if "enum" in spec:
        allowed: dict[str, Any] = {"enum": [*spec["enum"], None] if spec.get("nullable") else spec["enum"]}
        if {"object", "array"} & set(kinds):
            allowed = {"if": {"type": ["string", "integer", "number", "boolean"]}, "then": allowed}
        schema.update(allowed)
    names = {
        "min": "minimum",
        "max": "maximum",
        "maxLength": "maxLength",
        "minLength": "minLength",
        "maxItems": "maxItems",
        "minItems": "minItems",
    }
    schema.update({names[name]: spec[name] for name in names if isinstance(spec.get(name), int | float)})
    if isinstance(spec.get("props"), dict):
        schema["properties"] = {name: _schema(inner) for name, inner in spec["props"].items()}
    return schema
