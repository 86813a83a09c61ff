"""What AI/ML API's models require beside the words, in our names: by the field that their schemas call required."""

from __future__ import annotations

from typing import Any

PICTURE, SECOND, FILM, SOUND = (f"https://example.com/{name}" for name in ("a.png", "b.png", "a.mp4", "a.mp3"))

REQUIRED_MEDIA: dict[str, dict[str, Any]] = {
    "image_url": {"images": [PICTURE]},
    "image": {"images": [PICTURE]},
    "image_urls": {"images": [PICTURE]},
    "image_list": {"images": [PICTURE, SECOND]},
    "front_image_url": {"images": [PICTURE]},
    "character": {"images": [PICTURE]},
    "last_image_url": {"last_image": SECOND},
    "tail_image_url": {"last_image": SECOND},
    "video_url": {"video": FILM},
    "video_urls": {"video": [FILM]},
    "reference": {"video": FILM},
    "audio_url": {"audio": SOUND},
    "reference_audio_url": {"audio": SOUND},
    "mesh_url": {"mesh": "https://example.com/a.glb"},
    "lyrics": {"lyrics": "[Verse] la la la"},
}
