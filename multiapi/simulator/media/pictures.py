"""Pictures with their prompt drawn in, and what can be said about a picture."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from PIL import Image, ImageDraw, ImageFont, PngImagePlugin, UnidentifiedImageError

from multiapi.simulator.media.tags import MAKER, storable

PROMPT_KEY = "multiapi-prompt"
DRAWN_CHARACTERS = 4_000
EXIF_TEXT_BYTES = 60_000  # one JPEG segment holds 65,533 bytes

_EXIF_DESCRIPTION, _EXIF_SOFTWARE = 0x010E, 0x0131
_FORMATS = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/jpg": "JPEG",
    "image/webp": "WEBP",
    "image/tiff": "TIFF",
}
# Looked up by name in the system's own font folders, for scripts that Pillow's built-in font does not have.
_WIDE_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "Arial Unicode.ttf",
    "arial.ttf",
    "Tahoma.ttf",
)


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Kind and size in pixels of a picture, and the prompt if the simulator drew it."""

    mime_type: str
    width: int
    height: int
    text: str | None


def draw_image(prompt: str, width: int, height: int, mime_type: str = "image/png") -> bytes:
    """A picture of exactly the asked size in pixels that shows its prompt.

    PNG, JPEG, WebP or TIFF. The colours follow from the prompt. Scripts beyond Latin need a font of the system;
    without one their letters are boxes (the prompt in the metadata is whole either way).

    Raises:
        ValueError: another kind of picture is asked for.
    """
    if mime_type not in _FORMATS:
        raise ValueError(f"cannot draw {mime_type}; can draw {', '.join(sorted(_FORMATS))}")
    return _drawn(prompt, width, height, _FORMATS[mime_type])


def describe_image(data: bytes) -> ImageFacts:
    """Kind, size and, for pictures made by `draw_image`, the prompt.

    Raises:
        ValueError: Pillow cannot read the bytes as an image.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            mime_type = Image.MIME.get(image.format or "", "application/octet-stream")
            return ImageFacts(mime_type, image.width, image.height, _prompt_of(image))
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        OSError,
        SyntaxError,
    ) as error:
        raise ValueError("not a picture in a known format") from error


def canvas(prompt: str, width: int, height: int) -> Image.Image:
    """The drawing itself in grey: dark ground, light letters. `films` uses it for its frames."""
    image = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(image)
    margin = max(2, min(width, height) // 16)
    draw.rectangle((0, 0, width - 1, height - 1), outline=96, width=max(1, margin // 4))
    font, lines = _fitted(
        " ".join(prompt.split())[:DRAWN_CHARACTERS],
        width - 2 * margin,
        height - 2 * margin,
    )
    line_height = _line_height(font)
    top = (height - line_height * len(lines)) / 2
    for index, line in enumerate(lines):
        left = (width - font.getlength(line)) / 2
        draw.text((left, top + index * line_height), line, fill=255, font=font)
    return image


def colours(prompt: str) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Ground and letters: a dark and a light colour that follow from the prompt."""
    red, green, blue = sha256(prompt.encode("utf-8", "replace")).digest()[:3]
    ground = (16 + red % 96, 16 + green % 96, 32 + blue % 96)
    return ground, (255, 255 - red % 24, 255 - blue % 48)


@lru_cache(maxsize=64)
def _drawn(prompt: str, width: int, height: int, kind: str) -> bytes:
    image = canvas(prompt, width, height)
    ground, letters = colours(prompt)
    ramp = [
        round(low + (high - low) * step / 255) for step in range(256) for low, high in zip(ground, letters, strict=True)
    ]
    image.putpalette(ramp)
    file = io.BytesIO()
    if kind == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Software", MAKER)
        texts.add_itxt(PROMPT_KEY, storable(prompt))
        image.save(file, "PNG", pnginfo=texts, compress_level=1)
    else:
        exif = Image.Exif()
        exif[_EXIF_SOFTWARE] = MAKER
        exif[_EXIF_DESCRIPTION] = _cut(storable(prompt), EXIF_TEXT_BYTES).encode()
        image.convert("RGB").save(file, kind, exif=exif, method=0, compression="tiff_deflate")
    return file.getvalue()


def _prompt_of(image: Image.Image) -> str | None:
    prompt = image.info.get(PROMPT_KEY)
    if isinstance(prompt, str):
        return str(prompt)
    exif = image.getexif()
    if exif.get(_EXIF_SOFTWARE) != MAKER:
        return None
    text = exif.get(_EXIF_DESCRIPTION, "")
    try:
        return str(text).encode("latin-1").decode("utf-8")  # Pillow reads EXIF text as Latin-1, we wrote UTF-8
    except UnicodeError:
        return str(text)


def _fitted(text: str, width: int, height: int) -> tuple[ImageFont.FreeTypeFont, list[str]]:
    """The largest letters with which the text fits, and its lines; with the smallest, what fits of it."""
    for size in _sizes(height):
        font = _font(size, text.isascii())
        lines = _wrapped(text, font, width)
        if len(lines) * _line_height(font) <= height and all(font.getlength(line) <= width for line in lines):
            return font, lines
    room = max(1, height // _line_height(font))
    return font, lines if len(lines) <= room else [
        *lines[: room - 1],
        lines[room - 1] + "…",
    ]


def _sizes(height: int) -> Iterator[int]:
    size = max(10, min(160, height // 4))
    while size > 10:
        yield size
        size = max(10, size * 3 // 4)
    yield 10


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    space = font.getlength(" ")
    lines: list[str] = []
    used = 0.0
    for word in text.split():
        length = font.getlength(word)
        if lines and used + space + length <= width:
            lines[-1] += " " + word
            used += space + length
        else:
            lines.append(word)
            used = length
    return lines


def _line_height(font: ImageFont.FreeTypeFont) -> int:
    return round(font.size * 1.25)


@lru_cache(maxsize=64)
def _font(size: int, plain: bool) -> ImageFont.FreeTypeFont:
    if not plain:
        for name in _WIDE_FONTS:
            try:
                return ImageFont.truetype(name, size)
            except OSError:
                continue
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("this Pillow was built without FreeType, which the simulator needs to draw text")
    return font


def _cut(text: str, size_bytes: int) -> str:
    return text.encode()[:size_bytes].decode("utf-8", "ignore")
