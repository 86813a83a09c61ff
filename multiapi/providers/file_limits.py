"""What the provider's list says of the files that a model takes, as far as it was read in this process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiapi.types.account import ModelInfo

MAX_LEARNED = 20_000


class FileLimits:
    """Limits of the attachments of one message. What the list leaves open is not in `bytes_of`, or None."""

    __slots__ = ("bytes_of", "max_files", "total_bytes")

    def __init__(
        self, bytes_of: Mapping[str, int] | None = None, max_files: int | None = None, total_bytes: int | None = None
    ) -> None:
        self.bytes_of = bytes_of or {}
        self.max_files = max_files
        self.total_bytes = total_bytes


LEARNED: dict[tuple[str, str], FileLimits] = {}
_OPEN = FileLimits()


def learn(models: Iterable[ModelInfo]) -> None:
    """Take over what a list says; figures that are not above zero say nothing."""
    for model in models:
        if not model.files:
            continue
        found = _read(model.files)
        for name in (model.id, *model.aliases):
            if len(LEARNED) < MAX_LEARNED or (model.provider, name) in LEARNED:
                LEARNED[model.provider, name] = found


def known(provider: str, model: str) -> FileLimits:
    """Return what was read of a model."""
    return LEARNED.get((provider, model), _OPEN)


def _read(files: Mapping[str, Any]) -> FileLimits:
    sizes = {
        kind: round(size * 1_000_000)
        for kind, facts in files.items()
        if isinstance(facts, Mapping) and (size := _positive(facts.get("max_size_mb"))) is not None
    }
    most, total = _positive(files.get("max_files")), _positive(files.get("total_max_size_mb"))
    return FileLimits(
        sizes, None if most is None or most < 1 else int(most), None if total is None else round(total * 1_000_000)
    )


def _positive(value: Any) -> float | None:
    """A number above zero, small enough to be a size."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if 0 < value < 1e9 else None
