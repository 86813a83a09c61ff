"""What the tests of the LlamaIndex side share."""

from __future__ import annotations

import pytest

WORKFLOWS_LOOKS_AT_ALL_ATTRIBUTES = "ignore::pydantic.warnings.PydanticDeprecatedSince211"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The framework's workflows touch a deprecated attribute of pydantic's whenever an agent is made."""
    for item in items:
        if "llamaindex" in str(item.path):
            item.add_marker(pytest.mark.filterwarnings(WORKFLOWS_LOOKS_AT_ALL_ATTRIBUTES))
