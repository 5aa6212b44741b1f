"""Batches of an epoch from cached features, so that an epoch runs only the last block and the head."""

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from engine.core.events import Event
from engine.core.seeds import stable_seed
from engine.data.dataset import Dataset, Sample
from engine.ml.evaluation.stratified_subset import stratified_subset
from engine.ml.loading.feature_cache import FeatureCache, Features
from engine.ml.loading.image_cache import MEMORY_BUDGET
from engine.ml.loading.loader import EVAL_BATCH_SIZE, Batch
from engine.ml.models.blocks import NetworkSplit, split_before_last_block
from engine.ml.models.build import Classifier
from engine.ml.models.inference import Forward, fuse_for_inference, split_on_oom, with_head
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.training.affordable_images import find_affordable, is_affordable
from engine.ml.training.epoch_order import epoch_chunks
from engine.ml.training.setup import TrainingSetup

MAX_FITTED_EMBEDDINGS = 20_000
"""Largest number of embeddings that a head is fitted to: 330 MB for the included network. More change it little."""


class FeatureBatchSource:
    """Batch source that serves cached features of the frozen part of the network."""

    uses_mixup: bool = False

    def __init__(self, setup: TrainingSetup, network: NetworkSplit, train: Features, val: Features) -> None:
        """`train` and `val` are the output of `network.prefix`; `network.suffix` is trained.

        Args:
            setup: The parts of the run.
            network: The split network.
            train: Features of the training images, rows of shape (N, V, ...) with V views of each image.
            val: Features of the validation images, rows of shape (M, ...).
        """
        self._setup, self._network, self._train, self._val = setup, network, train, val
        self.train_samples, self.val_samples = train.samples, val.samples
        self.clean_train_samples: tuple[Sample, ...] = ()
        self._positions = {sample.path: position for position, sample in enumerate(train.samples)}

    def train_batches(self, epoch: int, first: int) -> Iterable[Batch]:
        """Return shuffled features, of a random view of each image."""
        plan, rows, labels = self._setup.plan, self._train.rows, self._train.labels
        generator = torch.Generator().manual_seed(stable_seed("views", plan.seed, epoch))
        chunks = epoch_chunks(self.train_samples, plan, epoch)
        for number, chunk in enumerate(chunks):
            positions = torch.tensor([self._positions[sample.path] for sample in chunk])
            views = torch.randint(rows.shape[1], (len(chunk),), generator=generator)
            if number < first:  # skipped only now, so that a resumed epoch draws the same random numbers
                continue
            yield Batch(rows[positions, views], labels[positions], tuple(chunk))

    def val_batches(self) -> Iterable[Batch]:
        """Return the features of the validation images."""
        rows, labels, samples = self._val.rows, self._val.labels, self._val.samples
        for start in range(0, len(samples), EVAL_BATCH_SIZE):
            chunk = slice(start, start + EVAL_BATCH_SIZE)
            yield Batch(rows[chunk], labels[chunk], samples[chunk])

    def clean_train_batches(self) -> Iterable[Batch]:
        """Return nothing: features are not mixed, so the training accuracy is already a clean one."""
        return ()

    def train_embeddings(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the embeddings of training features by the current weights, at most MAX_FITTED_EMBEDDINGS.

        Returns:
            Embeddings, float32, shape (M, D), where M counts the views of all images; their labels, shape (M,); the
            number of the image that each is of, shape (M,).
        """
        setup = self._setup
        embed = fuse_for_inference(self._network.suffix, setup.device, setup.inference_dtype)
        train, num_views = self._train, self._train.rows.shape[1]
        if train.rows.shape[0] * num_views > MAX_FITTED_EMBEDDINGS:
            train = train.of(stratified_subset(train.samples, MAX_FITTED_EMBEDDINGS // num_views))
        parts = torch.split(train.rows.flatten(0, 1), EVAL_BATCH_SIZE)
        with torch.inference_mode():
            embeddings = [split_on_oom(embed, part.to(setup.device)).float().cpu() for part in parts]
        labels, numbers = train.labels, torch.arange(len(train.samples))
        return torch.cat(embeddings), labels.repeat_interleave(num_views), numbers.repeat_interleave(num_views)

    def to_input(self, batch: Batch) -> Tensor:
        """Return float32 features, shape (N, ...), on the device."""
        return batch.inputs.to(self._setup.device, torch.float32)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits of the last block and the head."""
        logits: Tensor = self._setup.model.head(self._network.suffix(inputs))
        return logits

    def eval_forward(self, model: Classifier) -> Forward:
        """Return the fused last block and the head."""
        setup = self._setup
        suffix = self._network.suffix if model is setup.model else split_before_last_block(model.backbone).suffix
        fused = fuse_for_inference(suffix, setup.device, setup.inference_dtype)
        return with_head(partial(split_on_oom, fused), model, setup.device)


def make_feature_source(
    setup: TrainingSetup,
    dataset: Dataset,
    max_seconds: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Event, None, FeatureBatchSource]:
    """Compute the features of the images, freeze all but the last block and the head, and return the batch source.

    Args:
        setup: The parts of the run.
        dataset: The split dataset.
        max_seconds: Time for the features; if it is not sufficient for two views of each training image, one is used,
            and if it is not sufficient for that, a part of the images.
        clock: Returns the time in seconds.
    """
    setup.model.eval()
    network = _split_network(setup, len(dataset.samples))
    open_cache = partial(
        FeatureCache,
        dataset.root,
        network.prefix,
        device=setup.device,
        dtype=setup.inference_dtype,
    )
    began = clock()
    # Each cache lives only while its view is computed, because it holds another copy of the features
    train, val = yield from _first_view(open_cache(preprocessing=setup.preprocessing), dataset, max_seconds, clock)
    seconds_left = None if max_seconds is None else began + max_seconds - clock()
    other = other_view(setup.preprocessing)
    second = yield from _second_view(open_cache(preprocessing=other), train.samples, seconds_left, clock)
    setup.model.backbone.requires_grad_(False)
    network.suffix.requires_grad_(True)
    return FeatureBatchSource(setup, network, stack_views([train, *second]), val)


def _first_view(
    cache: FeatureCache, dataset: Dataset, max_seconds: float | None, clock: Callable[[], float]
) -> Generator[Event, None, tuple[Features, Features]]:
    """Return the features of the training images that there is time for, and those of the validation images."""
    train, val = dataset.of_split("train"), dataset.of_split("val")
    if max_seconds is not None:
        train = yield from find_affordable(cache, dataset, max_seconds, clock)
    features = yield from cache.compute([*train, *val])
    return features.of(train), features.of(val)


def _second_view(
    cache: FeatureCache, samples: Sequence[Sample], seconds: float | None, clock: Callable[[], float]
) -> Generator[Event, None, list[Features]]:
    """Return the features of another view in a list, which is empty if `seconds` do not suffice for all samples."""
    if seconds is not None and not (yield from is_affordable(cache, samples, seconds, clock)):
        return []
    return [(yield from cache.compute(samples))]


def other_view(preprocessing: Preprocessing) -> Preprocessing:
    """Return a second view for training: the whole image if validation crops it, otherwise its centre."""
    return replace(preprocessing, geometry="squash" if preprocessing.geometry == "crop" else "crop")


def stack_views(views: list[Features]) -> Features:
    """Return rows of shape (N, V, ...) of the images that could be read for all views."""
    common = set.intersection(*(set(view.samples) for view in views))
    readable = [sample for sample in views[0].samples if sample in common]
    features = [view.of(readable) for view in views]
    return Features(tuple(readable), torch.stack([each.rows for each in features], 1))


def _split_network(setup: TrainingSetup, num_images: int) -> NetworkSplit:
    """Split before the last block, or before the head if the features there would not fit in memory."""
    network = split_before_last_block(setup.model.backbone)
    size = setup.preprocessing.image_size
    with torch.inference_mode():
        row = network.prefix(torch.zeros(1, 3, size, size, device=setup.device))
    fits_memory = 2 * num_images * row.numel() * setup.inference_dtype.itemsize <= MEMORY_BUDGET
    return network if fits_memory else NetworkSplit("", setup.model.backbone, nn.Identity())
