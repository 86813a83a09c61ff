"""Builds the distribution as a user gets it and tries it in empty environments: `python -m tests.packaging.check`.

It needs an index and some minutes:

1. `python -m build`, `twine check --strict`, `check-wheel-contents`.
2. For each extra alone an empty environment with the wheel, in which `smoke.py` runs; with `--python` also for other Pythons.
3. The same with the lowest versions that `pyproject.toml` allows, and suites that need no more than that.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SMOKE = Path(__file__).with_name("smoke.py")
EXTRAS = (
    "core",
    "langchain",
    "agents",
    "llamaindex",
    "cli",
    "simulator",
    "cassettes",
    "bulk",
    "ray",
    "otel",
    "mcp",
    "all",
)
LOWEST = ("core", "langchain", "agents", "llamaindex", "cli", "simulator", "cassettes", "bulk")
NEEDS_NEWER = frozenset({"agents"})
"""LangGraph wants a newer orjson than the core does."""
SUITES = {"llamaindex": ("tests/llamaindex", "tests/providers")}
"""What runs with the lower bounds beside the smoke test. LangChain's own suite needs a newer core than ours does."""
TEST_TOOLS = (
    "openai",
    "pytest",
    "pytest-asyncio",
    "pytest-socket",
    "pytest-benchmark",
    "pytest-xdist",
    "hypothesis",
    "psutil",
    "vcrpy",
    "pytest-recording",
)


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command and show what it says only if it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout)
        raise SystemExit(f"failed: {' '.join(map(str, command))}")


def build(into: Path) -> Path:
    """Wheel and source distribution, checked; gives the wheel."""
    run(sys.executable, "-m", "build", "--outdir", into, ROOT)
    files = sorted(into.iterdir())
    run(sys.executable, "-m", "twine", "check", "--strict", *files)
    wheel = next(file for file in files if file.suffix == ".whl")
    # W009: three packages in one distribution is what is meant.
    run(Path(sys.executable).with_name("check-wheel-contents"), "--ignore", "W009", wheel)
    print(f"built and checked: {', '.join(file.name for file in files)}")
    return wheel


def environment(python: str, folder: Path) -> Path:
    """An empty environment; gives its Python."""
    run(python, "-m", "venv", folder)
    found = folder / "bin" / "python"
    run(found, "-m", "pip", "install", "--quiet", "--upgrade", "pip")
    return found


def try_extra(wheel: Path, extra: str, python: str, folder: Path) -> None:
    """One extra alone."""
    installed = environment(python, folder)
    wanted = str(wheel) if extra == "core" else f"{wheel}[{extra}]"
    run(installed, "-m", "pip", "install", "--quiet", wanted)
    run(installed, "-m", "pip", "check")
    smoke(installed, extra, folder)


def smoke(python: Path, extra: str, cwd: Path) -> None:
    """Away from the tree, and without what the environment says."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    subprocess.run([python, "-I", SMOKE, extra], cwd=cwd, env=clean, check=True)


def lowest(extra: str) -> list[str]:
    """The lower bounds of what an extra needs, as `name==version`; the core's too, where the extra's own dependencies let them be."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    listed = list(project["dependencies"]) if extra not in NEEDS_NEWER else []
    for name in {"core": (), "agents": ("langchain", "agents")}.get(extra, (extra,)):
        listed += extras[name]
    bounds = (re.match(r"([\w.-]+)(?:\[[^\]]*\])?>=([\w.]+)", entry) for entry in listed)
    return sorted({f"{bound[1]}=={bound[2]}" for bound in bounds if bound and bound[1] != "multiapi"})


def try_lowest(wheel: Path, extra: str, python: str, folder: Path) -> None:
    """An extra with the oldest dependencies that are allowed, and the suites that need no more than that."""
    installed = environment(python, folder)
    bounds = lowest(extra)
    run(installed, "-m", "pip", "install", "--quiet", f"{wheel}[{extra}]" if extra != "core" else wheel, *bounds)
    smoke(installed, extra, folder)
    suites = SUITES.get(extra, ())
    if suites:
        run(installed, "-m", "pip", "install", "--quiet", f"{wheel}[{extra},simulator]", *TEST_TOOLS, *bounds)
        run(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", *suites)
    print(f"[{extra}] works with {', '.join(bounds)}")


def main() -> int:
    """All of it, or the parts that are named."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--extra", action="append", choices=EXTRAS, help="only this extra")
    options.add_argument("--python", action="append", default=[], help="one more Python to try [all] on")
    options.add_argument("--no-lowest", action="store_true", help="leave the lower bounds out")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="multiapi-package-") as name:
        folder = Path(name)
        wheel = build(folder / "dist")
        for extra in chosen.extra or EXTRAS:
            try_extra(wheel, extra, sys.executable, folder / extra)
        for number, python in enumerate(chosen.python):
            try_extra(wheel, "all", python, folder / f"python{number}")
        for extra in () if chosen.no_lowest else [extra for extra in chosen.extra or LOWEST if extra in LOWEST]:
            try_lowest(wheel, extra, sys.executable, folder / f"lowest_{extra}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
