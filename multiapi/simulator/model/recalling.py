"""What was said before: told again, counted, found."""

import re

from multiapi.simulator.language import comparing, evidence, words
from multiapi.simulator.minds.conversation import Turn

_LONGEST = 240
_MINE = re.compile(r"\b(?:i|me|my|mine|ich|mir|mein\w*)\b|\bمن\b|پرسیدم|گفتم|سوالم", re.IGNORECASE)
_YOURS = re.compile(r"\b(?:you|your|yours|du|dein\w*|dir)\b|گفتی|پاسخت|جوابت|\bتو\b", re.IGNORECASE)
_BOTH = re.compile(
    r"\b(?:we|our|us|wir|unser\w*|conversation|discussion|dialogue?|gespräch|unterhaltung)\b|گفتگو|مکالمه",
    re.IGNORECASE,
)
_SAYING = re.compile(
    r"\b(?:ask(?:ed)?|say|said|tell|told|talk(?:ed)?|discuss(?:ed)?|repl(?:y|ied)|respon\w+|answer(?:ed|s)?|questions?|messages?|mention(?:ed)?|conversation|discussion|dialogue?"
    r"|gefragt|fragte|frage[n]?|gesagt|sagte\w*|antwort(?:en|e|est)?|geantwortet|erwähn\w*|nachricht(?:en)?|gespräch|unterhaltung)\b|پرسیدم|گفت\w*|سوال|سؤال|پرسش|پاسخ|جواب|مکالمه|پیام",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"\b(?:ask(?:ed)?|questions?|gefragt|fragte|fragen?)\b|پرسیدم|سوال|سؤال|پرسش", re.IGNORECASE)
_ANSWER_TO = re.compile(
    r"\b(?:answer(?:ed)?|repl(?:y|ied)|respon\w+|say|said)\b[^.\n]{0,20}\bto\b|\bantwort\w*\b[^.\n]{0,20}\bauf\b|پاسخ[^.\n]{0,15}\bبه\b",
    re.IGNORECASE,
)
_COUNT = re.compile(r"\bhow (?:many|often)\b|\bnumber of\b|\bwie (?:viele|oft)\b|چند(?:تا)?(?!\w)", re.IGNORECASE)
_ALL = re.compile(
    r"\b(?:list|all|every|everything|summar\w+|recap|so far|earlier|before|alle|zusammen\w*|bisher|vorher|früher)\b|همه|فهرست|خلاصه|قبل",
    re.IGNORECASE,
)
_MENTION = re.compile(r"\b(?:mention\w*|erwähn\w*|name[sd]?)\b|نام برد", re.IGNORECASE)
_FIRST = {
    word: place
    for place, line in enumerate(
        (
            "first zuerst erste ersten erster اول اولین",
            "second zweite zweiten دوم دومین",
            "third dritte dritten سوم سومین",
            "fourth vierte vierten چهارم",
            "fifth fünfte fünften پنجم",
        )
    )
    for word in line.split()
}
_LAST = re.compile(
    r"\b(?:last|latest|previous|just|recent\w*|letzte\w*|zuletzt|eben|gerade|vorige\w*)\b|آخر\w*|قبلی|الان",
    re.IGNORECASE,
)


def answered(text: str, earlier: tuple[Turn, ...]) -> str | None:
    """The answer to a question about the conversation itself, or None: who said what, which of it, how often, all of it."""
    asked = text.strip()
    mine, yours, both = bool(_MINE.search(asked)), bool(_YOURS.search(asked)), bool(_BOTH.search(asked))
    if len(asked) > _LONGEST or not earlier or not _SAYING.search(asked):
        return None
    number = next((_FIRST[word] for word in words.all_words(asked) if word in _FIRST), None)
    last, counted, whole = _LAST.search(asked), _COUNT.search(asked), _ALL.search(asked)
    said: list[tuple[str, str]] = [
        (turn.role, turn.text.strip()) for turn in earlier if turn.role in ("user", "assistant") and turn.text.strip()
    ]
    if both or (whole and not mine and not yours) or (mine and yours and whole and number is None):
        if not (whole or counted or last or number is not None):
            return None
        mine = yours = True
    elif not mine and not yours:
        return None
    elif mine and yours and not _ANSWER_TO.search(asked):
        mine, yours = _first_is_mine(asked)
    if mine and yours and _ANSWER_TO.search(asked) and not both:
        return _answer_to(said, number, bool(last))
    role = {"user"} if mine and not yours else {"assistant"} if yours and not mine else {"user", "assistant"}
    chosen = [(who, told) for who, told in said if who in role]
    if mine and not yours and _QUESTION.search(asked):
        chosen = [
            (who, one) for who, told in chosen for one in words.sentences(told) if one.endswith(("?", "؟"))
        ] or chosen
    if _MENTION.search(asked) and number is None:
        names = [name for _, told in chosen for name in evidence.Evidence(told).names]
        return f"{'You' if mine else 'I'} mentioned {', '.join(dict.fromkeys(names))}." if names else None
    if counted:
        return f"{len(chosen)}: {'; '.join(told for _, told in chosen)}" if chosen else "0"
    if number is not None or last:
        place = -1 if number is None else number
        return (
            _quoted(*chosen[place])
            if -len(chosen) <= place < len(chosen)
            else "That was not said in this conversation."
        )
    return "\n".join(_quoted(*one) for one in chosen) if whole and chosen else None


def _first_is_mine(asked: str) -> tuple[bool, bool]:
    """Of a sentence with both, whose words are asked for: those of the one named last in front of the verb of saying."""
    verb = list(_SAYING.finditer(asked))[-1]
    mine = max((found.start() for found in _MINE.finditer(asked, 0, verb.end())), default=-1)
    yours = max((found.start() for found in _YOURS.finditer(asked, 0, verb.end())), default=-1)
    return mine > yours, yours >= mine


def _answer_to(said: list[tuple[str, str]], number: int | None, last: bool) -> str:
    asked = [place for place, (who, _) in enumerate(said) if who == "user"]
    which = -1 if number is None else number
    if not -len(asked) <= which < len(asked):
        return "That was not said in this conversation."
    start = asked[which]
    end = next((place for place in asked if place > start), len(said))
    answers = [told for who, told in said[start:end] if who == "assistant"]
    return _quoted("assistant", answers[-1]) if answers else "I did not answer that."


def _quoted(who: str, told: str) -> str:
    return f'{"You" if who == "user" else "I"} said: "{told}"'


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
    told = comparing.best_sentences(system, text, limit=1)
    return told[0] if told else None
