"""Tests of the table model of predictions."""

import pytest
from PySide6.QtCore import Qt

from engine.results.predictions import ACCEPTED, UNKNOWN, UNSURE, Prediction
from gui.models.prediction_model import CONFIDENCE, DECISION, IMAGE, PREDICTION, PredictionModel
from tests.class_names import AWKWARD_NAMES


def _texts(model: PredictionModel, row: int) -> list[object]:
    return [model.data(model.index(row, column), Qt.ItemDataRole.DisplayRole) for column in range(model.columnCount())]


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_a_class_of_any_name_differs_from_a_decision(name: str) -> None:
    model = PredictionModel()
    model.add([Prediction(f"/x/{each}.png", ((name, 0.75),), decision=each) for each in (ACCEPTED, UNSURE, UNKNOWN)])
    rows = [_texts(model, row) for row in range(3)]
    assert [row[PREDICTION] for row in rows] == [name] * 3
    assert [row[DECISION] for row in rows] == ["Accepted", "Unsure", "Unknown"]
    assert [row[IMAGE] for row in rows] == ["accepted.png", "unsure.png", "unknown.png"]
    assert {row[CONFIDENCE] for row in rows} == {"75.0%"}


def test_an_unreadable_image_has_its_error_and_no_decision() -> None:
    model = PredictionModel()
    model.add([Prediction("/x/a.png", error="This file is empty.")])
    assert _texts(model, 0) == ["a.png", "This file is empty.", "", "Unreadable"]
