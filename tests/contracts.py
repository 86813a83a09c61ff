"""The contracts, as the tests read them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FOLDER = Path(__file__).parent.parent / "multiapi" / "simulator" / "contracts"


class Example(NamedTuple):
    """One documented body."""

    vendor: str
    operation: str
    status: str
    media_type: str
    name: str
    value: Any

    def __str__(self) -> str:
        return f"{self.vendor}-{self.operation}-{self.status}-{self.name}"


@cache
def contract(vendor: str) -> dict[str, Any]:
    """A contract with its references inside of responses resolved one level, which is all that examples need."""
    return yaml.safe_load((FOLDER / f"{vendor}.yaml").read_text(encoding="utf-8"))


def response_examples(vendor: str) -> Iterator[Example]:
    """Every example of an answer in a contract."""
    document = contract(vendor)
    for item in document["paths"].values():
        for operation in item.values():
            if not isinstance(operation, dict) or "operationId" not in operation:
                continue
            for status, response in operation.get("responses", {}).items():
                while "$ref" in response:
                    response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
                for media_type, content in (response.get("content") or {}).items():
                    for name, example in (content.get("examples") or {}).items():
                        yield Example(vendor, operation["operationId"], str(status), media_type, name, example["value"])


def removed(vendor: str) -> frozenset[str]:
    """The operations that a provider has withdrawn."""
    return frozenset(
        operation["operationId"]
        for item in contract(vendor)["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict) and operation.get("x-status") == "removed"
    )
