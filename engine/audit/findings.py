"""What an audit of a data set finds, as plain data that the window, the report and the command line read alike."""

from typing import Literal, TypeAlias

from engine.core.records import FrozenModel
from engine.results.evaluation import Unreadable

DuplicateKind: TypeAlias = Literal["exact", "near", "burst"]
OutlierKind: TypeAlias = Literal["blurred", "dark", "bright", "tiny", "shape"]


class DuplicateGroup(FrozenModel):
    """Images that show the same: copies byte for byte, the same picture otherwise saved, or shots of one burst."""

    paths: tuple[str, ...]
    kind: DuplicateKind
    is_conflict: bool
    """Whether they stand in different classes. Never so for a burst: shots seconds apart may show different things."""
    crosses_splits: bool
    """Whether some are learnt from and some measured on."""


class Outlier(FrozenModel):
    """An image that is hard to learn from, and why in words."""

    path: str
    kind: OutlierKind
    reason: str


class Shortcut(FrozenModel):
    """A cue beside what the images show that gives the class away."""

    feature: str
    accuracy: float
    """Balanced accuracy (0..1) of a small model that sees this cue alone, cross-validated."""
    chance: float
    """What guessing reaches."""
    sentence: str


class Audit(FrozenModel):
    """All that is odd about a data set. `imbalance` is the size of the largest class over that of the smallest."""

    unreadable: tuple[Unreadable, ...] = ()
    duplicates: tuple[DuplicateGroup, ...] = ()
    outliers: tuple[Outlier, ...] = ()
    shortcuts: tuple[Shortcut, ...] = ()
    imbalance: float = 1.0
