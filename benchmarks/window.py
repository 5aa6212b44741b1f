"""Responsiveness of the window during a training, measured with a timer."""

import itertools
import os
import tempfile
import time
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication

from engine.core.events import EpochDone
from engine.data.dataset import scan
from engine.data.splits import split
from gui.app import make_window
from gui.main_window import TRAIN

INTERVAL_MS = 16


def timer_intervals(folder: Path, seconds: float = 30.0) -> list[float]:
    """Train ResNet-18 in the window and return the sorted intervals of a 16 ms timer, in milliseconds.

    Args:
        folder: Folder of the dataset.
        seconds: Duration of the measurement, which starts at the end of the first epoch.
    """
    with tempfile.TemporaryDirectory() as home:
        os.environ["CLASSIFOLD_HOME"] = home
        app = QApplication.instance() or QApplication([])
        assert isinstance(app, QApplication)
        main_window = make_window(app)
        main_window.show_page(TRAIN)
        main_window.show()
        state = main_window.state
        state.set_config(state.config.changed("model", backbone="resnet18").changed("training", epochs=50))
        state.set_dataset(split(scan(folder), 0.2, 0))
        ticks: list[float] = []
        timer = QTimer()
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.setInterval(INTERVAL_MS)
        timer.timeout.connect(lambda: ticks.append(time.perf_counter()))

        def start_after_first_epoch(events: list[object]) -> None:
            if not timer.isActive() and any(isinstance(event, EpochDone) for event in events):
                timer.start()
                # quit() would close the window, which then asks whether to stop the training
                QTimer.singleShot(round(seconds * 1000), app.exit)

        job = main_window.operations.runs.train()
        job.events_received.connect(start_after_first_epoch)
        app.exec()
        # The window asks when it is closed during a training, so the training is stopped first
        job.finished.connect(app.exit)
        job.stop()
        app.exec()
        main_window.close()
    return sorted(1000 * (after - before) for before, after in itertools.pairwise(ticks))
