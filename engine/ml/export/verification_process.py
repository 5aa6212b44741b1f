"""Run an exported file in a separate process, which imports neither torch (for ONNX) nor the code that wrote it."""

import json
import math
import runpy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Images: TypeAlias = npt.NDArray[np.generic]
Probabilities: TypeAlias = npt.NDArray[np.float32]
Opened: TypeAlias = tuple[str, Callable[[Images], Probabilities]]
"""Name and version of the runtime, such as `onnxruntime 1.32.0`, and a function that runs the file on images."""

INPUTS, REQUEST, OUTPUTS, REPORT = "inputs.npy", "request.json", "outputs.npy", "report.json"
_BATCH_SIZE = 8
_MAX_TIMED_IMAGES = 50


def run_request(folder: Path, open_file: Callable[[Path], Opened]) -> None:
    """Run the exported file named in `request.json` on `inputs.npy`; write `outputs.npy` and `report.json`.

    If the request names a script, the script classifies the image files too, as a user would run it.

    Args:
        folder: The folder of these files.
        open_file: Opens an exported file.
    """
    request = json.loads((folder / REQUEST).read_text("utf-8"))
    inputs = np.load(folder / INPUTS, mmap_mode="r", allow_pickle=False)
    runtime, run = open_file(Path(request["file"]))
    outputs = [run(np.array(inputs[start : start + _BATCH_SIZE])) for start in range(0, len(inputs), _BATCH_SIZE)]
    np.save(folder / OUTPUTS, np.concatenate(outputs))
    labels = _run_script(Path(request["script"]), request["images"]) if request["script"] else None
    speedup = None
    if request["floats"]:
        floats, integers = _time_runs([open_file(Path(request["floats"]))[1], run], inputs)
        speedup = floats / integers
    report = {"runtime": runtime, "labels": labels, "speedup": speedup}
    (folder / REPORT).write_text(json.dumps(report), "utf-8")


def _time_runs(runs: list[Callable[[Images], Probabilities]], inputs: Images) -> list[float]:
    """Return the shortest time of each function for one image in seconds; other load can only make it longer."""
    best = [math.inf] * len(runs)
    for number in range(min(_MAX_TIMED_IMAGES, len(inputs))):
        image = np.array(inputs[number : number + 1])
        for position, run in enumerate(runs):
            started = time.perf_counter()
            run(image)
            best[position] = min(best[position], time.perf_counter() - started)
    return best


def _run_script(script: Path, images: list[str]) -> list[str | None]:
    """Return the class of each image, or None if the script cannot read its format, such as HEIC."""
    names: dict[str, Any] = runpy.run_path(str(script))
    model = names["load"]()

    def classify(image: str) -> str | None:
        try:
            label: str = names["predict"](model, image)["label"]
        except Exception:  # noqa: BLE001 - Pillow raises many types of errors
            return None
        return label

    return [classify(image) for image in images]
