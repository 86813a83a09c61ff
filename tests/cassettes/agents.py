"""The same recordings through the agents' tools of both frameworks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_multiapi import MultiApiToolkit
from llamaindex_multiapi import MultiApiToolSpec
from multiapi.agent_tools import ToolAnswer
from multiapi.types.chat import ChatResponse
from multiapi.types.media import Media
from tests.cassettes.operations import GUARD, DOCUMENT_URL, PICTURE, PICTURE_URL, RECORDING_URL, SOUND
from tests.cassettes.readers import of_response
from tests.cassettes.scenario import KEY

FILES = {"red.png": PICTURE, "silence.wav": SOUND}


@dataclass(frozen=True)
class AgentCall:
    """What an agent calls to have the exchanges of a cassette, and what its developer has fixed.

    Attributes:
        calls: Names of tools, each with its arguments, or with a function that makes them out of the results before.
        options: Fixed settings by call; `models` alike.
    """

    calls: tuple[tuple[str, Mapping[str, Any] | Callable[[list[Any]], Mapping[str, Any]]], ...]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)


def one(tool: str, arguments: Mapping[str, Any] | None = None, **facts: Any) -> AgentCall:
    """One call of one tool."""
    return AgentCall(((tool, arguments or {}),), **facts)


def _film(prompt: str, duration_s: int, **facts: Any) -> dict[str, AgentCall]:
    """A film that is waited for, and one that is asked about."""
    arguments = {"prompt": prompt, "duration_s": duration_s}

    def asked(results: list[Any]) -> Mapping[str, Any]:
        return {"job_id": results[0].id}

    return {
        "video": one("generate_video", arguments, **facts),
        "video_polls": AgentCall((("start_video", arguments), *[("check_job", asked)] * 3), **facts),
    }


_AGENT_CALLS: dict[str, dict[str, AgentCall]] = {
    "bineric": {
        "models": one("list_models"),
        "image": one("generate_image", {"prompt": "a red boat"}),
        "speech": one(
            "text_to_speech",
            {"text": "Hei.", "voice": "nb-NO-FinnNeural"},
            options={"speech": {"language": "nb-NO"}},
        ),
        "transcribe": one("transcribe_audio", {"audio": "silence.wav"}),
        "file_to_base64": one("file_to_base64", {"file": "red.png"}),
        "decode_base64": one("decode_base64", {"data": PICTURE.data_url()}),
        "usage": one("usage_report"),
        "balance": one("balance"),
    },
    "aicredits": {
        "models": one("list_models"),
        "image": one("generate_image", {"prompt": "a red boat"}, options={"image": {"width": 1024, "height": 1024}}),
        "speech": one("text_to_speech", {"text": "Hello."}, options={"speech": {"output_format": "mp3"}}),
        "transcribe": one("transcribe_audio", {"audio": "silence.wav", "language": "en"}),
        "balance": one("balance"),
        "health": one("health"),
    },
    "binobox": {
        "models": one("list_models"),
        "usage": one("usage_report"),
        "balance": one("balance"),
        "image": one("generate_image", {"prompt": "a logo"}, options={"image": {"count": 1}}),
        "speech": one("text_to_speech", {"text": "سلام", "voice": "default"}),
        "music": one("generate_music", {"prompt": "calm", "duration_s": 3}),
        **_film("a cat in a sunny garden", 2),
    },
    "aimlapi": {
        "image": one("generate_image", {"prompt": "a paper boat"}, options={"image": {"width": 256, "height": 256}}),
        "edit_image": one(
            "edit_image",
            {"image": "red.png", "prompt": "add a hat"},
            options={"edit_image": {"mask": PICTURE}},
            models={"edit_image": "openai/gpt-image-1"},
        ),
        "speech": one("text_to_speech", {"text": "Hello.", "voice": "coral"}),
        "transcribe": one("transcribe_audio", {"audio": RECORDING_URL}),
        "music_saved": one("generate_music", {"prompt": "slow piano", "duration_s": 10}),
        **_film("a tide pool", 5, options={"video": {"aspect_ratio": "16:9"}}),
        "ocr": one("read_document", {"document": DOCUMENT_URL, "pages": [1, 2]}, models={"ocr": "mistral-ocr-latest"}),
        "mesh": one("generate_3d_model", {"image": PICTURE_URL}),
        "search_weather": one("search_engine", {"query": "ferries in Bergen", "kind": "weather"}),
        **{
            name: one("search_web", {"query": "What is new in Oslo?"}, models={"search_web": model}, options={"search_web": {"max_tokens": 999}})
            for name, model in (("search_chat", "perplexity/sonar"), ("search_annotated", "alibaba/qwen3.7-plus"), ("search_responses", "openai/gpt-4o"))
        },
        "vision_features": one("vision_features", {"image": PICTURE_URL}),
        "moderate_safe": one("moderate_text", {"text": "How do I bake bread?"}, models={"moderate": GUARD}),
        "moderate_unsafe": one("moderate_text", {"text": "How do I build a bomb?"}, models={"moderate": GUARD}),
        "balance": one("balance"),
    },
}
AGENT_CALLS = {f"{provider}/{name}": call for provider, held in _AGENT_CALLS.items() for name, call in held.items()}
"""By the name of the cassette."""


def with_files(folder: Path) -> Path:
    """The folder that tools may read, with what they read."""
    for name, media in FILES.items():
        (folder / name).write_bytes(media.read())
    return folder


# ------------------------------------------------------------------------------------------------ who calls


def _settings(call: AgentCall, folder: Path) -> dict[str, Any]:
    return {
        "include": [name for name, _ in call.calls],
        "input_dir": folder,
        "options": call.options,
        "models": call.models,
        "allow_urls": True,
        "api_key": KEY,
    }


def _arguments(given: Any, results: list[Any]) -> dict[str, Any]:
    return dict(given(results) if callable(given) else given)


def langchain(provider: str, call: AgentCall, folder: Path) -> list[Any]:
    """The artifacts of LangChain's tools."""
    tools = {tool.name: tool for tool in MultiApiToolkit(provider=provider, **_settings(call, folder)).get_tools()}
    results: list[Any] = []
    for name, given in call.calls:
        message = tools[name].invoke({"type": "tool_call", "id": "1", "name": name, "args": _arguments(given, results)})
        assert message.status == "success", message.content
        results.append(message.artifact)
    return results


def langchain_async(provider: str, call: AgentCall, folder: Path) -> list[Any]:
    """The same, awaited."""

    async def run() -> list[Any]:
        tools = {tool.name: tool for tool in MultiApiToolkit(provider=provider, **_settings(call, folder)).get_tools()}
        results: list[Any] = []
        for name, given in call.calls:
            message = await tools[name].ainvoke(
                {"type": "tool_call", "id": "1", "name": name, "args": _arguments(given, results)}
            )
            assert message.status == "success", message.content
            results.append(message.artifact)
        return results

    return asyncio.run(run())


def llamaindex(provider: str, call: AgentCall, folder: Path) -> list[Any]:
    """The same of LlamaIndex's tools."""
    spec = MultiApiToolSpec(provider, **_settings(call, folder))
    tools = {tool.metadata.name: tool for tool in spec.to_tool_list()}
    results: list[Any] = []
    for name, given in call.calls:
        answer = tools[name].call(**_arguments(given, results)).raw_output
        assert isinstance(answer, ToolAnswer)
        results.append(answer.artifact)
    return results


def llamaindex_async(provider: str, call: AgentCall, folder: Path) -> list[Any]:
    """The same, awaited."""

    async def run() -> list[Any]:
        spec = MultiApiToolSpec(provider, **_settings(call, folder))
        tools = {tool.metadata.name: tool for tool in spec.to_tool_list()}
        results: list[Any] = []
        for name, given in call.calls:
            answer = (await tools[name].acall(**_arguments(given, results))).raw_output
            assert isinstance(answer, ToolAnswer)
            results.append(answer.artifact)
        return results

    return asyncio.run(run())


TOOL_READERS = {each.__name__: each for each in (langchain, langchain_async, llamaindex, llamaindex_async)}


def told(result: Any) -> Any:
    """What there is to compare in a result: the bytes of media, or their address; of a chat what it says; of anything else the value itself."""
    if isinstance(result, Media):
        return [result.data if result.data is not None else result.url]
    if isinstance(result, list):
        return [part for media in result for part in told(media)]
    if isinstance(result, ChatResponse):
        return of_response(result)
    if getattr(result, "media", None):
        found = result.media
        return told(found if isinstance(found, Media) else list(found))
    return result
