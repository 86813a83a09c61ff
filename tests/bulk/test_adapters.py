"""Rows for programs with a loop of their own, and for the frameworks' pipelines: each inner text is paid for once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.prompts import ChatPromptTemplate
from llama_index.core import Document
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import TextNode

from langchain_multiapi import ChatMultiApi
from langchain_multiapi.bulk import LedgerEmbeddings, RunnableTask
from llamaindex_multiapi.bulk import LedgerEmbedding, embed_nodes
from multiapi.bulk import BulkJob, Chat, Embed, UnknownOutcomeError
from multiapi.errors import BudgetExceededError, InvalidRequestError
from multiapi.simulator import Simulator
from multiapi.types import ChatRequest, Message


@pytest.fixture
def simulator() -> Simulator:
    return Simulator()


def job(simulator: Simulator, folder: Path, task: Any = None, **settings: Any) -> BulkJob:
    return BulkJob(
        [],
        None,
        task or Chat("aimlapi:openai/gpt-4o", prompt="{text}", max_tokens=20),
        id="n",
        ledger_dir=folder,
        api_key="any-key-1234",
        base_url=simulator.base_url("aimlapi"),
        http_client=httpx.AsyncClient(transport=simulator.async_transport),
        **settings,
    )


def chats(simulator: Simulator) -> int:
    return sum(simulator.counts.answered.values())


async def test_a_row_is_answered_once_and_then_from_the_ledger(simulator: Simulator, tmp_path: Path) -> None:
    with job(simulator, tmp_path / "l").wrap() as call:
        first = await call("1", {"text": "Say hello."})
        again = await asyncio.gather(*(call("1", {"text": "Say hello."}) for _ in range(5)))
        assert again == [first] * 5
        request = ChatRequest(model="openai/gpt-4o", messages=[Message("user", "Say hello.")], max_tokens=20)
        assert (await call("1", request))["answer"] == first["answer"]
    with job(simulator, tmp_path / "l").wrap() as call:
        assert call.sync("1", {"text": "Say hello."}) == first
    assert chats(simulator) == 1


async def test_what_is_not_known_or_does_not_fit_is_raised(simulator: Simulator, tmp_path: Path) -> None:
    simulator.faults.add("drop", vendor="aimlapi", operation="createChatCompletion")
    with job(simulator, tmp_path / "l").wrap() as call:
        for _ in range(2):
            with pytest.raises(UnknownOutcomeError):
                await call("1", {"text": "Say hello."})
        with pytest.raises(InvalidRequestError, match="no field 'text'"):
            await call("2", {})
        with pytest.raises(InvalidRequestError, match="not empty"):
            await call("", {"text": "x"})
    assert chats(simulator) == 1
    with job(simulator, tmp_path / "b", budget="0 USD").wrap() as call, pytest.raises(BudgetExceededError):
        await call("1", {"text": "Say hello."})


async def test_first_calls_at_once_open_the_job_once(simulator: Simulator, tmp_path: Path) -> None:
    with job(simulator, tmp_path / "l").wrap() as call:
        found = await asyncio.gather(*(call(str(number), {"text": f"Say {number}."}) for number in range(20)))
    assert [each["finish_reason"] for each in found] == ["stop"] * 20


def test_embeddings_of_langchain_are_paid_for_once(simulator: Simulator, tmp_path: Path) -> None:
    texts = [f"text {number % 40}" for number in range(300)]
    for _ in range(2):
        with LedgerEmbeddings(job(simulator, tmp_path / "l", Embed("aimlapi:text-embedding-3-small"))) as embeddings:
            vectors = embeddings.embed_documents(texts)
            assert embeddings.embed_query("text 3") == vectors[3]
    assert set(simulator.counts.answered.values()) == {1}
    assert len(vectors) == 300


async def test_a_pipeline_of_llamaindex_pays_once_however_often_it_runs(simulator: Simulator, tmp_path: Path) -> None:
    documents = [Document(text=f"Document {number} is about the number {number}.") for number in range(30)]
    for run in range(3):
        with LedgerEmbedding(job(simulator, tmp_path / "l", Embed("aimlapi:text-embedding-3-small"))) as model:
            pipeline = IngestionPipeline(transformations=[SentenceSplitter(), model], disable_cache=True)
            nodes = await pipeline.arun(documents=documents) if run else pipeline.run(documents=documents)
        assert all(node.embedding for node in nodes)
    assert set(simulator.counts.answered.values()) == {1}
    assert len(simulator.counts.answered) == 30


def test_nodes_get_their_vectors(simulator: Simulator, tmp_path: Path) -> None:
    nodes = [TextNode(text=f"node {number}") for number in range(5)]
    embed_nodes(nodes, job(simulator, tmp_path / "l", Embed("aimlapi:text-embedding-3-small")))
    assert all(node.embedding for node in nodes)


def test_a_chain_runs_for_each_row(simulator: Simulator, tmp_path: Path) -> None:
    model = ChatMultiApi(
        model="aimlapi:openai/gpt-4o",
        api_key="any-key-1234",
        base_url=simulator.base_url("aimlapi"),
        http_client=httpx.Client(transport=simulator.transport),
        http_async_client=httpx.AsyncClient(transport=simulator.async_transport),
    )
    chain = ChatPromptTemplate.from_template("Say the number {n}.") | model
    task = RunnableTask(chain, provider="aimlapi", name="numbers", max_cost_per_row="0.01 USD")
    rows = [{"n": number} for number in range(6)]
    settings: dict[str, Any] = {"id": "n", "ledger_dir": tmp_path / "l", "api_key": "any-key-1234", "budget": "1 USD"}
    report = BulkJob(rows, tmp_path / "out.jsonl", task, **settings).run()
    assert (report.done, chats(simulator)) == (6, 6)
    account = simulator.vendor("aimlapi").account("any-key-1234")
    assert report.spent == account.deposit - account.balance
    assert BulkJob(rows, tmp_path / "out.jsonl", task, **settings).run().done == 6
    assert chats(simulator) == 6
