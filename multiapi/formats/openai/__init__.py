"""OpenAI's format, which most providers share."""
