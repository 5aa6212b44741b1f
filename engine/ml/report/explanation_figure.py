"""Draw an explanation: the picture, where the network looked, and the nearest training images."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from engine.core.atomic_write import write_atomic
from engine.core.errors import EngineError
from engine.data.decode import Pixels, decode
from engine.results.explanation import COLOUR_MAP, NUM_NEIGHBOURS, Explanation, opacity

_MAX_SIDE = 512


def draw_explanation(explanation: Explanation, path: Path) -> None:
    """Write the figure to `path`, whose suffix names the format.

    Raises EngineError where the picture can no longer be read or the file not be written.
    """
    picture = decode(Path(explanation.path), _MAX_SIDE)
    neighbours = explanation.neighbours[:NUM_NEIGHBOURS]
    figure = Figure(figsize=(10, 7 if neighbours else 5), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subfigures(2, 1, height_ratios=[5, 2]) if neighbours else (figure, None)  # type: ignore[misc]
    left, right = upper.subplots(1, 2)
    _show(left, picture, Path(explanation.path).name)
    _show(right, picture, f"What speaks for {explanation.label} ({explanation.confidence:.0%})")
    _lay_over(right, explanation, picture)
    for axes, neighbour in zip(lower.subplots(1, NUM_NEIGHBOURS) if lower else (), neighbours):
        words = f"{neighbour.label}\nsimilarity {neighbour.similarity:.2f}"
        try:
            _show(axes, decode(Path(neighbour.path), _MAX_SIDE // 4), words)
        except EngineError as error:  # moved or deleted since training: the class is still known
            axes.set_title(f"{words}\n{error.message}", fontsize=8, parse_math=False)
    for axes in figure.axes:
        axes.axis("off")
    if lower:
        lower.suptitle("Nearest training images", fontsize=10)
    try:
        write_atomic(path, lambda temporary: figure.savefig(temporary, dpi=150))
    except (OSError, ValueError) as error:
        raise EngineError(f"The figure could not be written: {error}", path) from error


def _show(axes: Axes, picture: Pixels, title: str) -> None:
    axes.imshow(picture)
    axes.set_title(title, fontsize=9, parse_math=False)  # a name may hold dollars


def _lay_over(axes: Axes, explanation: Explanation, picture: Pixels) -> None:
    height, width = picture.shape[:2]
    box, heat = explanation.box, explanation.heat
    extent = (box.left * width, box.right * width, box.bottom * height, box.top * height)
    axes.imshow(heat, cmap=COLOUR_MAP, alpha=opacity(heat), extent=extent, vmin=0, vmax=1)
    # The heat may reach beyond the picture, where that was padded
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
