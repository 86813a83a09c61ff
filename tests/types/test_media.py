"""Media: the kind by the bytes, showing, saving, and what is said before an upload."""

from __future__ import annotations

import base64
import io
import os
import pickle
import zipfile
from pathlib import Path

import pytest

from multiapi.errors import InvalidRequestError, ResponseFormatError
from multiapi.simulator.media import compose_music, draw_image, film, mesh, speak
from multiapi.types.media import Media, check_upload, from_base64
from multiapi.types.media_kinds import EXTENSIONS, extension_of, group_of, mime_type_of, normal

pytestmark = pytest.mark.usefixtures("waits")

PNG = draw_image("a cat", 64, 48)
OFFICE = "application/vnd.openxmlformats-officedocument."


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "mime_type"),
    [
        (PNG, "image/png"),
        (draw_image("a cat", 64, 48, "image/jpeg"), "image/jpeg"),
        (draw_image("a cat", 64, 48, "image/webp"), "image/webp"),
        (speak("hello", "audio/mp3"), "audio/mpeg"),
        (speak("hello", "audio/wav"), "audio/wav"),
        (speak("hello", "audio/flac"), "audio/flac"),
        (speak("hello", "audio/opus"), "audio/opus"),
        (speak("hello", "audio/aac"), "audio/aac"),
        (compose_music("slow", 1), "audio/mpeg"),
        (film("a cat", 1), "video/mp4"),
        (mesh("a cat"), "model/gltf-binary"),
        (b"\xff\xfb\x90\x64" + bytes(400), "audio/mpeg"),
        (b"\xff\xf3\x44\xc4" + bytes(400), "audio/mpeg"),
        (b"\xff\xfeh\x00i\x00", None),
        (b"\xff\xf1\x50\x80" + bytes(60), "audio/aac"),
        (b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00", "audio/mp4"),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00", "video/quicktime"),
        (b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00", "image/avif"),
        (b"\x00\x00\x00\x1cftypheic\x00\x00\x00\x00", "image/heic"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", "video/webm"),
        (b"GIF89a" + bytes(20), "image/gif"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"),
        (b"<!DOCTYPE html><html><body>Bad gateway", "text/html"),
        (b'{"error": "no"}', "application/json"),
        ("dørgulv, кириллица, سلام".encode(), "text/plain"),
        (("é" * 5000).encode(), "text/plain"),
        (zipped("[Content_Types].xml", "word/document.xml"), f"{OFFICE}wordprocessingml.document"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), f"{OFFICE}spreadsheetml.sheet"),
        (zipped("readme.md"), "application/zip"),
        (bytes(range(256)) * 4, None),
        (b"", None),
    ],
)
def test_the_kind_follows_from_the_bytes(data: bytes, mime_type: str | None) -> None:
    assert mime_type_of(data) == mime_type
    assert Media(data=data, mime_type="image/gif").mime_type == (mime_type or "image/gif")


def test_every_known_kind_has_an_ending_and_a_group() -> None:
    for mime_type, extension in EXTENSIONS.items():
        assert extension.startswith(".") and extension[1:].isalnum()
        assert extension_of(mime_type) == extension
        assert group_of(mime_type) in {"image", "audio", "video", "mesh", "document", "text", "file"}


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("audio/mp3", "audio/mpeg"),
        ("Audio/X-WAV; rate=16000", "audio/wav"),
        ("image/jpg", "image/jpeg"),
        ("image/../../etc", None),
        ("png", None),
        ("", None),
        ("text/plain; charset=utf-8", "text/plain"),
    ],
)
def test_one_word_for_one_kind_and_none_for_what_is_none(said: str, written: str | None) -> None:
    assert normal(said) == written


def test_only_a_name_knows_what_kind_of_text_it_is() -> None:
    assert Media.from_bytes(b"a,b\n1,2\n", name="table.csv").mime_type == "text/csv"
    assert Media.from_bytes(b"# Title", name="notes.md").extension == ".md"
    assert Media.from_bytes(PNG, name="wrong.csv").mime_type == "image/png"


def test_a_vendors_word_never_becomes_part_of_a_path(tmp_path: Path) -> None:
    media = Media(data=bytes(range(200, 256)) * 4, mime_type="audio/../../../evil")
    assert media.save(tmp_path / "sound") == tmp_path / "sound.bin"


# ------------------------------------------------------------------------------------------------ saving


def test_saving_gives_the_right_ending_and_keeps_one_that_is_there(tmp_path: Path) -> None:
    media = Media(data=PNG)
    assert media.save(tmp_path / "cat") == tmp_path / "cat.png"
    assert media.save(str(tmp_path / "cat.picture")) == tmp_path / "cat.picture"
    made = media.save(tmp_path)
    assert made.parent == tmp_path and made.name.startswith("image-") and made.suffix == ".png"
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {PNG}


def test_a_file_is_there_in_full_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "cat.png"
    target.write_bytes(b"before")

    def full(self: Path, other: Path) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        Media(data=PNG).save(target)
    assert [path.name for path in tmp_path.iterdir()] == ["cat.png"]
    assert target.read_bytes() == b"before"


def test_media_at_an_address_says_how_to_get_it(tmp_path: Path) -> None:
    media = Media(url="https://cdn.example.com/a.png")
    for wanted in (lambda: media.save(tmp_path / "a"), media.read, media.base64):
        with pytest.raises(InvalidRequestError, match="client"):
            wanted()


# ------------------------------------------------------------------------------------------------ from files and addresses


def test_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "cat.jpeg"
    path.write_bytes(PNG)
    media = Media.from_path(path)
    assert (media.mime_type, media.name, media.size, media.path) == ("image/png", "cat.jpeg", len(PNG), path)


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(bytes(2_000))
    for name, reason in (("pipe", "regular file"), ("empty", "empty"), ("large", "more than 1.0 kB")):
        with pytest.raises(InvalidRequestError, match=reason):
            Media.from_path(tmp_path / name, max_bytes=1_000)
    with pytest.raises(FileNotFoundError):
        Media.from_path(tmp_path / "nothing")


def test_from_an_address_nothing_is_fetched() -> None:
    media = Media.from_url("https://example.com/a/b.mp3?sig=1")
    assert (media.data, media.mime_type, media.kind) == (None, "audio/mpeg", "audio")
    assert Media.from_url("data:image/png;base64," + base64.b64encode(PNG).decode()).data == PNG
    assert Media.from_url("data:text/plain,hei%20du").data == b"hei du"
    for wrong in (
        "ftp://example.com/a",
        "file:///etc/passwd",
        "a.png",
        "",
        "http://",
        "https://[",
        "data:image/png;base64,***",
    ):
        with pytest.raises(InvalidRequestError):
            Media.from_url(wrong)


# ------------------------------------------------------------------------------------------------ base64


@pytest.mark.parametrize(
    "text",
    [base64.b64encode(PNG).decode(), base64.encodebytes(PNG).decode(), base64.b64encode(PNG).decode().rstrip("=")],
)
def test_base64_with_line_breaks_and_without_padding(text: str) -> None:
    for form in (text, f"data:image/jpeg;base64,{text}"):
        media = from_base64(form, provider="x")
        assert (media.data, media.mime_type) == (PNG, "image/png")


@pytest.mark.parametrize(
    "text", ["", "====", "not base64!", "data:image/png;base64,", "data:image/png", None, 17, ["x"], "Zm9v\x00"]
)
def test_what_is_no_base64_is_a_typed_error(text: object) -> None:
    with pytest.raises(ResponseFormatError):
        from_base64(text, provider="binobox")


# ------------------------------------------------------------------------------------------------ showing


def test_a_notebook_shows_pictures_and_plays_sound_and_film() -> None:
    shown = Media(data=PNG)._repr_mimebundle_(include=None, exclude=None)
    assert base64.b64decode(shown["image/png"]) == PNG and "text/plain" in shown
    for data, tag in (
        (speak("hi", "audio/mp3"), "<audio controls"),
        (film("a", 1), "<video controls"),
        (draw_image("a", 8, 8, "image/webp"), "<img "),
    ):
        assert tag in Media(data=data)._repr_mimebundle_()["text/html"]
    assert (
        Media(url='https://x.example/"><script>a</script>.png', mime_type="image/png")
        ._repr_mimebundle_()["text/html"]
        .count("<")
        == 1
    )
    assert "text/html" not in Media(url="javascript:alert(1)", mime_type="image/png")._repr_mimebundle_()
    assert set(Media(data=b"%PDF-1.4 x")._repr_mimebundle_()) == {"text/plain"}


def test_a_repr_holds_neither_bytes_nor_signed_addresses() -> None:
    text = repr(Media(data=PNG, url="https://cdn.example.com/a?sig=secret", metadata={"seed": 7}))
    assert text == "Media(mime_type='image/png')"


def test_media_pickle() -> None:
    media = Media.from_bytes(PNG, name="cat.png")
    assert pickle.loads(pickle.dumps(media)) == media


def test_a_few_words_about_it() -> None:
    assert Media(data=PNG).describe() == f"image (PNG, {len(PNG) / 1000:.1f} kB)"
    assert (
        Media(url="https://x.example/v", mime_type="video/mp4", metadata={"size_bytes": 1_843_200}).describe()
        == "video (MP4, 1.8 MB)"
    )


# ------------------------------------------------------------------------------------------------ before an upload


def test_a_vendors_limits_are_said_before_anything_is_sent() -> None:
    with pytest.raises(InvalidRequestError, match=r"acme takes pictures as png, webp, jpg, not audio/wav"):
        check_upload(
            Media(data=speak("x", "audio/wav")), provider="acme", what="pictures", formats=("png", "webp", "jpg")
        )
    with pytest.raises(InvalidRequestError, match=r"at most 1.0 kB; this has"):
        check_upload(Media(data=PNG * 9), provider="acme", what="pictures", max_bytes=1_000)
    check_upload(Media(data=PNG), provider="acme", what="pictures", formats=("png",), max_bytes=1_000_000)
