"""Tests of the plot of one metric."""

import pytest
from PySide6.QtWidgets import QScrollArea

from engine.runs.history import History
from gui.widgets.plots.curve_plot import LOSS, CurvePlot, downsample
from tests.event_logs import epoch_done


@pytest.fixture
def plot(frame: QScrollArea) -> CurvePlot:
    plot = CurvePlot(LOSS)
    frame.setWidget(plot)
    frame.show()
    return plot


def test_the_placeholder_is_centred_until_the_first_epoch(plot: CurvePlot) -> None:
    box = plot._plot.getPlotItem().getViewBox()
    centre = plot._hint.mapRectToScene(plot._hint.boundingRect()).center()
    assert plot._hint.isVisible()
    assert centre.x() == pytest.approx(box.sceneBoundingRect().center().x(), abs=2)


def test_the_label_of_an_early_best_epoch_is_inside_the_plot(plot: CurvePlot) -> None:
    history = History()
    for number in range(1, 9):
        history.add(epoch_done(number, 40).model_copy(update={"best": number == 1}))
    plot.show_history(history, 40)
    plot.draw()
    label = plot._best_label
    assert label.toPlainText().startswith("best epoch 1: ")
    left = label.mapRectToScene(label.boundingRect()).left()
    assert left >= plot._plot.getPlotItem().getViewBox().sceneBoundingRect().left() - 1


def test_long_curves_are_reduced_to_means_of_neighbouring_points() -> None:
    assert downsample([1, 2, 3, 4], [10, 20, 30, 50], 2) == ([1.5, 3.5], [15, 40])
    assert downsample([1, 2], [10, 20], 2) == ([1, 2], [10, 20])
