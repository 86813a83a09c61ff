"""What becomes of a result on the command line: saved, shown, opened, written."""

from __future__ import annotations

from typing import Any

from multiapi.cli import output
from multiapi.cli.files import Destination, open_file
from multiapi.cli.options import Place
from multiapi.cli.run import Run
from multiapi.client.client import Client
from multiapi.errors import InvalidRequestError


def destination_of(run: Run, place: Place) -> Destination:
    """Where what is made goes, looked at before anything is paid for."""
    destination = Destination.of(place.into, force=place.force, as_json=run.json)

    def keep(partial: Any) -> dict[str, Any]:
        media = getattr(partial, "media", None)
        if not media:
            return {}
        saved = destination.put(run.client(), media)
        run.is_saved(*(each.path for each in saved))
        if not run.json and not destination.to_stdout:
            for each in saved:
                output.write_text(str(each.path))
        return {"media": list(saved)}

    run.keep = keep
    return destination


def save(
    run: Run,
    client: Client,
    result: Any,
    destination: Destination,
    *,
    open_it: bool,
    show: bool = False,
) -> None:
    """Save what was made, and show it or say where it is."""
    saved = destination.put(client, result.media)
    run.is_saved(*(each.path for each in saved))
    if run.json:
        output.write_json(output.facts_of(result) | {"media": list(saved)})
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


def text_destination(run: Run, path: str | None, *, force: bool) -> Destination | None:
    """The file for a text; None for stdout."""
    destination = None if path in {None, "-"} else Destination.of(path, force=force)
    if destination is not None and destination.name is None:
        raise InvalidRequestError(f"{path} is a folder; name a file for the text")

    def keep(partial: Any) -> dict[str, Any]:
        text = getattr(partial, "text", None)
        if not isinstance(text, str) or not text:
            return {}
        if run.json:
            return {"text": text}
        output.write_text(text if destination is None else str(destination.write_text(f"{text}\n")))
        return {}

    run.keep = keep
    return destination


def write_text(run: Run, result: Any, text: str, destination: Destination | None) -> None:
    """Write what was read to its file or to stdout."""
    path = None
    if destination is not None:
        path = destination.write_text(text if text.endswith("\n") else text + "\n")
        run.is_saved(path)
    if run.json:
        output.write_json(output.plain(result) | {"text": result.text, "path": path and str(path)})
    else:
        output.write_text(text if path is None else str(path))
    run.priced(result)
