"""Recordings and scanned documents as LlamaIndex documents.

```
reader = MultiApiTranscriptReader(provider="aicredits")
documents = SimpleDirectoryReader("meetings", file_extractor={".mp3": reader, ".wav": reader}).load_data()
```
"""

from __future__ import annotations

import asyncio
import hashlib
from abc import abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr
from llama_index.core.readers.base import BasePydanticReader
from llama_index.core.schema import Document

from multiapi.agent_tools.folders import stored_path
from multiapi.client.pair import ClientPair
from multiapi.errors import InvalidRequestError
from multiapi.flows import documents
from multiapi.flows.documents import MAX_FILE_BYTES
from multiapi.flows.jobs import DEFAULT_TIMEOUT_S
from multiapi.flows.steps import Flow, Target
from multiapi.provider import Provider, ProviderName
from multiapi.sending.keys import sealed
from multiapi.types.media import Media, megabytes
from multiapi.types.media_results import OcrResult, Transcript

__all__ = ["MultiApiOcrReader", "MultiApiTranscriptReader"]


class _Reader(BasePydanticReader):
    """Reads files with a provider's model.

    Args:
        provider: The provider.
        model: The provider's model; None: the usual one of `Provider.default_models`.
        extra: Further fields in the provider's own names.
        max_file_bytes: Larger files are refused before they are read.
        api_key, base_url, timeout, max_retries, http_client, http_async_client, ...: As for `MultiApiLLM`.
    """

    provider: str = ""
    model: str | None = None
    extra: dict[str, Any] = Field(default_factory=dict)
    max_file_bytes: int = MAX_FILE_BYTES
    is_remote: bool = True

    model_config = ConfigDict(arbitrary_types_allowed=True)

    _clients: ClientPair = PrivateAttr()

    def __init__(self, provider: ProviderName | Provider | Literal[""] = "", **data: Any) -> None:
        failure: Exception | None = None
        settings = {name: data.pop(name) for name in list(data) if name not in type(self).model_fields}
        try:
            clients = ClientPair(provider or type(self).model_fields["provider"].default or "", **settings)
        except Exception as error:
            failure = sealed(error)
        settings = {}
        if failure is not None:
            raise failure
        super().__init__(**{**data, "provider": clients.provider.name})
        self._clients = clients

    def load_data(self, file: str | Path, extra_info: dict[str, Any] | None = None, fs: Any = None) -> list[Document]:
        """The documents of one file; `fs` is an fsspec file system to read it from."""
        media = self._read(file, fs)
        return self._documents(self._clients.run(lambda target: self._flow(target, media)), file, media, extra_info)

    async def aload_data(
        self, file: str | Path, extra_info: dict[str, Any] | None = None, fs: Any = None
    ) -> list[Document]:
        media = await asyncio.to_thread(self._read, file, fs)
        result = await self._clients.arun(lambda target: self._flow(target, media))
        return self._documents(result, file, media, extra_info)

    def lazy_load_data(
        self, file: str | Path, extra_info: dict[str, Any] | None = None, fs: Any = None
    ) -> Iterable[Document]:
        yield from self.load_data(file, extra_info, fs)

    async def alazy_load_data(
        self, file: str | Path, extra_info: dict[str, Any] | None = None, fs: Any = None
    ) -> Iterable[Document]:
        return await self.aload_data(file, extra_info, fs)

    # ------------------------------------------------------------------------------------ the parts that differ

    @abstractmethod
    def _flow(self, target: Target, media: Media) -> Flow[Any]:
        """What reads the file."""

    @abstractmethod
    def _parts(self, result: Any) -> list[documents.Part]:
        """What was read, in parts."""

    # ------------------------------------------------------------------------------------ shared

    def _read(self, file: str | Path, fs: Any) -> Media:
        path = Path(file)
        if fs is None:
            return Media.from_path(stored_path(path), max_bytes=self.max_file_bytes)
        size = fs.size(str(file))
        if size is not None and size > self.max_file_bytes:
            raise InvalidRequestError(f"{path.name} has {megabytes(size)}, more than {megabytes(self.max_file_bytes)}")
        with fs.open(str(file), "rb") as opened:
            return Media.from_bytes(opened.read(), name=path.name)

    def _documents(
        self, result: Any, file: str | Path, media: Media, extra_info: dict[str, Any] | None
    ) -> list[Document]:
        named = {"file_name": Path(file).name, "file_path": str(file)}
        return [
            self._document(part.text, {**named, **part.metadata, **(extra_info or {})}, media, part.label)
            for part in self._parts(result)
        ]

    def _document(self, text: str, metadata: dict[str, Any], media: Media, part: str) -> Document:
        told = (self.class_name(), self.provider, metadata["model"], part)
        digest = hashlib.sha256(media.read() + repr(told).encode())
        hidden = [name for name in ("cost", "cost_unit", "provider", "model", "file_path") if name in metadata]
        return Document(
            id_=digest.hexdigest()[:32],
            text=text,
            metadata=metadata,
            excluded_embed_metadata_keys=hidden,
            excluded_llm_metadata_keys=hidden,
        )


class MultiApiTranscriptReader(_Reader):
    """What is said in a recording, as one document or one per segment.

    Args:
        language: As in "en"; found out by the model if None.
        diarize: Tell the speakers apart, with models that can.
        split: "file" gives one document, "segment" one per utterance (or one for all, where the provider tells none apart).
        job_timeout_s: How long a transcription that is a job is waited for.
        poll_every: How often it is asked about meanwhile: seconds, or a function that gives them for the seconds waited so far.
    """

    language: str | None = None
    diarize: bool | None = None
    split: Literal["file", "segment"] = "file"
    job_timeout_s: float = DEFAULT_TIMEOUT_S
    poll_every: Any = Field(default=None, exclude=True)

    @classmethod
    def class_name(cls) -> str:
        return "MultiApiTranscriptReader"

    def _flow(self, target: Target, media: Media) -> Flow[Any]:
        return documents.transcribe(
            target,
            media,
            model=self.model,
            language=self.language,
            diarize=self.diarize,
            extra=self.extra,
            timeout_s=self.job_timeout_s,
            poll_every=self.poll_every,
        )

    def _parts(self, result: Transcript) -> list[documents.Part]:
        return documents.transcript_parts(result, self.split)


class MultiApiOcrReader(_Reader):
    """The text of a document or image, as Markdown, one document per page or one in all.

    Args:
        pages: Which pages, counted from 1. None: all.
        split: "page" or "file".
    """

    pages: list[int] | None = None
    split: Literal["page", "file"] = "page"

    @classmethod
    def class_name(cls) -> str:
        return "MultiApiOcrReader"

    def _flow(self, target: Target, media: Media) -> Flow[Any]:
        return documents.read_scan(target, media, model=self.model, pages=self.pages, extra=self.extra)

    def _parts(self, result: OcrResult) -> list[documents.Part]:
        return documents.scan_parts(result, self.split)
