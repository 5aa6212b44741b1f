"""Property tests of CSV tables."""

import csv
import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.core.spreadsheet import write_table
from engine.results.evaluation import ImageResult, image_rows
from engine.results.predictions import Prediction, csv_rows
from tests.engine.strategies import texts

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
cells = texts | st.builds(lambda start, rest: start + rest, st.sampled_from([*FORMULAS, '"', ",", "\n", "\r\n"]), texts)


def _written(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    """Return the cells of a table after it was written to a file and read back."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        write_table(path, rows)
        with open(path, newline="", encoding="utf-8-sig") as file:
            return list(csv.reader(file))


def _unescape(cell: str) -> str:
    return cell.removeprefix("'")


@given(cells, cells, cells.filter(bool))
def test_no_cell_of_predictions_is_a_formula_and_each_can_be_read_back(path: str, label: str, error: str) -> None:
    probabilities = np.array([0.5], np.float32)
    good = Prediction(path, ((label, 0.5),), classes=(label,), probabilities=probabilities)
    rows = _written(csv_rows([good, Prediction(path, error=error, classes=(label,))]))
    assert not any(cell.startswith(FORMULAS) for row in rows for cell in row)
    assert [len(row) for row in rows] == [8, 8, 8]
    assert rows[0][7] == f"p({label})"
    assert json.loads(rows[1][5]) == [[label, 0.5]]
    assert _unescape(rows[1][0]) == path
    assert _unescape(rows[1][2]) == label
    assert _unescape(rows[2][6]) == error


@given(cells, cells, cells)
def test_no_cell_of_evaluated_images_is_a_formula_and_each_can_be_read_back(
    path: str, label: str, predicted: str
) -> None:
    image = ImageResult(path=path, label=label, predicted=predicted, confidence=0.25)
    rows = _written(image_rows([image]))
    assert not any(cell.startswith(FORMULAS) for row in rows for cell in row)
    assert len(rows) == 2
    for cell, original in zip(rows[1], (path, label, predicted)):
        assert _unescape(cell) == original
