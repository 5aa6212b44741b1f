"""Findings of a dataset audit: duplicates, image-quality outliers, shortcut features and class imbalance."""

from typing import Literal, TypeAlias

from engine.core.records import FrozenModel
from engine.data.groups.photo_groups import PhotoGroups
from engine.data.pixels.grey_range import GreyRanges
from engine.results.evaluation import Unreadable

DuplicateKind: TypeAlias = Literal["exact", "near"]
OutlierKind: TypeAlias = Literal["blurred", "dark", "bright", "tiny", "shape"]


class DuplicateGroup(FrozenModel):
    """A group of exact duplicates or near-duplicates."""

    paths: tuple[str, ...]
    kind: DuplicateKind
    is_conflict: bool
    """True if the images have different labels."""
    crosses_splits: bool
    """True if the images are in different splits, which leaks training images into validation."""


class Outlier(FrozenModel):
    """An image with an image-quality issue, compared with the rest of the dataset."""

    path: str
    kind: OutlierKind
    reason: str
    """One sentence."""


class Shortcut(FrozenModel):
    """A feature unrelated to the image content that predicts the class, such as the file size or a border."""

    feature: str
    accuracy: float
    """Cross-validated balanced accuracy (0..1) of a decision tree on this feature alone."""
    chance: float
    """Balanced accuracy of guessing."""
    sentence: str


class Audit(FrozenModel):
    """All findings about a dataset."""

    unreadable: tuple[Unreadable, ...] = ()
    duplicates: tuple[DuplicateGroup, ...] = ()
    photo_groups: PhotoGroups = PhotoGroups()
    outliers: tuple[Outlier, ...] = ()
    shortcuts: tuple[Shortcut, ...] = ()
    imbalance: float = 1.0
    """Size of the largest class divided by that of the smallest."""
    caveats: tuple[str, ...] = ()
    """Sentences about classes with too few images to train or validate on."""
    grey_ranges: GreyRanges | None = None
    """Ranges of images with more than 8 bits per channel; None before the images were opened."""
    notes: tuple[str, ...] = ()
    """Sentences about how the images are decoded."""
