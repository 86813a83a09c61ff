"""A wrapped job for other processes of this machine: their rows go to the process that owns it, which alone sends and writes.

Rows come in as JSON, so that the owner unpickles nothing. A random word in the pickle lets a process in; no key of a provider travels.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Sequence
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any, NamedTuple

from multiapi._package import new_lock, tell_after_fork
from multiapi.bulk.json_form import from_dict, to_dict
from multiapi.errors import MultiApiError
from multiapi.http.json import dump_json, parse_json
from multiapi.types.chat import ChatRequest

Rows = Sequence[tuple[str, Any]]


class OwnerGoneError(MultiApiError):
    """The process that owns the job has closed it or is gone. What it had sent is in its ledger."""


class Address(NamedTuple):
    """Where an owner is found, and the word that lets a process in."""

    path: str
    word: bytes


class Doorman:
    """Takes rows from other processes, until it is closed.

    Args:
        answer: Answers rows; called in a thread for each connection.
    """

    def __init__(self, answer: Callable[[Rows], list[dict[str, Any]]]) -> None:
        self._answer = answer
        self._folder = tempfile.mkdtemp(prefix="multiapi-")
        self.address = Address(str(Path(self._folder) / "job"), secrets.token_bytes(32))
        self._listener = Listener(self.address.path, "AF_UNIX", backlog=128, authkey=self.address.word)
        self._closing = False
        self._open: set[Connection] = set()
        self._lock = new_lock()
        threading.Thread(target=self._accept, name="multiapi-bulk-door", daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more."""
        self._closing = True
        with contextlib.suppress(OSError, EOFError, AuthenticationError):
            Client(self.address.path, "AF_UNIX", authkey=self.address.word).close()  # wakes the one who waits
        self._listener.close()
        with self._lock:
            for each in self._open:  # those who wait for rows see an end, and close their own side
                with contextlib.suppress(OSError), socket.socket(fileno=os.dup(each.fileno())) as same:
                    same.shutdown(socket.SHUT_RDWR)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self) -> None:
        while not self._closing:
            try:
                connection = self._listener.accept()
            except (AuthenticationError, EOFError, ConnectionError):
                continue
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), name="multiapi-bulk-guest", daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        try:
            while not self._closing:
                connection.send_bytes(self._reply(connection.recv_bytes()))
        except (OSError, EOFError):
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
                connection.close()

    def _reply(self, asked: bytes) -> bytes:
        try:
            rows = [
                (str(each["id"]), from_dict(ChatRequest, each["request"]) if "request" in each else each["row"])
                for each in parse_json(asked)
            ]
            return pickle.dumps(self._answer(rows))
        except MultiApiError as error:
            return pickle.dumps(error)
        except Exception as error:
            return pickle.dumps(MultiApiError(f"the owner of the job failed: {type(error).__name__}"))


class SharedCall:
    """A wrapped job in a process that does not own it: made by unpickling a `WrappedCall`, and used like it."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._free: list[Connection] = []
        self._lock = new_lock()
        tell_after_fork(self)

    def after_fork(self) -> None:
        """In a child process: the connections are the parent's, and two who read from one would take each other's rows."""
        self._free = []

    def __reduce__(self) -> Any:
        return SharedCall, (self._address,)

    def __repr__(self) -> str:
        return "SharedCall()"

    async def __call__(self, row_id: str, row: Any) -> dict[str, Any]:
        """Return the columns of a row's answer; see `WrappedCall.many`."""
        return (await self.many([(row_id, row)]))[0]

    async def many(self, rows: Rows) -> list[dict[str, Any]]:
        """Return the columns of the responses to rows; see `WrappedCall.many`."""
        return await asyncio.to_thread(self.sync_many, rows)

    def sync(self, row_id: str, row: Any) -> dict[str, Any]:
        """As a call, for code that waits."""
        return self.sync_many([(row_id, row)])[0]

    def sync_many(self, rows: Rows) -> list[dict[str, Any]]:
        """As `many`, for code that waits.

        Raises:
            OwnerGoneError: The process that owns the job has closed it.
        """
        asked = dump_json(
            [
                {"id": row_id, **({"request": to_dict(row)} if isinstance(row, ChatRequest) else {"row": row})}
                for row_id, row in rows
            ],
            str,
        )
        try:
            connection = self._connection()
            connection.send_bytes(asked)
            found = pickle.loads(connection.recv_bytes())  # noqa: S301 (from the owner, who is known by the word)
        except (OSError, EOFError, AuthenticationError) as error:
            raise OwnerGoneError(
                "the process that owns the job has closed it or is gone; what it had sent is in its ledger",
                outcome_unknown=True,
            ) from error
        with self._lock:
            self._free.append(connection)
        if isinstance(found, MultiApiError):
            raise found
        return list(found)

    def close(self) -> None:
        """Close the connections of this process; the job stays open."""
        with self._lock:
            while self._free:
                self._free.pop().close()

    def _connection(self) -> Connection:
        with self._lock:
            if self._free:
                return self._free.pop()
        return Client(self._address.path, "AF_UNIX", authkey=self._address.word)
