"""What goes wrong on the way, as typed errors: without the key, and without what httpx hangs on its exceptions."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from multiapi.errors import (
    IN_FORCE,
    ConnectionFailedError,
    InvalidRequestError,
    MissingApiKeyError,
    MultiApiError,
    RequestTimeoutError,
    StreamInterruptedError,
    printable,
)
from multiapi.http.exchange import HttpRequest, HttpResponse
from multiapi.http.json import UnwritableError
from multiapi.provider import Provider
from multiapi.sending.addresses import is_loopback, origin_of, variable_of_address
from multiapi.sending.echoes import scrubbed, without_key
from multiapi.sending.engines import was_written
from multiapi.sending.limiter import LimiterTimeoutError
from multiapi.sending.scrubbing import Scrubber

if TYPE_CHECKING:
    import httpx  # loaded with the first call

    from multiapi.provider import EventDecoder, StreamDecoder

_PHASES = {"ConnectTimeout": "connect", "ReadTimeout": "read", "WriteTimeout": "write", "PoolTimeout": "pool"}


class Failures(NamedTuple):
    """Makes the errors of one call."""

    provider: Provider
    scrubber: Scrubber
    hint: Callable[[], str] = str
    base_url: str = ""

    def in_force(self) -> None:
        """Have the secrets of this call taken out of all texts that this thread cuts from here on."""
        IN_FORCE.scrub = self.scrubber.beginning

    def answered(self, answer: HttpResponse) -> HttpResponse:
        """A response as it may be read: where it is an error, without the secrets, which providers like to repeat there."""
        if answer.status < 400:
            return answer
        return answer._replace(headers=self.scrubber.headers(answer.headers), body=self.scrubber.body(answer.body))

    def scrubbed_error(self, error: MultiApiError) -> MultiApiError:
        """An error as it may leave: without the key, where a provider repeats it, and without the frames that saw the response."""
        error.provider = error.provider or self.provider.name
        cause = error.__cause__ if isinstance(error.__cause__, MultiApiError) else None
        for each in (error, cause):
            if each is not None:
                each.__traceback__ = each.__context__ = None
                self._clean(each)
        error.__cause__ = cause
        return error

    def _clean(self, error: MultiApiError) -> None:
        facts = error.__dict__
        for name, fact in list(facts.items()):
            if isinstance(fact, str):
                facts[name] = self.scrubber.text(fact)
            elif name != "__notes__":
                facts[name] = self._cleaned(fact)
        if "__notes__" in facts:
            facts["__notes__"] = [self.scrubber.text(str(note)) for note in facts["__notes__"]]
        error.args = (error.message,)

    def _cleaned(self, fact: Any) -> Any:
        """What an error has beside words: what was paid for, the provider's own form of it, other errors."""
        if isinstance(fact, MultiApiError):
            return self.scrubbed_error(fact)
        if isinstance(fact, list | tuple) and any(isinstance(each, MultiApiError) for each in fact):
            return type(fact)(map(self._cleaned, fact))
        is_list = type(fact) is list and not any(is_dataclass(each) for each in fact)
        if is_list or (type(fact) is dict and all(type(name) is str for name in fact)):
            return scrubbed(fact, self.scrubber.text)
        return without_key(fact, self.scrubber.echo)

    def without_key(self, error: Exception) -> MultiApiError:
        """The key could not be had."""
        if isinstance(error, MultiApiError):
            return self.scrubbed_error(error)
        return MissingApiKeyError(
            f"{self.provider.name}: the function that gives the key failed ({type(error).__name__})",
            provider=self.provider.name,
        )

    def unwritten(self, error: Exception) -> MultiApiError:
        """It went wrong before anything was sent."""
        name = self.provider.name
        if isinstance(error, UnwritableError):
            error.message = f"{name}: {error.message}"
        if isinstance(error, MultiApiError):
            return self.scrubbed_error(error)
        why = f": {error}" if isinstance(error, TypeError) else ""
        return InvalidRequestError(
            f"{name}: the request cannot be written ({type(error).__name__}{why})", provider=name
        )

    def on_the_way(
        self,
        error: Exception,
        *,
        request: HttpRequest,
        deadline: float | None = None,
        sent: httpx.Request | None = None,
    ) -> MultiApiError:
        """A transport's exception as a typed error, without the request that it holds."""
        name = self.provider.name
        kinds = _kinds(error)
        if isinstance(error, UnwritableError):
            error.message = f"{name}: {error.message}"
        if isinstance(error, MultiApiError):
            return self.scrubbed_error(error)
        # What failed before the first byte went out was never sent.
        paid = was_written(sent) and request.method not in {"GET", "HEAD"}
        failure: MultiApiError
        if "TimeoutException" in kinds or isinstance(error, LimiterTimeoutError):
            phase = _PHASES.get(type(error).__name__, "read")
            if phase in {"read", "write"} and kinds and not was_written(sent):
                phase = "connect"  # a proxy was waited for
            unknown = paid and phase in {"read", "write"}
            if deadline is not None and time.monotonic() >= deadline - 0.01:
                phase = "total"
            wording = {"pool": "no free connection", "connect": "no connection"}.get(phase, "no answer")
            where = self._where(sent) if wording == "no connection" else ""
            failure = RequestTimeoutError(
                f"{name}: {wording}{where} in time ({phase} limit)",
                provider=name,
                outcome_unknown=unknown,
                phase=phase,
                **self._address(sent),
            )
        elif kinds & {"ConnectError", "UnsupportedProtocol", "ProxyError"}:
            return ConnectionFailedError(
                f"{name} cannot be reached{self._way(sent) or self._where(sent)}: {printable(_cause(error), 200)}{self.hint()}"
                f"{self._if_simulated(sent)}",
                provider=name,
                **self._address(sent),
            )
        elif "LocalProtocolError" in kinds:
            return InvalidRequestError(
                f"{name}: the request holds something that HTTP forbids in a header", provider=name
            )
        elif "HTTPError" in kinds or isinstance(error, OSError):
            failure = ConnectionFailedError(
                f"the connection to {name} broke: {type(error).__name__}", provider=name, outcome_unknown=paid
            )
        else:
            failure = ConnectionFailedError(
                f"the request to {name} could not be sent: {_what(error)}", provider=name, outcome_unknown=paid
            )
        id_header = self.provider.request_id_header
        if sent is not None and id_header is not None:
            failure.request_id = sent.headers.get(id_header)
        return failure

    def _address(self, sent: httpx.Request | None) -> dict[str, Any]:
        """Where a request went, without path and query, which may hold secrets; and the variable that named the place."""
        if sent is None:
            return {}
        address = origin_of(str(sent.url))
        is_root = bool(self.base_url) and address == origin_of(self.base_url)
        variable = variable_of_address(self.provider, self.base_url) if is_root else None
        return {"address": address, "address_variable": variable}

    def _where(self, sent: httpx.Request | None) -> str:
        facts = self._address(sent)
        if not facts:
            return ""
        variable = facts["address_variable"]
        return f" at {facts['address']}" + (f" (from {variable})" if variable else "")

    def _if_simulated(self, sent: httpx.Request | None) -> str:
        """What is most often wrong with an address of this machine."""
        if sent is None or sent.extensions.get("through") is not None or not is_loopback(sent.url.host):
            return ""
        return "; is the simulator running?"

    @staticmethod
    def _way(sent: httpx.Request | None) -> str:
        through = None if sent is None else sent.extensions.get("through")
        return "" if through is None else f" through the proxy {through}"

    def in_a_stream(
        self, error: Exception, request: HttpRequest, decoder: StreamDecoder | EventDecoder
    ) -> MultiApiError:
        """A transport's exception in the middle of a stream, with what had arrived."""
        failure = self.on_the_way(error, request=request)
        partial = decoder.partial()
        if isinstance(failure, RequestTimeoutError):
            failure.partial = partial
            failure.outcome_unknown = True
            return failure
        return StreamInterruptedError(
            f"{self.provider.name} broke the stream off: {failure}",
            provider=self.provider.name,
            partial=partial,
            request_id=getattr(partial, "request_id", None),
            outcome_unknown=True,
        )


def _kinds(error: Exception) -> set[str]:
    """The classes of httpx or httpx2 that an exception is of, by name: they are the same in both."""
    return {each.__name__ for each in type(error).__mro__ if each.__module__.partition(".")[0] in {"httpx", "httpx2"}}


def _what(error: Exception) -> str:
    """What went wrong outside of the network: its kind, and what can be done where that is known."""
    kind = type(error).__name__
    text = str(error)
    if isinstance(error, RuntimeError) and "no running event loop" in text:
        return f"{kind}: async calls need asyncio; under trio pass http_async_client=httpx.AsyncClient()"
    if isinstance(error, ImportError):
        return f"{kind}: {printable(text, 200)}"
    return kind


def _cause(error: BaseException) -> str:
    inner = error.__cause__ or error.__context__
    return str(inner or error) or type(error).__name__
