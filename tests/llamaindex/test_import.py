"""B1: importing and making our classes opens no connection and loads nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import llamaindex_multiapi


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def packages(modules: list[str]) -> set[str]:
    """The packages that are neither ours nor Python's."""
    names = {name.partition(".")[0] for name in modules}
    return {name for name in names - sys.stdlib_module_names if not name.endswith("multiapi")}


ADDED = """
import json, sys
import llama_index.core.llms
import llama_index.core.llms.function_calling
before = set(sys.modules)
from llamaindex_multiapi import MultiApiLLM
imported = set(sys.modules) - before
MultiApiLLM(provider="aimlapi", model="openai/gpt-4o", api_key="k").metadata
print(json.dumps([sorted(imported), sorted(set(sys.modules) - before)]))
"""


def test_b01_c39_r09_r10_no_packages_are_added_but_the_one_that_reads_json() -> None:
    imported, used = json.loads(run(ADDED))
    assert packages(imported) <= {"orjson"}
    assert packages(used) <= {"orjson"}


def test_b01_c40_import_and_construction_open_no_socket() -> None:
    run(
        "import socket\n"
        "def refuse(*args, **kwargs): raise AssertionError('a connection was opened')\n"
        "import asyncio\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM\n"
        "llm = MultiApiLLM(provider='aicredits', model='nobody/knows-this', api_key='k')\n"
        "llm.metadata, llm.to_dict(), repr(llm)\n"
        "MultiApiEmbedding(provider='aicredits', model='m', api_key='k').to_dict()\n"
    )


def test_b01_without_the_framework_the_extra_is_named() -> None:
    code = (
        "import sys\n"
        "sys.modules['llama_index'] = None\n"
        "try:\n"
        "    import llamaindex_multiapi\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    assert "multiapi[llamaindex]" in run(code)


@pytest.mark.parametrize("name", llamaindex_multiapi.__all__)
def test_all_names_can_be_imported(name: str) -> None:
    assert getattr(llamaindex_multiapi, name).__name__ == name
    assert name in dir(llamaindex_multiapi)


def test_other_names_cannot() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'MultiApiLlm'"):
        llamaindex_multiapi.MultiApiLlm  # noqa: B018
