"""What comes of it: media that know what they cost, transcripts, pages of documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from multiapi.types.media import Media
from multiapi.types.usage import Cost, Usage


@dataclass(frozen=True, slots=True)
class MediaResult(Media):
    """A sound or video that a provider made, which is media itself and knows where it comes from and what it cost.

    Attributes:
        more: Where the provider made several, the others.
        job_id: The job that made it, if there was one.
        duration_s: Its length, where the provider says it.
        raw: The response in the provider's form, without the media themselves.
    """

    provider: str = ""
    model: str = ""
    cost: Cost | None = None
    more: tuple[Media, ...] = ()
    job_id: str | None = None
    duration_s: float | None = None
    request_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def media(self) -> tuple[Media, ...]:
        """All of them, this one first."""
        return (self, *self.more)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageResult:
    """Images that a provider made.

    Attributes:
        media: At least one, except in the `partial` of an error.
        raw: The response in the provider's form, without the images themselves.
    """

    provider: str
    model: str
    media: tuple[Media, ...]
    cost: Cost | None = None
    usage: Usage | None = None
    request_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """The first image, in a notebook."""
        return self.media[0]._repr_mimebundle_(**options) if self.media else {"text/plain": repr(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshResult:
    """3D models; `parts` are those of `media` by the provider's name for them, `images` the images in the response."""

    provider: str
    model: str
    media: tuple[Media, ...]
    parts: Mapping[str, Media] = field(default_factory=dict)
    cost: Cost | None = None
    request_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of speech or a word, in seconds from the beginning."""

    text: str
    start_s: float | None = None
    end_s: float | None = None
    speaker: str | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What was said.

    Attributes:
        segments: Utterances or speakers' turns, where the provider tells them apart.
        words: Single words with their times, where the provider gives them.
        duration_s: The length of the recording, as far as the provider says it.
    """

    provider: str
    model: str
    text: str
    language: str | None = None
    segments: tuple[Segment, ...] = ()
    words: tuple[Segment, ...] = ()
    duration_s: float | None = None
    cost: Cost | None = None
    usage: Usage | None = None
    job_id: str | None = None
    request_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OcrPage:
    """One page; `number` counts from 1. The text refers to an image by the `id` in its `metadata`."""

    number: int
    text: str
    images: tuple[Media, ...] = ()
    width_px: int | None = None
    height_px: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OcrResult:
    """The pages of a document, their text as Markdown."""

    provider: str
    model: str
    pages: tuple[OcrPage, ...]
    annotation: str | None = None
    cost: Cost | None = None
    request_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def text(self) -> str:
        """All pages, a blank line between them."""
        return "\n\n".join(page.text for page in self.pages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moderation:
    """What a guard model said: `safe`, and if not, which of its categories."""

    provider: str
    model: str
    safe: bool
    categories: tuple[str, ...] = ()
    text: str = ""
    cost: Cost | None = None
    request_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedFile:
    """A file that a provider turned into base64, with what it found out about it.

    Attributes:
        extension: The file's ending with its dot, as the provider says it.
        encoded_bytes: How long the base64 text is, as the provider says it.
    """

    provider: str
    media: Media
    name: str | None = None
    category: str | None = None
    original_bytes: int | None = None
    extension: str | None = None
    encoded_bytes: int | None = None
    request_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


class VisionFeatures(dict[str, Any]):
    """What was found in an image: the provider's own object, and what is in it by kind."""

    @property
    def labels(self) -> tuple[str, ...]:
        """What is shown, the surest first as the provider has it."""
        return self._texts("labelAnnotations")

    @property
    def texts(self) -> tuple[str, ...]:
        """What is written in it; the first is usually the whole."""
        return self._texts("textAnnotations")

    @property
    def faces(self) -> tuple[Mapping[str, Any], ...]:
        """The faces, as the provider describes each."""
        return tuple(each for each in self._listed("faceAnnotations") if isinstance(each, Mapping))

    @property
    def raw(self) -> Mapping[str, Any]:
        """The provider's own object."""
        return dict(self)

    def _listed(self, name: str) -> list[Any]:
        found = self.get(name)
        return found if isinstance(found, list) else []

    def _texts(self, name: str) -> tuple[str, ...]:
        found = (each.get("description") for each in self._listed(name) if isinstance(each, dict))
        return tuple(each for each in found if isinstance(each, str) and each)
