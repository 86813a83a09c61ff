"""Fixtures for tests that want providers without a network or a bill.

    def test_my_chain(multiapi_simulator, multiapi_base_urls, multiapi_keys):
        model = ChatOpenAI(base_url=multiapi_base_urls["aimlapi"] + "/v1", api_key=multiapi_keys["aimlapi"], ...)

- `multiapi_simulator`: a simulator that serves on a port of this machine; the same one for the whole session, emptied
  before each test. Its `simulator` is the `Simulator`, with answers, clock, faults, limits and log.
- `multiapi_base_urls`: provider to address on that port.
- `multiapi_keys`: provider to a key that is good; every key but the special ones is.
- `multiapi_in_process`: a new `Simulator` without a socket; `transport` and `async_transport` are for httpx.
- `multiapi_answers`: what the models of both say, in order. Give it with `@pytest.mark.multiapi_answers("It rains.", {"error": 503})`, or
  override it with a list. An answer that nobody asked for, and a request without one, fail the test.
- `multiapi_as_seen`: which forms that were seen live both of them send: False. Override it in a conftest, or for a test with
  `@pytest.mark.parametrize("multiapi_as_seen", [True])`; `True` is all, a set has names (see `multiapi.simulator.as_seen`).
- `multiapi_withdrawn`: whether both serve what providers have withdrawn, as documented before its withdrawal: False; overridden like this.

Where the extra `simulator` is missing, the fixtures fail; with `MULTIAPI_SIMULATOR=skip` in the environment they skip the test.

pytest loads this module whether it is used or not, so it imports nothing of the package before a fixture is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from multiapi.simulator import Simulator
    from multiapi.simulator.server import Server

__all__ = [
    "_multiapi_server",
    "multiapi_answers",
    "multiapi_as_seen",
    "multiapi_base_urls",
    "multiapi_in_process",
    "multiapi_keys",
    "multiapi_simulator",
    "multiapi_withdrawn",
    "pytest_configure",
    "pytest_runtest_call",
]

_NAMES = ("bineric", "binom_router", "aimlapi", "aicredits", "binobox")
_SCRIPTED = pytest.StashKey["list[Simulator]"]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "multiapi_answers(*answers, otherwise=None): what the simulated models say in this test, in order"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test whose scripted answers were not asked for, or not enough."""
    try:
        result = yield
    except BaseException as error:
        if report := _report(item):
            error.add_note(report)
        raise
    if report := _report(item):
        pytest.fail(report, pytrace=False)
    return result


def _report(item: pytest.Item) -> str:
    return "\n\n".join(filter(None, (simulator.script.report() for simulator in item.stash.get(_SCRIPTED, []))))


def _missing(error: ImportError) -> NoReturn:
    from multiapi._package import install

    reason = f"the simulator needs the extra `simulator` ({error}); {install('simulator')}"
    if os.environ.get("MULTIAPI_SIMULATOR") == "skip":
        pytest.skip(reason)
    pytest.fail(f"{reason}; set MULTIAPI_SIMULATOR=skip to skip such tests", pytrace=False)


@pytest.fixture(scope="session")
def _multiapi_server() -> Iterator[Server]:
    import threading
    import time

    try:
        from multiapi.simulator.server import Server
    except ImportError as error:
        _missing(error)
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
def multiapi_withdrawn() -> bool:
    """Whether the simulator serves what providers have withdrawn, as documented before its withdrawal."""
    return False


@pytest.fixture
def multiapi_answers(request: pytest.FixtureRequest) -> Any:
    """What the simulated models say, in order: those of the marker, or none."""
    marker = request.node.get_closest_marker("multiapi_answers")
    return [] if marker is None else {"answers": list(marker.args), **marker.kwargs}


def _script(simulator: Simulator, answers: Any, request: pytest.FixtureRequest) -> None:
    request.node.stash.setdefault(_SCRIPTED, []).append(simulator)
    if isinstance(answers, Mapping) and "answers" in answers:
        simulator.answers(*answers["answers"], otherwise=answers.get("otherwise"))
    elif answers:
        simulator.answers(*(answers if isinstance(answers, list | tuple) else [answers]))


@pytest.fixture
def multiapi_simulator(
    _multiapi_server: Server,
    multiapi_as_seen: bool | str | Iterable[str],
    multiapi_withdrawn: bool,
    multiapi_answers: Any,
    request: pytest.FixtureRequest,
) -> Server:
    """A running simulator without requests, charges, answers, faults or limits."""
    simulator = _multiapi_server.simulator
    simulator.reset()
    simulator.faults.clear()
    simulator.limits.switch_off()
    simulator.as_seen = multiapi_as_seen
    simulator.withdrawn = multiapi_withdrawn
    simulator.strict = False
    _script(simulator, multiapi_answers, request)
    return _multiapi_server


@pytest.fixture
def multiapi_base_urls(multiapi_simulator: Server) -> dict[str, str]:
    """The address of each provider's API on the running simulator."""
    return {name: multiapi_simulator.base_url(name) for name in _NAMES}


@pytest.fixture
def multiapi_keys() -> dict[str, str]:
    """A good key for each provider."""
    return {name: f"simulated-{name}-key" for name in _NAMES}


@pytest.fixture
def multiapi_in_process(
    multiapi_as_seen: bool | str | Iterable[str],
    multiapi_withdrawn: bool,
    multiapi_answers: Any,
    request: pytest.FixtureRequest,
) -> Simulator:
    """A simulator without a socket."""
    try:
        from multiapi.simulator import Simulator
    except ImportError as error:
        _missing(error)
    simulator = Simulator(as_seen=multiapi_as_seen, withdrawn=multiapi_withdrawn)
    _script(simulator, multiapi_answers, request)
    return simulator
