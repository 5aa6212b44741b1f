"""Batches of images, decoded by threads, in an order that depends only on the seed and the epoch."""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from engine.core.errors import EngineError
from engine.core.seeds import stable_seed
from engine.core.threads import map_in_threads
from engine.data.dataset import Sample
from engine.data.decode import decode
from engine.ml.loading.augment import random_parameters
from engine.ml.loading.image_cache import ImageCache
from engine.ml.models.preprocessing import Preprocessing, make_canvas, preprocess
from engine.ml.runtime.threads import compute_in_one_thread
from engine.results.evaluation import Unreadable

EVAL_BATCH_SIZE = 32
"""Images per step in validation and prediction. Both use the same size, so that both give the same numbers."""


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """One decoded image. For training it has an aspect ratio and random augmentation parameters."""

    image: Tensor
    """uint8, shape (3, S, S) for evaluation or (3, C, C) (a canvas) for training."""
    aspect: float = 1.0
    """Width over height before the image was squashed into the canvas."""
    parameters: Tensor | None = None
    """Shape (NUM_RANDOM_PARAMETERS,)."""


Loader: TypeAlias = Callable[[Sample], LoadedImage]


@dataclass(frozen=True, slots=True)
class Batch:
    """The readable images of one step, and the names of those that could not be read."""

    inputs: Tensor
    """uint8 images of shape (N, 3, S, S), uint8 canvases (N, 3, C, C), or cached features (N, ...) of float type."""
    labels: Tensor
    """int64, shape (N,)."""
    samples: tuple[Sample, ...]
    unreadable: tuple[Unreadable, ...] = ()
    aspects: Tensor | None = None
    """Width over height of the images before they were squashed into canvases, shape (N,)."""
    parameters: Tensor | None = None
    """Random augmentation parameters, shape (N, NUM_RANDOM_PARAMETERS)."""


@dataclass(frozen=True, slots=True)
class RepeatedSample(Sample):
    """A further copy of an image in the same epoch, with other random augmentation."""

    repeat: int = 1
    """Number of the copy, from 1; the image itself is a plain sample."""


def eval_loader(root: Path, preprocessing: Preprocessing, cache: ImageCache | None = None) -> Loader:
    """Return the function that loads a sample, preprocessed for evaluation, through `cache` if there is one."""

    def load(sample: Sample) -> LoadedImage:
        def make() -> tuple[Tensor, float]:
            return preprocess(
                decode(root / sample.path, preprocessing.min_side, preprocessing.grey_ranges), preprocessing
            ), 1.0

        image, _ = cache.get(sample, make) if cache else make()
        return LoadedImage(image)

    return load


def train_loader(root: Path, preprocessing: Preprocessing, cache: ImageCache, seed: int, epoch: int) -> Loader:
    """Return the function that loads the canvas of a sample with its random augmentation parameters for `epoch`."""

    def load(sample: Sample) -> LoadedImage:
        def make() -> tuple[Tensor, float]:
            return make_canvas(
                decode(root / sample.path, preprocessing.canvas_size, preprocessing.grey_ranges), preprocessing
            )

        image, aspect = cache.get(sample, make)
        copy = f"{sample.path}\n{sample.repeat}" if isinstance(sample, RepeatedSample) else sample.path
        return LoadedImage(image, aspect, random_parameters(seed, epoch, copy))

    return load


def require_folder(root: Path, unreadable: Sequence[Unreadable]) -> None:
    """Raise EngineError if an image is unreadable because its folder is gone, with a removed drive or a new name."""
    gone = next((image.path for image in unreadable if not os.path.isdir((root / image.path).parent)), None)
    if gone is None:
        return
    if os.path.isdir(root):
        raise EngineError(
            f"The folder '{gone.rpartition('/')[0]}' is no longer in the folder of images. If it was renamed or moved, "
            "give it back its name and place, then resume the run.",
            root,
        )
    raise EngineError(
        "The folder of images is gone. Connect its drive or put the folder back, then resume the run.", root
    )


def shuffled_chunks(samples: Sequence[Sample], batch_size: int, seed: int, epoch: int) -> list[list[Sample]]:
    """Return the samples of an epoch in random order, in `num_steps` chunks whose sizes differ by at most one.

    So no chunk holds a single image, which BatchNorm cannot train on.
    """
    generator = torch.Generator().manual_seed(stable_seed(seed, epoch))
    order = torch.randperm(len(samples), generator=generator)
    chunks = torch.tensor_split(order, num_steps(len(samples), batch_size))
    return [[samples[position] for position in chunk.tolist()] for chunk in chunks]


def chunks_in_order(samples: Sequence[Sample], batch_size: int = EVAL_BATCH_SIZE) -> list[list[Sample]]:
    """Return the samples in their order, in chunks of `batch_size`."""
    return [list(samples[start : start + batch_size]) for start in range(0, len(samples), batch_size)]


def num_steps(num_samples: int, batch_size: int) -> int:
    """Return the number of batches of an epoch."""
    return max(1, math.ceil(num_samples / batch_size))


def load_batches(chunks: Sequence[Sequence[Sample]], load: Loader) -> Iterator[Batch]:
    """Yield a batch for each chunk; threads load its images ahead of time. Unreadable images are listed separately."""

    def try_load(sample: Sample) -> LoadedImage | Unreadable:
        try:
            return load(sample)
        except EngineError as error:
            return Unreadable(path=sample.path, reason=error.message)

    longest = max(map(len, chunks), default=0)
    loaded = map_in_threads(
        try_load, (sample for chunk in chunks for sample in chunk), 2 * longest, compute_in_one_thread
    )
    for chunk in chunks:
        outcomes = [next(loaded) for _ in chunk]
        readable = [(sample, outcome) for sample, outcome in zip(chunk, outcomes) if isinstance(outcome, LoadedImage)]
        parameters = [outcome.parameters for _, outcome in readable if outcome.parameters is not None]
        yield Batch(
            inputs=torch.stack([outcome.image for _, outcome in readable]) if readable else torch.empty(0),
            labels=torch.tensor([sample.label for sample, _ in readable], dtype=torch.int64),
            samples=tuple(sample for sample, _ in readable),
            unreadable=tuple(outcome for outcome in outcomes if isinstance(outcome, Unreadable)),
            aspects=torch.tensor([outcome.aspect for _, outcome in readable]),
            parameters=torch.stack(parameters) if parameters else None,
        )
