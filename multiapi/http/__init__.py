"""One exchange as values: requests, responses, JSON, server-sent events, vectors."""

from multiapi.http.exchange import BODY_EXCERPT_CHARS, FilePart, HttpRequest, HttpResponse, excerpt, path_segment
from multiapi.http.json import dump_json, parse_json
from multiapi.http.sse import SseDecoder, SseEvent

__all__ = [
    "BODY_EXCERPT_CHARS",
    "FilePart",
    "HttpRequest",
    "HttpResponse",
    "SseDecoder",
    "SseEvent",
    "dump_json",
    "excerpt",
    "parse_json",
    "path_segment",
]
