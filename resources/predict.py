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


def load():
    session = onnxruntime.InferenceSession(Path(__file__).with_name(FILE), providers=["CPUExecutionProvider"])
    return session, json.loads(session.get_modelmeta().custom_metadata_map["classifold"])


def preprocess(path, size, geometry, crop_share, pad_grey):  # returns uint8, shape (1, 3, size, size)
    side = math.ceil(size / crop_share) if geometry == "crop" else size
    with Image.open(path) as file:
        scale = min(1, side / min(file.size))
        file.draft(None, tuple(math.ceil(length * scale) for length in file.size))
        image = ImageOps.exif_transpose(file)
    if image.mode.startswith("I"):
        image = Image.fromarray(np.round(np.asarray(image) / 257).astype(np.uint8))
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    scale = size / max(image.size) if geometry == "pad" else side / min(image.size)
    new = (size, size) if geometry == "squash" else tuple(max(1, round(length * scale)) for length in image.size)
    square = Image.new("RGB", (size, size), (pad_grey,) * 3)
    corner = tuple((size - length) // 2 if geometry == "pad" else -round((length - size) / 2) for length in new)
    square.paste(image.convert("RGB").resize(new, Image.Resampling.BILINEAR), corner)
    return np.asarray(square).transpose(2, 0, 1)[None]


def predict(model, path):
    session, metadata = model
    images = preprocess(path, *(metadata[name] for name in ("image_size", "geometry", "crop_share", "pad_grey")))
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


def expand(paths):  # yields files, and the images inside folders
    for path in map(Path, paths):
        if path.is_dir():
            found = (file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
            yield from sorted(file for file in found if not file.name.startswith((".", "__")) and file.is_file())
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
            result = row(path, error=f"This image cannot be classified: {error or type(error).__name__}")
        num_images, num_failed = num_images + 1, num_failed + (result["error"] is not None)
        print(json.dumps(result), flush=True)
    if num_failed or not num_images:
        print(f"{num_failed} of {num_images} images could not be classified.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
