"""LlamaIndex's own components, end to end on all five vendors, against the simulator."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core import Document, StorageContext, VectorStoreIndex
from llama_index.core.agent.workflow import (
    AgentStream,
    AgentWorkflow,
    FunctionAgent,
    ReActAgent,
    ToolCallResult,
)
from llama_index.core.evaluation import (
    AnswerRelevancyEvaluator,
    ContextRelevancyEvaluator,
    CorrectnessEvaluator,
    FaithfulnessEvaluator,
    GuidelineEvaluator,
    PairwiseComparisonEvaluator,
    RelevancyEvaluator,
)
from llama_index.core.extractors import KeywordExtractor, QuestionsAnsweredExtractor, SummaryExtractor, TitleExtractor
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import Memory
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.postprocessor import LLMRerank
from llama_index.core.query_engine import RouterQueryEngine, SubQuestionQueryEngine
from llama_index.core.question_gen import LLMQuestionGenerator
from llama_index.core.schema import TextNode
from llama_index.core.selectors import LLMSingleSelector, PydanticSingleSelector
from llama_index.core.tools import FunctionTool, QueryEngineTool
from pydantic import BaseModel

from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM
from tests.llamaindex.simulated import VENDORS, simulated_embedding, simulated_llm

QUESTION = "How long do cats sleep?"
ANSWER = "Cats sleep sixteen hours a day."
DOCUMENTS = [
    Document(text="Paris is the capital of France."),
    Document(text=ANSWER),
    Document(text="Rust is a programming language."),
]


class Total(BaseModel):
    """A sum."""

    total: int


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def broken(a: int) -> int:
    """Divide a number by nothing."""
    raise ZeroDivisionError("that is not possible")


@pytest.fixture(scope="module")
def index() -> VectorStoreIndex:
    return VectorStoreIndex.from_documents(DOCUMENTS, embed_model=simulated_embedding())


@pytest.fixture(params=VENDORS)
def llm(request: pytest.FixtureRequest) -> MultiApiLLM:
    return simulated_llm(request.param)


# ------------------------------------------------------------------------------------------------ query engines


@pytest.mark.parametrize("mode", ["compact", "refine", "tree_summarize", "accumulate", "compact_accumulate"])
def test_query_engine(llm: MultiApiLLM, index: VectorStoreIndex, mode: str) -> None:
    response = index.as_query_engine(llm=llm, response_mode=mode, similarity_top_k=1).query(QUESTION)
    assert ANSWER in str(response)
    assert response.source_nodes[0].text == ANSWER


async def test_query_engine_in_a_loop(llm: MultiApiLLM, index: VectorStoreIndex) -> None:
    assert str(await index.as_query_engine(llm=llm).aquery(QUESTION)) == ANSWER


async def test_streaming_query_engine(llm: MultiApiLLM, index: VectorStoreIndex) -> None:
    response: Any = index.as_query_engine(llm=llm, streaming=True).query(QUESTION)
    assert "".join(response.response_gen) == ANSWER
    again: Any = await index.as_query_engine(llm=llm, streaming=True, use_async=True).aquery(QUESTION)
    assert "".join([piece async for piece in again.async_response_gen()]) == ANSWER


def test_query_engine_with_an_object_as_its_answer(llm: MultiApiLLM, index: VectorStoreIndex) -> None:
    class Sleep(BaseModel):
        """How long an animal sleeps."""

        animal: str

    response: Any = index.as_query_engine(llm=llm, output_cls=Sleep).query(QUESTION)
    assert isinstance(response.response, Sleep)


@pytest.mark.parametrize("selector", [LLMSingleSelector, PydanticSingleSelector])
def test_router(llm: MultiApiLLM, index: VectorStoreIndex, selector: Any) -> None:
    engine = index.as_query_engine(llm=llm)
    tools = [
        QueryEngineTool.from_defaults(engine, name="cars", description="facts about cars"),
        QueryEngineTool.from_defaults(
            engine, name="animals", description="how long cats sleep and other facts of animals"
        ),
    ]
    router = RouterQueryEngine(selector=selector.from_defaults(llm=llm), query_engine_tools=tools, llm=llm)
    response = router.query(QUESTION)
    assert ANSWER in str(response)


def test_reranking_by_the_llm(llm: MultiApiLLM, index: VectorStoreIndex) -> None:
    rerank = LLMRerank(llm=llm, top_n=1)
    response = index.as_query_engine(llm=llm, similarity_top_k=3, node_postprocessors=[rerank]).query(QUESTION)
    assert [node.text for node in response.source_nodes] == [ANSWER]


def test_sub_questions(llm: MultiApiLLM, index: VectorStoreIndex) -> None:
    tools = [
        QueryEngineTool.from_defaults(index.as_query_engine(llm=llm), name="facts", description="facts about cats")
    ]
    engine = SubQuestionQueryEngine.from_defaults(
        query_engine_tools=tools,
        llm=llm,
        question_gen=LLMQuestionGenerator.from_defaults(llm=llm),
        use_async=False,
        verbose=False,
    )
    response = engine.query(QUESTION)
    assert f"Sub question: {QUESTION}\nResponse: {ANSWER}" in response.source_nodes[0].text


# ------------------------------------------------------------------------------------------------ chat engines


@pytest.mark.parametrize("mode", ["condense_plus_context", "context", "condense_question", "simple", "best"])
def test_chat_engine(llm: MultiApiLLM, index: VectorStoreIndex, mode: Any) -> None:
    engine = index.as_chat_engine(chat_mode=mode, llm=llm)
    first = str(engine.chat(QUESTION))
    assert first == ANSWER if mode != "simple" else first
    second = str(engine.chat("What is the capital of France?"))
    assert "Paris" in second or mode in {"simple", "condense_question"}
    assert len(engine.chat_history) == 4


async def test_streaming_chat_engine(llm: MultiApiLLM, index: VectorStoreIndex) -> None:
    engine = index.as_chat_engine(chat_mode="condense_plus_context", llm=llm)
    assert "".join(engine.stream_chat(QUESTION).response_gen) == ANSWER
    response = await engine.astream_chat("What is the capital of France?")
    assert "Paris" in "".join([piece async for piece in response.async_response_gen()])


# ------------------------------------------------------------------------------------------------ evaluators


async def test_evaluators(llm: MultiApiLLM, index: VectorStoreIndex) -> None:
    response = await index.as_query_engine(llm=llm).aquery(QUESTION)
    assert (await FaithfulnessEvaluator(llm=llm).aevaluate_response(response=response)).passing
    assert (await RelevancyEvaluator(llm=llm).aevaluate_response(query=QUESTION, response=response)).passing
    invented = await FaithfulnessEvaluator(llm=llm).aevaluate(
        query=QUESTION, response="The moon is made of green cheese.", contexts=[ANSWER]
    )
    assert not invented.passing


async def test_evaluators_that_grade(llm: MultiApiLLM) -> None:
    said = {"query": QUESTION, "response": ANSWER}
    assert (await CorrectnessEvaluator(llm=llm).aevaluate(**said, reference=ANSWER)).score == 5.0
    assert (await CorrectnessEvaluator(llm=llm).aevaluate(**said, reference="Bananas are yellow.")).score == 1.0
    assert (await AnswerRelevancyEvaluator(llm=llm).aevaluate(**said)).score == 1.0
    assert (await ContextRelevancyEvaluator(llm=llm).aevaluate(query=QUESTION, contexts=[ANSWER])).score == 1.0
    assert (await GuidelineEvaluator(llm=llm).aevaluate(**said, contexts=[ANSWER])).feedback
    better = await PairwiseComparisonEvaluator(llm=llm).aevaluate(**said, second_response="Bananas.", reference=ANSWER)
    assert better.score == 1.0


# ------------------------------------------------------------------------------------------------ ingestion


def test_extractors_in_a_pipeline(llm: MultiApiLLM) -> None:
    pipeline = IngestionPipeline(
        transformations=[
            SentenceSplitter(),
            TitleExtractor(llm=llm, num_workers=2, show_progress=False),
            KeywordExtractor(llm=llm, keywords=3, show_progress=False),
            SummaryExtractor(llm=llm, summaries=["self"], show_progress=False),
            QuestionsAnsweredExtractor(llm=llm, questions=1, show_progress=False),
            simulated_embedding(),
        ]
    )
    nodes = pipeline.run(documents=DOCUMENTS)
    assert len(nodes) == 3
    for node in nodes:
        known = {"document_title", "excerpt_keywords", "section_summary", "questions_this_excerpt_can_answer"}
        assert known <= set(node.metadata)
        assert all(node.metadata[name] for name in known)
        assert node.embedding is not None
        assert len(node.embedding) == 1536


@pytest.mark.slow
@pytest.mark.parametrize("vendor", VENDORS)
def test_c35_a_pipeline_with_spawned_workers(
    vendor: str, multiapi_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys and addresses come from the environment, as worker processes have it too."""
    for name in (vendor, "aimlapi"):
        monkeypatch.setenv(f"{name.upper()}_API_KEY", "not-a-key")
        monkeypatch.setenv(f"{name.upper()}_BASE_URL", multiapi_simulator.base_url(name))
    pipeline = IngestionPipeline(
        transformations=[
            KeywordExtractor(llm=MultiApiLLM(provider=vendor, model="gpt-4o"), show_progress=False),
            MultiApiEmbedding(provider="aimlapi", model="text-embedding-3-small"),
        ],
        disable_cache=True,
    )
    nodes = pipeline.run(nodes=[TextNode(text=document.text) for document in DOCUMENTS], num_workers=2)
    assert sorted(node.text for node in nodes) == sorted(document.text for document in DOCUMENTS)
    assert all(node.embedding is not None and node.metadata["excerpt_keywords"] for node in nodes)


# ------------------------------------------------------------------------------------------------ agents


async def test_function_agent(llm: MultiApiLLM) -> None:
    agent = FunctionAgent(tools=[add, multiply], llm=llm, system_prompt="You calculate.")
    handler = agent.run("What is 2 plus 3? Use the tool add.")
    streamed, results = "", []
    async for event in handler.stream_events():
        if isinstance(event, AgentStream):
            streamed += event.delta
        elif isinstance(event, ToolCallResult):
            results.append((event.tool_name, event.tool_kwargs, event.tool_output.raw_output))
    output = await handler
    assert results == [("add", {"a": 2, "b": 3}, 5)]
    assert str(output) == "Here is what I found: 5."
    assert streamed.endswith(str(output))
    assert output.raw["model"]


async def test_function_agent_without_streams(llm: MultiApiLLM) -> None:
    agent = FunctionAgent(tools=[add], llm=llm, streaming=False)
    assert str(await agent.run("What is 2 plus 3? Use the tool add.")) == "Here is what I found: 5."


async def test_agent_with_a_memory_and_a_second_question(llm: MultiApiLLM) -> None:
    agent = FunctionAgent(tools=[add], llm=llm)
    memory = Memory.from_defaults(session_id="one", token_limit=40_000)
    await agent.run("What is 2 plus 3? Use the tool add.", memory=memory)
    again = await agent.run("What is 10 plus 20? Use the tool add.", memory=memory)
    assert str(again) == "Here is what I found: 30."
    assert len(await memory.aget()) == 8


async def test_agent_whose_tool_fails(llm: MultiApiLLM) -> None:
    agent = FunctionAgent(tools=[broken], llm=llm)
    output = await agent.run("Divide 7 by nothing with the tool broken.")
    assert "that is not possible" in str(output)


async def test_agent_whose_tool_answers_directly(llm: MultiApiLLM) -> None:
    tool = FunctionTool.from_defaults(add, return_direct=True)
    agent = FunctionAgent(tools=[tool], llm=llm)
    memory = Memory.from_defaults(session_id="direct", token_limit=40_000)
    assert str(await agent.run("What is 2 plus 3? Use the tool add.", memory=memory)) == "5"
    await llm.achat([*await memory.aget(), ChatMessage("Thank you.")])


async def test_agent_with_an_object_as_its_answer(llm: MultiApiLLM) -> None:
    agent = FunctionAgent(tools=[add], llm=llm, output_cls=Total)
    output = await agent.run("What is 2 plus 3? Use the tool add.")
    assert isinstance(output.get_pydantic_model(Total), Total)


async def test_react_agent(llm: MultiApiLLM) -> None:
    agent = ReActAgent(tools=[add, multiply], llm=llm)
    output = await agent.run("What is 6 times 7? Use the tool multiply.")
    assert str(output) == "Here is what I found: 42."
    assert [call.tool_name for call in output.tool_calls] == ["multiply"]


async def test_workflow_with_a_handoff(llm: MultiApiLLM) -> None:
    workflow = AgentWorkflow(
        agents=[
            FunctionAgent(
                name="adder",
                description="Adds numbers.",
                system_prompt="You add.",
                tools=[add],
                llm=llm,
                can_handoff_to=["multiplier"],
            ),
            FunctionAgent(
                name="multiplier",
                description="Multiplies numbers.",
                system_prompt="You multiply.",
                tools=[multiply],
                llm=llm,
            ),
        ],
        root_agent="adder",
    )
    handler = workflow.run(user_msg='What is 6 times 7? Ask the agent "multiplier" by a handoff.')
    results = [
        (event.tool_name, event.tool_kwargs)
        async for event in handler.stream_events()
        if isinstance(event, ToolCallResult)
    ]
    output = await handler
    assert results[0][1]["to_agent"] == "multiplier"
    assert results[1] == ("multiply", {"a": 6, "b": 7})
    assert output.current_agent_name == "multiplier"
    assert "42" in str(output)


def test_workflow_takes_a_function_agent_by_itself(llm: MultiApiLLM) -> None:
    workflow = AgentWorkflow.from_tools_or_functions([add], llm=llm)
    assert type(next(iter(workflow.agents.values()))) is FunctionAgent


# ------------------------------------------------------------------------------------------------ stores


def test_an_index_is_stored_and_loaded(tmp_path: Any) -> None:
    from llama_index.core import load_index_from_storage

    embedding = simulated_embedding("aicredits")
    index = VectorStoreIndex.from_documents(DOCUMENTS, embed_model=embedding)
    index.storage_context.persist(str(tmp_path))
    loaded = load_index_from_storage(StorageContext.from_defaults(persist_dir=str(tmp_path)), embed_model=embedding)
    assert [node.text for node in loaded.as_retriever(similarity_top_k=1).retrieve(QUESTION)] == [ANSWER]
