"""One sample of each command, which works on the simulator; the registry of commands is the app's own."""

from __future__ import annotations

from multiapi.cli.commands import app

PAID = {
    "chat": ("-p", "binobox", "Say {text}"),
    "embed": ("-p", "aicredits", "{text}", "harbour"),
    "image": ("-p", "binobox", "{text}"),
    "speech": ("-p", "aicredits", "{text}"),
    "transcribe": ("-p", "aicredits", "spoken.mp3"),
    "music": ("-p", "binobox", "{text}"),
    "video": ("-p", "binobox", "{text}"),
    "ocr": ("-p", "aimlapi", "page.png"),
    "mesh": ("-p", "aimlapi", "page.png"),
    "features": ("-p", "aimlapi", "page.png"),
    "encode": ("-p", "bineric", "page.png"),
}
"""What costs money, or cannot be had again."""

FREE = {
    "batch": ("rows.jsonl", "answers.jsonl", "-m", "aimlapi:openai/gpt-4o", "--prompt", "{{text}}"),
    "models": ("-p", "binobox"),
    "balance": ("-p", "binobox"),
    "usage": ("-p", "binobox"),
    "health": ("-p", "aicredits"),
    "decode": ("-p", "bineric", "aGVsbG8="),
    "credits": ("-p", "aicredits"),
    "logs": ("-p", "aimlapi"),
    "transactions": ("-p", "aimlapi"),
    "keys": ("-p", "aimlapi", "--current"),
    "metrics": ("-p", "aimlapi"),
    "doctor": ("-p", "binobox"),
}

REFUSED = {"job": (("JOB", "-p", "binobox"), 2), "search": (("-p", "aimlapi", "{text}"), 5)}
"""What cannot be done on the simulator inside of a command, and the exit code that says so."""

OWN = {"login", "logout", "alias", "template", "history"}
"""What is about this machine alone."""

SERVES = {"simulator", "mcp", "moderate"}
"""What runs until it is ended, and what needs a model that the simulator may not have."""


def names() -> list[str]:
    """Every command, as the app has it."""
    return [str(command.name) for command in app.registered_commands]


def words_of(command: str, text: str = "hello") -> list[str]:
    """The sample of a command on the simulator, with a text in it where it takes one."""
    return [
        command,
        *(
            word.format(text=text)
            for word in (PAID | FREE | {name: words for name, (words, _) in REFUSED.items()})[command]
        ),
        "--simulator",
    ]
