"""Media in messages whose role holds only text stands in the next user message."""

import httpx
import pytest

from multiapi import ChatRequest, Client, MediaPart, Message, MultiApiError, TextPart, ToolCall
from multiapi.providers import PROVIDERS

PICTURE = MediaPart("image", data="iVBORw0KGgo=", mime_type="image/png")
SENT = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def sent(provider: str, *messages: Message) -> list[dict[str, object]]:
    body = PROVIDERS[provider].chat.build(ChatRequest(model="m", messages=messages)).json
    return body["messages"]  # type: ignore[no-any-return]


def test_media_of_a_system_message_follows_it() -> None:
    system, picture, question = sent(
        "aimlapi", Message("system", [TextPart("Our logo:"), PICTURE]), Message("user", "Which colour has it?")
    )
    assert system == {
        "role": "system",
        "content": "Our logo:\n(the medium of this message follows in the next user message)",
    }
    assert picture == {"role": "user", "content": [{"type": "text", "text": "Media from the system message:"}, SENT]}
    assert question["content"] == "Which colour has it?"


def test_media_of_an_assistant_that_calls_tools_follows_the_results() -> None:
    wire = sent(
        "aimlapi",
        Message("user", "draw"),
        Message("assistant", [PICTURE], tool_calls=[ToolCall("1", "look", "{}")]),
        Message("tool", "nice", tool_call_id="1"),
    )
    assert [message["role"] for message in wire] == ["user", "assistant", "tool", "user"]
    assert wire[3]["content"][1] == SENT  # type: ignore[index]


def test_bineric_takes_them_as_attachments_of_the_first_user_message() -> None:
    (message,) = sent("bineric", Message("system", [TextPart("Our logo:"), PICTURE]), Message("user", "Which colour?"))
    assert message["content"] == "Our logo:\n\nWhich colour?"
    assert message["attachments"] == ["data:image/png;base64,iVBORw0KGgo="]


@pytest.mark.parametrize("stream", [False, True])
def test_a_key_that_the_vendor_repeats_is_not_in_the_error(stream: bool) -> None:
    key = "sk-very-secret-0123456789"
    refusal = httpx.Response(401, json={"error": {"message": f"Incorrect API key provided: {key}"}})
    http_client = httpx.Client(transport=httpx.MockTransport(lambda _: refusal))
    client = Client("aimlapi", api_key=key, http_client=http_client)
    request = ChatRequest(model="m", messages=[Message("user", "hi")])
    with pytest.raises(MultiApiError) as failure:
        list(client.chat_stream(request)) if stream else client.chat(request)
    assert key not in str(failure.value) + repr(failure.value) + str(failure.value.body)
    assert "Incorrect API key provided" in str(failure.value)
