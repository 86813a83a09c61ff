"""The providers' images, voices, videos, documents and accounts as tools for LlamaIndex's agents.

```
tools = MultiApiToolSpec("binobox", output_dir="made").to_tool_list()
agent = FunctionAgent(llm=llm, tools=tools)
```

A tool answers with a short text; what was made is on `output.raw_output.media`, and in the folder if there is one.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llama_index.core.base.llms.types import AudioBlock, ImageBlock, TextBlock, VideoBlock
from llama_index.core.tools import FunctionTool, ToolMetadata
from llama_index.core.tools.tool_spec.base import SPEC_FUNCTION_TYPE, BaseToolSpec

from multiapi.agent_tools import MAX_INPUT_BYTES, TOOLS, AgentTool, ToolAnswer, Toolbox, arguments_model, failure_text
from multiapi.agent_tools.toolbox import needs_key
from multiapi.client.pair import ClientPair
from multiapi.errors import InvalidRequestError
from multiapi.flows.jobs import DEFAULT_TIMEOUT_S, PollEvery
from multiapi.provider import Provider, ProviderName
from multiapi.providers import find_provider
from multiapi.sending.keys import sealed
from multiapi.types.media import Media

__all__ = ["MultiApiToolSpec"]


class MultiApiToolSpec(BaseToolSpec):
    """The tools of one provider: generate_image, text_to_speech, transcribe_audio, ... as far as it has them.

    Each is a method as well, `spec.generate_image(prompt="a cat")` and awaited `spec.agenerate_image(prompt="a cat")`.

    Args:
        provider: bineric, binom_router, aimlapi, aicredits or binobox, a registered name, or a `multiapi.Provider`.
        include: Which tools, by name. None: all that the provider has.
        input_dir: Files may be read below this folder, and nowhere else. None: none may be read.
        output_dir: What is made is written into this folder under names made here.
        models: The models of tools where they shall not be the usual ones, as in {"generate_image": "flux/dev"}.
        options: Fixed settings by call, as in {"speech": {"voice": "nova"}}; see `multiapi.agent_tools.Toolbox`.
        allow_urls: Let a model name https addresses as inputs.
        job_timeout_s: How long a tool waits for a video, music or a transcript.
        poll_every: How often it asks meanwhile: seconds, or a function that gives them for the seconds waited so far.
        media_blocks: Hand images, sound and video to the agent's model as well, as content blocks. It must be able to take them.
        api_key, base_url, timeout, max_retries, http_client, http_async_client, ...: As for `MultiApiLLM`.

    Raises:
        UnsupportedError: One of `include` needs what the provider lacks; the message names those that have it.
        MissingApiKeyError: No key.
    """

    def __init__(
        self,
        provider: ProviderName | Provider,
        *,
        include: Sequence[str] | None = None,
        input_dir: str | Path | None = None,
        output_dir: str | Path | None = None,
        models: Mapping[str, str] | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        allow_urls: bool = False,
        job_timeout_s: float = DEFAULT_TIMEOUT_S,
        poll_every: PollEvery | None = None,
        max_input_bytes: int = MAX_INPUT_BYTES,
        media_blocks: bool = False,
        **connection: Any,
    ) -> None:
        failure: Exception | None = None
        try:
            self.clients = ClientPair(provider, needs_key=needs_key(find_provider(provider), include), **connection)
        except Exception as error:
            failure = sealed(error)
        connection = {}
        if failure is not None:
            raise failure
        self.toolbox = Toolbox(
            self.clients.provider,
            input_dir=input_dir,
            output_dir=output_dir,
            models=models,
            options=options,
            allow_urls=allow_urls,
            job_timeout_s=job_timeout_s,
            poll_every=poll_every,
            max_input_bytes=max_input_bytes,
        )
        self.media_blocks = media_blocks
        self.spec_functions: list[SPEC_FUNCTION_TYPE] = [
            (tool.name, f"a{tool.name}") for tool in self.toolbox.tools(include)
        ]

    def __repr__(self) -> str:
        made = self.__dict__.get("clients")  # an error may show one that is not finished
        return f"MultiApiToolSpec({made.provider.name if made else '?'!r})"

    def to_tool_list(
        self,
        spec_functions: list[SPEC_FUNCTION_TYPE] | None = None,
        func_to_metadata_mapping: dict[str, ToolMetadata] | None = None,
    ) -> list[FunctionTool]:
        chosen = [entry if isinstance(entry, str) else entry[0] for entry in spec_functions or self.spec_functions]
        metadata = {name: self._metadata(TOOLS[name]) for name in chosen if name in TOOLS}
        return super().to_tool_list(spec_functions, {**metadata, **(func_to_metadata_mapping or {})})

    def _metadata(self, tool: AgentTool) -> ToolMetadata:
        provider = self.clients.provider
        words = ", ".join(
            f"{each.name}: {getattr(each.type, '__name__', each.type)}" for each in tool.parameters(provider)
        )
        return ToolMetadata(
            name=tool.name,
            description=f"{tool.name}({words})\n{tool.description}",
            fn_schema=arguments_model(tool, provider),
        )

    def _run(self, tool: AgentTool, arguments: Mapping[str, Any]) -> Any:
        try:
            return self._shown(self.clients.run(lambda target: self.toolbox.run(tool, target, arguments)))
        except OSError as error:
            raise InvalidRequestError(failure_text(error)) from error

    async def _arun(self, tool: AgentTool, arguments: Mapping[str, Any]) -> Any:
        try:
            return self._shown(await self.clients.arun(lambda target: self.toolbox.run(tool, target, arguments)))
        except OSError as error:
            raise InvalidRequestError(failure_text(error)) from error

    def _shown(self, answer: ToolAnswer) -> Any:
        if not self.media_blocks or not answer.media:
            return answer
        blocks = [block for media in answer.media if (block := _block(media)) is not None]
        return [TextBlock(text=answer.text), *blocks]


def _block(media: Media) -> ImageBlock | AudioBlock | VideoBlock | None:
    source: dict[str, Any] = {}
    if media.path is not None:
        source["path"] = media.path
    elif media.data is None:
        source["url"] = media.url
    if media.kind == "image":
        return ImageBlock(image=media.data, image_mimetype=media.mime_type, **source)
    if media.kind == "audio":
        return AudioBlock(audio=media.data, format=media.extension[1:], **source)
    if media.kind == "video":
        return VideoBlock(video=media.data, video_mimetype=media.mime_type, **source)
    return None


def _add_method(tool: AgentTool) -> None:
    """The tool as a method of the spec, with the signature and the words that frameworks read."""

    def method(self: MultiApiToolSpec, **arguments: Any) -> Any:
        return self._run(tool, arguments)

    async def amethod(self: MultiApiToolSpec, **arguments: Any) -> Any:
        return await self._arun(tool, arguments)

    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    chosen = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=each.type)
        for each in tool.parameters()
    ]
    both: list[tuple[Any, str]] = [(method, tool.name), (amethod, f"a{tool.name}")]
    for made, name in both:
        made.__name__, made.__qualname__, made.__doc__ = name, f"MultiApiToolSpec.{name}", tool.description
        made.__signature__ = inspect.Signature([own, *chosen])
        setattr(MultiApiToolSpec, name, made)


for _tool in TOOLS.values():
    _add_method(_tool)
