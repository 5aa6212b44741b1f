"""Tests of the heat map."""

import numpy as np
from PySide6.QtCore import QRect

from engine.results.explanation import Box
from gui.widgets.images.heatmap_view import heatmap_image, input_rect


def test_the_heat_map_is_transparent_where_attention_is_low() -> None:
    image = heatmap_image(np.array([[0, 1]], dtype=np.float32))
    assert image.pixelColor(0, 0).alpha() == 0
    assert image.pixelColor(1, 0).alpha() > 150


def test_the_heat_map_covers_the_input_region() -> None:
    seen = input_rect(QRect(100, 50, 200, 100), Box(0.25, 0, 0.75, 1))
    assert (seen.left(), seen.top(), seen.width(), seen.height()) == (150, 50, 100, 100)
