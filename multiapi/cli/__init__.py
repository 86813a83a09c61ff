"""The command line: `multiapi chat`, `multiapi image` and so on. Needs the extra `cli`.

Nothing but this function is loaded until it runs, and each command loads only what it uses.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    try:
        import rich  # noqa: F401  (whether both are there, said before anything fails on them)
        import typer  # noqa: F401
    except ModuleNotFoundError as error:
        from multiapi._package import install

        sys.stderr.write(f"the command line needs the extra `cli` ({error}); {install('cli')}\n")
        sys.exit(1)
    from multiapi.cli.commands import app

    app(prog_name="multiapi")
