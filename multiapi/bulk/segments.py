"""Answers on the disk, appended record by record: a record that is whole is kept, one that a crash cut off is not."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from multiapi.errors import MultiApiError

KEY_BYTES = 16
SEGMENT_BYTES = 64_000_000
"""Where a next segment begins."""

_HEAD = struct.Struct("<II16sq")
_NAME = re.compile(r"(\d{1,9})\.seg")
MAX_RECORD_BYTES = 1_000_000_000


class DamagedLedgerError(MultiApiError):
    """A ledger or a segment of responses cannot be read."""


class UnwritableLedgerError(MultiApiError):
    """A ledger cannot be written, as on a full disk. What had left is unknown at the next start, what had not is free."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record is: the number of its segment, and the position of its first byte."""

    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class Record:
    """One answer: the key of its row, the id of its call, and its bytes."""

    key: bytes
    call: int
    payload: bytes
    place: Place


class Segments:
    """The folder `answers` of a ledger: one writer, any number of readers.

    Args:
        folder: Made if it is not there.
        durable: Whether each group of records is forced to the disk, so that it survives a loss of power.
    """

    def __init__(self, folder: Path, *, durable: bool = False, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self.durable = durable
        self.segment_bytes = segment_bytes
        self._file: BinaryIO | None = None
        self._number = 0
        self._size = 0

    def numbers(self) -> list[int]:
        """Return the numbers of the segments that are there, in order."""
        if not self.folder.is_dir():
            return []
        return sorted(int(match[1]) for path in self.folder.iterdir() if (match := _NAME.fullmatch(path.name)))

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}.seg"

    def append(self, key: bytes, call: int, payload: bytes) -> Place:
        """Write a record; it is safe once `flush` has returned."""
        if self._file is None or self._size >= self.segment_bytes:
            self._open_next()
        assert self._file is not None
        place = Place(self._number, self._size)
        head = _HEAD.pack(len(payload), zlib.crc32(payload, zlib.crc32(key)), key, call)
        self._file.write(head)
        self._file.write(payload)
        self._size += len(head) + len(payload)
        return place

    def _open_next(self) -> None:
        self.close()
        self.folder.mkdir(parents=True, exist_ok=True)
        there = self.numbers()
        number = there[-1] if there else 1
        if there and self._path(number).stat().st_size >= self.segment_bytes:
            number += 1
        self._file = self._path(number).open("ab")
        self._number = number
        self._size = self._file.tell()

    def flush(self) -> None:
        """Give what was written to the operating system, and to the disk if `durable`."""
        if self._file is not None:
            self._file.flush()
            if self.durable:
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Flush, and close the open segment."""
        if self._file is not None:
            self.flush()
            self._file.close()
            self._file = None

    def discard(self) -> None:
        """Close the open segment after a failure; what could not be written is cut off when the ledger is opened again."""
        if self._file is not None:
            file, self._file = self._file, None
            with contextlib.suppress(OSError):
                file.close()

    def read(self, place: Place) -> bytes:
        """Return the bytes of one record.

        Raises:
            DamagedLedgerError: They are not there, or not as they were written.
        """
        if self._file is not None:
            self._file.flush()
        try:
            with self._path(place.segment).open("rb") as file:
                file.seek(place.offset)
                record = _next(file, place)
        except OSError as error:
            raise DamagedLedgerError(f"{self._path(place.segment)} cannot be read: {error.strerror}") from None
        if record is None:
            raise DamagedLedgerError(f"{self._path(place.segment)} holds no whole record at {place.offset}")
        return record.payload

    def records(self, start: Place | None = None) -> Iterator[Record]:
        """Yield the whole records from a place on (None: from the beginning); what a crash cut off ends its segment."""
        for number in self.numbers():
            if start is not None and number < start.segment:
                continue
            with self._path(number).open("rb") as file:
                offset = start.offset if start is not None and number == start.segment else 0
                file.seek(offset)
                while (record := _next(file, Place(number, offset))) is not None:
                    yield record
                    offset += _HEAD.size + len(record.payload)

    def repair(self, start: Place | None = None) -> list[Record]:
        """Cut off what a crash left of a last record; return the whole records from `start` on, without their bytes."""
        self.close()
        found: list[Record] = []
        for number in self.numbers():
            if start is not None and number < start.segment:
                continue
            path = self._path(number)
            offset = start.offset if start is not None and number == start.segment else 0
            with path.open("rb") as file:
                file.seek(offset)
                while (record := _next(file, Place(number, offset))) is not None:
                    found.append(Record(record.key, record.call, b"", record.place))
                    offset += _HEAD.size + len(record.payload)
            if path.stat().st_size > offset:
                os.truncate(path, offset)
        return found


def end_of(place: Place, payload_bytes: int) -> Place:
    """Return the place behind a record."""
    return Place(place.segment, place.offset + _HEAD.size + payload_bytes)


def _next(file: BinaryIO, place: Place) -> Record | None:
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    length, checksum, key, call = _HEAD.unpack(head)
    if length > MAX_RECORD_BYTES:
        return None
    payload = file.read(length)
    if len(payload) < length or zlib.crc32(payload, zlib.crc32(key)) != checksum:
        return None
    return Record(key, call, payload, place)
