"""JSON schemas as providers take them: an object at the root, and what single providers cannot read said in another way.

Everything here keeps what a schema means: the schema that goes out takes the same values as the one that came in. What is given is never
changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SchemaStyle:
    """What one provider cannot read of schemas.

    Attributes:
        type_lists: A list of types may stand under `type`; else each type becomes a branch of `anyOf`.
        references: References may stand in the parameters of tools; else each is written out in place, as far as it does not lead to
            itself, and titles and definitions that nothing refers to are left out.
    """

    type_lists: bool = True
    references: bool = True

    @property
    def of_answers(self) -> SchemaStyle:
        """The style for the form of a response."""
        return SchemaStyle(type_lists=self.type_lists)


PLAIN = SchemaStyle()

# ------------------------------------------------------------------------------------------------ walking

_ONE = frozenset(
    {
        "items", "additionalItems", "contains", "additionalProperties", "propertyNames", "unevaluatedItems",
        "unevaluatedProperties", "not", "if", "then", "else", "contentSchema",
    }
)  # fmt: skip
_SEVERAL = frozenset({"items", "prefixItems", "anyOf", "allOf", "oneOf"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"})


def _changed(schema: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """A schema with each schema inside of it changed, the inner ones first. Values (enum, const, default, examples) are not schemas."""
    if not isinstance(schema, Mapping):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NAMED and isinstance(value, Mapping):
            made[key] = {name: _changed(inner, change) for name, inner in value.items()}
        elif key in _SEVERAL and isinstance(value, list):
            made[key] = [_changed(inner, change) for inner in value]
        elif key in _ONE:
            made[key] = _changed(value, change)
        else:
            made[key] = value
    return change(made)


def _inside(schema: Any) -> Iterator[Mapping[str, Any]]:
    """A schema and all schemas inside of it."""
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, Mapping):
            continue
        yield each
        for key, value in each.items():
            if key in _NAMED and isinstance(value, Mapping):
                waiting += value.values()
            elif key in _SEVERAL and isinstance(value, list):
                waiting += value
            elif key in _ONE:
                waiting.append(value)


def _found(root: Any, reference: Any) -> Any:
    """What a reference inside of a document points to; None if that is nothing there."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    found = root
    for step in reference[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found if isinstance(found, Mapping) else None


# ------------------------------------------------------------------------------------------------ the root

_ANNOTATIONS = frozenset({"title", "description", "$defs", "definitions", "$schema", "$id", "default", "examples"})
_KEYS = ("value", "answer", "result", "the_value", "the_answer", "the_result")


def object_root(schema: Schema) -> tuple[dict[str, Any], str | None]:
    """The schema with an object at its root, as providers demand it, and the name under which the value stands if it had to be put into one.

    A reference at the root is followed, its definitions stay. A list, a scalar, a choice or something that may be null becomes the one
    property of an object; `unwrapped` takes it out again.
    """
    root = _followed(schema)
    if root.get("type") == "object":
        return root, None
    points_at_root = any(
        each.get("$ref") == "#" for each in _inside(root)
    )  # which may then be more than an object there
    if "type" not in root and not points_at_root and ("properties" in root or not root.keys() - _ANNOTATIONS):
        return {"type": "object", **root}, None
    properties = {name for each in _inside(root) for name in _mapping(each.get("properties"))}
    key = next((name for name in _KEYS if name not in properties), "the_value_of_the_answer")

    def moved(inner: dict[str, Any]) -> dict[str, Any]:
        reference = inner.get("$ref")
        if isinstance(reference, str) and reference.startswith("#") and not reference.startswith(_DEFINED):
            return {**inner, "$ref": f"#/properties/{key}{reference[1:]}"}
        return inner

    value = _changed(root, moved)
    held = {name: value.pop(name) for name in ("$defs", "definitions", "$schema", "$id") if name in value}
    wrapper = {"type": "object", "properties": {key: value}, "required": [key], "additionalProperties": False}
    return {**wrapper, **held}, key


def description(schema: Schema) -> str:
    """What a schema says of itself, also where it is but a reference to its own definition."""
    found = _followed(schema).get("description")
    return found if isinstance(found, str) else ""


_DEFINED = ("#/$defs/", "#/definitions/")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _followed(schema: Schema) -> dict[str, Any]:
    """The schema without a reference at its root."""
    root = dict(schema)
    seen: set[str] = set()
    while True:
        several = root.get("allOf")
        if "$ref" not in root and isinstance(several, list) and len(several) == 1 and isinstance(several[0], Mapping):
            inner = {name: value for name, value in root.items() if name != "allOf"}
            if inner.keys() & several[0].keys() - _ANNOTATIONS:
                return root
            root = {**several[0], **inner}
            continue
        target = _found(schema, root.get("$ref"))
        if target is None or root["$ref"] in seen:
            return root
        seen.add(root["$ref"])
        beside = {name: value for name, value in root.items() if name != "$ref"}
        if beside.keys() & target.keys() - _ANNOTATIONS:
            return root
        root = {**target, **beside}


def unwrapped(value: Any, schema: Schema | None) -> Any:
    """The value that was asked for by this schema, taken out of the object that `object_root` put around it."""
    if schema is None or not isinstance(value, Mapping):
        return value
    _, key = object_root(schema)
    return value[key] if key is not None and value.keys() == {key} else value


def tool_parameters(schema: Any) -> dict[str, Any]:
    """The parameters of a tool with all that providers demand at the root: an object with properties, and be it none."""
    root = _followed(schema or {})
    if root.get("type") == "object" and isinstance(root.get("properties"), Mapping) and "$ref" not in root:
        return root
    kind = root.get("type", "object")
    if kind != "object" and not (isinstance(kind, list) and "object" in kind):
        return root
    return {**root, "type": "object", "properties": root.get("properties") or {}} if root else _NOTHING.copy()


_NOTHING: dict[str, Any] = {"type": "object", "properties": {}}

# ------------------------------------------------------------------------------------------------ the provider's style


def written(schema: Schema, style: SchemaStyle) -> Schema:
    """The schema as one provider can read it."""
    if style == PLAIN:
        return schema
    try:
        text = orjson.dumps(schema)
    except TypeError:  # numbers longer than 64 bits, keys that are not text
        return _written(schema, style)
    return _written_text(text, style)


@lru_cache(maxsize=512)
def _written_text(text: bytes, style: SchemaStyle) -> Schema:
    """The same tools go along with each request of an agent."""
    return _written(orjson.loads(text), style)


def _written(schema: Schema, style: SchemaStyle) -> Schema:
    if not style.references:
        schema = _in_place(schema)
    if not style.type_lists:
        schema = _changed(schema, _without_type_list)
    return schema


_OF_TYPE = {
    "object": {
        "properties", "patternProperties", "additionalProperties", "required", "minProperties", "maxProperties",
        "propertyNames", "dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties",
    },
    "array": {
        "items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains", "minContains",
        "maxContains", "unevaluatedItems",
    },
    "string": {"minLength", "maxLength", "pattern", "format", "contentEncoding", "contentMediaType", "contentSchema"},
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"},
    "integer": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"},
    "boolean": set(),
    "null": set(),
}  # fmt: skip
_OF_SOME_TYPE = frozenset().union(*_OF_TYPE.values())


def _without_type_list(schema: dict[str, Any]) -> dict[str, Any]:
    """Each type of a list as a branch, with the keywords that speak of it."""
    types = schema.get("type")
    if not isinstance(types, list):
        return schema
    if len(types) == 1:
        return {**schema, "type": types[0]}
    outer: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "anyOf":
            outer["allOf"] = [*(schema.get("allOf") or ()), {"anyOf": value}]
        elif (
            key not in _OF_SOME_TYPE
            and key not in {"type", "enum", "const"}
            and not (key == "allOf" and "anyOf" in schema)
        ):
            outer[key] = value
    branches = []
    for each in dict.fromkeys(types):
        branch: dict[str, Any] = {"type": each}
        if "enum" in schema:
            fitting = [value for value in schema["enum"] if _is_of(value, each)]
            if not fitting:
                continue
            if each != "null":
                branch["enum"] = fitting
        if "const" in schema:
            if not _is_of(schema["const"], each):
                continue
            branch["const"] = schema["const"]
        branch.update((key, value) for key, value in schema.items() if key in _OF_TYPE.get(each, ()))
        branches.append(branch)
    return {**outer, "anyOf": branches} if branches else {**outer, "not": {}}


def _is_of(value: Any, kind: str) -> bool:
    if isinstance(value, bool) or value is None:
        return kind == ("null" if value is None else "boolean")
    if isinstance(value, (int, float)):
        return kind == "number" or (kind == "integer" and (isinstance(value, int) or value.is_integer()))
    return isinstance(value, {"string": str, "array": list, "object": dict}.get(kind, ()))


class _TooLargeError(Exception):
    """Written out, a schema would be many times as large."""


_MOST_NODES = 20_000


def _in_place(root: Schema) -> Schema:
    """Each reference written out where it stands. Definitions that lead to themselves stay definitions."""
    left = _MOST_NODES
    kept: dict[str, None] = {}
    endless: dict[str, bool] = {}

    def is_endless(reference: str) -> bool:
        if reference not in endless:
            endless[reference] = _leads_to(root, reference)
        return endless[reference]

    def expanded(node: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise _TooLargeError
        if not isinstance(node, Mapping):
            return node
        reference = node.get("$ref")
        target = _found(root, reference)
        if target is None or not isinstance(reference, str):
            return _plain(_each(node, expanded))
        if is_endless(reference):
            kept[reference] = None
            return _plain(_each(node, expanded))
        inner = expanded(target)
        beside = _plain(_each({name: value for name, value in node.items() if name != "$ref"}, expanded))
        if beside.keys() & inner.keys() - _ANNOTATIONS:
            return {**beside, "allOf": [inner, *beside.get("allOf", ())]}
        return {**inner, **beside}

    try:
        made = expanded({name: value for name, value in root.items() if name not in {"$defs", "definitions"}})
        done: set[str] = set()
        while waiting := [reference for reference in kept if reference not in done]:
            for reference in waiting:
                done.add(reference)
                section, _, name = reference.removeprefix("#/").partition("/")
                if section in {"$defs", "definitions"}:
                    # Paths below a definition lead through the whole of it.
                    name = name.partition("/")[0]
                    definition = _found(root, f"#/{section}/{name}")
                    made.setdefault(section, {})[_unescaped(name)] = _plain(_each(definition, expanded))
    except (_TooLargeError, RecursionError):
        return root
    return made  # type: ignore[no-any-return]


def _unescaped(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Without what speaks to people, or of definitions that are gone."""
    if "title" in schema or "discriminator" in schema:
        return {
            name: value
            for name, value in schema.items()
            if not (name == "title" and isinstance(value, str)) and name != "discriminator"
        }
    return schema


def _each(schema: Any, change: Callable[[Any], Any]) -> dict[str, Any]:
    """The schemas right below one changed, and no deeper."""
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NAMED and isinstance(value, Mapping):
            made[key] = {name: change(inner) for name, inner in value.items()}
        elif key in _SEVERAL and isinstance(value, list):
            made[key] = [change(inner) for inner in value]
        elif key in _ONE:
            made[key] = change(value)
        else:
            made[key] = value
    return made


def _leads_to(root: Schema, reference: str) -> bool:
    """Whether a reference leads back to itself."""
    seen: set[str] = set()
    waiting = [reference]
    while waiting:
        for inner in _inside(_found(root, waiting.pop())):
            following = inner.get("$ref")
            if following == reference:
                return True
            if isinstance(following, str) and following not in seen:
                seen.add(following)
                waiting.append(following)
    return False
