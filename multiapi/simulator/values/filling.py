"""Values for JSON schemas, made out of a text: numbers, quotations, names, words that an enumeration knows."""

import json
import re
from typing import Any

from multiapi.simulator.language import words
from multiapi.simulator.language.evidence import NUMBER, Evidence, number_of
from multiapi.simulator.values.binding import bind, labels
from multiapi.simulator.values.texts import fitted, text_value

Missing = object()


def fill(
    schema: dict[str, Any],
    text: str,
    *,
    answer: str = "",
    whole: str = "",
    every: bool = True,
    later_numbers: list[float] | None = None,
    known: dict[str, Any] | None = None,
) -> Any:
    """A value that matches the schema, out of the text.

    With `every` the optional properties that have no evidence are left out only where the schema gives a default or
    allows null; without it, as for the arguments of a tool, they are always left out.
    """
    evidence = Evidence(text, answer, whole, list(later_numbers or []))
    return _Filler(schema, evidence, every, known or {}).value(schema, "", required=True, depth=0)


def lacking(schema: dict[str, Any], text: str) -> int:
    """How many required numbers of an object schema the text has no evidence for."""
    properties = schema.get("properties") or {}
    wanted = [
        name
        for name in schema.get("required", [])
        if isinstance(properties.get(name), dict) and properties[name].get("type") in ("integer", "number")
    ]
    return max(0, len(wanted) - len(Evidence(text).numbers))


def json_for_keys(keys: list[str], text: str, answer: str = "") -> dict[str, Any]:
    """An object with the given keys, filled from the text."""
    schema = {"type": "object", "properties": {key: {} for key in keys}, "required": keys}
    made: dict[str, Any] = fill(schema, text, answer=answer)
    return made


class _Filler:
    def __init__(
        self, root: dict[str, Any], evidence: Evidence, every: bool, known: dict[str, Any] | None = None
    ) -> None:
        self.known = known or {}
        self.root = root
        self.evidence = evidence
        self.every = every
        self.bound: dict[str, str] = {}
        spoken = {_spoken(value) for value in _enumerated_values(root)}
        evidence.used |= {name for name in evidence.names if name.lower() in spoken}

    def resolved(self, schema: Any) -> dict[str, Any]:
        """The schema with references followed and `allOf` merged."""
        if not isinstance(schema, dict):
            return {}
        for _ in range(20):
            if not isinstance(schema.get("$ref"), str):
                break
            target: Any = self.root
            for part in schema["$ref"].removeprefix("#").strip("/").split("/"):
                target = target.get(part.replace("~1", "/").replace("~0", "~"), {}) if part else target
            schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
        if isinstance(schema.get("allOf"), list):
            merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
            for branch in schema["allOf"]:
                branch = self.resolved(branch)
                merged = {
                    **branch,
                    **merged,
                    "properties": {**branch.get("properties", {}), **merged.get("properties", {})},
                    "required": [*branch.get("required", []), *merged.get("required", [])],
                }
            return {key: value for key, value in merged.items() if value not in ({}, [])}
        return dict(schema)

    def value(self, schema: Any, name: str, *, required: bool, depth: int) -> Any:
        """A value for the schema of the property `name`, or `Missing` when it may be left out."""
        schema = self.resolved(schema)
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self._enumerated(schema, required)
        for keyword in ("anyOf", "oneOf"):
            if isinstance(schema.get(keyword), list) and schema[keyword]:
                return self._alternative(schema, schema[keyword], name, required, depth)
        kind = schema.get("type")
        if isinstance(kind, list):
            return self._alternative(schema, [{**schema, "type": one} for one in kind], name, required, depth)
        if kind is None:
            kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
        make = getattr(self, f"_{kind}", self._string)
        return make(schema, name, required, depth)

    def _alternative(self, schema: dict[str, Any], branches: list[Any], name: str, required: bool, depth: int) -> Any:
        resolved = [self.resolved(branch) for branch in branches]
        nullable = any(branch.get("type") == "null" for branch in resolved)
        others = [branch for branch in resolved if branch.get("type") != "null"]
        if not others:
            return None
        shared = {key: schema[key] for key in ("description", "title") if key in schema}
        if nullable or not required:
            optional = not (required and not nullable)
            for branch in others:
                value = self.value({**shared, **branch}, name, required=not optional, depth=depth)
                if value is not Missing:
                    return value
            if "default" in schema:
                return schema["default"] if required else Missing
            return None if required and nullable else Missing
        best = max(others, key=self._fit)
        return self.value({**shared, **best}, name, required=required, depth=depth)

    def _fit(self, branch: dict[str, Any]) -> float:
        """How well one alternative suits the text."""
        described = [branch.get("title", ""), branch.get("description", ""), *branch.get("properties", {})]
        kind = branch.get("type")
        for inner in branch.get("properties", {}).values():
            if isinstance(inner, dict):
                described += [str(inner.get("const", "")), *map(str, inner.get("enum", []))]
        shared = set(words.content_words(" ".join(described))) & set(words.content_words(self.evidence.text))
        bonus = 0.5 if kind in ("integer", "number") and self.evidence.numbers else 0.0
        return len(shared) + bonus + (0.1 if kind == "object" else 0)

    def _enumerated(self, schema: dict[str, Any], required: bool) -> Any:
        text = self.evidence.text.lower()
        spoken = [(text.find(_spoken(value)), value) for value in schema["enum"] if _spoken(value)]
        spoken = [
            (place, value)
            for place, value in spoken
            if place >= 0 and re.search(rf"(?<!\w){re.escape(_spoken(value))}(?!\w)", text)
        ]
        if spoken:
            return min(spoken, key=lambda entry: entry[0])[1]
        stems = set(words.content_words(self.evidence.text))
        for value in schema["enum"]:
            if isinstance(value, str) and stems & set(words.content_words(value)):
                return value
        if not required and not (self.every and "default" not in schema):
            return Missing
        return schema.get("default", schema["enum"][0])

    def _null(self, schema: dict[str, Any], name: str, required: bool, depth: int) -> Any:
        return None

    def _boolean(self, schema: dict[str, Any], name: str, required: bool, depth: int) -> Any:
        spoken = " ".join(words.all_words(name))
        text = " ".join(words.all_words(self.evidence.text))
        found = (
            re.search(rf"\b{re.escape(spoken)}\b(?: is| to|)? ?(true|false|on|off|yes|no)?", text) if spoken else None
        )
        if found and found[1]:
            return found[1] in {"true", "on", "yes"}
        if found:
            return not re.search(rf"\b(?:no|not|without|disable|never)\b[^.]{{0,20}}\b{re.escape(spoken)}\b", text)
        if "default" in schema:
            return schema["default"] if required else Missing
        return not re.search(r"\b(?:not|no|false|never)\b", text) if required or self.every else Missing

    def _integer(self, schema: dict[str, Any], name: str, required: bool, depth: int) -> Any:
        value = self._measured(schema, name, required, whole=True)
        return value if value is Missing else int(value)

    def _number(self, schema: dict[str, Any], name: str, required: bool, depth: int) -> Any:
        value = self._measured(schema, name, required, whole=False)
        return value if value is Missing else int(value) if value == int(value) else value

    def _measured(self, schema: dict[str, Any], name: str, required: bool, *, whole: bool) -> Any:
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))

        def fits(value: float) -> bool:
            return _fits(schema, value, whole=whole)

        named = [*labels(name), *words.all_words(name)[-1:]]
        called = [label for label in named if len(label) > 1 or required]
        labelled = None
        for label in called:
            found = re.search(
                rf"\b{re.escape(label)}\b\s*(?:is|=|:|of|to|as|equals?|number)?\s*({NUMBER.pattern})",
                self.evidence.text,
                re.IGNORECASE,
            ) or re.search(rf"({NUMBER.pattern})[ -]?(?:{re.escape(label)})\b", self.evidence.text, re.IGNORECASE)
            if found:
                labelled = number_of(found[1])
                break
        if labelled is not None and fits(labelled):
            self.evidence.used.add(("number", found.start(1) if found else 0))
            return labelled
        if not required and not (self.every and "default" not in schema):
            return Missing
        for value, place in self.evidence.numbers:
            if ("number", place) not in self.evidence.used and fits(value):
                self.evidence.used.add(("number", place))
                return value
        while self.evidence.later_numbers:
            value = self.evidence.later_numbers.pop(0)
            if fits(value):
                return value
        if not required:
            return Missing
        for usual in (schema.get("default"), 1, low, high, (low or 0) + 1, (high or 0) - 1, schema.get("multipleOf")):
            if isinstance(usual, int | float) and fits(usual):
                return usual
        return low if low is not None else 1

    def _array(self, schema: dict[str, Any], name: str, required: bool, depth: int) -> Any:
        if isinstance(schema.get("prefixItems"), list):
            return [self.value(item, name, required=True, depth=depth + 1) for item in schema["prefixItems"]]
        items = self.resolved(schema.get("items", {}))
        least, most = schema.get("minItems", 0), schema.get("maxItems", 20)
        if depth > 4:
            found: list[Any] = []
        else:
            found = self._items(items, name, depth)
        if not found and not required and not self.every:
            return Missing
        if not found and (depth <= 2 or least):
            made = self.value(items, name, required=True, depth=depth + 1)
            found = [] if made is Missing else [made]
        plain = items.get("type") == "string" and not {"enum", "const", "pattern", "format", "maxLength"} & items.keys()
        while found and len(found) < least:
            made = self.value(items, name, required=True, depth=depth + 1)
            if made in found and "enum" in items:
                made = next((value for value in items["enum"] if value not in found), made)
            found.append(f"{made} {len(found) + 1}" if plain and made in found else made)
        if schema.get("uniqueItems"):
            found = [value for place, value in enumerate(found) if value not in found[:place]]
        return found[:most]

    def _items(self, items: dict[str, Any], name: str, depth: int) -> list[Any]:
        kind = items.get("type")
        evidence = self.evidence
        if "enum" in items:
            text = evidence.text.lower()
            return [value for value in items["enum"] if re.search(rf"(?<!\w){re.escape(_spoken(value))}(?!\w)", text)]
        if {"const", "anyOf", "oneOf", "allOf"} & items.keys() or isinstance(kind, list):
            return []
        if kind in ("integer", "number"):
            values = [value for value, place in evidence.numbers if ("number", place) not in evidence.used]
            evidence.used |= {("number", place) for _, place in evidence.numbers}
            fitting = [value for value in values if _fits(items, value, whole=kind == "integer")]
            return [int(value) if value == int(value) else value for value in fitting]
        if kind == "object" or "properties" in items:
            if depth > 3:
                return []
            parts = [part for part in re.split(r"[.;\n]+|,? and |, (?=[A-Z])", evidence.text) if part.strip()]
            telling = [part for part in parts if (seen := Evidence(part)).names or seen.quoted or seen.numbers]
            fillers = [_Filler(self.root, evidence.part(part), self.every) for part in telling[:20]]
            return [filler.value(items, name, required=True, depth=depth + 1) for filler in fillers]
        if kind in (None, "string") and not {"pattern", "format"} & items.keys():
            return [fitted(text, items) for text in self._texts()]
        return []

    def _texts(self) -> list[str]:
        """The several texts that the evidence has: quotations, names, an enumeration, or its words."""
        evidence = self.evidence
        if evidence.text:
            listed = re.search(r":\s*([^\n.]+(?:,[^\n.]+)+)", evidence.text)
            for candidates in (evidence.quoted, evidence.names):
                unused = [candidate for candidate in candidates if candidate not in evidence.used]
                if unused:
                    evidence.used |= set(unused)
                    return list(unused)
            if listed:
                return [part.strip() for part in re.split(r",| and ", listed[1]) if part.strip()]
            return list(dict.fromkeys(words.content_words(evidence.text)))[:5] if self.every else []
        return []

    def _string(self, schema: dict[str, Any], name: str, required: bool, depth: int) -> Any:
        made = text_value(schema, name, self.evidence, self.bound, required=required, every=self.every)
        return Missing if made is None else made

    def _object(self, schema: dict[str, Any], name: str, required: bool, depth: int) -> Any:
        properties = schema.get("properties") or {}
        needed = schema.get("required") or []
        if not required and not self.every:
            return Missing
        if depth > 8:
            return {}
        made: dict[str, Any] = {}
        outer, self.bound = self.bound, {**(self.known if depth == 0 else {}), **bind(properties, self.evidence)}
        for key, inner in properties.items():
            must = key in needed
            value = self.value(inner, key, required=must, depth=depth + 1)
            if value is not Missing:
                made[key] = value
        for key in needed:
            if key not in made:
                made[key] = self.value(properties.get(key, {}), key, required=True, depth=depth + 1)
        self.bound = outer
        rest = schema.get("additionalProperties")
        if not properties and isinstance(rest, dict):
            for key, text in re.findall(r"\b([A-Za-z_]\w*)\s*[:=]\s*([^,;\n]+)", self.evidence.text)[:20]:
                filler = _Filler(self.root, self.evidence.part(text.strip()), self.every)
                made[key] = filler.value(rest, key, required=True, depth=depth + 1)
        while len(made) < schema.get("minProperties", 0):
            made[f"item_{len(made) + 1}"] = self.value(
                rest if isinstance(rest, dict) else {}, "item", required=True, depth=depth + 1
            )
        return made


def _enumerated_values(schema: Any) -> list[Any]:
    """Every value of every enumeration in a schema."""
    if isinstance(schema, dict):
        own = schema["enum"] if isinstance(schema.get("enum"), list) else []
        return [*own, *(value for inner in schema.values() for value in _enumerated_values(inner))]
    return [value for inner in schema for value in _enumerated_values(inner)] if isinstance(schema, list) else []


def _spoken(value: Any) -> str:
    return str(value).lower().replace("_", " ") if isinstance(value, str) else json.dumps(value)


def _fits(schema: dict[str, Any], value: float, *, whole: bool) -> bool:
    """Whether a number is one that the schema allows."""
    return (
        not (whole and value != int(value))
        and value >= schema.get("minimum", value)
        and value <= schema.get("maximum", value)
        and value > schema.get("exclusiveMinimum", value - 1)
        and value < schema.get("exclusiveMaximum", value + 1)
        and not (schema.get("multipleOf") and value % schema["multipleOf"])
    )
