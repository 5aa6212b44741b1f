"""`classifold --self-test`: say in one line whether the program works on this computer."""

import os
import sys
import tempfile
import traceback
from pathlib import Path

from PySide6.QtWidgets import QApplication

from engine.core.events import EpochDone, RunStarted, Scores, TrainScores
from engine.self_test import SelfTestError, try_engine
from gui.app import make_window
from gui.main_window import TRAIN, MainWindow

_FEWEST_COLOURS = 16
"""A window that was drawn has more."""


def run() -> int:
    """Try the engine and the window, apart from what the user has; print one line; return the exit code."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    with tempfile.TemporaryDirectory(prefix="classifold-") as folder:
        os.environ["CLASSIFOLD_HOME"] = str(Path(folder) / "home")
        try:
            tried = [*try_engine(Path(folder)), *_test_window()]
        except SelfTestError as error:
            traceback.print_exc()
            print(f"The self-test failed. {error}", flush=True)  # noqa: T201
            return 1
    print(f"The self-test passed: {', '.join(tried)}.", flush=True)  # noqa: T201
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
    places = range(0, min(image.width(), image.height()), 7)
    if len({image.pixel(x, y) for x in places for y in places}) < _FEWEST_COLOURS:
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
        val=Scores(**scores),
        lr=1e-3,
        seconds=1,
        best=True,
    )
