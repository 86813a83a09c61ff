"""The commands that make images, speech, music and videos, and that read recordings and documents."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from multiapi.cli.files import Destination, media_of, text_of
from multiapi.cli.jobs import made_or_started
from multiapi.cli.options import (
    AspectRatio,
    Duration,
    Extra,
    Force,
    NegativePrompt,
    Place,
    Resolution,
    Seed,
    Settings,
    Show,
    Size,
    Strength,
    TextFile,
    Waiting,
    Words,
    number_or_text,
    object_of,
    pages_of,
    size_of,
)
from multiapi.cli.progress import working
from multiapi.cli.results import destination_of, save, text_destination, write_text
from multiapi.cli.run import Run
from multiapi.client.client import Client
from multiapi.errors import InvalidRequestError, UnsupportedError
from multiapi.flows.events import can_stream
from multiapi.types.media import Media
from multiapi.types.media_results import MediaResult

if TYPE_CHECKING:
    from multiapi.types.media_requests import SpeechRequest


def image(
    run: Run,
    prompt: Words = None,
    *,
    pictures: Annotated[
        list[str] | None, typer.Option("--image", "-i", metavar="PATH|URL", help="An image to change or start from.")
    ] = None,
    mask: Annotated[
        str | None, typer.Option(metavar="PATH|URL", help="The image in which what to change is transparent.")
    ] = None,
    size: Size = None,
    aspect_ratio: AspectRatio = None,
    resolution: Resolution = None,
    count: Annotated[int | None, typer.Option("--count", "-n", help="How many images.", min=1)] = None,
    seed: Seed = None,
    quality: Annotated[str | None, typer.Option(help="In the provider's words.")] = None,
    style: Annotated[str | None, typer.Option(help="In the provider's words.")] = None,
    negative_prompt: NegativePrompt = None,
    strength: Strength = None,
    studio: Settings = None,
    extra: Extra = None,
    place: Place,
    show: Show = True,
) -> None:
    """Make images from a text, or change an image: `multiapi image -i cat.png "with a hat"`."""
    from multiapi.types.media_requests import ImageEditRequest, ImageRequest

    text = text_of(prompt, what="prompt")
    destination = destination_of(run, place)
    width, height = size_of(size)
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
        "strength": strength,
        "extra": object_of(extra),
    }
    client = run.client()
    # Where changing images is an operation of its own, that one takes them.
    edits = bool(pictures) and "edit_image" in client.provider.operations
    call = "edit_image" if edits else "image"
    model = run.model(client, call, call)
    with working(run, "making an image"):
        if edits:
            _refuse(client, "when it changes an image", style=style, negative_prompt=negative_prompt, settings=studio)
            result = client.edit_image(ImageEditRequest(model=model, **settings))
        else:
            result = client.image(
                ImageRequest(
                    model=model,
                    style=style,
                    negative_prompt=negative_prompt,
                    settings=object_of(studio, "--settings"),
                    **settings,
                )
            )
    save(run, client, result, destination, open_it=place.open_it, show=show)


def speech(
    run: Run,
    text: Words = None,
    *,
    voice: Annotated[str | None, typer.Option(help="In the provider's words.")] = None,
    language: Annotated[str | None, typer.Option(help="As in en or nb-NO.")] = None,
    speed: Annotated[float | None, typer.Option(help="1 is the voice's own.")] = None,
    pitch: Annotated[str | None, typer.Option(help="In the provider's own scale: semitones, or as in +10%.")] = None,
    volume: Annotated[str | None, typer.Option(help="In the provider's own scale: a factor, or as in +20%.")] = None,
    output_format: Annotated[str | None, typer.Option("--format", help="mp3, wav, opus, ...")] = None,
    studio: Settings = None,
    extra: Extra = None,
    place: Place,
) -> None:
    """Read a text aloud. With `-o -` the sound goes to stdout while it is made, if the model streams."""
    from multiapi.types.media_requests import SpeechRequest

    spoken = text_of(text, what="text")
    destination = destination_of(run, place)
    client = run.client()
    request = SpeechRequest(
        model=run.model(client, "speech", "speech"),
        text=spoken,
        voice=voice or client.provider.default_voice,
        language=language,
        speed=speed,
        pitch=number_or_text(pitch),
        volume=number_or_text(volume),
        output_format=output_format,
        settings=object_of(studio, "--settings"),
        extra=object_of(extra),
    )
    if destination.to_stdout and can_stream(client.provider, "speech", request):
        _play(run, client, request)
        return
    with working(run, "reading aloud"):
        result = client.speech(request)
    save(run, client, result, destination, open_it=place.open_it)


def transcribe(
    run: Run,
    audio: Annotated[str | None, typer.Argument(metavar="PATH|URL", help="The recording; `-` is stdin.")] = None,
    *,
    language: Annotated[str | None, typer.Option(help="As in en; found out by the model if not given.")] = None,
    diarize: Annotated[bool, typer.Option("--diarize", help="Tell the speakers apart.")] = False,
    prompt: Annotated[str | None, typer.Option(help="Words that may occur, or how to write.")] = None,
    extra: Extra = None,
    into: TextFile = None,
    force: Force = False,
    waiting: Waiting,
) -> None:
    """Transcribe a recording."""
    from multiapi.types.media_requests import TranscriptionRequest

    destination = text_destination(run, into, force=force)

    def request(client: Client) -> TranscriptionRequest:
        if audio is None:
            raise InvalidRequestError("no recording: name a file or address behind the command")
        return TranscriptionRequest(
            model=run.model(client, "transcribe"),
            audio=media_of(audio),
            language=language,
            diarize=diarize or None,
            prompt=prompt,
            extra=object_of(extra),
        )

    client = run.client()
    result = made_or_started(run, client, "transcription", request, waiting)
    if result is None:
        return
    speakers = any(segment.speaker is not None for segment in result.segments)
    text = (
        "\n".join(f"{segment.speaker or '?'}: {segment.text.strip()}" for segment in result.segments)
        if speakers
        else result.text
    )
    write_text(run, result, text, destination)


def music(
    run: Run,
    prompt: Words = None,
    *,
    lyrics: Annotated[str | None, typer.Option(help="What is sung.")] = None,
    duration: Duration = None,
    instrumental: Annotated[bool, typer.Option("--instrumental", help="Without singing.")] = False,
    negative_prompt: NegativePrompt = None,
    seed: Seed = None,
    studio: Settings = None,
    extra: Extra = None,
    place: Place,
    waiting: Waiting,
) -> None:
    """Make music from a text."""
    from multiapi.types.media_requests import MusicRequest

    destination = destination_of(run, place)

    def request(client: Client) -> MusicRequest:
        return MusicRequest(
            model=run.model(client, "music"),
            prompt=text_of(prompt, what="prompt"),
            lyrics=lyrics,
            duration_s=duration,
            instrumental=instrumental or None,
            negative_prompt=negative_prompt,
            seed=seed,
            settings=object_of(studio, "--settings"),
            extra=object_of(extra),
        )

    client = run.client()
    result = made_or_started(run, client, "music", request, waiting)
    if result is not None:
        save(run, client, result, destination, open_it=place.open_it)


def video(
    run: Run,
    prompt: Words = None,
    *,
    pictures: Annotated[
        list[str] | None, typer.Option("--image", "-i", metavar="PATH|URL", help="An image to start from.")
    ] = None,
    duration: Duration = None,
    size: Size = None,
    aspect_ratio: AspectRatio = None,
    resolution: Resolution = None,
    sound: Annotated[bool | None, typer.Option(help="Let the model make the sound too.")] = None,
    negative_prompt: NegativePrompt = None,
    seed: Seed = None,
    strength: Strength = None,
    effect: Annotated[str | None, typer.Option(help="The scene of a model for effects, as in hug.")] = None,
    studio: Settings = None,
    extra: Extra = None,
    place: Place,
    waiting: Waiting,
) -> None:
    """Make a video, which takes minutes: Ctrl-C stops waiting, and `--job ID` resumes."""
    from multiapi.types.media_requests import VideoRequest

    destination = destination_of(run, place)
    width, height = size_of(size)

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
            strength=strength,
            effect=effect,
            settings=object_of(studio, "--settings"),
            extra=object_of(extra),
        )

    client = run.client()
    result = made_or_started(run, client, "video", request, waiting)
    if result is not None:
        save(run, client, result, destination, open_it=place.open_it)


def ocr(
    run: Run,
    document: Annotated[str, typer.Argument(metavar="PATH|URL", help="A PDF or image; `-` is stdin.")],
    *,
    pages: Annotated[str | None, typer.Option(help="As in 1,3-5, counted from 1.")] = None,
    images: Annotated[bool, typer.Option("--images", help="Save the document's images too.")] = False,
    extra: Extra = None,
    into: TextFile = None,
    force: Force = False,
) -> None:
    """Read the text of a document or image, as Markdown."""
    from dataclasses import replace

    from multiapi.types.media_requests import OcrRequest

    destination = text_destination(run, into, force=force)
    client = run.client()
    request = OcrRequest(
        model=run.model(client, "ocr", "ocr"),
        document=media_of(document),
        pages=pages_of(pages),
        include_images=images or None,
        extra=object_of(extra),
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
    write_text(run, result, result.text, destination)


def _play(run: Run, client: Client, request: SpeechRequest) -> None:
    """Write sound to stdout while it is made. Where nobody takes it, it is read to its end and kept."""
    chunks: list[bytes] = []
    failure: OSError | None = None
    try:
        for chunk in client.speech_stream(request):
            chunks.append(chunk)
            if failure is None:
                try:
                    sys.stdout.buffer.write(chunk)
                    sys.stdout.buffer.flush()
                except OSError as error:
                    failure = error
    finally:
        if failure is not None and chunks:
            sound = Media.from_bytes(b"".join(chunks))
            run.got(
                MediaResult(
                    data=sound.data, mime_type=sound.mime_type, provider=client.provider.name, model=request.model
                )
            )
    if failure is not None:
        raise failure


def _refuse(client: Client, when: str, **settings: Any) -> None:
    for name, value in settings.items():
        if value is not None:
            raise UnsupportedError(
                f"{client.provider.name} takes no --{name.replace('_', '-')} {when}", provider=client.provider.name
            )
