"""One run of a command: whom it asks, what it says, and how it ends."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import typer

from multiapi._package import install
from multiapi.cli import kept, output
from multiapi.cli.asking import AskingClient, cannot_be_had_again, keep_safe
from multiapi.cli.exit_codes import INTERRUPTED, OTHER, exit_code
from multiapi.cli.requests import RequestShown, showing_client, write_request
from multiapi.client.client import Client
from multiapi.errors import (
    InvalidRequestError,
    JobTimeoutError,
    MultiApiError,
    UnsupportedError,
)
from multiapi.flows.attempts import ModelDeprecatedWarning
from multiapi.money.budget import Budget
from multiapi.provider import Provider, operation_of
from multiapi.providers import PROVIDERS, find_provider, known_providers, split_model
from multiapi.sending.connection_checks import passwords_of
from multiapi.sending.keys import ApiKey, LookUp
from multiapi.types.jobs import Job
from multiapi.types.usage import Cost

PROVIDER_VARIABLE = "MULTIAPI_PROVIDER"
MODEL_VARIABLE = "MULTIAPI_MODEL"
SIMULATED_KEY = "simulated-key"
SHOWN_MODELS = 8


@dataclass
class Run:
    """What a command gets first.

    Attributes:
        job: The job that is waited for, once it is known.
        asked: Something that costs money was sent.
        keep: Saves what is good of a paid answer although the call failed, and says where; set by commands that make something.
        unsaved: Results that were paid for and are not shown or saved yet.
        saved: Files in which they are.
        shows: The request is shown in this form instead of being sent.
        budget: What all calls of this run may cost together.
        to_go_on: Options that are said again in the command that goes on with a job.
    """

    command: str
    provider_given: str | None = None
    model_given: str | None = None
    timeout: float | None = None
    proxy: str | None = field(default=None, repr=False)
    no_proxy: bool = False
    json: bool = False
    quiet: bool = False
    simulated: bool = False
    debug: bool = False
    job: Job | None = None
    asked: bool = False
    keep: Callable[[Any], dict[str, Any]] | None = field(default=None, repr=False)
    unsaved: list[Any] = field(default_factory=list, repr=False)
    saved: list[Path] = field(default_factory=list)
    budget: Budget | None = field(default=None, repr=False)
    shows: Literal["http", "curl"] | None = None
    to_go_on: list[str] = field(default_factory=list, repr=False)
    _provider: Provider | None = field(default=None, repr=False)
    _client: Client | None = field(default=None, repr=False)

    # ------------------------------------------------------------------------------------ whom to ask

    @property
    def provider(self) -> Provider:
        """The provider that was named, by itself, before the model, or in the environment."""
        if self._provider is None:
            self._provider, self.model_given = self._named()
        return self._provider

    def _named(self) -> tuple[Provider, str | None]:
        if self.provider_given is not None:
            provider = find_provider(self.provider_given)
            if self.model_given is None:
                return provider, None
            provider, model = split_model(self.model_given, provider)
            return provider, model or None
        usual = os.environ.get(PROVIDER_VARIABLE) or None
        model_said = self.model_given or (None if usual else usual_model_said())
        if model_said is not None:
            try:
                provider, model = split_model(model_said, None)
                return provider, model or None
            except InvalidRequestError:
                pass  # no provider before the model
        if usual is None:
            raise InvalidRequestError(
                f"no provider given: use -p NAME or -m NAME:MODEL, or set {PROVIDER_VARIABLE}; NAME is one of {', '.join(PROVIDERS)}"
            )
        return find_provider(usual), self.model_given

    def client(self) -> Client:
        """The client for the provider, or for its simulator."""
        if self._client is None:
            if self.shows is not None:
                made = showing_client(self.provider)
            else:
                made = self._simulated(self.provider) if self.simulated else self._real(self.provider)
            made.told = self.got
            self._client = made
        return self._client

    def other(self, provider: str, model: str | None = None) -> Run:
        """A run of the same command that asks another provider."""
        return replace(self, provider_given=provider, model_given=model, _provider=None, _client=None, quiet=True)

    def take_over(self, other: Run) -> None:
        """Go on as another run would."""
        self.provider_given, self.model_given = other.provider_given, other.model_given
        self._provider, self._client = other._provider, other._client
        if isinstance(self._client, AskingClient):
            self._client.told = self.got

    def got(self, result: Any) -> None:
        """Remember a result until the command has done something with it."""
        if cannot_be_had_again(result):
            self.unsaved.append(result)
            if getattr(result, "provider", None):
                self._note_down(
                    model=getattr(result, "model", None) or None,
                    tokens=getattr(getattr(result, "usage", None), "total_tokens", None),
                    cost=getattr(result, "cost", None),
                )

    def _note_down(self, *, cost: Cost | None = None, **facts: Any) -> None:
        """Add a call to the history, if one is kept. It is not worth an error."""
        told = {name: value for name, value in facts.items() if value is not None}
        if cost is not None:
            told |= {"cost": str(cost.amount), "unit": cost.unit, "basis": cost.basis}
        if self.simulated:
            told["simulated"] = True
        now = datetime.now(UTC).isoformat(timespec="seconds")
        provider = self._provider.name if self._provider is not None else None
        try:
            kept.note_down({"time": now, "command": self.command, "provider": provider} | told)
        except OSError as error:
            output.note(f"this call is not in the history: {kept.history_file()}: {error.strerror}", style="yellow")

    def is_saved(self, *paths: Path | None) -> None:
        """What was paid for is shown, or in these files."""
        self.unsaved.clear()
        self.saved += [path for path in paths if path is not None]

    def _real(self, provider: Provider) -> AskingClient:
        client = AskingClient(
            provider,
            timeout=self.timeout,
            proxy=self.proxy,
            trust_env=not self.no_proxy,
            budget=self.budget,
        )
        if not any(os.environ.get(name) for name in provider.key_variables):
            look_up = LookUp(
                provider.name,
                provider.api_key_env,
                provider.other_key_envs,
                f"{provider.name} needs a key: set the environment variable {provider.api_key_env}, "
                "or try it without one: --simulator",
            )
            key = kept.key_of(provider.name)
            client.key = ApiKey(look_up if key is None else key, provider=provider.name)
        return client

    def _simulated(self, provider: Provider) -> AskingClient:
        try:
            from multiapi.simulator import Simulator

            simulator = Simulator()
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                f"--simulator needs the extra `simulator` ({error}); {install('simulator')}"
            ) from None
        if provider.name not in PROVIDERS:
            raise UnsupportedError(f"there is no simulator of {provider.name}", provider=provider.name)
        import httpx

        self.note(f"simulator: nothing is sent to {provider.name}, and nothing is paid")
        return AskingClient(
            provider,
            api_key=SIMULATED_KEY,
            base_url=provider.base_url,
            timeout=self.timeout,
            http_client=httpx.Client(transport=simulator.transport),
            budget=self.budget,
        )

    def model(self, client: Client, call: str, operation: str | None = None) -> str:
        """The model that was named, else the usual one for this call.

        Raises:
            UnsupportedError: The provider does not have the operation.
            InvalidRequestError: None was named and none is usual.
        """
        provider = client.provider
        if operation is not None:
            operation_of(provider, operation)
        if self.model_given is not None:
            return self.model_given
        usual = _usual_model(provider, call) or provider.default_models.get(call)
        if usual is not None:
            return usual
        raise InvalidRequestError(
            f"{provider.name}: name a model for {call} with -m; none is usual{self._some_models(client)}",
            provider=provider.name,
        )

    def _some_models(self, client: Client) -> str:
        if "models" not in client.provider.operations:
            return ""
        try:
            listed = client.models()
        except MultiApiError:
            return ""
        listed = tuple(info for info in listed if info.is_offered)
        more = ", ..." if len(listed) > SHOWN_MODELS else ""
        return f". It has {', '.join(info.id for info in listed[:SHOWN_MODELS])}{more}"

    # ------------------------------------------------------------------------------------ what is said

    def note(self, text: str) -> None:
        """A line about the run, for people."""
        if not self.quiet:
            output.note(text)

    def command_line(self, text: str) -> None:
        """A command that can be copied."""
        if not self.quiet:
            output.exact(text)

    def priced(self, result: Any) -> None:
        """What the call cost."""
        self.note(output.price(result))
        budget = self.budget
        if budget is not None and budget.spent > budget.amount:
            output.note(
                f"this cost more than the budget of {output.amount(budget.amount, budget.unit)}: its price was not known before",
                style="yellow",
            )

    def resume(self, job: Job) -> str:
        """The command that goes on with a job."""
        command = {"video": "video", "music": "music", "transcription": "transcribe"}.get(job.kind, self.command)
        words = ["multiapi", command, "-p", job.provider, "--job", job.id, *self.to_go_on]
        if self.proxy is not None and passwords_of(self.proxy):
            words[words.index(self.proxy)] = "http://USER:PASSWORD@HOST:PORT"
        return shlex.join(words)

    # ------------------------------------------------------------------------------------ how it ends

    def end(self, work: Callable[[], None]) -> int:
        """Do the work; the exit code. An error is one line on stderr, and with `json` an object on stdout."""
        output.prepare_streams()
        try:
            with self._warnings_as_notes():
                work()
        except typer.Exit as done:
            return done.exit_code
        except RequestShown as shown:
            return self.end(partial(write_request, shown.request, self.provider, form=self.shows, as_json=self.json))
        except BrokenPipeError:
            # The reader of this output has seen enough; Python must not complain at its own end.
            silence_stdout()
            self.kept_safe()
            return OTHER
        except KeyboardInterrupt as interruption:
            self._failed(interruption, self._interruption())
        except (MultiApiError, MissingExtraError, OSError) as error:
            self._failed(error, self.sentence(error))
            return exit_code(error)
        except Exception as error:
            name = type(error).__name__
            hint = "" if self.debug else " (--debug shows where)"
            self._failed(error, f"an error of multiapi itself: {name}: {output.one_line(str(error))}{hint}")
            return exit_code(error)
        else:
            return 0
        return INTERRUPTED

    @contextmanager
    def _warnings_as_notes(self) -> Iterator[None]:
        """What the package warns of is one line on stderr, without a line of source."""
        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.simplefilter("default", ModelDeprecatedWarning)
            warnings.showwarning = lambda message, *_, **__: self.note(f"warning: {message}")
            yield

    def _failed(self, error: BaseException, sentence: str) -> None:
        if self.debug:
            sys.stderr.write("".join(traceback.format_exception(error)))
        output.exact(f"error: {sentence}", style="bold red")
        if isinstance(error, MultiApiError) and (
            error.status is not None or error.outcome_unknown or error.cost is not None
        ):
            self._note_down(model=self.model_given, error=type(error).__name__, cost=error.cost)
        good = self._what_is_good(error)
        kept = self.kept_safe()
        if kept:
            good["kept"] = kept
        if self.json:
            with suppress(OSError, ValueError):
                output.write_json({"error": self._error(error, sentence), **good})

    def kept_safe(self) -> list[str]:
        """Write what was paid for and not shown to files, and say where it is."""
        files = [str(path) for path in self.saved]
        client = self._client
        if client is not None and isinstance(client, AskingClient):
            client.told = lambda _: None
        for result in self.unsaved:
            try:
                files.append(str(keep_safe(result, self.command, client)))
            except Exception as failure:
                output.note(f"the result could not be kept: {failure}", style="bold red")
        self.unsaved.clear()
        self.saved.clear()
        if isinstance(client, AskingClient):
            client.told = self.got
        if files:
            output.note(f"the result is kept in {', '.join(files)}", style="yellow")
        return files

    def _what_is_good(self, error: BaseException) -> dict[str, Any]:
        """What was paid for and can be used, saved; for `--json`, where."""
        if not isinstance(error, MultiApiError) or error.partial is None or isinstance(error.partial, Job):
            return {}
        if self.keep is None:
            self.unsaved.append(error.partial)
            return {}
        try:
            return self.keep(error.partial)
        except (MultiApiError, OSError) as failure:
            output.note(f"what is good of it could not be saved: {self.sentence(failure)}", style="bold red")
            self.unsaved.append(error.partial)
            return {}

    def _error(self, error: BaseException, sentence: str) -> dict[str, Any]:
        facts = no_facts(type(error).__name__, sentence, exit_code(error))
        if isinstance(error, MultiApiError):
            facts |= {name: getattr(error, name) for name in ERROR_FACTS}
        if facts["job_id"] is None and self.job is not None:
            facts["job_id"] = self.job.id
        return facts

    def sentence(self, error: Exception) -> str:
        """What went wrong, for people."""
        if isinstance(error, JobTimeoutError) and isinstance(error.partial, Job):
            return f"the {error.partial.kind} is not finished yet. {self._goes_on(error.partial)}"
        if isinstance(error, OSError):
            what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
            what = output.one_line(what)
            return what if self.job is None else f"{what}. {self._goes_on(self.job)}"
        text = output.one_line(str(error))
        if isinstance(error, MultiApiError):
            if error.request_id and error.request_id not in text:
                text += f" (request {error.request_id})"
            if error.outcome_unknown and "charged" not in text:
                text += "; it may have been carried out and charged"
            if error.job_id and error.job_id not in text:
                text += f" (job {error.job_id})"
        return text

    def _interruption(self) -> str:
        if self.job is not None:
            return f"interrupted. {self._goes_on(self.job)}"
        return "interrupted; what was asked for may be carried out and charged" if self.asked else "interrupted"

    def _goes_on(self, job: Job) -> str:
        if self.simulated:
            return f"Job {job.id} was the simulator's and ended with it"
        if job.state == "completed":
            return f"Job {job.id} is done; fetch it with: {self.resume(job)}"
        return f"Job {job.id} keeps running, resume with: {self.resume(job)}"


def _usual_model(provider: Provider, call: str) -> str | None:
    """The chat model of the environment, where it is one of this provider."""
    said = usual_model_said() if call == "chat" else None
    if said is None:
        return None
    prefix, colon, model = said.partition(":")
    if colon and prefix in known_providers():
        return model if prefix == provider.name else None
    return said if os.environ.get(PROVIDER_VARIABLE) == provider.name else None


def usual_model_said() -> str | None:
    """The model of the environment, else what `multiapi alias default ...` said."""
    return os.environ.get(MODEL_VARIABLE) or kept.aliases().get(kept.DEFAULT)


ERROR_FACTS = (
    *("provider", "status", "code", "details", "request_id", "retryable", "retry_after_s", "job_id"),
    *("address", "outcome_unknown"),
)
"""What `--json` tells of an error beside its class, sentence and exit code."""


def no_facts(kind: str, sentence: str, code: int) -> dict[str, Any]:
    """An error for `--json` of which nothing else is known."""
    return {
        "type": kind,
        "message": sentence,
        "exit_code": code,
        **dict.fromkeys(ERROR_FACTS),
        "retryable": False,
        "outcome_unknown": False,
    }


def silence_stdout() -> None:
    """Let nothing more go to a reader that is gone: Python must not complain at its own end."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class MissingExtraError(Exception):
    """A part of the package that was not installed."""
