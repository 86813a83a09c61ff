"""Real files made on the spot: pictures, speech, music, film, meshes; and reading them back.

Pure functions: the same arguments give the same bytes, nothing touches the network or the disk. What was asked for is
drawn or sounded in the file and kept in its metadata as well, so that the reading half can give it back without a
model. Bytes that cannot be read raise `ValueError`.
"""

from multiapi.simulator.media.documents import Document, page_count, read_document, write_pdf
from multiapi.simulator.media.films import film
from multiapi.simulator.media.meshes import mesh
from multiapi.simulator.media.pictures import ImageFacts, describe_image, draw_image
from multiapi.simulator.media.sounds import Transcript, compose_music, speak, transcribe

__all__ = [
    "Document",
    "ImageFacts",
    "Transcript",
    "compose_music",
    "describe_image",
    "draw_image",
    "film",
    "mesh",
    "page_count",
    "read_document",
    "speak",
    "transcribe",
    "write_pdf",
]
