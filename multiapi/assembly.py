"""Puts an answer together, whole or piece by piece: text, reasoning, tool calls, sources, media, counts.

One reader for both ways of asking, so that a streamed answer and a whole one cannot differ. It takes every spelling that
OpenAI-like servers are known to use, and repairs tool calls that come without index, id or arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from multiapi.answer_facts import ReadCost, kind_of, list_at, read_usage, request_id
from multiapi.errors import ResponseFormatError
from multiapi.http import HttpResponse
from multiapi.media import Media, from_base64
from multiapi.tool_calls import ToolCallAssembly, joined_calls, says_something
from multiapi.types import (
    ChatDelta,
    ChatResponse,
    Citation,
    Reasoning,
    ToolCallDelta,
)

_CUT_REASONS = frozenset({"length", "max_tokens", "MAX_TOKENS"})
_CONSTANT = frozenset({"id", "object", "created", "model", "system_fingerprint", "service_tier", "provider"})
_CHOICE_KEYS = frozenset({"index", "delta", "message", "text", "finish_reason", "logprobs"})
_MESSAGE_KEYS = frozenset(
    {
        "role",
        "content",
        "reasoning_content",
        "thinking",
        "reasoning",
        "reasoning_details",
        "thinking_blocks",
        "tool_calls",
        "function_call",
        "refusal",
        "annotations",
        "citations",
        "images",
        "audio",
    }
)
_TOP_KEYS = frozenset({"id", "model", "choices", "usage", "citations", "success"})


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
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._details: dict[Any, dict[str, Any]] = {}
        self._refusal: list[str] = []
        self._calls = ToolCallAssembly()
        self._is_legacy_call = False
        """Calls come in `function_call`, as they did before there were several."""
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
                f"{self.provider} answered without choices (choices is {kind_of(choices)}; fields: {', '.join(map(str, body)) or 'none'})",
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
        if self.finish_reason is None and self._others and not self._text and not self._calls.slots:
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
        if type(delta) is dict and not self._whole and (self._text or self._calls.slots):
            return delta
        return choice.get("message") or delta

    def _add_message(self, message: dict[str, Any], logprobs: Any) -> ChatDelta | None:
        text = reasoning = refusal = ""
        calls: tuple[ToolCallDelta, ...] = ()
        for key, value in message.items():
            if not value or key == "role":
                if value is not None and value != "" and key not in _MESSAGE_KEYS:
                    _keep(self._of_message, key, value)
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
                calls += self._read_calls(value)
            elif key == "function_call":
                if isinstance(value, dict) and not self._has_calls(message):
                    calls += self._read_calls([{"index": 0, "function": value}])
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
            elif part.get("type") in ("thinking", "reasoning", "redacted_thinking"):
                reasoning += _reasoning_text(part.get("thinking") or part.get("reasoning") or part.get("text") or "")
                if part.get("signature") or part.get("data"):
                    self._read_details([part])
            elif part.get("type") in ("image_url", "image", "output_image"):
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

    def _read_calls(self, fragments: Any) -> tuple[ToolCallDelta, ...]:
        answer_id = self._top.get("id")
        return self._calls.add(fragments, answer_id if isinstance(answer_id, str) else "", whole=self._whole)

    def _has_calls(self, message: Mapping[str, Any]) -> bool:
        """Whether `tool_calls` say what is called; `function_call` beside them says the same again."""
        if not self._is_legacy_call:
            self._is_legacy_call = not self._calls.slots and not any(
                isinstance(call, dict) and says_something(call) for call in list_at(message, "tool_calls")
            )
        return not self._is_legacy_call

    # ---------------------------------------------------------------------------------------- result

    def response(self, *, interrupted: bool = False) -> ChatResponse:
        """What has arrived, put together."""
        top = self._top
        calls, invalid = self._calls.finished(cut=interrupted or self.finish_reason in _CUT_REASONS)
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
            "content": text or (None if self._calls.slots else ""),
        }
        if reasoning:
            message["reasoning_content"] = reasoning
        if self._details:
            message["reasoning_details"] = list(self._details.values())
        if self._calls.slots:
            message["tool_calls"] = self._calls.to_wire()
        if self._refusal:
            message["refusal"] = "".join(self._refusal)
        choice = {**self._of_choice, "index": 0, "message": message, "finish_reason": self.finish_reason}
        return {**self._top, "choices": [choice]}


# ------------------------------------------------------------------------------------------------ other protocols


def assembled(
    body: Mapping[str, Any],
    head: HttpResponse,
    *,
    content: list[Any],
    calls: Iterable[tuple[Any, Any, Any]],
    finish_reason: str | None,
    provider: str,
    read_cost: ReadCost | None,
) -> ChatResponse:
    """A whole answer of another protocol: its parts of content, and the id, name and arguments of each call."""
    message = {
        "content": content,
        "tool_calls": [
            {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
            for index, (call_id, name, arguments) in enumerate(calls)
        ],
    }
    assembly = Assembly(provider, headers=head.headers, read_cost=read_cost)
    assembly.add_body({**body, "choices": [{"message": message, "finish_reason": finish_reason}]})
    return replace(assembly.response(), raw=body)


# ------------------------------------------------------------------------------------------------ reading of parts


def _joined(first: ChatDelta, second: ChatDelta) -> ChatDelta:
    return ChatDelta(
        first.text + second.text,
        first.reasoning + second.reasoning,
        joined_calls(first.tool_calls + second.tool_calls),
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
