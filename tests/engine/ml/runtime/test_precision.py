"""Tests of choosing the precision by a rule."""

import pytest
import torch
from torch import Tensor, nn

from engine.config.backbones import BACKBONES
from engine.config.settings import Precision
from engine.ml.runtime import precision
from engine.ml.runtime.precision import PrecisionChoice, choose_precision, inference_dtype, is_native

CPU = torch.device("cpu")
IMAGES = torch.ones(2, 3, 4, 4)
MUCH = 1e15


class _Network(nn.Module):
    """A network with a relative error in half precision that counts its forward passes."""

    def __init__(self, error: float = 0.01, calls: list[bool] | None = None) -> None:
        super().__init__()
        self.error, self.calls = error, [] if calls is None else calls

    def __deepcopy__(self, _memo: object) -> "_Network":
        return _Network(self.error, self.calls)

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append(self.training)
        return x.flatten(1) * (1 + self.error * torch.is_autocast_enabled("cpu"))


def _choose(
    network: nn.Module,
    requested: Precision = "auto",
    backbone: str = "resnet18",
    multiply_adds: float = MUCH,
    trains_backbone: bool = True,
    uses_batch_statistics: bool = False,
) -> PrecisionChoice:
    return choose_precision(
        requested, CPU, backbone, network, IMAGES, multiply_adds, trains_backbone, uses_batch_statistics
    )


@pytest.fixture(autouse=True)
def bfloat16_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU with bfloat16 arithmetic."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)


@pytest.mark.parametrize("trains_backbone", [True, False])
def test_a_native_precision_with_close_outputs_is_chosen_with_a_reason(trains_backbone: bool) -> None:
    choice = _choose(_Network(), trains_backbone=trains_backbone)
    assert choice == PrecisionChoice(
        torch.bfloat16, "bfloat16 is faster on this device and differs by 1.0%", torch.channels_last
    )
    assert (choice.name, choice.inference_dtype) == ("bfloat16", torch.bfloat16)


@pytest.mark.parametrize(("error", "text"), [(0.2, "20.0%"), (float("nan"), "nan%")])
def test_a_precision_with_different_outputs_is_not_chosen(error: float, text: str) -> None:
    choice = _choose(_Network(error))
    assert choice == PrecisionChoice(torch.float32, f"bfloat16 differs by {text}")


def test_a_device_without_a_faster_precision_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "is_native", lambda dtype, _: dtype == torch.float32)
    network = _Network()
    assert _choose(network).dtype == torch.float32
    assert not network.calls


@pytest.mark.parametrize("backbone", ["efficientnet_b0", "mobilenet_v3_small", "mnasnet1_0", "alexnet"])
def test_a_backbone_that_trains_slower_in_bfloat16_uses_it_without_training_only(backbone: str) -> None:
    assert backbone in BACKBONES
    assert _choose(_Network(), backbone=backbone).dtype == torch.float32
    assert _choose(_Network(), backbone=backbone, trains_backbone=False).dtype == torch.bfloat16


def test_a_short_run_stays_in_float32() -> None:
    network = _Network()
    choice = _choose(network, multiply_adds=1e9)
    assert (choice.dtype, choice.reason) == (torch.float32, "the run is short")
    assert not network.calls


@pytest.mark.parametrize("is_training", [True, False])
def test_the_outputs_are_compared_in_the_mode_of_the_run(is_training: bool) -> None:
    network = _Network().train(not is_training)
    _choose(network, uses_batch_statistics=is_training)
    assert network.calls == [is_training] * 2
    assert network.training == (not is_training)


def test_the_choice_does_not_change_the_network() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten())
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    _choose(network, uses_batch_statistics=True)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_a_precision_set_by_the_user_is_used_without_a_comparison() -> None:
    network = _Network()
    choice = _choose(network, "float16")
    assert (choice.dtype, choice.inference_dtype, network.calls) == (torch.float16, torch.float32, [])


def test_without_memory_for_a_comparison_float32_is_used() -> None:
    class Large(_Network):
        def __deepcopy__(self, _memo: object) -> "_Network":
            raise torch.OutOfMemoryError("CUDA out of memory")

    choice = _choose(Large())
    assert choice.dtype == torch.float32
    assert "memory" in choice.reason


@pytest.mark.parametrize(("capability", "expected"), [((6, 1), False), ((7, 5), True)])
def test_float16_is_native_on_a_gpu_with_tensor_cores(
    capability: tuple[int, int], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert is_native(torch.float16, torch.device("cuda")) == expected


def test_inference_uses_float32_if_the_precision_is_not_native(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "is_native", lambda *_: False)
    assert inference_dtype("bfloat16", CPU) == torch.float32
    monkeypatch.setattr(precision, "is_native", lambda *_: True)
    assert inference_dtype("bfloat16", CPU) == torch.bfloat16
