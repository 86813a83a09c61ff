"""In a fresh process the first call of each async method imports nothing on the event loop, and waits for no file, name or process there.

A guard against blocking calls (as `langgraph dev` has one) stops a program at those. What is watched is what our packages and httpx do;
what the frameworks import by themselves is theirs.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

PROGRAM = """
import asyncio, sys, threading, time
from pathlib import Path
URL, FOLDER = {url!r}, {folder!r}
found, watching, loop_thread = [], False, threading.get_ident()
OURS = ("multiapi", "langchain_multiapi", "llamaindex_multiapi", "httpx", "httpcore")
SLOW = {{
    "open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove", "os.link", "os.truncate", "subprocess.Popen",
    "socket.getaddrinfo", "socket.gethostbyname", "import",
}}
def of_import(frame):
    return "importlib" in frame.f_code.co_filename
def hook(event, arguments):
    if not watching or event not in SLOW or threading.get_ident() != loop_thread:
        return
    frame = sys._getframe(1)
    if event == "import":
        while frame is not None and of_import(frame):
            frame = frame.f_back
        if frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in OURS:
            found.append((event, arguments[0], frame.f_globals["__name__"]))
        return
    while frame is not None:
        if of_import(frame):
            return
        frame = frame.f_back
    found.append((event, str(arguments[0])))
sys.addaudithook(hook)
really_sleep = time.sleep
def sleep(seconds):
    if watching and threading.get_ident() == loop_thread:
        found.append(("time.sleep", seconds))
    really_sleep(seconds)
time.sleep = sleep
def watch_roots():  # they are read in C, which no audit hook sees
    import ssl
    for name in ("load_verify_locations", "load_default_certs", "set_default_verify_paths"):
        def told(self, *arguments, really=getattr(ssl.SSLContext, name), name=name, **options):
            if watching and threading.get_ident() == loop_thread:
                found.append(("ssl." + name, str(arguments[:1])))
            return really(self, *arguments, **options)
        setattr(ssl.SSLContext, name, told)
watch_roots()
{imports}
async def main():
    global watching
    subject = {make}
    watching = True
    {call}
    watching = False
asyncio.run(main())
print(*found, sep="\\n")
"""

KEY = "api_key='any-key-1234', base_url=URL"
OF_AIMLAPI = f"provider='aimlapi', {KEY}"
CORE = ("from multiapi import *", f"AsyncClient('aimlapi', {KEY})")
CHAT = "ChatRequest(model='openai/gpt-4o', messages=[Message('user', 'x')])"
LANGCHAIN = ("from langchain_multiapi import ChatMultiApi", f"ChatMultiApi(model='openai/gpt-4o', {OF_AIMLAPI})")
STRUCTURED = (
    LANGCHAIN[0],
    LANGCHAIN[1] + ".with_structured_output({'title': 'A', 'type': 'object', 'properties': {}})",
)
VECTORS = (
    "from langchain_multiapi import MultiApiEmbeddings",
    f"MultiApiEmbeddings(model='text-embedding-3-small', {OF_AIMLAPI})",
)
TOOLS = (
    "from langchain_multiapi import MultiApiToolkit",
    f"{{tool.name: tool for tool in MultiApiToolkit({OF_AIMLAPI}, input_dir=FOLDER, output_dir=FOLDER).get_tools()}}",
)
LLAMAINDEX = (
    """from llamaindex_multiapi import MultiApiLLM
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from pydantic import create_model
City = create_model('City', city=(str, ...))""",
    f"MultiApiLLM(model='openai/gpt-4o', {OF_AIMLAPI})",
)
LLAMA_VECTORS = (
    "from llamaindex_multiapi import MultiApiEmbedding",
    f"MultiApiEmbedding(model='text-embedding-3-small', {OF_AIMLAPI})",
)
LLAMA_TOOLS = (
    "from llamaindex_multiapi import MultiApiToolSpec",
    f"{{tool.metadata.name: tool for tool in MultiApiToolSpec({OF_AIMLAPI}, input_dir=FOLDER, output_dir=FOLDER).to_tool_list()}}",
)
TRANSCRIPTS = (
    "from llamaindex_multiapi import MultiApiTranscriptReader",
    f"MultiApiTranscriptReader('aimlapi', {KEY})",
)
IMAGES = "ImageRequest(model='flux/schnell', prompt='x')"

CALLS = [
    (CORE, f"await subject.chat({CHAT})"),
    (CORE, f"async for _ in subject.chat_stream({CHAT}): pass"),
    (CORE, f"await subject.responses({CHAT})"),
    (CORE, "await subject.embed(EmbedRequest(model='text-embedding-3-small', texts=['x']))"),
    (CORE, f"await subject.download((await subject.image({IMAGES})).media[0])"),
    (CORE, f"await subject.save((await subject.image({IMAGES})).media[0], FOLDER + '/made')"),
    (CORE, "await subject.speech(SpeechRequest(model='openai/tts-1', text='x'))"),
    (
        CORE,
        "await subject.transcribe(TranscriptionRequest(model='openai/gpt-4o-transcribe', audio=Path(FOLDER, 'a.wav')))",
    ),
    (CORE, "await subject.start_video(VideoRequest(model='google/veo-3.0-fast', prompt='x'))"),
    (CORE, "await subject.models()"),
    (CORE, "await subject.balance()"),
    (LANGCHAIN, "await subject.ainvoke('x')"),
    (LANGCHAIN, "async for _ in subject.astream('x'): pass"),
    (STRUCTURED, "await subject.ainvoke('x')"),
    (VECTORS, "await subject.aembed_query('x')"),
    (VECTORS, "await subject.aembed_documents(['x', 'y'])"),
    (TOOLS, "assert 'png' in await subject['generate_image'].ainvoke({'prompt': 'x'})"),
    (TOOLS, "await subject['transcribe_audio'].ainvoke({'audio': 'a.wav'})"),
    (LLAMAINDEX, "await subject.achat([ChatMessage(content='x')])"),
    (LLAMAINDEX, "await subject.acomplete('x')"),
    (LLAMAINDEX, "async for _ in await subject.astream_chat([ChatMessage(content='x')]): pass"),
    (LLAMAINDEX, "await subject.astructured_predict(City, PromptTemplate('x'))"),
    (LLAMAINDEX, "async for _ in await subject.astream_structured_predict(City, PromptTemplate('x')): pass"),
    (LLAMA_VECTORS, "await subject.aget_text_embedding('x')"),
    (LLAMA_VECTORS, "await subject.aget_query_embedding('x')"),
    (LLAMA_VECTORS, "await subject.aget_text_embedding_batch(['x', 'y'])"),
    (LLAMA_TOOLS, "await subject['generate_image'].acall(prompt='x')"),
    (TRANSCRIPTS, "await subject.aload_data(FOLDER + '/a.wav')"),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A simulator in a process of its own."""
    command = [sys.executable, "-m", "multiapi.simulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        yield running.stdout.readline().split()[-1] + "/aimlapi"
        running.terminate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(bytes(16_000))
    return tmp_path


def watched(made: tuple[str, str], call: str, url: str, folder: Path) -> list[str]:
    """What a call of a fresh process did on its event loop."""
    program = PROGRAM.format(imports=made[0], make=made[1], call=call, url=url, folder=str(folder))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize(("made", "call"), CALLS, ids=lambda value: value if isinstance(value, str) else "")
def test_nothing_waits_on_the_loop(made: tuple[str, str], call: str, address: str, folder: Path) -> None:
    assert [each for each in watched(made, call, address, folder) if each] == []


@pytest.fixture(scope="module")
def behind_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A server behind TLS that answers every chat, and the file with the root that signed for it."""
    authority = trustme.CA()
    roots = tmp_path_factory.mktemp("roots") / "roots.pem"
    authority.cert_pem.write_to_path(str(roots))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}
            body = json.dumps({"id": "c", "model": "m", "choices": [message]}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    running = threading.Thread(target=server.serve_forever, daemon=True)
    running.start()
    yield f"https://localhost:{server.server_address[1]}", str(roots)
    server.shutdown()
    server.server_close()
    running.join()


SECURE = [
    *(
        (CORE, f"await subject.chat({CHAT})", settings)
        for settings in (
            "",
            ", trust_env=False",
            ", verify=ROOTS",
            ", engine='httpx'",
            ", engine='httpx', trust_env=False",
        )
    ),
    (LANGCHAIN, "await subject.ainvoke('x')", ", verify=ROOTS"),
    (LLAMAINDEX, "await subject.achat([ChatMessage(content='x')])", ", verify=ROOTS"),
]


@pytest.mark.parametrize(
    ("made", "call", "settings"), SECURE, ids=lambda value: value if isinstance(value, str) else ""
)
def test_no_roots_of_certificates_are_read_on_the_loop(
    made: tuple[str, str], call: str, settings: str, behind_tls: tuple[str, str], folder: Path
) -> None:
    """The server is not trusted where the usual roots count: they are read all the same."""
    url, roots = behind_tls
    subject = f"{made[1][:-1]}{settings}, max_retries=0)"
    if settings != ", verify=ROOTS":
        made, call = (
            (made[0] + "\nimport multiapi", subject),
            f"try: {call}\n    except multiapi.ConnectionFailedError: pass",
        )
    else:
        made = (f"{made[0]}\nROOTS = {roots!r}", subject)
    read = [each for each in watched(made, call, url, folder) if each]
    assert [
        each for each in read if "ssl." in each or "engine" not in settings
    ] == []  # the engine of httpx imports by itself


def test_a_pool_reads_no_roots_on_the_loop_either(behind_tls: tuple[str, str], folder: Path) -> None:
    """A file at an https address, asked for by a client whose own address has no TLS."""
    url, _ = behind_tls
    code = "await shared_async_transport().handle_async_request(httpx.Request('GET', URL))"
    made = ("import httpx\nfrom multiapi.sending.transports import shared_async_transport", "None")
    assert [
        each for each in watched(made, f"try: {code}\n    except httpx.ConnectError: pass", url, folder) if each
    ] == []


@pytest.mark.parametrize(
    "wrong",
    [
        "import colorsys",
        "open(__import__('os').devnull).close()",
        "__import__('time').sleep(0)",
        "__import__('ssl').create_default_context()",
    ],
)
def test_the_watch_sees_what_waits(wrong: str, address: str, folder: Path) -> None:
    """Planted in a module of ours, each is found."""
    planted = f"import multiapi.client.client as ours\nexec({json.dumps('def wait(): ' + wrong)}, vars(ours))"
    assert watched((planted, "None"), "ours.wait()", address, folder) != [""]
