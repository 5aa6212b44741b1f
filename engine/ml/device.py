"""Choose the device and the precision of a run."""

import torch

from engine.config import Device, Precision
from engine.errors import EngineError

DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def choose_device(wanted: Device) -> torch.device:
    """Return the wanted device, or the fastest that works; raise EngineError where the wanted one is not there."""
    if wanted == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if _is_usable(name)))
    if not _is_usable(wanted):
        raise EngineError(f"This computer has no usable {wanted} device. Choose auto or cpu.")
    return torch.device(wanted)


def choose_precision(wanted: Precision, device: torch.device) -> torch.dtype:
    """Return the type to multiply in while training: float32 on the CPU, half where a GPU is built for it."""
    if wanted != "auto":
        return DTYPES[wanted]
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _is_usable(name: str) -> bool:
    if name == "cpu":
        return True
    available = torch.cuda.is_available() if name == "cuda" else torch.backends.mps.is_available()
    return available and _can_convolve(torch.device(name))


def _can_convolve(device: torch.device) -> bool:
    # A GPU newer than this torch is reported as available and fails at its first kernel
    try:
        torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3, device=device), torch.ones(1, 1, 3, 3, device=device)).item()
    except RuntimeError:
        return False
    return True
