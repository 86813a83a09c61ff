"""From one typed request to a model's own field names and value spellings, by data.

`wanted` uses our names, the same for every model: prompt, negative_prompt, width, height, aspect_ratio, resolution, count,
seed, quality, style, output_format, images (the first is the first frame, or the image to edit), reference_images,
last_image, mask, video, audio, 3D model, duration_s, text, voice, speed, language, lyrics, sample_rate, bitrate, fps, document,
pages, texts, and what else `places` lists. A name that is not there is looked for among the model's own, so that everything
a model has can be asked for with checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from multiapi.errors import InvalidRequestError
from multiapi.providers.aimlapi.catalogue import ModelEntry, Param, models
from multiapi.providers.aimlapi.catalogue.checks import PROVIDER, checked, same, setting_refused, value_refused
from multiapi.providers.aimlapi.catalogue.places import (
    AUDIO_FILE,
    AUDIO_LINK,
    EVERYWHERE,
    LEVEL,
    MANY_AUDIOS,
    MANY_IMAGES,
    MANY_VIDEOS,
    ONE_AUDIO,
    ONE_IMAGE,
    ONE_REFERENCE,
    ONE_VIDEO,
    RATIO,
    SPEECH,
    Place,
    at,
)
from multiapi.providers.aimlapi.catalogue.shapes import Shape, shape_fields

_SHAPE = ("width", "height", "aspect_ratio", "resolution")
_MEDIA = ("images", "reference_images", "video", "audio")
_SOUND = ("output_format", "sample_rate", "bitrate")
_OCR = ("document", "pages", "mime_type")
_PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".tif", ".tiff", ".bmp")


def fill(entry: ModelEntry, wanted: Mapping[str, Any], extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The fields of a request for a model, without `model` itself (that is `entry.wire_id`).

    What is None in `wanted` is not asked for, and nothing is sent that was not asked for. `extra` is in the model's own
    names; it is merged in last and not looked at, except that it counts where the model requires a field. For an entry
    of `catalogue.unknown` the names are those that most developers of its family use, and nothing is refused.

    Raises:
        InvalidRequestError: A value that the model does not take, or a field that it requires is missing.
        UnsupportedError: The model has no field for a setting.
    """
    asked = {name: value for name, value in wanted.items() if value is not None}
    fields = _Fields(entry)
    fields.put_shape(Shape(**{name: asked.pop(name, None) for name in _SHAPE}))
    images, references, video, audio = (asked.pop(name, None) for name in _MEDIA)
    fields.put_pictures(_list(images), _list(references))
    fields.put_media("video", _list(video), ONE_VIDEO, MANY_VIDEOS)
    if entry.family == "stt":
        fields.put_media("audio", _list(audio), AUDIO_LINK if isinstance(audio, str) else AUDIO_FILE, ())
    else:
        fields.put_media("audio", _list(audio), ONE_AUDIO, MANY_AUDIOS)
    if entry.family == "tts":
        fields.put_sound(*(asked.pop(name, None) for name in _SOUND))
    if entry.family == "ocr":
        fields.put_document(*(asked.pop(name, None) for name in _OCR))
    for name, value in asked.items():
        fields.put(name, value)
    fields.require(extra or {})
    return _merged(fields.body, extra or {})


class _Fields:
    """A body in the making."""

    def __init__(self, entry: ModelEntry) -> None:
        self.body: dict[str, Any] = {}
        self._entry = entry
        self._known = entry.status != "unknown"
        self._params = entry.params if self._known else _usual(entry.family)
        self._places = _places(entry.family)

    def put(self, setting: str, value: Any) -> None:
        """A setting with one place."""
        if setting == "count" and value == 1 and self._place(self._places["count"]) is None:
            return  # what a model without a count makes anyway
        self._put_at(setting, self._places.get(setting) or at(setting), value)

    def put_shape(self, shape: Shape) -> None:
        """Width and height, ratio and level."""
        self.body |= shape_fields(self._entry, self._params, shape)

    def put_pictures(self, images: list[Any], references: list[Any]) -> None:
        """The first image goes where a single one goes, further ones where several go; references where several go."""
        one, many = self._place(ONE_IMAGE), self._place(MANY_IMAGES)
        if one is not None and self._takes_several(one):
            one, many = None, one
        split = one is not None and many is not None and self._params[one.root].required
        if images and split:
            self._set("images", one, images[0])
            self._set("images", many, images[1:] or None)
        elif images:
            self.put_media("images", images, ONE_IMAGE, MANY_IMAGES)
        if references and many is not None and many.root in self.body:
            allowed = ("one image beside reference_images", "all of them as reference_images")
            raise value_refused(self._entry.id, "images", f"{len(images)} images", allowed, quotable=True)
        self.put_media("reference_images", references, ONE_REFERENCE, MANY_IMAGES)

    def put_media(self, setting: str, files: list[Any], one: tuple[Place, ...], many: tuple[Place, ...]) -> None:
        """One file where a single one goes, if the model has such a field; else where several go."""
        if not files:
            return
        single, several = self._place(one), self._place(many)
        if single is not None and self._takes_several(single):
            self._set(setting, single, files if len(files) > 1 else files[0])
        elif single is not None and len(files) == 1:
            self._set(setting, single, files[0])
        elif several is not None:
            self._set(setting, several, files)
        elif single is not None and self._known:
            raise value_refused(self._entry.id, setting, f"{len(files)} files", ("1 file",), quotable=True)
        else:
            self._put_at(setting, one, files[0] if len(files) == 1 else files)

    def put_sound(self, output_format: str | None, sample_rate: int | None, bitrate: int | None) -> None:
        """The form of speech. ElevenLabs has one word for all three, Deepgram splits WAV into encoding and container."""
        param = self._params.get("output_format")
        words = () if param is None or param.enum is None else param.enum
        if words and all("_" in word for word in words):
            if (output_format, sample_rate, bitrate) != (None, None, None):
                self.body["output_format"] = _sound_word(self._entry.id, words, output_format, sample_rate, bitrate)
            return
        if output_format == "wav" and {"encoding", "container"} <= self._params.keys():
            self.body |= {"encoding": "linear16", "container": "wav"}
            output_format = None
        for name, value in zip(_SOUND, (output_format, sample_rate, bitrate), strict=True):
            if value is not None:
                self.put(name, value)

    def put_document(self, document: str | None, pages: Sequence[int] | None, mime_type: str | None) -> None:
        """A link or data URL, and pages counted from 1. Mistral and Zhipu take a tagged object and count from 0."""
        tagged = "document_url" in self._params["document"].props
        if document is not None and tagged:
            kind = "image_url" if _is_picture(document, mime_type) else "document_url"
            self.body["document"] = {"type": kind, kind: document}
        elif document is not None:
            self.body["document"] = document
        if pages is not None and min(pages, default=0) < 1:
            raise value_refused(self._entry.id, "pages", list(pages), ("numbers from 1",))
        if pages is not None and tagged:
            self.body["pages"] = [page - 1 for page in pages]
        elif pages is not None:
            indices = checked(self._entry.id, "pages", self._params["pages"].props["indices"], list(pages))
            self.body["pages"] = {"type": "indices", "indices": indices}
        if mime_type is not None and "mimeType" in self._params:
            self.put("mime_type", mime_type)

    def require(self, extra: Mapping[str, Any]) -> None:
        """Refuse a body that lacks what the model requires."""
        if not self._known:
            return
        present = {*self.body, *extra}
        missing = [name for name, param in self._params.items() if param.required and name not in present]
        if self._entry.family == "stt" and not present & {"url", "audio", "file"}:
            missing.append("url")
        if not missing:
            return
        raise InvalidRequestError(
            f"{PROVIDER}: {self._entry.id} needs {', '.join(self._with_our_name(name) for name in missing)}",
            provider=PROVIDER,
            model=self._entry.id,
            setting=missing[0],
            allowed=self._params[missing[0]].enum or (),
            missing=tuple(missing),
        )

    def _put_at(self, setting: str, places: tuple[Place, ...], value: Any) -> None:
        place = self._place(places) or (None if self._known else next(iter(places), None))
        if place is None:
            raise setting_refused(self._entry, setting)
        self._set(setting, place, value)

    def _place(self, places: Iterable[Place]) -> Place | None:
        """The first place that the model has."""
        return next((place for place in places if self._leaf(place) is not None), None)

    def _leaf(self, place: Place) -> Param | None:
        params, leaf = self._params, None
        for step in place.path.split("."):
            leaf = params.get(step.removesuffix("[]"))
            if leaf is None:
                return None
            params = leaf.props
        return leaf

    def _takes_several(self, place: Place) -> bool:
        leaf = self._leaf(place)
        return leaf is not None and bool(leaf.item_types)

    def _set(self, setting: str, place: Place | None, value: Any) -> None:
        if place is None or value is None:
            return
        root, _, inner = place.path.partition(".")
        if root.endswith("[]"):
            items = [{inner: self._value(setting, place, item)} for item in _list(value)]
            self.body[place.root] = self._checked(setting, self._params.get(place.root), items)
        elif inner:
            self.body.setdefault(root, {})[inner] = self._value(setting, place, value)
        else:
            self.body[root] = self._value(setting, place, value)

    def _value(self, setting: str, place: Place, value: Any) -> Any:
        leaf, spelled = self._leaf(place), place.spell(value)
        try:
            return self._checked(setting, leaf, _tagged(leaf, spelled))
        except InvalidRequestError as error:
            if spelled == value:
                raise
            allowed = (f"{place.path} {choice}" for choice in getattr(error, "allowed", ()))
            raise value_refused(self._entry.id, setting, value, allowed) from None

    def _checked(self, setting: str, param: Param | None, value: Any) -> Any:
        return value if param is None or not self._known else checked(self._entry.id, setting, param, value)

    def _with_our_name(self, name: str) -> str:
        """A model's own field, with our name for it where that is another, and with its values where it has a list."""
        groups = self._places | {
            "images": (*ONE_IMAGE, *MANY_IMAGES),
            "video": (*ONE_VIDEO, *MANY_VIDEOS),
            "audio": (*AUDIO_LINK, *ONE_AUDIO, *MANY_AUDIOS),
        }
        ours = next((ours for ours, places in groups.items() if name in {place.root for place in places}), name)
        hints = [f"set {ours}"] if ours != name else []
        hints += [f"one of {', '.join(map(str, words))}"] if (words := self._params[name].enum) else []
        return f"{name} ({'; '.join(hints)})" if hints else name


def _places(family: str) -> dict[str, tuple[Place, ...]]:
    return {**EVERYWHERE, **(SPEECH if family == "tts" else {})}


@cache
def _usual(family: str) -> Mapping[str, Param]:
    """The parameters of a family under the names that most of its developers use, without limits."""
    params = {name: param for model in models(family) for name, param in model.params.items()}
    users = {name: len({model.developer for model in models(family) if name in model.params}) for name in params}
    groups = [*_places(family).values(), (*ONE_VIDEO, *MANY_VIDEOS), (*ONE_AUDIO, *MANY_AUDIOS), RATIO, LEVEL]
    groups += [(*ONE_IMAGE, *MANY_IMAGES)] if family == "image" else [ONE_IMAGE, MANY_IMAGES]
    rare = {
        place.root
        for group in groups
        for place in group
        if users.get(place.root, 0) < max(users.get(other.root, 0) for other in group)
    }
    return {name: _unlimited(param) for name, param in params.items() if name not in rare}


def _unlimited(param: Param) -> Param:
    props = {name: _unlimited(prop) for name, prop in param.props.items()}
    return Param(name=param.name, types=param.types, props=props)


def _sound_word(
    model: str, words: Sequence[str], output_format: str | None, sample_rate: int | None, bitrate: int | None
) -> str:
    """The word such as mp3_44100_128 that has what was asked for; of several the one nearest to CD rate and 128 kbit/s."""
    fitting = []
    for word in words:
        codec, rate, kilobits = (*word.split("_"), "")[:3]
        if output_format not in (None, word) and not same(output_format, codec):
            continue
        if sample_rate not in (None, int(rate)) or bitrate not in (None, int(kilobits or 0) * 1000):
            continue
        fitting.append((abs(int(rate) - 44_100), abs(int(kilobits or 128) - 128), word))
    if not fitting:
        asked = "_".join(str(part) for part in (output_format, sample_rate, bitrate) if part is not None)
        raise value_refused(model, "output_format", asked, words)
    return min(fitting)[2]


def _tagged(leaf: Param | None, value: Any) -> Any:
    """A link as Luma and Runway take it, `{type: image, url: ...}`, alone or in a list; else the value as it is."""
    if leaf is None or not {"type", "url"} <= leaf.props.keys():
        return value
    if isinstance(value, list):
        return [_tagged(leaf, item) for item in value]
    tags = leaf.props["type"].enum or ("image",)
    return {"type": "image" if "image" in tags else tags[0], "url": value} if isinstance(value, str) else value


def _is_picture(document: str, mime_type: str | None) -> bool:
    if mime_type is not None:
        return mime_type.startswith("image/")
    path = document.split("?", maxsplit=1)[0].split("#", maxsplit=1)[0].lower()
    return document.startswith("data:image/") or path.endswith(_PICTURE_ENDINGS)


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _merged(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(body)
    for name, value in extra.items():
        mine = merged.get(name)
        merged[name] = _merged(mine, value) if isinstance(mine, Mapping) and isinstance(value, Mapping) else value
    return merged
