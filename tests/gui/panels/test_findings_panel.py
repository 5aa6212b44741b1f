"""Tests of the findings panel."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from engine.audit.findings import Audit, DuplicateGroup, DuplicateKind, Outlier, Shortcut
from engine.data.dataset import Dataset, Sample
from engine.data.groups.photo_groups import PhotoGroup, PhotoGroups
from engine.results.evaluation import Unreadable
from gui.models.dataset_summary import prepare_dataset
from gui.operations import Operations
from gui.pages.dataset_page import DatasetPage
from gui.panels.findings_panel import FindingsPanel
from gui.preferences import Preferences
from gui.state import AppState
from tests.images import draw_scene

Show = Callable[[Dataset, Audit], None]

NBSP = "\N{NO-BREAK SPACE}"
NAMES = ("ant/1.png", "ant/2.png", "ant/3.png", "ant/4.png", "bee/1.png", "bee/2.png")
DATASET = Dataset(Path("/photos"), ("ant", "bee"), tuple(Sample(name, int(name[0] == "b")) for name in NAMES))


def _group(kind: DuplicateKind, *paths: str, conflict: bool = False, leak: bool = False) -> DuplicateGroup:
    return DuplicateGroup(paths=paths, kind=kind, is_conflict=conflict, crosses_splits=leak)


AUDIT = Audit(
    unreadable=(Unreadable(path="ant/4.png", reason="This file is empty."),),
    duplicates=(
        _group("near", "ant/1.png", "ant/2.png"),
        _group("exact", "ant/1.png", "bee/1.png", conflict=True),
        _group("exact", "ant/3.png", "ant/2.png", leak=True),
    ),
    photo_groups=PhotoGroups(groups=(PhotoGroup(kind="time", paths=("ant/2.png", "ant/3.png")),), gap_seconds=60),
    outliers=(Outlier(path="bee/2.png", kind="blurred", reason="It is blurred."),),
    shortcuts=(Shortcut(feature="border", accuracy=0.95, chance=0.5, sentence="The border reveals the class 'bee'."),),
    imbalance=5.0,
)


@pytest.fixture
def state(qtbot: QtBot) -> AppState:
    return AppState()


@pytest.fixture
def panel(qtbot: QtBot, state: AppState, operations: Operations) -> FindingsPanel:
    panel = FindingsPanel(state, operations)
    qtbot.addWidget(panel)
    return panel


@pytest.fixture
def show(state: AppState, settle: Callable[[], None]) -> Show:
    """Return a function that opens a dataset and waits for its findings."""

    def show(dataset: Dataset, audit: Audit) -> None:
        state.set_dataset(prepare_dataset(dataset, audit))
        settle()

    return show


def _titles(panel: FindingsPanel) -> list[str]:
    return [panel.list.item(row).text().replace(NBSP, " ") for row in range(panel.list.count())]


def test_findings_are_listed_with_the_most_serious_first(panel: FindingsPanel, show: Show) -> None:
    assert panel.title.text() == "No findings so far"
    show(DATASET, AUDIT)
    assert _titles(panel) == [
        "1 image has conflicting labels",
        "1 image is in both training and validation",
        "1 near-duplicate",
        "1 file cannot be read",
        "Groups of photos: 1 by time (gap 60 s)",
        "1 image is blurred",
        "Shortcut feature: border",
        "The largest class has 5.0 times the images of the smallest",
    ]


def test_the_images_of_the_selected_finding_are_shown_and_can_be_enlarged(
    qtbot: QtBot, panel: FindingsPanel, show: Show
) -> None:
    show(DATASET, AUDIT)
    assert [item.caption for item in panel.grid.items] == ["1: ant", "1: bee"]
    assert all(item.is_marked for item in panel.grid.items)
    qtbot.keyClick(panel.list, Qt.Key.Key_Down)
    assert [item.path for item in panel.grid.items] == [Path("/photos/ant/3.png"), Path("/photos/ant/2.png")]
    assert "nothing was moved" in panel.explanation.text()
    panel.grid.opened.emit(1)
    assert not panel.viewer.isHidden()
    assert panel.viewer.row == 1


def test_the_selected_finding_stays_selected_when_the_split_changes(panel: FindingsPanel, show: Show) -> None:
    show(DATASET, AUDIT)
    panel.list.setCurrentRow(5)
    show(replace(DATASET), AUDIT)
    assert panel.list.currentRow() == 5
    show(DATASET, Audit())
    assert panel.list.count() == 0
    assert list(panel.grid.items) == []


@pytest.fixture
def operations(qtbot: QtBot, state: AppState) -> Iterator[Operations]:
    operations = Operations(state, state)
    yield operations
    operations.shut_down()
    qtbot.waitUntil(lambda: not operations.running_jobs, timeout=60_000)


def test_opening_a_folder_counts_its_findings_and_keeps_duplicates_on_one_side_of_the_split(
    qtbot: QtBot, state: AppState, operations: Operations, tmp_path: Path, settle: Callable[[], None]
) -> None:
    for number in range(8):
        path = tmp_path / "photos" / ("ant" if number < 4 else "bee") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_scene(number).save(path)
        if number % 4:
            shutil.copyfile(path, path.with_name(f"{number} again.png"))
    page = DatasetPage(state, operations, Preferences())
    qtbot.addWidget(page)
    operations.datasets.open(tmp_path / "photos")
    qtbot.waitUntil(lambda: not operations.running_jobs and len(state.audit.duplicates) == 6, timeout=60_000)
    tab = page.tabs.tabText(page.tabs.indexOf(page.findings))
    assert tab == f"Findings ({page.findings.list.count()})"
    note = page.split_box.findChildren(type(page.summary))[0].text().replace(NBSP, " ")
    assert "12 images of groups are kept together" in note
    for fraction in (0.2, 0.5):
        operations.datasets.set_val_fraction(fraction)
        settle()
        assert state.dataset is not None
        sides = {sample.path: sample.split for sample in state.dataset.samples}
        assert all(len({sides[path] for path in group.paths}) == 1 for group in state.audit.duplicates)
        assert state.dataset.of_split("val")
