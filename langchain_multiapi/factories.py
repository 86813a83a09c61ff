"""Models by one string, as LangChain's own factories make them for the vendors that it knows."""

from __future__ import annotations

from typing import Any

from langchain_multiapi.chat_models import ChatMultiApi
from langchain_multiapi.embeddings import MultiApiEmbeddings


def init_multiapi_chat_model(model: str, *, provider: str | None = None, **kwargs: Any) -> ChatMultiApi:
    """A chat model from "aimlapi:openai/gpt-4o", or from a model's id and its provider.

    What else is given goes to `ChatMultiApi`. For switching at run time, give the result to `configurable_fields` or `configurable_alternatives`.
    """
    return ChatMultiApi(model=model, provider=provider or "", **kwargs)


def init_multiapi_embeddings(model: str, *, provider: str | None = None, **kwargs: Any) -> MultiApiEmbeddings:
    """Embeddings from "aimlapi:openai/text-embedding-3-small", or from a model's id and its provider.

    What else is given goes to `MultiApiEmbeddings`.
    """
    return MultiApiEmbeddings(model=model, provider=provider or "", **kwargs)


def register_with_langchain() -> tuple[str, ...]:
    """Let `langchain.chat_models.init_chat_model` and `langchain.embeddings.init_embeddings` know the vendors.

    LangChain has no public way for this: its tables are private, so this does nothing with versions that have them no more, and
    nothing of it happens unless you call it. Names that LangChain knows already are left alone.

    Returns:
        The names of the vendors that chat models can be made of now.
    """
    from multiapi.providers import PROVIDERS

    chat = _table("langchain.chat_models.base")
    embeddings = _table("langchain.embeddings.base")
    for provider in PROVIDERS.values():
        if chat is not None:
            chat.setdefault(provider.name, _entry("ChatMultiApi", provider.name))
        if embeddings is not None and "embed" in provider.operations:
            embeddings.setdefault(provider.name, _entry("MultiApiEmbeddings", provider.name))
    return tuple(name for name in PROVIDERS if chat is not None and name in chat)


def _table(module: str) -> dict[str, Any] | None:
    from importlib import import_module

    try:
        found = import_module(module)
    except ImportError:
        return None
    table = getattr(found, "_BUILTIN_PROVIDERS", None)
    return table if isinstance(table, dict) else None


def _entry(class_name: str, provider: str) -> tuple[str, str, Any]:
    def make(cls: Any, **kwargs: Any) -> Any:
        return cls(provider=provider, **kwargs)

    return "langchain_multiapi", class_name, make
