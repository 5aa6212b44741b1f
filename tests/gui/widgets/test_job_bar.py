"""Tests of the status bar with scripted jobs."""

import threading
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtWidgets import QScrollArea
from pytestqt.qtbot import QtBot

from engine.core.events import Event, Progress, RunStarted
from gui.job import Job
from gui.widgets.job_bar import JobBar

Start = Callable[[str, Progress], threading.Event]


@pytest.fixture
def bar(frame: QScrollArea) -> JobBar:
    bar = JobBar()
    frame.setWidget(bar)
    frame.show()
    return bar


@pytest.fixture
def start(qtbot: QtBot, bar: JobBar) -> Iterator[Start]:
    """Return a function that starts a job, which emits one progress event and ends when the returned event is set."""
    jobs: list[tuple[Job, threading.Event]] = []

    def start(title: str, progress: Progress) -> threading.Event:
        is_finished = threading.Event()

        def work() -> Iterator[Event]:
            yield progress
            is_finished.wait()

        job = Job(work())  # type: ignore[arg-type]
        jobs.append((job, is_finished))
        bar.follow(title, job, is_training=title == "Training")
        job.start()
        return is_finished

    yield start
    for job, is_finished in jobs:
        is_finished.set()
        job.wait()


def _progress(stage: str, epoch: int | None = None) -> Progress:
    return Progress(stage=stage, done=1, total=4, images_per_second=5, epoch=epoch)  # type: ignore[arg-type]


def test_a_training_is_shown_until_it_ends_and_then_the_other_job(qtbot: QtBot, bar: JobBar, start: Start) -> None:
    training = start("Training", _progress("validate"))
    export = start("Exporting", _progress("verify"))
    qtbot.waitUntil(lambda: bar.label.text() == "Validating")
    assert bar.stop_button.isVisible()
    training.set()
    qtbot.waitUntil(lambda: bar.label.text() == "Verifying")
    assert not bar.stop_button.isVisible()
    export.set()
    qtbot.waitUntil(lambda: bar.label.text() == "Ready")
    assert not bar.bar.isVisible()


def test_loading_torch_is_shown_at_once_though_another_event_came_just_before(qtbot: QtBot, bar: JobBar) -> None:
    is_loaded = threading.Event()

    def work() -> Iterator[Event]:
        yield _progress("check")
        yield Progress(stage="load", done=0, total=0)
        is_loaded.wait()

    job = Job(work())  # type: ignore[arg-type]
    bar.follow("Training", job, is_training=True)
    job.start()
    try:
        qtbot.waitUntil(lambda: bar.label.text() == "Loading PyTorch")
        assert bar.bar.maximum() == 0, "the bar shows that the duration is unknown"
    finally:
        is_loaded.set()
        job.wait()


def test_the_latest_job_is_shown_and_then_the_earlier_one(qtbot: QtBot, bar: JobBar, start: Start) -> None:
    export = start("Exporting", _progress("verify"))
    report = start("Reporting", _progress("report"))
    qtbot.waitUntil(lambda: bar.label.text() == "Writing report")
    assert bar.bar.value() == 250
    assert bar.speed.text() == "5 images/s"
    report.set()
    qtbot.waitUntil(lambda: bar.label.text() == "Verifying")
    export.set()
    qtbot.waitUntil(lambda: bar.label.text() == "Ready")


@pytest.mark.parametrize(("epoch", "text"), [(6, "Validating, epoch 6 of 6"), (7, "Validating, epoch 7")])
def test_an_epoch_beyond_the_estimate_of_a_time_budget_has_no_total(bar: JobBar, epoch: int, text: str) -> None:
    started = RunStarted(
        run="/none", classes=("a", "b"), num_train=2, num_val=1, device="cpu", precision="float32",
        parameters=9, trainable=9, epochs=6,
    )  # fmt: skip
    job = Job(iter(()))  # type: ignore[arg-type]
    bar.follow("Training", job, is_training=True)
    job.events_received.emit([started, _progress("validate", epoch)])
    assert bar.label.text() == text
