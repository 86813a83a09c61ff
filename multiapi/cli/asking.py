"""The client of the command line: what it was paid for is remembered until it has been shown or saved."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from multiapi.cli import output
from multiapi.client.client import Client
from multiapi.errors import MultiApiError
from multiapi.flows.steps import Flow
from multiapi.types import account
from multiapi.types.chat import ChatDelta, ChatRequest, ChatResponse
from multiapi.types.media import Media
from multiapi.types.media_results import MediaResult

T = TypeVar("T")


class AskingClient(Client):
    """A client that tells of each result as soon as it is there."""

    told: Callable[[Any], None] = staticmethod(lambda _: None)

    def chat(self, request: ChatRequest) -> ChatResponse:
        """As `Client.chat`."""
        response = super().chat(request)
        self.told(response)
        return response

    def chat_stream(self, request: ChatRequest) -> Generator[ChatDelta, None, None]:
        """As `Client.chat_stream`."""
        for delta in super().chat_stream(request):
            if delta.response is not None:
                self.told(delta.response)
            yield delta

    def run(self, flow: Flow[T]) -> T:
        """As `Client.run`."""
        result = super().run(flow)
        self.told(result)
        return result


def cannot_be_had_again(result: Any) -> bool:
    """Whether a result was paid for, or is told only once: responses, media, started jobs and batches, a new key."""
    if isinstance(result, account.KeyInfo):
        return result.key is not None
    if isinstance(result, Media) and not isinstance(result, MediaResult):
        return False  # a download
    return isinstance(result, dict) or (is_dataclass(result) and type(result).__module__ != account.__name__)


def keep_safe(result: Any, command: str, client: Client | None) -> Path:
    """Write a result that could not be shown or saved where it was wanted to a new file: here, else in the folder for temporary files.

    Raises:
        OSError: There is no place for it at all.
    """
    failure: OSError | None = None
    for folder in (Path(), Path(tempfile.gettempdir())):
        try:
            handle, name = tempfile.mkstemp(prefix=f"multiapi-{command}-", suffix=".json", dir=folder)
        except OSError as error:
            failure = error
            continue
        path = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(output.json_text(_with_files(result, folder, client)) + "\n")
        except OSError as error:
            failure = error
            with suppress(OSError):
                path.unlink()
            continue
        return path if folder != Path() else Path(path.name)
    raise failure or OSError("there is no folder to write to")


def _with_files(result: Any, folder: Path, client: Client | None) -> Any:
    """The result with its media as files beside it; one that cannot be fetched keeps its address."""
    media = getattr(result, "media", None)
    if not media or client is None:
        return result
    kept = []
    for each in (media,) if isinstance(media, Media) else media:
        try:
            path = client.save(each, folder)
        except (MultiApiError, OSError):
            kept.append(each)
        else:
            kept.append(replace(each, path=path, data=None))
    facts = {} if isinstance(result, Media) else {name: getattr(result, name) for name in _names(result)}
    return facts | output.facts_of(result) | {"media": kept}


def _names(result: Any) -> list[str]:
    return [item.name for item in fields(result) if item.name not in output.LEFT_OUT]
