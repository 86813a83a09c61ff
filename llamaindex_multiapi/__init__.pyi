from llamaindex_multiapi.by_provider import (
    AICredits as AICredits,
)
from llamaindex_multiapi.by_provider import (
    AICreditsEmbedding as AICreditsEmbedding,
)
from llamaindex_multiapi.by_provider import (
    AimlApi as AimlApi,
)
from llamaindex_multiapi.by_provider import (
    AimlApiEmbedding as AimlApiEmbedding,
)
from llamaindex_multiapi.by_provider import (
    Bineric as Bineric,
)
from llamaindex_multiapi.by_provider import (
    Binobox as Binobox,
)
from llamaindex_multiapi.by_provider import (
    BinomRouter as BinomRouter,
)
from llamaindex_multiapi.embeddings import (
    EmbeddingUsageEvent as EmbeddingUsageEvent,
)
from llamaindex_multiapi.embeddings import (
    MultiApiEmbedding as MultiApiEmbedding,
)
from llamaindex_multiapi.fallback import (
    FallbackLLM as FallbackLLM,
)
from llamaindex_multiapi.limiter import (
    AdaptiveRateLimiter as AdaptiveRateLimiter,
)
from llamaindex_multiapi.llms import (
    MultiApiLLM as MultiApiLLM,
)
from llamaindex_multiapi.readers import (
    MultiApiOcrReader as MultiApiOcrReader,
)
from llamaindex_multiapi.readers import (
    MultiApiTranscriptReader as MultiApiTranscriptReader,
)
from llamaindex_multiapi.register import (
    register as register,
)
from llamaindex_multiapi.spending import (
    SpendingHandler as SpendingHandler,
)
from llamaindex_multiapi.spending import (
    SpendingRun as SpendingRun,
)
from llamaindex_multiapi.store import (
    EmbeddingStore as EmbeddingStore,
)
from llamaindex_multiapi.tools import (
    MultiApiToolSpec as MultiApiToolSpec,
)
