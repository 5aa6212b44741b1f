# Made by Classifold. Needs onnxruntime, Pillow and numpy:  python predict.py IMAGE...
import json
import math
import os
import sys
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # otherwise onnxruntime reports each model to Microsoft
import numpy as np
import onnxruntime
from PIL import Image, ImageOps

FILE = "model.onnx"
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".avif", ".heic")
SUFFIXES += (".heif", ".mpo", ".ppm", ".pgm", ".pbm", ".ico", ".tga", ".jp2")
HIDDEN = (".", "~$", "__macosx", "@eadir", "@recycle", "#recycle", "#snapshot", "$recycle.bin", "lost+found")

LOW_BYTES = {
    f"{mode};16{order}": f"{mode};16{other}" for mode in ("RGB", "RGBX", "RGBA") for order, other in ("LB", "BL")
}
LOW_BYTES["LA;16B"] = "RGBA"


def load():
    session = onnxruntime.InferenceSession(Path(__file__).with_name(FILE), providers=["CPUExecutionProvider"])
    return session, json.loads(session.get_modelmeta().custom_metadata_map["classifold"])


def read(path, side, ranges):  # returns an upright image; its shorter side may be reduced to `side` while decoding
    with Image.open(path) as file:
        factor = max(1, min(file.size) // side)
        file.draft(None, tuple(length // factor for length in file.size))
        tiles, tags, kind = list(file.tile), dict(getattr(file, "tag_v2", {})), file.format
        raw_mode = str(np.ravel(tiles[0].args)[0]) if tiles else ""
        image = ImageOps.exif_transpose(file)
    if ranges is not None and raw_mode in ("L;2", "L;4") and "transparency" in image.info:
        image.info["transparency"] *= 85 if raw_mode == "L;2" else 17
    check(tags)
    raw_mode = raw_mode.replace(";16N", ";16L" if sys.byteorder == "little" else ";16B")
    if image.mode == "F" or image.mode.startswith("I"):
        samples = np.asarray(image)
        if ranges is not None and image.mode == "I" and tags and tags.get(339, (1,))[0] == 1:
            samples = samples.view(np.uint32)
    elif ranges is not None and image.mode == "L" and tags.get(339, (1,))[0] == 2:
        samples = np.asarray(image).view(np.int8)
    elif ranges is not None and raw_mode in LOW_BYTES:
        samples = read_colours(path, image, tiles, raw_mode)
    else:
        return image
    transparent, alpha = image.info.get("transparency"), None
    if ranges is not None and transparent is not None:
        alpha = 255 * (np.atleast_3d(samples) != transparent).any(2)
    elif image.mode in ("RGBA", "RGBa"):
        alpha = np.asarray(image)[..., 3]
    if ranges is not None and 42113 in tags:  # the value of missing data
        samples = np.where(samples == float(tags[42113].strip("\0 ")), np.nan, samples.astype(float))
    black, white = find_range(samples, image.mode == "F", tags, kind, ranges)
    if ranges is not None and tags.get(262) == 0:
        black, white = white, black  # low values are white
    scaled = np.nan_to_num((samples.astype(float) - black) * (255 / (white - black or 1)), nan=0, posinf=255, neginf=0)
    image = Image.fromarray(np.round(np.clip(scaled, 0, 255)).astype(np.uint8)).convert("RGB")
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    return image


def check(tags):  # raises ValueError for TIFF files that Pillow opens but decodes wrongly
    bits, num_samples = max(tags.get(258, (8,))), tags.get(256, 0) * tags.get(257, 0)
    if 8 < bits < 16 and tags.get(259, 1) == 1 and sum(tags.get(279, ())) >= 2 * num_samples:
        raise ValueError(f"it states {bits} bits per sample but uses 16. Save it with 16 bits per sample.")
    if tags.get(284) == 2 and bits > 8:
        raise ValueError("its channels are stored one after the other. Save it with interleaved channels.")


def read_colours(path, image, tiles, raw_mode):  # Pillow keeps the high bytes; a second pass gives the low ones
    with Image.open(path) as file:
        low_mode = LOW_BYTES[raw_mode]
        file.tile = [
            tile._replace(args=low_mode if isinstance(tile.args, str) else (low_mode, *tile.args[1:])) for tile in tiles
        ]
        low = np.asarray(ImageOps.exif_transpose(file))
    return np.asarray(image)[..., :3] * 256.0 + (low[..., 1:2] if raw_mode == "LA;16B" else low[..., :3])


def find_range(samples, is_float, tags, kind, ranges):  # returns the values that become black and white
    finite = samples[np.abs(samples) < 1e30]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    limits = [1.0] if is_float else [2.0**bits - 1 for bits in (8, 10, 12, 14, 16)]
    if ranges is None:  # a model of version 0.1
        limits = [1.0, 255.0] if is_float else [65535.0]
        low_limit = low
    else:
        bits = tags.get(258, (16,))[0]
        if not is_float and (kind in ("PPM", "JPEG2000") or 8 < bits < 16):
            return 0.0, 65535.0 if kind in ("PPM", "JPEG2000") else 2.0**bits - 1
        if (known := ranges["floating" if is_float else "integer"]) is not None:
            return known
        low_limit, step = min(0.0, low), max(1, math.isqrt(samples.shape[0] * samples.shape[1] // 250_000))
        sampled = samples[::step, ::step]
        sampled = sampled[np.abs(sampled) < 1e30]
        bright = float(np.quantile(sampled, 0.999, method="inverted_cdf")) if sampled.size else high
        if bright > low_limit:  # a few pixels must not make all others dark
            high = min(high, low_limit + 4 * (bright - low_limit))
    fitting = [limit for limit in limits if low >= 0 and high <= limit]
    return (0.0, fitting[0]) if fitting else (low_limit, high)


def flatten(image, ranges):  # returns an image without transparency, on white, or on black if it is nearly white itself
    image = image.convert("RGBA")
    pixels = np.asarray(image).astype(int)
    visible = pixels[..., 3][pixels[..., :3].min(2) <= 223].sum()
    ground = "white" if ranges is None or 2 * visible >= pixels[..., 3].sum() else "black"
    return Image.alpha_composite(Image.new("RGBA", image.size, ground), image)


def preprocess(path, size, geometry, crop_share, pad_grey, ranges=None):  # returns uint8, shape (1, 3, size, size)
    side = math.ceil(size / crop_share) if geometry == "crop" else size
    image = read(path, side, ranges)
    if image.has_transparency_data:
        image = flatten(image, ranges)
    scale = size / max(image.size) if geometry == "pad" else side / min(image.size)
    new = (size, size) if geometry == "squash" else tuple(max(1, round(length * scale)) for length in image.size)
    square = Image.new("RGB", (size, size), (pad_grey,) * 3)
    corner = tuple((size - length) // 2 if geometry == "pad" else -round((length - size) / 2) for length in new)
    square.paste(image.convert("RGB").resize(new, Image.Resampling.BILINEAR), corner)
    return np.asarray(square).transpose(2, 0, 1)[None]


def predict(model, path):
    session, metadata = model
    options = [metadata[name] for name in ("image_size", "geometry", "crop_share", "pad_grey")]
    images = preprocess(path, *options, metadata.get("grey_ranges"))
    if not metadata["normalises"]:
        mean, std = (np.float32(metadata[name]).reshape(1, 3, 1, 1) * 255 for name in ("mean", "std"))
        images = (images - mean) / std
    probabilities, *similarities = (output[0] for output in session.run(None, {"images": images}))
    if not np.isfinite(probabilities).all():
        raise ValueError("the model computes no valid numbers for it.")
    similarity = float(similarities[0]) if similarities else None
    order = np.argsort(-probabilities, kind="stable")[:5]
    top = [(metadata["classes"][index], float(probabilities[index])) for index in order]
    label, confidence = top[0]
    ood_threshold = metadata.get("ood_threshold", metadata.get("unknown_below"))  # the second key is of older exports
    is_unknown = similarity is not None and ood_threshold is not None and similarity < ood_threshold
    decision = "unknown" if is_unknown else "accepted" if confidence >= metadata["threshold"] else "unsure"
    return row(path, decision, label, confidence, similarity, top)


def row(path, decision=None, label=None, confidence=None, similarity=None, top=(), error=None):
    names = ("path", "decision", "label", "confidence", "similarity", "top", "error")
    return dict(zip(names, (str(path), decision, label, confidence, similarity, top, error)))


def is_hidden(path):
    return any(name.lower().startswith(HIDDEN) for name in path.parts)


def expand(paths):  # yields files, and the images inside folders
    for path in map(Path, paths):
        if path.is_dir():
            files = (file for file in path.rglob("*") if file.suffix.rstrip().lower() in SUFFIXES and not file.is_dir())
            yield from sorted(file for file in files if not is_hidden(file.relative_to(path)))
        else:
            yield path


def main(paths):  # prints one JSON line for each image; returns the exit code
    if not paths:
        print("Usage: python predict.py IMAGE_OR_FOLDER...", file=sys.stderr)
        return 2
    model, num_images, num_failed = load(), 0, 0
    for path in expand(paths):
        try:
            result = predict(model, path)
        except Exception as error:  # noqa: BLE001 - Pillow raises many types of errors
            result = row(path, error=f"This image cannot be classified: {str(error) or type(error).__name__}")
        num_images, num_failed = num_images + 1, num_failed + (result["error"] is not None)
        print(json.dumps(result), flush=True)
    if num_failed or not num_images:
        print(f"{num_failed} of {num_images} images could not be classified.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
