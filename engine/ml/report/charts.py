"""Charts of the report, as SVG in `data:` URLs.

Charts contain no class names or paths: those are text of the page, which escapes them and has fonts for every script.
"""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from engine.ml.report.embedded_images import data_url
from engine.ml.report.history_plot import TRAIN_COLOUR, VAL_COLOUR, history_figure
from engine.results.calibration import CoveragePoint, ReliabilityBin
from engine.results.learning_curve import LearningCurve
from engine.results.statistics import wilson_interval
from engine.runs.history import History

_MUTED_COLOUR = "#666666"


def history_chart(history: History) -> str:
    """Return loss and accuracy over the epochs."""
    return _svg_url(history_figure(history))


def reliability_chart(bins: Sequence[ReliabilityBin]) -> str:
    """Return the reliability diagram: accuracy over confidence, with 95 % confidence intervals."""
    figure, axes = _make_figure(4.8, 4.2)
    axes.plot([0, 1], [0, 1], "--", color=_MUTED_COLOUR, linewidth=1, label="perfect calibration")
    confidences, accuracies = [each.confidence for each in bins], [each.accuracy for each in bins]
    intervals = [wilson_interval(each.num_correct, each.num_images) for each in bins]
    errors = [
        [max(0.0, accuracy - low) for accuracy, (low, _) in zip(accuracies, intervals)],
        [max(0.0, high - accuracy) for accuracy, (_, high) in zip(accuracies, intervals)],
    ]
    areas = 20 + 180 * np.array([each.num_images for each in bins]) / max(1, sum(each.num_images for each in bins))
    axes.errorbar(confidences, accuracies, errors, fmt="none", ecolor=VAL_COLOUR, alpha=0.5, capsize=2)
    axes.scatter(confidences, accuracies, areas, color=VAL_COLOUR, zorder=3, label="bins; area: number of images")
    axes.set_xlabel("Confidence")
    axes.set_ylabel("Accuracy")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.04)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    figure.legend(frameon=False, fontsize=8, loc="outside lower center")
    return _svg_url(figure)


def coverage_chart(coverage: Sequence[CoveragePoint]) -> str:
    """Return accuracy over coverage, the share of images whose confidence reaches the threshold."""
    figure, axes = _make_figure(5.4, 4.2)
    num_images = max(1, coverage[-1].num_answered) if coverage else 1
    num_answered = np.array([point.num_answered for point in coverage], float)
    accuracy = 1 - np.array([point.num_wrong for point in coverage], float) / np.maximum(1, num_answered)
    axes.step(num_answered / num_images, accuracy, where="post", color=VAL_COLOUR, linewidth=2)
    axes.set_xlabel("Coverage")
    axes.set_ylabel("Accuracy")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(min(0.9, float(accuracy.min(initial=1.0)) - 0.02), 1.005)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return _svg_url(figure)


def learning_curve_chart(curve: LearningCurve) -> str:
    """Return the learning curve and its forecast, each with its 95 % range."""
    figure, axes = _make_figure(6.6, 3.8)
    series = ((curve.points, VAL_COLOUR, "o-", "measured"), (curve.forecast, TRAIN_COLOUR, "--", "forecast"))
    for points, colour, style, label in series:
        counts = [point.num_images for point in points]
        axes.plot(counts, [point.accuracy for point in points], style, color=colour, linewidth=2, label=label)
        axes.fill_between(
            counts, [point.low for point in points], [point.high for point in points], color=colour, alpha=0.2
        )
    axes.set_xlabel("Training images")
    axes.set_ylabel("Validation accuracy")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, loc="lower right")
    return _svg_url(figure)


def _make_figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.grid(alpha=0.3)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure, axes


def _svg_url(figure: Figure) -> str:
    buffer = io.BytesIO()
    # The default metadata contains the time and the program
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return data_url("image/svg+xml", buffer.getvalue())
