"""Every paid operation of every provider, every way of calling it, and the simulator's books to compare with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings, MultiApiToolkit
from llamaindex_multiapi import (
    MultiApiEmbedding,
    MultiApiLLM,
    MultiApiOcrReader,
    MultiApiToolSpec,
    MultiApiTranscriptReader,
)
from multiapi import AsyncClient, Client
from multiapi.money.prices import shipped_prices
from multiapi.money.spending import Spending
from multiapi.provider import PROVIDERS, Retry
from multiapi.simulator import Clock, Simulator
from multiapi.simulator.media import draw_image, speak
from multiapi.types.batches import BatchRequest
from multiapi.types.chat import ChatRequest, Message
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.legacy import LegacyRequest
from multiapi.types.media import Media
from multiapi.types.media_requests import (
    ImageEditRequest,
    ImageRequest,
    MeshRequest,
    ModerationRequest,
    MusicRequest,
    OcrRequest,
    SpeechRequest,
    TranscriptionRequest,
    VideoRequest,
    VisionFeaturesRequest,
)

KEY = "any-key-1234"
UNITS = {"aimlapi": "USD", "binobox": "diamonds", "bineric": None, "aicredits": "INR", "binom_router": "credits"}
CHAT_MODELS = {
    "aimlapi": "openai/gpt-4o",
    "binobox": "gemini-3.1-flash-lite",
    "bineric": "gpt-4",
    "aicredits": "openai/gpt-4o-mini",
    "binom_router": "gpt-4o",
}
EMBED_MODELS = {"aimlapi": "text-embedding-3-small", "aicredits": "openai/text-embedding-3-small"}
CLAUDE = "anthropic/claude-sonnet-4.5"
PROMPT = "Say hello in three words."

GIVEN, MADE = Decimal("0.15"), Decimal("0.6")
"""What a million tokens cost at the providers whose list has no prices for the models above: set in tests, known to nobody else."""

PNG = draw_image("a page of text", 64, 64)
WAV = speak("the weather is fine", "audio/wav")
PICTURE = Media.from_bytes(PNG, name="page.png")
SOUND = Media.from_bytes(WAV, name="note.wav")


class World:
    """One provider on a simulator of its own, without waiting: jobs are done when they are asked about."""

    def __init__(self, provider: str, folder: Path | None = None, *, job_run_s: float = 0, **settings: Any) -> None:
        self.provider = provider
        self.folder = folder
        self.simulator = Simulator(clock=Clock(1_800_000_000.0), job_wait_s=0, job_run_s=job_run_s)
        self.connection = {
            "api_key": KEY,
            "base_url": self.simulator.base_url(provider),
            "http_client": httpx.Client(transport=self.simulator.transport),
            "http_async_client": httpx.AsyncClient(transport=self.simulator.async_transport),
            **settings,
        }

    def poll_every(self, _: float) -> float:
        self.simulator.clock.advance(5)
        return 100.0

    @property
    def client(self) -> Client:
        given = {name: value for name, value in self.connection.items() if name != "http_async_client"}
        return Client(self.provider, **given)

    @property
    def later(self) -> AsyncClient:
        given = {name: value for name, value in self.connection.items() if name != "http_client"}
        return AsyncClient(self.provider, http_client=given.pop("http_async_client"), **given)

    @property
    def accounts(self) -> list[Any]:
        return list(self.simulator.vendor(self.provider).accounts.values())

    @property
    def lost(self) -> Decimal:
        return sum((account.deposit - account.balance for account in self.accounts), Decimal(0))

    @property
    def charges(self) -> list[Any]:
        return [each for account in self.accounts for each in account.charges if each.ok]

    def listed(self) -> Decimal:
        """The price list times what was used, by the simulator's own books."""
        shipped = (
            shipped_prices(self.provider).get(CHAT_MODELS[self.provider]) if self.provider == "aicredits" else None
        )
        given, made = (GIVEN, MADE) if shipped is None else (shipped[0].amount, shipped[1].amount)
        total = Decimal(0)
        for each in self.charges:
            price = GIVEN if each.model == EMBED_MODELS.get(self.provider) else given
            total += (price * each.input_tokens + made * each.output_tokens) / 1_000_000
        return total


class Paid(NamedTuple):
    """One paid operation of a provider.

    Attributes:
        arguments: Of the method on a client.
        tool: The agents' tool that carries it out, and its arguments.
        told: Whether a cost is known afterwards: said by the provider, or usage times price.
        is_job: It is charged when it has ended.
    """

    provider: str
    name: str
    method: str
    arguments: tuple[Any, ...]
    tool: tuple[str, dict[str, Any]] | None = None
    told: bool = True
    is_job: bool = False

    def __str__(self) -> str:
        return f"{self.provider}-{self.name}"


def chat(provider: str, text: str = PROMPT, **settings: Any) -> ChatRequest:
    return ChatRequest(model=CHAT_MODELS[provider], messages=[Message("user", text)], **settings)


def claude(text: str = "hi") -> ChatRequest:
    return ChatRequest(model=CLAUDE, messages=[Message("user", text)], max_tokens=20)


def _paid() -> Iterator[Paid]:
    for provider in CHAT_MODELS:
        yield Paid(provider, "chat", "chat", (chat(provider),))
        yield Paid(provider, "chat_stream", "chat_stream", (chat(provider),))
    for provider, model in EMBED_MODELS.items():
        yield Paid(provider, "embed", "embed", (EmbedRequest(model=model, texts=["a", "b c"]),))
    for provider in ("aimlapi", "aicredits"):
        yield Paid(provider, "responses", "responses", (chat(provider),))
    image = "generate_image", {"prompt": "a tree"}
    speech = "text_to_speech", {"text": "hello"}
    heard = "transcribe_audio", {"audio": "note.wav"}
    film = "generate_video", {"prompt": "x"}
    music = "generate_music", {"prompt": "x"}
    yield Paid("bineric", "image", "image", (ImageRequest(model="stability-ai", prompt="x"),), image)
    yield Paid(
        "bineric",
        "speech",
        "speech",
        (SpeechRequest(model="text-to-speech", text="hello", voice="en-US-JennyNeural"),),
        speech,
    )
    yield Paid(
        "bineric", "transcribe", "transcribe", (TranscriptionRequest(model="whisper-large", audio=SOUND),), heard
    )
    # The list of AICredits has no price per picture, character or second, and no answer says what it cost.
    yield Paid("aicredits", "image", "image", (ImageRequest(model="openai/dall-e-3", prompt="x"),), image, told=False)
    yield Paid(
        "aicredits",
        "speech",
        "speech",
        (SpeechRequest(model="openai/tts-1", text="hello", voice="alloy"),),
        speech,
        told=False,
    )
    yield Paid(
        "aicredits",
        "transcribe",
        "transcribe",
        (TranscriptionRequest(model="openai/whisper-1", audio=SOUND),),
        heard,
        told=False,
    )
    yield Paid("binobox", "image", "image", (ImageRequest(model="imagen-4-fast-generate", prompt="x"),), image)
    yield Paid(
        "binobox",
        "speech",
        "speech",
        (SpeechRequest(model="gemini-3.1-flash-tts", text="hello", voice="Kore"),),
        speech,
    )
    yield Paid("binobox", "music", "music", (MusicRequest(model="lyria-3-clip", prompt="x"),), music)
    yield Paid(
        "binobox",
        "start_video",
        "video",
        (VideoRequest(model="veo-3-lite-generate", prompt="x", duration_s=4),),
        film,
        is_job=True,
    )
    yield from _of_aimlapi(image, speech, heard, film, music)


def _of_aimlapi(image: Any, speech: Any, heard: Any, film: Any, music: Any) -> Iterator[Paid]:
    def paid(name: str, method: str, *arguments: Any, **facts: Any) -> Paid:
        return Paid("aimlapi", name, method, arguments, **facts)

    yield paid("messages", "messages", claude())
    yield paid("image", "image", ImageRequest(model="flux/schnell", prompt="a tree"), tool=image)
    yield paid(
        "edit_image",
        "edit_image",
        ImageEditRequest(model="openai/gpt-image-1", prompt="add a hat", images=[PICTURE]),
        tool=("edit_image", {"image": "page.png", "prompt": "add a hat"}),
    )
    yield paid(
        "mesh",
        "mesh",
        MeshRequest(model="triposr", images=["https://example.com/a.png"]),
        tool=("generate_3d_model", {"image": "page.png"}),
    )
    yield paid("speech", "speech", SpeechRequest(model="openai/tts-1", text="hello", voice="alloy"), tool=speech)
    yield paid(
        "ocr",
        "ocr",
        OcrRequest(model="mistral-ocr-latest", document=PICTURE),
        tool=("read_document", {"document": "page.png"}),
    )
    yield paid(
        "vision_features",
        "vision_features",
        VisionFeaturesRequest(image="https://example.com/a.png", most=2),
        told=False,
    )
    yield paid(
        "moderate",
        "moderate",
        ModerationRequest(model="openai/gpt-4o", text="Say safe."),
        tool=("moderate_text", {"text": "Say safe."}),
    )
    yield paid("start_video", "video", VideoRequest(model="veo2", prompt="x"), tool=film, is_job=True)
    yield paid("start_music", "music", MusicRequest(model="stable-audio", prompt="x"), tool=music, is_job=True)
    yield paid(
        "start_transcription",
        "transcribe",
        TranscriptionRequest(model="#g1_whisper-large", audio=SOUND),
        tool=heard,
        is_job=True,
    )
    yield paid("create_batch", "create_batch", BatchRequest(requests={"a": claude(), "b": claude()}), is_job=True)
    # The older operations have answers without a cost; each is counted as unpriced.
    yield paid("create_run", "run", told=False)
    yield paid("create_thread_and_run", "thread_and_run", told=False)
    yield paid("submit_tool_outputs", "run_with_tools", told=False)
    yield paid("create_video_legacy", "film_legacy", told=False)
    yield paid(
        "generate_music_01",
        "legacy",
        "generate_music_01",
        LegacyRequest(body={"model": "music-01", "lyrics": "##la la##"}),
        told=False,
    )
    yield paid(
        "transcribe_sync",
        "legacy",
        "transcribe_sync",
        LegacyRequest(body={"model": "#g1_whisper-base", "url": "https://example.com/a.mp3"}),
        told=False,
    )


PAID = tuple(_paid())


def paid_operations() -> set[tuple[str, str]]:
    """What the registry says may be charged."""
    found = set()
    for name, provider in PROVIDERS.items():
        if name not in CHAT_MODELS:
            continue
        found |= {(name, "chat"), (name, "chat_stream")}
        found |= {
            (name, each.name)
            for each in provider.operations.values()
            if each.retry is not Retry.READ and not each.free and (each.withdrawn is None or each.withdrawn.is_guess)
        }
    return found


# ------------------------------------------------------------------------------------------------ older operations in several steps

POLLED = frozenset({"video", "music", "transcribe"})
"""Methods that wait for a job."""

_HELLO = {"messages": [{"role": "user", "content": "What is the weather in Oslo?"}]}
_WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def _assistant(tools: Any) -> tuple[str, LegacyRequest]:
    body = {"model": "gpt-4o-mini", "name": "Tutor", **({"tools": tools} if tools else {})}
    return "create_assistant", LegacyRequest(body=body)


def _run_of(done: list[Any]) -> dict[str, str]:
    return {"thread_id": done[1]["thread_id"], "run_id": done[1]["id"]}


Steps = list[Callable[[list[Any]], tuple[str, LegacyRequest]]]


def _with_thread(tools: Any = None) -> Steps:
    return [
        lambda _: _assistant(tools),
        lambda done: (
            "create_thread_and_run",
            LegacyRequest(body={"assistant_id": done[0]["id"], "thread": _HELLO}),
        ),
        lambda done: ("get_run", LegacyRequest(ids=_run_of(done))),
    ]


STORIES: dict[str, Steps] = {
    "run": [
        lambda _: _assistant(None),
        lambda _: ("create_thread", LegacyRequest(body=_HELLO)),
        lambda done: (
            "create_run",
            LegacyRequest(ids={"thread_id": done[1]["id"]}, body={"assistant_id": done[0]["id"]}),
        ),
        lambda done: ("get_run", LegacyRequest(ids={"thread_id": done[1]["id"], "run_id": done[2]["id"]})),
    ],
    "thread_and_run": _with_thread(),
    "run_with_tools": [
        *_with_thread([_WEATHER]),
        lambda done: (
            "submit_tool_outputs",
            LegacyRequest(
                ids=_run_of(done),
                body={
                    "tool_outputs": [
                        {
                            "tool_call_id": done[2]["required_action"]["submit_tool_outputs"]["tool_calls"][0]["id"],
                            "output": "rain",
                        }
                    ]
                },
            ),
        ),
        lambda done: ("get_run", LegacyRequest(ids=_run_of(done))),
    ],
    "film_legacy": [
        lambda _: (
            "create_video_legacy",
            LegacyRequest(
                ids={"vendor": "kling"},
                body={"model": "kling-video/v1.6/pro/text-to-video", "prompt": "a tide pool", "duration": "5"},
            ),
        ),
        lambda done: (
            "get_video_legacy",
            LegacyRequest(ids={"vendor": "kling"}, query={"generation_id": done[0]["id"]}),
        ),
    ],
}


# ------------------------------------------------------------------------------------------------ ways

Way = Callable[[World, Paid], Any]


def _options(world: World, paid: Paid) -> dict[str, Any]:
    return {"poll_every": world.poll_every} if paid.method in POLLED else {}


def core(world: World, paid: Paid) -> Any:
    """On a `Client`."""
    client = world.client
    if paid.method == "chat_stream":
        return list(client.chat_stream(*paid.arguments))
    if paid.method in STORIES:
        done: list[Any] = []
        for step in STORIES[paid.method]:
            done.append(client.legacy(*step(done)))
            world.simulator.clock.advance(60)
        return done
    result = getattr(client, paid.method)(*paid.arguments, **_options(world, paid))
    if paid.method == "create_batch":
        world.simulator.clock.advance(1000)
        return client.batch(result)
    return result


async def _core_async(world: World, paid: Paid) -> Any:
    client = world.later
    if paid.method == "chat_stream":
        return [delta async for delta in client.chat_stream(*paid.arguments)]
    if paid.method in STORIES:
        done: list[Any] = []
        for step in STORIES[paid.method]:
            done.append(await client.legacy(*step(done)))
            world.simulator.clock.advance(60)
        return done
    result = await getattr(client, paid.method)(*paid.arguments, **_options(world, paid))
    if paid.method == "create_batch":
        world.simulator.clock.advance(1000)
        return await client.batch(result)
    return result


def _prompt(paid: Paid) -> tuple[str, str]:
    request = paid.arguments[0]
    return f"{paid.provider}:{request.model}", request.messages[0].text


def _of_langchain(world: World, paid: Paid) -> Any:
    if paid.name == "embed":
        return MultiApiEmbeddings(model=f"{paid.provider}:{paid.arguments[0].model}", **world.connection)
    return ChatMultiApi(model=_prompt(paid)[0], **world.connection)


def langchain(world: World, paid: Paid) -> Any:
    made = _of_langchain(world, paid)
    if paid.name == "embed":
        return made.embed_documents(list(paid.arguments[0].texts))
    return list(made.stream(_prompt(paid)[1])) if paid.name == "chat_stream" else made.invoke(_prompt(paid)[1])


async def _langchain_async(world: World, paid: Paid) -> Any:
    made = _of_langchain(world, paid)
    if paid.name == "embed":
        return await made.aembed_documents(list(paid.arguments[0].texts))
    if paid.name == "chat_stream":
        return [chunk async for chunk in made.astream(_prompt(paid)[1])]
    return await made.ainvoke(_prompt(paid)[1])


READERS = {"transcribe": (MultiApiTranscriptReader, "note.wav"), "ocr": (MultiApiOcrReader, "page.png")}


def _of_llamaindex(world: World, paid: Paid) -> Any:
    if paid.name == "embed":
        return MultiApiEmbedding(model=f"{paid.provider}:{paid.arguments[0].model}", **world.connection)
    if paid.method in READERS:
        return READERS[paid.method][0](paid.provider, model=paid.arguments[0].model, **world.connection)
    return MultiApiLLM(model=_prompt(paid)[0], **world.connection)


def llamaindex(world: World, paid: Paid) -> Any:
    made = _of_llamaindex(world, paid)
    if paid.name == "embed":
        return made.get_text_embedding_batch(list(paid.arguments[0].texts))
    if paid.method in READERS:
        assert world.folder is not None
        return made.load_data(world.folder / READERS[paid.method][1])
    return (
        list(made.stream_complete(_prompt(paid)[1])) if paid.name == "chat_stream" else made.complete(_prompt(paid)[1])
    )


async def _llamaindex_async(world: World, paid: Paid) -> Any:
    made = _of_llamaindex(world, paid)
    if paid.name == "embed":
        return await made.aget_text_embedding_batch(list(paid.arguments[0].texts))
    if paid.method in READERS:
        assert world.folder is not None
        return await made.aload_data(world.folder / READERS[paid.method][1])
    if paid.name == "chat_stream":
        return [chunk async for chunk in await made.astream_complete(_prompt(paid)[1])]
    return await made.acomplete(_prompt(paid)[1])


def _tool_settings(world: World, paid: Paid) -> dict[str, Any]:
    assert paid.tool is not None
    name, _ = paid.tool
    first = paid.arguments[0]
    return {
        "include": [name],
        "models": {name: first.model, paid.method: first.model},
        "input_dir": world.folder,
        "poll_every": world.poll_every,
        **world.connection,
    }


def _tool_of_langchain(world: World, paid: Paid) -> Any:
    return MultiApiToolkit(provider=paid.provider, **_tool_settings(world, paid)).get_tools()[0]


def _tool_of_llamaindex(world: World, paid: Paid) -> Any:
    return MultiApiToolSpec(paid.provider, **_tool_settings(world, paid)).to_tool_list()[0]


def langchain_tool(world: World, paid: Paid) -> Any:
    assert paid.tool is not None
    return _tool_of_langchain(world, paid).invoke(paid.tool[1])


async def _langchain_tool_async(world: World, paid: Paid) -> Any:
    assert paid.tool is not None
    return await _tool_of_langchain(world, paid).ainvoke(paid.tool[1])


def llamaindex_tool(world: World, paid: Paid) -> Any:
    assert paid.tool is not None
    return _tool_of_llamaindex(world, paid).call(**paid.tool[1])


async def _llamaindex_tool_async(world: World, paid: Paid) -> Any:
    assert paid.tool is not None
    return await _tool_of_llamaindex(world, paid).acall(**paid.tool[1])


def _blocking(call: Callable[[World, Paid], Any]) -> Way:
    return lambda world, paid: asyncio.run(call(world, paid))


WAYS: dict[str, Way] = {
    "core": core,
    "core async": _blocking(_core_async),
    "LangChain": langchain,
    "LangChain async": _blocking(_langchain_async),
    "LlamaIndex": llamaindex,
    "LlamaIndex async": _blocking(_llamaindex_async),
    "LangChain tool": langchain_tool,
    "LangChain tool async": _blocking(_langchain_tool_async),
    "LlamaIndex tool": llamaindex_tool,
    "LlamaIndex tool async": _blocking(_llamaindex_tool_async),
}


def ways_of(paid: Paid) -> list[str]:
    """The ways in which a user can reach the operation."""
    found = ["core", "core async"]
    if paid.name in {"chat", "chat_stream", "embed"}:
        found += ["LangChain", "LangChain async"]
    if paid.name in {"chat", "chat_stream", "embed"} or paid.method in READERS:
        found += ["LlamaIndex", "LlamaIndex async"]
    if paid.tool is not None:
        found += [name for name in WAYS if "tool" in name]
    return found


EVERY_WAY = [(paid, way) for paid in PAID for way in ways_of(paid)]


# ------------------------------------------------------------------------------------------------ the oracle


def check_books(world: World, paid: Paid, spent: Spending, *, doubtful: int = 0) -> None:
    """Compare what was reported with the simulator's books."""
    unit = UNITS[paid.provider]
    if not paid.told:
        assert (spent.totals, spent.estimated, spent.at_least) == ({}, {}, {})
        assert spent.unpriced == spent.calls
    elif not doubtful:
        estimates = paid.name == "create_batch" or not world.client.provider.tells_cost
        charged, estimated = ({}, {unit: world.listed()}) if estimates else ({unit: world.lost}, {})
        if paid.name == "create_batch":
            estimated = {unit: world.lost}
        assert (spent.totals, spent.estimated, spent.at_least) == (charged, estimated, {})
        assert spent.unpriced == 0
    assert (spent.doubtful, spent.held, spent.under_way) == (doubtful, {}, 0)
