"""What can go wrong, as one tree.

```
MultiApiError
├── StatusError                    the provider answered 4xx or 5xx (or said so inside a 200)
│   ├── InvalidRequestError        400, 409, 415, 422; also raised before sending, then without a status
│   │   ├── ContextLengthError     the conversation is longer than the model takes
│   │   └── ContentFilterError     the provider refuses what the request, or the response, is about
│   ├── AuthenticationError        401
│   ├── InsufficientCreditsError   402, or the provider's own way to say it
│   ├── PermissionDeniedError      403
│   ├── NotFoundError              404
│   │   └── WithdrawnError         the provider has withdrawn the model or the operation; says what to use
│   ├── RequestTooLargeError       413; also raised before sending, then without a status
│   ├── RateLimitError             429
│   └── ServerError                5xx and any other unexpected status
├── MissingApiKeyError             no key was given, or one that cannot be sent
├── UnsupportedError               the provider does not have this; says who has
├── ConnectionFailedError          never connected, or the connection broke
├── RequestTimeoutError            one of the time limits passed; `phase` says which
├── StreamInterruptedError         a stream broke off; what had arrived is on it
├── ResponseFormatError            a response that cannot be read
│   ├── ResponseTooLargeError      a response above the limits
│   └── AddressRefusedError        the address of a file that is not to be opened from here
├── EmbeddingBatchError            one batch of an embedding run failed; the finished ones are on it
├── JobFailedError                 the provider gave up on a job
└── JobTimeoutError                we gave up waiting; the job goes on
```

Every error carries `provider`, `status`, `code`, `type`, `param`, `details`, `request_id`, `retryable`, `retry_after_s`, `attempts`, `outcome_unknown`,
`body` (shortened) and, where there are any, `job_id` and `partial`. Every error pickles. None holds a key, a prompt or a request.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
MAX_MESSAGE_CHARS = 2_000
MAX_FACT_CHARS = 200


class MultiApiError(Exception):
    """The root of all errors of this library.

    Attributes:
        message: What happened, in the provider's own words where there are any.
        provider: Name of the provider, if one was involved.
        status: HTTP status, if a response arrived.
        code: The provider's own code or type word, the innermost where errors are wrapped; a number that is only the status is none.
        type: The type word beside the code.
        param: The field of the request that the provider names.
        details: What the provider says beside its message, bounded and printable.
        request_id: The provider's id of the request, or ours where the provider takes one.
        retryable: Whether the same call may succeed when it is made again, without the risk of paying twice.
        retry_after_s: How many seconds the provider asked to wait.
        attempts: How many HTTP requests were sent.
        outcome_unknown: The request was sent and may have been carried out and charged.
        body: The response's body, shortened.
        job_id: The job that this is about.
        partial: What had arrived before it broke off, or what is good of a response that is not good as a whole.
        cost: What was taken for it, where the provider says so.
        not_repeated: Why it was not tried (again).
        address: Where a request could not go: scheme, host and port.
        address_variable: The environment variable that named this place.
    """

    retryable_by_default = False
    not_repeated: str | None = None
    type: str | None = None
    param: str | None = None
    details: Any = None
    address: str | None = None
    address_variable: str | None = None

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retryable: bool | None = None,
        retry_after_s: float | None = None,
        attempts: int = 0,
        outcome_unknown: bool = False,
        body: str | None = None,
        job_id: str | None = None,
        partial: Any = None,
        cost: Any = None,
        **facts: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.status = status
        self.code = None if code is None else one_line(code, MAX_FACT_CHARS)
        self.request_id = None if request_id is None else one_line(request_id, MAX_FACT_CHARS)
        self.retryable = self.retryable_by_default if retryable is None else retryable
        self.retry_after_s = retry_after_s
        self.attempts = attempts
        self.outcome_unknown = outcome_unknown
        self.body = body
        self.job_id = job_id
        self.partial = partial
        self.cost = cost
        for name, value in facts.items():
            setattr(self, name, value)

    def add(self, hint: str) -> None:
        """Say something behind the message."""
        self.message = f"{self.message.rstrip().removesuffix('.')}; {hint}"
        self.args = (self.message,)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.message, dict(self.__dict__))


class StatusError(MultiApiError):
    """The provider refused, with an HTTP status or with an error inside a success (then `inside_success` is set).

    Attributes:
        after_s: How many seconds after the request a 5xx came.
        cut_off: The provider's gateway ended the call because it took too long without a stream.
        stands_for: The status that the provider's own words stand for, where `status` is another one.
    """

    inside_success = False
    cut_off = False
    after_s = 0.0
    stands_for: int | None = None

    def __str__(self) -> str:
        if self.status is None:
            return self.message
        request = f" (request {one_line(self.request_id, MAX_FACT_CHARS)})" if self.request_id else ""
        return f"{self.provider} answered {self.status}: {self.message}{request}"

    def as_class(self, cls: type[StatusError], **facts: Any) -> StatusError:
        """The same facts as another class, for providers whose status does not say what their code says."""
        return cls(
            self.message,
            **{name: value for name, value in self.__dict__.items() if name not in {"message", "retryable"}} | facts,
        )


class InvalidRequestError(StatusError):
    """The request cannot be right as it is; raised before sending wherever that can be known.

    Attributes:
        belongs_to: The provider whose model was asked of another one.
    """

    belongs_to: str | None = None


class ContextLengthError(InvalidRequestError):
    """The conversation does not fit into the model's context.

    Apps look for `code == "context_length_exceeded"` and a `type`, as OpenAI's error has them, before they shorten and try again; so
    these are the same for every provider.

    Attributes:
        provider_code: The provider's own code, where it is another one.
    """

    type: str | None = "invalid_request_error"
    provider_code: str | None = None

    def __init__(self, message: str, **facts: Any) -> None:
        code = facts.pop("code", None)
        super().__init__(message, code="context_length_exceeded", **facts)
        if code is not None and code != self.code:
            self.provider_code = one_line(code, MAX_FACT_CHARS)


class ContentFilterError(InvalidRequestError):
    """The provider refuses on account of the content: a guardrail, a filter or a policy. Asking again in another way is of no use."""


class AuthenticationError(StatusError):
    """The key is missing, wrong or revoked."""


class InsufficientCreditsError(StatusError):
    """The account has too little money; `required` and `balance` are set where the provider says them."""

    required: float | None = None
    balance: float | None = None


class PermissionDeniedError(StatusError):
    """The key may not do this."""


class NotFoundError(StatusError):
    """No such model, job or route; a job may also belong to another key."""


class WithdrawnError(NotFoundError):
    """The model or the operation is not offered any more.

    Attributes:
        since: The day, as YYYY-MM-DD, where it is known.
        replaced_by: The model to use today, where the provider names one.
    """

    since: str | None = None
    replaced_by: str | None = None


class RequestTooLargeError(StatusError):
    """The request, or a file in it, is larger than the provider takes; where that is known before sending, without a status."""


class RateLimitError(StatusError):
    """Too many requests, or too many at once."""

    retryable_by_default = True


class ServerError(StatusError):
    """The provider or somebody behind it failed."""

    retryable_by_default = True


class MissingApiKeyError(MultiApiError):
    """No key, or a value that cannot be one; names the environment variable."""


class UnsupportedError(MultiApiError):
    """The provider has no such operation, parameter or content; names the providers that have."""


class ConnectionFailedError(MultiApiError):
    """Never connected, or the connection broke; `outcome_unknown` says whether the request may have arrived."""


class RequestTimeoutError(MultiApiError):
    """A time limit passed; `phase` is one of connect, read, write, pool, total, idle."""

    phase: str = "read"


class StreamInterruptedError(MultiApiError):
    """A stream ended or broke before it was complete; `partial` is a `ChatResponse` of what had arrived."""


class ResponseFormatError(MultiApiError):
    """A response that cannot be read; the message has the facts and `body` an excerpt."""


class ResponseTooLargeError(ResponseFormatError):
    """A response above one of the limits in `Limits`."""


class AddressRefusedError(ResponseFormatError):
    """A provider named an address of a file that is not to be opened from here; nothing was opened."""


class EmbeddingBatchError(MultiApiError):
    """One batch failed.

    Attributes:
        done: Vectors by position of the text, for every finished batch.
        failed_index: Position of the first text without a vector.
    """

    done: dict[int, list[float]]
    failed_index: int | None = None


class JobFailedError(MultiApiError):
    """The provider reports that a job failed or was cancelled."""


class JobTimeoutError(MultiApiError):
    """A job was not finished in time; it goes on, and `job_id` lets you wait again."""


class BudgetExceededError(MultiApiError):
    """A call does not fit into a budget; nothing was sent.

    Attributes:
        spent: What was spent.
        reserved: What is held for calls that are under way.
        budget: The cap.
        unit: Of all of them; None where the provider names none.
        needed: What the call may cost at most, as far as it is known.
        fits: What a call may cost at most to fit.
    """

    spent = reserved = budget = fits = Decimal(0)
    unit: str | None = None
    needed: Decimal | None = None

    @classmethod
    def of(
        cls, spent: Decimal, budget: Decimal, unit: str | None, *, reserved: Decimal, needed: Decimal | None
    ) -> BudgetExceededError:
        """Return the error for these figures."""
        fits = max(budget - spent - reserved, Decimal(0))
        held = f" and {written(reserved, unit)} reserved for calls under way" if reserved else ""
        if needed is not None and fits > 0:
            message = (
                f"this call may cost {written(needed, unit)}, which does not fit into the budget of {written(budget, unit)}: "
                f"{written(spent, unit)} spent{held}; {written(fits, unit)} would fit"
            )
        else:
            message = f"the budget of {written(budget, unit)} is used up: {written(spent, unit)} were spent{held}"
        return cls(message, spent=spent, budget=budget, unit=unit, reserved=reserved, needed=needed, fits=fits)


def written(amount: Decimal, unit: str | None) -> str:
    """Return an amount as a person reads it, without an exponent and without needless zeros."""
    text = f"{amount:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text} {unit}" if unit else text


def _restore(cls: type[MultiApiError], message: str, state: dict[str, Any]) -> MultiApiError:
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


def place(error: BaseException) -> str:
    """Kind and place of an exception, without its text, which may hold anything."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" in {trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}"
    return f"{type(error).__name__}{where}"


class _InForce(threading.local):
    """What this thread reads answers with: takes the secrets of a request out of the beginning of a text."""

    scrub: Callable[[str, int], str] | None = None


IN_FORCE = _InForce()


def printable(text: str, limit: int = MAX_MESSAGE_CHARS) -> str:
    """Vendor text as it may stand in a message: without secrets, then shortened, control and bidi characters escaped."""
    if IN_FORCE.scrub is not None:
        whole = len(text) <= limit
        text = IN_FORCE.scrub(text, limit)
        if not whole and len(text) <= limit:
            text += "..."
    if len(text) > limit:
        text = text[:limit] + "..."
    if text.isprintable() and text.isascii():
        return text
    return "".join(
        character
        if character == "\n" or (character.isprintable() and character not in _BIDI_CONTROLS)
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def one_line(text: Any, limit: int = MAX_FACT_CHARS) -> str:
    """A single fact of a provider (an id, a code, a name) as it may stand in a message or a log: as `printable`, and on one line."""
    return printable(str(text), limit).replace("\n", "\\n")


_CLASS_OF_STATUS: dict[int, type[StatusError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: InvalidRequestError,
    413: RequestTooLargeError,
    415: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitError,
}

# Phrases of the model families behind the providers. A provider's code decides first; the phrases are for gateways that pass an
# upstream error on as text.
_CONTEXT_CODES = frozenset(
    {"context_length_exceeded", "string_above_max_length", "ContextWindowExceededError", "context_window_exceeded"}
)
_CONTEXT_PHRASES = (
    "context_length_exceeded",
    "maximum context length",
    "prompt is too long",
    "exceeds the context window",
    "contextwindowexceedederror",
    "context window exceeded",
    "exceed context limit",
    "exceeds the maximum number of tokens",
    "reduce the length of the messages",
)


def is_context_overflow(code: str | None, message: str) -> bool:
    """Whether a refusal means that the conversation is too long, by code or by the phrases of the upstream families."""
    if code in _CONTEXT_CODES:
        return True
    text = message.lower()
    return any(phrase in text for phrase in _CONTEXT_PHRASES) or ("input token count" in text and "exceed" in text)


def status_error_class(status: int, code: str | None = None, message: str = "") -> type[StatusError]:
    """The one place where a status becomes a class."""
    found = _CLASS_OF_STATUS.get(status)
    if found is None:
        found = InvalidRequestError if 400 <= status < 500 and status != 408 else ServerError
    if found in (InvalidRequestError, RequestTooLargeError) and is_context_overflow(code, message):
        return ContextLengthError
    return found


def never_sent(error: BaseException) -> None:
    """Note with a cancellation or an interrupt that it came before the first byte of a request went out."""
    error.outcome_unknown = False  # type: ignore[attr-defined]


def was_never_sent(error: BaseException) -> bool:
    """Whether a cancellation or an interrupt has that note."""
    return not isinstance(error, Exception) and getattr(error, "outcome_unknown", True) is False


def is_doubtful(error: BaseException) -> bool:
    """Whether the call may have been carried out and charged: it was sent and the response did not arrive, or had begun."""
    if not isinstance(error, MultiApiError):
        return False
    begun = any(getattr(error.partial, name, None) for name in ("text", "tool_calls", "reasoning", "media"))
    return error.outcome_unknown or error.status == 408 or begun
