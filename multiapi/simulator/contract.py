"""The vendors' contracts, read from `contracts/*.yaml` and compiled into validators.

A contract says which operations a vendor has, what each takes and what each answers. It is read once for each
vendor and process, when the first request for that vendor arrives.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from typing import Any
from urllib.parse import unquote, urlsplit

import jsonschema_rs
import orjson
import yaml

VENDORS = ("bineric", "binom_router", "aimlapi", "aicredits", "binobox")

TITLES = {
    "bineric": "Bineric",
    "binom_router": "Binom.Router",
    "aimlapi": "AI/ML API",
    "aicredits": "AICredits",
    "binobox": "Binobox",
}

# The first address of each contract, repeated here so that a request can be sorted without reading five files.
SERVERS = {
    "bineric": "https://api.bineric.com/api/v1",
    "binom_router": "https://api.binom-router.com/v1",
    "aimlapi": "https://api.aimlapi.com",
    "aicredits": "https://api.aicredits.in",
    "binobox": "https://api.binobox.ir/api/v1",
}
HOSTS = {urlsplit(server).hostname: vendor for vendor, server in SERVERS.items()}


def base_url_of(vendor: str, origin: str) -> str:
    """The address of a provider's API on a simulator."""
    return f"{origin.rstrip('/')}/{vendor}{urlsplit(SERVERS[vendor]).path.rstrip('/')}"


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is ten times as fast
_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Violation:
    """One thing in a request or answer that the contract does not allow."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


@dataclass(frozen=True)
class Parameter:
    """A documented query, path or header parameter."""

    name: str
    place: str
    required: bool
    schema: dict[str, Any]
    validator: Any

    def read(self, texts: list[str]) -> Any:
        """The value that the texts of this parameter stand for, by the schema's type."""
        kind = self.schema.get("type")
        kinds = kind if isinstance(kind, list) else [kind]
        if "array" in kinds:
            return texts
        text = texts[-1]
        if "integer" in kinds and re.fullmatch(r"[+-]?\d+", text):
            return int(text)
        if "number" in kinds and re.fullmatch(r"[+-]?\d+(\.\d+)?", text):
            return float(text)
        if "boolean" in kinds and text in {"true", "false"}:
            return text == "true"
        return text


@dataclass(frozen=True)
class Operation:
    """One operation of one vendor."""

    contract: "Contract" = field(repr=False)
    id: str
    method: str
    path: str
    spec: dict[str, Any] = field(repr=False)

    @property
    def vendor(self) -> str:
        """Whose operation it is."""
        return self.contract.vendor

    @property
    def status(self) -> str:
        """`current`, `legacy`, `removed`, or `seen` for one that no page names."""
        return str(self.spec.get("x-status", "current"))

    @cached_property
    def needs_key(self) -> bool:
        """Whether a key is asked for."""
        security = self.spec.get("security", self.contract.document.get("security", []))
        return bool(security) and {} not in security

    @cached_property
    def parameters(self) -> list[Parameter]:
        """The documented parameters outside the body."""
        found = []
        for entry in self.spec.get("parameters", []):
            spec = self.contract.resolve(entry)
            schema = spec.get("schema", {})
            found.append(
                Parameter(spec["name"], spec["in"], spec.get("required", False), schema, self.contract.compile(schema))
            )
        return found

    @cached_property
    def content_types(self) -> list[str]:
        """The media types that a request body may have."""
        return list(self.contract.resolve(self.spec.get("requestBody", {})).get("content", {}))

    @cached_property
    def body_required(self) -> bool:
        """Whether the request needs a body."""
        return bool(self.contract.resolve(self.spec.get("requestBody", {})).get("required", False))

    @cached_property
    def body_schemas(self) -> dict[str, dict[str, Any]]:
        """Media type to the schema of the request body."""
        content = self.contract.resolve(self.spec.get("requestBody", {})).get("content", {})
        return {media_type: entry.get("schema", {}) for media_type, entry in content.items()}

    @cached_property
    def _body_validators(self) -> dict[str, Any]:
        return {media_type: self.contract.compile(schema) for media_type, schema in self.body_schemas.items()}

    def check_body(self, body: Any, media_type: str = "application/json") -> Violation | None:
        """The first thing wrong with a parsed request body, or None."""
        return first_violation(self._body_validators[media_type], body)

    def known_fields(self, media_type: str) -> frozenset[str]:
        """The names at the top of a body that any of its schemas knows; empty where they are open."""
        return frozenset(self._fields(self.body_schemas[media_type]))

    def _fields(self, schema: dict[str, Any]) -> Iterator[str]:
        if "$ref" in schema:
            yield from self._fields(self.contract.resolve(schema))
        yield from schema.get("properties", {})
        for word in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(word, ()):
                yield from self._fields(part)

    def request_examples(self) -> Iterator[tuple[str, str, Any]]:
        """Each documented request: media type, name, value."""
        content = self.contract.resolve(self.spec.get("requestBody", {})).get("content", {})
        for media_type, entry in content.items():
            for name, example in entry.get("examples", {}).items():
                yield media_type, name, example["value"]

    @cached_property
    def responses(self) -> dict[str, dict[str, Any]]:
        """Status text, or `default`, to the resolved description of the answer."""
        return {str(status): self.contract.resolve(spec) for status, spec in self.spec.get("responses", {}).items()}

    def response(self, status: int) -> dict[str, Any] | None:
        """The description of the answer with this status, or None when it is not documented."""
        return self.responses.get(str(status)) or self.responses.get("default")

    def check_response(self, status: int, media_type: str, body: Any) -> Violation | None:
        """The first thing wrong with a parsed answer, or None. For an event stream `body` is one event."""
        spec = self.response(status)
        if spec is None:
            return Violation("status", f"{status} is not documented for {self.id}")
        content = spec.get("content")
        if not content:
            return None
        entry = content.get(media_type)
        if entry is None and "*/*" in content:
            entry = content["*/*"]
        if entry is None:
            return Violation("content-type", f"{media_type} is not documented for {self.id} with {status}")
        schema = entry.get("schema")
        if "x-sse" in entry and "event_schema" in entry["x-sse"]:
            schema = {"$ref": entry["x-sse"]["event_schema"]}
        return None if schema is None else first_violation(self.contract.compile(schema), body)

    def response_examples(self) -> Iterator[tuple[str, str, str, Any]]:
        """Each documented answer: status, media type, name, value."""
        for status, spec in self.responses.items():
            for media_type, entry in (spec.get("content") or {}).items():
                for name, example in (entry.get("examples") or {}).items():
                    yield status, media_type, name, example["value"]


class Contract:
    """The contract of one vendor."""

    def __init__(self, vendor: str) -> None:
        self.vendor = vendor
        text = (resources.files(__package__) / "contracts" / f"{vendor}.yaml").read_text("utf-8")
        self.document: dict[str, Any] = yaml.load(text, Loader=_LOADER)  # noqa: S506  (it is a safe one)
        self.server = str(self.document["servers"][0]["url"])
        self.prefix = urlsplit(self.server).path.rstrip("/")
        self.title = TITLES[vendor]
        self._uri = f"contract:{vendor}"
        self._registry = jsonschema_rs.Registry([(self._uri, _plain(self.document))])
        self._validators: dict[bytes, Any] = {}
        self.operations: dict[str, Operation] = {}
        self._static: dict[tuple[str, str], Operation] = {}
        self._templates: list[tuple[str, re.Pattern[str], Operation]] = []
        seen = {
            path: {method: {"x-status": "seen", **spec} for method, spec in item.items() if isinstance(spec, dict)}
            for path, item in self.document.get("x-seen-paths", {}).items()
        }
        for path, item in [*self.document["paths"].items(), *seen.items()]:
            for method in _METHODS:
                if method in item:
                    shared = item.get("parameters", [])
                    spec = {**item[method], "parameters": [*shared, *item[method].get("parameters", [])]}
                    self._add(method.upper(), path, spec)
        # The longest fixed text wins: /threads/runs is not /threads/{threadId}.
        self._templates.sort(key=lambda entry: -len(re.sub(r"\{[^}]*\}", "", entry[2].path)))

    def _add(self, method: str, path: str, spec: dict[str, Any]) -> None:
        operation = Operation(self, spec["operationId"], method, path, spec)
        self.operations[operation.id] = operation
        for route in self._routes(method, path, spec):
            if "{" not in route:
                self._static.setdefault((method, route), operation)
                continue
            pattern = re.sub(
                r"\{(\w+)\}",
                lambda name: f"(?P<{name[1]}>.+)" if path == "/model/{id}" else f"(?P<{name[1]}>[^/]+)",
                route,
            )
            self._templates.append((method, re.compile(pattern), operation))

    def _routes(self, method: str, path: str, spec: dict[str, Any]) -> list[str]:
        """The documented path and its aliases; AI/ML API mirrors version 1 without the version segment."""
        base = self.document.get("x-base-url", {})
        aliases = [*spec.get("x-aliases", []), *base.get("extra_aliases", {}).get(f"{method} {path}", [])]
        aliases = [alias.split(" ")[-1] for alias in aliases]
        mirrored = [path[3:]] if "mirrors" in base and path.startswith("/v1/") else []
        return [path, *aliases, *mirrored]

    def resolve(self, spec: dict[str, Any]) -> dict[str, Any]:
        """The object itself, following `$ref` inside the document."""
        while "$ref" in spec:
            target: Any = self.document
            for part in spec["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            spec = target
        return spec

    def compile(self, schema: dict[str, Any]) -> Any:
        """A validator for a schema of this document."""
        key = orjson.dumps(_plain(schema), option=orjson.OPT_SORT_KEYS)
        if key not in self._validators:
            self._validators[key] = jsonschema_rs.Draft202012Validator(
                _absolute(_plain(schema), self._uri), registry=self._registry, validate_formats=True
            )
        return self._validators[key]

    def match(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation of a path below the server's address, and its path parameters.

        `path` is as it was sent, percent-encoded.
        """
        operation = self._static.get((method, path))
        if operation is None and path.endswith("/"):
            operation = self._static.get((method, path.rstrip("/")))
        if operation is not None:
            return operation, {}
        for template_method, pattern, template in self._templates:
            if template_method == method and (found := pattern.fullmatch(path)):
                return template, {name: unquote(value) for name, value in found.groupdict().items()}
        return None


@cache
def contract(vendor: str) -> Contract:
    """The contract of a vendor, read once."""
    return Contract(vendor)


@cache
def aimlapi_catalogue() -> dict[str, dict[str, Any]]:
    """The models that AI/ML API lists, by id, each with the parameters that it takes."""
    entries = orjson.loads((resources.files(__package__) / "contracts" / "aimlapi_models.json").read_bytes())
    return {entry["id"]: entry for entry in entries}


def first_violation(validator: Any, value: Any) -> Violation | None:
    """What is wrong with a value, told as near to the leaf as can be, or None."""
    if validator.is_valid(value):
        return None
    error = next(iter(validator.iter_errors(value)))
    where, message = _deepest(error)
    return Violation(".".join(str(part) for part in where), message)


def _deepest(error: Any) -> tuple[list[Any], str]:
    """Path and message of the most telling error: inside the branch of an alternative that got furthest."""
    path = list(error.instance_path)
    branches = getattr(error.kind, "context", None) or []
    # A branch that fails on its own tag (`type`, `role`) is not the one that was meant.
    meant = [branch for branch in branches if not any(_is_tag(inner) for inner in branch)]
    candidates = [_deepest(inner) for branch in meant or branches for inner in branch]
    if meant and len(meant) == 1 and candidates:
        return max(candidates, key=lambda candidate: len(candidate[0]))
    deeper = [candidate for candidate in candidates if len(candidate[0]) > len(path)]
    if deeper:
        return max(deeper, key=lambda candidate: len(candidate[0]))
    return path, _shortened(error.message)


def _is_tag(error: Any) -> bool:
    """Whether an error is about the word that says which alternative a value is."""
    path = list(error.instance_path)
    return bool(path) and path[-1] in ("type", "role") and type(error.kind).__name__ in ("Constant", "Enum")


def _shortened(message: str, limit: int = 300) -> str:
    return message if len(message) <= limit else message[: limit // 2] + " ... " + message[-limit // 2 :]


def _plain(value: Any) -> Any:
    """JSON values only: YAML reads bare dates as date objects."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _absolute(schema: Any, uri: str) -> Any:
    """The schema with its references pointing into the registered document."""
    if isinstance(schema, dict):
        return {
            key: uri + inner
            if key == "$ref" and isinstance(inner, str) and inner.startswith("#")
            else _absolute(inner, uri)
            for key, inner in schema.items()
        }
    return [_absolute(inner, uri) for inner in schema] if isinstance(schema, list) else schema
