"""LangChain's standard suite with OpenAI's clients, which nobody here wrote, against the simulated AI/ML API.

What cannot apply, and why:

- `supports_image_tool_message`, `supports_pdf_tool_message`: the contract lets the content of a tool message be text
  only (`TextContent`), so the vendor refuses files there.
- `supports_video_inputs`: langchain-tests has the switch but no test behind it.
- `cache_creation_input`: no field of the contract's `ChatUsage` that langchain-openai reads tells of it.
- `audio_output` and `audio_input` in streams: the documented chunks have no audio and no count of it.
- `enable_vcr_tests`: measures time against a cassette of the vendor; there is no network here to record.

The suite fetches a picture, a recording and a PDF from the web; here those are made by the simulator.
"""

from typing import Any

import httpx
import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

from multiapi.simulator import Simulator
from multiapi.simulator.media import draw_image, speak

# Warnings of langchain-openai itself: about pydantic 1 classes, files without names, and its own `parsed` field.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Received a Pydantic BaseModel V1 schema:UserWarning"),
    pytest.mark.filterwarnings("ignore:OpenAI may require a filename:UserWarning"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
]

SIMULATOR = Simulator()
ADDRESS = f"{SIMULATOR.base_url('aimlapi')}/v1"
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)


def clients() -> dict[str, Any]:
    return {
        "http_client": httpx.Client(transport=SIMULATOR.transport),
        "http_async_client": httpx.AsyncClient(transport=SIMULATOR.async_transport),
    }


def fetched(url: str, **_: Any) -> httpx.Response:
    """What the suite would fetch from the web."""
    if url.endswith(".pdf"):
        return httpx.Response(200, content=PDF)
    if url.endswith(".wav"):
        return httpx.Response(200, content=speak("a northern flicker", "audio/wav"))
    return httpx.Response(200, content=draw_image("a diagram of retrieval", 320, 200))


@pytest.fixture(autouse=True)
def no_web(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx, "get", fetched)
    monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "tests/1 (https://example.org) tests/1")


class TestChatOpenAI(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "openai/gpt-4o", "base_url": ADDRESS, "api_key": "a-key", "stream_usage": True, **clients()}

    @property
    def has_tool_choice(self) -> bool:
        return True

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": "json_schema"}

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_audio_inputs(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "openai/gpt-4.1-2025-04-14"

    @property
    def supported_usage_metadata_details(self) -> dict[str, Any]:
        return {
            "invoke": ["audio_input", "audio_output", "reasoning_output", "cache_read_input"],
            "stream": ["reasoning_output", "cache_read_input"],
        }

    def ask(self, stream: bool, asked: Any, **options: Any) -> AIMessage:
        model = ChatOpenAI(**{**self.standard_chat_model_params, **self.chat_model_params, **options})
        if not stream:
            answer = model.invoke(asked)
        else:
            answer = None  # type: ignore[assignment]
            for chunk in model.stream(asked):
                answer = chunk if answer is None else answer + chunk  # type: ignore[assignment]
        assert isinstance(answer, AIMessage)
        return answer

    def invoke_with_audio_input(self, *, stream: bool = False) -> AIMessage:
        part = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
        answer = self.ask(stream, [HumanMessage([{"type": "text", "text": "What is said?"}, part])])
        assert answer.usage_metadata and answer.usage_metadata["input_token_details"]["audio"] > 0
        return answer

    def invoke_with_audio_output(self, *, stream: bool = False) -> AIMessage:
        options = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
        answer = self.ask(stream, "Say hello.", model_kwargs=options)
        assert answer.additional_kwargs["audio"]["transcript"] == "hello"
        return answer

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        answer = self.ask(stream, "Explain the relationship between the 2008 crash and trust.", reasoning_effort="low")
        assert answer.usage_metadata and answer.usage_metadata["output_token_details"]["reasoning"] > 0
        return answer

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        long = "What is this about? " + "The sea is deep and blue. " * 400
        self.ask(False, long)
        answer = self.ask(stream, long)
        assert answer.usage_metadata and answer.usage_metadata["input_token_details"]["cache_read"] >= 1024
        return answer


class TestOpenAIEmbeddings(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return OpenAIEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {
            "model": "text-embedding-3-small",
            "base_url": ADDRESS,
            "api_key": "a-key",
            "check_embedding_ctx_length": False,  # else it sends token numbers, which the contract does not take
            **clients(),
        }
