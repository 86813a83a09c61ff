"""Options that several commands take, and how what is written in them is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from multiapi.errors import InvalidRequestError

WAIT_S = 600.0

Words = Annotated[list[str] | None, typer.Argument(help="The text; `-` or nothing reads stdin.", show_default=False)]
Show = Annotated[bool, typer.Option(help="Show images in the terminal, where it can.")]
Extra = Annotated[
    str | None, typer.Option(metavar="JSON", help="Further settings in the provider's own names, as a JSON object.")
]
Size = Annotated[str | None, typer.Option(metavar="WIDTHxHEIGHT", help="In pixels, as in 1024x768.")]
AspectRatio = Annotated[str | None, typer.Option(help="As in 16:9.")]
Resolution = Annotated[str | None, typer.Option(help="A level, as in 720p or 2K.")]
Seed = Annotated[int | None, typer.Option(help="Repeats a result where the model can.")]
NegativePrompt = Annotated[str | None, typer.Option(help="What to leave out.")]
Strength = Annotated[float | None, typer.Option(help="How far what it starts from is changed, as in 0.6.")]
Settings = Annotated[
    str | None,
    typer.Option("--settings", metavar="JSON", help="Settings of the model's own studio, as a JSON object (Binobox)."),
]
Duration = Annotated[float | None, typer.Option(help="How long, in seconds.", min=0.1)]
TextFile = Annotated[str | None, typer.Option("--output", "-o", metavar="PATH", help="A file for the text.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")]


@dataclass(frozen=True)
class Place:
    """Where what is made goes."""

    into: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="PATH", help="A file or folder for what is made; `-` is stdout."),
    ] = None
    force: Force = False
    open_it: Annotated[bool, typer.Option("--open", help="Open what was made with the system's program.")] = False


@dataclass(frozen=True)
class Waiting:
    """What to do about a job."""

    wait: Annotated[float, typer.Option(help="How long to wait for a job, in seconds.", min=0.0)] = WAIT_S
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Only start the job and print its id.")] = False
    poll_every: Annotated[
        float | None,
        typer.Option(help="Seconds between questions about the job; grows from 2 to 20 if not given.", min=0.1),
    ] = None
    job: Annotated[str | None, typer.Option("--job", metavar="ID", help="Go on waiting for this job instead.")] = None


# ------------------------------------------------------------------------------------------------ reading them


def size_of(text: str | None) -> tuple[int | None, int | None]:
    """Width and height in pixels."""
    if text is None:
        return None, None
    found = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text.strip().lower())
    if found is None:
        raise InvalidRequestError(f"--size is WIDTHxHEIGHT in pixels, as in 1024x768, not {text!r}")
    return int(found[1]), int(found[2])


def number_or_text(text: str | None) -> float | str | None:
    """A plain number as one, anything else (`+10%`) as it is written."""
    if text is None or not re.fullmatch(r"-?\d{1,9}(\.\d{1,9})?", text.strip()):
        return text
    return float(text)


def pages_of(text: str | None) -> list[int] | None:
    """Single pages and stretches of them, one by one."""
    if text is None:
        return None
    found = [re.fullmatch(r"\s*(\d{1,6})(?:-(\d{1,6}))?\s*", part) for part in text.split(",")]
    pages = [number for each in found if each for number in range(int(each[1]), int(each[2] or each[1]) + 1)]
    if not pages or None in found or 0 in pages:
        raise InvalidRequestError(f"--pages counts from 1, as in 1,3-5, not {text!r}")
    return pages


def object_of(text: str | None, option: str = "--extra") -> dict[str, Any]:
    """A JSON object."""
    if text is None:
        return {}
    import orjson

    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestError(f"{option} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidRequestError(f"{option} is not a JSON object")
    return value
