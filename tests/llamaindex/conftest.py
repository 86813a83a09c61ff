"""What the tests of the LlamaIndex side share."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator

import pytest

THE_FRAMEWORKS_OWN = (
    # Its workflows touch a deprecated attribute of pydantic's whenever an agent is made.
    "ignore::pydantic.warnings.PydanticDeprecatedSince211",
    # Its memories leave their database to the garbage collector.
    "ignore:<aiosqlite:ResourceWarning",
    "ignore:Exception ignored in. <function Connection.__del__:pytest.PytestUnraisableExceptionWarning",
    # It asks for an event loop where none runs, and forgets it.
    "ignore:unclosed event loop:ResourceWarning",
    "ignore:Exception ignored in. <function BaseEventLoop.__del__:pytest.PytestUnraisableExceptionWarning",
    r"ignore:Exception ignored in. <socket.socket fd=\d+, family=1:pytest.PytestUnraisableExceptionWarning",
    r"ignore:Exception in thread .*_connection_worker_thread:pytest.PytestUnhandledThreadExceptionWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "llamaindex" in str(item.path):
            for known in THE_FRAMEWORKS_OWN:
                item.add_marker(pytest.mark.filterwarnings(known))


@pytest.fixture(autouse=True, scope="module")
def _collected() -> Iterator[None]:
    """What the framework leaves behind is collected here and not in somebody else's test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()
