"""The simulated chat model: deterministic, and it decides from the request alone.

`speaking` puts the answer together: `planning` chooses tools and `choosing` names out of lists, `forms` gives the form that is asked for,
`judging`, `condensing`, `records`, `recalling` and `tasks` do what their names say. What a prompt asks for and what it only brings along is
told apart in `prompts`; values for schemas are made in `values`; `language` knows of texts alone.
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
