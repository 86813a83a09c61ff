"""How most vendors answer with media: `data` with base64 or addresses, sound as plain bytes; and what requests have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from multiapi.answer_facts import ReadCost, answer_without, read_usage, request_id, text_at
from multiapi.errors import InvalidRequestError, ResponseFormatError, UnsupportedError, printable
from multiapi.http import HttpRequest, HttpResponse, Retry, excerpt
from multiapi.media import Media, from_base64
from multiapi.media_fields import settings_of
from multiapi.media_kinds import group_of, mime_type_of_name, normal
from multiapi.media_requests import MediaRequest
from multiapi.media_results import ImageResult, MediaResult
from multiapi.openai_format import parse_object
from multiapi.provider import Operation

# ------------------------------------------------------------------------------------------------ requests


def taken_settings(request: MediaRequest, provider: str, taken: Collection[str], *, hint: str = "") -> dict[str, Any]:
    """What is set, if the vendor has a place for all of it.

    Raises:
        InvalidRequestError: No model.
        UnsupportedError: A setting that the vendor has no field for.
    """
    if not request.model:
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
        InvalidRequestError: It is empty, or longer than the vendor documents.
    """
    if not isinstance(text, str) or not text.strip():
        raise InvalidRequestError(f"{provider} needs a {what}", provider=provider)
    if max_chars is not None and len(text) > max_chars:
        raise InvalidRequestError(
            f"{provider} takes a {what} of at most {max_chars} characters; this has {len(text)}", provider=provider
        )
    return text


def one_of(value: Any, allowed: Collection[Any], provider: str, setting: str) -> Any:
    """The value, if it is one of those that the vendor documents as the only ones.

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


def media_operation(
    name: str, build: Callable[[Any], HttpRequest], parse: Callable[[HttpResponse], Any]
) -> Operation[Any, Any]:
    """An operation that makes something for money: not repeated on doubt, with room in the answer for what it makes."""
    return Operation(name, build, parse, Retry.MEDIA, limit="media_answer_bytes")


# ------------------------------------------------------------------------------------------------ answers


def parse_images(response: HttpResponse, *, provider: str, read_cost: ReadCost | None = None) -> ImageResult:
    """Pictures in `data` (base64 or an address), or in `images`.

    Raises:
        ResponseFormatError: None there, or one that cannot be read.
    """
    body = parse_object(response, provider)
    entries = body.get("data") or body.get("images")
    if not isinstance(entries, list) or not entries:
        raise answer_without(response, provider, body, "a picture")
    return ImageResult(
        provider=provider,
        model=text_at(body, "model"),
        media=tuple(entry_media(entry, response, provider, body) for entry in entries),
        cost=read_cost(body, response.headers) if read_cost else None,
        usage=read_usage(body.get("usage")),
        request_id=request_id(response.headers, body),
        headers=response.headers,
        raw=without_media(body),
    )


def parse_sound(response: HttpResponse, *, provider: str, read_cost: ReadCost | None = None) -> MediaResult:
    """Sound as base64 in `data`."""
    body = parse_object(response, provider)
    entries = body.get("data")
    if not isinstance(entries, list) or not entries:
        raise answer_without(response, provider, body, "sound")
    first, *more = (entry_media(entry, response, provider, body) for entry in entries)
    return media_result(first, response, provider=provider, body=body, read_cost=read_cost, more=tuple(more))


def media_result(
    first: Media,
    response: HttpResponse,
    *,
    provider: str,
    body: Mapping[str, Any],
    read_cost: ReadCost | None = None,
    more: tuple[Media, ...] = (),
) -> MediaResult:
    """One medium with the facts of its answer."""
    return MediaResult(
        data=first.data,
        url=first.url,
        mime_type=first.mime_type,
        metadata=first.metadata,
        provider=provider,
        model=text_at(body, "model"),
        cost=read_cost(body, response.headers) if read_cost else None,
        more=more,
        request_id=request_id(response.headers, body),
        headers=response.headers,
        raw=without_media(body),
    )


def sound_body(response: HttpResponse, *, provider: str, read_cost: ReadCost | None = None) -> MediaResult:
    """An answer whose body is the sound.

    Raises:
        ResponseFormatError: It is empty, or text where sound should be.
        StatusError: It is an error in JSON.
    """
    if response.content_type == "application/json" or response.body[:1] == b"{":
        parse_object(response, provider)
    said = response.content_type or None
    media = Media(data=response.body, mime_type=said if said and said.startswith("audio/") else None)
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
    """One entry of a list: `{b64_json}`, `{url}` or a plain text that is either.

    Raises:
        ResponseFormatError: It has neither.
    """
    if isinstance(entry, str):
        return text_media(entry, provider=provider)
    if isinstance(entry, dict):
        said = normal(text_at(entry, "mime_type") or text_at(entry, "content_type"))
        facts = {
            name: value
            for name, value in entry.items()
            if name not in {"b64_json", "url", "mime_type", "content_type"} and value is not None
        }
        if entry.get("b64_json"):
            media = from_base64(entry["b64_json"], provider=provider, mime_type=said)
            return Media(data=media.data, mime_type=media.mime_type, metadata=facts)
        url = entry.get("url")
        if isinstance(url, str) and url[:5].lower() == "data:":
            media = from_base64(url, provider=provider, mime_type=said)
            return Media(data=media.data, mime_type=media.mime_type, metadata=facts)
        if isinstance(url, str) and url:
            return Media(url=url, mime_type=said or mime_type_of_url(url), metadata=facts)
    raise answer_without(response, provider, body, "media in one of its entries")


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
    return from_base64(stripped, provider=provider)


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
