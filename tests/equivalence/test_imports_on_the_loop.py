"""In a fresh process the first call of each async method of the chat models imports nothing of ours, and no httpx, on the event loop."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, builtins, sys, threading
{imports}
found = []
loop_thread = threading.get_ident()
class Watch:
    def find_spec(self, name, path=None, target=None):
        if watching and threading.get_ident() == loop_thread and name.partition(".")[0] in OURS:
            found.append(name)
OURS = {{"multiapi", "langchain_multiapi", "llamaindex_multiapi", "httpx", "httpcore", "rich", "click", "pygments"}}
watching = False
sys.meta_path.insert(0, Watch())
async def main():
    global watching
    model = {make}(provider="aimlapi", model="m", api_key="k", base_url="http://127.0.0.1:9/v1", max_retries=0)
    watching = True
    try:
        {call}
    except Exception as error:
        assert "ConnectionFailed" in type(error).__name__, repr(error)
    else:
        raise AssertionError("nobody listens there")
    watching = False
asyncio.run(main())
assert "httpx" in sys.modules
print(*found)
"""
LANGCHAIN = ("from langchain_multiapi import ChatMultiApi", "ChatMultiApi")
STRUCTURED = (
    LANGCHAIN[0],
    '(lambda **s: ChatMultiApi(**s).with_structured_output({"title": "A", "type": "object", "properties": {}}))',
)
LLAMAINDEX = (
    "from llamaindex_multiapi import MultiApiLLM\nfrom llama_index.core.llms import ChatMessage",
    "MultiApiLLM",
)


@pytest.mark.parametrize(
    ("made", "call"),
    [
        (LANGCHAIN, 'await model.ainvoke("x")'),
        (LANGCHAIN, 'async for _ in model.astream("x"): pass'),
        (STRUCTURED, 'await model.ainvoke("x")'),
        (LLAMAINDEX, 'await model.achat([ChatMessage(content="x")])'),
        (LLAMAINDEX, 'await model.acomplete("x")'),
        (LLAMAINDEX, 'async for _ in await model.astream_chat([ChatMessage(content="x")]): pass'),
    ],
)
def test_nothing_is_imported_on_the_loop(made: tuple[str, str], call: str) -> None:
    program = PROGRAM.format(imports=made[0], make=made[1], call=call)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
