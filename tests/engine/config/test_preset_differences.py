"""Tests of the differences between chosen settings and presets."""

import pytest

from engine.config.preset_differences import find_differences, with_network_choice, without
from engine.config.presets import DatasetFacts, demo_config, resolve
from engine.config.settings import RunConfig

FACTS = DatasetFacts(num_images=1200, image_side=300)
EPOCHS, BUDGET, MODE = ("training", "epochs"), ("training", "budget"), ("training", "mode")


def test_settings_left_to_the_presets_have_no_differences() -> None:
    assert find_differences(RunConfig(), RunConfig(), FACTS) == {}


def test_a_chosen_value_is_compared_with_the_preset() -> None:
    settings = RunConfig().changed("augment", rotation=20)
    key = ("augment", "rotation")
    assert find_differences(settings, RunConfig(), FACTS) == {key: {key: 0.0}}


def test_a_chosen_value_that_equals_the_preset_is_no_difference() -> None:
    settings = RunConfig().changed("augment", rotation=0)
    assert find_differences(settings, RunConfig(), FACTS) == {}


def test_chosen_epochs_are_a_difference_because_they_replace_the_time_budget() -> None:
    epochs = resolve(RunConfig(), FACTS).training.epochs
    settings = RunConfig().changed("training", epochs=epochs)
    assert find_differences(settings, RunConfig(), FACTS) == {EPOCHS: {BUDGET: "100s"}}


def test_the_epochs_that_a_chosen_mode_brings_are_no_difference() -> None:
    settings = RunConfig().changed("training", mode="head")
    assert list(find_differences(settings, RunConfig(), FACTS)) == [MODE]


def test_the_settings_of_an_earlier_run_with_presets_have_no_differences() -> None:
    settings = resolve(RunConfig(), FACTS)
    assert find_differences(settings, RunConfig(), FACTS) == {}


def test_a_change_of_the_settings_of_an_earlier_run_is_found() -> None:
    settings = resolve(RunConfig(), FACTS).changed("optim", lr=0.01)
    assert list(find_differences(settings, RunConfig(), FACTS)) == [("optim", "lr")]


def test_the_values_of_the_start_are_no_differences_and_are_restored() -> None:
    start = demo_config()
    settings = start.changed("training", epochs=3)
    assert find_differences(start, start, FACTS) == {}
    assert find_differences(settings, start, FACTS) == {EPOCHS: {EPOCHS: 20}}
    assert without(settings, start, [EPOCHS]) == start


def test_fields_that_are_reset_are_left_to_the_presets() -> None:
    settings = RunConfig().changed("training", epochs=3, batch_size=8)
    rest = without(settings, RunConfig(), [EPOCHS])
    assert rest.training.model_fields_set == {"batch_size"}


@pytest.mark.parametrize(("backbone", "weights"), [("auto", "auto"), ("resnet18", "none")])
def test_a_network_replaces_the_length_and_rate_of_the_start_but_not_those_of_the_user(
    backbone: str, weights: str
) -> None:
    start = demo_config()
    settings, start = with_network_choice(start.changed("training", batch_size=8), start, FACTS, backbone, weights)
    assert (settings.model.backbone, settings.model.weights) == (backbone, weights)
    assert settings.training.model_fields_set == {"batch_size"}
    assert not settings.optim.model_fields_set
    assert not settings.data.model_fields_set
    assert settings.augment.vertical_flip == demo_config().augment.vertical_flip
    assert without(settings, start, [("training", "batch_size")]).training == RunConfig().training


def test_a_network_drops_the_other_candidates_of_an_earlier_run() -> None:
    earlier = RunConfig().changed("model", backbone="resnet18", candidates=("resnet50",), reason="best", dropout=0.5)
    settings, _ = with_network_choice(earlier, RunConfig(), FACTS, "auto", "auto")
    assert settings.model.model_dump(exclude_unset=True) == {"backbone": "auto", "weights": "auto", "dropout": 0.5}


def test_a_network_replaces_the_presets_in_the_settings_of_an_earlier_run() -> None:
    scratch = RunConfig().changed("model", backbone="se_resnet", weights="none").changed("augment", rotation=20)
    earlier = resolve(scratch, DatasetFacts(num_images=400))
    settings, _ = with_network_choice(earlier, RunConfig(), FACTS, "auto", "auto")
    assert resolve(settings, FACTS).optim.lr == RunConfig().optim.lr
    assert settings.augment.model_fields_set == {"rotation"}
    assert settings.training.model_fields_set == {"epochs"}
