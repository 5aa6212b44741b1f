"""Figures and settings of a run as text for the window."""

from engine.config.network_names import network_name
from engine.config.settings import RunConfig
from engine.core.events import Best, RunStarted
from engine.core.formatting import NBSP, count, listing, percent
from engine.results.calibration import OperatingPoint
from engine.results.headline import Headline, best_headline
from engine.results.model_metadata import ModelMetadata
from engine.results.statistics import count_successes, wilson_interval
from engine.runs.history import History

WARNING_SIGN = "\N{WARNING SIGN}"
_MAX_CLASSES = 6


def percent_with_interval(share: float, num_images: int) -> str:
    """Return a share (0..1) of `num_images` with its 95 % confidence interval in brackets."""
    if not num_images:
        return percent(share)
    return f"{percent(share)} ({_interval(share, num_images)})"


def headline_text(headline: Headline) -> str:
    """Return the title of a result: validation accuracy with its 95 % confidence interval.

    If classes differ in size, the balanced accuracy comes first. Few images are part of the title.
    """
    accuracy, num_images = headline.accuracy, headline.num_images
    interval = f" (95{NBSP}% CI {_interval(accuracy, num_images)})" if num_images else ""
    few = f", only {count(num_images, 'image')}" if headline.has_few_images else ""
    figures = f"accuracy {percent(accuracy)}{interval}{few}"
    if headline.balanced_accuracy is None:
        return f"Validation {figures}"
    return f"Balanced accuracy {percent(headline.balanced_accuracy)}, validation {figures}"


def test_text(headline: Headline) -> str:
    """Return the accuracy on the test images, with warnings about what it hides."""
    balanced = f", balanced {percent(headline.balanced_accuracy)}" if headline.balanced_accuracy is not None else ""
    share = percent_with_interval(headline.accuracy, headline.num_images)
    text = f"Test accuracy {share}{balanced} on {count(headline.num_images, 'image')}"
    return ". ".join([text, *(sentence.removesuffix(".") for sentence in headline.caveats("test"))])


def short_headline(headline: Headline) -> str:
    """Return the accuracy with its interval for a table cell, with a warning sign if it hides something."""
    text = percent_with_interval(headline.accuracy, headline.num_images)
    if headline.balanced_accuracy is not None:
        text = f"{text}, balanced {percent(headline.balanced_accuracy)}"
    if headline.has_few_images:
        text = f"{text}, only {count(headline.num_images, 'image')}"
    return f"{text} {WARNING_SIGN}" if headline.caveats() else text


def model_text(metadata: ModelMetadata) -> str:
    """Return backbone, classes and validation accuracy of a model as one line."""
    classes = f"{count(len(metadata.classes), 'class', 'classes')}: {listing(metadata.classes, _MAX_CLASSES)}"
    items = [network_name(metadata.backbone), classes]
    if metadata.best is not None:
        items.append(_best_text(metadata.best, metadata.calibration.num_images if metadata.calibration else 0))
    return " \N{MIDDLE DOT} ".join(items)


def _best_text(best: Best, num_images: int) -> str:
    headline = best_headline(best, num_images)
    text = f"{short_headline(headline)} validation accuracy"
    return f"{text}. {' '.join(headline.caveats())}" if num_images else text


def device_text(started: RunStarted) -> str:
    """Return the device and the precision of a run: `CPU, bfloat16`."""
    return f"{started.device.upper()}, {started.precision}"


def interruption_text(name: str, history: History, config: RunConfig | None) -> str:
    """Return a sentence about how far an interrupted run had come."""
    epochs = history.epochs
    if not epochs:
        return f"The training “{name}” was interrupted in its first epoch."
    has_budget = config is not None and config.training.budget_seconds is not None  # then epochs are an estimate
    total = "" if has_budget else f" of {epochs[-1].epochs}"
    return f"The training “{name}” was interrupted after epoch {epochs[-1].epoch}{total}."


def operating_point_text(point: OperatingPoint, max_error: float | None) -> str:
    """Return a sentence about the images that are answered and those that need a person at an error limit.

    Args:
        point: The operating point chosen on the validation images.
        max_error: The maximum error rate (0..1), or None for no limit.
    """
    if not point.is_guaranteed:
        return (
            f"A validation split of {count(point.num_images, 'image')} is too small to guarantee an error rate of at "
            f"most {percent(max_error or 0)}, so every image is answered. Use a larger validation split."
        )
    if max_error is None:
        return f"No error limit: all {point.num_images:,} images are answered, {point.num_wrong:,} of them wrongly."
    if not point.num_answered:
        return f'This model cannot keep errors under {percent(max_error)}, so every image is marked "unsure".'
    num_unsure = point.num_images - point.num_answered
    unsure_share = percent(num_unsure / point.num_images)
    review = f"{num_unsure:,} ({unsure_share}) need a person." if num_unsure else "none need a person."
    return (
        f"At a {percent(max_error)} error limit it answers {point.num_answered:,} of "
        f"{count(point.num_images, 'image')}; {review}"
    )


def _interval(share: float, num_images: int) -> str:
    low, high = wilson_interval(count_successes(share, num_images), num_images)
    return f"{low * 100:.0f}–{high * 100:.0f}"
