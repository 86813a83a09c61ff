"""The rows of a job with what the ledger knows of them: read while it runs, and written when it ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multiapi.bulk.entries import Row, State, amount_of
from multiapi.bulk.ledger import Ledger
from multiapi.bulk.rows import InputRow
from multiapi.bulk.worker import decode
from multiapi.bulk.writers import open_writer

COLUMNS = (
    "id",
    "state",
    "answer",
    "error",
    "error_class",
    "status",
    "code",
    "cost",
    "unit",
    "charged",
    "input_tokens",
    "output_tokens",
    "model",
    "tries",
    "request_id",
)


def failed_rows_of(output: Path) -> Path:
    """Return the file of the rows that are not done: the output's name without its ending, and `.failed.jsonl`."""
    name = re.sub(r"\.(jsonl|ndjson|parquet|pq)(\.gz)?$", "", output.name, flags=re.IGNORECASE)
    return output.with_name(f"{name}.failed.jsonl")


@dataclass(frozen=True, slots=True)
class Output:
    """The input, row by row, beside the ledger.

    Attributes:
        read: Reads the rows of the input.
        id: The column that names a row.
        unit: What costs are counted in.
    """

    read: Callable[[], Iterator[InputRow]]
    id: str | None
    unit: str | None

    def write(self, ledger: Ledger, output: Path) -> None:
        """Write all rows, and those that are not done into a file of their own too."""
        failed = failed_rows_of(output)
        with open_writer(output) as answers, open_writer(failed) as refused:
            wrote_failed = False
            for row, known in self.joined(ledger):
                if known is None:
                    continue
                columns = self.columns(ledger, row, known)
                if known.state is State.DONE:
                    answers.write(columns)
                else:
                    answers.write(columns)
                    refused.write(
                        {
                            **row.row,
                            "error": columns["error"],
                            "error_class": columns["error_class"],
                            "state": columns["state"],
                        }
                    )
                    wrote_failed = True
        if not wrote_failed:
            failed.unlink(missing_ok=True)

    def rows(self, ledger: Ledger, state: State) -> Iterator[dict[str, Any]]:
        """Yield the columns of the rows in a state."""
        for row, known in self.joined(ledger):
            if known is not None and known.state is state:
                yield self.columns(ledger, row, known)

    def joined(self, ledger: Ledger) -> Iterator[tuple[InputRow, Row | None]]:
        """Yield each row of the input with what the ledger knows of it; both come in the order of positions.

        A row that comes twice, with the same id and request, is one row of the ledger and is sent once; both get its response.
        """
        known = ledger.rows()
        following = next(known, None)
        for row in self.read():
            while following is not None and following.position < row.position:
                following = next(known, None)
            if following is not None and following.position == row.position:
                yield row, following
            else:
                identity = None if self.id is None else row.row.get(self.id)
                yield row, None if identity in (None, "") else ledger.row_with_id(str(identity))

    def columns(self, ledger: Ledger, row: InputRow, known: Row) -> dict[str, Any]:
        """Return the fields of a row, and what became of it."""
        payload = ledger.answer(known) if known.state is State.DONE else None
        columns: dict[str, Any] = {
            **row.row,
            **dict.fromkeys(COLUMNS),
            "id": known.id or row.row.get("id", known.key.hex()),
        }
        if payload is not None:
            columns |= decode(payload)
        columns |= {
            "state": "over budget" if known.state is State.BUDGET else known.state.name.lower(),
            "error": known.message or None,
            "error_class": known.error_class or None,
            "status": known.status,
            "code": known.code or None,
            "charged": known.charged,
            "tries": known.tries,
        }
        if columns["cost"] is None and known.spent:
            columns |= {"cost": str(amount_of(known.spent)), "unit": self.unit}
        return columns
