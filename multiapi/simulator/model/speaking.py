"""The answer of the simulated model to a conversation."""

import json
import re
from dataclasses import replace
from typing import Any

from multiapi.simulator.language import comparing, evidence, quoting, words
from multiapi.simulator.minds import attachments, prompted
from multiapi.simulator.minds.conversation import Conversation, Reply, Turn
from multiapi.simulator.model import condensing, forms, judging, planning, recalling, records, tasks
from multiapi.simulator.prompts import instructing, json_asked, material
from multiapi.simulator.values import filling


def answered(conversation: Conversation) -> Reply:
    """What the simulated model says, whole."""
    return _reasoned(conversation, _answered(conversation))


def _answered(conversation: Conversation) -> Reply:
    """Tool calls, a form filled in, or text."""
    turns = conversation.turns
    last_user = max((place for place, turn in enumerate(turns) if turn.role == "user"), default=-1)
    since = turns[last_user + 1 :]
    asked = turns[last_user] if last_user >= 0 else Turn("user", "")
    text = json_asked.unescaped(asked.text)
    calls = planning.as_calls(planning.next_calls(conversation, text, since))
    if calls:
        return Reply(None, calls, finish_reason="tool_calls")
    results = [turn for turn in since if turn.role == "tool"]
    system, asked = _instructions(turns, last_user, asked)
    text = json_asked.unescaped(asked.text)
    told = f"{material.directions(system)}\n\n{material.directions(text)}"
    schema = conversation.schema
    if not schema:  # JSON mode alone does not say which JSON; the prompt may.
        found = prompted.schema_in(told) if schema is not None else json_asked.schema_asked(told)
        if found is not None:
            schema, text = found, _without_json(text)
        elif schema is None:
            schema = _keys_asked(told, text)
    if schema is not None:
        return Reply(_form(conversation, schema, system, text, results))
    said = _text(conversation, system, asked, results, turns[: max(last_user, 0)])
    styled = _styled(system, said if said is not None else f"[simulated] {conversation.model} has no answer to this.")
    return Reply(styled, understood=said is not None or not styled.startswith("[simulated]"))


def _keys_asked(told: str, text: str) -> dict[str, Any] | None:
    """The keys of the JSON that a prompt asks for without a schema, as one; empty for any JSON."""
    spoken = material.directions(text)
    if not json_asked.wants_json(told) or forms.is_list(spoken):
        return None
    if judging.judged(text, spoken) or condensing.answered(text, spoken) or tasks.done(spoken, text):
        return None
    keys = json_asked.keys_in(spoken) or json_asked.keys_in(told)
    strictly = r"only[^.\n]{0,20}\bjson\b|\bjson\b[^.\n]{0,20}only|json object"
    if keys:
        return {"type": "object", "properties": {key: {} for key in keys}, "required": keys}
    return {} if re.search(strictly, told, re.IGNORECASE) else None


def _instructions(turns: tuple[Turn, ...], last_user: int, asked: Turn) -> tuple[str, Turn]:
    """What holds for the whole conversation, whichever way it came: in a role of its own, or in front of the first or last message."""
    system = "\n\n".join(turn.text for turn in turns if turn.role == "system")
    first = next((place for place, turn in enumerate(turns) if turn.role == "user"), last_user)
    told, said = system, asked.text
    if (
        judging.judged(asked.text) or condensing.answered(asked.text) or records.answered(asked.text, asked.text)
    ) is None:
        told, said = instructing.unfolded(system, asked.text)
    if first < last_user and not system:
        told = "\n\n".join([*instructing.paragraphs(turns[first].text)[:-1], told])
    return told, replace(asked, text=said)


# ---------------------------------------------------------------- JSON


def _form(conversation: Conversation, schema: dict[str, Any], system: str, text: str, results: list[Turn]) -> str:
    """JSON that matches the schema; for the empty schema the keys come from the prompt."""
    transcript = prompted.latest_first(text)
    asked = instructing.facts(system, text) if transcript == text else None
    if asked is not None and not asked.marked and not (asked.told and asked.question.rstrip().endswith(("?", "؟"))):
        asked = None
    source = "\n".join([*(turn.text for turn in results), asked.text if asked else transcript])
    found = comparing.best_sentences(asked.text, asked.question) if asked else []
    answer = " ".join(found) if found else (" ".join(turn.text for turn in results))
    if not schema:
        keys = json_asked.keys_in(text) or json_asked.keys_in(system) or ["answer"]
        value: Any = filling.json_for_keys(keys, _without_keys(text, keys), answer or _plain_answer(text))
    else:
        verdict = None if asked is None else comparing.support(asked.question, asked.text) >= 0.3
        source = _with_verdict(schema, source, verdict)
        value = filling.fill(schema, source, answer=answer, whole=f"{text}\n{system}")
    return json.dumps(value, ensure_ascii=False)


def _with_verdict(schema: dict[str, Any], source: str, verdict: bool | None) -> str:
    """The text with the verdict of a yes-or-no grader in front, where the schema describes one."""
    described = json.dumps(schema).lower()
    if verdict is None or not re.search(r"\byes\b.*\bno\b", described):
        return source
    names = [name for name, inner in (schema.get("properties") or {}).items() if "yes" in json.dumps(inner).lower()]
    return "".join(f"{name}: {'yes' if verdict else 'no'}. " for name in names) + source


def _without_json(text: str) -> str:
    """The text without the JSON documents in it and the lines that announce them."""
    for _, start, end in reversed(prompted.json_values(text)):
        text = text[:start] + " " + text[end:]
    kept = [line for line in text.splitlines() if not re.search(r"\bjson\b|\bschema\b|```", line, re.IGNORECASE)]
    return "\n".join(kept).strip() or text.strip()


def _without_keys(text: str, keys: list[str]) -> str:
    for key in keys:
        text = re.sub(rf"['\"`“‘]{re.escape(key)}['\"`”’]", " ", text)
    return (
        " ".join(sentence for sentence in words.sentences(text) if not re.search(r"\bjson\b", sentence, re.IGNORECASE))
        or text
    )


def _plain_answer(text: str) -> str:
    return tasks.done(text) or condensing.answered(text) or evidence.topic(text)


# ---------------------------------------------------------------- text


def _text(
    conversation: Conversation, system: str, asked: Turn, results: list[Turn], earlier: tuple[Turn, ...]
) -> str | None:
    text = asked.text
    if results:
        return _from_results(results, text)
    attached = attachments.describe(asked.attachments)
    if attached:
        return _from_attachments(attached, text)
    spoken = material.directions(text)
    told = f"{material.directions(system)}\n\n{spoken}"
    if (judged := judging.evaluated(system, text, told) or judging.judged(text, spoken)) is not None:
        return judged
    if judging.wants_an_order(spoken):
        said = "\n\n".join(turn.text for turn in (*earlier, asked) if turn.role == "user")
        if (order := judging.judged(said, spoken)) is not None:
            return order
    if (record := records.answered(text, spoken)) is not None:
        return record
    if (form := forms.wanted(spoken)) is not None:
        return forms.filled(form, spoken)
    if (recalled := recalling.answered(spoken, earlier)) is not None:
        return recalled
    if (done := condensing.answered(text, spoken) or tasks.done(spoken, text)) is not None:
        return done
    if (found := instructing.facts(system, text)) is not None:
        sentences = comparing.best_sentences(found.text, found.question)
        if sentences or found.told:
            return " ".join(sentences) or instructing.unknown(f"{system}\n{text}")
    if (remembered := recalling.remembered(spoken, earlier, system)) is not None:
        return remembered
    seen = [attachment for turn in earlier for attachment in turn.attachments]
    if seen and (described := attachments.describe(tuple(seen))):
        return _from_attachments(described, text)
    return tasks.small_talk(text, conversation.model) or forms.option(spoken, material.directions(system))


def _from_results(results: list[Turn], question: str) -> str:
    """An answer that quotes what the tools said; out of long results only what has to do with the question."""
    parts = []
    for turn in results:
        text = " ".join([turn.text, *attachments.describe(turn.attachments)]).strip()
        if len(text) > 600:
            found = comparing.best_sentences(text, question)
            text = " ".join(found) if found else text[:600] + " ..."
        parts.append(text or "the tool returned nothing")
    answer = "; ".join(dict.fromkeys(parts))
    return f"Here is what I found: {answer}" if answer[-1:] in ".!?}]" else f"Here is what I found: {answer}."


def _from_attachments(described: list[str], text: str) -> str:
    whole = "\n".join(described)
    if len(whole) > 600:
        found = comparing.best_sentences(whole, text)
        if found:
            return " ".join([described[0].split("\n")[0], *found])
    return whole


_STYLE = r"(?:every|each|all|your|jede|jeder|alle|deine|هر|همه)\s+(?:answer|reply|response|message|antwort|پاسخ)"
_TONES = (
    (
        r"\b(?:always|only|just|immer|nur)\b[^\n.\ue000]{0,30}\b(?:answer|reply|respond|say|antworte)\w*[^\n.\ue000]{0,30}(?=\ue000)|\b(?:answer|reply|respond|antworte)\w*\s+(?:always|only|just|immer|nur)\b[^\n.\ue000]{0,30}(?=\ue000)|همیشه[^\n.\ue000]{0,20}(?=\ue000)",
        "{said}",
    ),
    (rf"\b(?:start|begin|beginne)\w*\s+{_STYLE}\w*[^\n.\ue000]{{0,20}}(?=\ue000)", "{said} {text}"),
    (rf"\b(?:end|finish|close|beende)\w*\s+{_STYLE}\w*[^\n.\ue000]{{0,20}}(?=\ue000)", "{text} {said}"),
)


def _styled(system: str, text: str) -> str:
    """What the instructions say about the form of every answer."""
    system = material.directions(system)
    hidden, marks = quoting.masked(system), quoting.quoted(system)
    if re.search(r"\b(?:upper ?case|capital letters|all caps|großbuchstaben)\b", hidden, re.IGNORECASE):
        text = text.upper()
    for pattern, form in _TONES:
        found = re.search(pattern, hidden, re.IGNORECASE)
        said = found and next((one.value for one in marks if one.start == found.end()), None)
        if said is not None:
            text = form.format(said=said, text=text)
            if form == "{said}":
                break
    return text


def _reasoned(conversation: Conversation, answer: Reply) -> Reply:
    if answer.reasoning or not conversation.reasoning:
        return answer
    asked = next((turn.text for turn in reversed(conversation.turns) if turn.role == "user"), "")
    about = evidence.topic(asked) or "the request"
    if answer.tool_calls:
        plan = f"I will call {', '.join(call.name for call in answer.tool_calls)}."
    else:
        plan = "I have what I need to answer."
    return replace(answer, reasoning=f"The user asks about {about}. {plan}")
