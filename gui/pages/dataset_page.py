"""Dataset page: images by class, findings and label review."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from engine.core.formatting import count
from engine.core.paths import folder_name
from engine.data.dataset import Dataset, Sample
from engine.data.folders.split_names import SPLITS, Split
from engine.data.split_description import describe_split
from engine.runs.run_folder import Run
from gui.models.dataset_summary import DatasetSummary
from gui.models.image_model import GridItem, LazyItems
from gui.models.run_record import RunRecord
from gui.operations import Operations
from gui.panels.findings_panel import FindingsPanel
from gui.panels.review_panel import ReviewPanel
from gui.plain_text import as_button_text, as_plain
from gui.preferences import Preferences
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.images.image_grid import ImageGrid
from gui.widgets.images.image_view import ImageViewer
from gui.widgets.inputs.class_list import ClassList
from gui.widgets.inputs.drop_area import DropArea
from gui.widgets.inputs.split_box import SplitBox
from gui.widgets.labels import MutedLabel, NoteLabel, TitleLabel
from gui.widgets.resume_panel import ResumePanel
from gui.widgets.tabs import Tabs
from gui.widgets.welcome import Welcome

_SPLIT_NAMES: dict[Split, str] = {"train": "training", "val": "validation", "test": "test"}
_MAX_NOTES, _MAX_TOOLTIP_NOTES = 6, 100


class DatasetPage(QWidget):
    """Shows the open dataset, or a start page while there is none."""

    train_requested = Signal()
    resume_requested = Signal(object)
    """The Run to resume."""

    def __init__(
        self, state: AppState, operations: Operations, preferences: Preferences, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._state, self._operations, self._preferences = state, operations, preferences
        self._root: Path | None = None
        self._has_searched = False
        self.resume_panel = ResumePanel(self)
        self.title = TitleLabel(parent=self)
        self.summary = MutedLabel(parent=self)
        self.notes = NoteLabel(parent=self)
        self.classes = ClassList(self)
        self.split_box = SplitBox(self)
        self.grid = ImageGrid(self)
        self.tabs = Tabs("Dataset views", self)
        self.findings = FindingsPanel(state, operations, self)
        self.review = ReviewPanel(state, operations, self)
        self._stack = QStackedWidget(self)
        self.viewer = ImageViewer(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._stack)
        self._stack.addWidget(self._build_start_page())
        self._stack.addWidget(self._build_dataset_view())
        self._connect()

    def _build_start_page(self) -> QWidget:
        page = QWidget(self)
        column = QVBoxLayout(page)
        column.setContentsMargins(4 * GRID, 4 * GRID, 4 * GRID, 4 * GRID)
        self.drop_area = DropArea(
            "drop",
            "Drop a folder of images",
            "One folder per class, with its images inside. Nothing leaves this computer.",
            page,
        )
        choose = self.drop_area.add_button("Choose a folder…", "folder", "Choose a folder of images", is_accent=True)
        choose.clicked.connect(self._on_choose)
        sample = self.drop_area.add_button("Try the sample", "sample", "Create a dataset of six shapes and open it")
        sample.clicked.connect(self._operations.datasets.open_sample)
        self.drop_area.paths_dropped.connect(self._on_dropped)
        self.welcome = Welcome(page)
        self.welcome.skipped.connect(self._on_welcomed)
        self.welcome.setHidden(self._preferences.is_welcomed or bool(self._preferences.recent_folders))
        column.addWidget(self.welcome)
        column.addSpacing(GRID)
        column.addWidget(self.drop_area, 1)
        column.addSpacing(GRID)
        column.addWidget(self.resume_panel)
        recent = self._preferences.recent_folders
        if recent:
            column.addSpacing(GRID)
            column.addWidget(MutedLabel("Recent", page))
            row = QHBoxLayout()
            for folder in recent[:4]:
                button = QPushButton(as_button_text(folder_name(folder)), page)
                button.setProperty("flat", True)
                button.setToolTip(as_plain(str(folder)))
                button.clicked.connect(lambda _checked=False, folder=folder: self._operations.runs.open_project(folder))
                row.addWidget(button)
            row.addStretch()
            column.addLayout(row)
        return page

    def _build_dataset_view(self) -> QWidget:
        page = QWidget(self)
        column = QVBoxLayout(page)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(GRID)
        head = QHBoxLayout()
        titles = QVBoxLayout()
        titles.setSpacing(GRID // 2)
        titles.addWidget(self.title)
        titles.addWidget(self.summary)
        head.addLayout(titles, 1)
        self.open_button = QPushButton("Open another…", page)
        self.open_button.setToolTip("Choose another folder of images")
        self.train_button = QPushButton("Train", page)
        self.train_button.setProperty("accent", True)
        self.train_button.setToolTip("Go to the Train page")
        head.addWidget(self.open_button)
        head.addWidget(self.train_button)
        column.addLayout(head)
        column.addWidget(self.notes)
        images = QWidget(self)
        body = QHBoxLayout(images)
        body.setContentsMargins(0, GRID, 0, 0)
        body.setSpacing(2 * GRID)
        left = QVBoxLayout()
        left.addWidget(self.classes, 1)
        left.addWidget(self.split_box)
        body.addLayout(left, 1)
        body.addWidget(self.grid, 3)
        self.tabs.addTab(images, "Images")
        self.tabs.addTab(self.findings, "Findings")
        self.tabs.addTab(self.review, "Review")
        self.tabs.show_count(self.review, "Review", len(self.review.items))
        column.addWidget(self.tabs, 1)
        return page

    def _connect(self) -> None:
        self._state.dataset_changed.connect(self._on_dataset_changed)
        self._state.training_changed.connect(self._on_training_changed)
        self.resume_panel.resume_requested.connect(self.resume_requested)
        self.resume_panel.dismiss_requested.connect(self._on_dismiss)
        self.open_button.clicked.connect(self._on_choose)
        self.train_button.clicked.connect(self.train_requested)
        self.findings.count_changed.connect(lambda number: self.tabs.show_count(self.findings, "Findings", number))
        self.review.count_changed.connect(lambda num_left: self.tabs.show_count(self.review, "Review", num_left))
        self.classes.class_chosen.connect(self._on_class_chosen)
        self.split_box.fraction_chosen.connect(self._operations.datasets.set_val_fraction)
        self.grid.opened.connect(lambda row: self.viewer.show_item(self.grid.items, row))
        self.viewer.closed.connect(self.grid.setFocus)

    def showEvent(self, event: QShowEvent) -> None:
        """Search for interrupted runs when the page is shown for the first time."""
        super().showEvent(event)
        if not self._has_searched:
            self._has_searched = True
            QTimer.singleShot(0, self._find_interrupted)

    def _find_interrupted(self) -> None:
        self._operations.runs.find_interrupted().succeeded.connect(self._on_interrupted_found)

    def _on_interrupted_found(self, records: list[RunRecord]) -> None:
        if self._state.training is None:
            self.resume_panel.show_records(records)

    def _on_dismiss(self, run: Run) -> None:
        self._operations.runs.dismiss(run).succeeded.connect(lambda _: self.resume_panel.remove(run))

    def _on_training_changed(self) -> None:
        if self._state.training is not None:
            self.resume_panel.hide()
        elif self._has_searched:
            self._find_interrupted()

    def show_welcome(self) -> None:
        """Show the three steps of the first start on the start page."""
        self.welcome.show()
        self._stack.setCurrentIndex(0)

    def _on_welcomed(self) -> None:
        self._preferences.set_welcomed()
        self.welcome.hide()
        self._stack.setCurrentIndex(1 if self._state.dataset is not None else 0)

    def _on_choose(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Choose a folder of images")
        if name:
            self._operations.datasets.open(Path(name))

    def _on_dropped(self, paths: list[Path]) -> None:
        if DropArea.is_folder(paths):
            self._operations.datasets.open(paths[0])
        else:
            self.drop_area.set_texts("Not a folder", "Drop a folder that contains one folder per class.")

    def _on_dataset_changed(self) -> None:
        dataset, summary = self._state.dataset, self._state.summary
        self._stack.setCurrentIndex(1 if dataset is not None else 0)
        if dataset is None or summary is None:
            return
        self._describe(dataset, summary)
        self.classes.show_classes(dataset.classes, summary)
        self.split_box.show_fraction(self._state.config.data.val_fraction, dataset.has_val, summary.num_grouped)
        if dataset.root != self._root:
            self._root = dataset.root
            self._on_welcomed()
            self._preferences.add_recent_folder(dataset.root.absolute())
            self._on_class_chosen(-1)

    def _describe(self, dataset: Dataset, summary: DatasetSummary) -> None:
        self.title.setText(folder_name(dataset.root.resolve()))
        self.title.setToolTip(str(dataset.root))
        num_train, num_val, num_test = (summary.num_images[split] for split in SPLITS)
        self.summary.setText(
            f"{count(len(dataset.samples), 'image')} in {count(len(dataset.classes), 'class', 'classes')}: "
            + describe_split(num_train, num_val, num_test, not dataset.has_val)
        )
        audit = self._state.audit
        single = ["There is only one class. Add a folder with images of at least one more class."]
        unreadable = [f"Unreadable, skipped: {bad.path}. {bad.reason}" for bad in audit.unreadable[:_MAX_TOOLTIP_NOTES]]
        notes = [*(single if len(dataset.classes) < 2 else ()), *unreadable, *audit.notes, *dataset.notes]
        num_more = len(notes) - len(unreadable) + len(audit.unreadable) - _MAX_NOTES
        more = [f"and {num_more:,} more"] if num_more > 0 else []
        self.notes.setText("\n".join(notes[:_MAX_NOTES] + more))
        self.notes.setToolTip("\n".join(notes[:_MAX_TOOLTIP_NOTES]))
        self.notes.setVisible(bool(notes))
        self.train_button.setEnabled(len(dataset.classes) > 1)

    def _on_class_chosen(self, label: int) -> None:
        dataset, summary = self._state.dataset, self._state.summary
        if dataset is not None and summary is not None:
            samples = dataset.samples if label < 0 else summary.samples_of_class[label]
            self.grid.set_items(LazyItems(samples, partial(_item, dataset)))


def _item(dataset: Dataset, sample: Sample) -> GridItem:
    tooltip = f"{sample.path}\n{_SPLIT_NAMES[sample.split]}"
    return GridItem(dataset.root / sample.path, dataset.classes[sample.label], tooltip)
