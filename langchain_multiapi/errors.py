"""The core's errors as LangChain's `ModelError` family: each class below is both, so either `except` catches it.

`is_retryable` is what the core knows of this very failure (nothing that may have been charged is retryable), not what its class
usually means. `response` and `request_id` are what LangChain copies into the trace of a failed run; they hold no key and no prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core import exceptions as langchain_exceptions
from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)

from multiapi import errors as core

if TYPE_CHECKING:
    ModelRefusalError = ModelError
else:
    ModelRefusalError = getattr(langchain_exceptions, "ModelRefusalError", ModelError)


class ErrorResponse:
    """The response that an error tells of, as far as it is known: status, body (shortened) and the headers that matter."""

    def __init__(self, error: core.MultiApiError) -> None:
        self.status_code = error.status
        self.text = error.body or ""
        self.headers: dict[str, str] = {}
        if error.request_id:
            self.headers["x-request-id"] = error.request_id
        if error.retry_after_s is not None:
            self.headers["retry-after"] = f"{error.retry_after_s:g}"

    def json(self) -> Any:
        """The body, read as JSON.

        Raises:
            ValueError: It is none, or was shortened.
        """
        from json import loads

        return loads(self.text)


class _Facts(core.MultiApiError):
    """What LangChain reads of an error."""

    @property
    def retry_after(self) -> float | None:
        """Seconds that the provider asked to wait."""
        return self.retry_after_s

    @property
    def status_code(self) -> int | None:
        """The HTTP status, if a response arrived."""
        return self.status

    @property
    def response(self) -> ErrorResponse:
        """What arrived.

        Raises:
            AttributeError: Nothing arrived; `hasattr(error, "response")` tells.
        """
        if self.status is None:
            raise AttributeError("response")
        return ErrorResponse(self)


class MultiApiModelError(_Facts, ModelError):
    """An error that LangChain has no name for."""


class StatusError(_Facts, core.StatusError, ModelAPIError):
    """The provider refused; see the classes below for most statuses."""


class InvalidRequestError(_Facts, core.InvalidRequestError, ModelInvalidRequestError):
    """400, 409, 415, 422; or nothing was sent, because it could not be right."""


class ContextLengthError(_Facts, core.ContextLengthError, ContextOverflowError, ModelInvalidRequestError):
    """The conversation does not fit into the model's context; summarization middleware reacts to it."""


class ContentFilterError(_Facts, core.ContentFilterError, ModelInvalidRequestError):
    """The provider refuses the request for its content."""


class AuthenticationError(_Facts, core.AuthenticationError, ModelAuthenticationError):
    """401."""


class InsufficientCreditsError(_Facts, core.InsufficientCreditsError, ModelError):
    """402, or the provider's own way to say it. Never retryable."""


class PermissionDeniedError(_Facts, core.PermissionDeniedError, ModelPermissionDeniedError):
    """403."""


class NotFoundError(_Facts, core.NotFoundError, ModelNotFoundError):
    """404."""


class WithdrawnError(_Facts, core.WithdrawnError, ModelNotFoundError):
    """The provider has withdrawn the model or the operation."""


class RequestTooLargeError(_Facts, core.RequestTooLargeError, ModelInvalidRequestError):
    """413."""


class RateLimitError(_Facts, core.RateLimitError, ModelRateLimitError):
    """429."""


class ServerError(_Facts, core.ServerError, ModelAPIError):
    """5xx."""


class MissingApiKeyError(_Facts, core.MissingApiKeyError, ModelAuthenticationError):
    """No key, or a value that cannot be one."""


class UnsupportedError(_Facts, core.UnsupportedError, ModelInvalidRequestError):
    """The provider has no such operation, parameter or content; nothing was sent."""


class ConnectionFailedError(_Facts, core.ConnectionFailedError, ModelConnectionError):
    """Never connected, or the connection broke."""


class RequestTimeoutError(_Facts, core.RequestTimeoutError, ModelTimeoutError):
    """A time limit passed."""


class StreamInterruptedError(_Facts, core.StreamInterruptedError, ModelConnectionError):
    """A stream broke off; `partial` is what had arrived."""


class ResponseFormatError(_Facts, core.ResponseFormatError, ModelAPIError):
    """A response that cannot be read."""


class ResponseTooLargeError(_Facts, core.ResponseTooLargeError, ModelAPIError):
    """A response above the limits."""


class AddressRefusedError(_Facts, core.AddressRefusedError, ModelAPIError):
    """The address of a file that is not to be opened from here."""


class EmbeddingBatchError(_Facts, core.EmbeddingBatchError, ModelError):
    """One batch failed; `done` holds the vectors of the others by position."""


class JobFailedError(_Facts, core.JobFailedError, ModelError):
    """The provider gave up on a job."""


class JobTimeoutError(_Facts, core.JobTimeoutError, ModelTimeoutError):
    """We gave up waiting; the job goes on."""


class BudgetExceededError(_Facts, core.BudgetExceededError, ModelError):
    """The call does not fit into a budget, or the budget of a `SpendGuard` is used up; nothing was sent. Never retryable."""


class RefusalError(_Facts, ModelRefusalError):
    """The model refused where a response of a given form was asked for."""


_CLASSES: dict[type[core.MultiApiError], type[core.MultiApiError]] = {
    found.__bases__[1]: found
    for found in (
        StatusError,
        InvalidRequestError,
        ContextLengthError,
        ContentFilterError,
        AuthenticationError,
        InsufficientCreditsError,
        BudgetExceededError,
        PermissionDeniedError,
        NotFoundError,
        WithdrawnError,
        RequestTooLargeError,
        RateLimitError,
        ServerError,
        MissingApiKeyError,
        UnsupportedError,
        ConnectionFailedError,
        RequestTimeoutError,
        StreamInterruptedError,
        ResponseFormatError,
        ResponseTooLargeError,
        AddressRefusedError,
        EmbeddingBatchError,
        JobFailedError,
        JobTimeoutError,
    )
}


def from_error(error: core.MultiApiError) -> core.MultiApiError:
    """The same error as LangChain's; one that is already is given back as it is."""
    if isinstance(error, ModelError):
        return error
    cls = next((_CLASSES[base] for base in type(error).__mro__ if base in _CLASSES), MultiApiModelError)
    translated = cls.__new__(cls)
    Exception.__init__(translated, *error.args)
    translated.__dict__.update(error.__dict__, is_retryable=error.retryable)
    if isinstance(translated, InvalidRequestError) and translated.belongs_to is not None:
        translated.add("`configurable_alternatives` and `init_chat_model` choose between models of several providers")
    return translated.with_traceback(error.__traceback__)
