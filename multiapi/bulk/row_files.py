"""What files of rows have in common: their kinds, the package for Parquet, and that they are there in full or not at all."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from multiapi._package import install
from multiapi.errors import InvalidRequestError, MultiApiError

PARQUET_ROWS = 10_000


class MissingExtraError(MultiApiError):
    """A package that only this needs is not installed; the message says which extra brings it."""


def pyarrow() -> Any:
    """Return pyarrow's Parquet module.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        from pyarrow import parquet  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        raise MissingExtraError(f"Parquet files need pyarrow; {install('bulk')}") from None
    return parquet


def kind_of(path: Path) -> str:
    """Return "jsonl", "csv" or "parquet", by the ending of a file's name.

    Raises:
        InvalidRequestError: It has another ending.
    """
    name = path.name.lower().removesuffix(".gz")
    for kind, endings in (("jsonl", (".jsonl", ".ndjson")), ("csv", (".csv",)), ("parquet", (".parquet", ".pq"))):
        if name.endswith(endings):
            return kind
    raise InvalidRequestError(
        f"{path.name} is not a kind of file that is read here; use .jsonl, .jsonl.gz, .csv or .parquet"
    )


class AtomicFile:
    """A file that is there in full, or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")

    def _finish(self, *, failed: bool) -> None:
        if failed:
            self._beside.unlink(missing_ok=True)
        elif self._beside.exists():
            self._beside.replace(self.path)


def plain(value: Any) -> Any:
    """Return a value that JSON cannot hold in a form that it can: numbers of arrays, else text."""
    tolist = getattr(value, "tolist", None)
    return tolist() if tolist is not None else str(value)
