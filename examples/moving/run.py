"""Apps that moved here, run on the simulator: `python examples/moving/run.py [NAME ...]` prints how many lines were changed.

Each program stands as it is after the move. A line ends with `# new` where it was added and with `# was: ...` where another one stood in its
place; that comment may also stand above it. So the program before the move can be told from it, and is run as well: with OpenAI's classes,
whose address in the environment is the simulator's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
_WAS = re.compile(r"(.*?)  # was: (.*)")


class Moved(NamedTuple):
    """A program: what it is, the packages it needs, its text after and before the move, and the lines that differ."""

    name: str
    title: str
    needs: tuple[str, ...]
    after: str
    before: str
    changed: tuple[str, ...]

    def missing(self) -> list[str]:
        """Return the packages that are not installed."""
        return [package for package in self.needs if not _is_installed(package)]


def read(path: Path) -> Moved:
    """Read a program, and tell from its marks what it was before."""
    text = path.read_text(encoding="utf-8")
    before: list[str] = []
    changed: list[str] = []
    waiting: str | None = None
    for line in text.splitlines():
        inline = _WAS.fullmatch(line)
        if line.startswith("# was: "):
            waiting = line.removeprefix("# was: ")
        elif waiting is not None:
            before.append(waiting)
            changed.append(line)
            waiting = None
        elif inline is not None:
            before.append(inline[2])
            changed.append(inline[1])
        elif line.endswith("  # new"):
            changed.append(line.removesuffix("  # new").strip())
        else:
            before.append(line)
    title = text.split('"""')[1].strip().splitlines()[0].rstrip(".")
    needs = re.search(r"^Needs: (.+)$", text, re.MULTILINE)
    packages = tuple(needs[1].split(", ")) if needs else ()
    return Moved(path.stem, title, packages, text, "\n".join(before) + "\n", tuple(changed))


def programs() -> list[Moved]:
    """Return all programs, by name."""
    return [read(path) for path in sorted(FOLDER.glob("*.py")) if path.name != "run.py"]


def output(text: str, environment: dict[str, str]) -> str:
    """Run a program and return what it prints.

    Raises:
        RuntimeError: It fails.
    """
    done = subprocess.run([sys.executable, "-c", text], check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def environment(base_url: str) -> dict[str, str]:
    """The variables that both programs read: keys and addresses, OpenAI's leading to the simulated AI/ML API as well."""
    own = {"AIMLAPI_API_KEY": "simulated-key", "AIMLAPI_BASE_URL": base_url}
    theirs = {
        "OPENAI_API_KEY": "simulated-key",
        "OPENAI_BASE_URL": f"{base_url}/v1",
        "OPENAI_API_BASE": f"{base_url}/v1",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LANGSMITH", "LANGCHAIN"))}
    return {**kept, **own, **theirs}


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def main() -> int:
    """Run the programs that are named, or all."""
    from multiapi.simulator.server import Server

    wanted = sys.argv[1:]
    failed = 0
    server = Server()
    threading.Thread(target=server.run, daemon=True).start()
    for moved in programs():
        if wanted and moved.name not in wanted:
            continue
        if moved.missing():
            said = f"not run: {', '.join(moved.missing())} is not installed"
        else:
            try:
                said = output(moved.after, environment(server.base_url("aimlapi"))).strip().replace("\n", " | ")
            except RuntimeError as error:
                failed, said = 1, f"failed: {error}"
        print(f"{moved.name}: {len(moved.changed)} lines changed; {said}")
    server.stop()
    return failed


if __name__ == "__main__":
    sys.exit(main())
