"""Review queue of label issues: one image at a time, each decision has a key."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMenu, QPushButton, QTabBar, QVBoxLayout, QWidget

from engine.audit.review_queue import CorrectionGain, ReviewItem, remaining_items
from engine.core.formatting import count, percent
from engine.data.class_names import normalize_class_name
from engine.data.dataset import Dataset
from engine.data.label_overrides import Action, Decision
from gui.latest_job import LatestJob
from gui.operations import Operations
from gui.plain_text import as_button_text
from gui.state import AppState
from gui.theme import GRID
from gui.widgets.images.label_issue_view import LabelIssueView
from gui.widgets.labels import MutedLabel

_MAX_NUMBER_KEYS = 9
_DECISIONS_PER_EVALUATION = 5
_NOTHING = "Nothing to review"


class ReviewPanel(QWidget):
    """Shows the image with the most likely wrong label first, and records the decisions of the user."""

    count_changed = Signal(int)
    """Number of images left to review."""

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._operations = state, operations
        self._row = 0
        self._requested_path: str | None = None
        self._root: Path | None = None
        self._num_new_decisions = 0
        self._is_evaluating = False
        self.items: Sequence[ReviewItem] = ()
        self._decided: set[str] = set()
        self._building = LatestJob(is_serial=True)
        self._menu_classes: tuple[str, ...] = ()
        self.note = MutedLabel("", self)
        self.accuracy = MutedLabel("", self)
        self.view = LabelIssueView(self)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Images to review")
        self._build_buttons()
        self._lay_out()
        self._add_keys()
        self.class_menu.aboutToShow.connect(self._fill_class_menu)
        state.dataset_changed.connect(self._on_dataset_changed)
        state.review_changed.connect(self._build_again)
        for signal in (state.model_changed, state.training_changed):
            signal.connect(self._refresh)
        operations.labels.decision_failed.connect(self._on_decision_failed)
        self._show_items(())

    def _build_buttons(self) -> None:
        self.search_button = self._button("Find wrong labels", self._on_search, "Use the model to find wrong labels")
        self.evaluate_button = self._button("Evaluate again", self._on_evaluate, "Measure with the current labels")
        self.relabel_button = self._button("Relabel", self._on_relabel, "Assign the suggested class (R)")
        self.class_button = QPushButton("Another class", self)
        self.class_button.setToolTip("Assign another class (keys 1 to 9)")
        self.class_menu = QMenu(self)
        self.class_button.setMenu(self.class_menu)
        self.exclude_button = self._button("Exclude   X", lambda: self._decide("exclude"), "Exclude the image (X)")
        self.keep_button = self._button("Keep   K", lambda: self._decide("keep"), "Confirm the label (K)")
        self.undo_button = self._button("Undo   Z", self._on_undo, "Undo the last decision (Z or Ctrl+Z)")
        self.relabel_button.setProperty("accent", True)

    def _button(self, text: str, on_click: Callable[[], None], tooltip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tooltip)
        button.clicked.connect(lambda: on_click())
        return button

    def _lay_out(self) -> None:
        self.view.side.addStretch()
        self.view.side.addWidget(self.relabel_button)
        row = QHBoxLayout()
        row.addWidget(self.exclude_button, 1)
        row.addWidget(self.keep_button, 1)
        self.view.side.addLayout(row)
        last = QHBoxLayout()
        last.addWidget(self.class_button, 1)
        last.addWidget(self.undo_button, 1)
        self.view.side.addLayout(last)
        foot = QHBoxLayout()
        foot.addWidget(self.note, 1)
        foot.addWidget(self.search_button)
        below = QHBoxLayout()
        below.addWidget(self.accuracy, 1)
        below.addWidget(self.evaluate_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GRID, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(foot)
        column.addWidget(self.view, 1)
        column.addLayout(below)

    def _add_keys(self) -> None:
        inside = Qt.ShortcutContext.WidgetWithChildrenShortcut
        window = Qt.ShortcutContext.WindowShortcut  # active while the panel is visible, regardless of focus
        keys: dict[str, tuple[Callable[[], None], Qt.ShortcutContext]] = {
            "R": (self._on_relabel, window),
            "X": (lambda: self._decide("exclude"), window),
            "K": (lambda: self._decide("keep"), window),
            "Z": (self._on_undo, window),
            "Ctrl+Z": (self._on_undo, window),
            "Left": (lambda: self._step(-1), inside),  # elsewhere, the arrow keys switch tabs
            "Right": (lambda: self._step(1), inside),
        }
        for number in range(_MAX_NUMBER_KEYS):
            keys[str(number + 1)] = (partial(self._choose_class, number), window)
        for key, (on_key, context) in keys.items():
            QShortcut(QKeySequence(key), self, context=context).activated.connect(on_key)

    @property
    def item(self) -> ReviewItem | None:
        """The shown image."""
        return self.items[self._row] if self.items else None

    def _on_dataset_changed(self) -> None:
        root = self._state.dataset.root if self._state.dataset is not None else None
        if root != self._root:
            self._root, self._num_new_decisions = root, 0
            self._decided.clear()
            self.accuracy.setText("")
            self._show_items(())
        self._build_again()

    def _build_again(self) -> None:
        """Build the queue in the background and show it."""
        if self._state.dataset is not None:
            self._building.request(self._operations.labels.build_queue, self._show_items)
        else:
            self._building.discard()
            self._show_items(())

    def _show_items(self, items: Sequence[ReviewItem]) -> None:
        """Show a queue, without the images that were decided on while it was built."""
        path = self._requested_path or (self.item.path if self.item else None)
        self.items = [item for item in items if item.path not in self._decided]
        row = next((row for row, item in enumerate(self.items) if item.path == path), None)
        if row is not None:
            self._row, self._requested_path = row, None
        self._row = max(0, min(self._row, len(self.items) - 1))
        self._refresh()
        self._show()
        self.count_changed.emit(len(self.items))

    def _refresh(self) -> None:
        self._describe(self._state.dataset)

    def _describe(self, dataset: Dataset | None) -> None:
        reason = _unavailable_reason(self._state, dataset)
        has_review = self._state.review is not None
        self.search_button.setVisible(not reason)
        self.search_button.setProperty("accent", not has_review and not self.items)
        self.search_button.setText("Find again" if has_review else "Find wrong labels")
        self.evaluate_button.setVisible(not reason and has_review)
        if reason:
            self.note.setText(reason)
        elif has_review:
            self.note.setText("Suspected wrong labels, duplicates in two classes and unreadable files.")
        else:
            self.note.setText("Duplicates and unreadable files so far. Use the model to find wrong labels.")

    def _show(self) -> None:
        item, dataset = self.item, self._state.dataset
        position = f"{self._row + 1} of {count(len(self.items), 'image')} to review" if item else ""
        self.view.show_item(item, dataset, position)
        if item is None:
            self.view.sentence.setText("Looking for images to review…" if self._building.is_awaited else _NOTHING)
        for button in (self.relabel_button, self.class_button, self.exclude_button, self.keep_button):
            button.setEnabled(item is not None)
        can_relabel = item is not None and item.suggested is not None
        self.relabel_button.setEnabled(can_relabel)
        self.relabel_button.setText(
            as_button_text(f"Relabel as {item.suggested}   R") if item and can_relabel else "Relabel   R"
        )

    def _fill_class_menu(self) -> None:
        dataset = self._state.dataset
        classes = dataset.classes if dataset is not None else ()
        if classes == self._menu_classes:
            return
        self._menu_classes = classes
        self.class_menu.clear()
        for number, name in enumerate(classes):
            text = f"{number + 1}   {name}" if number < _MAX_NUMBER_KEYS else name
            action = self.class_menu.addAction(as_button_text(text))
            action.triggered.connect(partial(self._choose_class, number))

    def _step(self, distance: int) -> None:
        if self.items:
            self._row = max(0, min(self._row + distance, len(self.items) - 1))
            self._show()

    def _on_relabel(self) -> None:
        if self.item is not None and self.item.suggested is not None:
            self._decide("relabel", self.item.suggested)

    def _choose_class(self, number: int, _checked: bool = False) -> None:
        dataset, item = self._state.dataset, self.item
        if dataset is not None and item is not None and number < len(dataset.classes):
            name = dataset.classes[number]
            if name == item.given:
                self._decide("keep")
            else:
                self._decide("relabel", name)

    def _decide(self, action: Action, class_name: str | None = None) -> None:
        item = self.item
        if item is None:
            return
        self._operations.labels.decide(item.path, action, class_name)
        self._decided.add(item.path)
        self._building.discard()  # it lacks this decision; the changed dataset starts another one
        self._show_items(remaining_items(self.items, item, action, class_name))
        self._count_decision()

    def _on_undo(self) -> None:
        if self._state.dataset is not None:
            self._operations.labels.undo(self._on_undone)

    def _on_undone(self, decision: Decision) -> None:
        self._requested_path = decision.path
        self._decided.discard(decision.path)
        self._count_decision()

    def _on_decision_failed(self) -> None:
        self._decided.clear()
        self._build_again()

    def _count_decision(self) -> None:
        self._num_new_decisions += 1
        if self._num_new_decisions >= _DECISIONS_PER_EVALUATION and self._state.review is not None:
            self._on_evaluate()

    def _on_search(self) -> None:
        if not _unavailable_reason(self._state, self._state.dataset):
            self.search_button.setEnabled(False)
            job = self._operations.labels.find_label_issues()
            job.finished.connect(lambda: self.search_button.setEnabled(True))

    def _on_evaluate(self) -> None:
        if self._is_evaluating or _unavailable_reason(self._state, self._state.dataset):
            return
        self._is_evaluating, self._num_new_decisions = True, 0
        job = self._operations.labels.evaluate_corrections()
        job.succeeded.connect(self._show_gain)
        job.finished.connect(self._on_evaluated)

    def _on_evaluated(self) -> None:
        self._is_evaluating = False

    def _show_gain(self, gain: CorrectionGain) -> None:
        before, after = percent(gain.before, 1), percent(gain.after, 1)
        self.accuracy.setText(f"Accuracy with your corrections: {before} \N{RIGHTWARDS ARROW} {after}")
        self.accuracy.setToolTip(
            f"Cross-validated accuracy of a quick classifier on {gain.num_images:,} images that the model has not "
            "learnt from, with the current labels: "
            "trained on the given labels, then on your corrections. Evaluated on the given labels it is "
            f"{percent(gain.accuracy_given, 1)}."
        )

    def showEvent(self, event: QShowEvent) -> None:
        """Take the focus, so that the arrow keys work at once, unless the user is switching tabs with the keyboard."""
        super().showEvent(event)
        if not isinstance(QApplication.focusWidget(), QTabBar):
            self.setFocus()


def _unavailable_reason(state: AppState, dataset: Dataset | None) -> str:
    """Return why wrong labels cannot be searched for now, or an empty string if they can."""
    if dataset is None or state.model is None:
        return "Duplicates and unreadable files only. Train a model on these images to find wrong labels, too."
    if state.training is not None:
        return "Wrong labels can be searched for after the training."
    if state.model_metadata is None:
        return "The model is being read."
    model_classes = state.model_metadata.classes
    # Models of version 0.1 may have names in another Unicode form
    if not set(dataset.classes) <= {*model_classes, *map(normalize_class_name, model_classes)}:
        return "Duplicates and unreadable files only. The open model has other classes; train one on these images."
    return ""
