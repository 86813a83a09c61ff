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

from llamaindex_multiapi._answers import from_answer, logprobs_of
from multiapi.errors import MultiApiError
from multiapi.formats.answer_facts import untranslated

if TYPE_CHECKING:
    from llamaindex_multiapi._requests import Call
    from multiapi.types.chat import ChatDelta
    from multiapi.types.chat import ChatResponse as Answer

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
        """The response for one delta.

        Raises:
            ResponseFormatError: LlamaIndex' classes do not hold it; `partial` is the response, if it is the last one.
        """
        try:
            text, reasoning, calls, _, logprobs, answer = delta
            if answer is not None:
                return self._last(answer)
            if reasoning:
                self._thought += reasoning
                self._thinking = [ThinkingBlock(content=self._thought)]
            if calls:
                self._add_calls(delta)
            blocks: list[Any] = [*self._thinking]
            if text:
                self._text += text
            whole = self._text
            if whole or not self._call_blocks:
                blocks.append(TextBlock(text=whole))
            beside: dict[str, Any] = {}
            if self._call_blocks:
                blocks += self._call_blocks
                beside["tool_calls"] = self._call_dicts
            response = ChatResponse(
                message=ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=beside),
                delta=text,
                additional_kwargs={"thinking_delta": reasoning} if reasoning else {},
            )
            if logprobs:
                response.logprobs = logprobs_of(logprobs)
            return response
        except MultiApiError:
            raise
        except Exception as error:
            raise untranslated(delta.response, error) from None

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
            self._call_blocks = [
                ToolCallBlock(tool_call_id=id, tool_name=name, tool_kwargs=arguments) for id, name, arguments in shown
            ]
            self._call_dicts = [
                {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
                for id, name, arguments in shown
            ]

    def _last(self, answer: Answer) -> ChatResponse:
        """The whole response, exactly as a call without a stream gives it."""
        response = from_answer(answer, self._call)
        whole = response.message.content or ""
        response.delta = whole[len(self._text) :] if whole.startswith(self._text) else ""
        return response
