"""The simulated chat model: deterministic, and it decides from the request alone.

`instructing` tells instructions from facts, `forms` and `prompts` see what form is asked for, `binding`, `choosing` and `filling` make
values for tools and JSON schemas out of the text, `planning` chooses tools, `tasks` does small tasks, `speaking` puts the answer together.
"""

from multiapi.simulator.minds import saying, tokens
from multiapi.simulator.minds.conversation import Attachment, Conversation, Reply, Tool, ToolCall, Turn
from multiapi.simulator.minds.saying import input_tokens
from multiapi.simulator.model.speaking import answered


def reply(conversation: Conversation) -> Reply:
    """What the simulated model says, cut at stop words and at the token limit, with its usage."""
    return saying.reply(conversation, answered)


def replies(conversation: Conversation) -> list[Reply]:
    """The same, as often as asked for."""
    return saying.replies(conversation, answered)


__all__ = [
    "Attachment",
    "Conversation",
    "Reply",
    "Tool",
    "ToolCall",
    "Turn",
    "answered",
    "input_tokens",
    "replies",
    "reply",
    "tokens",
]
