"""One job on one folder: a file that names who works there."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from multiapi.errors import InvalidRequestError


class FolderInUseError(InvalidRequestError):
    """Another living job works in the folder.

    Attributes:
        pid: Its process.
        host: Its machine.
    """

    pid: int
    host: str


class FolderLock:
    """The file `lock` of a ledger's folder, created exclusively.

    A lock whose process on this machine is gone is taken over. One of another machine is taken over only with `take_over`.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._held = False

    def take(self, *, take_over: bool = False) -> None:
        """Take the lock.

        Raises:
            FolderInUseError: Another job has it; the message names process and machine.
        """
        facts = {"pid": os.getpid(), "host": socket.gethostname(), "start": time.time(), "began": _began(os.getpid())}
        beside = self._path.with_name(f".lock.{secrets.token_hex(6)}.part")
        try:
            beside.write_text(json.dumps(facts), encoding="utf-8")
            with _one_at_a_time(self._path.parent):
                if self._path.exists():
                    self._check_holder(take_over=take_over)
                self._path.unlink(missing_ok=True)
                try:
                    os.link(beside, self._path)  # whole, or not there
                except FileExistsError:
                    raise FolderInUseError(
                        f"the lock {self._path} changes hands; start the job again", pid=0, host=""
                    ) from None
                except OSError:  # a file system without links
                    beside.replace(self._path)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
        self._held = True

    def _check_holder(self, *, take_over: bool) -> None:
        """Say who holds the lock, if somebody may. One that was not written to its end is held by nobody."""
        holder = self.holder()
        pid, host = holder.get("pid"), str(holder.get("host", "an unknown machine"))
        here = host == socket.gethostname()
        alive = _lives(pid, holder.get("began")) if here and isinstance(pid, int) else bool(holder) and not take_over
        if alive:
            hint = "" if here else "; pass take_over=True if that machine is gone"
            raise FolderInUseError(
                f"{self._path.parent} is in use by process {pid} on {host}{hint}",
                pid=pid if isinstance(pid, int) else 0,
                host=host,
            )

    def holder(self) -> dict[str, Any]:
        """Return who holds the lock, as far as the file says it."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def release(self) -> None:
        """Give the lock back, if this object holds it."""
        if self._held:
            self._held = False
            if self.holder().get("pid") != os.getpid():
                return  # somebody took it over
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process at a time look at a lock and take it, so that two never take over the same one."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _began(pid: int) -> str | None:
    """Return when a process began, in the kernel's own count, so that a number that was given out again is noticed (Linux)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19]
    except (OSError, IndexError, ValueError):
        return None


def _lives(pid: int, began: Any) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    now = _began(pid)
    return began is None or now is None or now == began
