"""Choose the precision and memory layout of a run by trying what the device offers on its first images."""

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
"""Relative difference from float32 that another precision may have: norm of the difference over norm of the logits."""
MIN_SPEEDUP = 1.15
"""How much faster another precision must be to be taken, so that the choice does not hang on chance."""
MIN_RUN_SECONDS = 15.0
"""Shorter trainings, as float32 would take them, stay in float32: the trial would not pay."""

_NUM_TRIES = 3


@dataclass(frozen=True, slots=True)
class PrecisionChoice:
    """A precision, a layout and why."""

    dtype: torch.dtype
    reason: str
    layout: torch.memory_format = torch.channels_last

    @property
    def inference_dtype(self) -> torch.dtype:
        """The precision to measure and predict in: float16 overflows where bfloat16 does not, so it is for training."""
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
    """Say whether the device multiplies in this type by itself; elsewhere it is slower than float32."""
    if dtype == torch.float32:
        return True
    if device.type == "cuda":
        return dtype == torch.float16 or torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # Both are torch's own probes; there are no public ones
        return dtype == torch.bfloat16 and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False


def inference_dtype(stated: str, device: torch.device) -> torch.dtype:
    """Return the precision to answer in for a model measured in the `stated` one; float32 where that is not native."""
    dtype = DTYPES[stated]
    return dtype if is_native(dtype, device) else torch.float32


def choose_precision(
    wanted: Precision, device: torch.device, network: nn.Module, images: Tensor, num_images: int, with_backward: bool
) -> PrecisionChoice:
    """Return the fastest precision that agrees with float32 on `images` (N, 3, S, S), normalised, on the device.

    `num_images` will go through the network in the whole run; `with_backward` tells whether backwards too.
    """
    if wanted != "auto":
        return PrecisionChoice(DTYPES[wanted], "as set")
    try:
        return _fastest(device, network, images, num_images, with_backward)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return PrecisionChoice(torch.float32, "memory does not hold a trial")


def _fastest(
    device: torch.device, network: nn.Module, images: Tensor, num_images: int, with_backward: bool
) -> PrecisionChoice:
    halves = [dtype for dtype in (torch.bfloat16, torch.float16) if is_native(dtype, device)]
    if not halves:
        return PrecisionChoice(torch.float32, "this device has no faster precision")
    reference, full = _try(network, images, torch.float32, torch.channels_last, with_backward, None)
    expected = full.seconds / len(images) * num_images
    if device.type == "cpu" and expected < (MIN_RUN_SECONDS if with_backward else MIN_RUN_SECONDS / 5):
        return PrecisionChoice(torch.float32, "the run is too short to try others")
    candidates = [(halves[0], torch.channels_last)]
    if with_backward:
        candidates += [(halves[0], torch.contiguous_format)]
    trials = [_try(network, images, dtype, layout, with_backward, reference)[1] for dtype, layout in candidates]
    agreeing = [trial for trial in trials if trial.error <= TOLERANCE]
    best = min(agreeing, key=lambda trial: trial.seconds, default=full)
    if best.seconds * MIN_SPEEDUP > full.seconds:
        closest = min(trials, key=lambda trial: trial.error)
        return PrecisionChoice(torch.float32, f"{closest} gains nothing or differs by {closest.error:.1%}")
    gain = full.seconds / best.seconds
    return PrecisionChoice(
        best.dtype, f"{best} is {gain:.1f} times as fast and differs by {best.error:.1%}", best.layout
    )


def _try(
    network: nn.Module,
    images: Tensor,
    dtype: torch.dtype,
    layout: torch.memory_format,
    with_backward: bool,
    reference: Tensor | None,
) -> tuple[Tensor, _Trial]:
    """Run the images through a copy a few times; return what it said and the shortest time it took."""
    trial = copy.deepcopy(network).to(memory_format=layout)
    trial.train(with_backward)
    batch = images.contiguous(memory_format=layout)
    seconds = float("inf")
    for _ in range(_NUM_TRIES):
        torch.manual_seed(0)  # the same dropout for each
        started = time.perf_counter()
        with (
            torch.autocast(images.device.type, dtype, enabled=dtype != torch.float32),
            torch.set_grad_enabled(with_backward),
        ):
            said = trial(batch)
        if with_backward:
            said.float().sum().backward()
        if images.device.type == "cuda":
            torch.cuda.synchronize()
        seconds = min(seconds, time.perf_counter() - started)
    said = said.detach().float()
    error = 0.0 if reference is None else float((said - reference).norm() / reference.norm().clamp_min(1e-12))
    return said, _Trial(dtype, layout, seconds, error if error == error else float("inf"))
