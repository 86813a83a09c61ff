"""LangChain chat models, embeddings and tools over five vendors: Bineric, Binom.Router, AI/ML API, AICredits, Binobox.

    from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings

    model = ChatMultiApi(provider="aimlapi", model="openai/gpt-4o")

Everything is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if find_spec("langchain_core") is None:
    raise ImportError("langchain_multiapi needs langchain-core: pip install 'multiapi[langchain]'")

from multiapi._version import __version__

if TYPE_CHECKING:
    from langchain_multiapi.chat_models import ChatMultiApi
    from langchain_multiapi.embeddings import MultiApiEmbeddings
    from langchain_multiapi.factories import (
        init_multiapi_chat_model,
        init_multiapi_embeddings,
        register_with_langchain,
    )
    from langchain_multiapi.middleware import SpendGuard, VendorFailover
    from langchain_multiapi.spending import SpendTracker, track_spending
    from langchain_multiapi.tools import MultiApiToolkit

_HOMES = {
    "ChatMultiApi": "chat_models",
    "MultiApiEmbeddings": "embeddings",
    "MultiApiToolkit": "tools",
    "SpendGuard": "middleware",
    "SpendTracker": "spending",
    "VendorFailover": "middleware",
    "init_multiapi_chat_model": "factories",
    "init_multiapi_embeddings": "factories",
    "register_with_langchain": "factories",
    "track_spending": "spending",
}

__all__ = [
    "ChatMultiApi",
    "MultiApiEmbeddings",
    "MultiApiToolkit",
    "SpendGuard",
    "SpendTracker",
    "VendorFailover",
    "__version__",
    "init_multiapi_chat_model",
    "init_multiapi_embeddings",
    "register_with_langchain",
    "track_spending",
]


def __getattr__(name: str) -> Any:
    """Load what is asked for; the classes of single tools come from `langchain_multiapi.tools`."""
    from importlib import import_module

    home = _HOMES.get(name)
    if home is not None:
        found = getattr(import_module(f"{__name__}.{home}"), name)
    elif name.endswith("Tool") and not name.startswith("_"):
        tools = import_module(f"{__name__}.tools")
        if name not in tools.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(tools, name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
