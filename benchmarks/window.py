"""Watch a timer of the window while a network trains in it."""

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


def stalls(folder: Path, seconds: float = 30.0) -> list[float]:
    """Return the milliseconds between ticks of a 16 ms timer, sorted, from the end of the first epoch on."""
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

        def begin(events: list[object]) -> None:
            if not timer.isActive() and any(isinstance(event, EpochDone) for event in events):
                timer.start()
                # Not quit: it would close the window first, which asks about the training under way
                QTimer.singleShot(round(seconds * 1000), app.exit)

        job = main_window.operations.runs.train()
        job.events_received.connect(begin)
        app.exec()
        # Stopped before the window closes, or it would ask
        job.finished.connect(app.exit)
        job.stop()
        app.exec()
        main_window.close()
    return sorted(1000 * (after - before) for before, after in itertools.pairwise(ticks))
