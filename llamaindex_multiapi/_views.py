"""A stream's deltas as LlamaIndex's responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.bridge.pydantic import BaseModel

from llamaindex_multiapi._answers import from_answer, logprobs_of

if TYPE_CHECKING:
    from llamaindex_multiapi._requests import Call
    from multiapi.types import ChatDelta
    from multiapi.types import ChatResponse as Answer

_new = object.__new__
_SLOTS: Any = BaseModel.__dict__
_set_fields = _SLOTS["__dict__"].__set__
_set_given = _SLOTS["__pydantic_fields_set__"].__set__
_set_extra = _SLOTS["__pydantic_extra__"].__set__
_set_private = _SLOTS["__pydantic_private__"].__set__


def _built(cls: Any, fields: dict[str, Any], given: set[str]) -> Any:
    """An instance without validation, for what is made once per piece of a stream out of values that are known to be right.

    Equal in every respect to what the constructor makes (a test compares them), at half the price; `model_construct` is
    five times as expensive.
    """
    made = _new(cls)
    _set_fields(made, fields)
    _set_given(made, given)
    _set_extra(made, None)
    _set_private(made, None)
    return made


_MESSAGE = ChatMessage(role=MessageRole.ASSISTANT, blocks=[]).__dict__
_RESPONSE = ChatResponse(message=ChatMessage(), delta="").__dict__
_TEXT = TextBlock(text="").__dict__
_THINKING = ThinkingBlock().__dict__
_CALL = ToolCallBlock(tool_name="").__dict__

EXACT_CHARS = 16_384
GROWTH = 1.05
"""Arguments of a call are shown as they grow; above EXACT_CHARS only when they have grown by this factor, so that the cost of
long ones stays linear. The last item always has all of them.
"""


class _GrowingCall:
    """One tool call of a stream while it is being written."""

    __slots__ = ("_pieces", "_shown", "_size", "id", "name")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self._pieces: list[str] = []
        self._size = 0
        self._shown = -1

    def add(self, arguments: str) -> bool:
        """Whether what is shown of it changes."""
        if arguments:
            self._pieces.append(arguments)
            self._size += len(arguments)
        return self._size <= EXACT_CHARS or self._size > self._shown * GROWTH

    def text(self) -> str:
        self._shown = self._size
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""


class Views:
    """Turns the deltas of a stream into LlamaIndex's responses: each has the new text as `delta` and all so far as `message`.

    An item is never changed after it was handed out; what did not grow is shared between items.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._text = ""
        self._thought = ""
        self._thinking: list[ThinkingBlock] = []
        self._calls: dict[int, _GrowingCall] = {}
        self._call_blocks: list[ToolCallBlock] = []
        self._call_dicts: list[dict[str, Any]] = []

    def view(self, delta: ChatDelta) -> ChatResponse:
        """The response for one delta."""
        text, reasoning, calls, _, logprobs, answer = delta
        if answer is not None:
            return self._last(answer)
        if reasoning:
            self._thought += reasoning
            self._thinking = [_built(ThinkingBlock, {**_THINKING, "content": self._thought}, {"content"})]
        if calls:
            self._add_calls(delta)
        blocks: list[Any] = [*self._thinking]
        if text:
            self._text += text
        whole = self._text
        if whole or not self._call_blocks:
            blocks.append(_built(TextBlock, {**_TEXT, "text": whole}, {"text"}))
        beside = {}
        if self._call_blocks:
            blocks += self._call_blocks
            beside["tool_calls"] = self._call_dicts
        message = {**_MESSAGE, "blocks": blocks, "additional_kwargs": beside}
        response = {
            **_RESPONSE,
            "message": _built(ChatMessage, message, {"role", "blocks", "additional_kwargs"}),
            "delta": text,
            "additional_kwargs": {"thinking_delta": reasoning} if reasoning else {},
        }
        if logprobs:
            response["logprobs"] = logprobs_of(logprobs)
        return _built(ChatResponse, response, {"message", "delta", "additional_kwargs"})  # type: ignore[no-any-return]

    def _add_calls(self, delta: ChatDelta) -> None:
        changed = False
        for piece in delta.tool_calls:
            if self._call.single and piece.number > 0:
                continue
            growing = self._calls.get(piece.number)
            if growing is None:
                growing = self._calls[piece.number] = _GrowingCall()
                changed = True
            growing.id = piece.id or growing.id
            growing.name += piece.name or ""
            changed = growing.add(piece.arguments) or changed
        if changed:
            shown = [(growing.id, growing.name, growing.text()) for growing in self._calls.values()]
            given = {"tool_call_id", "tool_name", "tool_kwargs"}
            self._call_blocks = [
                _built(
                    ToolCallBlock,
                    {**_CALL, "tool_call_id": id, "tool_name": name, "tool_kwargs": arguments},
                    set(given),
                )
                for id, name, arguments in shown
            ]
            self._call_dicts = [
                {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
                for id, name, arguments in shown
            ]

    def _last(self, answer: Answer) -> ChatResponse:
        """The whole answer, exactly as a call without a stream gives it."""
        response = from_answer(answer, self._call)
        whole = response.message.content or ""
        response.delta = whole[len(self._text) :] if whole.startswith(self._text) else ""
        return response
