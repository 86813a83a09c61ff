"""What an agent's tools may read and write: only below the folders that were opened, whatever a model says."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from multiapi.agent_tools.folders import InputFolder, checked_parts, output_folder
from multiapi.errors import InvalidRequestError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "open"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "note.txt").write_text("inside")
    (root / "deep" / "er" / "note.txt").write_text("deep inside")
    (root / "Übung ☂.txt").write_text("names in any script")
    (root / "empty.txt").touch()
    (root / "large.txt").write_bytes(bytes(5_000))
    (tmp_path / "secret.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "inner-link.txt").symlink_to(root / "note.txt")
    (root / "out").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    return root


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("note.txt", "inside"),
        ("./note.txt", "inside"),
        ("deep/er/note.txt", "deep inside"),
        ("deep//er/./note.txt", "deep inside"),
        ("Übung ☂.txt", "names in any script"),
    ],
)
def test_files_below_the_folder_are_read(root: Path, name: str, text: str) -> None:
    media = InputFolder(root).read(name, max_bytes=1_000)
    assert media.read().decode() == text
    assert media.name == name.rpartition("/")[2]


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "/",
        "/etc/passwd",
        "//etc/passwd",
        "../secret.txt",
        "deep/../../secret.txt",
        "deep/../note.txt",
        "..",
        "~/secret.txt",
        "~root/.ssh/id_rsa",
        "C:/Windows/win.ini",
        "c:secret.txt",
        "\\\\host\\share\\x",
        "..\\secret.txt",
        "deep\\er\\note.txt",
        "note.txt\x00.png",
        "note\n.txt",
        "\u202egnp.txt",
        "x" * 2_000,
        "link.txt",
        "inner-link.txt",
        "out/secret.txt",
        "out",
        "deep",
        "pipe",
        "empty.txt",
        "large.txt",
        "nothing.txt",
        "note.txt/",
        "note.txt/x",
        "/proc/self/environ",
        "proc/self/environ",
        "file:///etc/passwd",
        "https://example.com/a",
    ],
)
def test_everything_else_is_refused_in_words_fit_for_a_model(root: Path, name: str) -> None:
    folder = InputFolder(root)
    if name == "note.txt/":
        assert folder.read(name, max_bytes=1_000).read() == b"inside"
        return
    with pytest.raises(InvalidRequestError) as raised:
        folder.read(name, max_bytes=1_000)
    words = str(raised.value)
    assert str(root) not in words and "inside" not in words and "\n" not in words


def test_what_is_no_text_is_no_name() -> None:
    for wrong in (None, 5, b"note.txt", ["note.txt"]):
        with pytest.raises(InvalidRequestError):
            checked_parts(wrong)  # type: ignore[arg-type]


def test_nothing_can_be_exchanged_between_a_check_and_the_opening(root: Path, tmp_path: Path) -> None:
    """A file that turns into a link and back, all the time: what is read is the file or nothing."""
    target, stop = root / "deep" / "swap.txt", threading.Event()
    target.write_text("inside")

    def swap() -> None:
        while not stop.is_set():
            for make in (lambda p: p.symlink_to(tmp_path / "secret.txt"), lambda p: p.write_text("inside")):
                beside = root / "beside.txt"
                beside.unlink(missing_ok=True)
                make(beside)
                beside.replace(target)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        seen = set()
        for _ in range(2_000):
            try:
                seen.add(InputFolder(root).read("deep/swap.txt", max_bytes=1_000).read())
            except InvalidRequestError:
                seen.add(b"")
    finally:
        stop.set()
        thread.join()
    assert seen <= {b"inside", b""} and b"inside" in seen


def test_a_folder_that_is_itself_a_link_is_the_developers_choice(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)
    assert InputFolder(tmp_path / "alias").read("note.txt", max_bytes=100).read() == b"inside"


def test_names_are_told_without_links_and_hidden_files(root: Path) -> None:
    (root / ".hidden").write_text("x")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("x")
    assert InputFolder(root).names() == ["empty.txt", "large.txt", "note.txt", "Übung ☂.txt", "deep/er/note.txt"]
    assert len(InputFolder(root).names(2)) == 2


def test_an_input_folder_must_be_there_and_an_output_folder_is_made(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="is not a folder"):
        InputFolder(tmp_path / "nowhere")
    assert output_folder(tmp_path / "a" / "b").is_dir()


def test_no_handle_is_left_open(root: Path) -> None:
    folder = InputFolder(root)
    before = len(os.listdir("/proc/self/fd"))
    for name in (
        "note.txt",
        "deep/er/note.txt",
        "link.txt",
        "nothing",
        "deep/nothing/x",
        "large.txt",
        "pipe",
        "empty.txt",
    ):
        for _ in range(5):
            try:
                folder.read(name, max_bytes=1_000)
            except InvalidRequestError:
                pass
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_way_without_handles_refuses_links_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multiapi.agent_tools.folders._BY_HANDLE", False)
    folder = InputFolder(root)
    assert folder.read("deep/er/note.txt", max_bytes=1_000).read() == b"deep inside"
    for name in ("link.txt", "inner-link.txt", "out/secret.txt", "nothing", "../secret.txt"):
        with pytest.raises(InvalidRequestError):
            folder.read(name, max_bytes=1_000)
