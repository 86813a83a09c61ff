"""LangChain and LlamaIndex integrations for five AI API vendors: Bineric, Binom.Router, AI/ML API, AICredits and Binobox.

This is the framework-free core; `langchain_multiapi` and `llamaindex_multiapi` stand beside it.
"""

from multiapi._version import __version__
from multiapi.client import AsyncClient, Client
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

__all__ = [
    "PROVIDERS",
    "AsyncClient",
    "ChatDelta",
    "ChatRequest",
    "ChatResponse",
    "Client",
    "Cost",
    "EmbedRequest",
    "EmbedResponse",
    "Limits",
    "Media",
    "MediaPart",
    "Message",
    "MultiApiError",
    "ResponseFormat",
    "TextPart",
    "Timeout",
    "Tool",
    "ToolCall",
    "Usage",
    "__version__",
]
