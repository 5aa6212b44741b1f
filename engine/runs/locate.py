"""Find the run or the model file that a path means; an error names what the path is instead."""

import os
from pathlib import Path

from engine.core.errors import EngineError
from engine.core.file_names import is_image_name
from engine.core.formatting import count
from engine.data.folders.wrong_path import describe_file
from engine.runs.run_folder import Run, list_runs

_RUN_ADVICE = "Choose the folder that training wrote, which holds config.json."
_MODEL_ADVICE = "Choose a model.safetensors file, or the folder of its run."
_EXPORTED = frozenset({".onnx", ".pt2", ".html"})
_FOREIGN = frozenset({".pth", ".pt", ".ckpt", ".bin"})


def locate_run(path: Path) -> Run:
    """Return the run that a path means: a run folder, or the model file in one.

    Raises:
        EngineError: The path is something else; the sentence names it and what to choose instead.
    """
    if _is_run(path):
        return Run(path)
    _require_readable(path, "run")
    if not os.path.isdir(path):
        if _is_run(path.parent) and path.name == Run(path.parent).model_path.name:
            return Run(path.parent)
        if path.suffix == ".safetensors":
            raise EngineError(f"This model file is not in the folder of its run. {_RUN_ADVICE}", path)
        raise EngineError(f"This is {describe_file(path)}, not the folder of a run. {_RUN_ADVICE}", path)
    _require_no_runs(path)
    if Run(path).model_path.is_file():
        raise EngineError(f"This folder holds a model but not the other files of its run. {_RUN_ADVICE}", path)
    if _has_images(path):
        raise EngineError(f"This is a folder of images, not the folder of a run. {_RUN_ADVICE}", path)
    raise EngineError(f"This is not the folder of a run: it has no config.json. {_RUN_ADVICE}", path)


def locate_runs(path: Path) -> list[Run]:
    """Return the runs in a folder, newest first, or the run whose folder this is.

    Raises:
        EngineError: The path is no folder, or holds no runs.
    """
    if not os.path.isdir(path) or _is_run(path):
        return [locate_run(path)]
    runs = list_runs(path)
    if not runs:
        raise EngineError("There are no runs in this folder.", path)
    return runs


def locate_model(path: Path) -> Path:
    """Return the model file that a path means: a file, or the model in a run folder.

    Whether a file holds a model is not checked here, because reading it shows that.

    Raises:
        EngineError: The path is a folder without a model, or a file of another kind.
    """
    _require_readable(path, "model file")
    if not os.path.isdir(path):
        if path.suffix.lower() in _EXPORTED:
            raise EngineError("This is an exported file. Choose the model.safetensors that it was made from.", path)
        if path.suffix.lower() in _FOREIGN:
            raise EngineError(
                "These are weights of another program. Train a model that starts from them: "
                "classifold train DATA --model.weights FILE.",
                path,
            )
        return path
    run = Run(path)
    if run.model_path.is_file():
        return run.model_path
    if _is_run(path):
        raise EngineError("This run has no model yet. Resume its training first.", path)
    _require_no_runs(path)
    kind = "This is a folder of images, not a model." if _has_images(path) else "There is no model in this folder."
    raise EngineError(f"{kind} {_MODEL_ADVICE}", path)


def _require_no_runs(folder: Path) -> None:
    runs = list_runs(folder)
    if runs:
        number = count(len(runs), "run")
        raise EngineError(f"This folder holds {number}. Choose one of them, such as '{runs[0].path}'.", folder)


def _is_run(path: Path) -> bool:
    return os.path.isfile(Run(path).config_path)


def _require_readable(path: Path, noun: str) -> None:
    if not os.path.lexists(path):
        raise EngineError(f"This {noun} does not exist. Check the spelling of the path.", path)
    if not os.path.exists(path):
        raise EngineError("This link leads to nothing. Choose the file or folder itself.", path)
    if not os.access(path, os.R_OK | os.X_OK if os.path.isdir(path) else os.R_OK):
        raise EngineError("You may not read this. Change its permissions, or choose another path.", path)


def _has_images(folder: Path) -> bool:
    """Return True if the folder or a folder in it holds an image file."""
    return any(
        any(map(is_image_name, _names(parent)))
        for parent in [folder, *(folder / name for name in _names(folder) if os.path.isdir(folder / name))]
    )


def _names(folder: Path) -> list[str]:
    """Return the names in a folder; none if it cannot be read."""
    try:
        return os.listdir(folder)
    except OSError:
        return []
