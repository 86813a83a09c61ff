"""AI/ML API's models and what each of them takes, read from packed data on first use.

```
entry = catalogue.find("kling-video/v1.6/pro/image-to-video")
entry.params["duration"].enum                          # (5, 10)
parameters.fill(entry, {"prompt": "a cat", "images": [url], "duration_s": 5})
```

The live list moves faster than this snapshot, so an unknown id is not an error: `find` gives None, and `unknown` an entry with
which `parameters.fill` uses the names most models of the kind use. `learn(client, id)` asks the provider what a model takes.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiapi.providers.aimlapi.catalogue.documents import forget, learn

__all__ = ["ModelEntry", "Param", "TextModel", "edits", "find", "forget", "learn", "models", "text_model", "unknown"]

IMAGE_EDITS = "POST /v1/images/edits"
_ENDPOINTS = {
    "text": "POST /v1/chat/completions",
    "embedding": "POST /v1/embeddings",
    "image": "POST /v1/images/generations",
    "3d": "POST /v1/images/generations",
    "video": "POST /v2/video/generations",
    "music": "POST /v2/generate/audio",
    "tts": "POST /v1/tts",
    "stt": "POST /v1/stt/create",
    "ocr": "POST /v1/ocr",
}
_POLLS = {
    "video": "GET /v2/video/generations?generation_id={id}",
    "music": "GET /v2/generate/audio?generation_id={id}",
    "stt": "GET /v1/stt/{generation_id}",
}
_OUTPUTS = {"text": "text", "embedding": "vector", "music": "audio", "tts": "audio", "stt": "text", "ocr": "text"}


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter as the provider's schema has it.

    Attributes:
        types: string, integer, number, boolean, object, binary, any, or array<...> of one of them.
        enum: The allowed values; `open_enum` says that others are taken too.
        props: The parameters inside an object, or inside each object of an array.
        kinds: Tags of the objects that are taken, where the schema is a union (tools, content).
    """

    name: str
    types: tuple[str, ...]
    required: bool = False
    enum: tuple[Any, ...] | None = None
    open_enum: bool = False
    item_enum: tuple[Any, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    default: Any = None
    nullable: bool = False
    format: str | None = None
    pattern: str | None = None
    kinds: tuple[str, ...] = ()
    props: Mapping[str, Param] = field(default_factory=dict)

    @property
    def item_types(self) -> tuple[str, ...]:
        """What an array of this parameter holds; empty if it takes no array."""
        return tuple(name[6:-1] for name in self.types if name.startswith("array<"))


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model, where it is called and what it takes.

    Attributes:
        id: The id as it was asked for.
        family: text, embedding, image, 3d, video, music, tts, stt, ocr, moderation or search.
        status: current, deprecated, unlisted, superseded (another name of `replaced_by`), withdrawn, learnt (from the model's own
            document, by `learn`), or unknown for an id that is not in the list.
        endpoint: Method and path of its call, as in "POST /v1/tts".
        poll_endpoint: Method and path that tell how its job is doing, if it has jobs.
        outputs: The kinds of results.
        delivery: For speech, "binary" or "json_url", as the samples show it; go by the response's content type.
        wire_id: What to send as `model`; differs from `id` only where the operation knows another name of it.
        aliases: Other names of the same model.
        other_endpoints: Further operations that take it.
    """

    id: str
    family: str
    developer: str
    status: str
    endpoint: str
    poll_endpoint: str | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    delivery: str | None = None
    params: Mapping[str, Param] = field(default_factory=dict, repr=False)
    roles: tuple[str, ...] = ()
    wire_id: str = ""
    aliases: tuple[str, ...] = ()
    other_endpoints: tuple[str, ...] = ()
    replaced_by: str | None = None
    deprecated_at: str | None = None


@dataclass(frozen=True, slots=True)
class TextModel:
    """What a text model takes, beyond messages. Its context window is not in the provider's list.

    Attributes:
        accepts: The names of all parameters of its schema.
        response_formats: text, json_object, json_schema as far as it takes them (in `text.format` on `/v1/responses`).
        reasoning_efforts: The words that `reasoning_effort` takes.
        search_modes: The words that `search_mode` takes; the schema's default is "academic".
        audio_out: It can answer with sound.
    """

    id: str
    endpoint: str
    roles: tuple[str, ...]
    accepts: frozenset[str]
    tools: bool
    parallel_tools: bool
    response_formats: tuple[str, ...]
    reasoning_efforts: tuple[str, ...]
    search_modes: tuple[str, ...]
    vision: bool
    audio: bool
    video: bool
    files: bool
    audio_out: bool

    @property
    def responses_only(self) -> bool:
        """It is called on `/v1/responses` and not as a chat model."""
        return self.endpoint == "POST /v1/responses"

    @property
    def max_tokens_field(self) -> str:
        """What the completion limit is called; `max_tokens` where more than one name is taken."""
        names = ("max_tokens", "max_completion_tokens", "max_output_tokens")
        return next((name for name in names if name in self.accepts), "max_tokens")


MAX_LEARNT = 1_000
LEARNT: dict[str, ModelEntry] = {}
"""What this process has learnt of single models; it goes before the packed list."""


def __getattr__(name: str) -> Any:
    if name in {"forget", "learn"}:
        from multiapi.providers.aimlapi.catalogue import documents

        return getattr(documents, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def find(model_id: str) -> ModelEntry | None:
    """The entry of a model, or None if the list does not have it and nothing was learnt of it."""
    if model_id in LEARNT:
        return LEARNT[model_id]
    catalogue = _catalogue()
    return catalogue.known(model_id) if model_id in catalogue.rows else None


def models(family: str | None = None, status: str | None = "current") -> tuple[ModelEntry, ...]:
    """All models of a family (None: of every family) with a status (None: with any), in the order of the list."""
    catalogue = _catalogue()
    return tuple(
        catalogue.known(row["id"])
        for row in catalogue.rows.values()
        if family in (None, row["family"]) and status in (None, row["status"])
    )


_FAMILIES = {
    "chat": "text",
    "embed": "embedding",
    "image": "image",
    "edit_image": "image",
    "speech": "tts",
    "transcribe": "stt",
    "music": "music",
    "video": "video",
    "video_from_image": "video",
    "mesh": "3d",
    "ocr": "ocr",
}


def ids_for(call: str) -> tuple[str, ...]:
    """The ids of the current models for a call of a client, as in "chat" or "speech"."""
    family = _FAMILIES.get(call)
    rows = _catalogue().rows.values()
    return tuple(row["id"] for row in rows if (row["family"], row["status"]) == (family, "current"))


def edits(model_id: str) -> ModelEntry | None:
    """The entry of a model for `/v1/images/edits`, where images are sent as files; None if it is not taken there."""
    return _catalogue().edit_entry(model_id)


def unknown(model_id: str, family: str) -> ModelEntry:
    """An entry for a model that is not in the list: the usual endpoint of the family, no facts."""
    return ModelEntry(
        id=model_id,
        family=family,
        developer="",
        status="unknown",
        endpoint=_ENDPOINTS[family],
        poll_endpoint=_POLLS.get(family),
        outputs=(_OUTPUTS.get(family, family),),
        wire_id=model_id,
    )


def text_model(model_id: str) -> TextModel | None:
    """What a text model takes, or None if the list does not have it or it is of another family."""
    entry = find(model_id)
    if entry is None or entry.family != "text":
        return None
    params = entry.params

    def words(name: str) -> tuple[str, ...]:
        return (params[name].enum or ()) if name in params else ()

    return TextModel(
        id=entry.id,
        endpoint=entry.endpoint,
        roles=entry.roles,
        accepts=frozenset(params),
        tools="tools" in params,
        parallel_tools="parallel_tool_calls" in params,
        response_formats=next((params[name].kinds for name in ("response_format", "text") if name in params), ()),
        reasoning_efforts=words("reasoning_effort"),
        search_modes=words("search_mode"),
        vision="image" in entry.inputs,
        audio="audio" in entry.inputs,
        video="video" in entry.inputs,
        files="file" in entry.inputs,
        audio_out="audio" in params,
    )


class _Catalogue:
    """The packed data; entries and parameters become objects when they are asked for."""

    def __init__(self, packed: Mapping[str, Any]) -> None:
        self.rows: dict[str, Mapping[str, Any]] = {row["id"]: row for row in packed["models"]}
        self._edits = packed["edits"]
        self._sets = packed["sets"]
        self._params = packed["params"]
        self.known = lru_cache(maxsize=None)(self._known)
        self._params_of = lru_cache(maxsize=None)(self._read_set)

    def edit_entry(self, model_id: str) -> ModelEntry | None:
        if model_id not in self._edits["ids"] or model_id not in self.rows:
            return None
        return replace(self.known(model_id), endpoint=IMAGE_EDITS, params=self._params_of(self._edits["set"]))

    def _known(self, model_id: str) -> ModelEntry:
        row = self.rows[model_id]
        return ModelEntry(
            id=row["id"],
            family=row["family"],
            developer=row["developer"],
            status=row["status"],
            endpoint=row["endpoint"],
            poll_endpoint=row.get("poll"),
            inputs=tuple(row["input"]),
            outputs=(_OUTPUTS.get(row["family"], row["family"]),),
            delivery=row.get("output"),
            params=self._params_of(row["set"]),
            roles=tuple(row.get("roles", ())),
            wire_id=row.get("wire", row["id"]),
            aliases=(row["alias"],) if "alias" in row else (),
            other_endpoints=tuple(row.get("other", ())),
            replaced_by=row.get("replaced_by"),
            deprecated_at=row.get("deprecated_at"),
        )

    def _read_set(self, position: int) -> Mapping[str, Param]:
        return {name: _read(name, self._params[at]) for name, at in self._sets[position].items()}


def entry_of_row(row: Mapping[str, Any]) -> ModelEntry:
    """The entry of a row in the words of the contract's list, which holds its parameters itself."""
    return ModelEntry(
        id=row["id"],
        family=row["family"],
        developer=row["developer"],
        status=row["status"],
        endpoint=row["endpoint"],
        poll_endpoint=row.get("poll_endpoint"),
        inputs=tuple(row["input"]),
        outputs=(_OUTPUTS.get(row["family"], row["family"]),),
        params={name: _read(name, param) for name, param in row["params"].items()},
        roles=tuple(row.get("roles", ())),
        wire_id=row["id"],
    )


def _read(name: str, packed: Mapping[str, Any]) -> Param:
    return Param(
        name=name,
        types=tuple(packed["type"].split("|")),
        required=packed.get("required", False),
        enum=_tuple(packed.get("enum")),
        open_enum=packed.get("open_enum", False),
        item_enum=_tuple(packed.get("item_enum")),
        minimum=packed.get("min"),
        maximum=packed.get("max"),
        min_length=packed.get("minLength"),
        max_length=packed.get("maxLength"),
        min_items=packed.get("minItems"),
        max_items=packed.get("maxItems"),
        default=packed.get("default"),
        nullable=packed.get("nullable", False),
        format=packed.get("format"),
        pattern=packed.get("pattern"),
        kinds=tuple(packed.get("kinds", ())),
        props={key: _read(key, value) for key, value in packed.get("props", {}).items()},
    )


def _tuple(values: list[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)


@lru_cache(maxsize=1)
def _catalogue() -> _Catalogue:
    return _Catalogue(json.loads(gzip.decompress(files(__name__).joinpath("aimlapi.json.gz").read_bytes())))
