"""Sentences that tell a model what to do, by how they begin."""

import re

_TELLS = re.compile(
    r"^\W*(?:(?:please|kindly|bitte|لطفا)\W+)?(?:use|using|answer|reply|respond|given|based|keep|say|write|read|consider|look|do not|don['’]t|never|always|only|just"
    r"|you(?:r|['’]re)?\b|if (?:you|the|it|there|no|nothing)|be (?:brief|concise|short)|(?:end|start|begin|finish) (?:every|each|all|your)|here (?:is|are)|below|treat|act|when (?:you|the)|what follows|the following|from the|with the|stick|rely|take"
    r"|verwende|nutze|benutze|beantworte|antworte|lies|wenn (?:du|die|sie|der|es)|falls|du|hier|sage?|gib|halte|erfinde|stütze|unten|im folgenden"
    r"|شما|تو|به (?:پرسش|سوال|سؤال)|پاسخ|جواب|فقط|تنها|اگر|با (?:استفاده|توجه)|بر اساس|از (?:متن|اطلاعات|این)|متن|در زیر)(?![\w])",
    re.IGNORECASE,
)


def is_instruction(sentence: str) -> bool:
    """Whether a sentence tells what to do."""
    return bool(_TELLS.match(sentence))
