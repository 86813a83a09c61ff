"""All five vendors in LangChain and LlamaIndex: a chain, a stream, an agent, structured output, RAG over files, another agent.

    python examples/demo.py                    on the simulator, no key needed
    python examples/demo.py --docs FOLDER      RAG over your own Markdown, text and PDF files
    AIMLAPI_API_KEY=... python examples/demo.py --live      on the vendors whose keys are in the environment

Prints a table of what ran, how long it took, how many tokens it used and what it cost in the vendor's own unit; the exit code is 1
if a cell failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Table

from multiapi import PROVIDERS

ROOT = Path(__file__).resolve().parent.parent
MODELS = {
    "bineric": "gpt-4",
    "binom_router": "gpt-4o",
    "aimlapi": "openai/gpt-4o",
    "aicredits": "openai/gpt-4o-mini",
    "binobox": "gemini-3.1-flash-lite",
}
EMBEDDINGS = {"aimlapi": "text-embedding-3-small", "aicredits": "openai/text-embedding-3-small"}
READ = (".md", ".txt", ".pdf", ".yaml")
# The answer stands in one sentence of multiapi/simulator/contracts/aimlapi_notes.md.
QUESTION = "How long do transcripts live, and do result links expire?"


class City(BaseModel):
    """A city that a text speaks of."""

    name: str = Field(description="Name of the city")
    country: str = Field(description="Country it lies in")
    population: int = Field(description="How many people live there")


def add(a: int, b: int) -> int:
    """Add two integers a and b."""
    return a + b


def multiply(a: int, b: int) -> int:
    """Multiply two integers a and b."""
    return a * b


@dataclass
class Spent:
    """What the calls of one cell used."""

    tokens: int | None = None
    cost: Decimal = Decimal(0)
    unit: str | None = None
    known: bool = False

    def add(self, tokens: int | None, cost: Any) -> None:
        """Count one answer; `cost` is what the vendor said, or None."""
        if tokens is not None:
            self.tokens = (self.tokens or 0) + tokens
        if cost is not None:
            self.cost += Decimal(str(cost["amount"]))
            self.unit, self.known = cost["unit"], True

    def __str__(self) -> str:
        money = (
            f"{self.cost.quantize(Decimal('0.00001')).normalize():f} {self.unit or '(no unit)'}"
            if self.known
            else "cost not said"
        )
        tokens = "tokens not said" if self.tokens is None else f"{self.tokens} tokens"
        return f"{tokens}\n{money}"


@dataclass
class Cell:
    """One thing that was tried with one vendor."""

    ok: bool
    words: str
    seconds: float
    spent: Spent = field(default_factory=Spent)


def spent_by_message(spent: Spent, message: Any) -> None:
    """Count a LangChain message."""
    usage = message.usage_metadata
    spent.add(usage["total_tokens"] if usage else None, message.response_metadata.get("cost"))


def spent_by_response(spent: Spent, response: Any) -> None:
    """Count a LlamaIndex response."""
    facts = getattr(response, "additional_kwargs", None) or {}
    spent.add(facts.get("total_tokens"), facts.get("cost"))


# ------------------------------------------------------------------------------------------------ LangChain


def chain(provider: str, spent: Spent) -> str:
    """Prompt | model | parser."""
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate

    from langchain_multiapi import ChatMultiApi

    prompt = ChatPromptTemplate.from_messages(
        [("system", "You answer in one sentence."), ("user", "Say hello to {name}.")]
    )
    model = ChatMultiApi(provider=provider, model=MODELS[provider])
    answers = []
    text = (prompt | model | answers_kept(answers) | StrOutputParser()).invoke({"name": "Ada"})
    spent_by_message(spent, answers[0])
    assert text.strip()
    return text


def answers_kept(kept: list[Any]) -> Callable[[Any], Any]:
    """A step that notes what passes."""

    def keep(message: Any) -> Any:
        kept.append(message)
        return message

    return keep


def stream(provider: str, spent: Spent) -> str:
    """A streamed answer, piece by piece."""
    from langchain_multiapi import ChatMultiApi

    model = ChatMultiApi(provider=provider, model=MODELS[provider])
    whole = None
    pieces = 0
    for chunk in model.stream("Say hello to everybody at the harbour, and to Ada."):
        pieces += bool(chunk.text)
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    assert whole.text.strip()
    spent_by_message(spent, whole)
    return f"{pieces} pieces: {whole.text}"


def agent(provider: str, spent: Spent) -> str:
    """A LangChain agent that needs two tools, one after the other."""
    from langchain.agents import create_agent

    from langchain_multiapi import ChatMultiApi

    runnable = create_agent(ChatMultiApi(provider=provider, model=MODELS[provider]), [add, multiply])
    result = runnable.invoke({"messages": [("user", "Add 3 and 4, then multiply the result by 6. Use the tools.")]})
    used = [call["name"] for message in result["messages"] for call in getattr(message, "tool_calls", [])]
    for message in result["messages"]:
        if message.type == "ai":
            spent_by_message(spent, message)
    assert {"add", "multiply"} <= set(used), f"the agent called {used}"
    last = result["messages"][-1].text
    assert last.strip()
    return f"{' → '.join(used)}: {last}"


def structured(provider: str, spent: Spent) -> str:
    """Structured output into a pydantic class."""
    from langchain_multiapi import ChatMultiApi

    model = ChatMultiApi(provider=provider, model=MODELS[provider]).with_structured_output(City, include_raw=True)
    result = model.invoke("Oslo is the capital of Norway and has 717710 inhabitants.")
    assert result["parsing_error"] is None, result["parsing_error"]
    assert isinstance(result["parsed"], City)
    spent_by_message(spent, result["raw"])
    return repr(result["parsed"])


# ------------------------------------------------------------------------------------------------ LlamaIndex


class Library:
    """The documents, read and embedded once for all vendors that share an embedding vendor."""

    def __init__(self, folder: list[Path], available: list[str]) -> None:
        self.folders = folder
        self.available = available
        self._indices: dict[str, Any] = {}
        self._documents: list[Any] | None = None

    def documents(self) -> list[Any]:
        """Every Markdown, text, YAML and PDF file below the folders."""
        if self._documents is None:
            from llama_index.core import SimpleDirectoryReader

            found = [folder for folder in self.folders if any(path.suffix in READ for path in folder.rglob("*"))]
            if not found:
                raise FileNotFoundError(f"no {', '.join(READ)} files below {', '.join(map(str, self.folders))}")
            self._documents = [
                document
                for folder in found
                for document in SimpleDirectoryReader(
                    str(folder),
                    recursive=True,
                    required_exts=list(READ),
                    file_extractor={".pdf": pdf_reader()},
                    raise_on_error=True,
                ).load_data()
            ]
            for document in self._documents:
                # Where a file lies says nothing about what is in it.
                document.excluded_embed_metadata_keys = list(document.metadata)
                document.excluded_llm_metadata_keys = list(document.metadata)
        return self._documents

    def index(self, provider: str) -> tuple[str, Any]:
        """The index for a vendor, by its own embeddings or those of another vendor."""
        from llama_index.core import VectorStoreIndex
        from llama_index.core.node_parser import SentenceSplitter

        from llamaindex_multiapi import MultiApiEmbedding

        embedder = provider if provider in EMBEDDINGS else next(name for name in self.available if name in EMBEDDINGS)
        if embedder not in self._indices:
            self._indices[embedder] = VectorStoreIndex.from_documents(
                self.documents(),
                embed_model=MultiApiEmbedding(provider=embedder, model=EMBEDDINGS[embedder], embed_batch_size=256),
                transformations=[SentenceSplitter(chunk_size=400, chunk_overlap=40)],
            )
        return embedder, self._indices[embedder]


def pdf_reader() -> Any:
    """A reader for PDF files."""
    from llama_index.core.readers.base import BaseReader
    from llama_index.core.schema import Document
    from pypdf import PdfReader

    class PdfPages(BaseReader):
        def load_data(self, file: Path, extra_info: dict[str, Any] | None = None) -> list[Any]:
            pages = PdfReader(file).pages
            return [
                Document(text=page.extract_text(), metadata={**(extra_info or {}), "page": number})
                for number, page in enumerate(pages, 1)
            ]

    return PdfPages()


def rag(provider: str, spent: Spent, library: Library) -> str:
    """A question to the documents, answered with sources, streamed."""
    from llamaindex_multiapi import MultiApiLLM

    embedder, index = library.index(provider)
    llm = MultiApiLLM(provider=provider, model=MODELS[provider])
    with counted(spent):
        answer = index.as_query_engine(llm=llm, similarity_top_k=20).query(QUESTION)
        streamed = index.as_query_engine(llm=llm, similarity_top_k=20, streaming=True).query(QUESTION)
        pieces = list(streamed.response_gen)
    sources = sorted({node.metadata.get("file_name", "?") for node in answer.source_nodes})
    assert str(answer).strip()
    assert sources
    assert "".join(pieces).strip()
    if library.folders == default_documents():
        found = re.search(r"\b(one|1) hour|60 minutes", str(answer), re.IGNORECASE)
        assert found, f"what the documents say was not found: {answer}"
    return f"[{', '.join(sources)}; embeddings of {embedder}] {answer}"


def function_agent(provider: str, spent: Spent) -> str:
    """A LlamaIndex FunctionAgent with the same two tools, streaming."""
    from llama_index.core.agent.workflow import FunctionAgent, ToolCallResult

    from llamaindex_multiapi import MultiApiLLM

    async def run() -> tuple[str, list[str]]:
        worker = FunctionAgent(tools=[add, multiply], llm=MultiApiLLM(provider=provider, model=MODELS[provider]))
        handler = worker.run("Add 3 and 4, then multiply the result by 6. Use the tools.")
        used = [event.tool_name async for event in handler.stream_events() if isinstance(event, ToolCallResult)]
        return str(await handler), used

    with counted(spent):
        text, used = asyncio.run(run())
    assert {"add", "multiply"} <= set(used), f"the agent called {used}"
    assert text.strip()
    return f"{' → '.join(used)}: {text}"


@contextmanager
def counted(spent: Spent) -> Iterator[None]:
    """Count every LLM answer of LlamaIndex while this is open."""
    from llama_index.core.instrumentation import get_dispatcher
    from llama_index.core.instrumentation.event_handlers import BaseEventHandler
    from llama_index.core.instrumentation.events.llm import LLMChatEndEvent

    class Counter(BaseEventHandler):
        def handle(self, event: Any, **_: Any) -> None:
            if isinstance(event, LLMChatEndEvent):
                spent_by_response(spent, event.response)

    dispatcher, counter = get_dispatcher(), Counter()
    dispatcher.add_event_handler(counter)
    try:
        yield
    finally:
        dispatcher.event_handlers.remove(counter)


# ------------------------------------------------------------------------------------------------ the table

COLUMNS = ("chain", "stream", "agent", "structured", "rag", "function agent")


def run_cell(title: str, provider: str, library: Library) -> Cell:
    """Try one thing; a failure is a cell too."""
    spent = Spent()
    started = time.perf_counter()
    try:
        words = rag(provider, spent, library) if title == "rag" else CELLS[title](provider, spent)
    except Exception:
        return Cell(False, traceback.format_exc(limit=-3), time.perf_counter() - started, spent)
    return Cell(True, words, time.perf_counter() - started, spent)


CELLS: dict[str, Callable[[str, Spent], str]] = {
    "chain": chain,
    "stream": stream,
    "agent": agent,
    "structured": structured,
    "function agent": function_agent,
}


def default_documents() -> list[Path]:
    """The pages on the providers and what is known of them."""
    return [ROOT / "docs" / "vendors", ROOT / "multiapi" / "simulator" / "contracts"]


@contextmanager
def simulated(*arguments: str) -> Iterator[str]:
    """A simulator in a process of its own; keys and addresses of the environment point to it while this is open."""
    process = subprocess.Popen(
        [sys.executable, "-m", "multiapi.simulator", "--port", "0", *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        origin = process.stdout.readline().rsplit(" ", 1)[-1].strip()
        if not origin.startswith("http"):
            raise RuntimeError("the simulator did not start")
        for provider in PROVIDERS.values():
            path = provider.base_url.split("/", 3)[3:]
            os.environ[provider.base_url_env] = "/".join([origin, provider.name, *path])
            os.environ[provider.api_key_env] = "simulated-key"
        yield origin
    finally:
        process.terminate()
        process.wait(timeout=10)


def main() -> int:
    """Run everything and print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--docs", type=Path, action="append", help="a folder with documents for RAG")
    options.add_argument("--live", action="store_true", help="use the vendors whose keys are in the environment")
    options.add_argument("--provider", action="append", choices=list(PROVIDERS), help="only this vendor")
    options.add_argument(
        "--as-seen", action="store_true", help="the simulator answers in the forms that users saw live"
    )
    chosen = options.parse_args()
    for name in list(os.environ):
        if name.startswith(("LANGSMITH_", "LANGCHAIN_TRACING")):
            del os.environ[name]
    console = Console()
    console.width = max(console.width, 120)
    if chosen.live:
        names = [name for name, provider in PROVIDERS.items() if os.environ.get(provider.api_key_env)]
        names = [name for name in names if not chosen.provider or name in chosen.provider]
        if not any(name in EMBEDDINGS for name in names):
            console.print("Live, but no key of a vendor with embeddings (AIMLAPI_API_KEY or AICREDITS_API_KEY) is set.")
            return 2
        console.print(f"Live: {', '.join(names)}. This costs money.")
        return report(console, names, chosen.docs or default_documents(), list(names))
    with simulated(*(["--as-seen"] if chosen.as_seen else [])) as origin:
        console.print(f"On the simulator at {origin}: no vendor is asked and nothing is spent.\n")
        code = report(console, chosen.provider or list(PROVIDERS), chosen.docs or default_documents(), list(PROVIDERS))
        return code or (0 if chosen.provider or chosen.as_seen else killed_and_resumed(console, origin))


JOB = """
import sys
from multiapi.bulk import BulkJob, Chat
rows = [{"n": number, "text": f"Say the number {number}."} for number in range(200)]
task = Chat("aimlapi:openai/gpt-4o", prompt="{text}", max_tokens=20)
print(BulkJob(rows, sys.argv[1], task, id="n", window=8).run())
"""


def killed_and_resumed(console: Console, origin: str) -> int:
    """A bulk job of 200 rows, killed half-way and started again; what was paid for is counted by the simulator."""
    console.rule("[bold]Bulk[/] · 200 rows, killed half-way and resumed")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", JOB, f"{folder}/out.jsonl"]
        before = counts(origin)["requests"]
        first = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while first.poll() is None and counts(origin)["requests"] - before < 100:
            time.sleep(0.005)
        first.kill()
        first.wait()
        console.print(f"killed after {counts(origin)['requests'] - before} requests", highlight=False)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        console.print(done.stdout.strip() or done.stderr.strip(), markup=False, highlight=False)
    answered = [
        times for text, times in counts(origin)["answered"].items() if "Say the number" in text and len(text) < 100
    ]
    twice = sum(times - 1 for times in answered)
    console.print(f"the simulator answered {len(answered)} of the 200 texts, {twice} of them twice", highlight=False)
    return 0 if done.returncode == 0 and twice == 0 else 1


def counts(origin: str) -> Any:
    """What the simulator counted."""
    with urllib.request.urlopen(f"{origin}/_simulator/counts") as answer:
        return json.load(answer)


def report(console: Console, names: list[str], folders: list[Path], available: list[str]) -> int:
    """Fill and print the table; 1 if a cell failed."""
    library = Library(folders, available)
    cells: dict[tuple[str, str], Cell] = {}
    for name in names:
        console.rule(f"[bold]{PROVIDERS[name].title}[/] · {MODELS[name]}")
        for title in COLUMNS:
            cell = cells[name, title] = run_cell(title, name, library)
            mark = "[green]✓[/]" if cell.ok else "[red]✗[/]"
            shown = " ".join(cell.words.split())[:400] if cell.ok else cell.words
            console.print(f"{mark} [bold]{title}[/] ", end="")
            console.print(shown, markup=False, highlight=False)
    table = Table(title="What ran: time, tokens, cost in the vendor's own unit")
    table.add_column("vendor")
    for title in COLUMNS:
        table.add_column(title)
    for name in names:
        row = [cells[name, title] for title in COLUMNS]
        table.add_row(
            PROVIDERS[name].title,
            *(f"{'[green]ok[/]' if cell.ok else '[red]FAILED[/]'} {cell.seconds:.2f} s\n{cell.spent}" for cell in row),
            end_section=True,
        )
    console.print()
    console.print(table)
    failed = [f"{name}: {title}" for (name, title), cell in cells.items() if not cell.ok]
    console.print(f"[red]failed: {', '.join(failed)}[/]" if failed else "Every cell ran.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
