"""What each package offers: listed once, seen by type checkers, loaded when it is asked for, and there for a star import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import langchain_multiapi
import llamaindex_multiapi
import multiapi
import multiapi.types
from multiapi import errors
from multiapi._package import install
from tests.packaging import check, smoke

PACKAGES = [multiapi, multiapi.types, langchain_multiapi, llamaindex_multiapi]
ROOT = Path(multiapi.__file__).parents[1]


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_name_is_there(package: ModuleType) -> None:
    names = package.__all__
    assert len(names) == len(set(names)) > 5
    for name in names:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="no_such_thing"):
        package.no_such_thing  # noqa: B018


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_type_checkers_see_the_same_names(package: ModuleType) -> None:
    """A name of a stub is defined in the module that the stub takes it from, so that type checkers and the program agree."""
    stub = ast.parse(Path(str(package.__file__)).with_suffix(".pyi").read_text(encoding="utf-8"))
    told = {}
    for line in stub.body:
        assert isinstance(line, ast.ImportFrom)
        for each in line.names:
            assert each.name == each.asname, "written so, a name counts as public"
            told[each.name] = str(line.module)
    assert told.keys() >= set(package.__all__)
    assert not [name for name, module in told.items() if name not in defined(module)]


def defined(module: str) -> set[str]:
    found = set()
    for node in ast.parse(ROOT.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {each.id for each in targets if isinstance(each, ast.Name)}
    return found


def test_the_core_exports_what_the_documentation_uses() -> None:
    wanted = {
        name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.MultiApiError)
    }
    wanted |= {"Policy", "Limiter", "Timeout", "Limits", "Provider", "openai_compatible", "register", "read_structured"}
    assert wanted <= set(multiapi.__all__)


def test_rare_requests_stay_in_types() -> None:
    rare = {"LegacyRequest", "LogsRequest", "TransactionsRequest", "KeyChange"}
    assert rare <= set(multiapi.types.__all__)
    assert not rare & set(multiapi.__all__)


@pytest.mark.parametrize("package", ["multiapi", "langchain_multiapi", "llamaindex_multiapi"])
def test_a_star_import_works(package: str) -> None:
    run(f"from {package} import *")


def test_a_star_import_works_without_the_extra_agents() -> None:
    out = run(
        "import sys; sys.modules['langchain'] = None\n"
        "from langchain_multiapi import *\n"
        "import langchain_multiapi\n"
        "assert 'VendorFailover' not in langchain_multiapi.__all__ and 'ChatMultiApi' in langchain_multiapi.__all__\n"
        "try:\n    langchain_multiapi.VendorFailover\nexcept ImportError as error:\n    print(error)\n"
    )
    assert install("agents") in out


EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
BROUGHT: dict[str, tuple[str, ...]] = {
    "langchain": ("langchain_core", "langgraph"),
    "agents": ("langchain_core", "langchain", "langgraph"),
    "llamaindex": ("llama_index",),
    "cli": ("typer", "rich"),
    "simulator": ("starlette", "uvicorn", "httptools", "jsonschema_rs", "pypdf", "av"),
    "cassettes": ("vcr",),
    "bulk": ("pyarrow",),
    "ray": ("ray", "pyarrow"),
    "otel": ("opentelemetry",),
}
"""What an extra brings, as far as it is not the others' too."""


@pytest.mark.parametrize("extra", ["core", *BROUGHT])
def test_a_star_import_works_with_each_extra_alone(extra: str) -> None:
    """Where what the other extras bring is away, each package gives all that it lists, or says which extra it needs."""
    brought = BROUGHT.get(extra, ())
    away = {name for names in BROUGHT.values() for name in names} - set(brought)
    block = f"import sys; sys.modules.update(dict.fromkeys({sorted(away)}))\n"
    for package, needed, wanted in (
        ("multiapi", None, ""),
        ("langchain_multiapi", "langchain_core", "langchain"),
        ("llamaindex_multiapi", "llama_index", "llamaindex"),
    ):
        if needed is None or needed in brought:
            run(
                f"{block}from {package} import *\nimport {package}\n[getattr({package}, each) for each in {package}.__all__]"
            )
        else:
            said = run(f"{block}try:\n    import {package}\nexcept ImportError as error:\n    print(error)")
            assert install(wanted) in said


def test_every_extra_is_tried() -> None:
    assert {"core", *EXTRAS} == set(check.EXTRAS) == set(smoke.CHECKS) == set(smoke.ABSENT)


def test_one_place_says_how_the_package_is_installed() -> None:
    """Nobody is told to install a name from an index that may belong to somebody else."""
    pattern = re.compile(r"""pip install\s+(?:-\S+\s+)*['"]?multiapi\b|multiapi\[[a-z{]""")
    files = [*ROOT.glob("*.md"), *ROOT.glob("*.py"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*")]
    files += [path for package in PACKAGES for path in Path(str(package.__file__)).parent.rglob("*.py")]
    said = {
        str(path.relative_to(ROOT))
        for path in files
        if path.is_file()
        and path.suffix in {".md", ".py", ".ipynb"}
        and pattern.search(path.read_text(encoding="utf-8"))
    }
    assert said == {"multiapi/_package.py"}
    assert pattern.search("pip install 'multiapi[cli]'")
    assert pattern.search("pip install multiapi")
    assert install("cli") == "install multiapi[cli] from a copy of the repository: pip install '.[cli]'"


def test_importing_loads_no_client() -> None:
    run("import sys, multiapi\nassert 'multiapi.client.client' not in sys.modules\nassert 'httpx' not in sys.modules")
