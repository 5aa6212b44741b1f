"""Tests of the calibration panel with scripted evaluations."""

from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from engine.results.calibration import Calibration, OperatingPoint, coverage_curve
from engine.results.evaluation import Evaluation, ImageResult
from engine.runs.run_folder import Run
from gui.formatting import operating_point_text
from gui.models.run_results import prepare_results
from gui.panels.calibration_panel import CalibrationPanel
from gui.state import AppState


def _evaluation(num_images: int = 200, num_wrong: int = 20) -> Evaluation:
    """Return an evaluation in which the least confident predictions are wrong."""
    confidences = np.linspace(0.99, 0.51, num_images)
    is_right = np.arange(num_images) < num_images - num_wrong
    images = tuple(
        ImageResult(path=f"{i}.png", label="ant", predicted="ant" if right else "bee", confidence=sure)
        for i, (sure, right) in enumerate(zip(confidences.tolist(), is_right.tolist()))
    )
    calibration = Calibration(
        temperature=1.5, error_before=0.12, error_after=0.03, num_images=num_images,
        coverage=coverage_curve(confidences, is_right), ood_threshold=0.6,
    )  # fmt: skip
    return Evaluation(
        root="/data", classes=("ant", "bee"), loss=1, accuracy=1 - num_wrong / num_images, top5=1,
        confusion=((num_images - num_wrong, num_wrong), (0, 0)), per_class=(), images=images, calibration=calibration,
    )  # fmt: skip


def _show(panel: CalibrationPanel, evaluation: Evaluation) -> None:
    panel.show_calibration(evaluation.calibration, prepare_results(Run(Path()), evaluation).bins)


@pytest.fixture
def panel(qtbot: QtBot) -> CalibrationPanel:
    state = AppState()
    panel = CalibrationPanel(state)
    state.setParent(panel)
    qtbot.addWidget(panel)
    return panel


def test_the_panel_shows_the_calibration_error_before_and_after(panel: CalibrationPanel) -> None:
    _show(panel, _evaluation())
    assert "Calibration error 3\N{NO-BREAK SPACE}%" in panel.summary.text()
    assert "(12\N{NO-BREAK SPACE}% before" in panel.summary.text()
    assert "0.60" in panel.ood_note.text()


def test_a_lower_error_limit_marks_more_images_unsure(panel: CalibrationPanel) -> None:
    _show(panel, _evaluation())
    panel.error_limit_box.percent.setValue(5)
    some = panel.operating_point.text()
    panel.error_limit_box.percent.setValue(2)
    assert panel.operating_point.text() != some
    assert "2\N{NO-BREAK SPACE}%" in panel.operating_point.text()
    panel.error_limit_box.percent.setValue(0)
    assert panel._state.max_error is None
    assert "all 200 images are answered, 20 of them wrongly" in panel.operating_point.text()


def test_a_run_without_calibration_shows_a_hint(panel: CalibrationPanel) -> None:
    panel.show_calibration(None, ())
    assert "not calibrated" in panel.summary.text()


def test_both_charts_have_tables(panel: CalibrationPanel) -> None:
    _show(panel, _evaluation())
    assert len(panel.reliability._table_rows().rows) == 5
    assert len(panel.coverage._table_rows().rows) == 200


def test_the_text_says_when_the_error_limit_cannot_be_guaranteed() -> None:
    assert "larger validation split" in operating_point_text(OperatingPoint(0.0, 10, 10, 1, is_guaranteed=False), 0.02)
    assert 'marked "unsure"' in operating_point_text(OperatingPoint(float("inf"), 0, 100, 0, is_guaranteed=True), 0.02)
