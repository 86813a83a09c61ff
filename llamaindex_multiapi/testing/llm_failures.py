"""What an LLM does when an attempt fails: retries, and errors that can be read."""

from __future__ import annotations

from typing import Any

import pytest

from llamaindex_multiapi.testing.llm_asking import (
    WAYS,
    LLMAsking,
    user,
)
from llamaindex_multiapi.testing.wire import Reply, Said, Wire, events_reply, json_reply


class LLMFailures(LLMAsking):
    """Tests of retries and errors."""

    # ------------------------------------------------------------------------------------ attempts and errors

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("status", [429, 500])
    def test_b05_c28_r18_r20_attempts_are_retries_plus_one(self, way: str, status: int, naps: list[float]) -> None:
        wire = Wire(self.format.error(status, "not now", retry_after="1"))
        llm = self.llm(wire, max_retries=2)
        with pytest.raises(Exception):  # noqa: B017, PT011
            self.ask(llm, way)
        assert 1 <= len(wire.asked) <= 3
        assert len(naps) <= 2

    @pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
    def test_b05_c28_a_refusal_is_not_repeated(self, status: int, naps: list[float]) -> None:
        wire = Wire(self.format.error(status, "never"))
        with pytest.raises(Exception):  # noqa: B017, PT011
            self.llm(wire, max_retries=2).chat(user())
        assert len(wire.asked) == 1
        assert not naps

    def test_c28_r19_retry_after_is_kept(self, naps: list[float]) -> None:
        wire = Wire(self.format.error(429, "later", retry_after="7"), self._saying(Said("hi")))
        assert self.llm(wire, max_retries=2).chat(user()).message.content == "hi"
        assert sum(naps) >= 7

    @pytest.mark.parametrize("way", WAYS)
    def test_b15_r21_errors_say_what_happened(self, way: str) -> None:
        wire = Wire(self.format.error(402, "your wallet is empty", "insufficient_funds", x_request_id="req_77"))
        with pytest.raises(Exception) as failure:  # noqa: PT011
            self.ask(self.llm(wire), way)
        error: Any = failure.value
        assert getattr(error, "status", None) == 402 or getattr(error, "status_code", None) == 402
        assert "your wallet is empty" in str(error)
        assert error.request_id == "req_77"

    @pytest.mark.parametrize("way", WAYS)
    def test_b15_c32_r22_an_error_inside_a_success_is_an_error(self, way: str) -> None:
        body = {"error": {"message": "the upstream model is gone", "code": "upstream_error"}}
        with pytest.raises(Exception, match="the upstream model is gone"):
            self.ask(self.llm(Wire(json_reply(body))), way)

    @pytest.mark.parametrize(
        "body", [{"id": "1", "choices": None}, {"id": "1", "choices": []}, {"id": "1"}, [], "text"]
    )
    def test_b15_c32_r22_an_answer_without_choices_is_a_readable_error(self, body: Any) -> None:
        with pytest.raises(Exception) as failure:  # noqa: PT011
            self.llm(Wire(json_reply(body))).chat(user())
        assert not isinstance(failure.value, (TypeError, AttributeError, KeyError, IndexError, AssertionError))

    def test_b15_a_page_instead_of_json_is_a_readable_error(self) -> None:
        page = Reply(502, (b"<html><body><h1>Bad gateway</h1></body></html>",), "text/html")
        with pytest.raises(Exception) as failure:  # noqa: PT011
            self.llm(Wire(page)).chat(user())
        assert "Bad gateway" in str(failure.value) or "502" in str(failure.value)
        assert "<body>" not in str(failure.value)

    @pytest.mark.parametrize("way", WAYS[2:])
    def test_b15_r23_an_error_in_a_stream_is_raised(self, way: str) -> None:
        self.need_streams()
        begun = self.format.deltas(Said("half an ans"))
        wire = Wire(events_reply([*begun, {"error": {"message": "overloaded", "code": 503}}]))
        with pytest.raises(Exception, match="overloaded") as failure:
            self.ask(self.llm(wire), way)
        assert not isinstance(failure.value, (TypeError, AttributeError, KeyError, IndexError))

    @pytest.mark.parametrize("way", WAYS[2:])
    @pytest.mark.parametrize("breaks_off", [False, True])
    def test_b15_r24_a_cut_stream_is_noticed(self, way: str, breaks_off: bool) -> None:
        self.need_streams()
        wire = Wire(events_reply(self.format.deltas(Said("half an ans")), done=False, breaks_off=breaks_off))
        try:
            last = self.ask(self.llm(wire), way)
        except Exception:
            return
        assert last.additional_kwargs.get("finish_reason") == "incomplete"
