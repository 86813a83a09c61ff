"""What one text shares with another: the sentences that fit a question, and how much of a claim a text has."""

import re

from multiapi.simulator.language import words

_METADATA = re.compile(
    r"^(?:page_label|file_path|file_name|file_type|file_size|creation_date|last_modified_date|source|doc_id)\s*:",
    re.IGNORECASE,
)


def best_sentences(context: str, question: str, limit: int = 3) -> list[str]:
    """The sentences of a context that share most with a question, in their order; none if nothing is shared."""
    asked = set(words.content_words(question))
    texts = [sentence for sentence in words.sentences(context) if not _METADATA.match(sentence)]
    texts = list(dict.fromkeys(texts))
    contents = [set(words.content_words(text)) for text in texts]
    frequency = {word: sum(word in content for content in contents) for word in asked}
    weight = {word: 1.0 / (1 + frequency[word]) ** 0.5 for word in asked}
    rated = []
    for place, content in enumerate(contents):
        shared = sum(weight[word] for word in asked & content)
        rated.append((shared / (1 + 0.01 * len(content)), place))
    best = max(rated, default=(0.0, 0))
    if best[0] <= 0 or len(asked & contents[best[1]]) < 0.25 * len(asked):
        return []
    chosen = sorted((entry for entry in rated if entry[0] >= 0.75 * best[0]), reverse=True)[:limit]
    return [texts[place] for place in sorted(place for _, place in chosen)]


def support(claim: str, context: str) -> float:
    """The share of a claim's words that a context has."""
    claimed = set(words.content_words(claim))
    return len(claimed & set(words.content_words(context))) / len(claimed) if claimed else 0.0
