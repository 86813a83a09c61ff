"""Rows into Parquet: a column whose values change their type is widened, so that no value is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from multiapi.bulk.row_files import PARQUET_ROWS, AtomicFile, plain, pyarrow


class ParquetWriter(AtomicFile):
    """Columns, in the narrowest type that holds all of their values; where there is none, they are written as text, numbers and objects as JSON.

    A file of Parquet has one type for a column. Rows that need another one than those before begin a next part of the file, and all parts
    are put together, with the widest types, once all rows are there.
    """

    def __enter__(self) -> Self:
        pyarrow()
        import pyarrow as pa  # type: ignore[import-untyped,import-not-found,unused-ignore]

        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._arrow = pa
        self._held: list[Mapping[str, Any]] = []
        self._types: dict[str, Any] = {}
        self._parts: list[Path] = []
        self._writer: Any = None
        self._schema: Any = None
        return self

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row."""
        self._held.append(row)
        if len(self._held) >= PARQUET_ROWS:
            self._flush()

    def _flush(self) -> None:
        rows, self._held = self._held, []
        if not rows:
            return
        names = dict.fromkeys((*self._types, *(name for row in rows for name in row)))
        columns = []
        for name in names:
            values = [row.get(name) for row in rows]
            column, self._types[name] = self._column(name, values, self._types.get(name))
            columns.append(column)
        schema = self._schema_now()
        if self._schema is None or not schema.equals(self._schema):
            self._begin_part(schema)
        self._writer.write_table(self._arrow.Table.from_arrays(columns, schema=schema))

    def _schema_now(self) -> Any:
        return self._arrow.schema([self._arrow.field(name, self._stored(kind)) for name, kind in self._types.items()])

    def _stored(self, kind: Any) -> Any:
        """The type that a column is stored with; one that holds nothing yet is of text."""
        return self._arrow.string() if self._arrow.types.is_null(kind) else kind

    def _begin_part(self, schema: Any) -> None:
        self._end_part()
        part = self._beside.with_name(f"{self._beside.name}{len(self._parts)}")
        self._parts.append(part)
        self._schema = schema
        self._writer = pyarrow().ParquetWriter(part, schema)

    def _end_part(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _column(self, name: str, values: Sequence[Any], before: Any) -> tuple[Any, Any]:
        """Return values as an array, and the type that holds them and those before."""
        arrow = self._arrow
        kind = type_of(arrow, name, values)
        if before is not None:
            kind = wider(arrow, before, kind)
        if not arrow.types.is_string(kind) and not arrow.types.is_null(kind):
            try:
                return arrow.array(values, kind), kind
            except (arrow.ArrowInvalid, arrow.ArrowTypeError, OverflowError, ValueError, TypeError):
                kind = arrow.string()
        return arrow.array([as_text(each) for each in values], arrow.string()), kind

    def _join(self) -> None:
        """Put the parts together, in the types that hold all of them."""
        arrow = self._arrow
        schema = self._schema_now()
        while (again := self._joined(schema)) is not None:
            schema = schema.set(schema.get_field_index(again), arrow.field(again, arrow.string()))

    def _joined(self, schema: Any) -> str | None:
        """Write the parts with these types; return a column that does not hold its values exactly."""
        arrow = self._arrow
        with pyarrow().ParquetWriter(self._beside, schema) as writer:
            for part in self._parts:
                with pyarrow().ParquetFile(part) as file:
                    there = set(file.schema_arrow.names)
                    for batch in file.iter_batches(PARQUET_ROWS):
                        columns = []
                        for field in schema:
                            if field.name not in there:
                                column = arrow.nulls(batch.num_rows, field.type)
                            else:
                                column = batch.column(field.name)
                                if column.type != field.type:
                                    try:
                                        column = self._cast(column, field.type)
                                    except (arrow.ArrowInvalid, arrow.ArrowNotImplementedError):
                                        return str(field.name)
                            columns.append(column)
                        writer.write_batch(arrow.RecordBatch.from_arrays(columns, schema=schema))
        return None

    def _cast(self, column: Any, kind: Any) -> Any:
        if column.null_count == len(column):
            return self._arrow.nulls(len(column), kind)
        if self._arrow.types.is_string(kind):
            return self._arrow.array([as_text(each) for each in column.to_pylist()], kind)
        return column.cast(kind)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failed = True
        try:
            try:
                if kind is None:
                    self._flush()
            finally:
                self._end_part()
            if kind is None:
                if len(self._parts) > 1:
                    self._join()
                elif self._parts:
                    self._parts[0].replace(self._beside)
                failed = False
        finally:
            for part in self._parts:
                part.unlink(missing_ok=True)
            self._finish(failed=failed)


def as_text(value: Any) -> str | None:
    """Return a value as text, what is none as JSON; text that UTF-8 cannot hold is escaped."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=plain)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def type_of(arrow: Any, name: str, values: Sequence[Any]) -> Any:
    """Return the narrowest type that holds these values exactly, else the type of texts."""
    present = [each for each in values if each is not None]
    if not present:
        return arrow.null()
    kinds = set(map(type, present))
    if (
        name == "vector"
        and kinds <= {list}
        and all({type(each) for each in vector} <= {int, float} for vector in present)
    ):
        return arrow.list_(arrow.float32())
    if kinds == {int, float}:
        return arrow.float64()
    if len(kinds) > 1 or kinds & {str, dict, list, tuple}:
        return arrow.string()
    if kinds == {datetime} and len({each.tzinfo for each in present}) > 1:
        return arrow.string()
    try:
        return arrow.array(present).type
    except (arrow.ArrowInvalid, arrow.ArrowTypeError, arrow.ArrowNotImplementedError, OverflowError, ValueError):
        return arrow.string()


def wider(arrow: Any, one: Any, other: Any) -> Any:
    """Return the type that holds what two types hold."""
    types = arrow.types
    if one == other or types.is_null(other):
        return one
    if types.is_null(one):
        return other
    if {one, other} == {arrow.int64(), arrow.float64()}:
        return arrow.float64()
    if types.is_decimal(one) and types.is_decimal(other):
        scale = max(one.scale, other.scale)
        digits = max(one.precision - one.scale, other.precision - other.scale) + scale
        if digits <= 38:
            return arrow.decimal128(digits, scale)
    return arrow.string()
