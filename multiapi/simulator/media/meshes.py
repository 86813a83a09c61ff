"""3D models: a coloured box in a binary glTF 2.0 file."""

import json
import struct
from functools import lru_cache

from multiapi.simulator.media.pictures import colours
from multiapi.simulator.media.tags import MAKER

_FLOAT, _UNSIGNED_SHORT = 5126, 5123
_VERTICES, _INDICES = 34962, 34963
_AXES = ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))


@lru_cache(maxsize=32)
def mesh(prompt: str) -> bytes:
    """A GLB file with one box whose sides and colour follow from the prompt; the prompt is its name.

    Source: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html, section 4.
    """
    ground, _ = colours(prompt)
    half = tuple(0.5 + value / 256 for value in ground)
    corners = [corner for axis in _AXES for corner in _face(axis, half)]
    normals = [axis for axis in _AXES for _ in range(4)]
    indices = [4 * face + corner for face in range(6) for corner in (0, 1, 2, 0, 2, 3)]
    buffers = [
        b"".join(struct.pack("<3f", *corner) for corner in corners),
        b"".join(struct.pack("<3f", *normal) for normal in normals),
        struct.pack(f"<{len(indices)}H", *indices),
    ]
    offsets = [0, len(buffers[0]), len(buffers[0]) + len(buffers[1])]
    scene = {
        "asset": {"version": "2.0", "generator": MAKER, "extras": {"prompt": prompt}},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": prompt[:100] or "box"}],
        "meshes": [
            {
                "primitives": [
                    {
                        "attributes": {"POSITION": 0, "NORMAL": 1},
                        "indices": 2,
                        "material": 0,
                    }
                ]
            }
        ],
        "materials": [{"pbrMetallicRoughness": {"baseColorFactor": [*(value / 127 for value in ground), 1.0]}}],
        "accessors": [
            {
                "bufferView": 0,
                "componentType": _FLOAT,
                "count": len(corners),
                "type": "VEC3",
                "min": [struct.unpack("<f", struct.pack("<f", -side))[0] for side in half],
                "max": [struct.unpack("<f", struct.pack("<f", side))[0] for side in half],
            },
            {
                "bufferView": 1,
                "componentType": _FLOAT,
                "count": len(normals),
                "type": "VEC3",
            },
            {
                "bufferView": 2,
                "componentType": _UNSIGNED_SHORT,
                "count": len(indices),
                "type": "SCALAR",
            },
        ],
        "bufferViews": [
            {
                "buffer": 0,
                "byteOffset": offset,
                "byteLength": len(part),
                "target": target,
            }
            for offset, part, target in zip(offsets, buffers, (_VERTICES, _VERTICES, _INDICES), strict=True)
        ],
        "buffers": [{"byteLength": sum(map(len, buffers))}],
    }
    return _glb(json.dumps(scene, separators=(",", ":")).encode(), b"".join(buffers))


def _face(axis: tuple[int, int, int], half: tuple[float, ...]) -> list[tuple[float, ...]]:
    """The four corners of the side that looks along `axis`, anticlockwise as seen from outside."""
    main = next(index for index, value in enumerate(axis) if value)
    second, third = (main + 1) % 3, (main + 2) % 3
    signs = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    corners = []
    for first_sign, second_sign in signs if axis[main] > 0 else reversed(signs):
        corner = [0.0, 0.0, 0.0]
        corner[main] = axis[main] * half[main]
        corner[second] = first_sign * half[second]
        corner[third] = second_sign * half[third]
        corners.append(tuple(corner))
    return corners


def _glb(scene: bytes, binary: bytes) -> bytes:
    scene += b" " * (-len(scene) % 4)
    binary += b"\0" * (-len(binary) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(scene) + 8 + len(binary))
    return head + struct.pack("<I4s", len(scene), b"JSON") + scene + struct.pack("<I4s", len(binary), b"BIN\0") + binary
