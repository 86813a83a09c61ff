"""What AI/ML API reads and hears: transcripts, OCR and image features."""

import hashlib
import re
from decimal import Decimal
from typing import Any

from multiapi.simulator.exchange import Answer
from multiapi.simulator.jobs import Job
from multiapi.simulator.language import words
from multiapi.simulator.ledger import iso
from multiapi.simulator.vendors.aimlapi.shared import Shared
from multiapi.simulator.vendors.vendor import Call, Refusal, money


class Reading(Shared):
    """The operations that read files."""

    # -------------------------------------------------------------- transcripts

    def on_createTranscription(self, call: Call) -> Answer:  # noqa: N802
        """Start a transcript."""
        self.require_money(call)
        self._known(call)
        data, about = self._recording(call)

        def work() -> Any:
            return self._heard(data, about)

        model = call.body["model"]
        job = self.start_job(call, "stt", call.reference[:21], model, work)
        job.expires_at = job.created_at + 3600
        job.details["body"] = call.body

        def completed(done: Job) -> None:
            call.reference = done.id
            done.details["meta"] = self._charge(call, money(Decimal("0.0001") * Decimal(str(round(done.result[1], 2)))))

        job.on_completed = completed
        return Answer.json({"generation_id": job.id, "status": "queued"})

    def on_getTranscription(self, call: Call) -> Answer:  # noqa: N802
        """The state of a transcript, which is kept for an hour."""
        job = self.simulator.jobs.find(call.path["generation_id"], vendor=self.name, kind="stt", key=call.key)
        now = self.simulator.clock.now()
        if job is None or (job.expires_at is not None and now > job.expires_at):
            raise Refusal(404, "Generation not found", bare=True)
        state = job.state(now)
        if state == "completed" and isinstance(job.result[2], Refusal):
            state = "failed"
        shown = {"queued": "queued", "running": "generating", "completed": "completed"}.get(state, "error")
        answer: dict[str, Any] = {"generation_id": job.id, "status": shown}
        if state == "completed":
            answer["result"] = self._transcript(job.model, job.result, call, job.details["body"])
            answer["meta"] = job.details["meta"]
        elif shown == "error":
            answer["error"] = {"name": "BadAudio", "message": "Unreadable file"}
        result = Answer.json(answer)
        result.headers["x-inference-id"] = job.id
        return result

    def on_transcribeSync(self, call: Call) -> Answer:  # noqa: N802
        """A transcript at once."""
        self.require_money(call)
        if not any(name in call.body for name in ("url", "audio", "file")):
            raise Refusal(400, "url: Required")
        heard = self._heard(*self._recording(call))
        if isinstance(heard[2], Refusal):
            raise heard[2]
        self._charge(call, money(Decimal("0.0001") * Decimal(str(round(heard[1], 2)))))
        return Answer.json(self._deepgram(call.body["model"], heard, call, call.body), 201)

    def _recording(self, call: Call) -> tuple[bytes | None, str]:
        """The bytes of the recording, if they are here, and what it is called."""
        uploaded = [*call.files.get("audio", []), *call.files.get("file", [])]
        if uploaded:
            return uploaded[0].data, uploaded[0].name
        if "url" not in call.body:
            raise Refusal(400, "audio: must be an uploaded file")
        found = self.simulator.fetch(call.body["url"])
        return (found[1] if found else None), call.body["url"]

    def _heard(self, data: bytes | None, about: str) -> tuple[str, float, Any]:
        """Text, length in seconds, and the words; a file that the simulator does not have gets a text that says so."""
        from multiapi.simulator import media

        if data is None:
            text = f"This is a simulated transcript of {about}"
            spoken = text.split()
            return (
                text,
                0.4 * len(spoken),
                [(word, 0.4 * place, 0.4 * place + 0.3) for place, word in enumerate(spoken)],
            )
        try:
            heard = media.transcribe(data)
        except ValueError as error:
            return "", 0.0, Refusal(400, f"audio: {error}")
        return heard.text, heard.duration_s, list(heard.words)

    def _transcript(self, model: str, heard: tuple[str, float, Any], call: Call, asked: Any) -> dict[str, Any]:
        """The transcript in the form of the model's vendor."""
        text, length_s, spoken = heard
        speakers = _speakers(text, len(spoken), asked)
        if model.startswith(("aai/", "slam")):
            listed = [
                {
                    "text": word,
                    "start": round(start * 1000),
                    "end": round(end * 1000),
                    "confidence": 0.98,
                    "speaker": None if who is None else "AB"[who],
                }
                for (word, start, end), who in zip(spoken, speakers, strict=True)
            ]
            turns = _turns(listed, "text") if speakers and speakers[0] is not None else None
            return {
                "id": self.simulator.new_uuid(),
                "status": "completed",
                "text": text,
                "confidence": 0.98,
                "audio_duration": round(length_s),
                "words": listed,
                **({} if turns is None else {"utterances": turns}),
            }
        if model.startswith("openai/"):
            given, made = round(length_s * 10), len(spoken)
            counts = {"type": "tokens", "total_tokens": given + made, "input_tokens": given, "output_tokens": made}
            return {"text": text, "usage": counts}
        if model.startswith("microsoft/"):
            return {"text": text, "usage": {"seconds": round(length_s, 2), "cost": round(0.0001 * length_s, 6)}}
        return self._deepgram(model, heard, call, asked)

    def _deepgram(self, model: str, heard: tuple[str, float, Any], call: Call, asked: Any) -> dict[str, Any]:
        text, length_s, spoken = heard
        name = model.removeprefix("#g1_")
        speakers = _speakers(text, len(spoken), asked)
        listed = [
            {
                "word": re.sub(r"[^\w'’-]", "", word).lower(),
                "start": round(start, 3),
                "end": round(end, 3),
                "confidence": 0.99,
                **({} if who is None else {"speaker": who}),
                "punctuated_word": word,
            }
            for (word, start, end), who in zip(spoken, speakers, strict=True)
        ]
        metadata = {
            "request_id": call.reference,
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "created": iso(self.simulator.clock.now()),
            "duration": round(length_s, 3),
            "channels": 1,
            "models": [name],
            "model_info": {name: {"name": name, "version": "2026-01-01.0", "arch": name.split("-")[0]}},
        }
        alternative = {"transcript": text, "confidence": 0.99, "words": listed}
        return {"metadata": metadata, "results": {"channels": [{"alternatives": [alternative]}]}}

    # -------------------------------------------------------------- documents and pictures

    def on_createOcr(self, call: Call) -> Answer:  # noqa: N802
        """The text of a document or picture, page by page."""
        self.require_money(call)
        document = call.body["document"]
        url = document if isinstance(document, str) else document.get("document_url") or document.get("image_url")
        pages, size, about = self._pages(str(url))
        wanted = _wanted_pages(call.body.get("pages"), len(pages))
        model = call.body.get("model", "google/gc-document-ai")
        meta = self._charge(call, Decimal("0.013") * max(1, len(wanted)), model)
        shown = [
            {
                "index": place,
                "markdown": pages[place],
                "images": [],
                "dimensions": {"dpi": 200, "height": 2200, "width": 1700},
            }
            for place in wanted
        ]
        annotation = None
        if (form := call.body.get("document_annotation_format")) is not None:
            from multiapi.simulator.minds.conversation import Conversation, Turn

            text = "\n".join(pages)
            asked = Conversation(model, (Turn("user", text),), schema=form["json_schema"]["schema"])
            annotation = self.reply(call, asked).text
        answer = {
            "pages": shown,
            "model": model,
            "document_annotation": annotation,
            "usage_info": {"pages_processed": len(shown), "doc_size_bytes": size},
            "meta": meta,
        }
        del about
        return self._priced(Answer.json(answer), meta)

    def _pages(self, url: str) -> tuple[list[str], int, str]:
        from multiapi.simulator import media

        found = self.simulator.fetch(url)
        if found is None:
            if not url.startswith(("http://", "https://")):
                raise Refusal(400, "document: neither a link nor base64")
            return [f"This is a simulated page of {url}"], 0, url
        try:
            document = media.read_document(found[1])
        except ValueError as error:
            raise Refusal(400, f"document: {error}") from None
        return list(document.pages), document.size_bytes, document.mime_type

    def on_analyzeImage(self, call: Call) -> Answer:  # noqa: N802
        """What is in a picture, feature by feature."""
        self.require_money(call)
        url = call.body["image"]["source"]["imageUri"]
        pages, _, _ = self._pages(url)
        text = "\n".join(pages)
        answer: dict[str, Any] = {}
        for feature in call.body["features"]:
            most = int(feature.get("maxResults") or 10)
            kind = feature["type"]
            if kind == "LABEL_DETECTION":
                labels = list(dict.fromkeys(words.content_words(text)))[:most]
                answer["labelAnnotations"] = [
                    {"description": label.capitalize(), "score": round(0.99 - 0.03 * place, 2)}
                    for place, label in enumerate(labels)
                ]
            elif kind in ("TEXT_DETECTION", "DOCUMENT_TEXT_DETECTION"):
                answer["textAnnotations"] = [{"description": text, "locale": "en"}]
                answer["fullTextAnnotation"] = {"text": text}
            elif kind == "SAFE_SEARCH_DETECTION":
                answer["safeSearchAnnotation"] = dict.fromkeys(
                    ("adult", "spoof", "medical", "violence", "racy"), "VERY_UNLIKELY"
                )
            else:
                answer.setdefault(_FEATURES.get(kind, "labelAnnotations"), {} if kind in _SINGLE else [])
        self._charge(call, Decimal("0.002"), "ofr")
        return Answer.json(answer, 201)


def _speakers(text: str, count: int, body: Any) -> list[int | None]:
    """Who says each word, where that was asked for: a pause, which is a line's end in the text that was spoken, changes the speaker."""
    if not isinstance(body, dict) or not any(
        body.get(name) in (True, "true") for name in ("diarize", "speaker_labels")
    ):
        return [None] * count
    found = [turn % 2 for turn, line in enumerate(filter(str.strip, text.splitlines())) for _ in line.split()]
    return [*found[:count], *([found[-1] if found else 0] * (count - len(found)))]


def _turns(listed: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The speakers' turns that words make."""
    turns: list[dict[str, Any]] = []
    for word in listed:
        if turns and turns[-1]["speaker"] == word["speaker"]:
            turns[-1][name] += f" {word[name]}"
            turns[-1]["end"] = word["end"]
        else:
            turns.append({key: word[key] for key in ("speaker", "start", "end", "confidence", name)})
    return turns


_FEATURES = {
    "FACE_DETECTION": "faceAnnotations",
    "LANDMARK_DETECTION": "landmarkAnnotations",
    "LOGO_DETECTION": "logoAnnotations",
    "OBJECT_LOCALIZATION": "localizedObjectAnnotations",
    "IMAGE_PROPERTIES": "imagePropertiesAnnotation",
    "CROP_HINTS": "cropHintsAnnotation",
    "WEB_DETECTION": "webDetection",
    "PRODUCT_SEARCH": "productSearchResults",
}
_SINGLE = {"IMAGE_PROPERTIES", "CROP_HINTS", "WEB_DETECTION", "PRODUCT_SEARCH"}


def _wanted_pages(wanted: Any, count: int) -> list[int]:
    """The places of the pages asked for, from 0."""
    if wanted is None:
        return list(range(count))
    if isinstance(wanted, str):
        places: list[int] = []
        for part in wanted.split(","):
            first, _, last = part.partition("-")
            places += range(int(first), int(last or first) + 1)
    elif isinstance(wanted, list):
        places = wanted
    else:
        kind = wanted["type"]
        if kind == "indices":
            places = [place - 1 for place in wanted["indices"]]
        else:
            start: int = wanted["start"] if kind in ("start", "range") else 1
            end: int = wanted["end"] if kind in ("end", "range") else count
            places = list(range(start - 1, end))
    return [place for place in places if 0 <= place < count]
