"""One running server for the tests of clients that want a port."""

import threading
import time
from collections.abc import Iterator

import pytest

from multiapi.simulator.server import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.005)
    yield running
    running.stop()
    thread.join(5)
