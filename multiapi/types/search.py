"""What AI/ML API's search engine was asked and what it gave, as documented before its withdrawal on 2026-02-05."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from multiapi.types.usage import Cost

SearchKind = Literal["links", "images", "videos", "weather", "map", "knowledge"]
SEARCH_KINDS: tuple[SearchKind, ...] = ("links", "images", "videos", "weather", "map", "knowledge")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """One search: a question, and what is wanted beside the response in words.

    Attributes:
        query: Words; quotes for an exact phrase, `site:` for one place, a leading minus for a word to leave out.
        kinds: What to ask for after the response, each by a request of its own: links, images, videos, weather, map, knowledge.
        ip: Where the question comes from; the provider keeps it for two weeks. A place in the query wins.
        followup_id: The id of an earlier search: only `kinds` are asked for.
        model: The model that searches.
        extra: Merged deeply into the first request's body, last.
    """

    query: str = ""
    kinds: Sequence[SearchKind] = ("links",)
    ip: str | None = None
    followup_id: str | None = None
    model: str = "bagoodex/bagoodex-search-v1"
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundImage:
    """An image: `original` is its address, `source` the page that it is on."""

    source: str | None = None
    original: str | None = None
    title: str | None = None
    source_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundVideo:
    """A video: its page, a small image of it, and what it is called."""

    link: str | None = None
    thumbnail: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundWeather:
    """The weather now, with forecasts; all figures are text, in the provider's words."""

    temperature: str | None = None
    unit: str | None = None
    precipitation: str | None = None
    humidity: str | None = None
    wind: str | None = None
    location: str | None = None
    date: str | None = None
    weather: str | None = None
    thumbnail: str | None = None
    forecast: tuple[Mapping[str, Any], ...] = ()
    hourly_forecast: tuple[Mapping[str, Any], ...] = ()
    precipitation_forecast: tuple[Mapping[str, Any], ...] = ()
    wind_forecast: tuple[Mapping[str, Any], ...] = ()
    sources: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMap:
    """A map: its page, an image of it, and where that is, in degrees."""

    link: str | None = None
    image: str | None = None
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundKnowledge:
    """A card about a person or a thing."""

    title: str | None = None
    type: str | None = None
    description: str | None = None
    born: str | None = None
    died: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What was found. What was not asked for is empty, and so is what there is none of.

    Attributes:
        text: The response in words; empty where an earlier search was gone on with.
        followup_id: Names this search in further requests.
        cost: Of the response in words.
        raw: The provider's own bodies: "answer", and each kind that was asked for.
    """

    provider: str
    text: str = ""
    followup_id: str = ""
    links: tuple[str, ...] = ()
    images: tuple[FoundImage, ...] = ()
    videos: tuple[FoundVideo, ...] = ()
    weather: FoundWeather | None = None
    map: FoundMap | None = None
    knowledge: FoundKnowledge | None = None
    cost: Cost | None = None
    request_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
