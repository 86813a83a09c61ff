"""Ctrl-C while a job runs."""

from __future__ import annotations

import asyncio
import signal
import threading

from multiapi.bulk.worker import Worker


class Interrupts:
    """Takes Ctrl-C while a job runs in the main thread of a process: first stop claiming, then cut off."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        try:
            loop.add_signal_handler(signal.SIGINT, self._pressed)
        except (NotImplementedError, RuntimeError):
            return
        self._loop = loop

    def _pressed(self) -> None:
        if self._worker.stopped:
            self._worker.cancel()
        else:
            self._worker.stop("interrupted")

    def __exit__(self, *_: object) -> None:
        if self._loop is not None:
            self._loop.remove_signal_handler(signal.SIGINT)
