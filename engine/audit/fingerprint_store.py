"""On-disk cache of image fingerprints, so that a second audit opens no unchanged file."""

import hashlib
import logging
from pathlib import Path

import numpy as np

from engine.audit.fingerprint import RECORD, Records
from engine.core.atomic_write import write_atomic
from engine.core.cache import cache_folder, mark_used, reserve_space
from engine.core.file_key import FileKey

_VERSION = 2
"""Increased when the meaning of a record changes, so that old caches are ignored."""

logger = logging.getLogger(__name__)


class FingerprintStore:
    """Cached records by file key: those of moved or edited images are not found."""

    def __init__(self, root: Path) -> None:
        name = hashlib.blake2b(repr((str(root.resolve()), _VERSION, RECORD.descr)).encode(), digest_size=16).hexdigest()
        self._name = f"records-{name}.npy"
        self._records = self._load()
        self._rows = {tuple(key): row for row, key in enumerate(self._records["key"].tolist())}

    def find(self, key: FileKey) -> Records | None:
        """Return the cached record of a file, shape (), or None."""
        row = self._rows.get(key)
        return None if row is None else self._records[row]

    def save(self, records: Records, keeps_others: bool = False) -> None:
        """Replace the cache by these records, or add them to it, if there is enough disk space."""
        is_new = np.array([tuple(key) not in self._rows for key in records["key"].tolist()], np.bool_)
        if not is_new.any() and (keeps_others or len(records) == len(self._rows)):
            return
        if keeps_others:
            records = np.concatenate((self._records, records[is_new]))
        try:
            path = cache_folder() / self._name
            if reserve_space(records.nbytes, replaced=path):
                write_atomic(path, lambda temporary: np.save(temporary, records, allow_pickle=False))
        except OSError as error:
            logger.warning("The image fingerprints could not be cached: %s", error)

    def _load(self) -> Records:
        try:
            path = cache_folder() / self._name
            records: Records = np.load(path, allow_pickle=False)
            mark_used(path)
        except (OSError, ValueError, EOFError):
            return np.zeros(0, RECORD)
        return records if records.dtype == RECORD and records.ndim == 1 else np.zeros(0, RECORD)
