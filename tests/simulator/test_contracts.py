"""Every operation of the five contracts: what it documents is accepted and answered in its form, anything else refused."""

import copy
import io
import wave
from collections.abc import Callable
from typing import Any

import pytest

from multiapi.simulator import Clock, Simulator
from multiapi.simulator.contract import VENDORS, Operation, contract
from multiapi.simulator.media import draw_image, speak
from tests.simulator.conversing import Talk

OPERATIONS = [
    operation
    for vendor in VENDORS
    for operation in contract(vendor).operations.values()
    if operation.status not in {"removed", "seen"}
]
REMOVED = [
    operation
    for vendor in VENDORS
    for operation in contract(vendor).operations.values()
    if operation.status == "removed"
]


def name(operation: Operation) -> str:
    return f"{operation.vendor}-{operation.id}"


def talk_about(operation: Operation) -> Talk:
    talk = Talk(operation.vendor)
    if operation.id in ("createKey", "listKeys", "updateKey", "replaceKey", "deleteKey"):
        talk.key = "management-0123456789"
    return talk


def silence() -> bytes:
    """Eleven seconds of a recording."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * 8000 * 11)
    return data.getvalue()


def form(example: dict[str, Any], operation: Operation) -> dict[str, Any]:
    """A documented form as httpx sends it: `<binary>` becomes a file that suits the operation."""
    if operation.id == "editImage":
        upload = ("a.png", draw_image("a cat", 64, 64), "image/png")
    elif operation.id in ("createTranscription", "transcribeSync"):
        upload = ("a.wav", speak("Hello there.", "audio/wav"), "audio/wav")
    elif operation.id == "uploadMusicReference":
        upload = ("a.wav", silence(), "audio/wav")
    else:
        upload = ("a.txt", b"some text", "text/plain")
    files = {key: upload for key, value in example.items() if value == "<binary>"}
    return {"data": {key: value for key, value in example.items() if value != "<binary>"}, "files": files}


FORMS: dict[str, dict[str, Any]] = {
    "convertFileToBase64": {"file": "<binary>"},
    "uploadMusicReference": {"file": "<binary>", "purpose": "song"},
    "transcribeSync": {"model": "#g1_whisper-base", "audio": "<binary>"},
}
BODIES: dict[str, Any] = {
    "createImageWithUrl": {"model": "flux/schnell", "prompt": "A paper boat"},
    "updateThread": {"metadata": {"k": "v"}},
    "updateRun": {"metadata": {"k": "v"}},
}


def documented_requests(operation: Operation) -> list[tuple[str, str, Any]]:
    """The examples of the contract, and for operations that have none a plain one."""
    found = [example for example in operation.request_examples() if not example[1].startswith("seen")]
    media_types = {media_type for media_type, _, _ in found}
    for media_type in operation.content_types:
        if media_type not in media_types:
            value = FORMS[operation.id] if media_type == "multipart/form-data" else BODIES[operation.id]
            found.append((media_type, "made here", value))
    return found or [("", "no body", None)]


def made_id(talk: Talk, path: str, body: Any, field: str = "id") -> str:
    response = talk.post(path, body)
    assert response.is_success, response.text
    return str(response.json()[field])


def thread(talk: Talk) -> str:
    return made_id(talk, "/threads", {"messages": [{"role": "user", "content": "Hello"}]})


def assistant(talk: Talk) -> str:
    return made_id(talk, "/assistants", {"model": "gpt-4o-mini"})


WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def run(talk: Talk, *, waiting: bool = False) -> dict[str, str]:
    """A run that has ended, or that waits for a tool."""
    functions = [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}]
    helper = made_id(talk, "/assistants", {"model": "gpt-4o-mini", "tools": functions if waiting else []})
    thread_id = made_id(talk, "/threads", {"messages": [{"role": "user", "content": "What is the weather in Oslo?"}]})
    run_id = made_id(talk, f"/threads/{thread_id}/runs", {"assistant_id": helper})
    talk.simulator.clock.advance(10)
    return {"threadId": thread_id, "runId": run_id}


def video(talk: Talk, vendor: str = "") -> str:
    if talk.vendor == "binobox":
        return made_id(
            talk,
            "/videos/generations",
            {"model": "veo-3-lite-generate", "prompt": "a cat", "settings": {"duration": 2}},
        )
    body = {"model": "alibaba/wan-2-6-t2v", "prompt": "a cat", "duration": 5}
    return made_id(talk, f"/v2/generate/video/{vendor}/generation" if vendor else "/v2/video/generations", body)


def new_key(talk: Talk) -> str:
    return str(talk.post("/v1/keys", {"name": "ci"}).json()["data"]["prefix"])


def batch(talk: Talk) -> str:
    message = {"model": "claude-sonnet-4-5-20250929", "max_tokens": 64, "messages": [{"role": "user", "content": "Hi"}]}
    return made_id(talk, "/v1/batches", {"requests": [{"custom_id": "a", "params": message}]})


def uploaded(talk: Talk) -> str:
    response = talk.send("POST", "/v1/files", data={"purpose": "assistants"}, files={"file": ("a.txt", b"some text")})
    return str(response.json()["id"])


def step(talk: Talk) -> dict[str, str]:
    ids = run(talk)
    steps = talk.get(f"/threads/{ids['threadId']}/runs/{ids['runId']}/steps").json()["data"]
    return {**ids, "stepId": steps[0]["id"]}


def message(talk: Talk) -> dict[str, str]:
    thread_id = thread(talk)
    return {
        "threadId": thread_id,
        "messageId": made_id(talk, f"/threads/{thread_id}/messages", {"role": "user", "content": "Hi"}),
    }


# What has to be there before an operation can be called: path and query parameters, by operation.
PATHS: dict[str, Callable[[Talk], dict[str, str]]] = {
    "getAssistant": lambda talk: {"assistantId": assistant(talk)},
    "updateAssistant": lambda talk: {"assistantId": assistant(talk)},
    "deleteAssistant": lambda talk: {"assistantId": assistant(talk)},
    "getThread": lambda talk: {"threadId": thread(talk)},
    "updateThread": lambda talk: {"threadId": thread(talk)},
    "deleteThread": lambda talk: {"threadId": thread(talk)},
    "createThreadMessage": lambda talk: {"threadId": thread(talk)},
    "listThreadMessages": lambda talk: {"threadId": thread(talk)},
    "getThreadMessage": message,
    "updateThreadMessage": message,
    "deleteThreadMessage": message,
    "createRun": lambda talk: {"threadId": thread(talk)},
    "listRuns": run,
    "getRun": run,
    "updateRun": run,
    "submitToolOutputs": lambda talk: run(talk, waiting=True),
    "cancelRun": lambda talk: run(talk, waiting=True),
    "listRunSteps": run,
    "getRunStep": step,
    "createVideoLegacy": lambda talk: {"vendor": "kling"},
    "getVideoLegacy": lambda talk: {"vendor": "kling"},
    "getTranscription": lambda talk: {
        "generation_id": made_id(
            talk, "/v1/stt/create", {"model": "nova-3", "url": "https://example.com/a.mp3"}, "generation_id"
        )
    },
    "cancelBatch": lambda talk: {"batch_id": batch(talk)},
    "getFile": lambda talk: {"file_id": uploaded(talk)},
    "deleteFile": lambda talk: {"file_id": uploaded(talk)},
    "getModel": lambda talk: {"id": "openai/gpt-4o"},
    "updateKey": lambda talk: {"prefix": new_key(talk)},
    "replaceKey": lambda talk: {"prefix": new_key(talk)},
    "deleteKey": lambda talk: {"prefix": new_key(talk)},
    "getJob": lambda talk: {"id": video(talk)},
}
QUERIES: dict[str, Callable[[Talk], dict[str, str]]] = {
    "getVideo": lambda talk: {"generation_id": video(talk)},
    "getVideoLegacy": lambda talk: {"generation_id": video(talk, "kling")},
    "getMusic": lambda talk: {
        "generation_id": made_id(talk, "/v2/generate/audio", {"model": "google/lyria2", "prompt": "piano"})
    },
    "getBatch": lambda talk: {"batch_id": batch(talk)},
    "getUsage": lambda talk: {} if talk.vendor == "binobox" else {"period": "24h"},
    "getUsageDetail": lambda talk: {"period": "7d", "group_by": "day,model"},
    "listLogs": lambda talk: {"period": "24h"},
}


def prepared(talk: Talk, operation: Operation) -> tuple[str, dict[str, str]]:
    """Path and query of a call that can succeed."""
    path = operation.path
    for key, value in PATHS.get(operation.id, lambda talk: {})(talk).items():
        path = path.replace(f"{{{key}}}", value)
    return path, QUERIES.get(operation.id, lambda talk: {})(talk)


def fitted(talk: Talk, operation: Operation, body: Any, path: str) -> Any:
    """The example with ids that exist here."""
    body = copy.deepcopy(body)
    if operation.id in ("createRun", "createThreadAndRun"):
        body["assistant_id"] = assistant(talk)
    if operation.id == "submitToolOutputs":
        waiting = talk.get(path.removesuffix("/submit_tool_outputs")).json()
        calls = waiting["required_action"]["submit_tool_outputs"]["tool_calls"]
        body["tool_outputs"] = [{"tool_call_id": call["id"], "output": "dry"} for call in calls]
    if operation.id == "createTranscription" and talk.vendor == "aicredits":
        import base64

        body["input_audio"]["data"] = base64.b64encode(speak("Namaste", "audio/wav")).decode()
    return body


def refit_bineric_audio(body: Any) -> Any:
    """The documented recording has no sound in it; the simulator wants one that it can read."""
    import base64

    for part in body["messages"]:
        if part.get("attachments") and part["attachments"][0].startswith("data:audio/"):
            part["attachments"] = ["data:audio/wav;base64," + base64.b64encode(speak("Hei", "audio/wav")).decode()]
    return body


@pytest.mark.parametrize("operation", OPERATIONS, ids=name)
def test_documented_requests_are_answered_in_the_documented_form(operation: Operation) -> None:
    for media_type, example, value in documented_requests(operation):
        talk = talk_about(operation)
        path, query = prepared(talk, operation)
        options: dict[str, Any] = {"params": query}
        if media_type == "multipart/form-data":
            options |= form(value, operation)
        elif media_type:
            body = fitted(talk, operation, value, path)
            options["json"] = refit_bineric_audio(body) if name(operation) == "bineric-createChatCompletion" else body
        response = talk.send(operation.method, path, **options)
        assert response.is_success, f"{example}: {response.status_code} {response.text[:500]}"
        assert str(response.status_code) in operation.responses


CLOSED = [
    operation
    for operation in OPERATIONS
    for media_type, schema in operation.body_schemas.items()
    if media_type == "application/json" and operation.contract.resolve(schema).get("additionalProperties") is False
]


@pytest.mark.parametrize("operation", CLOSED, ids=name)
def test_undocumented_fields_are_refused(operation: Operation) -> None:
    talk = talk_about(operation)
    path, _ = prepared(talk, operation)
    _media_type, _, value = next(entry for entry in documented_requests(operation) if entry[0] == "application/json")
    response = talk.send(operation.method, path, json={**fitted(talk, operation, value, path), "no_such_field": 1})
    assert response.status_code == 400
    assert "no_such_field" in response.text


def wrong(value: Any) -> Any:
    return {"wrong": True} if not isinstance(value, dict) else "wrong"


WITH_BODY = [operation for operation in OPERATIONS if "application/json" in operation.content_types]


@pytest.mark.parametrize("operation", WITH_BODY, ids=name)
def test_wrong_types_are_refused(operation: Operation) -> None:
    talk = talk_about(operation)
    path, _ = prepared(talk, operation)
    refused = 0
    for media_type, _, value in documented_requests(operation):
        if media_type != "application/json":
            continue
        value = fitted(talk, operation, value, path)
        for key in value:
            broken = {**value, key: wrong(value[key])}
            if operation.check_body(broken) is None:
                continue  # the contract allows it
            response = talk.send(operation.method, path, json=broken)
            assert response.status_code == 400, f"{key}: {response.status_code}"
            refused += 1
    assert refused


@pytest.mark.parametrize("operation", WITH_BODY, ids=name)
def test_bodies_that_are_no_json_are_refused(operation: Operation) -> None:
    talk = talk_about(operation)
    path, _ = prepared(talk, operation)
    headers = {"content-type": "application/json"}
    assert talk.send(operation.method, path, content=b'{"model": ', headers=headers).status_code == 400
    assert (
        talk.send(operation.method, path, content=b"model=x", headers={"content-type": "text/plain"}).status_code == 400
    )


@pytest.mark.parametrize("operation", [entry for entry in OPERATIONS if entry.needs_key], ids=name)
def test_a_key_is_needed(operation: Operation) -> None:
    path = operation.path.replace("{vendor}", "kling").replace("{", "").replace("}", "")
    for key in (None, "invalid-key"):
        response = Talk(operation.vendor, key=key).send(operation.method, path)
        assert response.status_code == 401, response.text


def test_an_expired_key() -> None:
    for vendor, path, status in (
        ("aicredits", "/v1/credits", 403),
        ("bineric", "/monitoring/balance", 401),
        ("aimlapi", "/v2/billing", 401),
        ("binobox", "/usage", 401),
    ):
        assert Talk(vendor, key="expired-key").get(path).status_code == status


PAID = [
    ("bineric", "/ai/chat/completions", 402),
    ("binom_router", "/chat/completions", 402),
    ("aimlapi", "/v1/chat/completions", 403),
    ("aicredits", "/v1/chat/completions", 402),
    ("binobox", "/chat/completions", 402),
]


@pytest.mark.parametrize(("vendor", "path", "status"), PAID)
def test_an_empty_wallet(vendor: str, path: str, status: int) -> None:
    talk = Talk(vendor, key="empty-wallet")
    response = talk.post(path, {"model": "a-model", "messages": [{"role": "user", "content": "Hello"}]})
    assert response.status_code == status
    if vendor == "binobox":
        assert response.json()["error"]["code"] == "INSUFFICIENT_DIAMONDS"
        assert response.json()["error"]["required"] > response.json()["error"]["balance"]
    if vendor == "aimlapi":
        assert response.json()["message"].startswith("You've run out of credits")


ERRORS = [
    (operation, int(status))
    for operation in OPERATIONS
    for status in operation.responses
    if status.isdigit() and int(status) >= 400
] + [
    (operation, status)
    for operation in OPERATIONS
    if "default" in operation.responses and operation.vendor == "aimlapi"
    for status in (400, 401, 403, 404, 429, 500, 502, 503, 504)
]


@pytest.mark.parametrize(
    ("operation", "status"), ERRORS, ids=lambda value: name(value) if isinstance(value, Operation) else str(value)
)
def test_every_documented_error_status_can_be_had(operation: Operation, status: int) -> None:
    """The answer is validated by the contract inside `send`."""
    path = operation.path.replace("{vendor}", "kling").replace("{", "").replace("}", "")
    response = Talk(operation.vendor).send(operation.method, path, headers={"x-multiapi-fault": f"status={status}"})
    assert response.status_code == status


@pytest.mark.parametrize("operation", REMOVED, ids=name)
def test_removed_operations_are_gone(operation: Operation) -> None:
    talk = Talk(operation.vendor)
    assert talk.get(operation.path, params={"followup_id": "x"}).status_code == 404


@pytest.mark.parametrize("vendor", VENDORS)
def test_documented_examples_are_valid_by_their_own_schemas(vendor: str) -> None:
    """The validator is the one that the simulator refuses by, so it must agree with the contract's own examples."""
    for operation in contract(vendor).operations.values():
        for media_type, example, value in operation.request_examples():
            assert operation.check_body(value, media_type) is None, f"{operation.id} {example}"
        for status, media_type, example, value in operation.response_examples():
            if not (media_type == "text/event-stream" and isinstance(value, str)):
                found = operation.check_response(500 if status == "default" else int(status), media_type, value)
                assert found is None, f"{operation.id} {status} {example}: {found}"


def test_unknown_places() -> None:
    talk = Talk("aimlapi")
    assert talk.get("/v3/nothing").status_code == 404
    assert talk.client.get("http://127.0.0.1/nobody/v1").status_code == 404
    assert talk.send("DELETE", "/v1/chat/completions").status_code == 404


def test_the_vendors_own_hosts_are_answered() -> None:
    simulator = Simulator(clock=Clock(1_780_000_000.0))
    for vendor in VENDORS:
        talk = Talk(vendor, simulator)
        operation = next(entry for entry in talk.contract.operations.values() if entry.id == "createChatCompletion")
        body = next(operation.request_examples())[2]
        response = talk.client.post(talk.contract.server + operation.path, json=body, headers=talk.headers())
        assert response.status_code == 200


@pytest.mark.parametrize("path", ["/chat/completions", "/v1/chat/completions/", "/v1/chat/completions"])
def test_the_mirrors_of_aimlapi(path: str) -> None:
    body = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
    assert Talk("aimlapi").post(path, body).status_code == 200
