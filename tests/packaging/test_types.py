"""What type checkers say of a user's program: nothing of the right one, and something of each line of the wrong one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings, MultiApiToolkit, _keywords
from langchain_multiapi.chat_models import _ALIASES as CHAT_ALIASES
from langchain_multiapi.embeddings import _ALIASES as EMBEDDINGS_ALIASES
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM
from llamaindex_multiapi import _keywords as _llamaindex_keywords
from llamaindex_multiapi._connection import _OF_A_CALL, _OTHER_NAMES
from multiapi import PROVIDERS, ProviderName

TYPED = Path(__file__).with_name("typed")
ROOT = TYPED.parents[2]
PYRIGHT = shutil.which("basedpyright") or shutil.which("pyright")


def mypy(files: list[Path], folder: Path) -> dict[str, set[int]]:
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file",
        "",
        "--cache-dir",
        str(folder / "mypy"),
        *map(str, files),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1, done.stderr
    found: dict[str, set[int]] = {}
    for file, line in re.findall(r"^([^:\n]+):(\d+): error:", done.stdout, re.MULTILINE):
        found.setdefault(Path(file).name, set()).add(int(line))
    return found


def pyright(files: list[Path], folder: Path) -> dict[str, set[int]]:
    settings = folder / "pyrightconfig.json"
    wanted = {"typeCheckingMode": "strict", "include": [str(file) for file in files], "extraPaths": [str(ROOT)]}
    settings.write_text(json.dumps(wanted), encoding="utf-8")
    command = [str(PYRIGHT), "--project", str(settings), "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    found: dict[str, set[int]] = {}
    for each in json.loads(done.stdout)["generalDiagnostics"]:
        if each["severity"] == "error":
            found.setdefault(Path(each["file"]).name, set()).add(each["range"]["start"]["line"] + 1)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("checker", [mypy, pyright], ids=lambda checker: checker.__name__)
def test_a_users_program_is_read_strictly(checker: Any, tmp_path: Path) -> None:
    if checker is pyright and PYRIGHT is None:
        pytest.skip("neither pyright nor basedpyright is installed")
    lines = (TYPED / "wrong.py").read_text(encoding="utf-8").splitlines()
    marked = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    assert len(marked) > 15
    assert checker([TYPED / "right.py", TYPED / "wrong.py"], tmp_path) == {"wrong.py": marked}


BESIDE = {"provider", "model"}
OTHER = {"api_base", "additional_kwargs", "async_http_client", "extra_headers", "extra_query"}


@pytest.mark.parametrize(
    ("kind", "keywords", "others"),
    [
        (ChatMultiApi, _keywords.ChatModelKeywords, set(CHAT_ALIASES)),
        (MultiApiEmbeddings, _keywords.EmbeddingsKeywords, set(EMBEDDINGS_ALIASES)),
        (MultiApiToolkit, _keywords.ToolkitKeywords, set()),
        (MultiApiLLM, _llamaindex_keywords.LLMKeywords, OTHER),
        (MultiApiEmbedding, _llamaindex_keywords.EmbeddingKeywords, OTHER),
    ],
)
def test_the_stated_arguments_are_the_ones_that_are_taken(kind: Any, keywords: Any, others: set[str]) -> None:
    fields = {field.alias or name for name, field in kind.model_fields.items()}
    stated = set(keywords.__annotations__)
    assert stated == fields - BESIDE - {"model_name"} | (others - {"model_name"})


def test_the_other_names_are_all_stated() -> None:
    assert {*_OTHER_NAMES, *_OF_A_CALL, "additional_kwargs"} - {"timeout", "model_name"} == OTHER


def test_the_names_of_providers_are_those_of_this_package() -> None:
    assert set(get_args(ProviderName)) <= PROVIDERS.keys()
    assert len(get_args(ProviderName)) == 5
