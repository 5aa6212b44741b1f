"""Forecast of a learning curve by an inverse power law.

error(n) = a n^-b + c, with n the number of training images: Cortes et al. (1994), "Learning Curves: Asymptotic Values
and Rate of Convergence".
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engine.results.learning_curve import LearningCurvePoint

Floats: TypeAlias = npt.NDArray[np.float64]

_EXPONENTS = np.linspace(0.05, 2, 40)
_NUM_POINTS = 6


@dataclass(frozen=True, slots=True)
class Forecast:
    """Forecast from the present number of training images to twice as many."""

    points: tuple[LearningCurvePoint, ...]
    gain: tuple[float, float, float]
    """Change of accuracy (-1..1) at twice the images: median, and bounds of the 95 % range."""
    gain_ratio: float
    """Gain from the next doubling divided by the gain from the last one, 2^-b."""


def forecast_curve(counts: Floats, curves: Floats, accuracy: float) -> Forecast:
    """Extrapolate bootstrap learning curves to twice the largest number of training images.

    A power law is fitted to each curve. Its rise beyond the last count is added to the measured accuracy there.

    Args:
        counts: Numbers of training images, ascending, shape (P,).
        curves: Bootstrap accuracies (0..1) at these counts, shape (B, P).
        accuracy: Accuracy measured at the last count.
    """
    counts_ahead = counts[-1] * np.linspace(1, 2, _NUM_POINTS)
    scales, exponents = fit_power_laws(counts / counts[-1], 1 - curves)
    rises = scales[:, None] * (1 - (counts_ahead / counts[-1])[None] ** -exponents[:, None])
    low_rise, rise, high_rise = np.percentile(rises, [2.5, 50, 97.5], axis=0)
    low, high = np.percentile(np.minimum(1, curves[:, -1:] + rises), [2.5, 97.5], axis=0)
    points = tuple(
        LearningCurvePoint(
            num_images=round(count), accuracy=min(1.0, accuracy + point_rise), low=point_low, high=point_high
        )
        for count, point_rise, point_low, point_high in zip(counts_ahead, rise.tolist(), low.tolist(), high.tolist())
    )
    gain = (float(rise[-1]), float(low_rise[-1]), float(high_rise[-1]))
    return Forecast(points, gain, float(np.median(2**-exponents)))


def fit_power_laws(shares: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Fit error = a share^-b + c by least squares, with a, c >= 0 and b from a grid over 0.05..2.

    For a given b the problem is linear in a and c and is solved in closed form.

    Args:
        shares: Numbers of training images divided by the last one, shape (P,).
        errors: Error rates (0..1), shape (B, P).

    Returns:
        a and b of each row, both of shape (B,). A row that does not fall gets a = 0.
    """
    lowest = np.full(len(errors), np.inf)
    scales, exponents = np.zeros(len(errors)), np.full(len(errors), 1.0)
    for exponent in _EXPONENTS:
        x = shares**-exponent
        centred = x - x.mean()
        scale = np.maximum(0, errors @ centred / (centred @ centred))
        floor = errors.mean(1) - scale * x.mean()
        # If the best c is negative, c = 0 is optimal
        scale = np.where(floor < 0, errors @ x / (x @ x), scale)
        floor = np.maximum(0, floor)
        residuals = ((scale[:, None] * x + floor[:, None] - errors) ** 2).sum(1)
        is_better = residuals < lowest - 1e-12
        lowest = np.where(is_better, residuals, lowest)
        scales, exponents = np.where(is_better, scale, scales), np.where(is_better, exponent, exponents)
    return scales, exponents
