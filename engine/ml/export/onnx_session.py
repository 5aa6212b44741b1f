"""Open an ONNX file with onnxruntime, without importing torch."""

from pathlib import Path

import onnxruntime

from engine.ml.export.verification_process import Images, Opened, Probabilities

_ERRORS_ONLY = 3


def open_onnx(path: Path) -> Opened:
    """Return the name and version of onnxruntime, and a function that runs the file on images."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(images: Images) -> Probabilities:
        probabilities: Probabilities = session.run(None, {"images": images})[0]
        return probabilities

    return f"onnxruntime {onnxruntime.__version__}", run
