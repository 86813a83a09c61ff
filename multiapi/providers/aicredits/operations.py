"""AICredits beside chat: DALL-E, speech as plain bytes, transcription from base64 in JSON, the wallet, health, Responses.

- The list of models and the health checks are public and lie outside `/v1`.
- Which field of `/v1/credits` holds the balance is not documented: the known candidates are tried; the unit is INR. Some users
  saw 404 there (grade A) and the balance at `/api/v1/credits` (grade B): that is asked once then.
- The list of models has documented names and names seen live (grade B); both are read.
- A request may have 10 MB, so about 7.5 MB of sound.

Facts and sources: multiapi/simulator/contracts/aicredits.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from multiapi.errors import InvalidRequestError, RequestTooLargeError, ResponseFormatError
from multiapi.formats.account import get, get_models, parse_models, read_operation, words_at
from multiapi.formats.answer_facts import answer_without, decimal_of, object_at, request_id, text_at, whole_number
from multiapi.formats.media import (
    media_operation,
    needs_text,
    one_named,
    one_of,
    parse_images,
    sound_body,
    taken_settings,
)
from multiapi.formats.openai.vendor import merged, parse_object, usage_cost
from multiapi.formats.responses import build_responses, parse_responses
from multiapi.formats.transcripts import transcript_facts
from multiapi.http.exchange import HttpRequest, HttpResponse, excerpt
from multiapi.provider import Operation, Retry
from multiapi.providers.aicredits import SCHEMAS
from multiapi.types.account import Balance, Health, ModelInfo, Price
from multiapi.types.media import Media, check_upload, needs_bytes
from multiapi.types.media_kinds import sound_ending
from multiapi.types.media_requests import ImageRequest, SpeechRequest, TranscriptionRequest
from multiapi.types.media_results import Transcript

_NAME = "aicredits"
_SIZES = ("1024x1024", "1792x1024", "1024x1792")
_RATIOS = {"1:1": _SIZES[0], "16:9": _SIZES[1], "7:4": _SIZES[1], "9:16": _SIZES[2], "4:7": _SIZES[2]}
"""The sizes are 7:4, which is taken for 16:9 as well."""
_VOICES = ("alloy", "echo", "fable", "onyx", "nova", "shimmer")
_FORMATS = ("mp3", "opus", "aac", "flac")
_SOUNDS = {
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/mp4": "m4a",
    "audio/webm": "webm",
    "audio/ogg": "ogg",
    "audio/opus": "ogg",
    "audio/flac": "flac",
    "audio/aac": "aac",
    "audio/aiff": "aiff",
    "audio/amr": "amr",
    "video/mp4": "mp4",
    "video/webm": "webm",
}
"""The word in `format`. The page lists mp3, wav, m4a and webm and ends with "etc."; the others are known to speech models."""
_read_cost = partial(usage_cost, unit="INR")

_OTHER_CREDITS = "/api/v1/credits"
"""Asked once after a 404 of the documented path, which is free (seen: the 404 grade A, this path grade B, November 2026)."""
_BALANCE_FIELDS = ("balance", "balance_inr", "wallet_balance", "credits", "remaining", "available")


# ------------------------------------------------------------------------------------------------ building


def build_image(request: ImageRequest) -> HttpRequest:
    """Images; width and height as one text, or the size that has a ratio. The page lists sizes for DALL-E 3 alone; what other models
    are asked for is passed on. A model that is not named is left to the provider, whose page says DALL-E 3.

    Raises:
        InvalidRequestError: Of DALL-E 3: another size, more than one image, more than 4,000 characters. A quality that is not documented.
    """
    taken = {"prompt", "width", "height", "aspect_ratio", "count", "quality", "inline"}
    settings = taken_settings(request, _NAME, taken, has_default_model=True)
    is_dall_e_3 = not request.model or request.model.endswith("dall-e-3")
    prompt = needs_text(settings.get("prompt", ""), _NAME, "prompt", 4_000 if is_dall_e_3 else None)
    body: dict[str, Any] = {"model": request.model, "prompt": prompt} if request.model else {"prompt": prompt}
    if "count" in settings:
        if is_dall_e_3 and settings["count"] != 1:
            raise InvalidRequestError("aicredits: dall-e-3 makes one image at a time", provider=_NAME)
        body["n"] = settings["count"]
    if "width" in settings or "height" in settings:
        size = f"{settings.get('width')}x{settings.get('height')}"
        body["size"] = one_of(size, _SIZES, _NAME, "the size") if is_dall_e_3 else size
    elif "aspect_ratio" in settings:
        ratio = settings["aspect_ratio"]
        body["size"] = _RATIOS[one_of(ratio, _RATIOS, _NAME, "the ratio")] if is_dall_e_3 else _RATIOS.get(ratio, ratio)
    if "quality" in settings:
        body["quality"] = one_of(settings["quality"], ("standard", "hd"), _NAME, "quality")
    if "inline" in settings:
        body["response_format"] = "b64_json" if settings["inline"] else "url"
    return HttpRequest("POST", "/v1/images/generations", json=merged(body, request.extra), headers=request.headers)


def build_speech(request: SpeechRequest) -> HttpRequest:
    """A text of at most 4,096 characters, read by one of six voices, or by another one with a warning.

    Raises:
        InvalidRequestError: No voice, another format, too long.
    """
    settings = taken_settings(request, _NAME, {"text", "voice", "output_format"})
    if "voice" not in settings:
        raise InvalidRequestError(f"aicredits needs a voice: {', '.join(_VOICES)}", provider=_NAME)
    body: dict[str, Any] = {
        "model": request.model,
        "input": needs_text(request.text, _NAME, "text", 4_096),
        "voice": one_named(settings["voice"], _VOICES, _NAME, "the voice"),
    }
    if "output_format" in settings:
        body["response_format"] = one_of(settings["output_format"], _FORMATS, _NAME, "the format")
    return HttpRequest("POST", "/v1/audio/speech", json=merged(body, request.extra), headers=request.headers)


def build_transcription(request: TranscriptionRequest) -> HttpRequest:
    """A recording as bare base64 in JSON, with its format; not multipart, other than at OpenAI.

    Raises:
        InvalidRequestError: Only an address, a format that cannot be named.
        RequestTooLargeError: More than 7.49 MB.
    """
    settings = taken_settings(request, _NAME, {"audio", "language"})
    audio = needs_bytes(settings["audio"], provider=_NAME, what="a recording")
    check_upload(audio, provider=_NAME, what="recordings", max_bytes=7_490_000, too_large=RequestTooLargeError)
    own = request.extra.get("input_audio")
    word = own.get("format") if isinstance(own, Mapping) else None
    sound = {"data": audio.base64(), "format": word or _format_word(audio)}
    body: dict[str, Any] = {"model": request.model, "input_audio": sound}
    if "language" in settings:
        language = settings["language"].partition("-")[0].lower()
        if len(language) != 2 or not language.isalpha():
            raise InvalidRequestError(
                f"aicredits takes a language as two letters, not {settings['language']!r}", provider=_NAME
            )
        body["language"] = language
    return HttpRequest("POST", "/v1/audio/transcriptions", json=merged(body, request.extra), headers=request.headers)


def _format_word(audio: Media) -> str:
    """The word of the kind that is known; else the caller's own ending, or that of the file's kind: the provider's list is open.

    Raises:
        InvalidRequestError: The file is something else than a recording, or nothing says what it is.
    """
    kind = audio.mime_type
    word = _SOUNDS.get(kind or "") or sound_ending(kind, audio.name)
    if word is None:
        shown = kind or "bytes that show no known format, under a name that tells none"
        raise InvalidRequestError(
            f"aicredits takes recordings, as {', '.join(dict.fromkeys(_SOUNDS.values()))} or another format of sound, not {shown}; "
            "to send it all the same, name its format in `extra` as {'input_audio': {'format': '...'}}",
            provider=_NAME,
        )
    return word


# ------------------------------------------------------------------------------------------------ reading


def parse_transcription(response: HttpResponse) -> Transcript:
    """The text under any known name; Sarvam's models answer `transcript` and `language_code` (seen live, grade A, November 2026).

    Raises:
        ResponseFormatError: There is none.
    """
    body = parse_object(response, _NAME)
    facts = transcript_facts(body)
    if facts is None:
        raise answer_without(response, _NAME, body, "text")
    return Transcript(
        provider=_NAME,
        model=text_at(body, "model"),
        cost=_read_cost(body, response.headers),
        request_id=request_id(response.headers, body),
        headers=response.headers,
        raw=body,
        **facts,
    )


_PRICES = (
    ("input_cost_per_1m", "input_tokens", "USD", 1),
    ("output_cost_per_1m", "output_tokens", "USD", 1),
    ("input_cost_per_token", "input_tokens", "USD", 1_000_000),
    ("output_cost_per_token", "output_tokens", "USD", 1_000_000),
    ("cached_input_cost_per_1m", "cached_input_tokens", "USD", 1),
    ("cached_input_cost_per_token", "cached_input_tokens", "USD", 1_000_000),
    ("input_cost_per_1m_inr", "input_tokens", "INR", 1),
    ("output_cost_per_1m_inr", "output_tokens", "INR", 1),
    ("input_cost_per_token_inr", "input_tokens", "INR", 1_000_000),
    ("output_cost_per_token_inr", "output_tokens", "INR", 1_000_000),
    ("cached_input_cost_per_token_inr", "cached_input_tokens", "INR", 1_000_000),
)
"""Field of the list, what is paid for, the currency, and by what to multiply to come to a million tokens."""


def read_model(entry: dict[str, Any]) -> ModelInfo:
    """One entry of the list, by its documented names and by those seen live (grade B, November 2026), also mixed.

    Prices are for a million tokens, in dollars; those whose names end in `_inr` are in rupees, as the wallet is.
    """
    prices: dict[tuple[str, str], Price] = {}
    for name, what, currency, times in _PRICES:
        amount = decimal_of(entry.get(name))
        if amount is not None:
            price = Price(amount=_plain(amount * times), currency=currency, what=what, per=Decimal(1_000_000))
            prices.setdefault((what, currency), price)
    active = entry.get("is_active")
    return ModelInfo(
        id=entry["id"],
        provider=_NAME,
        name=text_at(entry, "name") or None,
        developer=text_at(entry, "provider") or None,
        description=text_at(entry, "description") or None,
        capabilities=words_at(entry, "tags"),
        inputs=words_at(entry, "input_modalities"),
        outputs=words_at(entry, "output_modalities"),
        context_tokens=whole_number(entry.get("context_window")) or whole_number(entry.get("context_length")) or None,
        prices=tuple(prices.values()),
        active=active if isinstance(active, bool) else None,
        raw=entry,
    )


def _plain(amount: Decimal) -> Decimal:
    """The same amount without zeros at its end, as a person writes it."""
    return Decimal(f"{amount.normalize():f}")


def parse_credits(response: HttpResponse) -> Balance:
    """The wallet in rupees; None if none of the candidate fields is there.

    Where only `total_credits` and `total_usage` are there (seen, grade B), the balance is their difference, whose unit nobody
    names.

    Raises:
        ResponseFormatError: An empty answer, or a candidate that is not an amount.
    """
    body = parse_object(response, _NAME)
    inner = object_at(body, "data")
    for place, fields in ((body, (*_BALANCE_FIELDS, "credits_inr")), (inner, ("credits_inr", *_BALANCE_FIELDS))):
        for name in fields:
            amount = decimal_of(place.get(name))
            if amount is not None:
                return Balance(provider=_NAME, amount=amount, unit="INR", raw=body)
    for place in (body, inner):
        had, used = decimal_of(place.get("total_credits")), decimal_of(place.get("total_usage"))
        if had is not None and used is not None:
            return Balance(provider=_NAME, amount=had - used, unit=None, raw=body)
    unreadable = [name for name in _BALANCE_FIELDS if name in body]
    if unreadable or not body:
        raise answer_without(response, _NAME, body, "a balance that is a number")
    return Balance(provider=_NAME, amount=None, unit="INR", raw=body)


def parse_health(response: HttpResponse) -> Health:
    """What the provider says of itself."""
    text = response.body.strip()
    if response.content_type.startswith("text/plain") or not text:
        return Health(provider=_NAME, ok=True, status=excerpt(text, 100) or None)
    body = response.json(provider=_NAME)
    if not isinstance(body, dict):
        raise ResponseFormatError(
            "aicredits answered about its health with no object", provider=_NAME, body=excerpt(response.body)
        )
    status = body.get("status")
    parts = {name: value for name, value in body.items() if name != "status"}
    well = {"ok", "ready", "alive", "live", "healthy", None}
    states = [status, *(value for value in parts.values() if isinstance(value, str))]
    return Health(
        provider=_NAME,
        ok=all(state in well for state in states if state is None or isinstance(state, str)),
        status=status if isinstance(status, str) else None,
        parts=parts,
    )


OPERATIONS: dict[str, Operation[Any, Any]] = {
    "image": media_operation("image", build_image, partial(parse_images, provider=_NAME, read_cost=_read_cost)),
    "speech": media_operation("speech", build_speech, partial(sound_body, provider=_NAME, read_cost=_read_cost)),
    "transcribe": Operation("transcribe", build_transcription, parse_transcription, Retry.ANSWER),
    "models": read_operation(
        "models",
        get_models("/api/models", provider=_NAME, public=True),
        partial(parse_models, provider=_NAME, read_model=read_model),
    ),
    "credits": read_operation("credits", get("/v1/credits"), parse_credits, elsewhere=_OTHER_CREDITS),
    "balance": read_operation("balance", get("/v1/credits"), parse_credits, elsewhere=_OTHER_CREDITS),
    "health": read_operation("health", get("/health", public=True), parse_health),
    "ready": read_operation("ready", get("/health/ready", public=True), parse_health),
    "live": read_operation("live", get("/health/live", public=True), parse_health),
    "responses": Operation(
        "responses",
        partial(build_responses, provider=_NAME, schemas=SCHEMAS),
        partial(parse_responses, provider=_NAME, read_cost=_read_cost),
        Retry.ANSWER,
    ),
}
