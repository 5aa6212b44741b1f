"""Where the loop gets its batches: from images, or from activations computed once."""

from collections.abc import Generator, Iterable
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn

from engine.config.settings import RunConfig
from engine.core.events import Event
from engine.data.dataset import Dataset, Sample
from engine.ml.loading.augment import augment
from engine.ml.loading.feature_cache import Features, compute_features
from engine.ml.loading.image_cache import MEMORY_BUDGET, ImageCache
from engine.ml.loading.loader import (
    EVAL_BATCH_SIZE,
    Batch,
    chunks_in_order,
    eval_loader,
    load_batches,
    shuffled_chunks,
    train_loader,
)
from engine.ml.models.blocks import NetworkSplit, split_before_last_block
from engine.ml.models.build import Classifier
from engine.ml.models.inference import Forward, fuse_for_inference, make_image_forward, split_on_oom, with_head
from engine.ml.models.preprocessing import normalise
from engine.ml.runtime.distributed import shard
from engine.ml.training.setup import TrainingSetup


class BatchSource(Protocol):
    """Batches of an epoch and the functions that take them."""

    train_samples: tuple[Sample, ...]
    val_samples: tuple[Sample, ...]
    clean_train_samples: tuple[Sample, ...]
    """As many training images as validation has, spread evenly."""
    uses_mixup: bool
    """Whether batches are to be mixed."""

    def train_batches(self, epoch: int, first: int) -> Iterable[Batch]:
        """Return the batches to learn from, in the order of this epoch, without those before number `first`."""

    def val_batches(self) -> Iterable[Batch]:
        """Return the batches to validate on."""

    def clean_train_batches(self) -> Iterable[Batch]:
        """Return `clean_train_samples` as they are measured."""

    def to_input(self, batch: Batch) -> Tensor:
        """Return a batch to learn from as the trained part takes it, on its device."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits, shape (N, K), of the network that is trained."""

    def eval_forward(self, model: Classifier) -> Forward:
        """Return the function from inputs of a batch to the logits of `model` as it is now."""


class ImageBatchSource:
    """Decodes each image once and augments it anew in every epoch."""

    def __init__(self, setup: TrainingSetup, config: RunConfig, dataset: Dataset, network: nn.Module) -> None:
        """`network` is the model of `setup`, perhaps spread over processes, each of which has its share of images."""
        self._setup, self._config, self._root, self._network = setup, config, dataset.root, network
        self.train_samples, self.val_samples = dataset.of_split("train"), dataset.of_split("val")
        self.clean_train_samples = _spread(self.train_samples, len(self.val_samples))
        self.uses_mixup = config.augment.mixup_alpha > 0 or config.augment.cutmix_alpha > 0
        side, canvas_side = setup.preprocessing.image_size, setup.preprocessing.canvas_size
        name, device = repr(setup.preprocessing), setup.device
        self._canvases = ImageCache(
            dataset.root, self.train_samples, (3, canvas_side, canvas_side), f"canvas {name}", device
        )
        self._prepared = ImageCache(dataset.root, self.val_samples, (3, side, side), name, device)

    def train_batches(self, epoch: int, first: int) -> Iterable[Batch]:
        """Return canvases with what is random about them, shuffled."""
        training = self._config.training
        load = train_loader(self._root, self._setup.preprocessing, self._canvases, training.seed, epoch)
        chunks = shuffled_chunks(self.train_samples, training.batch_size, training.seed, epoch)
        return load_batches([shard(chunk) for chunk in chunks[first:]], load)

    def val_batches(self) -> Iterable[Batch]:
        """Return the validation images."""
        for store in (self._canvases, self._prepared):
            store.keep()
        load = eval_loader(self._root, self._setup.preprocessing, self._prepared)
        return load_batches(chunks_in_order(shard(self.val_samples)), load)

    def clean_train_batches(self) -> Iterable[Batch]:
        """Return training images as they are measured."""
        load = eval_loader(self._root, self._setup.preprocessing)
        return load_batches(chunks_in_order(shard(self.clean_train_samples)), load)

    def to_input(self, batch: Batch) -> Tensor:
        """Return augmented, normalised images."""
        setup = self._setup
        assert batch.aspects is not None
        assert batch.draws is not None
        canvases = batch.inputs.to(setup.device)
        images = augment(canvases, batch.aspects, batch.draws, setup.preprocessing, self._config.augment)
        return normalise(images, setup.preprocessing).contiguous(memory_format=setup.layout)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits of the whole network."""
        logits: Tensor = self._network(inputs)
        return logits

    def eval_forward(self, model: Classifier) -> Forward:
        """Return the whole network."""
        return make_image_forward(model, self._setup.preprocessing, self._setup.device, self._setup.inference_dtype)


class FeatureBatchSource:
    """Holds what the frozen part of the network says of every image, so that an epoch costs the last block alone."""

    uses_mixup: bool = False

    def __init__(
        self, setup: TrainingSetup, config: RunConfig, cut: NetworkSplit, train: Features, val: Features
    ) -> None:
        self._setup, self._training, self._cut, self._train, self._val = setup, config.training, cut, train, val
        self._mirror = config.augment.horizontal_flip
        self.train_samples, self.val_samples = train.samples, val.samples
        self.clean_train_samples: tuple[Sample, ...] = ()
        self._positions = {sample.path: position for position, sample in enumerate(train.samples)}

    def train_batches(self, epoch: int, first: int) -> Iterable[Batch]:
        """Return activations of images or of their mirror images, shuffled."""
        training, rows, labels = self._training, self._train.rows, self._train.labels
        dice = torch.Generator().manual_seed(training.seed + epoch)
        chunks = shuffled_chunks(self.train_samples, training.batch_size, training.seed, epoch)
        for number, chunk in enumerate(chunks):
            positions = torch.tensor([self._positions[sample.path] for sample in chunk])
            is_mirrored = (torch.rand(len(chunk), generator=dice) < self._mirror).long()
            if number < first:  # the dice are thrown for them all the same
                continue
            yield Batch(rows[positions, is_mirrored * (rows.shape[1] - 1)], labels[positions], tuple(chunk))

    def val_batches(self) -> Iterable[Batch]:
        """Return the activations of the validation images as they are."""
        rows, labels, samples = self._val.rows[:, 0], self._val.labels, self._val.samples
        for start in range(0, len(samples), EVAL_BATCH_SIZE):
            some = slice(start, start + EVAL_BATCH_SIZE)
            yield Batch(rows[some], labels[some], samples[some])

    def clean_train_batches(self) -> Iterable[Batch]:
        """Return nothing: nothing is mixed."""
        return ()

    def to_input(self, batch: Batch) -> Tensor:
        """Return activations on the device."""
        return batch.inputs.to(self._setup.device, torch.float32)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits of the last block and the head."""
        logits: Tensor = self._setup.model.head(self._cut.suffix(inputs))
        return logits

    def eval_forward(self, model: Classifier) -> Forward:
        """Return the last block and the head."""
        setup = self._setup
        suffix = self._cut.suffix if model is setup.model else split_before_last_block(model.backbone).suffix
        fused = fuse_for_inference(suffix, setup.device, setup.inference_dtype)
        return with_head(partial(split_on_oom, fused), model, setup.device)


def make_feature_source(
    setup: TrainingSetup, config: RunConfig, dataset: Dataset
) -> Generator[Event, None, FeatureBatchSource]:
    """Compute what the frozen part says of all images and return the feed, with only the rest left to learn."""
    setup.model.eval()
    cut = _affordable_cut(setup, len(dataset.samples))
    train, val = dataset.of_split("train"), dataset.of_split("val")
    activations = yield from compute_features(
        dataset.root,
        [*train, *val],
        cut.prefix,
        setup.preprocessing,
        setup.device,
        setup.inference_dtype,
        # Under a time budget the first score is worth more: what follows learns mirror images anyway
        mirrored=config.augment.horizontal_flip > 0 and config.training.mode == "quick",
    )
    setup.model.backbone.requires_grad_(False)
    cut.suffix.requires_grad_(True)
    return FeatureBatchSource(setup, config, cut, activations.of(train), activations.of(val))


def _affordable_cut(setup: TrainingSetup, num_images: int) -> NetworkSplit:
    """Split before the last block, or before the head where what lies between would not fit in memory."""
    cut = split_before_last_block(setup.model.backbone)
    size = setup.preprocessing.image_size
    with torch.inference_mode():
        row = cut.prefix(torch.zeros(1, 3, size, size, device=setup.device))
    is_affordable = 2 * num_images * row.numel() * setup.inference_dtype.itemsize <= MEMORY_BUDGET
    return cut if is_affordable else NetworkSplit("", setup.model.backbone, nn.Identity())


def _spread(samples: tuple[Sample, ...], num_samples: int) -> tuple[Sample, ...]:
    step = max(1, len(samples) // max(1, num_samples))
    return samples[::step][:num_samples]
