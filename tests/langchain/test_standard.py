"""LangChain's own suites, for every vendor, with every switch set by hand: a switch left to itself turns tests off silently."""

from __future__ import annotations

from io import BytesIO
from typing import Any, cast

import httpx
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests, EmbeddingsUnitTests
from pypdf import PdfWriter

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings
from multiapi.providers import PROVIDERS
from multiapi.simulator import Simulator, media

from .conftest import CHAT_MODELS, SKIPS, on_simulator

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")

_UNKNOWN = (
    "LangChain loads with allowed_objects='all' only what its own table lists; test_c42 loads it the way users do"
)
_FILES = {".png": "image/png", ".pdf": "application/pdf", ".wav": "audio/wav"}


@pytest.fixture(autouse=True)
def files_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite downloads the media that it sends; it gets such files without a network."""
    monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "multiapi")

    def get(url: str, **_: Any) -> httpx.Response:
        ending = url[url.rindex(".") :]
        return httpx.Response(200, content=local_file(_FILES[ending]))

    monkeypatch.setattr(httpx, "get", get)


def local_file(mime_type: str) -> bytes:
    """A real file of a kind."""
    if mime_type == "image/png":
        return media.draw_image("a flow chart of an agent", width=64, height=48)
    if mime_type == "audio/wav":
        return media.speak("a bird sings", "audio/wav")
    file = BytesIO()
    document = PdfWriter()
    document.add_blank_page(width=200, height=200)
    document.write(file)
    return file.getvalue()


class ChatSwitches:
    """What is common to the vendors."""

    vendor: str
    other_model: str
    images = image_urls = files = audio = json_mode = False

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatMultiApi

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"provider": self.vendor, "model": CHAT_MODELS[self.vendor], "stream_usage": True} | on_simulator(
            Simulator()
        )

    @property
    def has_tool_calling(self) -> bool:
        return True

    @property
    def has_tool_choice(self) -> bool:
        return True

    @property
    def has_structured_output(self) -> bool:
        return True

    @property
    def supports_json_mode(self) -> bool:
        return self.json_mode

    @property
    def supports_image_inputs(self) -> bool:
        return self.images

    @property
    def supports_image_urls(self) -> bool:
        return self.image_urls

    @property
    def supports_image_tool_message(self) -> bool:
        return self.images

    @property
    def supports_pdf_inputs(self) -> bool:
        return self.files

    @property
    def supports_pdf_tool_message(self) -> bool:
        return self.files

    @property
    def supports_audio_inputs(self) -> bool:
        return self.audio

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def returns_usage_metadata(self) -> bool:
        return self.vendor != "binobox"  # it tells a total alone

    @property
    def enable_vcr_tests(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return self.other_model


class ChatUnit(ChatSwitches):
    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        provider = PROVIDERS[self.vendor]
        return (
            {provider.api_key_env: "key-from-env"},
            {"provider": self.vendor, "model": CHAT_MODELS[self.vendor]},
            {"api_key": "key-from-env", "provider": self.vendor},
        )


class ChatIntegration(ChatSwitches):
    @property
    def supported_usage_metadata_details(self) -> Any:
        if self.vendor != "aimlapi":
            return {"invoke": [], "stream": []}
        known = ["audio_input", "audio_output", "reasoning_output", "cache_read_input"]
        return {"invoke": known, "stream": known}

    def _asked(self, *, stream: bool) -> AIMessage:
        model = ChatMultiApi(**self.chat_model_params)
        if not stream:
            return model.invoke("hello")
        chunks = iter(model.stream("hello"))
        return cast(AIMessage, sum(chunks, next(chunks)))

    def invoke_with_audio_input(self, *, stream: bool = False) -> AIMessage:
        return self._asked(stream=stream)

    def invoke_with_audio_output(self, *, stream: bool = False) -> AIMessage:
        return self._asked(stream=stream)

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        return self._asked(stream=stream)

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        return self._asked(stream=stream)


class Bineric:
    vendor = "bineric"
    other_model = "gpt-4o"
    images = files = audio = True


class BinomRouter:
    vendor = "binom_router"
    other_model = "openai/gpt-4o"
    images = image_urls = json_mode = True


class Aimlapi:
    vendor = "aimlapi"
    other_model = "openai/gpt-4o-mini"
    images = image_urls = files = audio = json_mode = True


class AiCredits:
    vendor = "aicredits"
    other_model = "gpt-4o"
    images = image_urls = json_mode = True


class Binobox:
    vendor = "binobox"
    other_model = "gpt-4o-mini"


class SerdesFails:
    @pytest.mark.xfail(reason=_UNKNOWN)
    def test_serdes(self, model: BaseChatModel, snapshot: Any) -> None:
        super().test_serdes(model, snapshot)  # type: ignore[misc]


class TestBinericUnit(SerdesFails, Bineric, ChatUnit, ChatModelUnitTests): ...


class TestBinomRouterUnit(SerdesFails, BinomRouter, ChatUnit, ChatModelUnitTests): ...


class TestAimlapiUnit(SerdesFails, Aimlapi, ChatUnit, ChatModelUnitTests): ...


class TestAiCreditsUnit(SerdesFails, AiCredits, ChatUnit, ChatModelUnitTests): ...


class TestBinoboxUnit(SerdesFails, Binobox, ChatUnit, ChatModelUnitTests): ...


class TestBineric(Bineric, ChatIntegration, ChatModelIntegrationTests): ...


class TestBinomRouter(BinomRouter, ChatIntegration, ChatModelIntegrationTests): ...


class TestAimlapi(Aimlapi, ChatIntegration, ChatModelIntegrationTests): ...


class TestAiCredits(AiCredits, ChatIntegration, ChatModelIntegrationTests): ...


class TestBinobox(Binobox, ChatIntegration, ChatModelIntegrationTests): ...


class EmbeddingSwitches:
    vendor: str

    @property
    def embeddings_class(self) -> type[MultiApiEmbeddings]:
        return MultiApiEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"provider": self.vendor, "model": "text-embedding-3-small"} | on_simulator(Simulator())

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return (
            {PROVIDERS[self.vendor].api_key_env: "key-from-env"},
            {"provider": self.vendor, "model": "text-embedding-3-small"},
            {"api_key": "key-from-env"},
        )


class TestAimlapiEmbeddingsUnit(EmbeddingSwitches, EmbeddingsUnitTests):
    vendor = "aimlapi"


class TestAiCreditsEmbeddingsUnit(EmbeddingSwitches, EmbeddingsUnitTests):
    vendor = "aicredits"


class TestAimlapiEmbeddings(EmbeddingSwitches, EmbeddingsIntegrationTests):
    vendor = "aimlapi"


class TestAiCreditsEmbeddings(EmbeddingSwitches, EmbeddingsIntegrationTests):
    vendor = "aicredits"


def test_the_list_of_skips_names_tests_that_are_there() -> None:
    classes = {name: found for name, found in globals().items() if name.startswith("Test")}
    for name in SKIPS:
        cls, _, test = name.partition(".")
        assert hasattr(classes[cls], test), name


def test_every_vendor_runs_both_suites_with_its_switches_set_by_hand() -> None:
    for suite in (ChatModelUnitTests, ChatModelIntegrationTests):
        covered = {cls.vendor for cls in suite.__subclasses__() if issubclass(cls, ChatSwitches)}
        assert covered == set(PROVIDERS)
    left = [
        name
        for name in dir(ChatModelUnitTests)
        if name.startswith(("has_", "supports_", "returns_", "enable_"))
        and not hasattr(ChatSwitches, name)
        and name != "supports_video_inputs"  # no test looks at it
    ]
    assert left == []
