from langchain_multiapi.by_provider import (
    AICreditsEmbeddings as AICreditsEmbeddings,
)
from langchain_multiapi.by_provider import (
    AimlApiEmbeddings as AimlApiEmbeddings,
)
from langchain_multiapi.by_provider import (
    ChatAICredits as ChatAICredits,
)
from langchain_multiapi.by_provider import (
    ChatAimlApi as ChatAimlApi,
)
from langchain_multiapi.by_provider import (
    ChatBineric as ChatBineric,
)
from langchain_multiapi.by_provider import (
    ChatBinobox as ChatBinobox,
)
from langchain_multiapi.by_provider import (
    ChatBinomRouter as ChatBinomRouter,
)
from langchain_multiapi.chat_models import (
    ChatMultiApi as ChatMultiApi,
)
from langchain_multiapi.embeddings import (
    MultiApiEmbeddings as MultiApiEmbeddings,
)
from langchain_multiapi.factories import (
    register_with_langchain as register_with_langchain,
)
from langchain_multiapi.middleware import (
    SpendGuard as SpendGuard,
)
from langchain_multiapi.middleware import (
    VendorFailover as VendorFailover,
)
from langchain_multiapi.parsers import (
    MultiApiOcrParser as MultiApiOcrParser,
)
from langchain_multiapi.parsers import (
    MultiApiTranscriptParser as MultiApiTranscriptParser,
)
from langchain_multiapi.spending import (
    SpendTracker as SpendTracker,
)
from langchain_multiapi.spending import (
    track_spending as track_spending,
)
from langchain_multiapi.tools import (
    BalanceTool as BalanceTool,
)
from langchain_multiapi.tools import (
    CheckJobTool as CheckJobTool,
)
from langchain_multiapi.tools import (
    DecodeBase64Tool as DecodeBase64Tool,
)
from langchain_multiapi.tools import (
    EditImageTool as EditImageTool,
)
from langchain_multiapi.tools import (
    FileToBase64Tool as FileToBase64Tool,
)
from langchain_multiapi.tools import (
    Generate3DModelTool as Generate3DModelTool,
)
from langchain_multiapi.tools import (
    GenerateImageTool as GenerateImageTool,
)
from langchain_multiapi.tools import (
    GenerateMusicTool as GenerateMusicTool,
)
from langchain_multiapi.tools import (
    GenerateVideoTool as GenerateVideoTool,
)
from langchain_multiapi.tools import (
    HealthTool as HealthTool,
)
from langchain_multiapi.tools import (
    ListModelsTool as ListModelsTool,
)
from langchain_multiapi.tools import (
    ModerateTextTool as ModerateTextTool,
)
from langchain_multiapi.tools import (
    MultiApiTool as MultiApiTool,
)
from langchain_multiapi.tools import (
    MultiApiToolkit as MultiApiToolkit,
)
from langchain_multiapi.tools import (
    ReadDocumentTool as ReadDocumentTool,
)
from langchain_multiapi.tools import (
    SearchEngineTool as SearchEngineTool,
)
from langchain_multiapi.tools import (
    SearchWebTool as SearchWebTool,
)
from langchain_multiapi.tools import (
    StartVideoTool as StartVideoTool,
)
from langchain_multiapi.tools import (
    TextToSpeechTool as TextToSpeechTool,
)
from langchain_multiapi.tools import (
    TranscribeAudioTool as TranscribeAudioTool,
)
from langchain_multiapi.tools import (
    UsageReportTool as UsageReportTool,
)
from langchain_multiapi.tools import (
    VisionFeaturesTool as VisionFeaturesTool,
)
from multiapi._package import (
    __version__ as __version__,
)
