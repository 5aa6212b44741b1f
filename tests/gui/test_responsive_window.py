"""Work off the GUI thread, stale answers, concurrent explanations, drops and pasted images, in the real window."""

import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QFontMetrics, QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from engine import jobs
from engine.audit import review_queue
from engine.audit.findings import Audit, DuplicateGroup
from engine.config.settings import RunConfig
from engine.core.event_stream import run_to_end
from engine.core.events import Event, Progress
from engine.core.paths import home_folder
from engine.data import splits
from engine.data.dataset import Dataset, scan
from engine.data.label_overrides import read_decisions
from engine.results import comparison
from engine.results.evaluation import Unreadable, read_evaluation, write_evaluation
from engine.runs import run_comparison
from engine.runs.run_folder import Run, create_run
from gui.app import make_window
from gui.main_window import DATASET, PREDICT, RESULTS, RUNS, MainWindow
from gui.models import dataset_summary, run_record, run_results
from gui.operations import labels
from gui.widgets.plots import matrix_cells
from tests.gui.large_data import make_dataset, make_evaluation
from tests.images import draw_image, write_classes

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # the offscreen platform logs this for any window

COPY, MOVE, LINK = Qt.DropAction.CopyAction, Qt.DropAction.MoveAction, Qt.DropAction.LinkAction


@pytest.fixture
def window(qapp: QApplication, qtbot: QtBot) -> Iterator[MainWindow]:
    window = make_window(qapp)
    window.resize(1280, 800)
    window.show()
    yield window
    window.operations.shut_down()
    qtbot.waitUntil(lambda: not window.operations.running_jobs, timeout=60_000)
    window.close()
    window.deleteLater()


def _settle(qtbot: QtBot, window: MainWindow) -> None:
    operations = window.operations
    qtbot.waitUntil(lambda: not operations.running_jobs and not operations.datasets.is_rescan_scheduled, timeout=60_000)


def _record_threads(monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> list[str]:
    """Replace a function by one that also records the thread of each call."""
    threads: list[str] = []
    function = getattr(module, name)

    def recorded(*arguments: object, **named: object) -> object:
        is_gui = threading.current_thread() is threading.main_thread()
        threads.append("GUI" if is_gui else "job")
        return function(*arguments, **named)

    monkeypatch.setattr(module, name, recorded)
    return threads


def test_opening_splitting_and_training_split_in_jobs(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = _record_threads(monkeypatch, dataset_summary, "split")
    summarized = _record_threads(monkeypatch, dataset_summary, "summarize_dataset")
    monkeypatch.setattr(jobs, "train", lambda *_: iter(()))
    window.open_paths([write_classes(tmp_path / "data", {"red": 6, "blue": 6})])
    _settle(qtbot, window)
    num_opened = len(threads)
    assert num_opened >= 2  # before and after the check
    window.dataset_page.split_box.percent.setValue(50)
    _settle(qtbot, window)
    assert window.state.dataset is not None
    assert len(window.state.dataset.of_split("val")) == 6
    window.dataset_page.train_button.click()
    window.train_page.train_button.click()
    _settle(qtbot, window)
    assert len(threads) >= num_opened + 2
    assert set(threads) == set(summarized) == {"job"}


def test_two_runs_are_read_and_compared_in_a_job(
    window: MainWindow, qtbot: QtBot, evaluated_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = create_run(evaluated_run.path.with_name("data 2"), RunConfig(), evaluated_run.dataset)
    write_evaluation(read_evaluation(evaluated_run.results_path), other.results_path)
    tests = _record_threads(monkeypatch, comparison, "mcnemar_p_value")
    read = _record_threads(monkeypatch, run_comparison, "read_evaluation")
    records = _record_threads(monkeypatch, run_record, "read_record")
    window.show_page(RUNS)
    _settle(qtbot, window)
    window.runs_page.table.selectAll()
    _settle(qtbot, window)
    assert "not significant" in window.runs_page.comparison.text()
    assert tests == ["job"]
    assert read == ["job", "job"]
    assert set(records) == {"job"}


def test_painting_a_confusion_matrix_does_not_depend_on_the_number_of_classes(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Count what a visit of the page and a mouse move measure and paint, with 150 classes and with 600."""
    counts = {"measured": 0, "painted": 0}
    measure, paint = QFontMetrics.horizontalAdvance, matrix_cells._fills

    def count_measured(*arguments: object) -> int:
        counts["measured"] += 1
        return measure(*arguments)  # type: ignore[arg-type]

    def count_painted(colors: object, cells: np.ndarray, totals: object) -> object:
        counts["painted"] += cells.size
        return paint(colors, cells, totals)  # type: ignore[arg-type]

    monkeypatch.setattr(QFontMetrics, "horizontalAdvance", count_measured)
    monkeypatch.setattr(matrix_cells, "_fills", count_painted)
    numbers = []
    for num_classes in (150, 600):
        dataset = make_dataset(tmp_path, num_classes, 1200)
        run = create_run(tmp_path / f"run {num_classes}", RunConfig(), dataset)
        write_evaluation(make_evaluation(dataset, 0), run.results_path)
        counts.update(measured=0, painted=0)
        window.show_page(RESULTS)
        window.operations.runs.open(run)
        _settle(qtbot, window)
        view = window.results_page.confusion.viewport()
        qtbot.waitUntil(lambda: counts["painted"] > 0, timeout=20_000)
        for x in range(200, 300, 10):
            qtbot.mouseMove(view, QPoint(x, 200))
            qtbot.wait(1)
        numbers.append((counts["measured"], counts["painted"]))
    (measured_few, painted_few), (measured_many, painted_many) = numbers
    assert measured_many <= 2 * measured_few + 100
    assert painted_many <= 2 * painted_few
    assert window.minimumSizeHint().height() < 800  # the matrix is scrolled and does not enlarge the window


def test_results_are_read_and_sorted_in_a_job(
    window: MainWindow, qtbot: QtBot, evaluated_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = _record_threads(monkeypatch, run_results, "read_evaluation")
    window.operations.runs.open(evaluated_run)
    _settle(qtbot, window)
    assert "75" in window.results_page.title.text()
    assert read
    assert set(read) == {"job"}


def test_keys_in_review_are_written_in_order_in_a_job(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_classes(tmp_path / "data", {"red": 6, "blue": 6})
    paths = [sample.path for sample in scan(root).samples]
    audit = Audit(unreadable=tuple(Unreadable(path=path, reason="This file is empty.") for path in paths))
    monkeypatch.setattr(jobs, "check", lambda *_: _return(audit))
    writes = _record_threads(monkeypatch, labels, "append_decision")
    reads = _record_threads(monkeypatch, labels, "read_decisions")
    builds = _record_threads(monkeypatch, labels, "build_queue")
    window.open_paths([root])
    _settle(qtbot, window)
    page = window.dataset_page
    page.tabs.setCurrentWidget(page.review)
    shown = [item.path for item in page.review.items]
    assert len(shown) == 12
    for key in (Qt.Key.Key_X, Qt.Key.Key_K, Qt.Key.Key_1, Qt.Key.Key_2):
        qtbot.keyClick(page.review, key)
    assert [item.path for item in page.review.items] == shown[4:]  # at once, before anything is written
    _settle(qtbot, window)
    assert list(read_decisions(root)) == shown[:4]
    assert [item.path for item in page.review.items] == shown[4:]
    assert set(writes) == set(reads) == set(builds) == {"job"}


def test_decisions_are_written_before_the_window_closes(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_classes(tmp_path / "data", {"red": 6, "blue": 6})
    paths = [sample.path for sample in scan(root).samples]
    audit = Audit(unreadable=tuple(Unreadable(path=path, reason="This file is empty.") for path in paths))
    monkeypatch.setattr(jobs, "check", lambda *_: _return(audit))
    window.open_paths([root])
    _settle(qtbot, window)
    page = window.dataset_page
    page.tabs.setCurrentWidget(page.review)
    for _ in range(5):
        qtbot.keyClick(page.review, Qt.Key.Key_K)
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)
    assert len(read_decisions(root)) == 5


def _return(value: object) -> Generator[Event, None, object]:
    yield from ()
    return value


def test_building_the_review_queue_is_linear_in_the_number_of_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    equal = DuplicateGroup.__eq__

    def count_compared(self: DuplicateGroup, other: object) -> bool:
        nonlocal compared
        compared += 1
        return equal(self, other)

    monkeypatch.setattr(DuplicateGroup, "__eq__", count_compared)
    dataset = make_dataset(Path("/data"), 2, 2000)
    names = [sample.path for sample in dataset.samples]
    groups = [(names[number], names[number + 1000]) for number in range(1000)]
    audit = Audit(
        duplicates=tuple(
            DuplicateGroup(paths=paths, kind="exact", is_conflict=True, crosses_splits=False) for paths in groups
        )
    )
    assert len(review_queue.build_queue(dataset, audit, (), ())) == 2000
    assert compared == 0


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the real engine."""
    folder = tmp_path_factory.mktemp("trained")
    dataset = splits.split(scan(write_classes(folder / "data", {"red": 10, "blue": 10})), 0.4, 0)
    config = RunConfig().changed("data", image_size=32)
    config = config.changed("training", epochs=1, batch_size=8, device="cpu", precision="float32")
    return run_to_end(jobs.train(dataset, config, folder / "run"))


def test_arrow_keys_held_down_while_images_are_explained_show_the_last_one(
    window: MainWindow, qtbot: QtBot, trained_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, most, explained = 0, 0, []
    explain = jobs.explain

    def count_explanations(model: Path, image: Path, label: str | None) -> Generator[Event, None, object]:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        explained.append(image.name)
        try:
            return (yield from explain(model, image, label))
        finally:
            at_once -= 1

    monkeypatch.setattr(jobs, "explain", count_explanations)
    page = window.predict_page
    window.operations.runs.open(trained_run)
    _settle(qtbot, window)
    root = trained_run.dataset.root
    window.show_page(PREDICT)
    page.classify([root / "red", root / "blue"])
    _settle(qtbot, window)
    page.prediction_view.why_button.click()
    for _ in range(2 * page.model.rowCount()):
        qtbot.keyClick(page.table, Qt.Key.Key_Down)
    _settle(qtbot, window)
    assert not window.error_bar.isVisible()
    assert page.prediction_view.view.has_heatmap
    assert explained[-1] == Path(page.model.predictions[-1].path).name
    assert most == 1
    assert len(explained) < page.model.rowCount()


def test_opening_a_large_folder_and_then_another_ends_on_the_other(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large, small = (write_classes(tmp_path / name, {"red": 4, "blue": 4}) for name in ("large", "small"))
    may_end, scan_job = threading.Event(), jobs.scan

    def scan_slowly(root: Path) -> Generator[Event, None, Dataset]:
        if root == large:  # one class that takes long, so that the job cannot be stopped
            yield Progress(stage="scan", done=0, total=0)
            may_end.wait(30)
        return (yield from scan_job(root))

    monkeypatch.setattr(jobs, "scan", scan_slowly)
    window.open_paths([large])
    window.open_paths([small])
    qtbot.waitUntil(lambda: window.state.dataset is not None, timeout=20_000)
    may_end.set()
    _settle(qtbot, window)
    assert window.state.dataset is not None
    assert window.state.dataset.root == small
    assert window.dataset_page.title.text() == "small"


def test_the_error_of_a_folder_that_nobody_waits_for_is_not_shown(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, small = tmp_path / "empty", write_classes(tmp_path / "small", {"red": 4, "blue": 4})
    empty.mkdir()
    may_end, scan_job = threading.Event(), jobs.scan

    def scan_slowly(root: Path) -> Generator[Event, None, Dataset]:
        if root == empty:
            may_end.wait(30)
        return (yield from scan_job(root))

    monkeypatch.setattr(jobs, "scan", scan_slowly)
    window.operations.datasets.open(empty)
    window.operations.datasets.open(small)
    qtbot.waitUntil(lambda: window.state.dataset is not None, timeout=20_000)
    may_end.set()
    _settle(qtbot, window)
    assert not window.error_bar.isVisible()


def test_opening_a_run_whose_results_take_long_and_then_another_ends_on_the_other(
    window: MainWindow, qtbot: QtBot, evaluated_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = create_run(evaluated_run.path.with_name("data 2"), RunConfig(), evaluated_run.dataset)
    write_evaluation(read_evaluation(evaluated_run.results_path), other.results_path)
    may_end, read = threading.Event(), run_results.read_evaluation

    def read_slowly(path: Path) -> object:
        if path == evaluated_run.results_path:
            may_end.wait(30)
        return read(path)

    monkeypatch.setattr(run_results, "read_evaluation", read_slowly)
    window.operations.runs.open(evaluated_run)
    window.operations.runs.open(other)
    qtbot.waitUntil(lambda: "data 2" in window.results_page.note.text(), timeout=20_000)
    may_end.set()
    _settle(qtbot, window)
    assert window.results_page.note.text().startswith("data 2")


def _drop(target: QWidget, data: QMimeData, proposed: Qt.DropAction, possible: Qt.DropAction) -> list[QDropEvent]:
    """Send the three events of a drag to a widget, and return those that it or its parents accepted."""
    keys, buttons = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    events = [
        QDragEnterEvent(QPoint(5, 5), possible, data, buttons, keys),
        QDragMoveEvent(QPoint(5, 5), possible, data, buttons, keys),
        QDropEvent(QPointF(5, 5), possible, data, buttons, keys),
    ]
    for event in events:
        event.setDropAction(proposed)
        event.ignore()
        QApplication.sendEvent(target, event)
    return [event for event in events if event.isAccepted()]


def _files(*paths: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    data.setText(" ".join(map(str, paths)))
    return data


@pytest.mark.parametrize("name", ["window", "start page", "predict page"])
def test_a_drop_is_accepted_as_a_copy_so_that_its_source_keeps_the_files(
    name: str, window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    root = write_classes(tmp_path / "data", {"red": 4, "blue": 4})
    targets = {
        "window": window,
        "start page": window.dataset_page.drop_area,
        "predict page": window.predict_page.drop_area,
    }
    accepted = _drop(targets[name], _files(root), MOVE, COPY | MOVE | LINK)
    assert [event.dropAction() for event in accepted] == [COPY] * 3
    _settle(qtbot, window)


def test_a_drop_that_can_only_move_is_refused(window: MainWindow, tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 4, "blue": 4})
    for target in (window, window.dataset_page.drop_area, window.predict_page.drop_area):
        assert _drop(target, _files(root), MOVE, MOVE) == []
    assert window.operations.datasets.requested is None
    assert window.stack.currentIndex() == DATASET


def test_no_text_field_takes_a_drop_of_files(
    window: MainWindow, qtbot: QtBot, evaluated_run: Run, tmp_path: Path
) -> None:
    window.operations.runs.open(evaluated_run)  # creates the tabs of the Results page
    _settle(qtbot, window)
    dialogs = [window.show_about(), window.show_glossary()]
    fields = [field for widget in (window, *dialogs) for field in widget.findChildren(QLineEdit)]
    assert len(fields) > 20
    assert [field for field in fields if field.acceptDrops()] == []
    for dialog in dialogs:
        dialog.close()


def test_an_image_dragged_from_a_browser_is_classified_by_its_pixels(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.state.set_model(tmp_path / "model.safetensors")
    classified = _record_classified(monkeypatch)
    data = QMimeData()
    data.setUrls([QUrl("https://example.org/ant.jpg")])
    data.setImageData(_image(Qt.GlobalColor.red))
    assert len(_drop(window, data, COPY, COPY)) == 3
    _settle(qtbot, window)
    assert window.stack.currentIndex() == PREDICT
    (path,) = classified
    assert QImage(str(path)).pixelColor(0, 0) == Qt.GlobalColor.red


def _image(colour: Qt.GlobalColor) -> QImage:
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    image.fill(colour)
    return image


def _record_classified(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    classified: list[Path] = []

    def predict(model: Path, paths: list[Path], num_top: int, max_error: float | None) -> Generator[Event, None, int]:
        yield from ()
        classified.extend(paths)
        return len(paths)

    monkeypatch.setattr(jobs, "predict", predict)
    return classified


def _paste(window: MainWindow, qtbot: QtBot, colour: Qt.GlobalColor) -> None:
    QGuiApplication.clipboard().setImage(_image(colour))
    window.predict_page._paste.activated.emit()
    _settle(qtbot, window)


def test_pasted_images_have_files_of_their_own_until_they_are_replaced_or_the_window_closes(
    qapp: QApplication, window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leftover = home_folder() / "pasted" / "pasted image 1.png"  # of version 0.1
    leftover.parent.mkdir(parents=True)
    draw_image((1, 2, 3), 0).save(leftover)
    classified = _record_classified(monkeypatch)
    other = make_window(qapp)
    for each in (window, other):
        each.state.set_model(tmp_path / "model.safetensors")
        _paste(each, qtbot, Qt.GlobalColor.red)
    assert len(set(classified)) == 2  # two windows never share a name
    assert all(path.is_file() for path in classified)
    assert not leftover.exists()
    _paste(window, qtbot, Qt.GlobalColor.blue)
    first, second, third = classified
    assert not first.exists()
    assert second.exists()
    assert QImage(str(third)).pixelColor(0, 0) == Qt.GlobalColor.blue
    window.predict_page.classify([tmp_path])
    assert not third.exists()
    other.close()
    assert not second.exists()
    other.deleteLater()
    _settle(qtbot, window)


def test_images_that_a_killed_program_has_left_are_deleted_at_the_next_paste(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = home_folder() / "pasted" / "killed" / "pasted image 1.png"
    left.parent.mkdir(parents=True)
    draw_image((1, 2, 3), 0).save(left)
    _record_classified(monkeypatch)
    window.state.set_model(tmp_path / "model.safetensors")
    _paste(window, qtbot, Qt.GlobalColor.red)
    assert not left.exists()
