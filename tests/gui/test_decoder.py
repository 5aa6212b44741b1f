"""Tests of decoding images for the window, with the ranges of deep images."""

from pathlib import Path

import numpy as np
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from engine.data.decode import Pixels
from engine.data.pixels.grey_range import GreyRanges
from gui.decoder import Decoder
from gui.main_window import MainWindow
from gui.models.image_model import ImageModel
from tests.tiff_bytes import tiff


def _write(root: Path) -> Path:
    for name, grey in (("dark", 200), ("bright", 4000)):
        (root / name).mkdir(parents=True)
        for number in range(3):
            samples = np.full((40, 40), grey, np.uint16)
            samples[0, 0] = number
            (root / name / f"{number}.tif").write_bytes(tiff(samples))
    return root


def _grey(image: object) -> int:
    assert isinstance(image, QImage)
    return image.pixelColor(64, 64).red()


def test_thumbnails_of_a_folder_show_which_of_its_deep_images_are_dark(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    window.open_paths([_write(tmp_path / "data")])
    qtbot.waitUntil(lambda: window.state.grey_ranges == GreyRanges(integer=(0.0, 4000.0)), timeout=20_000)
    model = window.dataset_page.grid.model()
    rows = {model.item(row).path.parent.name: model.index(row) for row in range(model.rowCount())}

    def greys() -> list[object]:
        return [rows[name].data(ImageModel.ThumbnailRole) for name in ("dark", "bright")]

    qtbot.waitUntil(lambda: all(isinstance(image, QImage) for image in greys()), timeout=20_000)
    assert [_grey(image) for image in greys()] == [13, 255]


def test_an_image_whose_ranges_change_while_it_is_decoded_is_decoded_again(qtbot: QtBot) -> None:
    used: list[GreyRanges | None] = []
    parent = QWidget()
    qtbot.addWidget(parent)

    def read(path: Path, ranges: GreyRanges | None) -> Pixels:
        used.append(ranges)
        if len(used) == 1:
            decoder.set_grey_ranges(None)
        return np.zeros((1, 1, 3), np.uint8)

    decoder = Decoder(read, 1, 4, parent)
    with qtbot.waitSignal(decoder.decoded):
        decoder.request(Path("a"))
    assert used == [GreyRanges(), None]
