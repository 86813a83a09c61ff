"""Bineric beside chat: speech, transcripts and images go through the chat operation; files to base64 and back; money.

- Speech answers with an MP3 as base64 in `response`, with or without a data URL's beginning.
- What an image's answer looks like is not documented: address, data URL and base64 are told apart by their beginning.
- Balances and costs are bare numbers; only the model list names a currency.
- The path of base64 decoding has neither of the prefixes of the others.

Facts and sources: multiapi/simulator/contracts/bineric.yaml.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime
from functools import partial
from math import isfinite
from typing import Any

from multiapi.errors import InvalidRequestError, RequestTooLargeError, ResponseFormatError, UnsupportedError, printable
from multiapi.formats.account import get, get_models, parse_models, read_operation
from multiapi.formats.answer_facts import (
    answer_without,
    decimal_of,
    list_at,
    name_of_answer,
    object_at,
    read_usage,
    request_id,
    text_at,
    whole_number,
)
from multiapi.formats.media import (
    entry_media,
    media_operation,
    media_result,
    needs_text,
    one_named,
    taken_settings,
    text_media,
    without_media,
)
from multiapi.formats.openai import answers as openai_answers
from multiapi.formats.openai.vendor import merged, parse_object
from multiapi.formats.transcripts import segments_of, transcript_facts
from multiapi.http.exchange import FilePart, HttpRequest, HttpResponse, excerpt
from multiapi.http.json import parse_answer
from multiapi.http.sse import SseDecoder
from multiapi.provider import Operation, Retry
from multiapi.providers.bineric import parse_chat, read_cost
from multiapi.types.account import Balance, DailyUsage, ModelInfo, Price, UsageEntry, UsageReport, UsageRequest
from multiapi.types.chat import ChatResponse
from multiapi.types.media import Media, check_upload, from_base64, from_provider, needs_bytes, source_of
from multiapi.types.media_kinds import container_of, extension_of, group_of, judged, mime_type_of_name, upload_name
from multiapi.types.media_requests import ImageRequest, MediaRequest, SpeechRequest, TranscriptionRequest
from multiapi.types.media_results import EncodedFile, ImageResult, MediaResult, Transcript
from multiapi.types.usage import Cost

_NAME = "bineric"
_CHAT = "/ai/chat/completions"
_AUDIO_MB = 200
_FILE_MB = 50
_FILE_FORMATS = (
    *("mp3", "wav", "m4a", "ogg", "aac", "flac", "wma"),
    *("jpg", "jpeg", "png", "gif", "webp"),
    *("pdf", "doc", "docx", "xls", "xlsx", "txt", "csv"),
)
_LANGUAGES = ("nb-NO", "en-US", "en-GB", "sv-SE", "da-DK")
_BASE64 = re.compile(r"(data:[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+;base64,)?[A-Za-z0-9+/]+={0,2}")


# ------------------------------------------------------------------------------------------------ building


def build_image(request: ImageRequest) -> HttpRequest:
    """An image from a prompt; no setting is documented."""
    settings = taken_settings(request, _NAME, {"prompt"})
    return _chat(request, needs_text(settings.get("prompt", ""), _NAME, "prompt"), {})


def build_speech(request: SpeechRequest) -> HttpRequest:
    """A text, which may be SSML, with voice settings as text: "+10%" for pitch and volume, "0.9" for the rate.

    Raises:
        InvalidRequestError: A language that is not a text. One that is not documented goes out with a warning.
    """
    settings = taken_settings(request, _NAME, {"text", "voice", "language", "speed", "pitch", "volume"})
    if "language" in settings:
        one_named(settings["language"], _LANGUAGES, _NAME, "the language")
    options: dict[str, Any] = {name: settings[name] for name in ("language", "voice") if name in settings}
    for name, word, form in (("pitch", "pitch", "{:+g}%"), ("volume", "volume", "{:+g}%"), ("speed", "rate", "{:g}")):
        if name in settings:
            options[word] = _as_text(settings[name], name, form)
    return _chat(request, needs_text(request.text, _NAME, "text"), options)


def _as_text(value: Any, name: str, form: str) -> str:
    """A setting of the voice as the provider takes it: a text as it is, a number in its form."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise InvalidRequestError(
            f"bineric takes a number or a text as `{name}`, not {printable(repr(value), 60)}", provider=_NAME
        )
    return form.format(value)


def build_transcription(request: TranscriptionRequest) -> HttpRequest:
    """A recording as an attachment; what to do with it is said in words."""
    if request.diarize is not None:
        raise UnsupportedError(
            "bineric has no setting diarize; ask for it in `prompt`, as in prompt='Transcribe this audio and tell the speakers apart'",
            provider=_NAME,
        )
    settings = taken_settings(request, _NAME, {"audio", "prompt"})
    audio = needs_bytes(settings["audio"], provider=_NAME, what="a recording")
    check_upload(
        audio, provider=_NAME, what="a recording", max_bytes=_AUDIO_MB * 1_000_000, too_large=RequestTooLargeError
    )
    if audio.kind != "audio":
        shown = audio.mime_type or "bytes that show no known format; state it in mime_type"
        raise InvalidRequestError(f"bineric takes a recording here, not {shown}", provider=_NAME)
    attachment = f"data:{container_of(audio.mime_type or '')};base64,{audio.base64()}"
    return _chat(request, settings.get("prompt", "Transcribe this audio"), {}, [attachment])


def _chat(
    request: MediaRequest, content: str, options: dict[str, Any], attachments: list[str] | None = None
) -> HttpRequest:
    message: dict[str, Any] = {"role": "user", "content": content}
    if attachments:
        message["attachments"] = attachments
    body: dict[str, Any] = {"model": request.model, "messages": [message]}
    if options:
        body["options"] = options
    return HttpRequest("POST", _CHAT, json=merged(body, request.extra), headers=request.headers)


def build_file_to_base64(media: Media | str) -> HttpRequest:
    """One file, of the documented formats and up to 50 MB.

    Raises:
        InvalidRequestError: Another format, too large, or only an address.
    """
    file = needs_bytes(source_of(media), provider=_NAME, what="a file")
    found = judged(file.data, said=file.mime_type, name=file.name, expected=("image", "audio", "document", "text"))
    if file.name is None and group_of(found) == "text" and found != "text/csv":
        found = "text/plain"  # the only other text that is taken, and all of them are plain text as well
    name = upload_name(file.name or "file", found)
    if name.rpartition(".")[2].lower() not in _FILE_FORMATS or extension_of(found) == ".bin":
        shown = found or "bytes that show no known format; state it in mime_type or in the name"
        raise InvalidRequestError(f"bineric takes files as {', '.join(_FILE_FORMATS)}, not {shown}", provider=_NAME)
    check_upload(file, provider=_NAME, what="files", max_bytes=_FILE_MB * 1_000_000, too_large=RequestTooLargeError)
    part = FilePart("file", name, file.read(), container_of(found or ""))
    return HttpRequest("POST", "/media/base64", files=(part,))


def build_decode_base64(data: str | Media) -> HttpRequest:
    """Base64 text or a data URL.

    Raises:
        InvalidRequestError: It is neither.
    """
    text = data.data_url() if isinstance(data, Media) else "".join(str(data).split())
    if not _BASE64.fullmatch(text):
        raise InvalidRequestError("bineric decodes base64 text or a data URL; this is neither", provider=_NAME)
    return HttpRequest("POST", "/decode-base64", json={"data": text})


def build_usage(request: UsageRequest | None) -> HttpRequest:
    """Days as YYYY-MM-DD.

    Raises:
        UnsupportedError: A period, groups or a key.
    """
    wanted = request or UsageRequest()
    for name in ("period", "group_by", "time_zone", "key_prefix"):
        if getattr(wanted, name) is not None:
            raise UnsupportedError(f"bineric reports usage by start and end, and takes no {name}", provider=_NAME)
    query = [
        (name, _day(value))
        for name, value in (("startDate", wanted.start), ("endDate", wanted.end))
        if value is not None
    ]
    return HttpRequest("GET", "/monitoring/usage", query=tuple(query))


def _day(value: date | datetime | str) -> str:
    text = value[:10] if isinstance(value, str) else value.strftime("%Y-%m-%d")
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise InvalidRequestError(f"bineric takes days as YYYY-MM-DD, not {value!r}", provider=_NAME) from None


# ------------------------------------------------------------------------------------------------ reading


def parse_image(response: HttpResponse) -> ImageResult:
    """The image in the text of the response."""
    answer = parse_chat(response)
    return ImageResult(
        provider=_NAME,
        model=answer.model,
        media=(_media(answer, response),),
        cost=answer.cost,
        usage=answer.usage,
        request_id=answer.request_id,
        headers=response.headers,
        raw=without_media(answer.raw),
    )


def parse_speech(response: HttpResponse) -> MediaResult:
    """The MP3 in the text of the response.

    Raises:
        ResponseFormatError: The text is none.
    """
    answer = parse_chat(response)
    media = _media(answer, response, mime_type="audio/mpeg")
    if media.data is not None and group_of(media.mime_type) not in {"audio", "file"}:
        raise ResponseFormatError(f"bineric answered with {media.mime_type} instead of sound", provider=_NAME)
    return media_result(media, response, provider=_NAME, body=answer.raw, read_cost=read_cost)


def parse_transcription(response: HttpResponse) -> Transcript:
    """The text of the response; times from `_bineric.phrases`, which the provider's own client reads (seen live, grade B, November 2026).
    How speakers are laid out is not documented.
    """
    objects = _objects(response)
    facts: dict[str, Any] = {}
    for body in objects:
        facts |= {name: value for name, value in (transcript_facts(body) or {}).items() if value and name != "usage"}
        for place in (object_at(body, "_bineric"), body):
            phrases = segments_of(place.get("phrases"))
            facts |= {"segments": phrases} if phrases else {}
    try:
        answer: ChatResponse | None = parse_chat(response)
    except ResponseFormatError:
        if not facts.get("text"):
            raise
        answer = None
    body = objects[-1] if objects else {}
    text = (answer.text if answer is not None else "") or facts.pop("text", "")
    facts.pop("text", None)
    return Transcript(
        provider=_NAME,
        model=answer.model if answer is not None else str(body.get("model") or ""),
        text=text,
        cost=answer.cost if answer is not None else read_cost(body, response.headers),
        usage=answer.usage if answer is not None else read_usage(body.get("usage")),
        request_id=answer.request_id if answer is not None else request_id(response.headers, body),
        headers=response.headers,
        raw=answer.raw if answer is not None else body,
        **facts,
    )


def _objects(response: HttpResponse) -> list[dict[str, Any]]:
    """The JSON objects of a response: its body, or its events. What cannot be read is left out."""
    found = openai_answers.without_comments(response)
    texts = [found.body]
    if openai_answers.comes_as_events(found):
        decoder = SseDecoder()
        texts = [event.data for event in [*decoder.feed(found.body), *decoder.close()]]
    objects = []
    for text in texts:
        with suppress(ValueError):
            objects.append(parse_answer(text))
    return [each for each in objects if isinstance(each, dict)]


def _media(answer: ChatResponse, response: HttpResponse, mime_type: str | None = None) -> Media:
    if answer.media:
        return answer.media[0]
    for body in reversed(_objects(response)):
        for content in _contents(body):
            with suppress(ResponseFormatError):
                return _named(entry_media(content, response, _NAME, body), content, mime_type)
    try:
        media = text_media(answer.text, provider=_NAME)
    except ResponseFormatError as error:
        error.body = excerpt(response.body)
        error.request_id = answer.request_id
        raise
    return media if media.mime_type or media.data is None else Media(data=media.data, mime_type=mime_type)


def _contents(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Objects that stand where the text of a response does, or in a list there."""
    places = [body.get("response"), body.get("data"), body.get("audio")]
    for choice in list_at(body, "choices"):
        if isinstance(choice, dict):
            places += [object_at(choice, name).get("content") for name in ("message", "delta")]
    flat = [each for place in places for each in (place if isinstance(place, list) else [place])]
    return [each for each in flat if isinstance(each, dict)]


def _named(media: Media, content: dict[str, Any], mime_type: str | None) -> Media:
    """The media, of the format that stands beside it where its bytes show none."""
    if media.mime_type is not None or media.data is None:
        return media
    word = object_at(content, "metadata").get("format") or content.get("format")
    said = mime_type_of_name(f"a.{word}") if isinstance(word, str) else None
    return Media(data=media.data, mime_type=said or mime_type, metadata=media.metadata)


def parse_file_to_base64(response: HttpResponse) -> EncodedFile:
    """The file as base64, bare or as a data URL, and what the provider found out about it."""
    body = parse_object(response, _NAME)
    data = body.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("base64String"), str):
        raise answer_without(response, _NAME, body, "a file")
    info = object_at(data, "fileInfo")
    size = object_at(data, "size")
    name = data["originalName"] if isinstance(data.get("originalName"), str) else None
    found = from_base64(data["base64String"], provider=_NAME, mime_type=info.get("mimeType"))
    return EncodedFile(
        provider=_NAME,
        media=from_provider(found.read(), found.mime_type, name=name),
        name=name,
        category=info.get("category"),
        original_bytes=whole_number(size.get("original")),
        extension=text_at(info, "extension") or None,
        encoded_bytes=whole_number(size.get("base64")),
        request_id=request_id(response.headers, body),
        raw=without_media(body),
    )


def parse_decoded(response: HttpResponse) -> Media:
    """The file itself, of the kind its bytes show."""
    if not response.body:
        raise ResponseFormatError("bineric decoded nothing", provider=_NAME, status=response.status)
    name = name_of_answer(response.headers)
    media = from_provider(
        response.body, response.content_type or None, metadata={"headers": dict(response.headers)}, name=name
    )
    if media.mime_type == "application/json" and response.content_type == "application/json":
        failure = response.json(provider=_NAME)
        if isinstance(failure, dict) and failure.get("success") is False:
            parse_object(response, _NAME)
    return media


_PRICES = {"input": "input_tokens", "output": "output_tokens", "cost_per_image": "image"}


def read_model(entry: dict[str, Any]) -> ModelInfo:
    """One entry of the list; prices are text, in the currency that stands beside them."""
    pricing, limits = object_at(entry, "pricing"), object_at(entry, "limits")
    currency = pricing.get("currency") if isinstance(pricing.get("currency"), str) else None
    prices = [
        Price(amount=amount, currency=currency, what=_PRICES.get(name, name))
        for name, value in pricing.items()
        if name != "currency" and (amount := decimal_of(value)) is not None
    ]
    return ModelInfo(
        id=entry["id"],
        provider=_NAME,
        name=entry.get("name"),
        kind=entry.get("type"),
        developer=entry.get("provider"),
        description=entry.get("description"),
        capabilities=tuple(
            dict.fromkeys(
                [
                    *(str(word) for word in list_at(entry, "capabilities")),
                    *(name for name, there in object_at(entry, "features").items() if there is True),
                ]
            )
        ),
        features={name: there for name, there in object_at(entry, "features").items() if isinstance(there, bool)},
        files=object_at(entry, "file_support"),
        max_output_tokens=whole_number(limits.get("max_tokens", limits.get("max_response_length"))) or None,
        prices=tuple(prices),
        raw=entry,
    )


def parse_usage(response: HttpResponse) -> UsageReport:
    """Totals and one entry per model."""
    body = parse_object(response, _NAME)
    data = _data(body, response, "usage")
    total, period = object_at(data, "total_usage"), object_at(data, "period")
    models = [entry for entry in list_at(data, "by_model") if isinstance(entry, dict)]
    if not total and not models:
        raise answer_without(response, _NAME, body, "usage")
    return UsageReport(
        provider=_NAME,
        start=period.get("start"),
        end=period.get("end"),
        requests=whole_number(total.get("total_requests")),
        total_tokens=whole_number(total.get("total_tokens")),
        cost=_cost(total.get("total_cost")),
        by_model=tuple(
            UsageEntry(
                model=entry.get("model"),
                requests=whole_number(object_at(entry, "usage").get("request_count")),
                input_tokens=whole_number(object_at(entry, "usage").get("input_tokens")),
                output_tokens=whole_number(object_at(entry, "usage").get("output_tokens")),
                cost=_cost(object_at(entry, "usage").get("total_cost")),
            )
            for entry in models
        ),
        raw=body,
    )


def parse_daily_usage(response: HttpResponse) -> DailyUsage:
    """Today, and whether the account is paid for."""
    body = parse_object(response, _NAME)
    data = _data(body, response, "usage")
    status, today, last = (
        object_at(data, "payment_status"),
        object_at(data, "today_usage"),
        object_at(data, "last_request"),
    )
    if not today and not status:
        raise answer_without(response, _NAME, body, "usage")
    return DailyUsage(
        provider=_NAME,
        active=status.get("active") if isinstance(status.get("active"), bool) else None,
        expires=status.get("expires_at", status.get("expires")),
        requests=whole_number(today.get("requests")),
        input_tokens=whole_number(today.get("input_tokens")),
        output_tokens=whole_number(today.get("output_tokens")),
        cost=_cost(today.get("total_cost")),
        last_model=last.get("model"),
        last_time=last.get("time"),
        last_cost=_cost(last.get("cost")),
        raw=body,
    )


def parse_balance(response: HttpResponse) -> Balance:
    """What is left, without a currency.

    Raises:
        ResponseFormatError: No balance, or none that is a number.
    """
    body = parse_object(response, _NAME)
    data = _data(body, response, "a balance")
    amount = decimal_of(data.get("balance"))
    if amount is None:
        raise answer_without(response, _NAME, data, "a balance")
    status, usage = object_at(data, "payment_status"), object_at(data, "usage")
    return Balance(
        provider=_NAME,
        amount=amount,
        unit=None,
        expires=status.get("expires", status.get("expires_at")),
        active=status.get("active") if isinstance(status.get("active"), bool) else None,
        updated=text_at(data, "lastUpdated") or None,
        input_tokens=whole_number(data.get("inputTokens")),
        output_tokens=whole_number(data.get("outputTokens")),
        today=_used(object_at(usage, "daily")),
        total=_used(object_at(usage, "total")),
        raw=body,
    )


def _used(part: dict[str, Any]) -> UsageEntry | None:
    """The figures of a day or of all time; tokens stand in it or below `tokens`."""
    if not part:
        return None
    counts = object_at(part, "tokens")
    return UsageEntry(
        requests=whole_number(part.get("requests")),
        input_tokens=whole_number(part.get("input_tokens", counts.get("input"))),
        output_tokens=whole_number(part.get("output_tokens", counts.get("output"))),
        cost=_cost(part.get("cost", part.get("total_cost"))),
    )


def _data(body: dict[str, Any], response: HttpResponse, what: str) -> dict[str, Any]:
    data = body.get("data")
    if not isinstance(data, dict):
        raise answer_without(response, _NAME, body, what)
    return data


def _cost(value: Any) -> Cost | None:
    amount = decimal_of(value)
    return None if amount is None else Cost(amount, None)


OPERATIONS: dict[str, Operation[Any, Any]] = {
    "image": media_operation("image", build_image, parse_image),
    "speech": media_operation("speech", build_speech, parse_speech),
    "transcribe": Operation("transcribe", build_transcription, parse_transcription, Retry.ANSWER),
    "models": read_operation(
        "models", get_models("/ai/models", provider=_NAME), partial(parse_models, provider=_NAME, read_model=read_model)
    ),
    "usage": read_operation("usage", build_usage, parse_usage),
    "daily_usage": read_operation("daily_usage", get("/monitoring/daily-usage"), parse_daily_usage),
    "balance": read_operation("balance", get("/monitoring/balance"), parse_balance),
    "file_to_base64": Operation(
        "file_to_base64",
        build_file_to_base64,
        parse_file_to_base64,
        Retry.ANSWER,
        limit="media_answer_bytes",
        free=True,
    ),
    "decode_base64": Operation(
        "decode_base64", build_decode_base64, parse_decoded, Retry.ANSWER, limit="media_answer_bytes", free=True
    ),
}
