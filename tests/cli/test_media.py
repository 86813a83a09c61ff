"""`multiapi image`, `speech`, `transcribe`, `music`, `video` and `ocr`."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from pathlib import Path

import pytest

from multiapi.cli import files, pictures
from multiapi.simulator import Simulator
from multiapi.types.media import Media
from tests.cli.conftest import RunCli

PNG = b"\x89PNG\r\n\x1a\n"

MADE = [
    *(("image", "a lighthouse", provider, ".png") for provider in ("bineric", "aimlapi", "aicredits", "binobox")),
    *(("speech", "hello there", provider, ".mp3") for provider in ("bineric", "aimlapi", "aicredits", "binobox")),
    *(("music", "calm piano", provider, ".mp3") for provider in ("aimlapi", "binobox")),
    *(("video", "a cat", provider, ".mp4") for provider in ("aimlapi", "binobox")),
]


@pytest.mark.parametrize(("command", "prompt", "provider", "ending"), MADE)
def test_media_are_saved_with_the_right_ending(
    cli: RunCli, at_once: list[float], tmp_path: Path, command: str, prompt: str, provider: str, ending: str
) -> None:
    ran = cli(command, "-p", provider, "--simulator", prompt)
    assert ran.code == 0, ran.err
    [made] = tmp_path.iterdir()
    assert ran.out == f"{made.name}\n"
    assert made.suffix == ending
    assert Media.from_path(made).extension == ending


@pytest.mark.parametrize(("command", "prompt", "provider", "ending"), MADE)
def test_media_for_scripts(
    cli: RunCli, at_once: list[float], tmp_path: Path, command: str, prompt: str, provider: str, ending: str
) -> None:
    ran = cli(command, "-p", provider, "--simulator", "--json", "-o", "made", prompt)
    [media] = ran.json["media"]
    assert media["path"] == f"made{ending}"
    assert media["size_bytes"] == (tmp_path / f"made{ending}").stat().st_size
    assert ran.json["provider"] == provider
    assert list(tmp_path.iterdir()) == [tmp_path / f"made{ending}"]


def test_nothing_is_overwritten_and_nothing_paid_for_it(cli: RunCli, served: Simulator, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_text("mine")
    ran = cli("image", "-p", "binobox", "a cat", "-o", "cat.png")
    assert (ran.code, ran.error) == (2, "error: cat.png is there already; --force overwrites it")
    assert not served.log
    assert (tmp_path / "cat.png").read_text() == "mine"
    assert cli("image", "-p", "binobox", "a cat", "-o", "cat.png", "--force").code == 0
    assert (tmp_path / "cat.png").read_bytes().startswith(PNG)


def test_what_was_paid_for_is_kept_beside_a_file_that_was_there(cli: RunCli, tmp_path: Path) -> None:
    """The ending is known only afterwards, so this cannot be refused before."""
    (tmp_path / "cat.png").write_text("mine")
    ran = cli("image", "-p", "binobox", "--simulator", "a cat", "-o", "cat")
    assert ran.code == 0
    assert (tmp_path / "cat.png").read_text() == "mine"
    assert "cat.png is there already; saved as cat-2.png" in ran.err
    assert ran.out == "cat-2.png\n"
    assert (tmp_path / "cat-2.png").read_bytes().startswith(PNG)
    assert cli("image", "-p", "binobox", "--simulator", "a cat", "-o", "cat").out == "cat-3.png\n"


def test_output_folders_and_several_pictures(cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "shots").mkdir()
    ran = cli("image", "-p", "aimlapi", "--simulator", "a cat", "-n", "2", "-o", "shots")
    assert sorted(ran.out.split()) == sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "shots").iterdir())
    assert len(ran.out.split()) == 2
    named = cli("image", "-p", "aimlapi", "--simulator", "a cat", "-n", "2", "-o", "cat.png")
    assert named.out.split() == ["cat-1.png", "cat-2.png"]
    lost = cli("image", "-p", "aimlapi", "--simulator", "a cat", "-o", "nowhere/cat.png")
    assert (lost.code, lost.error) == (2, "error: nowhere is not a folder")


def test_a_wrong_ending_is_told(cli: RunCli) -> None:
    ran = cli("image", "-p", "binobox", "--simulator", "a cat", "-o", "cat.jpg")
    assert (ran.code, ran.out) == (0, "cat.jpg\n")
    assert "cat.jpg is a PNG file by its content" in ran.err


def test_media_on_stdout(environment: dict[str, str], tmp_path: Path) -> None:
    words = ["-c", "from multiapi.cli import main; main()", "speech", "-p", "aimlapi", "hello there", "-o", "-"]
    done = subprocess.run([sys.executable, *words], env=environment, cwd=tmp_path, capture_output=True, check=True)
    assert Media.from_bytes(done.stdout).mime_type == "audio/mpeg"
    assert not list(tmp_path.iterdir())


def test_stdout_is_not_for_both(cli: RunCli) -> None:
    ran = cli("speech", "-p", "aimlapi", "--simulator", "hello", "-o", "-", "--json")
    assert (ran.code, ran.json["error"]["message"]) == (2, "-o - and --json both want stdout")


def test_pictures_are_changed(cli: RunCli, tmp_path: Path) -> None:
    assert cli("image", "-p", "aimlapi", "--simulator", "a cat", "-o", "cat.png").code == 0
    ran = cli("image", "-p", "aimlapi", "--simulator", "-i", "cat.png", "with a hat", "--json", "-o", "hat.png")
    assert ran.json["model"] == "flux/kontext-pro/image-to-image"
    refused = cli("image", "-p", "binobox", "--simulator", "-i", "cat.png", "with a hat")
    assert refused.code == 11
    unknown = cli("image", "-p", "aimlapi", "--simulator", "-i", "cat.png", "with a hat", "--style", "vivid")
    assert (unknown.code, unknown.error) == (11, "error: aimlapi takes no --style when it changes an image")


@pytest.mark.parametrize("provider", ["bineric", "aimlapi", "aicredits"])
def test_what_was_spoken_is_written_down(cli: RunCli, at_once: list[float], tmp_path: Path, provider: str) -> None:
    assert cli("speech", "-p", provider, "--simulator", "the tide turns at noon", "-o", "tide").code == 0
    ran = cli("transcribe", "-p", provider, "--simulator", "tide.mp3")
    assert (ran.code, ran.out) == (0, "the tide turns at noon\n")
    saved = cli("transcribe", "-p", provider, "--simulator", "tide.mp3", "-o", "tide.txt", "--json")
    assert saved.json["text"] == "the tide turns at noon"
    assert saved.json["path"] == "tide.txt"
    assert (tmp_path / "tide.txt").read_text() == "the tide turns at noon\n"
    again = cli("transcribe", "-p", provider, "--simulator", "tide.mp3", "-o", "tide.txt")
    assert again.code == 2


def test_documents_are_read(cli: RunCli, tmp_path: Path) -> None:
    assert cli("image", "-p", "aimlapi", "--simulator", "INVOICE 42", "-o", "invoice.png").code == 0
    ran = cli("ocr", "-p", "aimlapi", "--simulator", "invoice.png")
    assert (ran.code, ran.out) == (0, "INVOICE 42\n")
    scripted = cli("ocr", "-p", "aimlapi", "--simulator", "invoice.png", "--json", "-o", "invoice.md")
    assert [page["number"] for page in scripted.json["pages"]] == [1]
    assert (tmp_path / "invoice.md").read_text() == "INVOICE 42\n"
    assert cli("ocr", "-p", "aimlapi", "--simulator", "invoice.png", "--pages", "0").code == 2
    assert cli("ocr", "-p", "binobox", "--simulator", "invoice.png").code == 11


def test_made_media_are_opened(cli: RunCli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened = []
    monkeypatch.setattr(files.sys, "platform", "linux")
    monkeypatch.setattr(files.subprocess, "Popen", lambda words, **_: opened.append(words))
    assert cli("image", "-p", "binobox", "--simulator", "a cat", "-o", "cat.png", "--open").code == 0
    assert opened == [["xdg-open", str(tmp_path / "cat.png")]]
    files.open_file(Media(path=tmp_path / "page.html", mime_type="text/html"))
    assert len(opened) == 1


def test_a_missing_opener_is_no_failure(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(files.sys, "platform", "linux")
    ran = cli("image", "-p", "binobox", "--simulator", "a cat", "-o", "cat.png", "--open")
    assert ran.code == 0
    assert "cannot open cat.png" in ran.err


# ------------------------------------------------------------------------------------------------ in the terminal


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "iterm2"),
        ({"TERM": "screen-256color", "KITTY_WINDOW_ID": "1", "TMUX": "/tmp/tmux"}, "blocks"),
        ({"TERM": "xterm-256color"}, "blocks"),
        ({"TERM": "xterm-kitty", "NO_COLOR": "1"}, None),
        ({"TERM": "dumb"}, None),
    ],
)
def test_the_terminal_is_recognised(environment: dict[str, str], protocol: str | None) -> None:
    assert pictures.protocol_of(environment) == protocol


def png(width: int, height: int) -> bytes:
    from PIL import Image

    picture = Image.new("RGB", (width, height), (255, 0, 0))
    picture.paste((0, 0, 255), (0, height // 2, width, height))
    made = io.BytesIO()
    picture.save(made, "PNG")
    return made.getvalue()


def test_kitty_gets_the_picture_in_pieces() -> None:
    data = PNG + bytes(range(256)) * 40
    drawn = pictures.kitty(data)
    pieces = [piece.split("\x1b\\")[0] for piece in drawn.split("\x1b_G")[1:]]
    heads, texts = zip(*(piece.split(";") for piece in pieces), strict=True)
    assert base64.b64decode("".join(texts)) == data
    assert max(map(len, texts)) <= 4096
    assert heads[0] == "a=T,f=100,c=30,m=1"
    assert [head[-3:] for head in heads] == ["m=1"] * (len(heads) - 1) + ["m=0"]


def test_iterm2_gets_the_whole_file() -> None:
    head, text = pictures.iterm2(b"\xff\xd8\xff picture").removesuffix("\x07").split(":")
    assert head.startswith("\x1b]1337;File=inline=1;size=11;")
    assert base64.b64decode(text) == b"\xff\xd8\xff picture"


def test_half_blocks_show_two_pixels_each() -> None:
    from PIL import Image

    lines = pictures.half_blocks(Image.open(io.BytesIO(png(2, 2))), 10, 10).splitlines()
    assert lines == ["\x1b[38;2;255;0;0;48;2;0;0;255m▀" * 2 + "\x1b[0m"]
    wide = pictures.half_blocks(Image.open(io.BytesIO(png(400, 200))), 60, 30).splitlines()
    assert len(wide) == 15
    assert wide[0].count("▀") == 60


def test_what_is_no_picture_is_not_drawn() -> None:
    assert pictures.blocks(b"no picture") == ""
    assert pictures.kitty(b"no picture") == ""
    assert pictures.blocks(png(300, 300)[:400]) == ""


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("image", "-p", "aimlapi", "-i", "a.mp4", "night"), "takes an image"),
        (("video", "-p", "aimlapi", "-i", "a.mp4", "night"), "takes an image"),
        (("ocr", "-p", "aimlapi", "a.mp4"), "takes a document"),
        (("transcribe", "-p", "bineric", "a.mp4"), "takes a recording"),
    ],
)
def test_what_a_field_does_not_take_is_refused_unsent(
    cli: RunCli, served: Simulator, tmp_path: Path, command: tuple[str, ...], words: str
) -> None:
    from tests.media_samples import SAMPLES

    (tmp_path / "a.mp4").write_bytes(SAMPLES["mp4"].data)
    ran = cli(*command)
    assert ran.code == 2 and words in ran.error
    assert not served.log


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>"),
        ("a.html", b"<html></html>"),
        ("a.png", b"<svg></svg>"),
    ],
)
def test_what_a_browser_would_run_is_not_opened(
    name: str, data: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[object] = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **_: started.append(command))
    path = tmp_path / name
    path.write_bytes(data)
    files.open_file(Media(data=data, mime_type="image/svg+xml" if name != "a.html" else "text/html", path=path))
    assert started == []
    files.open_file(Media(data=b"\x89PNG\r\n\x1a\n" + bytes(50), path=tmp_path / "b.png"))
    assert len(started) == 1


def test_pitch_and_volume_go_out_in_the_providers_scale(cli: RunCli) -> None:
    words = ("speech", "hello", "--dry-run", "--json")
    body = cli(*words, "-p", "bineric", "--pitch", "+10%", "--volume", "+20%").json["request"]["body"]
    assert {"+10%", "+20%"} <= {str(value) for value in body["options"].values()}
    assert cli(*words, "-p", "binobox", "--pitch", "2").code in {0, 11}
