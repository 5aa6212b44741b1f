"""Plot of the training history: loss and accuracy over the epochs."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from engine.core.atomic_write import write_atomic
from engine.runs.history import History

# Palette of Okabe and Ito (Color Universal Design, 2008), distinguishable with colour blindness
TRAIN_COLOUR, VAL_COLOUR = "#E69F00", "#0072B2"


def draw_history(history: History, path: Path) -> None:
    """Write the plot as a PNG file; do nothing if no epoch has ended."""
    if history.epochs:
        write_atomic(path, lambda temporary: history_figure(history).savefig(temporary, dpi=150))


def history_figure(history: History) -> Figure:
    """Return a figure with loss and accuracy of training and validation, with the best epoch marked."""
    # pyplot is avoided because its current figure is shared between threads
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    loss_axes, accuracy_axes = figure.subplots(1, 2)
    epochs = [epoch.epoch for epoch in history.epochs]
    _draw_curves(
        loss_axes, "Loss", epochs, [epoch.train.loss for epoch in history.epochs], [e.val.loss for e in history.epochs]
    )
    _draw_curves(
        accuracy_axes,
        "Accuracy",
        epochs,
        [epoch.train.plain_accuracy for epoch in history.epochs],
        [epoch.val.accuracy for epoch in history.epochs],
    )
    # Fixed corners that curves rarely reach, because loc="best" emits a warning when it is slow
    loss_axes.legend(frameon=False, loc="upper right")
    accuracy_axes.legend(frameon=False, loc="lower right")
    accuracy_axes.set_ylim(0, 1.02)
    accuracy_axes.yaxis.set_major_formatter(PercentFormatter(1))
    if history.best is not None:
        accuracy_axes.plot(history.best.epoch, history.best.accuracy, "o", color=VAL_COLOUR)
        accuracy_axes.annotate(
            f"{history.best.accuracy:.1%}",
            (history.best.epoch, history.best.accuracy),
            textcoords="offset points",
            xytext=(0, -14),
            ha="center",
        )
    return figure


def _draw_curves(axes: Axes, title: str, epochs: list[int], train: list[float], val: list[float]) -> None:
    axes.plot(epochs, train, "--", color=TRAIN_COLOUR, linewidth=1.2, label="training")
    axes.plot(epochs, val, "-", color=VAL_COLOUR, linewidth=2, label="validation")
    axes.set_title(title)
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
