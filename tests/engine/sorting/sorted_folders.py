"""Folders of photos for tests of sorting, and functions that sort them."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import get_args

from engine.core.event_stream import run_to_end
from engine.core.events import Event
from engine.core.path_text import path_to_text
from engine.results.predictions import ACCEPTED, Prediction, PredictionDecision
from engine.sorting.file_transfer import TransferMode
from engine.sorting.sorter import Sorter, SortResult, files_to_sort, sort_predictions

MODES: tuple[TransferMode, ...] = get_args(TransferMode)


def write_photos(root: Path, *names: str) -> Path:
    """Write a file for each name, each with its own content and times, and return `root`."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape") * 50)
        os.utime(path, ns=(10**18 + number, 10**18 + number * 7))
    return root


def read_tree(root: Path) -> dict[str, tuple[bytes, int] | None]:
    """Return all folders, and all files with content and modification time."""
    return {
        str(path.relative_to(root)): None if path.is_dir() else (path.read_bytes(), path.stat().st_mtime_ns)
        for path in root.rglob("*")
    }


def make_prediction(path: Path, label: str = "ant", decision: PredictionDecision = ACCEPTED) -> Prediction:
    """Return a prediction for an image, with a confidence of 0.9."""
    return Prediction(path_to_text(str(path)), ((label, 0.9),), decision=decision)


def sort_folder(
    source: Path,
    target: Path,
    mode: TransferMode,
    predict: Callable[[Path], Prediction] = make_prediction,
    classes: Sequence[str] = ("ant",),
) -> SortResult:
    """Sort the images of a folder by the predictions that `predict` returns."""
    files = files_to_sort(source, target)
    predictions: Iterator[Event | Prediction] = iter([predict(path) for path in files])
    return run_to_end(sort_predictions(files, Sorter(source, target, mode, classes), predictions))
