"""Puts an answer together, whole or piece by piece: text, reasoning, tool calls, sources, media, counts.

One reader for both ways of asking, so that a streamed answer and a whole one cannot differ. It takes every spelling that
OpenAI-like servers are known to use, and repairs tool calls that come without index, id or arguments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import orjson

from multiapi.answer_facts import ReadCost, read_usage, request_id
from multiapi.errors import ResponseFormatError
from multiapi.http import parse_json
from multiapi.media import Media, from_base64
from multiapi.types import (
    ChatDelta,
    ChatResponse,
    Citation,
    InvalidToolCall,
    Reasoning,
    ToolCall,
    ToolCallDelta,
)

_NO_IDS = frozenset({"", "null", "none", "None", "undefined"})
_CUT_REASONS = frozenset({"length", "max_tokens", "MAX_TOKENS"})
_CONSTANT = frozenset({"id", "object", "created", "model", "system_fingerprint", "service_tier", "provider"})
_CALL_KEYS = frozenset({"id", "type", "function", "custom", "index", "name", "arguments"})
_CHOICE_KEYS = frozenset({"index", "delta", "message", "text", "finish_reason", "logprobs"})
_TOP_KEYS = frozenset({"id", "model", "choices", "usage", "citations", "success"})


class _Slot:
    """One tool call while it is being put together."""

    __slots__ = ("arguments", "extra", "given_id", "id", "is_held", "name")

    def __init__(self, id: str, given_id: str | None) -> None:
        self.id = id
        self.given_id = given_id
        self.name = ""
        self.arguments: list[str] = []
        self.extra: dict[str, Any] = {}
        self.is_held: bool | None = None
        """Whether pieces are held back, because what came is text inside of JSON; None until it is known."""

    def take(self, piece: str) -> str:
        """Keep a piece of the arguments; what may be handed on of them."""
        self.arguments.append(piece)
        if self.is_held is None:
            start = piece.lstrip()[:1]
            self.is_held = start == '"' if start else None
        if not self.is_held:
            return piece
        end = piece.rstrip()
        if not end.endswith('"') or end.endswith('\\"'):
            return ""
        text = "".join(self.arguments).strip()
        inner = _unwrapped(text)
        if inner is text:
            return ""
        self.is_held = False
        return inner

    def is_complete(self) -> bool:
        """Whether the arguments so far are a whole JSON object."""
        text = "".join(self.arguments).strip()
        return text.endswith(("}", '"')) and arguments_error(_unwrapped(text)) is None


class Assembly:
    """An answer in the making.

    `add` takes one parsed event of a stream, `add_body` a whole body; `response` gives what there is.
    """

    def __init__(
        self, provider: str, *, headers: Mapping[str, str] | None = None, read_cost: ReadCost | None = None
    ) -> None:
        self.provider = provider
        self.headers = headers or {}
        self.finish_reason: str | None = None
        self.finished = False
        """The vendor gave a finish reason, or said that the stream is done."""
        self._read_cost = read_cost
        self._top: dict[str, Any] = {}
        self._keys: tuple[str, ...] = ()
        self._changing: list[str] = []
        self._id: str | None = None
        self._model = ""
        self._usage: Mapping[str, Any] | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._details: dict[Any, dict[str, Any]] = {}
        self._refusal: list[str] = []
        self._slots: list[_Slot] = []
        self._slot_of_index: dict[int, _Slot] = {}
        self._slot_of_id: dict[str, _Slot] = {}
        self._citations: list[Citation] = []
        self._media: list[Media] = []
        self._audio: dict[str, Any] = {}
        self._logprobs: list[Any] = []
        self._others: dict[int, Assembly] = {}
        self._surrogate = ""
        self._whole = False
        self._of_choice: dict[str, Any] = {}
        self._of_message: dict[str, Any] = {}

    # ---------------------------------------------------------------------------------------- reading

    def add(self, event: Mapping[str, Any]) -> ChatDelta | None:
        """Take one event of a stream; None if it added nothing that a reader would see."""
        keys = tuple(event)
        if keys == self._keys:
            for key in self._changing:
                value = event[key]
                if value is not None and value != "":
                    self._top[key] = value
        else:
            self._take_top(event)
            self._keys = keys
        choices = event.get("choices")
        if type(choices) is not list:
            return None
        found: ChatDelta | None = None
        for choice in choices:
            if type(choice) is not dict:
                continue
            index = choice.get("index") or 0
            if index != 0:
                self._other(index).add_choice(choice)
                continue
            delta = self.add_choice(choice)
            found = delta if found is None else found if delta is None else _joined(found, delta)
        return found

    def _take_top(self, event: Mapping[str, Any]) -> None:
        """The fields beside the choices. Those that only repeat themselves are not looked at again in events of the same form."""
        for key, value in event.items():
            if value is not None and value != "" and key != "choices":
                self._top[key] = value
        self._changing = [
            key for key in event if key != "choices" and not (key in _CONSTANT and self._top.get(key) is not None)
        ]

    def add_body(self, body: Mapping[str, Any]) -> None:
        """Take a whole answer.

        Raises:
            ResponseFormatError: It has no choices that can be read.
        """
        choices = body.get("choices")
        if not isinstance(choices, list) or not any(isinstance(choice, dict) for choice in choices):
            raise ResponseFormatError(
                f"{self.provider} answered without choices (choices is {_shape(choices)}; fields: {', '.join(map(str, body)) or 'none'})",
                provider=self.provider,
            )
        first = next(choice for choice in choices if isinstance(choice, dict))
        if (
            not isinstance(first.get("message"), dict)
            and not isinstance(first.get("delta"), dict)
            and first.get("text") is None
        ):
            raise ResponseFormatError(
                f"{self.provider} answered with a choice that has no message (fields: {', '.join(map(str, first)) or 'none'})",
                provider=self.provider,
            )
        self._whole = True
        self.add(body)
        if self.finish_reason is None and self._others and not self._text and not self._slots:
            self.add_choice(first)
        self.finished = True

    def _other(self, index: Any) -> Assembly:
        key = index if isinstance(index, int) else len(self._others) + 1
        if key not in self._others:
            self._others[key] = Assembly(self.provider, headers=self.headers)
        return self._others[key]

    def add_choice(self, choice: Mapping[str, Any]) -> ChatDelta | None:
        """Take the piece of one alternative."""
        reason = choice.get("finish_reason")
        if reason and self.finish_reason is None:
            self.finish_reason = str(reason)
            self.finished = True
        if not _CHOICE_KEYS.issuperset(choice):
            for key, value in choice.items():
                if key not in _CHOICE_KEYS:
                    _keep(self._of_choice, key, value)
        message = choice.get("delta")
        if self._whole or not message:
            message = self._message(choice)
        logprobs = choice.get("logprobs")
        if logprobs:
            self._logprobs.append(logprobs)
        if type(message) is not dict:
            text = choice.get("text")
            if not isinstance(text, str):
                return None
            message = {"content": text}
        return self._add_message(message, logprobs)

    def _message(self, choice: Mapping[str, Any]) -> Any:
        """The whole message of a choice. In a stream it may repeat beside an empty delta what has been said already."""
        delta = choice.get("delta")
        if type(delta) is dict and not self._whole and (self._text or self._slots):
            return delta
        return choice.get("message") or delta

    def _add_message(self, message: dict[str, Any], logprobs: Any) -> ChatDelta | None:
        text = reasoning = refusal = ""
        calls: tuple[ToolCallDelta, ...] = ()
        for key, value in message.items():
            if not value or key == "role":
                continue
            if key == "content":
                if type(value) is str:
                    text = value
                else:
                    text, reasoning = self._read_parts(value, reasoning)
            elif key in {"reasoning_content", "thinking"} or (key == "reasoning" and not reasoning):
                if not reasoning or key == "reasoning_content":
                    reasoning = _reasoning_text(value)
            elif key in {"reasoning_details", "thinking_blocks"}:
                detail_text = self._read_details(value)
                if not (message.get("reasoning_content") or message.get("reasoning") or message.get("thinking")):
                    reasoning = reasoning or detail_text
            elif key == "tool_calls":
                calls = tuple(self._read_calls(value))
            elif key == "function_call" and isinstance(value, dict):
                calls = tuple(self._read_calls([{"index": 0, "function": value}]))
            elif key == "refusal":
                refusal = value if isinstance(value, str) else ""
            elif key in {"annotations", "citations"}:
                self._read_citations(value)
            elif key == "images":
                self._read_images(value)
            elif key == "audio":
                text = text + self._read_audio(value, has_text=bool(message.get("content")))
            else:
                _keep(self._of_message, key, value)
        if text:
            text = self._paired(text)
            self._text.append(text)
        if reasoning:
            self._reasoning.append(reasoning)
        if refusal:
            self._refusal.append(refusal)
        if text or reasoning or calls or refusal or logprobs:
            return ChatDelta(text, reasoning, calls, refusal, logprobs)
        return None

    def _paired(self, text: str) -> str:
        """Hold back half a surrogate pair until its other half comes; what stays alone becomes U+FFFD."""
        if text.isascii() and not self._surrogate:
            return text
        text = self._surrogate + text
        self._surrogate = ""
        if "\ud800" <= text[-1] <= "\udbff":
            self._surrogate = text[-1]
            text = text[:-1]
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text

    def _read_parts(self, parts: Any, reasoning: str) -> tuple[str, str]:
        """Content as a list: text parts joined, thinking parts apart, pictures kept."""
        if isinstance(parts, dict):
            parts = [parts]
        if not isinstance(parts, list):
            return str(parts), reasoning
        text = ""
        for part in parts:
            if isinstance(part, str):
                text += part
            elif not isinstance(part, dict):
                continue
            elif part.get("type") in {"thinking", "reasoning", "redacted_thinking"}:
                reasoning += _reasoning_text(part.get("thinking") or part.get("reasoning") or part.get("text") or "")
                if part.get("signature") or part.get("data"):
                    self._read_details([part])
            elif part.get("type") in {"image_url", "image", "output_image"}:
                self._read_images([part])
            elif part.get("type") == "refusal":
                self._refusal.append(str(part.get("refusal") or ""))
            elif isinstance(part.get("text"), str):
                text += part["text"]
                if part.get("annotations"):
                    self._read_citations(part["annotations"])
            else:
                _keep(self._of_message, "content_parts", [part])
        return text, reasoning

    def _read_details(self, details: Any) -> str:
        """Signed reasoning parts, put together by kind and index: text is joined, the last signature stays."""
        added = ""
        for detail in details if isinstance(details, list) else [details]:
            if not isinstance(detail, dict):
                continue
            number = detail.get("index")
            key = f"{detail.get('type')}:{detail.get('id') if number is None else number}"
            held = self._details.setdefault(key, {})
            for name, value in detail.items():
                if name in {"text", "summary", "thinking", "data"} and isinstance(value, str):
                    earlier = held.get(name)
                    held[name] = earlier + value if isinstance(earlier, str) else value
                    if name != "data":
                        added += value
                elif value is not None or name not in held:
                    held[name] = value
        return added

    def _read_citations(self, annotations: Any) -> None:
        for entry in annotations if isinstance(annotations, list) else ():
            found = _citation(entry)
            if found is not None and found not in self._citations:
                self._citations.append(found)

    def _read_images(self, images: Any) -> None:
        for entry in images if isinstance(images, list) else [images]:
            source = (
                entry.get("image_url", entry.get("url", entry.get("b64_json"))) if isinstance(entry, dict) else entry
            )
            url = source.get("url") if isinstance(source, dict) else source
            if not isinstance(url, str) or not url:
                continue
            if url.startswith(("http://", "https://")):
                self._media.append(Media(url=url))
            else:
                self._media.append(from_base64(url, provider=self.provider, mime_type="image/png"))

    def _read_audio(self, audio: Any, *, has_text: bool) -> str:
        """Sound in an answer: its pieces are collected; its transcript is the text where there is no other."""
        if not isinstance(audio, dict):
            return ""
        for name, value in audio.items():
            if name in {"data", "transcript"} and isinstance(value, str):
                earlier = self._audio.get(name)
                self._audio[name] = earlier + value if isinstance(earlier, str) else value
            elif value is not None:
                self._audio[name] = value
        transcript = audio.get("transcript")
        return transcript if isinstance(transcript, str) and not has_text else ""

    # ---------------------------------------------------------------------------------------- tool calls

    def _read_calls(self, fragments: Any) -> list[ToolCallDelta]:
        found: list[ToolCallDelta] = []
        for position, fragment in enumerate(fragments if isinstance(fragments, list) else [fragments]):
            if not isinstance(fragment, dict):
                continue
            function = fragment.get("function") or fragment.get("custom") or {}
            if not isinstance(function, dict):
                function = {}
            name = function.get("name") or fragment.get("name") or ""
            name = name if isinstance(name, str) else str(name)
            slot, is_new = self._slot(fragment, name, position, len(fragments) if isinstance(fragments, list) else 1)
            given = function.get("arguments", function.get("input", fragment.get("arguments")))
            arguments = given if isinstance(given, str) else "" if given is None else orjson.dumps(given).decode()
            if arguments == "null" and not slot.arguments:
                arguments = ""
            added_name = ""
            if name and name != slot.name:
                # A name that is sent in pieces goes on; one that is sent again does not.
                added_name = name
                slot.name += name
            if arguments:
                arguments = slot.take(arguments)
            for key, value in fragment.items():
                if key not in _CALL_KEYS and value is not None:
                    slot.extra[key] = value
            if is_new or added_name or arguments:
                found.append(
                    ToolCallDelta(self._slots.index(slot), slot.id if is_new else None, added_name or None, arguments)
                )
        return found

    def _slot(self, fragment: Mapping[str, Any], name: str, position: int, count: int) -> tuple[_Slot, bool]:
        """Which call a fragment belongs to: by id, then by index, then by position; a new id or name begins a new call."""
        given = fragment.get("id")
        given_id = str(given) if given is not None and str(given) not in _NO_IDS else None
        index = fragment.get("index")
        index = index if isinstance(index, int) and not isinstance(index, bool) else None
        if given_id is not None and given_id in self._slot_of_id:
            return self._slot_of_id[given_id], False
        held = self._slot_of_index.get(index) if index is not None else None
        if index is None and self._slots and not (name and self._slots[-1].name):
            held = self._slots[min(position, len(self._slots) - 1)] if count > 1 else self._slots[-1]
        if held is not None and not self._begins_new(held, given_id, name):
            if given_id is not None:
                self._slot_of_id[given_id] = held
            return held, False
        slot = _Slot(given_id or self._made_id(len(self._slots)), given_id)
        self._slots.append(slot)
        if given_id is not None:
            self._slot_of_id[given_id] = slot
        if index is not None:
            self._slot_of_index[index] = slot
        return slot, True

    @staticmethod
    def _begins_new(held: _Slot, given_id: str | None, name: str) -> bool:
        if not name or not held.name:
            return False
        if given_id is not None and held.given_id is not None:
            # Some servers make a new id for every piece of the same call.
            return name != held.name or not held.arguments or held.is_complete()
        if held.given_id is not None and not held.arguments:
            return False  # the next piece of the name
        return name != held.name or held.is_complete()

    def _made_id(self, number: int) -> str:
        """An id for a call that came without one: the same however the answer is split."""
        answer_id = self._top.get("id")
        return made_call_id(answer_id if isinstance(answer_id, str) else "", number)

    def _calls(self, *, interrupted: bool) -> tuple[tuple[ToolCall, ...], tuple[InvalidToolCall, ...]]:
        valid: list[ToolCall] = []
        invalid: list[InvalidToolCall] = []
        cut = interrupted or self.finish_reason in _CUT_REASONS
        for number, slot in enumerate(self._slots):
            raw = "".join(slot.arguments)
            arguments = raw.strip()
            is_last = number == len(self._slots) - 1
            if arguments in {"", "null"}:
                error = "the answer was cut off before its arguments" if cut and is_last else None
                arguments = "{}"
            else:
                arguments = _unwrapped(arguments)
                error = arguments_error(arguments)
                if error is not None and cut and is_last:
                    error = f"the answer was cut off inside its arguments ({error})"
            if not slot.name:
                error = error or "the call names no tool"
            if error is None:
                valid.append(ToolCall(slot.id, slot.name, arguments, slot.extra or None))
            else:
                invalid.append(InvalidToolCall(slot.id, slot.name, raw, error))
        return tuple(valid), tuple(invalid)

    # ---------------------------------------------------------------------------------------- result

    @property
    def has_content(self) -> bool:
        """Whether anything that a reader would see has arrived."""
        return bool(self._text or self._reasoning or self._slots or self._refusal or self._media or self._audio)

    def response(self, *, interrupted: bool = False) -> ChatResponse:
        """What has arrived, put together."""
        top = self._top
        calls, invalid = self._calls(interrupted=interrupted)
        model = top.get("model")
        answer_id = top.get("id")
        usage_body = top.get("usage") or _usage_beside(top)
        text = "".join(self._text)
        citations = list(self._citations)
        for key in ("citations", "search_results"):
            for entry in top[key] if isinstance(top.get(key), list) else ():
                found = _citation(entry)
                if found is not None and not any(found.url == held.url for held in citations):
                    citations.append(found)
        media = list(self._media)
        if self._audio.get("data"):
            sound = from_base64(self._audio["data"], provider=self.provider, mime_type="audio/pcm")
            sound = replace(sound, metadata={k: v for k, v in self._audio.items() if k != "data"})
            if not (sound.mime_type or "").startswith("audio/"):
                # Samples without a header: whatever else they look like is chance.
                object.__setattr__(sound, "mime_type", "audio/pcm")
            media.append(sound)
        reasoning = "".join(self._reasoning)
        model_name = str(model) if model else ""
        return ChatResponse(
            provider=self.provider,
            model=model_name,
            id=str(answer_id) if answer_id else None,
            text=text,
            tool_calls=calls,
            invalid_tool_calls=invalid,
            reasoning=Reasoning(reasoning, tuple(self._details.values()), self.provider, model_name)
            if reasoning or self._details
            else None,
            refusal="".join(self._refusal) or None,
            citations=tuple(citations),
            media=tuple(media),
            finish_reason=self.finish_reason,
            usage=read_usage(usage_body),
            cost=self._read_cost(top, self.headers) if self._read_cost else None,
            logprobs=_joined_logprobs(self._logprobs),
            request_id=request_id(self.headers, top),
            headers=self.headers,
            metadata={**self._of_choice, **{key: value for key, value in top.items() if key not in _TOP_KEYS}},
            extra=dict(self._of_message),
            raw=self._raw(text, reasoning),
            alternatives=tuple(self._others[index].response(interrupted=interrupted) for index in sorted(self._others)),
        )

    def _raw(self, text: str, reasoning: str) -> dict[str, Any]:
        """The answer in the form of a whole body, also where it came as a stream."""
        message: dict[str, Any] = {
            **self._of_message,
            "role": "assistant",
            "content": text or (None if self._slots else ""),
        }
        if reasoning:
            message["reasoning_content"] = reasoning
        if self._details:
            message["reasoning_details"] = list(self._details.values())
        if self._slots:
            message["tool_calls"] = [
                {
                    "id": slot.id,
                    "type": "function",
                    "function": {"name": slot.name, "arguments": "".join(slot.arguments)},
                    **slot.extra,
                }
                for slot in self._slots
            ]
        if self._refusal:
            message["refusal"] = "".join(self._refusal)
        choice = {**self._of_choice, "index": 0, "message": message, "finish_reason": self.finish_reason}
        return {**self._top, "choices": [choice]}


# ------------------------------------------------------------------------------------------------ reading of parts


def arguments_error(text: str) -> str | None:
    """Why tool arguments are no JSON object, or None if they are one."""
    try:
        value = parse_json(text.encode("utf-8", "replace"))
    except ValueError as error:
        return f"the arguments are no JSON: {error}"
    return None if isinstance(value, dict) else f"the arguments are {_shape(value)} instead of an object"


def made_call_id(answer_id: str, number: int) -> str:
    """An id for a call that has none: of the answer's id without the word in front, and no longer than OpenAI's may be."""
    stem = re.sub(r"^[A-Za-z]+[-_]|[^A-Za-z0-9]", "", answer_id)[-32:]
    return f"call_{stem}_{number}" if stem else f"call_{uuid4().hex[:24]}"


def _unwrapped(arguments: str) -> str:
    """Arguments that were encoded twice, as text inside of JSON."""
    if not arguments.startswith('"'):
        return arguments
    try:
        inner = parse_json(arguments.encode("utf-8", "replace"))
    except ValueError:
        return arguments
    return inner if isinstance(inner, str) and arguments_error(inner) is None else arguments


def _shape(value: Any) -> str:
    kinds = {
        type(None): "null",
        list: "a list",
        dict: "an object",
        str: "text",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    return "empty" if value == [] else kinds.get(type(value), type(value).__name__)


def _joined(first: ChatDelta, second: ChatDelta) -> ChatDelta:
    return ChatDelta(
        first.text + second.text,
        first.reasoning + second.reasoning,
        first.tool_calls + second.tool_calls,
        first.refusal + second.refusal,
        second.logprobs or first.logprobs,
    )


def _keep(held: dict[str, Any], key: str, value: Any) -> None:
    """Keep a field that has no place of its own; lists and texts that come in pieces are joined."""
    earlier = held.get(key)
    if value is None or value == "":
        return
    if isinstance(value, list) and isinstance(earlier, list):
        held[key] = [*earlier, *value]
    elif isinstance(value, dict) and isinstance(earlier, dict):
        held[key] = {**earlier, **value}
    elif isinstance(value, str) and isinstance(earlier, str) and value != earlier:
        held[key] = earlier + value
    else:
        held[key] = value


def _joined_logprobs(pieces: list[Any]) -> Any:
    if len(pieces) < 2 or not all(isinstance(piece, dict) for piece in pieces):
        return pieces[0] if pieces else None
    whole: dict[str, Any] = {}
    for piece in pieces:
        for key, value in piece.items():
            whole[key] = (
                [*whole.get(key, []), *value]
                if isinstance(value, list) and isinstance(whole.get(key, []), list)
                else value
            )
    return whole


def _reasoning_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return _reasoning_text(value.get("content") or value.get("text") or value.get("summary") or "")
    if isinstance(value, list):
        return "".join(_reasoning_text(entry) for entry in value)
    return ""


def _citation(entry: Any) -> Citation | None:
    if isinstance(entry, str):
        return Citation(url=entry) if entry else None
    if not isinstance(entry, dict):
        return None
    inner = entry.get("url_citation") if isinstance(entry.get("url_citation"), dict) else entry
    assert isinstance(inner, dict)
    url, title = inner.get("url"), inner.get("title")
    text = inner.get("content") or inner.get("cited_text") or inner.get("snippet")
    if not (url or title or text):
        return None
    return Citation(
        url=url if isinstance(url, str) else None,
        title=title if isinstance(title, str) else None,
        text=text if isinstance(text, str) else None,
        start=inner.get("start_index") if isinstance(inner.get("start_index"), int) else None,
        end=inner.get("end_index") if isinstance(inner.get("end_index"), int) else None,
        raw=entry,
    )


def _usage_beside(top: Mapping[str, Any]) -> Any:
    """Groq counts the tokens of a stream in a field of its own."""
    beside = top.get("x_groq")
    return beside.get("usage") if isinstance(beside, dict) else None
