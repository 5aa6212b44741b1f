"""Charts and pictures of a report, each as the `data:` address that stands in the page.

No class name or path is drawn here: those are text of the page, which escapes them and has every script.
"""

import base64
import io
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from PIL import Image

from engine.data.decode import Pixels
from engine.ml.report.history_plot import TRAIN_COLOUR, VAL_COLOUR, history_figure
from engine.results.calibration import CoveragePoint, ReliabilityBin
from engine.results.explanation import COLOUR_MAP, Explanation, opacity
from engine.results.learning_curve import LearningCurve
from engine.results.statistics import wilson_interval
from engine.runs.history import History

_QUIET = "#666666"
_JPEG_QUALITY = 82


def history_chart(history: History) -> str:
    """Return loss and accuracy over the epochs."""
    return _as_svg(history_figure(history))


def reliability_chart(found: Sequence[ReliabilityBin]) -> str:
    """Return how often answers of each confidence are right, with 95 % intervals."""
    figure, axes = _new(4.8, 4.2)
    axes.plot([0, 1], [0, 1], "--", color=_QUIET, linewidth=1, label="just as often right as sure")
    confidences, shares = [each.confidence for each in found], [each.accuracy for each in found]
    intervals = [wilson_interval(each.num_correct, each.num_images) for each in found]
    reach = [
        [max(0.0, share - low) for share, (low, _) in zip(shares, intervals)],
        [max(0.0, high - share) for share, (_, high) in zip(shares, intervals)],
    ]
    sizes = 20 + 180 * np.array([each.num_images for each in found]) / max(1, sum(each.num_images for each in found))
    axes.errorbar(confidences, shares, reach, fmt="none", ecolor=VAL_COLOUR, alpha=0.5, capsize=2)
    axes.scatter(confidences, shares, sizes, color=VAL_COLOUR, zorder=3, label="answers; larger where there are more")
    axes.set_xlabel("How sure the model says it is")
    axes.set_ylabel("How often it is right")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.04)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    figure.legend(frameon=False, fontsize=8, loc="outside lower center")
    return _as_svg(figure)


def coverage_chart(coverage: Sequence[CoveragePoint]) -> str:
    """Return the share that is right among the surest answers, over how many of all that are."""
    figure, axes = _new(5.4, 4.2)
    total = max(1, coverage[-1].num_answered) if coverage else 1
    answered = np.array([point.num_answered for point in coverage], float)
    right = 1 - np.array([point.num_wrong for point in coverage], float) / np.maximum(1, answered)
    axes.step(answered / total, right, where="post", color=VAL_COLOUR, linewidth=2)
    axes.set_xlabel("Share of images that get an answer, the surest first")
    axes.set_ylabel("Right among the answered")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(min(0.9, float(right.min(initial=1.0)) - 0.02), 1.005)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return _as_svg(figure)


def growth_chart(growth: LearningCurve) -> str:
    """Return the learning curve with its forecast, each with its 95 % range."""
    figure, axes = _new(6.6, 3.8)
    kinds = ((growth.points, VAL_COLOUR, "o-", "measured"), (growth.forecast, TRAIN_COLOUR, "--", "forecast"))
    for points, colour, style, words in kinds:
        counts = [point.num_images for point in points]
        axes.plot(counts, [point.accuracy for point in points], style, color=colour, linewidth=2, label=words)
        axes.fill_between(
            counts, [point.low for point in points], [point.high for point in points], color=colour, alpha=0.2
        )
    axes.set_xlabel("Images to learn from")
    axes.set_ylabel("Accuracy")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, loc="lower right")
    return _as_svg(figure)


def picture(pixels: Pixels) -> str:
    """Return pixels, shape (H, W, 3), as a JPEG: nothing that the file said of place, time or camera comes along."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return _address("image/jpeg", buffer.getvalue())


def heat_picture(explanation: Explanation, pixels: Pixels) -> str:
    """Return the picture in grey with the heat of an explanation over it: the hotter, the brighter."""
    height, width = pixels.shape[:2]
    box = explanation.box
    edges = box.left * width, box.top * height, box.right * width, box.bottom * height
    left, top, right, bottom = (round(edge) for edge in edges)
    size = max(1, right - left), max(1, bottom - top)
    heat = np.asarray(Image.fromarray(explanation.heat).resize(size, Image.Resampling.BILINEAR)).clip(0, 1)
    # The box may reach beyond the picture, where that was padded
    whole = Image.new("F", (width, height))
    whole.paste(Image.fromarray(heat), (left, top))
    shown = np.asarray(whole)
    colours = colormaps[COLOUR_MAP](shown)[..., :3] * 255
    # On paper nobody can blink between the two, so the picture steps back and mild heat is seen too
    grey = np.asarray(Image.fromarray(pixels).convert("L"), np.float32)[..., None]
    cover = opacity(shown)[..., None]
    return picture(np.round(grey * (1 - cover) + colours * cover).astype(np.uint8))


def _new(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.grid(alpha=0.3)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure, axes


def _as_svg(figure: Figure) -> str:
    buffer = io.BytesIO()
    # Without its data about data, which names times and tools
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _address("image/svg+xml", buffer.getvalue())


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
