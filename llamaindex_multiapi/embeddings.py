"""`MultiApiEmbedding`: the embedding models of AI/ML API and AICredits as one LlamaIndex embedding."""

from __future__ import annotations

import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Unpack, overload

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.callbacks.schema import CBEventType, EventPayload
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.instrumentation.events.embedding import EmbeddingEndEvent, EmbeddingStartEvent
from llama_index.core.utils import get_tqdm_iterable
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.event_handlers import NullEventHandler

from llamaindex_multiapi._connection import Connected
from multiapi.client.loading import loaded
from multiapi.errors import EmbeddingBatchError, MultiApiError
from multiapi.flows.driving import Either, Steps, adrive, drive
from multiapi.flows.embeddings import MAX_BATCH_TEXTS
from multiapi.provider import Provider
from multiapi.sending.keys import sealed
from multiapi.types.embeddings import EmbedRequest, EmbedResponse
from multiapi.types.usage import Usage

if TYPE_CHECKING:
    from llamaindex_multiapi._keywords import EmbeddingKeywords
    from multiapi.provider import ProviderName

dispatcher = get_dispatcher(__name__)

COLLECTION = "embeddings"


class EmbeddingUsageEvent(BaseEvent):
    """What one embedding request was counted and charged, in the vendor's words; LlamaIndex's event handlers get one for each.

    Attributes:
        texts: How many were in the request.
        prompt_tokens: None where the vendor does not count.
        cost: `amount` as text and `unit`, where the vendor says what it took.
        request_id: To quote to the vendor's support.
    """

    provider: str
    model: str
    texts: int
    prompt_tokens: int | None = None
    total_tokens: int | None = None
    cost: dict[str, Any] | None = None
    request_id: str | None = None

    @classmethod
    def class_name(cls) -> str:
        return "EmbeddingUsageEvent"


class MultiApiEmbedding(Connected, BaseEmbedding):
    """An embedding model of AI/ML API or AICredits.

    ```
    embed_model = MultiApiEmbedding(provider="aimlapi", model="text-embedding-3-small")
    ```

    Texts are sent as they are. Vectors come back in the order of the texts, one for each, all of one length and finite, or an
    error says what is wrong. A batch that is refused is halved until the text at fault stands alone; when one fails, the finished
    ones are on the error (`EmbeddingBatchError.done`, by position of the text) and in the cache.

    Args:
        provider: One of aimlapi, aicredits, a registered name, or a `multiapi.Provider`; a name may also stand before the model, with a
            colon.
        model: The vendor's id of the model, passed on unchanged; `model_name` is the same.
        dimensions: The length of the vectors, where the model lets one choose.
        input_type: Sent with every request, for models that tell queries from documents; "auto" sends "query" or "document".
        embed_batch_size: Texts per request, at most; 256 unless set, or 64 where a vendor is known to take fewer.
        max_concurrency: Requests side by side; LlamaIndex's `num_workers` sets it too.
        embeddings_cache: A key-value store. Entries of different vendors, models, dimensions and input types do not mix.
        rate_limiter: One of LlamaIndex's, asked once per request.
        api_key: Also `base_url`, `timeout`, `max_retries` and the rest of how requests are sent: as for `MultiApiLLM`.

    Raises:
        UnsupportedError: The vendor has no embeddings (when something is embedded).
    """

    provider: str
    model: str
    base_url: str | None = None
    dimensions: int | None = None
    input_type: str | None = None
    encoding_format: str | None = None
    extra_body: dict[str, Any] | None = None
    embed_batch_size: int = Field(default=256, gt=0, le=2048)

    max_concurrency: int = Field(default=4, exclude=True, repr=False)
    embeddings_cache: Any = Field(default=None, exclude=True, repr=False)
    num_workers: int | None = Field(default=4, exclude=True, repr=False)
    api_key: Any = Field(default=None, exclude=True, repr=False)
    timeout: Any = Field(default=None, exclude=True, repr=False)
    max_retries: int = Field(default=2, exclude=True, repr=False)
    default_headers: dict[str, str] | None = Field(default=None, exclude=True, repr=False)
    default_query: dict[str, str] | None = Field(default=None, exclude=True, repr=False)
    proxy: str | None = Field(default=None, exclude=True, repr=False)
    verify: Any = Field(default=True, exclude=True, repr=False)
    trust_env: bool = Field(default=True, exclude=True, repr=False)
    engine: str | None = Field(default=None, exclude=True, repr=False)
    policy: Any = Field(default=None, exclude=True, repr=False)
    limits: Any = Field(default=None, exclude=True, repr=False)
    allow_http: bool = Field(default=False, exclude=True, repr=False)
    attribution: Any = Field(default=None, exclude=True, repr=False)
    budget: Any = Field(default=None, exclude=True, repr=False)
    limiter: Any = Field(default=None, exclude=True, repr=False)
    http_client: Any = Field(default=None, exclude=True, repr=False)
    http_async_client: Any = Field(default=None, exclude=True, repr=False)

    _sync: Any = PrivateAttr(default=None)
    _async: Any = PrivateAttr(default=None)
    _vendor: Provider | None = PrivateAttr(default=None)

    _last_usage: Usage | None = PrivateAttr(default=None)

    @overload
    def __init__(
        self, model: str, *, provider: ProviderName | Provider = ..., **data: Unpack[EmbeddingKeywords]
    ) -> None: ...

    @overload
    def __init__(
        self, *, model_name: str, provider: ProviderName | Provider = ..., **data: Unpack[EmbeddingKeywords]
    ) -> None: ...

    def __init__(self, *model: str, **data: Any) -> None:
        try:
            if not model:
                data["model"] = data.get("model") or data.get("model_name")
            if data.get("num_workers") is not None:
                data.setdefault("max_concurrency", data["num_workers"])
            super().__init__(*model, **data)
        except Exception as error:
            failure = sealed(error)
        else:
            self.model_name = self.model
            if "embed_batch_size" not in self.model_fields_set:
                self.__dict__["embed_batch_size"] = self.vendor.embed_batch_size or MAX_BATCH_TEXTS
            return
        data = {}
        raise failure

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__("model" if name == "model_name" else name, value)
        if name in {"model", "model_name"}:
            self.__dict__["model_name"] = self.__dict__["model"]
        elif name == "num_workers" and value is not None:
            self.__dict__["max_concurrency"] = value

    @classmethod
    def class_name(cls) -> str:
        return "MultiApiEmbedding"

    def to_payload(self) -> dict[str, Any]:
        """What events say of this model: settings, and nothing secret."""
        return {
            "class_name": self.class_name(),
            "provider": self.provider,
            "model_name": self.model,
            "embed_batch_size": self.embed_batch_size,
            "dimensions": self.dimensions,
        }

    @property
    def last_usage(self) -> Usage | None:
        """Token counts of the last call, all its requests together; None where the vendor did not say."""
        return self._last_usage

    # ------------------------------------------------------------------------------------ requests

    def _request(self, texts: Sequence[str], *, query: bool = False) -> EmbedRequest:
        return EmbedRequest(
            model=self.model,
            texts=texts,
            dimensions=self.dimensions,
            input_type=("query" if query else "document") if self.input_type == "auto" else self.input_type,
            encoding_format=self.encoding_format,  # type: ignore[arg-type]
            batch_size=self.embed_batch_size if "embed_batch_size" in self.model_fields_set else None,
            extra=self.extra_body or {},
        )

    def _vectors(self, response: EmbedResponse) -> list[list[float]]:
        usage = response.usage or Usage()
        self._last_usage = response.usage
        cost = response.cost
        dispatcher.event(
            EmbeddingUsageEvent(
                provider=response.provider,
                model=self.model,
                texts=len(response.vectors),
                prompt_tokens=usage.input_tokens,
                total_tokens=usage.total_tokens,
                cost=None if cost is None else cost._replace(balance=None).to_dict(),
                request_id=response.request_id,
            )
        )
        return response.vectors

    def _embedded(self, texts: Sequence[str], *, query: bool = False) -> Steps[list[list[float]]]:
        request = self._request(texts, query=query)
        response = yield Either(
            lambda: self._client({}).embed(request, max_concurrency=self.max_concurrency),
            lambda: self._async_client({}).embed(request, max_concurrency=self.max_concurrency),
        )
        return self._vectors(response)

    def _get_query_embedding(self, query: str) -> list[float]:
        return drive(self._embedded([query], query=True))[0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        await loaded("multiapi.flows.embeddings")
        return (await adrive(self._embedded([query], query=True)))[0]

    def _get_text_embedding(self, text: str) -> list[float]:
        return drive(self._embedded([text]))[0]

    async def _aget_text_embedding(self, text: str) -> list[float]:
        await loaded("multiapi.flows.embeddings")
        return (await adrive(self._embedded([text])))[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return drive(self._embedded(texts))

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        await loaded("multiapi.flows.embeddings")
        return await adrive(self._embedded(texts))

    # ------------------------------------------------------------------------------------ cache, events, batches

    def get_query_embedding(self, query: str) -> list[float]:
        return drive(self._run([query], query=True))[0]

    async def aget_query_embedding(self, query: str) -> list[float]:
        await loaded("multiapi.flows.embeddings")
        return (await adrive(self._run([query], query=True)))[0]

    def get_text_embedding(self, text: str) -> list[float]:
        return drive(self._run([text]))[0]

    async def aget_text_embedding(self, text: str) -> list[float]:
        await loaded("multiapi.flows.embeddings")
        return (await adrive(self._run([text])))[0]

    def get_text_embedding_batch(
        self,
        texts: list[str],
        show_progress: bool = False,
        **kwargs: Any,  # noqa: ARG002
    ) -> list[list[float]]:
        return drive(self._run_in_parts(texts, show_progress=show_progress))

    async def aget_text_embedding_batch(
        self,
        texts: list[str],
        show_progress: bool = False,
        **kwargs: Any,  # noqa: ARG002
    ) -> list[list[float]]:
        await loaded("multiapi.flows.embeddings")
        return await adrive(self._run_in_parts(texts, show_progress=show_progress))

    def _run_in_parts(self, texts: list[str], *, show_progress: bool) -> Steps[list[list[float]]]:
        """As many texts at a time as are on their way at once."""
        size = self.embed_batch_size * self.max_concurrency
        vectors: list[list[float]] = []
        for start in get_tqdm_iterable(range(0, len(texts), size), show_progress, "Generating embeddings"):
            with _counted_from(vectors):
                vectors += yield from self._run(texts[start : start + size])
        return vectors

    def _run(self, texts: list[str], *, query: bool = False) -> Steps[list[list[float]]]:
        """The vectors of some texts: those in the cache, and the rest from the vendor and into the cache."""
        with self._reported(texts) as vectors:
            cache, prefix = self.embeddings_cache, self._cache_prefix(query=query)
            if cache is not None:
                for index, text in enumerate(texts):
                    entry = yield Either(cache.get, cache.aget, key=prefix + text, collection=COLLECTION)
                    if entry:
                        vectors[index] = next(iter(entry.values()))
            missing = [index for index in range(len(texts)) if index not in vectors]
            if missing:
                if self.rate_limiter is not None:
                    for _ in range(self._requests_for(missing)):
                        yield Either(self.rate_limiter.acquire, self.rate_limiter.async_acquire)
                try:
                    found = yield from self._embedded([texts[index] for index in missing], query=query)
                    vectors.update(zip(missing, found, strict=True))
                except EmbeddingBatchError as error:
                    _renumber(error, missing, vectors)
                    raise
                finally:
                    if cache is not None:
                        entries = _entries(vectors, missing, texts, prefix)
                        yield Either(cache.put_all, cache.aput_all, entries, collection=COLLECTION)
        return [vectors[index] for index in range(len(texts))]

    def _requests_for(self, missing: Sequence[int]) -> int:
        return -(-len(missing) // self._client({}).texts_per_request(self._request([])))

    def _cache_prefix(self, *, query: bool) -> str:
        """What an entry depends on beside its text."""
        if self.embeddings_cache is None:
            return ""
        request = self._request([], query=query)
        address = self._client({}).base_url
        return f"{self.provider} {address} {self.model} {self.dimensions} {request.input_type} {self.extra_body}\n"

    @contextmanager
    def _reported(self, texts: list[str]) -> Generator[dict[int, list[float]], None, None]:
        """The framework's events around one run; what is filled in between are the vectors by position."""
        vectors: dict[int, list[float]] = {}
        described = self.to_payload()
        dispatcher.event(EmbeddingStartEvent(model_dict=described))
        with self.callback_manager.event(CBEventType.EMBEDDING, payload={EventPayload.SERIALIZED: described}) as event:
            yield vectors
            found = [vectors[index] for index in range(len(texts))]
            event.on_end(payload={EventPayload.CHUNKS: texts, EventPayload.EMBEDDINGS: found})
        if _is_heard():
            dispatcher.event(EmbeddingEndEvent(chunks=texts, embeddings=found))


def _is_heard() -> bool:
    """Whether anybody takes events: this one is checked number by number when it is made, which costs as much as reading it."""
    place: Any = dispatcher
    while place is not None:
        if any(type(handler) is not NullEventHandler for handler in place.event_handlers):
            return True
        place = place.parent if place.propagate else None
    return False


def _entries(
    vectors: dict[int, list[float]], missing: Sequence[int], texts: Sequence[str], prefix: str
) -> list[tuple[str, dict[str, Any]]]:
    """What is new, in the form in which LlamaIndex's caches hold vectors."""
    return [(prefix + texts[index], {str(uuid.uuid4()): vectors[index]}) for index in missing if index in vectors]


def _renumber(error: EmbeddingBatchError, missing: Sequence[int], vectors: dict[int, list[float]]) -> None:
    """Take over what a failed run has finished, and number it by the texts that the caller gave."""
    vectors.update({missing[index]: vector for index, vector in error.done.items()})
    error.done = error.partial = dict(vectors)
    if error.failed_index is not None:
        error.failed_index = missing[error.failed_index]


@contextmanager
def _counted_from(before: list[list[float]]) -> Generator[None, None, None]:
    """A failure in a later part of a run has the vectors of the earlier parts on it too."""
    try:
        yield
    except MultiApiError as error:
        start = len(before)
        if not start:
            raise
        done = dict(enumerate(before))
        if isinstance(error, EmbeddingBatchError):
            done |= {start + index: vector for index, vector in error.done.items()}
            error.done = error.partial = done
            error.cost = None  # what the earlier parts cost was told in their events
            error.failed_index = None if error.failed_index is None else start + error.failed_index
            raise
        facts = {
            name: value
            for name, value in error.__dict__.items()
            if name not in {"message", "partial", "failed_index", "cost"}
        }
        raise EmbeddingBatchError(
            f"{start} texts are embedded, but what comes after them failed: {error}",
            **facts,
            partial=done,
            done=done,
            failed_index=start + (getattr(error, "failed_index", None) or 0),
        ) from error
