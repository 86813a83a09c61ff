"""The shape of an image or video: width and height in pixels, or a ratio and a level ("2K", "720p"), as each model has it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from multiapi.errors import InvalidRequestError
from multiapi.providers.aimlapi.catalogue import ModelEntry, Param
from multiapi.providers.aimlapi.catalogue.checks import PROVIDER, checked, setting_refused, value_refused
from multiapi.providers.aimlapi.catalogue.places import LEVEL, PIXELS, PRESETS, RATIO, RATIO_TOLERANCE, Place

_LEVEL_TOLERANCE = 0.42  # 1K stands for sides of 690 to 1550 pixels: between the levels, each takes its half
_LINES = {"hd": 720, "fhd": 1080, "2k": 1440, "4k": 2160}


@dataclass(frozen=True, slots=True)
class Shape:
    """What was asked for; None is not asked."""

    width: int | None = None
    height: int | None = None
    aspect_ratio: str | None = None
    resolution: str | int | None = None


def shape_fields(entry: ModelEntry, params: Mapping[str, Param], shape: Shape) -> dict[str, Any]:
    """A shape in the model's own fields.

    A model that knows ratios and no pixels takes the ratio of width and height, if it is near one of its own, and the level
    with about as many pixels if it has levels. Of a model without limits (an unknown one) nothing is refused.
    """
    if shape == Shape():
        return {}
    if (shape.width is None) != (shape.height is None):
        raise InvalidRequestError(
            f"{PROVIDER}: width and height go together for {entry.id}",
            provider=PROVIDER,
            model=entry.id,
            setting="width",
        )
    named = _first(PIXELS, params)
    if named is not None and params[named].enum is not None:
        return {named: _named_size(entry.id, params[named], shape)}
    if "image_size" in params and not (shape.width is None and "aspect_ratio" in params):
        return {"image_size": _image_size(entry.id, params["image_size"], shape)}
    return _ratio_and_level(entry, params, shape)


def _named_size(model: str, param: Param, shape: Shape) -> str:
    """A list of sizes such as "1024x1536": the one asked for, or the first of the ratio and level asked for."""
    sizes = param.enum or ()
    for size in sizes:
        across, down = (int(side) for side in size.replace(":", "x").split("x"))
        if shape.width is not None and (shape.width, shape.height) != (across, down):
            continue
        if shape.aspect_ratio is not None and not _near(across / down, _ratio(model, shape.aspect_ratio), 0.001):
            continue
        if shape.resolution is not None and _lines(shape.resolution) != min(across, down):
            continue
        return str(size)
    asked = f"{shape.width}x{shape.height}" if shape.width is not None else shape.aspect_ratio or shape.resolution
    setting = "width and height" if shape.width is not None else "aspect_ratio" if shape.aspect_ratio else "resolution"
    raise value_refused(model, setting, asked, sizes)


def _image_size(model: str, param: Param, shape: Shape) -> Any:
    """An object of width and height, or a word for the usual ratios and levels."""
    if shape.width is not None:
        size = {"width": shape.width, "height": shape.height}
        return {
            side: checked(model, side, param.props[side], value) if side in param.props else value
            for side, value in size.items()
        }
    if shape.aspect_ratio is None:
        return checked(model, "resolution", replace(param, types=("string",)), shape.resolution)
    words = PRESETS.get(shape.aspect_ratio, ())
    word = next((word for word in words if word in (param.enum or ())), None)
    if word is not None and shape.resolution is None:
        return word
    return _computed_size(model, param, shape.aspect_ratio, shape.resolution)


def _computed_size(model: str, param: Param, aspect_ratio: str, resolution: str | int | None) -> dict[str, int]:
    """Sides in the exact ratio, multiples of 8, with about the area of the level, else of the model's default."""
    sides = [param.props[side] for side in ("width", "height") if side in param.props]
    defaults = [side.default for side in sides if side.default is not None]
    if resolution is not None:
        area = _square_side(model, resolution) ** 2
    else:
        area = float(math.prod(defaults)) if len(defaults) == 2 else 1024.0**2
    across, down = _ratio_parts(model, aspect_ratio)
    low = max((side.minimum or 0 for side in sides), default=0)
    high = min((side.maximum or math.inf for side in sides), default=math.inf)
    eights = max(round(math.sqrt(area / (across * down)) / 8), math.ceil(low / min(across, down) / 8))
    if eights * 8 * max(across, down) > high:
        eights = math.floor(high / max(across, down) / 8)
    size = {"width": round(eights * 8 * across), "height": round(eights * 8 * down)}
    for side, value in size.items():
        if side in param.props:
            checked(model, f"aspect_ratio {aspect_ratio}, {side}", param.props[side], value)
    return size


def _ratio_and_level(entry: ModelEntry, params: Mapping[str, Param], shape: Shape) -> dict[str, Any]:
    ratio_name, level_name = _first(RATIO, params), _first(LEVEL, params)
    ratio, level = params.get(ratio_name or ""), params.get(level_name or "")
    aspect_ratio, resolution = shape.aspect_ratio, shape.resolution
    if shape.width is not None and shape.height is not None:
        if ratio is None:
            raise setting_refused(entry, "width and height")
        aspect_ratio = aspect_ratio or _nearest_ratio(entry.id, ratio, shape.width, shape.height)
        if level is not None and resolution is None:
            resolution = _nearest_level(entry, level, shape.width, shape.height)
    fields: dict[str, Any] = {}
    for setting, name, param, value in (
        ("aspect_ratio", ratio_name, ratio, aspect_ratio),
        ("resolution", level_name, level, resolution),
    ):
        if value is None:
            continue
        if name is None or param is None:
            if entry.status != "unknown":
                raise setting_refused(entry, setting)
            fields[setting] = value
        else:
            fields[name] = checked(entry.id, setting, param, value)
    return fields


def _nearest_ratio(model: str, param: Param, width: int, height: int) -> str:
    if param.enum is None:
        divisor = math.gcd(width, height)
        return f"{width // divisor}:{height // divisor}"
    ratios = [word for word in param.enum if ":" in word]
    nearest = min(ratios, key=lambda word: abs(math.log(_ratio(model, word) * height / width)))
    if not _near(_ratio(model, nearest), width / height, RATIO_TOLERANCE):
        raise value_refused(model, "width and height", f"{width}x{height}", param.enum)
    return str(nearest)


def _nearest_level(entry: ModelEntry, param: Param, width: int, height: int) -> Any:
    """For videos the level whose lines are the short side; for images the one with about as many pixels."""
    short, side = min(width, height), math.sqrt(width * height)
    if param.enum is None:
        return f"{short}p" if entry.family == "video" else None
    if entry.family == "video":
        found = next((word for word in param.enum if _lines(word) == short), None)
    else:
        found = min(param.enum, key=lambda word: abs(math.log(_square_side(entry.id, word) / side)))
        found = found if _near(_square_side(entry.id, found), side, _LEVEL_TOLERANCE) else None
    if found is None:
        raise value_refused(entry.id, "width and height", f"{width}x{height}", param.enum)
    return found


def _first(places: tuple[Place, ...], params: Mapping[str, Param]) -> str | None:
    return next((place.path for place in places if place.path in params), None)


def _ratio(model: str, text: str) -> float:
    across, down = _ratio_parts(model, text)
    return across / down


def _ratio_parts(model: str, text: str) -> tuple[float, float]:
    try:
        across, down = (float(part) for part in text.split(":"))
    except ValueError:
        across, down = 0.0, 0.0
    if not (across > 0 and down > 0):
        raise value_refused(model, "aspect_ratio", text, ("width:height as in 16:9",))
    return across, down


def _near(value: float, other: float, tolerance: float) -> bool:
    return abs(math.log(value / other)) <= tolerance


def _lines(level: Any) -> int | None:
    """The short side of a video of a level: 720 for 720p, hd and 720; 2160 for 4k."""
    word = str(level).lower()
    digits = word.removesuffix("p")
    return _LINES.get(word) or (int(digits) if digits.isdecimal() else None)


def _square_side(model: str, level: Any) -> float:
    """The side of a square image of a level: 2048 for 2K."""
    word = str(level).lower()
    try:
        return float(word.removesuffix("k")) * 1024 if word.endswith("k") else float(word)
    except ValueError:
        raise value_refused(model, "resolution", level, ("1K", "2K", "4K")) from None
