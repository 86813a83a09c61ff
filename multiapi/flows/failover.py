"""Whether another provider may be asked after a failure: one rule, for `FallbackLLM`, `VendorFailover` and for your own code."""

from __future__ import annotations

from multiapi.errors import (
    ContextLengthError,
    InvalidRequestError,
    JobTimeoutError,
    MissingApiKeyError,
    MultiApiError,
    UnsupportedError,
    is_doubtful,
)

_WORTH_A_STATUS = frozenset({401, 402, 403, 404, 408, 429})


def worth_another_provider(error: BaseException, *, on_doubt: bool = False) -> bool:
    """Whether another provider may do better, and nothing is paid for twice.

    Not after a request that cannot be right anywhere, and not after one that may have been carried out and charged. What one
    provider lacks, and a conversation that is too long for one model, may be fine with the next.

    Errors of other packages are judged by their HTTP status, then by what they say of themselves, and by their names.

    Args:
        on_doubt: Also after a failure that may have been charged: for those who prefer an answer to a call that is paid for once.
    """
    if is_doubtful(error):
        return on_doubt
    if isinstance(error, (ContextLengthError, UnsupportedError, MissingApiKeyError)):
        return True
    if isinstance(error, MultiApiError):
        return not isinstance(error, (InvalidRequestError, JobTimeoutError))
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return status in _WORTH_A_STATUS or status >= 500
    retryable = getattr(error, "is_retryable", None)
    if isinstance(retryable, bool):
        return retryable
    name = type(error).__name__
    return isinstance(error, (ConnectionError, TimeoutError)) or "Timeout" in name or "Connection" in name
