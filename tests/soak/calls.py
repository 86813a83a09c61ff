"""The calls of a soak: each asks for something that carries its mark, and knows the one right answer.

A call ends with "answered" or "left" (the caller went away from a stream on purpose), raises an error, or raises `WrongAnswerError`.
Models are made once and shared by all threads, tasks and event loops.
"""

from __future__ import annotations

import asyncio
import json
import random
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any

from multiapi import AsyncClient, Client
from multiapi.errors import MultiApiError
from multiapi.simulator.embeddings import embed as simulated_vector
from multiapi.simulator.media import speak
from multiapi.types.chat import ChatRequest, Message, Tool
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.jobs import Job
from multiapi.types.limits import Timeout
from multiapi.types.media import Media
from multiapi.types.media_requests import ImageRequest, MusicRequest, SpeechRequest, TranscriptionRequest, VideoRequest
from tests.soak.faulty_simulator import MARK_HEADER
from tests.soak.twists import AGAIN, long_integer, quotation

KEY = "sk-soak-MARKED-4c1d9e7ab2f05836"
KEYS = 8
VENDORS = ("bineric", "binom_router", "aimlapi", "aicredits", "binobox")
CHAT_MODELS = {
    "bineric": "gpt-4o",
    "binom_router": "gpt-4o",
    "aimlapi": "openai/gpt-4o",
    "aicredits": "openai/gpt-4o-mini",
    "binobox": "gemini-3.1-flash-lite",
}
EMBED_MODELS = {"aimlapi": "text-embedding-3-small", "aicredits": "openai/text-embedding-3-small"}
DIMENSIONS = 48
IMAGES: dict[str, dict[str, Any]] = {
    "bineric": {"model": "stability-ai"},
    "aimlapi": {"model": "flux/schnell", "width": 256, "height": 192},
    "aicredits": {"model": "dall-e-2"},
    "binobox": {"model": "imagen-4-fast-generate"},
}
SPEECHES: dict[str, dict[str, Any]] = {
    "bineric": {"model": "text-to-speech", "voice": "nb-NO-PernilleNeural", "language": "nb-NO"},
    "aimlapi": {"model": "openai/tts-1", "voice": "coral"},
    "aicredits": {"model": "openai/tts-1", "voice": "nova"},
    "binobox": {"model": "gemini-3.1-flash-tts", "voice": "default"},
}
TRANSCRIPTIONS = {"bineric": "speech-to-text", "aimlapi": "openai/gpt-4o-transcribe", "aicredits": "openai/whisper-1"}
FILMS: dict[str, dict[str, Any]] = {
    "aimlapi": {"model": "alibaba/wan-2-6-t2v", "duration_s": 5},
    "binobox": {"model": "veo-3-lite-generate", "duration_s": 4},
}
WEATHER = Tool(
    "get_weather",
    "The weather in a city",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
FUNCTION = {
    "type": "function",
    "function": {"name": WEATHER.name, "description": WEATHER.description, "parameters": dict(WEATHER.parameters)},
}


class WrongAnswerError(Exception):
    """The answer is not the one to this question."""


def check(right: bool, what: str, *seen: object) -> None:
    """Or the answer is wrong."""
    if not right:
        raise WrongAnswerError(f"{what}: {[repr(each)[:300] for each in seen]}")


@dataclass(frozen=True)
class Question:
    """A mark, a vendor, and the chance that decides what is left to it."""

    mark: str
    vendor: str
    chance: random.Random

    @property
    def sentence(self) -> str:
        """What the vendor is asked to say, and therefore says."""
        return f"{self.mark} and a word to the wise in {self.place}: äöü 日本 the end of it"

    @property
    def prompt(self) -> str:
        """The question to which that is the answer."""
        return f"Say {self.sentence}"

    @property
    def place(self) -> str:
        """A city of its own for this question, so that arguments of tools cannot be mixed up unnoticed."""
        return f"Town{int(self.mark[5:]) % 9973}ville"

    @property
    def tool_prompt(self) -> str:
        """The question that wants a tool."""
        return f"What is the weather in {self.place}? ({self.mark})"

    @property
    def texts(self) -> list[str]:
        """What is embedded: each text has a mark of its own."""
        return [f"{self.mark}-{number} is a text about {self.place}" for number in range(5)]

    def request(self) -> ChatRequest:
        """For the core."""
        return ChatRequest(model=CHAT_MODELS[self.vendor], messages=[Message("user", self.prompt)])


class Models:
    """All models of all vendors, made when they are first asked for."""

    def __init__(self, base_urls: dict[str, str], *, read_s: float, job_s: float = 12.0, max_retries: int = 2) -> None:
        self.base_urls = base_urls
        self.timeout = Timeout(connect=30, read=read_s, idle=read_s, pool=60)
        self.max_retries = max_retries
        self._keys = count()
        self.job_s = job_s
        for name in ("client", "async_client", "chat", "llm", "embeddings", "embed_model", "toolkit", "tool_spec"):
            setattr(self, name, cache(getattr(self, name)))

    def key(self) -> str:
        """Another one for each request: whose key an answer repeats is known to that request alone. Jobs belong to the key that began them."""
        return f"{KEY}-{next(self._keys) % KEYS}"

    def settings(self, vendor: str) -> dict[str, Any]:
        """What every model of a vendor is made with."""
        return {
            "api_key": self.key,
            "base_url": self.base_urls[vendor],
            "timeout": self.timeout,
            "max_retries": self.max_retries,
        }

    def client(self, vendor: str) -> Client:
        return Client(vendor, **{**self.settings(vendor), "api_key": self.key()})

    def async_client(self, vendor: str) -> AsyncClient:
        return AsyncClient(vendor, **{**self.settings(vendor), "api_key": self.key()})

    def marked_client(self, vendor: str, mark: str) -> Client:
        """A client of its own for a question whose mark cannot be in the body."""
        return Client(vendor, default_headers={MARK_HEADER: mark}, **{**self.settings(vendor), "api_key": self.key()})

    def chat(self, vendor: str) -> Any:
        from langchain_multiapi import ChatMultiApi

        return ChatMultiApi(provider=vendor, model=CHAT_MODELS[vendor], **self.settings(vendor))

    def llm(self, vendor: str) -> Any:
        from llamaindex_multiapi import MultiApiLLM

        return MultiApiLLM(provider=vendor, model=CHAT_MODELS[vendor], context_window=32_000, **self.settings(vendor))

    def embeddings(self, vendor: str) -> Any:
        from langchain_multiapi import MultiApiEmbeddings

        return MultiApiEmbeddings(
            provider=vendor,
            model=EMBED_MODELS[vendor],
            dimensions=DIMENSIONS,
            batch_size=2,
            **self.settings(vendor),
        )

    def embed_model(self, vendor: str) -> Any:
        from llamaindex_multiapi import MultiApiEmbedding

        return MultiApiEmbedding(
            provider=vendor,
            model=EMBED_MODELS[vendor],
            dimensions=DIMENSIONS,
            embed_batch_size=2,
            **self.settings(vendor),
        )

    def toolkit(self, vendor: str) -> dict[str, Any]:
        from langchain_multiapi import MultiApiToolkit

        made = MultiApiToolkit(provider=vendor, options={"image": _options(IMAGES[vendor])}, **self.settings(vendor))
        return {tool.name: tool.model_copy(update={"handle_tool_error": False}) for tool in made.get_tools()}

    def tool_spec(self, vendor: str) -> Any:
        from llamaindex_multiapi import MultiApiToolSpec

        return MultiApiToolSpec(vendor, options={"image": _options(IMAGES[vendor])}, **self.settings(vendor))


def _options(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != "model"}


# ------------------------------------------------------------------------------------------------ what is right


def check_text(question: Question, text: object) -> None:
    check(text == question.sentence, "text", question.sentence, text)


def check_beginning(question: Question, text: str) -> None:
    check(question.sentence.startswith(text), "beginning of a text", question.sentence, text)


def check_call(question: Question, calls: Sequence[tuple[str, Any, str | None]], text: object = "") -> None:
    """One call with its arguments to the last digit; two, where the vendor sent two of one id; none, where one was only quoted."""
    if not calls and isinstance(text, str) and text.startswith("The page of "):
        quoted = text.partition("`")[2].rpartition("`")[0]
        check(text == quotation(question.mark, quoted) and question.place in quoted, "quotation", text)
        return
    right = 1 <= len(calls) <= 2 and all(name == WEATHER.name for name, _, _ in calls)
    for number, (_, given, _) in enumerate(calls):
        arguments = dict(given)
        stamp = arguments.pop("stamp", None)
        right = right and (stamp is None or (type(stamp) is int and stamp == long_integer(question.mark)))
        right = right and str(arguments.get("city")).endswith(AGAIN) == (number > 0)
        right = right and question.place in str(arguments.get("city"))
    ids = [id for _, _, id in calls if id is not None]
    check(right and len(set(ids)) == len(ids), "tool call", question.place, calls)


def check_vectors(texts: Sequence[str], vectors: Sequence[Sequence[float]]) -> None:
    check(len(vectors) == len(texts), "number of vectors", len(vectors))
    for text, vector in zip(texts, vectors, strict=True):
        wanted: array[float] = simulated_vector(text, DIMENSIONS)
        near = len(vector) == DIMENSIONS and all(abs(a - b) < 1e-6 for a, b in zip(wanted, vector, strict=True))
        check(near, "vector", text, list(vector)[:4])


def check_media(question: Question, media: Media, kind: str) -> None:
    """The simulator writes into what it makes what it was made from."""
    check(media.kind == kind and question.mark.encode() in media.read(), kind, question.mark, media)


# ------------------------------------------------------------------------------------------------ core


def core_chat(models: Models, question: Question) -> str:
    check_text(question, models.client(question.vendor).chat(question.request()).text)
    return "answered"


async def core_achat(models: Models, question: Question) -> str:
    check_text(question, (await models.async_client(question.vendor).chat(question.request())).text)
    return "answered"


def core_stream(models: Models, question: Question) -> str:
    pieces, last = [], None
    with closing(models.client(question.vendor).chat_stream(question.request())) as deltas:
        for delta in deltas:
            pieces.append(delta.text)
            last = delta
    check_text(question, "".join(pieces))
    check(last is not None and last.response is not None, "a stream without its end")
    check_text(question, last.response.text)  # type: ignore[union-attr]
    return "answered"


async def core_astream(models: Models, question: Question) -> str:
    pieces = []
    async with aclosing(models.async_client(question.vendor).chat_stream(question.request())) as deltas:
        async for delta in deltas:
            pieces.append(delta.text)
    check_text(question, "".join(pieces))
    return "answered"


def core_left_stream(models: Models, question: Question) -> str:
    """Leaves after a few pieces: by closing, or by just going away."""
    deltas = models.client(question.vendor).chat_stream(question.request())
    read = "".join(next(deltas).text for _ in range(question.chance.randint(1, 2)))
    check_beginning(question, read)
    if question.chance.random() < 0.5:
        deltas.close()
    del deltas
    return "left"


async def core_left_astream(models: Models, question: Question) -> str:
    read = ""
    async with aclosing(models.async_client(question.vendor).chat_stream(question.request())) as deltas:
        async for delta in deltas:
            read += delta.text
            if question.chance.random() < 0.4:
                break
    check_beginning(question, read)
    return "left"


def core_tools(models: Models, question: Question) -> str:
    request = ChatRequest(
        model=CHAT_MODELS[question.vendor], messages=[Message("user", question.tool_prompt)], tools=[WEATHER]
    )
    response = models.client(question.vendor).chat(request)
    check_call(question, [(call.name, _read(call.arguments), call.id) for call in response.tool_calls], response.text)
    return "answered"


def core_embed(models: Models, question: Question) -> str:
    found = models.client(question.vendor).embed(_embed_request(question))
    check_vectors(question.texts, found.vectors)
    return "answered"


async def core_aembed(models: Models, question: Question) -> str:
    found = await models.async_client(question.vendor).embed(_embed_request(question))
    check_vectors(question.texts, found.vectors)
    return "answered"


def core_image(models: Models, question: Question) -> str:
    client = models.client(question.vendor)
    made = client.image(ImageRequest(prompt=question.prompt, **IMAGES[question.vendor]))
    check_media(question, client.download(made.media[0]), "image")
    return "answered"


def core_speech(models: Models, question: Question) -> str:
    client = models.client(question.vendor)
    made = client.speech(SpeechRequest(text=question.prompt, **SPEECHES[question.vendor]))
    check_media(question, client.download(made), "audio")
    return "answered"


def core_transcript(models: Models, question: Question) -> str:
    audio = Media.from_bytes(speak(question.sentence, "audio/mpeg"), name="note.mp3")
    client = models.marked_client(question.vendor, question.mark)
    check_text(
        question,
        client.transcribe(
            TranscriptionRequest(model=TRANSCRIPTIONS[question.vendor], audio=audio), timeout_s=models.job_s
        ).text,
    )
    return "answered"


def _film_request(question: Question) -> VideoRequest:
    return VideoRequest(prompt=question.prompt, **FILMS[question.vendor])


@contextmanager
def about_job(job_id: str | None) -> Iterator[None]:
    """A file that cannot be had is no reason to think that there was no job: whoever asks here knows its id."""
    try:
        yield
    except MultiApiError as error:
        error.job_id = error.job_id or job_id
        raise


def core_film(models: Models, question: Question) -> str:
    client = models.client(question.vendor)
    film = client.video(_film_request(question), timeout_s=models.job_s)
    with about_job(film.job_id):
        check_media(question, client.download(film), "video")
    return "answered"


async def core_afilm(models: Models, question: Question) -> str:
    """Started in one place and waited for in another, as plain data."""
    client = models.async_client(question.vendor)
    started: Job = await client.start_video(_film_request(question))
    ended = await client.wait(started.id, kind="video", timeout_s=models.job_s)
    check(ended.id == started.id, "job", started.id, ended.id)
    with about_job(ended.id):
        check_media(question, await client.download(ended.media[0]), "video")
    return "answered"


def core_music(models: Models, question: Question) -> str:
    client = models.client("aimlapi")
    request = MusicRequest(model="elevenlabs/eleven_music", prompt=question.prompt, duration_s=10)
    music = client.music(request, timeout_s=models.job_s)
    with about_job(music.job_id):
        check_media(question, client.download(music), "audio")
    return "answered"


# ------------------------------------------------------------------------------------------------ LangChain


def langchain_chat(models: Models, question: Question) -> str:
    check_text(question, models.chat(question.vendor).invoke(question.prompt).text)
    return "answered"


async def langchain_achat(models: Models, question: Question) -> str:
    check_text(question, (await models.chat(question.vendor).ainvoke(question.prompt)).text)
    return "answered"


def langchain_stream(models: Models, question: Question) -> str:
    check_text(question, "".join(piece.text for piece in models.chat(question.vendor).stream(question.prompt)))
    return "answered"


async def langchain_astream(models: Models, question: Question) -> str:
    pieces = [piece.text async for piece in models.chat(question.vendor).astream(question.prompt)]
    check_text(question, "".join(pieces))
    return "answered"


def langchain_left_stream(models: Models, question: Question) -> str:
    pieces = models.chat(question.vendor).stream(question.prompt)
    check_beginning(question, next(pieces).text)
    pieces.close()
    return "left"


async def langchain_left_astream(models: Models, question: Question) -> str:
    async with aclosing(models.chat(question.vendor).astream(question.prompt)) as pieces:
        async for piece in pieces:
            check_beginning(question, piece.text)
            break
    return "left"


def langchain_tools(models: Models, question: Question) -> str:
    message = models.chat(question.vendor).bind_tools([FUNCTION]).invoke(question.tool_prompt)
    check_call(question, [(call["name"], call["args"], call["id"]) for call in message.tool_calls], message.text)
    return "answered"


def langchain_streamed_tools(models: Models, question: Question) -> str:
    whole: Any = None
    for piece in models.chat(question.vendor).bind_tools([FUNCTION]).stream(question.tool_prompt):
        whole = piece if whole is None else whole + piece
    check_call(question, [(call["name"], call["args"], call["id"]) for call in whole.tool_calls], whole.text)
    return "answered"


def langchain_embed(models: Models, question: Question) -> str:
    check_vectors(question.texts, models.embeddings(question.vendor).embed_documents(question.texts))
    return "answered"


async def langchain_aembed(models: Models, question: Question) -> str:
    check_vectors(question.texts, await models.embeddings(question.vendor).aembed_documents(question.texts))
    return "answered"


def langchain_image(models: Models, question: Question) -> str:
    call = {"name": "generate_image", "args": {"prompt": question.prompt}, "id": "1", "type": "tool_call"}
    check_media(question, models.toolkit(question.vendor)["generate_image"].invoke(call).artifact, "image")
    return "answered"


async def langchain_aspeech(models: Models, question: Question) -> str:
    call = {"name": "text_to_speech", "args": {"text": question.prompt}, "id": "1", "type": "tool_call"}
    check_media(question, (await models.toolkit(question.vendor)["text_to_speech"].ainvoke(call)).artifact, "audio")
    return "answered"


# ------------------------------------------------------------------------------------------------ LlamaIndex


def _messages(question: Question) -> list[Any]:
    from llama_index.core.llms import ChatMessage

    return [ChatMessage(role="user", content=question.prompt)]


def llamaindex_chat(models: Models, question: Question) -> str:
    check_text(question, models.llm(question.vendor).chat(_messages(question)).message.content)
    return "answered"


async def llamaindex_achat(models: Models, question: Question) -> str:
    check_text(question, (await models.llm(question.vendor).achat(_messages(question))).message.content)
    return "answered"


async def llamaindex_acomplete(models: Models, question: Question) -> str:
    check_text(question, (await models.llm(question.vendor).acomplete(question.prompt)).text)
    return "answered"


def llamaindex_stream(models: Models, question: Question) -> str:
    views = list(models.llm(question.vendor).stream_chat(_messages(question)))
    check_text(question, "".join(view.delta or "" for view in views))
    check_text(question, views[-1].message.content)
    return "answered"


async def llamaindex_astream(models: Models, question: Question) -> str:
    stream = await models.llm(question.vendor).astream_chat(_messages(question))
    check_text(question, "".join([view.delta or "" async for view in stream]))
    return "answered"


def llamaindex_left_stream(models: Models, question: Question) -> str:
    views = models.llm(question.vendor).stream_chat(_messages(question))
    check_beginning(question, next(views).delta or "")
    views.close()
    return "left"


async def llamaindex_left_astream(models: Models, question: Question) -> str:
    async with aclosing(await models.llm(question.vendor).astream_chat(_messages(question))) as views:
        async for view in views:
            check_beginning(question, view.delta or "")
            break
    return "left"


def llamaindex_tools(models: Models, question: Question) -> str:
    from llama_index.core.llms import ChatMessage

    llm = models.llm(question.vendor)
    response = llm.chat([ChatMessage(role="user", content=question.tool_prompt)], tools=[FUNCTION])
    found = llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
    check_call(question, [(call.tool_name, call.tool_kwargs, call.tool_id) for call in found], response.message.content)
    return "answered"


def llamaindex_embed(models: Models, question: Question) -> str:
    check_vectors(question.texts, models.embed_model(question.vendor).get_text_embedding_batch(question.texts))
    return "answered"


async def llamaindex_aembed(models: Models, question: Question) -> str:
    vectors = await models.embed_model(question.vendor).aget_text_embedding_batch(question.texts)
    check_vectors(question.texts, vectors)
    return "answered"


async def llamaindex_aimage(models: Models, question: Question) -> str:
    answer = await models.tool_spec(question.vendor).agenerate_image(prompt=question.prompt)
    check_media(question, answer.media[0], "image")
    return "answered"


def llamaindex_speech(models: Models, question: Question) -> str:
    answer = models.tool_spec(question.vendor).text_to_speech(text=question.prompt)
    check_media(question, answer.media[0], "audio")
    return "answered"


# ------------------------------------------------------------------------------------------------ all of them


@dataclass(frozen=True)
class Call:
    """One way to ask: how often compared with others, and of whom."""

    run: Callable[[Models, Question], Any]
    weight: int = 8
    vendors: tuple[str, ...] = VENDORS
    kind: str = "chat"

    @property
    def name(self) -> str:
        return self.run.__name__

    @property
    def is_async(self) -> bool:
        return asyncio.iscoroutinefunction(self.run)

    def marks(self, mark: str) -> list[str]:
        """What the vendor counts of it."""
        return [f"{mark}-{number}" for number in range(5)] if self.kind == "embeddings" else [mark]


_EMBED = tuple(EMBED_MODELS)
_IMAGE = tuple(IMAGES)
CALLS: tuple[Call, ...] = (
    *(Call(run) for run in (core_chat, core_achat, langchain_chat, langchain_achat)),
    *(Call(run) for run in (llamaindex_chat, llamaindex_achat, llamaindex_acomplete)),
    *(Call(run, kind="stream") for run in (core_stream, core_astream, langchain_stream, langchain_astream)),
    *(Call(run, kind="stream") for run in (llamaindex_stream, llamaindex_astream)),
    *(Call(run, 4, kind="left stream") for run in (core_left_stream, core_left_astream)),
    *(Call(run, 4, kind="left stream") for run in (langchain_left_stream, langchain_left_astream)),
    *(Call(run, 4, kind="left stream") for run in (llamaindex_left_stream, llamaindex_left_astream)),
    *(Call(run, 4, kind="tools") for run in (core_tools, langchain_tools, llamaindex_tools)),
    Call(langchain_streamed_tools, 4, kind="tools"),
    *(Call(run, 3, _EMBED, "embeddings") for run in (core_embed, core_aembed, langchain_embed)),
    *(Call(run, 3, _EMBED, "embeddings") for run in (langchain_aembed, llamaindex_embed, llamaindex_aembed)),
    *(Call(run, 2, _IMAGE, "media") for run in (core_image, langchain_image, llamaindex_aimage)),
    *(Call(run, 2, tuple(SPEECHES), "media") for run in (core_speech, langchain_aspeech, llamaindex_speech)),
    Call(core_transcript, 2, tuple(TRANSCRIPTIONS), "media"),
    Call(core_film, 2, tuple(FILMS), "jobs"),
    Call(core_afilm, 2, tuple(FILMS), "jobs"),
    Call(core_music, 1, ("aimlapi",), "jobs"),
)


def _embed_request(question: Question) -> EmbedRequest:
    return EmbedRequest(model=EMBED_MODELS[question.vendor], texts=question.texts, dimensions=DIMENSIONS, batch_size=2)


def _read(arguments: str) -> Any:
    return json.loads(arguments)
