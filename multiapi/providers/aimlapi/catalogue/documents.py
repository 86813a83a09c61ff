"""What a model takes, out of the OpenAPI document of that model alone, for models that are newer than the packed list.

Each row of AI/ML API's list links one (`info.docsJson`). A document is data of somebody else: nothing outside of it is looked up,
and how much of it is read is bounded. `learn` asks for it; `row_of` gives the row that the list of the contract would have.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, overload

from multiapi.errors import ResponseFormatError, printable
from multiapi.providers.aimlapi.catalogue import LEARNT, MAX_LEARNT, ModelEntry, entry_of_row

if TYPE_CHECKING:
    from multiapi.types.account import ModelInfo

MAX_PARTS = 20_000
"""How many schemas of one document are looked at."""
MAX_DEPTH = 12
"""How deep an object may lie in a parameter; what lies deeper is taken for anything."""

_FAMILIES = {
    "/v1/chat/completions": "text",
    "/v1/responses": "text",
    "/v1/messages": "text",
    "/v1/embeddings": "embedding",
    "/v1/images/generations": "image",
    "/v1/images/edits": "image",
    "/v2/video/generations": "video",
    "/v2/generate/audio": "music",
    "/v1/tts": "tts",
    "/v1/stt/create": "stt",
    "/v1/ocr": "ocr",
}
_TALK = ("messages", "input")
"""What every text model takes; it is told by `inputs` and `roles`."""
_INPUTS = {"text": "text", "image_url": "image", "input_audio": "audio", "video_url": "video", "file": "file"}
_INPUTS |= {"input_text": "text", "input_image": "image", "input_file": "file", "image": "image", "document": "file"}
_MODALITIES = ("text", "image", "audio", "video", "file")
_KEPT = {
    "default": "default",
    "enum": "enum",
    "format": "format",
    "pattern": "pattern",
    "minimum": "min",
    "maximum": "max",
    "minLength": "minLength",
    "maxLength": "maxLength",
    "minItems": "minItems",
    "maxItems": "maxItems",
}


class ModelDocument:
    """The OpenAPI document of one model.

    Attributes:
        raw: All of it, as the provider sent it.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw

    def entry(self, info: ModelInfo) -> ModelEntry:
        """The entry of a model of the list, with the status "learnt". What it is given and makes is as the list says.

        Raises:
            ResponseFormatError: The document does not say what the model takes.
        """
        found = entry_of_row(row_of(self.raw, info.id))
        is_3d = found.family == "image" and any("3d" in word.lower() for word in info.outputs)
        return replace(
            found,
            status="learnt",
            family="3d" if is_3d else found.family,
            developer=info.developer or found.developer,
            inputs=info.inputs or found.inputs,
            outputs=info.outputs or found.outputs,
            aliases=info.aliases,
        )


class _Asking(Protocol):
    def model_schema(self, model_id: str, *, kind: str | None = None) -> ModelEntry: ...


class _AskingLater(Protocol):
    def model_schema(self, model_id: str, *, kind: str | None = None) -> Coroutine[Any, Any, ModelEntry]: ...


@overload
def learn(client: _Asking, model_id: str, *, kind: str | None = None) -> ModelEntry: ...


@overload
def learn(client: _AskingLater, model_id: str, *, kind: str | None = None) -> Coroutine[Any, Any, ModelEntry]: ...


def learn(client: Any, model_id: str, *, kind: str | None = None) -> Any:
    """Ask the provider what one model takes, and go by that in this process: `find` gives it, requests are checked by it.

    Nothing is written into the package. With an `AsyncClient` it is awaited.

    Args:
        kind: The kind of call, in the provider's word, where one id has several, as in "openai/image-generations".

    Raises:
        NotFoundError: The provider does not list the model, or has no document for it.
        ResponseTooLargeError: The document is larger than `Limits.document_bytes`.
        ResponseFormatError: The document does not say what the model takes.
    """
    found = client.model_schema(model_id, kind=kind)
    return remembered(found) if isinstance(found, ModelEntry) else _remembered_later(found)


async def _remembered_later(asked: Coroutine[Any, Any, ModelEntry]) -> ModelEntry:
    return remembered(await asked)


def remembered(entry: ModelEntry) -> ModelEntry:
    """Keep an entry for this process."""
    if len(LEARNT) < MAX_LEARNT or entry.id in LEARNT:
        LEARNT[entry.id] = entry
    return entry


def forget(model_id: str | None = None) -> None:
    """Go by the packed list again, for one model or for all."""
    if model_id is None:
        LEARNT.clear()
    else:
        LEARNT.pop(model_id, None)


def row_of(document: Mapping[str, Any], model_id: str) -> dict[str, Any]:
    """A model in the words of the contract's list, with all its parameters, those that are common to text models among them.

    Raises:
        ResponseFormatError: The document does not say it.
    """
    reader = _Reader(document)
    method_and_path, schema = reader.call()
    bodies = list(reader.bodies(schema, model_id))
    params = _united([reader.params(body) for body in bodies])
    path = method_and_path.split(" ", 1)[1]
    family = _FAMILIES.get(path) or _FAMILIES.get("/v1" + path)
    if family is None:
        raise _unreadable(f"its call, {printable(method_and_path, 80)}, is not one that is known")
    talk = [dict(reader.properties(body)) for body in bodies]
    is_text = family == "text"
    row: dict[str, Any] = {
        "id": model_id,
        "family": family,
        "developer": str(reader.info().get("x-developer") or ""),
        "status": "current",
        "endpoint": method_and_path,
        "poll_endpoint": reader.poll(),
        "input": _inputs(reader, talk) if is_text else _media_inputs(params),
        "params": {name: param for name, param in params.items() if not (is_text and name in _TALK)},
    }
    if is_text and (roles := _roles(reader, talk)):
        row["roles"] = roles
    return row


def less(row: Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a text model as the contract's list has it: only what differs from the common parameters of its call."""
    params = row["params"]
    own = {name: param for name, param in params.items() if common.get(name) not in (param, _optional(param))}
    return {**row, "params": own, "lacks": [name for name in common if name not in params]}


def _optional(param: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in param.items() if name != "required" or value}


def _unreadable(why: str) -> ResponseFormatError:
    message = f"aimlapi's description of a model does not say what the model takes: {why}"
    return ResponseFormatError(message, provider="aimlapi")


class _Reader:
    """One document, of which only so much is looked at."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._left = MAX_PARTS

    def info(self) -> Mapping[str, Any]:
        found = self._document.get("info")
        return found if isinstance(found, dict) else {}

    def call(self) -> tuple[str, Mapping[str, Any]]:
        """Method and path of the call, and the schema of its body."""
        for method, path, operation in self._operations():
            body = self.resolved(operation.get("requestBody"))
            content = body.get("content")
            for held in content.values() if isinstance(content, dict) else ():
                schema = self.resolved(held.get("schema") if isinstance(held, dict) else None)
                if schema:
                    return f"{method.upper()} {path}", schema
        raise _unreadable("it describes no call with a body")

    def poll(self) -> str | None:
        """The way to ask how a job is doing, as the contract's list writes it."""
        for method, path, operation in self._operations():
            if method != "get":
                continue
            given = operation.get("parameters")
            named = [self.resolved(each) for each in given] if isinstance(given, list) else []
            if any(each.get("name") == "generation_id" and each.get("in") == "query" for each in named):
                return f"GET {path}?generation_id={{id}}"
            if "{generation_id}" in path:
                return f"GET {path}"
        return None

    def _operations(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        paths = self._document.get("paths")
        for path, item in paths.items() if isinstance(paths, dict) else ():
            for method in ("post", "get"):
                operation = item.get(method) if isinstance(item, dict) else None
                if isinstance(operation, dict) and isinstance(path, str):
                    yield method, path, operation

    def resolved(self, schema: Any) -> Mapping[str, Any]:
        """An object, or the one inside of this document that it stands for; empty for what is none."""
        for _ in range(MAX_DEPTH):
            if not isinstance(schema, dict):
                return {}
            target = schema.get("$ref")
            if not isinstance(target, str):
                return schema
            schema = self._at(target)
        return {}

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            return None  # another document: it is not opened
        found: Any = self._document
        for part in reference[2:].split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        return found

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _unreadable(f"it has more than {MAX_PARTS} parts")

    def branches(self, schema: Mapping[str, Any], depth: int = 0) -> list[Mapping[str, Any]]:
        """The schemas of which one fits, also inside of one another; the schema itself where it names no others."""
        for word in ("anyOf", "oneOf"):
            held = schema.get(word)
            if isinstance(held, list) and held and depth < MAX_DEPTH:
                found = []
                for each in held:
                    self._count()
                    found += self.branches(self.resolved(each), depth + 1)
                return found
        return [schema]

    def bodies(self, schema: Mapping[str, Any], model_id: str) -> Iterator[Mapping[str, Any]]:
        """The bodies that name the model; all of them where none does, as in a document of a router."""
        found = self.branches(schema)
        naming = [each for each in found if model_id in self._models(each)]
        yield from naming or found

    def _models(self, body: Mapping[str, Any]) -> list[Any]:
        named = self.resolved(dict(self.properties(body)).get("model"))
        held = named.get("enum", [named["const"]] if "const" in named else [])
        return held if isinstance(held, list) else []

    def properties(self, schema: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[str, Any]]:
        """The names of an object and their schemas, those of its parts (`allOf`) first."""
        parts = schema.get("allOf")
        if isinstance(parts, list) and depth < MAX_DEPTH:
            for part in parts:
                self._count()
                yield from self.properties(self.resolved(part), depth + 1)
        held = schema.get("properties")
        if isinstance(held, dict):
            yield from held.items()

    def required(self, schema: Mapping[str, Any], depth: int = 0) -> set[str]:
        parts = schema.get("allOf")
        found: set[str] = set()
        if isinstance(parts, list) and depth < MAX_DEPTH:
            for part in parts:
                self._count()
                found |= self.required(self.resolved(part), depth + 1)
        held = schema.get("required")
        return found | {name for name in held if isinstance(name, str)} if isinstance(held, list) else found

    def params(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of a body, in the words of the contract's list."""
        required = self.required(body)
        return {
            name: {**self.param(schema), "required": name in required}
            for name, schema in self.properties(body)
            if name != "model"
        }

    def param(self, given: Any, depth: int = 0) -> dict[str, Any]:
        """One parameter. Of a union of several objects that bear tags only the tags are told."""
        self._count()
        schema = self.resolved(given)
        every = self.branches(schema)
        branches = [each for each in every if each.get("type") != "null"] or [schema]
        nullable = schema.get("nullable") is True or len(branches) < len(every)
        types: dict[str, None] = {}
        param: dict[str, Any] = {}
        tags = list(dict.fromkeys(tag for each in branches for tag in self._tags(each, is_union=branches != [schema])))
        for branch in branches:
            named = branch.get("type")
            words = [named] if isinstance(named, str) else named if isinstance(named, list) else []
            nullable = nullable or "null" in words
            for word in [each for each in words if each != "null"] or _guessed(branch):
                types[self._type(str(word), branch, depth)] = None
            param |= self._facts(branch)
            inside = self._props(branch, depth)
            if inside and not (tags and (len(tags) > 1 or inside.keys() <= {"type"})):
                param["props"] = inside
        param |= self._facts(schema)
        of_enums = [each for each in branches if each.get("type") in ("string", None) and _guessed(each) != ["object"]]
        if (
            "enum" in param
            and len(of_enums) > 1
            and any("enum" not in each and "const" not in each for each in of_enums)
        ):
            param["open_enum"] = True
        if tags:
            param["kinds"] = tags
        if nullable:
            param["nullable"] = True
        if types.keys() == {"binary"}:
            param.pop("format", None)
        return {"type": "|".join(types) or "any", **param}

    def _facts(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """What one schema says of a value, beside its type."""
        facts = {ours: schema[theirs] for theirs, ours in _KEPT.items() if theirs in schema}
        if "const" in schema:
            facts["enum"] = [schema["const"]]
        if not isinstance(facts.get("enum", []), list):
            del facts["enum"]
        items = self.resolved(schema.get("items"))
        if isinstance(items.get("enum"), list):
            facts["item_enum"] = items["enum"]
        return facts

    def _props(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """What is inside of an object, or of each object of an array."""
        if depth >= MAX_DEPTH:
            return {}
        items = self.resolved(schema.get("items"))
        alone = self.branches(items)
        items = alone[0] if len(alone) == 1 else items
        needed = self.required(schema) | self.required(items)
        inside = dict(self.properties(schema)) or dict(self.properties(items))
        return {
            name: {**self.param(each, depth + 1), **({"required": True} if name in needed else {})}
            for name, each in inside.items()
        }

    def _type(self, word: str, schema: Mapping[str, Any], depth: int) -> str:
        if word == "array":
            items = self.resolved(schema.get("items"))
            inner = self.branches(items)[0].get("type")
            return f"array<{inner if isinstance(inner, str) and inner != 'array' and depth < MAX_DEPTH else 'any'}>"
        return "binary" if word == "string" and schema.get("format") == "binary" else word

    def _tags(self, branch: Mapping[str, Any], *, is_union: bool) -> list[str]:
        """The words by which the objects of a union are told apart."""
        items = self.resolved(branch.get("items"))
        held = self.branches(items)
        found: list[str] = []
        for each in (*((branch,) if is_union else ()), *(held if held != [items] else ())):
            tag = self.resolved(dict(self.properties(each)).get("type"))
            words = [tag["const"]] if "const" in tag else tag.get("enum", ())
            found += [word for word in words if isinstance(word, str)] if isinstance(words, (list, tuple)) else []
        return found

    def words_at(self, schema: Any, name: str, depth: int = 0) -> Iterator[str]:
        """The fixed values of a name in all objects below a schema, as the roles of messages."""
        self._count()
        held = self.resolved(schema)
        for branch in self.branches(held):
            for key, each in self.properties(branch):
                if key == name:
                    told = self.resolved(each)
                    values = [told["const"]] if "const" in told else told.get("enum", ())
                    yield from (word for word in values if isinstance(word, str)) if isinstance(values, list) else ()
                if depth < MAX_DEPTH:
                    yield from self.words_at(each, name, depth + 1)
            if depth < MAX_DEPTH and "items" in branch:
                yield from self.words_at(branch["items"], name, depth + 1)


def _guessed(schema: Mapping[str, Any]) -> list[str]:
    for word, kind in (("properties", "object"), ("items", "array")):
        if word in schema:
            return [kind]
    values = schema.get("enum") if isinstance(schema.get("enum"), list) else [schema.get("const")]
    names: dict[Callable[..., Any], str] = {str: "string", bool: "boolean", int: "integer", float: "number"}
    return list(dict.fromkeys(names[type(each)] for each in values or () if type(each) in names))


def _united(bodies: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The parameters of several bodies: what they differ in is left open, and only what all of them require is required."""
    held = list(bodies)
    united: dict[str, Any] = {}
    for params in held:
        for name, param in params.items():
            before = united.get(name)
            if before is None:
                united[name] = param
            elif before != param:
                types = dict.fromkeys([*before["type"].split("|"), *param["type"].split("|")])
                united[name] = {"type": "|".join(types), "required": before["required"] and param["required"]}
    for name, param in united.items():
        if param["required"] and not all(name in params for params in held):
            united[name] = {**param, "required": False}
    return united


def _inputs(reader: _Reader, bodies: list[dict[str, Any]]) -> list[str]:
    found = {
        _INPUTS[word]
        for body in bodies
        for name in _TALK
        if name in body
        for word in reader.words_at(body[name], "type")
        if word in _INPUTS
    }
    return [word for word in _MODALITIES if word in {"text", *found}]


def _roles(reader: _Reader, bodies: list[dict[str, Any]]) -> list[str]:
    found = dict.fromkeys(
        word for body in bodies for name in _TALK if name in body for word in reader.words_at(body[name], "role")
    )
    return list(found)


def _media_inputs(params: Mapping[str, Any]) -> list[str]:
    """What a media model is given, by the names of its parameters."""
    found = {kind for name in params for kind in ("image", "video", "audio") if kind in name.split("_")[0]}
    texts = params.keys() & {"prompt", "text", "input", "script"}
    return [word for word in _MODALITIES if word in found or (word == "text" and texts)]
