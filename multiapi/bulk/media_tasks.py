"""Images, speech, transcripts and documents in bulk: files in, by path or address, and files out, below one folder."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar

from multiapi.bulk.tasks import Answered, Prepared, Task, check_template, fill
from multiapi.errors import InvalidRequestError, MultiApiError, UnsupportedError, printable
from multiapi.provider import Provider
from multiapi.providers import split_model
from multiapi.types.media import Media
from multiapi.types.media_requests import ImageRequest, OcrRequest, SpeechRequest, TranscriptionRequest

logger = logging.getLogger("multiapi")

MAX_FILE_BYTES = 200_000_000
_BLOCK = 1_000_000


class MediaTask(Task):
    """What the media tasks share: fixed settings of the request, and a folder for what is made.

    Attributes:
        output_dir: Where files are written; a job sets it to `OUTPUT.files` unless it was given.
        input_dir: Paths in rows are taken below it, and nowhere else.
    """

    kind: ClassVar[Any]
    field: ClassVar[str]
    output_dir: Path | None = None

    def __init__(
        self,
        model: str,
        *,
        provider: str | Provider | None = None,
        input_dir: str | Path = ".",
        output_dir: str | Path | None = None,
        **settings: Any,
    ) -> None:
        self.provider, self.model = split_model(model, provider)
        if not self._is_there():
            raise UnsupportedError(f"{self.provider.name} has no {self.operation}", provider=self.provider.name)
        taken = {"model", "headers", self.field}
        known = {each.name for each in fields(self.kind)} - taken
        unknown = sorted(set(settings) - known)
        if unknown:
            raise InvalidRequestError(
                f"{type(self).__name__} has no setting {unknown[0]!r}; it has {', '.join(sorted(known))}"
            )
        self.settings = settings
        self.input_dir = Path(input_dir)
        self.output_dir = None if output_dir is None else Path(output_dir)

    def _is_there(self) -> bool:
        return self.operation in self.provider.operations

    def _identity(self, value: Any) -> dict[str, Any]:
        settings = {name: _plain(each) for name, each in self.settings.items()}
        return {"model": self.model, self.field: value, **settings}

    async def _kept(self, client: Any, media: Sequence[Media], identity: Any) -> dict[str, Any]:
        """Write what was made into the folder; what cannot be fetched stays as its address, since it is paid for."""
        paths: list[str] = []
        urls: list[str] = []
        for each in media:
            try:
                whole = each if each.data is not None else await client.download(each)
                paths.append(str(await asyncio.to_thread(self._save, whole, identity)))
            except MultiApiError as error:
                if each.url is None:
                    raise
                logger.warning("a file could not be fetched (%s); its address is in the row", type(error).__name__)
                urls.append(each.url)
        columns: dict[str, Any] = {"file": paths[0] if paths else None}
        if len(paths) > 1:
            columns["files"] = paths
        if urls:
            columns["urls"] = urls
        return columns

    def _save(self, media: Media, identity: Any) -> Path:
        """Name it after its request and its bytes, so that two answers to one request are two files."""
        if self.output_dir is None:
            raise InvalidRequestError("say where files are written: output_dir=...")
        data = media.read()
        name = f"{_digest(repr(identity).encode())}-{_digest(data)}{media.extension}"
        self.output_dir.mkdir(parents=True, exist_ok=True)
        return media.save(self.output_dir / name, into_folder=False)


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Media):
        return value.url or _digest(value.read())
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


class _FromWords(MediaTask):
    """A text from a template becomes a file."""

    def __init__(self, model: str, template: str, **settings: Any) -> None:
        super().__init__(model, **settings)
        check_template(template)
        self.template = template

    def prepare(self, row: Mapping[str, Any]) -> Prepared:
        """Fill the template with the row."""
        text = fill(self.template, row)
        if not text.strip():
            raise InvalidRequestError("the row makes an empty text")
        return Prepared(request=text, identity=self._identity(text), body_bytes=len(text.encode("utf-8", "replace")))

    async def call(self, client: Any, requests: Sequence[Any], headers: Mapping[str, str]) -> list[Answered]:
        """Have one file made."""
        text = requests[0]
        request = self.kind(model=self.model, headers=dict(headers), **{self.field: text}, **self.settings)
        result = await getattr(client, self.operation)(request)
        columns = {"model": result.model, **await self._kept(client, result.media, self._identity(text))}
        return [Answered(columns=columns, cost=result.cost, request_id=result.request_id)]


class Image(_FromWords):
    """An image for each row.

        Image("binobox:imagen-4-fast-generate", prompt="{thing} on a white ground")

    Args:
        prompt: A template over the row's fields.
        settings: Further fields of `ImageRequest`.
    """

    operation = "image"
    kind = ImageRequest
    field = "prompt"

    def __init__(self, model: str, prompt: str, **settings: Any) -> None:
        super().__init__(model, prompt, **settings)


class Speech(_FromWords):
    """A recording for each row.

        Speech("aimlapi:openai/tts-1", text="{text}", voice="alloy")

    Args:
        text: A template over the row's fields.
        settings: Further fields of `SpeechRequest`.
    """

    operation = "speech"
    kind = SpeechRequest
    field = "text"

    def __init__(self, model: str, text: str = "{text}", **settings: Any) -> None:
        super().__init__(model, text, **settings)


class _FromFile(MediaTask):
    """A file, which a row names by its path or address, becomes text."""

    def __init__(self, model: str, column: str, **settings: Any) -> None:
        super().__init__(model, **settings)
        self.column = column

    def prepare(self, row: Mapping[str, Any]) -> Prepared:
        """Look at the file of a row; it is read when it is sent."""
        if self.column not in row:
            raise InvalidRequestError(f"the row has no field {self.column!r}")
        named = row[self.column]
        if not isinstance(named, str | Path) or not str(named).strip():
            raise InvalidRequestError(
                f"the field {self.column!r} must be a path or an address, not {type(named).__name__}"
            )
        if isinstance(named, str) and named[:8].lower().startswith(("http://", "https://", "data:")):
            Media.from_url(named)
            return Prepared(request=named, identity=self._identity(named))
        path = self._path(named)
        return Prepared(request=path, identity=self._identity(_digest_of_file(path)), body_bytes=path.stat().st_size)

    def _path(self, named: str | Path) -> Path:
        root = self.input_dir.resolve()
        path = (root / named).resolve()
        if not path.is_relative_to(root):
            raise InvalidRequestError(
                f"{printable(str(named), 80)!r} lies outside of the folder of inputs; name its folder with input_dir=..."
            )
        if not path.is_file():
            raise InvalidRequestError(f"the file {printable(str(named), 80)!r} does not exist")
        return path

    async def _media(self, named: Any) -> Media:
        if isinstance(named, str):
            return Media.from_url(named)
        return await asyncio.to_thread(Media.from_path, named, max_bytes=MAX_FILE_BYTES)

    async def call(self, client: Any, requests: Sequence[Any], headers: Mapping[str, str]) -> list[Answered]:
        """Read one file."""
        source = await self._media(requests[0])
        request = self.kind(model=self.model, headers=dict(headers), **{self.field: source}, **self.settings)
        result = await getattr(client, self.operation)(request)
        columns = {"model": result.model, "answer": result.text, **self._more(result)}
        return [Answered(columns=columns, cost=result.cost, request_id=result.request_id)]

    @abstractmethod
    def _more(self, result: Any) -> dict[str, Any]:
        """Return further columns of a response."""


def _digest_of_file(path: Path) -> str:
    found = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


class Transcribe(_FromFile):
    """The text of a recording for each row.

        Transcribe("aicredits:openai/whisper-1", audio="path", input_dir="calls")

    Args:
        audio: The column that holds a path below `input_dir`, or an address.
        settings: Further fields of `TranscriptionRequest`.
    """

    operation = "transcribe"
    kind = TranscriptionRequest
    field = "audio"

    def __init__(self, model: str, audio: str = "audio", **settings: Any) -> None:
        super().__init__(model, audio, **settings)

    def _is_there(self) -> bool:
        return not {"transcribe", "start_transcription"}.isdisjoint(self.provider.operations)

    def _more(self, result: Any) -> dict[str, Any]:
        return {"language": result.language, "duration_s": result.duration_s}


class Ocr(_FromFile):
    """The text of a document or image for each row.

        Ocr("aimlapi:mistral-ocr-latest", document="path", input_dir="scans")

    Args:
        document: The column that holds a path below `input_dir`, or an address.
        settings: Further fields of `OcrRequest`.
    """

    operation = "ocr"
    kind = OcrRequest
    field = "document"

    def __init__(self, model: str, document: str = "document", **settings: Any) -> None:
        super().__init__(model, document, **settings)

    def _more(self, result: Any) -> dict[str, Any]:
        return {"pages": len(result.pages)}
