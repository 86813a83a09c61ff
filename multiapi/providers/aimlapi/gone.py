"""Which models of AI/ML API are deprecated, superseded or withdrawn: looked at before every call, so it loads nothing but a small file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiapi.types.account import Deprecation


def deprecation_of(model: str) -> Deprecation | None:
    """What the list says of a model that is not current any more; None for all others."""
    facts = _gone().get(model)
    if facts is None:
        return None
    from multiapi.types.account import Deprecation

    return Deprecation(
        id=model,
        provider="aimlapi",
        status=facts["status"],
        replaced_by=facts.get("replaced_by"),
        deprecated_at=facts.get("deprecated_at"),
    )


@cache
def _gone() -> Mapping[str, Mapping[str, str]]:
    file = files(__package__) / "catalogue" / "aimlapi_gone.json"
    found: dict[str, dict[str, str]] = json.loads(file.read_bytes())
    return found
