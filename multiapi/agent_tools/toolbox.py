"""What the tools of one agent share: a provider's models and settings, the folders, and what was made lately."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from multiapi._package import new_lock
from multiapi.agent_tools.folders import InputFolder, output_folder
from multiapi.agent_tools.tool import AgentTool, ToolAnswer, failure_text, good_of
from multiapi.agent_tools.tool_run import ToolRun, cut
from multiapi.agent_tools.tools import TOOLS
from multiapi.errors import InvalidRequestError, MultiApiError
from multiapi.flows import jobs
from multiapi.flows.steps import Flow, Target
from multiapi.provider import Provider, names, operation_of, unsupported
from multiapi.types.jobs import Job
from multiapi.types.media import Media

MAX_INPUT_BYTES = 50_000_000
MAX_KEPT = 64
MAX_KEPT_BYTES = 256_000_000


class Toolbox:
    """What the tools of one agent share: a provider's models and settings, the folders, and what was made lately.

    Args:
        provider: The provider.
        input_dir: Below which files may be read. None: none may.
        output_dir: Into which files are written. None: nothing is written.
        models: The model of a tool or of a call ("generate_image" or "image") where it shall not be the usual one. The calls are
            image, edit_image, speech, transcribe, music, video, video_from_image, 3D model, ocr, web_search and moderate.
        options: Further fixed settings of a call's request, as in {"speech": {"voice": "nova"}, "image": {"quality": "low"}}.
        allow_urls: Let a model name https addresses as inputs; the provider then opens them.
        job_timeout_s: How long a tool waits for a video, music or a transcript.
        poll_every: How often it asks meanwhile, as for `Client.video`.
        max_input_bytes: Larger files are not read.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        input_dir: str | Path | None = None,
        output_dir: str | Path | None = None,
        models: Mapping[str, str] | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        allow_urls: bool = False,
        job_timeout_s: float = jobs.DEFAULT_TIMEOUT_S,
        poll_every: jobs.PollEvery | None = None,
        max_input_bytes: int = MAX_INPUT_BYTES,
    ) -> None:
        self.provider = provider
        self.input = None if input_dir is None else InputFolder(input_dir)
        self.output = None if output_dir is None else output_folder(output_dir)
        self.models = {_call_of(name): model for name, model in (models or {}).items()}
        self.options = {_call_of(name): dict(values) for name, values in (options or {}).items()}
        self.allow_urls = allow_urls
        jobs.check_timeout(job_timeout_s)
        jobs.check_poll_every(poll_every)
        self.job_timeout_s = job_timeout_s
        self.poll_every = poll_every
        self.max_input_bytes = max_input_bytes
        self.started: dict[str, Job] = {}
        self._kept: OrderedDict[str, Media] = OrderedDict()
        self._lock = new_lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in {"_lock", "_kept"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _kept=OrderedDict())
        self._lock = new_lock()

    @property
    def waiting(self) -> dict[str, Any]:
        """How tools wait for a job."""
        return {"timeout_s": self.job_timeout_s, "poll_every": self.poll_every}

    def run(self, tool: AgentTool, target: Target, arguments: Mapping[str, Any]) -> Flow[ToolAnswer]:
        """The flow of one call of a tool.

        Raises:
            UnsupportedError: The provider does not have it.
            InvalidRequestError: An argument that the tool does not have.
        """
        known = {parameter.name for parameter in tool.parameters(self.provider)}
        unknown = set(arguments) - known
        if unknown:
            raise InvalidRequestError(f"{tool.name} has no argument {names(unknown)}; it has {names(known)}")
        return _with_what_is_good(ToolRun(self, target), tool.flow, arguments)

    def tools(self, include: Iterable[str] | None = None) -> list[AgentTool]:
        """The tools of this provider: those named, else all that it has (moderation only with a guard model in `models`; what is
        withdrawn or legacy only by its name).

        Raises:
            InvalidRequestError: A name that no tool has.
            UnsupportedError: A tool that needs what the provider lacks; the message names the providers that have it.
        """
        if include is None:
            fitting = [tool for tool in TOOLS.values() if tool.fits(self.provider) and not tool.only_named]
            return [tool for tool in fitting if tool.name != "moderate_text" or "moderate" in self.models]
        chosen = []
        for name in include:
            tool = TOOLS.get(name)
            if tool is None:
                raise InvalidRequestError(f"there is no tool {name!r}; the tools are {', '.join(TOOLS)}")
            if not tool.fits(self.provider) and not tool.needs:
                raise unsupported(self.provider.name, tool.name.replace("_", " "), tool.capability)
            if not tool.fits(self.provider):
                operation_of(self.provider, tool.needs[0])
            chosen.append(tool)
        return chosen

    # ------------------------------------------------------------------------------------ what was made

    def keep(self, media: Media, name: str) -> None:
        """Keep what was made under its name; the oldest goes when there is too much."""
        with self._lock:
            self._kept[name] = media
            while (
                len(self._kept) > MAX_KEPT
                or sum(len(item.data or b"") for item in self._kept.values()) > MAX_KEPT_BYTES
            ):
                if len(self._kept) == 1:
                    break
                self._kept.popitem(last=False)

    def kept(self, name: str) -> Media | None:
        """What was made under this name."""
        return self._kept.get(name)

    def remember(self, job: Job) -> None:
        """Keep a job that was started, to be found by its id; the oldest goes when there are too many."""
        with self._lock:
            self.started[job.id] = job
            while len(self.started) > MAX_KEPT:
                del self.started[next(iter(self.started))]

    def known_names(self) -> list[str]:
        """What a model may name as an input."""
        return [*reversed(self._kept), *(self.input.names() if self.input is not None else [])]


def needs_key(provider: Provider, include: Iterable[str] | None) -> bool:
    """Whether tools ask for a key when they are made: those that only read what the provider shows to everybody do not."""
    return include is None or not all(_is_public(provider, TOOLS[name]) for name in include if name in TOOLS)


def _is_public(provider: Provider, tool: AgentTool) -> bool:
    return tool.name in ("list_models", "health") and any(
        provider.operations[name].build(None).public for name in tool.needs if name in provider.operations
    )


def _with_what_is_good(
    run: ToolRun, flow: Callable[..., Flow[ToolAnswer]], arguments: Mapping[str, Any]
) -> Flow[ToolAnswer]:
    """The flow of a tool; of a paid answer that is only partly good, the good part is saved and told beside the failure."""
    try:
        return (yield from flow(run, **arguments))
    except MultiApiError as error:
        media, text = good_of(error)
        if not media and not text:
            raise
        answer = yield from run.report(media, "result", error.cost, error.partial, job_id=error.job_id)
        told = [failure_text(error), answer.text if media else "", f"What could be read:\n{cut(text)}" if text else ""]
        return replace(answer, text="\n".join(each for each in told if each))


_CALL_OF_TOOL = {
    "generate_image": "image",
    "edit_image": "edit_image",
    "text_to_speech": "speech",
    "transcribe_audio": "transcribe",
    "generate_music": "music",
    "generate_video": "video",
    "start_video": "video",
    "generate_3d_model": "mesh",
    "read_document": "ocr",
    "moderate_text": "moderate",
    "search_web": "web_search",
}
_CALLS = frozenset({*_CALL_OF_TOOL.values(), "video_from_image"})


def _call_of(name: str) -> str:
    call = _CALL_OF_TOOL.get(name, name)
    if call not in _CALLS:
        raise InvalidRequestError(f"{name!r} is neither a tool with a model nor a call; the calls are {names(_CALLS)}")
    return call
