"""Which model the agent tools and the command line use where none is named. Calls of a client always name theirs.

Each is one that the vendor's own documentation uses in its examples; a vendor may withdraw it, then name another.
"""

from __future__ import annotations

from collections.abc import Mapping

from multiapi.errors import InvalidRequestError

DEFAULT_MODELS: Mapping[str, Mapping[str, str]] = {
    "bineric": {
        "chat": "gpt-4",
        "image": "stability-ai",
        "speech": "text-to-speech",
        "transcribe": "speech-to-text",
    },
    "binom_router": {"chat": "gpt-4o"},
    "aimlapi": {
        "chat": "openai/gpt-4o",
        "embed": "text-embedding-3-small",
        "image": "flux/schnell",
        "edit_image": "flux/kontext-pro/image-to-image",
        "speech": "openai/tts-1",
        "transcribe": "openai/gpt-4o-transcribe",
        "music": "elevenlabs/eleven_music",
        "video": "alibaba/wan-2-6-t2v",
        "video_from_image": "alibaba/wan-2-6-i2v",
        "mesh": "triposr",
        "ocr": "mistral/mistral-ocr-latest",
    },
    "aicredits": {
        "chat": "openai/gpt-4o-mini",
        "embed": "openai/text-embedding-3-small",
        "image": "dall-e-3",
        "speech": "openai/tts-1",
        "transcribe": "openai/whisper-1",
    },
    "binobox": {
        "chat": "gemini-3.1-flash-lite",
        "image": "imagen-4-fast-generate",
        "speech": "gemini-3.1-flash-tts",
        "music": "lyria-3-clip",
        "video": "veo-3-lite-generate",
    },
}

DEFAULT_VOICES: Mapping[str, str] = {"aicredits": "alloy"}
"""For the vendors that want a voice to be named."""


def default_model(provider: str, call: str) -> str:
    """The model for a call of a client, as in "image" or "speech".

    Raises:
        InvalidRequestError: There is none for this vendor and call; it has to be named.
    """
    found = DEFAULT_MODELS.get(provider, {}).get(call)
    if found is None:
        raise InvalidRequestError(f"{provider}: name a model for {call}; there is no usual one", provider=provider)
    return found
