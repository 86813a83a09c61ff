"""What was paid for is read in every form that clients of these providers have seen, whole or as an event stream that nobody asked for."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from multiapi.errors import InvalidRequestError, ResponseFormatError
from multiapi.formats.answer_facts import name_of_answer
from multiapi.formats.transcripts import transcript_facts
from multiapi.http.exchange import HttpResponse
from multiapi.provider import operation_of
from multiapi.providers import PROVIDERS
from multiapi.types.media import Media
from multiapi.types.media_requests import ImageRequest
from tests.contracts import contract
from tests.media_samples import SAMPLES

pytestmark = pytest.mark.usefixtures("waits")

PNG, WAV, MP3 = (SAMPLES[name].data for name in ("png", "wav", "mp3"))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def parsed(provider: str, name: str, body: Any, headers: dict[str, str] | None = None) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = HttpResponse(200, {"content-type": "application/json", **(headers or {})}, data)
    return operation_of(PROVIDERS[provider], name).parse(answer)


# ------------------------------------------------------------------------------------------------ images and sound: places x names

IMAGE_PLACES = {
    "data": lambda entry: {"data": entry},
    "images": lambda entry: {"images": entry},
    "output.choices": lambda entry: {"output": {"choices": entry}},
}
IMAGE_ENTRIES = {
    "url": ({"url": "https://x.test/a.png"}, False),
    "b64_json": ({"b64_json": b64(PNG)}, True),
    "image_base64": ({"image_base64": b64(PNG)}, True),
    "data URL": ({"url": f"data:image/png;base64,{b64(PNG)}"}, True),
    "contradicted type": ({"b64_json": b64(PNG), "mime_type": "image/jpeg", "url": None}, True),
    "text": (f"data:image/png;base64,{b64(PNG)}", True),
    "with filler": ({"b64_json": "", "url": "https://x.test/a.png", "image_base64": None, "revised_prompt": ""}, False),
}


@pytest.mark.parametrize("provider", ["aimlapi", "aicredits", "binobox"])
@pytest.mark.parametrize("place", IMAGE_PLACES)
@pytest.mark.parametrize("form", IMAGE_ENTRIES)
@pytest.mark.parametrize("count", ["one", "a list", "beside what cannot be read", "beside filler"])
def test_an_image_is_read_in_every_place_and_under_every_name(provider: str, place: str, form: str, count: str) -> None:
    entry, inline = IMAGE_ENTRIES[form]
    made: Any = {"one": entry, "a list": [entry, entry]}.get(count, [{"note": "none"}, entry])
    body = IMAGE_PLACES[place](made)
    if count == "beside filler":
        body = {"data": [{"url": "", "b64_json": ""}], "images": [], "error": None, **body}
    found = parsed(provider, "image", body).media
    assert len(found) == (2 if count == "a list" else 1)
    assert found[0].mime_type == "image/png"
    assert (found[0].data == PNG) if inline else (found[0].url == "https://x.test/a.png")


SOUND_FORMS = {
    "object with data": ({"audio": {"data": b64(WAV), "mime_type": "audio/wav"}}, True),
    "object with url": ({"audio": {"url": "https://x.test/a.wav"}}, False),
    "address": ({"audio": "https://x.test/a.wav"}, False),
    "audio_url": ({"audio_url": "https://x.test/a.wav"}, False),
    "data URL": ({"audio": f"data:audio/wav;base64,{b64(WAV)}"}, True),
    "base64": ({"audio": b64(WAV)}, True),
    "hexadecimal": ({"data": {"audio": WAV.hex()}}, True),
    "list": ({"data": [{"b64_json": b64(WAV)}]}, True),
    "output": ({"output": {"audio": {"url": "https://x.test/a.wav"}}}, False),
    "file": ({"audio_file": {"url": "https://x.test/a.wav"}}, False),
    "top": ({"url": "https://x.test/a.wav", "id": "x"}, False),
}


@pytest.mark.parametrize("provider", ["aimlapi", "aicredits", "binobox"])
@pytest.mark.parametrize("form", SOUND_FORMS)
def test_sound_is_read_in_every_form(provider: str, form: str) -> None:
    body, inline = SOUND_FORMS[form]
    found = parsed(provider, "speech", body)
    assert found.mime_type == "audio/wav"
    assert (found.data == WAV) if inline else (found.url == "https://x.test/a.wav")


@pytest.mark.parametrize("provider", ["aimlapi", "binobox"])
def test_an_order_whose_sound_is_still_to_come_keeps_its_id(provider: str) -> None:
    with pytest.raises(ResponseFormatError, match="took the order as job t1") as raised:
        parsed(provider, "speech", {"id": "t1", "status": "queued"})
    assert raised.value.job_id == "t1"


def test_an_unreadable_answer_keeps_enough_to_find_the_file() -> None:
    body = {"made": [{"thumbnail": b64(bytes(9_000)), "where": "https://x.test/far/away.png"}]}
    with pytest.raises(ResponseFormatError) as raised:
        parsed("aimlapi", "image", body)
    assert raised.value.body is not None and "https://x.test/far/away.png" in raised.value.body
    assert len(raised.value.body) < 1_000


def test_sound_in_a_container_that_may_hold_video_is_sound_where_sound_was_asked_for() -> None:
    found = parsed("aicredits", "speech", SAMPLES["webm"].data, {"content-type": "audio/webm"})
    assert (found.mime_type, found.kind) == ("audio/webm", "audio")


# ------------------------------------------------------------------------------------------------ transcripts

TEXT_NAMES = ("text", "transcript", "transcription", "response")


@pytest.mark.parametrize("name", TEXT_NAMES)
@pytest.mark.parametrize("place", ["top", "data"])
@pytest.mark.parametrize("provider", ["aicredits", "bineric"])
def test_a_transcript_is_read_under_every_name(provider: str, name: str, place: str) -> None:
    facts = {name: "namaste", "language_code": "hi-IN", "segments": [{"text": "namaste", "start": 0, "end": 1.2}]}
    facts |= {"words": [{"word": "namaste", "start": 0.1, "end": 1.1, "speaker": 1}], "duration": 1.4}
    heard = parsed(provider, "transcribe", facts if place == "top" else {"success": True, "data": facts})
    assert (heard.text, heard.language, heard.duration_s) == ("namaste", "hi-IN", 1.4)
    assert [(each.text, each.start_s, each.end_s) for each in heard.segments] == [("namaste", 0.0, 1.2)]
    assert [(each.text, each.start_s, each.end_s, each.speaker) for each in heard.words] == [("namaste", 0.1, 1.1, "1")]


@pytest.mark.parametrize(
    ("item", "start", "end"),
    [
        ({"start": 0.5, "end": 2}, 0.5, 2.0),
        ({"startTime": "PT0.5S", "duration": "PT1.5S"}, 0.5, 2.0),
        ({"startTime": "PT1H1M0.5S", "endTime": "PT1H1M2S"}, 3660.5, 3662.0),
        ({"start_time": "0.5", "end_time": "2"}, 0.5, 2.0),
        ({"timestamp": [0.5, 2]}, 0.5, 2.0),
        ({"start": "soon", "end": None}, None, None),
    ],
)
@pytest.mark.parametrize("name", ["segments", "utterances", "phrases", "chunks"])
def test_times_are_read_in_every_spelling(
    name: str, item: dict[str, Any], start: float | None, end: float | None
) -> None:
    facts = transcript_facts({"text": "a", name: [{"text": "a", **item}, None, {"text": "", "start": 0}]})
    assert facts is not None
    (segment,) = facts["segments"]
    assert (segment.start_s, segment.end_s) == (start, end)


def test_speakers_of_words_make_turns() -> None:
    words = [
        {"word": word, "start": at, "end": at + 1, "speaker": who}
        for at, (word, who) in enumerate([("a", 0), ("b", 0), ("c", 1)])
    ]
    facts = transcript_facts({"results": {"channels": [{"alternatives": [{"transcript": "a b c", "words": words}]}]}})
    assert facts is not None
    assert [(each.text, each.speaker, each.start_s, each.end_s) for each in facts["segments"]] == [
        ("a b", "0", 0.0, 2.0),
        ("c", "1", 2.0, 3.0),
    ]


# ------------------------------------------------------------------------------------------------ Bineric: two forms, and events

ASK = {
    "speech": {"audioContent": f"data:audio/mp3;base64,{b64(MP3)}", "metadata": {"format": "mp3"}},
    "speech as base64": {"audioContent": b64(MP3), "metadata": {"format": "mp3"}},
    "image": f"data:image/png;base64,{b64(PNG)}",
    "image by address": "https://x.test/a.png",
    "speech as text": b64(MP3),
    "transcribe": "Hei på deg",
    "chat": "Hei på deg",
}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "total_cost": 0.01}


def _forms(content: Any) -> dict[str, bytes]:
    usage = {"usage": USAGE}
    choices = {
        "choices": [{"message": {"role": "assistant", "content": content}}],
        "_bineric": {"phrases": [{"text": "Hei", "startTime": "PT0.1S", "duration": "PT1S"}]},
    }
    forms: dict[str, Any] = {"choices": choices, "choices with counts": {**choices, **usage}}
    if isinstance(content, str):
        whole = {"success": True, "request_id": "r1", "model": "m", "response": content}
        forms |= {"documented": {**whole, **usage}, "documented without counts": whole}
        halves = [{"text": content[:7]}, {"text": content[7:]}]
        forms["pieces"] = halves
        forms["pieces and the whole"] = [*halves, {"response": content, **usage}]
    delta = {"choices": [{"delta": {"content": content}}], "_bineric": choices["_bineric"]}
    forms["events of choices"] = [delta, {"choices": [{"delta": {}, "finish_reason": "stop"}]}]

    def written(form: Any) -> bytes:
        if isinstance(form, list):
            return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in form) + b"data: [DONE]\n\n"
        return json.dumps(form).encode()

    return {name: written(form) for name, form in forms.items()}


@pytest.mark.parametrize(("ask", "form"), [(ask, form) for ask, content in ASK.items() for form in _forms(content)])
def test_every_capability_of_bineric_in_every_form(ask: str, form: str) -> None:
    name = ask.partition(" ")[0]
    body = _forms(ASK[ask])[form]
    answer = HttpResponse(
        200, {"content-type": "text/event-stream" if body.startswith(b"data") else "application/json"}, body
    )
    provider = PROVIDERS["bineric"]
    found = (provider.chat if name == "chat" else operation_of(provider, name)).parse(answer)
    if name == "speech":
        assert (found.data, found.mime_type) == (MP3, "audio/mpeg")
    elif name == "image":
        media = found.media[0]
        assert (media.url if "address" in ask else media.data) == ("https://x.test/a.png" if "address" in ask else PNG)
    else:
        assert found.text == "Hei på deg"
    if name == "transcribe" and "choices" in form:
        assert [(each.text, each.start_s, each.end_s) for each in found.segments] == [("Hei", 0.1, 1.1)]


def test_the_format_beside_the_sound_decides_where_its_bytes_show_none() -> None:
    content = {"audioContent": b64(bytes(range(128, 256))), "metadata": {"format": "wav"}}
    assert parsed("bineric", "speech", {"choices": [{"message": {"content": content}}]}).mime_type == "audio/wav"


def test_text_where_sound_should_be_is_shown_in_the_error() -> None:
    with pytest.raises(ResponseFormatError, match="text where media should be") as raised:
        parsed("bineric", "speech", {"choices": [{"message": {"content": "I cannot speak today."}}]})
    assert raised.value.body is not None and "I cannot speak today." in raised.value.body


def test_the_examples_of_the_contracts_are_read() -> None:
    for provider, path, name in (("aicredits", "/v1/audio/transcriptions", "transcribe"),):
        answers = contract(provider)["paths"][path]["post"]["responses"]["200"]["content"]["application/json"][
            "examples"
        ]
        for example in answers.values():
            assert parsed(provider, name, example["value"]).text


# ------------------------------------------------------------------------------------------------ names and sizes


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('inline; filename="file_1.txt"', "file_1.txt"),
        ("attachment; filename=a.png", "a.png"),
        ("attachment; filename=\"a.png\"; filename*=UTF-8''%C3%9Cbung.png", "Übung.png"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\a\\\\b.txt"', "b.txt"),
        ("attachment; filename*=UTF-8''a%0D%0Ab%2Fc.txt", "c.txt"),
        ("attachment; filename*=no-such-set''%61.txt", None),
        ("attachment", None), ("", None), ('inline; filename=""', None), ('inline; filename=".."', None),
    ],
)  # fmt: skip
def test_the_name_of_a_file_comes_from_the_header(header: str, name: str | None) -> None:
    assert name_of_answer({"content-disposition": header}) == name
    found: Media = parsed(
        "bineric", "decode_base64", b"hello", {"content-type": "text/plain", "content-disposition": header}
    )
    assert (found.name, found.data) == (name, b"hello")
    assert found.metadata["headers"]["content-disposition"] == header
    spoken = parsed("aicredits", "speech", MP3, {"content-type": "audio/mpeg", "content-disposition": header})
    assert spoken.name == name


@pytest.mark.parametrize("size", [(256, 256), (512, 512), (1024, 1024), (1024, 768), (1792, 1024)])
@pytest.mark.parametrize(
    "model", ["dall-e-2", "openai/dall-e-2", "black-forest-labs/flux-2-dev", "dall-e-3", "openai/dall-e-3"]
)
def test_sizes_that_are_listed_for_one_model_are_not_held_against_others(model: str, size: tuple[int, int]) -> None:
    request = ImageRequest(model=model, prompt="cat", width=size[0], height=size[1])
    build = operation_of(PROVIDERS["aicredits"], "image").build
    if model.endswith("dall-e-3") and size not in {(1024, 1024), (1792, 1024)}:
        with pytest.raises(InvalidRequestError, match="1024x1792"):
            build(request)
    else:
        assert build(request).json["size"] == f"{size[0]}x{size[1]}"


# ------------------------------------------------------------------------------------------------ jobs that are done

JOB_FORMS = {
    "object": lambda name, link: {name: {"url": link}},
    "list": lambda name, link: {name: [{"url": link}]},
    "link": lambda name, link: {name: link},
    "name_url": lambda name, link: {f"{name}_url": link},
    "output": lambda name, link: {"output": {name: {"url": link}}},
    "output list": lambda name, link: {"output": [link]},
    "data": lambda name, link: {"data": [{"url": link}]},
    "beside filler": lambda name, link: {name: {"url": ""}, "output": {f"{name}_url": link}},
}


@pytest.mark.parametrize("kind", ["video", "music"])
@pytest.mark.parametrize("form", JOB_FORMS)
def test_what_a_job_made_is_read_in_every_form(kind: str, form: str) -> None:
    name, link = ("video", "https://x.test/a.mp4") if kind == "video" else ("audio", "https://x.test/a.mp3")
    job = parsed("aimlapi", f"poll_{kind}", {"id": "j1", "status": "completed", **JOB_FORMS[form](name, link)})
    assert [(each.url, each.kind) for each in job.media] == [(link, "video" if kind == "video" else "audio")]


@pytest.mark.parametrize("form", ["data URL", "object with data"])
def test_music_that_comes_in_the_answer_is_kept(form: str) -> None:
    job = parsed("aimlapi", "poll_music", {"id": "j1", "status": "completed", **SOUND_FORMS[form][0]})
    assert [each.data for each in job.media] == [WAV]


# ------------------------------------------------------------------------------------------------ words that are no JSON numbers


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize(
    ("provider", "name", "body"),
    [
        ("aimlapi", "image", {"data": [{"url": "https://x.test/a.png", "seed": 0.5}], "meta": {"usage": {"usd_spent": 0.5}}}),
        ("aimlapi", "speech", {"audio": {"url": "https://x.test/a.wav", "score": 0.5}}),
        ("aimlapi", "poll_video", {"id": "j", "status": "completed", "video": {"url": "https://x.test/a.mp4", "score": 0.5}}),
        ("aimlapi", "poll_transcription", {"id": "j", "status": "completed", "result": {"text": "a", "words": [{"text": "a", "start": 0.5}]}}),
        ("aicredits", "transcribe", {"text": "a", "duration": 0.5, "segments": [{"text": "a", "start": 0.5, "end": 0.5}]}),
        ("bineric", "transcribe", {"success": True, "response": "a", "model": "m", "usage": {"total_cost": 0.5}}),
        ("bineric", "balance", {"success": True, "data": {"balance": 3, "usage": {"daily": {"cost": 0.5}}}}),
        ("binobox", "usage", {"request_count": 3, "diamonds_charged": 0.5, "balance_remaining": 4}),
        ("binobox", "image", {"data": [{"b64_json": b64(PNG), "mime_type": "image/png", "score": 0.5}]}),
    ],
)  # fmt: skip
def test_no_number_in_a_side_field_loses_what_was_paid_for(provider: str, name: str, body: Any, word: str) -> None:
    assert parsed(provider, name, json.dumps(body).replace("0.5", word).encode()) is not None


def test_times_of_bineric_survive_a_word_that_is_no_number() -> None:
    body = _forms("Hei")["choices"].replace(b'"_bineric": {', b'"_bineric": {"confidence": NaN, ')
    assert [(each.text, each.start_s) for each in parsed("bineric", "transcribe", body).segments] == [("Hei", 0.1)]
