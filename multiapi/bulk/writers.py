"""Writes rows into files of JSON lines and Parquet."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

from multiapi.bulk.row_files import AtomicFile, kind_of, plain
from multiapi.errors import InvalidRequestError


class Writer(Protocol):
    """Takes rows; what was written is there once the `with` has ended without an error."""

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_writer(path: Path) -> Writer:
    """Return what writes rows to a file of this name."""
    kind = kind_of(path)
    if kind == "csv":
        raise InvalidRequestError(
            f"{path.name}: rows are written as .jsonl, .jsonl.gz or .parquet; CSV has no place for lists and objects"
        )
    if kind == "parquet":
        from multiapi.bulk.parquet_rows import ParquetWriter

        return ParquetWriter(path)
    return JsonlWriter(path)


class JsonlWriter(AtomicFile):
    """One JSON object a line."""

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        packed = self.path.name.lower().endswith(".gz")
        self._file: IO[str] = (
            gzip.open(self._beside, "wt", encoding="utf-8") if packed else self._beside.open("w", encoding="utf-8")
        )
        return self

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row; text that UTF-8 cannot hold is escaped."""
        line = json.dumps(row, ensure_ascii=False, default=plain)
        try:
            self._file.write(line + "\n")
        except UnicodeEncodeError:
            self._file.write(json.dumps(row, default=plain) + "\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._finish(failed=kind is not None)
