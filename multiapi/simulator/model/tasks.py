"""Small tasks that a prompt sets: repeat, count, calculate, write a number of words, greet."""

import re

from multiapi.simulator.language import arithmetic, evidence, quoting


def done(spoken: str, text: str | None = None) -> str | None:
    """The answer to a prompt that sets one of the tasks, or None; `text` is the whole prompt where more than the task stands in it."""
    if (back := _said_back(spoken, spoken if text is None else text)) is not None:
        return back
    return next((made for task in (_said, _counted, _calculated, _written) if (made := task(spoken)) is not None), None)


def _said_back(spoken: str, text: str) -> str | None:
    back = re.search(r"[\s–—,;:-]*\b(?:say|repeat|echo)\s+(?:it|this|that)\s+back\b[.!]?\s*$", spoken, re.IGNORECASE)
    return text[: back.start()].strip() if back else None


def _said(text: str) -> str | None:
    found = re.match(
        r"\s*(?:please\s+)?(?:just\s+)?(?:say|repeat|echo|reply|answer|respond|output|print|return)\b[^\n\ue000]{0,40}?[:\s]*(?=\ue000)",
        quoting.masked(text),
        re.IGNORECASE,
    )
    if found and (said := next((one for one in quoting.quoted(text) if one.start == found.end()), None)):
        return said.value
    found = re.match(
        r"\s*(?:please\s+)?(?:say|repeat(?: after me)?|echo|(?:reply|answer|respond)\s+(?:with\s+)?(?:only\s+|exactly\s+|just\s+)?(?:with\s+)?(?:the\s+)?(?:one\s+)?(?:single\s+)?words?)\s*:?\s+([^.\n!?]{1,200})[.!]?\s*(?:and nothing else\.?)?$",
        text,
        re.IGNORECASE,
    )
    return found[1].strip() if found else None


def _counted(text: str) -> str | None:
    number = r"(\d{1,4}|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty)"
    found = re.search(
        rf"\bcount(?:\s+(?:up|from))?(?:\s+(?:from\s+)?(\d+|one))?\s+(?:up\s+)?to\s+{number}\b", text, re.IGNORECASE
    )
    if found is None:
        return None
    spoken = {**evidence.NUMBER_WORDS, "twenty": 20}
    first = 1 if not found[1] or found[1].lower() == "one" else int(found[1])
    last = int(found[2]) if found[2].isdigit() else spoken[found[2].lower()]
    return ", ".join(str(value) for value in range(first, last + 1)) if first <= last else None


def _calculated(text: str) -> str | None:
    if len(text) > 200 or (found := evidence.EXPRESSION.search(text)) is None or re.search(r"\d{4}-\d\d-\d\d", text):
        return None
    try:
        value = arithmetic.calculate(found[0])
    except (ValueError, SyntaxError, ZeroDivisionError, OverflowError):
        return None
    return (
        f"{found[0].strip()} = {value:g}"
        if abs(value) < 1e6 and value != int(value)
        else f"{found[0].strip()} = {value:.10g}"
    )


_FILLER = "the simulated model writes one word after another so that a long answer can be read cut and counted"


def _written(text: str) -> str | None:
    """A text of the asked length."""
    found = re.search(
        r"\b(?:write|in|of|exactly|about|with|using|at least|generate)\b[^.\n]{0,40}?\b(\d{2,4})[ -](words?|tokens?)\b",
        text,
        re.IGNORECASE,
    )
    if found is None or int(found[1]) > 5000:
        return None
    about = evidence.topic(text[found.end() :]) or evidence.topic(text)
    start = [*about.split(), "is", "the", "subject:"] if about else []
    made = (start + _FILLER.split() * (int(found[1]) // len(_FILLER.split()) + 1))[: int(found[1])]
    return " ".join(made)[:1].upper() + " ".join(made)[1:] + "."


def small_talk(text: str, model: str) -> str | None:
    """What the model says to a greeting or to nothing."""
    stripped = text.strip()
    if not stripped:
        return f"This is the simulated model {model}. I was given no text."
    if re.fullmatch(
        r"\W*(?:hello|hi|hey|good (?:morning|day|evening)|greetings|hei|hallo|hola|salut|سلام|你好)\W*(?:there|world|again)?\W*",
        stripped,
        re.IGNORECASE,
    ):
        return "Hello! How can I help you today?"
    if re.match(r"\W*how are you\b", stripped, re.IGNORECASE):
        return "I am a simulated model and I am doing well, thank you. How can I help you?"
    if re.match(r"\W*(?:thanks|thank you)\b", stripped, re.IGNORECASE):
        return "You are welcome."
    return None
