"""Bulk work with LlamaIndex: an embedding model, and so a transformation of an ingestion pipeline, whose texts are paid for once."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import BaseNode, MetadataMode

from multiapi.bulk import BulkJob, WrappedCall


class LedgerEmbedding(BaseEmbedding):
    """Looks into the ledger of a job first, text by text, so that a crashed or repeated pipeline pays once.

        embed_model = LedgerEmbedding(BulkJob([], None, Embed("aimlapi:text-embedding-3-small"), ledger_dir="vectors.job"))
        IngestionPipeline(transformations=[SentenceSplitter(), embed_model]).run(documents=documents)

    Close it, or use it in a `with`, to give the folder back.
    """

    _call: WrappedCall = PrivateAttr()
    _column: str = PrivateAttr()

    def __init__(self, job: BulkJob, **settings: Any) -> None:
        settings.setdefault("embed_batch_size", 256)
        super().__init__(model_name=job.task.model, **settings)
        self._call = job.wrap()
        self._column = getattr(job.task, "text", "text")

    @classmethod
    def class_name(cls) -> str:
        return "LedgerEmbedding"

    def _rows(self, texts: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
        return [
            (blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(), {self._column: text})
            for text in texts
        ]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [row["vector"] for row in self._call.sync_many(self._rows(texts))]

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [row["vector"] for row in await self._call.many(self._rows(texts))]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return (await self._aget_text_embeddings([text]))[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await self._aget_text_embedding(query)

    def close(self) -> None:
        """Give the folder of the job back."""
        self._call.close()

    def __enter__(self) -> LedgerEmbedding:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def embed_nodes(nodes: Sequence[BaseNode], job: BulkJob) -> list[BaseNode]:
    """Give each node its vector, from the ledger of a job where it is there. Returns the nodes, which are changed."""
    with LedgerEmbedding(job) as model:
        vectors = model._get_text_embeddings([node.get_content(metadata_mode=MetadataMode.EMBED) for node in nodes])
    for node, vector in zip(nodes, vectors, strict=True):
        node.embedding = vector
    return list(nodes)
