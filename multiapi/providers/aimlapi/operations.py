"""Everything that AI/ML API does beside chat and embeddings, by name."""

from __future__ import annotations

from typing import Any

from multiapi.provider import Operation
from multiapi.providers.aimlapi import account, legacy, making, protocols

OPERATIONS: dict[str, Operation[Any, Any]] = {
    **making.OPERATIONS,
    **account.OPERATIONS,
    **protocols.OPERATIONS,
    **legacy.OPERATIONS,
}
