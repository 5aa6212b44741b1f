# Made by Classifold. Needs onnxruntime, Pillow and numpy:  python predict.py IMAGE...
import json
import math
import os
import sys
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # else onnxruntime tells Microsoft of each model
import numpy as np
import onnxruntime
from PIL import Image, ImageOps

FILE = "model.onnx"


def load():
    session = onnxruntime.InferenceSession(Path(__file__).with_name(FILE), providers=["CPUExecutionProvider"])
    return session, json.loads(session.get_modelmeta().custom_metadata_map["classifold"])


def pixels(path, size, geometry, crop_share, pad_grey):  # as the network sees them: uint8, shape (1, 3, size, size)
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
    session, about = model
    images = pixels(path, about["image_size"], about["geometry"], about["crop_share"], about["pad_grey"])
    if not about["normalises"]:
        mean, std = (np.float32(about[name]).reshape(1, 3, 1, 1) * 255 for name in ("mean", "std"))
        images = (images - mean) / std
    probabilities, *similarity = (output[0] for output in session.run(None, {"images": images}))
    label, confidence = about["classes"][probabilities.argmax()], float(probabilities.max())
    is_unknown = bool(similarity) and about["unknown_below"] is not None and similarity[0] < about["unknown_below"]
    decision = "unknown" if is_unknown else label if confidence >= about["threshold"] else "unsure"
    return {"path": str(path), "decision": decision, "label": label, "confidence": confidence}


if __name__ == "__main__":
    classifier = load()
    for image_path in sys.argv[1:]:
        print(json.dumps(predict(classifier, image_path)))
