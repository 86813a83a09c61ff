"""Which models of AI/ML API are deprecated, superseded or withdrawn: a small file of its own, looked at before every call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from multiapi.types.account import Deprecation


def deprecation_of(model: str) -> Deprecation | None:
    """What the list says of a model that is not current any more; None for all others."""
    facts = _gone().get(model)
    if facts is None:
        return None
    return Deprecation(
        id=model,
        provider="aimlapi",
        status=facts["status"],
        replaced_by=facts.get("replaced_by"),
        deprecated_at=facts.get("deprecated_at"),
    )


@cache
def _gone() -> Mapping[str, Mapping[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((files(__package__) / "aimlapi_gone.json").read_bytes())
    return found
