"""Names in the folder of tools: what is hidden or linked is not read, and letters may be composed or not."""

from __future__ import annotations

import itertools
import os
import tempfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from multiapi.agent_tools.folders import InputFolder, stored_path
from multiapi.cli.files import media_of
from multiapi.errors import InvalidRequestError

FORMS = ("NFC", "NFD")
NAMES = ["\u00dcbung.wav", "caf\u00e9 \u00e0 la cr\u00e8me.txt", "\uac00\ub098.png", "\u1e69.md"]


@pytest.mark.parametrize("hidden", [".env", ".git/config", "a/.ssh/key", "a/.hidden", "./.env", "a/./.hidden"])
def test_what_is_not_listed_is_not_read(hidden: str, tmp_path: Path) -> None:
    path = tmp_path / hidden
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("TOKEN=1")
    folder = InputFolder(tmp_path)
    assert folder.names() == []
    with pytest.raises(InvalidRequestError, match="there is no file"):
        folder.read(hidden, max_bytes=99)


def test_a_file_with_another_name_elsewhere_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    (tmp_path / "in").mkdir()
    os.link(tmp_path / "outside.txt", tmp_path / "in" / "inside.txt")
    folder = InputFolder(tmp_path / "in")
    assert folder.names() == []
    with pytest.raises(InvalidRequestError, match="there is no file"):
        folder.read("inside.txt", max_bytes=99)
    allowed = InputFolder(tmp_path / "in", hard_links=True)
    assert allowed.names() == ["inside.txt"]
    assert allowed.read("inside.txt", max_bytes=99).data == b"secret"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("stored", "asked"), [*itertools.product(FORMS, FORMS)])
def test_the_same_letters_name_the_same_file(name: str, stored: str, asked: str, tmp_path: Path) -> None:
    folder = tmp_path / unicodedata.normalize(stored, "\u00c4")
    folder.mkdir()
    (folder / unicodedata.normalize(stored, name)).write_bytes(b"found")
    wanted = unicodedata.normalize(asked, f"\u00c4/{name}")
    assert InputFolder(tmp_path).read(wanted, max_bytes=99).data == b"found"
    assert media_of(str(tmp_path / wanted)).read() == b"found"


@given(st.text(st.sampled_from("ae\u00e9\u0301\u0308\u00fc\u1e69o\u0323"), min_size=1, max_size=6), st.data())
def test_any_spelling_is_found_and_the_exact_one_wins(name: str, data: st.DataObject) -> None:
    spellings = sorted({name, *(unicodedata.normalize(form, name) for form in FORMS)})
    stored, asked = data.draw(st.sampled_from(spellings)), data.draw(st.sampled_from(spellings))
    with tempfile.TemporaryDirectory() as root:
        Path(root, stored).write_bytes(b"stored")
        assert InputFolder(root).read(asked, max_bytes=99).data == b"stored"
        assert stored_path(Path(root, asked)).read_bytes() == b"stored"
        other = data.draw(st.sampled_from(spellings))
        assume(other != stored)
        Path(root, other).write_bytes(b"other")
        assert InputFolder(root).read(stored, max_bytes=99).data == b"stored"
        assert InputFolder(root).read(other, max_bytes=99).data == b"other"


def test_a_link_is_not_found_by_another_spelling_either(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / unicodedata.normalize("NFD", "\u00dcbung")).symlink_to(tmp_path / "outside.txt")
    with pytest.raises(InvalidRequestError, match="there is no file"):
        InputFolder(tmp_path / "in").read("\u00dcbung", max_bytes=99)
