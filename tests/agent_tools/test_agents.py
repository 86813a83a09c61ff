"""An agent on each framework, asked for a picture and a caption read aloud, ends with a PNG and an audio file in its folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from langchain.agents import create_agent
from llama_index.core.agent.workflow import FunctionAgent

from langchain_multiapi import ChatMultiApi, MultiApiToolkit
from llamaindex_multiapi import MultiApiLLM, MultiApiToolSpec
from multiapi.simulator.media import transcribe
from multiapi.types.media import Media
from tests.agent_tools.conftest import Vendors

TASK = "make a picture of a red boat and read a caption aloud"
INCLUDE = ["generate_image", "text_to_speech"]
CHAT_MODELS = {
    "binobox": "gemini-3.1-flash-lite",
    "aimlapi": "openai/gpt-4o",
    "aicredits": "openai/gpt-4o-mini",
    "bineric": "gpt-4",
}


def check(folder: Path) -> None:
    made = sorted(folder.iterdir())
    assert [path.suffix for path in made] == [".mp3", ".png"]
    sound, picture = (Media.from_path(path) for path in made)
    assert (sound.kind, picture.mime_type) == ("audio", "image/png")
    assert transcribe(sound.read()).text


@pytest.mark.parametrize("vendor", list(CHAT_MODELS))
def test_an_agent_of_langchain(vendors: Vendors, tmp_path: Path, vendor: str) -> None:
    kit = MultiApiToolkit(provider=vendor, output_dir=tmp_path / "made", include=INCLUDE, **vendors.connection(vendor))
    model = ChatMultiApi(provider=vendor, model=CHAT_MODELS[vendor], **vendors.connection(vendor))
    result = create_agent(model, kit.get_tools()).invoke({"messages": [("user", TASK)]})
    check(tmp_path / "made")
    answers = [message for message in result["messages"] if message.type == "tool"]
    assert {message.name for message in answers} == set(INCLUDE)
    assert all(isinstance(message.artifact, Media) and message.artifact.path for message in answers)
    assert "base64" not in str([message.content for message in result["messages"]])


@pytest.mark.parametrize("vendor", list(CHAT_MODELS))
async def test_the_same_awaited(vendors: Vendors, tmp_path: Path, vendor: str) -> None:
    kit = MultiApiToolkit(provider=vendor, output_dir=tmp_path / "made", include=INCLUDE, **vendors.connection(vendor))
    model = ChatMultiApi(provider=vendor, model=CHAT_MODELS[vendor], **vendors.connection(vendor))
    await create_agent(model, kit.get_tools()).ainvoke({"messages": [("user", TASK)]})
    check(tmp_path / "made")


@pytest.mark.parametrize("vendor", list(CHAT_MODELS))
async def test_an_agent_of_llamaindex(vendors: Vendors, tmp_path: Path, vendor: str) -> None:
    spec = MultiApiToolSpec(vendor, output_dir=tmp_path / "made", include=INCLUDE, **vendors.connection(vendor))
    llm = MultiApiLLM(provider=vendor, model=CHAT_MODELS[vendor], **vendors.connection(vendor))
    answer = await FunctionAgent(llm=llm, tools=spec.to_tool_list()).run(TASK)
    check(tmp_path / "made")
    assert str(answer)


async def test_a_failing_tool_does_not_end_the_agent(vendors: Vendors, tmp_path: Path) -> None:
    """The vendor refuses to draw; the model is told so, and the caption is still read."""
    vendors.simulator.faults.add("status=500", vendor="binobox", operation="createImage", times=5)
    kit = MultiApiToolkit(
        provider="binobox", output_dir=tmp_path / "made", include=INCLUDE, **vendors.connection("binobox")
    )
    model = ChatMultiApi(provider="binobox", model=CHAT_MODELS["binobox"], **vendors.connection("binobox"))
    result = await create_agent(model, kit.get_tools()).ainvoke({"messages": [("user", TASK)]})
    states = {message.name: message.status for message in result["messages"] if message.type == "tool"}
    assert states == {"generate_image": "error", "text_to_speech": "success"}
    assert [path.suffix for path in (tmp_path / "made").iterdir()] == [".mp3"]
