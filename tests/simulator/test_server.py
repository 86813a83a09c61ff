"""The server on a port, the page in a browser, and the fixtures for users."""

import json
import re
import shutil
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from multiapi.simulator import Simulator
from multiapi.simulator.contract import VENDORS
from multiapi.simulator.server import Server
from tests.simulator.conversing import Talk

HELLO = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "<b>Hello</b>"}]}
pytest_plugins = ["pytester"]


def test_one_line_when_it_is_ready() -> None:
    command = [sys.executable, "-m", "multiapi.simulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline()
            found = re.fullmatch(r"multiapi simulator on (http://127\.0\.0\.1:\d+)\n", line)
            assert found
            assert httpx.get(f"{found[1]}/aicredits/health").json() == {"status": "ok"}
        finally:
            process.terminate()
        assert process.stdout.read() == ""


def test_every_vendor_is_below_its_name(server: Server) -> None:
    for vendor in VENDORS:
        talk = Talk(vendor)
        operation = talk.contract.operations["createChatCompletion"]
        body = next(operation.request_examples())[2]
        answer = httpx.post(server.base_url(vendor) + operation.path, json=body, headers=talk.headers())
        assert answer.status_code == 200
        assert answer.headers["x-multiapi-simulator"]


def test_forms_and_files_over_a_socket(server: Server) -> None:
    data = bytes(range(256)) * 4
    headers = {"api-key": "k"}
    base = server.base_url("bineric")
    converted = httpx.post(f"{base}/media/base64", files={"file": ("a.png", data, "image/png")}, headers=headers).json()
    assert (
        httpx.post(f"{base}/decode-base64", json={"data": converted["data"]["base64String"]}, headers=headers).content
        == data
    )
    image = httpx.post(
        f"{server.base_url('aimlapi')}/v1/images/generations",
        json={"model": "flux/schnell", "prompt": "a boat"},
        headers={"authorization": "Bearer k"},
    )
    url = image.json()["data"][0]["url"]
    assert url.startswith(server.origin)
    assert httpx.get(url).headers["content-type"] == "image/png"


def test_many_clients_at_once(server: Server) -> None:
    answers: list[int] = []

    def ask() -> None:
        with httpx.Client(headers={"authorization": "Bearer k"}) as client:
            for _ in range(5):
                answers.append(client.post(f"{server.base_url('aimlapi')}/v1/chat/completions", json=HELLO).status_code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 40


# ---------------------------------------------------------------- the page


class Tags(HTMLParser):
    """Which elements are opened, with their attributes; a page that is not well nested fails."""

    VOID = frozenset({"meta", "img", "br", "link", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def looked_at(simulator: Simulator, query: str = "") -> Tags:
    response = httpx.Client(transport=simulator.transport).get(f"http://127.0.0.1/{query}")
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    tags = Tags()
    tags.feed(response.text)
    assert tags.open == []
    return tags


def busy(simulator: Simulator) -> None:
    """Some requests of each kind."""
    Talk("aimlapi", simulator, "sk-secret-key-0001").post("/v1/chat/completions", HELLO)
    Talk("aimlapi", simulator, "sk-secret-key-0001").post(
        "/v1/images/generations", {"model": "flux/schnell", "prompt": "a <red> boat"}
    )
    Talk("binobox", simulator, "sk-secret-key-0002").post(
        "/audio/speech", {"model": "gemini-3.1-flash-tts", "input": "hello"}
    )
    Talk("bineric", simulator, "invalid-key").get("/ai/models")


def test_an_empty_page() -> None:
    tags = looked_at(Simulator())
    assert "No request yet." in tags.text
    assert "No picture, sound or film yet." in tags.text
    assert {attributes.get("id") for tag, attributes in tags.seen if tag == "article"} == set(VENDORS)


def test_the_page_shows_what_was_done_and_hides_keys() -> None:
    simulator = Simulator()
    busy(simulator)
    tags = looked_at(simulator)
    assert "sk-…01" in tags.text
    assert "secret" not in tags.text
    assert "POST /v1/chat/completions" in tags.text
    assert "invalid-key" in tags.text
    assert "a <red> boat" in tags.text
    assert not [tag for tag, _ in tags.seen if tag in ("script", "red", "b")]
    sources = [attributes["src"] for tag, attributes in tags.seen if tag in ("img", "audio")]
    assert len(sources) == 2
    client = httpx.Client(transport=simulator.transport)
    assert all(client.get(f"http://127.0.0.1{source}").status_code == 200 for source in sources)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("vendor=bineric", ["401"]),
        ("vendor=aimlapi", ["200", "200"]),
        ("status=4xx", ["401"]),
        ("status=2", ["200", "200", "200"]),
        ("model=FLUX", ["200"]),
        ("key=invalid-key", ["401"]),
        ("vendor=binobox&status=4", []),
        ("vendor=&model=", ["401", "200", "200", "200"]),
    ],
)
def test_the_page_shows_the_requests_that_are_asked_for(query: str, shown: list[str]) -> None:
    simulator = Simulator()
    busy(simulator)
    tags = looked_at(simulator, f"?{query}")
    statuses = [attributes["class"] for tag, attributes in tags.seen if tag == "span"]
    assert len(statuses) == len(shown)
    assert statuses == ["ok" if status == "200" else "refused" for status in shown]
    assert ("No such request." in tags.text) == (not shown)


def test_the_page_loads_itself_again_where_it_is_asked_to() -> None:
    def again(query: str) -> list[str | None]:
        seen = looked_at(Simulator(), query).seen
        return [attributes["content"] for tag, attributes in seen if "http-equiv" in attributes and tag == "meta"]

    assert again("?refresh=5") == ["5"]
    assert again("") == again("?refresh=") == again("?refresh=0") == again('?refresh=1"><b>') == []


def test_what_is_asked_for_is_text_on_the_page() -> None:
    tags = looked_at(Simulator(), "?model=%22%3E%3Cscript%3E")
    assert not [tag for tag, _ in tags.seen if tag == "script"]
    assert [attributes["value"] for tag, attributes in tags.seen if attributes.get("name") == "model"] == ['"><script>']


def test_the_page_shows_jobs() -> None:
    simulator = Simulator()
    assert "No job yet." in looked_at(simulator).text
    made = {"model": "veo-3-lite-generate", "prompt": "a cat"}
    Talk("binobox", simulator, "sk-secret-key-0002").post("/videos/generations", made)
    (job,) = simulator.jobs.all.values()
    assert job.id in looked_at(simulator).text


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed; Debian's package is `chromium`")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_in_a_browser(server: Server, tmp_path: Path, scheme: str) -> None:
    assert CHROMIUM is not None
    server.simulator.reset()
    busy(server.simulator)
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--virtual-time-budget=4000",
        f"--user-data-dir={tmp_path}",
    ]
    options += ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    shot = tmp_path / "page.png"
    run = [CHROMIUM, *options, "--window-size=1100,1600"]
    dom = subprocess.run(
        [*run, "--dump-dom", server.origin], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert "Requests answered" in dom
    assert "sk-…01" in dom
    subprocess.run([*run, f"--screenshot={shot}", server.origin], capture_output=True, timeout=60, check=True)
    from PIL import Image

    with Image.open(shot) as picture:
        background = picture.convert("RGB").getpixel((2, 2))
    assert isinstance(background, tuple)
    assert (sum(background) < 200) == (scheme == "dark")


# ---------------------------------------------------------------- the fixtures


def test_the_fixtures(
    multiapi_simulator: Server,
    multiapi_base_urls: dict[str, str],
    multiapi_keys: dict[str, str],
    multiapi_in_process: Simulator,
) -> None:
    headers = {"authorization": f"Bearer {multiapi_keys['aimlapi']}"}
    answer = httpx.post(f"{multiapi_base_urls['aimlapi']}/v1/chat/completions", json=HELLO, headers=headers)
    assert answer.status_code == 200
    assert [entry.vendor for entry in multiapi_simulator.simulator.log] == ["aimlapi"]
    assert set(multiapi_keys) == set(multiapi_base_urls) == set(VENDORS)
    client = httpx.Client(transport=multiapi_in_process.transport, headers=headers)
    assert client.post("https://api.aimlapi.com/v1/chat/completions", json=HELLO).status_code == 200


def test_each_test_starts_with_an_empty_simulator(pytester: pytest.Pytester) -> None:
    """As a user's project would use them."""
    pytester.makepyfile(
        f"""
        import httpx, pytest

        @pytest.mark.parametrize("number", range(3))
        def test_one(number, multiapi_simulator, multiapi_base_urls, multiapi_keys):
            assert multiapi_simulator.simulator.answered == 0
            headers = {{"authorization": "Bearer " + multiapi_keys["aicredits"]}}
            url = multiapi_base_urls["aicredits"] + "/v1/chat/completions"
            assert httpx.post(url, json={json.dumps(HELLO)}, headers=headers).status_code == 200
        """
    )
    result = pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-p", "pytest_multiapi" if not _installed() else "no:nothing"
    )
    result.assert_outcomes(passed=3)


def _installed() -> bool:
    from importlib.metadata import entry_points

    return any(entry.name == "multiapi_simulator" for entry in entry_points(group="pytest11"))
