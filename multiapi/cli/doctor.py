"""The command `doctor`: what is installed and set, whether providers answer, and what to do about each fault."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, Literal

import typer

from multiapi._package import __version__
from multiapi.cli import kept, output
from multiapi.cli.exit_codes import OTHER, exit_code
from multiapi.cli.run import Run
from multiapi.client.client import Client
from multiapi.errors import (
    AuthenticationError,
    BudgetExceededError,
    ConnectionFailedError,
    InsufficientCreditsError,
    InvalidRequestError,
    MultiApiError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    UnsupportedError,
)
from multiapi.provider import Provider
from multiapi.providers import PROVIDERS
from multiapi.sending.addresses import address_of_environment, origin_of

PACKAGES = (
    *("httpx", "pydantic", "typer", "rich", "langchain-core", "langchain", "llama-index-core"),
    *("pyarrow", "ray", "opentelemetry-api", "mcp"),
)
PROXY_NAMES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
MOST_SKEW_S = 60.0
TIMEOUT_S = 10.0
ADVICE: dict[type[MultiApiError], str] = {
    AuthenticationError: "the key is refused: make a new one at the provider, and set it in {key}",
    PermissionDeniedError: "the key may not do this: look at its scopes and limits at the provider",
    InsufficientCreditsError: "the account is empty: top it up",
    RateLimitError: "too many requests: wait, or ask for a higher limit",
    ConnectionFailedError: "nobody answers there: check {address}, the network and the proxy",
    RequestTimeoutError: "no answer in time: check the network and the proxy, or raise --timeout",
    NotFoundError: "the address may be wrong: unset {address} for the documented one",
}
"""What to do, by the class of an error; the nearest one above it counts."""

State = Literal["ok", "fault", "skipped"]


@dataclass
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    found: str
    advice: str | None = None
    code: int = 0


@dataclass
class Findings:
    """Everything about one provider."""

    provider: str
    address: str
    address_from: str
    key_from: str | None
    checks: list[Check] = field(default_factory=list)
    row: str | None = None


def doctor(
    run: Run,
    *,
    live_check: Annotated[
        bool, typer.Option("--live-check", help="Also make one cheap call per capability; needs -p and --budget.")
    ] = False,
) -> None:
    """Check what is installed and set, whether providers answer, and say what to do about each fault."""
    if live_check and (run.budget is None or (run.provider_given is None and run.model_given is None)):
        raise InvalidRequestError("--live-check pays for calls: name the provider with -p, and the most with --budget")
    named = run.provider_given is not None or run.model_given is not None
    chosen = [run.provider] if named else list(PROVIDERS.values())
    installed = _installed()
    proxies = {name: _hidden(value) for name in PROXY_NAMES if (value := _variable(name))}
    findings = [_examined(run, each, live=live_check) for each in chosen]
    if run.json:
        output.write_json({"installed": installed, "proxies": proxies, "providers": findings})
    else:
        output.write(output.facts(installed.items()))
        if proxies:
            output.write("", output.facts(proxies.items()))
        for each in findings:
            _write(each)
    code = next((check.code for each in findings for check in each.checks if check.state == "fault"), 0)
    if code:
        raise typer.Exit(code)


def _installed() -> dict[str, str]:
    found = {"multiapi": __version__, "python": platform.python_version(), "system": platform.platform(terse=True)}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _variable(name: str) -> str | None:
    return os.environ.get(name) or os.environ.get(name.lower()) or None


def _hidden(address: str) -> str:
    """The address of a proxy without user and password."""
    before, at, behind = address.rpartition("@")
    if not at:
        return address
    scheme, mark, _ = before.partition("://")
    return f"{scheme}://***@{behind}" if mark else f"***@{behind}"


# ------------------------------------------------------------------------------------------------ one provider


def _examined(run: Run, provider: Provider, *, live: bool) -> Findings:
    variable = next((name for name in provider.base_url_variables if os.environ.get(name)), None)
    address = (None if run.simulated else address_of_environment(provider)) or provider.base_url
    key = next((name for name in provider.key_variables if os.environ.get(name)), None)
    if key is None and provider.name in kept.kept_keys():
        key = "`multiapi login`"
    findings = Findings(
        provider.name,
        output.one_line(origin_of(address)),
        "the simulator inside this command" if run.simulated else variable or "documented",
        key,
    )
    reached = run.simulated
    if not run.simulated:
        check = _reached(run, provider, address)
        findings.checks.append(check)
        reached = check.state == "ok"
        if key is None:
            advice = f"set {provider.api_key_env}, run `multiapi login -p {provider.name}`, or try --simulator"
            findings.checks.append(Check("key", "skipped", "not set", advice))
    if reached and (key is not None or run.simulated):
        asked = replace(run.other(provider.name), budget=run.budget)
        try:
            client = asked.client()
        except MultiApiError as error:
            findings.checks.append(_failed("client", error, provider))
            return findings
        findings.checks += _free(client)
        if live and all(check.state != "fault" for check in findings.checks):
            findings.checks += (paid := list(_paid(client)))
            findings.row = _row(provider, paid, simulated=run.simulated)
    return findings


def _reached(run: Run, provider: Provider, address: str) -> Check:
    """Whether anything answers at the address, how fast, and what time it has. Sent without the key."""
    import httpx

    begun = time.monotonic()
    try:
        with httpx.Client(
            timeout=run.timeout or TIMEOUT_S, proxy=run.proxy, trust_env=not run.no_proxy, follow_redirects=False
        ) as client:
            response = client.get(f"{origin_of(address)}/", headers={"accept": "*/*"})
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        failure = ConnectionFailedError(
            f"{type(error).__name__}: {output.one_line(str(error))}", provider=provider.name
        )
        return _failed("address", failure, provider)
    took = f"answers in {(time.monotonic() - begun) * 1000:.0f} ms"
    skew = _skew_s(response.headers.get("date"))
    if skew is not None and abs(skew) > MOST_SKEW_S:
        return Check(
            "address", "fault", f"{took}; this clock is {skew:+.0f} s off", "set the clock of this machine", OTHER
        )
    return Check("address", "ok", took)


def _skew_s(date: str | None) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        return (datetime.now(UTC) - parsedate_to_datetime(date or "")).total_seconds()
    except (TypeError, ValueError):
        return None


def _free(client: Client) -> Iterator[Check]:
    """What the key may do, as far as that costs nothing."""
    operations = client.provider.operations
    looks: dict[str, Callable[[], str]] = {
        "balance": lambda: _balance(client),
        "models": lambda: f"{len(client.models())} listed",
    }
    if "get_key" in operations:
        looks["key"] = lambda: f"scopes: {', '.join(client.current_key().scopes or ('not said',))}"
    for name, look in looks.items():
        if name in operations or name == "key":
            yield _looked(name, look, client.provider)


def _balance(client: Client) -> str:
    left = client.balance()
    return "not said" if left.amount is None else f"{output.amount(left.amount, left.unit)} left"


def _looked(name: str, look: Callable[[], str], provider: Provider) -> Check:
    try:
        return Check(name, "ok", look())
    except (UnsupportedError, BudgetExceededError) as error:
        return Check(name, "skipped", output.one_line(str(error)))
    except MultiApiError as error:
        return _failed(name, error, provider)


def _failed(name: str, error: MultiApiError, provider: Provider) -> Check:
    advice = next((ADVICE[each] for each in type(error).__mro__ if each in ADVICE), None)
    words = {"key": provider.api_key_env, "address": provider.base_url_env}
    return Check(
        name, "fault", output.one_line(str(error)), None if advice is None else advice.format(**words), exit_code(error)
    )


# ------------------------------------------------------------------------------------------------ one cheap call each


def _paid(client: Client) -> Iterator[Check]:
    """One cheap call per capability, as far as the budget allows. What differs from the contract is a fault."""
    from multiapi.types.chat import ChatRequest, Message
    from multiapi.types.embeddings import EmbedRequest
    from multiapi.types.media_requests import ImageRequest, SpeechRequest, TranscriptionRequest

    provider = client.provider
    usual = provider.default_models
    question = [Message("user", "Say hello.")]
    spoken: list[Any] = []

    def chat() -> str:
        response = client.chat(ChatRequest(model=usual["chat"], messages=question, max_tokens=16))
        return _cost(response)

    def stream() -> str:
        deltas = list(client.chat_stream(ChatRequest(model=usual["chat"], messages=question, max_tokens=16)))
        return f"{len(deltas)} chunks, {_cost(deltas[-1].response)}"

    def embed() -> str:
        response = client.embed(EmbedRequest(model=usual["embed"], texts=["hello"]))
        return f"{len(response.vectors[0])} numbers, {_cost(response)}"

    def speech() -> str:
        spoken.append(client.speech(SpeechRequest(model=usual["speech"], text="Hello.", voice=provider.default_voice)))
        return f"{spoken[0].describe()}, {_cost(spoken[0])}"

    def transcribe() -> str:
        if not spoken:
            raise UnsupportedError("there is no recording to write down")
        return _cost(
            client.transcribe(TranscriptionRequest(model=usual["transcribe"], audio=client.download(spoken[0])))
        )

    def image() -> str:
        made = client.image(ImageRequest(model=usual["image"], prompt="a dot"))
        return f"{len(made.media)} made, {_cost(made)}"

    calls = {"chat": chat, "stream": stream, "embed": embed, "speech": speech, "transcribe": transcribe, "image": image}
    for name, call in calls.items():
        model = "chat" if name == "stream" else name
        if model in usual and not (name == "stream" and provider.chat_stream is None):
            yield _looked(name, call, provider)


def _cost(result: Any) -> str:
    cost = getattr(result, "cost", None)
    return "no cost stated" if cost is None else output.money(cost._replace(balance=None))


def _row(provider: Provider, checks: list[Check], *, simulated: bool) -> str:
    """The row for the provider's page."""
    names = {
        state: ", ".join(check.name for check in checks if check.state == state) for state in ("ok", "fault", "skipped")
    }
    how = "tried on the simulator" if simulated else "verified live"
    differs = f"; differs: {names['fault']}" if names["fault"] else ""
    left = f"; not tried: {names['skipped']}" if names["skipped"] else ""
    return f"| {provider.title} | {how} on {datetime.now(UTC).date()} | {names['ok'] or 'nothing'}{differs}{left} |"


def _write(findings: Findings) -> None:
    key = f"from {findings.key_from}" if findings.key_from else "not set"
    output.write("", output.facts([(findings.provider, f"{findings.address} ({findings.address_from})"), ("key", key)]))
    marks = {"ok": "ok", "fault": "FAULT", "skipped": "-"}
    output.write(output.facts((f"  {check.name}", f"{marks[check.state]}: {check.found}") for check in findings.checks))
    for check in findings.checks:
        if check.advice is not None:
            output.write_text(f"  -> {check.advice}")
    if findings.row is not None:
        output.write_text(findings.row)
