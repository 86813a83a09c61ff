"""Every documented answer of every operation beside chat is read in full, and every operation that is not removed is ours too."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from multiapi.http.exchange import HttpResponse
from multiapi.provider import operation_of
from multiapi.providers import PROVIDERS
from multiapi.providers.aimlapi.legacy import ROUTES
from multiapi.types.usage import Cost
from tests.contracts import Example, contract, removed, response_examples

pytestmark = pytest.mark.usefixtures("waits")

OURS: dict[str, dict[str, tuple[str, ...]]] = {
    "bineric": {
        "listModels": ("models",),
        "convertFileToBase64": ("file_to_base64",),
        "decodeBase64": ("decode_base64",),
        "getUsageStatistics": ("usage",),
        "getDailyUsage": ("daily_usage",),
        "getBalance": ("balance",),
    },
    "aicredits": {
        "createResponse": ("responses",),
        "createImage": ("image",),
        "createSpeech": ("speech",),
        "createTranscription": ("transcribe",),
        "getCredits": ("credits", "balance"),
        "getCreditsSeen": ("credits", "balance"),
        "listModels": ("models",),
        "getHealth": ("health",),
        "getReadiness": ("ready",),
        "getLiveness": ("live",),
    },
    "binobox": {
        "listModels": ("models",),
        "getUsage": ("usage", "balance"),
        "createImage": ("image",),
        "createSpeech": ("speech",),
        "createMusic": ("music",),
        "createVideo": ("start_video",),
        "getJob": ("poll_video",),
    },
    "aimlapi": {
        "createResponse": ("responses",),
        "createMessage": ("messages",),
        "createImage": ("image", "mesh"),
        "editImage": ("edit_image",),
        "createVideo": ("start_video",),
        "getVideo": ("poll_video",),
        "createMusic": ("start_music",),
        "getMusic": ("poll_music",),
        "createTranscription": ("start_transcription",),
        "getTranscription": ("poll_transcription",),
        "createSpeech": ("speech",),
        "createOcr": ("ocr",),
        "analyzeImage": ("vision_features",),
        "createBatch": ("create_batch",),
        "getBatch": ("get_batch",),
        "cancelBatch": ("cancel_batch",),
        "listModels": ("models",),
        "getModel": ("model",),
        "getModelMetrics": ("metrics",),
        "listModelDeprecations": ("deprecations",),
        "getBalance": ("balance",),
        "getBillingDetail": ("billing_detail",),
        "getBalanceLegacy": ("balance_legacy",),
        "getUsage": ("usage_total",),
        "getUsageDetail": ("usage",),
        "listLogs": ("logs",),
        "listTransactions": ("transactions",),
        "createKey": ("create_key",),
        "listKeys": ("list_keys",),
        "getKey": ("get_key",),
        "updateKey": ("update_key",),
        "replaceKey": ("replace_key",),
        "deleteKey": ("delete_key",),
    },
}
LEGACY_NAMES = {
    "createImageWithUrl": "create_image_with_url",
    "createVideoLegacy": "create_video_legacy",
    "getVideoLegacy": "get_video_legacy",
    "uploadMusicReference": "upload_music_reference",
    "generateMusic01": "generate_music_01",
    "transcribeSync": "transcribe_sync",
    "createThreadAndRun": "create_thread_and_run",
    "submitToolOutputs": "submit_tool_outputs",
}
CHAT = {"createChatCompletion", "createEmbedding"}


def snake(name: str) -> str:
    return LEGACY_NAMES.get(name) or "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def our_names(example: Example) -> tuple[str, ...]:
    known = OURS.get(example.vendor, {}).get(example.operation)
    if known is None:
        return (snake(example.operation),)
    if len(known) > 1 and example.operation == "createImage":
        return ("mesh",) if "mesh" in str(example.value) else ("image",)
    return known


ANSWERS = [
    example
    for vendor in PROVIDERS
    for example in response_examples(vendor)
    if example.status.startswith("2")
    and example.media_type == "application/json"
    and example.operation not in CHAT
    and (example.operation not in removed(vendor) or our_names(example)[0] in PROVIDERS[vendor].operations)
    and not (example.operation in {"editImage", "createImageWithUrl"} and "mesh" in str(example.value))
]


def parsed(example: Example, name: str) -> Any:
    response = HttpResponse(200, {"content-type": "application/json"}, json.dumps(example.value).encode())
    return operation_of(PROVIDERS[example.vendor], name).parse(response)


@pytest.mark.parametrize("vendor", list(PROVIDERS))
def test_every_operation_that_is_not_removed_is_ours(vendor: str) -> None:
    for item in contract(vendor)["paths"].values():
        for method, operation in item.items():
            if method not in {"get", "post", "put", "patch", "delete"} or operation["operationId"] in CHAT:
                continue
            if operation.get("x-status") == "removed":
                continue
            names = OURS.get(vendor, {}).get(operation["operationId"]) or (snake(operation["operationId"]),)
            for name in names:
                assert operation_of(PROVIDERS[vendor], name).name == name


@pytest.mark.parametrize("vendor", ["bineric", "aicredits", "binobox", "aimlapi"])
def test_method_and_path_are_the_documented_ones(vendor: str) -> None:
    """What each builder asks for exists in the contract with this method."""
    documented = {
        (method.upper(), path)
        for path, item in contract(vendor)["paths"].items()
        for method in item
        if method in {"get", "post", "put", "patch", "delete"}
    }
    for name, (method, path) in (ROUTES if vendor == "aimlapi" else {}).items():
        camel = {"{assistant_id}": "{assistantId}", "{thread_id}": "{threadId}", "{message_id}": "{messageId}"}
        camel |= {"{run_id}": "{runId}", "{step_id}": "{stepId}"}
        for ours, theirs in camel.items():
            path = path.replace(ours, theirs)
        assert (method, path) in documented, name


@pytest.mark.parametrize("example", ANSWERS, ids=str)
def test_a_documented_answer_is_read(example: Example) -> None:
    """Each has its facts in the table below, or is a list or body that is handed through."""
    for name in our_names(example):
        result = parsed(example, name)
        facts = FACTS.get((example.vendor, name, example.name)) or FACTS.get(
            (example.vendor, example.operation, example.name)
        )
        if name == "delete_key":
            assert result is True
        elif facts is None:
            assert name in ROUTES or name == "vision_features", f"no facts are given for {example}"
            assert result == example.value
        else:
            for path, value in facts.items():
                assert reach(result, path) == value, path


def reach(value: Any, path: str) -> Any:
    for step in path.split("."):
        if step.lstrip("-").isdigit():
            value = value[int(step)]
        elif isinstance(value, dict):
            value = value[step]
        elif step == "len":
            value = len(value)
        else:
            value = getattr(value, step)
    return value


USD, DIAMONDS = (
    (lambda amount: Cost(Decimal(amount), "USD")),
    (lambda amount, left: Cost(Decimal(amount), "diamonds", Decimal(left))),
)
URL = "https://cdn.aimlapi.com/"
IMAGE_FACTS = {
    "url": {"media.0.url": f"{URL}generations/a.png", "media.0.mime_type": "image/png", "cost": USD("0.042")},
    "typed": {"media.0.url": f"{URL}generations/x.png", "media.0.mime_type": "image/png", "cost": USD("0.026")},
    "inline": {"media.0.data": b"hi", "cost": Cost(Decimal(84000), "credits")},
    "openai": {
        "media.0.url": f"{URL}generations/b.png",
        "usage.output_tokens": 1056,
        "usage.total_tokens": 1068,
        "cost": None,
    },
    "flux_raw": {
        "media.0.url": f"{URL}c.jpg",
        "media.0.mime_type": "image/jpeg",
        "media.0.metadata.width": 1024,
        "raw.seed": 7,
    },
}
KEY_FACTS = {
    "prefix": "b747e891",
    "name": None,
    "disabled": False,
    "scopes": None,
    "limit_usd": None,
    "spent_this_month_usd": Decimal(0),
    "key": None,
}
FACTS: dict[tuple[str, str, str], dict[str, Any]] = {
    ("bineric", "listModels", "catalogue"): {
        "len": 2,
        "0.id": "gpt-4",
        "0.max_output_tokens": 4096,
        "0.capabilities": ("text", "code", "analysis", "vision", "streaming"),
        "0.prices.0.amount": Decimal("0.005"),
        "0.prices.0.currency": "USD",
        "0.prices.1.what": "output_tokens",
        "1.prices.0.what": "image",
        "1.prices.0.amount": Decimal("0.04"),
        "1.max_output_tokens": None,
    },
    ("bineric", "convertFileToBase64", "image"): {
        "media.mime_type": "image/png",
        "media.data.len": 70,
        "name": "example.png",
        "category": "image",
        "original_bytes": 1234567,
        "request_id": "req_1234567890",
    },
    ("bineric", "getUsageStatistics", "month"): {
        "cost": Cost(Decimal("0.03738"), None),
        "total_tokens": 4800,
        "requests": 5,
        "start": "2024-01-01",
        "end": "2024-01-31",
        "by_model.0.model": "gpt-4",
        "by_model.0.input_tokens": 1240,
        "by_model.0.output_tokens": 3560,
        "by_model.0.requests": 5,
        "by_model.0.cost": Cost(Decimal("0.03738"), None),
    },
    ("bineric", "getDailyUsage", "active"): {
        "active": True,
        "expires": "2024-12-31T23:59:59.999Z",
        "requests": 5,
        "input_tokens": 1240,
        "output_tokens": 3560,
        "cost": Cost(Decimal("0.03738"), None),
        "last_model": "gpt-4",
        "last_time": "2024-12-31T23:59:59.999Z",
        "last_cost": Cost(Decimal("0.00738"), None),
    },
    ("bineric", "getDailyUsage", "inactive"): {"active": False, "expires": None, "requests": 0, "last_model": None},
    ("bineric", "getBalance", "active"): {
        "amount": Decimal("95.26"),
        "unit": None,
        "expires": "2024-12-31T23:59:59.999Z",
    },
    ("aicredits", "createResponse", "hello"): {
        "text": "Hello! How can I help you?",
        "id": "resp_abc123",
        "usage.total_tokens": 28,
        "finish_reason": "stop",
    },
    ("aicredits", "createImage", "url"): {
        "media.0.url": "https://images.example.com/abc.png",
        "media.0.metadata.revised_prompt": "A serene view",
    },
    ("aicredits", "createImage", "base64"): {"media.0.mime_type": "image/png", "media.0.data.len": 70},
    ("aicredits", "createTranscription", "text"): {"text": "Namaste"},
    ("aicredits", "createTranscription", "seen_segments"): {
        "text": "Namaste. Welcome.",
        "duration_s": 2.4,
        "segments.len": 2,
        "segments.1.text": "Welcome.",
        "segments.1.start_s": 1.2,
        "segments.1.end_s": 2.4,
    },
    ("aicredits", "createTranscription", "seen_sarvam"): {"text": "namaste", "language": "hi-IN"},
    ("aicredits", "getCredits", "assumed"): {"amount": Decimal("482.35"), "unit": "INR"},
    ("aicredits", "listModels", "one"): {
        "0.id": "openai/gpt-4o-mini",
        "0.name": "GPT-4o Mini",
        "0.developer": "openai",
        "0.context_tokens": 128000,
        "0.prices.0.amount": Decimal("0.15"),
        "0.prices.0.currency": "USD",
        "0.prices.1.amount": Decimal("0.6"),
        "0.prices.1.per": Decimal(1_000_000),
    },
    ("aicredits", "listModels", "seen"): {
        "0.developer": "openai",
        "0.description": "Small and fast",
        "0.context_tokens": 128000,
        "0.prices.0.amount": Decimal("0.15"),
        "0.prices.0.currency": "USD",
        "0.prices.1.amount": Decimal("0.6"),
        "0.prices.2.what": "cached_input_tokens",
        "0.prices.2.amount": Decimal("0.075"),
        "0.prices.3.amount": Decimal("15.05"),
        "0.prices.3.currency": "INR",
        "0.prices.4.amount": Decimal("60.18"),
        "0.inputs": ("text", "image"),
        "0.outputs": ("text",),
        "0.capabilities": ("chat",),
        "0.active": True,
        "1.active": False,
        "1.context_tokens": 8192,
    },
    ("aicredits", "getCreditsSeen", "seen"): {"amount": Decimal("482.35"), "unit": "INR"},
    ("aimlapi", "listModels", "twice"): {
        "len": 2,
        "0.kind": "openai/chat-completions",
        "0.prices.0.when.number": 1,
        "0.prices.1.when.number": 2,
        "1.kind": "openai/image-generations",
    },
    ("aimlapi", "listModelDeprecations", "feed"): {
        "items.len": 2,
        "items.0.id": "openai/gpt-5.3-chat",
        "items.0.aliases": ("gpt-5.3-chat",),
        "items.0.status": "withdrawn",
        "items.0.deprecated_at": "2026-08-10",
        "items.0.shutdown_at": "2026-08-10",
        "items.0.replaced_by": "openai/gpt-5.3-codex",
        "items.0.reason": "provider_delisted",
        "items.1.status": "superseded",
        "items.1.shutdown_at": None,
    },
    ("aimlapi", "listModelDeprecations", "none"): {"items.len": 0},
    ("aicredits", "getHealth", "ok"): {"ok": True, "status": "ok"},
    ("aicredits", "getReadiness", "ready"): {"ok": True, "parts": {"db": "ok", "redis": "ok"}},
    ("binobox", "listModels", "one"): {
        "0.id": "gemini-3.1-flash-lite",
        "0.developer": "Google",
        "0.capabilities": ("chat",),
        "0.prices.0.amount": Decimal("0.18"),
        "0.prices.0.currency": "diamonds",
        "0.prices.0.what": "call_at_least",
    },
    ("binobox", "usage", "month"): {
        "days": 30,
        "requests": 42,
        "succeeded": 40,
        "failed": 2,
        "cost": DIAMONDS("15.5", "970.34"),
        "balance": Decimal("970.34"),
    },
    ("binobox", "balance", "month"): {"amount": Decimal("970.34"), "unit": "diamonds"},
    ("binobox", "createImage", "logo"): {"media.0.mime_type": "image/png", "cost": DIAMONDS("20", "950.16")},
    ("binobox", "createSpeech", "test"): {
        "data": b"ID3\x04\x00\x00\x00\x00\x00\x00",
        "mime_type": "audio/mpeg",
        "model": "gemini-3.1-flash-tts",
        "cost": DIAMONDS("8", "942.16"),
    },
    ("binobox", "createMusic", "ambient"): {
        "mime_type": "audio/mpeg",
        "raw.duration": 30,
        "cost": DIAMONDS("60", "882.16"),
    },
    ("binobox", "createVideo", "cat"): {
        "id": "job-uuid",
        "status": "pending",
        "state": "pending",
        "estimated_cost": Cost(Decimal(800), "diamonds"),
        "cost": None,
    },
    ("binobox", "getJob", "completed"): {
        "state": "completed",
        "media.0.url": "https://api.binobox.ir/uploads/private/video/2026-06-02/abc.mp4?e=1780394445&s=0a1b2c",
        "media.0.mime_type": "video/mp4",
        "media.0.size": 1843200,
        "media.0.metadata.duration_seconds": 5,
        "cost": Cost(Decimal(800), "diamonds"),
        "created": "2026-06-02T10:00:00.000Z",
        "finished": "2026-06-02T10:00:45.000Z",
    },
    ("binobox", "getJob", "pending"): {"state": "pending", "media": (), "cost": None, "error": None, "started": None},
    ("binobox", "getJob", "failed"): {"state": "failed", "error": "Generation was refused"},
    ("aimlapi", "createResponse", "done"): {
        "text": "Hi.",
        "usage.reasoning_tokens": 16,
        "cost": USD("0.00045"),
        "reasoning.details.0.id": "rs_1",
        "metadata.status": "completed",
    },
    ("aimlapi", "createResponse", "call"): {
        "tool_calls.0.id": "c1",
        "tool_calls.0.name": "rain_now",
        "tool_calls.0.arguments": "{}",
        "finish_reason": "tool_calls",
    },
    ("aimlapi", "createMessage", "text"): {
        "text": "Hello.",
        "finish_reason": "end_turn",
        "usage.input_tokens": 9,
        "usage.output_tokens": 4,
        "cost": USD("0.00015"),
    },
    ("aimlapi", "createMessage", "tool"): {
        "tool_calls.0.id": "toolu_1",
        "tool_calls.0.arguments": '{"city":"Oslo"}',
        "finish_reason": "tool_use",
    },
    **{
        ("aimlapi", operation, name): facts
        for operation in ("createImage", "editImage")
        for name, facts in IMAGE_FACTS.items()
    },
    ("aimlapi", "createImage", "mesh"): {
        "media.0.url": f"{URL}m.glb",
        "media.0.mime_type": "model/gltf-binary",
        "media.0.size": 1291912,
        "parts.model_mesh.url": f"{URL}m.glb",
        "cost": Cost(Decimal(182000), "credits"),
    },
    ("aimlapi", "createImage", "parts"): {
        "media.len": 4,
        "parts.segmented_mesh.url": f"{URL}s.glb",
        "raw.best_mask_index": 2,
    },
    ("aimlapi", "createVideo", "queued"): {
        "id": "QC4qjlUKt8ZedNi7r09LM",
        "state": "pending",
        "estimated_cost": USD("1.95"),
    },
    ("aimlapi", "createVideo", "older_id"): {
        "id": "524671b1-c89a-4fb2-b731-b52111a9dcbe:google/veo-3.1-t2v",
        "state": "pending",
    },
    ("aimlapi", "getVideo", "running"): {"state": "pending", "status": "generating"},
    ("aimlapi", "getVideo", "done"): {
        "state": "completed",
        "media.0.url": f"{URL}generations/v.mp4",
        "cost": USD("1.95"),
    },
    ("aimlapi", "getVideo", "many"): {"state": "completed", "media.0.url": f"{URL}generations/v.mp4"},
    ("aimlapi", "getVideo", "observed"): {"state": "completed", "media.0.url": f"{URL}panda/v.mp4"},
    ("aimlapi", "getVideo", "failed"): {"state": "failed", "error": "GenerationError: No face found", "cost": None},
    ("aimlapi", "createMusic", "queued"): {
        "id": "60ac7c34-3224-4b14-8e7d-0aa0db708325:minimax/music-2.0",
        "kind": "music",
    },
    ("aimlapi", "getMusic", "done"): {
        "media.0.url": f"{URL}m.mp3",
        "media.0.mime_type": "audio/mpeg",
        "media.0.size": 1014804,
    },
    ("aimlapi", "getMusic", "extra"): {"media.0.url": f"{URL}m.mp3", "raw.extra_info.music_duration": 93022},
    ("aimlapi", "getMusic", "failed"): {"state": "failed", "error": "BadInput: Too short"},
    ("aimlapi", "createTranscription", "new"): {
        "id": "dzIgQQyw8KCfoI5clcbHZ",
        "kind": "transcription",
        "state": "pending",
    },
    ("aimlapi", "createTranscription", "old"): {
        "id": "e3d46bba-7562-44a9-b440-504d940342a3",
        "state": "pending",
        "status": "queued",
    },
    ("aimlapi", "getTranscription", "running"): {"id": "g1", "state": "pending", "transcript": None},
    ("aimlapi", "getTranscription", "openai"): {
        "transcript.text": "Hello.",
        "transcript.usage.input_tokens": 100,
        "transcript.usage.output_tokens": 35,
        "transcript.usage.total_tokens": 135,
    },
    ("aimlapi", "getTranscription", "microsoft"): {"transcript.text": "Hello.", "transcript.duration_s": 11.0},
    ("aimlapi", "getTranscription", "deepgram"): {
        "transcript.text": "Hello.",
        "transcript.duration_s": 11.4,
        "transcript.words.0.text": "Hello.",
        "transcript.words.0.start_s": 0.3,
        "transcript.words.0.end_s": 0.4,
        "transcript.words.0.confidence": 0.99,
    },
    ("aimlapi", "getTranscription", "assembly"): {
        "transcript.text": "Hello.",
        "transcript.duration_s": 11.0,
        "transcript.words.0.start_s": 0.32,
        "transcript.words.0.end_s": 0.4,
        "transcript.words.0.speaker": None,
    },
    ("aimlapi", "getTranscription", "newest"): {"id": "g1", "transcript.text": "Hello."},
    ("aimlapi", "getTranscription", "failed"): {
        "state": "failed",
        "error": "BadAudio: Unreadable file",
        "transcript": None,
    },
    ("aimlapi", "createSpeech", "object"): {
        "url": f"{URL}generations/a.mp3",
        "mime_type": "audio/mpeg",
        "cost": USD("0.0037705"),
    },
    ("aimlapi", "createSpeech", "qwen"): {"url": "http://example.com/a.wav", "mime_type": "audio/wav"},
    ("aimlapi", "createSpeech", "schema_form"): {"url": f"{URL}generations/a.mp3"},
    ("aimlapi", "createOcr", "page"): {
        "text": "# Title",
        "pages.0.number": 1,
        "pages.0.images": (),
        "pages.0.width_px": 1700,
        "pages.0.height_px": 2200,
        "model": "mistral-ocr-2503-completion",
        "raw.usage_info.pages_processed": 1,
        "cost": Cost(Decimal(26000), "credits"),
    },
    ("aimlapi", "createBatch", "running"): {
        "id": "kgTRCVoAz4GwrHWIOFZjg",
        "state": "pending",
        "status": "in_progress",
        "counts.processing": 2,
    },
    ("aimlapi", "getBatch", "running"): {"id": "msgbatch_01", "state": "pending", "status": "generating"},
    ("aimlapi", "getBatch", "cancelled"): {"id": "fe91", "state": "cancelled"},
    ("aimlapi", "getBatch", "result"): {
        "state": "completed",
        "results.0.custom_id": "a",
        "results.0.outcome": "succeeded",
        "results.0.response.text": "Hi",
        "results.0.response.usage.output_tokens": 2,
    },
    ("aimlapi", "cancelBatch", "schema_form"): {"id": "fe91", "state": "cancelled"},
    ("aimlapi", "cancelBatch", "sample_form"): {"id": "msgbatch_01", "state": "pending", "status": "canceling"},
    ("aimlapi", "listModels", "plain"): {
        "0.id": "openai/gpt-4o",
        "0.aliases": ("gpt-4o",),
        "0.name": "GPT-4o",
        "0.context_tokens": 128000,
        "0.max_output_tokens": 16384,
        "0.kind": "openai/chat-completions",
    },
    ("aimlapi", "listModels", "priced"): {
        "0.inputs": ("text",),
        "0.outputs": ("video",),
        "0.prices.0.amount": Decimal("0.39"),
        "0.prices.0.currency": "USD",
        "0.prices.0.what": "second",
        "0.prices.0.per": Decimal(1),
        "0.prices.0.when": {"resolution": "720p"},
    },
    ("aimlapi", "getModel", "one"): {"id": "openai/gpt-4o", "developer": "Open AI"},
    ("aimlapi", "getModelMetrics", "one"): {
        "0.model": "openai/gpt-5",
        "0.window_s": 300,
        "0.percentiles.ttft_ms.p50": 412.0,
        "0.percentiles.duration_ms.p99": 9100.0,
    },
    ("aimlapi", "getBalance", "one"): {"amount": Decimal("123.45"), "unit": "USD"},
    ("aimlapi", "getBillingDetail", "one"): {
        "amount": Decimal("100.5"),
        "unit": "USD",
        "raw.autotopup_settings.threshold": 50,
    },
    ("aimlapi", "getBalanceLegacy", "one"): {"amount": Decimal(10_000_000), "unit": "credits"},
    ("aimlapi", "getUsage", "one"): {"cost": USD("13.704199"), "requests": 9643, "start": "2026-07-26T22:15:00.000Z"},
    ("aimlapi", "getUsageDetail", "grouped"): {
        "cost": USD("12.3456"),
        "by_model.0.model": "openai/gpt-5",
        "by_model.0.cost": USD("8.12"),
        "by_model.0.requests": 500,
        "groups.0.day": "2026-07-21",
        "groups.0.input_tokens": 128400,
        "groups.0.output_tokens": 51200,
        "groups.0.requests": 220,
        "groups.0.cost": USD("3.41"),
        "succeeded": 214,
        "failed": 6,
    },
    ("aimlapi", "listLogs", "one"): {
        "items.0.status": "succeeded",
        "items.0.cost": USD("0.25"),
        "items.0.input_tokens": 10,
        "items.0.client_request_id": "customer-42",
        "items.0.inference_id": "inf-1",
        "items.0.origin": "api",
        "total": 1,
        "next_offset": None,
    },
    ("aimlapi", "listTransactions", "one"): {
        "items.0.direction": "CHARGE",
        "items.0.kind": "MODEL_USAGE",
        "items.0.amount": USD("1.56"),
        "items.0.model": "openai/gpt-5",
        "next_cursor": None,
    },
    ("aimlapi", "createKey", "one"): {
        "prefix": "b747e891",
        "name": "ci",
        "key": "<full key>",
        "scopes": ("model:chat",),
        "limit_usd": Decimal(25),
        "limit_period": "month",
    },
    ("aimlapi", "listKeys", "none"): {"len": 0},
    ("aimlapi", "getKey", "one"): KEY_FACTS,
    ("aimlapi", "updateKey", "one"): KEY_FACTS,
    ("aimlapi", "replaceKey", "one"): KEY_FACTS,
}


def test_a_key_shows_itself_nowhere_but_in_its_field() -> None:
    example = next(e for e in ANSWERS if e.operation == "createKey")
    made = parsed(example, "create_key")
    assert made.key == "<full key>"
    assert "<full key>" not in repr(made) and "<full key>" not in str(made.raw)


def test_biners_speech_is_stripped_of_the_beginning_of_a_data_url() -> None:
    example = next(e for e in response_examples("bineric") if e.name == "speech")
    made = parsed(example, "speech")
    assert (made.data[:3], made.mime_type, made.cost) == (
        b"ID3",
        "audio/mpeg",
        Cost(Decimal("0.0001"), None, Decimal("95.25")),
    )
