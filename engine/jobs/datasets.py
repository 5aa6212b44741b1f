"""Read, check, split and correct data sets."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from engine.audit.class_balance import imbalance
from engine.audit.findings import Audit
from engine.audit.outliers import find_outliers
from engine.audit.review_queue import CorrectionGain, Review, build_queue
from engine.audit.scan import DatasetScan, compare, fingerprint_dataset
from engine.config.settings import DataConfig, RunConfig
from engine.core.events import Warned
from engine.core.progress import Ticker, with_progress
from engine.data.dataset import Dataset, scan_in_steps
from engine.data.decode import Pixels
from engine.data.label_overrides import read_decisions
from engine.data.splits import split as split_by_draw
from engine.jobs.base import EventStream, from_callable, translate_device_errors


def scan(root: Path) -> EventStream[Dataset]:
    """Read a folder; return it unsplit."""
    return (yield from with_progress(scan_in_steps(root), Ticker("scan", total=0)))


def check(dataset: Dataset) -> EventStream[Audit]:
    """Open every image once, warn of each that is unreadable, and return all that is odd about the data set."""
    from engine.ml.evaluation.shortcuts import find_shortcuts

    scanned = yield from fingerprint_dataset(dataset)
    yield from (Warned(message=bad.reason, path=bad.path) for bad in scanned.unreadable)
    duplicates = yield from compare(scanned)
    readable = dataset.without(frozenset(bad.path for bad in scanned.unreadable))
    return Audit(
        unreadable=scanned.unreadable,
        duplicates=duplicates,
        outliers=find_outliers(scanned.samples, scanned.records),
        shortcuts=find_shortcuts(dataset, scanned.samples, scanned.records, duplicates),
        imbalance=imbalance(readable.counts("train")),
    )


def split(dataset: Dataset, data: DataConfig) -> EventStream[Dataset]:
    """Return the dataset split by the settings, warning of the images that cannot be read, which are left out.

    Left out before the draw, they change nothing for the others. Copies and bursts stay on one side where the settings
    ask for it.
    """
    scanned = yield from fingerprint_dataset(dataset)
    yield from skipped_warnings(scanned)
    return (yield from split_readable(dataset, data, scanned))


def split_readable(dataset: Dataset, data: DataConfig, scanned: DatasetScan) -> EventStream[Dataset]:
    """Return a scanned dataset split by the settings, without what cannot be read."""
    dataset = dataset.without(frozenset(bad.path for bad in scanned.unreadable))
    if dataset.has_val or not data.group_duplicates:
        return split_by_draw(dataset, data.val_fraction, data.seed)
    duplicates = yield from compare(scanned)
    return split_by_draw(dataset, data.val_fraction, data.seed, [group.paths for group in duplicates])


def skipped_warnings(scanned: DatasetScan) -> Iterator[Warned]:
    """Yield a warning for each image that cannot be read."""
    return (Warned(message=f"Left out: {bad.reason}", path=bad.path) for bad in scanned.unreadable)


def review(dataset: Dataset, model: Path | None, audit: Audit) -> EventStream[Review]:
    """Return the queue of what a person should look at; without a model it holds what the audit found and no more."""
    if model is None:
        yield from ()
        return Review(items=build_queue(dataset, audit, (), read_decisions(dataset.root)))
    from engine.ml.evaluation.label_errors import review as review_labels

    return (yield from translate_device_errors(review_labels(dataset, model, audit)))


def evaluate_corrections(dataset: Dataset, model: Path, audit: Audit = Audit()) -> EventStream[CorrectionGain]:  # noqa: B008 - frozen
    """Return what the corrections beside the images did to the cross-validated accuracy."""
    from engine.ml.evaluation.label_errors import evaluate_corrections as rescore_labels

    return (yield from translate_device_errors(rescore_labels(dataset, model, audit)))


def preview(dataset: Dataset, config: RunConfig, num_images: int) -> EventStream[list[Pixels]]:
    """Return training images as the network would see them, augmented."""
    from engine.ml.loading.augment import preview_images
    from engine.ml.training.setup import make_preprocessing

    preprocessing = make_preprocessing(config)
    draw = partial(preview_images, dataset, config.augment, config.training.seed, preprocessing, num_images)
    return (yield from translate_device_errors(from_callable(draw)))
