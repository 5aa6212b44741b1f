"""Batches of network inputs for scripts."""

from collections.abc import Iterator
from typing import Any

from engine.config.settings import RunConfig
from engine.data.dataset import Dataset
from engine.data.folders.split_names import Split
from engine.data.pixels.grey_range import GreyRanges
from engine.jobs.presets import resolve_for


def input_batches(dataset: Dataset, config: RunConfig, split: Split, epoch: int) -> Iterator[tuple[Any, Any]]:
    """Yield images and labels of one split as tensors, as `engine.ml.loading.input_batches` does."""
    from engine.ml.loading.input_batches import eval_inputs, train_inputs
    from engine.ml.training.setup import make_augment_options, make_preprocessing

    config = resolve_for(dataset, config)
    preprocessing = make_preprocessing(config, dataset.grey_ranges or GreyRanges())
    size, seed = config.training.batch_size, config.training.seed
    if split == "train":
        yield from train_inputs(dataset, preprocessing, make_augment_options(config.augment), size, seed, epoch)
    else:
        yield from eval_inputs(dataset, split, preprocessing, size)
