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
    probabilities, *similarity = (output[0] for output in session.run(None, {"images": images}))
    label, confidence = metadata["classes"][probabilities.argmax()], float(probabilities.max())
    ood_threshold = metadata.get("ood_threshold", metadata.get("unknown_below"))  # the second key is of older exports
    is_unknown = bool(similarity) and ood_threshold is not None and similarity[0] < ood_threshold
    decision = "unknown" if is_unknown else label if confidence >= metadata["threshold"] else "unsure"
    return {"path": str(path), "decision": decision, "label": label, "confidence": confidence}


if __name__ == "__main__":
    classifier = load()
    for image_path in sys.argv[1:]:
        print(json.dumps(predict(classifier, image_path)))
