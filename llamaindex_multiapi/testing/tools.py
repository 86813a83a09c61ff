"""What every LlamaIndex tool spec should do, as tests that anybody can subclass."""

# ruff: noqa: S301, RUF012

from __future__ import annotations

import asyncio
import inspect
import pickle
import re
from typing import Any

import pytest
from llama_index.core.tools import FunctionTool

NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")


class ToolSpecConformance:
    """Subclass it and define `make`; `calls` are arguments with which each tool can be called for a try."""

    calls: dict[str, dict[str, Any]] = {}
    secrets: tuple[str, ...] = ()
    """Words that no tool may show or give away: keys, paths."""
    is_picklable: bool = True

    def make(self) -> Any:
        """The tool spec under test; it must not need a network."""
        raise NotImplementedError("the subclass says what is tested")

    @pytest.fixture
    def tools(self) -> list[FunctionTool]:
        return self.make().to_tool_list()  # type: ignore[no-any-return]

    def test_there_are_tools_with_names_that_vendors_take(self, tools: list[FunctionTool]) -> None:
        assert tools
        names = [tool.metadata.get_name() for tool in tools]
        assert len(set(names)) == len(names)
        assert all(NAME.match(name) for name in names)

    def test_descriptions_tell_the_model_what_a_tool_does(self, tools: list[FunctionTool]) -> None:
        for tool in tools:
            words = tool.metadata.description.partition("\n")[2].strip()
            assert words
            assert len(tool.metadata.description) <= 1024

    def test_schemas_are_objects_without_references(self, tools: list[FunctionTool]) -> None:
        for tool in tools:
            schema = tool.metadata.get_parameters_dict()
            assert schema["type"] == "object"
            assert "$ref" not in str(schema)
            tool.metadata.to_openai_tool()

    def test_each_tool_has_an_async_side_of_its_own(self) -> None:
        spec = self.make()
        for entry in spec.spec_functions:
            assert isinstance(entry, tuple)
            assert inspect.iscoroutinefunction(getattr(spec, entry[1]))

    def test_no_secret_is_in_what_the_model_sees(self, tools: list[FunctionTool]) -> None:
        for tool in tools:
            shown = str(tool.metadata.to_openai_tool())
            assert not any(secret in shown for secret in self.secrets)

    def test_calls_give_blocks_that_an_agent_can_use(self) -> None:
        spec = self.make()
        by_name = {tool.metadata.name: tool for tool in spec.to_tool_list()}
        for name, arguments in self.calls.items():
            output = by_name[name].call(**arguments)
            assert output.blocks
            assert not output.is_error
            assert not any(secret in output.content for secret in self.secrets)

            async def call(tool: Any = by_name[name], given: dict[str, Any] = arguments) -> Any:
                return await tool.acall(**given)

            again = asyncio.run(call())
            assert [type(block) for block in again.blocks] == [type(block) for block in output.blocks]

    def test_it_can_be_sent_to_a_worker(self) -> None:
        if not self.is_picklable:
            pytest.skip("it holds something that cannot be sent")
        assert pickle.loads(pickle.dumps(self.make())).to_tool_list()
