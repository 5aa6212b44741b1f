"""How sure a figure is: intervals, paired comparison and ranking, small enough to need no library at start-up."""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_Z = NormalDist().inv_cdf(0.975)  # standard deviations either side that hold 95 % of a normal distribution

Floats = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]


class Interval(NamedTuple):
    """The 95 % interval of a share (0..1)."""

    low: float
    high: float


def wilson_interval(share: float, num_images: int) -> Interval:
    """Return the 95 % interval of a share (0..1) measured on `num_images`; all there is where nothing was measured.

    Score interval of Wilson (1927), which stays inside 0..1 and is right for few images too.
    """
    if not num_images:
        return Interval(0.0, 1.0)
    scale = 1 + _Z**2 / num_images
    middle = (share + _Z**2 / (2 * num_images)) / scale
    reach = _Z / scale * math.sqrt(max(0.0, share * (1 - share)) / num_images + (_Z / (2 * num_images)) ** 2)
    return Interval(max(0.0, middle - reach), min(1.0, middle + reach))


def mcnemar_p_value(num_only_first: int, num_only_second: int) -> float:
    """Return how likely so unequal a pair of counts is by chance (p-value, two-sided).

    The counts are of images that only one of two models has right. Exact binomial form of McNemar's test (1947).
    """
    num_images = num_only_first + num_only_second
    fewer = min(num_only_first, num_only_second)
    ways = sum(math.comb(num_images, number) for number in range(fewer + 1))
    return min(1.0, ways / 2 ** (num_images - 1)) if num_images else 1.0


def auroc(positive: Floats, negative: Floats) -> float:
    """Return how often a value of `positive` is above one of `negative`; 0.5 where either is empty.

    Equal values count half. That is the area under the receiver operating characteristic (Mann and Whitney, 1947).
    """
    if not len(positive) or not len(negative):
        return 0.5
    ordered = np.sort(negative)
    num_below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(num_below.mean() / (2 * len(negative)))
