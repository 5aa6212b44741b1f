"""Open every image of a dataset once: name those that cannot be read, and keep a record of the others."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from engine.audit.duplicates import find_duplicates
from engine.audit.findings import DuplicateGroup
from engine.audit.fingerprint import Records, empty_records, file_key, fingerprint
from engine.audit.fingerprint_store import FingerprintStore
from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.progress import Ticker, with_progress
from engine.core.threads import map_in_threads
from engine.data.dataset import Dataset, Sample
from engine.results.evaluation import Unreadable


@dataclass(frozen=True, slots=True)
class FingerprintResult:
    """One image after the check: its record, or `reason` says why it is unreadable."""

    sample: Sample
    record: Records | None
    reason: str | None


def fingerprint_samples(dataset: Dataset, store: FingerprintStore | None = None) -> Iterator[FingerprintResult]:
    """Yield every sample of the dataset, in order, with what is wrong with its file or with its record.

    An image whose record is in the store is not opened again, unless its file has changed.
    """

    def check_one(sample: Sample) -> FingerprintResult:
        path = dataset.root / sample.path
        try:
            known = store.find(file_key(path)) if store is not None else None
            return FingerprintResult(sample, fingerprint(path) if known is None else known, None)
        except EngineError as error:
            return FingerprintResult(sample, None, error.message)

    return map_in_threads(check_one, dataset.samples, ahead=256)


@dataclass(frozen=True)
class DatasetScan:
    """What was read of a dataset: the readable samples, their records in the same order, and the others."""

    samples: tuple[Sample, ...]
    records: Records
    unreadable: tuple[Unreadable, ...]


def fingerprint_dataset(dataset: Dataset) -> Generator[Event, None, DatasetScan]:
    """Read the records of all images, telling how far it is, and keep them for the next time."""
    store = FingerprintStore(dataset.root)
    records = empty_records(len(dataset.samples))
    samples: list[Sample] = []
    unreadable: list[Unreadable] = []
    ticker = Ticker("check", len(dataset.samples))
    for num_done, checked in enumerate(fingerprint_samples(dataset, store), start=1):
        if checked.reason is not None:
            unreadable.append(Unreadable(path=checked.sample.path, reason=checked.reason))
        else:
            records[len(samples)] = checked.record
            samples.append(checked.sample)
        yield from ticker.at(num_done)
    records = records[: len(samples)]
    store.keep(records)
    return DatasetScan(tuple(samples), records, tuple(unreadable))


def find_duplicates_in_scan(scanned: DatasetScan) -> Generator[Event, None, tuple[DuplicateGroup, ...]]:
    """Find the duplicates among images that were read, telling how far it is."""
    ticker = Ticker("compare", len(scanned.samples))
    return (yield from with_progress(find_duplicates(scanned.samples, scanned.records), ticker))
