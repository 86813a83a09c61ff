"""The commands. Each reads from top to bottom: what was asked for, the call, what is shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from multiapi._version import __version__
from multiapi.cli import output
from multiapi.cli.exit_codes import SUMMARY, VENDOR_FAILED
from multiapi.cli.files import Destination, media_of, open_file, text_of
from multiapi.cli.progress import working
from multiapi.cli.run import DebugOption, MissingExtraError, Run, SimulatorOption, command
from multiapi.client import Client
from multiapi.default_models import DEFAULT_VOICES
from multiapi.errors import InvalidRequestError, ResponseFormatError, UnsupportedError
from multiapi.jobs import Job, JobKind
from multiapi.media import Media
from multiapi.types import ChatRequest, ChatResponse, EmbedRequest, MediaPart, Message, Part, TextPart

app = typer.Typer(
    name="multiapi",
    help="Ask Bineric, Binom.Router, AI/ML API, AICredits and Binobox from the terminal.",
    epilog=SUMMARY,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and so keys and prompts
    context_settings={"help_option_names": ["-h", "--help"]},
)

HealthCheck = Literal["health", "ready", "live"]
WAIT_S = 600.0
WITHOUT_MODEL = frozenset({"model"})

Words = Annotated[list[str] | None, typer.Argument(help="The text; `-` or nothing reads stdin.", show_default=False)]
Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="PATH", help="A file or folder for what is made; `-` is stdout."),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")]
Open = Annotated[bool, typer.Option("--open", help="Open what was made with the system's program.")]
Show = Annotated[bool, typer.Option(help="Show pictures in the terminal, where it can.")]
Extra = Annotated[
    str | None, typer.Option(metavar="JSON", help="Further settings in the vendor's own names, as a JSON object.")
]
Size = Annotated[str | None, typer.Option(metavar="WIDTHxHEIGHT", help="In pixels, as in 1024x768.")]
AspectRatio = Annotated[str | None, typer.Option(help="As in 16:9.")]
Resolution = Annotated[str | None, typer.Option(help="A level, as in 720p or 2K.")]
Seed = Annotated[int | None, typer.Option(help="For results that can be had again.")]
NegativePrompt = Annotated[str | None, typer.Option(help="What shall not be there.")]
Duration = Annotated[float | None, typer.Option(help="How long, in seconds.", min=0.1)]
Wait = Annotated[float, typer.Option(help="How long to wait for a job, in seconds.", min=0.0)]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Only start the job and print its id.")]
JobId = Annotated[str | None, typer.Option("--job", metavar="ID", help="Go on waiting for this job instead.")]


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def everywhere(
    context: typer.Context,
    *,
    simulator: SimulatorOption = False,
    debug: DebugOption = False,
    version: Annotated[  # noqa: ARG001  (its callback does it)
        bool,
        typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Ask Bineric, Binom.Router, AI/ML API, AICredits and Binobox from the terminal."""
    context.obj = Run("", simulated=simulator, debug=debug)


# ------------------------------------------------------------------------------------------------ text


@command(app, "chat")
def chat(
    run: Run,
    prompt: Words = None,
    *,
    system: Annotated[str | None, typer.Option("--system", "-s", help="Instructions.")] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(
            "--file", "-f", metavar="PATH|URL", help="A picture, sound, film, document or text to go with it."
        ),
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="How freely it chooses its words.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="The longest answer, in tokens.", min=1)] = None,
    reasoning_effort: Annotated[str | None, typer.Option(help="How hard it thinks: low, medium, high, ...")] = None,
    reasoning: Annotated[bool, typer.Option("--reasoning", help="Show on stderr what it thinks.")] = False,
    schema: Annotated[
        Path | None,
        typer.Option(help="A JSON schema; the answer is then a JSON value of it.", exists=True, dir_okay=False),
    ] = None,
    stream: Annotated[bool, typer.Option(help="Show the answer as it is written.")] = True,
    extra: Extra = None,
) -> None:
    """Ask a model. What is piped in goes behind the prompt; without one it is the prompt."""
    text = text_of(prompt, what="prompt", piped_too=True)
    client = run.client()
    messages = [Message("system", system)] if system is not None else []
    request = ChatRequest(
        model=run.model(client, "chat"),
        messages=[*messages, Message("user", _content(text, file or []))],
        temperature=temperature,
        max_tokens=max_tokens,
        reasoning_effort=reasoning_effort,
        response_format=_response_format(schema),
        extra=_object(extra, "--extra"),
    )
    whole = run.json or schema is not None or not stream
    response = client.chat(request) if whole else _streamed(client, request, show_reasoning=reasoning)
    value = None
    if schema is not None:
        from multiapi.structured import read_structured

        value = read_structured(response, request.response_format)
    if response.media:
        response = _with_saved_media(client, response)
    if run.json:
        output.write_json({**output.plain(response), **({"value": value} if schema is not None else {})})
    elif schema is not None:
        output.write_json(value)
    elif whole:
        if reasoning and response.reasoning is not None:
            output.note(response.reasoning.text)
        output.write_text(response.text or response.refusal or "")
    if not run.json:
        for media in response.media:
            output.write_text(str(media.path))
    if response.finish_reason == "length":
        run.note("the answer was cut off: it reached the longest length")
    run.priced(response)


def _content(text: str, files: list[str]) -> str | list[Part]:
    """The prompt with what goes with it; texts are written into it, because every vendor takes text."""
    media = [media_of(each) for each in files]
    texts = [each for each in media if each.kind == "text" and each.data is not None]
    blocks = [f"{each.name or 'text'}:\n```\n{each.read().decode('utf-8', 'replace')}\n```" for each in texts]
    whole = "\n\n".join([text, *blocks])
    rest = [each for each in media if each not in texts]
    return [TextPart(whole), *(_part(each) for each in rest)] if rest else whole


def _part(media: Media) -> MediaPart:
    kind: Literal["image", "audio", "video", "file"] = (
        media.kind if media.kind in {"image", "audio", "video"} else "file"
    )
    if media.data is None:
        # Addresses without an ending are most often those of pictures.
        return MediaPart("image" if media.mime_type is None else kind, url=media.url, filename=media.name)
    return MediaPart(kind, data=media.base64(), mime_type=media.mime_type, filename=media.name)


def _response_format(schema: Path | None) -> Any:
    if schema is None:
        return None
    from multiapi.types import ResponseFormat

    return ResponseFormat(schema=_object(schema.read_text(encoding="utf-8"), "--schema"))


def _streamed(client: Client, request: ChatRequest, *, show_reasoning: bool) -> ChatResponse:
    """The answer, written as it arrives."""
    response: ChatResponse | None = None
    thinking = last = ""
    try:
        for delta in client.chat_stream(request):
            response = delta.response or response
            if show_reasoning and delta.reasoning:
                thinking += delta.reasoning
                *lines, thinking = thinking.split("\n")
                for line in lines:
                    output.note(line)
            if delta.text or delta.refusal:
                if thinking:
                    output.note(thinking)
                    thinking = ""
                last = delta.text or delta.refusal
                output.write_text(last, end="")
    finally:
        if last and not last.endswith("\n"):
            output.write_text("")
    if response is None:
        raise ResponseFormatError(
            f"{client.provider.name} ended the stream without an answer", provider=client.provider.name
        )
    return response


def _with_saved_media(client: Client, response: ChatResponse) -> ChatResponse:
    from dataclasses import replace

    return replace(response, media=Destination(Path()).put(client, response.media))


@command(app, "embed")
def embed(
    run: Run,
    texts: Annotated[list[str] | None, typer.Argument(help="The texts; `-` or nothing reads lines from stdin.")] = None,
    *,
    dimensions: Annotated[int | None, typer.Option(help="How many numbers per text.", min=1)] = None,
    input_type: Annotated[str | None, typer.Option(help="query or document, where the model has it.")] = None,
    extra: Extra = None,
) -> None:
    """Turn texts into vectors. Whole vectors come with --json; without it, how near the texts are to the first one."""
    given = texts if texts and texts != ["-"] else text_of(None, what="text").splitlines()
    given = [text for text in given if text.strip()]
    client = run.client()
    request = EmbedRequest(
        model=run.model(client, "embed", "embed"),
        texts=given,
        dimensions=dimensions,
        input_type=input_type,
        extra=_object(extra, "--extra"),
    )
    response = client.embed(request)
    if run.json:
        output.write_json({**output.plain(response), "texts": given})
    else:
        first = response.vectors[0]
        rows = [
            (text, len(vector), f"{_cosine(first, vector):.3f}")
            for text, vector in zip(given, response.vectors, strict=True)
        ]
        columns = ("text", "length", "like the first")
        output.write(output.table(rows, columns, right=columns[1:]))
    run.priced(response)


def _cosine(one: list[float], other: list[float]) -> float:
    import math

    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0


# ------------------------------------------------------------------------------------------------ media


@command(app, "image")
def image(
    run: Run,
    prompt: Words = None,
    *,
    pictures: Annotated[
        list[str] | None, typer.Option("--image", "-i", metavar="PATH|URL", help="A picture to change or start from.")
    ] = None,
    mask: Annotated[str | None, typer.Option(metavar="PATH|URL", help="What to change is transparent in it.")] = None,
    size: Size = None,
    aspect_ratio: AspectRatio = None,
    resolution: Resolution = None,
    count: Annotated[int | None, typer.Option("--count", "-n", help="How many pictures.", min=1)] = None,
    seed: Seed = None,
    quality: Annotated[str | None, typer.Option(help="In the vendor's words.")] = None,
    style: Annotated[str | None, typer.Option(help="In the vendor's words.")] = None,
    negative_prompt: NegativePrompt = None,
    extra: Extra = None,
    into: Output = None,
    force: Force = False,
    open_it: Open = False,
    show: Show = True,
) -> None:
    """Make pictures from a text, or change a picture: `multiapi image -i cat.png "with a hat"`."""
    from multiapi.media_requests import ImageEditRequest, ImageRequest

    text = text_of(prompt, what="prompt")
    destination = Destination.of(into, force=force, as_json=run.json)
    width, height = _size(size)
    settings: dict[str, Any] = {
        "prompt": text,
        "images": tuple(media_of(each) for each in pictures or ()),
        "mask": None if mask is None else media_of(mask),
        "width": width,
        "height": height,
        "aspect_ratio": aspect_ratio,
        "resolution": resolution,
        "count": count,
        "seed": seed,
        "quality": quality,
        "extra": _object(extra, "--extra"),
    }
    client = run.client()
    # Where changing pictures is an operation of its own, that one takes them.
    edits = bool(pictures) and "edit_image" in client.provider.operations
    call = "edit_image" if edits else "image"
    model = run.model(client, call, call)
    with working(run, "making a picture"):
        if edits:
            _refuse(client, "when it changes a picture", style=style, negative_prompt=negative_prompt)
            result = client.edit_image(ImageEditRequest(model=model, **settings))
        else:
            result = client.image(ImageRequest(model=model, style=style, negative_prompt=negative_prompt, **settings))
    _finish(run, client, result, result.media, destination, open_it=open_it, show=show)


@command(app, "speech")
def speech(
    run: Run,
    text: Words = None,
    *,
    voice: Annotated[str | None, typer.Option(help="In the vendor's words.")] = None,
    language: Annotated[str | None, typer.Option(help="As in en or nb-NO.")] = None,
    speed: Annotated[float | None, typer.Option(help="1 is the voice's own.")] = None,
    output_format: Annotated[str | None, typer.Option("--format", help="mp3, wav, opus, ...")] = None,
    extra: Extra = None,
    into: Output = None,
    force: Force = False,
    open_it: Open = False,
) -> None:
    """Read a text aloud."""
    from multiapi.media_requests import SpeechRequest

    spoken = text_of(text, what="text")
    destination = Destination.of(into, force=force, as_json=run.json)
    client = run.client()
    request = SpeechRequest(
        model=run.model(client, "speech", "speech"),
        text=spoken,
        voice=voice or DEFAULT_VOICES.get(client.provider.name),
        language=language,
        speed=speed,
        output_format=output_format,
        extra=_object(extra, "--extra"),
    )
    with working(run, "reading aloud"):
        result = client.speech(request)
    _finish(run, client, result, result.media, destination, open_it=open_it)


@command(app, "transcribe")
def transcribe(
    run: Run,
    audio: Annotated[str | None, typer.Argument(metavar="PATH|URL", help="The recording; `-` is stdin.")] = None,
    *,
    language: Annotated[str | None, typer.Option(help="As in en; found out by the model if not given.")] = None,
    diarize: Annotated[bool, typer.Option("--diarize", help="Tell the speakers apart.")] = False,
    prompt: Annotated[str | None, typer.Option(help="Words that may occur, or how to write.")] = None,
    extra: Extra = None,
    into: Annotated[str | None, typer.Option("--output", "-o", metavar="PATH", help="A file for the text.")] = None,
    force: Force = False,
    wait: Wait = WAIT_S,
    no_wait: NoWait = False,
    job: JobId = None,
) -> None:
    """Write down what is said in a recording."""
    from multiapi.media_requests import TranscriptionRequest

    destination = _text_destination(into, force=force)

    def request(client: Client) -> TranscriptionRequest:
        if audio is None:
            raise InvalidRequestError("no recording: name a file or address behind the command")
        return TranscriptionRequest(
            model=run.model(client, "transcribe"),
            audio=media_of(audio),
            language=language,
            diarize=diarize or None,
            prompt=prompt,
            extra=_object(extra, "--extra"),
        )

    client = run.client()
    _check_operation(client, "transcribe", "transcription")
    result = _job_or_at_once(
        run,
        client,
        "transcription",
        make=client.transcribe,
        request=request,
        what="writing it down",
        wait_s=wait,
        no_wait=no_wait,
        job=job,
    )
    if result is None:
        return
    speakers = any(segment.speaker is not None for segment in result.segments)
    text = (
        "\n".join(f"{segment.speaker or '?'}: {segment.text.strip()}" for segment in result.segments)
        if speakers
        else result.text
    )
    _finish_text(run, result, text, destination)


@command(app, "music")
def music(
    run: Run,
    prompt: Words = None,
    *,
    lyrics: Annotated[str | None, typer.Option(help="What is sung.")] = None,
    duration: Duration = None,
    instrumental: Annotated[bool, typer.Option("--instrumental", help="Without singing.")] = False,
    negative_prompt: NegativePrompt = None,
    seed: Seed = None,
    extra: Extra = None,
    into: Output = None,
    force: Force = False,
    open_it: Open = False,
    wait: Wait = WAIT_S,
    no_wait: NoWait = False,
    job: JobId = None,
) -> None:
    """Make music from a text."""
    from multiapi.media_requests import MusicRequest

    destination = Destination.of(into, force=force, as_json=run.json)

    def request(client: Client) -> MusicRequest:
        return MusicRequest(
            model=run.model(client, "music"),
            prompt=text_of(prompt, what="prompt"),
            lyrics=lyrics,
            duration_s=duration,
            instrumental=instrumental or None,
            negative_prompt=negative_prompt,
            seed=seed,
            extra=_object(extra, "--extra"),
        )

    client = run.client()
    _check_operation(client, "music", "music")
    result = _job_or_at_once(
        run,
        client,
        "music",
        make=client.music,
        request=request,
        what="making music",
        wait_s=wait,
        no_wait=no_wait,
        job=job,
    )
    if result is not None:
        _finish(run, client, result, result.media, destination, open_it=open_it)


@command(app, "video")
def video(
    run: Run,
    prompt: Words = None,
    *,
    pictures: Annotated[
        list[str] | None, typer.Option("--image", "-i", metavar="PATH|URL", help="A picture to start from.")
    ] = None,
    duration: Duration = None,
    size: Size = None,
    aspect_ratio: AspectRatio = None,
    resolution: Resolution = None,
    sound: Annotated[bool | None, typer.Option(help="Let the model make the sound too.")] = None,
    negative_prompt: NegativePrompt = None,
    seed: Seed = None,
    extra: Extra = None,
    into: Output = None,
    force: Force = False,
    open_it: Open = False,
    wait: Wait = WAIT_S,
    no_wait: NoWait = False,
    job: JobId = None,
) -> None:
    """Make a film, which takes minutes: Ctrl-C stops waiting, and `--job ID` goes on with it."""
    from multiapi.media_requests import VideoRequest

    destination = Destination.of(into, force=force, as_json=run.json)
    width, height = _size(size)

    def request(client: Client) -> VideoRequest:
        return VideoRequest(
            model=run.model(client, "video_from_image" if pictures else "video"),
            prompt=text_of(prompt, what="prompt"),
            images=tuple(media_of(each) for each in pictures or ()),
            duration_s=duration,
            width=width,
            height=height,
            aspect_ratio=aspect_ratio,
            resolution=resolution,
            generate_audio=sound,
            negative_prompt=negative_prompt,
            seed=seed,
            extra=_object(extra, "--extra"),
        )

    client = run.client()
    _check_operation(client, "video", "video")
    result = _job_or_at_once(
        run, client, "video", make=client.video, request=request, what="filming", wait_s=wait, no_wait=no_wait, job=job
    )
    if result is not None:
        _finish(run, client, result, result.media, destination, open_it=open_it)


@command(app, "ocr")
def ocr(
    run: Run,
    document: Annotated[str, typer.Argument(metavar="PATH|URL", help="A PDF or picture; `-` is stdin.")],
    *,
    pages: Annotated[str | None, typer.Option(help="As in 1,3-5, counted from 1.")] = None,
    images: Annotated[bool, typer.Option("--images", help="Save the document's pictures too.")] = False,
    extra: Extra = None,
    into: Annotated[str | None, typer.Option("--output", "-o", metavar="PATH", help="A file for the text.")] = None,
    force: Force = False,
) -> None:
    """Read the text of a document or picture, as Markdown."""
    from dataclasses import replace

    from multiapi.media_requests import OcrRequest

    destination = _text_destination(into, force=force)
    client = run.client()
    request = OcrRequest(
        model=run.model(client, "ocr", "ocr"),
        document=media_of(document),
        pages=_pages(pages),
        include_images=images or None,
        extra=_object(extra, "--extra"),
    )
    with working(run, "reading"):
        result = client.ocr(request)
    if images:
        folder = Destination(destination.folder if destination is not None else Path())
        result = replace(
            result, pages=tuple(replace(page, images=folder.put(client, page.images)) for page in result.pages)
        )
        for page in result.pages:
            for each in page.images:
                run.note(f"page {page.number}: {each.path}")
    _finish_text(run, result, result.text, destination)


# ------------------------------------------------------------------------------------------------ models and money


@command(app, "models")
def models(
    run: Run,
    words: Annotated[list[str] | None, typer.Argument(help="Only models in which each of these words occurs.")] = None,
    *,
    limit: Annotated[int | None, typer.Option(help="At most so many.", min=1)] = None,
) -> None:
    """List the vendor's models with prices and limits; with -m, tell everything about one."""
    client = run.client()
    if run.model_given is not None:
        info = client.model(run.model_given)
        if run.json:
            output.write_json(info)
            return
        pairs = [(name, value) for name, value in _facts(info).items() if name not in {"prices", "provider"}]
        output.write(output.facts([*pairs, *(("price", _price(each)) for each in info.prices)]))
        return
    listed = client.models()
    found = [info for info in listed if _matches(info, words or [])]
    shown = found if limit is None else found[:limit]
    if run.json:
        output.write_json(
            {"provider": client.provider.name, "models": shown, "found": len(found), "listed": len(listed)}
        )
        return
    rows = [(info.id, info.kind, info.context_tokens, [_price(each) for each in info.prices[:2]]) for info in shown]
    output.write(output.table(rows, ("model", "kind", "context", "price"), right=("context",)))
    run.note(f"{len(shown)} of {len(listed)} models of {client.provider.name}")


def _matches(info: Any, words: list[str]) -> bool:
    text = " ".join(str(part) for part in (info.id, info.name, info.kind, info.developer, *info.capabilities)).lower()
    return all(word.lower() in text for word in words)


def _facts(value: Any) -> dict[str, Any]:
    from dataclasses import fields

    return {item.name: getattr(value, item.name) for item in fields(value) if item.name not in output.LEFT_OUT}


_PAID_FOR = {"call_at_least": "a call at least"}


def _price(price: Any) -> str:
    per = " " if price.per is None else "/" if price.per == 1 else f"/{_count(price.per)} "
    when = f" ({', '.join(f'{name} {value}' for name, value in price.when.items())})" if price.when else ""
    what = _PAID_FOR.get(price.what, price.what.replace("_", " "))
    return f"{output.amount(price.amount, price.currency)}{per}{what}{when}"


def _count(number: Any) -> str:
    return {1_000: "1k", 1_000_000: "1M"}.get(int(number), output.amount(number, None))


@command(app, "balance", without=WITHOUT_MODEL)
def balance(run: Run) -> None:
    """Tell what is left."""
    client = run.client()
    left = client.balance()
    if run.json:
        output.write_json(left)
        return
    if left.amount is None:
        raise ResponseFormatError(f"{left.provider} did not say what is left", provider=left.provider)
    expires = f" (until {left.expires})" if left.expires else ""
    output.write_text(f"{output.amount(left.amount, left.unit)}{expires}")


@command(app, "usage", without=WITHOUT_MODEL)
def usage(
    run: Run,
    *,
    start: Annotated[str | None, typer.Option(help="The first day, as in 2026-11-01.")] = None,
    end: Annotated[str | None, typer.Option(help="The last day.")] = None,
    period: Annotated[str | None, typer.Option(help="Instead of days, as in 24h or 30d.")] = None,
    group_by: Annotated[str | None, typer.Option(help="day, model or day,model.")] = None,
    today: Annotated[bool, typer.Option("--today", help="Only today.")] = False,
    chart: Annotated[bool, typer.Option("--chart", help="Draw what was spent, per model and day.")] = False,
) -> None:
    """Tell what was used and spent."""
    from multiapi.account import UsageRequest

    client = run.client()
    if today:
        _today(run, client)
        return
    wanted = UsageRequest(start=start, end=end, period=period, group_by=group_by)
    report = _report(client, wanted, by_day=chart and group_by is None)
    if run.json:
        output.write_json(report)
        return
    totals = [(name, value) for name, value in _facts(report).items() if name not in {"by_model", "groups", "balance"}]
    balance = None if report.balance is None or (report.cost and report.cost.balance is not None) else report.balance
    output.write(output.facts([*((name.replace("_", " "), value) for name, value in totals), ("balance", balance)]))
    entries = report.groups if report.groups and group_by is not None else report.by_model
    if chart:
        _charts(run, report)
    elif entries:
        columns = ("day", "model", "requests", "input tokens", "output tokens", "cost")
        rows = [
            (entry.day, entry.model, entry.requests, entry.input_tokens, entry.output_tokens, entry.cost)
            for entry in entries
        ]
        output.write("", output.table(rows, columns, right=columns[-4:]))


def _report(client: Client, wanted: Any, *, by_day: bool) -> Any:
    """The report, by day where the vendor takes that; a vendor without it says so before anything is sent."""
    from dataclasses import replace

    if by_day:
        try:
            return client.usage(replace(wanted, group_by="day"))
        except (UnsupportedError, InvalidRequestError) as error:
            if error.status is not None or "usage" not in client.provider.operations:
                raise
    return client.usage(wanted)


def _charts(run: Run, report: Any) -> None:
    from multiapi.cli import charts

    unit = charts.unit_of([*report.by_model, *report.groups]) or (report.cost.unit if report.cost else None)
    groups = {
        "per model": charts.by_model(report.by_model or report.groups),
        "per day": charts.by_day(report.groups),
    }
    drawn = {title: bars for title, bars in groups.items() if bars}
    if not drawn and report.cost is not None and not report.cost.amount:
        run.note("nothing was spent: there is nothing to draw")
    elif not drawn:
        run.note(f"{report.provider} reports only the sum, neither models nor days: there is nothing to draw")
    for title, bars in drawn.items():
        output.write("", charts.spending(title, bars, unit))


def _today(run: Run, client: Client) -> None:
    daily = client.daily_usage()
    if run.json:
        output.write_json(daily)
        return
    output.write(output.facts((name.replace("_", " "), value) for name, value in _facts(daily).items()))


@command(app, "health", without=WITHOUT_MODEL)
def health(
    run: Run,
    *,
    check: Annotated[str, typer.Option(help=f"Which: {', '.join(get_args(HealthCheck))}.")] = "health",
) -> None:
    """Ask the vendor whether it is well; ends with 7 if not."""
    if check not in get_args(HealthCheck):
        raise InvalidRequestError(f"--check is one of {', '.join(get_args(HealthCheck))}, not {check!r}")
    client = run.client()
    found = client.health(check)  # type: ignore[arg-type]
    if run.json:
        output.write_json(found)
    else:
        output.write_text(f"{found.provider} {'is well' if found.ok else 'is not well'} ({found.status or 'no state'})")
        output.write(output.facts(found.parts.items()))
    if not found.ok:
        raise typer.Exit(VENDOR_FAILED)


@command(app, "simulator", without=frozenset({"provider", "model", "timeout", "simulator"}))
def simulator(
    run: Run,
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)] = 0,
    seed: Annotated[int, typer.Option(help="Of the ids that are given out.")] = 0,
) -> None:
    """Serve all five vendors on a port of this machine, until Ctrl-C."""
    import threading
    import time

    try:
        from multiapi.simulator import Simulator
        from multiapi.simulator.server import Server
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"the simulator needs the extra `simulator`: pip install 'multiapi[simulator]' ({error})"
        ) from None
    from multiapi.providers import PROVIDERS

    server = Server(Simulator(seed=seed), host, port)
    addresses = {provider.base_url_env: server.base_url(provider.name) for provider in PROVIDERS.values()}

    def announce() -> None:
        while not server.started:
            time.sleep(0.005)
        if run.json:
            output.write_json({"origin": server.origin, "environment": addresses})
            return
        output.write_text(f"multiapi simulator on {server.origin}")
        for variable, address in addresses.items():
            run.note(f"export {variable}={address}")
        run.note("Any key will do. Ctrl-C ends it.")

    threading.Thread(target=announce, daemon=True).start()
    try:
        server.run()
    except KeyboardInterrupt:
        return  # the way to end a server


# ------------------------------------------------------------------------------------------------ what several share


def _check_operation(client: Client, name: str, kind: JobKind) -> None:
    """Refuse what the vendor does neither at once nor as a job."""
    from multiapi.provider import operation_of

    if f"start_{kind}" not in client.provider.operations:
        operation_of(client.provider, "start_video" if kind == "video" else name)


def _job_or_at_once(
    run: Run,
    client: Client,
    kind: JobKind,
    *,
    make: Callable[..., Any],
    request: Callable[[Client], Any],
    what: str,
    wait_s: float,
    no_wait: bool,
    job: str | None,
) -> Any:
    """What the vendor makes, waited for where it is a job; None if it was only started."""
    if job is not None:
        with working(run, what) as tell:
            run.job = Job(id=job, provider=client.provider.name, kind=kind)
            return client.wait(job, kind=kind, timeout_s=wait_s, on_progress=tell).result
    wanted = request(client)
    if no_wait:
        started = _start(client, kind, wanted)
        if run.json:
            output.write_json({"job": started})
        else:
            output.write_text(started.id)
        run.note(f"started; {run.resume(started)}")
        return None
    with working(run, what) as tell:
        return make(wanted, timeout_s=wait_s, on_progress=tell)


def _start(client: Client, kind: JobKind, request: Any) -> Job:
    starts: dict[JobKind, Callable[[Any], Job]] = {
        "video": client.start_video,
        "music": client.start_music,
        "transcription": client.start_transcription,
    }
    return starts[kind](request)


def _finish(
    run: Run,
    client: Client,
    result: Any,
    media: tuple[Media, ...],
    destination: Destination,
    *,
    open_it: bool,
    show: bool = False,
) -> None:
    """Save what was made, and show it or say where it is."""
    saved = destination.put(client, media)
    if run.json:
        output.write_json(_result_facts(result) | {"media": list(saved)})
    elif not destination.to_stdout:
        from multiapi.cli import pictures

        for each in saved:
            if show and each.kind == "image" and each.path is not None:
                pictures.show(each.path)
            output.write_text(str(each.path))
        for each in saved:
            run.note(f"{each.kind}, {output.size_of(each)}")
    run.priced(result)
    if open_it:
        for each in saved:
            open_file(each)


def _result_facts(result: Any) -> dict[str, Any]:
    names = ("provider", "model", "cost", "usage", "job_id", "request_id")
    return {name: getattr(result, name) for name in names if hasattr(result, name)}


def _text_destination(path: str | None, *, force: bool) -> Destination | None:
    if path in {None, "-"}:
        return None
    destination = Destination.of(path, force=force)
    if destination.name is None:
        raise InvalidRequestError(f"{path} is a folder; name a file for the text")
    return destination


def _finish_text(run: Run, result: Any, text: str, destination: Destination | None) -> None:
    path = None if destination is None else destination.write_text(text if text.endswith("\n") else text + "\n")
    if run.json:
        output.write_json(output.plain(result) | {"text": result.text, "path": path and str(path)})
    else:
        output.write_text(text if path is None else str(path))
    run.priced(result)


def _refuse(client: Client, when: str, **settings: Any) -> None:
    for name, value in settings.items():
        if value is not None:
            raise UnsupportedError(
                f"{client.provider.name} takes no --{name.replace('_', '-')} {when}", provider=client.provider.name
            )


def _size(text: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    found = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text.strip().lower())
    if found is None:
        raise InvalidRequestError(f"--size is WIDTHxHEIGHT in pixels, as in 1024x768, not {text!r}")
    return int(found[1]), int(found[2])


def _pages(text: str | None) -> list[int] | None:
    if text is None:
        return None
    found = [re.fullmatch(r"\s*(\d{1,6})(?:-(\d{1,6}))?\s*", part) for part in text.split(",")]
    pages = [number for each in found if each for number in range(int(each[1]), int(each[2] or each[1]) + 1)]
    if not pages or None in found or 0 in pages:
        raise InvalidRequestError(f"--pages counts from 1, as in 1,3-5, not {text!r}")
    return pages


def _object(text: str | None, option: str) -> dict[str, Any]:
    if text is None:
        return {}
    import orjson

    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestError(f"{option} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidRequestError(f"{option} is no JSON object")
    return value
