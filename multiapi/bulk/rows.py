"""Rows in and out, as streams: JSONL (also gzipped), CSV and Parquet, or any iterable of mappings; output appears whole or not at all."""

from __future__ import annotations

import csv
import gzip
import io
import json
import secrets
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

from multiapi._package import install
from multiapi.errors import InvalidRequestError, MultiApiError, printable

MAX_LINE_CHARS = 100_000_000
PARQUET_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class InputRow:
    """One row of the input. A line that cannot be read has an `error` and no `row`."""

    position: int
    row: Mapping[str, Any]
    error: str = ""


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


def plain(value: Any) -> Any:
    """Return a value that JSON cannot hold in a form that it can: numbers of arrays, else text."""
    tolist = getattr(value, "tolist", None)
    return tolist() if tolist is not None else str(value)
