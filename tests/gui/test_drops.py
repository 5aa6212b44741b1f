"""Tests of dropped and pasted files and images in the real window."""

from collections.abc import Generator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from engine import jobs
from engine.core.events import Event
from engine.core.paths import home_folder
from engine.runs.run_folder import Run
from gui.app import make_window
from gui.main_window import DATASET, PREDICT, MainWindow
from tests.gui.window_jobs import wait_for_jobs
from tests.images import draw_image, write_classes

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # the offscreen platform logs this for any window

COPY, MOVE, LINK = Qt.DropAction.CopyAction, Qt.DropAction.MoveAction, Qt.DropAction.LinkAction


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
    wait_for_jobs(qtbot, window)


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
    wait_for_jobs(qtbot, window)
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
    wait_for_jobs(qtbot, window)
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
    wait_for_jobs(qtbot, window)


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
    wait_for_jobs(qtbot, window)


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
