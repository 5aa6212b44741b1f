"""The window stays responsive with 1,000 classes and 100,000 images.

Calls of functions are counted, since times differ between machines. `python -m tests.gui.large_window` measures times.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from gui.models.image_model import GridItem, ImageModel, LazyItems
from gui.widgets.images.image_grid import ImageGrid
from tests.gui.large_window import SMALL

MAX_CALLS = 50_000
"""Half the number of images."""
THEME = "theme"
"""Qt polishes all widgets, which takes many calls for any data."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_work_of_each_handler_of_the_gui_thread_does_not_grow_with_the_number_of_images() -> None:
    with ThreadPoolExecutor() as pool:
        few, many = pool.map(_count_calls, (150, 1000), (3000, 100_000))
    assert len(few) > 20
    assert few.keys() == many.keys()
    for step, num_calls in many.items():
        assert num_calls < 2 * few[step] + MAX_CALLS // 10, step
        if not step.startswith(THEME):
            assert num_calls < MAX_CALLS, step


def _count_calls(num_classes: int, num_images: int) -> dict[str, int]:
    """Return the highest number of calls that a handler makes in each step of a tour through the window."""
    command = [sys.executable, "-m", "tests.gui.large_window", str(num_classes), str(num_images), "--calls"]
    folder = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    numbers: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return {step: number for step, number in numbers.items() if step and not step.startswith(SMALL)}


def test_the_grid_of_images_visits_only_those_that_are_visible(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    made, counted = 0, 0
    count_rows = ImageModel.rowCount

    def make_item(number: int) -> GridItem:
        nonlocal made
        made += 1
        return GridItem(Path(f"/none/{number}.jpg"), str(number))

    def count_calls(self: ImageModel, *arguments: object) -> int:
        nonlocal counted
        counted += 1
        return count_rows(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ImageModel, "rowCount", count_calls)
    grid = ImageGrid()
    qtbot.addWidget(grid)
    grid.resize(800, 600)
    grid.show()
    numbers = []
    for num_images in (1000, 4000, 100_000):
        made = counted = 0
        grid.set_items(LazyItems(range(num_images), make_item))
        grid.grab()
        grid.resize(900 if grid.width() == 800 else 800, 600)
        grid.verticalScrollBar().setValue(grid.verticalScrollBar().maximum())
        grid.grab()
        last = grid.model().index(num_images - 1, 0)
        assert grid.indexAt(grid.visualRect(last).center()) == last
        numbers.append((made, counted))
    (made_few, counted_few), *others = numbers
    for made_many, counted_many in others:
        assert made_many <= 2 * made_few
        assert counted_many <= 2 * counted_few
