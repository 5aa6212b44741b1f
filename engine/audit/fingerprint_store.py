"""The records of a folder's images, kept between runs, so that a second audit opens no file."""

import hashlib
import logging
import os
from pathlib import Path

import numpy as np

from engine.audit.fingerprint import RECORD, Records
from engine.core.atomic_write import write_atomic
from engine.core.cache import cache_folder, reserve_space

_VERSION = 1
"""Goes up when a record means something else, so that those kept before are not taken for it."""

logger = logging.getLogger(__name__)


class FingerprintStore:
    """Finds records by number, size and time of change of their file: a moved image is known, an edited one is not."""

    def __init__(self, root: Path) -> None:
        name = hashlib.blake2b(repr((str(root.resolve()), _VERSION, RECORD.descr)).encode(), digest_size=16).hexdigest()
        self._name = f"records-{name}.npy"
        self._records = self._load()
        self._rows = {tuple(key): row for row, key in enumerate(self._records["key"].tolist())}

    def find(self, key: tuple[int, int, int]) -> Records | None:
        """Return the record of a file, shape (), or None where none is kept."""
        row = self._rows.get(key)
        return None if row is None else self._records[row]

    def keep(self, records: Records) -> None:
        """Replace what is kept by these records, where there is room."""
        if len(records) == len(self._rows) and all(tuple(key) in self._rows for key in records["key"].tolist()):
            return
        if not reserve_space(records.nbytes):
            return
        try:
            write_atomic(cache_folder() / self._name, lambda path: np.save(path, records, allow_pickle=False))
        except OSError as error:
            logger.warning("The records of the images are not kept: %s", error)

    def _load(self) -> Records:
        try:
            path = cache_folder() / self._name
            records: Records = np.load(path, allow_pickle=False)
            os.utime(path)  # used now, so the last to be evicted
        except (OSError, ValueError, EOFError):
            return np.zeros(0, RECORD)
        return records if records.dtype == RECORD and records.ndim == 1 else np.zeros(0, RECORD)
