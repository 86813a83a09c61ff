"""Bulk work with LangChain: a chain for each row of a file, and embeddings that are paid for once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.load import dumpd
from langchain_core.runnables import Runnable

from multiapi.bulk import BulkJob, Task, WrappedCall
from multiapi.bulk.tasks import Answered, Prepared
from multiapi.money.spending import track_spending
from multiapi.provider import Provider, find_provider
from multiapi.types import Cost


class RunnableTask(Task):
    """A chain for each row: `ainvoke` gets the row, and what it returns is kept as JSON.

        BulkJob("in.jsonl", "out.jsonl", RunnableTask(prompt | model, provider="aimlapi", name="labels"), id="n")

    The calls inside of a chain are not told apart: a row that was under way in a crash is unknown as a whole.

    Args:
        chain: Any runnable.
        provider: Whose unit the budget is in.
        name: Names the chain: change it when the chain changes, so that its rows are done again.
        max_cost_per_row: What a row may cost at most, like "0.01 USD"; needed for a budget.
    """

    operation = "runnable"

    def __init__(
        self,
        chain: Runnable[Any, Any],
        *,
        provider: str | Provider,
        name: str,
        max_cost_per_row: str | None = None,
    ) -> None:
        self.provider = find_provider(provider)
        self.model = name
        self.chain = chain
        self.max_cost_per_row = max_cost_per_row

    def prepare(self, row: Mapping[str, Any]) -> Prepared:
        """Take the row as it is."""
        return Prepared(
            request=dict(row), identity={"runnable": self.model, "row": {str(k): str(v) for k, v in row.items()}}
        )

    async def call(self, client: Any, requests: Sequence[Any], headers: Mapping[str, str]) -> list[Answered]:  # noqa: ARG002
        """Run the chain; what its calls cost is added up."""
        with track_spending() as spent:
            found = await self.chain.ainvoke(requests[0])
        unit = self.provider.units[0] if self.provider.units else None
        amount = spent.totals.get(unit)
        cost = Cost(amount, unit) if amount is not None and not spent.unpriced else None
        return [Answered(columns={"answer": _plain(found)}, cost=cost)]


def _plain(found: Any) -> Any:
    """Return a result as JSON."""
    text = getattr(found, "text", None)
    if isinstance(text, str):
        return text
    dumped = getattr(found, "model_dump", None)
    if dumped is not None:
        return dumped(mode="json")
    return found if isinstance(found, str | int | float | bool | list | dict | type(None)) else dumpd(found)


class LedgerEmbeddings(Embeddings):
    """Embeddings that look into the ledger of a job first, so that a text is paid for once, whatever crashes or is run again.

        embeddings = LedgerEmbeddings(BulkJob([], None, Embed("aimlapi:text-embedding-3-small"), ledger_dir="vectors.job"))

    Close it, or use it in a `with`, to give the folder back.
    """

    def __init__(self, job: BulkJob) -> None:
        self._call: WrappedCall = job.wrap()
        self._column = getattr(job.task, "text", "text")

    def _rows(self, texts: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
        return [
            (blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(), {self._column: text})
            for text in texts
        ]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [row["vector"] for row in self._call.sync_many(self._rows(texts))]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return [row["vector"] for row in await self._call.many(self._rows(texts))]

    async def aembed_query(self, text: str) -> list[float]:
        return (await self.aembed_documents([text]))[0]

    def close(self) -> None:
        """Give the folder of the job back."""
        self._call.close()

    def __enter__(self) -> LedgerEmbeddings:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
