"""The simulator's files: playable, of the asked size and length, the same every time, and readable again."""

import io
import json
import shutil
import struct
import subprocess
import wave
import zipfile
from collections.abc import Callable

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject, NumberObject

from multiapi.simulator.media import (
    compose_music,
    describe_image,
    draw_image,
    film,
    films,
    mesh,
    page_count,
    pictures,
    read_document,
    sounds,
    speak,
    transcribe,
    write_pdf,
)

PICTURES = ("image/png", "image/jpeg", "image/webp", "image/tiff")
SOUNDS = ("audio/mpeg", "audio/wav", "audio/flac", "audio/ogg", "audio/aac")
SENTENCE = "The quick brown fox jumps over the lazy dog, twice: blåbær, سلام, 你好!"


@pytest.mark.parametrize("mime_type", PICTURES)
def test_a_picture_has_the_asked_kind_size_and_prompt(mime_type: str) -> None:
    data = draw_image(SENTENCE, 640, 360, mime_type)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert (Image.MIME[image.format or ""], image.size) == (mime_type, (640, 360))
    facts = describe_image(data)
    assert (facts.mime_type, facts.width, facts.height, facts.text) == (mime_type, 640, 360, SENTENCE)


def test_the_prompt_is_drawn_and_not_only_noted() -> None:
    ground = Image.open(io.BytesIO(draw_image("", 400, 200))).convert("L").crop((30, 30, 370, 170))
    letters = Image.open(io.BytesIO(draw_image("HELLO", 400, 200))).convert("L").crop((30, 30, 370, 170))
    low, high = ground.getextrema()
    assert low == high
    low, high = letters.getextrema()
    assert isinstance(low, int | float) and isinstance(high, int | float) and high - low > 100
    drawn = sum(letters.histogram()[int(high) - 60 :])
    assert 0.01 < drawn / (letters.width * letters.height) < 0.5


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (64, 2000), (1536, 64), (1081, 1921)])
def test_any_size_can_be_drawn(size: tuple[int, int]) -> None:
    facts = describe_image(draw_image("a long prompt " * 40, *size))
    assert (facts.width, facts.height) == size


def test_long_prompts_are_wrapped_inside_the_margin() -> None:
    image = pictures.canvas("a fairly long prompt with many words " * 30, 512, 512)
    assert image.crop((10, 10, 28, 502)).getextrema() == (0, 0)
    assert image.crop((484, 10, 502, 502)).getextrema() == (0, 0)


def test_a_very_long_prompt_still_fits_into_jpeg_metadata() -> None:
    text = describe_image(draw_image("å" * 40_000, 64, 64, "image/jpeg")).text
    assert text is not None and set(text) == {"å"} and len(text) == 30_000


def test_a_foreign_picture_has_no_prompt() -> None:
    file = io.BytesIO()
    Image.new("RGB", (7, 9)).save(file, "GIF")
    facts = describe_image(file.getvalue())
    assert (facts.mime_type, facts.width, facts.height, facts.text) == ("image/gif", 7, 9, None)


@pytest.mark.parametrize("mime_type", SOUNDS)
def test_speech_is_playable_and_as_long_as_its_text(mime_type: str) -> None:
    data = speak(SENTENCE, mime_type)
    assert played_s(data) == pytest.approx(len(SENTENCE) / 15, abs=0.1)
    assert played_s(speak(SENTENCE, mime_type, rate=2.0)) == pytest.approx(len(SENTENCE) / 30, abs=0.1)


@pytest.mark.parametrize("mime_type", SOUNDS)
def test_what_was_spoken_is_transcribed(mime_type: str) -> None:
    transcript = transcribe(speak(SENTENCE, mime_type))
    assert transcript.text == SENTENCE
    assert transcript.duration_s == pytest.approx(len(SENTENCE) / 15, abs=0.1)
    assert [word for word, _, _ in transcript.words] == SENTENCE.split()
    starts_and_ends = [moment for _, start_s, end_s in transcript.words for moment in (start_s, end_s)]
    assert starts_and_ends == sorted(starts_and_ends)
    assert starts_and_ends[-1] <= transcript.duration_s + 0.001


def test_a_tag_that_is_no_text_is_read_with_question_marks() -> None:
    sound = speak("a word", "audio/mpeg")
    assert sound.count(b"a word") == 1
    assert transcribe(sound.replace(b"a word", b"a w\xffrd")).text in {"a w?rd", "a w\N{REPLACEMENT CHARACTER}rd"}


@settings(max_examples=25, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60))
@pytest.mark.parametrize("mime_type", ["audio/wav", "audio/flac", "audio/ogg"])
def test_any_text_survives_being_spoken(mime_type: str, text: str) -> None:
    assert transcribe(speak(text, mime_type)).text == text


def test_speech_can_be_heard() -> None:
    with wave.open(io.BytesIO(speak("hear me", "audio/wav"))) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 24_000)
        samples = struct.unpack(f"<{sound.getnframes()}h", sound.readframes(sound.getnframes()))
    assert max(samples) > 5_000
    gap = len("hear") * 1_600
    assert set(samples[gap : gap + 1_600]) == {0}, "a space is silent"


def test_bare_samples_have_no_head() -> None:
    with wave.open(io.BytesIO(speak("hear me", "audio/wav"))) as sound:
        assert speak("hear me", "audio/pcm") == sound.readframes(sound.getnframes())


def test_a_book_keeps_its_text_though_the_sound_ends_after_ten_minutes() -> None:
    book = "All happy families are alike. " * 600
    transcript = transcribe(speak(book, "audio/ogg"))
    assert transcript.text == book
    assert transcript.duration_s == pytest.approx(600, abs=0.2)


def test_a_foreign_recording_is_stated_plainly() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(bytes(8_000 * 4 * 3))
    transcript = transcribe(file.getvalue())
    assert transcript.text == "a recording in wav format, 3.0 seconds long"
    assert transcript.duration_s == 3.0


def test_music_is_no_speech() -> None:
    """Older FFmpeg counts the padding of an MP3 as sound, so the WAV is asked."""
    music = compose_music("a slow waltz", 10, "audio/wav")
    assert transcribe(music).text == "a recording in wav format, 10.0 seconds long"


@pytest.mark.parametrize("mime_type", SOUNDS)
@pytest.mark.parametrize("duration_s", [0.5, 10, 31.7])
def test_music_has_the_asked_length(mime_type: str, duration_s: float) -> None:
    assert played_s(compose_music("a slow waltz", duration_s, mime_type)) == pytest.approx(duration_s, abs=0.2)


def test_other_words_make_other_music() -> None:
    assert compose_music("a slow waltz", 4) != compose_music("a fast polka", 4)


@pytest.mark.parametrize(
    ("duration_s", "width", "height"), [(1, 320, 180), (5.5, 720, 1280), (0.1, 64, 64), (3.3, 322, 182)]
)
def test_a_film_plays_for_the_asked_time(duration_s: float, width: int, height: int) -> None:
    with av.open(io.BytesIO(film("a cat on a wall", duration_s, width, height)), "r") as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", width, height)
        assert container.metadata["comment"] == "a cat on a wall"
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(duration_s, abs=0.01)
        frames = list(container.decode(stream))
    assert len(frames) >= max(1, int(duration_s * 4))


def test_a_film_shows_its_prompt_and_moves() -> None:
    with av.open(io.BytesIO(film("HELLO", 3)), "r") as container:
        frames = [bytes(frame.planes[0]) for frame in container.decode(video=0)]
    middle = frames[0][len(frames[0]) // 3 : len(frames[0]) * 2 // 3]
    assert max(middle) - min(middle) > 80
    assert frames[0] != frames[-1]


def test_a_mesh_is_a_box_in_valid_glb() -> None:
    data = mesh("a wooden chair, blåbær")
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert (kind, size % 4) == (b"JSON", 0)
    scene = json.loads(data[20 : 20 + size])
    binary_size, binary_kind = struct.unpack_from("<I4s", data, 20 + size)
    binary = data[28 + size :]
    assert (binary_kind, len(binary)) == (b"BIN\0", binary_size)
    assert scene["asset"]["version"] == "2.0"
    assert scene["asset"]["extras"] == {"prompt": "a wooden chair, blåbær"}
    positions, normals, indices = (
        struct.unpack_from(f"<{view['byteLength'] // struct.calcsize(letter)}{letter}", binary, view["byteOffset"])
        for view, letter in zip(scene["bufferViews"], "ffH", strict=True)
    )
    assert len(positions) == len(normals) == scene["accessors"][0]["count"] * 3
    assert set(indices) == set(range(24))
    corners = [positions[3 * index : 3 * index + 3] for index in range(24)]
    assert scene["accessors"][0]["min"] == [min(axis) for axis in zip(*corners, strict=True)]
    assert scene["accessors"][0]["max"] == [max(axis) for axis in zip(*corners, strict=True)]
    for start in range(0, 36, 3):
        first, second, third = (corners[index] for index in indices[start : start + 3])
        outward = normals[3 * indices[start] : 3 * indices[start] + 3]
        assert sum(a * b for a, b in zip(cross(first, second, third), outward, strict=True)) > 0, "it faces outwards"


KINDS: list[tuple[Callable[[], bytes], str]] = [
    (lambda: draw_image("x", 32, 32), "image/png"),
    (lambda: draw_image("x", 32, 32, "image/jpeg"), "image/jpeg"),
    (lambda: draw_image("x", 32, 32, "image/webp"), "image/webp"),
    (lambda: speak("x"), "audio/mpeg"),
    (lambda: speak("x", "audio/wav"), "audio/x-wav"),
    (lambda: speak("x", "audio/flac"), "audio/flac"),
    (lambda: speak("x", "audio/ogg"), "audio/ogg"),
    (lambda: speak("x", "audio/aac"), "audio/x-hx-aac-adts"),
    (lambda: film("x", 1), "video/mp4"),
    (lambda: mesh("x"), "model/gltf-binary"),
]


@pytest.mark.skipif(shutil.which("file") is None, reason="the command `file` is not installed")
@pytest.mark.parametrize(("make", "mime_type"), KINDS)
def test_the_file_command_agrees(make: Callable[[], bytes], mime_type: str) -> None:
    answer = subprocess.run(["file", "--brief", "--mime-type", "-"], input=make(), capture_output=True, check=True)
    assert answer.stdout.decode().strip() == mime_type


@pytest.mark.parametrize(("make", "mime_type"), KINDS)
def test_the_same_arguments_give_the_same_bytes(make: Callable[[], bytes], mime_type: str) -> None:
    first = make()
    for cached in (pictures._drawn, sounds._spoken, films._filmed, mesh):
        cached.cache_clear()
    assert make() == first, mime_type


@pytest.mark.parametrize("bad", [b"", b"nothing of the kind", b"\x89PNG\r\n\x1a\n broken", b"ID3\x04\x00"])
def test_what_cannot_be_read_is_a_value_error(bad: bytes) -> None:
    with pytest.raises(ValueError, match="not a"):
        describe_image(bad)
    with pytest.raises(ValueError, match="not a"):
        transcribe(bad)


def test_a_playlist_is_not_followed() -> None:
    with pytest.raises(ValueError, match="not a recording"):
        transcribe(b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n")


def test_what_cannot_be_made_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="can draw"):
        draw_image("x", 8, 8, "image/x-unknown")
    with pytest.raises(ValueError, match="can make"):
        speak("x", "audio/x-unknown")
    with pytest.raises(ValueError, match="rate"):
        speak("x", rate=0)
    with pytest.raises(ValueError, match="longer than 0"):
        film("x", 0)
    with pytest.raises(ValueError, match="longer than 0"):
        compose_music("x", -1)


def test_a_text_pdf_is_read_page_by_page() -> None:
    data = text_pdf("First page", "Second page: 42")
    document = read_document(data)
    assert (document.mime_type, document.pages, document.size_bytes) == (
        "application/pdf",
        ("First page", "Second page: 42"),
        len(data),
    )


def test_a_scanned_pdf_gives_what_was_drawn() -> None:
    data = scanned_pdf(draw_image("Invoice 17: 300 kroner", 400, 300, "image/jpeg"), 400, 300)
    assert read_document(data).pages == ("Invoice 17: 300 kroner",)


def test_a_picture_is_a_document_of_one_page() -> None:
    document = read_document(draw_image("Invoice 17", 200, 100))
    assert (document.mime_type, document.pages) == ("image/png", ("Invoice 17",))


def test_text_and_html_are_read() -> None:
    assert read_document("søt\fsalt".encode()).pages == ("søt", "salt")
    page = b"<!DOCTYPE html><title>News</title><script>x=1</script><h1>Big\n news</h1><p>It is <b>free</b>.<br>&copy;"
    document = read_document(page)
    assert (document.mime_type, document.pages) == ("text/html", ("News\nBig news\nIt is free.\n©",))


def test_a_word_file_is_read_page_by_page() -> None:
    xml = (
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
        "<w:p><w:r><w:t>Hello</w:t><w:tab/><w:t>there</w:t></w:r></w:p><w:p><w:r><w:t>Second line</w:t></w:r></w:p>"
        '<w:p><w:r><w:br w:type="page"/><w:t>Next page</w:t></w:r></w:p></w:body></w:document>'
    )
    document = read_document(zipped({"word/document.xml": xml.encode()}))
    assert document.mime_type.endswith("wordprocessingml.document")
    assert document.pages == ("Hello\tthere\nSecond line", "Next page")


@pytest.mark.parametrize(
    "bad", [b"%PDF-1.7 nothing follows", b"PK\3\4 nothing follows", b"\xff\xfe\x00\x01", b"\0\0\0\0"], ids=repr
)
def test_damaged_documents_are_value_errors(bad: bytes) -> None:
    with pytest.raises(ValueError, match="PDF|Word|picture"):
        read_document(bad)


def test_a_zip_that_is_no_word_file_and_a_locked_pdf_are_value_errors() -> None:
    with pytest.raises(ValueError, match="Word"):
        read_document(zipped({"readme.txt": b"hello"}))
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
    with pytest.raises(ValueError, match="Word"):
        read_document(zipped({"word/document.xml": bomb}))
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret", algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    with pytest.raises(ValueError, match="password"):
        read_document(file.getvalue())


def played_s(data: bytes) -> float:
    """How long it really plays: every sample is decoded and counted."""
    with av.open(io.BytesIO(data), "r") as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


def cross(origin: tuple[float, ...], first: tuple[float, ...], second: tuple[float, ...]) -> tuple[float, float, float]:
    a, b, c = (x - o for x, o in zip(first, origin, strict=True))
    d, e, f = (x - o for x, o in zip(second, origin, strict=True))
    return b * f - c * e, c * d - a * f, a * e - b * d


def zipped(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


def text_pdf(*pages: str) -> bytes:
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for text in pages:
        page = writer.add_blank_page(300, 200)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        content = DecodedStreamObject()
        content.set_data(f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(content)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def scanned_pdf(jpeg: bytes, width: int, height: int) -> bytes:
    """As a scanner writes it: the JPEG itself is the page."""
    writer = PdfWriter()
    page = writer.add_blank_page(width, height)
    picture = DecodedStreamObject()
    picture.set_data(jpeg)
    picture.update(
        {
            NameObject("/Type"): NameObject("/XObject"),
            NameObject("/Subtype"): NameObject("/Image"),
            NameObject("/Width"): NumberObject(width),
            NameObject("/Height"): NumberObject(height),
            NameObject("/ColorSpace"): NameObject("/DeviceRGB"),
            NameObject("/BitsPerComponent"): NumberObject(8),
            NameObject("/Filter"): NameObject("/DCTDecode"),
        }
    )
    page[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/XObject"): DictionaryObject({NameObject("/Im0"): writer._add_object(picture)})}
    )
    content = DecodedStreamObject()
    content.set_data(f"{width} 0 0 {height} 0 0 cm /Im0 Do".encode())
    page[NameObject("/Contents")] = writer._add_object(content)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


@pytest.mark.parametrize("text", ["Sales rose by seven percent.", r"f(x) \ g(x) )(", "Überschuss"])
def test_a_pdf_is_read_back_as_it_was_written(text: str) -> None:
    data = write_pdf(text)
    assert read_document(data).pages == (text,)
    assert page_count(data) == 1
