"""The code words with which providers, and the model families behind them, say what went wrong: one table for every way an error comes.

A word that is known is stronger than the HTTP status, because gateways send any status with it. Words that only name a large family
of failures decide nothing where a status says more: they stand apart, in `GENERAL_CODES`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from multiapi.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextLengthError,
    InsufficientCreditsError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
    StatusError,
)

_OPENAI = "https://platform.openai.com/docs/guides/error-codes"
_ANTHROPIC = "https://docs.anthropic.com/en/api/errors"
_AICREDITS = "contracts/aicredits.yaml, Error"
_BINERIC = "contracts/bineric.yaml, x-errors"
_BINOBOX = "contracts/binobox.yaml, x-errors"
_AIMLAPI = "contracts/aimlapi.yaml, x-errors"
_AZURE = "https://learn.microsoft.com/azure/ai-services/openai/concepts/content-filter"
_ALIBABA = "https://help.aliyun.com/zh/model-studio/error-code"
_LITELLM = "https://docs.litellm.ai/docs/exception_mapping"
_GOOGLE = "https://cloud.google.com/apis/design/errors"
_SEEN = "seen in public reports"

# (status, class, words, source). Words are compared without case, blanks, dots, dashes and underscores.
_TABLE: tuple[tuple[int, type[StatusError], tuple[str, ...], str], ...] = (
    (
        402,
        InsufficientCreditsError,
        ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active"),
        _OPENAI,
    ),
    (402, InsufficientCreditsError, ("insufficient_funds", "payment_required"), _AICREDITS),
    (402, InsufficientCreditsError, ("InsufficientBalance", "insufficient_balance"), _BINERIC),
    (402, InsufficientCreditsError, ("INSUFFICIENT_DIAMONDS",), _BINOBOX),
    (402, InsufficientCreditsError, ("err_insufficent_credits", "err_insufficient_credits"), _AIMLAPI),
    (402, InsufficientCreditsError, ("OutOfFundsException", "out_of_funds", "out_of_credits"), _AIMLAPI),
    (402, InsufficientCreditsError, ("insufficient_credits", "insufficient_user_quota", "billing_error"), _SEEN),
    (402, InsufficientCreditsError, ("quota_exhausted", "credits_exhausted", "balance_not_enough"), _SEEN),
    (402, InsufficientCreditsError, ("exceeded_current_quota_error", "Arrearage"), _SEEN),
    (429, RateLimitError, ("rate_limit_exceeded",), _OPENAI),
    (429, RateLimitError, ("rate_limit_error",), _ANTHROPIC),
    (429, RateLimitError, ("RateLimitError", "rate_limited", "too_many_requests"), _BINERIC),
    (429, RateLimitError, ("rate_limit_reached_error", "RateLimitReached", "rate_limit", "Throttling"), _SEEN),
    (401, AuthenticationError, ("invalid_api_key", "account_deactivated"), _OPENAI),
    (401, AuthenticationError, ("authentication_error",), _ANTHROPIC),
    (401, AuthenticationError, ("AuthError", "unauthorized"), _BINERIC),
    (401, AuthenticationError, ("invalid_authentication_error", "incorrect_api_key", "UNAUTHENTICATED"), _SEEN),
    (403, PermissionDeniedError, ("permission_error",), _ANTHROPIC),
    (403, PermissionDeniedError, ("forbidden", "permission_denied"), _AICREDITS),
    (403, PermissionDeniedError, ("PaidFeatureError",), _BINERIC),
    (403, PermissionDeniedError, ("unsupported_country_region_territory",), _OPENAI),
    (404, NotFoundError, ("model_not_found",), _OPENAI),
    (404, NotFoundError, ("not_found_error",), _ANTHROPIC),
    (404, NotFoundError, ("not_found", "ModelNotFound", "resource_not_found"), _SEEN),
    (413, RequestTooLargeError, ("request_too_large",), _ANTHROPIC),
    (413, RequestTooLargeError, ("payload_too_large", "request_entity_too_large"), _SEEN),
    (400, ContextLengthError, ("context_length_exceeded", "string_above_max_length"), _OPENAI),
    (400, ContextLengthError, ("ContextWindowExceededError", "context_window_exceeded"), _LITELLM),
    (400, ContentFilterError, ("guardrail_violation", "blocked_keyword"), "contracts/aicredits.yaml, guardrails"),
    (400, ContentFilterError, ("content_policy_violation", "moderation_blocked", "cyber_policy_violation"), _OPENAI),
    (400, ContentFilterError, ("content_filter", "content_filter_error", "ResponsibleAIPolicyViolation"), _AZURE),
    (400, ContentFilterError, ("responsible_ai_policy_violation", "content_filtered"), _AZURE),
    (400, ContentFilterError, ("ContentPolicyViolationError",), _LITELLM),
    (400, ContentFilterError, ("data_inspection_failed", "InternalError.Algo.DataInspectionFailed"), _ALIBABA),
    (400, ContentFilterError, ("content_blocked", "content_violation", "content_policy", "policy_violation"), _SEEN),
    (400, ContentFilterError, ("content_moderation", "content_moderation_error", "moderation_error"), _SEEN),
    (400, ContentFilterError, ("moderation_failed", "input_moderation", "moderation", "flagged_input"), _SEEN),
    (400, ContentFilterError, ("err_content_moderation", "err_content_policy", "err_moderation"), _SEEN),
    (400, ContentFilterError, ("SensitiveContentDetected", "InputTextSensitiveContentDetected"), _SEEN),
    (400, ContentFilterError, ("InputImageSensitiveContentDetected", "OutputTextSensitiveContentDetected"), _SEEN),
    (400, ContentFilterError, ("sensitive_content", "safety_violation", "prohibited_content", "nsfw_content"), _SEEN),
    (400, ContentFilterError, ("safety_blocked", "blocked_by_safety", "unsafe_content", "image_safety"), _SEEN),
    (503, ServerError, ("overloaded_error",), _ANTHROPIC),
    (503, ServerError, ("service_unavailable",), _AICREDITS),
    (504, ServerError, ("gateway_timeout",), _AICREDITS),
)

# Decide only where nothing else does: DeepSeek, for one, sends `invalid_request_error` as the code of a 402.
_GENERAL: tuple[tuple[int, type[StatusError], tuple[str, ...], str], ...] = (
    (400, InvalidRequestError, ("invalid_request_error", "bad_request", "invalid_request"), _OPENAI),
    (400, InvalidRequestError, ("ValidationError", "err_validation"), _BINERIC),
    (400, InvalidRequestError, ("INVALID_ARGUMENT", "FAILED_PRECONDITION"), _GOOGLE),
    (500, ServerError, ("server_error", "internal_server_error", "internal_error"), _OPENAI),
    (500, ServerError, ("api_error",), _ANTHROPIC),
    (500, ServerError, ("ProcessingError", "ConversionError"), _BINERIC),
    (429, RateLimitError, ("RESOURCE_EXHAUSTED",), _GOOGLE),
    (503, ServerError, ("UNAVAILABLE", "engine_overloaded_error"), _GOOGLE),
    (504, ServerError, ("DEADLINE_EXCEEDED",), _GOOGLE),
    (502, ServerError, ("upstream_error", "bad_gateway"), _AICREDITS),
)

_MARKS = re.compile(r"[\s._-]+")


def _plain(word: str) -> str:
    return _MARKS.sub("", word).lower()


KNOWN_CODES = {_plain(word): (status, cls) for status, cls, words, _ in _TABLE for word in words}
"""What a word stands for, whatever the HTTP status."""

GENERAL_CODES = {_plain(word): (status, cls) for status, cls, words, _ in _GENERAL for word in words}
"""What a word stands for where the HTTP status says nothing."""


def is_known(word: str) -> bool:
    """Whether the table has a word."""
    return _plain(word) in KNOWN_CODES or _plain(word) in GENERAL_CODES


def meaning_of(codes: Iterable[str], *, general: bool = False) -> tuple[int, type[StatusError]] | None:
    """The status and the class that the first known of these words stands for, or None."""
    table = GENERAL_CODES if general else KNOWN_CODES
    return next((found for code in codes if (found := table.get(_plain(code))) is not None), None)
