"""LangChain and LlamaIndex integrations for five AI API vendors: Bineric, Binom.Router, AI/ML API, AICredits and Binobox.

This is the framework-free core; `langchain_multiapi` and `llamaindex_multiapi` stand beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from multiapi._version import __version__
from multiapi.errors import MultiApiError
from multiapi.media import Media
from multiapi.providers import PROVIDERS
from multiapi.types import (
    ChatDelta,
    ChatRequest,
    ChatResponse,
    Cost,
    EmbedRequest,
    EmbedResponse,
    Limits,
    MediaPart,
    Message,
    ResponseFormat,
    TextPart,
    Timeout,
    Tool,
    ToolCall,
    Usage,
)

if TYPE_CHECKING:
    from multiapi.account import (
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
    from multiapi.batches import (
        Batch,
        BatchRequest,
        BatchResult,
    )
    from multiapi.client import AsyncClient, Client
    from multiapi.flow import ModelDeprecatedWarning
    from multiapi.jobs import (
        Job,
        Progress,
    )
    from multiapi.legacy import (
        LegacyRequest,
    )
    from multiapi.media_requests import (
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
    from multiapi.media_results import (
        EncodedFile,
        ImageResult,
        MediaResult,
        MeshResult,
        Moderation,
        OcrResult,
        Transcript,
    )

_HOMES = {
    "AsyncClient": "client",
    "Balance": "account",
    "Batch": "batches",
    "BatchRequest": "batches",
    "BatchResult": "batches",
    "Client": "client",
    "DailyUsage": "account",
    "Deprecation": "account",
    "EncodedFile": "media_results",
    "Health": "account",
    "ImageEditRequest": "media_requests",
    "ImageRequest": "media_requests",
    "ImageResult": "media_results",
    "Job": "jobs",
    "KeyChange": "account",
    "KeyInfo": "account",
    "LegacyRequest": "legacy",
    "LogsRequest": "account",
    "MediaResult": "media_results",
    "MeshRequest": "media_requests",
    "MeshResult": "media_results",
    "ModelDeprecatedWarning": "flow",
    "ModelInfo": "account",
    "ModelMetrics": "account",
    "ModelsRequest": "account",
    "Moderation": "media_results",
    "ModerationRequest": "media_requests",
    "MusicRequest": "media_requests",
    "OcrRequest": "media_requests",
    "OcrResult": "media_results",
    "Page": "account",
    "Price": "account",
    "Progress": "jobs",
    "SpeechRequest": "media_requests",
    "TransactionsRequest": "account",
    "Transcript": "media_results",
    "TranscriptionRequest": "media_requests",
    "UsageReport": "account",
    "UsageRequest": "account",
    "VideoRequest": "media_requests",
    "VisionFeaturesRequest": "media_requests",
}
"""What is loaded when it is first asked for."""

__all__ = [
    "PROVIDERS",
    "AsyncClient",
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
