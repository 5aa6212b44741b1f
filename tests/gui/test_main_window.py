"""Tests of the main window with the real engine, and that opening it does not import torch."""

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.core.events import Event, Progress
from gui import theme
from gui.__main__ import main
from gui.main_window import DATASET, PREDICT, MainWindow
from gui.widgets.images.preview_strip import PreviewStrip
from gui.widgets.model_summary import ModelSummary
from tests.images import draw_image, write_classes
from tests.scratch_config import scratch_config

SLOW_PACKAGES = {
    *("torch", "torchvision", "sklearn", "matplotlib", "onnx", "onnxruntime", "onnxscript", "starlette", "uvicorn"),
    *("scipy.cluster", "scipy.optimize", "scipy.sparse", "scipy.spatial", "scipy.special", "scipy.stats"),
}


def test_a_dropped_folder_is_trained_on_and_a_dropped_image_is_classified(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    window.open_paths([write_classes(tmp_path / "data", {"red": 12, "green": 12, "blue": 12})])
    qtbot.waitUntil(lambda: window.state.dataset is not None, timeout=20_000)
    assert window.stack.currentIndex() == DATASET
    config = scratch_config().changed("data", image_size=16).changed("optim", lr=5e-3)
    window.state.set_config(config.changed("training", epochs=2, batch_size=8, device="cpu"))
    window.train_page.train_button.click()
    qtbot.waitUntil(lambda: window.state.training is None, timeout=120_000)
    assert len(window.train_page.plot.history.epochs) == 2
    assert window.state.model is not None
    image = tmp_path / "new.png"
    draw_image((200, 40, 40), seed=7).save(image)
    window.open_paths([image])
    assert window.stack.currentIndex() == PREDICT
    qtbot.waitUntil(lambda: window.predict_page.model.rowCount() == 1, timeout=60_000)
    label = window.predict_page.model.predictions[0].label
    assert label is not None
    assert window.predict_page.prediction_view.title.text().startswith(label)
    assert "ccuracy" in window.results_page.title.text()


def test_a_folder_without_images_shows_an_error(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    window.open_paths([tmp_path / "empty"])
    qtbot.waitUntil(window.error_bar.isVisible, timeout=20_000)
    assert "no images" in window.error_bar.label.text()


def test_opening_the_window_leaves_slow_packages_unloaded() -> None:
    code = f"import sys, gui.app; print(*({SLOW_PACKAGES!r} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert loaded.split() == []


def test_a_window_closed_during_a_training_waits_until_it_has_saved(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def work() -> Generator[Event, None, None]:
        try:
            while True:
                steps.append("trained")
                yield Progress(stage="train", done=0, total=2)
        finally:
            steps.append("saved")

    monkeypatch.setattr(window, "_confirm_stop", lambda: True)
    window.operations.runs._start_training(work())
    qtbot.waitUntil(lambda: bool(steps), timeout=20_000)
    window.close()
    assert window.isVisible()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)
    assert steps[-1] == "saved"


def test_without_a_display_the_program_names_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert main([]) == 1
    assert "command line" in capsys.readouterr().err


def test_an_explicit_scheme_is_applied(window: MainWindow, qapp: QApplication) -> None:
    for scheme, is_dark in (("dark", True), ("light", False)):
        theme.apply(qapp, scheme)  # type: ignore[arg-type]
        assert theme.colors(window.palette()).is_dark == is_dark


def test_preview_and_model_summary_are_shown_on_request(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window.operations.datasets.open(write_classes(tmp_path / "data", {"red": 6, "blue": 6}))
    qtbot.waitUntil(lambda: window.state.dataset is not None, timeout=20_000)
    strip, layers = window.findChild(PreviewStrip), window.findChild(ModelSummary)
    strip.button.click()
    layers.button.click()
    qtbot.waitUntil(lambda: len(strip.thumbnails) == 8 and layers.model.rowCount() > 20, timeout=60_000)
    assert not layers.table.isHidden()
