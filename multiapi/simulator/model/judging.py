"""Prompts that have something judged, chosen, put in order or asked in another way, as evaluators, rerankers and routers write them."""

import json
import re

from multiapi.simulator.language import comparing, evidence, words
from multiapi.simulator.minds import prompted
from multiapi.simulator.prompts import material


def evaluated(system: str, text: str, told: str) -> str | None:
    """The answer to a prompt that explains in its instructions, `told`, how an answer is to be judged, or None."""
    tasks = ((_graded, "score"), (_pointed, "[RESULT]"), (_better, "[[A]]"))
    found = (task(f"{system}\n\n{text}") for task, cue in tasks if cue in told)
    return next((done for done in found if done is not None), None)


def judged(text: str, spoken: str | None = None) -> str | None:
    """The answer to a prompt that has something judged or put in order, or None; `spoken` is what of it can ask for that."""
    spoken = text if spoken is None else spoken
    tasks = (
        (_graded, r"\bscore\b"),
        (_yes_or_no, r"\bno\b"),
        (_chosen_documents, r"\brelevan"),
        (_choice, r"\bchoices?\b"),
        (_ranked, r"\brank"),
        (_condensed, r"question|rephrase"),
        (_divided, r"question"),
    )
    found = (task(text) for task, cue in tasks if re.search(cue, spoken, re.IGNORECASE))
    return next((done for done in found if done is not None), None)


def wants_an_order(spoken: str) -> bool:
    """Whether an order of passages is asked for, which may stand in the messages before."""
    return "] > [" in spoken


def _yes_or_no(text: str) -> str | None:
    if (
        not re.search(r"\bYES\b\W{1,4}(?:or\W+)?(?:NO)\b|\b(?:yes|no)\b['\"]? or ['\"]?\b(?:no|yes)\b", text)
        or len(text) < 60
    ):
        return None
    if not re.search(r"\b(?:answer|respond|score|output|decide|options?|grade)\b", text, re.IGNORECASE):
        return None
    upper = bool(re.search(r"\bYES\b", text))
    if re.search(r"existing YES/NO answer:\s*YES", text):
        return "YES"
    context = material.behind(
        text, r"context(?: information)?|documents?|facts|retrieved document"
    ) or material.between_lines(text)
    claim = material.behind(
        text, r"information|query and response|statement|claim|response|answer to check|question|query|user question"
    )
    if not claim and (found := re.search(r"present in the context information:\s*(.+?)\n", text)):
        claim = found[1]
    if (said := re.split(r"\bResponse:\s*", claim))[1:]:
        claim = said[-1]
    if not context or not claim:
        return None
    supported = comparing.support(claim, context) >= 0.5
    word = "YES" if supported else "NO"
    return word if upper else word.lower()


def _graded(text: str) -> str | None:
    """A score with a reason, for a prompt that explains a scale."""
    if not (re.search(r"\bscore\b", text, re.IGNORECASE) and re.search(r"between 1 and 5|from 1 to 5|1-5", text)):
        return None
    reference = _under(text, "reference answer") or material.behind(text, r"#*\s*reference answer|reference")
    given = _under(text, "generated answer") or material.behind(text, r"#*\s*generated answer|response|answer")
    if not given:
        return None
    shared = comparing.support(reference or given, given)
    return f"{1 + 4 * shared:.1f}\nThe answer shares {shared:.0%} of the words of the reference."


def _under(text: str, heading: str) -> str:
    """What stands below a Markdown heading."""
    found = re.search(rf"^#+ *{heading} *\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL | re.IGNORECASE)
    return found[1].strip() if found else ""


def _pointed(text: str) -> str | None:
    """Points behind the mark that the prompt names, for a number of questions of several points."""
    form = re.search(r"\[RESULT\] followed by the (integer|float)", text)
    asked = re.search(r"\bQuery:\s*(.*?)\s*\b(Response|Context):\s*(.*?)\s*Feedback:\s*$", text, re.DOTALL)
    worth = re.search(r"\bworth (\d+) points?", text)
    if not form or not asked or not worth:
        return None
    shared = comparing.support(asked[1], asked[3])
    most = int(worth[1]) * len(re.findall(r"^\d+\. ", text[: worth.start()], re.MULTILINE))
    reached = most * min(1.0, 2 * shared)  # half of the words is as good as all, as for yes or no
    points = round(reached) if form[1] == "integer" else round(reached, 1)
    return f"The {asked[2].lower()} has {shared:.0%} of the words of the query.\n[RESULT] {points}"


def _better(text: str) -> str | None:
    """Which of two answers is better, in the form of the prompt."""
    if "'[[A]]'" not in text or "'[[B]]'" not in text:
        return None
    parts = dict(re.findall(r"\[The Start of ([^\]]+)\]\s*(.*?)\s*\[The End of \1\]", text, re.DOTALL))
    answers = [part for name, part in parts.items() if "Answer" in name]
    question = re.search(r"\[User Question\]\s*(.*?)\s*\[The Start of", text, re.DOTALL)
    if len(answers) != 2:
        return None
    wanted = parts.get("Reference") or (question[1] if question else "")
    first, second = (comparing.support(wanted, each) for each in answers)
    verdict = "C" if first == second else "A" if first > second else "B"
    return f"A has {first:.0%} of what is wanted, B {second:.0%}. [[{verdict}]]"


def _chosen_documents(text: str) -> str | None:
    if not (re.search(r"\bDoc:\s*\d+,\s*Relevance:\s*\d+", text) and "Document 1" in text):
        return None
    shown = re.split(r"Let's try this now|Now (?:it is )?your turn", text)[-1]
    question = material.behind(shown, "question|query") or material.behind(text, "question|query")
    asked = set(words.content_words(question))
    lines = []
    for number, body in re.findall(
        r"^Document (\d+):\s*\n?(.*?)(?=^Document \d+:|^Question:|^Query:|\Z)", shown, re.MULTILINE | re.DOTALL
    ):
        shared = len(asked & set(words.content_words(body)))
        if shared:
            lines.append((min(10, 1 + round(9 * shared / max(1, len(asked)))), int(number)))
    lines.sort(key=lambda entry: (-entry[0], entry[1]))
    return "\n".join(f"Doc: {number}, Relevance: {relevance}" for relevance, number in lines) or "Doc: 1, Relevance: 1"


def _choice(text: str) -> str | None:
    if not (
        re.search(r"\bchoices?\b", text, re.IGNORECASE)
        and (listed := re.findall(r"^\s*\((\d+)\)\s*(.+?)(?=^\s*\(\d+\)|^-{3,}|\Z)", text, re.MULTILINE | re.DOTALL))
    ):
        return None
    asked = re.findall(
        r"(?:question|query)[^'\"\n:]*[:'\"]\s*['\"]?(.+?)['\"]?\s*$", text, re.MULTILINE | re.IGNORECASE
    )
    wanted = set(words.content_words(asked[0] if asked else text.rsplit("\n\n", 1)[-1]))
    rated = [(len(wanted & set(words.content_words(body))), -int(number)) for number, body in listed]
    best = max(rated)
    several = bool(re.search(r"top choices|no more than", text))
    chosen = [entry for entry in sorted(rated, reverse=True) if entry[0] >= max(1, best[0])] if several else [best]
    chosen = chosen[:3] or [best]
    items = ", ".join(
        f'{{"choice": {-number}, "reason": "It shares {shared} words with the question."}}' for shared, number in chosen
    )
    return f"[{items}]" if re.search(r"\bjson\b|\{", text, re.IGNORECASE) else str(-best[1])


def _ranked(text: str) -> str | None:
    """An order of passages, `[2] > [1]`."""
    if "] > [" not in text:
        return None
    passages = re.findall(r"^\s*\[(\d+)\]\s+(.+)$", text, re.MULTILINE)
    asked = re.search(r"(?:query|question)[^:\n]*:\s*(.+)", text, re.IGNORECASE)
    if not passages or asked is None:
        return None
    wanted = set(words.content_words(asked[1]))
    order = sorted(passages, key=lambda entry: -len(wanted & set(words.content_words(entry[1]))))
    return " > ".join(f"[{number}]" for number, _ in order)


def _condensed(text: str) -> str | None:
    if not re.search(r"standalone question|stand-alone question|rephrase the follow[- ]?up", text, re.IGNORECASE):
        return None
    asked = _last_line(text, r"follow[- ]?up (?:input|question|message)|human|question|user")
    if not asked:
        return None
    if re.search(r"\b(?:it|its|they|their|that|this|he|she|him|her)\b", asked, re.IGNORECASE):
        history = text[: text.rfind(asked)].rpartition("\n")[0]
        about = [name for name in evidence.Evidence(history.split("History", 1)[-1]).names if len(name) > 3]
        return f"{asked.rstrip('?. ')} ({about[-1]})?" if about else asked
    return asked


def _divided(text: str) -> str | None:
    """A question divided among tools that are described by name, in the form of the examples before it."""
    if not re.search(r"\bsub[- ]?questions?\b", text, re.IGNORECASE):
        return None
    documents = [value for value, _, _ in prompted.json_values(text)]
    shown = next((items[0] for document in documents if (items := _items_of(document))), None)
    tools = next((d for d in reversed(documents) if isinstance(d, dict) and not _items_of(d)), None)
    asked = re.findall(r"^[ \t]*<?(?:user )?question>?:?[ \t]*\n?[ \t]*(.+)$", text, re.MULTILINE | re.IGNORECASE)
    if not shown or not tools or not asked:
        return None
    question = asked[-1].strip()
    wanted = set(words.content_words(question))
    rated = {name: len(wanted & set(words.content_words(f"{name} {about}"))) for name, about in tools.items()}
    chosen = [name for name, shared in rated.items() if shared] or [next(iter(tools))]
    items = [{key: question if "question" in key else name for key in shown} for name in chosen]
    return f"```json\n{json.dumps({'items': items}, ensure_ascii=False)}\n```"


def _items_of(document: object) -> list[dict[str, object]]:
    """The list of objects that a document holds, or nothing."""
    values = document.values() if isinstance(document, dict) else [document]
    return next((v for v in values if isinstance(v, list) and v and all(isinstance(i, dict) for i in v)), [])


def _last_line(text: str, label: str) -> str:
    found = re.findall(rf"^[ \t<]*(?:{label})[ \t>]*:[ \t]*\n?[ \t]*(.+)$", text, re.MULTILINE | re.IGNORECASE)
    return found[-1].strip() if found else ""
