"""Embeddings by feature hashing: texts that share words are near, and every vector has length one."""

import base64
import zlib
from array import array
from functools import lru_cache
from math import sqrt

from multiapi.simulator.language import words

_WIDTHS = (
    ("embedding-3-small", 1536),
    ("embedding-3-large", 3072),
    ("ada-002", 1536),
    ("qwen", 1024),
    ("gemini", 3072),
    ("multilingual-embedding", 768),
    ("gecko", 768),
    ("bge-base", 768),
    ("m2-bert", 768),
    ("e5-large", 1024),
    ("voyage-large-2", 1536),
    ("voyage-code-2", 1536),
)


def width(model: str) -> int:
    """How many numbers a vector of this model has when no other width is asked for."""
    return next((size for part, size in _WIDTHS if part in model), 1024)


@lru_cache(maxsize=50_000)
def _hash(feature: str) -> int:
    data = feature.encode()
    return zlib.crc32(data) | zlib.crc32(data + b"*") << 32


def embed(text: str, dimensions: int) -> "array[float]":
    """The vector of a text."""
    vector = array("d", bytes(8 * dimensions))
    features = [(word, 1.0) for word in words.content_words(text)]
    features += [(f"~{word}", 0.15) for word in words.all_words(text)]
    for feature, weight in features or [(text or "nothing", 1.0)]:
        code = _hash(feature)
        vector[code % dimensions] += weight if code >> 33 & 1 else -weight
        vector[(code >> 20) % dimensions] += 0.5 * weight if code >> 34 & 1 else -0.5 * weight
    length = sqrt(sum(value * value for value in vector)) or 1.0
    if not any(vector):
        vector[0] = length
    return array("d", [value / length for value in vector])


def as_base64(vector: "array[float]") -> str:
    """Little-endian 32-bit floats in base64."""
    narrow = array("f", vector)
    if array("H", [1]).tobytes()[0] == 0:
        narrow.byteswap()
    return base64.b64encode(narrow.tobytes()).decode()
