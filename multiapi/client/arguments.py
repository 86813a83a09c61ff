"""Arguments that people bring along from other packages: which are refused by name, which mean nothing, and which were meant otherwise.

Nothing here looks at a value: what stands under an unknown name may be a password.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from multiapi.errors import InvalidRequestError
from multiapi.types.chat import CHAT_SETTINGS

_BY_CLIENT = "it configures the connection: pass an httpx.Client that has it as http_client=... (http_async_client=... for async calls)"
_NO_ORGANIZATIONS = "these providers know no organizations and projects: leave it out"
_NO_VERSIONS = "these providers have no versions of their interface to choose: leave it out"

CONNECTION: dict[str, str] = {
    **dict.fromkeys(
        (
            "proxy", "mounts", "transport", "verify", "trust_env", "auth", "cookies", "http1", "http2", "limits", "event_hooks", "follow_redirects",
            "max_redirects", "default_encoding", "http_socket_options", "socket_options", "app", "client", "async_client",
            "root_client", "root_async_client",
        ),
        _BY_CLIENT,
    ),
    **dict.fromkeys(("proxies", "openai_proxy", "http_proxy", "https_proxy", "all_proxy"), "it is proxy=... here"),
    **dict.fromkeys(("cert", "ssl_context"), "it is verify=... here, with an ssl.SSLContext"),
    **dict.fromkeys(("headers", "extra_headers"), "it is default_headers=... here"),
    **dict.fromkeys(("params", "extra_query"), "it is default_query=... here"),
    **dict.fromkeys(("organization", "openai_organization", "project", "openai_project", "webhook_secret"), _NO_ORGANIZATIONS),
    **dict.fromkeys(("api_version", "openai_api_version", "openai_api_type", "deployment", "azure_endpoint", "azure_deployment"), _NO_VERSIONS),
}  # fmt: skip
"""Arguments of clients and of `httpx.Client`, with what to write instead. In a body they would show a proxy's password to the provider."""


def read_api(given: dict[str, Any], name: str = "use_responses_api") -> None:
    """Write LangChain's `use_responses_api` as `api`: True is "responses", False is "chat".

    Raises:
        InvalidRequestError: `api` says something else.
    """
    wanted = given.pop(name, None)
    if wanted is None:
        return
    api = "responses" if wanted else "chat"
    if given.get("api", "auto") not in {None, "auto", api}:
        raise InvalidRequestError(f"{name}={wanted!r} means api={api!r}, and api is {given['api']!r}: leave one out")
    given["api"] = api


MEANINGLESS = frozenset(
    {
        "use_responses_api", "use_previous_response_id", "tiktoken_model_name", "tiktoken_enabled", "is_chat_model",
        "should_use_structured_outputs", "reuse_client", "tokenizer", "check_embedding_ctx_length", "embedding_ctx_length",
        "allowed_special", "disallowed_special", "retry_min_seconds", "retry_max_seconds",
    }
)  # fmt: skip
"""Arguments that other packages have to be told and these know; they are left out, with a warning."""

FIELDS = frozenset(
    {
        *CHAT_SETTINGS, "max_tokens", "max_completion_tokens", "stop", "stream_options", "store", "verbosity", "include", "truncation",
        "context_management", "prompt_cache_options", "prompt_cache_key", "safety_identifier", "metadata", "modalities", "audio",
        "prediction", "web_search_options", "reasoning", "reasoning_effort", "thinking", "enable_thinking", "thinking_budget",
        "min_p", "top_a", "repetition_penalty", "cache", "no_cache", "transforms", "models", "route", "provider", "plugins",
    }
)  # fmt: skip
"""Fields of bodies of several providers, which are never taken for a mistake in writing another one."""


def resembled(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    if name in FIELDS:
        return None
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, list(known), 1, cutoff=0.86)), None)


def check_home(cls: Any, provider: str) -> None:
    """Refuse another provider for a class of one provider (or of a few), whose field `provider` allows only its name.

    Raises:
        InvalidRequestError: The class is not of this provider.
    """
    kind = cls.model_fields["provider"].annotation
    if kind is not str and (home := get_args(kind)) and provider not in home:
        raise InvalidRequestError(
            f"{cls.__name__} is for {' and '.join(home)} and not for {provider}; use a class of {provider}, or the one that takes every provider",
            provider=provider,
        )


def check_names(kind: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse what configures a connection, and what was probably meant otherwise.

    Raises:
        InvalidRequestError: The first such name, with what to write instead.
    """
    names = tuple(known)
    for name in sorted(given):
        if name in CONNECTION:
            raise InvalidRequestError(f"{name} is not an argument of {kind}: {CONNECTION[name]}")
        meant = resembled(name, names)
        if meant is not None:
            raise InvalidRequestError(
                f"{name} is not an argument of {kind}; {meant} is. To send {name} all the same, put it into extra_body"
            )
