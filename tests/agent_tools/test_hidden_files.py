"""No tool sends a file that its folder hides, that lies elsewhere, or that is of another kind than the tool wants."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from langchain_multiapi import MultiApiToolkit

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
HIDDEN = (
    ".env", ".git/config", ".git/a.png", "./.env", "sub/../.env", "hard.png", "soft.png", "linked/secret.png", "../secret.png", "pipe.png", "none.png",
)  # fmt: skip
OF_ANOTHER_KIND = ("fake.png", "fake.mp3", "fake.pdf", "notes.txt", "key.pem")
TAKES_ANY_FILE = {"file_to_base64"}
FILE_WORDS = ("image", "file", "audio", "document", "path", "video")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made, secret = tmp_path / "in", tmp_path / "secret.png"
    secret.write_bytes(PNG + b"SECRET")
    for each in (made, made / ".git", made / "sub"):
        each.mkdir()
    (made / ".env").write_text("TOKEN=1")
    (made / ".git/config").write_text("url=1")
    (made / ".git/a.png").write_bytes(PNG)
    os.link(secret, made / "hard.png")
    (made / "soft.png").symlink_to(secret)
    (made / "linked").symlink_to(tmp_path)
    os.mkfifo(made / "pipe.png")
    for name in OF_ANOTHER_KIND:
        (made / name).write_text("TOKEN=1")
    (made / "good.png").write_bytes(PNG)
    return made


def tools_of(provider: str, folder: Path, sent: list[httpx.Request]) -> list[Any]:
    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(400, json={"error": {"message": "no"}})

    wire = httpx.Client(transport=httpx.MockTransport(answer))
    return MultiApiToolkit(provider=provider, api_key="k", input_dir=folder, http_client=wire).get_tools()


def asked(tool: Any, field: str, name: str) -> None:
    """Call a tool with a file at one of its arguments, and with little in the others."""
    schema = tool.args
    given: dict[str, Any] = {
        other: "x" if form.get("type") == "string" else 1 for other, form in schema.items() if "default" not in form
    }
    forms = [schema[field], *schema[field].get("anyOf", [])]
    given[field] = [name] if any(form.get("type") == "array" for form in forms) else name
    try:
        tool.invoke(given)
    except Exception as error:
        assert "TOKEN" not in str(error)


@pytest.mark.parametrize("provider", ["aimlapi", "bineric", "binobox", "aicredits"])
def test_no_tool_sends_what_it_may_not_read(provider: str, folder: Path) -> None:
    sent: list[httpx.Request] = []
    tried = 0
    for tool in tools_of(provider, folder, sent):
        for field in tool.args:
            if not any(word in field for word in FILE_WORDS):
                continue
            names = HIDDEN if tool.name in TAKES_ANY_FILE else (*HIDDEN, *OF_ANOTHER_KIND)
            for name in names:
                asked(tool, field, name)
                tried += 1
                assert sent == [], (tool.name, field, name)
    assert tried or provider in {"binobox", "aicredits"}


def test_a_good_file_is_sent(folder: Path) -> None:
    sent: list[httpx.Request] = []
    tools = {tool.name: tool for tool in tools_of("bineric", folder, sent)}
    asked(tools["file_to_base64"], "file", "good.png")
    assert len(sent) == 1
