"""Tests of the Dataset page."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from engine.audit.findings import Audit
from engine.core.errors import EngineError
from engine.data.dataset import Dataset, Sample
from engine.results.evaluation import (
    Unreadable,
)
from gui.models.dataset_summary import prepare_dataset
from gui.operations import Operations
from gui.pages.dataset_page import DatasetPage
from gui.preferences import Preferences
from gui.state import AppState
from tests.images import write_classes


def test_the_dataset_page_shows_the_split_and_names_unreadable_files(
    qtbot: QtBot, state: AppState, operations: Operations, settle: Callable[[], None]
) -> None:
    page = DatasetPage(state, operations, Preferences())
    qtbot.addWidget(page)
    samples = (Sample("ant/1.png", 0), Sample("ant/2.png", 0), Sample("bee/1.png", 1), Sample("bee/2.png", 1, "val"))
    dataset = Dataset(Path("/photos"), ("ant", "bee"), samples)
    audit = Audit(unreadable=(Unreadable(path="ant/2.png", reason="This file is empty."),))
    state.set_dataset(prepare_dataset(dataset, audit))
    settle()
    summary = page.summary.text().replace("\N{NO-BREAK SPACE}", " ")
    assert summary == "4 images in 2 classes: 3 training, 1 validation (drawn from the training images), 0 test"
    assert "ant/2.png" in page.notes.text()
    assert len(page.grid.items) == 4
    page.classes.setCurrentRow(2)
    assert {item.caption for item in page.grid.items} == {"bee"}


def test_the_page_shows_how_a_folder_was_understood(
    qtbot: QtBot, state: AppState, operations: Operations, settle: Callable[[], None], tmp_path: Path
) -> None:
    page = DatasetPage(state, operations, Preferences())
    qtbot.addWidget(page)
    for split, number in (("Training", 4), ("Valid", 2), ("examples", 1)):
        write_classes(tmp_path / "archive" / split, {"ant": number, "bee": number}, seed=number)
    (tmp_path / "archive" / "examples" / "bee").rename(tmp_path / "archive" / "examples" / "wasp")
    operations.datasets.open(tmp_path)
    settle()
    summary = page.summary.text().replace("\N{NO-BREAK SPACE}", " ")
    assert summary == "12 images in 2 classes: 8 training, 4 validation (the folder's own), 0 test"
    assert "The classes are read from the folder 'archive'." in page.notes.text()
    assert "The folder 'examples' is not a split and is left out (2\N{NO-BREAK SPACE}images)." in page.notes.text()


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_folder_without_training_images_is_shown(
    qtbot: QtBot, state: AppState, operations: Operations, settle: Callable[[], None], tmp_path: Path, split: str
) -> None:
    page = DatasetPage(state, operations, Preferences())
    qtbot.addWidget(page)
    operations.datasets.open(write_classes(tmp_path / split, {"ant": 2, "bee": 2}).parent)
    settle()
    assert "0 training" in page.summary.text()
    assert len(page.grid.items) == 4


def test_a_doubtful_folder_is_refused_with_a_sentence(
    qtbot: QtBot, state: AppState, operations: Operations, settle: Callable[[], None], tmp_path: Path
) -> None:
    page = DatasetPage(state, operations, Preferences())
    qtbot.addWidget(page)
    errors: list[EngineError] = []
    operations.runner.failed.connect(errors.append)
    for name in ("flowers", "insects"):
        write_classes(tmp_path / name, {"ant": 1, "bee": 1})
    operations.datasets.open(tmp_path)
    settle()
    assert ["'flowers' and 'insects' contain the same class folders" in error.message for error in errors] == [True]
    assert state.dataset is None
