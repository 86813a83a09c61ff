"""A conformance kit for LlamaIndex LLMs, embeddings, tools and readers, for any package.

Subclass a class, say how yours is made, and run pytest:

```
from llamaindex_multiapi.testing import LLMConformance, Wire

class TestMyLLM(LLMConformance):
    def make(self, wire: Wire, *, base_url: str | None = None, **settings) -> MyLLM:
        return MyLLM(
            api_base=base_url or "https://vendor.example/v1",
            http_client=None if base_url else wire.client(),
            async_http_client=None if base_url else wire.async_client(),
            **settings,
        )
```

No key and no network are needed: a `Wire` plays what a provider would answer and keeps what was asked. Tests are named after the claim
(`b06`), the complaint of LlamaIndex's users (`c15`) and the row of the feature table (`r25`) that they check. What a model does not
have is said by an attribute (`has_reasoning = False`), and its tests are skipped.
"""

import pytest

pytest.register_assert_rewrite(
    "llamaindex_multiapi.testing.embeddings",
    "llamaindex_multiapi.testing.hostile",
    "llamaindex_multiapi.testing.llm_asking",
    "llamaindex_multiapi.testing.llm_content",
    "llamaindex_multiapi.testing.llm_failures",
    "llamaindex_multiapi.testing.llm_lifecycle",
    "llamaindex_multiapi.testing.llm_requests",
    "llamaindex_multiapi.testing.llm_streams",
    "llamaindex_multiapi.testing.llm_tools",
    "llamaindex_multiapi.testing.llms",
    "llamaindex_multiapi.testing.readers",
    "llamaindex_multiapi.testing.tools",
)

from llamaindex_multiapi.testing.embeddings import EmbeddingConformance  # noqa: E402
from llamaindex_multiapi.testing.llms import LLMConformance  # noqa: E402
from llamaindex_multiapi.testing.readers import ReaderConformance  # noqa: E402
from llamaindex_multiapi.testing.tools import ToolSpecConformance  # noqa: E402
from llamaindex_multiapi.testing.wire import (  # noqa: E402
    Asked,
    Called,
    OpenAIFormat,
    Reply,
    Said,
    Wire,
    events_reply,
    json_reply,
)

__all__ = [
    "Asked",
    "Called",
    "EmbeddingConformance",
    "LLMConformance",
    "OpenAIFormat",
    "ReaderConformance",
    "Reply",
    "Said",
    "ToolSpecConformance",
    "Wire",
    "events_reply",
    "json_reply",
]
