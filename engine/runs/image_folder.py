"""The folder of a run's images: check that it is there, and find it again after it was moved."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from engine.core.atomic_write import saving, write_text_atomic
from engine.core.errors import EngineError
from engine.core.file_digest import file_digest
from engine.core.formatting import count
from engine.core.safe_read import read_text
from engine.data.dataset import Dataset, scan
from engine.data.folders.split_names import Split
from engine.data.splits import SplitImage, read_split_file
from engine.runs.run_folder import Run

_MIN_SHARE = 0.9
"""Share (0..1) of the images that must be found, so that a few deleted ones do not matter."""
_MAX_DIGESTS = 100
"""Number of files that are compared byte by byte; sizes are compared for all."""


class ImagesMissingError(EngineError):
    """The images of a run are not where they were; `run_path` is the run."""

    def __init__(self, run: Run, root: Path) -> None:
        super().__init__(
            "The images of this run are no longer in this folder. Connect their drive, or show where they are now: "
            "with --data DIR on the command line, with 'Find images…' in the window.",
            root,
        )
        self.run_path = run.path


def require_images(run: Run) -> Dataset:
    """Return the dataset of a run as it was split; raise ImagesMissingError if none of its images is there any more."""
    dataset = run.dataset
    if not any(os.path.isfile(dataset.root / sample.path) for sample in dataset.samples):
        raise ImagesMissingError(run, dataset.root)
    return dataset


def current_dataset(run: Run) -> Dataset:
    """Return the dataset of a run with the labels that its folder has now; new images are for validation.

    Raises:
        EngineError: The images are missing, or the folder cannot be read.
    """
    stored = require_images(run)
    dataset = scan(stored.root)
    splits = {sample.path: sample.split for sample in stored.samples}
    new: Split | None = None if dataset.has_val else "val"
    samples = (
        replace(sample, split=splits.get(sample.path, new if new and sample.split == "train" else sample.split))
        for sample in dataset.samples
    )
    dataset = replace(dataset, samples=tuple(samples), has_val=True, grey_ranges=stored.grey_ranges)
    return dataset.without(frozenset(stored.left_out))


def move_images(run: Run, data: Path) -> int:
    """Store in the run folder that the images of a run are in `data` now, or in one of its subfolders.

    Returns:
        The number of images that are missing or have changed.

    Raises:
        EngineError: The folder holds other images, or the run folder cannot be written to.
    """
    document = read_split_file(run.split_path)
    files = document.files
    folder = max([data, *_subfolders(data)], key=lambda candidate: _num_present(candidate, files))
    num_missing = len(files) - sum(_is_unchanged(folder, files))
    if num_missing > (1 - _MIN_SHARE) * len(files):
        raise EngineError(
            f"This folder does not hold the images of this run: {num_missing:,} of {count(len(files), 'image')} are "
            "missing or have changed. Choose the folder that was trained on.",
            data,
        )
    _store_root(run, folder)
    return num_missing


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []


def _num_present(folder: Path, files: Sequence[SplitImage]) -> int:
    """Return how many of some images exist in a folder."""
    return sum(os.path.isfile(folder / file.path) for file in files[:: _step(files)])


def _step(files: Sequence[SplitImage]) -> int:
    return max(1, len(files) // _MAX_DIGESTS)


def _is_unchanged(folder: Path, files: Sequence[SplitImage]) -> Iterator[bool]:
    """Yield for each image whether it is in the folder, as far as its size and for some its bytes show."""
    step = _step(files)
    for number, file in enumerate(files):
        path = folder / file.path
        try:
            is_there = os.path.isfile(path) and file.size in (None, path.stat().st_size)
            if is_there and file.digest is not None and number % step == 0:
                is_there = file_digest(path).hex() == file.digest
        except OSError:
            is_there = False
        yield is_there


def _store_root(run: Run, root: Path) -> None:
    """Write the folder into every file of the run that names it; the split is last, as it decides."""
    paths = (run.results_path, run.test_path, run.robustness_path, run.reference_path, run.split_path)
    with saving("The new place of the images", run.path):
        for path in paths:
            if path.is_file():
                document, status = json.loads(read_text(path)), path.stat()
                write_text_atomic(path, json.dumps(document | {"root": str(root.absolute())}))
                os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # the date of the results
