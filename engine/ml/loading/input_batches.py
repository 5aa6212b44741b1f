"""Batches of normalised images and labels, as a training loop of the user's own needs them."""

from collections.abc import Iterator

from torch import Tensor

from engine.core.errors import EngineError
from engine.data.dataset import Dataset
from engine.data.folders.split_names import Split
from engine.ml.loading.augment import AugmentOptions, augment
from engine.ml.loading.image_cache import ImageCache
from engine.ml.loading.loader import Batch, chunks_in_order, eval_loader, load_batches, shuffled_chunks, train_loader
from engine.ml.models.preprocessing import Preprocessing, normalise
from engine.ml.runtime.device import choose_device


def train_inputs(
    dataset: Dataset, preprocessing: Preprocessing, options: AugmentOptions, batch_size: int, seed: int, epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield shuffled, augmented training images, float32 (N, 3, S, S), and labels, int64 (N,).

    Raises:
        EngineError: An image cannot be read.
    """
    samples, side = dataset.of_split("train"), preprocessing.canvas_size
    cache = ImageCache(dataset.root, samples, (3, side, side), f"canvas {preprocessing!r}", choose_device("cpu"))
    load = train_loader(dataset.root, preprocessing, cache, seed, epoch)
    for batch in load_batches(shuffled_chunks(samples, batch_size, seed, epoch), load):
        _require_readable(dataset, batch)
        assert batch.aspects is not None
        assert batch.parameters is not None
        images = augment(batch.inputs, batch.aspects, batch.parameters, preprocessing, options)
        yield normalise(images, preprocessing), batch.labels


def eval_inputs(
    dataset: Dataset, split: Split, preprocessing: Preprocessing, batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the images of a split in their order, float32 (N, 3, S, S), and labels, int64 (N,).

    Raises:
        EngineError: An image cannot be read.
    """
    chunks = chunks_in_order(dataset.of_split(split), batch_size)
    for batch in load_batches(chunks, eval_loader(dataset.root, preprocessing)):
        _require_readable(dataset, batch)
        yield normalise(batch.inputs, preprocessing), batch.labels


def _require_readable(dataset: Dataset, batch: Batch) -> None:
    for image in batch.unreadable:
        raise EngineError(image.reason, dataset.root / image.path)
