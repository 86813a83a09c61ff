"""What the command line ends with: one number per class of error.

| code | meaning | errors |
| --- | --- | --- |
| 0 | done | |
| 1 | something else went wrong on this machine | a file that cannot be written, a missing extra |
| 2 | wrong usage or a request that cannot be right | InvalidRequestError, ContextLengthError, RequestTooLargeError |
| 3 | no key, or a wrong one | MissingApiKeyError, AuthenticationError |
| 4 | not allowed, or no money left | PermissionDeniedError, InsufficientCreditsError |
| 5 | not found | NotFoundError, WithdrawnError |
| 6 | too many requests | RateLimitError |
| 7 | the provider failed | ServerError |
| 8 | no connection, or no response in time | ConnectionFailedError, RequestTimeoutError, StreamInterruptedError |
| 9 | a response that cannot be read | ResponseFormatError |
| 10 | a job failed, or did not end in time | JobFailedError, JobTimeoutError |
| 11 | the provider does not have this | UnsupportedError |
| 12 | some rows of a batch failed or are unknown | |
| 13 | the budget is reached | BudgetExceededError |
| 14 | the request was refused for its content | ContentFilterError |
| 130 | interrupted by Ctrl-C | |
"""

from __future__ import annotations

from multiapi import errors

OTHER = 1
VENDOR_FAILED = 7
SOME_ROWS_LEFT = 12
BUDGET_REACHED = 13
INTERRUPTED = 130

EXIT_CODES: dict[type[Exception], int] = {
    errors.InvalidRequestError: 2,
    errors.RequestTooLargeError: 2,
    errors.ContentFilterError: 14,
    errors.MissingApiKeyError: 3,
    errors.AuthenticationError: 3,
    errors.PermissionDeniedError: 4,
    errors.InsufficientCreditsError: 4,
    errors.NotFoundError: 5,
    errors.WithdrawnError: 5,
    errors.RateLimitError: 6,
    errors.StatusError: VENDOR_FAILED,
    errors.ConnectionFailedError: 8,
    errors.RequestTimeoutError: 8,
    errors.StreamInterruptedError: 8,
    errors.ResponseFormatError: 9,
    errors.JobFailedError: 10,
    errors.JobTimeoutError: 10,
    errors.UnsupportedError: 11,
    errors.BudgetExceededError: BUDGET_REACHED,
}
"""A class that is not here ends with the code of the nearest one above it."""

SUMMARY = (
    "Exit codes: 0 done, 1 something else, 2 wrong usage or request, 3 no or wrong key, 4 not allowed or no money, "
    "5 not found, 6 too many requests, 7 the provider failed, 8 no connection or no response in time, 9 unreadable response, "
    "10 job failed or late, 11 the provider does not have this, 12 some rows failed or unknown, 13 budget reached, "
    "14 refused for its content, 130 interrupted."
)


def exit_code(error: BaseException) -> int:
    """The code of an error; one that only wraps another has the other's."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    found = next((EXIT_CODES[each] for each in type(error).__mro__ if each in EXIT_CODES), None)
    if found is None and isinstance(error.__cause__, errors.MultiApiError):
        return exit_code(error.__cause__)
    return OTHER if found is None else found
