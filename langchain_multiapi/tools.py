"""The providers' images, voices, videos, documents and accounts as tools for LangChain's agents.

    tools = MultiApiToolkit(provider="binobox", output_dir="made").get_tools()
    agent = create_agent(model, tools)

A tool answers with a short text for the model and the media as artifact: `message.artifact.save("picture")`. Failures become text
with status "error", so that an agent can go on. What a model may choose is in `args_schema`; provider, model, folders and limits are
yours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Unpack

from langchain_core.tools import BaseTool, BaseToolkit, ToolException
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, SecretStr, model_validator

from langchain_multiapi._errors import langchain_errors
from langchain_multiapi._keys import Sealed, VendorKey, find_key
from multiapi.agent_tools import MAX_INPUT_BYTES, TOOLS, ToolAnswer, Toolbox, arguments_model, failure_text
from multiapi.agent_tools.toolbox import needs_key
from multiapi.client.pair import ClientPair
from multiapi.errors import MissingApiKeyError, MultiApiError
from multiapi.flows.jobs import DEFAULT_TIMEOUT_S
from multiapi.flows.steps import Policy
from multiapi.money.budget import Budget
from multiapi.provider import Provider
from multiapi.providers import find_provider
from multiapi.sending.limiter import Limiter
from multiapi.types.attribution import Attribution
from multiapi.types.limits import Limits

if TYPE_CHECKING:
    from langchain_multiapi._keywords import ToolkitKeywords
    from multiapi.provider import ProviderName

__all__ = [
    "BalanceTool",
    "CheckJobTool",
    "DecodeBase64Tool",
    "EditImageTool",
    "FileToBase64Tool",
    "Generate3DModelTool",
    "GenerateImageTool",
    "GenerateMusicTool",
    "GenerateVideoTool",
    "HealthTool",
    "ListModelsTool",
    "ModerateTextTool",
    "MultiApiTool",
    "MultiApiToolkit",
    "ReadDocumentTool",
    "SearchEngineTool",
    "SearchWebTool",
    "StartVideoTool",
    "TextToSpeechTool",
    "TranscribeAudioTool",
    "UsageReportTool",
    "VisionFeaturesTool",
]


def _key_for(cls: Any, provider: Provider, values: Mapping[str, Any]) -> Any:
    """The key; None where there is none and the tools that are made need none.

    Raises:
        MissingApiKeyError: There is none and it is needed.
    """
    named = getattr(cls, "tool_name", None)
    try:
        return find_key(values.get("api_key"), provider)
    except MissingApiKeyError:
        if values.get("api_key") is not None or needs_key(provider, [named] if named else values.get("include")):
            raise
    return None


class _Vendor(Sealed, BaseModel):
    """Whose tools they are, and what they may touch.

    Args:
        provider: bineric, binom_router, aimlapi, aicredits or binobox, a registered name, or a `multiapi.Provider`.
        input_dir: Files may be read below this folder, and nowhere else. None: none may be read.
        output_dir: What is made is written into this folder under names made here. None: it is only in the artifacts.
        options: Fixed settings by call, as in {"speech": {"voice": "nova"}}; see `multiapi.agent_tools.Toolbox`.
        allow_urls: Let a model name https addresses as inputs.
        job_timeout_s: How long a tool waits for a video, music or a transcript.
        poll_every: How often it asks meanwhile: seconds, or a function that gives them for the seconds waited so far.
        api_key, base_url, timeout, max_retries, default_headers, default_query, http_client, http_async_client, allow_http, limiter,
            proxy, verify, trust_env, engine, policy, limits, attribution, budget: As for `ChatMultiApi`.
    """

    provider: str
    input_dir: str | Path | None = None
    output_dir: str | Path | None = None
    options: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    allow_urls: bool = False
    job_timeout_s: float = DEFAULT_TIMEOUT_S
    poll_every: Any = Field(default=None, exclude=True)
    max_input_bytes: int = MAX_INPUT_BYTES
    api_key: SecretStr | Callable[[], Any] | None = Field(default=None, exclude=True)
    base_url: str | None = None
    timeout: Any = None
    max_retries: int | None = None
    default_headers: Mapping[str, str] | None = Field(default=None, exclude=True, repr=False)
    http_client: Any = Field(default=None, exclude=True, repr=False)
    http_async_client: Any = Field(default=None, exclude=True, repr=False)
    allow_http: bool = False
    default_query: Mapping[str, str] | None = Field(default=None, exclude=True, repr=False)
    limiter: Limiter | Literal["documented"] | None = Field(default=None, exclude=True, repr=False)
    proxy: str | None = Field(default=None, exclude=True, repr=False)
    verify: Any = Field(default=True, exclude=True, repr=False)
    trust_env: bool = Field(default=True, exclude=True, repr=False)
    engine: str | None = Field(default=None, exclude=True, repr=False)
    policy: Policy | None = Field(default=None, exclude=True, repr=False)
    limits: Limits | None = Field(default=None, exclude=True, repr=False)
    attribution: Attribution | None = Field(default=None, exclude=True, repr=False)
    budget: Annotated[Any, BeforeValidator(Budget.of)] = Field(default=None, exclude=True, repr=False)

    model_config = ConfigDict(arbitrary_types_allowed=True)

    _toolbox: Toolbox | None = PrivateAttr(default=None)
    _clients: ClientPair | None = PrivateAttr(default=None)
    _vendor: Provider | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _find_vendor(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("provider"):
            with langchain_errors():
                provider = find_provider(values["provider"])
                key = _key_for(cls, provider, values)
                values = {**values, "provider": provider.name, "api_key": key}
        return values

    def _models(self) -> Mapping[str, str]:
        return {}

    @property
    def toolbox(self) -> Toolbox:
        """What the tools of one toolkit share."""
        if self._toolbox is None:
            with langchain_errors():
                self._toolbox = Toolbox(
                    self.vendor,
                    input_dir=self.input_dir,
                    output_dir=self.output_dir,
                    models=self._models(),
                    options=self.options,
                    allow_urls=self.allow_urls,
                    job_timeout_s=self.job_timeout_s,
                    poll_every=self.poll_every,
                    max_input_bytes=self.max_input_bytes,
                )
        return self._toolbox

    @property
    def clients(self) -> ClientPair:
        """The core's clients that the tools call."""
        if self._clients is None:
            key = self.api_key
            with langchain_errors():
                self._clients = ClientPair(
                    self.vendor,
                    needs_key=False,  # it was asked for when this was made, where it is needed
                    api_key=key.to_core() if isinstance(key, VendorKey) else key,
                    base_url=self.base_url,
                    timeout=self.timeout,
                    max_retries=self.max_retries,
                    default_headers=self.default_headers,
                    allow_http=self.allow_http,
                    default_query=self.default_query,
                    limiter=self.limiter,
                    proxy=self.proxy,
                    verify=self.verify,
                    trust_env=self.trust_env,
                    engine=self.engine,
                    policy=self.policy,
                    limits=self.limits,
                    attribution=self.attribution,
                    budget=self.budget,
                    http_client=self.http_client,
                    http_async_client=self.http_async_client,
                )
        return self._clients

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        held = {**state["__dict__"], "http_client": None, "http_async_client": None}
        return {**state, "__dict__": held, "__pydantic_private__": {"_vendor": self.vendor}}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(
            {**state, "__pydantic_private__": {**state["__pydantic_private__"], "_toolbox": None, "_clients": None}}
        )


class MultiApiTool(_Vendor, BaseTool):
    """One tool of one provider; use one of its subclasses, or `MultiApiToolkit` for all of a provider's at once.

    Args:
        provider: The provider.
        model: The provider's model, where it shall not be the usual one of `Provider.default_models`.

    Raises:
        UnsupportedError: The provider does not have it; the message names those that have.
        MissingApiKeyError: No key.
    """

    tool_name: ClassVar[str] = ""
    name: str = ""
    description: str = ""
    model: str | None = None
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    handle_tool_error: Any = True

    @model_validator(mode="before")
    @classmethod
    def _fit_to_vendor(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("provider") and cls.tool_name:
            with langchain_errors():
                provider = find_provider(values["provider"])
                (tool,) = Toolbox(provider).tools([cls.tool_name])
                values = {"args_schema": arguments_model(tool, provider), **values}
        return values

    def _models(self) -> Mapping[str, str]:
        return {} if self.model is None else {self.tool_name: self.model}

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        return {**state, "__dict__": {**state["__dict__"], "args_schema": None}}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        # A class that was made here cannot travel; it is made again.
        self.__dict__["args_schema"] = arguments_model(TOOLS[self.tool_name], self.vendor)

    def _run(self, **arguments: Any) -> tuple[str, Any]:
        tool, box = TOOLS[self.tool_name], self.toolbox
        try:
            return _answered(self.clients.run(lambda target: box.run(tool, target, arguments)))
        except (MultiApiError, OSError) as error:
            raise ToolException(failure_text(error)) from error

    async def _arun(self, **arguments: Any) -> tuple[str, Any]:
        tool, box = TOOLS[self.tool_name], self.toolbox
        try:
            return _answered(await self.clients.arun(lambda target: box.run(tool, target, arguments)))
        except (MultiApiError, OSError) as error:
            raise ToolException(failure_text(error)) from error


def _answered(answer: ToolAnswer) -> tuple[str, Any]:
    return answer.text, answer.artifact


class GenerateImageTool(MultiApiTool):
    """Makes an image from a description."""

    tool_name: ClassVar[str] = "generate_image"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class EditImageTool(MultiApiTool):
    """Changes an image as described."""

    tool_name: ClassVar[str] = "edit_image"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class TextToSpeechTool(MultiApiTool):
    """Reads a text aloud."""

    tool_name: ClassVar[str] = "text_to_speech"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class TranscribeAudioTool(MultiApiTool):
    """Writes down what is said in an audio file."""

    tool_name: ClassVar[str] = "transcribe_audio"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class GenerateMusicTool(MultiApiTool):
    """Makes music from a description."""

    tool_name: ClassVar[str] = "generate_music"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class GenerateVideoTool(MultiApiTool):
    """Makes a short video and waits for it."""

    tool_name: ClassVar[str] = "generate_video"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class StartVideoTool(MultiApiTool):
    """Starts a short video without waiting for it."""

    tool_name: ClassVar[str] = "start_video"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class CheckJobTool(MultiApiTool):
    """Asks how a video is doing."""

    tool_name: ClassVar[str] = "check_job"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class ReadDocumentTool(MultiApiTool):
    """Reads the text of a PDF or of an image."""

    tool_name: ClassVar[str] = "read_document"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class Generate3DModelTool(MultiApiTool):
    """Makes a 3D model of the thing in an image."""

    tool_name: ClassVar[str] = "generate_3d_model"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class SearchWebTool(MultiApiTool):
    """Tool that searches the web, and returns a response with its sources."""

    tool_name: ClassVar[str] = "search_web"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class ModerateTextTool(MultiApiTool):
    """Judges whether a text is harmful, by a guard model of your choice."""

    tool_name: ClassVar[str] = "moderate_text"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class SearchEngineTool(MultiApiTool):
    """Searches with AI/ML API's search engine, as documented before its withdrawal; there only where it is named."""

    tool_name: ClassVar[str] = "search_engine"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class VisionFeaturesTool(MultiApiTool):
    """Finds labels, texts or faces in an image (legacy); there only where it is named."""

    tool_name: ClassVar[str] = "vision_features"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class FileToBase64Tool(MultiApiTool):
    """Turns a file into base64; the text is in the artifact and not in the conversation."""

    tool_name: ClassVar[str] = "file_to_base64"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class DecodeBase64Tool(MultiApiTool):
    """Turns base64 text back into a file."""

    tool_name: ClassVar[str] = "decode_base64"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class ListModelsTool(MultiApiTool):
    """Lists the provider's models with their prices."""

    tool_name: ClassVar[str] = "list_models"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class UsageReportTool(MultiApiTool):
    """Tells what was used lately and what it cost."""

    tool_name: ClassVar[str] = "usage_report"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class BalanceTool(MultiApiTool):
    """Tells how much prepaid money is left."""

    tool_name: ClassVar[str] = "balance"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


class HealthTool(MultiApiTool):
    """Tells whether the provider is up and well."""

    tool_name: ClassVar[str] = "health"
    name: str = tool_name
    description: str = TOOLS[tool_name].description


_CLASSES: dict[str, type[MultiApiTool]] = {
    found.tool_name: found for found in MultiApiTool.__subclasses__() if found.tool_name in TOOLS
}


class MultiApiToolkit(_Vendor, BaseToolkit):
    """All tools of one provider, or some; they share folders, clients and what was made lately.

        MultiApiToolkit(provider="aimlapi", output_dir="made", include=["generate_image", "text_to_speech"]).get_tools()

    Args:
        provider: The provider; what else may be given is listed at `MultiApiTool`.
        include: Which tools, by name. None: all that the provider has.
        models: The models of tools or calls where they shall not be the usual ones, as in {"generate_image": "flux/dev"}.
    """

    if TYPE_CHECKING:

        def __init__(self, *, provider: ProviderName | Provider, **settings: Unpack[ToolkitKeywords]) -> None: ...

    include: Sequence[str] | None = None
    models: Mapping[str, str] = Field(default_factory=dict)

    def _models(self) -> Mapping[str, str]:
        return self.models

    def get_tools(self) -> list[BaseTool]:
        """The tools.

        Raises:
            UnsupportedError: One of `include` needs what the provider lacks.
        """
        settings = {**{name: getattr(self, name) for name in _Vendor.model_fields}, "provider": self.vendor}
        with langchain_errors():
            chosen = self.toolbox.tools(self.include)
        tools: list[BaseTool] = []
        for each in chosen:
            tool = _CLASSES[each.name](**settings)
            tool._toolbox, tool._clients = self.toolbox, self.clients
            tools.append(tool)
        return tools
