"""Jobs: they pass through the documented states as the clock goes on, and belong to one key."""

import json
from typing import Any

import httpx
import pytest

from multiapi.simulator.media import speak, transcribe
from tests.simulator.conversing import Talk

FILM = {"model": "alibaba/wan-2-6-t2v", "prompt": "a tide pool", "duration": 5, "aspect_ratio": "16:9"}


def states(talk: Talk, path: str, query: dict[str, str]) -> list[str]:
    """The states that are seen when the clock goes on by a tenth of a second."""
    seen: list[str] = []
    for _ in range(40):
        state = talk.get(path, params=query).json()["status"]
        if not seen or seen[-1] != state:
            seen.append(state)
        talk.simulator.clock.advance(0.1)
    return seen


def test_a_film_of_aimlapi() -> None:
    talk = Talk("aimlapi")
    started = talk.post("/v2/video/generations", FILM).json()
    assert started["status"] == "queued"
    query = {"generation_id": started["id"]}
    assert states(talk, "/v2/video/generations", query) == ["queued", "generating", "completed"]
    done = talk.get("/v2/video/generations", params=query).json()
    film = talk.client.get(done["video"]["url"])
    assert film.headers["content-type"] == "video/mp4"
    assert film.content[4:8] == b"ftyp"
    assert done["meta"]["usage"]["usd_spent"] == 0.25


def test_a_film_of_binobox_is_signed() -> None:
    talk = Talk("binobox")
    started = talk.post(
        "/videos/generations", {"model": "veo-3-lite-generate", "prompt": "a cat", "settings": {"duration": 2}}
    ).json()
    path = started["poll_url"].removeprefix("/api/v1")
    assert states(talk, path, {}) == ["pending", "processing", "completed"]
    job = talk.get(path).json()
    assert job["output"]["duration_seconds"] == 2
    film = talk.client.get(job["output"]["signed_url"])
    assert len(film.content) == job["output"]["size_bytes"]
    assert talk.client.get(job["output"]["url"]).status_code == 403
    talk.simulator.clock.advance(4000)
    assert talk.client.get(job["output"]["signed_url"]).status_code == 403


def test_links_of_the_vendors_own_hosts_work_on_the_transport() -> None:
    talk = Talk("aimlapi")
    answer = talk.client.post(
        "https://api.aimlapi.com/v1/images/generations",
        json={"model": "flux/schnell", "prompt": "a boat"},
        headers=talk.headers(),
    )
    url = answer.json()["data"][0]["url"]
    assert url.startswith("https://cdn.aimlapi.com/")
    assert talk.client.get(url).content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("fault", "state"), [("job=fail", "error"), ("job=cancel", "error"), ("job=stuck", "generating")]
)
def test_jobs_that_do_not_end_well(fault: str, state: str) -> None:
    talk = Talk("aimlapi")
    job = talk.post("/v2/video/generations", FILM, headers={"x-multiapi-fault": fault}).json()["id"]
    talk.simulator.clock.advance(1000)
    poll = talk.get("/v2/video/generations", params={"generation_id": job}).json()
    assert poll["status"] == state
    assert ("error" in poll) == (state == "error")
    assert talk.get("/v2/usage", params={"period": "24h"}).json()["spend"] == 0


@pytest.mark.parametrize(
    ("fault", "state"), [("job=fail", "failed"), ("job=cancel", "cancelled"), ("job=stuck", "processing")]
)
def test_jobs_of_binobox_that_do_not_end_well(fault: str, state: str) -> None:
    talk = Talk("binobox")
    body = {"model": "veo-3-lite-generate", "prompt": "a cat"}
    job = talk.post("/videos/generations", body, headers={"x-multiapi-fault": fault}).json()["id"]
    talk.simulator.clock.advance(1000)
    assert talk.get(f"/jobs/{job}").json()["status"] == state


def test_a_job_of_another_key_does_not_exist() -> None:
    mine = Talk("binobox")
    job = mine.post("/videos/generations", {"model": "veo-3-lite-generate", "prompt": "a cat"}).json()["id"]
    yours = Talk("binobox", mine.simulator, "somebody-else")
    assert mine.get(f"/jobs/{job}").status_code == 200
    assert yours.get(f"/jobs/{job}").status_code == 404
    film = Talk("aimlapi", mine.simulator).post("/v2/video/generations", FILM).json()["id"]
    other = Talk("aimlapi", mine.simulator, "somebody-else")
    assert other.get("/v2/video/generations", params={"generation_id": film}).status_code == 404


def test_too_many_pending_films() -> None:
    talk = Talk("binobox")
    body = {"model": "veo-3-lite-generate", "prompt": "a cat"}
    answers = [talk.post("/videos/generations", body) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].headers["retry-after"] == "5"
    talk.simulator.clock.advance(60)
    assert talk.post("/videos/generations", body).status_code == 200


@pytest.mark.parametrize("vendor", ["kling", "minimax", "runway", "luma-ai"])
def test_the_older_routes(vendor: str) -> None:
    talk = Talk("aimlapi")
    path = f"/v2/generate/video/{vendor}/generation"
    started = talk.post(path, {"model": "a/model", "prompt": "a tide pool"}).json()
    assert ("generation_id" in started) == (vendor == "minimax")
    query = {"generation_id": started.get("generation_id") or started["id"]}
    talk.simulator.clock.advance(10)
    video = talk.get(path, params=query).json()["video"]
    assert isinstance(video[0], str) if vendor == "runway" else video["url"]
    wrong = "kling" if vendor != "kling" else "runway"
    assert talk.get(f"/v2/generate/video/{wrong}/generation", params=query).status_code == 404


def test_music() -> None:
    talk = Talk("aimlapi")
    started = talk.post(
        "/v2/generate/audio", {"model": "elevenlabs/eleven_music", "prompt": "Slow piano", "music_length_ms": 12000}
    ).json()
    query = {"generation_id": started["id"]}
    assert states(talk, "/v2/generate/audio", query) == ["queued", "generating", "completed"]
    file = talk.get("/v2/generate/audio", params=query).json()["audio_file"]
    music = talk.client.get(file["url"]).content
    assert len(music) == file["file_size"]
    assert transcribe(music).duration_s == pytest.approx(12, abs=0.5)


@pytest.mark.parametrize(
    "model", ["openai/gpt-4o-transcribe", "#g1_nova-2-general", "aai/universal", "microsoft/mai-transcribe-1.5"]
)
def test_what_the_simulator_said_it_can_hear(model: str) -> None:
    talk = Talk("aimlapi")
    spoken = "The quick brown fox jumps over the lazy dog."
    upload = {"file" if model.startswith("openai/") else "audio": ("a.mp3", speak(spoken), "audio/mpeg")}
    job = talk.send("POST", "/v1/stt/create", data={"model": model}, files=upload).json()["generation_id"]
    assert states(talk, f"/v1/stt/{job}", {}) == ["queued", "generating", "completed"]
    done = talk.get(f"/v1/stt/{job}").json()
    assert done["meta"]["usage"]["usd_spent"] > 0
    result = done["result"]
    text = result["text"] if "text" in result else result["results"]["channels"][0]["alternatives"][0]["transcript"]
    assert text == spoken
    talk.simulator.clock.advance(3601)
    assert talk.get(f"/v1/stt/{job}").status_code == 404


def test_a_transcript_of_a_link_to_its_own_file() -> None:
    talk = Talk("aimlapi")
    link = talk.post("/v1/tts", {"model": "openai/tts-1", "text": "Hello there.", "voice": "coral"}).json()["audio"][
        "url"
    ]
    job = talk.post("/v1/stt/create", {"model": "nova-3", "url": link}).json()["generation_id"]
    talk.simulator.clock.advance(5)
    assert "Hello there." in json.dumps(talk.get(f"/v1/stt/{job}").json())


def test_a_recording_that_is_none() -> None:
    talk = Talk("aimlapi")
    job = talk.send(
        "POST", "/v1/stt/create", data={"model": "nova-3"}, files={"audio": ("a.wav", b"nothing", "audio/wav")}
    )
    talk.simulator.clock.advance(5)
    assert talk.get(f"/v1/stt/{job.json()['generation_id']}").json()["status"] == "error"


CLAUDE = "claude-sonnet-4-5-20250929"


def batch_of(*texts: str) -> dict[str, Any]:
    params = [{"model": CLAUDE, "max_tokens": 64, "messages": [{"role": "user", "content": text}]} for text in texts]
    return {"requests": [{"custom_id": f"id-{number}", "params": entry} for number, entry in enumerate(params)]}


def test_a_batch() -> None:
    talk = Talk("aimlapi")
    job = talk.post("/v1/batches", batch_of("Say 'one'", "Say 'two'")).json()
    assert job["processing_status"] == "in_progress"
    assert talk.get("/v1/batches", params={"batch_id": job["id"]}).json()["status"] == "generating"
    talk.simulator.clock.advance(60)
    lines = [json.loads(line) for line in talk.get("/v1/batches", params={"batch_id": job["id"]}).text.splitlines()]
    assert [(line["custom_id"], line["result"]["message"]["content"][0]["text"]) for line in lines] == [
        ("id-0", "one"),
        ("id-1", "two"),
    ]
    assert talk.post(f"/v1/batches/cancel/{job['id']}").status_code == 400
    assert talk.get("/v2/usage", params={"period": "1h"}).json()["spend"] > 0


def test_a_batch_can_be_cancelled() -> None:
    talk = Talk("aimlapi")
    job = talk.post("/v1/batches", batch_of("Hi")).json()["id"]
    assert talk.post(f"/v1/batches/cancel/{job}").json()["status"] == "cancelled"
    talk.simulator.clock.advance(60)
    assert talk.get("/v1/batches", params={"batch_id": job}).json()["status"] == "cancelled"
    assert talk.get("/v2/usage", params={"period": "1h"}).json()["spend"] == 0


# ---------------------------------------------------------------- assistants

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def begun(talk: Talk, text: str, tools: list[Any] | None = None, **options: Any) -> tuple[str, httpx.Response]:
    assistant = talk.post(
        "/assistants", {"model": "gpt-4o-mini", "instructions": "Be brief.", "tools": tools or []}
    ).json()["id"]
    thread = talk.post("/threads", {"messages": [{"role": "user", "content": text}]}).json()["id"]
    return thread, talk.post(f"/threads/{thread}/runs", {"assistant_id": assistant, **options})


def test_a_run() -> None:
    talk = Talk("aimlapi")
    thread, response = begun(talk, "Count to three.")
    path = f"/threads/{thread}/runs/{response.json()['id']}"
    assert states(talk, path, {}) == ["queued", "in_progress", "completed"]
    messages = talk.get(f"/threads/{thread}/messages").json()["data"]
    assert [message["role"] for message in messages] == ["assistant", "user"]
    assert messages[0]["content"][0]["text"]["value"] == "1, 2, 3"
    assert (
        talk.get(f"{path}/steps").json()["data"][0]["step_details"]["message_creation"]["message_id"]
        == messages[0]["id"]
    )
    assert talk.post(f"{path}/cancel").status_code == 400


def test_a_run_that_calls_a_tool() -> None:
    talk = Talk("aimlapi")
    thread, response = begun(talk, "What is the weather in Oslo?", [WEATHER])
    path = f"/threads/{thread}/runs/{response.json()['id']}"
    talk.simulator.clock.advance(5)
    run = talk.get(path).json()
    assert run["status"] == "requires_action"
    call = run["required_action"]["submit_tool_outputs"]["tool_calls"][0]
    assert json.loads(call["function"]["arguments"]) == {"city": "Oslo"}
    assert talk.post(f"{path}/submit_tool_outputs", {"tool_outputs": []}).status_code == 400
    talk.post(f"{path}/submit_tool_outputs", {"tool_outputs": [{"tool_call_id": call["id"], "output": "4 degrees"}]})
    talk.simulator.clock.advance(5)
    assert talk.get(path).json()["status"] == "completed"
    assert "4 degrees" in talk.get(f"/threads/{thread}/messages").json()["data"][0]["content"][0]["text"]["value"]


def test_a_run_expires_and_can_be_cancelled() -> None:
    talk = Talk("aimlapi")
    thread, response = begun(talk, "What is the weather in Oslo?", [WEATHER])
    talk.simulator.clock.advance(5)
    path = f"/threads/{thread}/runs/{response.json()['id']}"
    assert talk.get(path).json()["status"] == "requires_action"
    talk.simulator.clock.advance(600)
    assert talk.get(path).json()["status"] == "expired"
    thread, response = begun(talk, "Hello")
    path = f"/threads/{thread}/runs/{response.json()['id']}"
    assert talk.post(f"{path}/cancel").json()["status"] == "cancelling"
    assert talk.get(path).json()["status"] == "cancelled"


def test_a_streamed_run() -> None:
    thread, response = begun(Talk("aimlapi"), "Count to three.", stream=True)
    assert thread
    names = [line.removeprefix("event: ") for line in response.text.splitlines() if line.startswith("event: ")]
    assert names[:3] == ["thread.run.created", "thread.run.queued", "thread.run.in_progress"]
    assert names[-3:] == ["thread.run.step.completed", "thread.run.completed", "done"]
    assert names.count("thread.message.delta") == 5


def test_a_run_reads_the_files_of_the_thread() -> None:
    talk = Talk("aimlapi")
    file = talk.send(
        "POST",
        "/v1/files",
        data={"purpose": "assistants"},
        files={"file": ("a.txt", b"Oslo is the capital of Norway.")},
    ).json()["id"]
    assistant = talk.post("/assistants", {"model": "gpt-4o-mini"}).json()["id"]
    attached = {
        "role": "user",
        "content": "What is the capital of Norway?",
        "attachments": [{"file_id": file, "tools": [{"type": "file_search"}]}],
    }
    thread = talk.post("/threads", {"messages": [attached]}).json()["id"]
    talk.post(f"/threads/{thread}/runs", {"assistant_id": assistant})
    talk.simulator.clock.advance(5)
    talk.get(f"/threads/{thread}/runs")
    assert (
        talk.get(f"/threads/{thread}/messages").json()["data"][0]["content"][0]["text"]["value"]
        == "Oslo is the capital of Norway."
    )
