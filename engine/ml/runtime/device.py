"""Choose the device to train and predict on."""

import torch

from engine.config.settings import Device
from engine.core.errors import EngineError


def choose_device(requested: Device) -> torch.device:
    """Return the requested device, or the fastest usable one for "auto"; raise EngineError if it is not usable."""
    if requested == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if _is_usable(name)))
    if not _is_usable(requested):
        raise EngineError(f"This computer has no usable {requested} device. Choose auto or cpu.")
    return torch.device(requested)


def _is_usable(name: str) -> bool:
    if name == "cpu":
        return True
    available = torch.cuda.is_available() if name == "cuda" else torch.backends.mps.is_available()
    return available and _can_convolve(torch.device(name))


def _can_convolve(device: torch.device) -> bool:
    # A GPU that is too new for this torch is reported as available but fails at its first kernel
    try:
        torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3, device=device), torch.ones(1, 1, 3, 3, device=device)).item()
    except RuntimeError:
        return False
    return True
