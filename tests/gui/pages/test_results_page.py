"""Tests of the Results page."""

from collections.abc import Callable
from pathlib import Path

from pytestqt.qtbot import QtBot

from engine.runs.run_folder import Run
from gui.operations import Operations
from gui.pages.results_page import ResultsPage
from gui.state import AppState


def test_results_show_misclassified_images_and_those_of_a_chosen_cell(
    qtbot: QtBot, state: AppState, operations: Operations, evaluated_run: Run, settle: Callable[[], None]
) -> None:
    page = ResultsPage(state, operations)
    qtbot.addWidget(page)
    assert page.title.text() == "No results yet"
    state.set_run(evaluated_run)
    settle()
    assert "75" in page.title.text()
    assert [item.caption for item in page.grid.items] == ["ant → bee, 90\N{NO-BREAK SPACE}%"]
    page.confusion.cell_chosen.emit(1, 1)
    assert [item.caption for item in page.grid.items] == ["bee, 90\N{NO-BREAK SPACE}%"] * 2
    page.back_button.click()
    assert len(page.grid.items) == 1


def test_the_shown_images_are_saved_as_csv(
    qtbot: QtBot,
    state: AppState,
    operations: Operations,
    evaluated_run: Run,
    tmp_path: Path,
    settle: Callable[[], None],
) -> None:
    page = ResultsPage(state, operations)
    qtbot.addWidget(page)
    state.set_run(evaluated_run)
    settle()
    page.save_list(tmp_path / "wrong.csv")
    settle()
    assert (tmp_path / "wrong.csv").read_text(encoding="utf-8-sig").splitlines() == [
        "path,label,predicted,confidence,wrong",
        "ant/001.png,ant,bee,0.900000,yes",
    ]
