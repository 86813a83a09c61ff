from multiapi._package import (
    __version__ as __version__,
)
from multiapi.client.client import (
    AsyncClient as AsyncClient,
)
from multiapi.client.client import (
    Client as Client,
)
from multiapi.errors import (
    AddressRefusedError as AddressRefusedError,
)
from multiapi.errors import (
    AuthenticationError as AuthenticationError,
)
from multiapi.errors import (
    BudgetExceededError as BudgetExceededError,
)
from multiapi.errors import (
    ConnectionFailedError as ConnectionFailedError,
)
from multiapi.errors import (
    ContentFilterError as ContentFilterError,
)
from multiapi.errors import (
    ContextLengthError as ContextLengthError,
)
from multiapi.errors import (
    EmbeddingBatchError as EmbeddingBatchError,
)
from multiapi.errors import (
    InsufficientCreditsError as InsufficientCreditsError,
)
from multiapi.errors import (
    InvalidRequestError as InvalidRequestError,
)
from multiapi.errors import (
    JobFailedError as JobFailedError,
)
from multiapi.errors import (
    JobTimeoutError as JobTimeoutError,
)
from multiapi.errors import (
    MissingApiKeyError as MissingApiKeyError,
)
from multiapi.errors import (
    MultiApiError as MultiApiError,
)
from multiapi.errors import (
    NotFoundError as NotFoundError,
)
from multiapi.errors import (
    PermissionDeniedError as PermissionDeniedError,
)
from multiapi.errors import (
    RateLimitError as RateLimitError,
)
from multiapi.errors import (
    RequestTimeoutError as RequestTimeoutError,
)
from multiapi.errors import (
    RequestTooLargeError as RequestTooLargeError,
)
from multiapi.errors import (
    ResponseFormatError as ResponseFormatError,
)
from multiapi.errors import (
    ResponseTooLargeError as ResponseTooLargeError,
)
from multiapi.errors import (
    ServerError as ServerError,
)
from multiapi.errors import (
    StatusError as StatusError,
)
from multiapi.errors import (
    StreamInterruptedError as StreamInterruptedError,
)
from multiapi.errors import (
    UnsupportedError as UnsupportedError,
)
from multiapi.errors import (
    WithdrawnError as WithdrawnError,
)
from multiapi.flows.attempts import (
    ModelDeprecatedWarning as ModelDeprecatedWarning,
)
from multiapi.flows.steps import (
    Policy as Policy,
)
from multiapi.formats.openai.vendor import (
    openai_compatible as openai_compatible,
)
from multiapi.money.budget import (
    Budget as Budget,
)
from multiapi.money.prices import (
    price_list_age as price_list_age,
)
from multiapi.money.prices import (
    prices as prices,
)
from multiapi.money.prices import (
    set_prices as set_prices,
)
from multiapi.money.spending import (
    Spending as Spending,
)
from multiapi.money.spending import (
    track_spending as track_spending,
)
from multiapi.negotiation.wanted import (
    read_structured as read_structured,
)
from multiapi.provider import (
    PROVIDERS as PROVIDERS,
)
from multiapi.provider import (
    Provider as Provider,
)
from multiapi.provider import (
    ProviderName as ProviderName,
)
from multiapi.provider import (
    register as register,
)
from multiapi.sending.limiter import (
    Limiter as Limiter,
)
from multiapi.types.account import (
    Balance as Balance,
)
from multiapi.types.account import (
    DailyUsage as DailyUsage,
)
from multiapi.types.account import (
    Deprecation as Deprecation,
)
from multiapi.types.account import (
    Health as Health,
)
from multiapi.types.account import (
    ModelInfo as ModelInfo,
)
from multiapi.types.account import (
    ModelMetrics as ModelMetrics,
)
from multiapi.types.account import (
    ModelsRequest as ModelsRequest,
)
from multiapi.types.account import (
    Page as Page,
)
from multiapi.types.account import (
    Price as Price,
)
from multiapi.types.account import (
    UsageReport as UsageReport,
)
from multiapi.types.account import (
    UsageRequest as UsageRequest,
)
from multiapi.types.attribution import (
    Attribution as Attribution,
)
from multiapi.types.batches import (
    Batch as Batch,
)
from multiapi.types.batches import (
    BatchRequest as BatchRequest,
)
from multiapi.types.batches import (
    BatchResult as BatchResult,
)
from multiapi.types.chat import (
    ChatDelta as ChatDelta,
)
from multiapi.types.chat import (
    ChatRequest as ChatRequest,
)
from multiapi.types.chat import (
    ChatResponse as ChatResponse,
)
from multiapi.types.chat import (
    MediaPart as MediaPart,
)
from multiapi.types.chat import (
    Message as Message,
)
from multiapi.types.chat import (
    ResponseFormat as ResponseFormat,
)
from multiapi.types.chat import (
    TextPart as TextPart,
)
from multiapi.types.chat import (
    Tool as Tool,
)
from multiapi.types.chat import (
    ToolCall as ToolCall,
)
from multiapi.types.embeddings import (
    EmbedRequest as EmbedRequest,
)
from multiapi.types.embeddings import (
    EmbedResponse as EmbedResponse,
)
from multiapi.types.jobs import (
    Job as Job,
)
from multiapi.types.jobs import (
    Progress as Progress,
)
from multiapi.types.limits import (
    Limits as Limits,
)
from multiapi.types.limits import (
    Timeout as Timeout,
)
from multiapi.types.media import (
    Media as Media,
)
from multiapi.types.media_requests import (
    ImageEditRequest as ImageEditRequest,
)
from multiapi.types.media_requests import (
    ImageRequest as ImageRequest,
)
from multiapi.types.media_requests import (
    MeshRequest as MeshRequest,
)
from multiapi.types.media_requests import (
    ModerationRequest as ModerationRequest,
)
from multiapi.types.media_requests import (
    MusicRequest as MusicRequest,
)
from multiapi.types.media_requests import (
    OcrRequest as OcrRequest,
)
from multiapi.types.media_requests import (
    SpeechRequest as SpeechRequest,
)
from multiapi.types.media_requests import (
    TranscriptionRequest as TranscriptionRequest,
)
from multiapi.types.media_requests import (
    VideoRequest as VideoRequest,
)
from multiapi.types.media_requests import (
    VisionFeaturesRequest as VisionFeaturesRequest,
)
from multiapi.types.media_results import (
    EncodedFile as EncodedFile,
)
from multiapi.types.media_results import (
    ImageResult as ImageResult,
)
from multiapi.types.media_results import (
    MediaResult as MediaResult,
)
from multiapi.types.media_results import (
    MeshResult as MeshResult,
)
from multiapi.types.media_results import (
    Moderation as Moderation,
)
from multiapi.types.media_results import (
    OcrResult as OcrResult,
)
from multiapi.types.media_results import (
    Transcript as Transcript,
)
from multiapi.types.search import (
    SearchRequest as SearchRequest,
)
from multiapi.types.search import (
    SearchResult as SearchResult,
)
from multiapi.types.usage import (
    Cost as Cost,
)
from multiapi.types.usage import (
    Usage as Usage,
)
