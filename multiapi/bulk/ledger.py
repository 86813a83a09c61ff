"""What became of each row, written before a request leaves and before a response counts: SQLite, with one writer.

`LedgerReader` is what can be asked of it; `entries` has the values.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

from multiapi.bulk.entries import Claim, Outcome, State, Verdict, stored
from multiapi.bulk.ledger_reader import OF_CALL, LedgerReader
from multiapi.bulk.lock import FolderLock
from multiapi.bulk.segments import DamagedLedgerError, Place, Segments, UnwritableLedgerError, end_of
from multiapi.errors import InvalidRequestError

FORMAT = 1
MESSAGE_CHARS = 500
_STATES = tuple(State)


_SCHEMA = """
CREATE TABLE IF NOT EXISTS job(name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS row(key BLOB PRIMARY KEY, id TEXT, position INT, state INT, call INT, tries INT, held INT, spent INT, charged INT,
    error_class TEXT, status INT, code TEXT, message TEXT, not_before REAL, segment INT, offset INT, changed REAL, run INT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS call(id INTEGER PRIMARY KEY, own_id TEXT, worker TEXT, rows INT, state INT, begun REAL, sent REAL, batch TEXT);
CREATE TABLE IF NOT EXISTS worker(name TEXT PRIMARY KEY, pid INT, host TEXT, seen REAL);
CREATE INDEX IF NOT EXISTS row_by_state ON row(state) WHERE state NOT IN (3);
CREATE INDEX IF NOT EXISTS row_by_id ON row(id);
CREATE INDEX IF NOT EXISTS row_under_way ON row(call) WHERE state IN (1, 2);
"""


class Ledger(LedgerReader):
    """The ledger of one job. One process writes; any other may read with `read_only=True`.

    What `claim`, `sent`, `put_back` and `settle` do is one transaction until `commit`, so that one turn of an event loop costs one.

    Args:
        folder: Holds `ledger.sqlite`, `answers/` and `lock`. It belongs on a local disk: SQLite's log is not safe on network drives.
        facts: What the job is (provider, address, task, unit); compared with what the ledger says.
        durable: "process" survives the death of the process, "power" a loss of power too.
        take_over: Take the lock of another machine.

    Raises:
        FolderInUseError: A living job works there.
        InvalidRequestError: The ledger belongs to another provider or unit, or was written by a newer version.
        DamagedLedgerError: It cannot be read.
    """

    def __init__(
        self,
        folder: Path | str,
        facts: Mapping[str, str] | None = None,
        *,
        durable: Literal["process", "power"] = "process",
        take_over: bool = False,
        read_only: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = Path(folder)
        self.read_only = read_only
        self._clock = clock
        self._lock: FolderLock | None = None
        self.segments = Segments(self.folder / "answers", durable=durable == "power")
        self._changed = False
        self._unwritable: UnwritableLedgerError | None = None
        if not read_only:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(self.folder)
            self._lock.take(take_over=take_over)
        try:
            self._db = self._connect(durable)
            self._check(facts or {})
            self.run = 0 if read_only else self._begin_run()
            self.counts = self._count()
            self.spent, self.held = self._sums()
        except sqlite3.DatabaseError as error:
            self._unlock()
            raise DamagedLedgerError(f"{self.folder / 'ledger.sqlite'} cannot be read: {error}") from None
        except BaseException:
            self._unlock()
            raise

    # ------------------------------------------------------------------------------------ opening

    def _connect(self, durable: str) -> sqlite3.Connection:
        path = self.folder / "ledger.sqlite"
        try:
            if self.read_only:
                if not path.exists():
                    raise InvalidRequestError(f"{self.folder} holds no ledger of a job")
                return sqlite3.connect(
                    f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
                )
            database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            database.execute("PRAGMA journal_mode=WAL")
            database.execute(f"PRAGMA synchronous={'FULL' if durable == 'power' else 'NORMAL'}")
            database.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise DamagedLedgerError(f"{path} cannot be opened: {error}") from None
        return database

    def _check(self, facts: Mapping[str, str]) -> None:
        known = dict(self._db.execute("SELECT name, value FROM job"))
        found = known.get("format")
        if found is not None and (not found.isdigit() or int(found) > FORMAT):
            raise InvalidRequestError(
                f"{self.folder} was written by a newer version of multiapi (format {found}); update it"
            )
        for name in ("provider", "base_url", "unit"):
            if name in facts and name in known and known[name] != facts[name]:
                raise InvalidRequestError(
                    f"{self.folder} is the ledger of a job with {name} {known[name]!r}, not {facts[name]!r}; use another output"
                )
        if not self.read_only:
            wanted = {"format": str(FORMAT), "created": str(self._clock()), **facts}
            self._db.executemany("INSERT OR IGNORE INTO job VALUES (?, ?)", wanted.items())

    def _begin_run(self) -> int:
        """Take over what an earlier process left: whole answers are adopted, what was only claimed is free, what was sent is unknown."""
        run = int(self.fact("run") or 0) + 1
        database = self._db
        database.execute("BEGIN IMMEDIATE")
        start = Place(int(self.fact("segment") or 0), int(self.fact("offset") or 0))
        for record in self.segments.repair(start if start.segment else None):
            found = database.execute("SELECT state, call FROM row WHERE key = ?", (record.key,)).fetchone()
            if found is not None and found[0] in (State.CLAIMED, State.SENT, State.UNKNOWN):
                database.execute(
                    "UPDATE row SET state = ?, spent = spent + held, held = 0, charged = 1, call = ?, segment = ?, offset = ?, changed = ? "
                    "WHERE key = ?",
                    (State.DONE, record.call, record.place.segment, record.place.offset, self._clock(), record.key),
                )
        database.execute("UPDATE row SET state = ?, held = 0 WHERE state = ?", (State.FREE, State.CLAIMED))
        database.execute(
            "UPDATE row SET state = ? WHERE state = ? AND call NOT IN (SELECT id FROM call WHERE batch IS NOT NULL)",
            (State.UNKNOWN, State.SENT),
        )
        database.execute("INSERT OR REPLACE INTO job VALUES ('run', ?)", (str(run),))
        database.execute("COMMIT")
        return run

    def _count(self) -> dict[State, int]:
        counts = dict.fromkeys(State, 0)
        counts.update(
            {State(state): count for state, count in self._db.execute("SELECT state, COUNT(*) FROM row GROUP BY state")}
        )
        return counts

    def _sums(self) -> tuple[int, int]:
        spent, held = self._db.execute("SELECT COALESCE(SUM(spent), 0), COALESCE(SUM(held), 0) FROM row").fetchone()
        return spent, held

    def close(self) -> None:
        """Commit, and give the folder back."""
        try:
            if not self.read_only and self._unwritable is None:
                self.commit()
                self.segments.close()
        finally:
            self.segments.discard()
            self._db.close()
            self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, sqlite3.Error) and self._unwritable is None:
            self._unwritable = self.unwritable(error)
            self.close()
            raise self._unwritable from error
        self.close()

    # ------------------------------------------------------------------------------------ one turn of the loop

    def _begin(self) -> None:
        if self._unwritable is not None:
            raise self._unwritable
        if not self._changed:
            self._db.execute("BEGIN IMMEDIATE")
            self._changed = True

    def commit(self) -> None:
        """Make safe what was done since the last commit: first the responses, then what is said of them."""
        if self._unwritable is not None:
            raise self._unwritable
        if not self._changed:
            return
        try:
            self.segments.flush()
            self._db.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            self._unwritable = self.unwritable(error)
            raise self._unwritable from error
        self._changed = False

    def unwritable(self, error: Exception) -> UnwritableLedgerError:
        """Return the error for what the disk or SQLite said."""
        return UnwritableLedgerError(
            f"the ledger in {self.folder} cannot be written: {error}; see to it that the disk has room, and start the same job again"
        )

    def claim(self, worker: str, claims: Sequence[Claim]) -> list[Verdict]:
        """Claim rows that are free; the others keep the state that they have. Reservations are checked by the caller."""
        self._begin()
        verdicts = []
        now = self._clock()
        for each in claims:
            found = self._db.execute("SELECT state, run, id FROM row WHERE key = ?", (each.key,)).fetchone()
            if found is not None and found[0] != State.FREE:
                if found[1] != self.run:
                    self._db.execute(
                        "UPDATE row SET run = ?, position = ? WHERE key = ?", (self.run, each.position, each.key)
                    )
                verdicts.append(Verdict(each.key, State(found[0])))
                continue
            own_id = secrets.token_hex(12)
            call = self._new_call(worker, own_id, 1, now)
            self._db.execute(
                "INSERT INTO row(key, id, position, state, call, tries, held, spent, error_class, code, message, not_before, changed, run) "
                "VALUES (?, ?, ?, ?, ?, 0, ?, 0, '', '', '', 0, ?, ?) ON CONFLICT(key) DO UPDATE SET id = excluded.id, "
                "position = excluded.position, state = excluded.state, call = excluded.call, held = excluded.held, "
                "changed = excluded.changed, run = excluded.run",
                (each.key, stored(each.id), each.position, State.CLAIMED, call, each.bound, now, self.run),
            )
            self._move(None if found is None else State.FREE, State.CLAIMED)
            self.held += each.bound
            verdicts.append(Verdict(each.key, State.CLAIMED, True, call, own_id))
        return verdicts

    def seen(self, rows: Sequence[tuple[bytes, int]]) -> dict[bytes, State]:
        """Return the states of the rows that are known and not free, and note key and position as part of this run's input."""
        self._begin()
        found: dict[bytes, State] = {}
        for start in range(0, len(rows), 500):
            positions = dict(rows[start : start + 500])
            marks = ", ".join("?" * len(positions))
            known = self._db.execute(
                f"SELECT key, state, position, run FROM row WHERE key IN ({marks}) AND state <> {int(State.FREE)}",  # noqa: S608
                list(positions),
            ).fetchall()
            found.update((key, _STATES[state]) for key, state, _, _ in known)
            moved = [(self.run, positions[key], key) for key, _, position, _ in known if positions[key] != position]
            kept = [key for key, _, position, run in known if positions[key] == position and run != self.run]
            if moved:
                self._db.executemany("UPDATE row SET run = ?, position = ? WHERE key = ?", moved)
            if kept:  # mostly all of them, and one statement is a third of the work
                marks = ", ".join("?" * len(kept))
                self._db.execute(f"UPDATE row SET run = ? WHERE key IN ({marks})", [self.run, *kept])  # noqa: S608
        return found

    def _new_call(self, worker: str, own_id: str, rows: int, now: float) -> int:
        cursor = self._db.execute(
            "INSERT INTO call(own_id, worker, rows, state, begun) VALUES (?, ?, ?, ?, ?)",
            (own_id, worker, rows, State.CLAIMED, now),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def regroup(self, worker: str, keys: Sequence[bytes]) -> tuple[int, str]:
        """Put claimed rows into one new call, for requests of many texts; return its id and its own id."""
        self._begin()
        own_id = secrets.token_hex(12)
        call = self._new_call(worker, own_id, len(keys), self._clock())
        self._db.executemany("UPDATE row SET call = ? WHERE key = ?", [(call, key) for key in keys])
        return call, own_id

    def set_batch(self, call: int, batch: str | None) -> None:
        """Note which of the provider's batches holds the rows of a call; None when it was collected."""
        self._begin()
        self._db.execute("UPDATE call SET batch = ? WHERE id = ?", (batch, call))

    def sent(self, call: int) -> None:
        """Say that a call is about to leave. Commit before the first byte does."""
        self._begin()
        now = self._clock()
        changed = self._db.execute(
            f"UPDATE row SET state = ?, tries = tries + 1, changed = ? WHERE {OF_CALL}",  # noqa: S608
            (State.SENT, now, call, State.CLAIMED),
        ).rowcount
        if not changed:  # it was sent before, and is again
            self._db.execute(
                f"UPDATE row SET tries = tries + 1 WHERE {OF_CALL}",  # noqa: S608
                (call, State.SENT),
            )
        self._db.execute("UPDATE call SET state = ?, sent = ? WHERE id = ?", (State.SENT, now, call))
        self._move(State.CLAIMED, State.SENT, changed)

    def put_back(self, call: int, not_before: float = 0.0) -> None:
        """Say that a call was refused in a way that may be retried: its rows were not carried out."""
        self._begin()
        changed = self._db.execute(
            f"UPDATE row SET state = ?, not_before = ?, changed = ? WHERE {OF_CALL}",  # noqa: S608
            (State.CLAIMED, not_before, self._clock(), call, State.SENT),
        ).rowcount
        self._move(State.SENT, State.CLAIMED, changed)

    def abandon(self, call: int, *, left: bool) -> None:
        """Write that nobody follows a call any more: its rows that were sent are unknown, those that were claimed are free."""
        self._begin()
        now = self._clock()
        held = self._db.execute(
            f"SELECT COALESCE(SUM(held), 0) FROM row WHERE {OF_CALL}",  # noqa: S608
            (call, State.CLAIMED),
        ).fetchone()[0]
        freed = self._db.execute(
            f"UPDATE row SET state = ?, held = 0, changed = ? WHERE {OF_CALL}",  # noqa: S608
            (State.FREE, now, call, State.CLAIMED),
        ).rowcount
        self._move(State.CLAIMED, State.FREE, freed)
        self.held -= held
        if left:
            lost = self._db.execute(
                f"UPDATE row SET state = ?, changed = ?, message = 'cut off' WHERE {OF_CALL}",  # noqa: S608
                (State.UNKNOWN, now, call, State.SENT),
            ).rowcount
            self._move(State.SENT, State.UNKNOWN, lost)

    def settle(self, outcomes: Iterable[Outcome]) -> None:
        """Write what became of rows; a response is appended to its segment before. Late outcomes of unknown rows are taken too."""
        self._begin()
        now = self._clock()
        place: Place | None = None
        for each in outcomes:
            found = self._db.execute("SELECT state, held, call FROM row WHERE key = ?", (each.key,)).fetchone()
            if found is None:
                continue
            before, held, call = State(found[0]), found[1], found[2]
            if before in (State.DONE, State.FREE) or (call != each.call and before is not State.UNKNOWN):
                continue
            place = None
            if each.answer is not None:
                place = self.segments.append(each.key, each.call, each.answer)
            keeps = each.state is State.UNKNOWN and each.cost is None
            spent = each.cost if each.cost is not None else (held if each.state is State.DONE else 0)
            charged = None if keeps else each.state in (State.DONE, State.UNKNOWN)
            self._db.execute(
                "UPDATE row SET state = ?, held = ?, spent = spent + ?, charged = ?, error_class = ?, status = ?, code = ?, "
                "message = ?, segment = ?, offset = ?, changed = ? WHERE key = ?",
                (
                    each.state,
                    held if keeps else 0,
                    spent,
                    charged,
                    each.error_class,
                    each.status,
                    stored(each.code[:MESSAGE_CHARS]),
                    stored(each.message[:MESSAGE_CHARS]),
                    place.segment if place else None,
                    place.offset if place else None,
                    now,
                    each.key,
                ),
            )
            self._db.execute("UPDATE call SET state = ? WHERE id = ?", (each.state, each.call))
            self._move(before, each.state)
            self.spent += spent
            if not keeps:
                self.held -= held
            if place is not None:
                end = end_of(place, len(each.answer or b""))
                self._end = end
        if place is not None:
            self._db.executemany(
                "INSERT OR REPLACE INTO job VALUES (?, ?)",
                [("segment", str(self._end.segment)), ("offset", str(self._end.offset))],
            )

    def unsent(self, claim: Claim, state: State, *, error_class: str = "", code: str = "", message: str = "") -> None:
        """Write what became of a row that was never sent: failed as it is, or above the budget."""
        self._begin()
        found = self._db.execute("SELECT state FROM row WHERE key = ?", (claim.key,)).fetchone()
        if found is not None and found[0] not in (State.FREE, State.BUDGET, State.CLAIMED):
            return
        self._db.execute(
            "INSERT OR REPLACE INTO row(key, id, position, state, call, tries, held, spent, charged, error_class, code, message, "
            "not_before, changed, run) VALUES (?, ?, ?, ?, 0, 0, 0, 0, 0, ?, ?, ?, 0, ?, ?)",
            (
                claim.key,
                stored(claim.id),
                claim.position,
                state,
                error_class,
                code,
                stored(message[:MESSAGE_CHARS]),
                self._clock(),
                self.run,
            ),
        )
        self._move(None if found is None else State(found[0]), state)

    def correct(self, rows: Sequence[tuple[bytes, int]], total: int) -> None:
        """Book what rows cost together, instead of what was booked for each (key, amount); the remainder goes to the first."""
        self._begin()
        share, rest = divmod(total, len(rows))
        for index, (key, before) in enumerate(rows):
            change = share + (rest if index == 0 else 0) - before
            self._db.execute("UPDATE row SET spent = spent + ? WHERE key = ?", (change, key))
            self.spent += change

    def charge(self, keys: Sequence[bytes], cost: int | None) -> None:
        """Book what unknown rows of one call were charged, as the provider's log says; None is what was held. They stay unknown."""
        self._begin()
        for index, key in enumerate(keys):
            found = self._db.execute(
                "SELECT held FROM row WHERE key = ? AND state = ?", (key, State.UNKNOWN)
            ).fetchone()
            if found is None:
                continue
            spent = found[0] if cost is None else (cost if index == 0 else 0)
            self._db.execute(
                "UPDATE row SET held = 0, spent = spent + ?, charged = 1, changed = ? WHERE key = ?",
                (spent, self._clock(), key),
            )
            self.held -= found[0]
            self.spent += spent

    def free(self, keys: Iterable[bytes], *, expected: Iterable[State]) -> int:
        """Make rows free again that are in one of these states; return how many."""
        self._begin()
        allowed = set(expected)
        freed = 0
        for key in keys:
            found = self._db.execute("SELECT state, held FROM row WHERE key = ?", (key,)).fetchone()
            if found is None or State(found[0]) not in allowed:
                continue
            self._db.execute(
                "UPDATE row SET state = ?, held = 0, changed = ? WHERE key = ?", (State.FREE, self._clock(), key)
            )
            self.held -= found[1]
            self._move(State(found[0]), State.FREE)
            freed += 1
        return freed

    def free_all(self, state: State, *, error_classes: Iterable[str] | None = None) -> int:
        """Make every row of a state free again, or those with one of these classes of errors; return how many."""
        self._begin()
        condition, values = "state = ?", [int(state)]
        names = list(error_classes) if error_classes is not None else []
        if error_classes is not None:
            condition += f" AND error_class IN ({', '.join('?' * len(names))})"
        held = self._db.execute(
            f"SELECT COALESCE(SUM(held), 0) FROM row WHERE {condition}",  # noqa: S608
            (*values, *names),
        ).fetchone()[0]
        changed = self._db.execute(
            f"UPDATE row SET state = ?, held = 0, changed = ? WHERE {condition}",  # noqa: S608
            (State.FREE, self._clock(), *values, *names),
        ).rowcount
        self.held -= held
        self._move(state, State.FREE, changed)
        return changed

    def _move(self, before: State | None, after: State, count: int = 1) -> None:
        if before is not None:
            self.counts[before] -= count
        self.counts[after] += count
