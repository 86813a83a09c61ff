"""What single models can do, for LangChain's `profile`: built from the providers' own lists, read when first asked for.

A key that is not there is not known. The tables are made by `python -m langchain_multiapi.profiles.build`; nothing is fetched here.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

import orjson

from multiapi.provider import Provider
from multiapi.providers import find_provider
from multiapi.providers.context_windows import known_context_window

if TYPE_CHECKING:
    from langchain_core.language_models.model_profile import ModelProfile


def find_profile(provider: str | Provider, model: str) -> ModelProfile:
    """The profile of a model; of one that is not listed, what holds for all models of the provider."""
    vendor = find_provider(provider)
    table = _table(vendor.name)
    models: dict[str, int] = table["models"]
    profile: dict[str, Any] = dict(table["sets"][models[model]] if model in models else table["vendor"])
    window = known_context_window(vendor, model)
    if window is not None:
        profile["max_input_tokens"] = window
    return cast("ModelProfile", profile)


def listed_models(provider: str) -> tuple[str, ...]:
    """The ids in the table of a provider."""
    return tuple(_table(provider)["models"])


@cache
def _table(provider: str) -> dict[str, Any]:
    file = files(__name__).joinpath(f"{provider}.json")
    if not file.is_file():
        return {"vendor": {"text_inputs": True, "text_outputs": True}, "sets": [], "models": {}}
    return cast("dict[str, Any]", orjson.loads(file.read_bytes()))
