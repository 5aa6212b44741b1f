"""Tests of the training curves with scripted events."""

import pytest
from PySide6.QtWidgets import QScrollArea
from pytestqt.qtbot import QtBot

from engine.core.events import CandidateDone
from engine.runs.history import History
from gui.widgets.plots.curve_plot import CurvePlot
from gui.widgets.plots.live_plot import LivePlot
from tests.event_logs import epoch_done
from tests.scratch_config import scratch_config


@pytest.fixture
def plot(frame: QScrollArea) -> LivePlot:
    plot = LivePlot()
    frame.setWidget(plot)
    return plot


def _history(num_epochs: int) -> History:
    history = History()
    for number in range(1, num_epochs + 1):
        history.add(epoch_done(number))
    return history


def test_charts_are_created_when_shown_and_contain_all_earlier_events(plot: LivePlot) -> None:
    plot.show_history(_history(3), scratch_config().changed("training", epochs=4))
    plot.show_earlier_runs([_history(2), _history(4)])
    assert not plot.findChildren(CurvePlot)
    plot.window().show()
    assert plot.accuracy.num_earlier_runs == plot.loss.num_earlier_runs == 2
    assert plot.accuracy.label_texts == ["Training 74 %", "Validation 69 %"]
    assert plot.schedule.isVisible()


def test_the_schedule_is_hidden_under_a_time_budget(qtbot: QtBot, plot: LivePlot) -> None:
    plot.show_plan(scratch_config().changed("training", budget="5m"))
    plot.window().show()
    assert plot.schedule.isHidden()
    plot.show_plan(scratch_config())
    qtbot.waitUntil(plot.schedule.isVisible)


def test_visible_curves_are_updated_with_new_events(qtbot: QtBot, plot: LivePlot) -> None:
    plot.begin(scratch_config())
    plot.window().show()
    assert plot.accuracy.label_texts == []
    plot.add_events([epoch_done(1), epoch_done(2)])
    qtbot.waitUntil(lambda: bool(plot.accuracy.label_texts))


def test_the_candidates_of_a_run_are_listed_and_those_of_another_replace_them(qtbot: QtBot, plot: LivePlot) -> None:
    plot.begin(scratch_config())
    plot.window().show()
    assert plot.candidates.isHidden()
    plot.add_events([CandidateDone(name="last block", epoch=1, accuracy=0.9, loss=1, seconds=2)])
    qtbot.waitUntil(plot.candidates.isVisible)
    assert [row[0] for row in plot.candidates.rows] == ["last block"]
    plot.show_history(_history(3), scratch_config())
    qtbot.waitUntil(plot.candidates.isHidden)
