"""What is good of a paid answer is saved by the command line and by an agent's tool, although the call failed."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from multiapi.agent_tools import Toolbox
from multiapi.cli import run as runs
from multiapi.client.client import Client
from multiapi.providers import PROVIDERS
from multiapi.simulator.media import draw_image
from tests.cli.conftest import RunCli

PNG = draw_image("a boat", 32, 32)
PICTURES = {"data": [{"b64_json": base64.b64encode(PNG).decode()}, {"b64_json": "!!!"}]}
PAGES = {"pages": [{"index": 0, "markdown": "page one", "images": [{"id": "a", "image_base64": "!!!"}]}]}


def client(answer: Any) -> Client:
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=answer)))
    return Client("aimlapi", api_key="a-key", http_client=http)


def test_the_picture_that_can_be_read_is_saved(cli: RunCli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runs.Run, "client", lambda self: client(PICTURES))
    ran = cli("image", "-p", "aimlapi", "-m", "openai/gpt-image-1", "a boat", "-o", "boat.png")
    assert ran.code != 0
    assert "error: " in ran.err
    assert (tmp_path / "boat.png").read_bytes() == PNG
    assert ran.out.strip() == "boat.png"
    ran = cli("image", "-p", "aimlapi", "-m", "openai/gpt-image-1", "a boat", "-o", "other.png", "--json")
    assert ran.json["error"]["type"]
    assert (tmp_path / "other.png").read_bytes() == PNG
    assert [Path(each["path"]).name for each in ran.json["media"]] == ["other.png"]


@pytest.mark.parametrize("into", [[], ["-o", "text.md"], ["--json"]])
def test_the_pages_that_can_be_read_are_written(
    cli: RunCli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, into: list[str]
) -> None:
    monkeypatch.setattr(runs.Run, "client", lambda self: client(PAGES))
    ran = cli("ocr", "-p", "aimlapi", "https://example.com/a.pdf", *into)
    assert ran.code != 0
    written = (tmp_path / "text.md").read_text() if "-o" in into else ran.out
    assert (json.loads(written)["text"] if "--json" in into else written).strip() == "page one"


@pytest.mark.parametrize("saved", [True, False])
def test_a_tool_keeps_and_names_the_good_picture(tmp_path: Path, saved: bool) -> None:
    box = Toolbox(PROVIDERS["aimlapi"], output_dir=tmp_path if saved else None, allow_urls=True)
    [tool] = box.tools(["generate_image"])
    asked = client(PICTURES)
    answer = asked.as_method(lambda setting: box.run(tool, setting, {"prompt": "a boat"}))()
    assert len(answer.media) == 1
    assert "in `partial`" in answer.text
    if saved:
        [path] = tmp_path.iterdir()
        assert path.read_bytes() == PNG
        assert path.name in answer.text
    else:
        [name] = box.known_names()
        assert name in answer.text
    [tool] = box.tools(["read_document"])
    asked = client(PAGES)
    answer = asked.as_method(lambda setting: box.run(tool, setting, {"document": "https://example.com/a.pdf"}))()
    assert "page one" in answer.text
