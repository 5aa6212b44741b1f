"""Tests of the Dataset page."""

from collections.abc import Callable
from pathlib import Path

from pytestqt.qtbot import QtBot

from engine.audit.findings import Audit
from engine.data.dataset import Dataset, Sample
from engine.results.evaluation import (
    Unreadable,
)
from gui.models.dataset_summary import prepare_dataset
from gui.operations import Operations
from gui.pages.dataset_page import DatasetPage
from gui.preferences import Preferences
from gui.state import AppState


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
