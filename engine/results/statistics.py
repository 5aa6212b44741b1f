"""Confidence intervals, McNemar's test and AUROC.

`scipy.stats` takes about a second to import, so it is reached as an attribute of `scipy`, which imports it when it is
first used.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy

Floats = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]

_Z = NormalDist().inv_cdf(0.975)


class Interval(NamedTuple):
    """A 95 % confidence interval of a proportion (0..1)."""

    low: float
    high: float


def wilson_interval(num_successes: int, num_trials: int) -> Interval:
    """Return the Wilson 95 % confidence interval of a proportion; (0, 1) when `num_trials` is 0.

    The score interval of Wilson (1927) stays inside 0..1 and is accurate for few trials too. It is computed here
    because `scipy.stats.binomtest` takes milliseconds, for a p-value that is not needed.
    """
    if not num_trials:
        return Interval(0.0, 1.0)
    share, square = num_successes / num_trials, _Z**2 / num_trials
    middle = share + square / 2
    half = math.sqrt(square * (share * (1 - share) + square / 4))
    low = (middle - half) / (1 + square) if num_successes else 0.0
    high = (middle + half) / (1 + square) if num_successes < num_trials else 1.0
    return Interval(low, high)


def count_successes(share: float, num_trials: int) -> int:
    """Return the number of successes behind a stored share, which is limited to 0..1."""
    return round(min(1.0, max(0.0, share)) * num_trials)


def mcnemar_p_value(num_only_first: int, num_only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test (1947).

    Args:
        num_only_first: Number of images that only the first model classifies correctly.
        num_only_second: Number of images that only the second model classifies correctly.
    """
    num_discordant = num_only_first + num_only_second
    return float(scipy.stats.binomtest(num_only_first, num_discordant).pvalue) if num_discordant else 1.0


def auroc(positive: Floats, negative: Floats) -> float:
    """Return the area under the ROC curve for two sets of scores; 0.5 when either is empty.

    It is the probability that a score of `positive` is above one of `negative`, where ties count half (Mann and
    Whitney, 1947).
    """
    if not len(positive) or not len(negative):
        return 0.5
    ordered = np.sort(negative)
    num_below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(num_below.mean() / (2 * len(negative)))
