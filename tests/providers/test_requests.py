"""What goes out, against the documented bodies, and what is refused before anything is sent."""

from __future__ import annotations

import base64
from datetime import date
from typing import Any

import pytest

from multiapi.errors import InvalidRequestError, RequestTooLargeError, UnsupportedError
from multiapi.http.exchange import HttpRequest
from multiapi.provider import Retry, operation_of
from multiapi.providers import PROVIDERS
from multiapi.types.account import DeprecationsRequest, KeyChange, LogsRequest, TransactionsRequest, UsageRequest
from multiapi.types.batches import BatchRequest
from multiapi.types.chat import ChatRequest, MediaPart, Message, Reasoning, ResponseFormat, TextPart, Tool, ToolCall
from multiapi.types.legacy import LegacyRequest
from multiapi.types.media import Media
from multiapi.types.media_requests import (
    ImageEditRequest,
    ImageRequest,
    MusicRequest,
    OcrRequest,
    SpeechRequest,
    TranscriptionRequest,
    VideoRequest,
)
from tests.contracts import contract

pytestmark = pytest.mark.usefixtures("waits")

PNG = Media.from_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64), name="cat.png")
WAV = Media.from_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(64), name="note.wav")
WAV64 = base64.b64encode(WAV.read()).decode()


def build(vendor: str, name: str, request: Any = None) -> HttpRequest:
    return operation_of(PROVIDERS[vendor], name).build(request)


def documented(vendor: str, path: str, example: str, media_type: str = "application/json") -> Any:
    """A request body as the vendor's page shows it."""
    operation = contract(vendor)["paths"][path]["post"]
    return operation["requestBody"]["content"][media_type]["examples"][example]["value"]


# ------------------------------------------------------------------------------------------------ as documented


@pytest.mark.parametrize(
    ("vendor", "name", "request_", "path", "example"),
    [
        (
            "binobox",
            "image",
            ImageRequest(model="imagen-4-fast-generate", prompt="A minimal logo for a tech startup", count=1),
            "/images/generations",
            "logo",
        ),
        (
            "binobox",
            "speech",
            SpeechRequest(model="gemini-3.1-flash-tts", text="سلام، این یک تست است.", voice="default"),
            "/audio/speech",
            "test",
        ),
        (
            "binobox",
            "music",
            MusicRequest(model="lyria-3-clip", prompt="Calm ambient background music, 30 seconds", duration_s=30.0),
            "/audio/music",
            "ambient",
        ),
        (
            "binobox",
            "start_video",
            VideoRequest(model="veo-3-lite-generate", prompt="A cat walking in a sunny garden", duration_s=4),
            "/videos/generations",
            "cat",
        ),
        (
            "aicredits",
            "image",
            ImageRequest(model="dall-e-3", prompt="A serene view of the Himalayas at sunrise", width=1024, height=1024),
            "/v1/images/generations",
            "himalaya",
        ),
        (
            "aicredits",
            "image",
            ImageRequest(
                model="dall-e-3",
                prompt="A serene view of the Indian Himalayas at sunrise, photorealistic, 4K",
                width=1024,
                height=1024,
                quality="standard",
                count=1,
            ),
            "/v1/images/generations",
            "full",
        ),
        (
            "aicredits",
            "speech",
            SpeechRequest(model="openai/tts-1", text="Hello", voice="alloy", output_format="mp3"),
            "/v1/audio/speech",
            "hello",
        ),
        (
            "aicredits",
            "responses",
            ChatRequest(model="openai/gpt-4o-mini", messages=[Message("user", "Hello!")]),
            "/v1/responses",
            "hello",
        ),
        (
            "aimlapi",
            "image",
            ImageRequest(model="flux/schnell", prompt="A paper boat", width=1024, height=768, count=1),
            "/v1/images/generations",
            "flux",
        ),
        (
            "aimlapi",
            "image",
            ImageRequest(
                model="openai/gpt-image-1",
                prompt="A paper boat",
                width=1024,
                height=1024,
                quality="medium",
                output_format="png",
                inline=True,
            ),
            "/v1/images/generations",
            "openai",
        ),
        (
            "aimlapi",
            "edit_image",
            ImageEditRequest(
                model="google/nano-banana-pro-edit",
                prompt="Make it blue",
                images=["https://example.com/a.png"],
                aspect_ratio="16:9",
                resolution="1k",
            ),
            "/v1/images/generations",
            "google_edit",
        ),
        (
            "aimlapi",
            "start_video",
            VideoRequest(
                model="alibaba/wan-2-6-t2v",
                prompt="A tide pool",
                duration_s=5,
                resolution="720p",
                aspect_ratio="16:9",
                generate_audio=True,
            ),
            "/v2/video/generations",
            "text",
        ),
        (
            "aimlapi",
            "start_video",
            VideoRequest(
                model="klingai/video-v3-pro-image-to-video",
                prompt="Zoom in",
                images=["https://example.com/a.png"],
                duration_s=5,
            ),
            "/v2/video/generations",
            "image",
        ),
        (
            "aimlapi",
            "start_music",
            MusicRequest(model="elevenlabs/eleven_music", prompt="Slow piano", duration_s=20),
            "/v2/generate/audio",
            "eleven",
        ),
        (
            "aimlapi",
            "start_music",
            MusicRequest(
                model="minimax/music-2.0",
                prompt="Warm folk song",
                lyrics="[Verse] la la la",
                output_format="mp3",
                bitrate=256000,
            ),
            "/v2/generate/audio",
            "minimax",
        ),
        (
            "aimlapi",
            "start_transcription",
            TranscriptionRequest(
                model="#g1_nova-2-general",
                audio="https://example.com/a.mp3",
                punctuate=True,
                diarize=True,
                language="en",
            ),
            "/v1/stt/create",
            "deepgram",
        ),
        (
            "aimlapi",
            "speech",
            SpeechRequest(model="openai/tts-1", text="Hello there.", voice="coral", output_format="mp3", speed=1),
            "/v1/tts",
            "openai",
        ),
        (
            "aimlapi",
            "speech",
            SpeechRequest(model="#g1_aura-asteria-en", text="Hello there.", output_format="wav"),
            "/v1/tts",
            "deepgram",
        ),
        (
            "aimlapi",
            "speech",
            SpeechRequest(model="microsoft/vibevoice-1.5b", text="Speaker 0: Hello", voice="Alice [EN]"),
            "/v1/tts",
            "vibevoice",
        ),
        (
            "aimlapi",
            "create_batch",
            BatchRequest(
                requests={
                    name: ChatRequest(
                        model="claude-sonnet-4-5-20250929", messages=[Message("user", word)], max_tokens=64
                    )
                    for name, word in (("a", "Hi"), ("b", "Bye"))
                }
            ),
            "/v1/batches",
            "two",
        ),
        (
            "aimlapi",
            "create_key",
            KeyChange(name="ci", limit_usd=25, limit_period="month", scopes=["model:chat"]),
            "/v1/keys",
            "one",
        ),
        (
            "aimlapi",
            "messages",
            ChatRequest(
                model="anthropic/claude-sonnet-4.5",
                messages=[Message("system", "Be brief."), Message("user", "Hello")],
                max_tokens=256,
            ),
            "/v1/messages",
            "text",
        ),
        (
            "aimlapi",
            "responses",
            ChatRequest(model="openai/gpt-5-pro", messages=[Message("user", "Say hi.")], max_tokens=64),
            "/v1/responses",
            "text",
        ),
    ],
)
def test_the_documented_body_comes_out_of_the_typed_request(
    vendor: str, name: str, request_: Any, path: str, example: str
) -> None:
    assert build(vendor, name, request_).json == documented(vendor, path, example)


def test_biners_documented_bodies() -> None:
    speech = SpeechRequest(
        model="text-to-speech",
        text="Convert this text to speech",
        language="nb-NO",
        voice="nb-NO-PernilleNeural",
        pitch=10,
        speed=0.9,
        volume="+20%",
    )
    assert build("bineric", "speech", speech).json == documented("bineric", "/ai/chat/completions", "text_to_speech")
    audio = Media.from_bytes(base64.b64decode("UklGRiQAAABXQVZFZm10IBAAAAABAAEAgD4AAAB9AAACABAAZGF0YQAAAAA="))
    spoken = TranscriptionRequest(model="speech-to-text", audio=audio)
    assert build("bineric", "transcribe", spoken).json == documented("bineric", "/ai/chat/completions", "audio")


def test_aicredits_takes_a_recording_as_bare_base64_with_its_format() -> None:
    request = TranscriptionRequest(model="openai/whisper-1", audio=WAV, language="hi-IN")
    assert build("aicredits", "transcribe", request).json == {
        "model": "openai/whisper-1",
        "input_audio": {"data": WAV64, "format": "wav"},
        "language": "hi",
    }


def test_gpt_image_takes_pictures_to_change_as_files() -> None:
    request = ImageEditRequest(
        model="openai/gpt-image-1", prompt="Add a hat", images=[PNG, PNG], mask=PNG, width=1024, height=1024, count=2
    )
    http = build("aimlapi", "edit_image", request)
    assert (http.path, http.json) == ("/v1/images/edits", None)
    assert [(part.field, part.filename, part.mime_type) for part in http.files] == [
        ("image[]", "cat.png", "image/png"),
        ("image[]", "cat.png", "image/png"),
        ("mask", "cat.png", "image/png"),
    ]
    assert dict(http.form) == {"model": "openai/gpt-image-1", "prompt": "Add a hat", "size": "1024x1024", "n": "2"}
    assert (
        build("aimlapi", "edit_image", ImageEditRequest(model="openai/gpt-image-1", prompt="x", images=[PNG]))
        .files[0]
        .field
        == "image"
    )


def test_a_picture_from_memory_goes_into_json_as_a_data_url() -> None:
    request = VideoRequest(model="klingai/video-v3-pro-image-to-video", prompt="zoom", images=[PNG])
    assert build("aimlapi", "start_video", request).json["image_url"] == PNG.data_url()


def test_form_fields_are_text_and_lists_are_repeated() -> None:
    request = TranscriptionRequest(
        model="#g1_nova-2-general", audio=WAV, diarize=True, extra={"tag": ["a", "b"], "utt_split": 0.8}
    )
    assert build("aimlapi", "start_transcription", request).form == (
        ("model", "#g1_nova-2-general"),
        ("diarize", "true"),
        ("tag", "a"),
        ("tag", "b"),
        ("utt_split", "0.8"),
    )


@pytest.mark.parametrize(
    ("name", "request_", "target"),
    [
        ("models", None, "/v1/models?include=all"),
        ("model", "#g1_aura-asteria-en", "/model/%23g1_aura-asteria-en?include=all"),
        ("model", "openai/gpt-4o", "/model/openai/gpt-4o?include=all"),
        (
            "deprecations",
            DeprecationsRequest(status=["withdrawn", "superseded"], since=date(2026, 8, 1)),
            "/v1/models/deprecations?status=withdrawn%2Csuperseded&since=2026-08-01",
        ),
        ("metrics", ["a/b", "c"], "/models/metrics?aliases=a%2Fb&aliases=c"),
        ("usage", None, "/v2/usage/detail?period=30d"),
        (
            "usage",
            UsageRequest(start="2026-01-01", end="2026-02-01", group_by="day"),
            "/v2/usage/detail?start=2026-01-01&end=2026-02-01&group_by=day",
        ),
        (
            "logs",
            LogsRequest(period="24h", models=["a", "b"], statuses=["failed"]),
            "/v2/logs?period=24h&model=a&model=b&status=failed",
        ),
        ("transactions", TransactionsRequest(cursor="a+b/c=="), "/v2/billing/transactions?cursor=a%2Bb%2Fc%3D%3D"),
        ("get_batch", "x/y", "/v1/batches?batch_id=x%2Fy"),
        ("cancel_batch", "x/y", "/v1/batches/cancel/x%2Fy"),
        ("delete_key", "b747e891", "/v1/keys/b747e891"),
        ("get_run", LegacyRequest(ids={"thread_id": "a/b", "run_id": "../x"}), "/threads/a%2Fb/runs/..%2Fx"),
    ],
)
def test_addresses_of_aimlapi(name: str, request_: Any, target: str) -> None:
    assert build("aimlapi", name, request_).target() == target


def test_what_costs_money_is_not_repeated_on_doubt() -> None:
    """Every operation that is no GET has a kind that says what a repetition would do."""
    reading = {
        "models",
        "model",
        "metrics",
        "deprecations",
        "model_schema",
        "balance",
        "credits",
        "usage",
        "daily_usage",
        "health",
        "ready",
        "live",
    }
    reading |= {
        "billing_detail",
        "balance_legacy",
        "usage_total",
        "logs",
        "transactions",
        "list_keys",
        "get_key",
        "get_batch",
    }
    reading |= {"poll_video", "poll_music", "poll_transcription"}
    answers = {"embed", "transcribe", "ocr", "moderate", "responses", "messages", "vision_features"}
    answers |= {"file_to_base64", "decode_base64"}
    media = {"image", "edit_image", "speech", "music", "mesh"}
    for provider in PROVIDERS.values():
        for name, operation in provider.operations.items():
            if operation.withdrawn is not None and operation.retry is Retry.READ:
                continue  # a GET of a withdrawn operation: tests/client/test_withdrawn.py
            if name.startswith(("get_", "list_")) or name in reading:
                assert operation.retry is Retry.READ, name
            elif name in answers:
                assert operation.retry is Retry.ANSWER, name
            elif name in media:
                assert operation.retry is Retry.MEDIA, name
            else:
                assert operation.retry is Retry.JOB, name


# ------------------------------------------------------------------------------------------------ extra


@pytest.mark.parametrize("vendor", ["binobox", "aicredits", "aimlapi", "bineric"])
def test_extra_is_merged_deeply_and_last_and_the_request_stays_as_it_was(vendor: str) -> None:
    extra = {"settings": {"seed": 7}, "more": 1}
    model = {"aimlapi": "flux/schnell"}.get(vendor, "m")
    request = ImageRequest(model=model, prompt="p", extra=extra, headers={"x-mine": "1"})
    http = build(vendor, "image", request)
    assert http.json["settings"]["seed"] == 7 and http.json["more"] == 1
    assert http.headers == {"x-mine": "1"}
    assert extra == {"settings": {"seed": 7}, "more": 1}


def test_binoboxs_settings_are_joined() -> None:
    request = ImageRequest(model="m", prompt="p", count=2, extra={"settings": {"style": "flat"}})
    assert build("binobox", "image", request).json["settings"] == {"numberOfImages": 2, "style": "flat"}


# ------------------------------------------------------------------------------------------------ refused

LONG = "x" * 4_097
REFUSED: list[tuple[str, str, Any, str]] = [  # what is large is made in its test
    ("binobox", "image", ImageRequest(model="", prompt="p"), "needs a model"),
    ("binobox", "image", ImageRequest(model="m", prompt="  "), "needs a prompt"),
    ("binobox", "speech", SpeechRequest(model="m", text=""), "needs a text"),
    ("aicredits", "image", ImageRequest(model="dall-e-3", prompt="p", width=512, height=512), "1024x1024, 1792x1024"),
    ("aicredits", "image", ImageRequest(model="dall-e-3", prompt="p", width=1024), "does not take the size 1024xNone"),
    ("aicredits", "image", ImageRequest(model="dall-e-3", prompt="p", count=2), "one image at a time"),
    ("aicredits", "image", ImageRequest(model="dall-e-3", prompt=LONG), "at most 4000 characters; this has 4097"),
    ("aicredits", "image", ImageRequest(model="dall-e-3", prompt="p", quality="best"), "allowed: standard, hd"),
    ("aicredits", "speech", SpeechRequest(model="m", text="t"), "needs a voice: alloy, echo"),
    ("aicredits", "speech", SpeechRequest(model="m", text="t", voice=7), "named: alloy, echo"),  # type: ignore[arg-type]
    (
        "aicredits",
        "speech",
        SpeechRequest(model="m", text="t", voice="alloy", output_format="wav"),
        "mp3, opus, aac, flac",
    ),
    ("aicredits", "speech", SpeechRequest(model="m", text=LONG, voice="alloy"), "at most 4096 characters"),
    ("aicredits", "transcribe", TranscriptionRequest(model="m", audio="https://x.example/a.mp3"), "not by address"),
    ("aicredits", "transcribe", TranscriptionRequest(model="m", audio=PNG), "not image/png"),
    ("aicredits", "transcribe", TranscriptionRequest(model="m", audio=WAV, language="Hindi"), "two letters"),
    (
        "aicredits",
        "transcribe",
        lambda: TranscriptionRequest(model="m", audio=Media.from_bytes(WAV.read() + bytes(8_000_000))),
        "at most 7.5 MB; this has 8.0 MB",
    ),
    ("bineric", "speech", SpeechRequest(model="m", text="t", language=["x"]), "nb-NO, en-US"),  # type: ignore[arg-type]
    ("bineric", "transcribe", TranscriptionRequest(model="m", audio=PNG), "not image/png"),
    ("bineric", "file_to_base64", Media.from_bytes(b"\x00\x01\x02\x03" * 9), "takes files as mp3, wav"),
    ("bineric", "file_to_base64", lambda: Media.from_bytes(PNG.read() + bytes(50_000_000)), "at most 50.0 MB"),
    ("bineric", "file_to_base64", "https://example.com/a.png", "not by address"),
    ("bineric", "decode_base64", "not base64!", "this is neither"),
    ("bineric", "usage", UsageRequest(start="yesterday"), "YYYY-MM-DD"),
    ("aimlapi", "image", ImageRequest(model="", prompt="p"), "needs a model"),
    ("aimlapi", "image", ImageRequest(model="google/lyria2", prompt="p"), r"is a model for music; client.music"),
    ("aimlapi", "image", ImageRequest(model="triposr", prompt="p"), r"client.mesh"),
    ("aimlapi", "image", ImageRequest(model="openai/gpt-4o", prompt="p"), r"client.chat"),
    ("aimlapi", "edit_image", ImageEditRequest(model="openai/gpt-image-1", prompt="p", images=[]), "needs an image"),
    (
        "aimlapi",
        "edit_image",
        ImageEditRequest(model="openai/gpt-image-1", prompt="p", images=["https://e.example/a.png"]),
        "not by address",
    ),
    ("aimlapi", "edit_image", ImageEditRequest(model="openai/gpt-image-1", prompt="p", images=[WAV]), "png, webp, jpg"),
    (
        "aimlapi",
        "edit_image",
        ImageEditRequest(model="openai/gpt-image-1", prompt="p", images=[PNG] * 17),
        "at most 16",
    ),
    (
        "aimlapi",
        "edit_image",
        lambda: ImageEditRequest(
            model="openai/gpt-image-1", prompt="p", images=[PNG], mask=Media.from_bytes(PNG.read() + bytes(4_000_000))
        ),
        "at most 4.0 MB",
    ),
    ("aimlapi", "start_video", VideoRequest(model="google/veo-3.0-fast", prompt="p", duration_s=7), "allowed"),
    ("aimlapi", "start_transcription", TranscriptionRequest(model="#g1_whisper-base", audio=PNG), "not image/png"),
    (
        "aimlapi",
        "ocr",
        lambda: OcrRequest(model="zhipu/glm-ocr", document=Media.from_bytes(PNG.read() + bytes(10_000_000))),
        "at most 10.0 MB",
    ),
    ("aimlapi", "ocr", OcrRequest(model="mistral/mistral-ocr-latest", document=PNG, pages=[0]), "pages"),
    ("aimlapi", "usage", UsageRequest(period="1d", start="2026-01-01"), "not both"),
    ("aimlapi", "usage", UsageRequest(start="2026-01-01"), "together"),
    ("aimlapi", "usage_total", UsageRequest(group_by="day"), "neither group_by"),
    ("aimlapi", "metrics", ["m"] * 101, "at most 100"),
    ("aimlapi", "model", "../keys", "is not a valid id"),
    ("aimlapi", "update_key", KeyChange(prefix="b747e891"), "nothing to change"),
    ("aimlapi", "update_key", KeyChange(prefix="short", name="x"), "first eight characters"),
    ("aimlapi", "create_key", KeyChange(limit_period="day"), "needs limit_usd"),
    ("aimlapi", "create_batch", BatchRequest(requests={}), "1 to 100000"),
    ("aimlapi", "cancel_batch", "..", "is not a valid id"),
    ("aimlapi", "get_run", LegacyRequest(ids={"thread_id": "t"}), "takes the ids thread_id, run_id, not thread_id"),
    ("aimlapi", "get_thread", LegacyRequest(ids={"thread_id": ".."}), "is not a valid id"),
    ("aimlapi", "create_thread", LegacyRequest(file=PNG), "takes no file"),
]


@pytest.mark.parametrize(("vendor", "name", "request_", "words"), REFUSED)
def test_what_cannot_be_right_is_refused_before_it_is_sent(vendor: str, name: str, request_: Any, words: str) -> None:
    with pytest.raises((InvalidRequestError, RequestTooLargeError), match=words) as raised:
        build(vendor, name, request_() if callable(request_) else request_)
    assert raised.value.status is None and raised.value.provider in {vendor, None}


@pytest.mark.parametrize(
    ("vendor", "name", "request_", "setting"),
    [
        ("binobox", "image", ImageRequest(model="m", prompt="p", width=512, height=512), "width"),
        ("binobox", "start_video", VideoRequest(model="m", prompt="p", seed=1), "seed"),
        ("bineric", "image", ImageRequest(model="m", prompt="p", count=2), "count"),
        ("bineric", "transcribe", TranscriptionRequest(model="m", audio=WAV, language="no"), "language"),
        ("aicredits", "image", ImageRequest(model="m", prompt="p", style="vivid"), "style"),
        ("aicredits", "speech", SpeechRequest(model="m", text="t", voice="alloy", speed=1.5), "speed"),
        ("aimlapi", "image", ImageRequest(model="dall-e-3", prompt="p", mask=PNG), "mask"),
    ],
)
def test_a_setting_without_a_field_is_refused_by_name(vendor: str, name: str, request_: Any, setting: str) -> None:
    with pytest.raises(UnsupportedError, match=setting):
        build(vendor, name, request_)


# ------------------------------------------------------------------------------------------------ other protocols

IMAGE = MediaPart("image", url="https://example.com/a.png")
PDF = MediaPart("file", data="JVBERi0=", mime_type="application/pdf", filename="a.pdf")
CALL = ToolCall("c1", "rain_now", '{"city": "Oslo"}')
RAIN = Tool("rain_now", "Current rain", {"type": "object", "properties": {"city": {"type": "string"}}})
TALK = [
    Message("system", "Be brief."),
    Message("user", [TextPart("Rain?"), IMAGE, PDF]),
    Message("assistant", "I look.", tool_calls=[CALL]),
    Message("tool", "dry", tool_call_id="c1"),
    Message("user", "And now?"),
]


def test_a_talk_over_the_responses_api() -> None:
    request = ChatRequest(
        model="openai/gpt-4o",
        messages=TALK,
        tools=[RAIN],
        tool_choice="rain_now",
        reasoning_effort="low",
        parallel_tool_calls=False,
        temperature=0.5,
        response_format=ResponseFormat({"type": "object"}, name="thing", strict=True),
    )
    assert build("aimlapi", "responses", request).json == {
        "model": "openai/gpt-4o",
        "instructions": "Be brief.",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Rain?"},
                    {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"},
                    {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
                ],
            },
            {"role": "assistant", "content": "I look."},
            {"type": "function_call", "call_id": "c1", "name": "rain_now", "arguments": '{"city": "Oslo"}'},
            {"type": "function_call_output", "call_id": "c1", "output": "dry"},
            {"role": "user", "content": "And now?"},
        ],
        "temperature": 0.5,
        "parallel_tool_calls": False,
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "json_schema", "name": "thing", "schema": {"type": "object"}, "strict": True}},
        "tools": [
            {
                "type": "function",
                "name": "rain_now",
                "description": "Current rain",
                "parameters": RAIN.parameters,
                "strict": False,
            }
        ],
        "tool_choice": {"type": "function", "name": "rain_now"},
    }


def test_a_talk_over_anthropics_protocol() -> None:
    request = ChatRequest(
        model="claude",
        messages=TALK,
        tools=[RAIN],
        tool_choice="required",
        parallel_tool_calls=False,
        stop=["END"],
        max_tokens=64,
        user="u1",
    )
    assert build("aimlapi", "messages", request).json == {
        "model": "claude",
        "system": "Be brief.",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Rain?"},
                    {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
                    {
                        "type": "document",
                        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "c1", "name": "rain_now", "input": {"city": "Oslo"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "dry"},
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
        "max_tokens": 64,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u1"},
        "tools": [{"name": "rain_now", "description": "Current rain", "input_schema": RAIN.parameters}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    }


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("responses", {"type": "reasoning", "id": "rs_1", "summary": []}),
        ("messages", {"type": "thinking", "thinking": "hm", "signature": "s"}),
    ],
)
def test_thoughts_go_back_only_to_the_model_that_had_them(name: str, detail: dict[str, Any]) -> None:
    def sent(model: str, provider: str) -> str:
        thought = Reasoning("hm", (detail,), provider, "m1")
        talk = [Message("user", "a"), Message("assistant", "b", reasoning=thought), Message("user", "c")]
        return str(build("aimlapi", name, ChatRequest(model=model, messages=talk)).json)

    assert str(detail) in sent("m1", "aimlapi")
    assert str(detail) not in sent("m2", "aimlapi")
    assert str(detail) not in sent("m1", "aicredits")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("responses", {"stop": ["x"]}),
        ("responses", {"seed": 1}),
        ("messages", {"seed": 1}),
        ("messages", {"reasoning_effort": "low"}),
    ],
)
def test_settings_that_a_protocol_lacks_are_refused_by_name(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError, match=next(iter(settings))):
        build("aimlapi", name, ChatRequest(model="m", messages=[Message("user", "a")], **settings))


def test_claude_takes_a_temperature_up_to_1() -> None:
    with pytest.raises(InvalidRequestError, match="from 0 to 1"):
        build("aimlapi", "messages", ChatRequest(model="m", messages=[Message("user", "a")], temperature=1.5))


@pytest.mark.parametrize(
    ("vendor", "setting", "value"), [("aicredits", "voice", "Rachel"), ("bineric", "language", "fr-FR")]
)
def test_what_a_page_does_not_name_is_sent_with_a_warning(vendor: str, setting: str, value: str) -> None:
    """The pages leave these lists open; the contract closes them for the simulator alone."""
    request = SpeechRequest(model="m", text="t", **{"voice": "alloy", setting: value})
    with pytest.warns(UserWarning, match=f"{value!r} is sent all the same"):
        body = build(vendor, "speech", request).json
    assert (body if vendor == "aicredits" else body["options"])[setting] == value
