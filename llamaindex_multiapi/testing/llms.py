"""What every LlamaIndex LLM over HTTP should do, as tests that anybody can subclass."""

from __future__ import annotations

from llamaindex_multiapi.testing.hostile import HostileAnswers
from llamaindex_multiapi.testing.llm_content import LLMContent
from llamaindex_multiapi.testing.llm_failures import LLMFailures
from llamaindex_multiapi.testing.llm_lifecycle import LLMLifecycle
from llamaindex_multiapi.testing.llm_requests import LLMRequests
from llamaindex_multiapi.testing.llm_streams import LLMStreams
from llamaindex_multiapi.testing.llm_tools import LLMTools


class LLMConformance(LLMRequests, LLMFailures, LLMStreams, LLMTools, LLMContent, LLMLifecycle, HostileAnswers):
    """Subclass it, define `make`, and say with the attributes what your LLM does not have."""
