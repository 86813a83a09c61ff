"""`MultiApiEmbeddings`: the vendors' embeddings for LangChain."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, Unpack, overload

from langchain_core.embeddings import Embeddings
from langchain_core.rate_limiters import BaseRateLimiter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, SecretStr, model_validator

from langchain_multiapi._arguments import given
from langchain_multiapi._errors import langchain_errors
from langchain_multiapi._keys import Sealed, VendorKey, find_key
from multiapi.client.arguments import check_home, check_names
from multiapi.client.client import AsyncClient, Client
from multiapi.client.loading import loaded
from multiapi.errors import EmbeddingBatchError, InvalidRequestError, MultiApiError
from multiapi.flows.driving import Either, Steps, adrive, drive
from multiapi.flows.embeddings import added_cost, added_usage, batches
from multiapi.flows.steps import Policy
from multiapi.formats.openai.vendor import merged
from multiapi.money.budget import Budget
from multiapi.provider import Provider, operation_of
from multiapi.providers import split_model
from multiapi.sending.addresses import address_of_environment
from multiapi.sending.limiter import Limiter
from multiapi.types.attribution import Attribution
from multiapi.types.embeddings import EmbedRequest, EmbedResponse
from multiapi.types.limits import Limits, Timeout

if TYPE_CHECKING:
    from langchain_multiapi._keywords import EmbeddingsKeywords
    from multiapi.provider import ProviderName

_ALIASES = {"model_name": "model", "chunk_size": "batch_size", "request_timeout": "timeout"}
_CLIENTS = ("client", "async_client")


class MultiApiEmbeddings(Sealed, BaseModel, Embeddings):
    """Embeddings of one of the vendors that have them (AI/ML API and AICredits).

        embeddings = MultiApiEmbeddings(provider="aimlapi", model="openai/text-embedding-3-small")
        embeddings.embed_query("hello")

    Texts are sent as text, in batches of which a few run side by side; vectors come back in the order of the texts, one for each, all
    of one length. When one batch fails, `EmbeddingBatchError.done` holds the vectors of the others.

    Args:
        provider: aimlapi, aicredits, the registered name of another provider, or a `multiapi.Provider`; a name may also stand before the
            model's id.
        model: The vendor's id of the model. (Also `model_name`.)
        api_key, base_url, timeout, max_retries, default_headers, default_query, http_client, http_async_client, allow_http, limiter,
            proxy, verify, trust_env, engine, policy, limits, attribution, budget: As for `ChatMultiApi`.
        dimensions: Length of the vectors, for models that can shorten them.
        input_type: Sent with every request, for models that tell questions from documents; "auto" sends "query" or "document".
        batch_size: Texts per request, at most; None: 256, or fewer where the vendor takes fewer. (Also `chunk_size`.)
        max_concurrency: Requests at once, at most.
        encoding_format: "float" or "base64"; either is understood, whatever was asked for.
        skip_empty: An empty text is not sent and gets a vector of zeros; otherwise it is an error, before anything is sent.
        rate_limiter: Asked before each request; they then go one after the other. With `limiter` they still go side by side.
        show_progress_bar: Show a bar (needs `tqdm`).
        extra_body: Further fields of the body, merged deeply.
    """

    provider: str = ""
    model: str
    api_key: SecretStr | Callable[[], Any] | str | None = None
    base_url: str | None = None
    dimensions: int | None = None
    input_type: str | None = None
    batch_size: int | None = None
    max_concurrency: int = 4
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None
    timeout: Any = None
    max_retries: int | None = None
    skip_empty: bool = False
    show_progress_bar: bool = False
    rate_limiter: BaseRateLimiter | None = Field(default=None, exclude=True)
    extra_body: dict[str, Any] | None = None
    model_kwargs: dict[str, Any] | None = None
    default_headers: Mapping[str, str] | None = Field(default=None, exclude=True, repr=False)
    default_query: Mapping[str, str] | None = Field(default=None, exclude=True, repr=False)
    http_client: Any = Field(default=None, exclude=True, repr=False)
    http_async_client: Any = Field(default=None, exclude=True, repr=False)
    allow_http: bool = False
    limiter: Limiter | Literal["documented"] | None = Field(default=None, exclude=True, repr=False)
    proxy: str | None = Field(default=None, exclude=True, repr=False)
    verify: Any = Field(default=True, exclude=True, repr=False)
    trust_env: bool = Field(default=True, exclude=True, repr=False)
    engine: str | None = Field(default=None, exclude=True, repr=False)
    policy: Policy | None = Field(default=None, exclude=True, repr=False)
    limits: Limits | None = Field(default=None, exclude=True, repr=False)
    attribution: Attribution | None = Field(default=None, exclude=True, repr=False)
    budget: Annotated[Any, BeforeValidator(Budget.of)] = Field(default=None, exclude=True, repr=False)

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    _home: tuple[str, str | None] = PrivateAttr(default=("", None))
    _vendor: Provider | None = PrivateAttr(default=None)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self, *, model: str, provider: ProviderName | Provider = ..., **settings: Unpack[EmbeddingsKeywords]
        ) -> None: ...

        @overload
        def __init__(
            self, *, model_name: str, provider: ProviderName | Provider = ..., **settings: Unpack[EmbeddingsKeywords]
        ) -> None: ...

        def __init__(self, **settings: Any) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _read_arguments(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        values = {_ALIASES.get(name, name): value for name, value in values.items()}
        model = given(cls.model_fields, values, "model")
        with langchain_errors():
            if not isinstance(model, str) or not model:
                raise InvalidRequestError(
                    "embeddings need the id of a model: MultiApiEmbeddings(provider=..., model=...)"
                )
            provider, values["model"] = split_model(model, given(cls.model_fields, values, "provider") or None)
            check_home(cls, provider.name)
            operation_of(provider, "embed")
            check_names(cls.__name__, values.keys() - cls.model_fields.keys(), cls.model_fields)
            values["provider"] = provider.name
            values["api_key"] = find_key(given(cls.model_fields, values, "api_key"), provider)
        return values

    @model_validator(mode="after")
    def _note_address(self) -> Self:
        """The address of the environment is the one of now: it may not change under a key that is in use."""
        self._home = (self.provider, address_of_environment(self.vendor))
        if self.budget is not None:
            self.budget.attach(self.vendor.name, self.vendor.units)
        return self

    @cached_property
    def client(self) -> Client:
        """The core's client that these embeddings call."""
        return Client(self.vendor, **self._connection(), http_client=self.http_client)

    @cached_property
    def async_client(self) -> AsyncClient:
        """The same, awaited."""
        return AsyncClient(self.vendor, **self._connection(), http_client=self.http_async_client)

    def _connection(self) -> dict[str, Any]:
        key = find_key(self.api_key, self.vendor)
        home, address = self._home
        return {
            "api_key": key.to_core() if isinstance(key, VendorKey) else key,
            "base_url": self.base_url or (address if home == self.provider else None),
            "timeout": Timeout.of(self.timeout),
            "max_retries": self.max_retries,
            "default_headers": self.default_headers,
            "default_query": self.default_query,
            "allow_http": self.allow_http,
            "attribution": self.attribution,
            "budget": self.budget,
            "limiter": self.limiter,
            "proxy": self.proxy,
            "verify": self.verify,
            "trust_env": self.trust_env,
            "engine": self.engine,
            "policy": self.policy,
            "limits": self.limits,
        }

    def __copy__(self) -> Self:
        copied = super().__copy__()
        for client in _CLIENTS:
            copied.__dict__.pop(client, None)
        return copied

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        memo = {} if memo is None else memo
        for shared in (self.http_client, self.http_async_client, self.rate_limiter, self.verify):
            memo[id(shared)] = shared
        return super(MultiApiEmbeddings, self.__copy__()).__deepcopy__(memo)

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        held = {name: value for name, value in state["__dict__"].items() if name not in _CLIENTS}
        return {**state, "__dict__": {**held, "http_client": None, "http_async_client": None}}

    # ------------------------------------------------------------------------------------ embedding

    def embed_documents(self, texts: list[str], chunk_size: int | None = None) -> list[list[float]]:
        """One vector per text; `chunk_size` overrules `batch_size`."""
        return self.embed(texts, input_type="document", batch_size=chunk_size).vectors

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return self.embed([text], input_type="query").vectors[0]

    async def aembed_documents(self, texts: list[str], chunk_size: int | None = None) -> list[list[float]]:
        """As `embed_documents`, awaited."""
        return (await self.aembed(texts, input_type="document", batch_size=chunk_size)).vectors

    async def aembed_query(self, text: str) -> list[float]:
        """As `embed_query`, awaited."""
        return (await self.aembed([text], input_type="query")).vectors[0]

    def embed(
        self, texts: Sequence[str], *, input_type: str | None = None, batch_size: int | None = None
    ) -> EmbedResponse:
        """Vectors with what the vendor said of them: token counts, cost, the model's name."""
        with langchain_errors():
            return drive(self._embedded(self.client, texts, input_type, batch_size))

    async def aembed(
        self, texts: Sequence[str], *, input_type: str | None = None, batch_size: int | None = None
    ) -> EmbedResponse:
        """As `embed`, awaited."""
        await loaded("langchain_multiapi.errors", "multiapi.flows.embeddings")
        with langchain_errors():
            return await adrive(self._embedded(self.async_client, texts, input_type, batch_size))

    def _embedded(
        self, client: Any, texts: Sequence[str], input_type: str | None, batch_size: int | None
    ) -> Steps[EmbedResponse]:
        request, gaps = self._request(texts, input_type, batch_size)
        run = _Run(request, client.texts_per_request(request), self._step(), show=self.show_progress_bar)
        for part in run:
            if self.rate_limiter is not None:
                yield Either(self.rate_limiter.acquire, self.rate_limiter.aacquire, blocking=True)
            try:
                run.take((yield Either(client.embed, client.embed, part, max_concurrency=self.max_concurrency)))
            except MultiApiError as error:
                raise run.failed(error) from error.__cause__
        return with_gaps(run.response(), gaps)

    def _request(
        self, texts: Sequence[str], input_type: str | None, batch_size: int | None
    ) -> tuple[EmbedRequest, list[int]]:
        if isinstance(texts, str):
            raise InvalidRequestError("embeddings take a list of texts; embed_query takes a single one")
        texts = list(texts)
        wrong = next((text for text in texts if not isinstance(text, str)), "")
        if wrong != "":
            raise InvalidRequestError(f"embeddings take texts, and one of these is {type(wrong).__name__}")
        gaps = [index for index, text in enumerate(texts) if text == ""] if self.skip_empty else []
        extra = merged(dict(self.model_kwargs or {}), self.extra_body or {})
        request = EmbedRequest(
            model=self.model,
            texts=[text for text in texts if text != ""] if gaps else texts,
            dimensions=self.dimensions,
            input_type=input_type if self.input_type == "auto" else self.input_type,
            encoding_format=self.encoding_format,
            user=self.user,
            batch_size=batch_size or self.batch_size,
            extra=extra,
        )
        return request, gaps

    def _step(self) -> int | None:
        """How many batches are given to the core at once: one where each request waits for a rate limiter, else all or as many as run
        side by side, so that a progress bar moves.
        """
        if self.rate_limiter is not None:
            return 1
        return self.max_concurrency if self.show_progress_bar else None


class _Run:
    """One call of many batches: hands out the parts, takes the answers, and knows what is done when one fails."""

    def __init__(self, request: EmbedRequest, size: int, step: int | None, *, show: bool) -> None:
        self._request = request
        self._answers: list[EmbedResponse] = []
        self._done = 0
        spans = batches(request.texts, size) if request.texts else []
        step = step or max(len(spans), 1)
        self._parts = [(spans[at][0], spans[min(at + step, len(spans)) - 1][1]) for at in range(0, len(spans), step)]
        self._bar = progress_bar(len(request.texts)) if show else None

    def __iter__(self) -> Iterator[EmbedRequest]:
        try:
            for start, end in self._parts:
                yield replace(self._request, texts=self._request.texts[start:end])
        finally:
            if self._bar is not None:
                self._bar.close()

    def take(self, answer: EmbedResponse) -> None:
        """One part is done."""
        self._answers.append(answer)
        self._done += len(answer.vectors)
        if self._bar is not None:
            self._bar.update(len(answer.vectors))

    def failed(self, error: MultiApiError) -> MultiApiError:
        """The error with the vectors of all parts, numbered as the texts are."""
        if not self._done:
            return error
        done = dict(enumerate(vector for answer in self._answers for vector in answer.vectors))
        if isinstance(error, EmbeddingBatchError):
            done |= {index + self._done: vector for index, vector in error.done.items()}
        failed = moved(error, done, self._done)
        if isinstance(error, EmbeddingBatchError):
            failed.cost = added_cost([*self._answers, replace(self._answers[0], cost=error.cost)])
        else:
            failed.cost = added_cost(self._answers)
        return failed

    def response(self) -> EmbedResponse:
        """All parts as one answer."""
        if not self._answers:
            return EmbedResponse(provider="", model=self._request.model, vectors=[])
        first = self._answers[0]
        if len(self._answers) == 1:
            return first
        return replace(
            first,
            vectors=[vector for answer in self._answers for vector in answer.vectors],
            usage=added_usage(self._answers),
            cost=added_cost(self._answers),
        )


def moved(error: MultiApiError, done: dict[int, list[float]], by: int) -> EmbeddingBatchError:
    """An error about some texts as one about all of them."""
    facts = {name: value for name, value in error.__dict__.items() if name not in {"message", "done", "partial"}}
    failed = facts.pop("failed_index", None) or 0
    found = EmbeddingBatchError(
        f"{len(done)} texts are embedded, but those from {by} on failed: {error}",
        **facts,
        done=done,
        partial=done,
        failed_index=failed + by,
    )
    found.__cause__ = error
    return found


def with_gaps(response: EmbedResponse, gaps: Sequence[int]) -> EmbedResponse:
    """Vectors of zeros for the texts that were left out."""
    if not gaps:
        return response
    length = len(response.vectors[0]) if response.vectors else 0
    vectors = list(response.vectors)
    for index in gaps:
        vectors.insert(index, [0.0] * length)
    return replace(response, vectors=vectors)


def progress_bar(total: int) -> Any:
    """A bar of `tqdm`, or None if that is not installed."""
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped]
    except ImportError:
        warnings.warn("show_progress_bar needs tqdm: pip install tqdm", stacklevel=4)
        return None
    return tqdm(total=total)
