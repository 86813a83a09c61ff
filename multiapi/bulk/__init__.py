"""Bulk work: the same call for very many rows, with a ledger that is written before a request leaves.

A row whose request may have been carried out is never sent again unless you say so.
"""

from multiapi.bulk.entries import State
from multiapi.bulk.estimates import Estimate
from multiapi.bulk.job import BulkJob, BulkProgress
from multiapi.bulk.lock import FolderInUseError
from multiapi.bulk.media_tasks import Image, Ocr, Speech, Transcribe
from multiapi.bulk.report import Report
from multiapi.bulk.segments import DamagedLedgerError, UnwritableLedgerError
from multiapi.bulk.shared_calls import OwnerGoneError, SharedCall
from multiapi.bulk.tasks import Chat, Embed, Function, Requests, Task
from multiapi.bulk.vectors import RowVector, vectors
from multiapi.bulk.wrapped import RowFailedError, UnknownOutcomeError, WrappedCall

__all__ = [
    "BulkJob",
    "BulkProgress",
    "Chat",
    "DamagedLedgerError",
    "Embed",
    "Estimate",
    "FolderInUseError",
    "Function",
    "Image",
    "Ocr",
    "OwnerGoneError",
    "Report",
    "Requests",
    "RowFailedError",
    "RowVector",
    "SharedCall",
    "Speech",
    "State",
    "Task",
    "Transcribe",
    "UnknownOutcomeError",
    "UnwritableLedgerError",
    "WrappedCall",
    "vectors",
]
