"""Images that a model, or the start weights of a training, learnt from, as far as they are known."""

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np

from engine.audit.fingerprint import empty_records
from engine.audit.learnt_images import Copies, LearntImages
from engine.audit.scan import DatasetScan
from engine.core.events import Event
from engine.core.progress import Ticker, with_progress


@dataclass(frozen=True)
class LearntFrom:
    """Images that a model learnt from."""

    images: LearntImages
    is_known: bool = True
    """False for a model of an older version whose training images are gone or unknown."""
    paths: frozenset[str] = frozenset()
    """Paths below the dataset folder, for a model of an older version whose images are gone from there."""

    def find_copies(self, scanned: DatasetScan) -> Generator[Event, None, Copies]:
        """Return which of the scanned images are copies of images that the model learnt from; yields progress."""
        ticker = Ticker("compare", len(scanned.samples))
        copies = yield from with_progress(self.images.find_copies(scanned.records), ticker)
        is_known_path = np.array([sample.path in self.paths for sample in scanned.samples], np.bool_)
        return replace(copies, is_same=copies.is_same | is_known_path)


NOTHING = LearntFrom(LearntImages.from_records(empty_records(0)))
"""For random weights and those of ImageNet."""
