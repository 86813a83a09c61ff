"""Short films that show their prompt while a bar runs along the bottom."""

import io
import math
from fractions import Fraction
from functools import lru_cache

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from PIL import Image, ImageDraw

from multiapi.simulator.media.pictures import canvas, colours
from multiapi.simulator.media.tags import MAKER, storable

FRAMES_PER_SECOND = 4
LONGEST_FILM_S = 600.0


def film(prompt: str, duration_s: float, width: int = 320, height: int = 180) -> bytes:
    """An MP4 (H.264, no sound) of the asked length in seconds and size in pixels; odd sizes are rounded up to even.

    Raises:
        ValueError: the length is not above zero, or above ten minutes.
    """
    if not 0 < duration_s <= LONGEST_FILM_S:
        raise ValueError(f"a film must be longer than 0 and at most {LONGEST_FILM_S:.0f} seconds")
    return _filmed(
        prompt,
        Fraction(duration_s).limit_denominator(1000),
        width + width % 2,
        height + height % 2,
    )


@lru_cache(maxsize=16)
def _filmed(prompt: str, duration_s: Fraction, width: int, height: int) -> bytes:
    count = max(1, math.ceil(duration_s * FRAMES_PER_SECOND))
    file = io.BytesIO()
    with av.open(file, "w", format="mp4", container_options={"fflags": "+bitexact"}) as container:
        container.metadata.update(
            artist=MAKER,
            comment=storable(prompt),
        )
        stream = container.add_stream(
            "libx264",
            rate=count / duration_s,
            options={"preset": "ultrafast", "crf": "30"},
        )
        context = stream.codec_context
        if not isinstance(context, VideoCodecContext):
            raise TypeError("libx264 is not a codec for film")
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.thread_count = 1  # two threads cost more than they save on so few frames
        context.flags |= Flags.bitexact
        ground, bar = (
            canvas(prompt, width, height).point(lambda value: 40 + value * 3 // 4),
            max(2, height // 24),
        )
        tints = _tints(prompt)
        for index in range(count):
            picture = ground.copy()
            ImageDraw.Draw(picture).rectangle(
                (0, height - bar, width * (index + 1) // count - 1, height - 1),
                fill=200,
            )
            frame = _frame(picture, tints)
            frame.pts = index
            frame.time_base = duration_s / count
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _frame(picture: Image.Image, tints: tuple[int, int]) -> av.VideoFrame:
    frame = av.VideoFrame(picture.width, picture.height, "yuv420p")
    luma = frame.planes[0]
    if luma.line_size != picture.width:
        padded = Image.new("L", (luma.line_size, picture.height))
        padded.paste(picture)
        picture = padded
    luma.update(picture.tobytes().ljust(luma.buffer_size, b"\0"))
    for plane, tint in zip(frame.planes[1:], tints, strict=True):
        plane.update(bytes([tint]) * plane.buffer_size)
    return frame


def _tints(prompt: str) -> tuple[int, int]:
    """The two colour planes of the prompt's ground colour."""
    red, green, blue = colours(prompt)[0]
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return round(128 + 0.564 * (blue - luma)), round(128 + 0.713 * (red - luma))
