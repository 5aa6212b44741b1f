"""Calibration of confidences, and the decision threshold for a maximum error rate."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from pydantic import AliasChoices, ConfigDict, Field

from engine.core.formatting import count, percent
from engine.core.records import ExtensibleModel
from engine.results.few_images import MIN_VAL_IMAGES, too_few
from engine.results.statistics import Flags, Floats

NUM_BINS = 15
MAX_COVERAGE_POINTS = 200

DEFAULT_MAX_ERROR = 0.05
"""Default maximum error rate (0..1) among the images that are decided by the model."""


class CoveragePoint(ExtensibleModel):
    """Number of validation images with a confidence of at least `threshold`, and how many of them are misclassified."""

    threshold: float
    num_answered: int = Field(ge=0)
    num_wrong: int = Field(ge=0)


class Calibration(ExtensibleModel):
    """Calibration of a model on its validation images, stored in the model metadata."""

    model_config = ConfigDict(validate_by_name=True)

    temperature: float = Field(ge=1e-3, le=1e3)
    """Logits are divided by this before softmax (temperature scaling)."""
    error_before: float
    """Expected calibration error (0..1) without temperature scaling."""
    error_after: float
    """Expected calibration error (0..1) with this temperature, cross-validated; `error_before` if it is 1."""
    rejected_error: float | None = None
    """Cross-validated error with temperature scaling if that was not lower, so that the temperature is 1."""
    num_images: int = Field(ge=0)
    """Number of validation images."""
    coverage: tuple[CoveragePoint, ...] = Field(max_length=MAX_COVERAGE_POINTS)
    """Risk-coverage curve, by falling threshold."""
    ood_threshold: float | None = Field(None, validation_alias=AliasChoices("ood_threshold", "unknown_below"))
    """Images with a lower similarity to their nearest training images are out of distribution; None if not computed."""

    @property
    def has_few_images(self) -> bool:
        """True if there are too few images to measure the calibration error."""
        return self.num_images < MIN_VAL_IMAGES

    @property
    def ood_caveat(self) -> str:
        """A sentence if there were too few images for an out-of-distribution threshold, else an empty text."""
        if self.ood_threshold is not None or not self.has_few_images:
            return ""
        return f"{too_few(self.num_images)} to find images unlike the training images, so none is marked unknown."

    @property
    def headline(self) -> str:
        """The calibration error, or a sentence that it is not known."""
        if self.has_few_images:
            return f"Calibration error not known: only {count(self.num_images, 'validation image')}"
        if self.temperature == 1:
            return f"Calibration error {percent(self.error_before, 1)}"
        return f"Calibration error {percent(self.error_after, 1)} ({percent(self.error_before, 1)} before calibration)"

    @property
    def method(self) -> str:
        """A sentence about the temperature."""
        if self.rejected_error is not None:
            return (
                "The confidences are not scaled, because temperature scaling would make the cross-validated "
                f"calibration error {percent(self.rejected_error, 1)}."
            )
        if self.has_few_images and self.temperature == 1:
            return f"The confidences are not scaled: this takes at least {MIN_VAL_IMAGES} validation images."
        return f"Temperature {self.temperature:.2f}, saved in the model file."


class ReliabilityBin(NamedTuple):
    """Images whose confidence lies in one range, and their mean confidence (0..1)."""

    num_images: int
    num_correct: int
    confidence: float

    @property
    def accuracy(self) -> float:
        """Accuracy (0..1) on these images."""
        return self.num_correct / self.num_images


class OperatingPoint(NamedTuple):
    """A decision threshold, and its effect on the validation images. Predictions below the threshold are unsure."""

    threshold: float
    num_answered: int
    num_images: int
    num_wrong: int
    is_guaranteed: bool
    """False if there are too few validation images to guarantee the maximum error rate; then nothing is unsure."""


def reliability_bins(confidences: Floats, is_right: Flags, num_bins: int = NUM_BINS) -> list[ReliabilityBin]:
    """Return the bins of a reliability diagram: equal ranges of confidence over 0..1, without empty ones.

    Args:
        confidences: Confidence (0..1) of each prediction, shape (N,).
        is_right: Whether each prediction is correct, shape (N,).
        num_bins: Number of ranges.
    """
    # A confidence on an edge belongs to the bin below it, as in Guo et al.
    numbers = np.clip(np.ceil(confidences * num_bins), 1, num_bins)
    return [
        ReliabilityBin(int(members.sum()), int(is_right[members].sum()), float(confidences[members].mean()))
        for number in range(1, num_bins + 1)
        if (members := numbers == number).any()
    ]


def calibration_error(confidences: Floats, is_right: Flags, num_bins: int = NUM_BINS) -> float:
    """Return the expected calibration error (0..1); 0 without images.

    It is the mean distance between confidence and accuracy over the bins, weighted by their numbers of images: Guo et
    al. (2017), "On Calibration of Modern Neural Networks".

    Args:
        confidences: Confidence (0..1) of each prediction, shape (N,).
        is_right: Whether each prediction is correct, shape (N,).
        num_bins: Number of ranges of confidence.
    """
    filled = reliability_bins(confidences, is_right, num_bins)
    num_images = sum(each.num_images for each in filled)
    return sum(each.num_images * abs(each.confidence - each.accuracy) for each in filled) / max(1, num_images)


def coverage_curve(confidences: Floats, is_right: Flags) -> tuple[CoveragePoint, ...]:
    """Return the risk-coverage curve by falling threshold, thinned to at most 200 points.

    Args:
        confidences: Confidence (0..1) of each prediction, shape (N,).
        is_right: Whether each prediction is correct, shape (N,).
    """
    order = np.argsort(-confidences)
    sorted_confidences, num_wrong = confidences[order], np.cumsum(~is_right[order])
    # A threshold cannot separate images of equal confidence
    last_of_each = np.flatnonzero(np.diff(sorted_confidences, append=-np.inf))
    num_points = min(len(last_of_each), MAX_COVERAGE_POINTS)
    thinned = np.linspace(0, len(last_of_each) - 1, num_points).round().astype(int)
    return tuple(
        CoveragePoint(
            threshold=float(sorted_confidences[last]), num_answered=int(last) + 1, num_wrong=int(num_wrong[last])
        )
        for last in last_of_each[thinned]
    )


def choose_operating_point(coverage: Sequence[CoveragePoint], max_error: float | None) -> OperatingPoint:
    """Return the threshold with the highest coverage whose error rate stays within `max_error`.

    One more error than observed is counted, which keeps the expected error rate within the limit: conformal risk
    control, Angelopoulos et al. (2022). With fewer than 1 / max_error - 1 images no threshold is guaranteed, not even
    without any error; then the threshold is 0 and `is_guaranteed` is False.

    Args:
        coverage: Risk-coverage curve by falling threshold.
        max_error: Maximum error rate (0..1) among predictions above the threshold; None for no limit.
    """
    end = coverage[-1] if coverage else CoveragePoint(threshold=0.0, num_answered=0, num_wrong=0)
    num_images = end.num_answered
    if max_error is None or (num_images + 1) * max_error < 1:
        return OperatingPoint(0.0, num_images, num_images, end.num_wrong, is_guaranteed=max_error is None)
    allowed = [point for point in coverage if point.num_wrong + 1 <= max_error * (point.num_answered + 1)]
    if not allowed:
        return OperatingPoint(float("inf"), 0, num_images, 0, is_guaranteed=True)
    best = max(allowed, key=lambda point: point.num_answered)
    threshold = 0.0 if best is end else best.threshold
    return OperatingPoint(threshold, best.num_answered, num_images, best.num_wrong, is_guaranteed=True)
