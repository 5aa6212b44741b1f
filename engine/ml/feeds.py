"""Where the loop gets its batches: from images, or from embeddings computed once."""

from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from engine.config import RunConfig
from engine.dataset import Dataset, Sample
from engine.events import Event, Warned
from engine.ml.data import (
    Batch,
    chunks_in_order,
    load_batches,
    measuring_loader,
    shuffled_chunks,
    training_loader,
)
from engine.ml.evaluate import Forward, forward_images, judge
from engine.ml.models import Classifier
from engine.ml.setup import Setup
from engine.ml.transforms import normalise


class Feed(Protocol):
    """Batches of an epoch and the functions that take them."""

    train_samples: tuple[Sample, ...]
    val_samples: tuple[Sample, ...]
    plain_train_samples: tuple[Sample, ...]
    """As many training images as validation has, spread evenly."""
    mixes: bool
    """Whether batches are to be mixed."""

    def train_batches(self, epoch: int) -> Iterable[Batch]:
        """Return the batches to learn from, in the order of this epoch."""

    def val_batches(self) -> Iterable[Batch]:
        """Return the batches to validate on."""

    def plain_train_batches(self) -> Iterable[Batch]:
        """Return `plain_train_samples` as they are measured."""

    def to_input(self, inputs: Tensor) -> Tensor:
        """Return inputs of a batch as the trained part takes them, on its device."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits, shape (N, K), of the network that is trained."""

    def measuring_forward(self, model: Classifier) -> Forward:
        """Return the function from inputs of a batch to the logits of `model`."""


class ImageFeed:
    """Reads images anew in every epoch, augmented for training."""

    def __init__(self, setup: Setup, config: RunConfig, dataset: Dataset) -> None:
        self._setup, self._config, self._root = setup, config, dataset.root
        self.train_samples, self.val_samples = dataset.of_split("train"), dataset.of_split("val")
        self.plain_train_samples = _spread(self.train_samples, len(self.val_samples))
        self.mixes = config.augment.mixup_alpha > 0 or config.augment.cutmix_alpha > 0

    def train_batches(self, epoch: int) -> Iterable[Batch]:
        """Return augmented images, shuffled."""
        training = self._config.training
        load = training_loader(self._root, self._setup.preprocessing, self._config.augment, training.seed, epoch)
        return load_batches(shuffled_chunks(self.train_samples, training.batch_size, training.seed, epoch), load)

    def val_batches(self) -> Iterable[Batch]:
        """Return the validation images."""
        return _measured(self._root, self.val_samples, self._setup)

    def plain_train_batches(self) -> Iterable[Batch]:
        """Return training images as they are measured."""
        return _measured(self._root, self.plain_train_samples, self._setup)

    def to_input(self, inputs: Tensor) -> Tensor:
        """Return normalised images."""
        images = normalise(inputs.to(self._setup.device), self._setup.preprocessing)
        return images.contiguous(memory_format=torch.channels_last)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits of the whole network."""
        logits: Tensor = self._setup.model(inputs)
        return logits

    def measuring_forward(self, model: Classifier) -> Forward:
        """Return the whole network."""
        return forward_images(model, self._setup.preprocessing, self._setup.device)


class EmbeddingFeed:
    """Holds what the frozen backbone says of every image, so that an epoch costs the head alone."""

    mixes: bool = False

    def __init__(self, setup: Setup, config: RunConfig, train: Batch, val: Batch) -> None:
        self._setup, self._training, self._train, self._val = setup, config.training, train, val
        self.train_samples, self.val_samples = train.samples, val.samples
        self.plain_train_samples: tuple[Sample, ...] = ()
        self._rows = {sample.path: row for row, sample in enumerate(train.samples)}

    def train_batches(self, epoch: int) -> Iterable[Batch]:
        """Return embeddings, shuffled."""
        training = self._training
        for chunk in shuffled_chunks(self.train_samples, training.batch_size, training.seed, epoch):
            rows = torch.tensor([self._rows[sample.path] for sample in chunk])
            yield Batch(self._train.inputs[rows], self._train.labels[rows], tuple(chunk))

    def val_batches(self) -> Iterable[Batch]:
        """Return all validation embeddings at once."""
        return (self._val,)

    def plain_train_batches(self) -> Iterable[Batch]:
        """Return nothing: embeddings are of images as they are already."""
        return ()

    def to_input(self, inputs: Tensor) -> Tensor:
        """Return embeddings on the device."""
        return inputs.to(self._setup.device)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits of the head."""
        logits: Tensor = self._setup.model.head(inputs)
        return logits

    def measuring_forward(self, model: Classifier) -> Forward:
        """Return the head."""
        return lambda inputs: model.head(self.to_input(inputs))


def make_feed(setup: Setup, config: RunConfig, dataset: Dataset) -> Generator[Event, None, Feed]:
    """Return the feed for the mode; in quick mode compute the embeddings, warning of unreadable images."""
    if config.training.mode != "quick":
        return ImageFeed(setup, config, dataset)
    train = yield from _embed(setup, dataset.root, dataset.of_split("train"))
    val = yield from _embed(setup, dataset.root, dataset.of_split("val"))
    return EmbeddingFeed(setup, config, train, val)


def _embed(setup: Setup, root: Path, samples: Sequence[Sample]) -> Generator[Event, None, Batch]:
    setup.model.eval()
    forward = forward_images(setup.model.backbone, setup.preprocessing, setup.device)
    judged = yield from judge(_measured(root, samples, setup), len(samples), forward, "prepare")
    yield from (Warned(message=f"Left out: {image.reason}", path=image.path) for image in judged.unreadable)
    return Batch(judged.logits.clone(), judged.labels, judged.samples)


def _measured(root: Path, samples: Sequence[Sample], setup: Setup) -> Iterable[Batch]:
    return load_batches(chunks_in_order(samples), measuring_loader(root, setup.preprocessing))


def _spread(samples: tuple[Sample, ...], num_samples: int) -> tuple[Sample, ...]:
    step = max(1, len(samples) // max(1, num_samples))
    return samples[::step][:num_samples]
