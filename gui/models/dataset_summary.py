"""Numbers of images of a dataset, counted once so that pages need not go through all images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.audit.findings import Audit
from engine.audit.photo_groups import with_duplicates
from engine.config.settings import DataConfig
from engine.data.dataset import Dataset, Sample
from engine.data.folders.split_names import SPLITS, Split
from engine.data.splits import split, unsplit
from engine.results.split_caveats import split_caveats


@dataclass(frozen=True, eq=False, slots=True)
class DatasetSummary:
    """Numbers of images by split and class, and the images of each class."""

    num_images: Mapping[Split, int]
    """Number of images of each split."""
    counts: Mapping[Split, Sequence[int]]
    """Number of images of each class, by split."""
    samples_of_class: Sequence[Sequence[Sample]]
    largest_class: int
    """Number of images of the largest class."""
    num_grouped: int
    """Number of images that belong to a group of duplicates."""
    caveats: Sequence[str] = ()
    """Sentences about classes with too few images to train or validate on."""


@dataclass(frozen=True, eq=False, slots=True)
class PreparedDataset:
    """A split dataset with its audit and summary, ready to be shown."""

    dataset: Dataset
    audit: Audit
    summary: DatasetSummary


def summarize_dataset(dataset: Dataset) -> DatasetSummary:
    """Count the images of a dataset."""
    counts = {split: [0] * len(dataset.classes) for split in SPLITS}
    samples: list[list[Sample]] = [[] for _ in dataset.classes]
    num_grouped = 0
    for sample in dataset.samples:
        counts[sample.split][sample.label] += 1
        samples[sample.label].append(sample)
        num_grouped += sample.group is not None
    caveats = split_caveats(dataset.classes, counts["train"], counts["val"])
    num_images = {split: sum(counts[split]) for split in SPLITS}
    largest = max(map(len, samples), default=0)
    return DatasetSummary(num_images, counts, samples, largest, num_grouped, caveats)


def prepare_dataset(dataset: Dataset, audit: Audit) -> PreparedDataset:
    """Summarize a dataset whose split is kept."""
    return PreparedDataset(dataset, audit, summarize_dataset(dataset))


def split_dataset(dataset: Dataset, audit: Audit, data: DataConfig) -> PreparedDataset:
    """Draw the split again, unless the folder has its own, and summarize the dataset.

    Args:
        dataset: The dataset; an earlier split is ignored.
        audit: Findings with the groups of duplicates and photos, which stay on one side if the settings require it.
        data: Settings of the split.
    """
    dataset = replace(dataset, grey_ranges=audit.grey_ranges, grouping=audit.photo_groups.describe())
    if not dataset.has_val:
        groups = with_duplicates(audit.photo_groups, audit.duplicates if data.group_duplicates else ())
        dataset = split(unsplit(dataset), data.val_fraction, data.seed, groups)
    return prepare_dataset(dataset, audit)
