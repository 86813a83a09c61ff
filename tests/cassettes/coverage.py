"""What the folder lacks, compared with the contracts, with the table of scenarios and with what the core can ask for.

`python -m tests.cassettes.coverage` prints what is covered and every gap.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from multiapi import cassettes
from multiapi.providers import PROVIDERS
from multiapi.simulator.contract import VENDORS, Operation, contract
from tests.cassettes.refusals import statuses_of
from tests.cassettes.scenario import FOLDER
from tests.cassettes.table import SCENARIOS


class Seen(NamedTuple):
    """One exchange of a cassette, as the contract knows it. The operation is None for files and unknown addresses."""

    provider: str
    operation: str | None
    status: int
    events: bool


def gaps(folder: Path = FOLDER) -> list[str]:
    """What is missing from the folder, and what is in it and does not belong there."""
    found = {f"{path.parent.name}/{path.stem}": path for path in sorted(folder.glob("*/*.yaml"))}
    wanted = {str(scenario) for scenario in SCENARIOS}
    listed = [f"{name}: no cassette" for name in sorted(wanted - set(found))]
    listed += [f"{name}: no scenario records it" for name in sorted(set(found) - wanted)]
    listed += [f"{path.relative_to(folder)}: no cassette" for path in _other_files(folder)]
    seen = {exchange for path in found.values() for exchange in exchanges(path.read_text(encoding="utf-8"))}
    for provider in VENDORS:
        listed += [f"{provider}: {gap}" for gap in _gaps_of(provider, seen)]
    return listed


def _other_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".yaml"]


def _gaps_of(provider: str, seen: set[Seen]) -> Iterator[str]:
    for operation in offered(provider):
        mine = {each for each in seen if (each.provider, each.operation) == (provider, operation.id)}
        if not any(200 <= each.status < 300 for each in mine):
            yield f"{operation.id} is never answered with success"
        listed = {int(status) for status in operation.spec["responses"] if str(status).isdigit()}
        answered = {each.status for each in mine}
        for status in sorted(status for status in listed - answered if status >= 400):
            yield f"{operation.id} is never answered with {status}"
        if streams(operation) and not any(each.events for each in mine):
            yield f"{operation.id} is never answered with a stream"
    answered_at_all = {each.status for each in seen if each.provider == provider}
    for status in sorted(statuses_of(contract(provider).operations["createChatCompletion"]) - answered_at_all):
        yield f"nothing is ever answered with {status}"


def offered(provider: str) -> list[Operation]:
    """The operations that a vendor documents and has not withdrawn."""
    return [each for each in contract(provider).operations.values() if each.status not in {"removed", "seen"}]


def streams(operation: Operation) -> bool:
    """Whether the provider documents answers as event streams that the core asks for: those of chat and of runs."""
    answers = [operation.spec["responses"].get(status, {}) for status in ("200", "201")]
    events = [answer["content"]["text/event-stream"] for answer in answers if "text/event-stream" in answer.get("content", {})]
    asked = operation.id in {"createChatCompletion", "createRun", "createThreadAndRun", "submitToolOutputs"}
    return asked and any(not each.get("x-undocumented") for each in events)


@lru_cache(maxsize=1000)
def exchanges(text: str) -> tuple[Seen, ...]:
    """The exchanges of a cassette."""
    recording = cassettes.loads(text)
    return tuple(
        _seen(recording.provider or "", entry["request"], entry["response"]) for entry in recording.interactions
    )


def _seen(provider: str, request: dict[str, Any], response: dict[str, Any]) -> Seen:
    kind = response["headers"].get("content-type", [""])[0]
    operation = operation_of(provider, request["method"], request["uri"])
    return Seen(
        provider,
        operation.id if operation else None,
        response["status"]["code"],
        kind.startswith("text/event-stream"),
    )


def operation_of(provider: str, method: str, url: str) -> Operation | None:
    """The operation of the contract that an address belongs to."""
    parts, root = urlsplit(url), urlsplit(PROVIDERS[provider].base_url)
    prefix = contract(provider).prefix
    if parts.hostname != root.hostname or not parts.path.startswith(prefix):
        return None
    matched = contract(provider).match(method, parts.path.removeprefix(prefix))
    return matched[0] if matched else None


def unused_operations(asked: set[tuple[str, str]]) -> list[str]:
    """Operations of the core that no cassette asks for; `asked` are vendor and name of those whose builder was called."""
    return sorted(
        f"{provider.name}: {name}"
        for provider in PROVIDERS.values()
        for name in ("chat", *(["chat_stream"] if provider.chat_stream else []), *provider.operations)
        if (provider.name, name) not in asked
    )


def summary(folder: Path = FOLDER) -> str:
    """Counts by vendor."""
    lines = []
    for provider in VENDORS:
        paths = sorted((folder / provider).glob("*.yaml"))
        seen = {exchange for path in paths for exchange in exchanges(path.read_text(encoding="utf-8"))}
        operations = {each.operation for each in seen if each.operation and each.status < 300}
        lines.append(f"{provider}: {len(paths)} cassettes, {len(operations)} of {len(offered(provider))} operations")
    return "\n".join(lines)


if __name__ == "__main__":
    print(summary())
    missing = gaps()
    print("\n".join(missing) or "no gaps")
    sys.exit(1 if missing else 0)
