"""Tests of the choice of network and start weights."""

from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from engine.config.backbones import INCLUDED_BACKBONE, find_backbone
from engine.config.local_weights import weights_path
from engine.config.settings import ModelConfig
from gui.widgets.inputs.network_box import NetworkBox

INCLUDED = ModelConfig(backbone=INCLUDED_BACKBONE, weights="default")
PRETRAINED = ModelConfig(backbone="mobilenet_v2", weights="default")
SCRATCH = ModelConfig(backbone="se_resnet", weights="none")
FILE = ModelConfig(backbone="resnet18", weights="folder/own.pth")


@pytest.fixture
def box(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NetworkBox:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    box = NetworkBox()
    qtbot.addWidget(box)
    box.show_choice(INCLUDED)
    return box


@pytest.mark.parametrize(
    ("model", "name", "is_with_backbones"),
    [(INCLUDED, "included", False), (PRETRAINED, "another", True), (SCRATCH, "scratch", True), (FILE, "file", True)],
)
def test_the_choice_follows_from_network_and_weights(
    box: NetworkBox, model: ModelConfig, name: str, is_with_backbones: bool
) -> None:
    box.show_choice(model)
    buttons = ("included", "another", "scratch", "file")
    assert [button for button in buttons if getattr(box, button).isChecked()] == [name]
    assert box.backbones.currentData() == model.backbone
    assert box.backbones.isHidden() is not is_with_backbones
    assert box.choose_file.isHidden() is (name != "file")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("included", ["auto", "auto"]),
        ("another", ["efficientnet_b0", "default"]),
        ("scratch", ["se_resnet", "none"]),
    ],
)
def test_a_choice_sets_network_and_weights_together(
    box: NetworkBox, qtbot: QtBot, name: str, expected: list[str]
) -> None:
    box.show_choice(FILE)
    with qtbot.waitSignal(box.network_chosen) as caught:
        getattr(box, name).click()
    assert caught.args == expected


def test_a_pretrained_network_on_this_computer_is_preferred_to_a_download(box: NetworkBox, qtbot: QtBot) -> None:
    path = weights_path(find_backbone("resnet18"))
    path.parent.mkdir(parents=True)
    path.touch()
    with qtbot.waitSignal(box.network_chosen) as caught:
        box.another.click()
    assert caught.args == ["resnet18", "default"]
    box.show_choice(ModelConfig(backbone="resnet18", weights="default"))
    assert "on this computer" in box.note.text()


def test_a_download_shows_its_size_and_origin(box: NetworkBox) -> None:
    box.show_choice(PRETRAINED)
    assert "14\N{NO-BREAK SPACE}MB" in box.note.text()
    assert "download.pytorch.org" in box.note.text()
    assert "commercially" not in box.note.text()
    box.show_choice(ModelConfig(backbone="vit_h_14", weights="default"))
    assert "commercially" in box.note.text()


@pytest.mark.parametrize(
    ("model", "backbone", "expected"),
    [
        (PRETRAINED, "resnet50", ["resnet50", "default"]),
        (PRETRAINED, INCLUDED_BACKBONE, ["auto", "auto"]),
        (PRETRAINED, "se_resnet", ["se_resnet", "none"]),
        (SCRATCH, "resnet50", ["resnet50", "none"]),
        (FILE, "resnet50", ["resnet50", "folder/own.pth"]),
    ],
)
def test_another_backbone_keeps_the_kind_of_start_where_it_can(
    box: NetworkBox, qtbot: QtBot, model: ModelConfig, backbone: str, expected: list[str]
) -> None:
    box.show_choice(model)
    box.backbones.show_backbone(backbone)
    with qtbot.waitSignal(box.network_chosen) as caught:
        box.backbones.activated.emit(box.backbones.currentIndex())
    assert caught.args == expected


def test_a_file_is_chosen_for_the_shown_backbone(
    box: NetworkBox, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("other.pth", ""))
    with qtbot.waitSignal(box.network_chosen) as caught:
        box.file.click()
    assert caught.args == [INCLUDED_BACKBONE, "other.pth"]


def test_a_cancelled_dialog_keeps_the_choice(box: NetworkBox, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    with qtbot.assertNotEmitted(box.network_chosen):
        box.file.click()
    assert box.included.isChecked()


def test_the_file_of_earlier_is_chosen_again_without_a_dialog(box: NetworkBox, qtbot: QtBot) -> None:
    box.show_choice(FILE)
    box.show_choice(SCRATCH)
    with qtbot.waitSignal(box.network_chosen) as caught:
        box.file.click()
    assert caught.args == ["resnet18", "folder/own.pth"]


def test_the_note_names_the_origin_of_pretrained_weights(box: NetworkBox) -> None:
    assert "Google, Apache-2.0" in box.note.toolTip()
    box.show_choice(SCRATCH)
    assert box.note.toolTip() == ""


def test_buttons_have_accessible_names_and_descriptions(box: NetworkBox) -> None:
    for button in (box.included, box.another, box.scratch, box.file, box.choose_file):
        assert button.accessibleName() == button.text()
        assert button.accessibleDescription()
