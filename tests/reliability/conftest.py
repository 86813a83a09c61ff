"""Keys for all vendors, and no waiting between attempts unless a test is about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from multiapi.sending.kept import PROCESS
from multiapi.sending.waiting import WAITING, NoWaiting, set_waiting
from tests.reliability.bodies import chat_body
from tests.reliability.hostile_server import HostileServer, answer
from tests.reliability.ways import ALL


@pytest.fixture(scope="session", autouse=True)
def loaded() -> None:
    """Import the frameworks before any time is taken."""
    with HostileServer(answer(chat_body())) as server:
        for way in ALL:
            way.ask(server.url).good()


@pytest.fixture(autouse=True)
def waits() -> Iterator[list[float]]:
    """How long the client would have waited between attempts; it does not."""
    without = NoWaiting()
    set_waiting(without)
    PROCESS.retry_budgets.clear()
    yield without.waits
    set_waiting(WAITING)
