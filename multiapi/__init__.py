"""LangChain and LlamaIndex integrations for five AI API vendors: Bineric, Binom.Router, AI/ML API, AICredits and Binobox.

This is the framework-free core; `langchain_multiapi` and `llamaindex_multiapi` stand beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from multiapi._version import __version__
from multiapi.errors import MultiApiError
from multiapi.providers import PROVIDERS
from multiapi.types.chat import (
    ChatDelta,
    ChatRequest,
    ChatResponse,
    MediaPart,
    Message,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCall,
)
from multiapi.types.embeddings import EmbedRequest, EmbedResponse
from multiapi.types.limits import Limits, Timeout
from multiapi.types.media import Media
from multiapi.types.usage import Cost, Usage

if TYPE_CHECKING:
    from multiapi.client.client import AsyncClient, Client
    from multiapi.flows.attempts import ModelDeprecatedWarning
    from multiapi.types.account import (
        Balance,
        DailyUsage,
        Deprecation,
        Health,
        KeyChange,
        KeyInfo,
        LogsRequest,
        ModelInfo,
        ModelMetrics,
        ModelsRequest,
        Page,
        Price,
        TransactionsRequest,
        UsageReport,
        UsageRequest,
    )
    from multiapi.types.attribution import Attribution
    from multiapi.types.batches import Batch, BatchRequest, BatchResult
    from multiapi.types.jobs import Job, Progress
    from multiapi.types.legacy import LegacyRequest
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
    from multiapi.types.media_results import (
        EncodedFile,
        ImageResult,
        MediaResult,
        MeshResult,
        Moderation,
        OcrResult,
        Transcript,
    )

_HOMES = {
    "AsyncClient": "client.client",
    "Attribution": "types.attribution",
    "Balance": "types.account",
    "Batch": "types.batches",
    "BatchRequest": "types.batches",
    "BatchResult": "types.batches",
    "Client": "client.client",
    "DailyUsage": "types.account",
    "Deprecation": "types.account",
    "EncodedFile": "types.media_results",
    "Health": "types.account",
    "ImageEditRequest": "types.media_requests",
    "ImageRequest": "types.media_requests",
    "ImageResult": "types.media_results",
    "Job": "types.jobs",
    "KeyChange": "types.account",
    "KeyInfo": "types.account",
    "LegacyRequest": "types.legacy",
    "LogsRequest": "types.account",
    "MediaResult": "types.media_results",
    "MeshRequest": "types.media_requests",
    "MeshResult": "types.media_results",
    "ModelDeprecatedWarning": "flows.attempts",
    "ModelInfo": "types.account",
    "ModelMetrics": "types.account",
    "ModelsRequest": "types.account",
    "Moderation": "types.media_results",
    "ModerationRequest": "types.media_requests",
    "MusicRequest": "types.media_requests",
    "OcrRequest": "types.media_requests",
    "OcrResult": "types.media_results",
    "Page": "types.account",
    "Price": "types.account",
    "Progress": "types.jobs",
    "SpeechRequest": "types.media_requests",
    "TransactionsRequest": "types.account",
    "Transcript": "types.media_results",
    "TranscriptionRequest": "types.media_requests",
    "UsageReport": "types.account",
    "UsageRequest": "types.account",
    "VideoRequest": "types.media_requests",
    "VisionFeaturesRequest": "types.media_requests",
}
"""What is loaded when it is first asked for."""

__all__ = [
    "PROVIDERS",
    "AsyncClient",
    "Attribution",
    "Balance",
    "Batch",
    "BatchRequest",
    "BatchResult",
    "ChatDelta",
    "ChatRequest",
    "ChatResponse",
    "Client",
    "Cost",
    "DailyUsage",
    "Deprecation",
    "EmbedRequest",
    "EmbedResponse",
    "EncodedFile",
    "Health",
    "ImageEditRequest",
    "ImageRequest",
    "ImageResult",
    "Job",
    "KeyChange",
    "KeyInfo",
    "LegacyRequest",
    "Limits",
    "LogsRequest",
    "Media",
    "MediaPart",
    "MediaResult",
    "MeshRequest",
    "MeshResult",
    "Message",
    "ModelDeprecatedWarning",
    "ModelInfo",
    "ModelMetrics",
    "ModelsRequest",
    "Moderation",
    "ModerationRequest",
    "MultiApiError",
    "MusicRequest",
    "OcrRequest",
    "OcrResult",
    "Page",
    "Price",
    "Progress",
    "ResponseFormat",
    "SpeechRequest",
    "TextPart",
    "Timeout",
    "Tool",
    "ToolCall",
    "TransactionsRequest",
    "Transcript",
    "TranscriptionRequest",
    "Usage",
    "UsageReport",
    "UsageRequest",
    "VideoRequest",
    "VisionFeaturesRequest",
    "__version__",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
