"""Tests of predictions as JSON and CSV."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from engine.core.spreadsheet import write_table
from engine.results.predictions import ACCEPTED, UNKNOWN, UNSURE, Prediction, csv_columns, csv_rows
from tests.class_names import AWKWARD_NAMES

CLASSES = ("ant", "bee")
GOOD = Prediction(
    "a b/ü,1.jpg",
    (("bee", 0.75), ("ant", 0.25)),
    decision=ACCEPTED,
    similarity=0.5,
    classes=CLASSES,
    probabilities=np.array([0.25, 0.75], np.float32),
)
BAD = Prediction("x.jpg", error="This file is empty.", classes=CLASSES)


def _read_back(path: Path, *predictions: Prediction) -> list[list[str]]:
    write_table(path, csv_rows(predictions))
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.reader(file))


def test_the_json_line_has_the_documented_fields() -> None:
    assert json.loads(GOOD.to_json()) == {
        "path": "a b/ü,1.jpg",
        "decision": "accepted",
        "label": "bee",
        "confidence": 0.75,
        "similarity": 0.5,
        "top": [["bee", 0.75], ["ant", 0.25]],
        "error": None,
    }


def test_an_unreadable_file_has_only_an_error() -> None:
    line = json.loads(BAD.to_json())
    assert (line["label"], line["confidence"], line["top"], line["error"]) == (None, None, [], "This file is empty.")


def test_the_csv_table_has_the_documented_columns(tmp_path: Path) -> None:
    rows = _read_back(tmp_path / "a.csv", GOOD, BAD)
    assert rows[0] == csv_columns(CLASSES)
    assert rows[0] == ["path", "decision", "label", "confidence", "similarity", "top", "error", "p(ant)", "p(bee)"]
    top = '[["bee", 0.75], ["ant", 0.25]]'
    assert rows[1] == ["a b/ü,1.jpg", "accepted", "bee", "0.750000", "0.5000", top, "", "0.250000", "0.750000"]
    assert rows[2] == ["x.jpg", "", "", "", "", "", "This file is empty.", "", ""]


def test_the_table_of_an_unreadable_first_image_has_the_columns_of_all_classes(tmp_path: Path) -> None:
    assert [len(row) for row in _read_back(tmp_path / "a.csv", BAD, GOOD)] == [9, 9, 9]


def test_no_csv_cell_is_a_formula(tmp_path: Path) -> None:
    for start in "=+-@\t\r":
        name = f"{start}x"
        prediction = Prediction(f"{start}cmd", ((name, 1.0),), classes=(name,), probabilities=np.ones(1, np.float32))
        rows = _read_back(tmp_path / "a.csv", prediction)
        assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_a_class_of_any_name_differs_from_a_decision_in_json_and_csv(tmp_path: Path, name: str) -> None:
    classes = (name, "other")
    certain, close, strange = (
        Prediction("a.jpg", ((name, 0.9), ("other", 0.1)), classes=classes, probabilities=np.float32([0.9, 0.1])),
        Prediction("b.jpg", ((name, 0.6), ("other", 0.4)), classes=classes, probabilities=np.float32([0.6, 0.4])),
        Prediction("c.jpg", ((name, 0.9),), decision=UNKNOWN, classes=classes, probabilities=np.float32([0.9, 0.1])),
    )
    predictions = [each.with_threshold(0.8) for each in (certain, close, strange)]
    decisions = [ACCEPTED, UNSURE, UNKNOWN]
    lines = [json.loads(each.to_json()) for each in predictions]
    assert [(line["decision"], line["label"]) for line in lines] == [(decision, name) for decision in decisions]
    columns, *rows = _read_back(tmp_path / "a.csv", *predictions)
    assert len(set(columns)) == len(columns)
    table = [dict(zip(columns, row)) for row in rows]
    assert [(row["decision"], row["label"].removeprefix("'")) for row in table] == [(each, name) for each in decisions]
    assert [row[f"p({name})"] for row in table] == ["0.900000", "0.600000", "0.900000"]
    assert [json.loads(row["top"])[0][0] for row in table] == [name] * 3
