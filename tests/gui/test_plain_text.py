"""Tests of gui.plain_text, and that every page shows names with markup unchanged."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import Qt as GuiQt
from PySide6.QtGui import QTextDocumentFragment
from PySide6.QtWidgets import QAbstractItemView, QLabel, QTableView, QWidget
from pytestqt.qtbot import QtBot

from engine.audit.findings import Audit
from engine.core.errors import EngineError
from engine.core.paths import default_runs_folder
from engine.data.dataset import scan
from engine.results.confusion_matrix import ClassResult
from engine.results.evaluation import Evaluation, ImageResult, write_evaluation
from engine.results.predictions import Prediction
from engine.runs.run_folder import create_run
from gui.errors import ErrorBar
from gui.models.dataset_summary import prepare_dataset
from gui.models.image_model import GridItem
from gui.models.run_record import RunRecord
from gui.operations import Operations
from gui.pages.dataset_page import DatasetPage
from gui.pages.predict_page import PredictPage
from gui.pages.results_page import ResultsPage
from gui.pages.runs_page import RunsPage
from gui.plain_text import as_button_text, as_plain
from gui.preferences import Preferences
from gui.state import AppState
from gui.widgets.images.image_view import ImageViewer
from gui.widgets.plots.chart_frame import ChartTable
from tests.images import write_classes
from tests.scratch_config import scratch_config

MARKUP = "<img src=x>"
NAMES = (MARKUP, "<b>bold & <i>")


def displayed(text: str) -> str:
    """Return the text that a tooltip displays."""
    return QTextDocumentFragment.fromHtml(text).toPlainText() if GuiQt.mightBeRichText(text) else text


@pytest.mark.parametrize(
    "text", ["ant", "a & b", "1 < 2", *NAMES, f"name {MARKUP}\nmore  words", "&lt;b&gt;", "a\n<b>x"]
)
def test_a_tooltip_displays_the_text_unchanged(text: str) -> None:
    assert displayed(as_plain(text)) == text


def test_a_button_displays_an_ampersand() -> None:
    assert as_button_text("salt & pepper") == "salt && pepper"


def texts_of(widget: QWidget) -> Iterator[tuple[str, str]]:
    """Yield the texts of labels, tooltips and table rows, each with the text that is displayed."""
    for child in (widget, *widget.findChildren(QWidget)):
        yield child.toolTip(), displayed(child.toolTip())
        if isinstance(child, QLabel):
            is_plain = child.textFormat() == Qt.TextFormat.PlainText
            yield child.text(), child.text() if is_plain else displayed(child.text())
        if isinstance(child, QAbstractItemView) and (model := child.model()) is not None:
            for row, column in product(
                range(model.rowCount()), range(model.columnCount() if isinstance(child, QTableView) else 1)
            ):
                tooltip = model.data(model.index(row, column), Qt.ItemDataRole.ToolTipRole) or ""
                yield tooltip, displayed(tooltip)


def shown(widget: QWidget) -> list[str]:
    """Return the displayed texts; fail if the markup of a name was rendered."""
    texts = list(texts_of(widget))
    assert not [text for text, displayed_text in texts if "<b>" in text and "<b>" not in displayed_text]
    assert not [text for text, displayed_text in texts if MARKUP in text and MARKUP not in displayed_text]
    return [displayed_text for _, displayed_text in texts]


def test_every_page_displays_names_with_markup_unchanged(qtbot: QtBot, tmp_path: Path) -> None:
    root = write_classes(tmp_path / "<b>data", dict.fromkeys(NAMES, 2))
    dataset = scan(root)
    run = create_run(default_runs_folder() / "<b>run", scratch_config(), dataset)
    first = dataset.classes[0]
    images = tuple(
        ImageResult(path=sample.path, label=dataset.classes[sample.label], predicted=first, confidence=0.9)
        for sample in dataset.samples
    )
    rows = tuple(ClassResult(name=name, precision=1, recall=0.5, f1=0.67, num_images=2) for name in dataset.classes)
    figures = {"loss": 0.5, "accuracy": 0.5, "top5": 1.0, "confusion": ((2, 0), (2, 0))}
    evaluation = Evaluation(root=str(root), classes=dataset.classes, per_class=rows, images=images, **figures)
    write_evaluation(evaluation, run.results_path)
    state = AppState()
    operations = Operations(state, state)
    settings = Preferences()
    settings.add_recent_folder(root)
    pages = [
        DatasetPage(state, operations, settings),
        ResultsPage(state, operations),
        RunsPage(state, operations),
        PredictPage(state, operations),
    ]
    for page in pages:
        qtbot.addWidget(page)
    state.set_dataset(prepare_dataset(dataset, Audit()))
    state.set_run(run)
    pages[2].refresh()
    pages[0].resume_panel.show_records([RunRecord(run, None, None)])
    pages[3].model.add([Prediction(str(root / sample.path), ((first, 0.9),)) for sample in dataset.samples])
    qtbot.waitUntil(lambda: not operations.running_jobs, timeout=20_000)
    texts = [text for page in pages for text in shown(page)]
    assert sum(MARKUP in text for text in texts) >= 5
    assert sum("<b>data" in text for text in texts) >= 2
    assert sum("<b>run" in text for text in texts) >= 3


def test_errors_and_captions_display_markup_unchanged(qtbot: QtBot, tmp_path: Path) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    bar, viewer = ErrorBar(parent), ImageViewer(parent)
    bar.show_error(EngineError(f"There is no class '{MARKUP}'.", Path(MARKUP)))
    viewer.show_item([GridItem(tmp_path / MARKUP, f"{MARKUP}, 0.90")], 0)
    assert f"There is no class '{MARKUP}'. ({MARKUP})" in shown(bar)
    assert str(tmp_path / MARKUP) in shown(viewer)
    assert any(text.startswith(f"{MARKUP}, 0.90") for text in shown(viewer))


def test_a_copied_table_escapes_formulas_and_tabs() -> None:
    figures = ChartTable(("Class", "Images"), (("=1+1", "-3"), ("a\tb\nc", "+4.5 %"), ("@x", "1,200")))
    assert figures.to_text() == "Class\tImages\n'=1+1\t-3\na b c\t+4.5 %\n'@x\t1,200"
