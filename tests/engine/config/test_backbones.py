"""Tests that each row of the backbone table agrees with torchvision."""

import pytest
from torchvision import models

from engine.config.backbones import BACKBONES, INCLUDED_BACKBONE, NON_COMMERCIAL, WEIGHTS_HOST, find_backbone
from engine.config.local_weights import weights_path
from engine.core.errors import EngineError
from engine.ml.models.efficientnet_lite import HEAD_CHANNELS, NUM_FEATURES, EfficientNetLite
from engine.ml.models.se_resnet import SEResNet
from engine.ml.models.summary import summarize

IMAGENET = [name for name in BACKBONES if name not in ("se_resnet", INCLUDED_BACKBONE)]


def default_weights(name):
    return models.get_model_weights(name).DEFAULT


def test_all_classification_models_of_torchvision_are_listed():
    assert sorted(IMAGENET) == sorted(models.list_models(module=models))


@pytest.mark.parametrize("name", IMAGENET)
def test_the_values_are_those_of_torchvision(name):
    row, meta = BACKBONES[name], default_weights(name).meta
    assert row.num_parameters == meta["num_params"]
    assert row.multiply_adds == round(meta["_ops"] * 1000)
    assert row.top1 == round(meta["_metrics"]["ImageNet-1K"]["acc@1"], 1)
    assert row.weights_mb == pytest.approx(meta["_file_size"], abs=0.06)


@pytest.mark.parametrize("name", IMAGENET)
def test_the_weights_are_the_defaults_of_torchvision(name):
    weights = default_weights(name)
    assert BACKBONES[name].weights_url == weights.url
    assert weights.url.startswith(f"https://{WEIGHTS_HOST}/models/")
    assert (name in NON_COMMERCIAL) == ("SWAG" in weights.meta.get("license", ""))


@pytest.mark.parametrize("name", IMAGENET)
def test_size_mean_and_std_are_those_of_the_weights(name):
    row, transform = BACKBONES[name], default_weights(name).transforms()
    assert [row.image_size] == transform.crop_size
    assert list(row.mean) == transform.mean
    assert list(row.std) == transform.std


@pytest.mark.parametrize("row", BACKBONES.values(), ids=lambda row: row.name)
def test_image_sizes_outside_the_limits_are_rejected(row):
    row.check_image_size(row.image_size)
    with pytest.raises(EngineError, match=f"at least {row.min_size} pixels"):
        row.check_image_size(row.min_size - 1)
    if row.multiple_of > 1:
        with pytest.raises(EngineError, match=f"multiple of {row.multiple_of}, such as {row.image_size},"):
            row.check_image_size(row.image_size + 1)


def test_the_row_of_se_resnet_agrees_with_the_model():
    row = BACKBONES["se_resnet"]
    num_parameters = sum(parameter.numel() for parameter in SEResNet(1000).parameters())
    assert row.num_parameters == num_parameters
    assert row.multiply_adds == round(summarize("se_resnet", 1000, row.image_size).multiply_adds / 1e6)
    assert row.weights_mb == pytest.approx(num_parameters * 4 / 1e6, abs=0.2)
    assert (row.top1, row.weights_file) == (None, "")


def test_the_row_of_the_included_network_agrees_with_the_published_network_and_its_file():
    row = BACKBONES[INCLUDED_BACKBONE]
    num_added = 1000 * (NUM_FEATURES - HEAD_CHANNELS)  # weights of our head on the activations of other layers
    num_parameters = sum(parameter.numel() for parameter in EfficientNetLite(1000).parameters())
    assert row.num_parameters == num_parameters - num_added
    multiply_adds = summarize(INCLUDED_BACKBONE, 1000, row.image_size).multiply_adds
    assert row.multiply_adds == round((multiply_adds - num_added) / 1e6)
    assert row.weights_mb == pytest.approx(weights_path(row).stat().st_size / 1e6, abs=0.05)
    assert (row.mean, row.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_an_unknown_name_raises_an_error_with_similar_names():
    with pytest.raises(EngineError, match="mobilenet_v2"):
        find_backbone("mobilenetv2")
    with pytest.raises(EngineError, match="se_resnet"):
        find_backbone("???")
