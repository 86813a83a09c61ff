"""What a tool is: a name, what the model reads, what it may choose, and the flow; and what comes of a call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_args, get_type_hints

from multiapi.errors import ContentFilterError, InsufficientCreditsError, MultiApiError, UnsupportedError, printable
from multiapi.flows.steps import Flow
from multiapi.http.json import parse_text
from multiapi.provider import Provider, find_provider
from multiapi.types.media import Media


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What a tool gives: the text for the model, and beside it the media and the typed result for the program."""

    text: str
    media: tuple[Media, ...] = ()
    value: Any = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.text

    @property
    def artifact(self) -> Any:
        """The media: one as it is, several as a list; without media the typed result."""
        if len(self.media) == 1:
            return self.media[0]
        return list(self.media) or self.value


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that a model may choose; without a default it must."""

    name: str
    type: Any
    description: str
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        """Whether it lacks a default."""
        return self.default is inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class AgentTool:
    """A tool: its name, what the model reads, and the flow.

    Attributes:
        needs: The operation that the provider must have, one of these.
        capability: What it must have as well, in the words of `Provider.capabilities`.
        only_named: It is there only where it is asked for by its name: what the provider does not recommend any more.
    """

    name: str
    flow: Callable[..., Flow[ToolAnswer]]
    needs: tuple[str, ...] = ()
    capability: str = ""
    only_named: bool = False

    @property
    def description(self) -> str:
        """What the tool does, as the model reads it."""
        return " ".join((self.flow.__doc__ or "").split())

    def parameters(self, provider: str | Provider = "") -> tuple[Parameter, ...]:
        """Return what the model may choose with this provider; without one, all that there is to choose."""
        left_out = find_provider(provider).hidden_tool_parameters.get(self.name, ()) if provider else ()
        return tuple(parameter for parameter in _parameters(self.flow) if parameter.name not in left_out)

    def fits(self, provider: Provider) -> bool:
        """Whether the provider has what it needs."""
        if self.capability:
            return provider.has(self.capability)
        return any(name in provider.operations for name in self.needs)


@cache
def _parameters(flow: Callable[..., Any]) -> tuple[Parameter, ...]:
    hints = get_type_hints(flow, include_extras=True)
    return tuple(
        Parameter(name, get_args(hints[name])[0], get_args(hints[name])[1], found.default)
        for name, found in list(inspect.signature(flow).parameters.items())[1:]
    )


def arguments_model(tool: AgentTool, provider: str | Provider) -> Any:
    """A pydantic model of what a model may choose, with a plain schema (no references, no unions) for weak providers."""
    from pydantic import ConfigDict, Field, create_model

    fields: dict[str, Any] = {
        parameter.name: (
            parameter.type,
            Field(description=parameter.description)
            if parameter.required
            else Field(default=parameter.default, description=parameter.description),
        )
        for parameter in tool.parameters(provider)
    }
    title = "".join(part.title() for part in tool.name.split("_"))
    return create_model(f"{title}Arguments", __config__=ConfigDict(extra="ignore"), **fields)


def good_of(error: MultiApiError) -> tuple[tuple[Media, ...], str]:
    """What of a paid answer can be used although the call failed: its media and its text."""
    partial = error.partial
    media = getattr(partial, "media", None) or tuple(
        image for page in getattr(partial, "pages", ()) for image in page.images
    )
    text = getattr(partial, "text", "")
    usable = tuple(item for item in media if item.data is not None or item.url or item.path)
    return usable, text if isinstance(text, str) else ""


def _sums(error: MultiApiError) -> str:
    """What a call needs and what there is, where a refusal for want of money says it."""
    if not isinstance(error, InsufficientCreditsError) or not error.body:
        return ""
    try:
        body = parse_text(error.body)
    except ValueError:
        return ""
    inner = body.get("error") if isinstance(body, dict) else None
    facts = inner if isinstance(inner, dict) else body if isinstance(body, dict) else {}
    known = {name: facts.get(name) for name in ("required", "balance")}
    told = [f"{name} {value}" for name, value in known.items() if type(value) in {int, float}]
    return f" ({', '.join(told)})" if told else ""


def failure_text(error: Exception) -> str:
    """What a model is told of a failure: short, in the provider's own words where they help, without paths and keys."""
    if isinstance(error, UnsupportedError):
        return printable(error.message, 500)
    if isinstance(error, MultiApiError):
        job = f" The job's id is {error.job_id}." if error.job_id else ""
        doubt = " It may have been done and charged; do not repeat it without asking." if error.outcome_unknown else ""
        code = f" [{error.code}]" if error.code and error.code not in str(error) else ""
        why = (
            " The input was refused for its content; change what it is about."
            if isinstance(error, ContentFilterError)
            else ""
        )
        return printable(str(error), 500) + code + _sums(error) + why + job + doubt
    if isinstance(error, OSError):
        return "the file could not be read or written"
    return "the tool failed"
