"""What httpx and httpcore import only because it is installed is put off until it is used, and then it is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEAN = "from multiapi.transport import lean_import\nimport sys\n"
PUT_OFF = "assert not {'trio', 'click', 'rich', 'pygments'} & set(sys.modules)\n"


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


USES = {
    "nothing": "",
    "a client under trio": """
import httpx, trio
async def main():
    server = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async def serve(stream):
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nhi")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, server)
        async with httpx.AsyncClient(trust_env=False) as client:
            port = server[0].socket.getsockname()[1]
            assert (await client.get(f"http://127.0.0.1:{port}/")).text == "hi"
        nursery.cancel_scope.cancel()
trio.run(main)
""",
    "httpcore's locks under trio": """
import httpcore, trio
from httpcore import _synchronization
async def main():
    async with _synchronization.AsyncLock():
        pass
    assert _synchronization.trio is trio
trio.run(main)
""",
    "the backend": "import httpcore\nassert httpcore.TrioBackend is __import__('httpcore._backends.trio').TrioBackend",
    "the command line": "import httpx\nfrom click.testing import CliRunner\nassert '--help' in CliRunner().invoke(httpx.main, ['--help']).output",
    "every name": "from httpx import *\nfrom httpcore import *\nassert main.name == 'main'\nassert TrioBackend",
    "a name that is none": "import httpx\nassert not hasattr(httpx, 'nothing')\nassert getattr(httpx, 'nothing', 3) == 3",
    "trio itself": "import trio\nassert trio.Event",
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_what_was_put_off_is_there_when_it_is_used(use: str) -> None:
    run(LEAN + PUT_OFF + use)


def test_a_name_that_cannot_be_imported_keeps_its_substitute() -> None:
    absent = "sys.modules['click'] = sys.modules['trio'] = None\n"
    run(
        f"import sys\n{absent}{LEAN}from httpx import *\nassert callable(main)\nimport httpcore\nassert httpcore.TrioBackend"
    )


def test_other_threads_find_everything() -> None:
    """While one thread imports without trio, another imports it."""
    run("""
import sys, threading
found, at_work = [], threading.Event()
def watch(event, arguments):
    if event == "import" and arguments[0] == "httpcore._synchronization" and not at_work.is_set():
        at_work.set()
        other = threading.Thread(target=lambda: found.append(__import__("trio")))
        other.start()
        other.join()
sys.addaudithook(watch)
from multiapi.transport import lean_import
assert at_work.is_set() and found[0].Event
import httpcore._synchronization
assert httpcore._synchronization.trio is found[0]
""")


def test_nothing_is_done_where_httpx_was_loaded_before() -> None:
    run(
        f"import httpx, httpcore\nmain, backend = httpx.main, httpcore.TrioBackend\n{LEAN}"
        "assert vars(httpx)['main'] is main and vars(httpcore)['TrioBackend'] is backend\n"
        "assert len([each for each in sys.meta_path if 'multiapi' in type(each).__module__]) == 0"
    )
