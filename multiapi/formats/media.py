"""How most providers answer with media: `data` with base64 or addresses, sound as plain bytes; and what requests have in common."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol, TypeVar

from multiapi.errors import InvalidRequestError, ResponseFormatError, UnsupportedError, printable
from multiapi.formats.answer_facts import (
    ReadCost,
    answer_without,
    decimal_of,
    is_filler,
    name_of_answer,
    read_usage,
    request_id,
    text_at,
)
from multiapi.formats.openai.answers import parse_object
from multiapi.http.exchange import HttpRequest, HttpResponse, excerpt
from multiapi.http.json import dump_json
from multiapi.provider import Operation, Retry
from multiapi.types.media import Media, from_base64, from_provider
from multiapi.types.media_fields import settings_of
from multiapi.types.media_kinds import group_of, judged, mime_type_of, mime_type_of_name, normal, received
from multiapi.types.media_requests import MediaRequest
from multiapi.types.media_results import ImageResult, MediaResult
from multiapi.types.usage import Cost

KEPT_BODY_CHARS = 4_000
"""How much of a body without its media an error keeps, so that a file that was paid for can be found by hand."""


class _Paid(Protocol):
    @property
    def cost(self) -> Cost | None: ...
    @property
    def request_id(self) -> str | None: ...


P = TypeVar("P", bound=_Paid)

# ------------------------------------------------------------------------------------------------ requests


def taken_settings(
    request: MediaRequest, provider: str, taken: Collection[str], *, hint: str = "", has_default_model: bool = False
) -> dict[str, Any]:
    """What is set, if the provider has a place for all of it.

    Args:
        has_default_model: The provider documents what it takes where no model is named.

    Raises:
        InvalidRequestError: No model.
        UnsupportedError: A setting that the provider has no field for.
    """
    if not request.model and not has_default_model:
        raise InvalidRequestError(f"{provider} needs a model", provider=provider)
    settings = settings_of(request, provider)
    for name in settings:
        if name not in taken:
            raise UnsupportedError(
                f"{provider} has no setting {name} for this; pass what it documents in `extra`{hint and f' ({hint})'}",
                provider=provider,
            )
    return settings


def needs_text(text: str, provider: str, what: str, max_chars: int | None = None) -> str:
    """The text, if there is any and it is not too long.

    Raises:
        InvalidRequestError: It is empty, or longer than the provider documents.
    """
    if not isinstance(text, str) or not text.strip():
        raise InvalidRequestError(f"{provider} needs a {what}", provider=provider)
    if max_chars is not None and len(text) > max_chars:
        raise InvalidRequestError(
            f"{provider} takes a {what} of at most {max_chars} characters; this has {len(text)}", provider=provider
        )
    return text


def one_of(value: Any, allowed: Collection[Any], provider: str, setting: str) -> Any:
    """The value, if it is one of those that the provider documents as the only ones.

    Raises:
        InvalidRequestError: It is none of them; the message lists them.
    """
    if value not in allowed:
        raise InvalidRequestError(
            f"{provider} does not take {setting} {printable(str(value), 80)}; allowed: {', '.join(map(str, allowed))}",
            provider=provider,
            allowed=tuple(allowed),
        )
    return value


def one_named(value: Any, named: Collection[str], provider: str, setting: str) -> Any:
    """The value; one that the provider's page does not name goes out too, with a warning, since the page does not close its list.

    Raises:
        InvalidRequestError: It is not a text.
    """
    if not isinstance(value, str) or not value:
        raise InvalidRequestError(
            f"{provider} takes {setting} as a text, not {printable(repr(value), 80)}; named: {', '.join(named)}",
            provider=provider,
        )
    if value not in named:
        warnings.warn(
            f"{provider} names {', '.join(named)} as {setting}; {printable(value, 80)!r} is sent all the same",
            stacklevel=2,
        )
    return value


def media_operation(
    name: str, build: Callable[[Any], HttpRequest], parse: Callable[[HttpResponse], Any]
) -> Operation[Any, Any]:
    """An operation that makes something for money: not repeated on doubt, with room in the response for what it makes."""
    return Operation(name, build, parse, Retry.MEDIA, limit="media_answer_bytes")


# ------------------------------------------------------------------------------------------------ answers


def parse_images(response: HttpResponse, *, provider: str, read_cost: ReadCost | None = None) -> ImageResult:
    """Images in `data`, `images` or `output.choices`: a list or one object, as base64, address or data URL.

    Raises:
        ResponseFormatError: None there that can be read.
    """
    body = parse_object(response, provider)
    media, failure = media_in(body, response, provider=provider, what="an image")
    result = ImageResult(
        provider=provider,
        model=text_at(body, "model"),
        media=media,
        cost=read_cost(body, response.headers) if read_cost else None,
        usage=read_usage(body.get("usage")),
        request_id=request_id(response.headers, body),
        headers=response.headers,
        raw=without_media(body),
    )
    return whole_or_partial(result, failure)


def parse_sound(response: HttpResponse, *, provider: str, read_cost: ReadCost | None = None) -> MediaResult:
    """Sound in JSON, wherever it stands: see `media_in`."""
    body = parse_object(response, provider)
    (first, *more), failure = media_in(body, response, provider=provider, what="sound")
    result = media_result(first, response, provider=provider, body=body, read_cost=read_cost, more=tuple(more))
    return whole_or_partial(result, failure)


_PLACES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "an image": (
        *(("data",), ("images",), ("image",), ("output", "choices"), ("output", "images"), ("output", "data")),
        *(("output",), ("result",), ("choices",), ("artifacts",), ()),
    ),
    "sound": (
        *(("data",), ("audio",), ("audio_url",), ("audio_file",), ("output", "choices"), ("output", "audio")),
        *(("output", "audio_url"), ("output", "data"), ("output",), ("result",), ("choices",), ()),
    ),
    "a video": (
        *(("video",), ("videos",), ("video_url",), ("data",), ("output", "video"), ("output", "video_url")),
        *(("output", "choices"), ("output",), ("result",), ()),
    ),
}
"""Where clients of these providers have found what was made; () is the body itself."""
_BASE64_FIELDS = ("b64_json", "image_base64", "audio_base64", "base64")
_EITHER_FIELDS = ("url", "image_url", "audio_url", "video_url", "image", "audio", "video", "audioContent", "data")
"""An address, a data URL, base64 text, or an object that holds one of them."""
_TYPE_FIELDS = ("mime_type", "content_type", "mimeType", "media_type")


def media_in(
    body: Mapping[str, Any], response: HttpResponse, *, provider: str, what: str
) -> tuple[tuple[Media, ...], ResponseFormatError | None]:
    """What was made, from the first place that holds something that can be read, and what is wrong with an entry beside it. What was
    paid for is not thrown away because one of several entries cannot be read (see `whole_or_partial`), or because a gateway uses
    another provider's names.

    Raises:
        ResponseFormatError: Nothing there. `body` keeps what is needed to find the file by hand; `job_id` is set where the provider
            took an order.
    """
    failure: ResponseFormatError | None = None
    for place in _PLACES[what]:
        held: Any = body
        for name in place:
            held = held.get(name) if isinstance(held, dict) else None
        entries = held if isinstance(held, list) else [held]
        found: list[Media] = []
        beside: ResponseFormatError | None = None
        for entry in entries:
            if is_filler(entry) or (isinstance(entry, str) and not place):
                continue
            try:
                found.append(_entry(entry, response, provider, body, is_whole=not place))
            except ResponseFormatError as error:
                beside = beside or (error if _claims(entry) else None)
                failure = failure if failure is not None and place != () else failure or error
        if found:
            return tuple(found), beside
    raise _nothing_made(response, provider, body, what, failure)


def _claims(entry: Any) -> bool:
    """Whether an entry is to hold a medium; one with none of the known fields is a remark beside them."""
    return not isinstance(entry, dict) or any(entry.get(name) for name in (*_BASE64_FIELDS, *_EITHER_FIELDS))


def whole_or_partial(result: P, failure: ResponseFormatError | None) -> P:
    """A result, if all of it is good.

    Raises:
        ResponseFormatError: One entry is not. What is good, and was paid for, is its `partial`.
    """
    if failure is None:
        return result
    failure.partial, failure.cost, failure.request_id = result, result.cost, result.request_id
    failure.message += "; what is good beside it is in `partial`"
    failure.args = (failure.message,)
    raise failure


def _entry(entry: Any, response: HttpResponse, provider: str, body: Mapping[str, Any], *, is_whole: bool) -> Media:
    if not is_whole:
        return entry_media(entry, response, provider, body)
    # Of the whole body only fields are read whose names leave no doubt.
    media = entry_media(
        {name: entry[name] for name in (*_BASE64_FIELDS, *_EITHER_FIELDS, *_TYPE_FIELDS) if name in entry},
        response,
        provider,
        body,
    )
    return Media(data=media.data, url=media.url, mime_type=media.mime_type)


def _nothing_made(
    response: HttpResponse, provider: str, body: Mapping[str, Any], what: str, failure: ResponseFormatError | None
) -> ResponseFormatError:
    """The error, with the order's id where the provider took one, and the whole body without base64."""
    order = next((body[name] for name in ("generation_id", "id", "task_id", "job_id") if body.get(name)), None)
    error = failure or answer_without(response, provider, body, what)
    if isinstance(order, str) and isinstance(body.get("status"), str):
        error = answer_without(response, provider, body, what)
        error.message = (
            f"{provider} took the order as job {printable(order, 200)} (status {printable(body['status'], 60)}) and answered without "
            f"{what}; no way to ask about such a job is documented"
        )
        error.args = (error.message,)
        error.job_id = order
    error.body = excerpt(dump_json(without_media(body)), KEPT_BODY_CHARS)
    return error


def media_result(
    first: Media,
    response: HttpResponse,
    *,
    provider: str,
    body: Mapping[str, Any],
    read_cost: ReadCost | None = None,
    more: tuple[Media, ...] = (),
) -> MediaResult:
    """One medium with the facts of its response."""
    return MediaResult(
        data=first.data,
        url=first.url,
        mime_type=first.mime_type,
        metadata=first.metadata,
        name=first.name,
        provider=provider,
        model=text_at(body, "model"),
        cost=read_cost(body, response.headers) if read_cost else None,
        more=more,
        duration_s=seconds_of(body.get("duration")),
        request_id=request_id(response.headers, body),
        headers=response.headers,
        raw=without_media(body),
    )


def seconds_of(value: Any) -> float | None:
    """A length in seconds, if it is one."""
    amount = decimal_of(value)
    return None if amount is None or amount < 0 else float(amount)


def sound_body(response: HttpResponse, *, provider: str, read_cost: ReadCost | None = None) -> MediaResult:
    """A response whose body is the sound, or JSON with it.

    Raises:
        ResponseFormatError: It is empty, or text where sound should be.
        StatusError: It is an error in JSON.
    """
    if response.content_type == "application/json" or response.body[:1] == b"{":
        return parse_sound(response, provider=provider, read_cost=read_cost)
    said = response.content_type or None
    kind = received(response.body, said if said and said.startswith("audio/") else None) if response.body else None
    if kind is not None and group_of(kind) == "video":
        kind = judged(response.body, said=said, expected=("audio",))
    media = Media(data=response.body, mime_type=kind, name=name_of_answer(response.headers))
    if not response.body or group_of(media.mime_type) not in {"audio", "file"}:
        what = "nothing" if not response.body else media.mime_type
        raise ResponseFormatError(
            f"{provider} answered with {what} instead of sound",
            provider=provider,
            status=response.status,
            request_id=request_id(response.headers),
            body=excerpt(response.body) if response.body else None,
        )
    return media_result(media, response, provider=provider, body={}, read_cost=read_cost)


def entry_media(entry: Any, response: HttpResponse, provider: str, body: Mapping[str, Any]) -> Media:
    """One entry: an object with base64, an address or a data URL under one of the known names, or a plain text that is either.

    Raises:
        ResponseFormatError: It has none that can be read.
    """
    if isinstance(entry, str):
        return text_media(entry, provider=provider)
    if isinstance(entry, dict):
        said = next((word for name in _TYPE_FIELDS if (word := normal(text_at(entry, name)))), None)
        read = {*_BASE64_FIELDS, *_EITHER_FIELDS, *_TYPE_FIELDS}
        facts = {name: value for name, value in entry.items() if name not in read and value is not None}
        failure: ResponseFormatError | None = None
        for name in (*_BASE64_FIELDS, *_EITHER_FIELDS):
            value = entry.get(name)
            if not value:
                continue
            try:
                if isinstance(value, dict) and name not in _BASE64_FIELDS:
                    return _with_facts(entry_media(value, response, provider, body), said, facts)
                if name in _BASE64_FIELDS:
                    return _with_facts(from_base64(value, provider=provider, mime_type=said), said, facts)
                if isinstance(value, str):
                    media = (
                        Media(url=value, mime_type=mime_type_of_url(value))
                        if name == "url" and "://" in value[:20]
                        else None
                    )
                    return _with_facts(media or text_media(value, provider=provider), said, facts)
            except ResponseFormatError as error:
                failure = failure or error
        if failure is not None:
            raise failure
    raise answer_without(response, provider, body, "media in one of its entries")


def _with_facts(media: Media, said: str | None, facts: dict[str, Any]) -> Media:
    if media.data is None:
        return Media(url=media.url, mime_type=said or media.mime_type, metadata={**media.metadata, **facts})
    return from_provider(media.data, media.mime_type or said, metadata={**media.metadata, **facts})


def text_media(text: str, *, provider: str) -> Media:
    """Media out of a text that is an address, a data URL or base64.

    Raises:
        ResponseFormatError: It is none of them.
    """
    stripped = text.strip()
    if stripped.startswith(("https://", "http://")) and not any(character.isspace() for character in stripped):
        return Media(url=stripped, mime_type=mime_type_of_url(stripped))
    if len(stripped) < 16 or (" " in stripped[:80] and not stripped.startswith("data:")):
        raise ResponseFormatError(
            f"{provider} answered with text where media should be: {printable(stripped, 200)!r}", provider=provider
        )
    if len(stripped) % 2 == 0 and _HEX.fullmatch(stripped):
        data = bytes.fromhex(stripped)
        if mime_type_of(data) is not None:
            return from_provider(data, None)
    return from_base64(stripped, provider=provider)


_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")


def mime_type_of_url(url: str) -> str | None:
    """The kind that the ending of an address stands for."""
    return mime_type_of_name(url.partition("?")[0].partition("#")[0].rpartition("/")[2])


def without_media(value: Any) -> Any:
    """A body without base64: what is left is small enough to be kept and shown."""
    if isinstance(value, dict):
        return {name: without_media(item) for name, item in value.items()}
    if isinstance(value, list):
        return [without_media(item) for item in value]
    if isinstance(value, str) and len(value) > 2_000:
        return f"{value[:40]}... ({len(value)} characters)"
    return value
