"""Tests of training from an own model and of moved images, through the operations of the window."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from engine import jobs
from engine.core.event_stream import run_to_end
from engine.core.events import DatasetSplit
from engine.data.dataset import scan
from engine.data.splits import split
from engine.runs.image_folder import ImagesMissingError
from engine.runs.run_folder import Run
from gui.operations import Operations
from gui.state import AppState
from tests.engine.conftest import CONFIG
from tests.images import write_classes


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("tiny run")
    root = write_classes(folder / "data", {"red": 12, "blue": 12})
    return run_to_end(jobs.train(split(scan(root), 0.25, 0), CONFIG, folder / "run"))


@pytest.fixture
def opened(
    operations: Operations, state: AppState, tiny_run: Run, tmp_path: Path, settle: Callable[[], None]
) -> Operations:
    """Operations that have opened a copy of the images of a run."""
    operations.datasets.open(Path(shutil.copytree(tiny_run.dataset.root, tmp_path / "copy")))
    settle()
    return operations


def test_training_from_an_own_model_validates_on_images_that_it_has_not_learnt_from(
    opened: Operations, state: AppState, tiny_run: Run, settle: Callable[[], None]
) -> None:
    state.set_config(
        CONFIG.changed("model", weights=str(tiny_run.model_path)).changed("data", seed=3, val_fraction=0.25)
    )
    events: list[object] = []
    opened.runs.train().events_received.connect(events.extend)
    settle()
    assert state.run is not None
    val = {sample.path for sample in state.run.dataset.of_split("val")}
    assert val == {sample.path for sample in tiny_run.dataset.of_split("val")}
    assert [event.num_val for event in events if isinstance(event, DatasetSplit)] == [len(val)]


def test_a_measurement_of_moved_images_fails_until_they_are_found(
    qtbot: QtBot, operations: Operations, state: AppState, tiny_run: Run, tmp_path: Path, settle: Callable[[], None]
) -> None:
    run = Run(Path(shutil.copytree(tiny_run.path, tmp_path / "run")))
    text = run.split_path.read_text("utf-8").replace(str(tiny_run.dataset.root), str(tmp_path / "gone"))
    run.split_path.write_text(text, "utf-8")
    state.set_run(run)
    with qtbot.waitSignal(operations.runner.failed) as failed:
        operations.runs.measure_robustness(run)
    assert isinstance(failed.args[0], ImagesMissingError)
    settle()
    with qtbot.waitSignal(state.run_changed):
        operations.runs.find_images(run, tiny_run.dataset.root)
    operations.runs.measure_robustness(run)
    settle()
    assert run.robustness_path.is_file()
