"""Rows in, as streams: JSONL (also gzipped), CSV and Parquet, or any iterable of mappings."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from multiapi.bulk.row_files import PARQUET_ROWS, kind_of, pyarrow
from multiapi.errors import InvalidRequestError, printable

MAX_LINE_CHARS = 100_000_000


@dataclass(frozen=True, slots=True)
class InputRow:
    """One row of the input. A line that cannot be read has an `error` and no `row`."""

    position: int
    row: Mapping[str, Any]
    error: str = ""


def read_file(path: Path) -> Iterator[InputRow]:
    """Yield the rows of a file, without holding it in memory.

    Raises:
        InvalidRequestError: The file is not there or is of another kind.
    """
    if not path.is_file():
        raise InvalidRequestError(f"the file of rows {path.name!r} does not exist")
    kind = kind_of(path)
    if kind == "parquet":
        return _as_far_as_possible(path, _parquet_rows(path), (OSError, *_arrow_errors()))
    rows = _jsonl_rows(path) if kind == "jsonl" else _csv_rows(path)
    return _as_far_as_possible(path, rows, (OSError, EOFError, zlib.error, csv.Error))


def _arrow_errors() -> tuple[type[Exception], ...]:
    pyarrow()
    import pyarrow as pa  # type: ignore[import-untyped,import-not-found,unused-ignore]

    return (pa.ArrowException,)


def _as_far_as_possible(
    path: Path, rows: Iterator[InputRow], errors: tuple[type[Exception], ...]
) -> Iterator[InputRow]:
    """Yield the rows of a file; where it is damaged, one row says so, and nothing follows.

    Raises:
        InvalidRequestError: Nothing of it can be read.
    """
    position = 0
    try:
        for row in rows:
            yield row
            position = row.position + 1
    except errors as error:
        why = printable(str(error), 200)
        if position == 0:
            raise InvalidRequestError(f"the file of rows {path.name!r} cannot be read: {why}") from None
        yield InputRow(position, {}, f"the file cannot be read behind row {position}: {why}")


def _text(path: Path) -> IO[str]:
    if path.name.lower().endswith(".gz"):
        return io.TextIOWrapper(gzip.open(path, "rb"), encoding="utf-8-sig", errors="surrogateescape")
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _jsonl_rows(path: Path) -> Iterator[InputRow]:
    with _text(path) as file:
        position = 0
        while line := file.readline(MAX_LINE_CHARS):
            if not line.strip():
                continue
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                yield InputRow(position, {}, f"line {position + 1} is not valid JSON")
            else:
                if isinstance(found, dict):
                    yield InputRow(position, found)
                else:
                    yield InputRow(position, {}, f"line {position + 1} is not an object")
            position += 1


def _csv_rows(path: Path) -> Iterator[InputRow]:
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_CHARS))
    with _text(path) as file:
        for position, row in enumerate(csv.DictReader(file)):
            if None in row or None in row.values():
                yield InputRow(position, {}, f"row {position + 1} has another number of fields than the header")
            else:
                yield InputRow(position, row)


def _parquet_rows(path: Path) -> Iterator[InputRow]:
    with pyarrow().ParquetFile(path) as file:
        position = 0
        for batch in file.iter_batches(PARQUET_ROWS):
            for row in batch.to_pylist():
                yield InputRow(position, row)
                position += 1


def read_rows(source: str | Path | Iterable[Mapping[str, Any]]) -> Iterator[InputRow]:
    """Yield the rows of a file or of an iterable of mappings."""
    if isinstance(source, str | Path):
        return read_file(Path(source))
    return (_checked(position, row) for position, row in enumerate(source))


async def aread_rows(source: AsyncIterable[Mapping[str, Any]]) -> AsyncIterator[InputRow]:
    """Yield the rows of an async iterable of mappings."""
    position = 0
    async for row in source:
        yield _checked(position, row)
        position += 1


def _checked(position: int, row: Any) -> InputRow:
    if isinstance(row, Mapping):
        if not all(isinstance(name, str) for name in row):
            return InputRow(position, {}, f"row {position + 1} has a column whose name is not text")
        return InputRow(position, row)
    return InputRow(position, {}, f"row {position + 1} is not a mapping but {type(row).__name__}")
