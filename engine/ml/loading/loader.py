"""BatchSource batches to the loop, decoded by threads, in an order that depends on the seed and the epoch alone."""

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
from engine.results.evaluation import Unreadable

EVAL_BATCH_SIZE = 32
"""Images per step when measuring and predicting: the same for both, so that both give the same numbers."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One image of uint8, (3, S, S) to measure or (3, C, C) to train on, then with its aspect and its draws."""

    image: Tensor
    aspect: float = 1.0
    draws: Tensor | None = None


Load: TypeAlias = Callable[[Sample], Loaded]


@dataclass(frozen=True, slots=True)
class Batch:
    """Images of one step. `inputs` has shape (N, 3, S, S) and is uint8, or holds activations (N, ...)."""

    inputs: Tensor
    labels: Tensor
    """Shape (N,), int64."""
    samples: tuple[Sample, ...]
    unreadable: tuple[Unreadable, ...] = ()
    aspects: Tensor | None = None
    """Width over height of pictures to be augmented, shape (N,)."""
    draws: Tensor | None = None
    """What is random about each of them, shape (N, NUM_DRAWS)."""


def eval_loader(root: Path, preprocessing: Preprocessing, store: ImageCache | None = None) -> Load:
    """Return the function that loads a sample as the network sees it when measured."""

    def load(sample: Sample) -> Loaded:
        def make() -> tuple[Tensor, float]:
            return preprocess(decode(root / sample.path, preprocessing.min_side), preprocessing), 1.0

        image, _ = store.get(sample, make) if store else make()
        return Loaded(image)

    return load


def train_loader(root: Path, preprocessing: Preprocessing, store: ImageCache, seed: int, epoch: int) -> Load:
    """Return the function that loads the canvas of a sample and draws what is random about it in this epoch."""

    def load(sample: Sample) -> Loaded:
        def make() -> tuple[Tensor, float]:
            return make_canvas(decode(root / sample.path, preprocessing.canvas_size), preprocessing)

        image, aspect = store.get(sample, make)
        return Loaded(image, aspect, random_parameters(seed, epoch, sample.path))

    return load


def require_folder(root: Path, unreadable: Sequence[Unreadable]) -> None:
    """Raise EngineError where an image is unreadable since its folder is gone, as when a drive was taken away."""
    if any(not os.path.isdir((root / image.path).parent) for image in unreadable):
        raise EngineError(
            "The folder of images is gone. Connect its drive or put it back, then resume the run: it goes on where it "
            "was.",
            root,
        )


def shuffled_chunks(samples: Sequence[Sample], batch_size: int, seed: int, epoch: int) -> list[list[Sample]]:
    """Return the samples of an epoch in random order, in `num_steps` chunks whose sizes differ by one at most.

    So no epoch ends on a chunk of a single image, which BatchNorm cannot learn from.
    """
    generator = torch.Generator().manual_seed(stable_seed(seed, epoch))
    order = torch.randperm(len(samples), generator=generator)
    chunks = torch.tensor_split(order, num_steps(len(samples), batch_size))
    return [[samples[position] for position in chunk.tolist()] for chunk in chunks]


def chunks_in_order(samples: Sequence[Sample], batch_size: int = EVAL_BATCH_SIZE) -> list[list[Sample]]:
    """Return the samples in their order, in chunks of `batch_size`."""
    return [list(samples[start : start + batch_size]) for start in range(0, len(samples), batch_size)]


def num_steps(num_samples: int, batch_size: int) -> int:
    """Return how many batches an epoch has."""
    return max(1, math.ceil(num_samples / batch_size))


def load_batches(chunks: Sequence[Sequence[Sample]], load: Load) -> Iterator[Batch]:
    """Yield a batch for each chunk, its images loaded in threads ahead of time; unreadable ones are named apart."""

    def attempt(sample: Sample) -> Loaded | Unreadable:
        try:
            return load(sample)
        except EngineError as error:
            return Unreadable(path=sample.path, reason=error.message)

    longest = max(map(len, chunks), default=0)
    loaded = map_in_threads(attempt, (sample for chunk in chunks for sample in chunk), 2 * longest, _one_torch_thread)
    for chunk in chunks:
        outcomes = [next(loaded) for _ in chunk]
        kept = [(sample, outcome) for sample, outcome in zip(chunk, outcomes) if isinstance(outcome, Loaded)]
        draws = [outcome.draws for _, outcome in kept if outcome.draws is not None]
        yield Batch(
            inputs=torch.stack([outcome.image for _, outcome in kept]) if kept else torch.empty(0),
            labels=torch.tensor([sample.label for sample, _ in kept], dtype=torch.int64),
            samples=tuple(sample for sample, _ in kept),
            unreadable=tuple(outcome for outcome in outcomes if isinstance(outcome, Unreadable)),
            aspects=torch.tensor([outcome.aspect for _, outcome in kept]),
            draws=torch.stack(draws) if draws else None,
        )


def _one_torch_thread() -> None:
    # Torch would start a team of threads inside each of ours; the setting holds for the calling thread
    torch.set_num_threads(1)
