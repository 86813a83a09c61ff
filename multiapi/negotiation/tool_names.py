"""Names of tools and of forms of responses: what the user calls them, and what the providers let them be called.

Providers take letters, digits, "_" and "-" of ASCII, at most 64 of them, and refuse the whole request otherwise. Tools of MCP servers and
of users are called "mcp/weather.get" or "größe". A request goes out under names that providers take, and its response comes back under the
user's own: `renamed` makes the table of both for one request.

A name that providers take is never changed. The others are changed to the same whatever stands around them, as far as two of them do not
come to the same name; so the beginning of a conversation stays the same from one request to the next.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from multiapi.types.chat import ChatDelta, ChatRequest, ChatResponse, Message, ToolCallDelta

_TAKEN = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch
_NOT_TAKEN = re.compile(r"[^A-Za-z0-9_-]+")
_LENGTH = 64


def renamed(request: ChatRequest) -> tuple[ChatRequest, ToolNames | None]:
    """The request with names that providers take, and the table that leads back; None if nothing had to be changed."""
    wanted = request.response_format
    is_fine = wanted is None or _TAKEN(wanted.name) is not None
    for tool in request.tools:
        is_fine = is_fine and (tool.raw is not None or _TAKEN(tool.name) is not None)
    for message in request.messages:
        if message.tool_calls:
            for call in message.tool_calls:
                is_fine = is_fine and _TAKEN(call.name) is not None
        elif message.role == "tool" and message.name:
            is_fine = is_fine and _TAKEN(message.name) is not None
    if is_fine:
        return request, None
    own = [tool.name for tool in request.tools if tool.raw is None]
    if wanted is not None:
        own.append(wanted.name)
    vendors = {tool.name for tool in request.tools if tool.raw is not None}
    names = ToolNames(own, vendors, _of_history(request.messages))
    changes: dict[str, Any] = {
        "messages": [names.in_history(message) for message in request.messages],
        "tools": tuple(
            tool if tool.raw is not None else replace(tool, name=names.wire(tool.name)) for tool in request.tools
        ),
        "tool_choice": names.wire(request.tool_choice) if request.tool_choice is not None else None,
    }
    if wanted is not None:
        changes["response_format"] = replace(wanted, name=names.wire(wanted.name))
    return replace(request, **changes), names


def _of_history(messages: Iterable[Message]) -> list[str]:
    found: list[str] = []
    for message in messages:
        found += [call.name for call in message.tool_calls]
        if message.role == "tool" and message.name:
            found.append(message.name)
    return found


class ToolNames:
    """The names of one request, both ways.

    Args:
        own: Names of tools and of the form of the response.
        providers: Names of the provider's own tools, which are never changed.
        history: Names of calls in the conversation, of tools that may no longer be there.
    """

    def __init__(self, own: Iterable[str], vendors: Iterable[str], history: Iterable[str]) -> None:
        self._wire: dict[str, str] = {name: name for name in vendors}
        groups = (list(dict.fromkeys(own)), list(dict.fromkeys(history)))
        for name in (*groups[0], *groups[1]):
            if _TAKEN(name):
                self._wire[name] = name
        for group in groups:
            self._add([name for name in group if name not in self._wire])
        self._own: Mapping[str, str] = {wire: name for name, wire in self._wire.items() if wire != name}

    def _add(self, names: list[str]) -> None:
        taken = set(self._wire.values())
        stems = {name: _stem(name) for name in names}
        counts = Counter(stems.values())
        for name, stem in stems.items():
            if stem and counts[stem] == 1 and stem not in taken:
                found = stem
            else:
                found = next(made for made in _distinct(name, stem) if made not in taken and made not in counts)
            taken.add(found)
            self._wire[name] = found

    def wire(self, name: str) -> str:
        """The name under which the provider knows it; a word that is not in the table stays as it is."""
        return self._wire.get(name, name)

    def own(self, name: str) -> str:
        """The user's name of it."""
        return self._own.get(name, name)

    def may_go_on(self, name: str) -> bool:
        """Whether a changed name begins with this one, and is longer."""
        return any(wire != name and wire.startswith(name) for wire in self._own)

    def in_history(self, message: Message) -> Message:
        """A message of the conversation with the provider's names."""
        if message.tool_calls:
            return message._replace(
                tool_calls=[call._replace(name=self.wire(call.name)) for call in message.tool_calls]
            )
        if message.role == "tool" and message.name:
            return message._replace(name=self.wire(message.name))
        return message

    def back(self, response: ChatResponse) -> ChatResponse:
        """A response with the user's names."""
        return with_own_names(response, self._own)

    def back_in(self, result: Any) -> Any:
        """The result of any operation with the user's names, if it is a response."""
        return self.back(result) if isinstance(result, ChatResponse) else result

    @property
    def changed(self) -> Mapping[str, str]:
        """The user's name for each name that was changed."""
        return self._own


def with_own_names(response: ChatResponse, own: Mapping[str, str]) -> ChatResponse:
    """A response with the user's names; `own` has the user's name for each name that was changed."""
    return replace(
        response,
        tool_calls=tuple(call._replace(name=own.get(call.name, call.name)) for call in response.tool_calls),
        invalid_tool_calls=tuple(
            call._replace(name=own.get(call.name, call.name)) for call in response.invalid_tool_calls
        ),
        alternatives=tuple(with_own_names(other, own) for other in response.alternatives),
    )


def _stem(name: str) -> str:
    """As much of a name as providers take; empty if that is nothing."""
    return _NOT_TAKEN.sub("_", name).strip("_")[:_LENGTH]


def _distinct(name: str, stem: str) -> Iterator[str]:
    """Names that tell it from others of the same stem: always the same for the same name."""
    from hashlib import sha256

    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    for length in range(8, len(digest) // 2):
        yield f"{(stem or 'tool')[: _LENGTH - length - 1]}_{digest[:length]}"


class NameFilter:
    """Gives the calls of a stream the user's names. Providers send a name in chunks now and then: it is passed on when it is whole."""

    def __init__(self, names: ToolNames) -> None:
        self._names = names
        self._held: dict[int, str] = {}

    def take(self, deltas: Iterable[ChatDelta]) -> list[ChatDelta]:
        """The deltas with the user's names; the last one carries the response with the same."""
        shown: list[ChatDelta] = []
        for delta in deltas:
            if delta.tool_calls:
                delta = delta._replace(tool_calls=tuple(map(self._renamed, delta.tool_calls)))
            if delta.response is not None:
                if self._held:
                    rest = tuple(
                        ToolCallDelta(number, name=self._names.own(name)) for number, name in self._held.items()
                    )
                    self._held.clear()
                    shown.append(ChatDelta(tool_calls=rest))
                delta = delta._replace(response=self._names.back(delta.response))
            shown.append(delta)
        return shown

    def _renamed(self, call: ToolCallDelta) -> ToolCallDelta:
        name = self._held.pop(call.number, "") + (call.name or "")
        if not name:
            return call
        if not call.arguments and self._names.may_go_on(name):
            self._held[call.number] = name
            return call._replace(name=None)
        return call._replace(name=self._names.own(name))
