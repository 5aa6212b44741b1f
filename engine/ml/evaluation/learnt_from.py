"""The images that a model file learnt from: its own digests, or for older models the images of its run."""

import os
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.audit.image_digests import Flags
from engine.audit.learnt_from import NOTHING, LearntFrom
from engine.audit.learnt_images import LearntImages
from engine.audit.scan import fingerprint_dataset
from engine.core.errors import EngineError
from engine.core.events import Event
from engine.data.dataset import Dataset, Sample
from engine.ml.models.learnt_digests import read_learnt
from engine.results.model_metadata import read_metadata
from engine.runs.run_folder import Run


def find_learnt_from(model_path: Path) -> Generator[Event, None, LearntFrom]:
    """Return what a model file learnt from; yields progress.

    Raises:
        EngineError: The file is not a model, or its digests are damaged.
    """
    stored = read_learnt(model_path)
    if stored is not None:
        return LearntFrom(stored)
    run = Run(model_path.parent)
    try:
        dataset = run.dataset
    except EngineError:  # the model was copied without its run
        return replace(NOTHING, is_known=False)
    train = replace(dataset, samples=dataset.of_split("train"))
    if not os.path.isdir(dataset.root):
        return replace(NOTHING, is_known=False, paths=frozenset(sample.path for sample in train.samples))
    return LearntFrom((yield from digest_images(train)))


def find_learnt_from_weights(weights: str) -> Generator[Event, None, LearntFrom]:
    """Return what start weights learnt from; `weights` is "none", "default" or the path of a file, as in the settings.

    Only a model of this program states it. Foreign weights are taken for weights of other images.
    """
    path = Path(weights).expanduser()
    try:
        read_metadata(path)
    except EngineError:
        return NOTHING
    return (yield from find_learnt_from(path))


def find_unlearnt(root: Path, samples: Sequence[Sample], model_path: Path) -> Generator[Event, None, Flags]:
    """Return which of some images of a folder are readable and were not learnt from by a model, shape (N,)."""
    scanned = yield from fingerprint_dataset(Dataset(root, (), tuple(samples)), is_part=True)
    learnt = yield from find_learnt_from(model_path)
    copies = yield from learnt.find_copies(scanned)
    paths = {sample.path for sample, is_copy in zip(scanned.samples, copies.is_any) if not is_copy}
    return np.array([sample.path in paths for sample in samples], np.bool_)


def digest_images(dataset: Dataset) -> Generator[Event, None, LearntImages]:
    """Return the digests of the readable images of a part of a dataset folder; yields progress."""
    scanned = yield from fingerprint_dataset(dataset, is_part=True)
    return LearntImages.from_records(scanned.records)
