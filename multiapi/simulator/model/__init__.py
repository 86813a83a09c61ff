"""The simulated chat model: deterministic, and it decides from the request alone.

`conversation` holds the values, `words` and `tokens` look at text, `prompts` recognises what a prompt asks for
(context and question, an evaluation, tools described in prose), `filling` makes values for JSON schemas out of the
text, `planning` chooses tools, `speaking` puts the answer together.
"""

from multiapi.simulator.model.conversation import Attachment, Conversation, Reply, Tool, ToolCall, Turn
from multiapi.simulator.model.speaking import Mind, answered, input_tokens, pieces_of, replies, reply

__all__ = [
    "Attachment",
    "Conversation",
    "Mind",
    "Reply",
    "Tool",
    "ToolCall",
    "Turn",
    "answered",
    "input_tokens",
    "pieces_of",
    "replies",
    "reply",
]
