"""Schemas are rewritten for vendors, and mean the same after it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from multiapi.formats.schemas import SchemaStyle, object_root, tool_parameters, unwrapped, written

MANY = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
TYPES = ["string", "null", "integer", "number", "boolean", "array", "object"]
NAMES = st.sampled_from(["a", "b", "title", "$ref", "value", "type", "$defs"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 2.0, 2.5, "", "a", "abc", 10**20]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
DEFINED = ["A", "B", "C", "x/y"]


def _kinds() -> st.SearchStrategy[Any]:
    return st.sampled_from(TYPES) | st.lists(st.sampled_from(TYPES), min_size=1, max_size=4, unique=True)


def _schemas() -> st.SearchStrategy[dict[str, Any]]:
    reference = st.sampled_from(["#/$defs/A", "#/$defs/B", "#/$defs/C", "#/$defs/x~1y", "#"]).map(
        lambda to: {"$ref": to}
    )
    plain = st.fixed_dictionaries(
        {},
        optional={
            "type": _kinds(),
            "title": st.just("T"),
            "minLength": st.integers(0, 2),
            "minimum": st.integers(0, 2),
            "maxItems": st.integers(0, 2),
            "enum": st.lists(VALUES, min_size=1, max_size=4),
            "const": VALUES,
            "default": st.just(None),
        },
    )

    def deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.fixed_dictionaries(
            {},
            optional={
                "type": _kinds(),
                "title": st.just("T"),
                "properties": st.dictionaries(NAMES, inner, max_size=3),
                "required": st.lists(NAMES, max_size=2, unique=True),
                "additionalProperties": st.booleans() | inner,
                "items": inner,
                "anyOf": st.lists(inner, min_size=1, max_size=2),
                "allOf": st.lists(inner, min_size=1, max_size=2),
                "not": inner,
            },
        )

    return st.recursive(reference | plain, deeper, max_leaves=5)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A schema with definitions."""
    root = draw(_schemas())
    root = {"allOf": [root]} if "$ref" in root else root
    return {**root, "$defs": {name: {"properties": {"a": draw(_schemas())}, "type": "object"} for name in DEFINED}}


def accepts(schema: dict[str, Any], value: Any) -> bool:
    return jsonschema.Draft202012Validator(schema).is_valid(value)


def can_be_read(schema: dict[str, Any]) -> bool:
    """Whether references lead back to themselves by way of a value only: a schema that contains itself in the same place has no meaning."""
    defined = {f"#/$defs/{name.replace('/', '~1')}": inner for name, inner in schema["$defs"].items()} | {"#": schema}
    done: set[int] = set()

    def ends(at: dict[str, Any], above: tuple[int, ...]) -> bool:
        if id(at) in above:
            return False
        if id(at) in done:
            return True
        here = [defined[at["$ref"]]] if "$ref" in at else []
        here += [*at.get("allOf", ()), *at.get("anyOf", ()), *([at["not"]] if "not" in at else ())]
        good = all(ends(each, (*above, id(at))) for each in here)
        done.add(id(at))
        return good

    def within(at: Any) -> Iterator[dict[str, Any]]:
        yield at
        named = [
            *at.get("properties", {}).values(),
            *at.get("$defs", {}).values(),
            *at.get("allOf", ()),
            *at.get("anyOf", ()),
        ]
        for each in [*named, *(at[name] for name in ("not", "items", "additionalProperties") if name in at)]:
            if isinstance(each, dict):
                yield from within(each)

    return all(ends(each, ()) for each in within(schema))


def type_lists(schema: Any) -> bool:
    """Whether a list of types stands anywhere, wherever schemas stand."""
    if isinstance(schema, list):
        return any(map(type_lists, schema))
    if not isinstance(schema, dict):
        return False
    if isinstance(schema.get("type"), list):
        return True
    named = ("properties", "$defs")
    return any(type_lists(inner) for name in named for inner in schema.get(name, {}).values()) or any(
        type_lists(schema[name]) for name in schema.keys() - {*named, "enum", "const", "default", "required"}
    )


@MANY
@example({"type": ["string", "null"], "anyOf": [{"minLength": 2}, {"type": "null"}], "$defs": {}}, ["a", "ab", None])
@given(documents(), st.lists(VALUES, min_size=5, max_size=12))
@pytest.mark.parametrize(
    "style", [SchemaStyle(type_lists=False), SchemaStyle(references=False), SchemaStyle(False, False)]
)
def test_a_rewritten_schema_takes_the_same_values(
    style: SchemaStyle, schema: dict[str, Any], values: list[Any]
) -> None:
    samples = [*values, *({"a": value} for value in values)]
    assume(can_be_read(schema))
    before = copy.deepcopy(schema)
    made: Any = written(schema, style)
    assert schema == before
    jsonschema.Draft202012Validator.check_schema(made)
    for value in samples:
        assert accepts(made, value) == accepts(schema, value), value
    if not style.type_lists:
        assert not type_lists(made)


@MANY
@example({"properties": {"title": {"$ref": "#"}}, "$defs": {}}, {"title": None})
@given(documents(), VALUES)
def test_the_root_becomes_an_object_and_the_value_comes_back(schema: dict[str, Any], value: Any) -> None:
    assume(can_be_read(schema))
    made, key = object_root(schema)
    assert made["type"] == "object"
    jsonschema.Draft202012Validator.check_schema(made)
    if key is None:
        assert not isinstance(value, dict) or accepts(made, value) == accepts(schema, value)
    else:
        assert accepts(made, {key: value}) == accepts(schema, value)
        assert not accepts(made, value) or unwrapped(value, schema) != value
        assert unwrapped({key: value}, schema) == value
    assert unwrapped(unwrapped(value, schema), schema) == unwrapped(value, schema)


SHARED = {
    "type": "object",
    "title": "Order",
    "properties": {
        "title": {"type": "string", "title": "Title"},
        "from": {"$ref": "#/$defs/Place"},
        "to": {"$ref": "#/$defs/Place", "description": "Where to."},
    },
    "$defs": {
        "Place": {"title": "Place", "type": "object", "properties": {"city": {"$ref": "#/$defs/City"}}},
        "City": {"type": "string", "title": "City", "minLength": 2},
    },
}
TREE = {
    "$ref": "#/$defs/Tree",
    "$defs": {
        "Tree": {
            "type": "object",
            "title": "Tree",
            "properties": {
                "kids": {"type": "array", "items": {"$ref": "#/$defs/Tree"}},
                "name": {"$ref": "#/$defs/Name"},
            },
        },
        "Name": {"type": "string"},
    },
}


def test_references_are_written_out_and_recursive_ones_stay() -> None:
    style = SchemaStyle(references=False)
    place = {"type": "object", "properties": {"city": {"type": "string", "minLength": 2}}}
    assert written(SHARED, style) == {
        "type": "object",
        "properties": {"title": {"type": "string"}, "from": place, "to": {**place, "description": "Where to."}},
    }
    made = written(object_root(TREE)[0], style)
    body = {
        "type": "object",
        "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}, "name": {"type": "string"}},
    }
    assert made == {**body, "$defs": {"Tree": body}}


def test_what_would_become_endlessly_large_keeps_its_references() -> None:
    step = {
        f"L{n}": {"type": "object", "properties": {p: {"$ref": f"#/$defs/L{n + 1}"} for p in "ab"}} for n in range(40)
    }
    schema = {"$ref": "#/$defs/L0", "$defs": {**step, "L40": {"type": "string"}}}
    assert written(schema, SchemaStyle(references=False)) == schema


def test_types_as_branches_keep_what_speaks_of_each() -> None:
    schema = {
        "type": ["string", "integer", "null"],
        "minLength": 2,
        "minimum": 3,
        "description": "d",
        "enum": ["ab", 4, None],
    }
    assert written(schema, SchemaStyle(type_lists=False)) == {
        "description": "d",
        "anyOf": [
            {"type": "string", "enum": ["ab"], "minLength": 2},
            {"type": "integer", "enum": [4], "minimum": 3},
            {"type": "null"},
        ],
    }


def test_long_numbers_in_a_schema_stay_exact() -> None:
    schema = {"type": ["integer", "null"], "maximum": 2**80}
    assert written(schema, SchemaStyle(type_lists=False))["anyOf"][0]["maximum"] == 2**80


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"type": "object"}, {"type": "object", "properties": {}}),
        (
            {"type": "object", "additionalProperties": False},
            {"type": "object", "properties": {}, "additionalProperties": False},
        ),
        ({"properties": {}}, {"type": "object", "properties": {}}),
        ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
        ({}, {"type": "object", "properties": {}}),
        (None, {"type": "object", "properties": {}}),
        ({"type": "object", "properties": None}, {"type": "object", "properties": {}}),
        (
            {"type": "object", "properties": {"a": {"type": "object"}}},
            {"type": "object", "properties": {"a": {"type": "object"}}},
        ),
        (
            {"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}}},
            {
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/A"}},
                "$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}},
            },
        ),
    ],
)
def test_the_parameters_of_a_tool_are_an_object_with_properties(given: Any, sent: dict[str, Any]) -> None:
    before = json.dumps(given)
    assert tool_parameters(given) == sent
    assert json.dumps(given) == before
