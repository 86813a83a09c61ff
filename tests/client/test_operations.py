"""Every operation of every vendor, called both ways on the simulator, which refuses what the contracts do not allow."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from multiapi import Client
from multiapi.errors import NotFoundError, ResponseFormatError, UnsupportedError, WithdrawnError
from multiapi.http.exchange import HttpResponse
from multiapi.providers import PROVIDERS
from multiapi.simulator import Simulator
from multiapi.simulator.media import describe_image, draw_image, speak, transcribe
from multiapi.types.account import KeyChange, LogsRequest, ModelsRequest, TransactionsRequest, UsageRequest
from multiapi.types.batches import BatchRequest
from multiapi.types.chat import ChatRequest, Message, Tool
from multiapi.types.legacy import LegacyRequest
from multiapi.types.media import Media
from multiapi.types.media_requests import (
    ImageEditRequest,
    ImageRequest,
    MeshRequest,
    ModerationRequest,
    MusicRequest,
    OcrRequest,
    SpeechRequest,
    TranscriptionRequest,
    VideoRequest,
    VisionFeaturesRequest,
)

pytestmark = pytest.mark.usefixtures("waits")

Run = Callable[..., Any]
PNG = Media.from_bytes(draw_image("a red boat", 96, 64), name="boat.png")
SPOKEN = Media.from_bytes(speak("the weather is fine", "audio/wav"), name="note.wav")
UNITS = {"binobox": "diamonds", "aimlapi": "USD", "bineric": None}

IMAGES = [
    ("binobox", ImageRequest(model="imagen-4-fast-generate", prompt="a red boat", count=2, aspect_ratio="16:9"), 2),
    ("aicredits", ImageRequest(model="dall-e-3", prompt="a red boat", width=1792, height=1024, quality="hd"), 1),
    ("aicredits", ImageRequest(model="dall-e-2", prompt="a red boat", count=2, inline=True), 2),
    ("aimlapi", ImageRequest(model="flux/schnell", prompt="a red boat", width=256, height=192, count=2, seed=7), 2),
    ("aimlapi", ImageRequest(model="openai/gpt-image-1", prompt="a red boat", inline=True), 1),
    ("bineric", ImageRequest(model="stability-ai", prompt="a red boat"), 1),
]


@pytest.mark.parametrize(("vendor", "request_", "count"), IMAGES)
def test_pictures(run: Run, vendor: str, request_: ImageRequest, count: int) -> None:
    result = run(vendor, "image", request_)
    assert len(result.media) == count
    assert (result.provider, result.model) == (vendor, request_.model)
    assert result.cost is None if vendor == "aicredits" else result.cost.unit == UNITS[vendor]
    for media in result.media:
        picture = run(vendor, "download", media)
        assert picture.kind == "image"
        assert describe_image(picture.data).text == "a red boat"


def test_a_picture_of_a_model_that_is_not_listed_yet(run: Run, simulator: Simulator) -> None:
    """The package sends an id that no list has; whether there is such a model is the provider's to say."""
    request = ImageRequest(model="not-in/the-list", prompt="a red boat", count=1)
    with pytest.raises(NotFoundError, match="not-in/the-list"):
        run("aimlapi", "image", request)
    simulator.known_models = "any"
    assert len(run("aimlapi", "image", request).media) == 1


SPEECHES = [
    ("binobox", SpeechRequest(model="gemini-3.1-flash-tts", text="سلام دنیا", voice="default"), "audio/mpeg"),
    ("aicredits", SpeechRequest(model="openai/tts-1", text="hello world", voice="nova"), "audio/mpeg"),
    (
        "aicredits",
        SpeechRequest(model="openai/tts-1", text="hello world", voice="nova", output_format="flac"),
        "audio/flac",
    ),
    (
        "aimlapi",
        SpeechRequest(model="openai/tts-1", text="hello world", voice="coral", output_format="wav"),
        "audio/wav",
    ),
    ("aimlapi", SpeechRequest(model="#g1_aura-asteria-en", text="hello world", output_format="wav"), "audio/wav"),
    (
        "aimlapi",
        SpeechRequest(model="minimax/speech-2.8-hd", text="hello world", voice="Wise_Woman", speed=1.2),
        "audio/mpeg",
    ),
    (
        "bineric",
        SpeechRequest(
            model="text-to-speech",
            text="god morgen",
            voice="nb-NO-PernilleNeural",
            language="nb-NO",
            speed=0.9,
            pitch=10,
            volume="+20%",
        ),
        "audio/mpeg",
    ),
]


@pytest.mark.parametrize(("vendor", "request_", "mime_type"), SPEECHES)
def test_speech(run: Run, vendor: str, request_: SpeechRequest, mime_type: str) -> None:
    result = run(vendor, "speech", request_)
    sound = run(vendor, "download", result)
    assert (sound.mime_type, sound.provider, sound.model) == (mime_type, vendor, request_.model)
    assert transcribe(sound.data).text == request_.text


TRANSCRIPTS = [
    ("aicredits", TranscriptionRequest(model="openai/whisper-1", audio=SPOKEN, language="en-GB")),
    ("aimlapi", TranscriptionRequest(model="openai/gpt-4o-transcribe", audio=SPOKEN)),
    (
        "aimlapi",
        TranscriptionRequest(model="#g1_nova-2-general", audio=SPOKEN, diarize=True, punctuate=True, language="en"),
    ),
    ("aimlapi", TranscriptionRequest(model="aai/slam-1", audio=SPOKEN)),
    ("bineric", TranscriptionRequest(model="speech-to-text", audio=SPOKEN, prompt="Write down what is said")),
]


@pytest.mark.parametrize(("vendor", "request_"), TRANSCRIPTS)
def test_transcripts(run: Run, vendor: str, request_: TranscriptionRequest) -> None:
    result = run(vendor, "transcribe", request_)
    assert (result.text, result.provider, result.model) == ("the weather is fine", vendor, request_.model)
    assert result.cost is None if vendor == "aicredits" else result.cost.unit == UNITS[vendor]


@pytest.mark.parametrize(
    ("vendor", "request_"),
    [
        ("binobox", MusicRequest(model="lyria-3-clip", prompt="calm", duration_s=5)),
        ("aimlapi", MusicRequest(model="elevenlabs/eleven_music", prompt="calm", duration_s=10)),
        (
            "aimlapi",
            MusicRequest(
                model="minimax/music-2.0",
                prompt="a calm folk song",
                lyrics="[Verse] la la la",
                output_format="mp3",
                bitrate=128000,
            ),
        ),
    ],
)
def test_music(run: Run, vendor: str, request_: MusicRequest) -> None:
    result = run(vendor, "music", request_)
    assert run(vendor, "download", result).kind == "audio"
    assert result.cost.unit == UNITS[vendor]


@pytest.mark.parametrize(
    ("vendor", "request_"),
    [
        ("binobox", VideoRequest(model="veo-3-lite-generate", prompt="a cat", duration_s=4.0, aspect_ratio="16:9")),
        ("aimlapi", VideoRequest(model="alibaba/wan-2-6-t2v", prompt="a cat", duration_s=5, width=1280, height=720)),
        (
            "aimlapi",
            VideoRequest(model="klingai/video-v3-pro-image-to-video", prompt="zoom", images=[PNG], duration_s=5),
        ),
    ],
)
def test_films(run: Run, tmp_path: Any, vendor: str, request_: VideoRequest) -> None:
    result = run(vendor, "video", request_)
    assert isinstance(result, Media) and result.kind == "video" and result.job_id
    assert result.cost.unit == UNITS[vendor]
    assert run(vendor, "save", result, tmp_path / "film") == tmp_path / "film.mp4"


def test_pictures_are_changed_as_files_or_by_address(run: Run) -> None:
    for model in ("openai/gpt-image-1", "google/nano-banana-pro-edit", "flux/kontext-max/image-to-image"):
        result = run("aimlapi", "edit_image", ImageEditRequest(model=model, prompt="add a hat", images=[PNG]))
        assert run("aimlapi", "download", result.media[0]).kind == "image"
    masked = ImageEditRequest(model="openai/gpt-image-1", prompt="add a hat", images=[PNG, PNG], mask=PNG)
    assert run("aimlapi", "edit_image", masked).media
    several = ImageEditRequest(model="openai/gpt-image-2", prompt="add a hat", images=[PNG], count=2)
    assert len(run("aimlapi", "edit_image", several).media) == 2


def test_meshes(run: Run) -> None:
    result = run("aimlapi", "mesh", MeshRequest(model="triposr", images=[PNG], output_format="glb"))
    assert run("aimlapi", "download", result.media[0]).mime_type == "model/gltf-binary"
    parts = run("aimlapi", "mesh", MeshRequest(model="tencent/hunyuan-part", mesh="https://example.com/a.glb")).parts
    assert "segmented_mesh" in parts and len(parts) == 4


def test_text_in_documents(run: Run) -> None:
    for model in ("mistral/mistral-ocr-latest", "zhipu/glm-ocr", "google/gc-document-ai"):
        result = run("aimlapi", "ocr", OcrRequest(model=model, document=PNG))
        assert result.text == "a red boat" and result.pages[0].number == 1


def test_a_documents_pictures_say_which_they_are() -> None:
    picture = {"id": "img-0.jpeg", "top_left_x": 1, "top_left_y": None, "image_base64": PNG.base64()}
    body = {"pages": [{"index": 0, "markdown": "![img-0.jpeg](img-0.jpeg)", "images": [picture], "dimensions": None}]}
    answer = HttpResponse(200, {"content-type": "application/json"}, json.dumps(body).encode())
    (page,) = PROVIDERS["aimlapi"].operations["ocr"].parse(answer).pages
    assert page.images[0].metadata == {"id": "img-0.jpeg", "top_left_x": 1}
    assert page.images[0].mime_type == "image/png"


def test_features_of_a_picture(run: Run) -> None:
    found = run("aimlapi", "vision_features", VisionFeaturesRequest(image="https://example.com/a.png", most=3))
    assert len(found["labelAnnotations"]) == 3


@pytest.mark.filterwarnings("ignore::multiapi.ModelDeprecatedWarning")  # the provider has withdrawn its guard models
@pytest.mark.parametrize(
    ("words", "safe", "categories"),
    [
        ("safe", True, ()),
        ("unsafe\nS1,S9", False, ("S1", "S9")),
        ("\n\nUnsafe\nS10", False, ("S10",)),
        ("Safe.", True, ()),
    ],
)
def test_a_guard_model_says_safe_or_unsafe_and_why(
    run: Run, words: str, safe: bool, categories: tuple[str, ...]
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert b'"messages":[{"role":"user","content":"a text"}]' in request.content
        return httpx.Response(200, json={"choices": [{"message": {"content": words}}]})

    request = ModerationRequest(model="meta-llama/Meta-Llama-Guard-3-8B", text="a text")
    result = run("aimlapi", "moderate", request, transport=httpx.MockTransport(answer))
    assert (result.safe, result.categories) == (safe, categories)


def test_a_guard_model_that_says_neither_is_an_error(run: Run) -> None:
    request = ModerationRequest(model="openai/gpt-4o", text="hello")
    with pytest.raises(ResponseFormatError, match="neither safe nor unsafe"):
        run("aimlapi", "moderate", request)


# ------------------------------------------------------------------------------------------------ models and money


@pytest.mark.parametrize("vendor", ["bineric", "aimlapi", "aicredits", "binobox"])
def test_models(run: Run, vendor: str) -> None:
    listed = run(vendor, "models")
    assert listed and all(info.id and info.provider == vendor and info.raw for info in listed)
    assert any(info.prices for info in listed)
    assert run(vendor, "model", listed[0].id).id == listed[0].id
    with pytest.raises(NotFoundError):
        run(vendor, "model", "no-such-model")


def test_aimlapis_models_by_what_they_can(run: Run) -> None:
    request = ModelsRequest(outputs=["video"], inputs=["image"], details=True)
    listed = run("aimlapi", "models", request)
    assert listed and all("video" in info.outputs and "image" in info.inputs for info in listed)
    heard = run("aimlapi", "models", ModelsRequest(modalities=["audio"]))
    assert heard and all("audio" in {*info.inputs, *info.outputs} for info in heard)
    assert not run("aimlapi", "models", ModelsRequest(ids=["openai/gpt-4o"], details=False))[0].prices
    assert run("aimlapi", "model", "#g1_aura-asteria-en").id == "#g1_aura-asteria-en"


def test_lists_of_models_and_health_need_no_key(simulator: Simulator) -> None:
    keys = []

    def noted(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers.get("authorization"))
        return simulator.transport.handle_request(request)

    for vendor, methods in (("aicredits", ("models", "health")), ("aimlapi", ("models", "metrics"))):
        sender = httpx.Client(transport=httpx.MockTransport(noted))
        client = Client(vendor, api_key="invalid-key", base_url=simulator.base_url(vendor), http_client=sender)
        for method in methods:
            getattr(client, method)()
    assert keys == [None] * 4


@pytest.mark.parametrize(
    ("vendor", "unit"), [("bineric", None), ("aimlapi", "USD"), ("aicredits", "INR"), ("binobox", "diamonds")]
)
def test_the_balance_has_the_vendors_unit(run: Run, vendor: str, unit: str | None) -> None:
    balance = run(vendor, "balance")
    assert balance.amount > 0 and balance.unit == unit and balance.raw


def test_aicredits_calls_it_credits(run: Run) -> None:
    assert run("aicredits", "credits") == run("aicredits", "balance")


@pytest.mark.parametrize("vendor", ["bineric", "aimlapi", "binobox"])
def test_usage_counts_the_calls_and_what_they_cost(run: Run, vendor: str) -> None:
    request = next(request for name, request, _ in IMAGES if name == vendor)
    cost = run(vendor, "image", request).cost
    report = run(vendor, "usage")
    assert report.requests == 1
    assert report.cost.amount == cost.amount and report.cost.unit == cost.unit
    if report.by_model:
        assert report.by_model[0].model == request.model


def test_usage_of_a_time(run: Run) -> None:
    run("aimlapi", "image", IMAGES[3][1])
    groups = run("aimlapi", "usage", UsageRequest(period="7d", group_by="day,model", time_zone="Europe/Oslo")).groups
    assert groups[0].model == "flux/schnell" and groups[0].day
    assert run("aimlapi", "call", "usage_total", UsageRequest(start="2026-01-01", end="2026-02-01")).requests == 0
    assert run("bineric", "usage", UsageRequest(start="2024-01-01", end="2024-01-31")).start == "2024-01-01"
    for vendor, request in (("binobox", UsageRequest(period="7d")), ("bineric", UsageRequest(group_by="day"))):
        with pytest.raises(UnsupportedError):
            run(vendor, "usage", request)


@pytest.mark.parametrize("vendor", ["bineric", "aicredits", "binobox"])
def test_models_are_filtered_where_the_vendor_filters_them(run: Run, vendor: str) -> None:
    with pytest.raises(UnsupportedError, match="takes no filters"):
        run(vendor, "models", ModelsRequest(types=["image"]))
    assert run(vendor, "models", ModelsRequest(details=False)) == run(vendor, "models")


def test_biners_day(run: Run) -> None:
    run("bineric", "image", IMAGES[-1][1])
    day = run("bineric", "daily_usage")
    assert (day.requests, day.active, day.last_model) == (1, True, "stability-ai")


@pytest.mark.parametrize("check", ["health", "ready", "live"])
def test_health(run: Run, check: Any) -> None:
    assert run("aicredits", "health", check).ok


def test_calls_and_movements_a_page_at_a_time(run: Run) -> None:
    for _ in range(3):
        run("aimlapi", "image", IMAGES[3][1])
    page = run("aimlapi", "logs", LogsRequest(models=["flux/schnell", "x"], statuses=["succeeded"], limit=2))
    assert (len(page.items), page.total, page.next_offset) == (2, 3, 2)
    rest = run("aimlapi", "logs", LogsRequest(models=["flux/schnell"], limit=2, offset=page.next_offset))
    assert (len(rest.items), rest.next_offset) == (1, None)
    moves = run("aimlapi", "transactions", TransactionsRequest(direction="CHARGE", limit=2))
    assert len(moves.items) == 2 and moves.next_cursor
    more = run("aimlapi", "transactions", TransactionsRequest(direction="CHARGE", limit=2, cursor=moves.next_cursor))
    assert len(more.items) == 1 and more.next_cursor is None


def test_our_id_of_a_call_is_in_the_logs(run: Run) -> None:
    run("aimlapi", "image", IMAGES[3][1])
    entry = run("aimlapi", "logs").items[0]
    assert entry.client_request_id and len(entry.client_request_id) == 32


def test_speeds(run: Run) -> None:
    run("aimlapi", "chat", ChatRequest(model="openai/gpt-4o", messages=[Message("user", "hi")]))
    for measured in run("aimlapi", "metrics", ["openai/gpt-4o"]):
        assert measured.percentiles["duration_ms"]["p50"] >= 0


def test_keys_are_made_changed_and_deleted(run: Run) -> None:
    settings = {"api_key": "management-key-of-the-account"}
    made = run(
        "aimlapi",
        "create_key",
        KeyChange(name="ci", scopes=["model:chat"], limit_usd=25, limit_period="month"),
        settings=settings,
    )
    assert made.key and made.prefix == made.key[:8]
    assert (made.limit_usd, made.limit_period, made.scopes) == (Decimal(25), "month", ("model:chat",))
    assert run("aimlapi", "update_key", KeyChange(prefix=made.prefix, disabled=True), settings=settings).disabled
    again = run("aimlapi", "replace_key", KeyChange(prefix=made.prefix, name="other"), settings=settings)
    assert (again.name, again.disabled, again.limit_usd) == ("other", False, None)
    assert made.prefix in {key.prefix for key in run("aimlapi", "keys", settings=settings)}
    assert run("aimlapi", "delete_key", made.prefix, settings=settings) is True
    assert run("aimlapi", "current_key").prefix == "simulate"


# ------------------------------------------------------------------------------------------------ files


def test_files_to_base64_and_back(run: Run) -> None:
    made = run("bineric", "file_to_base64", PNG)
    assert (made.media.data, made.name, made.category) == (PNG.data, "boat.png", "image")
    assert run("bineric", "decode_base64", made.media).data == PNG.data
    assert run("bineric", "decode_base64", PNG.base64()).mime_type == "image/png"


# ------------------------------------------------------------------------------------------------ other protocols

ASK = [Message("system", "Be brief."), Message("user", "hello")]
RAIN = Tool(
    "rain_now", "Current rain", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
)


@pytest.mark.parametrize(
    ("vendor", "method", "model"),
    [
        ("aimlapi", "responses", "openai/gpt-5-pro"),
        ("aicredits", "responses", "openai/gpt-4o-mini"),
        ("aimlapi", "messages", "anthropic/claude-sonnet-4.5"),
    ],
)
def test_a_conversation_over_another_protocol(run: Run, vendor: str, method: str, model: str) -> None:
    answer = run(vendor, method, ChatRequest(model=model, messages=ASK, max_tokens=64))
    assert answer.text and answer.usage.total_tokens > 0 and answer.provider == vendor
    request = ChatRequest(
        model=model, messages=[Message("user", "What is the rain in Oslo?")], tools=[RAIN], tool_choice="required"
    )
    called = run(vendor, method, request)
    call = called.tool_calls[0]
    assert call.name == "rain_now"
    talk = [*request.messages, called.to_message(), Message("tool", '{"rain": false}', tool_call_id=call.id)]
    assert run(vendor, method, ChatRequest(model=model, messages=talk, tools=[RAIN])).text


def test_many_conversations_at_once(run: Run) -> None:
    asked = {
        name: ChatRequest(
            model="anthropic/claude-sonnet-4.5", messages=[Message("user", f"hello {name}")], max_tokens=64
        )
        for name in ("a", "b")
    }
    batch = run("aimlapi", "create_batch", BatchRequest(requests=asked))
    assert batch.state == "pending"
    done = run("aimlapi", "batch", batch.id)
    assert done.id == batch.id and done.state == "completed"
    assert {name: bool(result.response.text) for name, result in done.by_id.items()} == {"a": True, "b": True}


def test_a_batch_is_cancelled(simulator: Simulator, run: Run) -> None:
    simulator.job_run_s = 1_000_000.0
    asked = {"a": ChatRequest(model="anthropic/claude-sonnet-4.5", messages=[Message("user", "hello")])}
    batch = run("aimlapi", "create_batch", BatchRequest(requests=asked))
    assert run("aimlapi", "batch", batch).state == "pending"
    run("aimlapi", "cancel_batch", batch)
    assert run("aimlapi", "batch", batch).state in {"cancelled", "pending"}


# ------------------------------------------------------------------------------------------------ legacy


def test_an_assistant_answers_in_a_thread(run: Run) -> None:
    assistant = run(
        "aimlapi", "legacy", "create_assistant", LegacyRequest(body={"model": "gpt-4o-mini", "name": "Tutor"})
    )
    thread = run("aimlapi", "legacy", "create_thread")
    ids = {"thread_id": thread["id"]}
    run("aimlapi", "legacy", "create_thread_message", LegacyRequest(ids=ids, body={"role": "user", "content": "Hello"}))
    started = run("aimlapi", "legacy", "create_run", LegacyRequest(ids=ids, body={"assistant_id": assistant["id"]}))
    seen = run("aimlapi", "legacy", "get_run", LegacyRequest(ids={**ids, "run_id": started["id"]}))
    assert seen["status"] == "completed"
    messages = run(
        "aimlapi", "legacy", "list_thread_messages", LegacyRequest(ids=ids, query={"limit": 10, "order": "desc"})
    )
    assert messages["data"][0]["role"] == "assistant"
    run("aimlapi", "legacy", "delete_thread", LegacyRequest(ids=ids))
    with pytest.raises(NotFoundError):
        run("aimlapi", "legacy", "get_thread", LegacyRequest(ids=ids))


def test_files_for_assistants_and_old_routes(run: Run, simulator: Simulator) -> None:
    text = Media.from_bytes(b"what is in it", name="notes.txt")
    file = run("aimlapi", "legacy", "upload_file", LegacyRequest(file=text))
    assert (file["filename"], file["bytes"]) == ("notes.txt", 13)
    assert run("aimlapi", "legacy", "get_file", LegacyRequest(ids={"file_id": file["id"]}))["id"] == file["id"]
    assert run("aimlapi", "legacy", "delete_file", LegacyRequest(ids={"file_id": file["id"]}))["deleted"]
    body = {"model": "flux/schnell", "prompt": "a boat"}
    simulator.withdrawn = True
    assert run("aimlapi", "legacy", "create_image_with_url", LegacyRequest(body=body))["data"][0]["url"]
    kling = {"ids": {"vendor": "kling"}, "body": {"model": "kling-video/v1.6/pro/text-to-video", "prompt": "a cat"}}
    job = run("aimlapi", "legacy", "create_video_legacy", LegacyRequest(**kling))
    seen = run(
        "aimlapi",
        "legacy",
        "get_video_legacy",
        LegacyRequest(ids={"vendor": "kling"}, query={"generation_id": job["id"]}),
    )
    assert seen["status"] == "completed"
    assert run("aimlapi", "legacy", "transcribe_sync", LegacyRequest(body={"model": "#g1_whisper-base"}, file=SPOKEN))[
        "results"
    ]


# ------------------------------------------------------------------------------------------------ what a vendor lacks

LACKING = [
    (
        "binom_router",
        "image",
        ImageRequest(model="m", prompt="p"),
        "no image generation; aicredits, aimlapi, bineric and binobox have",
    ),
    ("binom_router", "models", None, "no list of models; aicredits, aimlapi, bineric and binobox have"),
    ("binom_router", "balance", None, "no balance; aicredits, aimlapi, bineric and binobox have"),
    ("binom_router", "usage", None, "no usage report; aimlapi, bineric and binobox have"),
    (
        "binom_router",
        "speech",
        SpeechRequest(model="m", text="t"),
        "no speech; aicredits, aimlapi, bineric and binobox have",
    ),
    ("binobox", "transcribe", TRANSCRIPTS[0][1], "no transcription; aicredits, aimlapi and bineric have"),
    ("aicredits", "music", MusicRequest(model="m", prompt="p"), "no music; aimlapi and binobox have"),
    ("aicredits", "video", VideoRequest(model="m", prompt="p"), "no video; aimlapi and binobox have"),
    ("bineric", "start_video", VideoRequest(model="m", prompt="p"), "no video; aimlapi and binobox have"),
    ("binobox", "start_music", MusicRequest(model="m", prompt="p"), "no music jobs; aimlapi has"),
    ("aicredits", "usage", None, "no usage report; aimlapi, bineric and binobox have"),
    ("binobox", "edit_image", ImageEditRequest(model="m", prompt="p", images=[PNG]), "no image editing; aimlapi has"),
    ("binobox", "ocr", OcrRequest(model="m", document=PNG), "no OCR; aimlapi has"),
    ("bineric", "mesh", MeshRequest(model="m"), "no 3D models; aimlapi has"),
    ("aimlapi", "health", None, "no health check; aicredits has"),
    ("aimlapi", "file_to_base64", PNG, "no file conversion; bineric has"),
    ("aimlapi", "credits", None, "no credits; aicredits has"),
    ("aimlapi", "daily_usage", None, "no daily usage; bineric has"),
    ("binobox", "responses", ChatRequest(model="m", messages=ASK), "no Responses API; aicredits and aimlapi have"),
    ("aicredits", "messages", ChatRequest(model="m", messages=ASK), "no Anthropic messages; aimlapi has"),
    ("aicredits", "create_batch", BatchRequest(requests={}), "no batches; aimlapi has"),
    ("aicredits", "logs", None, "no logs; aimlapi has"),
    ("binobox", "moderate", ModerationRequest(model="m", text="t"), "no moderation; no provider has"),
]


@pytest.mark.parametrize(("vendor", "method", "request_", "words"), LACKING)
def test_what_a_vendor_lacks_is_said_before_anything_is_sent(
    run: Run, simulator: Simulator, vendor: str, method: str, request_: Any, words: str
) -> None:
    with pytest.raises(UnsupportedError) as raised:
        run(vendor, method, *([] if request_ is None else [request_]))
    assert str(raised.value) == f"{vendor} has {words}"
    assert not simulator.log


def test_the_search_engine_is_withdrawn_and_its_successors_are_named(run: Run) -> None:
    with pytest.raises(WithdrawnError, match=r"2026-02-05.*perplexity/sonar"):
        run("aimlapi", "search", "who won?")
    with pytest.raises(UnsupportedError, match="no search engine"):
        run("binobox", "search", "who won?")
