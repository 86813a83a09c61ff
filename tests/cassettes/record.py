"""Records the cassettes: `python -m tests.cassettes.record [--provider NAME] [--only TEXT] [--live --limit AMOUNT]`.

Without `--live` from the simulator, in process; the same tree gives the same bytes. With `--live` from the vendor, with the key
from the environment, until the limit is reached. See `docs/cassettes.md`.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import httpx
from vcr import VCR
from vcr.persisters.filesystem import CassetteNotFoundError

from multiapi import cassettes
from multiapi.client.client import Client
from multiapi.sending.kept import PROCESS
from multiapi.providers import PROVIDERS
from multiapi.simulator import Clock, Simulator
from multiapi.sending.waiting import Waiting, set_waiting, waiting
from tests.cassettes.scenario import FOLDER, KEY, Scenario, Step, run, run_open
from tests.cassettes.scrubbing import Scrubber, too_much_in
from tests.cassettes.spending import Purse
from tests.cassettes.table import SCENARIOS

START = 1_780_000_000.0
MOST_SENT_BYTES = 200_000


class Files:
    """Where vcrpy writes. The day of a recording that says nothing new stays as it is."""

    @staticmethod
    def load_cassette(path: str, serializer: Any) -> Any:
        raise CassetteNotFoundError(f"{path} is recorded anew")

    @staticmethod
    def save_cassette(path: str, cassette: dict[str, Any], serializer: Any) -> None:
        from vcr.serialize import serialize

        for request in cassette["requests"]:
            found = too_much_in(request.body or b"", request.headers.get("content-type", ""), MOST_SENT_BYTES)
            assert found is None, f"{path}: {found}"
        write(Path(path), serialize(cassette, serializer))


def write(path: Path, text: str) -> bool:
    """Write a cassette unless only its day would change. Whether it was written."""
    if path.is_file():
        held = path.read_text(encoding="utf-8")
        if _without_day(held) == _without_day(text):
            return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def _without_day(text: str) -> list[str]:
    return [line for line in text.split("\n") if not line.startswith("recorded_on:")]


def recorder() -> VCR:
    """vcrpy, set up to record everything anew."""
    vcr = VCR(record_mode="all", drop_unused_requests=True, decode_compressed_response=True)
    cassettes.register(vcr)
    vcr.register_persister(Files)
    return vcr


# ------------------------------------------------------------------------------------------------ from the simulator


class SimulatedTime(Waiting):
    """The simulator's clock moves on while a client waits, and no time passes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def between(self, least_s: float, most_s: float) -> float:
        return most_s

    def sleep(self, seconds: float) -> None:
        self._clock.advance(seconds)


def record_simulated(scenario: Scenario, path: Path) -> None:
    """One cassette, from a simulator of its own: what one scenario does changes nothing for another."""
    simulator = Simulator(seed=0, clock=Clock(START), job_wait_s=3.0, job_run_s=6.0, **scenario.simulated)
    scrubber = Scrubber(KEY, live=False)
    http = httpx.Client(transport=httpx.MockTransport(simulator.transport.handle_request))

    def client_for(step: Step) -> Client:
        return Client(scenario.provider, api_key=step.key or KEY, http_client=http, **scenario.settings)

    def before(step: Step) -> None:
        simulator.clock.advance(step.wait_s)
        if step.fault is not None:
            simulator.faults.add(step.fault, vendor=scenario.provider)

    with (
        _same_everywhere(SimulatedTime(simulator.clock)),
        recorder().use_cassette(
            str(path), before_record_request=scrubber.request, before_record_response=scrubber.response
        ),
    ):
        run(scenario, client_for, before)


@contextmanager
def _same_everywhere(time: SimulatedTime) -> Iterator[None]:
    """What a client makes at random, in the same order each time; nothing of the environment, nothing learned before."""
    counter = itertools.count(1)
    variables = {name: "" for each in PROVIDERS.values() for name in each.base_url_variables}
    PROCESS.forget()
    before = waiting()
    set_waiting(time)
    try:
        with (
            mock.patch("multiapi.sending.requests.os.urandom", lambda size: next(counter).to_bytes(size, "big")),
            mock.patch("multiapi.formats.tool_calls.uuid4", lambda: UUID(int=next(counter))),
            mock.patch.dict(os.environ, variables),
        ):
            yield
    finally:
        set_waiting(before)


# ------------------------------------------------------------------------------------------------ live


def record_live(scenario: Scenario, path: Path, purse: Purse) -> str | None:
    """One cassette, from the vendor. Why it was not recorded, or None."""
    if scenario.is_simulated:
        return "it needs an error on demand"
    reason = purse.refuses(scenario)
    if reason is not None:
        return reason
    provider = PROVIDERS[scenario.provider]
    client = Client(scenario.provider, **scenario.settings)
    scrubber = Scrubber(
        str(client.key.reveal()),
        live=True,
        base_url="" if client.base_url.startswith(provider.base_url) else client.base_url,
        vendor_url=provider.base_url,
    )
    with recorder().use_cassette(
        str(path),
        before_record_request=scrubber.request,
        before_record_response=scrubber.response,
        record_on_exception=False,
    ):
        results: list[Any] | None = None
        try:
            results = run_open(scenario, client) if scenario.is_open else run(scenario, lambda _: client)
        finally:
            purse.pay(scenario, results)
    return None


# ------------------------------------------------------------------------------------------------ the command


def main(arguments: list[str] | None = None, *, folder: Path = FOLDER) -> int:
    """Record what was asked for; 1 if something failed."""
    options = _options(arguments)
    chosen = [
        scenario
        for scenario in SCENARIOS
        if options.provider in {None, scenario.provider} and (options.only or "") in scenario.name
    ]
    purse = Purse(options.provider, options.limit, dict(options.price)) if options.live else None
    counts = {"recorded": 0, "unchanged": 0, "skipped": 0, "failed": 0}
    for scenario in chosen:
        path = folder / scenario.provider / f"{scenario.name}.yaml"
        before = path.read_bytes() if path.is_file() else None
        try:
            skipped = _record(scenario, path, purse, replace_live=options.replace_live)
        except Exception as error:
            counts["failed"] += 1
            print(f"{scenario}: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        if skipped is not None:
            counts["skipped"] += 1
            print(f"{scenario}: not recorded, {skipped}")
        else:
            counts["unchanged" if path.read_bytes() == before else "recorded"] += 1
    if options.provider is None and not options.only and not options.live:
        _remove_orphans(folder)
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    if purse is not None:
        print(purse.summary())
    return 1 if counts["failed"] else 0


def _record(scenario: Scenario, path: Path, purse: Purse | None, *, replace_live: bool) -> str | None:
    if purse is not None:
        return record_live(scenario, path, purse)
    if path.is_file() and not replace_live and cassettes.read(path).recorded_from == "live":
        return "it was recorded live (--replace-live records it from the simulator)"
    record_simulated(scenario, path)
    return None


def _remove_orphans(folder: Path) -> None:
    known = {folder / scenario.provider / f"{scenario.name}.yaml" for scenario in SCENARIOS}
    for path in sorted(set(folder.glob("*/*.yaml")) - known):
        print(f"{path.parent.name}/{path.stem}: removed, no scenario records it any more")
        path.unlink()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.cassettes.record", description=__doc__.partition("\n")[0])
    parser.add_argument("--provider", choices=sorted(PROVIDERS), help="only this vendor's")
    parser.add_argument("--only", metavar="TEXT", help="only those with this text in their name")
    parser.add_argument("--live", action="store_true", help="from the vendor, with the key from the environment")
    parser.add_argument(
        "--limit", type=Decimal, default=Decimal(0), help="with --live: spend at most this, in the vendor's own unit"
    )
    parser.add_argument(
        "--price",
        type=_price,
        action="append",
        default=[],
        metavar="METHOD=AMOUNT",
        help="with --live: the most that one call of this method costs, as in video=30",
    )
    parser.add_argument("--replace-live", action="store_true", help="also record anew what was recorded live")
    options = parser.parse_args(arguments)
    if options.live and options.provider is None:
        parser.error("--live needs --provider: limits are in the vendor's own unit")
    if options.live and not any(map(os.environ.get, PROVIDERS[options.provider].key_variables)):
        parser.error(f"--live needs the key in {PROVIDERS[options.provider].api_key_env}")
    return options


def _price(text: str) -> tuple[str, Decimal]:
    method, _, amount = text.partition("=")
    try:
        return method, Decimal(amount)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is not METHOD=AMOUNT") from None


if __name__ == "__main__":
    sys.exit(main())
