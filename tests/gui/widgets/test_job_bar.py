"""Tests of the bar at the bottom, with scripted jobs."""

import threading
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtWidgets import QScrollArea
from pytestqt.qtbot import QtBot

from engine.core.events import Event, Progress
from gui.job import Job
from gui.widgets.job_bar import JobBar

Begin = Callable[[str, Progress], threading.Event]


@pytest.fixture
def bar(frame: QScrollArea) -> JobBar:
    bar = JobBar()
    frame.setWidget(bar)
    frame.show()
    return bar


@pytest.fixture
def begin(qtbot: QtBot, bar: JobBar) -> Iterator[Begin]:
    """Begin a job that tells of some progress and ends when the returned event is set."""
    jobs: list[tuple[Job, threading.Event]] = []

    def begin(words: str, progress: Progress) -> threading.Event:
        is_finished = threading.Event()

        def work() -> Iterator[Event]:
            yield progress
            is_finished.wait()

        job = Job(work())  # type: ignore[arg-type]
        jobs.append((job, is_finished))
        bar.follow(words, job, is_training=words == "Training")
        job.start()
        return is_finished

    yield begin
    for job, is_finished in jobs:
        is_finished.set()
        job.wait()


def _progress(stage: str, epoch: int | None = None) -> Progress:
    return Progress(stage=stage, done=1, total=4, images_per_second=5, epoch=epoch)  # type: ignore[arg-type]


def test_a_small_job_does_not_push_a_training_aside_and_is_shown_behind_it(
    qtbot: QtBot, bar: JobBar, begin: Begin
) -> None:
    training = begin("Training", _progress("validate"))
    export = begin("Exporting", _progress("verify"))
    qtbot.waitUntil(lambda: bar.label.text() == "Validating")
    assert bar.stop_button.isVisible()
    training.set()
    qtbot.waitUntil(lambda: bar.label.text() == "Verifying")
    assert not bar.stop_button.isVisible()
    export.set()
    qtbot.waitUntil(lambda: bar.label.text() == "Ready")
    assert not bar.bar.isVisible()


def test_what_is_begun_later_is_shown_and_then_what_was_before(qtbot: QtBot, bar: JobBar, begin: Begin) -> None:
    export = begin("Exporting", _progress("verify"))
    report = begin("Reporting", _progress("report"))
    qtbot.waitUntil(lambda: bar.label.text() == "Writing report")
    assert bar.bar.value() == 250
    assert bar.speed.text() == "5 images/s"
    report.set()
    qtbot.waitUntil(lambda: bar.label.text() == "Verifying")
    export.set()
    qtbot.waitUntil(lambda: bar.label.text() == "Ready")
