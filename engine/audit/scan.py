"""Scan of a dataset: fingerprint every image once and list unreadable files."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from engine.audit.duplicates import find_duplicates
from engine.audit.findings import DuplicateGroup
from engine.audit.fingerprint import Records, empty_records, fingerprint
from engine.audit.fingerprint_store import FingerprintStore
from engine.audit.photo_groups import find_photo_groups
from engine.audit.sample_values import read_values, rescale_records
from engine.config.settings import DataConfig
from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.file_key import file_key
from engine.core.progress import Ticker, with_progress
from engine.core.threads import map_in_threads
from engine.data.dataset import Dataset, Sample
from engine.data.decode import unreadable_reason
from engine.data.groups.photo_groups import PhotoGroups
from engine.data.pixels.grey_range import GreyRanges, describe_grey_ranges, find_grey_ranges
from engine.data.pixels.image_traits import describe_traits
from engine.data.splits import FileContent
from engine.results.evaluation import Unreadable


@dataclass(frozen=True, slots=True)
class FingerprintResult:
    """Record of one image, or the reason why it cannot be read."""

    sample: Sample
    record: Records | None
    reason: str | None


def fingerprint_samples(dataset: Dataset, store: FingerprintStore | None = None) -> Iterator[FingerprintResult]:
    """Yield the record or the read error of every sample, in order.

    Unchanged images whose record is in the store are not opened.
    """

    def fingerprint_one(sample: Sample) -> FingerprintResult:
        path = dataset.root / sample.path
        try:
            key = file_key(dataset.root, sample.path)
            record = store.find(key) if store is not None else None
            if record is None:
                record = fingerprint(path)
                record["key"] = key
        except OSError as error:
            return FingerprintResult(sample, None, unreadable_reason(path, error))
        except EngineError as error:
            return FingerprintResult(sample, None, error.message)
        return FingerprintResult(sample, record, None)

    return map_in_threads(fingerprint_one, dataset.samples, ahead=256)


@dataclass(frozen=True)
class DatasetScan:
    """Readable samples of a dataset, their records in the same order, and the unreadable images."""

    samples: tuple[Sample, ...]
    records: Records
    """Fingerprints; those of deep images are scaled by `grey_ranges`."""
    unreadable: tuple[Unreadable, ...]
    grey_ranges: GreyRanges
    """Ranges of the training and validation images with more than 8 bits per channel."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about how the images are decoded."""
        values = [value for value in read_values(self.records) if value is not None]
        traits: list[int] = self.records["traits"].tolist()
        return (*describe_grey_ranges(self.grey_ranges, values), *describe_traits(traits))


def fingerprint_dataset(dataset: Dataset, is_part: bool = False) -> Generator[Event, None, DatasetScan]:
    """Fingerprint all images and save the records in the cache; yields progress.

    Args:
        dataset: The images.
        is_part: The folder has other images as well, whose records stay in the cache.
    """
    store = FingerprintStore(dataset.root)
    records = empty_records(len(dataset.samples))
    samples: list[Sample] = []
    unreadable: list[Unreadable] = []
    ticker = Ticker("check", len(dataset.samples))
    for num_done, result in enumerate(fingerprint_samples(dataset, store), start=1):
        if result.reason is not None:
            unreadable.append(Unreadable(path=result.sample.path, reason=result.reason))
        else:
            records[len(samples)] = result.record
            samples.append(result.sample)
        yield from ticker.at(num_done)
    records = records[: len(samples)]
    store.save(records, keeps_others=is_part)
    learnt = [value for sample, value in zip(samples, read_values(records)) if value and sample.split != "test"]
    ranges = find_grey_ranges(learnt)
    return DatasetScan(tuple(samples), rescale_records(records, ranges), tuple(unreadable), ranges)


def file_contents(scanned: DatasetScan) -> dict[str, FileContent]:
    """Return size and digest of each readable image by path."""
    sizes, digests = scanned.records["key"][:, 1].tolist(), scanned.records["digest"]
    return {
        sample.path: (size, digest.tobytes().hex()) for sample, size, digest in zip(scanned.samples, sizes, digests)
    }


def find_duplicates_in_scan(scanned: DatasetScan) -> Generator[Event, None, tuple[DuplicateGroup, ...]]:
    """Find duplicates among the scanned images; yields progress."""
    ticker = Ticker("compare", len(scanned.samples))
    return (yield from with_progress(find_duplicates(scanned.samples, scanned.records), ticker))


def find_groups_in_scan(scanned: DatasetScan, classes: Sequence[str], data: DataConfig) -> PhotoGroups:
    """Return the groups of photos among the scanned images, according to the settings."""
    return find_photo_groups(scanned.samples, scanned.records, classes, data.group_by, data.group_gap)
