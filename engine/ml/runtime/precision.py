"""Choose precision and memory layout of a run by timing the candidates on its first images."""

import copy
import time
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
MIN_SPEEDUP = 1.15
"""Speed-up that a lower precision needs to be chosen, so that timing noise does not decide."""
MIN_RUN_SECONDS = 15.0
"""Runs that are expected to be shorter than this in float32 stay in float32, because a trial would not pay off."""

_NUM_TRIES = 3


@dataclass(frozen=True, slots=True)
class PrecisionChoice:
    """A precision and a memory layout with the reason for the choice."""

    dtype: torch.dtype
    reason: str
    layout: torch.memory_format = torch.channels_last

    @property
    def inference_dtype(self) -> torch.dtype:
        """Precision of validation and prediction: never float16, which can overflow without a gradient scaler."""
        return self.dtype if self.dtype == torch.bfloat16 else torch.float32


@dataclass(frozen=True, slots=True)
class _Trial:
    dtype: torch.dtype
    layout: torch.memory_format
    seconds: float
    error: float

    def __str__(self) -> str:
        layout = "" if self.layout == torch.channels_last else " in contiguous layout"
        return f"{str(self.dtype).removeprefix('torch.')}{layout}"


def is_native(dtype: torch.dtype, device: torch.device) -> bool:
    """Return whether the device supports this type in hardware; emulated types are slower than float32."""
    if dtype == torch.float32:
        return True
    if device.type == "cuda":
        return dtype == torch.float16 or torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # torch has no public functions for this
        return dtype == torch.bfloat16 and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False


def inference_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return the dtype for predictions of a model that was validated in `name`; float32 if the device emulates that."""
    dtype = DTYPES[name]
    return dtype if is_native(dtype, device) else torch.float32


def choose_precision(
    requested: Precision, device: torch.device, network: nn.Module, images: Tensor, num_images: int, with_backward: bool
) -> PrecisionChoice:
    """Return the fastest precision whose outputs agree with float32 within TOLERANCE.

    Args:
        requested: A precision to use without a trial, or "auto".
        device: The device of the network and the images.
        network: The network to time.
        images: A normalised batch, float32, shape (N, 3, S, S), on the device.
        num_images: Number of images that the whole run will process, to estimate its duration.
        with_backward: Whether to time the backward pass too.
    """
    if requested != "auto":
        return PrecisionChoice(DTYPES[requested], "as set")
    try:
        return _choose_fastest(device, network, images, num_images, with_backward)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return PrecisionChoice(torch.float32, "not enough memory for a trial")


def _choose_fastest(
    device: torch.device, network: nn.Module, images: Tensor, num_images: int, with_backward: bool
) -> PrecisionChoice:
    candidate_dtypes = [dtype for dtype in (torch.bfloat16, torch.float16) if is_native(dtype, device)]
    if not candidate_dtypes:
        return PrecisionChoice(torch.float32, "this device has no faster precision")
    reference, full = _time_candidate(network, images, torch.float32, torch.channels_last, with_backward, None)
    expected = full.seconds / len(images) * num_images
    if device.type == "cpu" and expected < (MIN_RUN_SECONDS if with_backward else MIN_RUN_SECONDS / 5):
        return PrecisionChoice(torch.float32, "the run is too short for a trial")
    candidates = [(candidate_dtypes[0], torch.channels_last)]
    if with_backward:
        candidates += [(candidate_dtypes[0], torch.contiguous_format)]
    trials = [
        _time_candidate(network, images, dtype, layout, with_backward, reference)[1] for dtype, layout in candidates
    ]
    accurate = [trial for trial in trials if trial.error <= TOLERANCE]
    best = min(accurate, key=lambda trial: trial.seconds, default=full)
    if best.seconds * MIN_SPEEDUP > full.seconds:
        closest = min(trials, key=lambda trial: trial.error)
        return PrecisionChoice(torch.float32, f"{closest} is not faster or differs by {closest.error:.1%}")
    gain = full.seconds / best.seconds
    return PrecisionChoice(
        best.dtype, f"{best} is {gain:.1f} times as fast and differs by {best.error:.1%}", best.layout
    )


def _time_candidate(
    network: nn.Module,
    images: Tensor,
    dtype: torch.dtype,
    layout: torch.memory_format,
    with_backward: bool,
    reference: Tensor | None,
) -> tuple[Tensor, _Trial]:
    """Run a copy of the network several times; return its outputs and the shortest duration."""
    trial = copy.deepcopy(network).to(memory_format=layout)
    trial.train(with_backward)
    batch = images.contiguous(memory_format=layout)
    seconds = float("inf")
    for _ in range(_NUM_TRIES):
        torch.manual_seed(0)  # the same dropout for every candidate
        started = time.perf_counter()
        with (
            torch.autocast(images.device.type, dtype, enabled=dtype != torch.float32),
            torch.set_grad_enabled(with_backward),
        ):
            outputs = trial(batch)
        if with_backward:
            outputs.float().sum().backward()
        if images.device.type == "cuda":
            torch.cuda.synchronize()
        seconds = min(seconds, time.perf_counter() - started)
    outputs = outputs.detach().float()
    error = 0.0 if reference is None else float((outputs - reference).norm() / reference.norm().clamp_min(1e-12))
    return outputs, _Trial(dtype, layout, seconds, error if error == error else float("inf"))
