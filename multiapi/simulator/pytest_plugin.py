"""Fixtures for tests that want vendors without a network or a bill.

    def test_my_chain(multiapi_simulator, multiapi_base_urls, multiapi_keys):
        model = ChatOpenAI(base_url=multiapi_base_urls["aimlapi"] + "/v1", api_key=multiapi_keys["aimlapi"], ...)

- `multiapi_simulator`: a simulator that serves on a port of this machine; the same one for the whole session, emptied
  before each test. Its `simulator` is the `Simulator`, with clock, faults, limits and log.
- `multiapi_base_urls`: vendor to address on that port.
- `multiapi_keys`: vendor to a key that is good; every key but the special ones is.
- `multiapi_in_process`: a new `Simulator` without a socket; `transport` and `async_transport` are for httpx.
- `multiapi_as_seen`: which forms that were seen live both of them send: False. Override it in a conftest, or for a test with
  `@pytest.mark.parametrize("multiapi_as_seen", [True])`; `True` is all, a set has names (see `multiapi.simulator.as_seen`).

pytest loads this module whether it is used or not, so it imports nothing that costs time or may be missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from multiapi.simulator import Simulator
    from multiapi.simulator.server import Server

_NAMES = ("bineric", "binom_router", "aimlapi", "aicredits", "binobox")


@pytest.fixture(scope="session")
def _multiapi_server() -> Iterator[Server]:
    import threading
    import time

    try:
        from multiapi.simulator.server import Server
    except ImportError as error:
        pytest.skip(f"the simulator needs the extra `simulator`: pip install 'multiapi[simulator]' ({error})")
    server = Server()
    thread = threading.Thread(target=server.run, name="multiapi-simulator", daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            pytest.fail("the simulator did not start")
        time.sleep(0.005)
    yield server
    server.stop()
    thread.join(5)


@pytest.fixture
def multiapi_as_seen() -> bool | str | Iterable[str]:
    """Which forms that were seen live the simulator sends."""
    return False


@pytest.fixture
def multiapi_simulator(_multiapi_server: Server, multiapi_as_seen: bool | str | Iterable[str]) -> Server:
    """A running simulator without requests, charges, faults or limits."""
    simulator = _multiapi_server.simulator
    simulator.reset()
    simulator.faults.clear()
    simulator.limits.switch_off()
    simulator.as_seen = multiapi_as_seen
    return _multiapi_server


@pytest.fixture
def multiapi_base_urls(multiapi_simulator: Server) -> dict[str, str]:
    """The address of each vendor's API on the running simulator."""
    return {name: multiapi_simulator.base_url(name) for name in _NAMES}


@pytest.fixture
def multiapi_keys() -> dict[str, str]:
    """A good key for each vendor."""
    return {name: f"simulated-{name}-key" for name in _NAMES}


@pytest.fixture
def multiapi_in_process(multiapi_as_seen: bool | str | Iterable[str]) -> Simulator:
    """A simulator without a socket."""
    try:
        from multiapi.simulator import Simulator
    except ImportError as error:
        pytest.skip(f"the simulator needs the extra `simulator`: pip install 'multiapi[simulator]' ({error})")
    return Simulator(as_seen=multiapi_as_seen)
