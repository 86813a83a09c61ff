"""The two clients: one that is called, and one that is awaited.

Both run flows as `multiapi.sending.runner` says, and drive what it yields with a loop of `multiapi.flows.driving`. A client is cheap to make and
holds no connection: connections are shared by all clients of a process (sync) or of an event loop (async), see `multiapi.transport`.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, Self, TypeVar

from multiapi.client.operations import Awaited, Blocking, Operations
from multiapi.flows import attempts, embeddings
from multiapi.flows.driving import adrive, adrive_stream, drive, drive_stream
from multiapi.flows.embeddings import Beside
from multiapi.flows.steps import Flow
from multiapi.provider import operation_of
from multiapi.sending.engines import transports_of
from multiapi.sending.runner import FlowRunner
from multiapi.types.chat import ChatDelta, ChatRequest, ChatResponse
from multiapi.types.embeddings import EmbedRequest, EmbedResponse

if TYPE_CHECKING:
    from multiapi.types.legacy import LegacyEvent, LegacyRequest
    from multiapi.types.media_requests import SpeechRequest

T = TypeVar("T")


class Client(FlowRunner, Blocking, Operations):
    """One provider, called and waited for.

    Args:
        provider: Name of the provider, or a `Provider`.
        api_key: Text, a secret holder, or a function that gives it. None: the provider's own environment variable, which is read again by the
            first request that needs a key where it is empty: lists of models and health checks of some providers need none.
        base_url: The provider's API root. None: the provider's own environment variable, else as documented.
        timeout: Seconds, (connect, read), a `Timeout` or an `httpx.Timeout`.
        max_retries: The most retries of a call, so n + 1 HTTP requests.
        policy: More of the same; see `multiapi.flows.steps.Policy`.
        limits: How much is read at most.
        default_headers: Sent with every request.
        http_client: An `httpx.Client` or `httpx2.Client` to send with; it is never closed by us.
        proxy: Address of a proxy, as in http://user:password@host:port.
        verify: False, a file with roots, or an SSL context; True uses those of certifi.
        trust_env: Whether HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR count.
        engine: What sends the requests: "multiapi", "httpx" or "httpx2". None: MULTIAPI_ENGINE, else "multiapi".
        allow_http: Permit plain http to hosts that are not this machine.
        attribution: An `Attribution`: which program makes these requests, for providers that count that; None: nothing is said.
        budget: A `Budget`, shared by as many clients as you like, or an amount like "20 USD" for this one alone; see docs/guides/money.md.
        unknown_fields: What is done about fields in `extra` that the provider is not known to take: "warn" once, "error", or "pass".

    Raises:
        MissingApiKeyError: What was given is not a key. Where there is none, the first request that needs one raises it.
        InvalidRequestError: An unknown provider, or an address that cannot be one.
    """

    def close(self) -> None:
        """Close the idle connections, which all clients of this process share; this client and the others go on, with new ones.

        A client that was given as `http_client` is left alone.
        """
        if self.http_client is None:
            for transport in transports_of(self):
                transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def chat(self, request: ChatRequest) -> ChatResponse:
        """One answer to a conversation."""
        return drive(self._chat(request), self)

    def chat_stream(self, request: ChatRequest) -> Generator[ChatDelta, None, None]:
        """The response chunk by chunk; the last delta carries the whole `response`. Closing the iterator closes the connection."""
        return drive_stream(self._stream(request), self)

    def speech_stream(self, request: SpeechRequest) -> Generator[bytes, None, None]:
        """A text read aloud, as bytes while it is made, in the asked `output_format`. Closing the iterator closes the connection.

        Nothing is repeated once it has begun; what a provider charges for such a response is in no part of it.

        Raises:
            UnsupportedError: The provider, or the model, does not stream speech; nothing was sent. `speech` gives the whole.
            StreamInterruptedError: The connection broke; the bytes before it are good.
        """
        return drive_stream(self._events("speech", request, "sound"), self)

    def legacy_stream(self, name: str, request: LegacyRequest | None = None) -> Generator[LegacyEvent, None, None]:
        """A run of an assistant in named events, as they come; `done` is the last. Closing the iterator closes the connection.

        The names are "create_run", "create_thread_and_run" and "submit_tool_outputs"; `stream` goes into the body by itself. A run that
        waits for tools ends its stream: hand their outputs in with "submit_tool_outputs".

        Raises:
            StatusError: An event reports an error.
            StreamInterruptedError: The stream ended before the run had come to rest; `job_id` is the run's id, `partial` the events.
            WithdrawnError: The provider does not offer it any more.
        """
        return drive_stream(self._events(name, request), self)

    def embed(self, request: EmbedRequest, *, max_concurrency: int = 4, beside: Beside | None = None) -> EmbedResponse:
        """One vector per text, in batches of which `max_concurrency` run side by side; `beside` takes part in it, as a cache or a bar."""
        return self.run(embeddings.embed(self._target, request, max_concurrency=max_concurrency, beside=beside))

    def call(self, name: str, request: Any = None) -> Any:
        """Any operation of the provider by its name in `provider.operations`."""
        return self.run(attempts.call(self._target, operation_of(self.provider, name), request))

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end."""
        return drive(self._called(flow), self)

    def as_method(self, make: Callable[..., Flow[T]]) -> Callable[..., T]:
        """A function that makes a flow, as a method of this client."""

        @functools.wraps(make)
        def method(*args: Any, **kwargs: Any) -> T:
            return self.run(make(self._target, *args, **kwargs))

        return method


class AsyncClient(FlowRunner, Awaited, Operations):
    """One provider, awaited. Takes what `Client` takes; `http_client` is an `httpx.AsyncClient`, and `api_key` may also be an
    async function.
    """

    awaits = True

    async def aclose(self) -> None:
        """Close the idle connections of this event loop, as `Client.close` does."""
        if self.http_client is None:
            for transport in transports_of(self):
                await transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """One answer to a conversation."""
        return await adrive(self._chat(request), self)

    def chat_stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """The response chunk by chunk; the last delta carries the whole `response`. Closing the iterator closes the connection."""
        return adrive_stream(self._stream(request), self)

    def speech_stream(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """As `Client.speech_stream`; iterated with `async for`."""
        return adrive_stream(self._events("speech", request, "sound"), self)

    def legacy_stream(self, name: str, request: LegacyRequest | None = None) -> AsyncGenerator[LegacyEvent, None]:
        """As `Client.legacy_stream`; iterated with `async for`."""
        return adrive_stream(self._events(name, request), self)

    async def embed(
        self, request: EmbedRequest, *, max_concurrency: int = 4, beside: Beside | None = None
    ) -> EmbedResponse:
        """One vector per text, in batches of which `max_concurrency` run side by side; `beside` takes part in it, as a cache or a bar."""
        return await self.run(embeddings.embed(self._target, request, max_concurrency=max_concurrency, beside=beside))

    async def call(self, name: str, request: Any = None) -> Any:
        """Any operation of the provider by its name in `provider.operations`."""
        return await self.run(attempts.call(self._target, operation_of(self.provider, name), request))

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end."""
        return await adrive(self._called(flow), self)

    def as_method(self, make: Callable[..., Flow[T]]) -> Callable[..., Coroutine[Any, Any, T]]:
        """A function that makes a flow, as a method of this client."""

        @functools.wraps(make)
        async def method(*args: Any, **kwargs: Any) -> T:
            return await self.run(make(self._target, *args, **kwargs))

        return method
