"""AI/ML API's transcripts: three shapes, under `result` or `output`, see `multiapi.formats.transcripts`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from multiapi.formats.answer_facts import is_filler, request_id, text_at
from multiapi.formats.transcripts import transcript_facts
from multiapi.http.exchange import HttpResponse
from multiapi.types.media_results import Transcript
from multiapi.types.usage import Cost


def transcript_of(body: Mapping[str, Any], cost: Cost | None, response: HttpResponse) -> Transcript | None:
    """The transcript in the response about a finished job; None if it has none that can be read."""
    found = next((body[name] for name in ("result", "output") if not is_filler(body.get(name))), None)
    facts = transcript_facts({"text": found} if isinstance(found, str) else found if isinstance(found, dict) else body)
    if facts is None:
        return None
    return Transcript(
        provider="aimlapi",
        model=text_at(body, "model"),
        cost=cost,
        request_id=request_id(response.headers, body),
        headers=response.headers,
        raw=dict(body),
        **facts,
    )
