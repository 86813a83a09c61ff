"""What single models can do, for LangChain's `profile`: built from the vendors' own lists, read when first asked for."""

from __future__ import annotations

from typing import Any


def find_profile(provider: str, model: str) -> Any:
    """The profile of a model, or None if it is not known."""
    return None
