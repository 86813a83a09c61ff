"""Recording: the same bytes each time from the simulator; from a vendor within a limit, and without what is nobody's business."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from multiapi import cassettes
from multiapi.cassettes import replay
from multiapi.simulator import Clock, Simulator
from multiapi.types.chat import ChatResponse
from multiapi.types.usage import Cost
from tests.cassettes import record
from tests.cassettes.readers import READERS
from tests.cassettes.scenario import FOLDER, Scenario, Step
from tests.cassettes.secret_scan import secrets
from tests.cassettes.spending import Purse
from tests.cassettes.table import SCENARIOS


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("*/*.yaml"))}


def test_recording_twice_gives_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert record.main([], folder=tmp_path / "one") == 0
    assert record.main([], folder=tmp_path / "two") == 0
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert len(files(tmp_path / "one")) == len(SCENARIOS)
    capsys.readouterr()
    assert record.main(["--provider", "binobox"], folder=tmp_path / "two") == 0
    count = sum(scenario.provider == "binobox" for scenario in SCENARIOS)
    assert capsys.readouterr().out == f"0 recorded, {count} unchanged, 0 skipped, 0 failed\n"


@pytest.mark.parametrize("scenario", SCENARIOS[::7], ids=str)
def test_the_folder_is_what_the_recorder_makes(scenario: Scenario, tmp_path: Path) -> None:
    """Pictures and sounds may differ with the libraries that make them; what is asked and how it is answered may not."""
    path = tmp_path / "made.yaml"
    record.record_simulated(scenario, path)

    def told(recording: cassettes.Recording) -> list[tuple[object, ...]]:
        return [
            (entry["request"]["method"], entry["request"]["uri"], entry["request"]["body"], entry["response"]["status"])
            for entry in recording.interactions
        ]

    assert told(cassettes.read(path)) == told(cassettes.read(scenario.path))


def test_the_day_stays_while_nothing_else_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    old = "recorded_on: '2020-01-01'\nbody: 1\n"
    assert record.write(path, old)
    assert not record.write(path, old.replace("2020", "2026"))
    assert path.read_text() == old
    assert record.write(path, "recorded_on: '2026-01-01'\nbody: 2\n")


def test_orphans_are_removed_and_live_recordings_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(record, "SCENARIOS", [each for each in SCENARIOS if each.provider == "binom_router"])
    folder = tmp_path / "binom_router"
    folder.mkdir()
    (folder / "chat_of_old.yaml").write_bytes((FOLDER / "binom_router" / "chat.yaml").read_bytes())
    live = (FOLDER / "binom_router" / "chat.yaml").read_text().replace("from: simulator", "from: live")
    (folder / "chat.yaml").write_text(live)
    record.main([], folder=tmp_path)
    assert not (folder / "chat_of_old.yaml").exists()
    assert (folder / "chat.yaml").read_text() == live
    printed = capsys.readouterr().out
    assert "binom_router/chat_of_old: removed, no scenario records it any more" in printed
    assert "binom_router/chat: not recorded, it was recorded live" in printed
    record.main(["--provider", "binom_router", "--only", "chat", "--replace-live"], folder=tmp_path)
    assert cassettes.read(folder / "chat.yaml").recorded_from == "simulator"


def test_a_failing_scenario_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = Scenario(provider="aimlapi", name="wrong", steps=(Step(method="model", arguments=("no-such-model",)),))
    monkeypatch.setattr(record, "SCENARIOS", (wrong,))
    assert record.main(["--provider", "aimlapi"], folder=tmp_path) == 1
    captured = capsys.readouterr()
    assert "aimlapi/wrong: NotFoundError" in captured.err
    assert captured.out == "0 recorded, 0 unchanged, 0 skipped, 1 failed\n"


# ------------------------------------------------------------------------------------------------ live

SECRET_KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def vendor() -> Iterator[tuple[str, Simulator]]:
    """A server that plays AI/ML API and does not say that it is a simulator, with an account and cookies."""
    simulator = Simulator(clock=Clock(1_790_000_000.0))

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            request = httpx.Request(
                self.command, f"https://api.aimlapi.com{self.path}", headers=dict(self.headers), content=body
            )
            response = simulator.transport.handle_request(request)
            content = response.read()
            self.send_response(response.status_code)
            for name, value in response.headers.items():
                if name not in {"x-multiapi-simulator", "content-length", "transfer-encoding"}:
                    self.send_header(name, value)
            self.send_header("set-cookie", "session=secret")
            self.send_header("x-account-id", "acc-77")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", simulator
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def live(vendor: tuple[str, Simulator], monkeypatch: pytest.MonkeyPatch) -> Simulator:
    monkeypatch.setenv("AIMLAPI_BASE_URL", vendor[0])
    monkeypatch.setenv("AIMLAPI_API_KEY", SECRET_KEY)
    return vendor[1]


def record_live(folder: Path, *options: str) -> int:
    return record.main(["--provider", "aimlapi", "--live", *options], folder=folder)


def test_a_live_recording_replays_and_tells_nothing(
    live: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record_live(tmp_path, "--limit", "5", "--only", "chat_stream_tools") == 0
    assert record_live(tmp_path, "--limit", "5", "--only", "embed_dimensions") == 0
    assert record_live(tmp_path, "--limit", "5", "--only", "balance") == 0
    found = files(tmp_path)
    assert {"aimlapi/chat_stream_tools.yaml", "aimlapi/embed_dimensions.yaml", "aimlapi/balance.yaml"} <= set(found)
    for name, content in found.items():
        recording = cassettes.loads(content.decode())
        assert (recording.provider, recording.recorded_from, recording.contract) == ("aimlapi", "live", "2026.08.21")
        assert b"127.0.0.1" not in content, name
        assert SECRET_KEY.encode() not in content, name
    assert secrets(tmp_path) == []
    balance = cassettes.read(tmp_path / "aimlapi" / "balance.yaml").interactions[0]
    assert balance["response"]["body"]["string"] == b'{"currency":"USD","current_balance":100.0}'
    assert "set-cookie" not in balance["response"]["headers"] and "x-account-id" not in balance["response"]["headers"]
    spent = capsys.readouterr().out
    assert "USD" in spent


def test_what_was_recorded_live_is_read_by_everybody(
    live: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = next(each for each in SCENARIOS if str(each) == "aimlapi/chat_stream_tools")
    assert record_live(tmp_path, "--limit", "5", "--only", "chat_stream_tools") == 0
    monkeypatch.delenv("AIMLAPI_BASE_URL")
    monkeypatch.delenv("AIMLAPI_API_KEY")
    readings = []
    for reader in READERS.values():
        with replay(tmp_path / "aimlapi" / "chat_stream_tools.yaml"):
            readings.append(reader(scenario))
    assert readings == [readings[0]] * len(READERS)
    assert readings[0].calls[0][1] == "get_weather"


def test_without_a_limit_only_what_is_free_is_asked_for(
    live: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record_live(tmp_path, "--only", "chat_s") == 0
    assert record_live(tmp_path, "--only", "balance") == 0
    assert set(files(tmp_path)) == {"aimlapi/balance.yaml"}
    printed = capsys.readouterr().out
    assert "aimlapi/chat_system: not recorded, it may cost 0.02, and 0 is left of the limit" in printed
    assert all(entry.operation == "getBalance" for entry in live.log)


def test_the_limit_ends_a_recording(live: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Costs are read off the answers: what one chat costs is what the next is expected to cost."""
    assert record_live(tmp_path, "--limit", "0.021", "--only", "chat") == 0
    recorded = len(files(tmp_path))
    spent = sum(charge.amount for charge in live.vendor("aimlapi").account(SECRET_KEY).charges)
    assert 2 < recorded < sum(scenario.provider == "aimlapi" and "chat" in scenario.name for scenario in SCENARIOS)
    assert Decimal(0) < spent <= Decimal("0.021")
    assert "left of the limit" in capsys.readouterr().out


def test_media_are_not_recorded_without_a_price(
    live: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record_live(tmp_path, "--limit", "100", "--only", "image_inline") == 0
    assert "what image costs is not known (--price image=AMOUNT says it)" in capsys.readouterr().out
    assert record_live(tmp_path, "--limit", "100", "--only", "image_inline", "--price", "image=0.5") == 0
    assert set(files(tmp_path)) == {"aimlapi/image_inline.yaml"}


def test_errors_on_demand_are_not_asked_of_a_vendor(
    live: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record_live(tmp_path, "--limit", "5", "--only", "chat_error_5") == 0
    assert files(tmp_path) == {}
    assert "aimlapi/chat_error_500: not recorded, it needs an error on demand" in capsys.readouterr().out


def test_a_broken_live_recording_leaves_no_file(live: Simulator, tmp_path: Path) -> None:
    live.faults.add("status=500", vendor="aimlapi", times=None)
    assert record_live(tmp_path, "--limit", "5", "--only", "chat_system") == 1
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--live"], "--live needs --provider"),
        (["--live", "--provider", "bineric"], "--live needs the key in BINERIC_API_KEY"),
        (["--price", "image"], "is not METHOD=AMOUNT"),
        (["--provider", "nobody"], "invalid choice"),
    ],
)
def test_wrong_arguments_are_refused(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        record.main(arguments, folder=tmp_path)
    assert complaint in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------ the purse


def asks(*methods: str) -> Scenario:
    return Scenario(provider="aimlapi", name="x", steps=tuple(Step(method=method) for method in methods))


def answer(amount: str, unit: str = "USD") -> ChatResponse:
    return ChatResponse(provider="aimlapi", cost=Cost(Decimal(amount), unit))


def test_a_purse_expects_what_it_has_seen() -> None:
    purse = Purse("aimlapi", Decimal("0.05"))
    assert purse.refuses(asks("chat", "chat")) is None
    purse.pay(asks("chat"), [answer("0.03")])
    assert purse.spent == Decimal("0.03")
    assert purse.refuses(asks("chat")) == "it may cost 0.045, and 0.02 is left of the limit"
    assert purse.refuses(asks("models", "balance")) is None


def test_a_purse_counts_what_it_was_not_told() -> None:
    """Another unit is no answer, and a call that was broken off may have been charged."""
    purse = Purse("aimlapi", Decimal(10), {"video": Decimal(2)})
    purse.pay(asks("video"), [answer("4000000", "credits")])
    purse.pay(asks("video"), None)
    assert purse.spent == Decimal(4)
    assert purse.summary() == "spent 4 of 10 USD, of which 2 calls are assumed because their answers do not say"
