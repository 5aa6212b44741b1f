"""Figure of an explanation: the image, its heat map and the most similar training images."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from engine.core.atomic_write import write_atomic
from engine.core.errors import EngineError
from engine.core.formatting import percent
from engine.data.decode import Pixels, decode
from engine.results.explanation import COLOUR_MAP, NUM_NEIGHBOURS, Explanation, opacity

_MAX_SIDE = 512


def draw_explanation(explanation: Explanation, path: Path) -> None:
    """Write the figure to `path` in the format of its suffix.

    Raises:
        EngineError: The image can no longer be read, or the figure cannot be written.
    """
    pixels = decode(Path(explanation.path), _MAX_SIDE, explanation.grey_ranges)
    neighbours = explanation.neighbours[:NUM_NEIGHBOURS]
    figure = Figure(figsize=(10, 7 if neighbours else 5), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subfigures(2, 1, height_ratios=[5, 2]) if neighbours else (figure, None)  # type: ignore[misc]
    left, right = upper.subplots(1, 2)
    _draw_image(left, pixels, Path(explanation.path).name)
    _draw_image(right, pixels, f"Evidence for {explanation.label} ({percent(explanation.confidence)})")
    _draw_heat_map(right, explanation, pixels)
    for axes, neighbour in zip(lower.subplots(1, NUM_NEIGHBOURS) if lower else (), neighbours):
        title = f"{neighbour.label}\nsimilarity {neighbour.similarity:.2f}"
        try:
            _draw_image(axes, decode(Path(neighbour.path), _MAX_SIDE // 4, explanation.grey_ranges), title)
        except EngineError as error:  # moved or deleted since training; its class is still shown
            axes.set_title(f"{title}\n{error.message}", fontsize=8, parse_math=False)
    for axes in figure.axes:
        axes.axis("off")
    if lower:
        lower.suptitle("Most similar training images", fontsize=10)
    try:
        write_atomic(path, lambda temporary: figure.savefig(temporary, dpi=150))
    except (OSError, ValueError) as error:
        raise EngineError(
            f"The figure could not be written: {error}. Choose another folder or file type.", path
        ) from error


def _draw_image(axes: Axes, pixels: Pixels, title: str) -> None:
    axes.imshow(pixels)
    axes.set_title(title, fontsize=9, parse_math=False)  # a dollar sign in a name would start a formula


def _draw_heat_map(axes: Axes, explanation: Explanation, pixels: Pixels) -> None:
    height, width = pixels.shape[:2]
    box, heat = explanation.box, explanation.heat
    extent = (box.left * width, box.right * width, box.bottom * height, box.top * height)
    axes.imshow(heat, cmap=COLOUR_MAP, alpha=opacity(heat), extent=extent, vmin=0, vmax=1)
    # The heat map is larger than the image if the image was padded
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
