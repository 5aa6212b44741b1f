"""Tests of the final test."""

from collections.abc import Callable
from pathlib import Path

from pytestqt.qtbot import QtBot

from engine import jobs
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from gui.operations import Operations
from gui.pages.results_page import ResultsPage
from gui.panels.final_test_box import FinalTestBox
from gui.state import AppState
from tests.images import write_classes
from tests.scratch_config import scratch_config


def test_the_final_test_is_offered_until_it_has_been_run(
    qtbot: QtBot, state: AppState, operations: Operations, tmp_path: Path, settle: Callable[[], None]
) -> None:
    root = tmp_path / "data"
    for seed, part in enumerate(("train", "val", "test")):
        write_classes(root / part, {"red": 4, "blue": 4}, seed)
    config = scratch_config().changed("data", image_size=16).changed("training", epochs=1, device="cpu")
    run = run_to_end(jobs.train(scan(root), config, tmp_path / "run"))
    page = ResultsPage(state, operations)
    qtbot.addWidget(page)
    box = page.findChild(FinalTestBox)
    state.set_run(run)
    settle()
    assert "8\N{NO-BREAK SPACE}test images, not evaluated yet" in box.summary.text()
    box.button.click()
    qtbot.waitUntil(lambda: "Test accuracy" in box.summary.text(), timeout=30_000)
    assert box.button.isHidden()
    settle()
