"""Tests of predictions as JSON and CSV."""

import csv
import io
import json

from engine.results.predictions import CSV_COLUMNS, Prediction, to_csv

GOOD = Prediction("a b/ü,1.jpg", (("bee", 0.75), ("ant", 0.25)), decision="bee", similarity=0.5)
BAD = Prediction("x.jpg", error="This file is empty.")


def test_the_json_line_has_the_documented_fields() -> None:
    assert json.loads(GOOD.to_json()) == {
        "path": "a b/ü,1.jpg",
        "decision": "bee",
        "label": "bee",
        "confidence": 0.75,
        "similarity": 0.5,
        "top": [["bee", 0.75], ["ant", 0.25]],
        "error": None,
    }


def test_an_unreadable_file_has_only_an_error() -> None:
    line = json.loads(BAD.to_json())
    assert (line["label"], line["confidence"], line["top"], line["error"]) == (None, None, [], "This file is empty.")


def test_the_csv_table_has_the_documented_columns() -> None:
    rows = list(csv.reader(io.StringIO(to_csv([GOOD, BAD]))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert rows[1] == ["a b/ü,1.jpg", "bee", "bee", "0.750000", "0.5000", "bee 0.750000; ant 0.250000", ""]
    assert rows[2] == ["x.jpg", "", "", "", "", "", "This file is empty."]


def test_no_csv_cell_is_a_formula() -> None:
    for start in "=+-@\t\r":
        rows = list(csv.reader(io.StringIO(to_csv([Prediction(f"{start}cmd", ((f"{start}x", 1.0),))]), newline="")))
        assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in rows[1])
