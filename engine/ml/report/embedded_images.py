"""Images embedded in the report as `data:` URLs."""

import base64
import io

import numpy as np
from matplotlib import colormaps
from PIL import Image

from engine.data.decode import Pixels
from engine.results.explanation import COLOUR_MAP, Explanation, opacity

_JPEG_QUALITY = 82


def data_url(media_type: str, content: bytes) -> str:
    """Return content as a base64 `data:` URL."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def jpeg_url(pixels: Pixels) -> str:
    """Return pixels, uint8 (H, W, 3), as a JPEG without metadata, so no place, time or camera is published."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return data_url("image/jpeg", buffer.getvalue())


def heat_map_url(explanation: Explanation, pixels: Pixels) -> str:
    """Return the heat map of an explanation over the greyscale image, uint8 (H, W, 3), as a JPEG."""
    height, width = pixels.shape[:2]
    box = explanation.box
    edges = box.left * width, box.top * height, box.right * width, box.bottom * height
    left, top, right, bottom = (round(edge) for edge in edges)
    size = max(1, right - left), max(1, bottom - top)
    heat = np.asarray(Image.fromarray(explanation.heat).resize(size, Image.Resampling.BILINEAR)).clip(0, 1)
    # The box is larger than the image if the image was padded
    canvas = Image.new("F", (width, height))
    canvas.paste(Image.fromarray(heat), (left, top))
    canvas_heat = np.asarray(canvas)
    colours = colormaps[COLOUR_MAP](canvas_heat)[..., :3] * 255
    # A static page has no slider for the opacity, and on grey weak heat stays visible
    grey = np.asarray(Image.fromarray(pixels).convert("L"), np.float32)[..., None]
    alpha = opacity(canvas_heat)[..., None]
    return jpeg_url(np.round(grey * (1 - alpha) + colours * alpha).astype(np.uint8))
