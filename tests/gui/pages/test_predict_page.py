"""Tests of the Predict page with scripted predictions and explanations."""

from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QRect, Qt
from pytestqt.qtbot import QtBot

from engine import jobs
from engine.core.events import Event, Progress
from engine.results.explanation import Box, Explanation, Neighbour
from engine.results.predictions import ACCEPTED, UNKNOWN, UNSURE, Prediction
from gui.operations import Operations
from gui.pages.predict_page import PredictPage
from gui.state import AppState
from tests.images import draw_image

TOP = (("bee", 0.75), ("ant", 0.25))


@pytest.fixture
def requests() -> list[tuple[str, str | None]]:
    return []


@pytest.fixture
def page(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests: list[tuple[str, str | None]]
) -> PredictPage:
    """A page with two classified images and scripted explanations."""
    for name in ("a", "b", "near"):
        draw_image((200, 40, 40), seed=1).save(tmp_path / f"{name}.png")

    def predict(
        model: Path, paths: list[Path], num_top: int, max_error: float | None
    ) -> Generator[Event | Prediction, None, int]:
        yield Prediction(str(tmp_path / "a.png"), TOP)
        yield Prediction(str(tmp_path / "b.png"), TOP)
        return 2

    def explain(model: Path, image: Path, label: str | None) -> Generator[Event, None, Explanation]:
        yield from ()
        requests.append((image.name, label))
        near = (Neighbour(str(tmp_path / "near.png"), "bee", 0.9),)
        heat = np.eye(8, dtype=np.float32)
        return Explanation(str(image), label or "bee", "bee", 0.75, heat, Box(0, 0, 1, 1), near)

    monkeypatch.setattr(jobs, "predict", predict)
    monkeypatch.setattr(jobs, "explain", explain)
    state = AppState()
    operations = Operations(state, state)
    page = PredictPage(state, operations)
    state.setParent(page)
    qtbot.addWidget(page)
    state.set_model(tmp_path / "model.safetensors")
    page.classify([tmp_path])
    qtbot.waitUntil(lambda: not operations.running_jobs and page.model.rowCount() == 2, timeout=20_000)
    return page


def test_predictions_appear_one_by_one_and_include_unreadable_files(
    qtbot: QtBot, state: AppState, operations: Operations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def predict(
        model: Path, paths: list[Path], num_top: int, max_error: float | None
    ) -> Generator[Event | Prediction, None, int]:
        yield Progress(stage="predict", done=0, total=2)
        yield Prediction("/x/a.png", (("bee", 0.75), ("ant", 0.25)))
        yield Prediction("/x/b.png", error="This file is empty.")
        return 2

    monkeypatch.setattr(jobs, "predict", predict)
    page = PredictPage(state, operations)
    qtbot.addWidget(page)
    state.set_model(tmp_path / "model.safetensors")
    page.classify([Path("/x")])
    qtbot.waitUntil(lambda: not operations.running_jobs and page.model.rowCount() == 2, timeout=20_000)
    assert page.prediction_view.title.text().startswith("bee, 75")
    page.table.selectRow(1)
    assert page.prediction_view.title.text() == "This file is empty."
    with qtbot.waitSignal(page.save_table(tmp_path / "predictions.csv").finished):
        pass
    assert "This file is empty." in (tmp_path / "predictions.csv").read_text(encoding="utf-8-sig")


def test_another_error_limit_updates_the_decisions_without_running_the_model(
    qtbot: QtBot,
    state: AppState,
    operations: Operations,
    monkeypatch: pytest.MonkeyPatch,
    settle: Callable[[], None],
) -> None:
    confident, close, unknown = (
        Prediction("/x/a.png", (("bee", 0.99),), decision=ACCEPTED),
        Prediction("/x/b.png", (("bee", 0.6),), decision=ACCEPTED),
        Prediction("/x/c.png", (("bee", 0.97),), decision=UNKNOWN),
    )
    page = PredictPage(state, operations)
    qtbot.addWidget(page)
    page.model.add([confident, close, unknown])
    monkeypatch.setattr(page, "_describe_model", lambda: setattr(page, "_threshold", 0.9) or "A model.")
    state.set_max_error(0.01)
    settle()
    assert [answer.decision for answer in page.model.predictions] == [ACCEPTED, UNSURE, UNKNOWN]
    page.table.selectRow(1)
    assert page.prediction_view.title.text().startswith("bee, 60")
    assert page.prediction_view.decision.text().startswith("Unsure: the confidence is below")
    page.table.selectRow(2)
    assert page.prediction_view.decision.text().startswith("Unknown: the image is unlike")
    assert "2 unsure" in page.model_label.text()


def test_a_shortcut_shows_the_heat_map_and_similar_images(
    page: PredictPage, qtbot: QtBot, requests: list[tuple[str, str | None]]
) -> None:
    assert not page.prediction_view.view.has_heatmap
    assert requests == []
    page.prediction_view._shortcut.activated.emit()
    qtbot.waitUntil(lambda: page.prediction_view.view.has_heatmap, timeout=20_000)
    assert requests == [("a.png", "bee")]
    assert not page.prediction_view.neighbours.isHidden()
    assert [item.caption for item in page.prediction_view.neighbours.items] == ["bee, 0.90"]
    page.prediction_view.neighbours.buttons[0].click()
    assert not page.viewer.isHidden()
    page.viewer.leave()
    page.prediction_view.why_button.click()
    assert not page.prediction_view.view.has_heatmap
    assert page.prediction_view.neighbours.isHidden()


def test_a_click_on_a_bar_explains_its_class(
    page: PredictPage, qtbot: QtBot, requests: list[tuple[str, str | None]]
) -> None:
    bars = page.prediction_view.bars
    bars.resize(bars.sizeHint())
    qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, pos=QRect(0, bars.height() - 4, 8, 2).center())
    qtbot.waitUntil(lambda: page.prediction_view.view.has_heatmap, timeout=20_000)
    assert page.prediction_view.why_button.isChecked()
    assert requests == [("a.png", "ant")]
    qtbot.keyClick(bars, Qt.Key.Key_Up)
    qtbot.keyClick(bars, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(requests) == 2, timeout=20_000)
    assert requests[-1] == ("a.png", "bee")


def test_while_explanations_are_on_the_next_image_is_explained_too(
    page: PredictPage, qtbot: QtBot, requests: list[tuple[str, str | None]]
) -> None:
    page.prediction_view.why_button.click()
    qtbot.waitUntil(lambda: page.prediction_view.view.has_heatmap, timeout=20_000)
    late = Explanation(
        page.prediction_view.view.path.as_posix(), "bee", "bee", 1, np.eye(8, dtype=np.float32), Box(0, 0, 1, 1)
    )
    page.table.selectRow(1)
    assert not page.prediction_view.view.has_heatmap
    page.prediction_view.show_explanation(late)
    assert not page.prediction_view.view.has_heatmap
    qtbot.waitUntil(lambda: page.prediction_view.view.has_heatmap, timeout=20_000)
    assert requests[-1] == ("b.png", "bee")
