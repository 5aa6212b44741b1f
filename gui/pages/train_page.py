"""Train page: choose settings, train, and follow the curves."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from engine.config.backbones import find_backbone
from engine.config.local_weights import is_on_this_machine
from engine.config.settings import RunConfig
from engine.core.events import RunDone, RunStarted, Warned
from engine.core.formatting import size
from engine.runs.run_folder import Run
from gui.formatting import device_text, headline_text
from gui.latest_job import LatestJob
from gui.models.run_record import RunRecord
from gui.operations import Operations
from gui.state import AppState
from gui.theme import GRID
from gui.training_sentence import training_sentence
from gui.widgets.images.preview_strip import PreviewStrip
from gui.widgets.inputs.network_box import NetworkBox
from gui.widgets.inputs.settings_form import SettingsForm
from gui.widgets.labels import MutedLabel, NoteLabel, TitleLabel
from gui.widgets.model_summary import ModelSummary
from gui.widgets.plots.live_plot import LivePlot

_NUM_EARLIER_RUNS = 3
_MAX_WARNINGS = 4
_SECTIONS = ("data", "training", "optim", "schedule", "augment")


class TrainPage(QWidget):
    """Shows a summary of the settings, the Train button and live curves; all settings are behind Adjust."""

    dataset_requested = Signal()
    results_requested = Signal()
    predict_requested = Signal()

    def __init__(self, state: AppState, operations: Operations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._operations = state, operations
        self._reading, self._reading_backbone = LatestJob(), LatestJob()
        self.title = TitleLabel("", self)
        self.note = MutedLabel("", self)
        self.warnings = NoteLabel("", self)
        self.caveats = NoteLabel("", self)
        self.plot = LivePlot(self)
        self.network_box = NetworkBox(self)
        names = {name: list(RunConfig.model_fields[name].annotation.model_fields) for name in _SECTIONS}  # type: ignore[union-attr]
        self.form = SettingsForm(names, self)
        self.adjust = self._build_adjust()
        self._lay_out()
        self._connect()
        self._refresh()

    def _button(self, text: str, tooltip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tooltip)
        return button

    def _build_adjust(self) -> QScrollArea:
        inside = QWidget(self)
        column = QVBoxLayout(inside)
        column.setSpacing(2 * GRID)
        column.addWidget(ModelSummary(self._state, self._operations, inside))
        column.addWidget(self.form)
        column.addWidget(PreviewStrip(self._state, self._operations, inside))
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFixedWidth(46 * GRID)
        area.setWidget(inside)
        area.hide()
        return area

    def _lay_out(self) -> None:
        self.train_button = self._button("Train", "Train a model with these settings")
        self.train_button.setProperty("accent", True)
        self.adjust_button = self._button("Adjust", "Change all settings")
        self.adjust_button.setCheckable(True)
        self.dataset_button = self._button("Choose images…", "Go to the Dataset page")
        self.results_button = self._button("See results", "Show accuracy, confusion matrix and misclassified images")
        self.predict_button = self._button("Try it on an image", "Classify images with this model")
        head = QHBoxLayout()
        titles = QVBoxLayout()
        titles.setSpacing(GRID // 2)
        titles.addWidget(self.title)
        titles.addWidget(self.note)
        head.addLayout(titles, 1)
        for button in (self.results_button, self.predict_button, self.dataset_button, self.adjust_button):
            head.addWidget(button)
        head.addWidget(self.train_button)
        body = QHBoxLayout()
        body.addWidget(self.plot, 1)
        body.addWidget(self.adjust)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(self.network_box)
        column.addWidget(self.caveats)
        column.addWidget(self.warnings)
        column.addLayout(body, 1)

    def _connect(self) -> None:
        for signal in (self._state.dataset_changed, self._state.config_changed):
            signal.connect(self._refresh)
        self._state.training_changed.connect(self._on_training_changed)
        self.train_button.clicked.connect(self._on_train)
        self.adjust_button.toggled.connect(self.adjust.setVisible)
        self.dataset_button.clicked.connect(self.dataset_requested)
        self.results_button.clicked.connect(self.results_requested)
        self.predict_button.clicked.connect(self.predict_requested)
        self.form.field_edited.connect(lambda section, values: self._state.change_config(section, **values))
        self.form.reset_requested.connect(self._state.reset_fields)
        self.network_box.network_chosen.connect(self._on_network_chosen)

    def _on_network_chosen(self, backbone: str, weights: str) -> None:
        self._state.choose_network(backbone, weights)
        self._refresh()  # also if the settings are as before, because the radio buttons may not match them
        path = self._state.settings.model.weights_path
        if path is None:
            self._reading_backbone.discard()
        else:
            self._reading_backbone.request(
                lambda: self._operations.models.read_backbone(path), lambda name: self._on_backbone_read(name, weights)
            )

    def _on_backbone_read(self, backbone: str, weights: str) -> None:
        """Choose the backbone that a model file names, because its weights fit no other one."""
        if backbone != "auto":
            self._state.choose_network(backbone, weights)

    def resume(self, run: Run) -> None:
        """Resume an interrupted or stopped run and show its curves so far."""
        self._reading.request(lambda: self._operations.runs.read(run), self._on_resume_read)

    def _on_resume_read(self, record: RunRecord) -> None:
        if self._state.training is not None:
            return
        record.history.warnings.clear()  # warnings that still apply are emitted again
        self.plot.show_history(record.history, record.config or self._state.config)
        self.plot.show_earlier_runs([])
        self.warnings.setText("")
        self._operations.runs.resume(record)

    def _on_train(self) -> None:
        if self._state.training is not None:
            self._operations.runs.stop()
            return
        self.plot.begin(self._state.config)
        self.plot.show_earlier_runs([])
        self._reading.request(
            lambda: self._operations.runs.read_earlier(_NUM_EARLIER_RUNS), self.plot.show_earlier_runs
        )
        self.warnings.setText("")
        self._operations.runs.train()

    def _on_training_changed(self) -> None:
        if self._state.training is not None:
            self._state.training.events_received.connect(self._on_events)
        self._refresh()

    def _on_events(self, events: list[object]) -> None:
        self.plot.add_events(events)  # type: ignore[arg-type]
        warnings = self.plot.history.warnings
        messages = [f"{w.path}: {w.message}" if w.path else w.message for w in warnings[:_MAX_WARNINGS]]
        more = [f"and {len(warnings) - _MAX_WARNINGS:,} more"] if len(warnings) > _MAX_WARNINGS else []
        self.warnings.setText("\n".join(messages + more))
        self.warnings.setVisible(bool(messages))
        if any(isinstance(event, RunStarted | RunDone | Warned) for event in events):
            self._refresh()

    def _refresh(self) -> None:
        config, dataset, is_training = self._state.config, self._state.dataset, self._state.training is not None
        row = find_backbone(config.model.backbone)
        self.form.show_config(config, self._state.preset_differences())
        self.network_box.show_choice(config.model)
        self.network_box.setVisible(not is_training)
        if not is_training:
            self.plot.show_plan(config)
        needs_download = config.model.weights == "default" and not is_on_this_machine(row)
        train_text = f"Download {size(row.weights_mb)} and train" if needs_download else "Train"
        self.train_button.setText("Stop and keep best" if is_training else train_text)
        self.train_button.setEnabled(is_training or (dataset is not None and len(dataset.classes) > 1))
        self.adjust.setEnabled(not is_training)
        self.dataset_button.setVisible(dataset is None and not is_training)
        headline = self.plot.history.headline
        has_result = headline is not None and not is_training
        self.results_button.setVisible(has_result)
        self.predict_button.setVisible(has_result)
        self._show_caveats()
        if headline is not None and not is_training:
            self.title.setText(headline_text(headline))
        else:
            self.title.setText("Training…" if is_training else "Train a model" if dataset else "Open a dataset first")
        self._show_sentence(has_result)

    def _show_sentence(self, has_result: bool) -> None:
        """Say what the running or the next training does."""
        started, is_training = self.plot.history.started, self._state.training is not None
        sentence = training_sentence(self._state.config, self._num_images(), is_running=is_training)
        if is_training and started is not None:
            self.note.setText(f"{sentence} {device_text(started)}.")
            self.note.setToolTip(started.precision_reason)
        else:
            self.note.setText(f"Next training: {sentence[0].lower()}{sentence[1:]}" if has_result else sentence)
            self.note.setToolTip("")

    def _show_caveats(self) -> None:
        """Show what the split warns of before a training, and what the accuracy hides after it."""
        headline, summary = self.plot.history.headline, self._state.summary
        if self._state.training is not None:
            sentences: Sequence[str] = ()
        elif headline is not None:
            sentences = headline.caveats()
        else:
            sentences = summary.caveats if summary is not None else ()
        self.caveats.setText("\n".join(sentences))
        self.caveats.setVisible(bool(sentences))
        self.warnings.setVisible(bool(self.warnings.text()))

    def _num_images(self) -> int | None:
        started, summary = self.plot.history.started, self._state.summary
        if started is not None and self._state.training is not None:
            return started.num_train + started.num_val  # a resumed run may use another folder than the open one
        return None if summary is None else summary.num_images["train"] + summary.num_images["val"]
