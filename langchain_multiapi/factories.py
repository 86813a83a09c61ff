"""Make the providers known to LangChain's own factories, which make models from one string."""

from __future__ import annotations

import warnings
from typing import Any


def register_with_langchain() -> tuple[str, ...]:
    """Let `init_chat_model`, `init_embeddings` and whatever takes a model as a string know the providers: `"aicredits:openai/gpt-4o-mini"`.

    `import langchain_multiapi.register` does the same. LangChain has no public way for this: the tables are private, so this does
    nothing but warn with versions that have none, and nothing of it happens unless you ask for it. Names that LangChain knows already
    are left alone.

    Returns:
        The names of the providers that chat models can be made of now.
    """
    from multiapi.providers import known_providers

    chat = _table("langchain.chat_models.base")
    embeddings = _table("langchain.embeddings.base")
    if chat is None:
        warnings.warn(
            "this version of LangChain has no table of providers that is known here, or langchain is not installed: models cannot be "
            "made from a string alone; make them with ChatMultiApi(model='PROVIDER:MODEL')",
            stacklevel=2,
        )
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
