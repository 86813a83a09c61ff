"""Ids of calls in a conversation, such that each result belongs to one call.

Histories come from anywhere: from models that number their calls anew in every response, or give all of them one id or none. Providers
refuse a conversation in which two calls have one id.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from multiapi.types.chat import ChatRequest, Message

_LENGTH = 40
"""OpenAI takes no longer ids."""


def with_unique_ids(request: ChatRequest) -> ChatRequest:
    """The request with an id of its own for each call, and for its results: the first call that has an id keeps it, and results come
    in the order of the calls. The ids stay the same when the conversation goes on.
    """
    given = [call.id for message in request.messages if message.tool_calls for call in message.tool_calls]
    if len(set(given)) == len(given) and "" not in given:
        return request
    seen: set[str] = set()
    waiting: dict[str, deque[str]] = {}
    messages: list[Message] = []
    for message in request.messages:
        if message.tool_calls:
            waiting, calls = {}, []
            known = seen.union(
                call.id for call in message.tool_calls
            )  # not of later messages: the beginning stays the same
            for call in message.tool_calls:
                id = call.id
                if not id or id in seen:
                    id = _new_id(call.id, len(seen), known)
                    known.add(id)
                seen.add(id)
                waiting.setdefault(call.id, deque()).append(id)
                calls.append(call._replace(id=id))
            message = message._replace(tool_calls=calls)
        elif message.role == "tool" and (ids := waiting.get(message.tool_call_id or "")):
            message = message._replace(tool_call_id=ids.popleft() if len(ids) > 1 else ids[0])
        messages.append(message)
    return replace(request, messages=messages)


def _new_id(id: str, number: int, known: set[str]) -> str:
    """An id for the call of this number in the conversation, made of the one that it shares."""
    end = f"_{number}"
    made = (id or "call")[: _LENGTH - len(end)] + end
    while made in known:
        end += "x"
        made = (id or "call")[: _LENGTH - len(end)] + end
    return made
