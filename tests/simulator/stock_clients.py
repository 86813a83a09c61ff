"""What stock clients ask of a vendor: `python stock_clients.py CLIENT ADDRESS [embeddings] [responses]`. Imports nothing of this project.

Run by `test_stock_clients.py`, with the interpreters that have the clients. Exit code 77: the client is not installed.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

MODEL = "openai/gpt-4o"
COUNTED = "1, 2, 3, 4, 5"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "get_weather", "description": "Get the weather of a city", "parameters": SCHEMA}
WEATHER = {"type": "function", "function": FUNCTION}
COUNT: list[Any] = [{"role": "user", "content": "Count to five"}]
ASK: list[Any] = [{"role": "user", "content": "What is the weather in Oslo?"}]


def use_openai(address: str, more: set[str]) -> None:
    """The official SDK: chat, stream, tools, streamed tools, an object, embeddings, Responses with tools, whole and streamed."""
    import openai
    from pydantic import BaseModel

    class City(BaseModel):
        name: str
        people: int

    with openai.OpenAI(base_url=address, api_key="k") as client:
        chat = client.chat.completions
        assert chat.create(model=MODEL, messages=COUNT).choices[0].message.content == COUNTED
        chunks = [*chat.create(model=MODEL, messages=COUNT, stream=True)]
        assert "".join(each.choices[0].delta.content or "" for each in chunks if each.choices) == COUNTED
        call = chat.create(model=MODEL, messages=ASK, tools=[WEATHER]).choices[0].message.tool_calls[0]
        assert json.loads(call.function.arguments) == {"city": "Oslo"}
        pieces = [*chat.create(model=MODEL, messages=ASK, tools=[WEATHER], stream=True)]
        calls = [call for each in pieces if each.choices for call in each.choices[0].delta.tool_calls or ()]
        assert json.loads("".join(call.function.arguments or "" for call in calls)) == {"city": "Oslo"}
        told: list[Any] = [{"role": "user", "content": "Oslo has 700000 people."}]
        parsed = chat.parse(model=MODEL, messages=told, response_format=City)
        assert parsed.choices[0].message.parsed == City(name="Oslo", people=700000)
        if "embeddings" in more:
            made = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
            assert len(made.data) == 2 and len(made.data[0].embedding) > 100
        if "responses" in more:
            assert client.responses.create(model=MODEL, input="Count to five").output_text == COUNTED
            tool = {"type": "function", **FUNCTION}
            answer = client.responses.create(model=MODEL, input="What is the weather in Oslo?", tools=[tool])
            (item,) = [each for each in answer.output if each.type == "function_call"]
            assert json.loads(item.arguments) == {"city": "Oslo"}
            events = [
                *client.responses.create(model=MODEL, input="What is the weather in Oslo?", tools=[tool], stream=True)
            ]
            arguments = "".join(each.delta for each in events if each.type == "response.function_call_arguments.delta")
            assert json.loads(arguments) == {"city": "Oslo"}
            assert events[-1].type == "response.completed"
    with openai.OpenAI(base_url=address, api_key="invalid-key", max_retries=0) as client:
        try:
            client.chat.completions.create(model=MODEL, messages=COUNT)
        except openai.AuthenticationError:
            pass
        else:
            raise AssertionError("a bad key was taken")


def use_litellm(address: str, more: set[str], prefix: str = "openai") -> None:
    """LiteLLM's `openai/` provider."""
    import litellm

    given: dict[str, Any] = {"model": f"{prefix}/{MODEL}", "api_base": address, "api_key": "k"}
    assert litellm.completion(messages=COUNT, **given).choices[0].message.content == COUNTED
    chunks = [*litellm.completion(messages=COUNT, stream=True, **given)]
    assert "".join(each.choices[0].delta.content or "" for each in chunks if each.choices) == COUNTED
    call = litellm.completion(messages=ASK, tools=[WEATHER], **given).choices[0].message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"city": "Oslo"}
    pieces = [*litellm.completion(messages=ASK, tools=[WEATHER], stream=True, **given)]
    calls = [call for each in pieces if each.choices for call in each.choices[0].delta.tool_calls or ()]
    assert json.loads("".join(call.function.arguments or "" for call in calls)) == {"city": "Oslo"}
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
    said: list[Any] = [{"role": "user", "content": "The city is Oslo."}]
    answer = litellm.completion(messages=said, response_format=form, **given).choices[0].message.content
    assert json.loads(answer) == {"city": "Oslo"}
    if "embeddings" in more:
        made = litellm.embedding(**{**given, "model": f"{prefix}/text-embedding-3-small"}, input=["a", "b"])
        assert len(made.data) == 2
    if "responses" in more:
        tool = {"type": "function", **FUNCTION}
        found = litellm.responses(input="What is the weather in Oslo?", tools=[tool], **given)
        (item,) = [each for each in found.output if each.type == "function_call"]
        assert json.loads(item.arguments) == {"city": "Oslo"}


def use_litellm_aiml(address: str, more: set[str]) -> None:
    """LiteLLM's own provider for AI/ML API, which has chat alone: embeddings and Responses it refuses by itself."""
    del more
    use_litellm(address, set(), "aiml")


def use_litellm_proxy(address: str, more: set[str]) -> None:
    """LiteLLM's proxy before the vendor, asked by the official SDK; both kinds of model names, as its file of settings has them."""
    import httpx
    import openai

    del more
    folder = Path(os.environ["HOME"])
    prefixes = ["openai", *(["aiml"] if "aimlapi" in address else [])]
    entries = [
        {"model_name": prefix, "litellm_params": {"model": f"{prefix}/{MODEL}", "api_base": address, "api_key": "k"}}
        for prefix in prefixes
    ]
    own_key = "sk-of-the-proxy"
    settings_file = {"model_list": entries, "general_settings": {"master_key": own_key}}
    (folder / "proxy.yaml").write_text(json.dumps(settings_file), encoding="utf-8")
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    settings = ["--config", str(folder / "proxy.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "proxy.log").open("wb") as log:
        proxy = subprocess.Popen(
            [sys.executable, "-c", "from litellm import run_server; run_server()", *settings], stdout=log, stderr=log
        )
    try:
        here = f"http://127.0.0.1:{port}"
        while True:
            assert proxy.poll() is None, (folder / "proxy.log").read_text(encoding="utf-8")[-3000:]
            try:
                if httpx.get(f"{here}/health/liveliness", timeout=5).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.5)
        with openai.OpenAI(base_url=f"{here}/v1", api_key=own_key) as client:
            chat = client.chat.completions
            for model in prefixes:
                assert chat.create(model=model, messages=COUNT).choices[0].message.content == COUNTED
                chunks = [*chat.create(model=model, messages=COUNT, stream=True)]
                assert "".join(each.choices[0].delta.content or "" for each in chunks if each.choices) == COUNTED
                call = chat.create(model=model, messages=ASK, tools=[WEATHER]).choices[0].message.tool_calls[0]
                assert json.loads(call.function.arguments) == {"city": "Oslo"}
                pieces = [*chat.create(model=model, messages=ASK, tools=[WEATHER], stream=True)]
                calls = [call for each in pieces if each.choices for call in each.choices[0].delta.tool_calls or ()]
                assert json.loads("".join(call.function.arguments or "" for call in calls)) == {"city": "Oslo"}
    finally:
        proxy.terminate()
        proxy.wait()


def use_pydantic_ai(address: str, more: set[str]) -> None:
    """pydantic-ai: an agent with a tool, streamed, with an object, and by the Responses API."""
    from pydantic import BaseModel
    from pydantic_ai import Agent
    from pydantic_ai.models import openai
    from pydantic_ai.providers.openai import OpenAIProvider

    class City(BaseModel):
        name: str
        people: int

    kinds: list[Any] = [getattr(openai, "OpenAIChatModel", None) or openai.OpenAIModel]
    if "responses" in more:
        kinds.append(openai.OpenAIResponsesModel)
    for kind in kinds:
        model = kind(MODEL, provider=OpenAIProvider(base_url=address, api_key="k"))
        assert Agent(model).run_sync("Count to five").output == COUNTED
        agent = Agent(model)

        @agent.tool_plain
        def get_weather(city: str) -> str:
            """Get the weather of a city."""
            return f"{city}: 4 degrees"

        assert "4 degrees" in agent.run_sync("What is the weather in Oslo?").output

        async def stream(agent: Any = agent) -> str:
            async with agent.run_stream("What is the weather in Oslo?") as run:
                return str([text async for text in run.stream_text()][-1])

        assert "4 degrees" in asyncio.run(stream())
    model = kinds[0](MODEL, provider=OpenAIProvider(base_url=address, api_key="k"))
    found = Agent(model, output_type=City).run_sync("Oslo has 700000 people.").output
    assert (found.name, found.people) == ("Oslo", 700000)


def use_instructor(address: str, more: set[str]) -> None:
    """instructor: an object by a tool and by JSON."""
    import instructor
    import openai
    from pydantic import BaseModel

    class City(BaseModel):
        name: str
        people: int

    told: list[Any] = [{"role": "user", "content": "Oslo has 700000 people."}]
    for mode in (instructor.Mode.TOOLS, instructor.Mode.JSON):
        client = instructor.from_openai(openai.OpenAI(base_url=address, api_key="k"), mode=mode)
        made = client.chat.completions.create(model=MODEL, messages=told, response_model=City, max_retries=0)
        assert (made.name, made.people) == ("Oslo", 700000), mode


def use_llm(address: str, more: set[str]) -> None:
    """The `llm` command line, by its list of extra models: chat, whole and streamed."""
    import llm

    assert llm
    folder = Path(os.environ["LLM_USER_PATH"])
    entry = (
        f"- model_id: sim\n  model_name: {MODEL}\n  api_base: {address}\n  api_key_name: sim\n  supports_tools: true\n"
    )
    (folder / "extra-openai-models.yaml").write_text(entry, encoding="utf-8")
    for options in (["--no-stream"], []):
        command = [sys.executable, "-m", "llm", "-m", "sim", "--key", "k", *options, "Count to five"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stdout.strip() == COUNTED, done.stderr


CLIENTS = {
    "openai": use_openai,
    "litellm": use_litellm,
    "litellm_aiml": use_litellm_aiml,
    "litellm_proxy": use_litellm_proxy,
    "pydantic_ai": use_pydantic_ai,
    "instructor": use_instructor,
    "llm": use_llm,
}

MODULES = {"litellm_aiml": ["litellm"], "litellm_proxy": ["litellm", "fastapi", "litellm.proxy.proxy_cli"]}
ONLY_FOR = {"litellm_aiml": {"aimlapi"}}
"""Clients that are written for one provider."""

if __name__ == "__main__":
    try:
        for module in MODULES.get(sys.argv[1], [sys.argv[1]]):
            __import__(module)
    except ImportError as error:
        print(error)
        sys.exit(77)
    CLIENTS[sys.argv[1]](sys.argv[2], set(sys.argv[3:]))
