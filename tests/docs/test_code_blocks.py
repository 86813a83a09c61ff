"""Every code block of the documentation and of the README does what it says, on the simulator.

`ACCEPT=1 pytest tests/docs/test_code_blocks.py -k PAGE` writes what is printed into the page where it differs; read the difference.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import os
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from multiapi import PROVIDERS
from multiapi.simulator.server import Server
from tests.docs.pages import ROOT, Block, blocks, pages

RUN = ("multiapi ", "python ", "pytest ")
KNOWN_LANGUAGES = {"", "bash", "ini", "json", "makefile", "output", "python", "text", "toml", "yaml"}


@pytest.fixture
def environment(multiapi_simulator: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The simulator, keys and addresses as the pages tell the reader to set them, and an empty folder to work in: all that is hidden."""
    for provider in PROVIDERS.values():
        monkeypatch.setenv(provider.api_key_env, "any")
        monkeypatch.setenv(provider.base_url_env, multiapi_simulator.base_url(provider.name))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path.with_name(f"{tmp_path.name}-{name.lower()}")))
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    # A page may register a provider of its own and set variables; the tests behind it do not see them.
    known, variables = dict(PROVIDERS), dict(os.environ)
    monkeypatch.chdir(tmp_path)
    yield
    PROVIDERS.clear()
    PROVIDERS.update(known)
    for name in os.environ.keys() - variables.keys():
        del os.environ[name]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs(page: Path, environment: None) -> None:
    module = types.ModuleType("documentation_page")
    sys.modules[module.__name__] = module
    printed = ""
    wrong: list[str] = []
    accepted: list[tuple[Block, str]] = []
    try:
        with asyncio.Runner() as runner:
            for block in blocks(page):
                assert block.language in KNOWN_LANGUAGES, f"{page}:{block.line}: language {block.language!r}"
                if block.not_run:
                    continue
                if block.file:
                    Path(block.file).parent.mkdir(parents=True, exist_ok=True)
                    Path(block.file).write_text(block.text + "\n", encoding="utf-8")
                elif block.language == "python":
                    printed = run_python(block, page, module, runner)
                elif block.language == "bash":
                    printed = run_shell(block, page)
                elif block.language == "output":
                    found = differences(block, page, printed)
                    wrong += found
                    accepted += [(block, printed)] * len(found)
    finally:
        del sys.modules[module.__name__]
        forget_settings()
    if accepted and os.environ.get("ACCEPT"):
        accept(page, accepted)
    assert not wrong, "\n".join(wrong)


def accept(page: Path, found: list[tuple[Block, str]]) -> None:
    """Write into the page what was printed, from the last block to the first; where `...` stands, a reader has to."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for block, printed in reversed(found):
        if "..." in block.text:
            continue
        start = block.line - 1
        end = start + len(block.text.splitlines())
        lines[start:end] = [line.rstrip() for line in printed.strip().splitlines()]
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run_python(block: Block, page: Path, module: types.ModuleType, runner: asyncio.Runner) -> str:
    """Run a block as if it stood in a file whose lines are those of the page; gives what it printed."""
    source = "\n" * (block.line - 1) + on_the_simulator(block.text)
    code = compile(source, str(page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        if code.co_flags & inspect.CO_COROUTINE:
            runner.run(types.FunctionType(code, module.__dict__)())
        else:
            exec(code, module.__dict__)
    return out.getvalue()


def on_the_simulator(text: str) -> str:
    """A program written for the real addresses, as those of other packages are, with the simulator's in their place."""
    for provider in PROVIDERS.values():
        if address := os.environ.get(provider.base_url_env):
            text = re.sub(rf'="{re.escape(provider.base_url)}(?=["/])', f'="{address}', text)
    return text


def run_shell(block: Block, page: Path) -> str:
    """Run the commands of a block that are ours; gives what they printed."""
    printed = ""
    for command in block.text.replace("\\\n", " ").splitlines():
        if command.startswith("export "):
            check_export(command, block, page)
        if not command.startswith(RUN):
            continue
        words = shlex.split(command, comments=True)
        if words[0] == "python":
            words[0] = sys.executable
        if words[:3] == [sys.executable, "-m", "multiapi.simulator"] or words[:2] == ["multiapi", "simulator"]:
            printed += serve_once(words)
            continue
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{page}:{block.line}: {command}\n{done.stdout}\n{done.stderr}"
        printed += done.stdout
    return printed


def serve_once(words: list[str]) -> str:
    """Start the simulator (on a free port, whatever is written), and stop it when it is ready."""
    written = "0"
    if "--port" in words:
        at = words.index("--port") + 1
        written, words[at] = words[at], "0"
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("multiapi simulator on http://"), line
            return re.sub(r":\d+$", f":{written}", line)
        finally:
            process.terminate()


def check_export(command: str, block: Block, page: Path) -> None:
    """Variables that the page sets are read, and an address on the simulator is the right one; a provider of the page's own gets its two."""
    for setting in shlex.split(command)[1:]:
        name, _, value = setting.partition("=")
        simulated = value.startswith("http://127.0.0.1:8000/")
        if name.endswith(("_API_KEY", "_BASE_URL")) and name not in os.environ:
            origin = os.environ["AIMLAPI_BASE_URL"].rsplit("/", 1)[0]
            os.environ[name] = value.replace("http://127.0.0.1:8000", origin)
        assert name in os.environ, f"{page}:{block.line}: nobody reads {name}"
        if simulated:
            assert urlsplit(value).path == urlsplit(os.environ[name]).path, f"{page}:{block.line}: {command}"


def differences(block: Block, page: Path, printed: str) -> list[str]:
    """What is shown as printed but was not; line ends and blanks at the end aside."""
    shown, got = (
        "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n" for text in (block.text, printed)
    )
    if doctest.OutputChecker().check_output(shown, got, doctest.ELLIPSIS):
        return []
    return [f"{page}:{block.line} shows\n{shown}\nbut this was printed\n{got}"]


def forget_settings() -> None:
    """No page leaves its model behind in LlamaIndex's global settings."""
    if "llama_index.core.settings" in sys.modules:
        from llama_index.core import Settings

        for name in (
            "_llm",
            "_embed_model",
            "_callback_manager",
            "_tokenizer",
            "_node_parser",
            "_prompt_helper",
            "_transformations",
        ):
            setattr(Settings, name, None)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_nothing_that_is_run_is_hidden(page: Path) -> None:
    assert hidden(page.read_text(encoding="utf-8")) == []


def hidden(text: str) -> list[str]:
    """Comments but those that mark tables, figures and blocks that are not run."""
    harmless = ("table: ", "end of table", "measured: ", "not run: ")
    return [each for each in re.findall(r"<!-- *(.*?)-->", text, re.DOTALL) if not each.startswith(harmless)]


def test_a_hidden_program_is_noticed() -> None:
    assert hidden("<!-- table: money -->\n<!-- setup\nx = 1\n-->\n") == ["setup\nx = 1\n"]


def test_a_page_is_read_as_it_is_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n\n<!-- setup\nx = 1\n-->\n\n```python\nprint(x)\n```\n\n`a.py`:\n\n```python\ny = 2\n```\n\n"
        "- item\n\n  ```bash\n  multiapi providers\n  ```\n\n```{note}\nNo code.\n```\n"
    )
    assert blocks(page) == [
        Block("python", "print(x)", 8),
        Block("python", "y = 2", 14, file="a.py"),
        Block("bash", "multiapi providers", 20),
    ]


def test_a_wrong_output_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    assert differences(Block("output", "a ... c\nd", 1), page, "a b c \nd\n\n") == []
    assert differences(Block("output", "a", 1), page, "b") == [f"{page}:1 shows\na\n\nbut this was printed\nb\n"]
