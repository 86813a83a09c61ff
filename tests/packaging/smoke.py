"""Run in an environment that holds the wheel and nothing of this tree: `python -I smoke.py EXTRA`.

What the extra promises works on a server of the standard library, and what it does not bring is not there.
"""

import importlib.util
import json
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any


class Vendor(BaseHTTPRequestHandler):
    """Says "hello" to a chat, and gives two numbers for a text."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.endswith("/embeddings"):
            data = [{"index": index, "embedding": [1.0, 0.0]} for index, _ in enumerate(body["input"])]
            answer = {"data": data, "model": body["model"]}
        else:
            message = {"role": "assistant", "content": "hello"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            answer = {"id": "c1", "model": body["model"], "choices": [choice], "usage": usage}
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def served() -> str:
    server = HTTPServer(("127.0.0.1", 0), Vendor)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/v1"


def there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def check_core(base_url: str) -> None:
    from multiapi import PROVIDERS, ChatRequest, Client, EmbedRequest, Message

    assert list(PROVIDERS) == ["bineric", "binom_router", "aimlapi", "aicredits", "binobox"]
    client = Client("aicredits", api_key="k", base_url=base_url)
    assert client.chat(ChatRequest(model="m", messages=[Message("user", "hi")])).text == "hello"
    assert client.embed(EmbedRequest(model="m", texts=["a", "b"])).vectors == [[1.0, 0.0], [1.0, 0.0]]


def check_langchain(base_url: str) -> None:
    from pydantic import SecretStr

    from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings

    assert ChatMultiApi(model="aicredits:m", api_key=SecretStr("k"), base_url=base_url).invoke("hi").text == "hello"
    assert MultiApiEmbeddings(model="aicredits:m", api_key=SecretStr("k"), base_url=base_url).embed_query("a") == [
        1.0,
        0.0,
    ]


def check_agents(base_url: str) -> None:
    from langchain.agents import create_agent
    from pydantic import SecretStr

    from langchain_multiapi import ChatMultiApi

    agent: Any = create_agent(ChatMultiApi(model="aicredits:m", api_key=SecretStr("k"), base_url=base_url), [])
    assert agent.invoke({"messages": [("user", "hi")]})["messages"][-1].text == "hello"


def check_llamaindex(base_url: str) -> None:
    from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM

    assert MultiApiLLM(provider="aicredits", model="m", api_key="k", base_url=base_url).complete("hi").text == "hello"
    assert MultiApiEmbedding(provider="aicredits", model="m", api_key="k", base_url=base_url).get_query_embedding(
        "a"
    ) == [1.0, 0.0]


def check_simulator(_: str) -> None:
    import httpx

    from multiapi import ChatRequest, Client, Message
    from multiapi.simulator import Simulator
    from multiapi.simulator.media import speak, transcribe

    simulator = Simulator()
    for name in ("bineric", "binom_router", "aimlapi", "aicredits", "binobox"):
        client = Client(
            name,
            api_key="k",
            base_url=simulator.base_url(name),
            http_client=httpx.Client(transport=simulator.transport),
        )
        answer = client.chat(ChatRequest(model="gpt-4o", messages=[Message("user", "Say hello in three words.")]))
        assert answer.text == "hello in three words"
    assert transcribe(speak("a word", "audio/mpeg")).text == "a word"
    command = [sys.executable, "-m", "multiapi.simulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("multiapi simulator on http://127.0.0.1:")
        process.terminate()


def check_cli(_: str) -> None:
    script = f"{sys.exec_prefix}/bin/multiapi"
    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
    assert "multiapi" in done.stdout


def check_cassettes(_: str) -> None:
    from multiapi import ChatRequest, Client, Message
    from multiapi.cassettes import replay

    request = {"method": "POST", "url": "https://api.aicredits.in/v1/chat/completions"}
    sent = {"messages": [{"content": "hi", "role": "user"}], "model": "m"}
    message = {"role": "assistant", "content": "hello"}
    received = {"id": "c1", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    json_type = {"headers": {"content-type": "application/json"}}
    cassette = {
        "cassette": 1,
        "provider": "aicredits",
        "recorded_from": "simulator",
        "recorded_on": "2026-11-20",
        "contract": None,
        "interactions": [
            {
                "request": {**request, **json_type, "body": {"json": sent}},
                "response": {"status": 200, **json_type, "body": {"json": received}},
            }
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "chat.yaml")
        path.write_text(json.dumps(cassette))
        with replay(path):
            answer = Client("aicredits", api_key="k").chat(ChatRequest(model="m", messages=[Message("user", "hi")]))
    assert answer.text == "hello"


def check_bulk(_: str) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    from multiapi.bulk.rows import read_file

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.parquet")
        parquet.write_table(pa.table({"id": [1, 2], "text": ["a", "b"]}), path)
        assert len(list(read_file(path))) == 2


def check_ray(_: str) -> None:
    import ray.data

    assert ray.data.range


def check_otel(_: str) -> None:
    from opentelemetry import trace

    assert trace.get_tracer("multiapi")


def check_mcp(_: str) -> None:
    command = [f"{sys.exec_prefix}/bin/multiapi", "mcp", "--help"]
    assert "mcp" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    from multiapi import Client
    from multiapi.agent_tools import Toolbox
    from multiapi.cli.mcp_server import mcp_server

    assert mcp_server
    assert Client
    assert Toolbox


def check_stars(_: str) -> None:
    """Whatever is installed: each package gives all that it lists."""
    for package, needs in (
        ("multiapi", "httpx"),
        ("langchain_multiapi", "langchain_core"),
        ("llamaindex_multiapi", "llama_index"),
    ):
        if there(needs):
            exec(f"from {package} import *", {})


CHECKS = {
    "core": (check_core,),
    "langchain": (check_core, check_langchain),
    "agents": (check_core, check_langchain, check_agents),
    "llamaindex": (check_core, check_llamaindex),
    "cli": (check_core, check_cli),
    "simulator": (check_core, check_simulator),
    "cassettes": (check_core, check_cassettes),
    "bulk": (check_core, check_bulk),
    "ray": (check_core, check_bulk, check_ray),
    "otel": (check_core, check_otel),
    "mcp": (check_core, check_cli, check_mcp),
    "all": (
        check_core,
        check_langchain,
        check_agents,
        check_llamaindex,
        check_cli,
        check_simulator,
        check_cassettes,
        check_bulk,
    ),
}
ABSENT = {
    "core": ("langchain_core", "llama_index", "starlette", "typer", "openai"),
    "langchain": ("llama_index", "langchain", "starlette", "typer", "openai"),
    "agents": ("llama_index", "starlette", "typer", "openai"),
    "llamaindex": ("langchain_core", "starlette", "typer", "openai"),
    "cli": ("langchain_core", "llama_index", "starlette", "openai"),
    "simulator": ("langchain_core", "llama_index", "typer", "openai"),
    "cassettes": ("langchain_core", "llama_index", "starlette", "typer", "openai"),
    "bulk": ("langchain_core", "llama_index", "starlette", "openai"),
    "ray": ("langchain_core", "llama_index", "openai"),
    "otel": ("langchain_core", "llama_index", "starlette", "typer", "openai"),
    "mcp": ("langchain_core", "llama_index", "openai"),
    "all": ("openai",),
}


def check_absent(extra: str) -> None:
    brought = [module for module in ABSENT[extra] if there(module)]
    assert not brought, f"[{extra}] brings {brought}"
    for package, needs, wanted in (
        ("langchain_multiapi", "langchain_core", "multiapi[langchain]"),
        ("llamaindex_multiapi", "llama_index", "multiapi[llamaindex]"),
    ):
        if not there(needs):
            try:
                importlib.import_module(package)
            except ImportError as error:
                assert wanted in str(error), str(error)
            else:
                raise AssertionError(f"{package} was imported without {needs}")


if __name__ == "__main__":
    asked = sys.argv[1]
    check_absent(asked)
    address = served()
    for check in (check_stars, *CHECKS[asked]):
        check(address)
    print(f"[{asked}] works on Python {sys.version.split()[0]}")
