"""Tests of the robustness panel with a scripted report."""

from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from engine import jobs
from engine.core.events import Event, Progress
from engine.results.robustness import Broken, RobustnessReport, Trial, write_robustness
from engine.runs.run_folder import Run
from gui.operations import Operations
from gui.panels.robustness_panel import RobustnessPanel, worst_corruption_text
from gui.state import AppState
from gui.widgets.plots.level_bars import LevelBars
from tests.images import write_classes


@pytest.fixture
def report(tmp_path: Path) -> RobustnessReport:
    root = write_classes(tmp_path / "data", {"ant": 1, "bee": 1})
    broken = Broken(path="ant/000.png", label="ant", predicted="bee")
    trials = (
        Trial(kind="blur", level=1, accuracy=0.94, num_images=100),
        Trial(kind="blur", level=2, accuracy=0.71, num_images=100, broken=broken),
        Trial(kind="jpeg", level=50, accuracy=0.94, num_images=100),
    )
    return RobustnessReport(root=str(root), num_images=100, accuracy=0.94, trials=trials)


@pytest.fixture
def panel(qtbot: QtBot, state: AppState, operations: Operations, tmp_path: Path) -> RobustnessPanel:
    panel = RobustnessPanel(state, operations)
    qtbot.addWidget(panel)
    run = Run(tmp_path / "run")
    run.path.mkdir()
    run.model_path.write_bytes(b"")
    state.set_run(run)
    return panel


def test_a_press_measures_and_the_card_is_shown(
    panel: RobustnessPanel, qtbot: QtBot, report: RobustnessReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(run: Run) -> Generator[Event, None, RobustnessReport]:
        yield Progress(stage="robustness", done=1, total=2)
        write_robustness(report, run.robustness_path)
        return report

    monkeypatch.setattr(jobs, "robustness", measure)
    assert panel.report is None
    assert panel.button.text().startswith("Measure (")
    panel.button.click()
    assert not panel.button.isEnabled()
    qtbot.waitUntil(lambda: panel.report == report, timeout=20_000)
    assert panel.button.isEnabled()
    assert panel.summary.text().replace("\N{NO-BREAK SPACE}", " ") == "Most sensitive to blur σ = 2 %: 94 % to 71 %"
    assert len(panel.findChildren(LevelBars)) == 2


def test_the_stored_card_shows_the_image_that_breaks_and_opens_it(
    panel: RobustnessPanel, qtbot: QtBot, report: RobustnessReport, settle: Callable[[], None]
) -> None:
    run = panel._state.run
    assert run is not None
    write_robustness(report, run.robustness_path)
    panel._state.set_run(run)
    settle()
    ((path, (button,)),) = panel._buttons.items()
    assert path == Path(report.root) / "ant/000.png"
    assert button.accessibleName() == "ant → bee, blur σ = 2 %"
    qtbot.waitUntil(lambda: not button.icon().isNull(), timeout=20_000)
    button.click()
    assert not panel.viewer.isHidden()
    panel.viewer.leave()


def test_a_damaged_card_is_said_and_can_be_measured_again(panel: RobustnessPanel, settle: Callable[[], None]) -> None:
    run = panel._state.run
    assert run is not None
    run.robustness_path.write_text("{")
    panel._state.set_run(run)
    settle()
    assert "Measure robustness again" in panel.summary.text()
    assert panel.button.isEnabled()


def test_a_model_that_loses_nothing_is_said_to(report: RobustnessReport) -> None:
    assert (
        worst_corruption_text(report.model_copy(update={"trials": report.trials[:1]}))
        == "No corruption lowers the accuracy."
    )
