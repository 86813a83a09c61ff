"""The only place that sends: one client, and its async twin.

Both run the flows of `multiapi.flow`; they differ in how they wait and nothing else. A client is cheap to make and holds no
connection: connections are shared by all clients of a process (sync) or of an event loop (async), see `multiapi.transport`.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
import os
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from multiapi import flow as flows
from multiapi.body_reader import INFLATED_PIECE_BYTES, BodyReader, inflater
from multiapi.calls import Calls
from multiapi.errors import (
    ConnectionFailedError,
    InvalidRequestError,
    MissingApiKeyError,
    MultiApiError,
    RequestTimeoutError,
    StreamInterruptedError,
    printable,
)
from multiapi.flow import Flow, Parallel, Policy, Setting, Sleep, Wait, Work
from multiapi.http import HttpRequest, HttpResponse, dump_json
from multiapi.keys import ApiKey
from multiapi.limiter import Limiter, LimiterTimeoutError, Turn, documented_limiter
from multiapi.negotiation import DeltaFilter, Plan, Refusals
from multiapi.provider import Provider, StreamDecoder, operation_of
from multiapi.providers import find_provider
from multiapi.retry_budget import RetryBudget
from multiapi.stream import whole_answer
from multiapi.types import ChatDelta, ChatRequest, ChatResponse, EmbedRequest, EmbedResponse, Limits, Timeout
from multiapi.waiting import waiting

if TYPE_CHECKING:
    import httpx  # loaded with the first call and not with the class: that halves the modules of an import

    from multiapi.downloads import Fetch

logger = logging.getLogger("multiapi")

T = TypeVar("T")

DEFAULT_READ_S = 60.0
CHAT_READ_S = 120.0
DRAIN_S = 0.1
"""How long the end of a body is waited for after the vendor said that the stream is done."""

REFUSALS = Refusals()
"""What vendors refused, for the life of the process."""


class _Settings:
    """What both clients are made of: a vendor, a key, an address and limits. No connection, so it copies and pickles."""

    def __init__(
        self,
        provider: str | Provider,
        *,
        api_key: Any = None,
        base_url: str | None = None,
        timeout: Any = None,
        max_retries: int | None = None,
        policy: Policy | None = None,
        limits: Limits | None = None,
        default_headers: Mapping[str, str] | None = None,
        default_query: Mapping[str, str] | None = None,
        http_client: Any = None,
        proxy: str | None = None,
        verify: Any = True,
        allow_http: bool = False,
        limiter: Limiter | Literal["documented"] | None = None,
    ) -> None:
        self.provider = find_provider(provider)
        key = ApiKey.look_for(api_key, provider=self.provider.name, variable=self.provider.api_key_env)
        api_key = None  # no frame of an error that is raised from here on has it
        if isinstance(key, MissingApiKeyError):
            raise key
        self.key = key
        self.base_url = checked_base_url(self.provider, base_url, allow_http=allow_http)
        self.limiter = documented_limiter(self.provider, hash(key)) if limiter == "documented" else limiter
        self.timeout = Timeout.of(timeout)
        self.limits = limits or Limits()
        self.policy = policy or Policy() if max_retries is None else Policy(max_retries=max_retries)
        self.default_headers = {name.lower(): value for name, value in (default_headers or {}).items()}
        self.default_query = tuple((default_query or {}).items())
        self.http_client = http_client
        self.proxy = proxy
        self.verify = verify
        self._budget = RETRY_BUDGETS.setdefault(self.base_url, RetryBudget())
        self._setting = Setting(self.provider, self.base_url, self.policy, REFUSALS, self.limits)
        parts = urlsplit(self.base_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"

    def __repr__(self) -> str:
        made = self.__dict__  # an error may show one that is not finished
        return f"{type(self).__name__}({made['provider'].name if 'provider' in made else '?'!r}, base_url={made.get('base_url')!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {
            name: value for name, value in self.__dict__.items() if name not in {"_budget", "_setting", "http_client"}
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, http_client=None)
        self._budget = RETRY_BUDGETS.setdefault(self.base_url, RetryBudget())
        self._setting = Setting(self.provider, self.base_url, self.policy, REFUSALS, self.limits)

    # ------------------------------------------------------------------------------------ one request

    def _httpx_request(self, request: HttpRequest, key: str | None, deadline: float | None) -> httpx.Request:
        """The request with host and key: the one place where the key enters."""
        import httpx

        url = (self._origin if request.from_host_root else self.base_url) + request.target()
        if self.default_query:
            url = str(httpx.URL(url).copy_merge_params(dict(self.default_query)))
        headers = {"accept": "text/event-stream, application/json" if request.stream else "application/json, */*"}
        headers["accept-encoding"] = "identity" if request.stream else "gzip, deflate"
        headers["user-agent"] = USER_AGENT
        headers.update(self.default_headers)
        for name, value in request.headers.items():
            headers[name.lower()] = value
        id_header = self.provider.request_id_header
        if id_header is not None and request.method != "GET" and id_header not in headers:
            headers[id_header] = uuid4().hex
        if key is not None and not request.public:
            name, prefix = self.provider.auth_header
            headers[name] = prefix + key
        read = self.timeout.read
        if read is None:
            read = CHAT_READ_S if request.json is not None else DEFAULT_READ_S
        if request.stream and self.timeout.idle is not None:
            read = min(read, self.timeout.idle) if self.timeout.read is not None else self.timeout.idle
        extensions = self._extensions(read, deadline)
        if request.json is not None:
            headers["content-type"] = "application/json"
            address, content = _parsed(url), dump_json(request.json)
            # What httpx would fill in, without its two passes over the headers.
            given = headers.pop("host", None)
            headers.pop("content-length", None)
            raw = [(b"host", address.netloc if given is None else given.encode("ascii"))]
            raw += [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
            raw.append((b"content-length", b"%d" % len(content)))
            stream = httpx.ByteStream(content)
            made = httpx.Request(request.method, address, headers=raw, stream=stream, extensions=extensions)
            if self.http_client is not None:
                made.read()  # hooks of the user's client may look at the content
            return made
        if request.files or request.form:
            files = [(part.field, (part.filename, part.data, part.mime_type)) for part in request.files]
            return httpx.Request(
                request.method, url, headers=headers, data=dict(request.form), files=files, extensions=extensions
            )
        return httpx.Request(request.method, url, headers=headers, extensions=extensions)

    def _file_request(self, step: Fetch, deadline: float | None) -> httpx.Request:
        """A request for a file: no key, no headers of the user, and each address is looked at before it is connected to."""
        import httpx

        extensions = self._extensions(DEFAULT_READ_S if self.timeout.read is None else self.timeout.read, deadline)
        if step.check_address is not None:
            extensions["check_address"] = step.check_address
        headers = {"accept": "*/*", "accept-encoding": "identity", "user-agent": USER_AGENT}
        return httpx.Request("GET", step.url, headers=headers, extensions=extensions)

    def _extensions(self, read: float | None, deadline: float | None) -> dict[str, Any]:
        """The time limits of one request. Our transports keep to the deadline by themselves; others get it as shorter waits."""
        timeout = self.timeout
        waits = {"connect": timeout.connect, "read": read, "write": timeout.write, "pool": timeout.pool}
        if deadline is None:
            return {"timeout": waits}
        if self.http_client is not None:
            left = max(deadline - time.monotonic(), 0.001)
            waits = {name: left if wait is None else min(wait, left) for name, wait in waits.items()}
        return {"timeout": waits, "deadline": deadline}

    def _opens_sockets(self) -> bool:
        """Whether the user's own client goes to the network, as far as can be seen."""
        import httpx

        transport = getattr(self.http_client, "_transport", None)
        return transport is None or isinstance(transport, (httpx.HTTPTransport, httpx.AsyncHTTPTransport))

    def _settled(self, error: MultiApiError) -> MultiApiError:
        """An error as it may leave: without the key, where a vendor repeats it, and without the frames that saw the answer."""
        error.provider = error.provider or self.provider.name
        cause = error.__cause__ if isinstance(error.__cause__, MultiApiError) else None
        for each in (error, cause):
            if each is not None:
                each.__traceback__ = each.__context__ = None
                self.key.clean(each)
        error.__cause__ = cause
        return error

    def _failure(
        self,
        error: Exception,
        *,
        request: HttpRequest,
        deadline: float | None = None,
        sent: httpx.Request | None = None,
    ) -> MultiApiError:
        """A transport's exception as one of ours, without the request that it holds."""
        import httpx

        name = self.provider.name
        if isinstance(error, MultiApiError):
            return self._settled(error)
        paid = request.method not in {"GET", "HEAD"}
        failure: MultiApiError
        if isinstance(error, (httpx.TimeoutException, LimiterTimeoutError)):
            phase = _PHASES.get(type(error).__name__, "read")
            unknown = paid and phase in {"read", "write"}
            if deadline is not None and time.monotonic() >= deadline - 0.01:
                phase = "total"
            wording = {"pool": "no free connection", "connect": "no connection"}.get(phase, "no answer")
            failure = RequestTimeoutError(
                f"{name}: {wording} in time ({phase} limit)", provider=name, outcome_unknown=unknown, phase=phase
            )
        elif isinstance(error, (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.ProxyError)):
            return ConnectionFailedError(f"{name} cannot be reached: {printable(_cause(error))}", provider=name)
        elif isinstance(error, httpx.LocalProtocolError):
            return InvalidRequestError(
                f"{name}: the request holds something that HTTP forbids in a header", provider=name
            )
        elif isinstance(error, (httpx.HTTPError, OSError)):
            failure = ConnectionFailedError(
                f"the connection to {name} broke: {type(error).__name__}", provider=name, outcome_unknown=paid
            )
        else:
            failure = ConnectionFailedError(
                f"the request to {name} could not be sent: {type(error).__name__}", provider=name, outcome_unknown=paid
            )
        id_header = self.provider.request_id_header
        if sent is not None and id_header is not None:
            failure.request_id = sent.headers.get(id_header)
        return failure

    def _not_written(self, error: Exception) -> MultiApiError:
        """What went wrong before anything was sent."""
        name = self.provider.name
        if isinstance(error, MultiApiError):
            return self._settled(error)
        why = f": {error}" if isinstance(error, TypeError) else ""
        return InvalidRequestError(
            f"{name}: the request cannot be written ({type(error).__name__}{why})", provider=name
        )

    def _revealed(self) -> Any:
        """The key, an awaitable for it, or why there is none."""
        try:
            return self.key.reveal()
        except Exception as error:
            return self._no_key(error)

    def _no_key(self, error: Exception) -> MultiApiError:
        if isinstance(error, MultiApiError):
            return self._settled(error)
        return MissingApiKeyError(
            f"{self.provider.name}: the function that gives the key failed ({type(error).__name__})",
            provider=self.provider.name,
        )

    def _live(self, response: httpx.Response, sent: httpx.Request, turn: Turn | None) -> Live:
        if turn is not None:
            turn.learn(response.status_code, self._head(response).headers)
        return Live(response, sent, turn)

    def _head(self, response: httpx.Response) -> HttpResponse:
        raw = response.headers.raw
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in raw}
        if len(headers) != len(raw):  # some came twice: they are one, with a comma
            headers = {}
            for key, value in raw:
                name, text = key.decode("latin-1").lower(), value.decode("latin-1")
                headers[name] = f"{headers[name]}, {text}" if name in headers else text
        return HttpResponse(response.status_code, headers)

    def _body_reader(self, head: HttpResponse, request: HttpRequest) -> BodyReader:
        limit = request.limit if head.status < 400 else "error_bytes"
        return BodyReader(head, getattr(self.limits, limit), self.provider.name)

    def _sleep_s(self, step: Sleep, deadline: float | None) -> tuple[float, str | None]:
        """How long to wait, or why not to."""
        seconds = waiting().between(step.least_s, step.most_s)
        if deadline is not None and time.monotonic() + seconds >= deadline:
            return 0.0, "no time is left of the total limit"
        if self.policy.use_budget and not self._budget.take():
            return 0.0, "too many repetitions have failed lately"
        return seconds, None

    def _deadline(self) -> float | None:
        return None if self.timeout.total is None else time.monotonic() + self.timeout.total

    def _decoder(self, head: HttpResponse) -> StreamDecoder:
        assert self.provider.chat_stream is not None
        return self.provider.chat_stream.decoder(head, self.limits)

    def _broken(self, error: MultiApiError, decoder: StreamDecoder) -> MultiApiError:
        """A transport failure in the middle of a stream, with what had arrived."""
        partial = decoder.partial()
        if isinstance(error, RequestTimeoutError):
            error.partial = partial
            error.outcome_unknown = True
            return error
        return StreamInterruptedError(
            f"{self.provider.name} broke the stream off: {error}",
            provider=self.provider.name,
            partial=partial,
            request_id=partial.request_id,
            outcome_unknown=True,
        )


USER_AGENT = "multiapi/" + __import__("multiapi._version", fromlist=["__version__"]).__version__

_PHASES = {"ConnectTimeout": "connect", "ReadTimeout": "read", "WriteTimeout": "write", "PoolTimeout": "pool"}


def _cause(error: BaseException) -> str:
    inner = error.__cause__ or error.__context__
    return str(inner or error)[:200] or type(error).__name__


RETRY_BUDGETS: dict[str, RetryBudget] = {}
"""One per vendor address."""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_base_url(provider: Provider, given: str | None, *, allow_http: bool) -> str:
    """The API root: given, from the vendor's own variable, or as documented.

    Raises:
        InvalidRequestError: No address, or plain http to a host that is not this machine.
    """
    address = given or os.environ.get(provider.base_url_env) or provider.base_url
    try:
        parts = urlsplit(address)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    is_plain = address.isascii() and address.isprintable() and not any(mark in address for mark in "@?# \\")
    if parts.scheme not in {"http", "https"} or not host or not is_plain:
        raise InvalidRequestError(
            f"{provider.name}: base_url must be an address like {provider.base_url}, without user, query and fragment",
            provider=provider.name,
        )
    if parts.scheme == "http" and not _is_loopback(host) and not allow_http:
        raise InvalidRequestError(
            f"{provider.name}: base_url is plain http to {host}, which would show the key to everybody on the way; "
            "use https, or pass allow_http=True",
            provider=provider.name,
        )
    return provider.settle_base_url(address.rstrip("/"))


class StreamReading:
    """One streamed answer while it is read: bytes in, deltas out, with the clock that the decoder lacks."""

    def __init__(self, settings: _Settings, head: HttpResponse, plan: Plan, live: Live) -> None:
        self._settings = settings
        self._decoder = settings._decoder(head)
        self._filters: list[DeltaFilter] = plan.filters()
        self._idle = settings.timeout.idle
        self._last_event_at = time.monotonic()
        self._inflater = inflater(head, settings.provider.name)
        self._extensions = live.extensions
        # The total limit was for the beginning of the answer; from here on the limit between events holds.
        live.extensions.pop("deadline", None)

    @property
    def done(self) -> bool:
        """The vendor said that this was all."""
        return self._decoder.done

    def feed(self, chunk: bytes) -> Sequence[ChatDelta]:
        """The deltas that these bytes complete.

        Raises:
            RequestTimeoutError: Only keep-alives for longer than the idle limit; `partial` is what had arrived.
        """
        decoder = self._decoder
        events = decoder.events
        if self._inflater is None:
            deltas = decoder.feed(chunk)
        else:
            pieces = self._inflater.pieces(chunk, lambda: INFLATED_PIECE_BYTES)
            deltas = [delta for piece in pieces for delta in decoder.feed(piece)]
        if decoder.events != events:
            self._last_event_at = time.monotonic()
        elif self._idle is not None and time.monotonic() - self._last_event_at > self._idle:
            raise RequestTimeoutError(
                f"{self._settings.provider.name}: no event for {self._idle:g} s",
                provider=self._settings.provider.name,
                partial=decoder.partial(),
                outcome_unknown=True,
                phase="idle",
            )
        if decoder.done:
            self._extensions["deadline"] = time.monotonic() + DRAIN_S
        return self._filtered(deltas) if self._filters else deltas

    def close(self) -> Sequence[ChatDelta]:
        """The end of the body."""
        return self._filtered(self._decoder.close())

    def failure(self, error: Exception) -> MultiApiError | None:
        """What to raise after a failure, with what had arrived; None if it came after the finish reason, where nothing is lost."""
        settings = self._settings
        if not isinstance(error, MultiApiError):
            if getattr(self._decoder, "is_complete", False):
                return None
            error = settings._broken(settings._failure(error, request=STREAM), self._decoder)
        return settings._settled(error)

    def _filtered(self, deltas: Sequence[ChatDelta]) -> Sequence[ChatDelta]:
        for each in self._filters:
            deltas = each.take(deltas)
        return deltas


class Live:
    """An answer that is still open, and the settings of its request that may change while it is read."""

    __slots__ = ("deadline", "extensions", "pieces", "response", "turn")

    def __init__(self, response: httpx.Response, sent: httpx.Request, turn: Turn | None) -> None:
        self.response: Any = response
        self.extensions = sent.extensions
        self.deadline: float | None = sent.extensions.get("deadline")
        self.turn = turn

        # One iterator for reading and draining: a second one would close the connection.
        self.pieces: Any = [response.content] if response.is_stream_consumed else response.stream
        if getattr(response, "_request", None) is not None:
            response.request = _without_headers(
                sent
            )  # a user's own client leaves the request, and so the key, on the answer

    def check_time(self) -> None:
        """Keep to the deadline also with a transport that knows none.

        Raises:
            RequestTimeoutError: It has passed.
        """
        if self.deadline is not None and time.monotonic() > self.deadline:
            import httpx

            raise httpx.ReadTimeout("the time for the whole request is over")

    def close(self) -> None:
        """Give the connection back, or close it, and forget what was read."""
        response, self.response, self.pieces = self.response, None, ()
        try:
            if response is not None:
                response.close()
        finally:
            if self.turn is not None:
                self.turn.done()

    async def aclose(self) -> None:
        """As `close`."""
        response, self.response, self.pieces = self.response, None, ()
        try:
            if response is not None:
                await response.aclose()
        finally:
            if self.turn is not None:
                self.turn.done()


@lru_cache(maxsize=256)
def _parsed(url: str) -> httpx.URL:
    """Addresses repeat themselves, and to take one apart costs as much as the rest of a request."""
    import httpx

    return httpx.URL(url)


def _without_headers(sent: httpx.Request) -> httpx.Request:
    import httpx

    return httpx.Request(sent.method, sent.url)


class Client(_Settings, Calls):
    """One vendor, called and waited for.

    Args:
        provider: Name of the vendor, or a `Provider`.
        api_key: Text, a secret holder, or a function that gives it. None: the vendor's own environment variable.
        base_url: The vendor's API root. None: the vendor's own environment variable, else as documented.
        timeout: Seconds, (connect, read), a `Timeout` or an `httpx.Timeout`.
        max_retries: At most so many repetitions of a call, so n + 1 HTTP requests.
        policy: More of the same; see `multiapi.flow.Policy`.
        limits: How much is read at most.
        default_headers: Sent with every request.
        http_client: An `httpx.Client` to send with; it is never closed by us.
        allow_http: Permit plain http to hosts that are not this machine.

    Raises:
        MissingApiKeyError: No key.
        InvalidRequestError: An unknown vendor, or an address that cannot be one.
    """

    def close(self) -> None:
        """Close the idle connections, which all clients of this process share; this client and the others go on, with new ones.

        A client that was given as `http_client` is left alone.
        """
        if self.http_client is None:
            from multiapi.transport import shared_transport

            shared_transport(verify=self.verify, proxy=self.proxy).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def chat(self, request: ChatRequest) -> ChatResponse:
        """One answer to a conversation."""
        return self.run(flows.chat(self._setting, request))

    def chat_stream(self, request: ChatRequest) -> Generator[ChatDelta, None, None]:
        """The answer piece by piece; the last delta carries the whole `response`. Closing the iterator closes the connection."""
        if self.provider.chat_stream is None:
            yield from whole_answer(self.chat(request))
            return
        opened: list[Live] = []
        head, plan = self._run(flows.open_stream(self._setting, request), self._deadline(), opened)
        live = opened[-1]
        try:
            reading = StreamReading(self, head, plan, live)
            pieces = iter(live.pieces)
            failure: MultiApiError | None = None
            try:
                for chunk in pieces:
                    yield from reading.feed(chunk)
                    if reading.done:
                        break
                yield from reading.close()
            except Exception as error:
                failure = reading.failure(error)
                ended = failure is None
            else:
                ended = False
            if failure is not None:
                chunk = pieces = reading = None  # type: ignore[assignment] # they may hold the key, if the vendor repeated it
                live.close()
                raise failure
            if ended:
                yield from reading.close()
            elif self.http_client is None:  # only our transport stops waiting when it is told to
                _drain(pieces)
        finally:
            live.close()

    def embed(self, request: EmbedRequest, *, max_concurrency: int = 4) -> EmbedResponse:
        """One vector per text, in batches of which so many run side by side."""
        return self.run(flows.embed(self._setting, request, max_concurrency=max_concurrency))

    def call(self, name: str, request: Any = None) -> Any:
        """Any operation of the vendor by its name in `provider.operations`."""
        return self.run(flows.call(self._setting, operation_of(self.provider, name), request))

    # ------------------------------------------------------------------------------------ running flows

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end."""
        return self._run(flow, self._deadline())

    def as_method(self, make: Callable[..., Flow[T]]) -> Callable[..., T]:
        """A function that makes a flow, as a method of this client."""

        @functools.wraps(make)
        def method(*args: Any, **kwargs: Any) -> T:
            return self.run(make(self._setting, *args, **kwargs))

        return method

    def _run(self, flow: Flow[T], deadline: float | None, opened: list[Live] | None = None) -> T:
        outcome: Any = None
        step: Any = None
        try:
            while True:
                try:
                    step = flow.throw(outcome) if isinstance(outcome, Exception) else flow.send(outcome)
                except StopIteration as end:
                    self._budget.succeeded()
                    return end.value  # type: ignore[no-any-return]
                except MultiApiError as error:
                    failure = self._settled(error)
                    break
                if type(step) is HttpRequest:
                    outcome = self._send(step, deadline, opened)
                elif type(step) is Sleep:
                    seconds, outcome = self._sleep_s(step, deadline)
                    if outcome is None:
                        waiting().sleep(seconds)
                elif type(step) is Parallel:
                    outcome = self._run_parallel(step, deadline)
                elif type(step) is Wait:
                    if step.seconds > 0:
                        waiting().sleep(step.seconds)
                    outcome, deadline = time.monotonic(), self._deadline()
                elif type(step) is Work:
                    outcome = _worked(step)
                else:
                    outcome = self._fetch(step, deadline)
        finally:
            flow.close()
        outcome = step = None  # an answer may repeat the key
        raise failure

    def _run_parallel(self, step: Parallel, deadline: float | None) -> list[Any]:
        def outcome(flow: Flow[Any]) -> Any:
            try:
                return self._run(flow, deadline)
            except MultiApiError as error:
                return error

        if len(step.flows) == 1 or step.max_concurrency == 1:
            return [outcome(flow) for flow in step.flows]
        with ThreadPoolExecutor(min(step.max_concurrency, len(step.flows))) as pool:
            return list(pool.map(outcome, step.flows))

    def _send(
        self, request: HttpRequest, deadline: float | None, opened: list[Live] | None
    ) -> HttpResponse | MultiApiError:
        """One request and its answer, or the failure as a value: no frame that saw the key is in a traceback."""
        live = self._open(request, deadline)
        if isinstance(live, MultiApiError):
            return live
        head = self._head(live.response)
        if request.stream and opened is not None and 200 <= head.status < 300:
            opened.append(live)
            return head
        try:
            try:
                reader = self._body_reader(head, request)
                for chunk in live.pieces:
                    live.check_time()
                    if not reader.feed(chunk):
                        break
            finally:
                live.close()
            return head._replace(body=reader.body())
        except Exception as error:
            return head if head.status >= 400 else self._failure(error, request=request, deadline=deadline)

    def _open(self, request: HttpRequest, deadline: float | None) -> Live | MultiApiError:
        key = self._revealed()
        if isinstance(key, MultiApiError):
            return key
        if not isinstance(key, str):
            key.close()
            return MissingApiKeyError(
                "the key comes from an async function; use the async calls", provider=self.provider.name
            )
        try:
            sent = self._httpx_request(request, key, deadline)
        except Exception as error:
            return self._not_written(error)
        turn: Turn | None = None
        try:
            if self.limiter is not None:
                turn = self.limiter.acquire(deadline)
            if self.http_client is not None:
                response = self.http_client.send(sent, stream=True, follow_redirects=False)
            else:
                from multiapi.transport import shared_transport

                response = shared_transport(verify=self.verify, proxy=self.proxy).handle_request(sent)
        except BaseException as error:
            if turn is not None:
                turn.done()
            if not isinstance(error, Exception):
                raise
            return self._failure(error, request=request, deadline=deadline, sent=sent)
        return self._live(response, sent, turn)

    def _fetch(self, step: Fetch, deadline: float | None) -> HttpResponse | Exception:
        disk = Disk(step)
        try:
            sent = self._file_request(step, deadline)
            if self.http_client is not None:
                if step.check_address is not None and self._opens_sockets():
                    _check_found(step.check_address, _found(sent.url))
                response = self.http_client.send(sent, stream=True, follow_redirects=False, auth=None)
            else:
                from multiapi.transport import shared_transport

                response = shared_transport(verify=self.verify, proxy=self.proxy).handle_request(sent)
            live = Live(response, sent, None)
            try:
                head = self._head(response)
                reader = disk.reader(head, self)
                for chunk in live.pieces if not 300 <= head.status < 400 else ():
                    live.check_time()
                    if not reader.feed(chunk):
                        break
            finally:
                response.close()
            return head._replace(body=reader.body())
        except Exception as error:
            return disk.failure or self._failure(error, request=FILE, deadline=deadline)


class AsyncClient(_Settings, Calls):
    """One vendor, awaited. Takes what `Client` takes; `http_client` is an `httpx.AsyncClient`, and `api_key` may also be an
    async function.
    """

    async def aclose(self) -> None:
        """Close the idle connections of this event loop, as `Client.close` does."""
        if self.http_client is None:
            from multiapi.transport import shared_async_transport

            await shared_async_transport(verify=self.verify, proxy=self.proxy).aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """One answer to a conversation."""
        return await self.run(flows.chat(self._setting, request))

    async def chat_stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """The answer piece by piece; the last delta carries the whole `response`. Closing the iterator closes the connection."""
        if self.provider.chat_stream is None:
            for delta in whole_answer(await self.chat(request)):
                yield delta
            return
        opened: list[Live] = []
        head, plan = await self._run(flows.open_stream(self._setting, request), self._deadline(), opened)
        live = opened[-1]
        try:
            reading = StreamReading(self, head, plan, live)
            pieces = _async_pieces(live)
            failure: MultiApiError | None = None
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
                ended = failure is None
            else:
                ended = False
            if failure is not None:
                chunk = pieces = reading = None  # type: ignore[assignment] # they may hold the key, if the vendor repeated it
                await live.aclose()
                raise failure
            if ended:
                for delta in reading.close():
                    yield delta
            elif self.http_client is None:
                await _async_drain(pieces)
        finally:
            await live.aclose()

    async def embed(self, request: EmbedRequest, *, max_concurrency: int = 4) -> EmbedResponse:
        """One vector per text, in batches of which so many run side by side."""
        return await self.run(flows.embed(self._setting, request, max_concurrency=max_concurrency))

    async def call(self, name: str, request: Any = None) -> Any:
        """Any operation of the vendor by its name in `provider.operations`."""
        return await self.run(flows.call(self._setting, operation_of(self.provider, name), request))

    # ------------------------------------------------------------------------------------ running flows

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end."""
        return await self._run(flow, self._deadline())

    def as_method(self, make: Callable[..., Flow[T]]) -> Callable[..., Coroutine[Any, Any, T]]:
        """A function that makes a flow, as a method of this client."""

        @functools.wraps(make)
        async def method(*args: Any, **kwargs: Any) -> T:
            return await self.run(make(self._setting, *args, **kwargs))

        return method

    async def _run(self, flow: Flow[T], deadline: float | None, opened: list[Live] | None = None) -> T:
        outcome: Any = None
        step: Any = None
        try:
            while True:
                try:
                    step = flow.throw(outcome) if isinstance(outcome, Exception) else flow.send(outcome)
                except StopIteration as end:
                    self._budget.succeeded()
                    return end.value  # type: ignore[no-any-return]
                except MultiApiError as error:
                    failure = self._settled(error)
                    break
                if type(step) is HttpRequest:
                    outcome = await self._send(step, deadline, opened)
                elif type(step) is Sleep:
                    seconds, outcome = self._sleep_s(step, deadline)
                    if outcome is None:
                        await waiting().asleep(seconds)
                elif type(step) is Parallel:
                    outcome = await self._run_parallel(step, deadline)
                elif type(step) is Wait:
                    if step.seconds > 0:
                        await waiting().asleep(step.seconds)
                    outcome, deadline = time.monotonic(), self._deadline()
                elif type(step) is Work:
                    outcome = await asyncio.to_thread(_worked, step)
                else:
                    outcome = await self._fetch(step, deadline)
        finally:
            flow.close()
        outcome = step = None  # an answer may repeat the key
        raise failure

    async def _run_parallel(self, step: Parallel, deadline: float | None) -> list[Any]:
        free = asyncio.Semaphore(step.max_concurrency)

        async def outcome(flow: Flow[Any]) -> Any:
            async with free:
                try:
                    return await self._run(flow, deadline)
                except MultiApiError as error:
                    return error

        return list(await asyncio.gather(*(outcome(flow) for flow in step.flows)))

    async def _send(
        self, request: HttpRequest, deadline: float | None, opened: list[Live] | None
    ) -> HttpResponse | MultiApiError:
        """One request and its answer, or the failure as a value: no frame that saw the key is in a traceback."""
        live = await self._open(request, deadline)
        if isinstance(live, MultiApiError):
            return live
        head = self._head(live.response)
        if request.stream and opened is not None and 200 <= head.status < 300:
            opened.append(live)
            return head
        try:
            try:
                reader = self._body_reader(head, request)
                async for chunk in _async_pieces(live):
                    live.check_time()
                    if not reader.feed(chunk):
                        break
            finally:
                await live.aclose()
            return head._replace(body=reader.body())
        except Exception as error:
            return head if head.status >= 400 else self._failure(error, request=request, deadline=deadline)

    async def _open(self, request: HttpRequest, deadline: float | None) -> Live | MultiApiError:
        key = self._revealed()
        if isinstance(key, MultiApiError):
            return key
        try:
            if not isinstance(key, str):
                key = await self.key.resolve(key)
        except Exception as error:
            return self._no_key(error)
        try:
            sent = self._httpx_request(request, key, deadline)
        except Exception as error:
            return self._not_written(error)
        turn: Turn | None = None
        try:
            if self.limiter is not None:
                turn = await self.limiter.aacquire(deadline)
            if self.http_client is not None:
                response = await self.http_client.send(sent, stream=True, follow_redirects=False)
            else:
                from multiapi.transport import shared_async_transport

                transport = shared_async_transport(verify=self.verify, proxy=self.proxy)
                response = await transport.handle_async_request(sent)
        except BaseException as error:
            if turn is not None:
                turn.done()
            if not isinstance(error, Exception):
                raise
            return self._failure(error, request=request, deadline=deadline, sent=sent)
        return self._live(response, sent, turn)

    async def _fetch(self, step: Fetch, deadline: float | None) -> HttpResponse | Exception:
        disk = Disk(step)
        try:
            sent = self._file_request(step, deadline)
            if self.http_client is not None:
                if step.check_address is not None and self._opens_sockets():
                    _check_found(step.check_address, await asyncio.to_thread(_found, sent.url))
                response = await self.http_client.send(sent, stream=True, follow_redirects=False, auth=None)
            else:
                from multiapi.transport import shared_async_transport

                transport = shared_async_transport(verify=self.verify, proxy=self.proxy)
                response = await transport.handle_async_request(sent)
            live = Live(response, sent, None)
            try:
                head = self._head(response)
                reader = disk.reader(head, self)
                if not 300 <= head.status < 400:
                    async for chunk in _async_pieces(live):
                        live.check_time()
                        if not reader.feed(chunk):
                            break
            finally:
                await response.aclose()
            return head._replace(body=reader.body())
        except Exception as error:
            return disk.failure or self._failure(error, request=FILE, deadline=deadline)


STREAM = HttpRequest("POST", "/", stream=True)
FILE = HttpRequest("GET", "/")


class Disk:
    """The sink of a file, with what the disk complained about kept apart from what the network did."""

    def __init__(self, step: Fetch) -> None:
        self._step = step
        self.failure: OSError | None = None

    def reader(self, head: HttpResponse, settings: _Settings) -> BodyReader:
        """What reads this answer: a file into the sink, an error into memory."""
        if not 200 <= head.status < 300:
            return BodyReader(head, settings.limits.error_bytes, settings.provider.name)
        return BodyReader(head, self._step.most, f"the file's host (for {settings.provider.name})", self._write)

    def _write(self, data: bytes) -> None:
        try:
            self._step.sink.write(data)
        except OSError as error:
            self.failure = error
            raise


def _worked(step: Work) -> Any:
    try:
        return step.function()
    except Exception as error:
        return error


def _found(url: httpx.URL) -> list[str]:
    """The addresses that a name stands for; none if it cannot be found here, then the user's own transport has to."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(url.host, url.port or 443, 0, socket.SOCK_STREAM)]
    except OSError:
        return []


def _check_found(check: Callable[[str], None], addresses: list[str]) -> None:
    for address in addresses:
        check(address)


async def _async_pieces(live: Live) -> AsyncIterator[bytes]:
    pieces = live.pieces
    if isinstance(pieces, list):
        for chunk in pieces:
            yield chunk
    else:
        async for chunk in pieces:
            yield chunk


def _drain(pieces: Iterator[bytes]) -> None:
    """Read what little remains after the vendor's last word, so that the connection can be used again."""
    try:
        for count, _ in enumerate(pieces):
            if count > MAX_DRAINED_CHUNKS:
                break
    except Exception:
        logger.debug("the connection was not kept: its body did not end")


async def _async_drain(pieces: AsyncIterator[bytes]) -> None:
    """As `_drain`."""
    try:
        count = 0
        async for _ in pieces:
            count += 1
            if count > MAX_DRAINED_CHUNKS:
                break
    except Exception:
        logger.debug("the connection was not kept: its body did not end")


MAX_DRAINED_CHUNKS = 8
