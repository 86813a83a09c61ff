"""Puts a response together, whole or chunk by chunk: text, reasoning, tool calls, sources, media, counts.

One reader for both ways of asking, so that a streamed answer and a whole one cannot differ. It takes every spelling that
OpenAI-like servers are known to use, and repairs tool calls that come without index, id or arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from multiapi.errors import ResponseFormatError, ResponseTooLargeError, printable
from multiapi.formats.answer_facts import (
    ReadCost,
    facts_beside,
    has_counts,
    has_total,
    is_filler,
    kind_of,
    list_at,
    read_usage,
    request_id,
    who_answered,
)
from multiapi.formats.error_words import read_error_words
from multiapi.formats.growing import GrowingFields
from multiapi.formats.tool_calls import ToolCallAssembly, index_of, joined_calls, says_something
from multiapi.http.exchange import HttpResponse
from multiapi.types.chat import ChatDelta, ChatResponse, Citation, Reasoning, ToolCallDelta
from multiapi.types.limits import Limits
from multiapi.types.media import Media, from_base64

CUT_REASONS = frozenset({"length", "max_tokens", "MAX_TOKENS"})
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
        "usage",
    }
)
_TOP_KEYS = frozenset({"id", "model", "choices", "usage", "citations", "success", "error"})
_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
_JOINED_THOUGHTS = frozenset({"text", "summary", "thinking", "data"})
_READ_ELSEWHERE = frozenset({"output", "output_text", "content", "stop_reason"})
"""Where other protocols have their content."""
_PART_CALLS = frozenset({"tool_use", "tool_call", "function_call"})
"""Types of parts of a content that call a tool."""
_JOINED_AUDIO = frozenset({"data", "transcript"})
_LIMITS = Limits()


class Assembly:
    """A response in the making.

    `add` takes one parsed event of a stream, `add_body` a whole body; `response` gives what there is.
    """

    def __init__(
        self,
        provider: str,
        *,
        headers: Mapping[str, str] | None = None,
        read_cost: ReadCost | None = None,
        rest_is_reasoning: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self.provider = provider
        self.headers = headers or {}
        self.finish_reason: str | None = None
        self.finished = False
        """The provider gave a finish reason, or said that the stream is done."""
        self.answered = False
        """A choice has come, with whatever in it."""
        self._read_cost = read_cost
        self._rest_is_reasoning = rest_is_reasoning
        self._limits = limits or _LIMITS
        self._top: dict[str, Any] = {}
        self._usage_inside: dict[str, Any] | None = None
        """Token counts that stand in a choice or a message."""
        self._keys: tuple[str, ...] = ()
        self._changing: list[str] = []
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._details: dict[Any, GrowingFields] = {}
        self._refusal: list[str] = []
        self._calls = ToolCallAssembly(self._limits.tool_calls)
        self._is_legacy_call = self._is_part_call = False
        """Calls come in `function_call`, as they did before there were several; or among the parts of the content."""
        self._citations: dict[tuple[Any, ...], Citation] = {}
        self._media: list[Media] = []
        self._audio: GrowingFields | None = None
        self._logprobs: list[Any] = []
        self._others: dict[int, Assembly] = {}
        self._first: int | None = None
        """The number of the choice that is the response: 0, or that with which a server begins that counts in its own way."""
        self._speaks_in_deltas = False
        self._is_filled = False
        """A message behind deltas was read; it repeats what they said, and so does each that follows it."""
        self._surrogate = ""
        self._whole = False
        self._of_choice: GrowingFields | None = None
        self._of_message: GrowingFields | None = None
        self._parts = 0

    # ---------------------------------------------------------------------------------------- reading

    def add(self, event: Mapping[str, Any]) -> ChatDelta | None:
        """Take one event of a stream; None if it added nothing that a reader would see."""
        keys = tuple(event)
        if keys == self._keys:
            for key in self._changing:
                value = event[key]
                if value is not None and value != "":
                    self._set_top(key, value)
        else:
            self._take_top(event)
            self._keys = keys
        choices = event.get("choices")
        if type(choices) is not list:
            return None
        if len(choices) > self._limits.choices:
            raise self._too_many("choices", self._limits.choices)
        if self._whole and len(choices) > 1:
            choices = _numbered(choices)
        found: ChatDelta | None = None
        for choice in choices:
            if type(choice) is not dict:
                continue
            self.answered = True
            index = choice.get("index") or 0
            if index != 0 or self._first:
                index = index_of(index) if type(index) is not int else index
                if self._first is None and len(choices) == 1:
                    self._first = index or 0
                if index is None or index != (self._first or 0):
                    self._other(index).add_choice(choice)
                    continue
            elif self._first is None:
                self._first = 0
            delta = self.add_choice(choice)
            found = delta if found is None else found if delta is None else joined_deltas(found, delta)
        return found

    def _take_top(self, event: Mapping[str, Any]) -> None:
        """The fields beside the choices. Those that only repeat themselves are not looked at again in events of the same form."""
        changing = self._changing = []
        for key, value in event.items():
            if key == "choices":
                continue
            if value is not None and value != "":
                if self._top.get(key):
                    self._set_top(key, value)
                else:
                    self._top[key] = value
            if key not in _CONSTANT or not self._top.get(key):
                changing.append(key)

    def _set_top(self, key: str, value: Any) -> None:
        """Keep a field beside the choices. What only fills its place takes nothing of what is known away."""
        held = self._top.get(key)
        if held:
            if key == "usage":
                value = more_counts(held, value)
            elif (not value and key in _CONSTANT) or (type(value) in {dict, list} and is_filler(value)):
                return
        self._top[key] = value

    def add_body(self, body: Mapping[str, Any]) -> None:
        """Take a whole response.

        Raises:
            ResponseFormatError: It has no choices that can be read.
        """
        choices = body.get("choices")
        first: Any = None
        for first in choices if isinstance(choices, list) else ():
            if isinstance(first, dict):
                break
        if not isinstance(first, dict):
            said = printable(read_error_words(body).message, 300).strip()
            raise ResponseFormatError(
                f"{self.provider} answered without choices{f', but with {said!r}' if said else ''} (choices is {kind_of(choices)}; fields: {', '.join(map(str, body)) or 'none'})",
                provider=self.provider,
            )
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
            if len(self._others) >= self._limits.choices:
                raise self._too_many("choices", self._limits.choices)
            other = self._others[key] = Assembly(self.provider, headers=self.headers, limits=self._limits)
            other._whole = self._whole
        return self._others[key]

    def _too_many(self, what: str, most: int) -> ResponseTooLargeError:
        return ResponseTooLargeError(f"{self.provider} answered with more than {most} {what}", provider=self.provider)

    def add_choice(self, choice: Mapping[str, Any]) -> ChatDelta | None:
        """Take the piece of one alternative."""
        reason = choice.get("finish_reason")
        if reason and self.finish_reason is None:
            self.finish_reason = str(reason)
            self.finished = True
        if not _CHOICE_KEYS.issuperset(choice):
            for key, value in choice.items():
                if key == "usage" and isinstance(value, dict):
                    self._usage_inside = more_counts(self._usage_inside, value)
                elif key not in _CHOICE_KEYS and not (key == "error" and is_filler(value)):
                    self._of_choice = self._of_choice or GrowingFields()
                    self._of_choice.add(key, value)
        message = choice.get("delta")
        if self._whole or not message or "message" in choice:
            message = self._message(choice)
        else:
            self._speaks_in_deltas = True
        if "tool_calls" in choice and (
            message is None or (type(message) is dict and is_filler(message.get("tool_calls")))
        ):
            message = {**(message or {}), "tool_calls": choice["tool_calls"]}
        logprobs = choice.get("logprobs")
        if logprobs:
            if is_filler(logprobs):
                logprobs = None
            else:
                self._logprobs.append(logprobs)
        if type(message) is not dict or "text" in choice:
            text = choice.get("text")
            if isinstance(text, str) and text and _says_nothing(message):
                message = {"content": text}
        delta = self._add_message(message, logprobs) if type(message) is dict else None
        if reason and not self._whole and (rest := self._calls.rest()):
            delta = ChatDelta(tool_calls=rest) if delta is None else joined_deltas(delta, ChatDelta(tool_calls=rest))
        return delta

    def rest(self) -> ChatDelta | None:
        """What is to be told at the end of a stream that nothing else told."""
        rest = self._calls.rest()
        return ChatDelta(tool_calls=rest) if rest else None

    def _message(self, choice: Mapping[str, Any]) -> Any:
        """The message of a choice: `message` in a whole response, `delta` in a stream, the other where that says nothing.

        In a stream a whole message may repeat at the end what deltas have said already: only the rest of it is read.
        """
        delta, message = choice.get("delta"), choice.get("message")
        if self._whole:
            if delta is None:
                return message
            return delta if _says_nothing(message) and not _says_nothing(delta) else message or delta
        if _says_nothing(message) or not _says_nothing(delta):
            self._speaks_in_deltas = self._speaks_in_deltas or bool(delta)
            return delta or message
        return self._unsaid(message) if self._speaks_in_deltas and message else message

    def _unsaid(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """What a whole message says that the deltas before it did not."""
        if self._is_filled:
            return {}
        self._is_filled = True
        found, text = dict(message), "".join(self._text)
        content = found.get("content")
        if text and not (type(content) is str and content.startswith(text)):
            found.pop("content", None)
        elif text and type(content) is str:
            found["content"] = content[len(text) :]
        said = (
            (self._calls.slots, ("tool_calls", "function_call")),
            (self._reasoning or self._details, (*_THOUGHTS, "reasoning_details", "thinking_blocks")),
            (self._refusal, ("refusal",)),
            (self._media, ("images",)),
            (self._audio and self._audio.result(), ("audio",)),
        )
        for held, names in said:
            for name in names if held else ():
                found.pop(name, None)
        return found

    def _add_message(self, message: dict[str, Any], logprobs: Any) -> ChatDelta | None:
        text = reasoning = refusal = ""
        calls: tuple[ToolCallDelta, ...] = ()
        for key, value in message.items():
            if not value or key == "role":
                if value is not None and value != "" and key not in _MESSAGE_KEYS:
                    self._keep(key, value)
                continue
            if key == "content":
                if type(value) is str:
                    text = value + text
                else:
                    content, reasoning, in_parts = self._read_parts(value, reasoning)
                    text = content + text
                    if in_parts and self._are_calls(message):
                        calls += self._read_calls(in_parts)
            elif key in _THOUGHTS:
                found = _reasoning_text(value)
                if key == "reasoning" and reasoning:
                    if found != reasoning and not is_filler(value):
                        self._keep(key, value)
                elif found and (not reasoning or key == "reasoning_content"):
                    reasoning = found
            elif key in {"reasoning_details", "thinking_blocks"}:
                detail_text = self._read_details(value)
                if detail_text and not any(_reasoning_text(message.get(name)) for name in _THOUGHTS):
                    reasoning = reasoning or detail_text
            elif key == "tool_calls":
                calls += self._read_calls(value)
            elif key == "function_call":
                if self._is_call(value, message):
                    calls += self._read_calls([{"index": 0, "function": value}])
            elif key == "refusal":
                refusal = value if isinstance(value, str) else ""
            elif key in {"annotations", "citations"}:
                self._read_citations(value)
            elif key == "images":
                self._read_images(value)
            elif key == "audio":
                text += self._read_audio(value, has_text=not is_filler(message.get("content")))
            elif key == "usage" and isinstance(value, dict):
                self._usage_inside = more_counts(self._usage_inside, value)
            else:
                self._keep(key, value)
        if text:
            if self._surrogate or not text.isascii():
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

    def _read_parts(self, parts: Any, reasoning: str) -> tuple[str, str, list[dict[str, Any]]]:
        """Content as a list: text parts joined, thinking parts and calls apart, images kept."""
        if isinstance(parts, dict):
            parts = [parts]
        if not isinstance(parts, list):
            return str(parts), reasoning, []
        calls: list[dict[str, Any]] = []
        self._parts += len(parts)
        if self._parts > self._limits.parts:
            raise self._too_many("parts of content", self._limits.parts)
        texts: list[str] = []
        thoughts = [reasoning]
        for part in parts:
            if isinstance(part, str):
                texts.append(part)
            elif not isinstance(part, dict):
                continue
            elif part.get("type") in ("thinking", "reasoning", "redacted_thinking"):
                thoughts.append(
                    _reasoning_text(part.get("thinking") or part.get("reasoning") or part.get("text") or "")
                )
                if part.get("signature") or part.get("data"):
                    self._read_details([part])
            elif part.get("type") in ("image_url", "image", "output_image"):
                self._read_images([part])
            elif part.get("type") == "refusal":
                self._refusal.append(str(part.get("refusal") or ""))
            elif isinstance(part.get("text"), str) and (part["text"] or is_filler(part)):
                texts.append(part["text"])
                for name in ("annotations", "citations"):
                    if part.get(name):
                        self._read_citations(part[name])
            elif part.get("type") in _PART_CALLS:
                if says_something(part):
                    calls.append(part)
            elif part.get("type") not in ("text", "output_text") and not is_filler(part):
                self._keep("content_parts", [part])
        return "".join(texts), "".join(thoughts), calls

    def _read_details(self, details: Any) -> str:
        """Signed reasoning parts, put together by kind and index: text is joined, the last signature stays."""
        added: list[str] = []
        for detail in details if isinstance(details, list) else [details]:
            if not isinstance(detail, dict) or is_filler(detail):
                continue
            number = detail.get("index")
            key = f"{detail.get('type')}:{detail.get('id') if number is None else number}"
            held = self._details.get(key)
            if held is None:
                if len(self._details) >= self._limits.parts:
                    raise self._too_many("parts of reasoning", self._limits.parts)
                held = self._details[key] = GrowingFields(_JOINED_THOUGHTS)
            for name, value in detail.items():
                held.replace(name, value)
                if name in {"text", "summary", "thinking"} and isinstance(value, str):
                    added.append(value)
        return "".join(added)

    def _read_citations(self, annotations: Any) -> None:
        for entry in annotations if isinstance(annotations, list) else ():
            found = _citation(entry)
            if found is not None and found[:-1] not in self._citations:
                self._cites(self._citations, found)

    def _cites(self, held: dict[tuple[Any, ...], Citation], found: Citation) -> None:
        if len(held) >= self._limits.citations:
            raise self._too_many("citations", self._limits.citations)
        held[found[:-1]] = found

    def _read_images(self, images: Any) -> None:
        for entry in images if isinstance(images, list) else [images]:
            places = [entry]
            if isinstance(entry, dict):
                places = [entry.get(name) for name in ("image_url", "url", "b64_json")]
            urls = (place.get("url") if isinstance(place, dict) else place for place in places)
            url = next((url for url in urls if isinstance(url, str) and url), None)
            if url is None:
                continue
            if len(self._media) >= self._limits.media:
                raise self._too_many("images", self._limits.media)
            if url.startswith(("http://", "https://")):
                self._media.append(Media(url=url))
            else:
                self._media.append(from_base64(url, provider=self.provider, mime_type="image/png"))

    def _keep(self, key: str, value: Any) -> None:
        """Keep a field of the message that has no place of its own."""
        self._of_message = self._of_message or GrowingFields()
        self._of_message.add(key, value)

    def _read_audio(self, audio: Any, *, has_text: bool) -> str:
        """Sound in a response: its pieces are collected; its transcript is the text where it is the only text."""
        if not isinstance(audio, dict) or is_filler(audio):
            return ""
        self._audio = self._audio or GrowingFields(_JOINED_AUDIO)
        for name, value in audio.items():
            self._audio.replace(name, value)
        transcript = audio.get("transcript")
        return transcript if isinstance(transcript, str) and not has_text else ""

    def _read_calls(self, fragments: Any) -> tuple[ToolCallDelta, ...]:
        answer_id = self._top.get("id")
        return self._calls.add(fragments, answer_id if isinstance(answer_id, str) else "", whole=self._whole)

    def _is_call(self, function_call: Any, message: Mapping[str, Any]) -> bool:
        """Whether a `function_call` calls something; beside calls in `tool_calls` it says the same again, or nothing."""
        if not self._is_legacy_call:
            self._is_legacy_call = (
                isinstance(function_call, dict)
                and not self._calls.slots
                and says_something(function_call)
                and not any(isinstance(call, dict) and says_something(call) for call in list_at(message, "tool_calls"))
            )
        return self._is_legacy_call

    def _are_calls(self, message: Mapping[str, Any]) -> bool:
        """Whether calls among the parts of a content are the only ones; beside calls in `tool_calls` they say the same again."""
        if not self._is_part_call:
            self._is_part_call = not self._calls.slots and not any(
                isinstance(call, dict) and says_something(call) for call in list_at(message, "tool_calls")
            )
        return self._is_part_call

    # ---------------------------------------------------------------------------------------- result

    def response(self, *, interrupted: bool = False, raw: dict[str, Any] | None = None) -> ChatResponse:
        """What has arrived, put together; `raw` is the body where it came whole."""
        top = self._top
        calls, invalid = self._calls.finished(cut=interrupted or self.finish_reason in CUT_REASONS)
        model = top.get("model")
        answer_id = top.get("id")
        usage = read_usage(top.get("usage"), rest_is_reasoning=self._rest_is_reasoning)
        if usage is None:
            for counts in (self._usage_inside, *_usage_beside(top)):
                usage = read_usage(counts, rest_is_reasoning=self._rest_is_reasoning)
                if usage is not None:
                    top = {**top, "usage": counts}
                    break
        text = "".join(self._text)
        citations = self._citations
        urls = {citation.url for citation in citations.values()} if citations else set()
        for key in ("citations", "search_results"):
            for entry in top[key] if isinstance(top.get(key), list) else ():
                found = _citation(entry)
                if found is not None and found.url not in urls:
                    if citations is self._citations:
                        citations = dict(citations)
                    self._cites(citations, found)
                    urls.add(found.url)
        if top.get("search_results"):
            citations = _titled(citations, top["search_results"])
        media = list(self._media)
        audio = self._audio.result() if self._audio else {}
        if isinstance(audio.get("data"), str) and audio["data"]:
            sound = from_base64(audio["data"], provider=self.provider, mime_type="audio/pcm")
            sound = replace(sound, metadata={k: v for k, v in audio.items() if k != "data"})
            if not (sound.mime_type or "").startswith("audio/"):
                # Samples without a header: whatever else they look like is chance.
                object.__setattr__(sound, "mime_type", "audio/pcm")
            media.append(sound)
        reasoning = "".join(self._reasoning)
        model_name = str(model) if model else ""
        details: tuple[dict[str, Any], ...] = ()
        if self._details:
            found_details = (detail.result() for detail in self._details.values())
            details = tuple(detail for detail in found_details if not is_filler(_unlabelled(detail)))
        of_message = self._of_message.result() if self._of_message else {}
        of_choice = self._of_choice.result() if self._of_choice else {}
        answered_by, served_by = who_answered(self.headers, top)
        metadata = facts_beside(self.headers, usage.details if usage is not None else None)
        metadata.update(of_choice)
        for key, value in top.items():
            if key not in _TOP_KEYS:
                metadata[key] = value
        if raw is None:
            raw = self._raw(
                top, text=text, reasoning=reasoning, details=details, of_message=of_message, of_choice=of_choice
            )
        alternatives: tuple[ChatResponse, ...] = ()
        if self._others:
            alternatives = tuple(
                self._others[index].response(interrupted=interrupted) for index in sorted(self._others)
            )
        return ChatResponse(
            provider=self.provider,
            model=model_name,
            id=str(answer_id) if answer_id else None,
            text=text,
            tool_calls=calls,
            invalid_tool_calls=invalid,
            reasoning=Reasoning(reasoning, details, self.provider, model_name) if reasoning or details else None,
            refusal="".join(self._refusal) or None,
            citations=tuple(citations.values()),
            media=tuple(media),
            finish_reason=self.finish_reason,
            usage=usage,
            cost=self._read_cost(top, self.headers) if self._read_cost else None,
            logprobs=_joined_logprobs(self._logprobs) if self._logprobs else None,
            request_id=request_id(self.headers, top),
            headers=self.headers,
            metadata=metadata,
            extra=of_message,
            raw=raw,
            alternatives=alternatives,
            answered_by=answered_by,
            served_by=served_by,
        )

    def _raw(
        self,
        top: Mapping[str, Any],
        *,
        text: str,
        reasoning: str,
        details: tuple[dict[str, Any], ...],
        of_message: Mapping[str, Any],
        of_choice: Mapping[str, Any],
    ) -> dict[str, Any]:
        """The response in the form of a whole body, also where it came as a stream."""
        message: dict[str, Any] = {
            **of_message,
            "role": "assistant",
            "content": text or (None if self._calls.slots else ""),
        }
        if reasoning:
            message["reasoning_content"] = reasoning
        if details:
            message["reasoning_details"] = list(details)
        if self._calls.slots:
            message["tool_calls"] = self._calls.to_wire()
        if self._refusal:
            message["refusal"] = "".join(self._refusal)
        choice = {**of_choice, "index": 0, "message": message, "finish_reason": self.finish_reason}
        return {**top, "choices": [choice]}


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
    """A whole response of another protocol: its parts of content, and the id, name and arguments of each call."""
    message = {
        "content": content,
        "tool_calls": [
            {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
            for index, (call_id, name, arguments) in enumerate(calls)
        ],
    }
    assembly = Assembly(provider, headers=head.headers, read_cost=read_cost, limits=head.limits)
    facts = {name: value for name, value in body.items() if name not in _READ_ELSEWHERE}
    assembly.add_body({**facts, "choices": [{"message": message, "finish_reason": finish_reason}]})
    return replace(assembly.response(), raw=body)


# ------------------------------------------------------------------------------------------------ reading of parts


def joined_deltas(first: ChatDelta, second: ChatDelta) -> ChatDelta:
    """Two deltas that follow each other, as one."""
    return ChatDelta(
        first.text + second.text,
        first.reasoning + second.reasoning,
        joined_calls(first.tool_calls + second.tool_calls),
        first.refusal + second.refusal,
        second.logprobs or first.logprobs,
    )


def _joined_logprobs(pieces: list[Any]) -> Any:
    if len(pieces) < 2 or not all(isinstance(piece, dict) for piece in pieces):
        return pieces[0] if pieces else None
    whole = GrowingFields()
    for piece in pieces:
        for key, value in piece.items():
            if isinstance(value, list):
                whole.add(key, value)
            else:
                whole.replace(key, value)
    return whole.result()


def _says_nothing(message: Any) -> bool:
    """Whether a message holds nothing but its role and what fills its places."""
    return type(message) is not dict or not any(
        says_something(value) if key == "function_call" and type(value) is dict else not is_filler(value)
        for key, value in message.items()
        if value and key != "role"
    )


def _numbered(choices: list[Any]) -> list[Any]:
    """The choices of a whole response, by their order where none has a number."""
    if any(isinstance(choice, dict) and index_of(choice.get("index")) is not None for choice in choices):
        return choices
    return [
        {**choice, "index": number} if isinstance(choice, dict) else choice for number, choice in enumerate(choices)
    ]


def _unlabelled(detail: Mapping[str, Any]) -> dict[str, Any]:
    """A detail of thoughts without what only says of which kind it is, and where it stands."""
    return {name: value for name, value in detail.items() if name not in {"type", "index", "format"}}


def more_counts(held: Any, value: Any) -> Any:
    """Counts of a further event; a null or a zero in it takes none away."""
    if not isinstance(value, dict) or is_filler(value):
        return held
    if not isinstance(held, dict) or is_filler(held):
        return value
    more = {name: count for name, count in value.items() if not is_filler(count) and (count or name not in held)}
    if has_counts(more) and not has_total(more):
        held = {
            name: count for name, count in held.items() if not has_total({name: count})
        }  # it is of the former counts
    return {**held, **more}


def _reasoning_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        found = (_reasoning_text(value.get(name)) for name in ("content", "text", "summary"))
        return next(filter(None, found), "")
    if isinstance(value, list):
        return "".join(_reasoning_text(entry) for entry in value)
    return ""


def _citation(entry: Any) -> Citation | None:
    if isinstance(entry, str):
        return Citation(url=entry) if entry else None
    if not isinstance(entry, dict):
        return None
    inner = entry.get("url_citation")
    if not isinstance(inner, dict) or is_filler(inner):
        inner = entry
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


def _titled(citations: dict[tuple[Any, ...], Citation], results: Any) -> dict[tuple[Any, ...], Citation]:
    """The sources, those that came as an address alone with the title and text that the list of results has for it."""
    if not isinstance(results, list) or all(each.title is not None for each in citations.values()):
        return citations
    known = {found.url: found for entry in results if (found := _citation(entry)) is not None and found.url}
    return {
        key: each
        if each.title is not None or (found := known.get(each.url or "")) is None
        else each._replace(title=found.title, text=each.text or found.text)
        for key, each in citations.items()
    }


def _usage_beside(top: Mapping[str, Any]) -> list[Any]:
    """Token counts in a field of the provider's own, as Groq's `x_groq` and Gemini's `usageMetadata`."""
    named = [top[name] for name in ("usageMetadata", "usage_metadata", "token_usage", "tokenUsage") if name in top]
    return named + [
        value["usage"]
        for key, value in top.items()
        if key.startswith("x_") and type(value) is dict and "usage" in value
    ]
