"""Recordings and scanned documents as LangChain documents.

```
parser = MultiApiTranscriptParser(provider="aicredits")
documents = GenericLoader(FileSystemBlobLoader("meetings", glob="*.mp3"), parser).load()
```
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Literal

from langchain_core.document_loaders import BaseBlobParser
from langchain_core.documents import Document
from langchain_core.documents.base import Blob

from langchain_multiapi._errors import langchain_errors
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

__all__ = ["MultiApiOcrParser", "MultiApiTranscriptParser"]


class _Parser(BaseBlobParser):
    """Reads blobs with a provider's model.

    Args:
        provider: bineric, binom_router, aimlapi, aicredits or binobox, a registered name, or a `multiapi.Provider`.
        model: The provider's model; None: the usual one of `Provider.default_models`.
        extra: Further fields in the provider's own names.
        max_file_bytes: Larger blobs are refused before they are read.
        settings: `api_key`, `base_url`, `timeout`, `http_client`, ...: as for `ChatMultiApi`.

    Raises:
        MissingApiKeyError: No key.
    """

    def __init__(
        self,
        provider: ProviderName | Provider,
        *,
        model: str | None = None,
        extra: dict[str, Any] | None = None,
        max_file_bytes: int = MAX_FILE_BYTES,
        **settings: Any,
    ) -> None:
        failure: Exception | None = None
        with langchain_errors():
            try:
                self._clients = ClientPair(provider, **settings)
            except Exception as error:
                failure = sealed(error)
            settings = {}
            if failure is not None:
                raise failure
        self.provider = self._clients.provider.name
        self.model = model
        self.extra = dict(extra or {})
        self.max_file_bytes = max_file_bytes

    def __repr__(self) -> str:
        return f"{type(self).__name__}(provider={self.provider!r}, model={self.model!r})"

    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """Yield the documents of one blob, which is read when the first of them is asked for."""
        with langchain_errors():
            media = self._read(blob)
            result = self._clients.run(lambda target: self._flow(target, media))
        yield from self._documents(result, blob)

    async def alazy_parse(self, blob: Blob) -> AsyncIterator[Document]:
        """As `lazy_parse`, awaited."""
        with langchain_errors():
            media = await asyncio.to_thread(self._read, blob)
            result = await self._clients.arun(lambda target: self._flow(target, media))
        for document in self._documents(result, blob):
            yield document

    async def aparse(self, blob: Blob) -> list[Document]:
        """The documents of one blob."""
        return [document async for document in self.alazy_parse(blob)]

    @abstractmethod
    def _flow(self, target: Target, media: Media) -> Flow[Any]:
        """What reads the blob."""

    @abstractmethod
    def _parts(self, result: Any) -> list[documents.Part]:
        """What was read, in parts."""

    def _read(self, blob: Blob) -> Media:
        if blob.data is None:
            assert blob.path is not None
            return Media.from_path(stored_path(Path(blob.path)), max_bytes=self.max_file_bytes)
        data = blob.as_bytes()
        if len(data) > self.max_file_bytes:
            size, most = megabytes(len(data)), megabytes(self.max_file_bytes)
            raise InvalidRequestError(f"{blob.source or 'the blob'} has {size}, more than {most}")
        name = None if blob.source is None else Path(blob.source).name
        return Media.from_bytes(data, name=name, mime_type=blob.mimetype)

    def _documents(self, result: Any, blob: Blob) -> list[Document]:
        source = blob.source
        named = {} if source is None else {"source": source, "file_name": Path(source).name, "file_path": source}
        return [
            Document(page_content=part.text, metadata={**named, **part.metadata, **(blob.metadata or {})})
            for part in self._parts(result)
        ]


class MultiApiTranscriptParser(_Parser):
    """What is said in a recording, as one document or one per segment.

    Args:
        language: As in "en"; found out by the model if None.
        diarize: Tell the speakers apart, with models that can.
        split: "file" gives one document, "segment" one per utterance (or one for all, where the provider tells none apart).
        job_timeout_s: How long a transcription that is a job is waited for.
        poll_every: How often it is asked about meanwhile: seconds, or a function that gives them for the seconds waited so far.
    """

    def __init__(
        self,
        provider: ProviderName | Provider,
        *,
        language: str | None = None,
        diarize: bool | None = None,
        split: Literal["file", "segment"] = "file",
        job_timeout_s: float = DEFAULT_TIMEOUT_S,
        poll_every: Any = None,
        **settings: Any,
    ) -> None:
        with langchain_errors():
            documents.check_split("MultiApiTranscriptParser", split, ("file", "segment"))
        super().__init__(provider, **settings)
        self.language, self.diarize, self.split = language, diarize, split
        self.job_timeout_s, self.poll_every = job_timeout_s, poll_every

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


class MultiApiOcrParser(_Parser):
    """The text of a document or image, as Markdown, one document per page or one in all.

    Args:
        pages: Which pages, counted from 1. None: all.
        split: "page" or "file".
    """

    def __init__(
        self,
        provider: ProviderName | Provider,
        *,
        pages: list[int] | None = None,
        split: Literal["page", "file"] = "page",
        **settings: Any,
    ) -> None:
        with langchain_errors():
            documents.check_split("MultiApiOcrParser", split, ("page", "file"))
        super().__init__(provider, **settings)
        self.pages, self.split = pages, split

    def _flow(self, target: Target, media: Media) -> Flow[Any]:
        return documents.read_scan(target, media, model=self.model, pages=self.pages, extra=self.extra)

    def _parts(self, result: OcrResult) -> list[documents.Part]:
        return documents.scan_parts(result, self.split)
