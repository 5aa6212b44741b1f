"""Scan, check, split and preview datasets."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from engine.audit.findings import Audit
from engine.audit.learnt_from import LearntFrom
from engine.audit.outliers import find_outliers
from engine.audit.photo_groups import with_duplicates
from engine.audit.scan import DatasetScan, find_duplicates_in_scan, find_groups_in_scan, fingerprint_dataset
from engine.config.settings import DataConfig, RunConfig
from engine.core.errors import EngineError
from engine.core.events import Warned
from engine.core.formatting import count
from engine.core.progress import Ticker, with_progress
from engine.data.dataset import Dataset, scan_in_steps
from engine.data.decode import Pixels
from engine.data.pixels.grey_range import GreyRanges
from engine.data.splits import cut_warning
from engine.data.splits import split as draw_split
from engine.jobs.base import EventStream, from_callable, load_torch, translate_device_errors
from engine.jobs.held_out import find_start_images, paths_of_copies
from engine.results.imbalance import imbalance_ratio
from engine.results.split_caveats import expected_split, split_caveats


def scan(root: Path) -> EventStream[Dataset]:
    """Read a folder and return its images as a dataset without a drawn split."""
    return (yield from with_progress(scan_in_steps(root), Ticker("scan", total=0)))


def check(dataset: Dataset, data: DataConfig = DataConfig()) -> EventStream[Audit]:  # noqa: B008 - frozen
    """Open every image once and return the audit: unreadable files, duplicates, outliers, shortcuts, imbalance.

    Yields a warning for each unreadable file. The settings determine which photos form groups.
    """
    from engine.ml.evaluation.shortcuts import find_shortcuts

    scanned = yield from fingerprint_dataset(dataset)
    yield from (Warned(message=bad.reason, path=bad.path) for bad in scanned.unreadable)
    duplicates = yield from find_duplicates_in_scan(scanned)
    photo_groups = find_groups_in_scan(scanned, dataset.classes, data)
    same_scene = [*(group.paths for group in duplicates), *photo_groups.same_scene()]
    readable = dataset.without(frozenset(bad.path for bad in scanned.unreadable))
    return Audit(
        unreadable=scanned.unreadable,
        duplicates=duplicates,
        photo_groups=photo_groups,
        outliers=find_outliers(scanned.samples, scanned.records),
        shortcuts=find_shortcuts(dataset, scanned.samples, scanned.records, same_scene),
        imbalance=imbalance_ratio(readable.counts("train")),
        caveats=_caveats(readable),
        grey_ranges=scanned.grey_ranges,
        notes=scanned.notes,
    )


def _caveats(dataset: Dataset) -> tuple[str, ...]:
    """Return sentences about few images, for the folder's own split or the default one."""
    train, val = dataset.counts("train"), dataset.counts("val")
    if not dataset.has_val:
        train, val = expected_split(train, DataConfig().val_fraction)
    return tuple(split_caveats(dataset.classes, train, val))


def split(dataset: Dataset, data: DataConfig, weights: str = "none") -> EventStream[Dataset]:
    """Return the dataset split into training and validation images; yield a warning for each unreadable image.

    Unreadable images are removed before the split is drawn, so they do not change it. If the settings require it, all
    images of a group are in the same split; a warning names classes whose group had to be divided. Images that the
    start weights learnt from stay in training.

    Args:
        dataset: The scanned dataset.
        data: The settings of the split.
        weights: The start weights, as in the settings.
    """
    scanned = yield from fingerprint_dataset(dataset)
    yield from skipped_warnings(scanned)
    start = yield from find_start_images(weights)
    dataset = yield from split_readable(dataset, data, scanned, start)
    yield from split_warnings(dataset)
    return dataset


def split_readable(dataset: Dataset, data: DataConfig, scanned: DatasetScan, start: LearntFrom) -> EventStream[Dataset]:
    """Return a scanned dataset without its unreadable images, split according to the settings.

    Images that the start weights learnt from, `start`, stay in training.
    """
    dataset = dataset.without(frozenset(bad.path for bad in scanned.unreadable))
    dataset = replace(dataset, grey_ranges=scanned.grey_ranges)
    photo_groups = find_groups_in_scan(scanned, dataset.classes, data)
    if dataset.has_val:
        return replace(dataset, grouping=photo_groups.describe())
    keep_in_train = yield from paths_of_copies(scanned, start)
    duplicates = (yield from find_duplicates_in_scan(scanned)) if data.group_duplicates else ()
    groups = with_duplicates(photo_groups, duplicates)
    drawn = draw_split(dataset, data.val_fraction, data.seed, groups, keep_in_train)
    if keep_in_train and not drawn.of_split("val"):
        raise EngineError(
            f"No image is left to validate on: the start weights learnt from {len(keep_in_train):,} of "
            f"{count(len(dataset.samples), 'image')}. Add images that they have not learnt from, or "
            "choose other start weights.",
            dataset.root,
        )
    return drawn


def skipped_warnings(scanned: DatasetScan) -> Iterator[Warned]:
    """Yield a warning for each unreadable image, and for each way in which images are not decoded as they are."""
    yield from (Warned(message=f"Left out: {bad.reason}", path=bad.path) for bad in scanned.unreadable)
    yield from (Warned(message=note) for note in scanned.notes)


def split_warnings(dataset: Dataset) -> Iterator[Warned]:
    """Yield a warning for a group that is divided between training and validation, and for few images."""
    message = cut_warning(dataset)
    if message is not None:
        yield Warned(message=message)
    for sentence in split_caveats(dataset.classes, dataset.counts("train"), dataset.counts("val")):
        yield Warned(message=sentence)


def preview(dataset: Dataset, config: RunConfig, num_images: int) -> EventStream[list[Pixels]]:
    """Return augmented training images as the network receives them."""
    yield from load_torch()
    from engine.ml.loading.augment import preview_images
    from engine.ml.training.setup import make_augment_options, make_preprocessing

    preprocessing, options = (
        make_preprocessing(config, dataset.grey_ranges or GreyRanges()),
        make_augment_options(config.augment),
    )
    augment = partial(preview_images, dataset, options, config.training.seed, preprocessing, num_images)
    return (yield from translate_device_errors(from_callable(augment)))
