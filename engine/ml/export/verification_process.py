"""What the clean process does that proves an export. It imports nothing of the program that made the file."""

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
"""What runs a file, such as `onnxruntime 1.32.0`, and the function that does."""

INPUTS, REQUEST, ANSWERS, REPORT = "inputs.npy", "request.json", "answers.npy", "report.json"
_BATCH = 8
_NUM_TIMED = 50


def run_request(folder: Path, open_file: Callable[[Path], Opened]) -> None:
    """Run the file that `request.json` in `folder` names on `inputs.npy`; write `answers.npy` and `report.json` there.

    Where the request names a script, it is asked about the image files too, as a user would ask it.
    """
    request = json.loads((folder / REQUEST).read_text("utf-8"))
    inputs = np.load(folder / INPUTS, mmap_mode="r", allow_pickle=False)
    runtime, run = open_file(Path(request["file"]))
    parts = [run(np.array(inputs[start : start + _BATCH])) for start in range(0, len(inputs), _BATCH)]
    np.save(folder / ANSWERS, np.concatenate(parts))
    labels = _ask_script(Path(request["script"]), request["images"]) if request["script"] else None
    speedup = None
    if request["floats"]:
        floats, integers = _seconds([open_file(Path(request["floats"]))[1], run], inputs)
        speedup = floats / integers
    report = {"runtime": runtime, "labels": labels, "speedup": speedup}
    (folder / REPORT).write_text(json.dumps(report), "utf-8")


def _seconds(runs: list[Callable[[Images], Probabilities]], inputs: Images) -> list[float]:
    """Return how long each takes for one image, at the best of many: what else the computer does only adds to it."""
    best = [math.inf] * len(runs)
    for number in range(min(_NUM_TIMED, len(inputs))):
        image = np.array(inputs[number : number + 1])
        for position, run in enumerate(runs):
            started = time.perf_counter()
            run(image)
            best[position] = min(best[position], time.perf_counter() - started)
    return best


def _ask_script(script: Path, images: list[str]) -> list[str | None]:
    """Return the class of each image; None where it is of a format that the script cannot read, such as HEIC."""
    names: dict[str, Any] = runpy.run_path(str(script))
    model = names["load"]()

    def ask(image: str) -> str | None:
        try:
            label: str = names["predict"](model, image)["label"]
        except Exception:  # noqa: BLE001 - on odd files Pillow raises nearly anything
            return None
        return label

    return [ask(image) for image in images]
