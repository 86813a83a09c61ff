"""The simulator must not share a belief with the client: it imports nothing of it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import multiapi.simulator

FOLDER = Path(multiapi.simulator.__file__).parent
ALLOWED = ("multiapi.simulator", "multiapi._package")


def imported(file: Path) -> set[str]:
    """Every module that a file imports, at the top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name} imports relatively"
            names |= (
                {f"{node.module}.{alias.name}" for alias in node.names}
                if node.module == "multiapi"
                else {str(node.module)}
            )
    return names


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.py")), ids=lambda file: str(file.relative_to(FOLDER)))
def test_nothing_of_the_client_is_imported(file: Path) -> None:
    ours = {
        name
        for name in imported(file)
        if name.split(".")[0] in ("multiapi", "langchain_multiapi", "llamaindex_multiapi")
    }
    foreign = {name for name in ours if not name.startswith(ALLOWED)}
    assert not foreign
    assert not {name for name in imported(file) if name.split(".")[0] in ("langchain_core", "llama_index", "openai")}


def test_the_plugin_costs_nothing_and_needs_nothing() -> None:
    """Whoever installs the package has pytest load the plugin, with or without the extra."""
    code = (
        "import sys\n"
        "for name in ('starlette', 'uvicorn', 'yaml', 'jsonschema_rs', 'PIL', 'av'): sys.modules[name] = None\n"
        "import pytest_multiapi\n"
        "loaded = [name for name in sys.modules if name.split('.')[0] in ('multiapi', 'httpx')]\n"
        "assert loaded == [], loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
