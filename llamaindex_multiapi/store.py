"""`EmbeddingStore`: a cache for embeddings that several processes write at once."""

from __future__ import annotations

import asyncio
import sqlite3
from array import array
from pathlib import Path
from typing import Any

from llama_index.core.storage.kvstore.types import DEFAULT_COLLECTION, BaseKVStore


class EmbeddingStore(BaseKVStore):
    """Vectors in one SQLite file, as `embeddings_cache=` of embeddings.

    LlamaIndex's own stores live in memory, so what the workers of an `IngestionPipeline` put in is lost with them. This one is
    pickled as its path, and what any process has written all of them find: a run that broke off goes on where it was.

    Numbers are kept with 32 bits, as providers compute them.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        with self._opened() as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute(
                "CREATE TABLE IF NOT EXISTS vectors (collection TEXT, key TEXT, id TEXT, vector BLOB, "
                "PRIMARY KEY (collection, key)) WITHOUT ROWID"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return EmbeddingStore, (self.path,)

    def _opened(self) -> _Closing:
        return _Closing(self.path)

    def put(self, key: str, val: dict[str, Any], collection: str = DEFAULT_COLLECTION) -> None:
        self.put_all([(key, val)], collection)

    def put_all(
        self,
        kv_pairs: list[tuple[str, dict[str, Any]]],
        collection: str = DEFAULT_COLLECTION,
        batch_size: int = 1,  # noqa: ARG002
    ) -> None:
        rows = [
            (collection, key, name, array("f", vector).tobytes())
            for key, val in kv_pairs
            for name, vector in val.items()
        ]
        with self._opened() as database:
            database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)", rows)

    def get(self, key: str, collection: str = DEFAULT_COLLECTION) -> dict[str, Any] | None:
        with self._opened() as database:
            query = "SELECT id, vector FROM vectors WHERE collection = ? AND key = ?"
            row = database.execute(query, (collection, key)).fetchone()
        return None if row is None else {row[0]: array("f", row[1]).tolist()}

    def get_all(self, collection: str = DEFAULT_COLLECTION) -> dict[str, dict[str, Any]]:
        with self._opened() as database:
            query = "SELECT key, id, vector FROM vectors WHERE collection = ?"
            rows = database.execute(query, (collection,)).fetchall()
        return {key: {name: array("f", vector).tolist()} for key, name, vector in rows}

    def delete(self, key: str, collection: str = DEFAULT_COLLECTION) -> bool:
        with self._opened() as database:
            done = database.execute("DELETE FROM vectors WHERE collection = ? AND key = ?", (collection, key))
            return done.rowcount > 0

    async def aput(self, key: str, val: dict[str, Any], collection: str = DEFAULT_COLLECTION) -> None:
        await asyncio.to_thread(self.put, key, val, collection)

    async def aput_all(
        self, kv_pairs: list[tuple[str, dict[str, Any]]], collection: str = DEFAULT_COLLECTION, batch_size: int = 1
    ) -> None:
        await asyncio.to_thread(self.put_all, kv_pairs, collection, batch_size)

    async def aget(self, key: str, collection: str = DEFAULT_COLLECTION) -> dict[str, Any] | None:
        return await asyncio.to_thread(self.get, key, collection)

    async def aget_all(self, collection: str = DEFAULT_COLLECTION) -> dict[str, dict[str, Any]]:
        return await asyncio.to_thread(self.get_all, collection)

    async def adelete(self, key: str, collection: str = DEFAULT_COLLECTION) -> bool:
        return await asyncio.to_thread(self.delete, key, collection)


class _Closing:
    """One transaction on a connection of its own: connections do not go from thread to thread or through a fork."""

    def __init__(self, path: str) -> None:
        self._database = sqlite3.connect(path, timeout=30)

    def __enter__(self) -> sqlite3.Connection:
        return self._database

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._database.commit()
        finally:
            self._database.close()
