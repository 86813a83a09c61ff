"""Everything that AI/ML API does beside chat and embeddings, by name."""

from __future__ import annotations

from typing import Any

from multiapi.provider import Operation
from multiapi.providers.aimlapi import account, legacy, media, media_jobs, protocols, search

OPERATIONS: dict[str, Operation[Any, Any]] = {
    **media.OPERATIONS,
    **media_jobs.OPERATIONS,
    **account.OPERATIONS,
    **protocols.OPERATIONS,
    **legacy.OPERATIONS,
    **search.OPERATIONS,
}
