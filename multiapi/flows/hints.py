"""What is added to a refusal that is known, and what is told before a call whose setting is known to do nothing.

A hint changes no decision: it stands behind the provider's own words. Facts of single models come from `multiapi.formats.model_facts`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

from multiapi.errors import InvalidRequestError, MultiApiError, NotFoundError, StatusError, WithdrawnError, one_line
from multiapi.formats.model_facts import effort_outcome
from multiapi.http.exchange import HttpRequest
from multiapi.negotiation.refusals import named_setting, refusal_in
from multiapi.provider import Provider
from multiapi.types.chat import CHAT_SETTINGS, ChatRequest

_MODEL_WORDS = re.compile(r"\bmodels?\b|\bendpoints?\b", re.IGNORECASE)
_NO_SOURCE = re.compile(r"no endpoints found|\b0 endpoints\b", re.IGNORECASE)
_TOO_SMALL_TO_THINK = re.compile(
    r"max_tokens or model output limit was reached|greater than thinking_budget", re.IGNORECASE
)
_EFFORTS = re.compile(r"'(?:none|minimal|low|medium|high)' \| '", re.IGNORECASE)


SETTINGS = frozenset({*CHAT_SETTINGS, "stop"}) - {"reasoning_effort"}
"""Settings that only the caller can take back."""


class IgnoredSettingWarning(UserWarning):
    """A setting is sent that the model is known to ignore."""


def add_hints(provider: Provider, http: HttpRequest, error: MultiApiError) -> None:
    """Say behind the provider's words what helps, where that is known."""
    if not isinstance(error, StatusError) or error.status is None:
        return
    for hint in list(_hints(provider, http, error)):
        if hint not in error.message:
            error.add(hint)


def _hints(provider: Provider, http: HttpRequest, error: StatusError) -> Iterator[str]:
    body: dict[str, Any] = http.json if isinstance(http.json, dict) else {}
    model = body.get("model")
    if error.status == 404 and http.path.endswith("/responses") and provider.capabilities.get("responses") == "assumed":
        yield f"{provider.title} may not have this endpoint: use chat"
        return
    if not isinstance(model, str):
        return
    if isinstance(error, WithdrawnError):
        return
    if isinstance(error, NotFoundError):
        if _NO_SOURCE.search(error.message) and "deprecations" in provider.operations:
            yield "a model that is listed may have no source for now: see deprecations(), or take another model"
        elif _MODEL_WORDS.search(error.message):
            yield f"the id {one_line(model)!r} may be wrong: models() lists those there are"
    if not isinstance(error, (InvalidRequestError, NotFoundError)):
        return
    if _TOO_SMALL_TO_THINK.search(error.message):
        yield "raise max_tokens: what the model thinks counts against it"
    reasoning = body.get("reasoning")  # as the Responses API says it
    effort = body.get("reasoning_effort") or (reasoning.get("effort") if isinstance(reasoning, dict) else None)
    if isinstance(effort, str) and isinstance(error, InvalidRequestError):
        known = effort_outcome(provider.name, model, effort)
        if known is not None and known[0] == "400":
            only = known[1].value.get("only")
            takes = f"it takes {', '.join(only)}" if only else "leave it out or take another"
            yield f"{one_line(model)} does not take reasoning_effort {one_line(effort)!r} (as of {known[1].read}): {takes}"
        elif _EFFORTS.search(error.message):
            yield f"that is about reasoning_effort, which is {one_line(effort)!r}"
    if isinstance(error, InvalidRequestError) and error.param is None:
        error.param = named_setting(error, body)
    if error.param in body and error.param in SETTINGS:
        yield f"{error.param} was sent as {one_line(body[error.param], 60)}: leave it out or set another value"
    refused = refusal_in(error, body) if body.get("tools") else None
    if refused is not None and refused.parts == {"tools"} and not refused.is_schema:
        yield "tool_calling='prompted' asks for calls in the prompt"


def warn_of_ignored(provider: Provider, request: ChatRequest, memory: dict[Any, Any] | None) -> None:
    """Warn, once per client, where the reasoning effort is known to change nothing."""
    effort = request.reasoning_effort
    if effort is None:
        return
    known = effort_outcome(provider.name, request.model, effort)
    if known is None or known[0] != "ignored":
        return
    told = memory if memory is not None else {}
    if told.setdefault(("ignored effort", request.model), known) is not known:
        return
    warnings.warn(
        f"{provider.name}: {one_line(request.model)} accepts reasoning_effort and ignores it (measured {known[1].read}), so {one_line(effort)!r} changes nothing",
        IgnoredSettingWarning,
        stacklevel=3,
    )
