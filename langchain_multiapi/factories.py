"""Make the providers known to LangChain's own factories, which make models from one string."""

from __future__ import annotations

from typing import Any


def register_with_langchain() -> tuple[str, ...]:
    """Let `langchain.chat_models.init_chat_model` and `langchain.embeddings.init_embeddings` know the vendors.

    LangChain has no public way for this: its tables are private, so this does nothing with versions that have them no more, and
    nothing of it happens unless you call it. Names that LangChain knows already are left alone.

    Returns:
        The names of the vendors that chat models can be made of now.
    """
    from multiapi.providers import known_providers

    chat = _table("langchain.chat_models.base")
    embeddings = _table("langchain.embeddings.base")
    known = known_providers()
    for provider in known.values():
        if chat is not None:
            chat.setdefault(provider.name, _entry("ChatMultiApi", provider.name))
        if embeddings is not None and "embed" in provider.operations:
            embeddings.setdefault(provider.name, _entry("MultiApiEmbeddings", provider.name))
    return tuple(name for name in known if chat is not None and name in chat)


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
