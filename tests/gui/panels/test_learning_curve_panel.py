"""Tests of the learning curve panel."""

from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from engine import jobs
from engine.core.events import Event
from engine.data.dataset import Dataset, Sample
from engine.results.learning_curve import ClassLearningCurve, LearningCurve, LearningCurvePoint, write_learning_curve
from engine.runs.run_folder import Run, create_run
from gui.operations import Operations
from gui.panels.learning_curve_panel import LearningCurvePanel
from gui.state import AppState
from tests.scratch_config import scratch_config

POINTS = tuple(
    LearningCurvePoint(num_images=n, accuracy=a, low=a - 0.04, high=a + 0.04)
    for n, a in ((50, 0.7), (100, 0.75), (200, 0.8))
)
CURVE = LearningCurve(
    points=POINTS,
    forecast=(
        LearningCurvePoint(num_images=200, accuracy=0.8, low=0.8, high=0.8),
        LearningCurvePoint(num_images=400, accuracy=0.84, low=0.82, high=0.86),
    ),
    per_class=(
        ClassLearningCurve(
            name="bee", num_images=90, recall=0.7, gain=0.02, low=0, high=0.04, accuracy_gain=0.01,
            words="about +2 points (0 to 4)",
        ),
    ),
    gain=0.04,
    low=0.02,
    high=0.06,
    num_val=50,
    sentence="Expected gain with twice the images: about 4 points (2 to 6).",
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = create_run(tmp_path / "run", scratch_config(), Dataset(tmp_path, ("ant", "bee"), (Sample("a", 0),)))
    run.model_path.write_bytes(b"x")
    return run


@pytest.fixture
def panel(qtbot: QtBot, state: AppState, operations: Operations) -> LearningCurvePanel:
    panel = LearningCurvePanel(state, operations)
    qtbot.addWidget(panel)
    return panel


def test_a_saved_curve_is_shown_with_its_summary_and_classes(
    panel: LearningCurvePanel, run: Run, settle: Callable[[], None]
) -> None:
    assert not panel.compute_button.isEnabled()
    write_learning_curve(CURVE, run.path)
    panel._state.set_run(run)
    settle()
    assert panel.summary.text() == CURVE.sentence
    cells = [panel.classes.data(panel.classes.index(0, column)) for column in range(4)]
    assert cells == ["bee", "90", "70\N{NO-BREAK SPACE}%", "about +2 points (0 to 4)"]
    assert [row[0] for row in panel.plot._table_rows().rows] == ["50", "100", "200", "400"]
    assert panel.plot._label.isVisible()


def test_a_click_computes_the_curve(
    qtbot: QtBot, panel: LearningCurvePanel, run: Run, monkeypatch: pytest.MonkeyPatch, settle: Callable[[], None]
) -> None:
    def learning_curve(path: Path) -> Generator[Event, None, LearningCurve]:
        yield from ()
        write_learning_curve(CURVE, path)
        return CURVE

    monkeypatch.setattr(jobs, "learning_curve", learning_curve)
    panel._state.set_run(run)
    settle()
    assert panel.body.isHidden()
    panel.compute_button.click()
    qtbot.waitUntil(lambda: not panel._operations.running_jobs and panel.compute_button.isEnabled(), timeout=20_000)
    assert panel.summary.text() == CURVE.sentence
    assert not panel.body.isHidden()


def test_a_damaged_curve_shows_an_error_and_can_be_computed_again(
    panel: LearningCurvePanel, run: Run, settle: Callable[[], None]
) -> None:
    (run.path / "growth.json").write_text("{")
    panel._state.set_run(run)
    settle()
    assert "damaged" in panel.note.text()
    assert panel.compute_button.isEnabled()
