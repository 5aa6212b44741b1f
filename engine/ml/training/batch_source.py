"""Batches of an epoch from images: each image is decoded once and augmented in every epoch."""

from collections.abc import Iterable
from typing import Protocol

from torch import Tensor, nn

from engine.data.dataset import Dataset, Sample
from engine.ml.loading.augment import augment
from engine.ml.loading.image_cache import ImageCache
from engine.ml.loading.loader import (
    Batch,
    chunks_in_order,
    eval_loader,
    load_batches,
    train_loader,
)
from engine.ml.models.build import Classifier
from engine.ml.models.inference import Forward, make_image_forward
from engine.ml.models.preprocessing import normalise
from engine.ml.runtime.distributed import shard
from engine.ml.training.epoch_order import epoch_chunks
from engine.ml.training.setup import TrainingSetup


class BatchSource(Protocol):
    """Batches of an epoch and the functions that they go through."""

    train_samples: tuple[Sample, ...]
    val_samples: tuple[Sample, ...]
    clean_train_samples: tuple[Sample, ...]
    """As many training images as there are validation images, evenly spread; scored without augmentation."""
    uses_mixup: bool
    """True if the training step mixes these batches."""

    def train_batches(self, epoch: int, first: int) -> Iterable[Batch]:
        """Return the training batches in the order of this epoch, starting with batch number `first` (from 0)."""

    def val_batches(self) -> Iterable[Batch]:
        """Return the validation batches."""

    def clean_train_batches(self) -> Iterable[Batch]:
        """Return `clean_train_samples`, preprocessed for evaluation."""

    def to_input(self, batch: Batch) -> Tensor:
        """Return a training batch as float32 input of the trained layers, shape (N, ...), on the training device."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits, shape (N, K), of the model in training mode; `inputs` are from `to_input`."""

    def eval_forward(self, model: Classifier) -> Forward:
        """Return the function from `Batch.inputs` to logits (N, K) of `model` with its current weights."""


class ImageBatchSource:
    """Batch source that decodes each image once and augments it in every epoch."""

    def __init__(self, setup: TrainingSetup, dataset: Dataset, network: nn.Module) -> None:
        """`network` is the model of `setup`, or its DDP wrapper; each process then gets its shard of every batch."""
        self._setup, self._root, self._network = setup, dataset.root, network
        self.train_samples, self.val_samples = dataset.of_split("train"), dataset.of_split("val")
        self.clean_train_samples = clean_train_subset(self.train_samples, len(self.val_samples))
        self.uses_mixup = setup.step.uses_mixup
        side, canvas_side = setup.preprocessing.image_size, setup.preprocessing.canvas_size
        name, device = repr(setup.preprocessing), setup.device
        self._canvases = ImageCache(
            dataset.root, self.train_samples, (3, canvas_side, canvas_side), f"canvas {name}", device
        )
        self._val_images = ImageCache(dataset.root, self.val_samples, (3, side, side), name, device)

    def train_batches(self, epoch: int, first: int) -> Iterable[Batch]:
        """Return shuffled canvases with random augmentation parameters."""
        plan = self._setup.plan
        load = train_loader(self._root, self._setup.preprocessing, self._canvases, plan.seed, epoch)
        chunks = epoch_chunks(self.train_samples, plan, epoch)
        return load_batches([shard(chunk) for chunk in chunks[first:]], load)

    def val_batches(self) -> Iterable[Batch]:
        """Return the validation images; the caches are saved first, since all training images are decoded by then."""
        for cache in (self._canvases, self._val_images):
            cache.save()
        load = eval_loader(self._root, self._setup.preprocessing, self._val_images)
        return load_batches(chunks_in_order(shard(self.val_samples)), load)

    def clean_train_batches(self) -> Iterable[Batch]:
        """Return training images preprocessed for evaluation."""
        load = eval_loader(self._root, self._setup.preprocessing)
        return load_batches(chunks_in_order(shard(self.clean_train_samples)), load)

    def to_input(self, batch: Batch) -> Tensor:
        """Return augmented, normalised images, float32, shape (N, 3, S, S)."""
        setup = self._setup
        assert batch.aspects is not None
        assert batch.parameters is not None
        canvases = batch.inputs.to(setup.device)
        images = augment(canvases, batch.aspects, batch.parameters, setup.preprocessing, setup.augment)
        return normalise(images, setup.preprocessing).contiguous(memory_format=setup.layout)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits of the whole network."""
        logits: Tensor = self._network(inputs)
        return logits

    def eval_forward(self, model: Classifier) -> Forward:
        """Return the fused whole network."""
        return make_image_forward(model, self._setup.preprocessing, self._setup.device, self._setup.inference_dtype)


def clean_train_subset(samples: tuple[Sample, ...], num_samples: int) -> tuple[Sample, ...]:
    """Return up to `num_samples` samples, evenly spread."""
    step = max(1, len(samples) // max(1, num_samples))
    return samples[::step][:num_samples]
