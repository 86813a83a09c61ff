# ruff: noqa: N805  (the functions take a target where methods take themselves; `operation` makes methods of them)
"""Everything beside chat and embeddings that the providers do, declared once for both clients.

Each function makes a flow. On a `Client` it is a method that gives the flow's result, on an `AsyncClient` one that is awaited:

    Client("binobox").image(ImageRequest(...))
    await AsyncClient("binobox").image(ImageRequest(...))

A provider that lacks the operation raises `UnsupportedError` before anything is sent, naming those that have it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, overload

from multiapi.flows import operations as flows
from multiapi.flows.operations import WAIT_S
from multiapi.flows.steps import Flow, Target

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from multiapi.flows.jobs import PollEvery
    from multiapi.providers.aimlapi.catalogue import ModelEntry
    from multiapi.types.account import (
        Balance,
        DailyUsage,
        Deprecation,
        Health,
        KeyChange,
        KeyInfo,
        LogsRequest,
        ModelInfo,
        ModelMetrics,
        ModelsRequest,
        Page,
        TransactionsRequest,
        UsageReport,
        UsageRequest,
    )
    from multiapi.types.batches import Batch, BatchRequest
    from multiapi.types.chat import ChatRequest, ChatResponse
    from multiapi.types.jobs import Job, JobKind, OnProgress
    from multiapi.types.legacy import LegacyRequest
    from multiapi.types.media import Media
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

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M", bound="Media")


class Blocking:
    """A client whose methods give their result."""


class Awaited:
    """A client whose methods are awaited."""


class operation(Generic[P, T]):  # noqa: N801  (a decorator)
    """Makes a method of both clients out of a function that makes a flow."""

    def __init__(self, make: Callable[Concatenate[Target, P], Flow[T]]) -> None:
        self.make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, client: Blocking, owner: Any = None) -> Callable[P, T]: ...

    @overload
    def __get__(self, client: Awaited, owner: Any = None) -> Callable[P, Coroutine[Any, Any, T]]: ...

    @overload
    def __get__(self, client: None, owner: Any = None) -> Callable[Concatenate[Target, P], Flow[T]]: ...

    def __get__(self, client: Any, owner: Any = None) -> Any:
        if client is None:
            return self.make
        return client.as_method(self.make)


class Operations:
    """The operations as methods; `Client` and `AsyncClient` inherit them."""

    # ------------------------------------------------------------------------------------ what providers make

    @operation
    def image(target: Target, request: ImageRequest) -> Flow[ImageResult]:
        """Images.

        One `Media` for each image in `media`, as bytes or at an address that expires (`save` and `download` fetch it), with the
        cost in the provider's own unit. A 5xx is not repeated: an image is paid for when it is made.

        Raises:
            UnsupportedError: The provider makes no images, or the model lacks a setting that is set.
        """
        return flows.one(target, "image", request)

    @operation
    def edit_image(target: Target, request: ImageEditRequest) -> Flow[ImageResult]:
        """An image changed as a text says.

        The response is that of `image`.
        """
        return flows.one(target, "edit_image", request)

    @operation
    def mesh(target: Target, request: MeshRequest) -> Flow[MeshResult]:
        """A 3D model.

        `media` holds the files that the provider gives, GLB for most.
        """
        return flows.one(target, "mesh", request)

    @operation
    def speech(target: Target, request: SpeechRequest) -> Flow[MediaResult]:
        """A text read aloud.

        The sound is a `Media` itself, of the asked `output_format` where the provider has it; its kind is read from its bytes.
        """
        return flows.one(target, "speech", request)

    @operation
    def transcribe(
        target: Target,
        request: TranscriptionRequest,
        *,
        timeout_s: float = WAIT_S,
        on_progress: OnProgress | None = None,
        poll_every: PollEvery | None = None,
    ) -> Flow[Transcript]:
        """What is said in a recording; waited for where the provider makes a job of it.

        `text` is all of it; `segments` and `words` carry times in seconds and speakers where the provider gives them.

        Args:
            timeout_s: How long to wait for a job, in seconds.
            on_progress: Called each time that a job was looked at.
            poll_every: Seconds between two looks at a job, or a function that gives them for the seconds waited so far; None: 2 s
                growing to 15 s.

        Raises:
            JobFailedError: The provider gave up on it.
            JobTimeoutError: It was not finished in time and goes on; `wait(error.job_id, kind="transcription")` waits again.
        """
        return flows.one_or_job(
            target,
            "transcribe",
            "transcription",
            request,
            timeout_s=timeout_s,
            on_progress=on_progress,
            poll_every=poll_every,
        )

    @operation
    def music(
        target: Target,
        request: MusicRequest,
        *,
        timeout_s: float = WAIT_S,
        on_progress: OnProgress | None = None,
        poll_every: PollEvery | None = None,
    ) -> Flow[MediaResult]:
        """Music; waited for where the provider makes a job of it.

        Args:
            timeout_s: How long to wait for a job, in seconds.
            on_progress: Called each time that a job was looked at.
            poll_every: Seconds between two looks at a job, or a function that gives them for the seconds waited so far; None: 2 s
                growing to 15 s.

        Raises:
            JobFailedError: The provider gave up on it.
            JobTimeoutError: It was not finished in time and goes on; `wait(error.job_id, kind="music")` waits again.
        """
        return flows.one_or_job(
            target, "music", "music", request, timeout_s=timeout_s, on_progress=on_progress, poll_every=poll_every
        )

    @operation
    def video(
        target: Target,
        request: VideoRequest,
        *,
        timeout_s: float = WAIT_S,
        on_progress: OnProgress | None = None,
        poll_every: PollEvery | None = None,
    ) -> Flow[MediaResult]:
        """A video, started and waited for. It is at an address that expires: `save` or `download` it.

        Whatever ends the wait early (an error, Ctrl-C, a cancellation, a mistake in `on_progress`) has the job's id as `job_id`.

        Args:
            poll_every: Seconds between two looks, or a function that gives them for the seconds waited so far; None: 2 s growing to
                15 s.

        Raises:
            JobTimeoutError: It was not finished in time and goes on; `wait(error.job_id)` waits for it again.
        """
        return flows.video(target, request, timeout_s=timeout_s, on_progress=on_progress, poll_every=poll_every)

    @operation
    def ocr(target: Target, request: OcrRequest) -> Flow[OcrResult]:
        """Text and layout of a document or image.

        `pages` has the text of each page, as Markdown where the provider writes it, and `text` all of them.
        """
        return flows.one(target, "ocr", request)

    @operation
    def moderate(target: Target, request: ModerationRequest) -> Flow[Moderation]:
        """Whether a text, images or a conversation are harmful, as a guard model sees it.

        AI/ML API's four guard models are asked as documented before their withdrawal on 2026-03-29.

        Raises:
            WithdrawnError: The provider does not offer the model any more.
            ResponseFormatError: The model says neither safe nor unsafe: it is not a guard.
        """
        return flows.one(target, "moderate", request)

    @operation
    def vision_features(target: Target, request: VisionFeaturesRequest) -> Flow[VisionFeatures]:
        """What is to be found in an image (legacy; a vision model in `chat` does it better).

        The provider's own object, with `labels`, `texts` and `faces` read out of it.
        """
        return flows.one(target, "vision_features", request)

    @operation
    def responses(target: Target, request: ChatRequest) -> Flow[ChatResponse]:
        """A conversation over the Responses API: short for `chat` with `api="responses"`.

        `chat` takes it by itself for models that speak only that, and for built-in tools such as `web_search_preview`.
        """
        return flows.chat_by(target, "responses", request)

    @operation
    def messages(target: Target, request: ChatRequest) -> Flow[ChatResponse]:
        """A conversation over Anthropic's Messages protocol: short for `chat` with `api="messages"`."""
        return flows.chat_by(target, "messages", request)

    # ------------------------------------------------------------------------------------ jobs and files

    @operation
    def start_video(target: Target, request: VideoRequest) -> Flow[Job]:
        """Start a video without waiting; it is never started twice, even if the response was lost.

        The job is a value: `job.to_dict()` and `Job.from_dict` carry it to another process.
        """
        return flows.start(target, "video", request)

    @operation
    def start_music(target: Target, request: MusicRequest) -> Flow[Job]:
        """Start music without waiting, where the provider makes a job of it."""
        return flows.start(target, "music", request)

    @operation
    def start_transcription(target: Target, request: TranscriptionRequest) -> Flow[Job]:
        """Start a transcription without waiting, where the provider makes a job of it."""
        return flows.start(target, "transcription", request)

    @operation
    def job(target: Target, job: Job | str, *, kind: JobKind | None = None) -> Flow[Job]:
        """How a job is doing, by itself or by its id and kind ("video" unless told otherwise).

        Asks once and does not wait; `job.state` is "pending" or "completed". A job that the provider does not know (yet) comes back as
        it was if it is new or was seen before.

        Raises:
            JobFailedError: It failed or was cancelled; `partial` is the job, with what the provider says of it.
        """
        return flows.ask_once(target, job, kind)

    @operation
    def wait(
        target: Target,
        job: Job | str,
        *,
        kind: JobKind | None = None,
        timeout_s: float = WAIT_S,
        on_progress: OnProgress | None = None,
        poll_every: PollEvery | None = None,
    ) -> Flow[Job]:
        """Wait until a job has ended, also one that another process started; `job.result` is what it made.

        Raises:
            JobFailedError: The provider gave up on it.
            JobTimeoutError: It was not finished in time and goes on.
        """
        return flows.wait(target, job, kind, timeout_s=timeout_s, on_progress=on_progress, poll_every=poll_every)

    @operation
    def download(target: Target, media: M, *, max_bytes: int | None = None) -> Flow[M]:
        """Media with its bytes, fetched without the key from where the provider keeps them.

        Media that already have bytes come back as they are. Only public hosts are asked, never with the key.

        Args:
            max_bytes: Refuse more than that; None: `limits.file_bytes` of the client.

        Raises:
            ResponseTooLargeError: The file is larger.
            AddressRefusedError: The address, or one that it leads to, is not to be opened from here.
        """
        return flows.download(target, media, max_bytes or target.limits.file_bytes)

    @operation
    def save(target: Target, media: Media | str, path: str | Path, *, max_bytes: int | None = None) -> Flow[Path]:
        """Media, or an address, into a file: fetched chunk by chunk, whole or not at all, with the ending that belongs to it.

        Args:
            path: A file, which is replaced if it is there, with the right ending if it has none; or a folder, in which a new name
                is made.
            max_bytes: Refuse more than that; None: `limits.file_bytes` of the client.

        Raises:
            ResponseTooLargeError: The file is larger; nothing is left behind.
            AddressRefusedError: The address, or one that it leads to, is not to be opened from here.
        """
        return flows.save(target, media, path, max_bytes or target.limits.file_bytes)

    @operation
    def file_to_base64(target: Target, media: Media | str) -> Flow[EncodedFile]:
        """A file as base64, turned by the provider (`media.base64()` does it here, without a call)."""
        return flows.one(target, "file_to_base64", media)

    @operation
    def decode_base64(target: Target, data: str | Media) -> Flow[Media]:
        """A file out of base64 text, turned by the provider."""
        return flows.one(target, "decode_base64", data)

    # ------------------------------------------------------------------------------------ models, money, keys

    @operation
    def models(
        target: Target, request: ModelsRequest | None = None, *, kind: str | None = None
    ) -> Flow[tuple[ModelInfo, ...]]:
        """The provider's models, with prices and limits as far as it says them.

        Without a request all of them. Prices are in the currency that the provider names, per what it names. AI/ML API has a row for each
        kind of call that takes a model, so one id may be there more than once: tell them apart by `id` and `kind`.

        Args:
            kind: Only rows of this kind, in the provider's word or a part of it, as in "image".
        """
        return flows.models(target, request, kind)

    @operation
    def model(target: Target, model_id: str, *, kind: str | None = None) -> Flow[ModelInfo]:
        """One model by its id or alias; `kind` chooses where one id has several rows.

        Raises:
            NotFoundError: The provider has no such model.
        """
        return flows.model(target, model_id, kind)

    @operation
    def model_schema(target: Target, model_id: str, *, kind: str | None = None) -> Flow[ModelEntry]:
        """What one model takes, from the provider's own description of it; no key is needed.

        For models that are newer than this package. `catalogue.learn(client, model_id)` goes by it from then on.

        Args:
            kind: The kind of call, where one id has several, in the provider's word, as in "openai/image-generations".

        Raises:
            NotFoundError: The provider has no such model, or no description of it.
            ResponseTooLargeError: The description is larger than `Limits.document_bytes`.
            AddressRefusedError: The list links a description on another host.
        """
        return flows.model_schema(target, model_id, kind)

    @operation
    def deprecations(
        target: Target, status: str | Sequence[str] | None = None, since: date | str | None = None
    ) -> Flow[tuple[Deprecation, ...]]:
        """Models that the provider has withdrawn or replaced, or will; newest first. No key is needed.

        The feed is kept for the life of the client and asked for again by its tag; `models()` and warnings go by it from then on.

        Args:
            status: "deprecated" (still serves), "superseded" (another name of its replacement), "withdrawn" (404), or several.
            since: Only what was deprecated or shut down on this day or later.
        """
        return flows.deprecations(target, status, since)

    @operation
    def metrics(target: Target, models: Sequence[str] | str | None = None) -> Flow[tuple[ModelMetrics, ...]]:
        """How fast models were lately.

        Percentiles of the time to the first token and of a whole call in milliseconds, and of tokens per second.
        """
        return flows.one(target, "metrics", models)

    @operation
    def balance(target: Target) -> Flow[Balance]:
        """What is left.

        `amount` is a `Decimal` in the provider's own `unit`, never converted.
        """
        return flows.one(target, "balance")

    @operation
    def credits(target: Target) -> Flow[Balance]:
        """What is left, where the provider calls it credits."""
        return flows.one(target, "credits")

    @operation
    def usage(target: Target, request: UsageRequest | None = None) -> Flow[UsageReport]:
        """What was used in a time.

        Without a request the time that the provider reports unasked. Amounts are in the provider's own unit.
        """
        return flows.one(target, "usage", request)

    @operation
    def daily_usage(target: Target) -> Flow[DailyUsage]:
        """What was used today."""
        return flows.one(target, "daily_usage")

    @operation
    def health(target: Target, check: Literal["health", "ready", "live"] = "health") -> Flow[Health]:
        """Whether the provider says that it is well."""
        return flows.one(target, check)

    @operation
    def logs(target: Target, request: LogsRequest | None = None) -> Flow[Page]:
        """One entry per call, a page at a time.

        `items` are `LogEntry`s; `next_offset` goes into the next request.
        """
        return flows.one(target, "logs", request)

    @operation
    def transactions(target: Target, request: TransactionsRequest | None = None) -> Flow[Page]:
        """Top-ups and charges, a page at a time.

        `items` are `Transaction`s; `next_cursor` goes into the next request.
        """
        return flows.one(target, "transactions", request)

    @operation
    def keys(target: Target) -> Flow[tuple[KeyInfo, ...]]:
        """The account's API keys."""
        return flows.one(target, "list_keys")

    @operation
    def current_key(target: Target) -> Flow[KeyInfo]:
        """What the provider knows of this key."""
        return flows.one(target, "get_key")

    @operation
    def create_key(target: Target, change: KeyChange | None = None) -> Flow[KeyInfo]:
        """A new key; its `key` is in this answer and in no other.

        Needs a management key at AI/ML API. `key` shows itself in no `repr`.
        """
        return flows.one(target, "create_key", change)

    @operation
    def update_key(target: Target, change: KeyChange) -> Flow[KeyInfo]:
        """Change some settings of a key.

        The key is named by `change.prefix`; what is None stays.
        """
        return flows.one(target, "update_key", change)

    @operation
    def replace_key(target: Target, change: KeyChange) -> Flow[KeyInfo]:
        """Replace all settings of a key.

        The key is named by `change.prefix`; what is None is reset.
        """
        return flows.one(target, "replace_key", change)

    @operation
    def delete_key(target: Target, prefix: str) -> Flow[bool]:
        """Delete the key with these first eight characters."""
        return flows.one(target, "delete_key", prefix)

    # ------------------------------------------------------------------------------------ batches, legacy

    @operation
    def create_batch(target: Target, request: BatchRequest) -> Flow[Batch]:
        """Many conversations at a discount, answered later.

        `requests` are by ids that you choose, at least one; results are told apart by them.
        """
        return flows.create_batch(target, request)

    @operation
    def batch(target: Target, batch: Batch | str) -> Flow[Batch]:
        """How a batch is doing, with its results once it is done.

        `state` is "pending", "completed" or "cancelled"; `by_id` has the results by your ids, each a response or a reason.
        """
        return flows.batch(target, batch)

    @operation
    def cancel_batch(target: Target, batch: Batch | str) -> Flow[Batch]:
        """Begin no further conversation of a batch."""
        return flows.cancel_batch(target, batch)

    @operation
    def legacy(target: Target, name: str, request: LegacyRequest | None = None) -> Flow[Any]:
        """An operation that the provider still describes but does not recommend (assistants, threads, runs, files, old routes), or has withdrawn.

        The names are in `multiapi.providers.aimlapi.legacy.ROUTES`; what goes in and comes out is in the provider's own words.

        Raises:
            WithdrawnError: It answers 404; the message says since when, and what to use.
        """
        return flows.one(target, name, request)

    @operation
    def search(target: Target, request: SearchRequest | str) -> Flow[SearchResult]:
        """A question to AI/ML API's search engine, as documented before its withdrawal on 2026-02-05.

        `text` is the response in words; links, images, videos, weather, a map and a card of knowledge as far as `kinds` asks for them.
        Today models that take `web_search_options` search in `chat`.

        Raises:
            WithdrawnError: The provider does not offer it any more; the message says since when, and what searches today.
            MultiApiError: A kind could not be had; `partial` is the response that was paid for.
        """
        return flows.search(target, request)
