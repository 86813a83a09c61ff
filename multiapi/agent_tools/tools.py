"""The tools. Each says in its signature what a model may choose, and in its docstring what the model reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from multiapi.agent_tools.tool import AgentTool, ToolAnswer
from multiapi.agent_tools.tool_run import ToolRun, cost_words, cut, plain, source_line
from multiapi.errors import JobTimeoutError, printable
from multiapi.flows import jobs
from multiapi.flows import operations as media_flows
from multiapi.flows.chat import chat
from multiapi.flows.steps import Flow
from multiapi.http.json import dump_json
from multiapi.types.account import Balance, Health, ModelInfo, Price, UsageReport, UsageRequest
from multiapi.types.chat import ChatRequest, ChatResponse, Message
from multiapi.types.jobs import Job
from multiapi.types.media import Media, from_base64
from multiapi.types.media_requests import (
    ImageEditRequest,
    ImageRequest,
    MeshRequest,
    ModerationRequest,
    MusicRequest,
    OcrRequest,
    SpeechRequest,
    TranscriptionRequest,
    VideoRequest,
    VisionFeaturesRequest,
)
from multiapi.types.media_results import (
    EncodedFile,
    ImageResult,
    MediaResult,
    MeshResult,
    Moderation,
    OcrResult,
    Transcript,
    VisionFeatures,
)
from multiapi.types.search import SearchRequest, SearchResult

MAX_LISTED_MODELS = 40
MAX_LISTED_PRICES = 6
MAX_LISTED_SOURCES = 20


# The docstrings are what models read.


def generate_image(
    run: ToolRun,
    prompt: Annotated[str, "What the image shows, in full sentences."],
    aspect_ratio: Annotated[str, "Width to height, as in 16:9 or 1:1. Leave it out unless it matters."] = "",
) -> Flow[ToolAnswer]:
    """Make an image from a description. Returns the name of the image's file."""
    request = run.request(ImageRequest, "image", prompt=prompt, aspect_ratio=aspect_ratio)
    result: ImageResult = yield from media_flows.one(run.target, "image", request)
    return (yield from run.report(result.media, "image", result.cost, result))


def edit_image(
    run: ToolRun,
    image: Annotated[str, "Name of the image's file, as other tools gave it."],
    prompt: Annotated[str, "What shall be different, in full sentences."],
) -> Flow[ToolAnswer]:
    """Change an image as described. Returns the name of the new image's file; the old one stays."""
    source = yield from run.source(image)
    request = run.request(ImageEditRequest, "edit_image", prompt=prompt, images=[source])
    result: ImageResult = yield from media_flows.one(run.target, "edit_image", request)
    return (yield from run.report(result.media, "changed image", result.cost, result))


def text_to_speech(
    run: ToolRun,
    text: Annotated[str, "What is said, exactly as it shall be spoken."],
    voice: Annotated[str, "Name of a voice. Leave it out unless the user wants a certain one."] = "",
) -> Flow[ToolAnswer]:
    """Read a text aloud. Returns the name of the audio file."""
    wanted = voice or run.target.provider.default_voice or ""
    request = run.request(SpeechRequest, "speech", text=text, voice=wanted)
    result: MediaResult = yield from media_flows.one(run.target, "speech", request)
    return (yield from run.report(result.media, "recording", result.cost, result))


def transcribe_audio(
    run: ToolRun,
    audio: Annotated[str, "Name of the audio file."],
    language: Annotated[str, "Language spoken, as in en. Leave it out to have it found out."] = "",
) -> Flow[ToolAnswer]:
    """Write down what is said in an audio file. Returns the text."""
    source = yield from run.source(audio)
    request = run.request(TranscriptionRequest, "transcribe", audio=source, language=language)
    result: Transcript = yield from media_flows.one_or_job(
        run.target, "transcribe", "transcription", request, **run.box.waiting
    )
    return ToolAnswer(cut(result.text) or "(nothing is said in it)", (), result)


def generate_music(
    run: ToolRun,
    prompt: Annotated[str, "Style, mood and instruments, in full sentences."],
    lyrics: Annotated[str, "Words to be sung, for models that sing."] = "",
    duration_s: Annotated[int, "Length in seconds. Leave it out unless it matters."] = 0,
) -> Flow[ToolAnswer]:
    """Make music from a description. Returns the name of the audio file."""
    request = run.request(MusicRequest, "music", prompt=prompt, lyrics=lyrics, duration_s=duration_s)
    result: MediaResult = yield from media_flows.one_or_job(run.target, "music", "music", request, **run.box.waiting)
    return (yield from run.report(result.media, "music", result.cost, result, job_id=result.job_id))


def _video_request(run: ToolRun, prompt: str, image: str, duration_s: int) -> Flow[Any]:
    if not image:
        return run.request(VideoRequest, "video", prompt=prompt, duration_s=duration_s)
    source = yield from run.source(image)
    call = "video_from_image" if "video_from_image" in {*run.box.models, *run.box.options} else "video"
    return run.request(VideoRequest, call, "video_from_image", prompt=prompt, images=[source], duration_s=duration_s)


def generate_video(
    run: ToolRun,
    prompt: Annotated[str, "What happens in the video, in full sentences."],
    image: Annotated[str, "Name of an image's file to start from, if there is one."] = "",
    duration_s: Annotated[int, "Length in seconds. Leave it out unless it matters."] = 0,
) -> Flow[ToolAnswer]:
    """Make a short video and wait for it, which takes minutes and costs much. Returns the name of the video's file, or the id of a job
    that still runs; never ask for the same video again, ask check_job about that id.
    """
    request = yield from _video_request(run, prompt, image, duration_s)
    job = yield from media_flows.start(run.target, "video", request)
    run.box.remember(job)
    try:
        job = yield from jobs.wait(run.target, job, **run.box.waiting)
    except JobTimeoutError as error:
        return _still_running(error.partial or job)
    return (yield from _finished_video(run, job))


def start_video(
    run: ToolRun,
    prompt: Annotated[str, "What happens in the video, in full sentences."],
    image: Annotated[str, "Name of an image's file to start from, if there is one."] = "",
    duration_s: Annotated[int, "Length in seconds. Leave it out unless it matters."] = 0,
) -> Flow[ToolAnswer]:
    """Start a short video without waiting for it. Returns the id of the job for check_job. Each start costs money."""
    request = yield from _video_request(run, prompt, image, duration_s)
    job = yield from media_flows.start(run.target, "video", request)
    run.box.remember(job)
    if job.state != "pending":
        return (yield from _finished_video(run, (yield from jobs.wait(run.target, job))))
    estimate = job.estimated_cost or job.cost
    price = f" It will cost about {plain(estimate.amount)} {estimate.unit or ''}".rstrip() + "." if estimate else ""
    return ToolAnswer(f"The video is being made; its job has the id {job.id}.{price}", (), job)


def check_job(
    run: ToolRun,
    job_id: Annotated[str, "The id that start_video or generate_video gave."],
) -> Flow[ToolAnswer]:
    """Ask how a video is doing that was started before. Returns its state, or the name of the video's file if it is finished."""
    known = run.box.started.get(job_id)
    job = yield from media_flows.ask_once(run.target, known or job_id, "video")
    run.box.remember(job)
    if job.state == "pending":
        return _still_running(job)
    return (yield from _finished_video(run, job))


def _finished_video(run: ToolRun, job: Job) -> Flow[ToolAnswer]:
    return (yield from run.report(job.media, "video", job.cost, job, job_id=job.id))


def _still_running(job: Job) -> ToolAnswer:
    state = f" ({printable(job.status, 60)})" if job.status else ""
    return ToolAnswer(
        f"The video is still being made{state}. Do not start it again; ask check_job about the id {job.id} later.",
        (),
        job,
    )


def read_document(
    run: ToolRun,
    document: Annotated[str, "Name of the file: a PDF or an image of text."],
    pages: Annotated[list[int], "Which pages, counted from 1. Leave it out to read all."] = [],  # noqa: B006 (never changed)
) -> Flow[ToolAnswer]:
    """Read the text of a PDF or of an image. Returns the text, page by page."""
    source = yield from run.source(document)
    request = run.request(OcrRequest, "ocr", document=source, pages=pages)
    result: OcrResult = yield from media_flows.one(run.target, "ocr", request)
    text = "\n\n".join(f"Page {page.number}:\n{page.text}" for page in result.pages)
    return ToolAnswer(
        cut(text) or "(there is no text in it)", tuple(i for page in result.pages for i in page.images), result
    )


def generate_3d_model(
    run: ToolRun,
    image: Annotated[str, "Name of an image's file that shows the thing on a plain ground."],
) -> Flow[ToolAnswer]:
    """Make a 3D model of the thing in an image. Returns the name of the model's file."""
    source = yield from run.source(image)
    request = run.request(MeshRequest, "mesh", images=[source])
    result: MeshResult = yield from media_flows.one(run.target, "mesh", request)
    return (yield from run.report(result.media, "3D model", result.cost, result))


def search_web(
    run: ToolRun,
    query: Annotated[str, "What to find out, as a question in full sentences."],
) -> Flow[ToolAnswer]:
    """Search the web for an answer. Returns the answer and its sources, one on a line."""
    request = run.request(ChatRequest, "web_search", messages=[Message("user", query)], web_search=True)
    answer: ChatResponse = yield from chat(run.target, request)
    sources = [source_line(number, found) for number, found in enumerate(answer.citations[:MAX_LISTED_SOURCES], 1)]
    lines = [cut(answer.text) or "(nothing was found)", *(["Sources:", *sources] if sources else [])]
    return ToolAnswer("\n".join(lines), (), answer)


def moderate_text(
    run: ToolRun,
    text: Annotated[str, "The text to be judged."],
) -> Flow[ToolAnswer]:
    """Judge whether a text is harmful. Returns safe, or unsafe and why."""
    model = run.box.models.get("moderate", "")
    result: Moderation = yield from media_flows.one(run.target, "moderate", ModerationRequest(model=model, text=text))
    return ToolAnswer(
        "safe" if result.safe else f"unsafe: {', '.join(result.categories) or 'no category given'}", (), result
    )


def search_engine(
    run: ToolRun,
    query: Annotated[str, "What to search for, in a few words."],
    kind: Annotated[
        str, "What to return beside the answer: links, images, videos, weather, map or knowledge."
    ] = "links",
) -> Flow[ToolAnswer]:
    """Search the web with the provider's search engine. Returns an answer, and what was found."""
    request: Any = SearchRequest(query=query, kinds=(kind,))  # type: ignore[arg-type]  # it is checked by the flow
    result: SearchResult = yield from media_flows.search(run.target, request)
    found = result.raw.get(kind)
    shown = dump_json(found).decode() if found else f"(no {printable(kind, 20)})"
    return ToolAnswer(cut(f"{result.text}\n\n{kind}: {shown}".strip()), (), result)


def vision_features(
    run: ToolRun,
    image: Annotated[str, "Name of the image's file, or its address."],
    feature: Annotated[str, "What to look for: LABEL_DETECTION, TEXT_DETECTION or FACE_DETECTION."] = "LABEL_DETECTION",
) -> Flow[ToolAnswer]:
    """Find labels, texts or faces in an image. Returns them line by line."""
    source = yield from run.source(image)
    request = VisionFeaturesRequest(image=source, features=(feature,))
    result: VisionFeatures = yield from media_flows.one(run.target, "vision_features", request)
    lines = [
        f"labels: {', '.join(result.labels)}" if result.labels else "",
        f"texts: {', '.join(result.texts)}" if result.texts else "",
        f"faces: {len(result.faces)}" if result.faces else "",
    ]
    return ToolAnswer(cut("\n".join(filter(None, lines))) or "(nothing was found)", (), result)


def file_to_base64(
    run: ToolRun,
    file: Annotated[str, "Name of the file."],
) -> Flow[ToolAnswer]:
    """Turn a file into base64 for the program around you. Returns what kind of file it is; the base64 text itself is not shown."""
    source = yield from run.source(file)
    result: EncodedFile = yield from media_flows.one(run.target, "file_to_base64", source)
    return ToolAnswer(
        f"{printable(file, 120)} was turned into base64: {result.media.describe()}.", (result.media,), result
    )


def decode_base64(
    run: ToolRun,
    data: Annotated[str, "The base64 text, or a data URL."],
) -> Flow[ToolAnswer]:
    """Turn base64 text back into a file. Returns the name of the file."""
    from_base64(data, provider=run.provider)
    media: Media = yield from media_flows.one(run.target, "decode_base64", data)
    return (yield from run.report([media], "file", None, media))


def list_models(
    run: ToolRun,
    contains: Annotated[str, "Only models whose id or kind has this word in it, as in video or claude."] = "",
) -> Flow[ToolAnswer]:
    """List the provider's models with their prices. Returns one line for each."""
    listed: tuple[ModelInfo, ...] = yield from media_flows.models(run.target)
    word = contains.strip().lower()
    found = [
        info
        for info in listed
        if info.is_offered and word in f"{info.id} {info.kind} {' '.join([*info.capabilities, *info.outputs])}".lower()
    ]
    lines = [_model_line(info) for info in found[:MAX_LISTED_MODELS]]
    if len(found) > len(lines):
        lines.append(f"... and {len(found) - len(lines)} more; ask for those that contain a certain word")
    return ToolAnswer("\n".join(lines) or "(there are none)", (), tuple(found))


def _price_words(price: Price) -> str:
    amount = f"{plain(price.amount)} {price.currency or ''}"
    if price.what == "call_at_least":
        return f"at least {amount} a call"
    return f"{amount} for {price.what}{f' per {plain(price.per)}' if price.per else ''}"


def _model_line(info: ModelInfo) -> str:
    prices = "; ".join(map(_price_words, info.prices[:MAX_LISTED_PRICES]))
    kind = f" ({info.kind})" if info.kind else ""
    return " ".join(f"{info.id}{kind}{f': {prices}' if prices else ''}".split())


def usage_report(
    run: ToolRun,
    days: Annotated[int, "Of how many days, for providers that can be asked. Leave it out for the usual time."] = 0,
) -> Flow[ToolAnswer]:
    """Tell what was used of the provider lately and what it cost. Returns totals, and lines by model where there are any."""
    request = UsageRequest(period=f"{days}d") if days else None
    report: UsageReport = yield from media_flows.one(run.target, "usage", request)
    total = [f"{report.requests} calls" if report.requests is not None else "", cost_words(report.cost).strip()]
    lines = [
        f"- {entry.model}: {entry.requests} calls, {plain(entry.cost.amount) if entry.cost else 'unknown'} {(entry.cost.unit if entry.cost else '') or ''}".rstrip()
        for entry in report.by_model[:MAX_LISTED_MODELS]
    ]
    head = ". ".join(part.rstrip(".") for part in total if part)
    return ToolAnswer("\n".join([f"{head}.", *lines]), (), report)


def balance(run: ToolRun) -> Flow[ToolAnswer]:
    """Tell how much prepaid money is left with the provider."""
    found: Balance = yield from media_flows.one(run.target, "balance")
    unit = f" {found.unit}" if found.unit else " (the provider names no currency)"
    left = f"{plain(found.amount)}{unit}" if found.amount is not None else "The provider did not say it."
    return ToolAnswer("\n".join([left, *balance_facts(found)]), (), found)


def balance_facts(found: Balance) -> list[str]:
    """What a provider says beside the amount, a line for each."""
    lines = []
    if found.active is not None:
        lines.append("The account is paid for." if found.active else "The account is not paid for.")
    for what, used in (("Today", found.today), ("In total", found.total)):
        if used is None:
            continue
        counts = (
            (used.requests, "requests"),
            (used.input_tokens, "input tokens"),
            (used.output_tokens, "output tokens"),
        )
        said = [f"{number} {noun}" for number, noun in counts if number is not None]
        if used.cost is not None:
            said.append(f"{plain(used.cost.amount)} {used.cost.unit or ''}".rstrip() + " spent")
        if said:
            lines.append(f"{what}: {', '.join(said)}.")
    return lines


def health(run: ToolRun) -> Flow[ToolAnswer]:
    """Tell whether the provider is up and well."""
    found: Health = yield from media_flows.one(run.target, "health")
    return ToolAnswer(
        f"{run.provider} is {'well' if found.ok else 'not well'} ({found.status or 'no status given'}).", (), found
    )


TOOLS: Mapping[str, AgentTool] = {
    tool.name: tool
    for tool in (
        AgentTool("generate_image", generate_image, ("image",)),
        AgentTool("edit_image", edit_image, ("edit_image",)),
        AgentTool("text_to_speech", text_to_speech, ("speech",)),
        AgentTool("transcribe_audio", transcribe_audio, ("transcribe", "start_transcription")),
        AgentTool("generate_music", generate_music, ("music", "start_music")),
        AgentTool("generate_video", generate_video, ("start_video",)),
        AgentTool("start_video", start_video, ("start_video",)),
        AgentTool("check_job", check_job, ("poll_video",)),
        AgentTool("read_document", read_document, ("ocr",)),
        AgentTool("generate_3d_model", generate_3d_model, ("mesh",)),
        AgentTool("search_web", search_web, capability="web_search"),
        AgentTool("moderate_text", moderate_text, ("moderate",)),
        AgentTool("search_engine", search_engine, ("search",), only_named=True),
        AgentTool("vision_features", vision_features, ("vision_features",), only_named=True),
        AgentTool("file_to_base64", file_to_base64, ("file_to_base64",)),
        AgentTool("decode_base64", decode_base64, ("decode_base64",)),
        AgentTool("list_models", list_models, ("models",)),
        AgentTool("usage_report", usage_report, ("usage",)),
        AgentTool("balance", balance, ("balance",)),
        AgentTool("health", health, ("health",)),
    )
}
"""All tools by name."""
