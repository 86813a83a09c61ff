"""Small tasks that a prompt can set: evaluate, choose, extract, repeat, count, calculate, remember."""

import json
import re
from collections import Counter

from multiapi.simulator.language import arithmetic, comparing, evidence, quoting, words
from multiapi.simulator.minds import prompted
from multiapi.simulator.minds.conversation import Turn


def answer(text: str) -> str | None:
    """The answer to a prompt that sets one of the tasks, or None."""
    tasks = (judgement, _questions, _said, _counted, _calculated, _written, _titled, _summarised)
    return next((done for task in tasks if (done := task(text)) is not None), None)


def evaluation(system: str, text: str) -> str | None:
    """The answer to a prompt that explains in its instructions how an answer is to be judged, or None."""
    whole = f"{system}\n\n{text}"
    return _graded(whole) or _pointed(whole) or _better(whole)


def judgement(text: str) -> str | None:
    """The answer to a prompt that has something judged or put in order, or None."""
    tasks = (_graded, _yes_or_no, _chosen_documents, _choice, _ranked, _condensed, _divided, _keywords)
    return next((done for task in tasks if (done := task(text)) is not None), None)


# ---------------------------------------------------------------- evaluations


def _last_block(text: str, label: str) -> str:
    """What follows the last line that starts with a label, up to the next label."""
    marks = list(re.finditer(rf"^[ \t]*(?:{label})[ \t]*:[ \t]*", text, re.MULTILINE | re.IGNORECASE))
    if not marks:
        return ""
    rest = text[marks[-1].end() :]
    end = re.search(
        r"^[ \t]*(?:answer|context|information|query and response|feedback|existing answer|instruction)\s*:",
        rest,
        re.MULTILINE | re.IGNORECASE,
    )
    return (rest[: end.start()] if end else rest).strip()


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
    context = _last_block(text, r"context(?: information)?|documents?|facts|retrieved document") or _last_fence(text)
    claim = _last_block(
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


def _last_fence(text: str) -> str:
    fences = re.findall(r"-{6,}\n(.*?)\n-{6,}", text, re.DOTALL)
    return fences[-1] if fences else ""


def _graded(text: str) -> str | None:
    """A score with a reason, for a prompt that explains a scale."""
    if not (re.search(r"\bscore\b", text, re.IGNORECASE) and re.search(r"between 1 and 5|from 1 to 5|1-5", text)):
        return None
    reference = _under(text, "reference answer") or _last_block(text, r"#*\s*reference answer|reference")
    given = _under(text, "generated answer") or _last_block(text, r"#*\s*generated answer|response|answer")
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


# ---------------------------------------------------------------- choices


def _chosen_documents(text: str) -> str | None:
    if not (re.search(r"\bDoc:\s*\d+,\s*Relevance:\s*\d+", text) and "Document 1" in text):
        return None
    shown = re.split(r"Let's try this now|Now (?:it is )?your turn", text)[-1]
    question = _last_block(shown, "question|query") or _last_block(text, "question|query")
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


# ---------------------------------------------------------------- texts about texts


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


def _subject(text: str) -> str:
    """The text that a prompt is about: after its label, in its fence, or the rest after the first line."""
    for label in r"text|context|context_str|document|content|passage|article|excerpt":
        if block := _last_block(text, label):
            return block
    if fence := _last_fence(text):
        return fence
    first, _, rest = text.partition("\n")
    return rest.strip() or first.partition(":")[2].strip()


def _keywords(text: str) -> str | None:
    if not re.search(r"\bkeywords?\b", text, re.IGNORECASE) or not re.search(
        r"\bextract|provide|give|list|generate|return", text, re.IGNORECASE
    ):
        return None
    about = _last_block(text, "text|context|question|query") or _last_fence(text) or _subject(text)
    if not about:
        return None
    found = [word for word, _ in Counter(words.content_words(about)).most_common(10)]
    shown = ", ".join(found)
    return f"KEYWORDS: {shown}" if "KEYWORDS:" in text else shown


def _questions(text: str) -> str | None:
    found = re.search(
        r"\b(?:generate|write|create|produce)\b[^.\n]{0,60}?\b(\d+)\b[^.\n]{0,60}\b(?:questions|queries)\b",
        text,
        re.IGNORECASE,
    )
    if found is None:
        return None
    about = _last_block(text, "query|question|original question") or _last_fence(text) or _subject(text) or text
    terms = list(dict.fromkeys(words.content_words(about)))[: int(found[1])] or ["it"]
    return "\n".join(f"What is known about {term}?" for term in (terms * int(found[1]))[: int(found[1])])


def _titled(text: str) -> str | None:
    if not re.search(
        r"\b(?:give|write|suggest|generate|create|provide|what is)\b[^.\n]{0,60}\btitle\b", text, re.IGNORECASE
    ):
        return None
    about = _subject(text) or text
    found = [word for word, _ in Counter(words.content_words(about)).most_common(5)]
    return " ".join(word.capitalize() for word in found) or None


def _summarised(text: str) -> str | None:
    if not re.search(r"\b(?:summari[sz]e|summary|tl;?dr|key points)\b", text, re.IGNORECASE):
        return None
    about = _subject(text)
    sentences = [sentence for sentence in words.sentences(about) if len(sentence) > 15]
    if not sentences:
        return None
    frequent = Counter(words.content_words(about))
    rated = sorted(
        range(len(sentences)),
        key=lambda place: (
            -sum(frequent[word] for word in set(words.content_words(sentences[place])))
            / (5 + len(sentences[place].split()))
        ),
    )[:3]
    return " ".join(sentences[place] for place in sorted(rated))


# ---------------------------------------------------------------- doing as told


def _said(text: str) -> str | None:
    if back := re.search(r"[\s–—,;:-]*\b(?:say|repeat|echo)\s+(?:it|this|that)\s+back\b[.!]?\s*$", text, re.IGNORECASE):
        return text[: back.start()].strip()
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


# ---------------------------------------------------------------- memory and small talk

_TURNED = (
    (r"\bI am\b|\bI'm\b", "you are"),
    (r"\bmy\b", "your"),
    (r"\bMy\b", "Your"),
    (r"\bI\b", "you"),
    (r"\bme\b", "you"),
    (r"\bmine\b", "yours"),
)


def remembered(text: str, earlier: tuple[Turn, ...], system: str) -> str | None:
    """An answer out of what was said before, to a question that it answers."""
    if not (
        text.rstrip().endswith("?")
        or re.match(r"\s*(?:what|who|where|when|which|how|tell me|do you|remind)\b", text, re.IGNORECASE)
    ):
        return None
    spoken = [turn.text for turn in earlier if turn.role == "user"]
    if re.search(r"\bmy name\b|\bwho am i\b", text, re.IGNORECASE):
        for statement in reversed(spoken):
            found = re.search(
                rf"\b(?i:my name is|i am|i'm|i’m|call me|this is|name's)\s+({evidence.NAME.pattern})", statement
            )
            if found and found[1][:1].isupper():
                return f"Your name is {found[1]}."
    statements = [
        sentence for statement in spoken for sentence in words.sentences(statement) if not sentence.endswith("?")
    ]
    found_sentences = comparing.best_sentences("\n".join(statements), text, limit=1)
    if found_sentences:
        said = found_sentences[0]
        for pattern, turned in _TURNED:
            said = re.sub(pattern, turned, said)
        return said[:1].upper() + said[1:]
    if (
        re.search(r"\b(?:first|last|previous|earlier)\b.{0,30}\b(?:question|message|say|said|ask)", text, re.IGNORECASE)
        and spoken
    ):
        return f'You said: "{spoken[0] if "first" in text.lower() else spoken[-1]}"'
    told = comparing.best_sentences(system, text, limit=1)
    return told[0] if told else None


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
