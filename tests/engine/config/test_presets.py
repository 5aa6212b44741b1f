"""Tests of the presets: settings that the user did not choose."""

import pytest

from engine.config.backbones import INCLUDED_BACKBONE, find_backbone
from engine.config.local_weights import is_on_this_machine, weights_path
from engine.config.presets import (
    MAX_BUDGET_SECONDS,
    MIN_BUDGET_SECONDS,
    SCRATCH_BACKBONE,
    TRANSFER_EMA_DECAY,
    DatasetFacts,
    demo_config,
    resolve,
    with_network,
)
from engine.config.settings import RunConfig

PHOTOS = DatasetFacts(300, 400)


def _downloaded(name: str) -> None:
    path = weights_path(find_backbone(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def test_without_choices_the_included_network_is_trained_within_a_time_budget() -> None:
    config = resolve(RunConfig(), PHOTOS)
    assert (config.model.backbone, config.model.weights) == (INCLUDED_BACKBONE, "default")
    assert config.training.budget_seconds == MIN_BUDGET_SECONDS
    assert "included" in config.model.reason


def test_the_time_budget_grows_with_the_number_of_images_up_to_a_limit() -> None:
    budgets = [resolve(RunConfig(), DatasetFacts(number)).training.budget_seconds for number in (1, 1200, 10**6)]
    assert budgets == [MIN_BUDGET_SECONDS, 100, MAX_BUDGET_SECONDS]


def test_resolved_settings_have_a_value_for_every_field_and_are_not_changed_again() -> None:
    config = resolve(RunConfig(), PHOTOS)
    for section in RunConfig.model_fields:
        part = getattr(config, section)
        assert part.model_fields_set == set(type(part).model_fields)
    assert resolve(config, DatasetFacts(10**6, 28)) == config


@pytest.mark.parametrize("weights", ["auto", "none"])
def test_presets_never_choose_weights_that_need_a_download(weights: str) -> None:
    config = resolve(RunConfig().changed("model", backbone="resnet18", weights=weights), PHOTOS)
    assert not is_on_this_machine(find_backbone("resnet18"))
    assert config.model.weights == "none"


def test_downloaded_weights_of_the_chosen_backbone_are_used() -> None:
    _downloaded("resnet18")
    assert resolve(RunConfig().changed("model", backbone="resnet18"), PHOTOS).model.weights == "default"


def test_the_user_can_ask_for_a_download() -> None:
    config = resolve(RunConfig().changed("model", backbone="resnet18", weights="default"), PHOTOS)
    assert config.model.weights == "default"


def test_training_from_scratch_brings_its_own_network_rate_batch_and_epochs() -> None:
    config = resolve(RunConfig().changed("model", weights="none"), PHOTOS)
    assert config.model.backbone == "se_resnet"
    assert (config.optim.lr, config.training.batch_size, config.training.budget) == (5e-3, 16, "")


def test_a_small_dataset_gets_more_epochs_from_scratch_than_a_large_one() -> None:
    settings = RunConfig().changed("model", weights="none")
    small, large = resolve(settings, DatasetFacts(60)), resolve(settings, DatasetFacts(50_000))
    assert small.training.epochs > large.training.epochs >= 1


@pytest.mark.parametrize(("side", "size"), [(28, 32), (40, 48), (64, 64), (100, None), (None, None)])
def test_tiny_images_are_not_enlarged_to_the_default_size_from_scratch(side: int | None, size: int | None) -> None:
    config = resolve(RunConfig().changed("model", weights="none"), DatasetFacts(300, side))
    assert config.data.image_size == size


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("training", "epochs", 10),
        ("training", "batch_size", 32),
        ("training", "budget", ""),
        ("optim", "lr", 1e-3),
        ("data", "image_size", None),
    ],
)
@pytest.mark.parametrize("weights", ["none", "default"])
def test_a_choice_of_the_user_is_kept_even_if_it_is_the_default_of_the_field(
    section: str, name: str, value: object, weights: str
) -> None:
    settings = RunConfig().changed("model", weights=weights).changed(section, **{name: value})
    assert getattr(getattr(resolve(settings, DatasetFacts(300, 28)), section), name) == value


def test_a_number_of_epochs_replaces_the_time_budget() -> None:
    assert resolve(RunConfig().changed("training", epochs=3), PHOTOS).training.budget_seconds is None


@pytest.mark.parametrize("mode", ["head", "quick"])
def test_training_of_the_last_layers_needs_no_time_budget(mode: str) -> None:
    assert resolve(RunConfig().changed("training", mode=mode), PHOTOS).training.budget_seconds is None


@pytest.mark.parametrize(
    ("training", "layer_decay"),
    [({"epochs": 3}, 1.0), ({"budget": "60s"}, 1.0), ({"mode": "quick"}, 0.7), ({"mode": "head"}, 0.7)],
)
def test_the_layers_have_the_same_rate_if_all_of_them_are_trained(
    training: dict[str, object], layer_decay: float
) -> None:
    assert resolve(RunConfig().changed("training", **training), PHOTOS).optim.layer_decay == layer_decay


@pytest.mark.parametrize(("mode", "warmup_epochs"), [("full", 1.0), ("quick", 0.5), ("head", 0.5)])
def test_all_layers_of_a_pretrained_network_warm_up_for_an_epoch(mode: str, warmup_epochs: float) -> None:
    assert resolve(RunConfig().changed("training", mode=mode), PHOTOS).schedule.warmup_epochs == warmup_epochs


@pytest.mark.parametrize("mode", ["full", "head", "quick"])
@pytest.mark.parametrize(("weights", "ema_decay"), [("auto", TRANSFER_EMA_DECAY), ("none", 0.0)])
def test_training_from_pretrained_weights_averages_the_weights(mode: str, weights: str, ema_decay: float) -> None:
    settings = RunConfig().changed("training", mode=mode).changed("model", weights=weights)
    assert resolve(settings, PHOTOS).training.ema_decay == ema_decay


def test_a_network_from_scratch_beside_a_pretrained_one_does_not_average_the_weights() -> None:
    config = resolve(RunConfig(), PHOTOS)
    assert config.training.ema_decay == TRANSFER_EMA_DECAY
    assert with_network(config, SCRATCH_BACKBONE).training.ema_decay == 0.0


def test_the_demo_trains_from_scratch_with_its_own_settings() -> None:
    config = resolve(demo_config(), DatasetFacts(300, 64))
    assert config.model.weights == "none"
    assert (config.data.image_size, config.training.epochs) == (64, 20)
