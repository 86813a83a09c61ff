"""The vectors of an `Embed` job, read back as a stream."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from multiapi.bulk.row_files import PARQUET_ROWS, kind_of, pyarrow
from multiapi.bulk.rows import read_file
from multiapi.errors import InvalidRequestError


class RowVector(NamedTuple):
    """One row: its id, its text, and its vector as 32-bit floats."""

    id: str
    text: str
    vector: array[float]


def vectors(path: str | Path, *, text: str = "text") -> Iterator[RowVector]:
    """Yield id, text and vector of the rows that are done, without holding the file in memory.

        for id, text, vector in vectors("vectors.parquet"):
            store.add(id, vector, text)                     # numpy.asarray(vector) copies nothing

    Args:
        path: The output of a job with `Embed`: .parquet, .jsonl or .jsonl.gz.
        text: The column of the texts; rows without it have "".

    Raises:
        InvalidRequestError: The file is not there, or has no vectors.
        MissingExtraError: It is Parquet and pyarrow is not installed.
    """
    source = Path(path)
    rows = _parquet(source, text) if source.is_file() and kind_of(source) == "parquet" else _lines(source)
    for row in rows:
        if row.get("state", "done") == "done":
            vector = row.get("vector")
            if vector is None:
                raise InvalidRequestError(f"{source.name} has no column 'vector'; it is not the output of an Embed job")
            yield RowVector(str(row.get("id", "")), str(row.get(text) or ""), array("f", vector))


def _lines(source: Path) -> Iterator[Mapping[str, Any]]:
    return (each.row for each in read_file(source) if not each.error)


def _parquet(source: Path, text: str) -> Iterator[Mapping[str, Any]]:
    with pyarrow().ParquetFile(source) as file:
        there = set(file.schema_arrow.names)
        columns = [name for name in ("id", "state", "vector", text) if name in there]
        for batch in file.iter_batches(PARQUET_ROWS // 10, columns=columns):
            named = {name: batch.column(place) for place, name in enumerate(columns) if name != "vector"}
            numbers = batch.column(columns.index("vector")) if "vector" in columns else None
            for place in range(batch.num_rows):
                row = {name: column[place].as_py() for name, column in named.items()}
                if numbers is not None and numbers[place].is_valid:
                    row["vector"] = numbers[place].as_py()
                yield row
