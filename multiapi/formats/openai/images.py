"""Images in the format that most providers share: what a provider with `image_path` is asked, and how its response is read."""

from __future__ import annotations

from functools import partial
from typing import Any

from multiapi.errors import InvalidRequestError
from multiapi.formats.answer_facts import ReadCost
from multiapi.formats.media import media_operation, needs_text, parse_images, taken_settings
from multiapi.formats.openai.requests import merged
from multiapi.http.exchange import HttpRequest
from multiapi.provider import Operation
from multiapi.types.media_requests import ImageRequest

_AS_THEY_ARE = ("quality", "style", "background", "output_format")
_TAKEN = frozenset({"prompt", "width", "height", "count", "inline", *_AS_THEY_ARE})


def image_operation(path: str, *, provider: str, read_cost: ReadCost | None = None) -> Operation[Any, Any]:
    """Return the operation `image` of a provider that makes images at this path."""
    return media_operation(
        "image",
        partial(build_image, path=path, provider=provider),
        partial(parse_images, provider=provider, read_cost=read_cost),
    )


def build_image(request: ImageRequest, *, path: str, provider: str) -> HttpRequest:
    """Ask for images; width and height become one text, as in "1024x1024".

    Raises:
        InvalidRequestError: No model, no prompt, or only one of width and height.
        UnsupportedError: A setting that the shared format has no field for.
    """
    settings = taken_settings(request, provider, _TAKEN)
    body: dict[str, Any] = {
        "model": request.model,
        "prompt": needs_text(settings.get("prompt", ""), provider, "prompt"),
        **{name: settings[name] for name in _AS_THEY_ARE if name in settings},
    }
    if "count" in settings:
        body["n"] = settings["count"]
    if "width" in settings or "height" in settings:
        if len(settings.keys() & {"width", "height"}) == 1:
            raise InvalidRequestError(f"{provider} takes width and height together, not one of them", provider=provider)
        body["size"] = f"{settings['width']}x{settings['height']}"
    if "inline" in settings:
        body["response_format"] = "b64_json" if settings["inline"] else "url"
    return HttpRequest("POST", path, json=merged(body, request.extra), headers=request.headers)
