"""Tests of engine.ml.models.inference."""

import pytest
import torch
from torch import nn

from engine.config.backbones import BACKBONES
from engine.ml.models.build import build_model
from engine.ml.models.inference import fuse_for_inference, make_image_forward
from engine.ml.models.preprocessing import Preprocessing, normalise

CPU = torch.device("cpu")
PREPROCESSING = Preprocessing(64, "crop", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
FAMILIES = {row.family: name for name, row in reversed(BACKBONES.items())}


def _with_random_norm_statistics(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.8, 1.2)  # type: ignore[arg-type]
    return network.eval()


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES.values())
def test_fusion_does_not_change_the_outputs_of_any_family(name: str) -> None:
    size = BACKBONES[name].image_size
    network = _with_random_norm_statistics(build_model(name, 3, size, 0.0))
    images = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        expected = network(images)
        outputs = fuse_for_inference(network, CPU, torch.float32)(images)
    assert torch.allclose(outputs, expected, atol=1e-3 * float(expected.abs().max()))


def test_fusion_removes_batchnorms_and_leaves_the_original_unchanged() -> None:
    network = _with_random_norm_statistics(build_model("resnet18", 3, 64, 0.0)).train()
    fused = fuse_for_inference(network, CPU, torch.float32)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    assert network.training


def test_half_precision_outputs_are_close_to_float32() -> None:
    model = build_model("resnet18", 3, 64, 0.0).eval()
    images = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        exact = model(normalise(images, PREPROCESSING)).softmax(1)
        for dtype, tolerance in ((torch.float32, 1e-4), (torch.bfloat16, 0.02)):
            outputs = make_image_forward(model, PREPROCESSING, CPU, dtype)(images)
            assert outputs.dtype == torch.float32
            assert (outputs.softmax(1) - exact).abs().max() < tolerance
