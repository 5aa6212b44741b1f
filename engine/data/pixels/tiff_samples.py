"""Reader of TIFF samples that Pillow does not decode: halves, doubles, floats in colour, further channels, planes.

Files of other kinds or compressions are refused with a sentence that names what they contain.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin
from PIL.ExifTags import Base

from engine.data.pixels.deep_colours import Box
from engine.data.pixels.deep_samples import DeepSamples
from engine.data.pixels.grey_range import Range
from engine.data.pixels.stated_range import display_range, is_white_zero, missing_value
from engine.data.pixels.tiff_codec import decompress
from engine.data.pixels.tiff_layout import Layout, read_layout

_MAX_OVERHEAD = 4096
"""Bytes by which compressed data may exceed twice its size."""


class UnusualTiff(TiffImagePlugin.TiffImageFile):
    """A TIFF whose tags are read although Pillow cannot decode its samples."""

    is_known_to_pillow = True

    def _setup(self) -> None:
        try:
            super()._setup()
        except (SyntaxError, KeyError, ValueError, TypeError, IndexError):
            self.is_known_to_pillow = False
        self.layout = layout = read_layout(self.tag_v2)
        self._mode, self._size, self.tile = "L", (layout.width, layout.height), []
        self._tile_size = self._size


def may_be_misread(image: Image.Image) -> bool:
    """Return True for a TIFF that Pillow opens but may decode wrongly: channels one after the other, or odd bits."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    bits = np.max(image.tag_v2.get(Base.BitsPerSample, 1), initial=1)
    return image.tag_v2.get(Base.PlanarConfiguration) == 2 or 8 < bits < 16


def open_unusual_tiff(file: BinaryIO) -> UnusualTiff | None:
    """Open a TIFF that Pillow does not decode, or decodes wrongly; return None for other files.

    Raises:
        EngineError: The samples are of a kind or compression that this program does not read either.
    """
    file.seek(0)
    if file.read(4) not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return None
    file.seek(0)
    image = UnusualTiff(file)
    layout = image.layout
    # Pillow takes the planes of channels of more than 8 bits for planes of bytes, and unpacks what is not packed
    is_misread = (layout.is_planar and layout.bits > 8) or (layout.is_odd and not layout.is_packed)
    if image.is_known_to_pillow and not is_misread:
        return None
    image.layout.require_readable()
    return image


def read_tiff_samples(image: UnusualTiff, file: BinaryIO) -> DeepSamples:
    """Read the samples of grey or of the first three channels, and those of opacity if there are any."""
    layout = image.layout
    samples = np.zeros((layout.height, layout.width, layout.num_read), layout.dtype.newbyteorder("="))
    for (top, left), channels, chunk in _chunks(layout, file):
        part = samples[top : top + chunk.shape[0], left : left + chunk.shape[1], channels]
        part[...] = chunk[: part.shape[0], : part.shape[1]]
    colours = samples[..., 0] if layout.num_colours == 1 else samples[..., :3]

    def read(box: Box) -> npt.NDArray[np.generic]:
        return colours[box[1] : box[3], box[0] : box[2]]

    def read_alpha(box: Box) -> npt.NDArray[np.uint8]:
        return _opacity(samples[box[1] : box[3], box[0] : box[2], layout.num_colours])

    return DeepSamples(
        kind="floating" if layout.dtype.kind == "f" else "integer",
        read=read,
        read_alpha=read_alpha if layout.has_alpha else None,
        encoding=_encoding(layout),
        display=display_range(image, file),
        is_inverted=is_white_zero(image),
        missing=missing_value(image),
    )


def _encoding(layout: Layout) -> Range | None:
    return (0.0, 2.0**layout.bits - 1) if layout.is_odd or layout.dtype == np.uint8 else None


def _opacity(alpha: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    opaque = 1.0 if alpha.dtype.kind == "f" else float(np.iinfo(alpha.dtype).max)
    return np.round(np.clip(np.nan_to_num(alpha.astype(np.float64) / opaque), 0, 1) * 255).astype(np.uint8)


def _chunks(layout: Layout, file: BinaryIO) -> Iterator[tuple[tuple[int, int], slice, npt.NDArray[np.generic]]]:
    """Yield top and left, the channels, and the samples (H, W, C) of each strip or tile that is needed."""
    for number, (offset, size) in enumerate(layout.chunks):
        plane, position = divmod(number, layout.chunks_per_plane)
        if layout.is_planar and plane >= layout.num_read:
            return
        row, column = divmod(position, layout.chunks_across)
        if row * layout.chunk_height >= layout.height:
            continue
        num_rows = min(layout.chunk_height, layout.height - row * layout.chunk_height)
        file.seek(offset)
        data = file.read(min(size, 2 * layout.chunk_bytes + _MAX_OVERHEAD))
        rows = decompress(data, layout.compression, num_rows, layout.row_bytes)
        samples = _unpack(rows, layout) if layout.is_packed else _undo_predictor(rows, layout)
        samples = samples.reshape(num_rows, layout.chunk_width, layout.channels_per_chunk)
        origin = row * layout.chunk_height, column * layout.chunk_width
        if layout.is_planar:
            yield origin, slice(plane, plane + 1), samples
        else:
            yield origin, slice(0, layout.num_read), samples[..., : layout.num_read]


def _unpack(rows: npt.NDArray[np.uint8], layout: Layout) -> npt.NDArray[np.generic]:
    """Return samples, shape (rows, samples), from bytes in which samples of 9 to 15 bits follow each other."""
    num_samples = layout.chunk_width * layout.channels_per_chunk
    bits = np.unpackbits(rows, axis=1)[:, : num_samples * layout.bits].reshape(len(rows), num_samples, layout.bits)
    padded = np.pad(bits, ((0, 0), (0, 0), (16 - layout.bits, 0)))
    return np.packbits(padded, axis=2).view(">u2")[..., 0]


def _undo_predictor(rows: npt.NDArray[np.uint8], layout: Layout) -> npt.NDArray[np.generic]:
    """Return samples, shape (rows, samples), from bytes, shape (rows, bytes).

    Predictor 2 stores the differences to the pixel on the left (TIFF 6.0, section 14). Predictor 3 also sorts the bytes
    of floats by significance (Adobe TIFF technical note 3).
    """
    step = layout.channels_per_chunk
    if layout.predictor == 3:
        summed = rows.reshape(len(rows), -1, step).cumsum(1, dtype=np.uint8).reshape(len(rows), -1)
        planes = summed.reshape(len(rows), layout.dtype.itemsize, -1)  # most significant bytes first
        return np.ascontiguousarray(planes.transpose(0, 2, 1)).view(layout.dtype.newbyteorder(">"))[..., 0]
    samples = rows.view(layout.dtype)
    if layout.predictor == 2:
        native = samples.astype(layout.dtype.newbyteorder("="))
        return native.reshape(len(rows), -1, step).cumsum(1, dtype=native.dtype).reshape(len(rows), -1)
    return samples
