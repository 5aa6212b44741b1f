"""Feed batches to the loop, decoded by threads, in an order that depends on the seed and the epoch alone."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from engine.config import AugmentConfig
from engine.dataset import Sample
from engine.decode import decode
from engine.errors import EngineError
from engine.ml.transforms import Preprocessing, augment, prepare, training_min_side
from engine.results import Unreadable
from engine.seeds import stable_seed
from engine.threads import map_in_threads

MEASURE_BATCH = 32
"""Images per step when measuring and predicting: the same for both, so that both give the same numbers."""

Load: TypeAlias = Callable[[Sample], Tensor]


@dataclass(frozen=True, slots=True)
class Batch:
    """Images of one step. `inputs` has shape (N, 3, S, S) and is uint8, or is (N, D) embeddings."""

    inputs: Tensor
    labels: Tensor
    """Shape (N,), int64."""
    samples: tuple[Sample, ...]
    unreadable: tuple[Unreadable, ...] = ()


def measuring_loader(root: Path, preprocessing: Preprocessing) -> Load:
    """Return the function that loads a sample as the network sees it when measured."""

    def load(sample: Sample) -> Tensor:
        return prepare(decode(root / sample.path, preprocessing.min_side), preprocessing)

    return load


def training_loader(root: Path, preprocessing: Preprocessing, config: AugmentConfig, seed: int, epoch: int) -> Load:
    """Return the function that loads a sample augmented; its draws depend on seed, epoch and path alone."""
    min_side = training_min_side(preprocessing, config.crop_scale)

    def load(sample: Sample) -> Tensor:
        generator = torch.Generator().manual_seed(stable_seed(seed, epoch, sample.path))
        return augment(decode(root / sample.path, min_side), preprocessing, config, generator)

    return load


def shuffled_chunks(samples: Sequence[Sample], batch_size: int, seed: int, epoch: int) -> list[list[Sample]]:
    """Return the samples of an epoch in random order, in `num_steps` chunks whose sizes differ by one at most.

    So no epoch ends on a chunk of a single image, which BatchNorm cannot learn from.
    """
    generator = torch.Generator().manual_seed(stable_seed(seed, epoch))
    order = torch.randperm(len(samples), generator=generator)
    chunks = torch.tensor_split(order, num_steps(len(samples), batch_size))
    return [[samples[position] for position in chunk.tolist()] for chunk in chunks]


def chunks_in_order(samples: Sequence[Sample], batch_size: int = MEASURE_BATCH) -> list[list[Sample]]:
    """Return the samples in their order, in chunks of `batch_size`."""
    return [list(samples[start : start + batch_size]) for start in range(0, len(samples), batch_size)]


def num_steps(num_samples: int, batch_size: int) -> int:
    """Return how many batches an epoch has."""
    return max(1, math.ceil(num_samples / batch_size))


def load_batches(chunks: Sequence[Sequence[Sample]], load: Load) -> Iterator[Batch]:
    """Yield a batch for each chunk, its images loaded in threads ahead of time; unreadable ones are named apart."""

    def attempt(sample: Sample) -> Tensor | Unreadable:
        try:
            return load(sample)
        except EngineError as error:
            return Unreadable(path=sample.path, reason=error.message)

    longest = max(map(len, chunks), default=0)
    loaded = map_in_threads(attempt, (sample for chunk in chunks for sample in chunk), 2 * longest, _one_torch_thread)
    for chunk in chunks:
        outcomes = [next(loaded) for _ in chunk]
        kept = [(sample, image) for sample, image in zip(chunk, outcomes) if isinstance(image, Tensor)]
        unreadable = tuple(outcome for outcome in outcomes if isinstance(outcome, Unreadable))
        images = torch.stack([image for _, image in kept]) if kept else torch.empty(0)
        labels = torch.tensor([sample.label for sample, _ in kept], dtype=torch.int64)
        yield Batch(images, labels, tuple(sample for sample, _ in kept), unreadable)


def _one_torch_thread() -> None:
    # Torch would start a team of threads inside each of ours; the setting holds for the calling thread
    torch.set_num_threads(1)
