"""Tests of the sentence about a training."""

from pathlib import Path

import pytest

from engine.config.presets import DatasetFacts, resolve
from engine.config.settings import RunConfig
from gui.training_sentence import training_sentence

FACTS = DatasetFacts(num_images=360, image_side=300)
PHASES = "first its head, then the last block, then all layers"


def _sentence(settings: RunConfig, facts: DatasetFacts = FACTS, *, is_running: bool = False) -> str:
    text = training_sentence(resolve(settings, facts), 360, is_running=is_running)
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_the_presets_name_the_included_network_the_time_and_the_phases() -> None:
    expected = f"the included EfficientNet-Lite0 on 360 images for about 30 s: {PHASES}"
    assert _sentence(RunConfig()) == f"Trains {expected}, and keeps the best."
    assert _sentence(RunConfig(), is_running=True) == f"Training {expected}, and keeping the best."


def test_other_networks_on_this_computer_are_named() -> None:
    facts = DatasetFacts(num_images=360, image_side=32, downloaded=("resnet18",))
    assert _sentence(RunConfig(), facts) == (
        "Compares the included EfficientNet-Lite0 with ResNet18 and SE-ResNet, then trains the best of them on 360 "
        f"images for about 30 s: {PHASES}, and keeps the best."
    )
    assert "ResNet18 and SE-ResNet, then training the best" in _sentence(RunConfig(), facts, is_running=True)


@pytest.mark.parametrize(
    ("model", "training", "expected"),
    [
        (
            {"backbone": "resnet18", "weights": "none"},
            {"epochs": 7},
            "Trains ResNet18 from scratch on 360 images for 7 epochs, and keeps the best epoch.",
        ),
        (
            {"backbone": "se_resnet", "weights": "none"},
            {"budget": "5m"},
            "Trains SE-ResNet from scratch on 360 images for about 5 min, and keeps the best epoch.",
        ),
        (
            {},
            {"epochs": 1},
            "Trains the included EfficientNet-Lite0 on 360 images for 1 epoch, and keeps the best epoch.",
        ),
        (
            {"backbone": "resnet50", "weights": "default"},
            {"mode": "head", "epochs": 4},
            "Trains only the head of the pretrained ResNet50 on 360 images for 4 epochs, and keeps the best epoch.",
        ),
        (
            {"backbone": "resnet50", "weights": str(Path("folder") / "own.pth")},
            {"mode": "quick", "epochs": 4},
            "Trains only the last block and the head of ResNet50 from the weights file own.pth on 360 images for "
            "4 epochs, and keeps the best epoch.",
        ),
    ],
)
def test_the_sentence_follows_network_layers_and_length(
    model: dict[str, object], training: dict[str, object], expected: str
) -> None:
    assert _sentence(RunConfig().changed("model", **model).changed("training", **training)) == expected


def test_the_number_of_images_is_left_out_while_it_is_unknown() -> None:
    text = training_sentence(resolve(RunConfig(), FACTS), None)
    assert text.startswith("Trains the included EfficientNet-Lite0 for about 30")
