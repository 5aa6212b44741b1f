"""Keep images that were learnt from out of the validation and test splits of a training."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.audit.learnt_from import NOTHING, LearntFrom
from engine.audit.learnt_images import LearntImages, doubtful_message
from engine.audit.scan import DatasetScan
from engine.core.errors import EngineError
from engine.core.events import Warned
from engine.core.formatting import count
from engine.data.dataset import Dataset, Sample
from engine.data.folders.split_names import Split
from engine.data.splits import divided_paths
from engine.jobs.base import EventStream, load_torch

_HELD_OUT: tuple[tuple[Split, str, str], ...] = (
    ("val", "validation", "training"),
    ("test", "test", "training or validation"),
)
"""Each split with its name and the names of the splits whose copies it must not contain."""


@dataclass(frozen=True)
class SeparatedSplit:
    """A split dataset, none of whose validation and test images is a copy of one that was learnt from."""

    dataset: Dataset
    warnings: tuple[Warned, ...]


def find_start_images(weights: str) -> EventStream[LearntFrom]:
    """Return the images that the start weights of a training learnt from; `weights` is as in the settings."""
    if not Path(weights).expanduser().is_file():
        return NOTHING
    yield from load_torch()
    from engine.ml.evaluation.learnt_from import find_learnt_from_weights

    return (yield from find_learnt_from_weights(weights))


def paths_of_copies(
    scanned: DatasetScan, learnt: LearntFrom, series: frozenset[str] = frozenset()
) -> EventStream[frozenset[str]]:
    """Return the paths of the scanned images that were learnt from.

    Images of a `series` are alike without being copies, so only identical files count for them.
    """
    copies = yield from learnt.find_copies(scanned)
    rows = zip(scanned.samples, copies.is_any, copies.is_same)
    return frozenset(sample.path for sample, is_any, is_same in rows if (is_same if sample.path in series else is_any))


def separate_held_out(dataset: Dataset, scanned: DatasetScan, start: LearntFrom) -> EventStream[SeparatedSplit]:
    """Remove copies of training images, and images that the start weights learnt from, from validation and test.

    In a drawn split they join the training images, or are left out if they belong to a group, which has to stay on one
    side. Images of val/ and test/ are left out. The test loses copies of validation images as well, because these
    choose the best epoch.

    Args:
        dataset: The split dataset.
        scanned: Its fingerprints.
        start: The images that the start weights learnt from.

    Raises:
        EngineError: No validation image is left.
    """
    before = _is_in(scanned, dataset.of_split("train"))
    warnings: list[Warned] = []
    if not start.is_known:
        warnings.append(Warned(message=_UNKNOWN_START))
    for split, name, others in _HELD_OUT:
        images = dataset.of_split(split)
        rows = _is_in(scanned, images)
        members = tuple(sample for sample, flag in zip(scanned.samples, rows) if flag)
        held_out = replace(scanned, samples=members, records=scanned.records[rows])
        own = LearntFrom(LearntImages.from_records(scanned.records[before]))
        of_others = yield from paths_of_copies(held_out, own, divided_paths(dataset))
        of_start = (yield from paths_of_copies(held_out, start)) - of_others
        if split == "test" or dataset.has_val:
            num_doubtful = int((yield from own.find_copies(held_out)).is_doubtful.sum())
            warnings += [Warned(message=doubtful_message(num_doubtful, f"{name} image"))] if num_doubtful else []
        before |= rows
        found = of_others | of_start
        if not found:
            continue
        reason = _reason(len(of_others), others, len(of_start))
        if split == "val" and len(found) == len(images):
            raise EngineError(_nothing_left(len(images), reason, bool(of_start)), dataset.root)
        is_drawn = split == "val" and not dataset.has_val
        grouped = frozenset(sample.path for sample in images if sample.group is not None)
        moved = found - grouped if is_drawn else frozenset[str]()
        dataset = _left_out(_moved_to_train(dataset, moved), found - moved)
        action = "moved to training" if moved == found else "left out or moved to training" if moved else "left out"
        warnings.append(Warned(message=f"{len(found):,} of {count(len(images), f'{name} image')} {action}: {reason}."))
    return SeparatedSplit(dataset, tuple(warnings))


_UNKNOWN_START = (
    "The start weights are a model of an older version, which does not record the images it learnt from, so validation "
    "images may be among them."
)


def _is_in(scanned: DatasetScan, samples: Iterable[Sample]) -> npt.NDArray[np.bool_]:
    wanted = frozenset(sample.path for sample in samples)
    return np.array([sample.path in wanted for sample in scanned.samples], np.bool_)


def _left_out(dataset: Dataset, paths: frozenset[str]) -> Dataset:
    return replace(dataset.without(paths), left_out=(*dataset.left_out, *sorted(paths)))


def _moved_to_train(dataset: Dataset, paths: frozenset[str]) -> Dataset:
    samples = (replace(s, split="train") if s.path in paths else s for s in dataset.samples)
    return replace(dataset, samples=tuple(samples))


def _reason(num_of_others: int, others: str, num_of_start: int) -> str:
    reasons = []
    if num_of_others:
        copies = "is a copy" if num_of_others == 1 else "are copies"
        reasons.append(f"{num_of_others:,} {copies} of {others} images")
    if num_of_start:
        reasons.append(f"the start weights learnt from {num_of_start:,}")
    return " and ".join(reasons)


def _nothing_left(num_images: int, reason: str, by_start: bool) -> str:
    others = "choose other start weights" if by_start else "remove the folder of validation images to have some drawn"
    return (
        f"None of the {count(num_images, 'validation image')} can show how good the model is: {reason}. "
        f"Add other validation images, or {others}."
    )
