"""Reading documents page by page: PDF, Word, HTML, plain text and the pictures that `draw_image` drew."""

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

from pypdf import PageObject, PdfReader
from pypdf.errors import PyPdfError
from pypdf.generic import StreamObject

from multiapi.simulator.media.pictures import describe_image

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
LARGEST_PART_BYTES = 50_000_000  # of a Word file, unpacked

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_BLOCKS = frozenset(
    {"address", "article", "br", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "p", "pre", "section", "table"}
    | {"td", "th", "title", "tr"}
)
_UNSEEN = frozenset({"script", "style", "template"})


@dataclass(frozen=True, slots=True)
class Document:
    """The text of each page, with kind and size of the file."""

    mime_type: str
    pages: tuple[str, ...]
    size_bytes: int


def read_document(data: bytes) -> Document:
    """The text of a PDF, a Word file, an HTML page, plain text (UTF-8), or a picture made by `draw_image`.

    A page or picture without text gives "". A scanned page gives the prompts of the JPEGs in it that `draw_image` made.

    Raises:
        ValueError: the bytes are none of these, are damaged, or need a password.
    """
    if _is_pdf(data):
        return Document("application/pdf", _pdf_pages(data), len(data))
    if data.startswith(b"PK\3\4"):
        return Document(DOCX, _docx_pages(data), len(data))
    text = _text(data)
    if text is None:
        facts = describe_image(data)
        return Document(facts.mime_type, (facts.text or "",), len(data))
    if text.lstrip()[:14].lower().startswith(("<!doctype html", "<html")):
        return Document("text/html", (_html_text(text),), len(data))
    return Document("text/plain", tuple(text.split("\f")), len(data))


def write_pdf(text: str) -> bytes:
    """A PDF of one page with a line of text, which is read back as it is written.

    Raises:
        ValueError: a character outside of Latin-1, which the plain fonts of PDF lack.
    """
    shown = re.sub(rb"([\\()])", rb"\\\1", text.encode("latin-1"))
    words = b"BT /F1 18 Tf 72 720 Td (%b) Tj ET" % shown
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(words), words),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    )
    pdf, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(pdf))
        pdf += b"%d 0 obj%b endobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return pdf + b"xref\n0 6\n0000000000 65535 f \n%btrailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        table,
        len(pdf),
    )


def page_count(data: bytes) -> int:
    """How many pages a PDF has, without reading them; 1 for every other file.

    Raises:
        ValueError: the PDF is damaged or needs a password.
    """
    if not _is_pdf(data):
        return 1
    with _readable():
        return len(PdfReader(io.BytesIO(data)).pages)


def _is_pdf(data: bytes) -> bool:
    return data[:1024].lstrip().startswith(b"%PDF-")


def _pdf_pages(data: bytes) -> tuple[str, ...]:
    with _readable():
        reader = PdfReader(io.BytesIO(data))
        return tuple(page.extract_text().strip() or _drawn_text(page) for page in reader.pages)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (
        PyPdfError,
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        RecursionError,
        OSError,
    ) as error:
        raise ValueError("the PDF is damaged or needs a password") from error


def _drawn_text(page: PageObject) -> str:
    """What `draw_image` drew on a scanned page; read from the JPEG itself, since unpacking it loses its metadata."""
    texts = []
    for image in page.images:
        stream = image.indirect_reference.get_object() if image.indirect_reference is not None else None
        if not isinstance(stream, StreamObject) or stream.get("/Filter") != "/DCTDecode":
            continue
        texts.append(describe_image(stream.get_data()).text or "")
    return "\n".join(filter(None, texts))


def _docx_pages(data: bytes) -> tuple[str, ...]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            part = archive.getinfo("word/document.xml")
            if part.file_size > LARGEST_PART_BYTES:
                raise ValueError("the Word file is too large")
            xml = archive.read(part)
        if b"<!DOCTYPE" in xml:
            raise ValueError("a Word file has no document type of its own")  # and none of its entities
        tree = ET.fromstring(xml)  # noqa: S314
    except (
        zipfile.BadZipFile,
        KeyError,
        ET.ParseError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise ValueError("not a Word file, or a damaged one") from error
    pieces = []
    for element in tree.iter():
        if element.tag == f"{_WORD}t":
            pieces.append(element.text or "")
        elif element.tag == f"{_WORD}tab":
            pieces.append("\t")
        elif element.tag == f"{_WORD}br":
            pieces.append("\f" if element.get(f"{_WORD}type") == "page" else "\n")
        elif element.tag == f"{_WORD}p" and pieces:
            pieces.append("\n")
    return tuple(page.strip() for page in "".join(pieces).split("\f"))


def _text(data: bytes) -> str | None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in _UNSEEN
        if tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._unseen = max(0, self._unseen - (tag in _UNSEEN))
        if tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.pieces.append(re.sub(r"\s+", " ", data))


def _html_text(page: str) -> str:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.pieces).splitlines())
    return "\n".join(line for line in lines if line)
