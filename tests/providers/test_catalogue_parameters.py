"""One typed request becomes a valid request of every model, or an error that says what the model takes.

What comes out is checked against the vendor's operation schemas and against the parameters of the model, both read from
the contracts here and not through the packed data.
"""

import json
import pickle
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from multiapi.errors import InvalidRequestError, MultiApiError, UnsupportedError
from multiapi.providers.aimlapi import catalogue
from multiapi.providers.aimlapi.catalogue.parameters import fill
from tests.required_media import FILM, PICTURE, REQUIRED_MEDIA, SECOND, SOUND

CONTRACTS = Path(catalogue.__file__).parents[3] / "simulator" / "contracts"
LISTED: list[dict[str, Any]] = json.loads((CONTRACTS / "aimlapi_models.json").read_bytes())
REQUEST_SCHEMAS = {
    "image": "ImageGenerationRequest",
    "3d": "ImageGenerationRequest",
    "video": "VideoGenerationRequest",
    "music": "MusicRequest",
    "tts": "SpeechRequest",
    "stt": "TranscriptionRequest",
    "ocr": "OcrRequest",
    "embedding": "EmbeddingsRequest",
}
# The one request of each family; of the media a model gets those that its schema requires or that make no sense without.
TYPED: dict[str, dict[str, Any]] = {
    "image": {"prompt": "a paper boat on a river", "count": 1},
    "video": {"prompt": "a paper boat on a river"},
    "music": {"prompt": "a slow waltz for two violins"},
    "tts": {"text": "Hello there."},
    "stt": {"audio": SOUND},
    "ocr": {"document": "https://example.com/a.pdf", "pages": [1, 2]},
    "3d": {},
    "embedding": {"texts": ["a paper boat"]},
}


def current(*families: str) -> list[Any]:
    return [
        pytest.param(model, id=model["id"])
        for model in LISTED
        if model["status"] == "current" and model["family"] in families
    ]


def typed(model: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The family's request with the media the model requires, and in its own names what only it has (a mode, an effect)."""
    required = [name for name, param in model["params"].items() if param["required"]]
    wanted = dict(TYPED[model["family"]])
    for name in required:
        wanted |= REQUIRED_MEDIA.get(name, {})
    if "prompt" not in model["params"]:
        wanted.pop("prompt", None)
    extra = {name: model["params"][name]["enum"][0] for name in required if name in ("mode", "effect_scene")}
    return wanted, extra


@pytest.mark.parametrize("model", current("image", "video", "music", "tts", "stt", "ocr", "3d", "embedding"))
def test_one_typed_request_fits_every_current_model(model: dict[str, Any]) -> None:
    entry = catalogue.find(model["id"])
    assert entry is not None
    wanted, extra = typed(model)
    check(model, fill(entry, wanted, extra))


def test_these_are_all_the_models() -> None:
    packed = {family: {entry.id for entry in catalogue.models(family)} for family in REQUEST_SCHEMAS}
    assert packed == {family: {each.values[0]["id"] for each in current(family)} for family in REQUEST_SCHEMAS}
    assert all(packed.values())


@pytest.mark.parametrize("model", current("image", "video", "music", "tts", "stt", "3d"))
def test_any_further_setting_gives_a_valid_request_or_an_error(model: dict[str, Any]) -> None:
    """Every setting with values inside and outside of what models take, one at a time: never a body the schema refuses."""
    entry = catalogue.find(model["id"])
    assert entry is not None
    wanted, extra = typed(model)
    for further in SETTINGS:
        try:
            body = fill(entry, wanted | further, extra)
        except InvalidRequestError as error:
            assert error.provider == "aimlapi" and error.status is None
            assert model["id"] in str(error)
        except UnsupportedError as error:
            assert model["id"] in str(error)
        else:
            check(model, body)


SETTINGS: list[dict[str, Any]] = [
    *({"width": width, "height": height} for width, height in ((1024, 1024), (1280, 720), (2048, 2048), (37, 9000))),
    *({"width": width, "height": height} for width, height in ((1920, 1080), (768, 1344), (1080, 1920), (4096, 2304))),
    *({"aspect_ratio": ratio} for ratio in ("1:1", "16:9", "9:16", "3:2", "21:9", "auto", "9:19.5", "1:40")),
    *({"resolution": level} for level in ("1K", "2k", "4K", "720p", "1080P", "768p", "hd", "2160p", 720, "99p")),
    *({"aspect_ratio": "16:9", "resolution": level} for level in ("2K", "4K", "1080p")),
    *({"duration_s": seconds} for seconds in (1, 4, 5.0, 6, 7.5, 8, 10, 12, 15, 30, 300, 1000)),
    *({"count": count} for count in (1, 2, 4, 5, 10)),
    *({"seed": seed} for seed in (0, 1, 2**31, 2**40)),
    *({"output_format": name} for name in ("png", "jpg", "webp", "TIFF", "glb", "mp3", "wav", "opus", "flac", "mulaw")),
    *({"sample_rate": rate} for rate in (8000, 24000, 44100, 96000)),
    *({"bitrate": rate} for rate in (32_000, 128_000, 1)),
    *({"speed": speed} for speed in (0.4, 0.75, 1, 1.5, 3)),
    *({"language": language} for language in ("en", "no", "fa-IR", "Klingon")),
    *({"voice": voice} for voice in ("Alloy", "asteria", "Rachel", "Wise_Woman", "Alice [EN]", "nobody")),
    *({"images": [PICTURE] * count} for count in (1, 2, 4, 12)),
    *({"reference_images": [PICTURE] * count} for count in (1, 3)),
    *({"quality": word} for word in ("low", "HIGH", "best")),
    *({"style": word} for word in ("anime", "manga", "realistic_image", "none such")),
    *({name: True} for name in ("generate_audio", "enhance_prompt", "watermark", "inline", "camera_fixed", "diarize")),
    *({name: 0.5} for name in ("guidance_scale", "strength")),
    *({"fps": fps} for fps in (24, 25, 30, 500)),
    {"prompt": "long " * 10_000},
    {"text": "long " * 200_000},
    {"last_image": SECOND},
    {"video": FILM},
    {"video": [FILM, FILM]},
    {"audio": SOUND},
    {"negative_prompt": "people"},
    {"mask": SECOND},
    {"width": 1024},
    {"steps": 20},
    {"loop": True},
    {"no such setting": 1},
]


@pytest.mark.parametrize(
    ("setting", "names", "family"),
    [
        ({"count": 1}, {"n", "num_images"}, "image"),
        ({"seed": 7}, {"seed"}, "image"),
        ({"aspect_ratio": "1:1"}, {"aspect_ratio", "image_size", "size"}, "image"),
        ({"width": 2048, "height": 2048}, {"image_size"}, "image"),
        ({"generate_audio": False}, {"generate_audio", "generate_audio_switch"}, "video"),
        ({"negative_prompt": "people"}, {"negative_prompt"}, "video"),
        ({"last_image": SECOND}, {"last_image_url", "tail_image_url", "keyframes"}, "video"),
        ({"camera_fixed": True}, {"camerafixed", "camera_fixed"}, "video"),
        ({"diarize": True}, {"diarize", "speaker_labels"}, "stt"),
        ({"language": "en"}, {"language", "language_code"}, "stt"),
    ],
)
def test_every_model_with_a_field_for_a_setting_gets_it(setting: dict[str, Any], names: set[str], family: str) -> None:
    """Counted from the contract: no model that has the field is left out, whatever it calls it."""
    having = [param.values[0] for param in current(family) if names & param.values[0]["params"].keys()]
    assert having
    for model in having:
        entry = catalogue.find(model["id"])
        assert entry is not None
        wanted, extra = typed(model)
        try:
            body = fill(entry, wanted | setting, extra)
        except InvalidRequestError as error:
            assert getattr(error, "allowed", None), model["id"]  # it has the field, with other values
        else:
            assert names & body.keys(), model["id"]


@pytest.mark.parametrize("model", current("video"))
def test_every_duration_of_a_film_can_be_asked_for(model: dict[str, Any]) -> None:
    entry = catalogue.find(model["id"])
    assert entry is not None
    wanted, extra = typed(model)
    param = model["params"].get("duration")
    if param is None:
        with pytest.raises(UnsupportedError, match="has no field for duration_s"):
            fill(entry, wanted | {"duration_s": 5}, extra)
        return
    choices = param.get("enum") or [param["min"], param["max"]]
    for seconds in choices:
        body = fill(entry, wanted | {"duration_s": float(seconds)}, extra)
        assert body["duration"] == seconds and isinstance(body["duration"], int)
    with pytest.raises(InvalidRequestError, match="does not take duration_s 1000; allowed: "):
        fill(entry, wanted | {"duration_s": 1000}, extra)


PICKED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "alibaba/qwen-image",
        {"prompt": "x", "width": 1024, "height": 768, "count": 2, "output_format": "jpg"},
        {"prompt": "x", "image_size": {"width": 1024, "height": 768}, "num_images": 2, "output_format": "jpeg"},
    ),
    ("alibaba/qwen-image", {"prompt": "x", "aspect_ratio": "16:9"}, {"prompt": "x", "image_size": "landscape_16_9"}),
    (
        "bytedance/seedream-4-5",
        {"prompt": "x", "aspect_ratio": "16:9", "resolution": "4K"},
        {"prompt": "x", "image_size": {"width": 4096, "height": 2304}},
    ),
    (
        "bytedance/dola-seedream-5-0-pro",
        {"prompt": "x", "aspect_ratio": "16:9"},
        {"prompt": "x", "image_size": {"width": 1920, "height": 1080}},
    ),
    ("bytedance/seedream-4-5", {"prompt": "x", "resolution": "2k"}, {"prompt": "x", "image_size": "2K"}),
    (
        "openai/gpt-image-1",
        {"prompt": "x", "width": 1024, "height": 1536, "quality": "HIGH", "inline": True},
        {"prompt": "x", "size": "1024x1536", "quality": "high", "response_format": "b64_json"},
    ),
    ("openai/gpt-image-1", {"prompt": "x", "aspect_ratio": "3:2"}, {"prompt": "x", "size": "1536x1024"}),
    (
        "google/nano-banana-pro-edit",
        {"prompt": "x", "images": [PICTURE], "width": 2048, "height": 2048},
        {"prompt": "x", "image_urls": [PICTURE], "aspect_ratio": "1:1", "resolution": "2K"},
    ),
    ("x-ai/grok-imagine-image", {"prompt": "x", "resolution": "2K"}, {"prompt": "x", "resolution": "2k"}),
    ("flux/kontext-max/image-to-image", {"prompt": "x", "images": [PICTURE]}, {"prompt": "x", "image_url": PICTURE}),
    (
        "flux/kontext-max/image-to-image",
        {"prompt": "x", "images": [PICTURE, SECOND]},
        {"prompt": "x", "image_url": [PICTURE, SECOND]},
    ),
    (
        "google/veo-3.0-fast",
        {"prompt": "x", "width": 1280, "height": 720, "duration_s": 8.0},
        {"prompt": "x", "aspect_ratio": "16:9", "resolution": "720P", "duration": 8},
    ),
    (
        "alibaba/wan-2-6-t2v",
        {"prompt": "x", "width": 1080, "height": 1920},
        {"prompt": "x", "aspect_ratio": "9:16", "resolution": "1080p"},
    ),
    (
        "minimax/h3",
        {"prompt": "x", "aspect_ratio": "16:9", "images": [PICTURE], "reference_images": [PICTURE, SECOND]},
        {"prompt": "x", "ratio": "16:9", "image_url": PICTURE, "reference_image_urls": [PICTURE, SECOND]},
    ),
    (
        "luma/ray-2",
        {"prompt": "x", "images": [PICTURE], "last_image": SECOND, "resolution": "4K"},
        {
            "prompt": "x",
            "resolution": "4k",
            "keyframes": {"frame0": {"type": "image", "url": PICTURE}, "frame1": {"type": "image", "url": SECOND}},
        },
    ),
    (
        "blackforestlabs/flux-3-video-i2v",
        {"prompt": "x", "images": [PICTURE, SECOND], "resolution": "1080p"},
        {"prompt": "x", "image_url": PICTURE, "image_urls": [SECOND], "resolution": "fhd"},
    ),
    (
        "bytedance/seedance-2-0",
        {"prompt": "x", "images": [PICTURE, SECOND], "audio": SOUND, "video": [FILM, FILM]},
        {"prompt": "x", "image_urls": [PICTURE, SECOND], "audio_url": SOUND, "video_urls": [FILM, FILM]},
    ),
    (
        "runway/act_two",
        {"images": [PICTURE], "video": FILM, "width": 1280, "height": 720},
        {
            "character": {"type": "image", "url": PICTURE},
            "reference": {"type": "video", "url": FILM},
            "frame_size": "1280:720",
        },
    ),
    (
        "runway/gen4_aleph",
        {"prompt": "x", "images": [PICTURE], "video": FILM},
        {"prompt": "x", "references": [{"type": "image", "url": PICTURE}], "video_url": FILM},
    ),
    (
        "beeble/switchx-video-to-video",
        {"video": FILM, "resolution": "720p"},
        {"video_url": FILM, "max_resolution": 720},
    ),
    (
        "pixverse/lip-sync",
        {"video": FILM, "text": "hi", "voice": "harper"},
        {"video_url": FILM, "lip_sync_tts_content": "hi", "lip_sync_tts_speaker": "Harper"},
    ),
    (
        "elevenlabs/eleven_music",
        {"prompt": "x", "duration_s": 20.5},
        {"prompt": "x", "music_length_ms": 20_500},
    ),
    ("stable-audio", {"prompt": "x", "duration_s": 20}, {"prompt": "x", "seconds_total": 20}),
    (
        "minimax/music-2.0",
        {"prompt": "a slow waltz", "lyrics": "[Verse] la la", "sample_rate": 44100, "output_format": "wav"},
        {
            "prompt": "a slow waltz",
            "lyrics": "[Verse] la la",
            "audio_setting": {"audio_sample_rate": 44100, "format": "wav"},
        },
    ),
    (
        "minimax/music-cover",
        {"prompt": "a slow waltz", "audio": SOUND, "sample_rate": 44100},
        {"prompt": "a slow waltz", "reference_audio_url": SOUND, "audio_setting": {"sample_rate": 44100}},
    ),
    (
        "openai/tts-1",
        {"text": "hi", "voice": "Coral", "speed": 1.5, "output_format": "mp3"},
        {"text": "hi", "voice": "coral", "speed": 1.5, "response_format": "mp3"},
    ),
    (
        "minimax/speech-2.8-hd",
        {"text": "hi", "voice": "My_Clone", "output_format": "mp3", "language": "en-US"},
        {
            "text": "hi",
            "voice_setting": {"voice_id": "My_Clone"},
            "audio_setting": {"format": "mp3"},
            "language_boost": "English",
        },
    ),
    (
        "bytedance/seed-audio-1-0",
        {"text": "hi", "voice": "v", "speed": 1.5, "output_format": "opus"},
        {"text": "hi", "references": [{"speaker": "v"}], "audio_config": {"format": "ogg_opus", "speech_rate": 50}},
    ),
    (
        "microsoft/vibevoice-1.5b",
        {"text": "hi", "voice": ["alice [en]", "Bowen [ZH]"]},
        {"script": "hi", "speakers": [{"preset": "Alice [EN]"}, {"preset": "Bowen [ZH]"}]},
    ),
    (
        "elevenlabs/eleven_multilingual_v2",
        {"text": "hi", "output_format": "mp3", "bitrate": 192_000, "speed": 1.1},
        {"text": "hi", "output_format": "mp3_44100_192", "voice_settings": {"speed": 1.1}},
    ),
    (
        "#g1_aura-2-amalthea-en",
        {"text": "hi", "output_format": "wav", "sample_rate": 24000},
        {"text": "hi", "encoding": "linear16", "container": "wav", "sample_rate": "24000"},
    ),
    ("aai/slam-1", {"audio": b"RIFF", "diarize": True}, {"audio": b"RIFF", "speaker_labels": True}),
    ("openai/gpt-4o-transcribe", {"audio": b"RIFF"}, {"file": b"RIFF"}),
    ("openai/gpt-4o-transcribe", {"audio": SOUND}, {"url": SOUND}),
    (
        "mistral-ocr-latest",
        {"document": "https://example.com/a.pdf", "pages": [1, 3], "include_images": True},
        {
            "document": {"type": "document_url", "document_url": "https://example.com/a.pdf"},
            "pages": [0, 2],
            "include_image_base64": True,
        },
    ),
    (
        "zhipu/glm-ocr",
        {"document": "data:image/png;base64,aGk="},
        {"document": {"type": "image_url", "image_url": "data:image/png;base64,aGk="}},
    ),
    (
        "gc-document-ai",
        {"document": "https://example.com/a.pdf", "pages": [1, 3], "mime_type": "application/pdf"},
        {
            "document": "https://example.com/a.pdf",
            "pages": {"type": "indices", "indices": [1, 3]},
            "mimeType": "application/pdf",
        },
    ),
    (
        "magic/image-to-3d",
        {"images": [PICTURE], "left_image": SECOND},
        {"front_image_url": PICTURE, "left_image_url": SECOND},
    ),
]


@pytest.mark.parametrize(("model", "wanted", "body"), PICKED)
def test_settings_become_the_models_own(model: str, wanted: dict[str, Any], body: dict[str, Any]) -> None:
    entry = catalogue.find(model)
    assert entry is not None
    assert fill(entry, wanted) == body


REFUSED: list[tuple[str, dict[str, Any], type[MultiApiError], str]] = [
    ("alibaba/qwen-image", {"width": 4096, "height": 768}, InvalidRequestError, "does not take width 4096; allowed: 512 to 1536"),
    (
        "openai/gpt-image-1",
        {"width": 512, "height": 512},
        InvalidRequestError,
        "does not take width and height 512x512; allowed: 1024x1024, 1024x1536, 1536x1024",
    ),
    ("google/nano-banana-pro", {"width": 512, "height": 512}, InvalidRequestError, "512x512; allowed: 1K, 2K, 4K"),
    ("alibaba/wan-2-6-t2v", {"width": 1600, "height": 900}, InvalidRequestError, "1600x900; allowed: 720p, 1080p"),
    ("alibaba/wan-2-6-t2v", {"width": 1400, "height": 900}, InvalidRequestError, "1400x900; allowed: 16:9, 9:16"),
    ("minimax/hailuo-02", {"duration_s": 7}, InvalidRequestError, "does not take duration_s 7; allowed: 6, 10"),
    ("minimax/hailuo-02", {"width": 1280, "height": 720}, UnsupportedError, "has no field for width and height; its fields are prompt, image_url"),
    ("openai/gpt-image-1", {"images": [PICTURE]}, UnsupportedError, "has no field for images"),
    ("google/nano-banana-pro-edit", {"images": [PICTURE] * 6}, InvalidRequestError, "does not take images 6 items; allowed: at most 5 items"),
    ("google/veo-3.0-i2v", {"images": [PICTURE] * 2}, InvalidRequestError, "does not take images 2 files; allowed: 1 file"),
    ("flux/dev/image-to-image", {}, InvalidRequestError, r"needs image_url \(set images\)"),
    ("elevenlabs/eleven_music", {"duration_s": 5}, InvalidRequestError, "duration_s 5; allowed: music_length_ms 10000 to 300000"),
    ("openai/tts-1", {"text": "hi", "prompt": None, "voice": "nobody"}, InvalidRequestError, "voice nobody; allowed: alloy, ash,"),
    ("topaz-labs/sharpen", {"images": [PICTURE], "prompt": None}, InvalidRequestError, "needs mode .one of Standard, Strong"),
    ("openai/gpt-4o-transcribe", {"prompt": None}, InvalidRequestError, r"needs url \(set audio\)"),
    ("flux/schnell", {"width": 512}, InvalidRequestError, "width and height go together"),
    ("flux/schnell", {"aspect_ratio": "wide"}, InvalidRequestError, "does not take aspect_ratio wide; allowed: width:height as in 16:9"),
    ("flux/schnell", {"seed": "seven"}, InvalidRequestError, "does not take seed seven; allowed: integer"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "wanted", "error", "words"), REFUSED)
def test_what_a_model_does_not_take_is_refused_with_what_it_takes(
    model: str, wanted: dict[str, Any], error: type[MultiApiError], words: str
) -> None:
    entry = catalogue.find(model)
    assert entry is not None
    with pytest.raises(error, match=words) as caught:
        fill(entry, {"prompt": "x"} | wanted)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_an_error_carries_model_setting_value_and_choices() -> None:
    entry = catalogue.find("minimax/hailuo-02")
    assert entry is not None
    with pytest.raises(InvalidRequestError) as caught:
        fill(entry, {"prompt": "x", "duration_s": 7})
    facts = {name: getattr(caught.value, name) for name in ("model", "setting", "value", "allowed", "provider")}
    assert facts == {
        "model": "minimax/hailuo-02",
        "setting": "duration_s",
        "value": 7,
        "allowed": (6, 10),
        "provider": "aimlapi",
    }


def test_an_error_never_quotes_a_prompt() -> None:
    entry = catalogue.find("alibaba/qwen-image-edit")
    assert entry is not None
    with pytest.raises(InvalidRequestError, match="prompt 810 characters; allowed: at most 800 characters") as caught:
        fill(entry, {"prompt": "secret" * 135, "images": [PICTURE]})
    assert "secret" not in str(vars(caught.value))
    with pytest.raises(InvalidRequestError, match="does not take this prompt") as caught:
        fill(entry, {"prompt": ["secret"], "images": [PICTURE]})
    assert "secret" not in str(vars(caught.value))


def test_extra_passes_unchecked_and_last() -> None:
    entry = catalogue.find("minimax/speech-2.8-hd")
    assert entry is not None
    extra = {"voice_setting": {"emotion": "a new one"}, "brand_new": 1, "stream": False}
    assert fill(entry, {"text": "hi", "voice": "Wise_Woman"}, extra) == {
        "text": "hi",
        "voice_setting": {"voice_id": "Wise_Woman", "emotion": "a new one"},
        "brand_new": 1,
        "stream": False,
    }
    assert extra["voice_setting"] == {"emotion": "a new one"}


def test_edits_take_files() -> None:
    entry = catalogue.edits("openai/gpt-image-1")
    assert entry is not None
    body = fill(entry, {"prompt": "a hat", "images": [b"1", b"2"], "mask": b"3", "count": 3})
    assert body == {"prompt": "a hat", "image": [b"1", b"2"], "mask": b"3", "n": 3}
    with pytest.raises(InvalidRequestError, match="does not take images"):
        fill(entry, {"prompt": "a hat", "images": [PICTURE]})
    assert catalogue.edits("flux/schnell") is None


UNKNOWN: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "image",
        {"prompt": "x", "width": 640, "height": 480, "count": 2, "images": [PICTURE]},
        {"prompt": "x", "image_size": {"width": 640, "height": 480}, "num_images": 2, "image_urls": [PICTURE]},
    ),
    ("image", {"aspect_ratio": "7:2", "new_setting": 1}, {"aspect_ratio": "7:2", "new_setting": 1}),
    (
        "video",
        {"prompt": "x", "width": 1280, "height": 720, "images": [PICTURE], "duration_s": 99},
        {"prompt": "x", "aspect_ratio": "16:9", "resolution": "720p", "image_url": PICTURE, "duration": 99},
    ),
    ("tts", {"text": "x", "voice": "v", "output_format": "mp3"}, {"text": "x", "voice": "v", "response_format": "mp3"}),
    ("stt", {"audio": SOUND}, {"url": SOUND}),
    ("stt", {"audio": b"RIFF"}, {"audio": b"RIFF"}),
    ("music", {"prompt": "x", "lyrics": "y"}, {"prompt": "x", "lyrics": "y"}),
    (
        "ocr",
        {"document": PICTURE, "pages": [1]},
        {"document": {"type": "image_url", "image_url": PICTURE}, "pages": [0]},
    ),
    ("3d", {"images": [PICTURE]}, {"image_url": PICTURE}),
    ("embedding", {"texts": ["a"], "dimensions": 3}, {"input": ["a"], "dimensions": 3}),
]


@pytest.mark.parametrize(("family", "wanted", "body"), UNKNOWN)
def test_an_unknown_model_gets_the_usual_names_and_no_refusals(
    family: str, wanted: dict[str, Any], body: dict[str, Any]
) -> None:
    assert fill(catalogue.unknown("new/model", family), wanted) == body


def check(model: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Against the operation's schema and the model's own parameters."""
    entry = catalogue.find(model["id"])
    assert entry is not None
    sent = json.loads(json.dumps({"model": entry.wire_id, **body}))
    for validator in (operation_validator(REQUEST_SCHEMAS[model["family"]]), model_validator(model["id"])):
        faults = [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(sent)]
        assert not faults, (sent if len(str(sent)) < 1000 else list(sent), faults)


@cache
def operation_validator(name: str) -> Any:
    contract = yaml.load((CONTRACTS / "aimlapi.yaml").read_bytes(), Loader=yaml.CSafeLoader)
    schema = {"$ref": f"#/components/schemas/{name}", "components": contract["components"]}
    return jsonschema_rs.Draft202012Validator(schema)


@cache
def model_validator(model_id: str) -> Any:
    model = next(model for model in LISTED if model["id"] == model_id)
    schema = object_schema(model["params"])
    schema["properties"]["model"] = {"enum": [model_id, model.get("schema_id", model_id)]}
    return jsonschema_rs.Draft202012Validator(schema | {"additionalProperties": False})


def object_schema(params: Mapping[str, Any]) -> dict[str, Any]:
    """The catalogue's notation as JSON Schema."""
    return {
        "type": "object",
        "properties": {name: {"anyOf": [*branches(param)]} for name, param in params.items()},
        "required": [name for name, param in params.items() if param.get("required")],
    }


def branches(param: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    names = {"min": "minimum", "max": "maximum", "minLength": "minLength", "maxLength": "maxLength"}
    limits = {theirs: param[ours] for ours, theirs in names.items() if ours in param}
    for kind in param["type"].split("|"):
        if kind == "object":
            yield object_schema(param.get("props", {}))
        elif kind.startswith("array<"):
            inner = kind[6:-1]
            item = object_schema(param.get("props", {})) if inner == "object" else {"type": inner}
            if "item_enum" in param:
                item["enum"] = param["item_enum"]
            sizes = {name: param[name] for name in ("minItems", "maxItems") if name in param}
            yield {"type": "array", "items": item, **sizes}
        elif kind in ("any", "binary"):
            yield {}
        else:
            closed = {"enum": param["enum"]} if "enum" in param and not param.get("open_enum") else {}
            yield {"type": kind, **limits, **closed}
