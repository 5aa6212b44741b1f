"""Tests of the settings that reach training as plain values."""

from dataclasses import asdict, fields

import pytest

from engine.config.augmentation import AugmentConfig
from engine.core.errors import EngineError
from engine.ml.loading.augment import AugmentOptions
from engine.ml.training.setup import (
    make_augment_options,
    make_loop_plan,
    make_optimizer_options,
    make_preprocessing,
    make_step_options,
)
from tests.scratch_config import scratch_config


@pytest.mark.parametrize("name", [field.name for field in fields(AugmentOptions)])
def test_each_augmentation_setting_reaches_its_option(name: str) -> None:
    changed = make_augment_options(AugmentConfig.model_validate({name: 0.123}))
    assert asdict(changed) == asdict(make_augment_options(AugmentConfig())) | {name: 0.123}


@pytest.mark.parametrize(
    ("section", "setting", "option"),
    [
        ("optim", "clip_norm", "clip_norm"),
        ("training", "label_smoothing", "label_smoothing"),
        ("augment", "mixup_alpha", "mixup_alpha"),
        ("augment", "cutmix_alpha", "cutmix_alpha"),
        ("augment", "mix_switch", "cutmix_probability"),
    ],
)
def test_each_setting_of_a_step_reaches_its_option(section: str, setting: str, option: str) -> None:
    options = make_step_options(scratch_config().changed(section, **{setting: 0.123}))
    assert asdict(options) == asdict(make_step_options(scratch_config())) | {option: 0.123}


@pytest.mark.parametrize(
    ("section", "setting", "value"),
    [
        ("training", "mode", "head"),
        ("training", "epochs", 123),
        ("training", "batch_size", 123),
        ("schedule", "warmup_epochs", 1.25),
        ("training", "early_stopping", 123),
        ("training", "ema_decay", 0.123),
        ("training", "balance", "loss"),
        ("training", "checkpoint_minutes", 12.5),
        ("training", "seed", 123),
    ],
)
def test_each_setting_of_the_run_reaches_its_plan(section: str, setting: str, value: object) -> None:
    plan = make_loop_plan(scratch_config().changed(section, **{setting: value}))
    assert asdict(plan) == asdict(make_loop_plan(scratch_config())) | {setting: value}


@pytest.mark.parametrize(
    ("setting", "value"), [("name", "sgd"), ("lr", 0.123), ("weight_decay", 0.123), ("momentum", 0.123)]
)
def test_each_setting_of_the_optimizer_reaches_its_option(setting: str, value: object) -> None:
    options = make_optimizer_options(scratch_config().changed("optim", **{setting: value}))
    assert asdict(options) == asdict(make_optimizer_options(scratch_config())) | {setting: value}


def test_layer_decay_is_used_with_pretrained_weights_only() -> None:
    config = scratch_config().changed("optim", layer_decay=0.5)
    assert make_optimizer_options(config).layer_decay == 1.0
    assert make_optimizer_options(config.changed("model", weights="default")).layer_decay == 0.5


@pytest.mark.parametrize(
    ("budget", "weights", "mode", "fits_head", "starts_quick"),
    [
        ("5m", "default", "full", True, True),
        ("", "default", "full", True, False),
        ("5m", "none", "full", False, False),
        ("", "none", "full", False, False),
        ("5m", "default", "head", False, False),
        ("", "default", "quick", False, False),
    ],
)
def test_all_layers_of_a_pretrained_network_are_trained_with_a_fitted_head_and_within_a_budget_after_a_quick_phase(
    budget: str, weights: str, mode: str, fits_head: bool, starts_quick: bool
) -> None:
    config = scratch_config().changed("training", budget=budget, mode=mode).changed("model", weights=weights)
    plan = make_loop_plan(config)
    assert (plan.fits_head, plan.starts_quick) == (fits_head, starts_quick)
    assert plan.budget_seconds == (300.0 if budget else None)


def test_an_image_size_that_the_backbone_does_not_accept_is_an_error() -> None:
    config = scratch_config().changed("model", backbone="vit_b_16").changed("data", image_size=33)
    with pytest.raises(EngineError):
        make_preprocessing(config, None)


@pytest.mark.parametrize(("threads", "adapts"), [(0, True), (1, False), (2, False)])
def test_only_an_automatic_number_of_threads_is_adapted(threads: int, adapts: bool) -> None:
    assert make_loop_plan(scratch_config().changed("training", threads=threads)).adapts_threads is adapts
