"""A job from end to end on the simulator: nothing is paid for twice, nothing is lost, and each row says what became of it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from multiapi.bulk import BulkJob, Chat, Embed, Function
from multiapi.errors import InvalidRequestError


class Vendor:
    """Counts, on its own side, what was asked and what was answered."""

    def __init__(self, refuse: Callable[[str, int], httpx.Response | Exception | None] = lambda *_: None) -> None:
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.at_once = self.most_at_once = 0
        self.refuse = refuse

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/models"):
            return httpx.Response(200, json={"object": "list", "data": []})
        body = json.loads(request.content)
        texts = body["input"] if "input" in body else [body["messages"][-1]["content"]]
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0.001)
        finally:
            self.at_once -= 1
        for text in texts:
            self.asked[text] += 1
            refused = self.refuse(text, self.asked[text])
            if isinstance(refused, Exception):
                raise refused
            if refused is not None:
                return refused
        self.answered.update(texts)
        cost = {"meta": {"usage": {"credits_used": 2000 * len(texts), "usd_spent": 0.001 * len(texts)}}}
        if "input" in body:
            data = [{"index": index, "embedding": [float(len(text)), 1.0]} for index, text in enumerate(texts)]
            return httpx.Response(200, json={"object": "list", "model": "m", "data": data, **cost})
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": f"echo {texts[0]}"}}
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        return httpx.Response(200, json={"id": "a", "model": "m", "choices": [choice], "usage": usage, **cost})


def rows_in(path: Path, count: int = 60) -> Path:
    path.write_text("".join(json.dumps({"n": number, "text": f"text {number}"}) + "\n" for number in range(count)))
    return path


def job(tmp_path: Path, vendor: Vendor, source: Any = None, task: Any = None, **settings: Any) -> BulkJob:
    client = httpx.AsyncClient(transport=httpx.MockTransport(vendor))
    return BulkJob(
        rows_in(tmp_path / "in.jsonl") if source is None else source,
        tmp_path / "out.jsonl",
        task or Chat("aimlapi:m", prompt="{text}", max_tokens=5),
        **{"id": "n", "api_key": "key-of-a-test-1", "http_client": client, **settings},
    )


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_row_is_sent_once_and_a_second_run_sends_nothing(tmp_path: Path) -> None:
    vendor = Vendor()
    report = job(tmp_path, vendor).run()
    assert (report.rows, report.done, report.sent, report.unit) == (60, 60, 60, "USD")
    assert f"{report.spent:f}".startswith("0.06")
    assert set(vendor.answered.values()) == {1}
    out = read(tmp_path / "out.jsonl")
    assert [row["n"] for row in out] == list(range(60))
    assert out[7] | {"id": "7", "answer": "echo text 7", "state": "done", "input_tokens": 3, "tries": 1} == out[7]
    again = job(tmp_path, vendor).run()
    assert (again.done, again.sent) == (60, 0)
    assert read(tmp_path / "out.jsonl") == out
    assert not (tmp_path / "out.failed.jsonl").exists()


def test_texts_are_embedded_many_to_a_request(tmp_path: Path) -> None:
    vendor = Vendor()
    report = job(tmp_path, vendor, task=Embed("aimlapi:m", text="text")).run()
    assert (report.done, report.sent) == (60, 1)
    assert read(tmp_path / "out.jsonl")[12]["vector"] == [7.0, 1.0]
    assert f"{report.spent:f}".startswith("0.06")


def test_a_refused_text_is_found_among_many(tmp_path: Path) -> None:
    def refuse(text: str, _: int) -> httpx.Response | None:
        return httpx.Response(400, json={"error": {"message": "too long"}}) if text == "text 33" else None

    vendor = Vendor(refuse)
    report = job(tmp_path, vendor, task=Embed("aimlapi:m", text="text")).run()
    assert (report.done, report.failed) == (59, 1)
    (failed,) = read(tmp_path / "out.failed.jsonl")
    assert (failed["n"], failed["error_class"]) == (33, "InvalidRequestError")


def test_what_may_have_been_carried_out_is_not_sent_again_unless_asked(tmp_path: Path) -> None:
    def refuse(text: str, times: int) -> Exception | None:
        return httpx.ReadTimeout("late") if text in {"text 3", "text 8"} and times == 1 else None

    vendor = Vendor(refuse)
    report = job(tmp_path, vendor).run()
    assert (report.done, report.unknown) == (58, 2)
    assert job(tmp_path, vendor).run().sent == 0
    assert [row["n"] for row in job(tmp_path, vendor).unknown()] == [3, 8]
    report = job(tmp_path, vendor).run(retry="unknown")
    assert (report.done, report.unknown, report.sent) == (60, 0, 2)


def test_what_is_refused_for_now_is_sent_again(tmp_path: Path) -> None:
    def refuse(text: str, times: int) -> httpx.Response | Exception | None:
        if text == "text 4" and times <= 2:
            return httpx.Response(429, headers={"retry-after": "0"}, json={"error": {"message": "slow down"}})
        return httpx.ConnectError("refused") if text == "text 5" and times == 1 else None

    vendor = Vendor(refuse)
    report = job(tmp_path, vendor).run()
    assert (report.done, report.refused) == (60, 2)
    assert read(tmp_path / "out.jsonl")[4]["tries"] == 3


def test_bad_rows_are_rows_with_an_error_and_stop_nothing(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    lines = [
        '{"n": 0, "text": "good"}',
        "not json",
        '["a list"]',
        '{"n": 1}',
        '{"n": 2, "text": ""}',
        '{"n": 0, "text": "other"}',
        '{"text": "x"}',
        '{"n": 9, "text": "fine"}',
    ]
    source.write_text("\n".join(lines) + "\n")
    vendor = Vendor()
    report = job(tmp_path, vendor, source=source).run()
    assert (report.rows, report.done, report.failed, report.sent) == (8, 2, 6, 2)
    errors = [row["error"] for row in read(tmp_path / "out.failed.jsonl")]
    wanted = [
        "line 2 is not valid JSON",
        "line 3 is not an object",
        "no field 'text'",
        "empty message",
        "'0' is there twice",
        "has no id",
    ]
    assert all(want in error for want, error in zip(wanted, errors, strict=True)), errors
    assert job(tmp_path, vendor, source=source).run(retry="failed").sent == 0


def test_changed_prompts_and_new_rows_are_sent_and_a_changed_order_is_not(tmp_path: Path) -> None:
    vendor = Vendor()
    job(tmp_path, vendor).run()
    backwards = list(reversed(read(tmp_path / "in.jsonl")))
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in backwards))
    shuffled = job(tmp_path, vendor, source=tmp_path / "in.jsonl").run()
    assert (shuffled.sent, shuffled.done) == (0, 60)
    assert [row["n"] for row in read(tmp_path / "out.jsonl")] == list(range(59, -1, -1))
    (tmp_path / "in.jsonl").write_text((tmp_path / "in.jsonl").read_text() + '{"n": 60, "text": "new"}\n')
    assert job(tmp_path, vendor, source=tmp_path / "in.jsonl").run().sent == 1
    changed = Chat("aimlapi:m", prompt="Say {text}", max_tokens=5)
    assert job(tmp_path, vendor, source=tmp_path / "in.jsonl", task=changed).run().sent == 61


def test_equal_rows_without_ids_are_told_apart_by_how_often_they_came(tmp_path: Path) -> None:
    vendor = Vendor()
    source = [{"text": "same"}, {"text": "same"}, {"text": "other"}]
    report = job(tmp_path, vendor, source=source, id=None).run()
    assert (report.done, vendor.answered["same"]) == (3, 2)
    assert job(tmp_path, vendor, source=iter(source), id=None).run().sent == 0


def test_an_async_source_is_read_as_a_stream(tmp_path: Path) -> None:
    async def source() -> Any:
        for number in range(10):
            yield {"n": number, "text": f"t{number}"}

    report = job(tmp_path, Vendor(), source=source()).run()
    assert report.done == 10
    assert [row["answer"] for row in read(tmp_path / "out.jsonl")] == [f"echo t{number}" for number in range(10)]


def test_a_wrong_key_opens_the_circuit_and_its_rows_go_on_later(tmp_path: Path) -> None:
    wrong = [True]

    def refuse(*_: Any) -> httpx.Response | None:
        return httpx.Response(401, json={"error": {"message": "bad key"}}) if wrong[0] else None

    vendor = Vendor(refuse)
    report = job(tmp_path, vendor).run()
    assert (report.stopped, report.reason_class) == ("circuit", "AuthenticationError")
    assert report.sent < 40
    wrong[0] = False
    assert job(tmp_path, vendor).run().done == 60


@pytest.mark.parametrize("cap", [0, 7, 30])
def test_a_budget_stops_and_a_higher_one_goes_on(tmp_path: Path, cap: int) -> None:
    vendor = Vendor()
    report = job(tmp_path, vendor, budget=f"0.0{cap:02} USD", window=4).run()
    assert report.spent <= 0.001 * (cap + 4)
    assert report.over_budget or report.stopped == "budget"
    assert sum(vendor.answered.values()) == report.done
    report = job(tmp_path, vendor, budget="1 USD").run()
    assert report.done == 60
    assert set(vendor.answered.values()) == {1}


def test_never_more_than_the_window_at_once(tmp_path: Path) -> None:
    vendor = Vendor()
    job(tmp_path, vendor, window=5).run()
    assert vendor.most_at_once <= 5


def test_a_function_is_called_for_each_row(tmp_path: Path) -> None:
    async def double(row: Any) -> int:
        return int(row["n"]) * 2

    report = job(tmp_path, Vendor(), task=Function(double, provider="aimlapi")).run()
    assert report.done == 60
    assert read(tmp_path / "out.jsonl")[21]["answer"] == 42


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"budget": "5 INR"}, "aimlapi counts in USD"),
        ({"budget": "5 usd"}, "did you mean 'USD'"),
        ({"id": "nope"}, "no column 'nope'"),
        ({"window": 0}, "window must be 1"),
        ({"tries": 0}, "tries must be 1"),
        ({"source": "missing.jsonl"}, "does not exist"),
        ({"task": Chat("aimlapi:m", prompt="{nothing}")}, "no field 'nothing'"),
        ({"max_cost_per_row": "1 INR"}, "max_cost_per_row must be in 'USD'"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_sent(tmp_path: Path, settings: dict[str, Any], words: str) -> None:
    vendor = Vendor()
    with pytest.raises(InvalidRequestError, match=words):
        job(tmp_path, vendor, **settings)
    assert not vendor.asked


@pytest.mark.parametrize("template", ["{text.__class__}", "{text[0]}", "{", "{}", "{0.x}"])
def test_templates_reach_nothing_but_fields(template: str) -> None:
    with pytest.raises(InvalidRequestError):
        Chat("aimlapi:m", prompt=template)


def test_no_byte_of_the_key_is_in_the_folder(tmp_path: Path) -> None:
    job(tmp_path, Vendor(), api_key="secret-key-0123456789").run()
    assert not any(b"secret-key" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
