"""Where one call of a tool is worked on: requests as the developer set them, inputs by name, and what is said of results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from multiapi.agent_tools.tool import ToolAnswer
from multiapi.errors import InvalidRequestError, MultiApiError, printable
from multiapi.flows import address_checks, downloads
from multiapi.flows.driving import Work
from multiapi.flows.steps import Flow, Target
from multiapi.types.chat import Citation
from multiapi.types.media import Media, megabytes, new_name
from multiapi.types.media_kinds import mime_type_of_name
from multiapi.types.usage import Cost

if TYPE_CHECKING:
    from multiapi.agent_tools.folders import InputFolder
    from multiapi.types.jobs import Job

MAX_FETCHED_BYTES = 64_000_000
MAX_SAVED_BYTES = 512_000_000
MAX_TEXT_CHARS = 20_000
MAX_SAVED_MEDIA = 32


class Box(Protocol):
    """What a call of a tool sees of its toolbox."""

    options: dict[str, dict[str, Any]]
    models: dict[str, str]
    started: dict[str, Job]
    input: InputFolder | None
    output: Path | None
    allow_urls: bool
    max_input_bytes: int

    @property
    def waiting(self) -> dict[str, Any]:
        """How tools wait for a job."""

    def remember(self, job: Job) -> None:
        """Keep a job that was started."""

    def kept(self, name: str) -> Media | None:
        """Something that was made before, by its name."""

    def keep(self, media: Media, name: str) -> None:
        """Keep what was made, to be found by its name."""

    def known_names(self) -> list[str]:
        """The names of what may be used as input."""


class ToolRun:
    """One call of a tool: the toolbox, and the target that the client gave."""

    def __init__(self, box: Box, target: Target) -> None:
        self.box = box
        self.target = target
        self.provider = target.provider.name

    def request(self, make: Callable[..., Any], call: str, usual: str | None = None, **wanted: Any) -> Any:
        """A typed request: what the model chose, then what the developer fixed. Empty choices count as none."""
        fixed = dict(self.box.options.get(call, {}))
        model = self.box.models.get(call) or fixed.pop("model", None)
        if model is None:
            model = self.target.provider.default_model(usual or call)
        chosen = {name: value for name, value in wanted.items() if value not in ("", 0, None, [], ())}
        known = {each.name for each in fields(make)}  # type: ignore[arg-type]  # they are dataclasses
        if unknown := [name for name in fixed if name not in known]:
            raise InvalidRequestError(
                f"{self.provider}: options of {call!r} have no setting {printable(str(unknown[0]), 60)!r}; "
                f"there are {', '.join(sorted(known))}",
                provider=self.provider,
            )
        return make(model=model, **{**chosen, **fixed})

    def source(self, name: str) -> Flow[Media]:
        """An input that the model named: something made before, a file below `input_dir`, or an address if those are allowed."""
        kept = self.box.kept(name)
        if kept is not None:
            return (yield from downloads.download(self.target, kept, max_bytes=self.box.max_input_bytes))
        if name.startswith(("https://", "http://")):
            if not self.box.allow_urls:
                raise InvalidRequestError("addresses are not allowed here; name a file")
            return Media.from_url(address_checks.check_url(name, self.target))
        if self.box.input is None:
            raise InvalidRequestError(_no_such_file(name, self.box.known_names(), reads=False))
        folder, most = self.box.input, self.box.max_input_bytes
        try:
            found: Media = yield Work(lambda: folder.read(name, max_bytes=most))
        except InvalidRequestError as error:
            if "there is no file" in error.message:
                raise InvalidRequestError(_no_such_file(name, self.box.known_names(), reads=True)) from None
            raise
        return found

    def report(
        self, media: Sequence[Media], what: str, cost: Cost | None, value: Any = None, *, job_id: str | None = None
    ) -> Flow[ToolAnswer]:
        """The response about media that were made: saved or kept, and named."""
        texts, troubles, finished = [], [], []
        first, more = media[:MAX_SAVED_MEDIA], media[MAX_SAVED_MEDIA:]
        for item in first:
            name, held, trouble = yield from self._save_or_keep(item)
            self.box.keep(held, name)
            finished.append(held)
            size = f" ({megabytes(held.size)})" if held.size is not None else ""
            if trouble:
                troubles.append(f"{name} could not be fetched ({trouble})")
            else:
                texts.append(f"{name}{size}")
        where = "saved as" if self.box.output is not None else "made and kept as"
        sentences = [f"The {what} was {where} {', '.join(texts)}."] if texts else []
        if troubles:
            job = f" The id of its job is {job_id}." if job_id else ""
            sentences.append(f"The {what} was made and paid for, but {', '.join(troubles)}.{job}")
        if more:
            sentences.append(f"{len(more)} more are at their addresses only.")
        text = " ".join(sentences) or f"No {what} was made."
        return ToolAnswer(text + cost_words(cost), (*finished, *more), value)

    def _save_or_keep(self, media: Media) -> Flow[tuple[str, Media, str]]:
        """Media on the disk if there is a folder, else in memory if it is not too large, with its name, and what went wrong. A paid
        result is never lost by that.
        """
        try:
            if self.box.output is not None:
                path: Path = yield from downloads.save(
                    self.target, media, self.box.output, max_bytes=MAX_SAVED_BYTES, into_folder=True
                )
                kind = mime_type_of_name(path.name) or media.mime_type
                size = (yield Work(path.stat)).st_size
                held = replace(
                    media, data=None, path=path, mime_type=kind, metadata={**media.metadata, "size_bytes": size}
                )
                return path.name, held, ""
            if media.data is None and media.kind != "video":
                media = yield from downloads.download(self.target, media, max_bytes=MAX_FETCHED_BYTES)
        except (MultiApiError, OSError) as error:
            reason = error.message if isinstance(error, MultiApiError) else "the disk refused it"
            return new_name(media.kind, media.extension), media, printable(reason, 300)
        return new_name(media.kind, media.extension), media, ""


def _no_such_file(name: str, known: list[str], *, reads: bool) -> str:
    shown = printable(name, 120)
    if known:
        return f"there is no file {shown!r}; there are {', '.join(printable(each, 120) for each in known[:30])}"
    reason = "the folder is empty" if reads else "no folder is open for reading and nothing was made yet"
    return f"there is no file {shown!r}: {reason}"


def cost_words(cost: Cost | None) -> str:
    """What something cost, as a sentence behind others; empty if nobody knows."""
    if cost is None:
        return ""
    unit = f" {cost.unit}" if cost.unit else ""
    left = f"; {plain(cost.balance)}{unit} remain" if cost.balance is not None else ""
    return f" It cost {cost.about}{plain(cost.amount)}{unit}{left}."


def plain(amount: Decimal | None) -> str:
    """An amount without an exponent and without needless zeros."""
    if amount is None:
        return "unknown"
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def cut(text: str) -> str:
    """A text that is not too long for a conversation."""
    if len(text) <= MAX_TEXT_CHARS:
        return text
    return f"{text[:MAX_TEXT_CHARS]}\n... ({len(text) - MAX_TEXT_CHARS} more characters are left out)"


def source_line(number: int, source: Citation) -> str:
    """One source of a response as a line of text."""
    words = " ".join(filter(None, (printable(source.title or "", 200), printable(source.url or "", 500))))
    return f"[{number}] {words or printable(source.text or '', 200)}"
