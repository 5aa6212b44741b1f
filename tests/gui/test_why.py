"""Tests of explanations on the Predict page, with scripted results."""

from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QRect, Qt
from pytestqt.qtbot import QtBot

from engine import jobs
from engine.core.events import Event
from engine.results.explanation import Box, Explanation, Neighbour
from engine.results.predictions import Prediction
from gui.operations import Operations
from gui.pages.predict_page import PredictPage
from gui.state import AppState
from gui.widgets.images.heatmap_view import heatmap_image, input_rect
from tests.pictures import draw_picture

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
        draw_picture((200, 40, 40), seed=1).save(tmp_path / f"{name}.png")

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


def test_the_heat_map_is_transparent_where_attention_is_low() -> None:
    image = heatmap_image(np.array([[0, 1]], dtype=np.float32))
    assert image.pixelColor(0, 0).alpha() == 0
    assert image.pixelColor(1, 0).alpha() > 150


def test_the_heat_map_covers_the_input_region() -> None:
    seen = input_rect(QRect(100, 50, 200, 100), Box(0.25, 0, 0.75, 1))
    assert (seen.left(), seen.top(), seen.width(), seen.height()) == (150, 50, 100, 100)
