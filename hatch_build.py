"""Read by the build: where the project lives, and the README with addresses that work away from it.

Nothing states the address of the repository twice: it is that of the continuous integration that builds, of the source distribution that is
built from, or of the clone's `origin`. Where there is none, the package has no addresses and its README no links to files.
"""

from __future__ import annotations

import os
import re
import subprocess
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?P<picture>!?)\[(?P<words>(?:[^\[\]]|\[[^\]]*\]\([^)]*\))*)\]\((?P<target>[^)\s]+)\)")
_REMOTE = re.compile(
    r"(?:https?://(?:[^@/]+@)?|ssh://git@|git@)(?P<host>[\w.-]+)(?::\d+)?[:/](?P<path>[\w./-]+?)(?:\.git)?/?"
)


class Metadata(MetadataHookInterface):
    """Fills in `readme` and `urls`."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Set both."""
        root = Path(self.root)
        address = repository(root)
        text = (root / "README.md").read_text(encoding="utf-8")
        shown = with_badge(with_absolute_links(text, address, root), address)
        metadata["readme"] = {"content-type": "text/markdown", "text": shown}
        metadata["urls"] = addresses(address)


def repository(root: Path) -> str | None:
    """Return the web address of the repository, as far as anything says it."""
    server, name = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
    if server and name:
        return f"{server.rstrip('/')}/{name}"
    packed = root / "PKG-INFO"
    if packed.is_file():
        lines = HeaderParser().parsestr(packed.read_text(encoding="utf-8")).get_all("Project-URL") or []
        return next((line.partition(", ")[2] for line in lines if line.startswith("Source, ")), None)
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "remote", "get-url", "origin"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    except OSError:
        return None
    return of_remote(done.stdout.strip()) if done.returncode == 0 else None


def of_remote(remote: str) -> str | None:
    """Return the web address of a git remote; None for a path or anything else that has none. A user or password is left out."""
    found = _REMOTE.fullmatch(remote)
    return None if found is None else f"https://{found['host']}/{found['path']}"


def addresses(repository: str | None) -> dict[str, str]:
    """Return what an index shows beside the package."""
    if repository is None:
        return {}
    return {
        "Source": repository,
        "Documentation": f"{repository}/blob/main/docs/index.md",
        "Issues": f"{repository}/issues",
        "Changelog": f"{repository}/blob/main/CHANGELOG.md",
    }


def with_badge(text: str, repository: str | None) -> str:
    """Return Markdown with the state of the tests below its title; its address is known only here."""
    title, _, rest = text.partition("\n")
    tests = f"{repository}/actions/workflows/tests.yml"
    return text if repository is None else f"{title}\n\n[![tests]({tests}/badge.svg)]({tests})\n{rest}"


def with_absolute_links(text: str, repository: str | None, root: Path) -> str:
    """Return Markdown whose links to files of the repository are addresses; without a repository, only their words."""

    def absolute(link: re.Match[str]) -> str:
        words, target = link["words"], link["target"]
        inner = _LINK.sub(absolute, words)
        if re.match(r"[a-z][a-z0-9+.-]*:|#|//", target):
            return f"{link['picture']}[{inner}]({target})"
        if repository is None:
            return "" if link["picture"] else inner
        path = target.partition("#")[0]
        kind = "raw" if link["picture"] else "tree" if (root / path).is_dir() else "blob"
        return f"{link['picture']}[{inner}]({repository}/{kind}/main/{target})"

    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if number % 2 else _LINK.sub(absolute, part) for number, part in enumerate(parts))
