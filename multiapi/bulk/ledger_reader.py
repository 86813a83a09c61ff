"""What can be asked of a ledger: facts of the job, rows, states, calls."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from multiapi.bulk.entries import Row, State, stored
from multiapi.bulk.segments import DamagedLedgerError, Place, Segments

OF_CALL = "call = ? AND state = ? AND state IN (1, 2)"
"""The rows of a call in a state of those under way, so that the index over these is used; without it every row would be looked at."""
_COLUMNS = "key, id, position, state, call, tries, held, spent, charged, error_class, status, code, message, not_before, segment, offset"


class LedgerReader:
    """The reading half of `Ledger`: what another process may do too, while the job runs."""

    folder: Path
    run: int
    segments: Segments
    _db: sqlite3.Connection

    def fact(self, name: str) -> str | None:
        """Return what the ledger says of its job under a name."""
        found = self._db.execute("SELECT value FROM job WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def state_of(self, key: bytes) -> State | None:
        """Return the state of a row; None if the ledger does not know it."""
        found = self._db.execute("SELECT state FROM row WHERE key = ?", (key,)).fetchone()
        return None if found is None else State(found[0])

    def states_of(self, keys: Sequence[bytes]) -> dict[bytes, State]:
        """Return the states of the rows that the ledger knows among these."""
        found: dict[bytes, State] = {}
        for start in range(0, len(keys), 500):
            part = keys[start : start + 500]
            marks = ", ".join("?" * len(part))
            found.update(
                (key, State(state))
                for key, state in self._db.execute(f"SELECT key, state FROM row WHERE key IN ({marks})", part)  # noqa: S608
            )
        return found

    def row(self, key: bytes) -> Row | None:
        """Return what is known of a row."""
        found = self._db.execute(f"SELECT {_COLUMNS} FROM row WHERE key = ?", (key,)).fetchone()  # noqa: S608
        return None if found is None else _row(found)

    def rows(self, *states: State, this_run: bool = True) -> Iterator[Row]:
        """Yield the rows, or those of some states, in the order of the input."""
        condition = "1" if not states else f"state IN ({', '.join(str(int(state)) for state in states)})"
        if this_run:
            condition += f" AND run = {self.run or int(self.fact('run') or 0)}"
        cursor = self._db.execute(f"SELECT {_COLUMNS} FROM row WHERE {condition} ORDER BY position")  # noqa: S608
        while found := cursor.fetchmany(1000):
            yield from map(_row, found)

    def answer(self, row: Row) -> bytes | None:
        """Return the bytes of a row's answer, if it has one."""
        return None if row.place is None else self.segments.read(row.place)

    def counts_of_run(self) -> dict[State, int]:
        """Return how many rows of the latest run's input are in each state."""
        counts = dict.fromkeys(State, 0)
        run = self.run or int(self.fact("run") or 0)
        found = self._db.execute("SELECT state, COUNT(*) FROM row WHERE run = ? GROUP BY state", (run,))
        counts.update({State(state): count for state, count in found})
        return counts

    def key_with_id(self, identity: str) -> bytes | None:
        """Return the key that a row of this run with this id has."""
        found = self._db.execute(
            "SELECT key FROM row WHERE id = ? AND run = ? LIMIT 1", (stored(identity), self.run)
        ).fetchone()
        return None if found is None else bytes(found[0])

    def row_with_id(self, identity: str) -> Row | None:
        """Return the row of the latest run's input that has this id; rather the one that was sent."""
        run = self.run or int(self.fact("run") or 0)
        found = self._db.execute(
            f"SELECT {_COLUMNS} FROM row WHERE id = ? AND run = ? ORDER BY call = 0 LIMIT 1",  # noqa: S608
            (stored(identity), run),
        ).fetchone()
        return None if found is None else _row(found)

    def call_of(self, call: int) -> tuple[str, float, float | None]:
        """Return own id, begin and time of sending of a call."""
        found = self._db.execute("SELECT own_id, begun, sent FROM call WHERE id = ?", (call,)).fetchone()
        if found is None:
            raise DamagedLedgerError(f"the ledger in {self.folder} knows no call {call}")
        return str(found[0]), found[1], found[2]

    def open_batches(self) -> list[tuple[int, str]]:
        """Return the calls whose rows are in a batch that was not collected, with its id."""
        return [
            (call, str(batch))
            for call, batch in self._db.execute("SELECT id, batch FROM call WHERE batch IS NOT NULL ORDER BY id")
        ]

    def keys_of(self, call: int) -> list[bytes]:
        """Return the keys of the rows of a call that was sent."""
        found = self._db.execute(f"SELECT key FROM row WHERE {OF_CALL}", (call, State.SENT))  # noqa: S608
        return [bytes(key) for (key,) in found]


def _row(found: tuple[Any, ...]) -> Row:
    (
        key,
        identity,
        position,
        state,
        call,
        tries,
        held,
        spent,
        charged,
        error,
        status,
        code,
        message,
        wait,
        segment,
        offset,
    ) = found
    place = None if segment is None else Place(segment, offset)
    known = None if charged is None else bool(charged)
    return Row(
        bytes(key),
        identity,
        position,
        State(state),
        call,
        tries,
        held,
        spent,
        known,
        error,
        status,
        code,
        message,
        wait,
        place,
    )
