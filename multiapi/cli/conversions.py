"""The rarer commands that make or look at something: 3D models, moderation, features of images, files as text, search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from multiapi.cli import output
from multiapi.cli.files import media_of, read_stdin, text_of
from multiapi.cli.options import Extra, Force, Place, Seed, TextFile, Words, object_of
from multiapi.cli.progress import working
from multiapi.cli.results import destination_of, save, text_destination
from multiapi.cli.run import Run
from multiapi.errors import InvalidRequestError
from multiapi.types.search import SearchKind


def mesh(
    run: Run,
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH|URL", help="Images of it; the first is the front.", show_default=False),
    ] = None,
    *,
    left: Annotated[str | None, typer.Option(metavar="PATH|URL", help="It from the left.")] = None,
    back: Annotated[str | None, typer.Option(metavar="PATH|URL", help="It from behind.")] = None,
    right: Annotated[str | None, typer.Option(metavar="PATH|URL", help="It from the right.")] = None,
    source: Annotated[
        str | None, typer.Option("--mesh", metavar="PATH|URL", help="A 3D model to take apart instead.")
    ] = None,
    output_format: Annotated[str | None, typer.Option("--format", help="glb, obj, ...")] = None,
    seed: Seed = None,
    extra: Extra = None,
    place: Place,
) -> None:
    """Make a 3D model from images."""
    from multiapi.types.media_requests import MeshRequest

    if not images and source is None:
        raise InvalidRequestError("name an image, or a 3D model with --mesh")
    destination = destination_of(run, place)
    client = run.client()
    sides = {"left_image": left, "back_image": back, "right_image": right, "mesh": source}
    sources: dict[str, Any] = {name: media_of(given) for name, given in sides.items() if given is not None}
    request = MeshRequest(
        model=run.model(client, "mesh", "mesh"),
        images=tuple(media_of(each) for each in images or ()),
        output_format=output_format,
        seed=seed,
        extra=object_of(extra),
        **sources,
    )
    with working(run, "making a 3D model"):
        result = client.mesh(request)
    save(run, client, result, destination, open_it=place.open_it)


def encode(
    run: Run,
    file: Annotated[str, typer.Argument(metavar="PATH|URL", help="The file; `-` is stdin.")],
    *,
    into: TextFile = None,
    force: Force = False,
) -> None:
    """Turn a file into base64 by the provider (Bineric)."""
    destination = text_destination(run, into, force=force)
    client = run.client()
    with working(run, "encoding"):
        result = client.file_to_base64(media_of(file))
    text = result.media.base64()
    path = None
    if destination is not None:
        path = destination.write_text(f"{text}\n")
        run.is_saved(path)
    if run.json:
        facts = {name: value for name, value in output.plain(result).items() if name != "media"}
        output.write_json(facts | {"mime_type": result.media.mime_type, "base64": text, "path": path and str(path)})
    else:
        output.write_text(text if path is None else str(path))


def decode(
    run: Run,
    data: Annotated[
        str | None, typer.Argument(metavar="BASE64|PATH", help="Base64, or a file with it; `-` or nothing is stdin.")
    ] = None,
    *,
    place: Place,
) -> None:
    """Turn base64 into a file by the provider (Bineric)."""
    destination = destination_of(run, place)
    text = read_stdin() if data in {None, "-"} else _base64_of(str(data))
    if not text.strip():
        raise InvalidRequestError("no base64: write it behind the command, name a file, or pipe it in")
    client = run.client()
    with working(run, "decoding"):
        made = client.decode_base64("".join(text.split()))
    saved = destination.put(client, (made,))
    if run.json:
        output.write_json({"provider": client.provider.name, "media": list(saved)})
    elif not destination.to_stdout:
        for each in saved:
            output.write_text(str(each.path))


def _base64_of(given: str) -> str:
    path = Path(given)
    try:
        return path.read_text(encoding="ascii") if path.is_file() else given
    except UnicodeDecodeError:
        raise InvalidRequestError(f"{given} does not hold base64") from None
    except OSError:
        return given  # a text that is too long for a name


def moderate(run: Run, text: Words = None, *, extra: Extra = None) -> None:
    """Ask a guard model whether a text is harmful."""
    from multiapi.types.media_requests import ModerationRequest

    wanted = text_of(text, what="text")
    client = run.client()
    request = ModerationRequest(model=run.model(client, "moderate", "moderate"), text=wanted, extra=object_of(extra))
    with working(run, "reading"):
        result = client.moderate(request)
    if run.json:
        output.write_json(result)
    else:
        output.write_text("safe" if result.safe else f"unsafe: {', '.join(result.categories) or 'no category given'}")
    run.priced(result)


def features(
    run: Run,
    image: Annotated[str, typer.Argument(metavar="URL", help="The image.")],
    *,
    feature: Annotated[list[str] | None, typer.Option(help="LABEL_DETECTION, TEXT_DETECTION, ...")] = None,
    most: Annotated[int | None, typer.Option(help="Maximum number of each.", min=1)] = None,
    extra: Extra = None,
) -> None:
    """Find labels, texts and faces in an image (AI/ML API, legacy)."""
    from multiapi.types.media_requests import VisionFeaturesRequest

    client = run.client()
    settings: dict[str, Any] = {"features": tuple(feature)} if feature else {}
    request = VisionFeaturesRequest(image=_address_or_file(image), most=most, extra=object_of(extra), **settings)
    with working(run, "looking"):
        found = client.vision_features(request)
    output.write_json(found, escaped=run.json)


def _address_or_file(given: str) -> Any:
    return given if given.startswith(("http://", "https://", "data:")) else media_of(given)


def search(
    run: Run,
    query: Words = None,
    *,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help=f"What beside the answer, more than once: {', '.join(get_args(SearchKind))}.",
            autocompletion=lambda: list(get_args(SearchKind)),
        ),
    ] = None,
    ip: Annotated[str | None, typer.Option(help="Where the question comes from.")] = None,
) -> None:
    """Search the web with AI/ML API's search engine (withdrawn; `multiapi chat --web-search` searches today)."""
    from multiapi.types.search import SearchRequest

    unknown = [each for each in kind or () if each not in get_args(SearchKind)]
    if unknown:
        raise InvalidRequestError(f"--kind is one of {', '.join(get_args(SearchKind))}, not {unknown[0]!r}")
    wanted = text_of(query, what="query")
    client = run.client()
    settings: dict[str, Any] = {} if run.model_given is None else {"model": run.model_given}
    if kind:
        settings["kinds"] = tuple(kind)
    with working(run, "searching"):
        found = client.search(SearchRequest(query=wanted, ip=ip, **settings))
    if run.json:
        output.write_json(found)
        return
    output.write_text(found.text)
    for link in found.links:
        output.write_text(output.one_line(link))
    rest = {name: getattr(found, name) for name in ("images", "videos", "weather", "map", "knowledge")}
    shown = {name: value for name, value in output.plain(rest).items() if value}
    if shown:
        output.write_json(shown, escaped=False)
    run.priced(found)
