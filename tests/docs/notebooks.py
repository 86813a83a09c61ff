"""Runs the notebooks of `examples/` on the simulator and keeps what they show: `python -m tests.docs.notebooks`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from multiapi import PROVIDERS
from tests.docs.pages import ROOT

FOLDER = ROOT / "examples"


def notebooks() -> list[Path]:
    """All notebooks."""
    return sorted(FOLDER.glob("*.ipynb"))


def executed(path: Path) -> Any:
    """A notebook with what its cells show now; raises if a cell fails."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        coalesce_streams=True,
        resources={"metadata": {"path": str(FOLDER)}},
    )
    client.execute(env=environment())
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook


def environment() -> dict[str, str]:
    """No key and no address of this machine; warnings that others cause stay out of the pages."""
    ours = {name for provider in PROVIDERS.values() for name in (provider.api_key_env, provider.base_url_env)}
    kept = {name: value for name, value in os.environ.items() if name not in ours and not name.startswith("LANGSMITH")}
    return {**kept, "PYTHONWARNINGS": "ignore", "JUPYTER_PLATFORM_DIRS": "1", "COLUMNS": "100"}


def main() -> int:
    """Run all, or those that are named, and write them back."""
    import nbformat

    for path in [Path(name) for name in sys.argv[1:]] or notebooks():
        nbformat.write(executed(path), path)  # type: ignore[no-untyped-call]
        print(f"{path.name}: {path.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
