"""`strength`, `effect`, `settings` and streamed speech: each is sent where the provider and the model have it, and refused unsent elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from multiapi.errors import InvalidRequestError, MultiApiError, UnsupportedError
from multiapi.providers import PROVIDERS
from multiapi.simulator.contract import aimlapi_catalogue
from multiapi.types.media_requests import (
    ImageEditRequest,
    ImageRequest,
    MediaRequest,
    MusicRequest,
    SpeechRequest,
    VideoRequest,
)
from tests.required_media import REQUIRED_MEDIA

PICTURE = "https://example.com/a.png"
LISTED = [model for model in aimlapi_catalogue().values() if model["status"] == "current"]
KINDS: dict[str, tuple[str, type[MediaRequest]]] = {
    "image": ("image", ImageRequest),
    "video": ("start_video", VideoRequest),
    "tts": ("speech", SpeechRequest),
    "music": ("start_music", MusicRequest),
}
FIELDS = {"strength": ("strength", 0.5), "effect": ("effect_scene", "hug"), "settings": (None, {"style": "flat"})}
"""Our name, AI/ML API's, and a value. No model of it has a studio."""
CASES = [
    pytest.param(model, setting, id=f"{model['id']}-{setting}")
    for model in LISTED
    if model["family"] in KINDS
    for setting in FIELDS
    if setting in KINDS[model["family"]][1].__dataclass_fields__
]


def asked(model: dict[str, Any]) -> dict[str, Any]:
    """What the model requires, in our names."""
    required = [name for name, param in model["params"].items() if param["required"]]
    wanted: dict[str, Any] = {"text": "Hi."} if model["family"] == "tts" else {}
    if "prompt" in model["params"]:
        wanted["prompt"] = "a paper boat"
    for name in required:
        wanted |= REQUIRED_MEDIA.get(name, {})
    own = {name: model["params"][name]["enum"][0] for name in required if name in ("mode", "effect_scene")}
    return wanted | {"extra": own}


@pytest.mark.parametrize(("model", "setting"), CASES)
def test_a_model_gets_what_the_catalogue_says_it_has(model: dict[str, Any], setting: str) -> None:
    name, kind = KINDS[model["family"]]
    theirs, value = FIELDS[setting]
    wanted = asked(model)
    build = PROVIDERS["aimlapi"].operations[name].build
    if theirs not in model["params"]:
        with pytest.raises(UnsupportedError, match=setting):
            build(kind(model=model["id"], **wanted, **{setting: value}))  # type: ignore[arg-type]
        return
    wanted["extra"].pop(theirs, None)
    body = build(kind(model=model["id"], **wanted, **{setting: value})).json  # type: ignore[arg-type]
    assert body[theirs] == value
    if param := model["params"][theirs].get("enum"):
        with pytest.raises(InvalidRequestError, match=param[0]):
            build(kind(model=model["id"], **wanted, **{setting: "no such word"}))  # type: ignore[arg-type]


def test_these_are_the_models_of_the_documentation() -> None:
    having = {name: [each["id"] for each in LISTED if name in each["params"]] for name in ("strength", "effect_scene")}
    assert {name: len(ids) for name, ids in having.items()} == {"strength": 5, "effect_scene": 2}


OTHERS = [
    pytest.param(provider, operation, request_, setting, id=f"{provider}-{operation}-{setting}")
    for provider in ("bineric", "aicredits", "binobox", "binom_router")
    for operation, request_ in (
        ("image", ImageRequest(model="m", prompt="p")),
        ("edit_image", ImageEditRequest(model="m", prompt="p", images=[PICTURE])),
        ("speech", SpeechRequest(model="m", text="t", voice="v")),
        ("music", MusicRequest(model="m", prompt="p")),
        ("start_video", VideoRequest(model="m", prompt="p")),
    )
    if operation in PROVIDERS[provider].operations
    for setting in FIELDS
    if setting in request_.__dataclass_fields__
]


@pytest.mark.parametrize(("provider", "operation", "request_", "setting"), OTHERS)
def test_other_providers_have_settings_or_refuse_them(
    provider: str, operation: str, request_: Any, setting: str
) -> None:
    from dataclasses import replace

    build = PROVIDERS[provider].operations[operation].build
    changed = replace(request_, **{setting: FIELDS[setting][1]})
    if provider == "binobox" and setting == "settings":
        assert build(changed).json["settings"] == {"style": "flat"} | ({"voice": "v"} if operation == "speech" else {})
        return
    with pytest.raises(UnsupportedError, match=setting):
        build(changed)


def test_names_of_ours_and_of_the_studio_stand_side_by_side() -> None:
    build = PROVIDERS["binobox"].operations["image"].build
    both = ImageRequest(model="m", prompt="p", count=2, settings={"style": "flat", "numberOfImages": 2})
    assert build(both).json["settings"] == {"style": "flat", "numberOfImages": 2}
    with pytest.raises(InvalidRequestError, match="count and numberOfImages"):
        build(ImageRequest(model="m", prompt="p", count=2, settings={"numberOfImages": 3}))
    with pytest.raises(InvalidRequestError, match="settings by name"):
        build(ImageRequest(model="m", prompt="p", settings=["flat"]))  # type: ignore[arg-type]
    assert "settings" not in build(ImageRequest(model="m", prompt="p")).json


@pytest.mark.parametrize("model", [pytest.param(each, id=each["id"]) for each in LISTED if each["family"] == "tts"])
def test_speech_streams_where_the_catalogue_says_so(model: dict[str, Any]) -> None:
    events = PROVIDERS["aimlapi"].operations["speech"].events
    assert events is not None
    request = SpeechRequest(model=model["id"], **asked(model))
    param = model["params"].get("stream")
    try:
        body = events.build(request).json
    except UnsupportedError as error:
        assert model["id"] in str(error)
        assert param is None or param["enum"] == [False]
    else:
        assert body["stream"] is True and param["default"] is True
        whole = PROVIDERS["aimlapi"].operations["speech"].build(request).json
        assert body == {**whole, "stream": True} and "stream" not in whole


def test_no_error_but_ours() -> None:
    build = PROVIDERS["aimlapi"].operations["image"].build
    for value in ("much", True, float("nan"), -1, 2):
        with pytest.raises(MultiApiError):
            build(ImageRequest(model="flux/srpo/image-to-image", prompt="p", images=[PICTURE], strength=value))  # type: ignore[arg-type]
