"""`MultiApiEmbedding`: the embedding models of AI/ML API and AICredits as one LlamaIndex embedding."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack, overload

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.callbacks.schema import CBEventType, EventPayload
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.instrumentation.events.embedding import EmbeddingEndEvent, EmbeddingStartEvent
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.event_handlers import NullEventHandler

from llamaindex_multiapi._connection import Connected
from multiapi.client.loading import loaded
from multiapi.flows.driving import Either, Steps, adrive, drive
from multiapi.flows.embeddings import MAX_BATCH_TEXTS, Beside
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
    """What one embedding request was counted and charged, in the provider's words; LlamaIndex's event handlers get one for each.

    Attributes:
        texts: How many were in the request.
        prompt_tokens: None where the provider does not count.
        cost: `amount` as text and `unit`, where the provider says what it took.
        request_id: To quote to the provider's support.
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
        model: The provider's id of the model, passed on unchanged; `model_name` is the same.
        dimensions: The length of the vectors, where the model lets one choose.
        input_type: Sent with every request, for models that tell queries from documents; "auto" sends "query" or "document".
        skip_empty: An empty text is not sent and gets a vector of zeros; otherwise it is an error, before anything is sent.
        embed_batch_size: Texts per request, at most; 256 unless set, or 64 where a provider is known to take fewer.
        max_concurrency: Requests side by side; LlamaIndex's `num_workers` sets it too.
        embeddings_cache: A key-value store. Entries of different providers, models, dimensions and input types do not mix.
        rate_limiter: One of LlamaIndex's, asked once per request.
        api_key: Also `base_url`, `timeout`, `max_retries` and the rest of how requests are sent: as for `MultiApiLLM`.

    Raises:
        UnsupportedError: The provider has no embeddings (when something is embedded).
    """

    provider: str
    model: str
    base_url: str | None = None
    dimensions: int | None = None
    input_type: str | None = None
    encoding_format: str | None = None
    extra_body: dict[str, Any] | None = None
    skip_empty: bool = False
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
        """Token counts of the last call, all its requests together; None where the provider did not say."""
        return self._last_usage

    # ------------------------------------------------------------------------------------ requests

    def _request(self, texts: Sequence[str], *, query: bool = False) -> EmbedRequest:
        return EmbedRequest(
            model=self.model,
            texts=texts,
            dimensions=self.dimensions,
            input_type=self.input_type,
            purpose="query" if query else "document",
            encoding_format=self.encoding_format,  # type: ignore[arg-type]
            batch_size=self.embed_batch_size if "embed_batch_size" in self.model_fields_set else None,
            skip_empty=self.skip_empty,
            extra=self.extra_body or {},
        )

    def _vectors(self, texts: Sequence[str], *, query: bool = False, show: bool = False) -> Steps[list[list[float]]]:
        request, limiter, cache = self._request(texts, query=query), self.rate_limiter, self.embeddings_cache
        with self._reported(texts) as vectors, _bar(len(texts), show=show) as bar:

            def progress(response: EmbedResponse) -> None:
                dispatcher.event(self._usage_event(response))
                if bar is not None:
                    bar.update(len(response.vectors))

            beside = Beside(
                progress,
                None if limiter is None else partial(Either, limiter.acquire, limiter.async_acquire),
                None if cache is None else _Cache(cache),
            )
            how: Any = {"max_concurrency": self.max_concurrency, "beside": beside}
            response = yield Either(
                lambda: self._client({}).embed(request, **how), lambda: self._async_client({}).embed(request, **how)
            )
            self._last_usage = response.usage
            vectors += response.vectors
        return vectors

    async def _awaited(self, texts: Sequence[str], *, query: bool = False, show: bool = False) -> list[list[float]]:
        await loaded("multiapi.flows.embeddings", *(["tqdm.auto"] if show else []))
        return await adrive(self._vectors(texts, query=query, show=show))

    def get_query_embedding(self, query: str) -> list[float]:
        return drive(self._vectors([query], query=True))[0]

    async def aget_query_embedding(self, query: str) -> list[float]:
        return (await self._awaited([query], query=True))[0]

    def get_text_embedding(self, text: str) -> list[float]:
        return drive(self._vectors([text]))[0]

    async def aget_text_embedding(self, text: str) -> list[float]:
        return (await self._awaited([text]))[0]

    def get_text_embedding_batch(
        self,
        texts: list[str],
        show_progress: bool = False,
        **kwargs: Any,  # noqa: ARG002
    ) -> list[list[float]]:
        return drive(self._vectors(texts, show=show_progress))

    async def aget_text_embedding_batch(
        self,
        texts: list[str],
        show_progress: bool = False,
        **kwargs: Any,  # noqa: ARG002
    ) -> list[list[float]]:
        return await self._awaited(texts, show=show_progress)

    # The framework asks for these in methods of its own, which those above stand for.
    _get_query_embedding = get_query_embedding
    _aget_query_embedding = aget_query_embedding
    _get_text_embedding = get_text_embedding
    _aget_text_embedding = aget_text_embedding
    _get_text_embeddings = get_text_embedding_batch
    _aget_text_embeddings = aget_text_embedding_batch

    # ------------------------------------------------------------------------------------ events

    def _usage_event(self, response: EmbedResponse) -> EmbeddingUsageEvent:
        usage, cost = response.usage or Usage(), response.cost
        return EmbeddingUsageEvent(
            provider=response.provider,
            model=self.model,
            texts=len(response.vectors),
            prompt_tokens=usage.input_tokens,
            total_tokens=usage.total_tokens,
            cost=None if cost is None else cost._replace(balance=None).to_dict(),
            request_id=response.request_id,
        )

    @contextmanager
    def _reported(self, texts: Sequence[str]) -> Iterator[list[list[float]]]:
        """The framework's events around one call; what is filled in between are the vectors."""
        vectors: list[list[float]] = []
        described = self.to_payload()
        dispatcher.event(EmbeddingStartEvent(model_dict=described))
        with self.callback_manager.event(CBEventType.EMBEDDING, payload={EventPayload.SERIALIZED: described}) as event:
            yield vectors
            event.on_end(payload={EventPayload.CHUNKS: texts, EventPayload.EMBEDDINGS: vectors})
        if _is_heard():
            dispatcher.event(EmbeddingEndEvent(chunks=list(texts), embeddings=vectors))


class _Cache:
    """A store of LlamaIndex's as the core asks for it."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def get(self, name: str) -> Steps[list[float] | None]:
        entry = yield Either(self._store.get, self._store.aget, key=name, collection=COLLECTION)
        return next(iter(entry.values())) if entry else None

    def put(self, entries: Sequence[tuple[str, list[float]]]) -> Steps[None]:
        kept = [(name, {str(uuid.uuid4()): vector}) for name, vector in entries]
        yield Either(self._store.put_all, self._store.aput_all, kept, collection=COLLECTION)


def _bar(total: int, *, show: bool) -> Any:
    if not show:
        return nullcontext()
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    return tqdm(total=total, desc="Generating embeddings")


def _is_heard() -> bool:
    """Whether anybody takes events: this one is checked number by number when it is made, which costs as much as reading it."""
    place: Any = dispatcher
    while place is not None:
        if any(type(handler) is not NullEventHandler for handler in place.event_handlers):
            return True
        place = place.parent if place.propagate else None
    return False
