"""AI/ML API's media: how all of them are asked for, and how images, 3D models, speech and text in documents are answered.

What a model's fields are called is data (`multiapi.providers.aimlapi.catalogue`), so one request fits all of them. Videos, music and transcripts are
answered with a job: `multiapi/providers/aimlapi/media_jobs.py`.

Speech answers with bytes or with a link in JSON, whatever the schema says: the content type decides.

Facts and sources: multiapi/simulator/contracts/aimlapi.yaml and aimlapi_notes.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from multiapi.errors import InvalidRequestError, ResponseFormatError, UnsupportedError
from multiapi.formats.answer_facts import answer_without, list_at, object_at, request_id, text_at, whole_number
from multiapi.formats.media import (
    entry_media,
    media_in,
    media_operation,
    media_result,
    needs_text,
    parse_images,
    sound_body,
    whole_or_partial,
    without_media,
)
from multiapi.formats.openai.vendor import merged, parse_object
from multiapi.formats.streamed_sound import SoundStream
from multiapi.http.exchange import FilePart, HttpRequest, HttpResponse
from multiapi.provider import EventOperation, Operation, Retry, Withdrawal
from multiapi.providers.aimlapi import catalogue, read_cost
from multiapi.providers.aimlapi.catalogue import ModelEntry, parameters
from multiapi.types.limits import Limits
from multiapi.types.media import Media, check_upload, from_base64, needs_bytes, source_of
from multiapi.types.media_fields import fitting, settings_of
from multiapi.types.media_kinds import container_of, upload_name
from multiapi.types.media_requests import (
    ImageEditRequest,
    ImageRequest,
    MediaRequest,
    MeshRequest,
    MusicRequest,
    OcrRequest,
    Source,
    SpeechRequest,
    TranscriptionRequest,
    VideoRequest,
    VisionFeaturesRequest,
)
from multiapi.types.media_results import MediaResult, MeshResult, OcrPage, OcrResult, VisionFeatures

NAME = "aimlapi"
_IMAGE_FORMATS = ("png", "webp", "jpg")
_READ = {
    "zhipu": ("pdf", "jpg", "png"),
    "google": ("pdf", "gif", "tiff", "jpg", "png", "bmp", "webp"),
}
"""What the makers of models for OCR document, by a word of the model's id."""
_CALL_OF_FAMILY = {
    "text": "chat",
    "embedding": "embed",
    "image": "image",
    "3d": "mesh",
    "video": "video",
    "music": "music",
    "tts": "speech",
    "stt": "transcribe",
    "ocr": "ocr",
    "moderation": "moderate",
}

# ------------------------------------------------------------------------------------------------ building


def entry_of(model: str, family: str) -> ModelEntry:
    """What is known of a model; one that is not in the list is taken as it is.

    Raises:
        InvalidRequestError: No model, or one of another family; the message names the call for it.
    """
    if not model:
        raise InvalidRequestError("aimlapi needs a model; Client('aimlapi').models() lists them", provider=NAME)
    entry = catalogue.find(model)
    if entry is None:
        return catalogue.unknown(model, family)
    if entry.family != family:
        call = _CALL_OF_FAMILY.get(entry.family)
        hint = f"; client.{call}(...) calls it" if call else ""
        raise InvalidRequestError(f"aimlapi: {model} is a model for {entry.family}{hint}", provider=NAME)
    return entry


def address(source: Source) -> str:
    """An image, sound or document as the provider takes it in JSON: its address, or its bytes as a data URL."""
    media = source_of(source)
    return media.url if media.data is None and media.path is None and media.url is not None else media.data_url()


def _addresses(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [address(item) for item in value]
    return address(value)


_SOURCES = (
    "images",
    "reference_images",
    "last_image",
    "left_image",
    "back_image",
    "right_image",
    "mask",
    "video",
    "audio",
    "mesh",
)


def body_of(request: MediaRequest, entry: ModelEntry) -> dict[str, Any]:
    """The request in the model's own names."""
    wanted = settings_of(request, NAME)
    if "settings" in wanted:
        raise UnsupportedError(
            f"aimlapi takes no settings of a studio; pass what {entry.id} has under its own names in `extra`",
            provider=NAME,
        )
    for name in _SOURCES:
        if name in wanted:
            wanted[name] = _addresses(wanted[name])
    if "prompt" in wanted:
        needs_text(wanted["prompt"], NAME, "prompt")
    return {"model": entry.wire_id, **parameters.fill(entry, wanted, request.extra)}


def _posted(request: MediaRequest, family: str) -> HttpRequest:
    entry = entry_of(request.model, family)
    return HttpRequest("POST", path_of(entry.endpoint), json=body_of(request, entry), headers=request.headers)


def path_of(endpoint: str) -> str:
    """The path of an endpoint as the catalogue has it, behind the method."""
    return endpoint.partition(" ")[2]


def build_image(request: ImageRequest) -> HttpRequest:
    """Images, at once."""
    return _posted(request, "image")


def build_mesh(request: MeshRequest) -> HttpRequest:
    """A 3D model, or the parts of one, at once."""
    return _posted(request, "3d")


def build_speech(request: SpeechRequest) -> HttpRequest:
    """A text in the field that the model has for it."""
    needs_text(request.text, NAME, "text")
    return _posted(request, "tts")


def build_streamed_speech(request: SpeechRequest) -> HttpRequest:
    """The same, sent while it is made.

    Raises:
        UnsupportedError: The model does not stream.
        InvalidRequestError: `extra` says that it shall not.
    """
    http = build_speech(request)
    entry = catalogue.find(request.model)
    if entry is not None and not _streams(entry):
        streaming = ", ".join(sorted(each.id for each in catalogue.models("tts") if _streams(each)))
        raise UnsupportedError(
            f"aimlapi: {request.model} does not stream speech; {streaming} do, and client.speech(...) gives the whole",
            provider=NAME,
            model=request.model,
        )
    if http.json.get("stream", True) is not True:
        raise InvalidRequestError(
            f"aimlapi: stream={http.json['stream']!r} in `extra` asks for a whole response where a stream is read; leave it out",
            provider=NAME,
        )
    return replace(http, json={**http.json, "stream": True}, headers={"accept": "audio/*, */*", **http.headers})


def _streams(entry: ModelEntry) -> bool:
    param = entry.params.get("stream")
    return param is not None and param.enum != (False,)


def build_music(request: MusicRequest) -> HttpRequest:
    """A music job."""
    return _posted(request, "music")


def build_video(request: VideoRequest) -> HttpRequest:
    """A video job, on the unified route."""
    return _posted(request, "video")


def build_edit(request: ImageEditRequest) -> HttpRequest:
    """An image to be changed: as files for the models that take files, else by address.

    Raises:
        InvalidRequestError: For the models that take files: only an address, another format, or too large.
    """
    if not request.images:
        raise InvalidRequestError("aimlapi needs an image to change", provider=NAME)
    needs_text(request.prompt, NAME, "prompt")
    entry = catalogue.edits(request.model)
    if entry is None:
        return _posted(request, "image")
    wanted = settings_of(request, NAME)
    images = [
        _upload(item, "pictures", formats=_IMAGE_FORMATS, max_bytes=50_000_000) for item in wanted.pop("images", ())
    ]
    if len(images) > 16:
        raise InvalidRequestError(f"aimlapi takes at most 16 images to change, not {len(images)}", provider=NAME)
    files = [_file("image" if len(images) == 1 else "image[]", image) for image in images]
    if "mask" in wanted:
        files.append(_file("mask", _upload(wanted.pop("mask"), "masks", formats=("png",), max_bytes=4_000_000)))
    filled = parameters.fill(entry, {**wanted, "images": images}, request.extra)
    fields = {name: value for name, value in filled.items() if name != "image"}
    return _form(path_of(entry.endpoint), {"model": entry.wire_id, **fields}, files, request)


def build_transcription(request: TranscriptionRequest) -> HttpRequest:
    """A transcription job: JSON for an address, a multipart form for a file."""
    entry = entry_of(request.model, "stt")
    wanted = settings_of(request, NAME)
    audio: Media = wanted["audio"]
    if audio.data is None and audio.path is None:
        wanted["audio"] = audio.url
        body = {"model": entry.wire_id, **parameters.fill(entry, wanted, request.extra)}
        return HttpRequest("POST", path_of(entry.endpoint), json=body, headers=request.headers)
    filled = parameters.fill(entry, wanted, request.extra)
    field = next(name for name, value in filled.items() if value is audio)
    fields = {name: value for name, value in filled.items() if name != field}
    return _form(path_of(entry.endpoint), {"model": entry.wire_id, **fields}, [_file(field, audio)], request)


def build_ocr(request: OcrRequest) -> HttpRequest:
    """A document or image by address or as data; pages counted from 1 here and as the model counts on the wire.

    Raises:
        InvalidRequestError: Larger than the model's maker takes, or another format.
    """
    entry = entry_of(request.model, "ocr")
    wanted = settings_of(request, NAME)
    document: Media = wanted["document"]
    if document.data is None and document.path is None:
        wanted["document"] = document.url
    else:
        _check_document(document, request.model)
        tagged = entry.status == "unknown" or "document_url" in entry.params["document"].props
        wanted["document"] = document.data_url("application/pdf") if tagged else document.base64()
    wanted["mime_type"] = document.mime_type
    body = {"model": entry.wire_id, **parameters.fill(entry, wanted, request.extra)}
    return HttpRequest("POST", path_of(entry.endpoint), json=body, headers=request.headers)


def _check_document(document: Media, model: str) -> None:
    maker = next((name for name in _READ if name in model), None)
    if maker is not None:
        check_upload(document, provider=NAME, what=f"documents for {model}", formats=_READ[maker])
    if maker == "zhipu" and document.kind == "image":
        check_upload(document, provider=NAME, what="images", max_bytes=10_000_000)
    check_upload(document, provider=NAME, what="documents", max_bytes=50_000_000)


def build_features(request: VisionFeaturesRequest) -> HttpRequest:
    """What is to be found in an image at an address."""
    most = {} if request.most is None else {"maxResults": request.most}
    body: dict[str, Any] = {
        "image": {"source": {"imageUri": address(fitting(request.image, ("image",), NAME, "image"))}},
        "features": [{"type": feature, **most} for feature in request.features],
    }
    return HttpRequest("POST", "/vision", json=merged(body, request.extra), headers=request.headers)


def _upload(source: Source, what: str, *, formats: tuple[str, ...], max_bytes: int) -> Media:
    media = needs_bytes(source_of(source), provider=NAME, what=what)
    check_upload(media, provider=NAME, what=what, formats=formats, max_bytes=max_bytes)
    return media


def _file(field: str, media: Media) -> FilePart:
    mime_type = container_of(media.mime_type or "application/octet-stream")
    return FilePart(field, upload_name(media.name, media.mime_type), media.read(), mime_type)


def _form(path: str, fields: Mapping[str, Any], files: list[FilePart], request: MediaRequest) -> HttpRequest:
    form = [(name, text) for name, value in fields.items() for text in _form_values(value)]
    return HttpRequest("POST", path, form=tuple(form), files=tuple(files), headers=request.headers)


def _form_values(value: Any) -> list[str]:
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _form_values(item)]
    if isinstance(value, (dict, bool)):
        return [json.dumps(value, ensure_ascii=False)]
    return [str(value)]


# ------------------------------------------------------------------------------------------------ reading what comes at once


def parse_speech(response: HttpResponse) -> MediaResult:
    """Bytes, or JSON with the sound: a link, base64 or a data URL, in `audio` or elsewhere."""
    if response.content_type != "application/json":
        return sound_body(response, provider=NAME, read_cost=read_cost)
    body = parse_object(response, NAME)
    (first, *more), failure = media_in(body, response, provider=NAME, what="sound")
    first = first if first.mime_type else Media(data=first.data, url=first.url, mime_type="audio/mpeg")
    result = media_result(first, response, provider=NAME, body=body, read_cost=read_cost, more=tuple(more))
    return whole_or_partial(result, failure)


def speech_decoder(head: HttpResponse, limits: Limits) -> SoundStream:
    """Reads speech while it is made."""
    return SoundStream(head, limits, provider=NAME, parse=parse_speech)


def parse_mesh(response: HttpResponse) -> MeshResult:
    """The 3D models under their own names, or in a list."""
    body = parse_object(response, NAME)
    named = {name: entry for name, entry in body.items() if name.endswith("mesh") and isinstance(entry, dict) and entry}
    if not any(entry.get("url") for entry in named.values()):
        entries = body.get("data") or body.get("images")
        if not isinstance(entries, list) or not entries:
            raise answer_without(response, NAME, body, "a mesh")
        named = {f"mesh_{number}": entry for number, entry in enumerate(entries, 1)}
    parts, failure = {}, None
    for name, entry in named.items():
        try:
            parts[name] = _mesh(entry, response, body)
        except ResponseFormatError as error:
            failure = failure or error
    result = MeshResult(
        provider=NAME,
        model=text_at(body, "model"),
        media=tuple(parts.values()),
        parts=parts,
        cost=read_cost(body, response.headers),
        request_id=request_id(response.headers, body),
        headers=response.headers,
        raw=without_media(body),
    )
    return whole_or_partial(result, failure)


def _mesh(entry: Any, response: HttpResponse, body: Mapping[str, Any]) -> Media:
    media = entry_media(entry, response, NAME, body)
    if media.mime_type in {None, "application/octet-stream"}:
        named = str(media.metadata.get("file_name") or media.url or "").partition("?")[0].lower()
        kind = "model/obj" if named.endswith(".obj") else "model/gltf-binary"
        return Media(data=media.data, url=media.url, mime_type=kind, metadata=media.metadata)
    return media


def parse_ocr(response: HttpResponse) -> OcrResult:
    """One entry per page, counted from 0 on the wire."""
    body = parse_object(response, NAME)
    pages = body.get("pages")
    if not isinstance(pages, list):
        raise answer_without(response, NAME, body, "a page")
    annotation = body.get("document_annotation")
    failures: list[ResponseFormatError] = []
    result = OcrResult(
        provider=NAME,
        model=text_at(body, "model"),
        pages=tuple(_page(page, number, failures) for number, page in enumerate(pages) if isinstance(page, dict)),
        annotation=annotation if isinstance(annotation, str) else None,
        cost=read_cost(body, response.headers),
        request_id=request_id(response.headers, body),
        headers=response.headers,
        raw=without_media(body),
    )
    return whole_or_partial(result, failures[0] if failures else None)


def _page(page: dict[str, Any], position: int, failures: list[ResponseFormatError]) -> OcrPage:
    index = whole_number(page.get("index"))
    size = object_at(page, "dimensions")
    text = page.get("markdown", page.get("text"))
    images: list[Media] = []
    for image in list_at(page, "images"):
        if isinstance(image, dict) and image.get("image_base64"):
            try:
                images.append(_page_image(image))
            except ResponseFormatError as error:
                failures.append(error)
    return OcrPage(
        number=(position if index is None else index) + 1,
        text=text if isinstance(text, str) else "",
        images=tuple(images),
        width_px=whole_number(size.get("width")),
        height_px=whole_number(size.get("height")),
    )


def _page_image(image: dict[str, Any]) -> Media:
    """An image of a page; `metadata` has the id by which the page's text refers to it, and its place on the page."""
    media = from_base64(image["image_base64"], provider=NAME)
    facts = {name: value for name, value in image.items() if name != "image_base64" and value is not None}
    return Media(data=media.data, mime_type=media.mime_type, metadata=facts)


def parse_features(response: HttpResponse) -> VisionFeatures:
    """The annotations in the provider's form; no later page than one of 2024 shows it."""
    return VisionFeatures(parse_object(response, NAME))


FEATURES_GONE = Withdrawal(None, "a model that sees does it in chat() today", is_guess=True)

OPERATIONS: dict[str, Operation[Any, Any]] = {
    "image": media_operation("image", build_image, partial(parse_images, provider=NAME, read_cost=read_cost)),
    "edit_image": media_operation("edit_image", build_edit, partial(parse_images, provider=NAME, read_cost=read_cost)),
    "mesh": media_operation("mesh", build_mesh, parse_mesh),
    "speech": replace(
        media_operation("speech", build_speech, parse_speech),
        events=EventOperation(build_streamed_speech, speech_decoder, "sound"),
    ),
    "ocr": Operation("ocr", build_ocr, parse_ocr, Retry.ANSWER, limit="media_answer_bytes"),
    "vision_features": Operation(
        "vision_features", build_features, parse_features, Retry.ANSWER, withdrawn=FEATURES_GONE
    ),
}
