"""Where AI/ML API's models keep what our settings mean: the data behind `parameters.fill`.

Facts: multiapi/simulator/contracts/aimlapi_models.json, and `x-families` in aimlapi.yaml beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model may keep a setting: `voice_setting.voice_id` inside an object, `speakers[].preset` in each of a list."""

    path: str
    spell: Callable[[Any], Any] = lambda value: value

    @property
    def root(self) -> str:
        """The model's own parameter that the place is in."""
        return self.path.split(".")[0].removesuffix("[]")


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _percent_off(factor: float) -> int:
    """ByteDance counts speed and volume in percent from the usual: 2.0 is 100, 0.5 is -50."""
    return round((factor - 1) * 100)


def _language_name(code: str) -> str:
    """MiniMax takes the English name of a language; a name is passed on."""
    return _LANGUAGES.get(code.lower().split("-")[0], code)


def _inline_word(inline: bool) -> str:
    return "b64_json" if inline else "url"


_LANGUAGES = {
    "af": "Afrikaans", "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German",
    "el": "Greek", "en": "English", "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fil": "Filipino", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "ms": "Malay", "nb": "Norwegian", "nl": "Dutch", "nn": "Nynorsk", "no": "Norwegian",
    "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian",
    "sv": "Swedish", "ta": "Tamil", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese",
    "yue": "Chinese,Yue", "zh": "Chinese",
}  # fmt: skip


def at(*places: str | Place) -> tuple[Place, ...]:
    """Places in the order in which they are looked for."""
    return tuple(Place(place) if isinstance(place, str) else place for place in places)


# For each of our names the places to look in, the first that the model has is taken. Names not listed here (prompt, seed,
# negative_prompt, quality, style, lyrics, ...) are the same on both sides.
EVERYWHERE: Mapping[str, tuple[Place, ...]] = {
    "count": at("num_images", "n"),
    "guidance_scale": at("guidance_scale", "cfg_scale"),
    "steps": at("num_inference_steps", "steps"),
    "enhance_prompt": at("enhance_prompt", "enable_prompt_expansion", "prompt_expansion"),
    "watermark": at("watermark", "add_watermark"),
    "web_search": at("enable_web_search", "web_search"),
    "inline": at(Place("response_format", _inline_word)),
    "duration_s": at("duration", Place("music_length_ms", _milliseconds), "seconds_total"),
    "generate_audio": at("generate_audio", "generate_audio_switch"),
    "fps": at("fps", "frames_per_second"),
    "effect": at("effect_scene"),
    "camera_fixed": at("camera_fixed", "camerafixed"),
    "instrumental": at("is_instrumental"),
    "text": at("text", "script", "lip_sync_tts_content"),
    "texts": at("input"),
    "truncate": at("auto_truncate"),
    "voice": at("voice", "voice_setting.voice_id", "speakers[].preset", "references[].speaker", "lip_sync_tts_speaker"),
    "speed": at(
        "speed", "voice_setting.speed", "voice_settings.speed", Place("audio_config.speech_rate", _percent_off)
    ),
    "volume": at("voice_setting.vol", Place("audio_config.loudness_rate", _percent_off)),
    "pitch": at("voice_setting.pitch", "audio_config.pitch_rate"),
    "emotion": at("voice_setting.emotion"),
    "language": at("language", "language_code", Place("language_boost", _language_name)),
    "diarize": at("diarize", "speaker_labels"),
    "detect_language": at("detect_language", "language_detection"),
    "last_image": at("last_image_url", "tail_image_url", "keyframes.frame1"),
    "left_image": at("left_image_url"),
    "back_image": at("back_image_url"),
    "right_image": at("right_image_url"),
    "mask": at("mask", "mask_video_url", "static_mask", "alpha_url"),
    "mesh": at("mesh_url"),
    "include_images": at("include_image_base64"),
    "mime_type": at("mimeType"),
    "output_format": at("output_format", "audio_setting.format"),
    "sample_rate": at("audio_setting.sample_rate", "audio_setting.audio_sample_rate"),
    "bitrate": at("audio_setting.bitrate"),
}
SPEECH: Mapping[str, tuple[Place, ...]] = {
    "output_format": at(
        "output_format", "response_format", "format", "audio_setting.format", "audio_config.format", "encoding"
    ),
    "sample_rate": at("sample_rate", "audio_setting.sample_rate", "audio_config.sample_rate"),
}

# Media that comes as one or as several. A first frame goes to the first group, further images to the second.
ONE_IMAGE = at("image_url", "image", "front_image_url", "keyframes.frame0", "first_frame_image", "character")
MANY_IMAGES = at("image_urls", "image_list", "reference_image_urls", "reference_images", "references")
ONE_REFERENCE = at("reference_image_url")
ONE_VIDEO, MANY_VIDEOS = at("video_url", "reference"), at("video_urls")
ONE_AUDIO, MANY_AUDIOS = at("audio_url", "reference_audio_url"), at("audio_urls")
AUDIO_LINK, AUDIO_FILE = at("url"), at("audio", "file")

RATIO = at("aspect_ratio", "ratio")
LEVEL = at("resolution", "max_resolution")
PIXELS = at("size", "frame_size")
PRESETS = {
    "1:1": ("square_hd", "square"),
    "3:4": ("portrait_4_3",),
    "9:16": ("portrait_16_9",),
    "4:3": ("landscape_4_3",),
    "16:9": ("landscape_16_9",),
}
RATIO_TOLERANCE = 0.04

# Words for the same thing, where a model has one of them in its list.
SAME = (
    frozenset({"jpg", "jpeg"}),
    frozenset({"tif", "tiff"}),
    frozenset({"mulaw", "ulaw"}),
    frozenset({"opus", "ogg_opus"}),
    frozenset({"720p", "hd", "720"}),
    frozenset({"1080p", "fhd", "1080"}),
    frozenset({"2160p", "4k"}),
)
UNSAID = frozenset({"prompt", "text", "texts", "negative_prompt", "lyrics"})  # never quoted in an error
