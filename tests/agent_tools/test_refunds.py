"""A job that failed and was paid back: the tools of both frameworks say so, whichever of them learns it."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from langchain_multiapi import MultiApiToolkit
from llamaindex_multiapi import MultiApiToolSpec
from multiapi.errors import JobFailedError
from multiapi.simulator import Simulator

pytestmark = pytest.mark.usefixtures("waits")


@pytest.mark.parametrize(("fault", "back"), [("job=refund", True), ("job=fail", False)])
@pytest.mark.parametrize("tool", ["check_job", "generate_video"])
@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
def test_a_tool_says_what_came_back(framework: str, tool: str, fault: str, back: bool) -> None:
    simulator = Simulator(job_wait_s=0.0, job_run_s=0.0)
    given: dict[str, Any] = {
        "provider": "binobox",
        "api_key": "any-key-1234",
        "base_url": simulator.base_url("binobox"),
        "http_client": httpx.Client(transport=simulator.transport),
        "include": ["start_video", "check_job", "generate_video"],
    }
    simulator.faults.add(fault, vendor="binobox")

    def call(name: str, **arguments: Any) -> str:
        if framework == "langchain":
            kit = {each.name: each for each in MultiApiToolkit(**given).get_tools()}
            return str(kit[name].invoke(arguments))
        spec = {each.metadata.name: each for each in MultiApiToolSpec(**given).to_tool_list()}
        try:
            return str(spec[name].call(**arguments))
        except JobFailedError as error:
            assert (error.partial.refunded is not None) is back
            return f"{error} [{error.code}]"

    if tool == "check_job":
        begun = re.search(r"id (\S+)\.", call("start_video", prompt="a cat"))
        assert begun is not None
        simulator.clock.advance(30)
        said = call("check_job", job_id=begun[1])
    else:
        said = call("generate_video", prompt="a cat")
    assert "GENERATION_FAILED" in said
    assert ("800 diamonds came back" in said) is back
