"""The arguments of a model: what was passed, what a subclass has set for good, and what is not an argument."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from multiapi.client.arguments import MEANINGLESS, check_names

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from multiapi.provider import Provider

_OF_OTHERS = {"api_key": "api_key", "api_base": "base_url", "base_url": "base_url"}


def given(fields: Mapping[str, FieldInfo], values: dict[str, Any], name: str) -> Any:
    """The argument, else what the class has in its place; None if neither says anything."""
    value = values.get(name)
    field = fields[name]
    return value if value is not None or field.is_required() else field.get_default(call_default_factory=True)


def with_unknown(kind: str, known: AbstractSet[str], values: dict[str, Any]) -> dict[str, Any] | None:
    """`model_kwargs` with the arguments that are not fields, which are taken out of `values`.

    Raises:
        ValueError: One is given twice, a field of the model is given inside of `model_kwargs`, or it is the key or the address under
            the name that another package has for it, and would go into the body of every request.
    """
    unknown = values.keys() - known
    if not unknown and not values.get("model_kwargs"):
        return values.get("model_kwargs")
    for name in unknown:
        meant = next((ours for ending, ours in _OF_OTHERS.items() if name.endswith(f"_{ending}")), _OF_OTHERS.get(name))
        if meant is not None:
            raise ValueError(f"{kind} has no argument {name!r}; use {meant}=...")
    held = dict(values.get("model_kwargs") or {})
    twice = (unknown & held.keys()) | (known & held.keys())
    if twice:
        raise ValueError(f"{sorted(twice)} must be given as arguments of their own and not in model_kwargs")
    for name in [name for name in unknown if values[name] is None]:
        unknown.remove(name)
        del values[name]
    meaningless = unknown & MEANINGLESS
    for name in meaningless:
        unknown.remove(name)
        del values[name]
    if meaningless:
        warnings.warn(f"{sorted(meaningless)} mean nothing to {kind} and are left out", stacklevel=6)
    check_names(kind, unknown, known)
    if unknown:
        warnings.warn(
            f"{sorted(unknown)} are unknown arguments of {kind}; they are sent in the body of every request (model_kwargs)",
            stacklevel=6,
        )
        held.update({name: values.pop(name) for name in unknown})
    return held


def hint_at_caches(provider: Provider) -> None:
    """Warn of `cache=True` where LangChain has no cache for it and the provider has one of its own."""
    if provider.prompt_cache_field is None:
        return
    from langchain_core.globals import get_llm_cache

    if get_llm_cache() is None:
        warnings.warn(
            f"cache=True asks for LangChain's cache of responses, and set_llm_cache has set none; for the cache of {provider.name} write prompt_cache=True",
            stacklevel=6,
        )
