"""What every LlamaIndex embedding over HTTP should do, as tests that anybody can subclass."""

# ruff: noqa: S301

from __future__ import annotations

import asyncio
import copy
import json
import math
import pickle
from collections.abc import Sequence
from typing import Any

import pytest
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import TextNode
from llama_index.core.storage.kvstore import SimpleKVStore

from llamaindex_multiapi.testing.llm_asking import KEY, OTHER_KEY, observed
from llamaindex_multiapi.testing.wire import Asked, OpenAIFormat, Reply, Wire, json_reply

SIZE = 3


def vector_of(text: str, size: int = SIZE) -> list[float]:
    """A vector that tells which text it belongs to."""
    return [float(sum(text.encode())), float(len(text)), *(1.0 for _ in range(size - 2))]


class EmbeddingConformance:
    """Subclass it, define `make`, and say with the attributes what your embedding does not have."""

    format: OpenAIFormat = OpenAIFormat()
    model: str = "test-embedding"
    has_dimensions: bool = True

    def make(self, wire: Wire, *, base_url: str | None = None, **settings: Any) -> BaseEmbedding:
        """The embedding under test: over `wire.client()` and `wire.async_client()`, or over sockets to `base_url`.

        `settings` are some of api_key (always), model_name (always), embed_batch_size, embeddings_cache, dimensions, max_retries.
        """
        raise NotImplementedError("the subclass says what is tested")

    # ------------------------------------------------------------------------------------ how tests ask

    def embedding(self, wire: Wire, **settings: Any) -> Any:
        """The embedding with the usual key and model."""
        return self.make(wire, **{"api_key": KEY, "model_name": self.model, "max_retries": 0, **settings})

    def answer(self, asked: Asked) -> Reply:
        """Vectors that belong to the texts."""
        size = asked.json.get("dimensions") or SIZE
        return self.format.vectors([vector_of(text, size) for text in _texts(asked)])

    def wire(self) -> Wire:
        """A wire on which every request is answered as it should be."""
        return Wire(self.answer)

    def batch(self, embedding: Any, texts: Sequence[str], *, is_async: bool) -> list[list[float]]:
        """Vectors for texts, in either way."""
        if not is_async:
            return embedding.get_text_embedding_batch(list(texts))  # type: ignore[no-any-return]

        async def ask() -> list[list[float]]:
            return await embedding.aget_text_embedding_batch(list(texts))  # type: ignore[no-any-return]

        return asyncio.run(ask())

    @pytest.fixture(autouse=True)
    def _clean_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)

    # ------------------------------------------------------------------------------------ vectors

    @pytest.mark.parametrize("is_async", [False, True])
    def test_b12_all_ways_give_the_same(self, is_async: bool) -> None:
        embedding = self.embedding(self.wire())

        async def ask() -> list[list[float]]:
            return [await embedding.aget_text_embedding("cat"), await embedding.aget_query_embedding("cat")]

        found = (
            asyncio.run(ask())
            if is_async
            else [embedding.get_text_embedding("cat"), embedding.get_query_embedding("cat")]
        )
        assert found == [vector_of("cat")] * 2
        assert self.batch(embedding, ["cat", "mouse"], is_async=is_async) == [vector_of("cat"), vector_of("mouse")]

    @pytest.mark.parametrize("is_async", [False, True])
    def test_b12_r51_vectors_are_in_the_order_of_the_texts(self, is_async: bool) -> None:
        def reversed_answer(asked: Asked) -> Reply:
            texts = _texts(asked)
            numbers = list(range(len(texts)))[::-1]
            return self.format.vectors([vector_of(texts[number]) for number in numbers], indexes=numbers)

        texts = ["a", "bb", "ccc", "dddd"]
        found = self.batch(self.embedding(Wire(reversed_answer)), texts, is_async=is_async)
        assert found == [vector_of(text) for text in texts]

    @pytest.mark.parametrize("is_async", [False, True])
    def test_b12_r51_too_few_vectors_are_an_error(self, is_async: bool) -> None:
        wire = Wire(lambda asked: self.format.vectors([vector_of(text) for text in _texts(asked)][:-1]))
        with pytest.raises(Exception):  # noqa: B017, PT011
            self.batch(self.embedding(wire), ["a", "bb", "ccc"], is_async=is_async)

    @pytest.mark.parametrize(
        "vector", [[1.0, math.nan, 1.0], [1.0, None, 1.0], ["1", "2", "3"], [], [1.0, math.inf, 1.0]]
    )
    def test_b12_r51_what_is_no_vector_is_an_error(self, vector: list[Any]) -> None:
        with pytest.raises(Exception):  # noqa: B017, PT011
            self.embedding(Wire(self.format.vectors([vector]))).get_text_embedding("a")

    def test_b12_r51_vectors_of_different_lengths_are_an_error(self) -> None:
        wire = Wire(self.format.vectors([[1.0, 2.0, 3.0], [1.0, 2.0]]))
        with pytest.raises(Exception):  # noqa: B017, PT011
            self.embedding(wire).get_text_embedding_batch(["a", "b"])

    def test_b12_no_node_is_left_without_a_vector(self) -> None:
        wire = Wire(lambda asked: self.format.vectors([vector_of(text) for text in _texts(asked)][:1]))
        nodes = [TextNode(text=text) for text in ("a", "bb", "ccc")]
        try:
            self.embedding(wire)(nodes)
        except Exception:
            return
        assert all(node.embedding is not None for node in nodes)

    def test_texts_are_sent_as_they_are(self) -> None:
        wire = self.wire()
        text = "two\nlines  and\ttabs "
        self.embedding(wire).get_text_embedding(text)
        assert _texts(wire.asked[-1]) == [text]

    def test_c37_r01_any_model_name(self) -> None:
        wire = self.wire()
        self.embedding(wire, model_name="somebody/embeds-tomorrow").get_text_embedding("a")
        assert wire.last["model"] == "somebody/embeds-tomorrow"

    def test_nothing_optional_is_sent(self) -> None:
        wire = self.wire()
        self.embedding(wire).get_text_embedding("a")
        assert set(wire.last) == {"model", "input"}

    def test_dimensions_are_sent(self) -> None:
        if not self.has_dimensions:
            pytest.skip("no dimensions")
        wire = self.wire()
        assert len(self.embedding(wire, dimensions=5).get_text_embedding("a")) == 5
        assert wire.last["dimensions"] == 5

    @pytest.mark.parametrize("is_async", [False, True])
    def test_no_text_is_no_request(self, is_async: bool) -> None:
        wire = self.wire()
        assert self.batch(self.embedding(wire), [], is_async=is_async) == []
        assert not wire.asked

    # ------------------------------------------------------------------------------------ batches

    @pytest.mark.parametrize("is_async", [False, True])
    def test_b12_c33_batches_are_as_large_as_they_may_be(self, is_async: bool) -> None:
        wire = self.wire()
        texts = [f"text {number}" for number in range(10)]
        found = self.batch(self.embedding(wire, embed_batch_size=4), texts, is_async=is_async)
        assert found == [vector_of(text) for text in texts]
        assert sorted(len(_texts(asked)) for asked in wire.asked) == [2, 4, 4]

    @pytest.mark.parametrize("is_async", [False, True])
    def test_b12_c34_r52_a_failed_batch_takes_nothing_with_it(self, is_async: bool) -> None:
        def answer(asked: Asked) -> Reply:
            return self.format.error(403, "not this one") if "text 7" in _texts(asked) else self.answer(asked)

        texts = [f"text {number}" for number in range(10)]
        with pytest.raises(Exception) as failure:  # noqa: PT011
            self.batch(self.embedding(Wire(answer), embed_batch_size=2), texts, is_async=is_async)
        done = getattr(failure.value, "done", {})
        assert {index: done.get(index) for index in range(6)} == {index: vector_of(texts[index]) for index in range(6)}

    @pytest.mark.parametrize("is_async", [False, True])
    def test_b12_c33_a_text_that_is_refused_is_named(self, is_async: bool) -> None:
        def answer(asked: Asked) -> Reply:
            return self.format.error(400, "cannot be embedded") if "text 7" in _texts(asked) else self.answer(asked)

        texts = [f"text {number}" for number in range(10)]
        with pytest.raises(Exception) as failure:  # noqa: PT011
            self.batch(self.embedding(Wire(answer), embed_batch_size=10), texts, is_async=is_async)
        assert getattr(failure.value, "failed_index", None) == 7

    def test_b12_vectors_in_base64_are_read(self) -> None:
        import base64
        import struct

        encoded = base64.b64encode(struct.pack("<3f", 1.0, 2.0, 3.0)).decode()
        assert self.embedding(Wire(self.format.vectors([encoded]))).get_text_embedding("a") == [1.0, 2.0, 3.0]

    # ------------------------------------------------------------------------------------ errors

    @pytest.mark.parametrize("is_async", [False, True])
    def test_b15_r21_errors_say_what_happened(self, is_async: bool) -> None:
        wire = Wire(self.format.error(402, "your wallet is empty", "insufficient_funds", x_request_id="req_77"))
        with pytest.raises(Exception) as failure:  # noqa: PT011
            self.batch(self.embedding(wire), ["a"], is_async=is_async)
        error: Any = failure.value
        assert getattr(error, "status", None) == 402 or getattr(error, "status_code", None) == 402
        assert error.request_id == "req_77"
        assert len(wire.asked) == 1

    def test_b15_r22_an_error_inside_a_success_is_an_error(self) -> None:
        wire = Wire(json_reply({"error": {"message": "the upstream model is gone"}}))
        with pytest.raises(Exception, match="the upstream model is gone"):
            self.embedding(wire).get_text_embedding("a")

    # ------------------------------------------------------------------------------------ secrets

    def test_b02_c26_r07_key_is_not_in_what_is_shown_and_stored(self) -> None:
        embedding = self.embedding(self.wire())
        shown = (
            repr(embedding),
            str(embedding),
            str(embedding.to_dict()),
            embedding.to_json(),
            str(embedding.to_payload()),
        )
        assert not any(KEY in each for each in shown)

    def test_b02_key_is_in_no_event(self) -> None:
        embedding = self.embedding(self.wire())
        with observed() as seen:
            embedding.get_text_embedding_batch(["a"])
        assert seen.events
        assert not any(KEY in event.model_dump_json(fallback=repr) for event in seen.events)

    def test_b03_another_vendors_key_is_not_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-this-is-for-openai-only")
        wire = self.wire()
        try:
            self.embedding(wire, api_key=None).get_text_embedding("a")
        except Exception:
            assert not wire.asked
        assert not any("sk-this-is-for-openai-only" in str(asked.headers) for asked in wire.asked)

    def test_b14_another_key_is_the_same_model_to_a_cache(self) -> None:
        wire = self.wire()
        assert str(self.embedding(wire).to_dict()) == str(self.embedding(wire, api_key=OTHER_KEY).to_dict())

    # ------------------------------------------------------------------------------------ cache

    @pytest.mark.parametrize("is_async", [False, True])
    def test_a_cache_saves_requests(self, is_async: bool) -> None:
        wire = self.wire()
        embedding = self.embedding(wire, embeddings_cache=SimpleKVStore())
        first = self.batch(embedding, ["a", "bb"], is_async=is_async)
        assert self.batch(embedding, ["bb", "a"], is_async=is_async) == first[::-1]
        assert len(wire.asked) == 1

    @pytest.mark.parametrize("is_async", [False, True])
    def test_b12_c38_r53_models_do_not_share_entries(self, is_async: bool) -> None:
        wire = self.wire()
        store = SimpleKVStore()
        self.batch(self.embedding(wire, embeddings_cache=store), ["a"], is_async=is_async)
        self.batch(self.embedding(wire, embeddings_cache=store, model_name="another-model"), ["a"], is_async=is_async)
        assert [asked.json["model"] for asked in wire.asked] == [self.model, "another-model"]

    def test_b12_c38_r53_lengths_do_not_share_entries(self) -> None:
        if not self.has_dimensions:
            pytest.skip("no dimensions")
        wire = self.wire()
        store = SimpleKVStore()
        lengths = [
            len(self.embedding(wire, embeddings_cache=store, dimensions=size).get_text_embedding("a"))
            for size in (4, 6)
        ]
        assert lengths == [4, 6]

    # ------------------------------------------------------------------------------------ loops, copies, events

    def test_b13_c27_r48_every_loop_works(self) -> None:
        wire = self.wire()
        with wire.served() as address:
            embedding = self.embedding(wire, base_url=f"{address}/v1")

            async def ask() -> list[float]:
                return await embedding.aget_text_embedding("a")  # type: ignore[no-any-return]

            assert [asyncio.run(ask()) for _ in range(3)] == [vector_of("a")] * 3
        assert len(wire.asked) == 3

    def test_b14_c35_r49_a_pickle_after_use_works(self) -> None:
        wire = self.wire()
        with wire.served() as address:
            embedding = self.embedding(wire, base_url=f"{address}/v1", embed_batch_size=4)
            embedding.get_text_embedding("a")
            again = pickle.loads(pickle.dumps(embedding))
            assert again.embed_batch_size == 4
            assert again.get_text_embedding("a") == vector_of("a")

    def test_b14_r49_a_deep_copy_after_use_works(self) -> None:
        embedding = self.embedding(self.wire())
        embedding.get_text_embedding("a")
        assert copy.deepcopy(embedding).get_text_embedding("a") == vector_of("a")

    def test_b14_a_copy_with_another_key_uses_it(self) -> None:
        wire = self.wire()
        embedding = self.embedding(wire)
        embedding.get_text_embedding("a")
        embedding.model_copy(update={"api_key": OTHER_KEY}).get_text_embedding("a")
        assert [OTHER_KEY in str(asked.headers) for asked in wire.asked] == [False, True]

    def test_b14_a_stored_model_comes_back_as_its_own_class(self) -> None:
        embedding = self.embedding(self.wire(), embed_batch_size=4)
        again = type(embedding).from_dict(json.loads(embedding.to_json()), api_key=KEY)
        assert again.to_dict() == embedding.to_dict()
        assert embedding.class_name() == type(embedding).__name__

    @pytest.mark.parametrize("is_async", [False, True])
    def test_a_start_and_an_end_for_what_is_embedded(self, is_async: bool) -> None:
        embedding = self.embedding(self.wire(), embed_batch_size=2)
        with observed() as seen:
            self.batch(embedding, ["a", "b", "c"], is_async=is_async)
        assert seen.count("EmbeddingStartEvent") == seen.count("EmbeddingEndEvent") >= 1
        ends = [event for event in seen.events if type(event).__name__ == "EmbeddingEndEvent"]
        assert [chunk for end in ends for chunk in end.chunks] == ["a", "b", "c"]

    def test_c35_it_works_in_an_ingestion_pipeline(self) -> None:
        from llama_index.core.ingestion import IngestionPipeline

        pipeline = IngestionPipeline(transformations=[self.embedding(self.wire())])
        nodes = pipeline.run(nodes=[TextNode(text=text) for text in ("a", "bb")])
        assert [node.embedding for node in nodes] == [vector_of("a"), vector_of("bb")]


def _texts(asked: Asked) -> list[str]:
    given = asked.json["input"]
    return [given] if isinstance(given, str) else given
