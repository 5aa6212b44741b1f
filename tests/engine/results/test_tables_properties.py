"""Property tests of CSV tables."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from engine.results.evaluation import ImageResult, images_to_csv
from engine.results.predictions import Prediction, to_csv
from tests.engine.strategies import texts

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
cells = texts | st.builds(lambda start, rest: start + rest, st.sampled_from([*FORMULAS, '"', ",", "\n", "\r\n"]), texts)


def _unescape(cell: str) -> str:
    return cell.removeprefix("'")


@given(cells, cells, cells.filter(bool))
def test_no_cell_of_predictions_is_a_formula_and_each_can_be_read_back(path: str, label: str, error: str) -> None:
    table = to_csv([Prediction(path, ((label, 0.5),)), Prediction(path, error=error)])
    rows = list(csv.reader(io.StringIO(table, newline="")))
    assert not any(cell.startswith(FORMULAS) for row in rows for cell in row)
    assert [len(row) for row in rows] == [7, 7, 7]
    assert _unescape(rows[1][0]) == path
    assert _unescape(rows[1][2]) == label
    assert _unescape(rows[2][6]) == error


@given(cells, cells, cells)
def test_no_cell_of_evaluated_images_is_a_formula_and_each_can_be_read_back(
    path: str, label: str, predicted: str
) -> None:
    image = ImageResult(path=path, label=label, predicted=predicted, confidence=0.25)
    rows = list(csv.reader(io.StringIO(images_to_csv([image]), newline="")))
    assert not any(cell.startswith(FORMULAS) for row in rows for cell in row)
    assert len(rows) == 2
    for cell, original in zip(rows[1], (path, label, predicted)):
        assert _unescape(cell) == original
