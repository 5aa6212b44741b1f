"""What the clean process does that proves an export. It imports nothing of the program that made the file."""

import json
import runpy
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
    (folder / REPORT).write_text(json.dumps({"runtime": runtime, "labels": labels}), "utf-8")


def _ask_script(script: Path, images: list[str]) -> list[str]:
    names: dict[str, Any] = runpy.run_path(str(script))
    model = names["load"]()
    return [names["predict"](model, image)["label"] for image in images]
