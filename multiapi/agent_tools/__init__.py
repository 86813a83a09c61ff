"""What agents can do with a provider: the tools, the same for every framework, and the words in which models are told of them.

Each tool is a flow, so that one function serves both clients; its signature says what a model may choose, its docstring what the
model reads. Provider, models, voices, folders and limits are the developer's. A tool answers with a short text and the media beside
it: base64 never goes into a conversation.

Files are read only below `input_dir` and written only into `output_dir`, under names made here. Without folders, what tools make
is kept for a while under such a name, by which other tools take it.
"""

from multiapi.agent_tools.tool import AgentTool, Parameter, ToolAnswer, arguments_model, failure_text
from multiapi.agent_tools.tool_run import plain
from multiapi.agent_tools.toolbox import MAX_INPUT_BYTES, Toolbox
from multiapi.agent_tools.tools import TOOLS

__all__ = [
    "MAX_INPUT_BYTES",
    "TOOLS",
    "AgentTool",
    "Parameter",
    "ToolAnswer",
    "Toolbox",
    "arguments_model",
    "failure_text",
    "plain",
]
