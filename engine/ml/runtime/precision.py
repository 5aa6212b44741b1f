"""Choose the precision of a run by a rule that gives the same answer on an idle and on a busy computer.

Speed is not measured, since the same command would then train other weights while the computer is busy.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.config.settings import Precision
from engine.ml.runtime.memory import is_out_of_memory

DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
LAYOUTS: dict[str, torch.memory_format] = {
    str(layout): layout for layout in (torch.channels_last, torch.contiguous_format)
}

TOLERANCE = 0.1
"""Maximum relative difference from float32: norm of the difference divided by the norm of the logits."""
MIN_MULTIPLY_ADDS = 100e9
"""Runs on the CPU with less work than this stay in float32: a lower precision would save a few seconds at most."""
BACKWARD_COST = 2
"""Multiply-adds of a backward pass relative to those of the forward pass."""

_SLOW_TO_TRAIN = ("alexnet", "efficientnet_b", "mnasnet", "mobilenet_v3", "shufflenet")
"""Beginnings of the names of backbones that the CPU does not train faster in bfloat16; see docs/performance.md."""
_FIRST_TENSOR_CORES = (7, 0)
"""CUDA compute capability from which float16 is faster than float32."""


@dataclass(frozen=True, slots=True)
class PrecisionChoice:
    """A precision and a memory layout with the reason for the choice."""

    dtype: torch.dtype
    reason: str
    layout: torch.memory_format = torch.channels_last
    """Another layout occurs only in checkpoints of version 0.1, which chose it by timing."""

    @property
    def name(self) -> str:
        """Name of the precision in settings and files."""
        return str(self.dtype).removeprefix("torch.")

    @property
    def inference_dtype(self) -> torch.dtype:
        """Precision of validation and prediction: never float16, which can overflow without a gradient scaler."""
        return self.dtype if self.dtype == torch.bfloat16 else torch.float32


def is_native(dtype: torch.dtype, device: torch.device) -> bool:
    """Return whether the device supports this type in hardware; emulated types are slower than float32."""
    if dtype == torch.float32:
        return True
    if device.type == "cuda":
        if dtype == torch.float16:
            return bool(torch.cuda.get_device_capability(device) >= _FIRST_TENSOR_CORES)
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # torch has no public functions for this
        return dtype == torch.bfloat16 and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False


def inference_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return the dtype for predictions of a model that was validated in `name`; float32 if the device emulates that."""
    dtype = DTYPES[name]
    return dtype if is_native(dtype, device) else torch.float32


def choose_precision(
    requested: Precision,
    device: torch.device,
    backbone: str,
    network: nn.Module,
    images: Tensor,
    multiply_adds: float,
    trains_backbone: bool,
    uses_batch_statistics: bool,
) -> PrecisionChoice:
    """Return the lowest precision that the device computes faster, if its outputs agree with float32 within TOLERANCE.

    Args:
        requested: A precision to use without a check, or "auto".
        device: The device of the network and the images.
        backbone: Name of the backbone.
        network: The network to compare on the images.
        images: A normalised batch, float32, shape (N, 3, S, S), on the device.
        multiply_adds: Number of multiply-adds of the whole run.
        trains_backbone: Whether the run computes gradients of the whole network.
        uses_batch_statistics: Whether BatchNorm and dropout of the network are to work as in training.
    """
    if requested != "auto":
        return PrecisionChoice(DTYPES[requested], "as set")
    dtype = _fastest_dtype(device, backbone, trains_backbone)
    if dtype == torch.float32:
        return PrecisionChoice(dtype, "this device has no faster precision for this network")
    if device.type == "cpu" and multiply_adds < MIN_MULTIPLY_ADDS:
        return PrecisionChoice(torch.float32, "the run is short")
    name = str(dtype).removeprefix("torch.")
    try:
        error = _relative_error(network, images, dtype, uses_batch_statistics)
    except (RuntimeError, MemoryError) as failure:
        if not is_out_of_memory(failure):
            raise
        return PrecisionChoice(torch.float32, f"there is not enough memory to compare {name} with float32")
    if not error <= TOLERANCE:  # also true for an error that is not a number
        return PrecisionChoice(torch.float32, f"{name} differs by {error:.1%}")
    return PrecisionChoice(dtype, f"{name} is faster on this device and differs by {error:.1%}")


def _fastest_dtype(device: torch.device, backbone: str, trains_backbone: bool) -> torch.dtype:
    if device.type == "cpu" and trains_backbone and backbone.startswith(_SLOW_TO_TRAIN):
        return torch.float32
    return next(dtype for dtype in (torch.bfloat16, torch.float16, torch.float32) if is_native(dtype, device))


def _relative_error(network: nn.Module, images: Tensor, dtype: torch.dtype, is_training: bool) -> float:
    """Return the norm of the difference between the outputs in `dtype` and in float32, relative to the latter."""
    expected, outputs = (_outputs(network, images, each, is_training) for each in (torch.float32, dtype))
    return float((outputs - expected).norm() / expected.norm().clamp_min(1e-12))


def _outputs(network: nn.Module, images: Tensor, dtype: torch.dtype, is_training: bool) -> Tensor:
    network = copy.deepcopy(network).train(is_training)  # a copy, because BatchNorm updates its running statistics
    torch.manual_seed(0)  # the same dropout in both precisions
    with torch.autocast(images.device.type, dtype, enabled=dtype != torch.float32), torch.no_grad():
        outputs: Tensor = network(images.contiguous(memory_format=torch.channels_last))
    return outputs.float()
