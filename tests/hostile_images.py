"""One of each image file that has ever hurt a program, made on the spot."""

import base64
import os
import re
import socket
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from tests.image_bytes import (
    BLACK,
    GREY,
    HEIC,
    RED,
    SIZE,
    WHITE,
    Colour,
    encode,
    png_chunk,
    tiled_tiff,
    two_halves,
    with_png_chunks,
)

GPS_TEXT = b"47.36667N8.55000E"
"""Stands in the EXIF of one of the files, and must stand nowhere else."""


@dataclass(frozen=True)
class Expected:
    """What a readable file shows: its size and the colours of its left and right half."""

    size: tuple[int, int] = SIZE
    left: Colour = RED
    right: Colour = WHITE


def write_readable(folder: Path) -> dict[str, Expected]:
    """Write one of each odd file that can be read; return what each shows, by its name."""
    _write_all(folder, {name: make for name, (make, _) in _READABLE.items()})
    return {name: shown for name, (_, shown) in _READABLE.items()}


def write_unreadable(folder: Path) -> list[str]:
    """Write one of each file that must be refused; return their names."""
    _write_all(folder, _UNREADABLE)
    return [*_UNREADABLE, *_write_what_is_no_file(folder)]


def _write_all(folder: Path, makers: Mapping[str, Callable[[], bytes]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in makers.items():
        (folder / name).write_bytes(make())


def _write_what_is_no_file(folder: Path) -> list[str]:
    """Write what only looks like a file, as far as this system has it."""
    names = ["loop-a.jpg", "loop-b.jpg", "nowhere.jpg", "endless.jpg", "pipe.jpg", "socket.jpg"]
    os.symlink("loop-b.jpg", folder / "loop-a.jpg")
    os.symlink("loop-a.jpg", folder / "loop-b.jpg")
    os.symlink("gone.jpg", folder / "nowhere.jpg")
    os.symlink("/dev/zero", folder / "endless.jpg")
    os.mkfifo(folder / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listener:
        before = os.getcwd()
        os.chdir(folder)  # the whole path may be too long for a socket
        listener.bind("socket.jpg")
        os.chdir(before)
    if os.geteuid() != 0:  # root may read all
        (folder / "locked.jpg").write_bytes(_jpeg())
        (folder / "locked.jpg").chmod(0)
        names.append("locked.jpg")
    return names


def _jpeg() -> bytes:
    return encode(two_halves(), "JPEG", quality=95)


def _oriented(orientation: int) -> bytes:
    """Return a JPEG that is upright once it is turned as its EXIF says."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = two_halves().transpose(undo[orientation]) if orientation in undo else two_halves()
    return encode(stored, "JPEG", quality=95, exif=exif)


def _with_place() -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2], gps[27] = "N", (47.0, 22.0, 0.0), b"ASCII\0\0\0" + GPS_TEXT
    return encode(two_halves(), "JPEG", quality=95, exif=exif)


def _ycck() -> bytes:
    """Return the JPEG that Photoshop makes of CMYK: inks as YCbCr, named so by a number in its Adobe marker."""
    inks = two_halves(left=(0, 255, 255), right=BLACK).convert("YCbCr")  # cyan, magenta, yellow: red, then nothing
    stored = [channel.point(lambda value: 255 - value) for channel in inks.split()]  # Pillow turns them over again
    content = encode(Image.merge("CMYK", [*stored, Image.new("L", SIZE, 0)]), "JPEG", quality=95)
    place = content.index(b"Adobe") + 11
    return content[:place] + b"\x02" + content[place + 1 :]


def _palette_with_hole() -> bytes:
    image = Image.new("P", SIZE, 0)
    image.putpalette([10, 20, 30, *RED])
    image.paste(1, (0, 0, SIZE[0] // 2, SIZE[1]))
    return encode(image, "PNG", transparency=0)


def _with_hole(mode: str, kind: str) -> bytes:
    image = two_halves(right=BLACK).convert(mode)
    image.putalpha(Image.fromarray(np.repeat([[255, 0]], SIZE[0] // 2, 1).repeat(SIZE[1], 0).astype(np.uint8)))
    return encode(image, kind, lossless=True)


def _deep(dtype: str, left: float, right: float, kind: str) -> bytes:
    values = np.full(SIZE[::-1], right, dtype)
    values[:, : SIZE[0] // 2] = left
    return encode(Image.fromarray(values), kind)


def _film(kind: str, num_frames: int) -> bytes:
    others = [Image.new("RGB", SIZE, (0, 0, 10 + number % 200)) for number in range(num_frames - 1)]
    return encode(two_halves(), kind, save_all=True, append_images=others, duration=100, lossless=True)


def _scans_without_end() -> bytes:
    content = encode(Image.new("L", (2000, 2000)), "JPEG", progressive=True)
    last_table = content.rfind(b"\xff\xc4")
    return content[:-2] + content[last_table:-2] * 1500 + b"\xff\xd9"


def _icon_with_bomb() -> bytes:
    bomb = _png_of(60000, 60000)
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 48, 32, 0, 0, 1, 32, len(bomb), 22) + bomb


def _png_of(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(bytes(10_000)))


def _bits_bomb() -> bytes:
    rows = zlib.compressobj(1)
    content = b"".join(rows.compress(bytes(3751 * 300)) for _ in range(100)) + rows.flush()
    return _png_of(30000, 30000)[:33] + png_chunk(b"IDAT", content) + png_chunk(b"IEND", b"")


def _gif_with_huge_screen() -> bytes:
    content = encode(two_halves(), "GIF")
    return content[:6] + struct.pack("<HH", 65535, 65535) + content[10:]


def _webp_bomb() -> bytes:
    bits = (16383 - 1) | (16383 - 1) << 14
    data = b"\x2f" + struct.pack("<I", bits) + bytes(20)
    body = b"WEBPVP8L" + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _large_bmp() -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, 60000, 60000, 1, 1, 0, 0, 0, 0, 2, 2) + bytes(8)
    return b"BM" + struct.pack("<IHHI", 14 + len(header), 0, 0, 14 + len(header)) + header


def _postscript() -> bytes:
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n%%EndComments\n0 0 40 40 rectfill\nshowpage\n%%EOF\n"


def _broken_exif() -> bytes:
    return encode(
        two_halves(), "JPEG", quality=95, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12\xee\xee\xff" * 20
    )


def _broken_profile(kind: str) -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return encode(two_halves(), kind, quality=95, icc_profile=profile[:100] + b"\xff" * 300)


_READABLE: dict[str, tuple[Callable[[], bytes], Expected]] = {
    "plain.jpg": (_jpeg, Expected()),
    "really a png.jpg": (lambda: encode(two_halves(), "PNG"), Expected()),
    "really a jpeg.png": (_jpeg, Expected()),
    "really a webp.gif": (lambda: encode(two_halves(), "WEBP", lossless=True), Expected()),
    "cmyk.jpg": (lambda: encode(two_halves().convert("CMYK"), "JPEG", quality=95), Expected()),
    "ycck.jpg": (_ycck, Expected()),
    "progressive.jpg": (lambda: encode(two_halves(), "JPEG", quality=95, progressive=True), Expected()),
    "grey.jpg": (lambda: encode(two_halves(left=GREY).convert("L"), "JPEG", quality=95), Expected(left=GREY)),
    "16 bit.png": (lambda: _deep("uint16", 32896, 65535, "PNG"), Expected(left=GREY)),
    "16 bit.tif": (lambda: _deep("uint16", 32896, 65535, "TIFF"), Expected(left=GREY)),
    "32 bit.tif": (lambda: _deep("int32", -70000, 70000, "TIFF"), Expected(left=BLACK)),
    "float.tif": (lambda: _deep("float32", 0.5, 1, "TIFF"), Expected(left=GREY)),
    "float with holes.tif": (lambda: _deep("float32", np.nan, 1, "TIFF"), Expected(left=BLACK)),
    "1 bit.png": (lambda: encode(two_halves(left=BLACK).convert("1"), "PNG"), Expected(left=BLACK)),
    "palette with a hole.png": (_palette_with_hole, Expected()),
    "grey with a hole.png": (lambda: _with_hole("L", "PNG"), Expected(left=(76, 76, 76))),
    "colour with a hole.webp": (lambda: _with_hole("RGB", "WEBP"), Expected()),
    "film.gif": (lambda: _film("GIF", 3), Expected()),
    "film.png": (lambda: _film("PNG", 3), Expected()),
    "film.webp": (lambda: _film("WEBP", 3), Expected()),
    "long film.gif": (lambda: _film("GIF", 2000), Expected()),
    "long film.webp": (lambda: _film("WEBP", 500), Expected()),
    "two eyes.mpo": (lambda: _film("MPO", 2), Expected()),
    "many pages.tif": (lambda: _film("TIFF", 500), Expected()),
    **{f"turned {number}.jpg": ((lambda number=number: _oriented(number)), Expected()) for number in range(1, 9)},
    "modern.avif": (lambda: encode(two_halves(), "AVIF", quality=95), Expected()),
    "phone.heic": (lambda: base64.b64decode(HEIC), Expected((64, 48))),
    "satellite.jp2": (lambda: encode(two_halves(), "JPEG2000"), Expected()),
    "old.bmp": (lambda: encode(two_halves(), "BMP"), Expected()),
    "old.tga": (lambda: encode(two_halves(), "TGA", compression="tga_rle"), Expected()),
    "old.ppm": (lambda: encode(two_halves(), "PPM"), Expected()),
    "icon.ico": (lambda: encode(two_halves(), "ICO", sizes=[SIZE]), Expected()),
    "1x1.png": (lambda: encode(Image.new("RGB", (1, 1), RED), "PNG"), Expected((1, 1), RED, RED)),
    "1x30000.png": (lambda: encode(Image.new("RGB", (1, 30000), RED), "PNG"), Expected((1, 30000), RED, RED)),
    "30000x1.jpg": (lambda: encode(two_halves((30000, 1)), "JPEG", quality=95), Expected((30000, 1))),
    "panorama.jpg": (lambda: encode(two_halves((30000, 500)), "JPEG", quality=50), Expected((30000, 500))),
    "panorama.png": (lambda: encode(two_halves((30000, 500)), "PNG", compress_level=1), Expected((30000, 500))),
    "large.tif": (lambda: encode(two_halves((5000, 4000)), "TIFF", compression="tiff_lzw"), Expected((5000, 4000))),
    "broken exif.jpg": (_broken_exif, Expected()),
    "place.jpg": (_with_place, Expected()),
    "broken profile.jpg": (lambda: _broken_profile("JPEG"), Expected()),
    "broken profile.png": (lambda: _broken_profile("PNG"), Expected()),
    "long text.png": (
        lambda: with_png_chunks(png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(30_000_000)))),
        Expected(),
    ),
    "many chunks.png": (lambda: with_png_chunks(png_chunk(b"tEXt", b"a\0b") * 20_000), Expected()),
    "Ünï çødé 测试 🐈.jpg": (_jpeg, Expected()),
    " spaces  .jpg": (_jpeg, Expected()),
    "two\nlines.jpg": (_jpeg, Expected()),
    "\x1b[31mred\x07.jpg": (_jpeg, Expected()),
    "-dash.jpg": (_jpeg, Expected()),
    "=1+1.jpg": (_jpeg, Expected()),
    "back\\xe9slash.jpg": (_jpeg, Expected()),
    os.fsdecode(b"no text \xff\xe9.jpg"): (_jpeg, Expected()),
    "l" * 240 + ".jpg": (_jpeg, Expected()),
}

_UNREADABLE: dict[str, Callable[[], bytes]] = {
    "truncated.jpg": lambda: encode(two_halves((300, 300)), "JPEG")[:-400],
    "truncated.png": lambda: encode(two_halves((300, 300)), "PNG")[:-60],
    "truncated.webp": lambda: encode(two_halves((300, 300)), "WEBP")[:-60],
    "truncated.heic": lambda: base64.b64decode(HEIC)[:-60],
    "zero.jpg": lambda: b"",
    "text.jpg": lambda: b"It is a truth universally acknowledged",
    "drawing.png": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40'/>",
    "postscript.jpg": _postscript,
    "document.jpg": lambda: encode(two_halves(), "PDF"),
    "html.png": lambda: b"<!doctype html><title>404</title>",
    "bomb.png": lambda: _png_of(60000, 60000),
    "bits bomb.png": _bits_bomb,
    "bomb.gif": _gif_with_huge_screen,
    "bomb.webp": _webp_bomb,
    "bomb.bmp": _large_bmp,
    "bomb.ppm": lambda: b"P6 60000 60000 255\n" + bytes(100),
    "bomb.ico": _icon_with_bomb,
    "bomb.tif": lambda: tiled_tiff(40_000),
    "long strip.png": lambda: _png_of(1, 2_000_000_000),
    "slow.ppm": lambda: b"P3 2000 2000 255\n" + b"1 2 3 " * 100,
    "scans.jpg": _scans_without_end,
    "comments.jpg": lambda: re.sub(rb"^\xff\xd8", b"\xff\xd8" + b"\xff\xfe\0\x02" * 500_000, _jpeg()),
    "texts bomb.png": lambda: with_png_chunks(png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(40_000_000))) * 3),
}
