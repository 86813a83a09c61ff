"""What can be asked for beside chat and embeddings: images, speech, transcripts, music, videos, 3D models, text in documents.

One form for all providers and models. None is not asked for and not sent; a setting that a provider or model lacks is refused before
anything is sent. `extra` is in the provider's own names and is merged in last, deeply. An image, sound or document is given as
`Media`, as bytes, as the path of a file, or as an http(s) address or data URL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from io import BytesIO
from os import PathLike
from typing import Any

from multiapi.types.chat import Message
from multiapi.types.media import Media
from multiapi.types.media_fields import UNKNOWN, takes

Source = Media | str | bytes | bytearray | memoryview | BytesIO | PathLike[str]
"""An image, recording or document: `Media`, its bytes, the path of a file, or an address or data URL as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRequest:
    """What all of them have.

    Attributes:
        model: The provider's id of the model, passed on unchanged.
        extra: Merged deeply into the body, last.
        headers: Added to those of the client.
    """

    model: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def asked(self) -> dict[str, Any]:
        """What is set, without model, extra and headers."""
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in _ENVELOPE}
        return {
            name: value
            for name, value in values.items()
            if value is not None and not (isinstance(value, (str, tuple, list, dict)) and not value)
        }


_ENVELOPE = frozenset({"model", "extra", "headers"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest(MediaRequest):
    """Images from a text, or from a text and images.

    Attributes:
        model: The provider's id of the model. AICredits may choose it (its page: dall-e-3); everywhere else it has to be named.
        width: In pixels, together with `height`. Models that know ratios take the ratio.
        aspect_ratio: As in "16:9".
        resolution: A level, as in "2K".
        count: How many images.
        images: Images to start from; the first is the one to change.
        strength: How far the image to start from is changed, from 0 to 1 for most models.
        inline: The image itself in the response (True) or an address (False), where the provider lets you choose.
        settings: Those that a model has in the provider's own studio, by their names there (Binobox).
    """

    model: str = ""
    prompt: str = ""
    negative_prompt: str | None = None
    width: int | None = None
    height: int | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    count: int | None = None
    seed: int | None = None
    quality: str | None = None
    style: str | None = None
    background: str | None = None
    output_format: str | None = None
    guidance_scale: float | None = None
    strength: float | None = None
    steps: int | None = None
    enhance_prompt: bool | None = None
    watermark: bool | None = None
    images: Sequence[Source] = field(default=(), metadata=takes("image"))
    reference_images: Sequence[Source] = field(default=(), metadata=takes("image"))
    mask: Source | None = field(default=None, metadata=takes("image"))
    inline: bool | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageEditRequest(MediaRequest):
    """An image changed as a text says. Where there is a `mask`, only what it leaves transparent is changed.

    Attributes:
        strength: How far it is changed, from 0 to 1 for most models.
    """

    prompt: str
    images: Sequence[Source] = field(metadata=takes("image"))
    mask: Source | None = field(default=None, metadata=takes("image"))
    width: int | None = None
    height: int | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    count: int | None = None
    seed: int | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    strength: float | None = None
    inline: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechRequest(MediaRequest):
    """A text read aloud.

    Attributes:
        speed: 1 is the voice's own.
        pitch: In the provider's own scale: semitones (AI/ML API), percent or text such as "+10%" (Bineric).
        volume: In the provider's own scale: a factor (AI/ML API), percent or text such as "+20%" (Bineric).
        language: As in "nb-NO" or "en".
        output_format: mp3, wav, opus, flac, ...
        sample_rate: In hertz.
        bitrate: In bits per second.
        settings: As for images.
    """

    text: str
    voice: str | None = None
    language: str | None = None
    speed: float | None = None
    pitch: float | str | None = None
    volume: float | str | None = None
    emotion: str | None = None
    style: str | None = None
    output_format: str | None = None
    sample_rate: int | None = None
    bitrate: int | None = None
    seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionRequest(MediaRequest):
    """What is said in a recording.

    Attributes:
        language: As in "en"; found out by the model if None.
        diarize: Tell the speakers apart.
        prompt: Words that may occur, or how to write.
    """

    audio: Source = field(metadata=takes("audio", "video", UNKNOWN))
    language: str | None = None
    detect_language: bool | None = None
    diarize: bool | None = None
    punctuate: bool | None = None
    prompt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MusicRequest(MediaRequest):
    """Music from a text.

    Attributes:
        audio: A recording to take the style from.
        sample_rate: In hertz.
        bitrate: In bits per second.
        settings: As for images.
    """

    prompt: str = ""
    lyrics: str | None = None
    negative_prompt: str | None = None
    duration_s: float | None = None
    instrumental: bool | None = None
    seed: int | None = None
    audio: Source | None = field(default=None, metadata=takes("audio"))
    output_format: str | None = None
    sample_rate: int | None = None
    bitrate: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRequest(MediaRequest):
    """A video from a text, images or videos.

    Attributes:
        images: Images to start from; the first is the first frame.
        last_image: The last frame.
        reference_images: Things and people that shall occur.
        video: A video to change or continue.
        audio: Sound to go with it.
        generate_audio: Let the model make the sound.
        strength: How far `video` is changed, from 0 to 1 for most models.
        effect: The scene of a model for effects, in its own word, as in "hug"; a refusal lists them.
        settings: As for images.
    """

    prompt: str = ""
    negative_prompt: str | None = None
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    fps: float | None = None
    seed: int | None = None
    images: Sequence[Source] = field(default=(), metadata=takes("image"))
    last_image: Source | None = field(default=None, metadata=takes("image"))
    reference_images: Sequence[Source] = field(default=(), metadata=takes("image"))
    video: Source | Sequence[Source] | None = field(default=None, metadata=takes("video"))
    audio: Source | Sequence[Source] | None = field(default=None, metadata=takes("audio"))
    generate_audio: bool | None = None
    camera_fixed: bool | None = None
    enhance_prompt: bool | None = None
    watermark: bool | None = None
    guidance_scale: float | None = None
    strength: float | None = None
    effect: str | None = None
    text: str | None = None
    voice: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshRequest(MediaRequest):
    """A 3D model from images (the first is the front), or the parts of one from a 3D model."""

    images: Sequence[Source] = field(default=(), metadata=takes("image"))
    left_image: Source | None = field(default=None, metadata=takes("image"))
    back_image: Source | None = field(default=None, metadata=takes("image"))
    right_image: Source | None = field(default=None, metadata=takes("image"))
    mesh: Source | None = field(default=None, metadata=takes("mesh"))
    output_format: str | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OcrRequest(MediaRequest):
    """Text and layout of a document or image.

    Attributes:
        pages: Which pages, counted from 1.
        include_images: Images of the document as well.
    """

    document: Source = field(metadata=takes("document", "image"))
    pages: Sequence[int] | None = None
    include_images: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModerationRequest(MediaRequest):
    """Whether something is harmful, as a guard model sees it: a text, images, or the last message of a conversation.

    Attributes:
        images: For guards that see.
        messages: A conversation; text and images are then its last message, if there are any.
    """

    text: str = ""
    images: Sequence[Source] = field(default=(), metadata=takes("image"))
    messages: Sequence[Message] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionFeaturesRequest:
    """What is to be found in an image (AI/ML API's older way; a vision model in chat does it better).

    Attributes:
        image: An address.
        features: LABEL_DETECTION, TEXT_DETECTION, FACE_DETECTION, ...
        most: How many of each.
    """

    image: Source = field(metadata=takes("image"))
    features: Sequence[str] = ("LABEL_DETECTION",)
    most: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
