"""Records asked for in a prompt: queries of tables that it describes, answers from their rows, triplets of a text."""

import re

from multiapi.simulator.language import evidence, words
from multiapi.simulator.prompts import material

_TABLE = re.compile(
    r"\bTable ['\"`]?(?P<name>\w+)['\"`]? has columns:[ \t]*(?P<columns>[^\n]*)|\bCREATE TABLE (?:IF NOT EXISTS )?['\"`]?(?P<made>\w+)['\"`]?[ \t]*\((?P<body>[^;]*?)\n?\)[ \t]*(?:;|\n|$)",
    re.IGNORECASE,
)
_COLUMN = re.compile(r"(?:^|,)\s*['\"`\[]?(?P<name>\w+)['\"`\]]?\s*\(?\s*(?P<type>[A-Za-z]+)")
_NOT_COLUMNS = words.listed("primary foreign unique constraint check key index")
_ROWS = re.compile(
    r"^[ \t]*(?:SQL ?(?:Response|Results?)|Query results?|Rows)[ \t]*:[ \t]*(?P<rows>[^\n]+)",
    re.MULTILINE | re.IGNORECASE,
)
_QUESTION = re.compile(
    r"^[ \t]*(?:User )?(?:Question|Query|Input)[ \t]*:[ \t]*(?P<asked>[^\n]+)", re.MULTILINE | re.IGNORECASE
)
_TRIPLETS = re.compile(
    r"\btriplets?\b|\btriples?\b|\(\s*subject\s*,\s*(?:predicate|relation)\w*\s*,\s*object\s*\)", re.IGNORECASE
)


def answered(text: str, spoken: str) -> str | None:
    """The answer to a prompt that wants a query, an answer out of rows, or triplets; None to any other."""
    return _told_rows(text, spoken) or _query(text, spoken) or _triplets(text, spoken)


# ---------------------------------------------------------------- tables


def _told_rows(text: str, spoken: str) -> str | None:
    if not re.search(r"\bsql|\bquery\b", spoken, re.IGNORECASE) or not (rows := list(_ROWS.finditer(text))):
        return None
    values = [
        one or other for one, other in re.findall(r"'([^'\n]*)'|(-?\d+(?:\.\d+)?|None|True|False)", rows[-1]["rows"])
    ]
    shown = ", ".join(dict.fromkeys(values)) or rows[-1]["rows"].strip()
    return (
        None
        if re.search(r"\bhere\b", shown, re.IGNORECASE) or "result of the" in shown.lower()
        else f"The rows say: {shown}."
    )


def _query(text: str, spoken: str) -> str | None:
    """`SELECT columns FROM table WHERE column = value`: of the table and the columns that share most with the question."""
    tables = {
        (found["name"] or found["made"]): _columns(found["columns"] or found["body"]) for found in _TABLE.finditer(text)
    }
    asked = [found["asked"] for found in _QUESTION.finditer(text)]
    if not tables or not re.search(r"\bsql|\bselect\b", spoken, re.IGNORECASE):
        return None
    question = asked[-1] if asked else words.sentences(spoken)[-1]
    wanted = set(words.content_words(question))
    table = max(
        tables,
        key=lambda name: len(wanted & {*_stems(name), *(one for column in tables[name] for one in _stems(column))}),
    )
    columns = tables[table]
    conditions = _conditions(columns, question)
    shown = [name for name in columns if wanted & set(_stems(name)) and name not in conditions]
    if re.search(r"\bhow many\b|\bnumber of\b|\bwie viele\b|چند", question, re.IGNORECASE) and not shown:
        shown = ["COUNT(*)"]
    shown = shown or [name for name in columns if name not in conditions][:3] or ["*"]
    where = " AND ".join(f"{name} = {value}" for name, value in conditions.items())
    return f"SELECT {', '.join(shown)} FROM {table}{f' WHERE {where}' if where else ''}"  # noqa: S608


def _columns(told: str) -> dict[str, str]:
    found = {
        one["name"]: one["type"].upper() for one in _COLUMN.finditer(re.sub(r"(\w)\(\d+(?:,\s*\d+)?\)", r"\1", told))
    }
    return {name: kind for name, kind in found.items() if name.lower() not in _NOT_COLUMNS}


def _stems(name: str) -> list[str]:
    return words.content_words(name.replace("_", " "))


def _conditions(columns: dict[str, str], question: str) -> dict[str, str]:
    """Which column has to have which value of the question."""
    offered = evidence.Evidence(question)
    texts = [name for name, kind in columns.items() if re.search("CHAR|TEXT|STRING|CLOB", kind)]
    wanted = set(words.content_words(question))
    made: dict[str, str] = {}
    for value in [*offered.quoted, *offered.names]:
        free = [name for name in texts if name not in made]
        if free:
            best = max(free, key=lambda name: (bool(wanted & set(_stems(name))), -free.index(name)))
            made[best] = "'" + value.replace("'", "''") + "'"
    for number, place in offered.numbers:
        near = set(words.content_words(question[max(0, place - 30) : place]))
        named = [name for name in columns if name not in texts and near & set(_stems(name))]
        if named:
            made[named[-1]] = f"{number:g}"
    return made


# ---------------------------------------------------------------- triplets


def _triplets(text: str, spoken: str) -> str | None:
    """`(subject, predicate, object)` for each sentence of the text; the examples of the prompt are forms, never material."""
    if not _TRIPLETS.search(spoken):
        return None
    told = material.behind(text, "text|input|passage") or re.split(r"\btext:\s", text, flags=re.IGNORECASE)[-1]
    told = re.split(r"^[ \t]*\w{0,20} ?triplets?[ \t]*:", told, flags=re.MULTILINE | re.IGNORECASE)[0]
    lines = [triplet for sentence in words.sentences(told) if (triplet := _triplet(sentence))]
    most = re.search(r"\b(?:up to|at most|maximum of)\s+(\d+)", text, re.IGNORECASE)
    return "\n".join(lines[: int(most[1]) if most else len(lines)]) or None


def _triplet(sentence: str) -> str | None:
    bare = sentence.strip(" .!?")
    names = [name for name in evidence.Evidence(bare).names if name in bare]
    subject = names[0] if names and bare.startswith(("The " + names[0], names[0], "A " + names[0])) else ""
    inner, behind = (bare.partition(subject)[2], subject) if subject else ("", "")
    if not subject:
        first, _, inner = bare.partition(" ")
        if first.lower() in ("the", "a", "an", "der", "die", "das"):
            first, _, inner = inner.partition(" ")
        behind = first
    last = next((name for name in reversed(names) if name != subject and inner.rstrip().endswith(name)), "")
    rest = inner[: len(inner.rstrip()) - len(last)] if last else inner.rpartition(" ")[0]
    last = last or inner.rpartition(" ")[2]
    predicate = re.sub(r"\s+(?:the|a|an)\s*$", "", rest.strip()).strip(" ,")
    return f"({behind}, {predicate}, {last})" if behind and predicate and last else None
