"""The notebooks run on the simulator and show what they show in the repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.docs.notebooks import executed, notebooks

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PLAYERS = {"langchain_tour": (1, 0, 0), "llamaindex_rag_tour": (0, 1, 0), "media_tour": (3, 3, 1)}
"""Pictures, audio players and video players that a reader sees."""


def read(path: Path) -> Any:
    import nbformat

    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def shown(cell: Any) -> list[str]:
    """What a cell shows, ids aside: its words, and the kinds of what is no text."""
    found = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            found.append(f"{output.name}: {output.text}")
        elif output.output_type == "error":
            found.append(f"error: {output.ename}: {output.evalue}")
        else:
            kinds = sorted(output.data)
            found += kinds if kinds != ["text/plain"] else [output.data["text/plain"]]
    return [re.sub(r"[0-9a-f]{8,}(-[0-9a-f]{4,})*", "ID", text) for text in found]


@pytest.mark.slow
@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_a_notebook_shows_what_it_showed(path: Path) -> None:
    committed, now = read(path), executed(path)
    for number, (before, after) in enumerate(zip(committed.cells, now.cells, strict=True)):
        assert shown(after) == shown(before), f"cell {number}; if it is right: python -m tests.docs.notebooks"


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_media_are_in_the_committed_notebook(path: Path) -> None:
    data = [output.get("data", {}) for cell in read(path).cells for output in cell.get("outputs", [])]
    html = [bundle.get("text/html", "") for bundle in data]
    pictures = sum("image/png" in bundle for bundle in data)
    assert (pictures, sum("<audio" in text for text in html), sum("<video" in text for text in html)) == PLAYERS[
        path.stem
    ]
    assert path.stat().st_size < 500_000


def test_there_are_three_notebooks() -> None:
    assert [path.stem for path in notebooks()] == sorted(PLAYERS)
