"""Wait for the jobs of a window."""

from pytestqt.qtbot import QtBot

from gui.main_window import MainWindow


def wait_for_jobs(qtbot: QtBot, window: MainWindow) -> None:
    """Wait until no job runs and no folder is about to be read again."""
    operations = window.operations
    qtbot.waitUntil(lambda: not operations.running_jobs and not operations.datasets.is_rescan_scheduled, timeout=60_000)
