"""The ways to have something made: core, LangChain's tools, LlamaIndex's tools and readers, sync and async; and vendors that make it.

    with Workshop(VIDEO_JOB, start=["pending"], polls=[status(500), "completed"]) as shop:
        made = way.make(VIDEO_JOB, shop.url, folder)
    assert (shop.posts, shop.polls) == (1, 2)

Each call is watched as in `ways`: no key in a log record, an exception or a frame, and every exception is one of ours.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import MultiApiError
from multiapi.types.media import Media
from multiapi.types.media_requests import ImageRequest, MusicRequest, SpeechRequest, TranscriptionRequest, VideoRequest
from tests.reliability.hostile_server import HostileServer, Play, Seen, answer
from tests.reliability.leaks import leak_in_error, watched_logs
from tests.reliability.ways import KEYS, check_quiet

MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(2_000)
MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(2_000)
SAID = "the weather is fine"
ID = "job-1"


@dataclass(frozen=True)
class Order:
    """Something that can be had from a vendor, as a job or at once.

    Attributes:
        method: Of the core's clients.
        tool: Of an agent.
        arguments: What a model gives the tool.
        file: The bytes that are made.
    """

    vendor: str
    method: str
    request: Any
    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)
    file: bytes = MP4
    job: bool = False

    def __str__(self) -> str:
        return f"{self.vendor}-{self.method}"

    @property
    def asked(self) -> tuple[Any, ...]:
        """What the core is asked with."""
        return () if self.request is None else (self.request,)

    def body(self, state: Any, *, url: Any = None, id: Any = ID, **facts: Any) -> dict[str, Any]:
        """What the vendor says about a job."""
        body: dict[str, Any] = {"id": id, "status": state, "model": "m", **facts}
        if state == "completed":
            body |= self.output(url)
        return body

    def output(self, url: Any) -> dict[str, Any]:
        """Where the vendor says what was made."""
        if self.method == "transcribe":
            return {"result": {"text": SAID}}
        if self.vendor == "binobox":
            return {"output": {"signed_url": url, "mime_type": "video/mp4"}}
        return {"video" if self.method == "video" else "audio_file": {"url": url}}

    def answer(self, text: Any) -> dict[str, Any]:
        """What the vendor says who makes it at once: base64, an address, or what a test puts there."""
        return {"response": text} if self.vendor == "bineric" else {"data": [{"b64_json": text}]}


AUDIO = Media.from_bytes(MP3, name="note.mp3")
BINOBOX_FILM = Order(
    "binobox",
    "video",
    VideoRequest(model="veo-3-lite-generate", prompt="a cat"),
    "generate_video",
    {"prompt": "a cat"},
    job=True,
)
AIMLAPI_FILM = Order(
    "aimlapi",
    "video",
    VideoRequest(model="alibaba/wan-2-6-t2v", prompt="a cat"),
    "generate_video",
    {"prompt": "a cat"},
    job=True,
)
AIMLAPI_MUSIC = Order(
    "aimlapi",
    "music",
    MusicRequest(model="elevenlabs/eleven_music", prompt="calm"),
    "generate_music",
    {"prompt": "calm"},
    file=MP3,
    job=True,
)
AIMLAPI_TRANSCRIPT = Order(
    "aimlapi",
    "transcribe",
    TranscriptionRequest(model="openai/gpt-4o-transcribe", audio=AUDIO),
    "transcribe_audio",
    {"audio": "note.mp3"},
    job=True,
)
JOBS = (BINOBOX_FILM, AIMLAPI_FILM, AIMLAPI_MUSIC, AIMLAPI_TRANSCRIPT)
"""Everything that any of the vendors makes as a job."""

PNG = b"\x89PNG\r\n\x1a\n" + bytes(2_000)
PICTURES = tuple(
    Order(vendor, "image", ImageRequest(model=model, prompt="a cat"), "generate_image", {"prompt": "a cat"}, file=PNG)
    for vendor, model in (
        ("aimlapi", "flux/schnell"),
        ("aicredits", "dall-e-3"),
        ("binobox", "imagen-4-fast-generate"),
        ("bineric", "stability-ai"),
    )
)
SPEECHES = tuple(
    Order(
        vendor,
        "speech",
        SpeechRequest(model=model, text="hello there", voice=voice),
        "text_to_speech",
        {"text": "hello there"},
        file=MP3,
    )
    for vendor, model, voice in (
        ("aimlapi", "openai/tts-1", "coral"),
        ("aicredits", "openai/tts-1", "alloy"),
        ("binobox", "gemini-3.1-flash-tts", None),
        ("bineric", "text-to-speech", None),
    )
)

Said = str | dict[str, Any] | list[Any] | Play
"""What a vendor says: the state of the job, a body, or anything a hostile server can play."""


class Workshop(HostileServer):
    """A vendor that takes orders, tells how jobs are doing, and hands files out; and counts. The last of each list is for all that follow."""

    def __init__(
        self,
        order: Order,
        *,
        start: Sequence[Said] = ("pending",),
        polls: Sequence[Said] = ("completed",),
        files: Sequence[Play] | None = None,
        output: Any = None,
        id: Any = ID,
    ) -> None:
        super().__init__(route=self._route)
        self.order, self.output, self.id = order, output, id
        self._start, self._polls = start, polls
        self._files = files or [answer(order.file, type="application/octet-stream")]

    def _of(self, what: str) -> list[Seen]:
        return [seen for seen in list(self.requests) if _what(seen) == what]

    @property
    def posts(self) -> int:
        """How often something was ordered."""
        return len(self._of("post"))

    @property
    def polls(self) -> int:
        """How often a job was asked about."""
        return len(self._of("poll"))

    @property
    def fetched(self) -> list[Seen]:
        """The requests for files."""
        return self._of("file")

    @property
    def polled(self) -> list[Seen]:
        """The questions about jobs."""
        return self._of("poll")

    def file_url(self) -> str:
        """Where the file lies, with a signature that nobody is to see."""
        return f"{self.url}/files/..%2f..%2fmade.sh?signature=SIGNED-SECRET"

    def _route(self, seen: Seen) -> Play:
        what = _what(seen)
        said = {"post": self._start, "poll": self._polls, "file": self._files}[what]
        one = said[min(len(self._of(what)), len(said)) - 1]
        if isinstance(one, str):
            url = self.file_url() if self.output is None else self.output
            return answer(self.order.body(one, url=url, id=self.id))
        return answer(one) if isinstance(one, (dict, list)) else one


def _what(seen: Seen) -> str:
    return "post" if seen.method == "POST" else "file" if seen.path.startswith("/files/") else "poll"


@dataclass
class Made:
    """What came of it."""

    text: str = ""
    value: Any = None
    path: Path | None = None
    error: BaseException | None = None
    seconds: float = 0.0
    log: str = ""

    def good(self) -> Made:
        """This, or what went wrong."""
        if self.error is not None:
            raise AssertionError(f"expected a result, got {self.error!r}") from self.error
        return self

    def failed(self, *kinds: type[BaseException]) -> Any:
        """The error, which must be one of these."""
        assert self.error is not None, f"expected an error, got {self.text!r} {self.value!r}"
        assert isinstance(self.error, kinds or MultiApiError), repr(self.error)
        return self.error


Settings = dict[str, Any]


@dataclass(frozen=True)
class Maker:
    """One way to have something made."""

    name: str
    run: Callable[[Made, Order, Settings, Path, float], None]

    @property
    def is_tool(self) -> bool:
        """Whether an agent's model asks for it."""
        return self.name.startswith(("langchain", "llamaindex"))

    def make(self, order: Order, url: str | None, folder: Path, *, timeout_s: float = 600.0, **settings: Any) -> Made:
        """Have it made, and save it into a folder that is below this one."""
        (folder / "in").mkdir(exist_ok=True)
        (folder / "out").mkdir(exist_ok=True)
        (folder / "in" / "note.mp3").write_bytes(MP3)
        key = KEYS[order.vendor]
        made, began = Made(), time.monotonic()
        with watched_logs() as watch:
            try:
                self.run(made, order, {"api_key": key, "base_url": url, **settings}, folder, timeout_s)
            except Exception as error:
                made.error = error
        made.seconds, made.log = time.monotonic() - began, watch.text()
        check_quiet(made.log, key)
        assert key not in made.text
        assert "SIGNED-SECRET" not in made.text
        if made.error is not None:
            assert isinstance(made.error, MultiApiError), repr(made.error)
            assert "SIGNED-SECRET" not in str(made.error)
            assert leak_in_error(made.error, key) is None
        return made


def _take(made: Made, value: Any, saved: Path | None) -> None:
    made.value, made.path = value, saved
    made.text = getattr(value, "text", "") or ""


def core(made: Made, order: Order, settings: Settings, folder: Path, timeout_s: float) -> None:
    client = Client(order.vendor, **settings)
    waiting = {"timeout_s": timeout_s} if order.job else {}
    result = getattr(client, order.method)(*order.asked, **waiting)
    media = getattr(result, "media", ())
    _take(made, result, client.save(_fetchable(result), folder / "out") if media else None)


def core_async(made: Made, order: Order, settings: Settings, folder: Path, timeout_s: float) -> None:
    async def main() -> None:
        client = AsyncClient(order.vendor, **settings)
        waiting = {"timeout_s": timeout_s} if order.job else {}
        result = await getattr(client, order.method)(*order.asked, **waiting)
        media = getattr(result, "media", ())
        _take(made, result, await client.save(_fetchable(result), folder / "out") if media else None)

    asyncio.run(main())


def _fetchable(result: Any) -> Any:
    return result if isinstance(result, Media) else result.media[0]


def _take_artifact(made: Made, text: str, artifact: Any) -> None:
    made.text, made.value = text, artifact
    made.path = getattr(artifact, "path", None)


def _langchain_tool(order: Order, settings: Settings, folder: Path, timeout_s: float) -> Any:
    from langchain_multiapi import MultiApiToolkit

    kit = MultiApiToolkit(
        provider=order.vendor,
        include=[order.tool],
        input_dir=folder / "in",
        output_dir=folder / "out",
        job_timeout_s=timeout_s,
        **settings,
    )
    (tool,) = kit.get_tools()
    tool.handle_tool_error = False
    return tool


def _call(order: Order) -> dict[str, Any]:
    return {"type": "tool_call", "id": "call-1", "name": order.tool, "args": order.arguments}


def langchain(made: Made, order: Order, settings: Settings, folder: Path, timeout_s: float) -> None:
    from langchain_core.tools import ToolException

    try:
        message = _langchain_tool(order, settings, folder, timeout_s).invoke(_call(order))
    except ToolException as error:
        made.text = str(error)
        assert error.__cause__ is not None
        raise error.__cause__ from None
    _take_artifact(made, message.content, message.artifact)


def langchain_async(made: Made, order: Order, settings: Settings, folder: Path, timeout_s: float) -> None:
    from langchain_core.tools import ToolException

    try:
        message = asyncio.run(_langchain_tool(order, settings, folder, timeout_s).ainvoke(_call(order)))
    except ToolException as error:
        made.text = str(error)
        assert error.__cause__ is not None
        raise error.__cause__ from None
    _take_artifact(made, message.content, message.artifact)


def _llamaindex_tool(order: Order, settings: Settings, folder: Path, timeout_s: float) -> Any:
    from llamaindex_multiapi import MultiApiToolSpec

    spec = MultiApiToolSpec(
        order.vendor,
        include=[order.tool],
        input_dir=folder / "in",
        output_dir=folder / "out",
        job_timeout_s=timeout_s,
        **settings,
    )
    (tool,) = spec.to_tool_list()
    return tool


def llamaindex(made: Made, order: Order, settings: Settings, folder: Path, timeout_s: float) -> None:
    output = _llamaindex_tool(order, settings, folder, timeout_s).call(**order.arguments)
    _take_artifact(made, output.content, output.raw_output.artifact)


def llamaindex_async(made: Made, order: Order, settings: Settings, folder: Path, timeout_s: float) -> None:
    output = asyncio.run(_llamaindex_tool(order, settings, folder, timeout_s).acall(**order.arguments))
    _take_artifact(made, output.content, output.raw_output.artifact)


def _reader(order: Order, settings: Settings, timeout_s: float) -> Any:
    from llamaindex_multiapi import MultiApiTranscriptReader

    return MultiApiTranscriptReader(provider=order.vendor, job_timeout_s=timeout_s, **settings)


def reader(made: Made, order: Order, settings: Settings, folder: Path, timeout_s: float) -> None:
    (document,) = _reader(order, settings, timeout_s).load_data(folder / "in" / "note.mp3")
    made.text, made.value = document.text, document


def reader_async(made: Made, order: Order, settings: Settings, folder: Path, timeout_s: float) -> None:
    (document,) = asyncio.run(_reader(order, settings, timeout_s).aload_data(folder / "in" / "note.mp3"))
    made.text, made.value = document.text, document


MAKERS = (
    Maker("core", core),
    Maker("core_async", core_async),
    Maker("langchain", langchain),
    Maker("langchain_async", langchain_async),
    Maker("llamaindex", llamaindex),
    Maker("llamaindex_async", llamaindex_async),
)
READERS = (Maker("reader", reader), Maker("reader_async", reader_async))
CORE = MAKERS[:2]


def every(orders: Sequence[Order], makers: Sequence[Maker] = MAKERS) -> Any:
    """A test for each of these orders in each of these ways; what is transcribed also through the readers."""
    pairs = [
        (order, way)
        for order in orders
        for way in (*makers, *(READERS if order.method == "transcribe" and makers is MAKERS else ()))
    ]
    return pytest.mark.parametrize(("order", "way"), pairs, ids=[f"{order}-{way.name}" for order, way in pairs])


every_job = every(JOBS)
"""Each job in each way."""
_SOME = [
    *[(order, way) for order in JOBS for way in CORE],
    (BINOBOX_FILM, MAKERS[2]),
    (AIMLAPI_MUSIC, MAKERS[3]),
    (AIMLAPI_TRANSCRIPT, MAKERS[4]),
    (AIMLAPI_FILM, MAKERS[5]),
    *[(AIMLAPI_TRANSCRIPT, way) for way in READERS],
]
each_job = pytest.mark.parametrize(("order", "way"), _SOME, ids=[f"{order}-{way.name}" for order, way in _SOME])
"""Each job and each way, not each with each: for what is tried with many faults."""
FETCHED = tuple(order for order in JOBS if order.method != "transcribe")
"""The jobs that end with a file."""
_FEWER = [pair for pair in _SOME if pair[0] in FETCHED] + [(AIMLAPI_FILM, MAKERS[4])]
each_fetched = pytest.mark.parametrize(("order", "way"), _FEWER, ids=[f"{order}-{way.name}" for order, way in _FEWER])


def left_in(folder: Path) -> list[str]:
    """What lies in the folder of results."""
    return sorted(path.name for path in (folder / "out").iterdir())


def text_of(body: Any) -> str:
    """A body as JSON text."""
    return json.dumps(body)
