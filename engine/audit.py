"""Open every image of a dataset once: name those that cannot be read, and keep a record of the others."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.dataset import Dataset, Sample
from engine.errors import EngineError
from engine.fingerprint import Records, file_key, fingerprint
from engine.record_store import RecordStore
from engine.threads import map_in_threads


@dataclass(frozen=True, slots=True)
class Checked:
    """One image after the check: its record, or `reason` says why it is unreadable."""

    sample: Sample
    record: Records | None
    reason: str | None


def check(dataset: Dataset, store: RecordStore | None = None) -> Iterator[Checked]:
    """Yield every sample of the dataset, in order, with what is wrong with its file or with its record.

    An image whose record is in the store is not opened again, unless its file has changed.
    """

    def check_one(sample: Sample) -> Checked:
        path = dataset.root / sample.path
        try:
            known = store.find(file_key(path)) if store is not None else None
            return Checked(sample, fingerprint(path) if known is None else known, None)
        except EngineError as error:
            return Checked(sample, None, error.message)

    return map_in_threads(check_one, dataset.samples, ahead=256)
