"""What AI/ML API makes: pictures, meshes, films, music and speech."""

import base64
import re
from decimal import Decimal
from typing import Any

import orjson

from multiapi.simulator.contract import aimlapi_catalogue
from multiapi.simulator.exchange import Answer, Piece
from multiapi.simulator.files import StoredFile
from multiapi.simulator.jobs import Job
from multiapi.simulator.vendors.aimlapi.shared import Shared, meta_of
from multiapi.simulator.vendors.vendor import Call, Refusal, money

_PRESETS = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
_RESOLUTIONS = {
    "360p": 360,
    "480p": 480,
    "540p": 540,
    "580p": 580,
    "720p": 720,
    "768p": 768,
    "1080p": 1080,
    "1440p": 1440,
    "2160p": 2160,
    "4k": 2160,
    "2k": 1440,
    "1k": 1024,
    "hd": 720,
    "fhd": 1080,
}
_SOUND_PIECE_BYTES = 4_096
_FORMATS = {
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "pcm": "audio/wav",
    "ogg_opus": "audio/opus",
    "linear16": "audio/wav",
}


class Media(Shared):
    """The operations that make files."""

    # -------------------------------------------------------------- images and meshes

    def on_createImage(self, call: Call) -> Answer:  # noqa: N802
        """Images, or meshes for the models that make those."""
        self.require_money(call)
        self._known(call)
        body = call.body
        if _family(body["model"]) == "3d":
            return self._meshes(call)
        if not body.get("prompt") and not any(name in body for name in ("image_url", "image_urls", "image")):
            raise Refusal(400, "prompt: Required")
        if len(str(body.get("prompt", ""))) > 32_000:
            raise Refusal(400, "prompt: String must contain at most 32000 character(s)")
        width, height = image_size(body)
        count = int(body.get("num_images") or body.get("n") or 1)
        if not 1 <= count <= 15:
            raise Refusal(400, "num_images: Number must be between 1 and 15")
        return self._images(call, str(body.get("prompt") or "an image"), width, height, count)

    def on_createImageWithUrl(self, call: Call) -> Answer:  # noqa: N802
        """The older twin: links only, and 201."""
        call.body.pop("response_format", None)
        answer = self.on_createImage(call)
        body = orjson.loads(answer.body)
        for image in body.get("data") or ():
            image.pop("b64_json", None)
        return Answer(201, answer.headers, orjson.dumps(body))

    def on_editImage(self, call: Call) -> Answer:  # noqa: N802
        """A changed image; the uploads must be images."""
        self.require_money(call)
        uploads = call.files.get("image", [])
        if not uploads or len(uploads) > 16:
            raise Refusal(400, "image: between 1 and 16 files are needed")
        for file in [*uploads, *call.files.get("mask", [])]:
            if len(file.data) > (4_000_000 if file in call.files.get("mask", []) else 50_000_000):
                raise Refusal(400, "image: the file is too large")
        from multiapi.simulator import media

        try:
            facts = [media.describe_image(file.data) for file in uploads]
        except ValueError as error:
            raise Refusal(400, f"image: {error}") from None
        width, height = (int(part) for part in call.body.get("size", "1024x1024").split("x"))
        before = next((fact.text for fact in facts if fact.text), "")
        prompt = f"{before}, {call.body['prompt']}" if before else call.body["prompt"]
        return self._images(call, prompt, width, height, int(call.body.get("n", 1)))

    def _images(self, call: Call, prompt: str, width: int, height: int, count: int) -> Answer:
        from multiapi.simulator import media

        form = {"jpg": "jpeg", "tif": "tiff"}.get(wanted := call.body.get("output_format", "png"), wanted)
        mime_type = f"image/{form}" if form in ("png", "jpeg", "webp", "tiff") else "image/png"
        image = media.draw_image(prompt, width, height, mime_type)
        data: list[dict[str, Any]] = []
        for _ in range(count):
            if call.body.get("response_format") == "b64_json":
                self.simulator.keep(self.name, mime_type, image, prompt)
                data.append({"b64_json": base64.b64encode(image).decode(), "url": None})
            else:
                file = self.simulator.keep(self.name, mime_type, image, prompt)
                data.append({"url": self.simulator.url_of(file, call.request), "b64_json": None})
        meta = self._charge(call, Decimal("0.042") * count)
        answer = {"created": self.now(), "data": data, "meta": meta}
        if call.body.get("seed") is not None:
            answer["seed"] = call.body["seed"]
        return self._priced(Answer.json(answer), meta)

    def _meshes(self, call: Call) -> Answer:
        from multiapi.simulator import media

        body = call.body
        given = body.get("image_url") or body.get("front_image_url") or body.get("mesh_url")
        if not given:
            raise Refusal(400, "image_url: Required")
        prompt = str(body.get("prompt") or given)

        def made(name: str) -> dict[str, Any]:
            file = self.simulator.keep(
                self.name, "model/gltf-binary", media.mesh(f"{prompt} {name}".strip()), f"{prompt} {name}".strip()
            )
            url = self.simulator.url_of(file, call.request)
            return {
                "url": url,
                "content_type": "application/octet-stream",
                "file_name": f"{name or 'model'}.glb",
                "file_size": len(file.data),
            }

        meta = self._charge(call, Decimal("0.091"))
        answer: dict[str, Any]
        if "mesh_url" in body:
            answer = {"segmented_mesh": made("segmented"), **{f"mask_{n}_mesh": made(str(n)) for n in (1, 2, 3)}}
            answer |= {"best_mask_index": 2, "iou_scores": [0.49, 0.5, 0.48], "seed": body.get("seed") or 3}
        else:
            answer = {
                "model_mesh": made(""),
                "timings": {"prepare": 0.1, "generation": 0.1, "export": 0.1},
                "remeshing_dir": None,
            }
        return self._priced(Answer.json({**answer, "requestId": call.reference, "meta": meta}), meta)

    # -------------------------------------------------------------- films

    def on_createVideo(self, call: Call) -> Answer:  # noqa: N802
        """Start a film."""
        self._known(call)
        job, price = self._start_video(call)
        return Answer.json({"id": job.id, "status": "queued", "meta": meta_of(price)})

    def on_createVideoLegacy(self, call: Call) -> Answer:  # noqa: N802
        """Start a film on a vendor's own route; MiniMax calls its id otherwise."""
        job, _ = self._start_video(call, call.path["vendor"])
        name = "generation_id" if call.path["vendor"] == "minimax" else "id"
        return Answer.json({name: job.id, "status": "queued"})

    def _start_video(self, call: Call, route: str = "") -> tuple[Job, Decimal]:
        body = call.body
        model = body.get("model") or route
        length_s = float(body.get("duration") or 5)
        if not 1 <= length_s <= 60:
            raise Refusal(400, "duration: Number must be between 1 and 60")
        height = min(_RESOLUTIONS.get(str(body.get("resolution", "720p")).lower(), 720), 360)
        across, down = _ratio(body.get("aspect_ratio") or body.get("ratio") or body.get("frame_size") or "16:9")
        width = max(2, round(height * across / down / 2) * 2)
        prompt = str(body.get("prompt") or body.get("lip_sync_tts_content") or "a film")
        price = money(Decimal("0.05") * Decimal(str(length_s)))
        self.require_money(call, price)

        def work() -> bytes:
            from multiapi.simulator import media

            return media.film(prompt, length_s, width, height)

        job = self.start_job(call, f"video{route}", self._job_id(call, route, model), model, work)
        job.details = {"price": price, "length_s": length_s, "about": prompt, "mime_type": "video/mp4"}
        job.on_completed = lambda done: self._finished(call, done)
        return job, price

    def _job_id(self, call: Call, route: str, model: str) -> str:
        """Ids of the forms that the documentation shows; the one with a model name has slashes and a colon in it."""
        if route == "minimax":
            return str(int(call.reference[:12], 16))
        if route == "kling":
            return f"{self.simulator.new_uuid()}:{model}"
        return call.reference[:21]

    def _finished(self, call: Call, job: Job) -> None:
        """Keep the file of a finished job and charge for it."""
        job.details["file"] = self.simulator.keep(self.name, job.details["mime_type"], job.result, job.details["about"])
        call.reference = job.id
        self.book(call, job.model, job.details["price"])

    def on_getVideo(self, call: Call) -> Answer:  # noqa: N802
        """The state of a film."""
        return self._poll(call, "video", "video")

    def on_getVideoLegacy(self, call: Call) -> Answer:  # noqa: N802
        """The state of a film on a vendor's own route; Runway answers a list of links."""
        route = call.path["vendor"]
        answer = self._job_answer(call, f"video{route}", "video")
        if route == "runway" and answer.get("video"):
            answer["video"] = [answer["video"]["url"]]
        return Answer.json(answer)

    def _poll(self, call: Call, kind: str, name: str) -> Answer:
        answer = Answer.json(self._job_answer(call, kind, name))
        answer.headers["x-inference-id"] = call.query["generation_id"]
        return answer

    def _job_answer(self, call: Call, kind: str, name: str) -> dict[str, Any]:
        job = self.simulator.jobs.find(call.query["generation_id"], vendor=self.name, kind=kind, key=call.key)
        if job is None:
            raise Refusal(404, "Generation not found", bare=True)
        state = job.state(self.simulator.clock.now())
        shown = {"queued": "queued", "running": "generating", "completed": "completed"}.get(state, "error")
        answer: dict[str, Any] = {"id": job.id, "status": shown}
        file: StoredFile | None = job.details.get("file")
        if state == "completed" and file is not None:
            url = self.simulator.url_of(file, call.request)
            described = {
                "url": url,
                "content_type": file.mime_type,
                "file_name": file.name,
                "file_size": len(file.data),
            }
            answer[name] = described if kind != "video" else {"url": url}
            if kind == "video":
                answer["duration"] = job.details["length_s"]
            answer["meta"] = meta_of(job.details["price"])
        if shown == "error":
            message = "The generation was cancelled" if state == "cancelled" else "The generation failed"
            answer["error"] = {"name": "GenerationError", "message": message}
        return answer

    # -------------------------------------------------------------- music

    def on_createMusic(self, call: Call) -> Answer:  # noqa: N802
        """Start a piece of music."""
        self._known(call)
        body = call.body
        length_s = (
            body["music_length_ms"] / 1000 if "music_length_ms" in body else float(body.get("seconds_total") or 15)
        )
        price = money(Decimal("0.002") * Decimal(str(length_s)))
        self.require_money(call, price)
        mime_type = _FORMATS.get((body.get("audio_setting") or {}).get("format", "mp3"), "audio/mpeg")
        prompt = str(body.get("prompt") or body.get("lyrics") or "music")

        def work() -> bytes:
            from multiapi.simulator import media

            return media.compose_music(prompt, length_s, mime_type)

        model = body["model"]
        job = self.start_job(call, "music", f"{self.simulator.new_uuid()}:{model}", model, work)
        job.details = {"price": price, "length_s": length_s, "about": prompt, "mime_type": mime_type}
        job.on_completed = lambda done: self._finished(call, done)
        return Answer.json({"id": job.id, "status": "queued"})

    def on_getMusic(self, call: Call) -> Answer:  # noqa: N802
        """The state of a piece of music."""
        return self._poll(call, "music", "audio_file")

    def on_uploadMusicReference(self, call: Call) -> Answer:  # noqa: N802
        """Take a reference track; what is made of it depends on its purpose."""
        from multiapi.simulator import media

        try:
            heard = media.transcribe(call.files["file"][0].data)
        except (KeyError, ValueError):
            raise Refusal(400, "file: not a readable WAV or MP3") from None
        if not 10 <= heard.duration_s <= 600:
            raise Refusal(400, "file: the length must be between 10 seconds and 10 minutes")
        purpose = call.body["purpose"]
        answer: dict[str, Any] = {"base_resp": {"status_code": 0, "status_msg": "success"}}
        if purpose in ("song", "voice"):
            answer["voice_id"] = self.new_id("vocal-", 12)
        if purpose in ("song", "instrumental"):
            answer["instrumental_id"] = self.new_id("instrumental-", 12)
        return Answer.json(answer, 201)

    def on_generateMusic01(self, call: Call) -> Answer:  # noqa: N802
        """Music at once, as hexadecimal text."""
        from multiapi.simulator import media

        self.require_money(call)
        setting = call.body.get("audio_setting") or {}
        audio = media.compose_music(call.body["lyrics"], 10, _FORMATS.get(setting.get("format", "mp3"), "audio/mpeg"))
        self._charge(call, Decimal("0.02"))
        answer = {"data": {"status": 2, "audio": audio.hex()}, "base_resp": {"status_code": 0, "status_msg": "success"}}
        return Answer.json(answer, 201)

    # -------------------------------------------------------------- speech

    def on_createSpeech(self, call: Call) -> Answer:  # noqa: N802
        """Speech: bytes for some models, JSON with a link for the others."""
        from multiapi.simulator import media

        self.require_money(call)
        self._known(call)
        body = call.body
        text = body.get("text") or body.get("script") or ""
        if not text:
            raise Refusal(400, "text: String must contain at least 1 character(s)")
        mime_type = speech_type(body)
        rate = body.get("speed") or (body.get("voice_setting") or {}).get("speed") or 1.0
        audio = media.speak(text, mime_type, rate=rate)
        file = self.simulator.keep(self.name, mime_type, audio, text)
        meta = self._charge(call, Decimal("0.000015") * len(text))
        entry = aimlapi_catalogue().get(body["model"])
        if (entry or {}).get("output", "json_url" if entry is None else "binary") == "binary":
            if body.get("stream", (entry or {}).get("params", {}).get("stream", {}).get("default")):
                return Answer(200, {"content-type": mime_type}, pieces=_sound_pieces(audio))
            return Answer(200, {"content-type": mime_type}, audio)
        answer = {
            "audio": {"url": self.simulator.url_of(file, call.request)},
            "usage": {"characters": len(text)},
            "meta": meta,
        }
        return self._priced(Answer.json(answer), meta)


def _family(model: str) -> str:
    entry = aimlapi_catalogue().get(model)
    return str(entry["family"]) if entry else ""


def _ratio(text: str) -> tuple[float, float]:
    found = re.fullmatch(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", text)
    return (float(found[1]), float(found[2])) if found and float(found[2]) else (16.0, 9.0)


def image_size(body: dict[str, Any]) -> tuple[int, int]:
    """Width and height in pixels, whichever way they were asked for."""
    if isinstance(size := body.get("image_size"), dict):
        width, height = int(size.get("width") or 1024), int(size.get("height") or 1024)
    elif isinstance(size, str):
        if size not in _PRESETS:
            raise Refusal(
                400, f"image_size: Invalid enum value. Expected {' | '.join(map(repr, _PRESETS))}, received {size!r}"
            )
        width, height = _PRESETS[size]
    elif found := re.fullmatch(r"(\d{2,4})x(\d{2,4})", str(body.get("size", ""))):
        width, height = int(found[1]), int(found[2])
    elif body.get("size") not in (None, "auto"):
        raise Refusal(400, f"size: Invalid value {body['size']!r}")
    elif (ratio := body.get("aspect_ratio")) not in (None, "auto"):
        across, down = _ratio(str(ratio))
        base = _RESOLUTIONS.get(str(body.get("resolution", "1k")).lower(), 1024)
        scale = base / max(across, down)
        width, height = round(across * scale), round(down * scale)
    else:
        width, height = 1024, 1024
    if not (16 <= width <= 4096 and 16 <= height <= 4096):
        raise Refusal(400, "image_size: Number must be between 16 and 4096")
    return width, height


def _sound_pieces(audio: bytes) -> list[Piece]:
    """Sound as it is sent while it is made."""
    return [audio[start : start + _SOUND_PIECE_BYTES] for start in range(0, len(audio), _SOUND_PIECE_BYTES)]


def speech_type(body: dict[str, Any]) -> str:
    """The media type of the asked audio format."""
    setting = body.get("audio_setting") or body.get("audio_config") or {}
    asked = body.get("response_format") or body.get("format") or setting.get("format")
    asked = asked or str(body.get("output_format") or "").split("_")[0] or body.get("encoding") or body.get("container")
    if asked is None:
        return "audio/mpeg" if body["model"].startswith(("openai/", "elevenlabs/", "minimax/")) else "audio/wav"
    # Only WAV and MPEG are declared, so whatever else is asked for comes as one of them.
    return "audio/mpeg" if asked in ("mp3", "aac", "opus", "ogg_opus") else "audio/wav"
