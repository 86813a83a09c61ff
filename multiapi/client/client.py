"""The only place that sends: one client, and its async twin.

Both run the flows of `multiapi.flows.attempts`, as `multiapi.sending.runner` says; here is how each of them waits. A client is cheap to make and
holds no connection: connections are shared by all clients of a process (sync) or of an event loop (async), see `multiapi.transport`.
"""

from __future__ import annotations

import asyncio
import functools
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Self, TypeVar

from multiapi.client.operations import Awaited, Blocking, Calls
from multiapi.errors import MissingApiKeyError
from multiapi.flows import attempts, chat, embeddings
from multiapi.flows.steps import Flow, Parallel
from multiapi.formats.stream import whole_answer
from multiapi.provider import operation_of
from multiapi.sending.bodies import BodyReader
from multiapi.sending.engines import transmission, transports_of
from multiapi.sending.limiter import Limiter, Turn
from multiapi.sending.runner import FlowRunner, at_once
from multiapi.sending.streams import StreamReading, async_drain, drain
from multiapi.sending.waiting import waiting
from multiapi.types.chat import ChatDelta, ChatRequest, ChatResponse
from multiapi.types.embeddings import EmbedRequest, EmbedResponse

if TYPE_CHECKING:
    import httpx  # loaded with the first call and not with the class: that halves the modules of an import

    from multiapi.sending.live_answer import LiveAnswer

T = TypeVar("T")


class Client(FlowRunner, Blocking, Calls):
    """One vendor, called and waited for.

    Args:
        provider: Name of the vendor, or a `Provider`.
        api_key: Text, a secret holder, or a function that gives it. None: the vendor's own environment variable.
        base_url: The vendor's API root. None: the vendor's own environment variable, else as documented.
        timeout: Seconds, (connect, read), a `Timeout` or an `httpx.Timeout`.
        max_retries: At most so many repetitions of a call, so n + 1 HTTP requests.
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
        MissingApiKeyError: No key.
        InvalidRequestError: An unknown vendor, or an address that cannot be one.
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
        if request.streaming and chat.streams_inside(self._setting, request):
            return chat.last_response(deque(self.chat_stream(request), maxlen=1))
        return self.run(chat.chat(self._setting, request))

    def chat_stream(self, request: ChatRequest) -> Generator[ChatDelta, None, None]:
        """The answer piece by piece; the last delta carries the whole `response`. Closing the iterator closes the connection."""
        if self.provider.chat_stream is None:
            yield from whole_answer(self.chat(request))
            return
        live, plan = at_once(self._opened(request))
        reading: StreamReading | None = None
        try:
            reading = StreamReading(self, plan, live)
            pieces = iter(live.pieces)
            try:
                for chunk in pieces:
                    yield from reading.feed(chunk)
                    if reading.done:
                        break
                yield from reading.close()
            except Exception as error:
                failure = reading.failure(error)
                rest = () if failure else reading.close()
            else:
                failure, rest = None, ()
                if self.keeps_deadlines:  # only our transport stops waiting when it is told to
                    drain(pieces)
            if failure is not None:
                chunk = pieces = reading = None  # they may hold the key, if the vendor repeated it
                live.close()
                raise failure
            yield from rest
        finally:
            if reading is not None:
                reading.left()
            live.close()

    def embed(self, request: EmbedRequest, *, max_concurrency: int = 4) -> EmbedResponse:
        """One vector per text, in batches of which so many run side by side."""
        return self.run(embeddings.embed(self._setting, request, max_concurrency=max_concurrency))

    def call(self, name: str, request: Any = None) -> Any:
        """Any operation of the vendor by its name in `provider.operations`."""
        return self.run(attempts.call(self._setting, operation_of(self.provider, name), request))

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end."""
        return at_once(self._counted(flow))

    def as_method(self, make: Callable[..., Flow[T]]) -> Callable[..., T]:
        """A function that makes a flow, as a method of this client."""

        @functools.wraps(make)
        def method(*args: Any, **kwargs: Any) -> T:
            return self.run(make(self._setting, *args, **kwargs))

        return method

    # ------------------------------------------------------------------------------------ how it waits: on the spot

    async def _sleep(self, seconds: float) -> None:
        waiting().sleep(seconds)

    async def _work(self, function: Callable[[], T]) -> T:
        return function()

    async def _side_by_side(self, step: Parallel, deadline: float | None) -> list[Any]:
        def outcome(flow: Flow[Any]) -> Any:
            return at_once(self._outcome(flow, deadline))

        if len(step.flows) == 1 or step.max_concurrency == 1:
            return [outcome(flow) for flow in step.flows]
        contexts = [copy_context() for _ in step.flows]  # who adds up, and what has to be fitted into, hold there too
        with ThreadPoolExecutor(min(step.max_concurrency, len(step.flows))) as pool:
            return list(pool.map(lambda context, flow: context.run(outcome, flow), contexts, step.flows))

    async def _resolved(self, key: Any) -> str | None:
        key.close()
        raise MissingApiKeyError(
            "the key comes from an async function; use the async calls", provider=self.provider.name
        )

    async def _turn(self, limiter: Limiter, deadline: float | None) -> Turn:
        return limiter.acquire(deadline)

    async def _transmit(self, sent: httpx.Request, **options: Any) -> httpx.Response:
        return transmission(self, sent, **options)()  # type: ignore[no-any-return]

    async def _read_into(self, reader: BodyReader, live: LiveAnswer) -> None:
        for chunk in live.pieces:
            live.check_time()
            if not reader.feed(chunk):
                break

    async def _close(self, live: LiveAnswer) -> None:
        live.close()


class AsyncClient(FlowRunner, Awaited, Calls):
    """One vendor, awaited. Takes what `Client` takes; `http_client` is an `httpx.AsyncClient`, and `api_key` may also be an
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
        if request.streaming and chat.streams_inside(self._setting, request):
            last: deque[ChatDelta] = deque(maxlen=1)
            async for delta in self.chat_stream(request):
                last.append(delta)
            return chat.last_response(last)
        return await self.run(chat.chat(self._setting, request))

    async def chat_stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """The answer piece by piece; the last delta carries the whole `response`. Closing the iterator closes the connection."""
        if self.provider.chat_stream is None:
            for delta in whole_answer(await self.chat(request)):
                yield delta
            return
        live, plan = await self._opened(request)
        reading: StreamReading | None = None
        try:
            reading = StreamReading(self, plan, live)
            pieces = live.async_pieces()
            try:
                async for chunk in pieces:
                    for delta in reading.feed(chunk):
                        yield delta
                    if reading.done:
                        break
                for delta in reading.close():
                    yield delta
            except Exception as error:
                failure = reading.failure(error)
                rest = () if failure else reading.close()
            else:
                failure, rest = None, ()
                if self.keeps_deadlines:
                    await async_drain(pieces)
            if failure is not None:
                chunk = pieces = reading = None  # type: ignore[assignment] # they may hold the key, if the vendor repeated it
                await live.aclose()
                raise failure
            for delta in rest:
                yield delta
        finally:
            if reading is not None:
                reading.left()
            await live.aclose()

    async def embed(self, request: EmbedRequest, *, max_concurrency: int = 4) -> EmbedResponse:
        """One vector per text, in batches of which so many run side by side."""
        return await self.run(embeddings.embed(self._setting, request, max_concurrency=max_concurrency))

    async def call(self, name: str, request: Any = None) -> Any:
        """Any operation of the vendor by its name in `provider.operations`."""
        return await self.run(attempts.call(self._setting, operation_of(self.provider, name), request))

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end."""
        return await self._counted(flow)

    def as_method(self, make: Callable[..., Flow[T]]) -> Callable[..., Coroutine[Any, Any, T]]:
        """A function that makes a flow, as a method of this client."""

        @functools.wraps(make)
        async def method(*args: Any, **kwargs: Any) -> T:
            return await self.run(make(self._setting, *args, **kwargs))

        return method

    # ------------------------------------------------------------------------------------ how it waits: in the event loop

    async def _sleep(self, seconds: float) -> None:
        await waiting().asleep(seconds)

    async def _work(self, function: Callable[[], T]) -> T:
        return await asyncio.to_thread(function)

    async def _side_by_side(self, step: Parallel, deadline: float | None) -> list[Any]:
        free = asyncio.Semaphore(step.max_concurrency)

        async def outcome(flow: Flow[Any]) -> Any:
            async with free:
                return await self._outcome(flow, deadline)

        return list(await asyncio.gather(*(outcome(flow) for flow in step.flows)))

    async def _resolved(self, key: Any) -> str | None:
        return await self.key.resolve(key)

    async def _turn(self, limiter: Limiter, deadline: float | None) -> Turn:
        return await limiter.aacquire(deadline)

    async def _transmit(self, sent: httpx.Request, **options: Any) -> httpx.Response:
        return await transmission(self, sent, **options)()  # type: ignore[no-any-return]

    async def _read_into(self, reader: BodyReader, live: LiveAnswer) -> None:
        async for chunk in live.async_pieces():
            live.check_time()
            if not reader.feed(chunk):
                break

    async def _close(self, live: LiveAnswer) -> None:
        await live.aclose()
