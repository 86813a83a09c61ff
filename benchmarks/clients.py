"""One adapter per client: a small uniform surface for the cases. See README.md for adding one."""

from __future__ import annotations

from typing import Any

PROMPT = "Say hello to the benchmark, please."
TOOL = {
    "type": "function",
    "function": {
        "name": "bench_tool",
        "description": "A tool.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "rows": {"type": "array", "items": {"type": "object"}}},
            "required": ["city"],
        },
    },
}
DATA_URL = "data:image/png;base64,"


class Client:
    """What the cases need. Hot operations return the client's own object, so that the adapter adds next to nothing.

    Attributes:
        imports: What a user writes first; the import case measures exactly this.
        venv: The environment it runs in, if there are several (see README.md).
        skip: Families of cases that it cannot do.
    """

    group = ""
    network = True

    def __init__(self, imports, make, embed_imports="", make_embed=None, *, venv="", skip=(), network=True):
        self.imports, self.embed_imports = imports, embed_imports
        self._make, self._make_embed = make, make_embed
        self.venv, self.skip, self.network = venv, skip, network
        self.names: dict[str, Any] = {}

    def load(self) -> None:
        exec(self.imports, self.names)

    def make(self, url: str, model: str, **settings) -> Any:
        return self._make(self.names, url, model, **settings)

    def make_embed(self, url: str, model: str, batch: int, **settings) -> Any:
        exec(self.embed_imports, self.names)
        return self._make_embed(self.names, url, model, batch, **settings)

    def supports(self, case: str) -> bool:
        family = "embed" if case.startswith("embed") else "tools" if case.startswith("tools") else case
        return family not in self.skip and (family != "embed" or self._make_embed is not None)


class LangChain(Client):
    group = "lc"

    def load(self):
        super().load()
        from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

        self.classes = {"user": HumanMessage, "assistant": AIMessage, "system": SystemMessage}

    def messages(self, history):
        return [self.classes[role](content=text) for role, text in history]

    def image_messages(self, base64_text):
        image = {"type": "image_url", "image_url": {"url": DATA_URL + base64_text}}
        return [self.classes["user"](content=[{"type": "text", "text": "What is this?"}, image])]

    def invoke(self, model, messages):
        return model.invoke(messages)

    async def ainvoke(self, model, messages):
        return await model.ainvoke(messages)

    def text(self, answer):
        return answer.content

    def stream(self, model, messages):
        return model.stream(messages)

    async def astream(self, model, messages):
        return model.astream(messages)

    def delta(self, chunk):
        return chunk.content

    def with_tools(self, model):
        return model.bind_tools([TOOL])

    def run_tools(self, model, messages, mode):
        """Mode "read" only looks at the chunks, "accumulate" adds them up as most users do, "invoke" lets the model do it."""
        if mode == "read":
            for _ in model.stream(messages):
                pass
            return None
        if mode == "invoke":
            return model.invoke(messages).tool_calls[0]["args"]
        full = None
        for chunk in model.stream(messages):
            full = chunk if full is None else full + chunk
        return full.tool_calls[0]["args"]

    def embed(self, model, texts):
        return model.embed_documents(texts)


class LlamaIndex(Client):
    group = "li"

    def load(self):
        super().load()
        from llama_index.core.base.llms.types import ChatMessage

        self.message = ChatMessage

    def messages(self, history):
        return [self.message(role=role, content=text) for role, text in history]

    def image_messages(self, base64_text):
        from llama_index.core.base.llms.types import ImageBlock, TextBlock

        image = ImageBlock(image=base64_text.encode(), image_mimetype="image/png")
        return [self.message(role="user", blocks=[TextBlock(text="What is this?"), image])]

    def invoke(self, model, messages):
        return model.chat(messages)

    async def ainvoke(self, model, messages):
        return await model.achat(messages)

    def text(self, answer):
        return answer.message.content

    def stream(self, model, messages):
        return model.stream_chat(messages)

    async def astream(self, model, messages):
        return await model.astream_chat(messages)

    def delta(self, chunk):
        return chunk.delta or ""

    def with_tools(self, model):
        from llama_index.core.tools import FunctionTool

        def bench_tool(city: str, rows: list | None = None) -> str:
            """A tool."""
            return "ok"

        self.tool = FunctionTool.from_defaults(bench_tool)
        return model

    def run_tools(self, model, messages, mode):
        last = None
        for last in model.stream_chat_with_tools([self.tool], chat_history=messages):
            pass
        if mode == "read":
            return None
        return model.get_tool_calls_from_response(last, error_on_no_tool_call=False)[0].tool_kwargs

    def embed(self, model, texts):
        return model.get_text_embedding_batch(texts)


# --------------------------------------------------------------------------------------------- factories


def chat_openai(names, url, model, **settings):
    return names["ChatOpenAI"](base_url=url + "/v1", api_key="k", model=model, **settings)


def openai_embeddings(names, url, model, batch, **settings):  # always asks for base64
    return names["OpenAIEmbeddings"](
        base_url=url + "/v1", api_key="k", model=model, chunk_size=batch, check_embedding_ctx_length=False
    )


def openai_like(names, url, model, **settings):
    return names["OpenAILike"](
        api_base=url + "/v1",
        api_key="k",
        model=model,
        is_chat_model=True,
        is_function_calling_model=True,
        context_window=128000,
        **settings,
    )


def openai_like_embedding(names, url, model, batch, **settings):  # always asks for base64
    return names["OpenAILikeEmbedding"](api_base=url + "/v1", api_key="k", model_name=model, embed_batch_size=batch)


def chat_multiapi(names, url, model, **settings):
    return names["ChatMultiApi"](provider="aimlapi", base_url=url + "/v1", api_key="k", model=model, **settings)


def multiapi_embeddings(names, url, model, batch, **settings):
    return names["MultiApiEmbeddings"](
        provider="aimlapi", base_url=url + "/v1", api_key="k", model=model, batch_size=batch, **settings
    )


def multiapi_llm(names, url, model, **settings):
    return names["MultiApiLLM"](provider="aimlapi", base_url=url + "/v1", api_key="k", model=model, **settings)


def multiapi_embedding(names, url, model, batch, **settings):
    return names["MultiApiEmbedding"](
        provider="aimlapi", base_url=url + "/v1", api_key="k", model=model, embed_batch_size=batch, **settings
    )


def langchain_floor(names, url, model, **settings):
    from benchmarks.floors import langchain_floor as floor

    return floor()(model=model)


def llamaindex_floor(names, url, model, **settings):
    from benchmarks.floors import llamaindex_floor as floor

    return floor()(model=model)


LANGCHAIN_CORE = (
    "from langchain_core.language_models import BaseChatModel; from langchain_core.messages import AIMessageChunk; "
    "from langchain_core.outputs import ChatGenerationChunk"
)
LLAMAINDEX_CORE = (
    "from llama_index.core.llms.function_calling import FunctionCallingLLM; "
    "from llama_index.core.llms.callbacks import llm_chat_callback"
)

CLIENTS: dict[str, Client] = {
    "lc-floor": LangChain(LANGCHAIN_CORE, langchain_floor, skip=("tools", "embed"), network=False),
    "lc-openai": LangChain(
        "from langchain_openai import ChatOpenAI",
        chat_openai,
        "from langchain_openai import OpenAIEmbeddings",
        openai_embeddings,
    ),
    "lc-multiapi": LangChain(
        "from langchain_multiapi import ChatMultiApi",
        chat_multiapi,
        "from langchain_multiapi import MultiApiEmbeddings",
        multiapi_embeddings,
    ),
    "li-floor": LlamaIndex(LLAMAINDEX_CORE, llamaindex_floor, skip=("tools", "embed"), network=False),
    "li-openailike": LlamaIndex(
        "from llama_index.llms.openai_like import OpenAILike",
        openai_like,
        "from llama_index.embeddings.openai_like import OpenAILikeEmbedding",
        openai_like_embedding,
    ),
    "li-multiapi": LlamaIndex(
        "from llamaindex_multiapi import MultiApiLLM",
        multiapi_llm,
        "from llamaindex_multiapi import MultiApiEmbedding",
        multiapi_embedding,
    ),
}
