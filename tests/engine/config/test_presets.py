"""Tests of the default settings for a dataset."""

from pathlib import Path

from engine.config.backbones import find_backbone
from engine.config.local_weights import is_on_this_machine, weights_folder
from engine.config.presets import PRETRAINED_BACKBONE, demo_config, suggest_config
from engine.data.dataset import Dataset, Sample


def _dataset(num_images: int) -> Dataset:
    return Dataset(Path("/data"), ("a", "b"), tuple(Sample(f"a/{i}.png", i % 2) for i in range(num_images)))


def test_default_settings_never_download_weights() -> None:
    assert not is_on_this_machine(find_backbone(PRETRAINED_BACKBONE))
    assert suggest_config(_dataset(100)).model.weights == "none"


def test_downloaded_weights_are_used() -> None:
    path = weights_folder() / find_backbone(PRETRAINED_BACKBONE).weights_file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    config = suggest_config(_dataset(100))
    assert (config.model.backbone, config.model.weights) == (PRETRAINED_BACKBONE, "default")


def test_a_small_dataset_gets_more_epochs_than_a_large_one() -> None:
    small, large = suggest_config(_dataset(60)), suggest_config(_dataset(50_000))
    assert small.training.epochs > large.training.epochs >= 1


def test_the_demo_trains_from_scratch() -> None:
    assert demo_config().model.weights == "none"
