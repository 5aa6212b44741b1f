"""Tests of the review panel."""

import errno
from collections.abc import Generator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from engine import jobs
from engine.audit.findings import Audit, DuplicateGroup
from engine.audit.review_queue import CorrectionGain, LabelIssue, Review
from engine.core.events import Event
from engine.data import label_log
from engine.data.dataset import Dataset, scan
from engine.data.label_overrides import read_decisions
from engine.results.evaluation import Unreadable
from engine.results.model_metadata import ModelMetadata
from gui.models.dataset_summary import prepare_dataset
from gui.operations import Operations
from gui.pages.dataset_page import DatasetPage
from gui.panels.review_panel import ReviewPanel
from gui.preferences import Preferences
from gui.state import AppState
from tests.images import write_classes
from tests.scratch_config import scratch_config

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # the offscreen platform logs this for any window

AUDIT = Audit(
    unreadable=(Unreadable(path="blue/003.png", reason="This file is empty."),),
    duplicates=(
        DuplicateGroup(paths=("blue/000.png", "red/000.png"), kind="exact", is_conflict=True, crosses_splits=False),
    ),
)
LABEL_ISSUE = LabelIssue(path="red/002.png", given="red", suggested="blue", probability=0.97, score=0.9)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "data", {"red": 5, "blue": 5})


def _open(panel: ReviewPanel, root: Path) -> None:
    datasets = panel._operations.datasets
    datasets._dataset, datasets._audit = scan(root), AUDIT
    datasets._split()


@pytest.fixture
def panel(qtbot: QtBot, root: Path) -> ReviewPanel:
    state = AppState()
    panel = ReviewPanel(state, Operations(state, state))
    state.setParent(panel)
    qtbot.addWidget(panel)
    panel.show()
    _open(panel, root)
    _settle(qtbot, panel)
    qtbot.waitExposed(panel)
    panel.activateWindow()
    panel.setFocus()
    return panel


def _settle(qtbot: QtBot, panel: ReviewPanel) -> None:
    operations = panel._operations
    qtbot.waitUntil(lambda: not operations.running_jobs and not operations.datasets.is_rescan_scheduled, timeout=20_000)


def _paths(panel: ReviewPanel) -> list[str]:
    return [item.path for item in panel.items]


def test_each_key_records_a_decision_and_updates_the_dataset(qtbot: QtBot, panel: ReviewPanel, root: Path) -> None:
    panel._state.set_review(Review(label_issues=(LABEL_ISSUE,)))
    _settle(qtbot, panel)
    assert _paths(panel) == ["blue/000.png", "red/000.png", "blue/003.png", "red/002.png"]
    assert panel.relabel_button.text().startswith("Relabel as red")
    qtbot.keyClick(panel, Qt.Key.Key_X)
    assert _paths(panel) == ["blue/003.png", "red/002.png"]  # this resolves the conflict
    qtbot.keyClick(panel, Qt.Key.Key_K)
    assert panel.item is not None
    assert panel.item.reason == "Labelled red, model says blue (97 %)"
    qtbot.keyClick(panel, Qt.Key.Key_R)
    assert _paths(panel) == []
    _settle(qtbot, panel)
    assert panel._state.dataset is not None
    assert panel._state.dataset.counts() == [5, 4]
    assert "excluded" in panel._state.dataset.notes[0]
    assert {path: decision.action for path, decision in read_decisions(root).items()} == {
        "blue/000.png": "exclude", "blue/003.png": "keep", "red/002.png": "relabel",
    }  # fmt: skip


def test_corrections_of_a_read_only_folder_are_kept_elsewhere_and_noted(
    qtbot: QtBot, panel: ReviewPanel, root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = label_log.append_line

    def append(path: Path, line: str) -> None:
        if path.parent == root:
            raise OSError(errno.EROFS, "Read-only file system")
        real(path, line)

    monkeypatch.setattr(label_log, "append_line", append)
    qtbot.keyClick(panel, Qt.Key.Key_X)
    _settle(qtbot, panel)
    assert not label_log.label_log_path(root).exists()
    assert panel._state.dataset is not None
    assert panel._state.dataset.counts() == [4, 5]
    assert f"Corrections are kept in {home / 'labels'}" in panel._state.dataset.notes[0]
    qtbot.keyClick(panel, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    _settle(qtbot, panel)
    assert panel._state.dataset.counts() == [5, 5]


def test_undo_restores_the_last_image_and_shows_it(qtbot: QtBot, panel: ReviewPanel) -> None:
    qtbot.keyClick(panel, Qt.Key.Key_Right)
    qtbot.keyClick(panel, Qt.Key.Key_Right)
    assert panel.item is not None
    assert panel.item.path == "blue/003.png"
    qtbot.keyClick(panel, Qt.Key.Key_X)
    assert "blue/003.png" not in _paths(panel)
    qtbot.keyClick(panel, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    _settle(qtbot, panel)
    assert panel.item is not None
    assert panel.item.path == "blue/003.png"
    qtbot.keyClick(panel, Qt.Key.Key_Left)
    assert panel.item.path == "red/000.png"


def test_a_number_key_assigns_the_class_of_that_number(qtbot: QtBot, panel: ReviewPanel, root: Path) -> None:
    qtbot.keyClick(panel, Qt.Key.Key_2)
    _settle(qtbot, panel)
    assert read_decisions(root)["blue/000.png"].class_name == "red"
    panel.class_menu.aboutToShow.emit()
    assert [action.text() for action in panel.class_menu.actions()] == ["1   blue", "2   red"]


def test_without_a_model_for_these_classes_wrong_labels_cannot_be_searched_for(
    panel: ReviewPanel, tmp_path: Path
) -> None:
    assert "Train a model" in panel.note.text()
    assert panel.search_button.isHidden()
    panel._state.set_model(tmp_path / "model.safetensors", _metadata("ant", "bee"))
    assert "has other classes" in panel.note.text()
    panel._state.set_model(tmp_path / "model.safetensors", _metadata("blue", "red"))
    assert not panel.search_button.isHidden()


def test_wrong_labels_are_found_and_the_accuracy_with_corrections_is_shown(
    qtbot: QtBot, panel: ReviewPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def review(dataset: Dataset, model: Path, audit: Audit) -> Generator[Event, None, Review]:
        yield from ()
        return Review(label_issues=(LABEL_ISSUE,), accuracy=0.9, num_images=10)

    def evaluate_corrections(dataset: Dataset, model: Path, audit: Audit) -> Generator[Event, None, CorrectionGain]:
        yield from ()
        return CorrectionGain(accuracy_given=0.85, before=0.87, after=0.89, num_given=10, num_images=10)

    monkeypatch.setattr(jobs, "review", review)
    monkeypatch.setattr(jobs, "evaluate_corrections", evaluate_corrections)
    panel._state.set_model(tmp_path / "model.safetensors", _metadata("blue", "red"))
    panel.search_button.click()
    qtbot.waitUntil(lambda: "red/002.png" in _paths(panel), timeout=20_000)
    panel.evaluate_button.click()
    qtbot.waitUntil(lambda: "89" in panel.accuracy.text(), timeout=20_000)
    assert "87" in panel.accuracy.text()
    _settle(qtbot, panel)


def test_another_folder_does_not_show_the_label_issues_of_the_last_one(
    qtbot: QtBot, panel: ReviewPanel, tmp_path: Path
) -> None:
    panel._state.set_review(Review(label_issues=(LABEL_ISSUE,)))
    _settle(qtbot, panel)
    other = scan(write_classes(tmp_path / "other", {"red": 5, "blue": 5}))
    panel._state.set_dataset(prepare_dataset(other, Audit()))
    assert _paths(panel) == []
    _settle(qtbot, panel)
    assert _paths(panel) == []
    assert panel.view.sentence.text() == "Nothing to review"


def test_the_tab_shows_the_number_of_images_to_review(qtbot: QtBot, root: Path) -> None:
    state = AppState()
    operations = Operations(state, state)
    page = DatasetPage(state, operations, Preferences())
    state.setParent(page)
    qtbot.addWidget(page)
    state.set_dataset(prepare_dataset(scan(root), AUDIT))
    qtbot.waitUntil(lambda: not operations.running_jobs, timeout=20_000)
    assert page.tabs.tabText(page.tabs.indexOf(page.review)) == "Review (3)"


def _metadata(*classes: str) -> ModelMetadata:
    return ModelMetadata(
        program="0.2",
        classes=classes,
        backbone="se_resnet",
        image_size=16,
        geometry="squash",
        mean=(0, 0, 0),
        std=(1, 1, 1),
        config=scratch_config(),
        best=None,
        created="",
    )
