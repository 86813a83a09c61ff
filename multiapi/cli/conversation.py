"""A conversation at the terminal, and the last one, kept for `-c`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from multiapi.cli import kept, output
from multiapi.cli.run import Run
from multiapi.errors import InvalidRequestError, MultiApiError
from multiapi.types.chat import ChatRequest, ChatResponse, Message, TextPart

HELP = """/model NAME      go on with another model, as MODEL or PROVIDER:MODEL
/provider NAME   go on with another provider
/system TEXT     set the instructions
/file PATH|URL   send a file with the next message
/cost            show what this conversation has cost
/save PATH       write the conversation to a file (.json, else Markdown)
/clear           forget what was said
/exit            end (or Ctrl-D)
A line that begins with // is sent with one slash."""


@dataclass
class Conversation:
    """What was said, and to whom."""

    provider: str
    model: str
    messages: list[Message] = field(default_factory=list)


# ------------------------------------------------------------------------------------------------ kept on the disk


def place() -> Path:
    """Where the last conversation is kept."""
    return kept.state_folder() / "conversation.json"


def keep(provider: str, model: str, messages: list[Message]) -> None:
    """Keep a conversation for `-c`, readable for its owner alone. It is not worth an error."""
    import json

    said = [{"role": each.role, "text": text_in(each)} for each in messages]
    text = json.dumps({"provider": provider, "model": model, "messages": said}, indent=2)
    path = place()
    try:
        kept.write_privately(path, f"{text}\n")
    except OSError as error:
        output.note(f"the conversation is not kept for -c: {path}: {error.strerror}", style="yellow")


def last() -> Conversation:
    """The last conversation.

    Raises:
        InvalidRequestError: There is none.
    """
    import json

    path = place()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        messages = [Message(each["role"], str(each["text"])) for each in found["messages"]]
        return Conversation(str(found["provider"]), str(found["model"]), messages)
    except FileNotFoundError:
        raise InvalidRequestError("there is no conversation to continue: begin one with `multiapi chat`") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise InvalidRequestError(f"{path} does not hold a conversation; delete it") from None


def text_in(message: Message) -> str:
    """The words of a message; files that went with it are only named."""
    if isinstance(message.content, str):
        return message.content
    return "\n".join(
        part.text if isinstance(part, TextPart) else f"[{getattr(part, 'filename', None) or 'a file'}]"
        for part in message.content
    )


# ------------------------------------------------------------------------------------------------ at the terminal


def at_a_terminal() -> bool:
    """Whether somebody sits there who can answer."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


@dataclass
class Dialogue:
    """One conversation at the terminal: its commands are methods, named as they are written.

    Attributes:
        answer: Has a request answered, and shows the response.
        content: A line with files as the content of a message.
        settings: Of every request.
    """

    run: Run
    answer: Callable[[ChatRequest], ChatResponse]
    content: Callable[[str, list[str]], Any]
    settings: dict[str, Any]
    said: list[Message] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    instructions: str | None = None
    named: str = ""
    ended: bool = False

    def begin(self, *, system: str | None, earlier: Conversation | None) -> None:
        """Take what was said earlier, and find out whom to ask."""
        before = earlier.messages if earlier is not None else []
        self.said = [each for each in before if each.role != "system"]
        given = next((text_in(each) for each in before if each.role == "system"), None)
        self.instructions = system if system is not None else given
        self.named = self.run.model(self.run.client(), "chat")

    @property
    def messages(self) -> list[Message]:
        """Everything so far, with the instructions."""
        before = [Message("system", self.instructions)] if self.instructions else []
        return [*before, *self.said]

    def command(self, line: str, spending: Any) -> None:
        """Carry out a line that begins with a slash."""
        name, _, rest = line[1:].partition(" ")
        rest = rest.strip()
        if name in {"exit", "quit", "bye"}:
            self.ended = True
        elif name == "cost":
            output.write_text(str(spending).removeprefix("Spending(").removesuffix(")"))
        elif name == "clear":
            self.said.clear()
        elif name in {"help", "?"}:
            output.write_text(HELP)
        elif name in {"model", "provider", "system", "file", "save"}:
            if not rest:
                raise InvalidRequestError(f"/{name} needs a word behind it; /help shows all commands")
            getattr(self, f"_{name}")(rest)
        else:
            raise InvalidRequestError(f"/{name} is not a command; /help shows them, // sends a line with a slash")

    def _model(self, name: str) -> None:
        self._change(self.run.provider.name, kept.expanded(name))

    def _provider(self, name: str) -> None:
        self._change(name, None)

    def _change(self, provider: str, model: str | None) -> None:
        from multiapi.providers import known_providers

        prefix, colon, _ = (model or "").partition(":")
        if colon and prefix in known_providers():
            provider = prefix
        run = self.run.other(provider, model)
        client = run.client()
        self.named = run.model(client, "chat")
        self.run.take_over(run)
        output.note(f"now {client.provider.name}:{self.named}")

    def _system(self, text: str) -> None:
        self.instructions = text

    def _file(self, path: str) -> None:
        from multiapi.cli.files import media_of

        media_of(path)
        self.files.append(path)

    def _save(self, name: str) -> None:
        path = Path(name).expanduser()
        if path.exists():
            raise InvalidRequestError(f"{path} is there already; name another file")
        if path.suffix.lower() == ".json":
            facts = {"provider": self.run.provider.name, "model": self.named}
            said = [{"role": each.role, "text": text_in(each)} for each in self.messages]
            text = output.json_text(facts | {"messages": said}, escaped=False)
        else:
            text = "\n\n".join(f"## {each.role}\n\n{text_in(each)}" for each in self.messages)
        path.write_text(f"{text}\n", encoding="utf-8", errors="backslashreplace")
        output.note(f"saved to {path}")

    def converse(self) -> None:
        """Read lines and have them answered, until Ctrl-D or `/exit`. A failure is told, and the conversation goes on."""
        from multiapi.money.spending import track_spending

        with suppress(ImportError):
            import readline  # noqa: F401  (lines can be edited, and had again)
        self.run.note(f"{self.run.provider.name}:{self.named}; /help shows the commands, Ctrl-D ends")
        with track_spending() as spending:
            while not self.ended:
                try:
                    line = input("> ").strip()
                except EOFError:
                    output.write_text("")
                    return
                except KeyboardInterrupt:
                    output.write_text("")
                    output.note("Ctrl-D or /exit ends the conversation")
                    continue
                try:
                    self._line(line, spending)
                except BrokenPipeError:
                    raise
                except (MultiApiError, OSError) as error:
                    output.note(f"error: {self.run.sentence(error)}", style="bold red")
                    self.run.kept_safe()

    def _line(self, line: str, spending: Any) -> None:
        if line.startswith("/") and not line.startswith("//"):
            self.command(line, spending)
        elif line:
            self._turn(line.removeprefix("/"))

    def _turn(self, text: str) -> None:
        message = Message("user", self.content(text, self.files))
        try:
            response = self.answer(ChatRequest(model=self.named, messages=[*self.messages, message], **self.settings))
        except KeyboardInterrupt:
            output.note("interrupted; this turn is left out", style="yellow")
            return
        self.files = []
        self.said += [message, Message("assistant", response.text)]
        keep(self.run.provider.name, self.named, self.messages)
