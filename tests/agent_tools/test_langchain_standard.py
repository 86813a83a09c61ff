"""LangChain's own standard tests for tools, for the class of every tool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from langchain_multiapi.tools import _CLASSES
from multiapi.agent_tools import TOOLS
from multiapi.providers import PROVIDERS
from tests.agent_tools.conftest import KEY, Vendors
from tests.agent_tools.test_tools import ARGUMENTS, PNG, WAV


def vendor_of(name: str) -> str:
    """One vendor that has the tool; AI/ML API has most."""
    return next(vendor for vendor in ("aimlapi", *PROVIDERS) if TOOLS[name].fits(PROVIDERS[vendor]))


def unit_tests(name: str) -> type[ToolsUnitTests]:
    vendor = vendor_of(name)

    class Unit(ToolsUnitTests):
        @property
        def tool_constructor(self) -> type[BaseTool]:
            return _CLASSES[name]

        @property
        def tool_constructor_params(self) -> dict[str, Any]:
            return {"provider": vendor, "api_key": KEY}

        @property
        def tool_invoke_params_example(self) -> dict[str, Any]:
            return ARGUMENTS[name]

        @property
        def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
            return {PROVIDERS[vendor].api_key_env: KEY}, {"provider": vendor}, {"api_key": KEY, "provider": vendor}

    return Unit


def integration_tests(name: str) -> type[ToolsIntegrationTests]:
    vendor = vendor_of(name)

    class Integration(ToolsIntegrationTests):
        @pytest.fixture(autouse=True)
        def _simulated(self, vendors: Vendors, tmp_path: Path) -> None:
            (tmp_path / "page.png").write_bytes(PNG)
            (tmp_path / "note.wav").write_bytes(WAV)
            self.settings = {"provider": vendor, "input_dir": tmp_path, **vendors.connection(vendor)}

        @property
        def tool_constructor(self) -> type[BaseTool]:
            return _CLASSES[name]

        @property
        def tool_constructor_params(self) -> dict[str, Any]:
            return self.settings

        @property
        def tool_invoke_params_example(self) -> dict[str, Any]:
            return ARGUMENTS[name]

    return Integration


for _name, _class in _CLASSES.items():
    globals()[f"TestUnit{_class.__name__}"] = unit_tests(_name)
    if _name not in {"check_job", "moderate_text"}:  # these need a job, or a guard model, that was there before
        globals()[f"TestIntegration{_class.__name__}"] = integration_tests(_name)
