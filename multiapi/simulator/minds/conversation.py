"""A conversation and the answer to it, whatever the vendor's form of them is."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any, Literal

_VERB = re.compile(
    r"(?:get|fetch|search|find|lookup|look|calc|compute|add|send|make|create|run|list|read|query|ask|do|use|web)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Attachment:
    """A file in a message: its bytes, or the address of a file that the simulator does not fetch."""

    mime_type: str
    data: bytes | None = None
    url: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class ToolCall:
    """A call that the model made; `arguments` is JSON text."""

    name: str
    arguments: str
    id: str = ""


@dataclass(frozen=True)
class Turn:
    """One message."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    tool_name: str = ""


@dataclass(frozen=True)
class Tool:
    """A tool that the model may call."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def is_form(self) -> bool:
        """Whether it is an answer form, a class such as `WeatherReport`, rather than something to do."""
        return bool(re.fullmatch(r"[A-Z][A-Za-z0-9]*", self.name)) and not _VERB.match(self.name)


@dataclass(frozen=True)
class Conversation:
    """A request to a chat model.

    `tool_choice` is `auto`, `none`, `required`, or `=NAME` for one tool. `schema` is the JSON schema that the answer
    must match, `{}` for any JSON object, None for text. `max_tokens` counts the tokens of `tokens.split`.
    """

    model: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    parallel_tool_calls: bool = True
    schema: dict[str, Any] | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int = 0
    n: int = 1
    reasoning: bool = False


FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True)
class Reply:
    """The answer: text, tool calls or both.

    `refusal` says that the text is one; `pieces` are the chunks in which a stream brings the text, with pauses in seconds among
    them; `understood` is false for an answer to a prompt that the model can do nothing with.
    """

    text: str | None
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    finish_reason: FinishReason = "stop"
    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    refusal: bool = False
    pieces: tuple[str | float, ...] = ()
    understood: bool = True


_DATA_URL = re.compile(r"data:([^;,]*)(?:;[^,]*)?,(.*)", re.DOTALL)


def from_url(url: str, otherwise: str) -> Attachment:
    """A file from a data URL, bare base64, or an address that is not fetched."""
    if found := _DATA_URL.match(url):
        return Attachment(found[1] or otherwise, decoded(found[2]))
    if url.startswith(("http://", "https://")):
        return Attachment(otherwise, url=url)
    return Attachment(otherwise, decoded(url))


def decoded(text: str) -> bytes:
    """The bytes that base64 stands for, as far as it is base64."""
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return b""
