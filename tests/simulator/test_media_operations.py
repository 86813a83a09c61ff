"""Media made and read by the vendors' operations: real files, of the asked size, length and kind."""

import base64
import io

import pytest
from PIL import Image
from pypdf import PdfWriter

from multiapi.simulator import Simulator
from multiapi.simulator.media import describe_image, draw_image, read_document, speak, transcribe
from tests.simulator.conversing import Talk

TEXT = "The quick brown fox jumps over the lazy dog."


def decoded(text: str) -> bytes:
    return base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text)


def bineric(model: str, content: str, *attachments: str, **options: str) -> str:
    body = {
        "model": model,
        "messages": [{"role": "user", "content": content, "attachments": list(attachments)}],
        "options": options,
    }
    response = Talk("bineric").post("/ai/chat/completions", body)
    assert response.status_code == 200, response.text
    return str(response.json()["response"])


def data_url(mime_type: str, data: bytes) -> str:
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"


def test_bineric_speaks_listens_and_draws() -> None:
    spoken = bineric("text-to-speech", TEXT, language="en-US", voice="en-US-JennyNeural")
    assert spoken.startswith("data:audio/mp3;base64,")
    assert bineric("speech-to-text", "Transcribe this", data_url("audio/mp3", decoded(spoken))) == TEXT
    slow, fast = (transcribe(decoded(bineric("text-to-speech", TEXT, rate=rate))).duration_s for rate in ("0.5", "2"))
    assert slow > 3 * fast
    assert describe_image(decoded(bineric("stability-ai", "a red boat"))).text == "a red boat"


def test_bineric_sees_and_reads() -> None:
    assert "a red boat" in bineric("gpt-4", "What is this?", data_url("image/png", draw_image("a red boat", 64, 64)))
    assert "The cat sat." in bineric("claude-3.7-sonnet", "What does it say?", data_url("text/plain", b"The cat sat."))


@pytest.mark.parametrize(
    ("width", "pages", "status", "message"),
    [
        (4096, 150, 200, None),
        (4097, 0, 400, "Image dimensions exceed 4096x4096"),
        (0, 151, 400, "Document exceeds 150 pages"),
    ],
)
def test_bineric_measures_pixels_and_pages(width: int, pages: int, status: int, message: str | None) -> None:
    paper, picture = PdfWriter(), io.BytesIO()
    for _ in range(pages):
        paper.add_blank_page(72, 72)
    paper.write(written := io.BytesIO())
    if width:
        Image.new("L", (width, 16)).save(picture, "PNG")
    files = [("image/png", picture.getvalue()), ("application/pdf", written.getvalue() if pages else b"")]
    attachments = [data_url(mime_type, data) for mime_type, data in files if data]
    message_sent = {"role": "user", "content": "What is this?", "attachments": attachments}
    answer = Talk("bineric").post("/ai/chat/completions", {"model": "gpt-4", "messages": [message_sent]})
    assert answer.status_code == status
    assert answer.json().get("error", {}).get("message") == message


def test_bineric_converts_files() -> None:
    talk = Talk("bineric")
    image = draw_image("a red boat", 64, 64)
    converted = talk.send("POST", "/media/base64", files={"file": ("boat.png", image, "image/png")}).json()["data"]
    assert converted["originalName"] == "boat.png"
    assert converted["fileInfo"] == {"extension": ".png", "mimeType": "image/png", "category": "image"}
    assert converted["size"]["original"] == len(image)
    back = talk.post("/decode-base64", {"data": converted["base64String"]})
    assert back.content == image
    assert back.headers["content-type"] == "image/png"
    assert back.headers["content-disposition"].endswith('.png"')
    assert (
        talk.send("POST", "/media/base64", files={"file": ("a.exe", b"MZ", "application/octet-stream")}).status_code
        == 400
    )
    assert (
        talk.send("POST", "/media/base64", files={"file": ("a.txt", b"", "text/plain")}).json()["error"]["type"]
        == "ConversionError"
    )
    too_large = talk.send("POST", "/media/base64", files={"file": ("a.txt", b"a" * 50_000_001, "text/plain")})
    assert (too_large.status_code, too_large.json()["error"]["message"]) == (400, "File size exceeds 50MB")
    assert talk.post("/decode-base64", {"data": "abc"}).status_code == 400


def test_aicredits_makes_images_and_speech() -> None:
    talk = Talk("aicredits")
    made = talk.post(
        "/v1/images/generations", {"prompt": "a red boat", "size": "1792x1024", "response_format": "b64_json"}
    ).json()
    facts = describe_image(decoded(made["data"][0]["b64_json"]))
    assert (facts.width, facts.height, facts.text) == (1792, 1024, "a red boat")
    link = talk.post("/v1/images/generations", {"model": "dall-e-2", "prompt": "a cat", "n": 2}).json()["data"]
    assert [talk.client.get(entry["url"]).headers["content-type"] for entry in link] == ["image/png"] * 2
    assert talk.post("/v1/images/generations", {"prompt": "a cat", "n": 2}).status_code == 400
    assert talk.post("/v1/images/generations", {"prompt": "a" * 4001}).status_code == 400
    for form, sign in {"mp3": (b"ID3", b"\xff"), "flac": (b"fLaC",), "opus": (b"OggS",), "aac": (b"\xff",)}.items():
        speech = talk.post(
            "/v1/audio/speech", {"model": "openai/tts-1", "input": TEXT, "voice": "alloy", "response_format": form}
        )
        assert speech.headers["content-type"] == ("audio/mpeg" if form == "mp3" else f"audio/{form}")
        assert speech.content.startswith(sign)
        sent = {"data": base64.b64encode(speech.content).decode(), "format": form}
        assert (
            talk.post("/v1/audio/transcriptions", {"model": "openai/whisper-1", "input_audio": sent}).json()["text"]
            == TEXT
        )
    assert (
        talk.post("/v1/audio/speech", {"model": "openai/tts-1", "input": "a" * 4097, "voice": "alloy"}).status_code
        == 400
    )


def test_aicredits_takes_ten_megabytes() -> None:
    body = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "a" * 10_000_000}]}
    assert Talk("aicredits").post("/v1/chat/completions", body).status_code == 413


def test_binobox_answers_with_base64() -> None:
    talk = Talk("binobox")
    wide = talk.post(
        "/images/generations",
        {
            "model": "imagen-4-fast-generate",
            "prompt": "یک قایق",
            "settings": {"numberOfImages": 2, "aspectRatio": "16:9"},
        },
    )
    images = [describe_image(decoded(entry["b64_json"])) for entry in wide.json()["data"]]
    assert [image.text for image in images] == ["یک قایق"] * 2
    assert images[0].width / images[0].height == pytest.approx(16 / 9, rel=0.02)
    speech = talk.post("/audio/speech", {"model": "gemini-3.1-flash-tts", "input": "سلام"}).json()["data"][0]
    assert transcribe(decoded(speech["b64_json"])).text == "سلام"
    music = talk.post("/audio/music", {"model": "lyria-3-clip", "prompt": "calm", "settings": {"duration": 4}}).json()
    assert transcribe(decoded(music["data"][0]["b64_json"])).duration_s == pytest.approx(4, abs=0.3)
    assert music["duration"] == 4
    wrong_scope = talk.post("/audio/music", {"model": "gemini-3.1-flash-lite", "prompt": "calm"})
    assert wrong_scope.status_code == 403


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({"model": "flux/schnell", "image_size": {"width": 640, "height": 512}}, (640, 512)),
        ({"model": "flux/schnell", "image_size": "portrait_16_9"}, (576, 1024)),
        ({"model": "openai/gpt-image-1", "size": "1536x1024"}, (1536, 1024)),
        ({"model": "google/imagen-4.0-generate-001", "aspect_ratio": "16:9"}, (1024, 576)),
        ({"model": "some/other-model"}, (1024, 1024)),
    ],
)
def test_aimlapi_draws_in_the_asked_size(asked: dict[str, object], size: tuple[int, int]) -> None:
    talk = Talk("aimlapi", Simulator(known_models="any"))
    answer = talk.post("/v1/images/generations", {"prompt": "a red boat", **asked})
    assert answer.status_code == 200, answer.text
    image = talk.client.get(answer.json()["data"][0]["url"])
    facts = describe_image(image.content)
    assert ((facts.width, facts.height), facts.text) == (size, "a red boat")


def test_aimlapi_knows_the_limits_of_a_model() -> None:
    talk = Talk("aimlapi")
    path = "/v1/images/generations"
    assert talk.post(path, {"model": "alibaba/qwen-image", "prompt": "a" * 4001}).status_code == 400
    assert talk.post(path, {"model": "alibaba/qwen-image", "prompt": "a", "num_images": 5}).status_code == 400
    assert talk.post(path, {"model": "alibaba/qwen-image"}).status_code == 400
    assert (
        "16:9"
        in talk.post(
            "/v2/video/generations", {"model": "alibaba/happyhorse-1-0", "prompt": "a", "aspect_ratio": "9:21"}
        ).text
    )
    assert talk.post("/v1/embeddings", {"model": "voyage-2", "input": "a", "dimensions": 5}).status_code == 400
    claude = {
        "model": "anthropic/claude-sonnet-4.5",
        "temperature": 1.5,
        "messages": [{"role": "user", "content": "a"}],
    }
    assert (
        talk.post(
            "/v1/chat/completions", {"model": "openai/gpt-4o", "top_logprobs": 21, "messages": claude["messages"]}
        ).status_code
        == 400
    )


def test_aimlapi_edits_what_is_uploaded() -> None:
    talk = Talk("aimlapi")
    boat = ("a.png", draw_image("a boat", 64, 64), "image/png")
    fields = {"model": "openai/gpt-image-1", "prompt": "with a red sail", "response_format": "b64_json"}
    edited = talk.send("POST", "/v1/images/edits", data=fields, files=[("image[]", boat), ("image[]", boat)])
    assert describe_image(decoded(edited.json()["data"][0]["b64_json"])).text == "a boat, with a red sail"
    several = talk.send("POST", "/v1/images/edits", data={**fields, "n": "2"}, files={"image": boat}).json()
    assert len(several["data"]) == 2
    too_many = talk.send("POST", "/v1/images/edits", data={**fields, "n": "11"}, files={"image": boat})
    assert too_many.status_code == 400
    assert (
        talk.send(
            "POST", "/v1/images/edits", data=fields, files={"image": ("a.png", b"no image", "image/png")}
        ).status_code
        == 400
    )


def test_aimlapi_meshes() -> None:
    talk = Talk("aimlapi")
    mesh = talk.post("/v1/images/generations", {"model": "triposr", "image_url": "https://example.com/a.png"}).json()[
        "model_mesh"
    ]
    data = talk.client.get(mesh["url"]).content
    assert data[:4] == b"glTF"
    assert int.from_bytes(data[8:12], "little") == len(data) == mesh["file_size"]


def test_aimlapi_speaks_in_bytes_or_by_link() -> None:
    talk = Talk("aimlapi")
    raw = talk.post("/v1/tts", {"model": "#g1_aura-asteria-en", "text": TEXT})
    assert raw.headers["content-type"] == "audio/wav"
    assert transcribe(raw.content).text == TEXT
    assert "x-aimlapi-usd-spent" not in raw.headers
    link = talk.post("/v1/tts", {"model": "openai/tts-1", "text": TEXT, "voice": "coral"}).json()
    assert transcribe(talk.client.get(link["audio"]["url"]).content).text == TEXT
    assert talk.post("/v1/tts", {"model": "openai/tts-1", "text": "a" * 4097, "voice": "coral"}).status_code == 400


def pdf(*texts: str) -> bytes:
    """A PDF with a page for each text, as a picture of it."""
    pages = [Image.open(io.BytesIO(draw_image(text, 400, 300, "image/jpeg"))) for text in texts]
    data = io.BytesIO()
    pages[0].save(data, "PDF", save_all=True, append_images=pages[1:])
    return data.getvalue()


def test_aimlapi_reads_documents() -> None:
    talk = Talk("aimlapi")
    picture = data_url("image/png", draw_image("Invoice 42", 200, 100))
    read = talk.post(
        "/v1/ocr", {"model": "mistral-ocr-latest", "document": {"type": "image_url", "image_url": picture}}
    ).json()
    assert [page["markdown"] for page in read["pages"]] == ["Invoice 42"]
    pages = "First\fSecond\fThird"
    assert read_document(pages.encode()).pages == ("First", "Second", "Third")
    document = {"type": "document_url", "document_url": data_url("text/plain", pages.encode())}
    some = talk.post("/v1/ocr", {"model": "mistral-ocr-latest", "document": document, "pages": "1-2"}).json()
    assert [(page["index"], page["markdown"]) for page in some["pages"]] == [(1, "Second"), (2, "Third")]
    google = {"document": base64.b64encode(pages.encode()).decode(), "pages": {"type": "start", "start": 2}}
    assert [page["markdown"] for page in talk.post("/v1/ocr", google).json()["pages"]] == ["Second", "Third"]
    assert talk.post(
        "/v1/ocr",
        {"model": "mistral-ocr-latest", "document": {"type": "image_url", "image_url": "data:image/png;base64,aGk="}},
    ).status_code in (200, 400)
    form = {
        "type": "json_schema",
        "json_schema": {
            "name": "invoice",
            "schema": {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]},
        },
    }
    annotated = talk.post(
        "/v1/ocr",
        {
            "model": "mistral-ocr-latest",
            "document": {"type": "image_url", "image_url": picture},
            "document_annotation_format": form,
        },
    )
    assert annotated.json()["document_annotation"] == '{"number": 42}'
    assert len(talk.post("/v1/ocr", {"document": base64.b64encode(pdf("One", "Two")).decode()}).json()["pages"]) == 2


def test_aimlapi_names_what_it_sees() -> None:
    talk = Talk("aimlapi")
    url = talk.post("/v1/images/generations", {"model": "flux/schnell", "prompt": "A red boat"}).json()["data"][0][
        "url"
    ]
    seen = talk.post(
        "/vision",
        {
            "image": {"source": {"imageUri": url}},
            "features": [{"type": "LABEL_DETECTION", "maxResults": 5}, {"type": "TEXT_DETECTION"}],
        },
    ).json()
    assert [label["description"] for label in seen["labelAnnotations"]] == ["Red", "Boat"]
    assert seen["fullTextAnnotation"]["text"] == "A red boat"


def test_music_01() -> None:
    talk = Talk("aimlapi")
    answer = talk.post("/v2/generate/audio/minimax/generate", {"model": "music-01", "lyrics": "la la"}).json()
    assert transcribe(bytes.fromhex(answer["data"]["audio"])).duration_s == pytest.approx(10, abs=0.3)
    upload = {"file": ("a.wav", speak("short", "audio/wav"), "audio/wav")}
    assert (
        talk.send("POST", "/v2/generate/audio/minimax/upload", data={"purpose": "song"}, files=upload).status_code
        == 400
    )
