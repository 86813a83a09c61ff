"""What agents can do with a vendor: the tools, the same for every framework, and the words in which models are told of them.

Each tool is a flow, so that one function serves both clients; its signature says what a model may choose, its docstring what the
model reads. Vendor, models, voices, folders and limits are the developer's. A tool answers with a short text and the media beside
it: base64 never goes into a conversation.

Files are read only below `input_dir` and written only into `output_dir`, under names made here. Without folders, what tools make
is kept for a while under such a name, by which other tools take it.
"""

from __future__ import annotations

import inspect
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

from multiapi import downloads, jobs, media_flows
from multiapi.account import Balance, Health, ModelInfo, ModelsRequest, UsageReport, UsageRequest
from multiapi.default_models import DEFAULT_VOICES, default_model
from multiapi.errors import InvalidRequestError, JobTimeoutError, MultiApiError, UnsupportedError, printable
from multiapi.flow import Flow, Setting, Work
from multiapi.folders import InputFolder, output_folder
from multiapi.jobs import Job
from multiapi.media import Media, from_base64, megabytes, new_name
from multiapi.media_kinds import mime_type_of_name
from multiapi.media_requests import (
    ImageEditRequest,
    ImageRequest,
    MeshRequest,
    ModerationRequest,
    MusicRequest,
    OcrRequest,
    SpeechRequest,
    TranscriptionRequest,
    VideoRequest,
)
from multiapi.media_results import EncodedFile, ImageResult, MediaResult, MeshResult, Moderation, OcrResult, Transcript
from multiapi.provider import Provider, names, operation_of
from multiapi.types import Cost

MAX_INPUT_BYTES = 50_000_000
MAX_KEPT = 64
MAX_KEPT_BYTES = 256_000_000
MAX_FETCHED_BYTES = 64_000_000
MAX_SAVED_BYTES = 512_000_000
MAX_TEXT_CHARS = 20_000
MAX_LISTED_MODELS = 40


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What a tool gives: the text for the model, and beside it the media and the typed result for the program."""

    text: str
    media: tuple[Media, ...] = ()
    value: Any = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.text

    @property
    def artifact(self) -> Any:
        """The media: one as it is, several as a list; without media the typed result."""
        if len(self.media) == 1:
            return self.media[0]
        return list(self.media) or self.value


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that a model may choose; without a default it must."""

    name: str
    type: Any
    description: str
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class AgentTool:
    """A tool: its name, what the model reads, and the flow.

    Attributes:
        needs: The operation that the vendor must have, one of these.
        hidden: What a vendor has no field for, by vendor.
    """

    name: str
    flow: Callable[..., Flow[ToolAnswer]]
    needs: tuple[str, ...]
    hidden: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def description(self) -> str:
        """What the tool does, as the model reads it."""
        return " ".join((self.flow.__doc__ or "").split())

    def parameters(self, provider: str) -> tuple[Parameter, ...]:
        """What the model may choose with this vendor."""
        left_out = self.hidden.get(provider, frozenset())
        return tuple(parameter for parameter in _parameters(self.flow) if parameter.name not in left_out)

    def fits(self, provider: Provider) -> bool:
        """Whether the vendor has what it needs."""
        return any(name in provider.operations for name in self.needs)


@cache
def _parameters(flow: Callable[..., Any]) -> tuple[Parameter, ...]:
    hints = get_type_hints(flow, include_extras=True)
    return tuple(
        Parameter(name, get_args(hints[name])[0], get_args(hints[name])[1], found.default)
        for name, found in list(inspect.signature(flow).parameters.items())[1:]
    )


class Toolbox:
    """What the tools of one agent share: a vendor's models and settings, the folders, and what was made lately.

    Args:
        provider: The vendor.
        input_dir: Below which files may be read. None: none may.
        output_dir: Into which files are written. None: nothing is written.
        models: The model of a tool or of a call ("generate_image" or "image") where it shall not be the usual one. The calls are
            image, edit_image, speech, transcribe, music, video, video_from_image, mesh, ocr and moderate.
        options: Further fixed settings of a call's request, as in {"speech": {"voice": "nova"}, "image": {"quality": "low"}}.
        allow_urls: Let a model name https addresses as inputs; the vendor then opens them.
        job_timeout_s: How long a tool waits for a film, music or a transcript.
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
        max_input_bytes: int = MAX_INPUT_BYTES,
    ) -> None:
        self.provider = provider
        self.input = None if input_dir is None else InputFolder(input_dir)
        self.output = None if output_dir is None else output_folder(output_dir)
        self.models = {_call_of(name): model for name, model in (models or {}).items()}
        self.options = {_call_of(name): dict(values) for name, values in (options or {}).items()}
        self.allow_urls = allow_urls
        self.job_timeout_s = job_timeout_s
        self.max_input_bytes = max_input_bytes
        self.started: dict[str, Job] = {}
        self._kept: OrderedDict[str, Media] = OrderedDict()
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in {"_lock", "_kept"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _kept=OrderedDict())
        self._lock = threading.Lock()

    def run(self, tool: AgentTool, setting: Setting, arguments: Mapping[str, Any]) -> Flow[ToolAnswer]:
        """The flow of one call of a tool.

        Raises:
            UnsupportedError: The vendor does not have it.
            InvalidRequestError: An argument that the tool does not have.
        """
        known = {parameter.name for parameter in tool.parameters(self.provider.name)}
        unknown = set(arguments) - known
        if unknown:
            raise InvalidRequestError(f"{tool.name} has no argument {names(unknown)}; it has {names(known)}")
        return tool.flow(Bench(self, setting), **arguments)

    def tools(self, include: Iterable[str] | None = None) -> list[AgentTool]:
        """The tools of this vendor: those named, else all that it has (moderation only with a guard model in `models`).

        Raises:
            InvalidRequestError: A name that no tool has.
            UnsupportedError: A tool that needs what the vendor lacks; the message names the vendors that have it.
        """
        if include is None:
            fitting = [tool for tool in TOOLS.values() if tool.fits(self.provider)]
            return [tool for tool in fitting if tool.name != "moderate_text" or "moderate" in self.models]
        chosen = []
        for name in include:
            tool = TOOLS.get(name)
            if tool is None:
                raise InvalidRequestError(f"there is no tool {name!r}; the tools are {', '.join(TOOLS)}")
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

    def known_names(self) -> list[str]:
        """What a model may name as an input."""
        return [*reversed(self._kept), *(self.input.names() if self.input is not None else [])]


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
}
_CALLS = frozenset({*_CALL_OF_TOOL.values(), "video_from_image"})


def _call_of(name: str) -> str:
    call = _CALL_OF_TOOL.get(name, name)
    if call not in _CALLS:
        raise InvalidRequestError(f"{name!r} is neither a tool with a model nor a call; the calls are {names(_CALLS)}")
    return call


class Bench:
    """One call of a tool: the toolbox, and the vendor's setting that the client gave."""

    def __init__(self, box: Toolbox, setting: Setting) -> None:
        self.box = box
        self.setting = setting
        self.provider = setting.provider.name

    def request(self, make: Callable[..., Any], call: str, usual: str | None = None, **wanted: Any) -> Any:
        """A typed request: what the model chose, then what the developer fixed. Empty choices count as none."""
        fixed = dict(self.box.options.get(call, {}))
        model = self.box.models.get(call) or fixed.pop("model", None)
        if model is None:
            model = default_model(self.provider, usual or call)
        chosen = {name: value for name, value in wanted.items() if value not in ("", 0, None, [], ())}
        return make(model=model, **{**chosen, **fixed})

    def source(self, name: str) -> Flow[Media]:
        """An input that the model named: something made before, a file below `input_dir`, or an address if those are allowed."""
        kept = self.box.kept(name)
        if kept is not None:
            return (yield from downloads.download(self.setting, kept, max_bytes=self.box.max_input_bytes))
        if name.startswith(("https://", "http://")):
            if not self.box.allow_urls:
                raise InvalidRequestError("addresses are not allowed here; name a file")
            return Media.from_url(downloads.check_url(name, self.setting))
        if self.box.input is None:
            raise InvalidRequestError(_no_such_file(name, self.box.known_names(), reads=False))
        folder, most = self.box.input, self.box.max_input_bytes
        try:
            found: Media = yield Work(lambda: folder.read(name, max_bytes=most))
        except InvalidRequestError as error:
            if "there is no file" in error.message:
                raise InvalidRequestError(_no_such_file(name, self.box.known_names(), reads=True)) from None
            raise
        return found

    def made(self, media: Iterable[Media], what: str, cost: Cost | None, value: Any = None) -> Flow[ToolAnswer]:
        """The answer about media that were made: saved or kept, and named."""
        texts, finished = [], []
        for item in media:
            name, held, note = yield from self._settle(item)
            self.box.keep(held, name)
            finished.append(held)
            size = f" ({megabytes(held.size)})" if held.size is not None else ""
            texts.append(f"{name}{size}{note}")
        where = "saved as" if self.box.output is not None else "made and kept as"
        text = f"The {what} was {where} {', '.join(texts)}." if texts else f"No {what} was made."
        return ToolAnswer(text + _cost_words(cost), tuple(finished), value)

    def _settle(self, media: Media) -> Flow[tuple[str, Media, str]]:
        """Media on the disk if there is a folder, else in memory if it is not too large. A paid result is never lost by a failure."""
        try:
            if self.box.output is not None:
                path: Path = yield from downloads.save(
                    self.setting, media, self.box.output, max_bytes=MAX_SAVED_BYTES, into_folder=True
                )
                kind = mime_type_of_name(path.name) or media.mime_type
                size = (yield Work(path.stat)).st_size
                held = replace(
                    media, data=None, path=path, mime_type=kind, metadata={**media.metadata, "size_bytes": size}
                )
                return path.name, held, ""
            if media.data is None and media.kind != "video":
                media = yield from downloads.download(self.setting, media, max_bytes=MAX_FETCHED_BYTES)
        except (MultiApiError, OSError) as error:
            reason = error.message if isinstance(error, MultiApiError) else "the disk refused it"
            return (
                new_name(media.kind, media.extension),
                media,
                f", but could not be fetched ({printable(reason, 200)})",
            )
        return new_name(media.kind, media.extension), media, ""


def _no_such_file(name: str, known: list[str], *, reads: bool) -> str:
    shown = printable(name, 120)
    if known:
        return f"there is no file {shown!r}; there are {', '.join(printable(each, 120) for each in known[:30])}"
    reason = "the folder is empty" if reads else "no folder is open for reading and nothing was made yet"
    return f"there is no file {shown!r}: {reason}"


def _cost_words(cost: Cost | None) -> str:
    if cost is None:
        return ""
    unit = f" {cost.unit}" if cost.unit else ""
    left = f"; {plain(cost.balance)}{unit} remain" if cost.balance is not None else ""
    return f" It cost {plain(cost.amount)}{unit}{left}."


def plain(amount: Decimal | None) -> str:
    """An amount without an exponent and without needless zeros."""
    if amount is None:
        return "unknown"
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


# ------------------------------------------------------------------------------------------------ the tools
# The docstrings are what models read.


def generate_image(
    bench: Bench,
    prompt: Annotated[str, "What the picture shows, in full sentences."],
    aspect_ratio: Annotated[str, "Width to height, as in 16:9 or 1:1. Leave it out unless it matters."] = "",
) -> Flow[ToolAnswer]:
    """Make a picture from a description. Returns the name of the picture's file."""
    request = bench.request(ImageRequest, "image", prompt=prompt, aspect_ratio=aspect_ratio)
    result: ImageResult = yield from media_flows.one(bench.setting, "image", request)
    return (yield from bench.made(result.media, "picture", result.cost, result))


def edit_image(
    bench: Bench,
    image: Annotated[str, "Name of the picture's file, as other tools gave it."],
    prompt: Annotated[str, "What shall be different, in full sentences."],
) -> Flow[ToolAnswer]:
    """Change a picture as described. Returns the name of the new picture's file; the old one stays."""
    source = yield from bench.source(image)
    request = bench.request(ImageEditRequest, "edit_image", prompt=prompt, images=[source])
    result: ImageResult = yield from media_flows.one(bench.setting, "edit_image", request)
    return (yield from bench.made(result.media, "changed picture", result.cost, result))


def text_to_speech(
    bench: Bench,
    text: Annotated[str, "What is said, exactly as it shall be spoken."],
    voice: Annotated[str, "Name of a voice. Leave it out unless the user wants a certain one."] = "",
) -> Flow[ToolAnswer]:
    """Read a text aloud. Returns the name of the audio file."""
    wanted = voice or DEFAULT_VOICES.get(bench.provider, "")
    request = bench.request(SpeechRequest, "speech", text=text, voice=wanted)
    result: MediaResult = yield from media_flows.one(bench.setting, "speech", request)
    return (yield from bench.made(result.media, "recording", result.cost, result))


def transcribe_audio(
    bench: Bench,
    audio: Annotated[str, "Name of the audio file."],
    language: Annotated[str, "Language spoken, as in en. Leave it out to have it found out."] = "",
) -> Flow[ToolAnswer]:
    """Write down what is said in an audio file. Returns the text."""
    source = yield from bench.source(audio)
    request = bench.request(TranscriptionRequest, "transcribe", audio=source, language=language)
    result: Transcript = yield from media_flows.one_or_job(
        bench.setting, "transcribe", "transcription", request, timeout_s=bench.box.job_timeout_s
    )
    return ToolAnswer(_cut(result.text) or "(nothing is said in it)", (), result)


def generate_music(
    bench: Bench,
    prompt: Annotated[str, "Style, mood and instruments, in full sentences."],
    lyrics: Annotated[str, "Words to be sung, for models that sing."] = "",
    duration_s: Annotated[int, "Length in seconds. Leave it out unless it matters."] = 0,
) -> Flow[ToolAnswer]:
    """Make music from a description. Returns the name of the audio file."""
    request = bench.request(MusicRequest, "music", prompt=prompt, lyrics=lyrics, duration_s=duration_s)
    result: MediaResult = yield from media_flows.one_or_job(
        bench.setting, "music", "music", request, timeout_s=bench.box.job_timeout_s
    )
    return (yield from bench.made(result.media, "music", result.cost, result))


def _video_request(bench: Bench, prompt: str, image: str, duration_s: int) -> Flow[Any]:
    if not image:
        return bench.request(VideoRequest, "video", prompt=prompt, duration_s=duration_s)
    source = yield from bench.source(image)
    call = "video_from_image" if "video_from_image" in {*bench.box.models, *bench.box.options} else "video"
    return bench.request(VideoRequest, call, "video_from_image", prompt=prompt, images=[source], duration_s=duration_s)


def generate_video(
    bench: Bench,
    prompt: Annotated[str, "What happens in the film, in full sentences."],
    image: Annotated[str, "Name of a picture's file to start from, if there is one."] = "",
    duration_s: Annotated[int, "Length in seconds. Leave it out unless it matters."] = 0,
) -> Flow[ToolAnswer]:
    """Make a short film and wait for it, which takes minutes and costs much. Returns the name of the film's file, or the id of a job
    that still runs; never ask for the same film again, ask check_job about that id.
    """
    request = yield from _video_request(bench, prompt, image, duration_s)
    job = yield from media_flows.start(bench.setting, "video", request)
    bench.box.started[job.id] = job
    try:
        job = yield from jobs.wait(bench.setting, job, timeout_s=bench.box.job_timeout_s)
    except JobTimeoutError as error:
        return _still_running(error.partial or job)
    return (yield from bench.made(job.media, "film", job.cost, job))


def start_video(
    bench: Bench,
    prompt: Annotated[str, "What happens in the film, in full sentences."],
    image: Annotated[str, "Name of a picture's file to start from, if there is one."] = "",
    duration_s: Annotated[int, "Length in seconds. Leave it out unless it matters."] = 0,
) -> Flow[ToolAnswer]:
    """Start a short film without waiting for it. Returns the id of the job for check_job. Each start costs money."""
    request = yield from _video_request(bench, prompt, image, duration_s)
    job = yield from media_flows.start(bench.setting, "video", request)
    bench.box.started[job.id] = job
    estimate = job.estimated_cost or job.cost
    price = f" It will cost about {plain(estimate.amount)} {estimate.unit or ''}".rstrip() + "." if estimate else ""
    return ToolAnswer(f"The film is being made; its job has the id {job.id}.{price}", (), job)


def check_job(
    bench: Bench,
    job_id: Annotated[str, "The id that start_video or generate_video gave."],
) -> Flow[ToolAnswer]:
    """Ask how a film is doing that was started before. Returns its state, or the name of the film's file if it is finished."""
    known = bench.box.started.get(job_id)
    job = yield from media_flows.look(bench.setting, known or job_id, "video")
    if job.state == "pending":
        return _still_running(job)
    bench.box.started.pop(job_id, None)
    return (yield from bench.made(job.media, "film", job.cost, job))


def _still_running(job: Job) -> ToolAnswer:
    state = f" ({printable(job.status, 60)})" if job.status else ""
    return ToolAnswer(
        f"The film is still being made{state}. Do not start it again; ask check_job about the id {job.id} later.",
        (),
        job,
    )


def read_document(
    bench: Bench,
    document: Annotated[str, "Name of the file: a PDF or a picture of text."],
    pages: Annotated[list[int], "Which pages, counted from 1. Leave it out to read all."] = [],  # noqa: B006 (never changed)
) -> Flow[ToolAnswer]:
    """Read the text of a PDF or of a picture. Returns the text, page by page."""
    source = yield from bench.source(document)
    request = bench.request(OcrRequest, "ocr", document=source, pages=pages)
    result: OcrResult = yield from media_flows.one(bench.setting, "ocr", request)
    text = "\n\n".join(f"Page {page.number}:\n{page.text}" for page in result.pages)
    return ToolAnswer(
        _cut(text) or "(there is no text in it)", tuple(i for page in result.pages for i in page.images), result
    )


def generate_3d_model(
    bench: Bench,
    image: Annotated[str, "Name of a picture's file that shows the thing on a plain ground."],
) -> Flow[ToolAnswer]:
    """Make a 3D model of the thing in a picture. Returns the name of the model's file."""
    source = yield from bench.source(image)
    request = bench.request(MeshRequest, "mesh", images=[source])
    result: MeshResult = yield from media_flows.one(bench.setting, "mesh", request)
    return (yield from bench.made(result.media, "3D model", result.cost, result))


def moderate_text(
    bench: Bench,
    text: Annotated[str, "The text to be judged."],
) -> Flow[ToolAnswer]:
    """Judge whether a text is harmful. Returns safe, or unsafe and why."""
    model = bench.box.models.get("moderate", "")
    result: Moderation = yield from media_flows.one(
        bench.setting, "moderate", ModerationRequest(model=model, text=text)
    )
    return ToolAnswer(
        "safe" if result.safe else f"unsafe: {', '.join(result.categories) or 'no category given'}", (), result
    )


def file_to_base64(
    bench: Bench,
    file: Annotated[str, "Name of the file."],
) -> Flow[ToolAnswer]:
    """Turn a file into base64 for the program around you. Returns what kind of file it is; the base64 text itself is not shown."""
    source = yield from bench.source(file)
    result: EncodedFile = yield from media_flows.one(bench.setting, "file_to_base64", source)
    return ToolAnswer(
        f"{printable(file, 120)} was turned into base64: {result.media.describe()}.", (result.media,), result
    )


def decode_base64(
    bench: Bench,
    data: Annotated[str, "The base64 text, or a data URL."],
) -> Flow[ToolAnswer]:
    """Turn base64 text back into a file. Returns the name of the file."""
    from_base64(data, provider=bench.provider)
    media: Media = yield from media_flows.one(bench.setting, "decode_base64", data)
    return (yield from bench.made([media], "file", None, media))


def list_models(
    bench: Bench,
    contains: Annotated[str, "Only models whose id or kind has this word in it, as in video or claude."] = "",
) -> Flow[ToolAnswer]:
    """List the vendor's models with their prices. Returns one line for each."""
    wanted = ModelsRequest() if bench.provider == "aimlapi" else None
    listed: tuple[ModelInfo, ...] = yield from media_flows.one(bench.setting, "models", wanted)
    word = contains.strip().lower()
    found = [
        info
        for info in listed
        if word in f"{info.id} {info.kind} {' '.join([*info.capabilities, *info.outputs])}".lower()
    ]
    lines = [_model_line(info) for info in found[:MAX_LISTED_MODELS]]
    if len(found) > len(lines):
        lines.append(f"... and {len(found) - len(lines)} more; ask for those that contain a certain word")
    return ToolAnswer("\n".join(lines) or "(there are none)", (), tuple(found))


def _model_line(info: ModelInfo) -> str:
    prices = "; ".join(
        f"{plain(price.amount)} {price.currency or ''} for {price.what}{f' per {plain(price.per)}' if price.per else ''}"
        for price in info.prices[:3]
    )
    kind = f" ({info.kind})" if info.kind else ""
    return " ".join(f"{info.id}{kind}{f': {prices}' if prices else ''}".split())


def usage_report(
    bench: Bench,
    days: Annotated[int, "Of how many days, for vendors that can be asked. Leave it out for the usual time."] = 0,
) -> Flow[ToolAnswer]:
    """Tell what was used of the vendor lately and what it cost. Returns totals, and lines by model where there are any."""
    request = UsageRequest(period=f"{days}d") if days else None
    report: UsageReport = yield from media_flows.one(bench.setting, "usage", request)
    total = [f"{report.requests} calls" if report.requests is not None else "", _cost_words(report.cost).strip()]
    lines = [
        f"- {entry.model}: {entry.requests} calls, {plain(entry.cost.amount) if entry.cost else 'unknown'} {(entry.cost.unit if entry.cost else '') or ''}".rstrip()
        for entry in report.by_model[:MAX_LISTED_MODELS]
    ]
    head = ". ".join(part.rstrip(".") for part in total if part)
    return ToolAnswer("\n".join([f"{head}.", *lines]), (), report)


def balance(bench: Bench) -> Flow[ToolAnswer]:
    """Tell how much prepaid money is left with the vendor."""
    found: Balance = yield from media_flows.one(bench.setting, "balance")
    unit = f" {found.unit}" if found.unit else " (the vendor names no currency)"
    return ToolAnswer(
        f"{plain(found.amount)}{unit}" if found.amount is not None else "The vendor did not say it.", (), found
    )


def health(bench: Bench) -> Flow[ToolAnswer]:
    """Tell whether the vendor is up and well."""
    found: Health = yield from media_flows.one(bench.setting, "health")
    return ToolAnswer(
        f"{bench.provider} is {'well' if found.ok else 'not well'} ({found.status or 'no status given'}).", (), found
    )


def _cut(text: str) -> str:
    if len(text) <= MAX_TEXT_CHARS:
        return text
    return f"{text[:MAX_TEXT_CHARS]}\n... ({len(text) - MAX_TEXT_CHARS} more characters are left out)"


_NO_RATIO = {"bineric": frozenset({"aspect_ratio"})}
_NO_MUSIC_DETAILS = {"binobox": frozenset({"lyrics"})}
_NO_FIRST_FRAME = {"binobox": frozenset({"image"})}

TOOLS: Mapping[str, AgentTool] = {
    tool.name: tool
    for tool in (
        AgentTool("generate_image", generate_image, ("image",), _NO_RATIO),
        AgentTool("edit_image", edit_image, ("edit_image",)),
        AgentTool("text_to_speech", text_to_speech, ("speech",)),
        AgentTool(
            "transcribe_audio",
            transcribe_audio,
            ("transcribe", "start_transcription"),
            {"bineric": frozenset({"language"})},
        ),
        AgentTool("generate_music", generate_music, ("music", "start_music"), _NO_MUSIC_DETAILS),
        AgentTool("generate_video", generate_video, ("start_video",), _NO_FIRST_FRAME),
        AgentTool("start_video", start_video, ("start_video",), _NO_FIRST_FRAME),
        AgentTool("check_job", check_job, ("poll_video",)),
        AgentTool("read_document", read_document, ("ocr",)),
        AgentTool("generate_3d_model", generate_3d_model, ("mesh",)),
        AgentTool("moderate_text", moderate_text, ("moderate",)),
        AgentTool("file_to_base64", file_to_base64, ("file_to_base64",)),
        AgentTool("decode_base64", decode_base64, ("decode_base64",)),
        AgentTool("list_models", list_models, ("models",)),
        AgentTool(
            "usage_report", usage_report, ("usage",), {name: frozenset({"days"}) for name in ("binobox", "bineric")}
        ),
        AgentTool("balance", balance, ("balance",)),
        AgentTool("health", health, ("health",)),
    )
}
"""All tools by name."""


def arguments_model(tool: AgentTool, provider: str) -> Any:
    """A pydantic model of what a model may choose, with a plain schema (no references, no unions) for weak vendors."""
    from pydantic import ConfigDict, Field, create_model

    fields: dict[str, Any] = {
        parameter.name: (
            parameter.type,
            Field(description=parameter.description)
            if parameter.required
            else Field(default=parameter.default, description=parameter.description),
        )
        for parameter in tool.parameters(provider)
    }
    title = "".join(part.title() for part in tool.name.split("_"))
    return create_model(f"{title}Arguments", __config__=ConfigDict(extra="ignore"), **fields)


def failure_text(error: Exception) -> str:
    """What a model is told of a failure: short, in the vendor's own words where they help, without paths and keys."""
    if isinstance(error, UnsupportedError):
        return printable(error.message, 500)
    if isinstance(error, MultiApiError):
        job = f" The job's id is {error.job_id}." if error.job_id else ""
        doubt = " It may have been done and charged; do not repeat it without asking." if error.outcome_unknown else ""
        return printable(str(error), 500) + job + doubt
    if isinstance(error, OSError):
        return "the file could not be read or written"
    return "the tool failed"


__all__ = [
    "TOOLS",
    "AgentTool",
    "Parameter",
    "ToolAnswer",
    "Toolbox",
    "arguments_model",
    "failure_text",
]
