"""Writes the tables that the README and the pages take from the code: `python docs/tables.py`.

In a page, a table stands between `<!-- table: NAME -->` and `<!-- end of table -->`; NAME is the name of a function below, with
arguments if it has any. A test fails where a page does not hold what the code says.
"""

from __future__ import annotations

import ast
import inspect
import re
import runpy
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel

from llamaindex_multiapi import SpendingHandler
from multiapi import PROVIDERS, ChatRequest, Client, EmbedRequest, Message, Price, errors
from multiapi.agent_tools import TOOLS
from multiapi.cli import exit_codes as codes
from multiapi.cli.commands import app
from multiapi.client.operations import Operations
from multiapi.formats.model_facts import MODEL_FACTS
from multiapi.money.prices import PRICE_BOOK, shipped_prices
from multiapi.provider import Provider
from multiapi.simulator import Simulator
from multiapi.types.search import SEARCH_KINDS

ROOT = Path(__file__).resolve().parent.parent
_OPTION = re.compile(r"(?<![\w`-])(--[a-z-]+|-[a-z])(?=[,;. ])(?![^`]*`\.)")
_PLACE = re.compile(r"(<!-- table: (?P<name>\w+)(?P<arguments>[^>]*?) -->\n).*?(?=<!-- end of table -->)", re.DOTALL)

CAPABILITIES = {
    "chat": "Chat",
    "streaming": "Streamed chat",
    "tools": "Tool calls",
    "structured_output": "JSON by schema",
    "json_mode": "JSON mode",
    "reasoning": "Reasoning text",
    "vision": "Images in",
    "documents": "Documents in",
    "audio_in": "Audio in",
    "video_in": "Video in",
    "audio_out": "Audio out of chat",
    "embeddings": "Embeddings",
    "image": "Images",
    "image_edit": "Image editing",
    "speech": "Speech",
    "transcription": "Transcription",
    "transcription_jobs": "Transcription jobs",
    "music": "Music",
    "music_jobs": "Music jobs",
    "video": "Video",
    "3d": "3D models",
    "ocr": "OCR",
    "vision_features": "Image features (OFR)",
    "moderation": "Moderation",
    "web_search": "Web search in chat",
    "search_engine": "Search engine",
    "assistants": "Assistants",
    "batches": "Batches",
    "files": "Files",
    "jobs": "Jobs",
    "models": "Model list",
    "model": "Single model",
    "metrics": "Speed of models",
    "model_schema": "What a model takes",
    "deprecations": "Deprecated models",
    "usage": "Usage",
    "daily_usage": "Usage of the day",
    "transactions": "Transactions",
    "balance": "Balance",
    "credits": "Credits",
    "logs": "Logs",
    "keys": "Keys",
    "health": "Health",
    "responses": "Responses API",
    "messages": "Messages API",
    "file_to_base64": "File to base64",
    "decode_base64": "Base64 to file",
}
SECTIONS = {
    "chat": "start/client.md#the-first-call-without-a-key",
    "streaming": "start/client.md#streaming",
    "tools": "start/client.md#tools",
    "structured_output": "start/client.md#json-by-schema",
    "json_mode": "guides/structured_output.md#without-a-framework",
    "reasoning": "guides/protocols.md#thinking",
    "vision": "guides/multimodal_input.md#without-a-framework",
    "documents": "guides/multimodal_input.md#without-a-framework",
    "audio_in": "guides/multimodal_input.md#without-a-framework",
    "video_in": "guides/multimodal_input.md#without-a-framework",
    "audio_out": "vendors/aimlapi.md#sound-in-answers",
    "embeddings": "start/client.md#embeddings",
    "image": "guides/media.md#images",
    "image_edit": "guides/media.md#images",
    "speech": "guides/media.md#speech-and-transcripts",
    "transcription": "guides/media.md#speech-and-transcripts",
    "transcription_jobs": "guides/media.md#video-and-other-long-running-jobs",
    "music": "guides/media.md#music",
    "music_jobs": "guides/media.md#video-and-other-long-running-jobs",
    "video": "guides/media.md#video-and-other-long-running-jobs",
    "3d": "guides/media.md#documents-and-3d",
    "ocr": "guides/media.md#documents-and-3d",
    "web_search": "vendors/aimlapi.md#web-search",
    "batches": "guides/account.md#batches",
    "jobs": "guides/media.md#video-and-other-long-running-jobs",
    "models": "guides/account.md#models-and-prices",
    "model": "guides/account.md#models-and-prices",
    "metrics": "guides/account.md#balance-and-usage",
    "model_schema": "guides/account.md#models-and-prices",
    "deprecations": "guides/account.md#models-and-prices",
    "usage": "guides/account.md#balance-and-usage",
    "daily_usage": "guides/account.md#balance-and-usage",
    "transactions": "guides/account.md#logs-and-transactions",
    "balance": "guides/account.md#balance-and-usage",
    "credits": "guides/account.md#balance-and-usage",
    "logs": "guides/account.md#logs-and-transactions",
    "keys": "guides/account.md#keys",
    "health": "guides/account.md#balance-and-usage",
    "responses": "guides/protocols.md#choosing-one",
    "messages": "guides/protocols.md#messages",
    "file_to_base64": "vendors/bineric.md#files-and-base64",
    "decode_base64": "vendors/bineric.md#files-and-base64",
}
"""The section with a tested example of what a row of the matrix names."""

EXAMPLES = {
    "chat": ".chat(",
    "streaming": ".chat_stream(",
    "tools": "tools=",
    "structured_output": "ResponseFormat(",
    "json_mode": '"json_mode"',
    "reasoning": "thinking",
    "vision": '"image"',
    "documents": '"file"',
    "audio_in": '"audio"',
    "video_in": '"video"',
    "audio_out": '"modalities"',
    "embeddings": "EmbedRequest(",
    "image": "ImageRequest(",
    "image_edit": ".edit_image(",
    "speech": "SpeechRequest(",
    "transcription": "TranscriptionRequest(",
    "transcription_jobs": ".start_transcription(",
    "music": "MusicRequest(",
    "music_jobs": ".start_music(",
    "video": "VideoRequest(",
    "3d": "MeshRequest(",
    "ocr": "OcrRequest(",
    "web_search": "web_search=",
    "batches": ".create_batch(",
    "jobs": ".wait(",
    "models": ".models(",
    "model": ".model(",
    "metrics": ".metrics(",
    "model_schema": ".model_schema(",
    "deprecations": ".deprecations(",
    "usage": ".usage(",
    "daily_usage": ".daily_usage(",
    "transactions": ".transactions(",
    "balance": ".balance(",
    "credits": ".credits(",
    "logs": ".logs(",
    "keys": ".keys(",
    "health": ".health(",
    "responses": 'api="responses"',
    "messages": 'api="messages"',
    "file_to_base64": ".file_to_base64(",
    "decode_base64": ".decode_base64(",
}
"""What the code of that section has to say."""
MARKS = {"documented": "✓", "assumed": "(✓)", "legacy": "old", "removed": "gone", "none": "–"}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def matrix(folder: str = "vendors") -> str:
    """What each vendor has."""
    providers = list(PROVIDERS.values())
    listed = [name for name in CAPABILITIES if any(name in provider.capabilities for provider in providers)]
    return table(
        ["", *(f"[{provider.title}]({page(provider, folder)})" for provider in providers)],
        ([_row(name, folder), *(_cell(provider, name, folder) for provider in providers)] for name in listed),
    )


def summary(folder: str = "vendors") -> str:
    """The ten rows that people ask for first."""
    providers = list(PROVIDERS.values())
    return table(
        ["", *(f"[{provider.title}]({page(provider, folder)})" for provider in providers)],
        ([_row(name, folder), *(_cell(provider, name, folder) for provider in providers)] for name in SUMMARY),
    )


SUMMARY = (
    "chat",
    "streaming",
    "tools",
    "structured_output",
    "vision",
    "embeddings",
    "image",
    "speech",
    "video",
    "balance",
)


def _row(capability: str, folder: str) -> str:
    """The name of a row of the matrix, as a link to the section that shows it."""
    section, title = SECTIONS.get(capability), CAPABILITIES[capability]
    return title if section is None else f"[{title}]({_root(folder)}{section})"


def _root(folder: str) -> str:
    """The way to the folder of the documentation from a page that lies beside `folder`."""
    return "../" if folder == "." else folder.removesuffix("vendors")


OLD_CALLS = {
    "search_engine": "withdrawn.md#search-engine",
    "moderation": "withdrawn.md#guard-models",
    "vision_features": "withdrawn.md#features-of-images",
    "assistants": "assistants.md#the-whole-loop",
    "files": "account.md#operations-that-a-provider-no-longer-recommends",
}
"""Where the guides show how to call what is old or gone."""


def _cell(provider: Provider, capability: str, folder: str) -> str:
    """One cell of the matrix; what is old or gone leads to how it is called."""
    found = mark(provider, capability)
    if found not in {MARKS["legacy"], MARKS["removed"]}:
        return found
    return f"[{found}]({_root(folder)}guides/{OLD_CALLS[capability]})"


def page(provider: Provider, folder: str) -> str:
    """The vendor's page, seen from a page that lies beside `folder`."""
    return f"{provider.name}.md" if folder == "." else f"{folder}/{provider.name}.md"


def mark(provider: Provider, capability: str) -> str:
    """One cell; tools and JSON answers are there for all, asked for in the prompt where the vendor has none."""
    status = provider.capabilities.get(capability, "none")
    if capability in {"tools", "structured_output"} and status == "none":
        return "prompted"
    if capability == "streaming" and status == "none":
        return "one chunk"
    return MARKS[status]


def names() -> str:
    """What to type for each vendor, and where key and address come from."""
    return table(
        ["provider", "`provider=`", "key", "base URL override"],
        (
            [provider.title, f"`{provider.name}`", f"`{provider.api_key_env}`", f"`{provider.base_url_env}`"]
            for provider in PROVIDERS.values()
        ),
    )


def by_provider(package: str) -> str:
    """The classes of one provider, beside the general ones."""
    module = import_module(f"{package}.by_provider")
    classes = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]
    return table(
        ["class", "is"],
        (
            [f"`{each.__name__}`", f'`{each.__base__.__name__}(provider="{each.model_fields["provider"].default}")`']
            for each in classes
        ),
    )


def moved() -> str:
    """The apps of `examples/moving`, with the lines that are changed in them."""
    programs = runpy.run_path(str(ROOT / "examples" / "moving" / "run.py"))["programs"]()
    return table(
        ["app", "lines changed", "as"],
        (
            [
                program.title,
                str(len(program.changed)),
                "<br>".join(f"`{_short(line)}`" for line in program.changed),
            ]
            for program in sorted(programs, key=lambda program: program.title.lower())
        ),
    )


def _short(line: str) -> str:
    """A line of a program as it fits into a cell."""
    line = line.strip().rstrip(",")
    return (line if len(line) <= 80 else f"{line[: line.index('(')]}(...)").replace("|", "\\|")


def simulated() -> str:
    """The environment of a program that talks to the simulator on port 8000."""
    lines = (
        f"export {provider.api_key_env}=any {provider.base_url_env}="
        f"http://127.0.0.1:8000{urlsplit(Simulator().base_url(provider.name)).path}"
        for provider in PROVIDERS.values()
    )
    return "```bash\n" + "\n".join(lines) + "\n```\n"


def details(name: str) -> str:
    """The facts of one vendor."""
    provider = PROVIDERS[name]
    header, prefix = provider.auth_header
    rows = [
        ["Name in `provider=`", f"`{provider.name}`"],
        ["LangChain", "`langchain_multiapi.ChatMultiApi`" + _embeddings(provider, "MultiApiEmbeddings")],
        ["LlamaIndex", "`llamaindex_multiapi.MultiApiLLM`" + _embeddings(provider, "MultiApiEmbedding")],
        ["Without a framework", "`multiapi.Client`, `multiapi.AsyncClient`"],
        ["Address", f"`{provider.base_url}`, or `{provider.base_url_env}`"],
        ["Key", f"`{provider.api_key_env}`, sent as `{header}: {prefix}KEY`"],
        [
            "Statuses retried",
            ", ".join([*_rate_limit(provider), _server_errors(provider)]),
        ],
    ]
    if provider.rate_limit_is_final:
        rows.append(["429", "a daily limit: retried only where the response says when"])
    if provider.requests_per_minute is not None:
        rows.append(["Requests per minute", str(provider.requests_per_minute)])
    if provider.max_concurrency is not None:
        rows.append(["Calls at once", str(provider.max_concurrency)])
    return table(["", provider.title], rows)


def _server_errors(provider: Provider) -> str:
    return f"5xx but {', '.join(map(str, sorted(provider.final_statuses)))}" if provider.final_statuses else "5xx"


def _rate_limit(provider: Provider) -> list[str]:
    return [] if provider.rate_limit_is_final else ["429"]


def _embeddings(provider: Provider, cls: str) -> str:
    return f", `{cls}`" if "embed" in provider.operations else ""


def features(name: str) -> str:
    """What one vendor can do as the model of a framework."""
    provider = PROVIDERS[name]
    marked = {
        "JSON mode": "json_mode",
        "Image input": "vision",
        "Audio input": "audio_in",
        "Video input": "video_in",
        "Streaming": "streaming",
        "Embeddings": "embeddings",
    }
    rows = [
        ["Tool calling", _native(provider, "tools")],
        ["Structured output", _native(provider, "structured_output")],
        *([title, mark(provider, capability)] for title, capability in marked.items()),
        ["Native async", "✓"],
    ]
    return table(["feature", provider.title], rows)


def _native(provider: Provider, capability: str) -> str:
    found = mark(provider, capability)
    return {"✓": "✓ native", "(✓)": "(✓) native"}.get(found, "✓ prompted")


def inputs() -> str:
    """What the vendors' chat takes beside text."""
    kinds = ("vision", "audio_in", "documents", "video_in")
    return table(
        ["provider", *(CAPABILITIES[kind] for kind in kinds)],
        ([provider.title, *(mark(provider, kind) for kind in kinds)] for provider in PROVIDERS.values()),
    )


_MONEY_MODELS = {
    "bineric": "gpt-4",
    "binom_router": "gpt-4o",
    "aimlapi": "openai/gpt-4o",
    "aicredits": "openai/gpt-4o-mini",
    "binobox": "gemini-3.1-flash-lite",
}


def money() -> str:
    """What each provider says of money, found by asking all of them on the simulator."""
    return table(
        ["provider", "unit", "told per call", "list price", "basis of `cost`", "in streams"],
        (_money(provider) for provider in PROVIDERS.values() if provider.name in _MONEY_MODELS),
    )


def _money(provider: Provider) -> list[str]:
    """Ask the provider once, in a stream too, and read its list."""
    model = _MONEY_MODELS[provider.name]
    simulator = Simulator()
    client = Client(
        provider,
        api_key="any-key-1234",
        base_url=simulator.base_url(provider.name),
        http_client=httpx.Client(transport=simulator.transport),
    )
    request = ChatRequest(model=model, messages=[Message("user", "Say hello in three words.")])
    with PRICE_BOOK.aside():
        cost = client.chat(request).cost
        listed = [price for info in client.models() for price in info.prices] if "models" in provider.operations else []
        streamed = [delta.response for delta in client.chat_stream(request) if delta.response is not None][-1]
    units = [each or "none: a bare number" for each in provider.units]
    remains = ", with what remains" if cost is not None and cost.balance is not None else ""
    told = f"on every answer{remains}" if provider.tells_cost else "not documented; read where it is sent"
    basis = "None, until you `set_prices(...)`" if cost is None else f"`{cost.basis}`"
    has = {
        "cost": streamed.cost is not None and streamed.cost.basis == "charged",
        "token counts": streamed.usage is not None,
    }
    stream = " and ".join(name for name, there in has.items() if there) or "nothing"
    if provider.chat_stream is None:
        stream = f"no streams; {stream} on the whole"
    return [provider.title, " or ".join(units), told, _listed(provider, listed), basis, stream]


def _listed(provider: Provider, prices: Sequence[Price]) -> str:
    """What a list says of prices, in the words of `Price.what`, and what is shipped beside it."""
    found = []
    kinds = tuple(sorted({each.what for each in prices} & {"input_tokens", "output_tokens", "call_at_least"}))
    units = " or ".join(sorted({each.currency or "no unit" for each in prices}))
    if kinds == ("call_at_least",):
        found.append(f"the least of a call in {units}")
    elif kinds and any(each.per for each in prices):
        found.append(f"per token in {units}")
    elif kinds:
        found.append(f"in {units} for an unnamed number of tokens, so unused")
    shipped = {each.currency for rows in shipped_prices(provider.name).values() for each in rows if each.per}
    found += [f"a shipped copy in {each}" for each in sorted(map(str, shipped)) if each not in units]
    return "; ".join(found) or "none"


def settings(path: str) -> str:
    """Every argument of a class with type, default and meaning, out of its signature and docstring."""
    module, name = path.rsplit(".", 1)
    cls = getattr(import_module(module), name)
    meanings = argument_meanings(cls)
    rows = []
    for argument, kind, default in arguments(cls):
        meaning = meanings.get(argument, "")
        if not meaning or meaning.startswith("Like `"):
            meaning = SAME_AS.get(argument, "")
        meaning = in_words(meaning)
        rows.append([f"`{argument}`", f"`{kind}`" if kind else "", f"`{default}`" if default else "", meaning])
    return table(["argument", "type", "default", "meaning"], rows)


def described(*paths: str) -> str:
    """Classes and functions as a reader needs them: what each is, its fields with type, default and meaning, and its methods."""
    return "\n".join(_described(path) for path in paths)


def _described(path: str) -> str:
    module, name = path.rsplit(".", 1)
    thing = getattr(import_module(module), name)
    parts = [f"### `{path}`\n", f"{in_words(summary_of(thing))}\n"]
    if isinstance(thing, type) and issubclass(thing, Enum):
        rows = [[f"`{each.name}`", f"`{each.value!r}`"] for each in thing]
        parts.append(table(["member", "value"], rows))
    elif isinstance(thing, type):
        rows = _field_rows(thing)
        if rows:
            parts.append(table(["field", "type", "default", "meaning"], rows))
        methods = [[f"`{each}`", in_words(doc)] for each, doc in methods_of(thing)]
        if methods:
            parts.append(table(["method or property", "what it does"], methods))
    else:
        parts.append(f"```text\n{name}{plain_signature(thing)}\n```\n")
    return "\n".join(parts)


def _field_rows(cls: type) -> list[list[str]]:
    """The fields of a value, or the arguments of a class with a constructor of its own."""
    try:
        fields = arguments(cls)
    except ValueError:  # an enumeration or a warning has no signature of its own
        return []
    meanings = argument_meanings(cls)
    rows = []
    for name, kind, default in fields:
        meaning = (
            meanings.get(name) or FIELDS.get(f"{cls.__name__}.{name}") or FIELDS.get(name) or SAME_AS.get(name, "")
        )
        rows.append([f"`{name}`", f"`{kind}`" if kind else "", f"`{default}`" if default else "", in_words(meaning)])
    return rows


def summary_of(thing: object) -> str:
    """What a docstring says before its sections, as one paragraph each."""
    text = re.split(r"\n(?:Args|Attributes|Raises|Returns|Yields):\n", inspect.getdoc(thing) or "")[0]
    return "\n\n".join(" ".join(each.split()) for each in text.split("\n\n") if each.strip())


def methods_of(cls: type) -> list[tuple[str, str]]:
    """The public methods and properties that a class defines itself or has of a class of this package."""
    found: dict[str, str] = {}
    for home in cls.__mro__:
        if not home.__module__.split(".")[0].endswith("multiapi"):
            continue
        for name, each in vars(home).items():
            plain = each.__func__ if isinstance(each, (classmethod, staticmethod)) else each
            doc = summary_of(plain).partition("\n\n")[0]
            if name.startswith("_") or name in found or not doc:
                continue
            if isinstance(each, property):
                found[name] = doc
            elif inspect.isfunction(plain):
                taken = [part for part in inspect.signature(plain).parameters if part not in {"self", "cls"}]
                found[f"{name}({', '.join(taken)})"] = doc
    return list(found.items())


def plain_signature(function: Callable[..., Any]) -> str:
    """The arguments of a function with their defaults, and without types that nobody reads."""
    return "(" + ", ".join(inspect.signature(function).parameters) + ")"


def listed(module: str, *names: str) -> str:
    """Names of a module, each with the first sentence of what it says of itself."""
    home = import_module(module)
    rows = [[f"`{module}.{name}`", in_words(_first_sentence(getattr(home, name)))] for name in names or home.__all__]
    return table(["name", "what it is"], rows)


def _first_sentence(thing: object) -> str:
    if not callable(thing):
        return CONSTANTS.get(_name_of(thing), f"A `{type(thing).__name__}`.")
    return summary_of(thing).partition("\n\n")[0]


def _name_of(value: object) -> str:
    return next((name for name, each in vars(import_module("multiapi.cassettes")).items() if each is value), "")


def tool_classes() -> str:
    """The classes of LangChain's tools."""
    home = import_module("langchain_multiapi")
    names = [name for name in home.__all__ if name.endswith("Tool") and name != "MultiApiTool"]
    return listed("langchain_multiapi", *names)


CONSTANTS = {
    "FORMAT": "The version of the form of cassettes.",
    "MATCHED": "What of a request has to agree with the recording.",
    "MOST_BYTES": "The longest base64 text that is kept whole; longer ones are kept as a hash.",
}


def error_classes() -> str:
    """Every error class with what it means."""
    found = [
        [f"`multiapi.{name}`", in_words(summary_of(each).partition("\n\n")[0])]
        for name, each in vars(errors).items()
        if isinstance(each, type) and issubclass(each, errors.MultiApiError) and name in _public()
    ]
    return table(["error", "meaning"], found)


def _public() -> list[str]:
    return list(import_module("multiapi").__all__)


def in_words(text: str) -> str:
    """Prose of a docstring in the words of the pages; code in it stays as it is."""
    text = re.sub(r"\b([Aa]) (?=picture\b)", r"\1n ", text)
    return re.sub(r"(`[^`]*`)|\b(vendor|picture|film)(s?)\b", _word, text, flags=re.IGNORECASE)


def _word(found: re.Match[str]) -> str:
    if found[1]:
        return found[1]
    better = {"vendor": "provider", "picture": "image", "film": "video"}[found[2].lower()]
    return (better.capitalize() if found[2][0].isupper() else better) + found[3]


FIELDS = {
    "provider": "The name of the provider.",
    "model": "The provider's id of the model.",
    "extra": "Further fields of the body, in the provider's own names.",
    "headers": "HTTP headers: sent with a request, or as they came with a response.",
    "raw": "The body in the provider's own form.",
    "request_id": "The provider's id of the request.",
    "cost": "What it cost, where the provider says so or a price is known.",
    "usage": "Tokens.",
    "id": "The provider's id of it.",
    "url": "The address it can be had from.",
    "name": "Its name.",
    "description": "What it is, in words.",
    "text": "The text.",
    "prompt": "What to make, in words.",
    "negative_prompt": "What to leave out.",
    "images": "Images: paths, bytes, addresses or `Media`.",
    "reference_images": "Images to take the style or the things from.",
    "mask": "An image whose transparent parts are the ones to change.",
    "width": "In pixels, together with `height`.",
    "height": "In pixels, together with `width`.",
    "aspect_ratio": 'As in "16:9".',
    "resolution": 'A level, as in "2K" or "720p".',
    "count": "How many.",
    "quality": "A level, in the model's own words.",
    "style": "A style, in the model's own words.",
    "background": "transparent, opaque or auto, where the model has it.",
    "output_format": "The format of the file, as in png or mp3.",
    "guidance_scale": "How closely the model keeps to the prompt.",
    "steps": "Steps of the diffusion.",
    "enhance_prompt": "Let the provider improve the prompt first.",
    "watermark": "Whether the result carries a watermark.",
    "inline": "The image itself in the response (True) or an address (False), where the provider lets you choose.",
    "duration_s": "Its length in seconds.",
    "fps": "Frames per second.",
    "camera_fixed": "Keep the camera still.",
    "lyrics": "What is sung.",
    "instrumental": "Without a voice.",
    "voice": "The voice, in the model's own names.",
    "emotion": "How it is said, where the model has it.",
    "settings": "Settings of the model's own studio, by their names there (Binobox).",
    "audio": "A recording: a path, bytes, an address or `Media`.",
    "document": "A document or image: a path, bytes, an address or `Media`.",
    "detect_language": "Let the model find out which language is spoken.",
    "punctuate": "Set punctuation.",
    "left_image": "The same thing from the left.",
    "back_image": "The same thing from behind.",
    "right_image": "The same thing from the right.",
    "mesh": "Settings of the mesh, in the model's own names.",
    "amount": "A `Decimal`; never converted.",
    "unit": '"USD", "INR", "diamonds", "credits", or None where the provider names none.',
    "balance": "What remains, where the provider says it with the response.",
    "complete": "False where more than `amount` was charged.",
    "basis": '"charged", "estimated" (usage times list price) or "at_least".',
    "currency": "None where the provider names none.",
    "expires": "When it ends, as the provider writes it.",
    "created": "When it was made, as the provider writes it.",
    "started": "When work on it began, as the provider writes it.",
    "finished": "When it ended, as the provider writes it.",
    "created_s": "When it was started, by the clock of the client that started it.",
    "misses": "How often in a row the provider said that it knows no such job.",
    "state": "What the provider's word for its state means: pending, completed, failed, ...",
    "kind": "What kind it is.",
    "requests": "How many requests.",
    "BatchRequest.requests": "Conversations by ids that you choose.",
    "succeeded": "How many of them succeeded.",
    "failed": "How many of them failed.",
    "start": "From this day, as YYYY-MM-DD.",
    "end": "To this day, as YYYY-MM-DD.",
    "days": "How many days it covers.",
    "period": 'As in "7d", at providers that take one.',
    "custom_id": "Your id of the conversation.",
    "active": "Whether the account is paid for.",
    "last_model": "The model that was used last.",
    "last_time": "When that was.",
    "last_cost": "What that cost.",
    "input_tokens": "Tokens that were read.",
    "output_tokens": "Tokens that were written.",
    "total_tokens": "Both together.",
    "cached_input_tokens": "Those of `input_tokens` that came from the provider's cache.",
    "cache_write_tokens": "Those of `input_tokens` that were written to it.",
    "reasoning_tokens": "Those of `output_tokens` that were thoughts.",
    "audio_input_tokens": "Those of `input_tokens` that were sound.",
    "audio_output_tokens": "Those of `output_tokens` that were sound.",
    "details": "Every other count, by the provider's own name.",
    "aliases": "Other ids of the same model.",
    "replaced_by": "The model that takes its place.",
    "texts": "One vector is made for each.",
    "dimensions": "How many numbers a vector has, where the model lets you choose.",
    "input_type": '"query" or "document", where the model has it.',
    "batch_size": "Texts per request, at most.",
    "vectors": "One per text, in the order of the texts.",
    "media": "What was made.",
    "category": "What kind of file the provider took it for.",
    "original_bytes": "The size of the file.",
    "Health.ok": "Whether it is well.",
    "Health.parts": "The state of its parts, in the provider's own words.",
    "status": "The provider's own word.",
    "answer_bytes": "A response that is not of another kind.",
    "embeddings_bytes": "A response with vectors.",
    "media_answer_bytes": "A response with media in it.",
    "error_bytes": "The body of an error.",
    "event_bytes": "One event of a stream.",
    "stream_bytes": "A whole stream.",
    "stream_events": "Events of a stream.",
    "file_bytes": "A file that is downloaded.",
    "choices": "Alternatives in a response.",
    "Limits.tool_calls": "Tool calls in a response.",
    "Limits.citations": "Citations in a response.",
    "Limits.media": "Media in a response.",
    "Limits.parts": "Parts of a message.",
    "parts": "Its parts.",
    "tool_calls": "Calls of tools.",
    "reasoning": "What the model thought.",
    "refusal": "The words with which the model refused.",
    "citations": "Sources that the response names.",
    "response": "Everything, put together; on the last chunk alone.",
    "logprobs": "Probabilities of tokens, in the provider's form.",
    "data": "The bytes, or base64 text.",
    "file_id": "The provider's id of a file that was uploaded.",
    "mime_type": "The media type, as in image/png.",
    "filename": "The name that the file goes by.",
    "detail": "How closely an image is looked at: low, high or auto.",
    "cache_control": "Sent to providers that take it.",
    "path": "Where it was saved.",
    "metadata": "What else the provider said of it.",
    "role": "system, user, assistant or tool.",
    "content": "Text, or a list of parts.",
    "tool_call_id": "Of a tool's result: which call it belongs to.",
    "is_error": "Of a tool's result: the tool failed.",
    "inputs": "What goes in: text, image, audio, ...",
    "outputs": "What comes out.",
    "max_output_tokens": "The longest response.",
    "prices": "What it costs.",
    "endpoint": "The operation that was measured.",
    "window_s": "The stretch of time that was measured, in seconds.",
    "percentiles": "p50, p75, p90 and p99, by what was measured.",
    "ids": "Only these models.",
    "types": "Only models of these types.",
    "tags": "Only models with these tags.",
    "capabilities": "Only models that can do this.",
    "ModelInfo.capabilities": "The provider's own words for what it can do.",
    "safe": "Whether it is harmless.",
    "categories": "What it is harmful as, in the guard's own words.",
    "pages": "The pages, in their order.",
    "annotation": "What the model said of the whole document, as JSON text.",
    "items": "What is on this page.",
    "total": "How many there are in all.",
    "next_offset": "Goes into the request for the next page; None at the end.",
    "next_cursor": "Goes into the request for the next page; None at the end.",
    "job": "The job, as it was when it was looked at.",
    "elapsed_s": "How long it has been waited for, in seconds.",
    "schema": "A JSON schema; None for JSON mode.",
    "strict": "Whether the provider enforces the schema, where it can.",
    "method": 'How it is asked for; "auto" takes the best way that the provider documents.',
    "parameters": "A JSON schema of the arguments.",
    "Tool.raw": "A tool in the provider's own form, sent unchanged.",
    "arguments": "A JSON object, as text.",
    "links": "Addresses.",
    "videos": "Videos that were found.",
    "weather": "The weather, where it was asked for.",
    "map": "A place on the map, where it was asked for.",
    "knowledge": "Facts, where they were asked for.",
    "language": "The language that is spoken.",
    "job_id": "The job that it came from.",
    "estimated_cost": "What the provider expects it to cost.",
    "refunded": "What the provider gave back.",
    "error_code": "The provider's word for the failure.",
    "made_by": "Who makes it for the provider.",
    "message": "What went wrong.",
    "api_key_env": "The environment variable of the key.",
    "base_url_env": "The environment variable of the address.",
    "chat": "How a chat is built and read.",
    "read_error": "Makes an error of a response with a status from 400.",
    "start_s": "Where it begins, in seconds.",
    "end_s": "Where it ends, in seconds.",
    "speaker": "Who speaks.",
    "index": "Its place, counted from 0.",
    "title": "Its title.",
    "day": "The day, as YYYY-MM-DD.",
    "disabled": "Whether the key is switched off.",
    "scopes": "What the key may do.",
    "limit_usd": "What the key may spend in a period, in USD.",
    "limit_period": "The period that its limit is for: day, week, month, ...",
    "spent_this_month_usd": "What it spent this month, in USD.",
    "updated": "When it was changed last, as the provider writes it.",
    "prefix": "The beginning of the key.",
    "key_prefix": "Only calls of the key that begins with this.",
    "models": "Only calls of these models.",
    "statuses": "Only calls with these statuses.",
    "limit": "How many to list.",
    "offset": "How many to leave out before the first.",
    "cursor": "`next_cursor` of the page before.",
    "inference_id": "The provider's id of the call.",
    "direction": "CHARGE or REFUND and the like, in the provider's own words.",
    "reference_id": "What the money was for.",
    "since": "Only what changed since this day.",
    "etag": "The version that is at hand already; nothing is sent again while it is the newest.",
    "source": "The address of the page.",
    "source_name": "The name of the page.",
    "original": "The address of the full image.",
    "link": "The address of the page.",
    "thumbnail": "The address of a small image.",
    "precipitation": "Rain or snow.",
    "humidity": "Humidity of the air.",
    "wind": "Wind.",
    "location": "The place.",
    "date": "The day and time.",
    "forecast": "The next days.",
    "hourly_forecast": "The next hours.",
    "precipitation_forecast": "Rain or snow in the next hours.",
    "wind_forecast": "Wind in the next hours.",
    "sources": "Where it comes from.",
    "image": "The address of an image of it.",
    "latitude": "In degrees.",
    "longitude": "In degrees.",
    "type": "What kind it is.",
    "born": "When and where, of a person.",
    "died": "When and where, of a person.",
    "query": "Further fields of the address.",
    "flow": "What it does, as a flow of requests.",
    "Parameter.type": "The type of its value.",
    "default": "Its value where the model chooses none.",
    "ToolAnswer.value": "The typed result.",
    "sleep": "Waits; for tests.",
    "rows": "How many rows there are.",
    "done": "Rows that are done.",
    "unknown": "Rows whose request may have been carried out, without a response.",
    "reason_class": "The class of the error that ended it.",
    "read": "Rows that were read.",
    "under_way": "Rows whose request is out.",
    "window": "How many requests may be out at once.",
    "refused": "Requests that were refused for their rate.",
    "spent": "What was spent.",
    "seconds": "How long it has run.",
    "rows_per_s": "Rows that are done in a second.",
    "Estimate.rows": "The number of rows that the sample was taken of.",
    "address": "Where the owner of the job listens.",
    "vector": "The vector.",
    "RawPart.value": "The part in the provider's own form.",
    "InvalidToolCall.error": "What is wrong with it.",
    "ToolCallDelta.number": "Which call of the response it belongs to.",
    "confidence": "How sure the model is, from 0 to 1.",
    "number": "Its place, counted from 1.",
    "width_px": "Its width in pixels.",
    "height_px": "Its height in pixels.",
    "build": "Makes the HTTP request.",
    "parse": "Reads the HTTP response.",
    "document_bytes": "A document that is read, as JSON, XML or HTML.",
    "knows_developer": "Whether the role `developer` is known.",
    "snippet": "Some of its text.",
}
"""What fields mean that docstrings leave to their names."""


SAME_AS = {
    "rate_limiter": "The framework's own limiter, asked once per call.",
    "model_name": "The model's id, as LlamaIndex calls it.",
    "embed_batch_size": "Texts per request, at most.",
    "num_workers": "LlamaIndex': batches at once in async calls.",
    "embeddings_cache": "LlamaIndex': asked before a text is sent.",
    "api_key": "Text, `SecretStr`, or a function that gives it. None: the provider's environment variable.",
    "base_url": "The provider's API root. None: the provider's environment variable, else as documented.",
    "timeout": "Seconds, (connect, read), `multiapi.Timeout` or `httpx.Timeout`.",
    "max_retries": "The most retries of a call; 2 unless set.",
    "default_headers": "Sent with every request.",
    "default_query": "Sent with every request.",
    "http_client": "An httpx or httpx2 client to send with.",
    "http_async_client": "The same for async calls.",
    "allow_http": "Permit plain http to hosts that are not this machine.",
    "limiter": 'A `multiapi.Limiter`, or "documented".',
    "proxy": "Address of a proxy. None: as the environment says.",
    "verify": "What certificates are checked against, as for httpx.",
    "trust_env": "Whether the variables for proxies and certificates count.",
    "engine": 'What sends the requests: "multiapi", "httpx" or "httpx2".',
    "policy": "`multiapi.Policy`: what is retried.",
    "limits": "`multiapi.Limits`: how much is read at most.",
    "attribution": "`multiapi.Attribution`: which program makes these requests.",
    "budget": 'A `multiapi.Budget`, or an amount like "20 USD".',
    "max_tokens_name": "What the limit is called in the body. None: as the provider documents it.",
    "model_kwargs": "Further fields of the body.",
    "parallel_tool_calls": "Whether a model may call several tools at once.",
    "clock": "Seconds, growing; for tests.",
    "temperature": "Sampling temperature.",
    "top_p": "Only the most likely tokens that together have this probability.",
    "top_k": "Only this number of most likely tokens.",
    "max_tokens": "The most tokens of a response. (Also `max_completion_tokens`.)",
    "stop": "Texts at which the response ends. (Also `stop_sequences`.)",
    "seed": "The same seed for the same response, as far as the provider can.",
    "n": "Number of responses.",
    "presence_penalty": "Against tokens that were used.",
    "frequency_penalty": "Against tokens by how often they were used.",
    "logit_bias": "Token ids, each with what is added to its chance.",
    "logprobs": "Report the probabilities of tokens.",
    "top_logprobs": "Report this number of alternatives for each token.",
    "reasoning_effort": "How much a reasoning model thinks: low, medium, high, as the provider calls it.",
    "encoding_format": "How vectors are sent: float or base64.",
    "extra_body": "Further fields of the body, merged deeply.",
    "messages": "The conversation, oldest first.",
    "tools": "What the model may call.",
    "response_format": "A schema or JSON mode for the response.",
    "user": "An id of your own user, for the provider.",
    "service_tier": "The provider's class of service.",
    "include": "Which tools, by name. None: all that the provider has.",
    "input_dir": "Files may be read below this folder. None: none may be read.",
    "output_dir": "What is made is written into this folder.",
    "options": 'Fixed settings by call, as in {"speech": {"voice": "nova"}}.',
    "allow_urls": "Let a model name https addresses as inputs.",
    "job_timeout_s": "How long a tool waits for a video, music or a transcript.",
    "poll_every": "How often it asks meanwhile, in seconds, or a function of the seconds waited so far.",
    "max_input_bytes": "The largest file that is read.",
}
"""What the docstrings leave out, because it is the framework's, or say of several arguments at once."""


def arguments(cls: type) -> list[tuple[str, str, str]]:
    """Name, type and default of each argument."""
    if issubclass(cls, BaseModel) and not issubclass(cls, SpendingHandler):
        homes = [each for each in cls.__mro__ if each.__module__.split(".")[0].endswith("multiapi")]
        own = {name for home in homes for name in vars(home).get("__annotations__", {})} | {"rate_limiter"}
        return [
            (name, short(field.annotation), "" if field.is_required() else value(field.get_default()))
            for name, field in cls.model_fields.items()
            if name in own
        ]
    return [
        (each.name, short(each.annotation), "" if each.default is each.empty else value(each.default))
        for each in inspect.signature(cls).parameters.values()
        if each.kind not in {each.VAR_POSITIONAL, each.VAR_KEYWORD}
    ]


def value(default: object) -> str:
    """A default as it is written; what a factory makes shows as nothing."""
    return repr(default) if isinstance(default, (str, int, float, bool, tuple, type(None))) else ""


def short(annotation: object) -> str:
    """A type as people write it: without modules, and alike in every Python."""
    annotation = getattr(annotation, "__forward_arg__", annotation)
    text = annotation if isinstance(annotation, str) else _written(annotation)
    text = re.sub(r"\b(?:[a-z_]\w*\.)+(?=\w)", "", text)
    return text.replace("|", "\\|") if len(text) < 100 else ""


def _written(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation is None or annotation is type(None):
        return "None"
    if origin is Annotated:
        return _written(inner[0])
    if origin is Literal:
        return "Literal[" + ", ".join(f'"{each}"' for each in inner) + "]"
    if origin in {Union, UnionType}:
        return " | ".join(dict.fromkeys(map(_written, inner)))
    if isinstance(annotation, list):
        return "[" + ", ".join(map(_written, annotation)) + "]"
    name = getattr(origin or annotation, "__name__", str(annotation))
    return f"{name}[{', '.join(map(_written, inner))}]" if inner else str(name)


def argument_meanings(cls: type) -> dict[str, str]:
    """The section Args of a docstring, by name."""
    found: dict[str, str] = {}
    section = re.search(r"\n(?:Args|Attributes):\n(.*?)(?:\n\n\w|\Z)", inspect.getdoc(cls) or "", re.DOTALL)
    text = re.sub(r"\n {6,}", " ", section[1]) if section else ""
    for line in text.splitlines():
        names, colon, meaning = line.strip().partition(": ")
        if colon and not meaning.startswith("As for"):
            found |= dict.fromkeys(names.split(", "), meaning.replace("|", "\\|"))
    return found


def sampling() -> str:
    """Which provider takes which setting of a chat, found by asking all of them."""
    return table(
        ["setting", *(provider.title for provider in PROVIDERS.values())],
        (
            [f"`{name}`", *(_taken(provider, name, given) for provider in PROVIDERS.values())]
            for name, given in SAMPLING
        ),
    )


SAMPLING: tuple[tuple[str, object], ...] = (
    ("temperature", 0.5),
    ("top_p", 0.5),
    ("top_k", 5),
    ("max_tokens", 10),
    ("stop", ["x"]),
    ("seed", 1),
    ("n", 1),
    ("presence_penalty", 0.1),
    ("frequency_penalty", 0.1),
    ("logit_bias", {"1": 1}),
    ("logprobs", True),
    ("reasoning_effort", "low"),
    ("user", "ada"),
    ("service_tier", "auto"),
)


def _taken(provider: Provider, name: str, given: object) -> str:
    """Send a chat with one setting to nowhere, and see whether it left."""
    from langchain_multiapi import ChatMultiApi

    sent: list[bytes] = []

    def nowhere(request: httpx.Request) -> httpx.Response:
        sent.append(request.read())
        return httpx.Response(400, json={"error": {"message": "nowhere"}})

    model = _MONEY_MODELS[provider.name]
    try:
        ChatMultiApi(
            provider=provider.name,
            model=model,
            api_key="any-key-1234",
            base_url=provider.base_url,
            max_retries=0,
            http_client=httpx.Client(transport=httpx.MockTransport(nowhere)),
            **{name: given},
        ).invoke("hello")
    except errors.MultiApiError:
        pass
    return "✓" if sent else "refused"


def troubles() -> str:
    """What the package says in situations that everybody meets, by getting into them, and what to do."""
    return table(
        ["message", "class", "what to do"],
        ([f"`{_message(error)}`", f"`{type(error).__name__}`", todo] for error, todo in _troubles()),
    )


def _message(error: Exception) -> str:
    return str(error).replace("|", "\\|").replace("\n", " ").replace("`", "'")


def _troubles() -> Iterator[tuple[Exception, str]]:
    """Each with the error that it ends in."""
    for settings, todo in _SITUATIONS:
        given: dict[str, Any] = {"provider": "aimlapi", "api_key": "any-key-1234", "model": "openai/gpt-4o", **settings}
        fault, faulty, extra = given.pop("fault", None), given.pop("faulty", None), given.pop("extra", {})
        simulator = Simulator()
        if fault:
            simulator.faults.add(fault, vendor=given["provider"])
        try:
            known = given["provider"] in PROVIDERS
            address = given.pop("base_url", None) or (simulator.base_url(given["provider"]) if known else None)
            client = Client(
                given["provider"],
                api_key=given["api_key"],
                base_url=address,
                max_retries=0,
                http_client=httpx.Client(transport=simulator.transport),
            )
            if faulty:
                faulty(client)
            else:
                client.chat(ChatRequest(model=given["model"], messages=[Message("user", "hello")], **extra))
        except Exception as error:
            yield error, todo
        else:
            raise AssertionError(f"{settings} went well")


_SITUATIONS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"api_key": ""}, "Set the variable, or pass `api_key=`. Run `multiapi doctor` to see what is set."),
    (
        {"api_key": "invalid-key"},
        "The key is wrong, revoked, or that of another provider. Make a new one at the provider.",
    ),
    ({"api_key": "empty-wallet"}, "Top up, or let [another provider](failover.md) answer."),
    ({"provider": "aimlapy"}, "Write one of the names."),
    ({"model": "bineric:gpt-4"}, "A prefix names the provider; take it away or change `provider=`."),
    (
        {"model": "opnai/gpt-4o"},
        "The id is wrong or the provider no longer has the model: `multiapi models -p aimlapi`.",
    ),
    ({"base_url": "api.aimlapi.com"}, "Write the address with `https://`."),
    ({"base_url": "http://api.aimlapi.com"}, "Use https; `allow_http=True` is for gateways in your own network."),
    ({"fault": "status=429; retry-after=90"}, "Wait, or [limit](rate_limits.md#keeping-to-the-limits) what you send."),
    (
        {"fault": "status=503"},
        "Retried by itself up to `max_retries`; then let [another provider](failover.md) answer.",
    ),
    (
        {"provider": "binobox", "model": "gemini-3.1-flash-lite", "extra": {"top_p": 0.5}},
        "Leave the setting out: [who takes what](../reference/settings.md#what-each-provider-takes).",
    ),
    ({"extra": {"temperature": 9}}, "Correct the value."),
    (
        {"provider": "binobox", "faulty": lambda client: client.embed(EmbedRequest(model="any", texts=["text"]))},
        "Take one of the providers named.",
    ),
)


def messages() -> str:
    """Every text that the package raises, out of its source; what is filled in shows as an ellipsis."""
    found = set()
    for package in ("multiapi", "langchain_multiapi", "llamaindex_multiapi"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if "simulator" not in path.parts:
                found |= set(_raised(ast.parse(path.read_text(encoding="utf-8"))))
    return "".join(
        f"- {text} ({', '.join(sorted({c for t, c in found if t == text}))})\n"
        for text in sorted({t for t, _ in found}, key=str.lower)
    )


def _raised(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The messages of exceptions that are made with a text, and their classes."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id.endswith("Error")
            and node.args
        ):
            text = _text_of(node.args[0])
            if text and re.search(r"[a-z]{3,} [a-z]", text):
                yield "`" + re.sub(r"\s+", " ", text.replace("`", "'")) + "`", f"`{node.func.id}`"


def _text_of(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            each.value if isinstance(each, ast.Constant) and isinstance(each.value, str) else "…"
            for each in node.values
        )
    return ""


def structured() -> str:
    """In which order the ways to structured output are tried."""
    words = {
        "json_schema": "JSON schema",
        "function_calling": "tool call",
        "json_mode": "JSON mode",
        "prompted": "prompt",
    }
    return table(
        ["provider", "in this order"],
        (
            [
                provider.title,
                "; ".join(
                    ", ".join(words[method] for method in ways) + where
                    for ways, where in (
                        ((provider.structured, ""),)
                        if provider.structured_by_model is None
                        else (
                            (provider.structured, " (OpenAI's models)"),
                            (provider.structured_for("*/*"), " (others)"),
                        )
                    )
                ),
            ]
            for provider in PROVIDERS.values()
        ),
    )


def efforts() -> str:
    """What `reasoning_effort` is known to do, with the day on which that was found out."""
    outcomes = {
        "off": "turns reasoning off",
        "low": 'means "low"',
        "ignored": "is accepted and ignored",
        "400": "is refused",
    }
    rows = [fact for fact in MODEL_FACTS if fact.topic == "reasoning_effort"]
    said = [
        [
            f"`{effort}` {outcomes[outcome]}" if effort != "*" else f"every value {outcomes[outcome]}"
            for effort, outcome in fact.value.items()
        ]
        if "only" not in fact.value
        else ["takes " + ", ".join(f"`{effort}`" for effort in fact.value["only"])]
        for fact in rows
    ]
    return table(
        ["models", "what happens", "as of"],
        (
            [", ".join(f"`{model}`" for model in fact.models), "; ".join(what), fact.read]
            for fact, what in zip(rows, said, strict=True)
        ),
    )


def limits() -> str:
    """Documented limits, and what is retried."""
    return table(
        [
            "provider",
            "requests per minute",
            "calls at once",
            "429",
            "other statuses retried for chat and embeddings",
        ],
        (
            [
                provider.title,
                str(provider.requests_per_minute or "not said"),
                str(provider.max_concurrency or "not said"),
                "a daily limit: only with `Retry-After`" if provider.rate_limit_is_final else "retried",
                _server_errors(provider),
            ]
            for provider in PROVIDERS.values()
        ),
    )


# Which operations of a provider a method needs: one of them. `job` and `wait` go with every operation that starts a job.
METHODS = {
    "image": ("image",),
    "edit_image": ("edit_image",),
    "mesh": ("mesh",),
    "speech": ("speech",),
    "transcribe": ("transcribe", "start_transcription"),
    "music": ("music", "start_music"),
    "video": ("start_video",),
    "ocr": ("ocr",),
    "moderate": ("moderate",),
    "vision_features": ("vision_features",),
    "responses": ("responses",),
    "messages": ("messages",),
    "start_video": ("start_video",),
    "start_music": ("start_music",),
    "start_transcription": ("start_transcription",),
    "job": ("poll_video", "poll_music", "poll_transcription"),
    "wait": ("poll_video", "poll_music", "poll_transcription"),
    "file_to_base64": ("file_to_base64",),
    "decode_base64": ("decode_base64",),
    "models": ("models",),
    "model": ("model", "models"),
    "metrics": ("metrics",),
    "model_schema": ("model_schema",),
    "deprecations": ("deprecations",),
    "balance": ("balance", "credits"),
    "credits": ("credits",),
    "usage": ("usage", "usage_total"),
    "daily_usage": ("daily_usage",),
    "health": ("health", "ready", "live"),
    "logs": ("logs",),
    "transactions": ("transactions",),
    "keys": ("list_keys",),
    "current_key": ("get_key",),
    "create_key": ("create_key",),
    "update_key": ("update_key",),
    "replace_key": ("replace_key",),
    "delete_key": ("delete_key",),
    "create_batch": ("create_batch",),
    "batch": ("get_batch",),
    "cancel_batch": ("cancel_batch",),
}


def tools() -> str:
    """Which tools agents can have of each vendor."""
    providers = list(PROVIDERS.values())
    return table(
        ["tool", "what it does", *(provider.title for provider in providers)],
        (
            [
                f"`{tool.name}`",
                in_words(tool.description.partition(". ")[0].rstrip(".") + "."),
                *("✓" if tool.fits(provider) else "–" for provider in providers),
            ]
            for tool in TOOLS.values()
        ),
    )


def error_tree() -> str:
    """The classes of errors, as their module draws them."""
    drawn = re.search(r"```\n(.*?)```", errors.__doc__ or "", re.DOTALL)
    assert drawn is not None
    return f"```text\n{in_words(drawn[1])}```\n"


def commands() -> str:
    """The commands of the command line, as they describe themselves."""
    described = ((entry.name, entry.callback.__doc__ or "") for entry in app.registered_commands if entry.callback)
    return table(
        ["command", "what it does"],
        ([f"`multiapi {name}`", _OPTION.sub(r"`\1`", " ".join(words.split()))] for name, words in described),
    )


def exit_codes() -> str:
    """What the command line ends with."""
    lines = [line for line in (codes.__doc__ or "").splitlines() if line.startswith("|")]
    return "\n".join(lines) + "\n"


def operations(name: str) -> str:
    """Everything one vendor can be asked for, as methods of the client, with what goes in and what comes out."""
    provider = PROVIDERS[name]
    rows = [["`chat(ChatRequest)`", "One answer to a conversation.", "`ChatResponse`"]]
    rows.append(["`chat_stream(ChatRequest)`", "The answer piece by piece.", "iterator of `ChatDelta`"])
    if "embed" in provider.operations:
        rows.append(["`embed(EmbedRequest)`", "One vector per text.", "`EmbedResponse`"])
    rows += [_method(method) for method, needs in METHODS.items() if any(need in provider.operations for need in needs)]
    if any(needs in provider.operations for needs in ("image", "speech")):
        rows += [_method("download"), _method("save")]
    if "search" in provider.operations:
        rows.append(_method("search"))
    if legacy_names(provider):
        rows.append(_method("legacy"))
    return table(["method of `Client` and `AsyncClient`", "what it does", "result"], rows)


def legacy_names(provider: Provider) -> list[str]:
    """Operations that no method of its own stands for."""
    named = {need for needs in METHODS.values() for need in needs} | {"embed", "search"}
    return sorted(set(provider.operations) - named - {f"search_{kind}" for kind in SEARCH_KINDS})


def legacy(name: str) -> str:
    """The older operations of a vendor, in its own words."""
    return "".join(f"`{operation}` " for operation in legacy_names(PROVIDERS[name])).strip() + "\n"


def _method(name: str) -> list[str]:
    """A method as it is written, with the first sentence of what it says of itself."""
    make = vars(Operations)[name].make
    signature = inspect.signature(make)
    taken = [
        _argument(parameter)
        for parameter in list(signature.parameters.values())[1:]
        if parameter.kind is not parameter.KEYWORD_ONLY
    ]
    doc = " ".join((make.__doc__ or "").split("\n\n")[0].split())
    result = str(signature.return_annotation).removeprefix("Flow[").removesuffix("]")
    result = {"M": "Media"}.get(result, result)
    return [f"`{name}({', '.join(taken)})`", in_words(doc), f"`{result}`"]


def _argument(parameter: inspect.Parameter) -> str:
    """The type where that is a request, else the name."""
    kind = str(parameter.annotation).partition(" |")[0]
    return kind if kind.endswith("Request") or kind == "KeyChange" else parameter.name


def compared() -> str:
    """The totals of the pages that count, as those pages have them."""
    titles = {provider.title for provider in PROVIDERS.values()}
    rows = []
    for name, title, what in MEASURED:
        source = ROOT / "docs" / f"{name}.md"
        if what is not None and source.exists():
            found = totals(source.read_text(encoding="utf-8"))
            shown = ", ".join(f"{OURS if who in titles else ''}{who} **{count}**" for who, count in found if count)
            rows.append([f"[{title[0].upper()}{title[1:]}](docs/{name}.md)", what, shown])
    return table(["page", "what was counted", "right of all that apply"], rows)


def speed() -> str:
    """The ratios to the incumbents out of the page that `make bench-full` writes."""
    found = ratios(PERFORMANCE.read_text(encoding="utf-8")) if PERFORMANCE.exists() else {}
    if not found:
        return "Not measured yet: `make bench-full` measures it and writes this table.\n"
    rows = [[words, *found[case]] for case, words in COMPARED.items() if case in found]
    return table(["with `multiapi`, where the incumbent takes 100 %", "langchain-openai", "OpenAILike"], rows)


def ratios(text: str) -> dict[str, list[str]]:
    """Of the first table of the page, by its first column: the figures of LangChain and of LlamaIndex, as percentages."""
    rows = [[cell.strip(" *") for cell in line.strip().strip("|").split("|")] for line in _first_table(text)]
    if not rows:
        return {}
    columns = [rows[0].index(name) for name in ("LangChain", "LlamaIndex")]
    return {row[0]: [_percent(row[column]) for column in columns] for row in rows[2:]}


def _first_table(text: str) -> list[str]:
    _, start, rest = text.partition("| case |")
    return (start + rest).partition("\n\n")[0].strip().splitlines()


def _percent(figure: str) -> str:
    """A ratio as people read it; what was not measured stays a dash."""
    try:
        return f"{float(figure.replace(',', '')):.0%}".replace("%", " %")
    except ValueError:
        return "–"


def measured() -> str:
    """The pages that measure, as far as they are there."""
    there = [(name, title) for name, title, _ in MEASURED if (ROOT / "docs" / f"{name}.md").exists()]
    links = ", ".join(f"[{title}](docs/{name}.md)" for name, title in there)
    return f"What was measured, and how: {links}.\n"


PERFORMANCE = ROOT / "docs" / "performance.md"
COMPARED = {
    "first model and first call": "time to the first model and its first call",
    "invoke / chat": "processor time of a call",
    "ainvoke / achat": "the same, awaited",
    "stream of 1,000, per chunk": "processor time of a chunk of a stream",
    "200 concurrent, CPU per call": "processor time of a call, 200 at once",
    "500 messages of history, per call": "processor time of a call with 500 messages before it",
    "10 MB image in the prompt": "processor time of a call with an image of 10 MB",
    "embeddings 2,048 x 1,536": "processor time of a vector, 2,048 at once",
}
"""Rows of the page's table that are ratios, and what they are called for somebody who knows none of the cases."""

OURS = "MultiApiLLM at "
MEASURED = (
    ("hostile_answers", "hostile answers", "What servers really send, tried on LangChain chat models"),
    (
        "llamaindex_conformance",
        "LlamaIndex conformance",
        "What users of LlamaIndex's integrations reported and asked for, as tests",
    ),
    ("performance", "performance", None),
    ("soak", "soak test", None),
)
"""Pages, their titles, and what is counted on those that have a row of totals."""


def totals(text: str) -> list[tuple[str, str]]:
    """Names and cells of the row `**all**` of the first table of a page that has one."""
    head: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip(" *") for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if cells and cells[0] == "all":
            return list(zip(head[1:], cells[1:], strict=True))
        if cells and not set("".join(cells)) <= {"-", " "} and not head:
            head = cells
        elif not cells:
            head = []
    raise ValueError("the page has no row of totals")


def abilities() -> str:
    """What the simulated model can do, with an example of each and what it makes of it."""
    listed = import_module("tests.simulator.abilities").ABILITIES
    rows = [[one.name, f"{one.prompt}", f"`{one.answer()}`", one.limits] for one in listed]
    return table(["ability", "asked", "response", "limits"], rows)


TABLES: dict[str, Callable[..., str]] = {
    function.__name__: function
    for function in (
        abilities,
        matrix,
        summary,
        names,
        simulated,
        details,
        features,
        inputs,
        structured,
        settings,
        described,
        listed,
        tool_classes,
        error_classes,
        sampling,
        troubles,
        messages,
        money,
        efforts,
        limits,
        operations,
        by_provider,
        moved,
        legacy,
        tools,
        commands,
        error_tree,
        exit_codes,
        compared,
        speed,
        measured,
    )
}


def rewritten(text: str) -> str:
    """A page with its tables as the code says."""
    return _PLACE.sub(lambda place: place[1] + TABLES[place["name"]](*place["arguments"].split()), text)


def pages() -> list[Path]:
    """All pages that may hold a table."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def main() -> int:
    """Rewrite the pages; says which changed."""
    for path in pages():
        text = path.read_text(encoding="utf-8")
        changed = rewritten(text)
        if changed != text:
            path.write_text(changed, encoding="utf-8")
            print(path.relative_to(ROOT))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
