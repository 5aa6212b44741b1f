"""Choose the device of a run."""

import torch

from engine.config.settings import Device
from engine.core.errors import EngineError


def choose_device(wanted: Device) -> torch.device:
    """Return the wanted device, or the fastest that works; raise EngineError where the wanted one is not there."""
    if wanted == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if _is_usable(name)))
    if not _is_usable(wanted):
        raise EngineError(f"This computer has no usable {wanted} device. Choose auto or cpu.")
    return torch.device(wanted)


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
