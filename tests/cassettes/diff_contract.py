"""Where live recordings differ from the contracts, field by field: `python -m tests.cassettes.diff_contract [--all]`.

A live recording is news about the vendor. What it has and the contract has not, what the contract demands and it lacks, and what
is of another type or value is listed by place. `--all` looks at simulated recordings too, which must not differ.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from multiapi import cassettes
from multiapi.simulator.contract import Operation, contract, first_violation
from tests.cassettes.coverage import operation_of
from tests.cassettes.scenario import FOLDER
from tests.cassettes.seen_forms import Exchange, seen_in

SEEN = "a form that was seen and is not documented:"
"""What precedes the name of such a form; they are listed in "Seen live" on the provider's page."""

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


def differences(path: Path) -> Iterator[str]:
    """Everything in which the answers of one cassette differ from the contract of its vendor."""
    recording = cassettes.read(path)
    if recording.provider is None:
        yield "the host is no vendor's"
        return
    for interaction in recording.interactions:
        request, response = interaction["request"], interaction["response"]
        for name in seen_in(Exchange.of(recording.provider, interaction)):
            yield f"{request['method']} {urlsplit(request['uri']).path}: {SEEN} `{name}`"
        operation = operation_of(recording.provider, request["method"], request["uri"])
        if operation is None:
            if _is_of_the_api(recording.provider, request["uri"]):
                yield f"{request['method']} {request['uri']} is not in the contract"
            continue
        where = f"{operation.id} {response['status']['code']}"
        for found in _of_answer(operation, response):
            yield f"{where}: {found}"


def _is_of_the_api(provider: str, url: str) -> bool:
    """Whether an address is one of the vendor's API, and not of a file on the same host."""
    return cassettes.vendor_of(url) == provider and urlsplit(url).path.startswith(f"{contract(provider).prefix}/")


def _of_answer(operation: Operation, response: dict[str, Any]) -> Iterator[str]:
    status = response["status"]["code"]
    kind = response["headers"].get("content-type", [""])[0].partition(";")[0].strip()
    body: bytes = response["body"]["string"]
    spec = operation.response(status)
    if spec is None:
        yield "the status is not in the contract"
        return
    content = spec.get("content") or {}
    if not body and not content:
        return
    entry = content.get(kind, content.get("*/*"))
    if entry is None:
        yield f"answered as {kind or 'nothing'}, the contract has {', '.join(content) or 'nothing'}"
        return
    schema = operation.contract.resolve(entry.get("schema", {}))
    if kind == "text/event-stream":
        event = entry.get("x-sse", {})
        # Without either, the contract says nothing of an event: its schema is that of the whole text.
        schema = {"$ref": event["event_schema"]} if "event_schema" in event else event.get("schema", {})
        for number, value in enumerate(_events(body)):
            yield from (f"event {number} {found}" for found in compared(operation, schema, value))
    elif kind.endswith("json") and kind != "application/x-ndjson":
        try:
            value = json.loads(body)
        except ValueError:
            yield "the body is no JSON"
            return
        yield from compared(operation, schema, value)


def _events(body: bytes) -> Iterator[Any]:
    for line in body.decode("utf-8", "replace").splitlines():
        if line.startswith("data:") and line[5:].strip() not in {"", "[DONE]"}:
            try:
                yield json.loads(line[5:])
            except ValueError:
                yield line


def compared(operation: Operation, schema: Any, value: Any, at: str = "$") -> Iterator[str]:
    """The places where a value differs from a schema; fields that the schema lets through without naming them are among them."""
    parts = [*_parts(operation, schema, value)]
    for part in parts:
        if isinstance(part, str):
            yield f"{at} is {_named(value)}, {part}"
            return
    schemas: list[dict[str, Any]] = [part for part in parts if isinstance(part, dict)]
    for part in schemas:
        kinds = _kinds(part)
        if kinds and not any(_is(value, kind) for kind in kinds):
            yield f"{at} is {_named(value)}, the contract has {' or '.join(kinds)}"
            return
        if value is not None and "enum" in part and value not in part["enum"]:
            yield f"{at} is {value!r}, the contract has {', '.join(map(repr, part['enum']))}"
        if "const" in part and value != part["const"]:
            yield f"{at} is {value!r}, the contract has {part['const']!r}"
    if isinstance(value, dict):
        yield from _object(operation, schemas, value, at)
    elif isinstance(value, list):
        items = [part["items"] for part in schemas if "items" in part]
        seen: dict[str, None] = {}
        for inner in value if items else ():
            seen.update(dict.fromkeys(compared(operation, {"allOf": items}, inner, f"{at}[]")))
        yield from seen


def _parts(operation: Operation, schema: Any, value: Any) -> Iterator[dict[str, Any] | str]:
    """The schemas that a value has to match all together; in place of alternatives those that it is meant to be."""
    schema = operation.contract.resolve(schema)
    yield schema
    for branch in schema.get("allOf", []):
        yield from _parts(operation, branch, value)
    for word in ("anyOf", "oneOf"):
        branches = schema.get(word, [])
        meant = [branch for branch in branches if _is_valid(operation, branch, value)]
        meant = meant or [branch for branch in branches if _is_like(operation, branch, value)]
        if branches and not meant:
            yield "which is none of the forms in the contract"
        for branch in meant[:1]:
            yield from _parts(operation, branch, value)


def _object(operation: Operation, schemas: list[dict[str, Any]], value: dict[str, Any], at: str) -> Iterator[str]:
    properties: dict[str, list[Any]] = {}
    for part in schemas:
        for name, inner in part.get("properties", {}).items():
            properties.setdefault(name, []).append(inner)
    others = [part["additionalProperties"] for part in schemas if isinstance(part.get("additionalProperties"), dict)]
    if not properties and not others:
        return  # The contract leaves it open.
    for name in dict.fromkeys(name for part in schemas for name in part.get("required", [])):
        if name not in value:
            yield f"{at}.{name} is missing"
    patterns = [pattern for part in schemas for pattern in part.get("patternProperties", {})]
    for name, inner in value.items():
        if name in properties or others:
            yield from compared(operation, {"allOf": properties.get(name, others)}, inner, f"{at}.{name}")
        elif not any(re.search(pattern, name) for pattern in patterns):
            yield f"{at}.{name} is not in the contract ({_named(inner)})"


def _is_valid(operation: Operation, schema: Any, value: Any) -> bool:
    return first_violation(operation.contract.compile(operation.contract.resolve(schema)), value) is None


def _is_like(operation: Operation, schema: Any, value: Any) -> bool:
    """Of the right type, and with at least one field of it."""
    parts = [part for part in _parts(operation, schema, value) if isinstance(part, dict)]
    if not all(any(_is(value, kind) for kind in _kinds(part)) for part in parts if _kinds(part)):
        return False
    if not isinstance(value, dict):
        return not any("const" in part or "enum" in part for part in parts)
    return any(part.get("properties", {}).keys() & value.keys() for part in parts)


def _kinds(schema: dict[str, Any]) -> list[str]:
    kinds = schema.get("type")
    return kinds if isinstance(kinds, list) else [kinds] if kinds else []


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return isinstance(value, _TYPES.get(kind, (object,)))


def _named(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def report(folder: Path = FOLDER, *, all_of_them: bool = False) -> tuple[int, dict[str, list[str]]]:
    """How many cassettes were compared, and what was found by the name of the cassette."""
    count = 0
    found: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*/*.yaml")):
        if all_of_them or cassettes.read(path).recorded_from == "live":
            count += 1
            listed = [*dict.fromkeys(differences(path))]
            if listed:
                found[f"{path.parent.name}/{path.stem}"] = listed
    return count, found


def main(arguments: list[str] | None = None, *, folder: Path = FOLDER) -> int:
    """Print the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.cassettes.diff_contract")
    parser.add_argument("--all", action="store_true", help="the simulated recordings too")
    options = parser.parse_args(arguments)
    count, found = report(folder, all_of_them=options.all)
    for name, listed in found.items():
        print(name)
        for each in listed:
            print(f"  {each}")
    kind = "cassettes" if options.all else "live cassettes"
    print(f"{count} {kind} compared with the contracts, {sum(map(len, found.values()))} differences in {len(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
