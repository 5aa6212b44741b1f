"""`classifold --self-test`: check engine and window on this computer and print one line."""

import os
import sys
import tempfile
import traceback
from pathlib import Path

from PySide6.QtWidgets import QApplication

from engine.core.events import EpochDone, RunStarted, TrainScores, ValScores
from engine.self_test import SelfTestError, try_engine
from gui.app import make_window
from gui.main_window import TRAIN, MainWindow

_MIN_COLOURS = 16
"""Smallest number of distinct colours of a window that was really drawn."""


def run() -> int:
    """Test the engine and the window in a temporary home folder, print one line and return the exit code."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    with tempfile.TemporaryDirectory(prefix="classifold-") as folder:
        os.environ["CLASSIFOLD_HOME"] = str(Path(folder) / "home")
        try:
            passed = [*try_engine(Path(folder)), *_test_window()]
        except SelfTestError as error:
            traceback.print_exc()
            print(f"The self-test failed. {error}", flush=True)  # noqa: T201
            return 1
    print(f"The self-test passed: {', '.join(passed)}.", flush=True)  # noqa: T201
    return 0


def _test_window() -> list[str]:
    try:
        app = QApplication(sys.argv[:1])
        window = make_window(app)
        window.show()
        window.show_page(TRAIN)
        window.train_page.plot.add_events([_started(), *(_epoch(number) for number in (1, 2, 3))])
        app.processEvents()
        _require_drawn(window)
        window.close()
    except Exception as error:
        raise SelfTestError(f"open the window: {type(error).__name__}: {error}") from error
    return ["open the window and draw curves"]


def _require_drawn(window: MainWindow) -> None:
    image = window.grab().toImage()
    offsets = range(0, min(image.width(), image.height()), 7)
    if len({image.pixel(x, y) for x in offsets for y in offsets}) < _MIN_COLOURS:
        raise RuntimeError("nothing was drawn")


def _started() -> RunStarted:
    return RunStarted(
        run="run",
        classes=("ring", "star"),
        num_train=16,
        num_val=8,
        device="cpu",
        precision="float32",
        parameters=1,
        trainable=1,
        epochs=3,
    )


def _epoch(number: int) -> EpochDone:
    scores = {"loss": 1 / number, "accuracy": number / 4}
    return EpochDone(
        epoch=number,
        epochs=3,
        train=TrainScores(**scores, plain_accuracy=number / 4),
        val=ValScores(**scores),
        lr=1e-3,
        seconds=1,
        best=True,
    )
