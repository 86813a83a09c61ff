"""Packs AI/ML API's model list into `aimlapi.json.gz`; run as `python -m multiapi.providers.aimlapi.catalogue.build`.

The contract lists some 850 models with the parameters of each, most of them shared: equal parameters are stored once, equal
sets of parameters once, and a text model's set is completed from the common ones of its operation.
"""

import gzip
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CONTRACTS = Path(__file__).parents[3] / "simulator" / "contracts"
PACKED = Path(__file__).with_name("aimlapi.json.gz")
GONE = Path(__file__).with_name("aimlapi_gone.json")
"""What each model is that is not current any more, by itself: looked at before every call."""

# In the contract's own words, which are kept; `required: false` and `nullable: false` are what is meant without the word.
_IMPLIED = {"required": False, "nullable": False}
_OF_JSON_SCHEMA = {"minimum": "min", "maximum": "max"}


def pack(models: list[dict[str, Any]], contract: dict[str, Any]) -> dict[str, Any]:
    """The packed form: `params` and `sets` hold each thing once, `models` refer to them by position."""
    params: dict[str, int] = {}
    sets: dict[str, int] = {}

    def position(table: dict[str, int], value: Any) -> int:
        return table.setdefault(json.dumps(value, ensure_ascii=False), len(table))

    def set_of(own: Mapping[str, Any]) -> int:
        return position(sets, {name: position(params, _plain(param)) for name, param in own.items()})

    common = contract["x-text-common-params"]
    rows = []
    for model in models:
        shared = common.get(model["endpoint"], {}) if model["family"] == "text" else {}
        kept = {name: param for name, param in shared.items() if name not in model.get("lacks", ())}
        rows.append(_row(model, set_of(kept | model["params"]), _closed_ids(contract, model["endpoint"])))
    edits = contract["components"]["schemas"]["ImageEditRequest"]
    edit_params = {
        name: _param(schema, required=name in edits["required"])
        for name, schema in edits["properties"].items()
        if name != "model"
    }
    return {
        "models": rows,
        "edits": {"ids": edits["properties"]["model"]["enum"], "set": set_of(edit_params)},
        "sets": [json.loads(text) for text in sets],
        "params": [json.loads(text) for text in params],
    }


def gone(models: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Status, replacement and day of each model that is deprecated, superseded or withdrawn."""
    words = ("status", "replaced_by", "deprecated_at")
    return {
        model["id"]: {word: model[word] for word in words if model.get(word)}
        for model in models
        if model["status"] in {"deprecated", "superseded", "withdrawn"}
    }


def gone_bytes() -> bytes:
    """As it is written to disk, one model on each line."""
    models = json.loads((CONTRACTS / "aimlapi_models.json").read_bytes())
    lines = [f"{json.dumps(name)}: {json.dumps(facts)}" for name, facts in gone(models).items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def packed_bytes(packed: dict[str, Any]) -> bytes:
    """As it is written to disk; the same for the same contract on the same Python."""
    text = json.dumps(packed, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


def from_contracts() -> dict[str, Any]:
    """Pack what lies in the contracts' folder."""
    models = json.loads((CONTRACTS / "aimlapi_models.json").read_bytes())
    contract = yaml.safe_load((CONTRACTS / "aimlapi.yaml").read_bytes())
    return pack(models, contract)


def _row(model: dict[str, Any], params: int, closed_ids: frozenset[str]) -> dict[str, Any]:
    row = {
        "id": model["id"],
        "family": model["family"],
        "developer": model["developer"],
        "status": model["status"],
        "endpoint": model["endpoint"],
        "poll": model["poll_endpoint"],
        "input": model["input"],
        "output": model.get("output"),
        "roles": model.get("roles"),
        "other": model.get("other_endpoints"),
        "alias": model.get("schema_id"),
        "replaced_by": model.get("replaced_by"),
        "deprecated_at": model.get("deprecated_at"),
        "set": params,
    }
    if closed_ids and model["id"] not in closed_ids and model.get("schema_id") in closed_ids:
        row["wire"] = model["schema_id"]
    return {name: value for name, value in row.items() if value is not None}


def _closed_ids(contract: dict[str, Any], endpoint: str) -> frozenset[str]:
    """The model ids that an operation's schema names, where it names all it takes (OCR does)."""
    method, path = endpoint.split(" ", 1)
    operation = contract["paths"].get(path, {}).get(method.lower())
    if operation is None:
        return frozenset()
    schema = operation["requestBody"]["content"].get("application/json", {}).get("schema", {})
    return frozenset(_model_ids(contract, schema))


def _model_ids(contract: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        schema = contract["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    yield from schema.get("properties", {}).get("model", {}).get("enum", ())
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _model_ids(contract, part)


def _plain(param: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter without what goes without saying."""
    plain = {name: value for name, value in param.items() if _IMPLIED.get(name) is not value}
    if "props" in plain:
        plain["props"] = {name: _plain(prop) for name, prop in plain["props"].items()}
    return dict(sorted(plain.items()))


def _param(schema: Mapping[str, Any], *, required: bool) -> dict[str, Any]:
    """A property of a JSON schema in the words of the model list."""
    words = {"enum", "default", "minLength", "maxLength", "minItems", "maxItems", *_OF_JSON_SCHEMA}
    param = {_OF_JSON_SCHEMA.get(name, name): value for name, value in schema.items() if name in words}
    branches = schema.get("anyOf", [schema])
    param["type"] = "|".join(_type(branch) for branch in branches)
    for branch in branches:
        param |= {name: branch[name] for name in ("minItems", "maxItems") if name in branch}
    return param | {"required": required}


def _type(schema: Mapping[str, Any]) -> str:
    if schema["type"] == "array":
        return f"array<{_type(schema['items'])}>"
    return "binary" if schema.get("format") == "binary" else str(schema["type"])


if __name__ == "__main__":
    PACKED.write_bytes(packed_bytes(from_contracts()))
    GONE.write_bytes(gone_bytes())
    sys.stdout.write(f"{PACKED.name}: {PACKED.stat().st_size} bytes\n")
