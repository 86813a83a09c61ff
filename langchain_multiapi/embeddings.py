"""`MultiApiEmbeddings`: the providers' embeddings for LangChain."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property, partial
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
from multiapi.errors import InvalidRequestError
from multiapi.flows.driving import Either, Steps, adrive, drive
from multiapi.flows.embeddings import Beside
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
    """Embeddings of one of the providers that have them (AI/ML API and AICredits).

        embeddings = MultiApiEmbeddings(provider="aimlapi", model="openai/text-embedding-3-small")
        embeddings.embed_query("hello")

    Texts are sent as text, in batches of which a few run side by side; vectors come back in the order of the texts, one for each, all
    of one length. When one batch fails, `EmbeddingBatchError.done` holds the vectors of the others.

    Args:
        provider: aimlapi, aicredits, the registered name of another provider, or a `multiapi.Provider`; a name may also stand before the
            model's id.
        model: The provider's id of the model. (Also `model_name`.)
        api_key, base_url, timeout, max_retries, default_headers, default_query, http_client, http_async_client, allow_http, limiter,
            proxy, verify, trust_env, engine, policy, limits, attribution, budget: As for `ChatMultiApi`.
        dimensions: Length of the vectors, for models that can shorten them.
        input_type: Sent with every request, for models that tell questions from documents; "auto" sends "query" or "document".
        batch_size: Texts per request, at most; None: 256, or fewer where the provider takes fewer. (Also `chunk_size`.)
        max_concurrency: Requests at once, at most.
        encoding_format: "float" or "base64"; either is understood, whatever was asked for.
        skip_empty: An empty text is not sent and gets a vector of zeros; otherwise it is an error, before anything is sent.
        rate_limiter: Asked before each request.
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
        self,
        texts: Sequence[str],
        *,
        input_type: Literal["query", "document"] | None = None,
        batch_size: int | None = None,
    ) -> EmbedResponse:
        """Vectors with what the provider said of them: token counts, cost, the model's name."""
        with langchain_errors():
            return drive(self._embedded(self.client, texts, input_type, batch_size))

    async def aembed(
        self,
        texts: Sequence[str],
        *,
        input_type: Literal["query", "document"] | None = None,
        batch_size: int | None = None,
    ) -> EmbedResponse:
        """As `embed`, awaited."""
        await loaded("langchain_multiapi.errors", "multiapi.flows.embeddings")
        with langchain_errors():
            return await adrive(self._embedded(self.async_client, texts, input_type, batch_size))

    def _embedded(
        self, client: Any, texts: Sequence[str], input_type: Literal["query", "document"] | None, batch_size: int | None
    ) -> Steps[EmbedResponse]:
        request, limiter = self._request(texts, input_type, batch_size), self.rate_limiter
        turn = None if limiter is None else partial(Either, limiter.acquire, limiter.aacquire, blocking=True)
        with progress_bar(len(request.texts), show=self.show_progress_bar) as progress:
            response: EmbedResponse = yield Either(
                client.embed, client.embed, request, max_concurrency=self.max_concurrency, beside=Beside(progress, turn)
            )
        return response

    def _request(
        self, texts: Sequence[str], input_type: Literal["query", "document"] | None, batch_size: int | None
    ) -> EmbedRequest:
        return EmbedRequest(
            model=self.model,
            texts=texts if isinstance(texts, str) else list(texts),
            dimensions=self.dimensions,
            input_type=self.input_type,
            purpose=input_type,
            encoding_format=self.encoding_format,
            user=self.user,
            batch_size=batch_size or self.batch_size,
            skip_empty=self.skip_empty,
            extra=merged(dict(self.model_kwargs or {}), self.extra_body or {}),
        )


@contextmanager
def progress_bar(total: int, *, show: bool) -> Iterator[Callable[[EmbedResponse], Any] | None]:
    """A bar of `tqdm`, which moves with each response; nothing if that is not installed."""
    if not show:
        yield None
        return
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped]
    except ImportError:
        warnings.warn("show_progress_bar needs tqdm: pip install tqdm", stacklevel=5)
        yield None
        return
    with closing(tqdm(total=total)) as bar:
        yield lambda response: bar.update(len(response.vectors))
