"""Whether confidences can be believed, and which answers to leave to a person so that few of the others are wrong."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from pydantic import AliasChoices, ConfigDict, Field

from engine.core.records import ExtensibleModel
from engine.results.statistics import Flags, Floats

NUM_BINS = 15
_MOST_POINTS = 200

DEFAULT_MAX_ERROR = 0.05
"""Share of wrong ones that is allowed among the answered images where the user has not said another."""


class CoveragePoint(ExtensibleModel):
    """How many validation images have a confidence of `threshold` or more, and how many of those are wrong."""

    threshold: float
    num_answered: int = Field(ge=0)
    num_wrong: int = Field(ge=0)


class Calibration(ExtensibleModel):
    """What validation says of a model's confidences. It travels in the model file."""

    model_config = ConfigDict(validate_by_name=True)

    temperature: float = Field(ge=1e-3, le=1e3)
    """Logits are divided by this before softmax."""
    error_before: float
    """Expected calibration error (0..1) of the plain confidences."""
    error_after: float
    """The same of calibrated ones, each measured on images its temperature was not chosen on."""
    num_images: int = Field(ge=0)
    """Validation images behind these figures."""
    coverage: tuple[CoveragePoint, ...] = Field(max_length=_MOST_POINTS)
    """Surest first."""
    ood_threshold: float | None = Field(None, validation_alias=AliasChoices("ood_threshold", "unknown_below"))
    """Images less similar than this to every training image are like nothing in training; None: not known."""


class ReliabilityBin(NamedTuple):
    """The images whose confidence lies in one range: how many, their mean confidence, and the share that is right."""

    num_images: int
    confidence: float
    accuracy: float


class OperatingPoint(NamedTuple):
    """What an error budget costs: answers below `threshold` are left to a person."""

    threshold: float
    num_answered: int
    num_images: int
    num_wrong: int
    is_guaranteed: bool
    """Whether so few validation images can tell at all that the budget holds; if not, all are answered."""


def reliability_bins(confidences: Floats, is_right: Flags, num_bins: int = NUM_BINS) -> list[ReliabilityBin]:
    """Return the bins of a reliability diagram that hold any image: equal ranges of confidence over 0..1."""
    # A confidence on an edge belongs to the bin below it, as in Guo et al.
    numbers = np.clip(np.ceil(confidences * num_bins).astype(int) - 1, 0, num_bins - 1)
    return [
        ReliabilityBin(int(chosen.sum()), float(confidences[chosen].mean()), float(is_right[chosen].mean()))
        for number in range(num_bins)
        if (chosen := numbers == number).any()
    ]


def calibration_error(confidences: Floats, is_right: Flags, num_bins: int = NUM_BINS) -> float:
    """Return the expected calibration error (0..1): mean distance of confidence and accuracy over bins.

    Guo et al. (2017), "On Calibration of Modern Neural Networks". 0 where there is no image.
    """
    found = reliability_bins(confidences, is_right, num_bins)
    total = sum(each.num_images for each in found)
    return sum(each.num_images * abs(each.confidence - each.accuracy) for each in found) / max(1, total)


def coverage_curve(confidences: Floats, is_right: Flags) -> tuple[CoveragePoint, ...]:
    """Return what each threshold would answer and how much of it wrongly, surest first, at most 200 points."""
    order = np.argsort(-confidences, kind="stable")
    sorted_confidences, wrong = confidences[order], np.cumsum(~is_right[order])
    # Images of the same confidence are answered together
    last_of_each = np.flatnonzero(np.append(np.diff(sorted_confidences) != 0, True)) if len(order) else order
    if len(last_of_each) > _MOST_POINTS:
        last_of_each = last_of_each[np.linspace(0, len(last_of_each) - 1, _MOST_POINTS).round().astype(int)]
    return tuple(
        CoveragePoint(threshold=float(sorted_confidences[last]), num_answered=int(last) + 1, num_wrong=int(wrong[last]))
        for last in last_of_each
    )


def choose_operating_point(coverage: Sequence[CoveragePoint], max_error: float | None) -> OperatingPoint:
    """Return the threshold that answers most and keeps to `max_error` wrong among the answered; None: answer all.

    One more wrong image than was seen is reckoned with, which makes the expected error keep to the budget: conformal
    risk control, Angelopoulos et al. (2022). With fewer than 1 / max_error - 1 images even no error at all proves
    nothing; then everything is answered and the budget is said not to be kept.
    """
    everything = coverage[-1] if coverage else CoveragePoint(threshold=0.0, num_answered=0, num_wrong=0)
    num_images = everything.num_answered
    answer_all = OperatingPoint(0.0, num_images, num_images, everything.num_wrong, is_guaranteed=max_error is None)
    if max_error is None or (num_images + 1) * max_error < 1:
        return answer_all
    kept = [point for point in coverage if point.num_wrong + 1 <= max_error * (point.num_answered + 1)]
    if not kept:
        return OperatingPoint(float("inf"), 0, num_images, 0, is_guaranteed=True)
    best = max(kept, key=lambda point: point.num_answered)
    threshold = 0.0 if best is everything else best.threshold
    return OperatingPoint(threshold, best.num_answered, num_images, best.num_wrong, is_guaranteed=True)
