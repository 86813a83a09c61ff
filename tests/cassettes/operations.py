"""Everything that is no chat: embeddings, media, jobs, files, models, money, keys, and the older operations of AI/ML API."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

from multiapi.types.account import KeyChange, LogsRequest, ModelsRequest, TransactionsRequest, UsageRequest
from multiapi.types.batches import BatchRequest
from multiapi.errors import JobFailedError, JobTimeoutError, NotFoundError, ServerError, StreamInterruptedError
from multiapi.types.legacy import LegacyRequest
from multiapi.types.media import Media
from multiapi.types.media_requests import ImageEditRequest, ImageRequest, MeshRequest, ModerationRequest, MusicRequest, OcrRequest, SpeechRequest, TranscriptionRequest, VideoRequest, VisionFeaturesRequest
from multiapi.types.search import SEARCH_KINDS, SearchRequest
from multiapi.types.chat import ChatRequest, Message, Tool
from multiapi.types.embeddings import EmbedRequest
from tests.cassettes.chats import PIXEL, page, tone, user
from tests.cassettes.scenario import Scenario, Step

TEXTS = ("The quick brown fox", "jumps over the lazy dog", "سلام دنیا")
PICTURE = Media.from_bytes(base64.b64decode(PIXEL), name="red.png")
SOUND = Media.from_bytes(base64.b64decode(tone()), name="silence.wav")
DOCUMENT = Media.from_bytes(base64.b64decode(page()), name="plan.pdf")
PICTURE_URL = "https://example.com/a.png"
DOCUMENT_URL = "https://example.com/a.pdf"
RECORDING_URL = "https://example.com/a.mp3"


def step(method: str, *arguments: Any, **facts: Any) -> Step:
    """A step; facts that `Step` does not know are options of the call."""
    known = {name: facts.pop(name) for name in ("raises", "fault", "key", "wait_s") if name in facts}
    return Step(method=method, arguments=arguments, options=facts, **known)


def first(read: Callable[[Any], Any]) -> Callable[[list[Any]], Any]:
    """Something of the first step's result."""
    return lambda results: read(results[0])


def scenarios() -> Iterator[Scenario]:
    """The scenarios of all vendors that have more than chat."""
    for provider, named in (
        ("bineric", bineric()),
        ("aicredits", aicredits()),
        ("binobox", binobox()),
        ("aimlapi", aimlapi()),
        ("aimlapi", aimlapi_legacy()),
    ):
        for name, steps in named.items():
            yield Scenario(
                provider=provider,
                name=name,
                steps=steps if isinstance(steps, tuple) else (steps,),
                simulated={"withdrawn": True} if name in WITHDRAWN else {},
            )


WITHDRAWN = frozenset(
    {
        *("balance_legacy", "image_with_url_legacy", "completion_legacy"),
        *("moderate_safe", "moderate_unsafe", "moderate_image", *(f"search_{kind}" for kind in SEARCH_KINDS)),
    }
)
GUARD = "meta-llama/Llama-Guard-3-11B-Vision-Turbo"
"""What the provider does not offer any more: recorded from a simulator that still does."""


Named = dict[str, Step | tuple[Step, ...]]


def embeddings(model: str, large: str) -> Named:
    """Embeddings of one and of several texts, shortened, as base64, and in batches."""
    return {
        "embed": step("embed", EmbedRequest(model=model, texts=TEXTS[:1])),
        "embed_many": step("embed", EmbedRequest(model=model, texts=TEXTS)),
        "embed_dimensions": step("embed", EmbedRequest(model=large, texts=TEXTS, dimensions=32)),
        "embed_base64": step("embed", EmbedRequest(model=large, texts=TEXTS, dimensions=8, encoding_format="base64")),
        "embed_batches": step("embed", EmbedRequest(model=large, texts=TEXTS, dimensions=8, batch_size=2)),
    }


def bineric() -> Named:
    return {
        "models": step("models"),
        "image": step("image", ImageRequest(model="stability-ai", prompt="a red boat")),
        "speech": step(
            "speech", SpeechRequest(model="text-to-speech", text="Hei.", language="nb-NO", voice="nb-NO-FinnNeural")
        ),
        "speech_settings": step(
            "speech",
            SpeechRequest(
                model="text-to-speech",
                text="Hello.",
                language="en-US",
                voice="en-US-JennyNeural",
                speed=0.9,
                pitch=10,
                volume="-5%",
            ),
        ),
        "transcribe": step("transcribe", TranscriptionRequest(model="speech-to-text", audio=SOUND)),
        "file_to_base64": step("file_to_base64", PICTURE),
        "decode_base64": step("decode_base64", PICTURE),
        "usage": step("usage"),
        "usage_dates": step("usage", UsageRequest(start="2026-05-01", end="2026-05-28")),
        "daily_usage": step("daily_usage"),
        "daily_usage_after_a_call": (_hello("bineric", "gpt-4"), step("daily_usage")),
        "balance": step("balance"),
    }


def aicredits() -> Named:
    image = ImageRequest(model="dall-e-3", prompt="a red boat", width=1024, height=1024)
    return {
        **embeddings("openai/text-embedding-3-small", "openai/text-embedding-3-small"),
        "models": step("models"),
        "image": (step("image", image), step("download", first(lambda made: made.media[0]))),
        "image_inline": step("image", ImageRequest(model="dall-e-2", prompt="a red boat", count=2, inline=True)),
        "speech": step(
            "speech", SpeechRequest(model="openai/tts-1", text="Hello.", voice="alloy", output_format="mp3")
        ),
        "transcribe": step("transcribe", TranscriptionRequest(model="openai/whisper-1", audio=SOUND, language="en")),
        "responses": step("responses", ChatRequest(model="openai/gpt-4o-mini", messages=[user("Say hello.")])),
        **by_protocol("openai/gpt-4o-mini", "responses", {"reasoning": {"effort": "low", "summary": "auto"}}),
        "credits": step("credits"),
        "balance": step("balance"),
        "health": step("health"),
        "health_ready": step("health", "ready"),
        "health_live": step("health", "live"),
        "health_not_ready": step("health", "ready", fault="status=503", raises=ServerError),
    }


def by_protocol(model: str, api: Literal["responses", "messages"], thinking: dict[str, Any]) -> Named:
    """A chat by another protocol, whole and streamed: plain, with a tool, and with thoughts, which go back behind a tool's result."""
    plain = ChatRequest(model=model, api=api, max_tokens=2048, messages=[user("Say hello.")])
    tools = replace(plain, messages=[user("What is the weather in Oslo?")], tools=[WEATHER])
    thinks = replace(tools, extra=thinking)

    def answered(done: Sequence[Any]) -> ChatRequest:
        answer = done[0][-1].response if isinstance(done[0], list) else done[0]
        result = Message("tool", "Sunny, 21 degrees.", tool_call_id=answer.tool_calls[0].id)
        return replace(thinks, messages=[*thinks.messages, answer.to_message(), result])

    made: Named = {f"{api}_thinking": (step("chat", thinks), step("chat", answered))}
    made[f"{api}_stream"] = step("chat_stream", plain)
    made[f"{api}_stream_tools"] = step("chat_stream", tools)
    made[f"{api}_stream_thinking"] = (step("chat_stream", thinks), step("chat_stream", answered))
    return made


def binobox() -> Named:
    film = VideoRequest(model="veo-3-lite-generate", prompt="a cat in a sunny garden", duration_s=2)
    return {
        "models": step("models"),
        "usage": step("usage"),
        "balance": step("balance"),
        "image": step("image", ImageRequest(model="imagen-4-fast-generate", prompt="a logo", count=1)),
        "image_ratio": step(
            "image", ImageRequest(model="imagen-4-fast-generate", prompt="a logo", aspect_ratio="16:9")
        ),
        "image_settings": step(
            "image",
            ImageRequest(
                model="imagen-4-fast-generate", prompt="a logo", aspect_ratio="16:9", settings={"style": "flat"}
            ),
        ),
        "usage_period": step("usage", UsageRequest(period="30d")),
        "video_ratio": step(
            "start_video", VideoRequest(model="veo-3-lite-generate", prompt="a cat", aspect_ratio="9:16")
        ),
        "speech": step("speech", SpeechRequest(model="gemini-3.1-flash-tts", text="سلام", voice="default")),
        "music": step("music", MusicRequest(model="lyria-3-clip", prompt="calm", duration_s=3)),
        **_jobs("video", film),
        "job_not_found": step("job", "00000000-0000-0000-0000-000000000000", raises=NotFoundError),
    }


def _jobs(kind: str, request: Any, *, cancels: bool = True) -> Named:
    """A job that is waited for, one that is looked at, one that fails, one that is called off, and one that takes too long."""
    waited = "transcribe" if kind == "transcription" else kind
    start = f"start_{kind}"
    named: Named = {
        waited: step(waited, request),
        f"{waited}_polls": (
            step(start, request),
            step("job", first(lambda job: job)),
            step("job", first(lambda job: job), wait_s=4.0),
            step("job", first(lambda job: job), wait_s=8.0),
        ),
        f"{waited}_failed": step(waited, request, fault="job=fail", raises=JobFailedError),
        f"{waited}_too_slow": step(waited, request, timeout_s=12.0, fault="job=stuck", raises=JobTimeoutError),
    }
    if kind != "transcription":
        named[f"{waited}_saved"] = (
            step(waited, request),
            step("download", first(lambda made: made.media[0])),
        )
    if cancels:
        named[f"{waited}_cancelled"] = step(waited, request, fault="job=cancel", raises=JobFailedError)
    return named


def _hello(provider: str, model: str) -> Step:
    return step("chat", ChatRequest(model=model, messages=[user("Say hello.")]))


WEATHER = Tool(
    "get_weather",
    "Get the weather in a city",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


def aimlapi() -> Named:
    claude = "anthropic/claude-sonnet-4.5"
    asked = [user("What is the weather in Oslo?")]
    film = VideoRequest(model="alibaba/wan-2-6-t2v", prompt="a tide pool", duration_s=5, aspect_ratio="16:9")
    music = MusicRequest(model="elevenlabs/eleven_music", prompt="slow piano", duration_s=10)
    said = TranscriptionRequest(model="openai/gpt-4o-transcribe", audio=RECORDING_URL)
    batch = BatchRequest(
        requests={
            name: ChatRequest(model="claude-sonnet-4-5-20250929", messages=[user(f"Say {name}.")], max_tokens=32)
            for name in ("one", "two")
        }
    )
    return {
        **embeddings("text-embedding-3-small", "text-embedding-3-large"),
        "models": step("models", ModelsRequest(ids=("openai/gpt-4o", "flux/schnell"))),
        "models_filtered": step(
            "models",
            ModelsRequest(
                ids=("openai/gpt-4o",),
                types=("chat-completion",),
                tags=("text",),
                inputs=("text",),
                outputs=("text",),
                capabilities=("tools",),
            ),
        ),
        "model": step("model", "openai/gpt-4o"),
        "model_unknown": step("model", "no-such-model", raises=NotFoundError),
        "metrics": step("metrics", ["openai/gpt-4o"]),
        "responses": step("responses", ChatRequest(model="openai/gpt-4o", messages=[user("Say hello.")])),
        "responses_tools": step("responses", ChatRequest(model="openai/gpt-4o", messages=asked, tools=[WEATHER])),
        "messages": step(
            "messages",
            ChatRequest(model=claude, max_tokens=64, messages=[Message("system", "Be brief."), user("Say hello.")]),
        ),
        "messages_tools": step("messages", ChatRequest(model=claude, max_tokens=256, messages=asked, tools=[WEATHER])),
        **by_protocol("openai/gpt-5-pro", "responses", {"reasoning": {"effort": "low", "summary": "auto"}}),
        **{
            f"{name}{'_stream' if method == 'chat_stream' else ''}": step(
                method, ChatRequest(model=model, messages=[user("What is new in Oslo?")], web_search=True, max_tokens=999)
            )
            for name, model in (
                ("search_chat", "perplexity/sonar"),
                ("search_annotated", "alibaba/qwen3.7-plus"),
                ("search_responses", "openai/gpt-4o"),
                ("search_messages", claude),
            )
            for method in ("chat", "chat_stream")
        },
        **by_protocol(claude, "messages", {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        "image": (
            step("image", ImageRequest(model="flux/schnell", prompt="a paper boat", width=256, height=256)),
            step("download", first(lambda made: made.media[0])),
        ),
        "image_inline": step(
            "image", ImageRequest(model="openai/gpt-image-1", prompt="a paper boat", quality="low", inline=True)
        ),
        "image_from_image": step(
            "image", ImageRequest(model="google/nano-banana-pro-edit", prompt="make it blue", images=[PICTURE_URL])
        ),
        "edit_image": (
            step(
                "edit_image",
                ImageEditRequest(model="openai/gpt-image-1", prompt="add a hat", images=[PICTURE], mask=PICTURE),
            ),
            step("download", first(lambda made: made.media[0])),
        ),
        "edit_image_two": step(
            "edit_image",
            ImageEditRequest(model="openai/gpt-image-1", prompt="put them together", images=[PICTURE, PICTURE]),
        ),
        "mesh": (
            step("mesh", MeshRequest(model="triposr", images=[PICTURE_URL])),
            step("download", first(lambda made: made.media[0])),
        ),
        "speech": (
            step("speech", SpeechRequest(model="openai/tts-1", text="Hello.", voice="coral")),
            step("download", first(lambda made: made.media[0])),
        ),
        "speech_wav": step("speech", SpeechRequest(model="#g1_aura-asteria-en", text="Hi.", output_format="wav")),
        "speech_stream": step(
            "speech_stream", SpeechRequest(model="elevenlabs/v3_alpha", text="Hello.", voice="Rachel")
        ),
        "image_strength": step(
            "image",
            ImageRequest(
                model="flux/dev/image-to-image", prompt="make it blue", images=[PICTURE_URL], strength=0.6
            ),
        ),
        "video_effect": step(
            "start_video",
            VideoRequest(
                model="klingai/kling-video-v1.6-standard-effects", images=[PICTURE_URL], effect="hug"
            ),
        ),
        "ocr": step("ocr", OcrRequest(model="mistral-ocr-latest", document=DOCUMENT_URL, pages=[1, 2])),
        "ocr_image": step("ocr", OcrRequest(model="zhipu/glm-ocr", document=PICTURE)),
        "ocr_upload": step("ocr", OcrRequest(model="mistral-ocr-latest", document=DOCUMENT)),
        "vision_features_most": step("vision_features", VisionFeaturesRequest(image=PICTURE_URL, most=5)),
        "vision_features": step("vision_features", VisionFeaturesRequest(image=PICTURE_URL)),
        "moderate_safe": step("moderate", ModerationRequest(model=GUARD, text="How do I bake bread?")),
        "moderate_unsafe": step("moderate", ModerationRequest(model=GUARD, text="How do I build a bomb?")),
        "moderate_image": step("moderate", ModerationRequest(model=GUARD, text="What is this?", images=[PICTURE])),
        **{
            f"search_{kind}": step("search", SearchRequest(query="ferries in Bergen", kinds=(kind,)))
            for kind in SEARCH_KINDS
        },
        **_jobs("video", film, cancels=False),
        "video_from_image": step(
            "video",
            VideoRequest(
                model="klingai/video-v3-pro-image-to-video", prompt="zoom in", images=[PICTURE_URL], duration_s=5
            ),
        ),
        **_jobs("music", music, cancels=False),
        **_jobs("transcription", said, cancels=False),
        "transcribe_upload": step(
            "transcribe", TranscriptionRequest(model="#g1_whisper-large", audio=SOUND, language="en")
        ),
        "job_not_found": step("job", "00000000-0000-0000-0000-000000000000", raises=NotFoundError),
        "batch": (
            step("create_batch", batch),
            step("batch", first(lambda made: made)),
            step("batch", first(lambda made: made), wait_s=600.0),
        ),
        "batch_cancelled": (
            step("create_batch", batch),
            step("cancel_batch", first(lambda made: made)),
            step("batch", first(lambda made: made), wait_s=600.0),
        ),
        "balance": step("balance"),
        "model_schema": step("model_schema", "moonshot/kimi-k3"),
        "deprecations": (
            step("deprecations"),
            step("deprecations"),
            step("deprecations", status="withdrawn", since="2026-08-01"),
        ),
        "billing_detail": step("call", "billing_detail"),
        "balance_legacy": step("call", "balance_legacy"),
        "usage": (_hello("aimlapi", "openai/gpt-4o"), step("usage", UsageRequest(period="7d", group_by="model"))),
        "usage_dates": step(
            "usage",
            UsageRequest(
                start="2026-05-01T00:00:00Z", end="2026-05-28T00:00:00Z", group_by="day", time_zone="Europe/Oslo"
            ),
        ),
        "logs_dates": step(
            "logs", LogsRequest(start="2026-05-01T00:00:00Z", end="2026-05-28T00:00:00Z", limit=5, offset=5)
        ),
        "transactions_filtered": (
            _hello("aimlapi", "openai/gpt-4o"),
            _hello("aimlapi", "openai/gpt-4o"),
            step(
                "transactions",
                TransactionsRequest(
                    start="2026-05-01T00:00:00Z", end="2026-06-01T00:00:00Z", direction="CHARGE", limit=1
                ),
            ),
            step("transactions", lambda done: TransactionsRequest(limit=1, cursor=done[2].next_cursor)),
        ),
        "usage_total": step("call", "usage_total", UsageRequest(period="7d")),
        "logs": (
            _hello("aimlapi", "openai/gpt-4o"),
            step("logs", LogsRequest(period="24h", models=["openai/gpt-4o"], statuses=["succeeded"], limit=10)),
        ),
        "transactions": (_hello("aimlapi", "openai/gpt-4o"), step("transactions", TransactionsRequest(limit=5))),
        "current_key": step("current_key"),
        "keys": tuple(
            # Only a management key may, which nobody wants to hand to a recorder: from the simulator only.
            replace(each, key="management-key")
            for each in (
                step("create_key", KeyChange(name="ci", scopes=["model:chat"], limit_usd=25, limit_period="month")),
                step("keys"),
                step("update_key", lambda done: KeyChange(prefix=done[0].prefix, disabled=True)),
                step("replace_key", lambda done: KeyChange(prefix=done[0].prefix, name="ci-2")),
                step("delete_key", first(lambda made: made.prefix)),
            )
        ),
    }


def aimlapi_legacy() -> Named:
    def legacy(name: str, **facts: Any) -> Step:
        return step("legacy", name, LegacyRequest(**facts))

    def about(name: str, where: Callable[[list[Any]], dict[str, str]], **facts: Any) -> Step:
        """A legacy call whose ids come from earlier answers."""
        waited = {"wait_s": facts.pop("wait_s")} if "wait_s" in facts else {}
        return step("legacy", name, lambda done: LegacyRequest(ids=where(done), **facts), **waited)

    def assistant(done: list[Any]) -> dict[str, str]:
        return {"assistant_id": done[0]["id"]}

    def thread(done: list[Any]) -> dict[str, str]:
        return {"thread_id": done[0]["id"]}

    def message(done: list[Any]) -> dict[str, str]:
        return {"thread_id": done[0]["id"], "message_id": done[1]["id"]}

    def run(done: list[Any]) -> dict[str, str]:
        return {"thread_id": done[1]["thread_id"], "run_id": done[1]["id"]}

    def with_outputs(waiting: dict[str, Any]) -> LegacyRequest:
        calls = waiting["required_action"]["submit_tool_outputs"]["tool_calls"]
        outputs = [{"tool_call_id": call["id"], "output": "rain"} for call in calls]
        return LegacyRequest(
            ids={"thread_id": waiting["thread_id"], "run_id": waiting["id"]}, body={"tool_outputs": outputs}
        )

    tool = {
        "type": "function",
        "function": {"name": WEATHER.name, "description": WEATHER.description, "parameters": dict(WEATHER.parameters)},
    }
    plain = {"model": "gpt-4o-mini", "name": "Tutor", "instructions": "Help."}
    hello = {"messages": [{"role": "user", "content": "Hello"}]}
    weather = {"messages": [{"role": "user", "content": "What is the weather in Oslo?"}]}
    together = step(
        "legacy",
        "create_thread_and_run",
        lambda done: LegacyRequest(body={"assistant_id": done[0]["id"], "thread": weather}),
    )
    return {
        "assistant": (
            legacy("create_assistant", body=plain),
            legacy("list_assistants"),
            about("get_assistant", assistant),
            about("update_assistant", assistant, body={"name": "Tutor 2"}),
            about("delete_assistant", assistant),
        ),
        "thread": (
            legacy("create_thread", body=hello),
            about("create_thread_message", thread, body={"role": "user", "content": "And again"}),
            about("list_thread_messages", thread),
            about("get_thread_message", message),
            about("update_thread_message", message, body={"metadata": {"k": "v"}}),
            about("delete_thread_message", message),
            about("get_thread", thread),
            about("update_thread", thread, body={"metadata": {"k": "v"}}),
            about("delete_thread", thread),
        ),
        "run": (
            legacy("create_assistant", body=plain),
            step(
                "legacy",
                "create_thread_and_run",
                lambda done: LegacyRequest(body={"assistant_id": done[0]["id"], "thread": hello}),
            ),
            about("get_run", run, wait_s=10.0),
            about("update_run", run, body={"metadata": {"k": "v"}}),
            about("list_run_steps", run),
            step(
                "legacy",
                "get_run_step",
                lambda done: LegacyRequest(ids={**run(done), "step_id": done[4]["data"][0]["id"]}),
            ),
            step(
                "legacy",
                "create_run",
                lambda done: LegacyRequest(
                    ids={"thread_id": done[1]["thread_id"]}, body={"assistant_id": done[0]["id"]}
                ),
            ),
            step("legacy", "list_runs", lambda done: LegacyRequest(ids={"thread_id": done[1]["thread_id"]})),
        ),
        "run_tools": (
            legacy("create_assistant", body={**plain, "tools": [tool]}),
            together,
            about("get_run", run, wait_s=10.0),
            step(
                "legacy",
                "submit_tool_outputs",
                lambda done: LegacyRequest(
                    ids=run(done),
                    body={
                        "tool_outputs": [
                            {
                                "tool_call_id": done[2]["required_action"]["submit_tool_outputs"]["tool_calls"][0][
                                    "id"
                                ],
                                "output": "rain",
                            }
                        ]
                    },
                ),
            ),
            about("get_run", run, wait_s=10.0),
        ),
        "run_streamed": (
            legacy("create_assistant", body=plain),
            step(
                "legacy_stream",
                "create_thread_and_run",
                lambda done: LegacyRequest(body={"assistant_id": done[0]["id"], "thread": hello}),
            ),
        ),
        "run_streamed_tools": (
            legacy("create_assistant", body={**plain, "tools": [tool]}),
            legacy("create_thread", body=weather),
            step(
                "legacy_stream",
                "create_run",
                lambda done: LegacyRequest(ids={"thread_id": done[1]["id"]}, body={"assistant_id": done[0]["id"]}),
            ),
            step("legacy_stream", "submit_tool_outputs", lambda done: with_outputs(done[2][-2].data)),
        ),
        "run_streamed_ended_early": (
            legacy("create_assistant", body=plain),
            step(
                "legacy_stream",
                "create_thread_and_run",
                lambda done: LegacyRequest(body={"assistant_id": done[0]["id"], "thread": hello}),
                fault="end=5",
                raises=StreamInterruptedError,
            ),
        ),
        "run_cancelled": (
            legacy("create_assistant", body={**plain, "tools": [tool]}),
            together,
            about("cancel_run", run),
        ),
        "file": (
            legacy("upload_file", file=DOCUMENT),
            step("legacy", "get_file", lambda done: LegacyRequest(ids={"file_id": done[0]["id"]})),
            step("legacy", "delete_file", lambda done: LegacyRequest(ids={"file_id": done[0]["id"]})),
        ),
        "completion_legacy": legacy(
            "create_completion",
            body={"model": "gpt-3.5-turbo-instruct", "prompt": "Oslo lies", "max_tokens": 16, "stop": ["."], "n": 2},
        ),
        "file_not_found": step("legacy", "get_file", LegacyRequest(ids={"file_id": "file-none"}), raises=NotFoundError),
        "image_with_url_legacy": legacy(
            "create_image_with_url",
            body={"model": "flux/dev/image-to-image", "prompt": "a paper boat", "image_url": PICTURE_URL},
        ),
        "video_legacy": (
            legacy(
                "create_video_legacy",
                ids={"vendor": "kling"},
                body={"model": "kling-video/v1.6/pro/text-to-video", "prompt": "a tide pool", "duration": "5"},
            ),
            step(
                "legacy",
                "get_video_legacy",
                lambda done: LegacyRequest(
                    ids={"vendor": "kling"}, query={"generation_id": done[0].get("id") or done[0]["generation_id"]}
                ),
                wait_s=20.0,
            ),
        ),
        "music_reference_legacy": legacy("upload_music_reference", file=_ten_seconds()),
        "music_legacy": legacy("generate_music_01", body={"model": "music-01", "lyrics": "##la la##"}),
        "transcribe_legacy": legacy("transcribe_sync", body={"model": "#g1_whisper-base", "url": RECORDING_URL}),
    }


def _ten_seconds() -> Media:
    """The shortest recording that can be a reference for music."""
    return Media.from_bytes(base64.b64decode(tone(seconds=10.0, rate=1000)), name="song.wav")
