"""Tests of the table of the metrics per class."""

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from engine.results.confusion_matrix import class_results
from gui.models.class_model import SORT_ROLE, ClassModel


def test_a_class_without_images_has_dashes_a_reason_and_sorts_below_zero(qtbot: QtBot) -> None:
    del qtbot
    model = ClassModel()
    model.show_rows(class_results(((0, 2, 0), (0, 3, 0), (0, 0, 0)), ("ant", "bee", "cat")))
    texts = [[model.index(row, column).data() for column in range(5)] for row in range(3)]
    assert texts[0][1:3] == ["0\N{NO-BREAK SPACE}%", "0\N{NO-BREAK SPACE}%"]
    assert texts[2] == ["cat", "–", "–", "–", "0"]
    assert "Not measured" in model.index(2, 1).data(Qt.ItemDataRole.ToolTipRole)
    keys = [model.index(row, 1).data(SORT_ROLE) for row in range(3)]
    assert keys[2] < keys[0] < keys[1]
