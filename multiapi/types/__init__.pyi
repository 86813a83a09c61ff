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
    KeyChange as KeyChange,
)
from multiapi.types.account import (
    KeyInfo as KeyInfo,
)
from multiapi.types.account import (
    LogsRequest as LogsRequest,
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
    TransactionsRequest as TransactionsRequest,
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
    CHAT_SETTINGS as CHAT_SETTINGS,
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
    Citation as Citation,
)
from multiapi.types.chat import (
    InvalidToolCall as InvalidToolCall,
)
from multiapi.types.chat import (
    MediaKind as MediaKind,
)
from multiapi.types.chat import (
    MediaPart as MediaPart,
)
from multiapi.types.chat import (
    Message as Message,
)
from multiapi.types.chat import (
    Part as Part,
)
from multiapi.types.chat import (
    RawPart as RawPart,
)
from multiapi.types.chat import (
    Reasoning as Reasoning,
)
from multiapi.types.chat import (
    ReasoningReplay as ReasoningReplay,
)
from multiapi.types.chat import (
    ResponseFormat as ResponseFormat,
)
from multiapi.types.chat import (
    StructuredMethod as StructuredMethod,
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
from multiapi.types.chat import (
    ToolCallDelta as ToolCallDelta,
)
from multiapi.types.chat import (
    ToolCalling as ToolCalling,
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
from multiapi.types.legacy import (
    LegacyEvent as LegacyEvent,
)
from multiapi.types.legacy import (
    LegacyRequest as LegacyRequest,
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
from multiapi.types.media_results import (
    VisionFeatures as VisionFeatures,
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
