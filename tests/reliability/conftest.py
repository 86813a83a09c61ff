"""Keys for all vendors, and no waiting between attempts unless a test is about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from multiapi.client import RETRY_BUDGETS
from multiapi.waiting import WAITING, NoWaiting, set_waiting


@pytest.fixture(autouse=True)
def waits() -> Iterator[list[float]]:
    """How long the client would have waited between attempts; it does not."""
    without = NoWaiting()
    set_waiting(without)
    RETRY_BUDGETS.clear()
    yield without.waits
    set_waiting(WAITING)
