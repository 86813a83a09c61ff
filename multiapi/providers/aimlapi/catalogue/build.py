"""Packs AI/ML API's model list into `aimlapi.json.gz`; run as `python -m multiapi.providers.aimlapi.catalogue.build`.

With a folder of OpenAPI documents of models (`info.docsJson` of the live list, saved as `.json`), the rows of these models are made
from them first: `python -m multiapi.providers.aimlapi.catalogue.build FOLDER`.

The contract lists some 850 models with the parameters of each, most of them shared: equal parameters are stored once, equal
sets of parameters once, and a text model's set is completed from the common ones of its operation.
"""

import gzip
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CONTRACTS = Path(__file__).parents[3] / "simulator" / "contracts"
PACKED = Path(__file__).with_name("aimlapi.json.gz")
GONE = Path(__file__).with_name("aimlapi_gone.json")
"""What each model is that is not current any more, by itself: looked at before every call."""
CODE = Path(__file__).parents[1] / "__init__.py"
"""Names the models that are called on `/v1/responses` alone: they are looked at before every chat, which reads no file for it."""

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


def with_responses_only(code: str) -> str:
    """The code with the models in it that have a schema for `/v1/responses` and none for chat."""
    models = json.loads((CONTRACTS / "aimlapi_models.json").read_bytes())
    ids = sorted(
        model["id"] for model in models if (model["endpoint"], model["status"]) == ("POST /v1/responses", "current")
    )
    lines = "".join(f"        {json.dumps(each)},\n" for each in ids)
    block = f"RESPONSES_ONLY = frozenset(\n    {{\n{lines}    }}\n)\n"
    return re.sub(r"^RESPONSES_ONLY = frozenset\(\n.*?^\)\n", lambda _: block, code, flags=re.DOTALL | re.MULTILINE)


def renewed(
    models: list[dict[str, Any]], contract: dict[str, Any], documents: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The list with the parameters that documents show, by the id of the model; what a document does not say stays, new models come last."""
    from multiapi.providers.aimlapi.catalogue.documents import less, row_of

    made: dict[str, dict[str, Any]] = {}
    for model_id, document in documents.items():
        row = row_of(document, model_id)
        common = contract["x-text-common-params"].get(row["endpoint"], {}) if row["family"] == "text" else None
        made[model_id] = row if common is None else less(row, common)
    shown = ("params", "lacks", "roles", "endpoint", "poll_endpoint")
    held = [
        {**row, **{name: made[row["id"]][name] for name in shown if name in made[row["id"]] and name in row}}
        if row["id"] in made
        else row
        for row in models
    ]
    known = {row["id"] for row in models}
    return held + [{**row, "source": "docs-json"} for model_id, row in made.items() if model_id not in known]


def documents_in(folder: Path) -> dict[str, Mapping[str, Any]]:
    """The documents of a folder by the id of their model, which is their title."""
    read = [json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    return {document["info"]["title"]: document for document in read}


def listed_bytes(models: list[dict[str, Any]]) -> bytes:
    """The list as the contract's file has it, one model on each line."""
    lines = [json.dumps(model, ensure_ascii=False, separators=(",", ":")) for model in models]
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


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
    for given in sys.argv[1:]:
        listed = CONTRACTS / "aimlapi_models.json"
        contract = yaml.safe_load((CONTRACTS / "aimlapi.yaml").read_bytes())
        listed.write_bytes(listed_bytes(renewed(json.loads(listed.read_bytes()), contract, documents_in(Path(given)))))
    PACKED.write_bytes(packed_bytes(from_contracts()))
    GONE.write_bytes(gone_bytes())
    CODE.write_text(with_responses_only(CODE.read_text()))
    sys.stdout.write(f"{PACKED.name}: {PACKED.stat().st_size} bytes\n")
