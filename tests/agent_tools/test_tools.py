"""The tools themselves: every tool of every vendor, as a LangChain tool and as a LlamaIndex tool, called both ways."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import pickle
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.tools import ToolException

from langchain_multiapi import tools as langchain_tools
from langchain_multiapi.tools import (
    GenerateImageTool,
    MultiApiTool,
    MultiApiToolkit,
    StartVideoTool,
    TranscribeAudioTool,
)
from llamaindex_multiapi.tools import MultiApiToolSpec
from multiapi.agent_tools import TOOLS, ToolAnswer, Toolbox, arguments_model, plain
from multiapi.errors import InvalidRequestError, MissingApiKeyError, UnsupportedError
from multiapi.providers import PROVIDERS
from multiapi.simulator.media import describe_image, draw_image, speak, transcribe
from multiapi.types.media import Media
from tests.agent_tools.conftest import KEY, Vendors

PNG = draw_image("a page of text", 64, 64)
WAV = speak("the weather is fine", "audio/wav")
GUARD = "meta-llama/Meta-Llama-Guard-3-8B"

# Arguments for a try of each tool.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "generate_image": {"prompt": "a red boat"},
    "edit_image": {"image": "page.png", "prompt": "add a hat"},
    "text_to_speech": {"text": "hello there"},
    "transcribe_audio": {"audio": "note.wav"},
    "generate_music": {"prompt": "a slow waltz", "duration_s": 10},
    "generate_video": {"prompt": "a cat"},
    "start_video": {"prompt": "a cat", "duration_s": 5},
    "check_job": {"job_id": ""},
    "read_document": {"document": "page.png"},
    "generate_3d_model": {"image": "page.png"},
    "search_web": {"query": "What is new in Oslo?"},
    "moderate_text": {"text": "hello"},
    "search_engine": {"query": "weather in Oslo", "kind": "weather"},
    "vision_features": {"image": "page.png"},
    "file_to_base64": {"file": "page.png"},
    "decode_base64": {"data": base64.b64encode(PNG).decode()},
    "list_models": {"contains": "a"},
    "usage_report": {},
    "balance": {},
    "health": {},
}
EACH = [(vendor, name) for vendor, provider in PROVIDERS.items() for name, tool in TOOLS.items() if tool.fits(provider)]
NAMED = sorted(name for name, tool in TOOLS.items() if tool.only_named)
WAYS = ["langchain", "langchain async", "llamaindex", "llamaindex async"]


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    found = {"input_dir": tmp_path / "in", "output_dir": tmp_path / "out"}
    found["input_dir"].mkdir()
    (found["input_dir"] / "page.png").write_bytes(PNG)
    (found["input_dir"] / "note.wav").write_bytes(WAV)
    return found


class Caller:
    """One toolkit, called in one of the ways: text for the model, and what stands beside it."""

    def __init__(self, way: str, vendors: Vendors, vendor: str, **settings: Any) -> None:
        self.awaited = way.endswith("async")
        connection = vendors.connection(vendor)
        if way.startswith("langchain"):
            kit = MultiApiToolkit(provider=vendor, **connection, **settings)
            self.tools: dict[str, Any] = {tool.name: tool for tool in kit.get_tools()}
            self.langchain = True
        else:
            spec = MultiApiToolSpec(vendor, **connection, **settings)
            self.tools = {tool.metadata.name: tool for tool in spec.to_tool_list()}
            self.langchain = False

    def __call__(self, name: str, **arguments: Any) -> tuple[str, Any]:
        tool = self.tools[name]
        if self.langchain:
            asked = {"type": "tool_call", "id": "call-1", "name": name, "args": arguments}
            message = asyncio.run(tool.ainvoke(asked)) if self.awaited else tool.invoke(asked)
            return message.content, message.artifact
        output = asyncio.run(tool.acall(**arguments)) if self.awaited else tool.call(**arguments)
        return output.content, output.raw_output.artifact


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("vendor", "name"), EACH)
def test_every_tool_of_every_vendor(
    vendors: Vendors, folders: dict[str, Path], vendor: str, name: str, way: str
) -> None:
    named = {"include": [name]} if name in NAMED else {}
    call = Caller(way, vendors, vendor, models={"moderate_text": GUARD}, **named, **folders)
    arguments = dict(ARGUMENTS[name])
    if name == "check_job":
        arguments["job_id"] = call("start_video", prompt="a cat")[1].id
    text, artifact = call(name, **arguments)
    assert text and len(text) < 20_000
    assert "base64," not in text and KEY not in text and str(folders["output_dir"]) not in text
    for media in artifact if isinstance(artifact, list) else [artifact]:
        if isinstance(media, Media) and name != "file_to_base64":
            assert media.path is not None and media.path.parent == folders["output_dir"]
            assert media.path.name in text
            assert media.read()
    assert not [path for path in folders["output_dir"].iterdir() if path.name.startswith(".")]


def test_what_is_made_is_what_was_asked_for(vendors: Vendors, folders: dict[str, Path]) -> None:
    call = Caller("langchain", vendors, "aimlapi", **folders)
    picture = call("generate_image", prompt="a red boat")[1]
    assert describe_image(picture.read()).text == "a red boat"
    sound = call("text_to_speech", text="hello there")[1]
    assert transcribe(sound.read()).text == "hello there"
    assert call("transcribe_audio", audio="note.wav")[0] == "the weather is fine"
    assert call("read_document", document="page.png", pages=[1])[0] == "Page 1:\na page of text"


def test_what_one_tool_makes_another_takes_by_its_name(vendors: Vendors) -> None:
    """Also without folders: then it is kept for a while."""
    for settings in ({}, {"output_dir": None}):
        call = Caller("langchain", vendors, "aimlapi", **settings)
        picture, artifact = call("generate_image", prompt="a red boat")
        name = picture.split("kept as ")[1].split(" ")[0]
        assert artifact.kind == "image" and artifact.data and artifact.path is None
        changed, _ = call("edit_image", image=name, prompt="add a hat")
        assert "changed image was made and kept as image-" in changed
        assert call("read_document", document=name)[0].endswith("a red boat")
        sound, _ = call("text_to_speech", text="good morning")
        assert call("transcribe_audio", audio=sound.split("kept as ")[1].split(" ")[0])[0] == "good morning"


def test_a_film_without_a_folder_stays_at_its_address(vendors: Vendors) -> None:
    _, film = Caller("langchain", vendors, "binobox")("generate_video", prompt="a cat", duration_s=4)
    assert film.data is None and film.url and film.kind == "video"


def test_a_film_that_takes_too_long_is_never_started_again(vendors: Vendors, folders: dict[str, Path]) -> None:
    vendors.simulator.faults.add("job=stuck", vendor="binobox")
    call = Caller("langchain", vendors, "binobox", **folders, job_timeout_s=30.0)
    text, job = call("generate_video", prompt="a cat")
    assert "still being made" in text and "Do not start it again" in text and job.id in text
    assert "still being made" in call("check_job", job_id=job.id)[0]
    assert len([entry for entry in vendors.simulator.log if entry.method == "POST"]) == 1


def test_a_started_film_is_fetched_when_it_is_ready(vendors: Vendors, folders: dict[str, Path]) -> None:
    call = Caller("llamaindex", vendors, "aimlapi", **folders)
    text, job = call("start_video", prompt="a cat", duration_s=5)
    assert job.id in text and "0.25 USD" in text
    text, film = call("check_job", job_id=job.id)
    assert "video was saved as video-" in text and film.path.suffix == ".mp4"


# ------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../secret", "~/x", "nothing.wav", "https://example.com/a.mp3", "note.wav\x00"]
)
def test_a_model_that_names_what_it_may_not_read_is_told_so(
    vendors: Vendors, folders: dict[str, Path], name: str
) -> None:
    text, artifact = Caller("langchain", vendors, "aicredits", **folders)("transcribe_audio", audio=name)
    assert artifact is None and not vendors.simulator.log
    assert str(folders["input_dir"]) not in text
    if name == "nothing.wav":
        assert text == "there is no file 'nothing.wav'; there are note.wav, page.png"


def test_nothing_is_read_where_no_folder_is_open(vendors: Vendors) -> None:
    text, _ = Caller("langchain", vendors, "aicredits")("transcribe_audio", audio="note.wav")
    assert text == "there is no file 'note.wav': no folder is open for reading and nothing was made yet"


def test_addresses_only_where_they_are_allowed(vendors: Vendors) -> None:
    call = Caller("langchain", vendors, "aimlapi", allow_urls=True)
    assert "simulated transcript" in call("transcribe_audio", audio="https://example.com/a.mp3")[0]
    before = len(vendors.simulator.log)
    for address in ("http://169.254.169.254/latest", "https://localhost/a", "https://user:x@example.com/a"):
        assert "refused" in call("transcribe_audio", audio=address)[0]
    assert len(vendors.simulator.log) == before


def test_a_failure_is_text_with_status_error(vendors: Vendors) -> None:
    tool = GenerateImageTool(provider="binobox", **{**vendors.connection("binobox"), "api_key": "empty-wallet"})
    message = tool.invoke({"type": "tool_call", "id": "1", "name": "generate_image", "args": {"prompt": "a cat"}})
    assert message.status == "error" and message.artifact is None
    assert "Insufficient diamonds" in message.content and "empty-wallet" not in message.content
    loud = GenerateImageTool(
        provider="binobox", handle_tool_error=False, **{**vendors.connection("binobox"), "api_key": "empty-wallet"}
    )
    with pytest.raises(ToolException, match="Insufficient diamonds"):
        loud.invoke({"prompt": "a cat"})


def test_in_llamaindex_the_typed_error_is_raised(vendors: Vendors) -> None:
    spec = MultiApiToolSpec("binobox", **{**vendors.connection("binobox"), "api_key": "empty-wallet"})
    from multiapi.errors import InsufficientCreditsError

    with pytest.raises(InsufficientCreditsError):
        spec.generate_image(prompt="a cat")
    with pytest.raises(InsufficientCreditsError):
        asyncio.run(spec.agenerate_image(prompt="a cat"))


def test_a_doubt_about_a_charge_is_told_to_the_model(vendors: Vendors) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("late", request=request)

    connection = {**vendors.connection("binobox"), "http_client": httpx.Client(transport=httpx.MockTransport(broken))}
    text = StartVideoTool(provider="binobox", **connection).invoke({"prompt": "a cat"})
    assert "do not repeat it" in text


def test_a_paid_picture_is_not_lost_when_it_cannot_be_saved(vendors: Vendors, tmp_path: Path) -> None:
    call = Caller("langchain", vendors, "aimlapi", output_dir=tmp_path / "out")
    (tmp_path / "out").rmdir()
    text, picture = call("generate_image", prompt="a boat")
    assert "could not be fetched (the disk refused it)" in text
    assert picture.url and picture.path is None


@pytest.mark.parametrize(
    ("vendor", "name", "words"),
    [
        (
            "binom_router",
            "generate_image",
            "binom_router has no image generation; aicredits, aimlapi, bineric and binobox have",
        ),
        ("binobox", "transcribe_audio", "binobox has no transcription; aicredits, aimlapi and bineric have"),
        ("aicredits", "generate_video", "aicredits has no video; aimlapi and binobox have"),
        ("aimlapi", "health", "aimlapi has no health check; aicredits has"),
    ],
)
def test_a_tool_that_a_vendor_lacks_is_refused_when_it_is_made(vendor: str, name: str, words: str) -> None:
    single = langchain_tools._CLASSES[name]
    for make in (
        lambda: single(provider=vendor, api_key=KEY),
        lambda: MultiApiToolkit(provider=vendor, api_key=KEY, include=[name]).get_tools(),
        lambda: MultiApiToolSpec(vendor, api_key=KEY, include=[name]),
    ):
        with pytest.raises(UnsupportedError, match=words):
            make()


def test_names_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="no tool 'draw'"):
        MultiApiToolSpec("binobox", api_key=KEY, include=["draw"])
    with pytest.raises(InvalidRequestError, match="neither a tool"):
        Toolbox(PROVIDERS["binobox"], models={"draw": "m"})
    with pytest.raises(MissingApiKeyError, match="BINOBOX_API_KEY"):
        MultiApiToolkit(provider="binobox")
    with pytest.raises(InvalidRequestError, match="unknown provider"):
        MultiApiToolSpec("acme", api_key=KEY)


# ------------------------------------------------------------------------------------------------ what models see


@pytest.mark.parametrize(("vendor", "name"), EACH)
def test_a_model_sees_a_plain_schema_and_a_short_description(vendor: str, name: str) -> None:
    schema = arguments_model(TOOLS[name], vendor).model_json_schema()
    assert "$ref" not in str(schema) and "anyOf" not in str(schema)
    for field in schema.get("properties", {}).values():
        assert field["description"] and field["type"] in {"string", "integer", "array"}
    assert not {"model", "api_key", "path", "output_dir"} & schema.get("properties", {}).keys()
    assert 30 < len(TOOLS[name].description) < 400


def test_what_a_vendor_has_no_field_for_is_not_offered() -> None:
    def offered(vendor: str, name: str) -> set[str]:
        return {parameter.name for parameter in TOOLS[name].parameters(vendor)}

    assert offered("bineric", "generate_image") == {"prompt"}
    assert offered("binobox", "generate_video") == {"prompt", "duration_s"}
    assert offered("aimlapi", "generate_video") == {"prompt", "image", "duration_s"}


def test_both_frameworks_offer_the_same() -> None:
    for vendor in PROVIDERS:
        kit = MultiApiToolkit(provider=vendor, api_key=KEY).get_tools()
        spec = MultiApiToolSpec(vendor, api_key=KEY).to_tool_list()
        assert [tool.name for tool in kit] == [tool.metadata.name for tool in spec]
        for one, other in zip(kit, spec, strict=True):
            assert one.args_schema.model_json_schema() == other.metadata.fn_schema.model_json_schema()  # type: ignore[union-attr]
            assert one.description in other.metadata.description


def test_every_tool_has_a_class_and_is_exported() -> None:
    assert set(langchain_tools._CLASSES) == set(TOOLS)
    import langchain_multiapi

    for name, found in langchain_tools._CLASSES.items():
        assert found.__name__ in langchain_tools.__all__ and issubclass(found, MultiApiTool)
        assert getattr(langchain_multiapi, found.__name__) is found
        assert found.model_fields["name"].default == name


# ------------------------------------------------------------------------------------------------ settings of the developer


def test_model_and_settings_are_the_developers(vendors: Vendors) -> None:
    sent: list[Any] = []

    def noted(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            sent.append(request.content)
        return vendors.simulator.transport.handle_request(request)

    connection = {**vendors.connection("aicredits"), "http_client": httpx.Client(transport=httpx.MockTransport(noted))}
    GenerateImageTool(
        provider="aicredits", model="dall-e-2", options={"image": {"quality": "hd"}}, **connection
    ).invoke({"prompt": "a"})
    assert b'"model":"dall-e-2"' in sent[0] and b'"quality":"hd"' in sent[0]
    spec = MultiApiToolSpec(
        "aicredits",
        options={"text_to_speech": {"voice": "nova"}},
        models={"text_to_speech": "openai/tts-1-hd"},
        **connection,
    )
    spec.text_to_speech(text="hi", voice="onyx")
    assert b'"voice":"nova"' in sent[1] and b'"openai/tts-1-hd"' in sent[1]
    spec.generate_image(prompt="a", aspect_ratio="16:9")
    assert b'"size":"1792x1024"' in sent[2]


def test_what_is_withdrawn_or_legacy_is_there_only_by_its_name(vendors: Vendors) -> None:
    for way in ("langchain", "llamaindex"):
        assert not set(NAMED) & set(Caller(way, vendors, "aimlapi").tools)
        assert set(Caller(way, vendors, "aimlapi", include=NAMED).tools) == set(NAMED)


@pytest.mark.parametrize("way", WAYS)
def test_the_search_engine_tells_what_it_found(vendors: Vendors, way: str) -> None:
    call = Caller(way, vendors, "aimlapi", include=["search_engine"])
    text, result = call("search_engine", query="fjords", kind="links")
    assert "fjords" in text and result.links[0] in text
    vendors.simulator.withdrawn = False
    with pytest.raises(Exception) if way.startswith("llamaindex") else contextlib.nullcontext() as caught:
        text, _ = call("search_engine", query="fjords")
    assert "withdrawn" in (str(caught.value) if caught is not None else text)


def test_moderation_comes_with_a_guard_model(vendors: Vendors) -> None:
    assert "moderate_text" not in Caller("langchain", vendors, "aimlapi").tools

    def guard(request: httpx.Request) -> httpx.Response:
        assert GUARD.encode() in request.content
        return httpx.Response(200, json={"choices": [{"message": {"content": "unsafe\nS1"}}]})

    connection = {**vendors.connection("aimlapi"), "http_client": httpx.Client(transport=httpx.MockTransport(guard))}
    spec = MultiApiToolSpec("aimlapi", models={"moderate_text": GUARD}, **connection)
    assert spec.moderate_text(text="x").text == "unsafe: S1"


def test_media_as_blocks_where_the_model_can_take_them(vendors: Vendors, folders: dict[str, Path]) -> None:
    for settings in ({}, folders):
        spec = MultiApiToolSpec("aimlapi", media_blocks=True, **settings, **vendors.connection("aimlapi"))
        for name, kind in (("generate_image", "image"), ("text_to_speech", "audio"), ("generate_video", "video")):
            tool = next(tool for tool in spec.to_tool_list() if tool.metadata.name == name)
            output = tool.call(**ARGUMENTS[name])
            assert [block.block_type for block in output.blocks] == ["text", kind]
    picture = spec.to_tool_list()[0].call(prompt="a boat").blocks[1]
    assert picture.resolve_image().read().startswith(b"\x89PNG")


def test_without_them_only_text_goes_to_the_model(vendors: Vendors) -> None:
    tool = MultiApiToolSpec("binobox", **vendors.connection("binobox")).to_tool_list()[0]
    output = tool.call(prompt="a boat")
    assert [block.block_type for block in output.blocks] == ["text"]
    assert isinstance(output.raw_output, ToolAnswer) and output.raw_output.media[0].data


# ------------------------------------------------------------------------------------------------ copies, keys, cancelling


def test_tools_pickle_and_show_no_key(vendors: Vendors, monkeypatch: pytest.MonkeyPatch) -> None:
    kit = MultiApiToolkit(provider="binobox", api_key=KEY)
    for thing in (kit, *kit.get_tools(), MultiApiToolSpec("binobox", api_key=KEY)):
        assert KEY not in repr(thing) and KEY not in str(thing)
    assert KEY not in str(kit.model_dump())
    monkeypatch.setenv("BINOBOX_API_KEY", "key-of-the-environment")
    for thing in (
        MultiApiToolkit(provider="binobox"),
        GenerateImageTool(provider="binobox"),
        MultiApiToolSpec("binobox"),
    ):
        assert b"key-of-the-environment" not in pickle.dumps(thing)
        assert repr(pickle.loads(pickle.dumps(thing)))
    again = pickle.loads(pickle.dumps(TranscribeAudioTool(provider="aicredits", api_key=KEY)))
    assert "there is no file" in again.invoke({"audio": "x.wav"})


def test_a_cancelled_tool_ends_its_connection(vendors: Vendors) -> None:
    class Slow(httpx.AsyncBaseTransport):
        closed = False

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                Slow.closed = True
                raise
            raise AssertionError

    async def cancelled() -> None:
        connection = {**vendors.connection("binobox"), "http_async_client": httpx.AsyncClient(transport=Slow())}
        task = asyncio.create_task(GenerateImageTool(provider="binobox", **connection).ainvoke({"prompt": "a"}))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert Slow.closed


def test_what_is_kept_is_bounded() -> None:
    box = Toolbox(PROVIDERS["binobox"])
    for number in range(100):
        box.keep(Media(data=bytes([number]) * 4_000_000), f"file-{number}")
    assert box.kept("file-99") is not None and box.kept("file-0") is None
    assert len(box.known_names()) <= 64
    box.keep(Media(data=bytes(300_000_000)), "large")
    assert box.known_names() == ["large"]


def test_amounts_are_written_plainly() -> None:
    from decimal import Decimal

    assert [plain(Decimal(text)) for text in ("0.042000000", "1E+3", "0.0000005", "800")] == [
        "0.042",
        "1000",
        "0.0000005",
        "800",
    ]
    assert plain(None) == "unknown"


def test_prices_and_missing_money_are_told_in_words_and_numbers() -> None:
    from multiapi.agent_tools.tool import failure_text
    from multiapi.errors import InsufficientCreditsError
    from multiapi.simulator import Simulator

    simulator = Simulator()
    connection: dict[str, Any] = {
        "base_url": simulator.base_url("binobox"),
        "http_client": httpx.Client(transport=simulator.transport),
    }
    kit = MultiApiToolkit(provider="binobox", api_key="any-key-1234", include=["list_models"], **connection).get_tools()
    assert "gemini-3.1-flash-lite (chat): at least 0.18 diamonds a call" in kit[0].invoke({"contains": "flash-lite"})
    for body, told in (
        (
            '{"error": {"message": "Insufficient diamonds", "required": 20, "balance": 3.5}}',
            "(required 20, balance 3.5)",
        ),
        ('{"required": 2}', "(required 2)"),
        ('{"error": {"required": "much", "balance": true}}', ""),
        ('{"error": {"requ', ""),
        ("", ""),
    ):
        said = failure_text(
            InsufficientCreditsError("Insufficient diamonds", provider="binobox", status=402, body=body)
        )
        assert (told in said) if told else "(" not in said
