"""Antialiased resizing with torch alone: importing torchvision takes as long as importing torch."""

import platform

import torch
from torch import Tensor, nn


def resize(image: Tensor, height: int, width: int) -> Tensor:
    """Return an image resized by antialiased bilinear interpolation, with the same bits as torchvision's `resize`.

    Args:
        image: uint8, shape (3, H, W), in the memory order of decoded pixels (H, W, 3).
        height: Height of the result in pixels.
        width: Width of the result in pixels.

    Returns:
        uint8, shape (3, height, width), in the same memory order.
    """
    if image.shape[1:] == (height, width):
        return image
    # A batch made from (H, W, 3) is in channels-last order without doubt, so that the result is too: pytorch#68430
    batch = image.permute(1, 2, 0)[None].permute(0, 3, 1, 2)
    if _has_integer_kernel():
        return _interpolate(batch, height, width)[0]
    return _interpolate(batch.float(), height, width).round_().to(torch.uint8)[0]


def _interpolate(batch: Tensor, height: int, width: int) -> Tensor:
    return nn.functional.interpolate(batch, (height, width), mode="bilinear", align_corners=False, antialias=True)


def _has_integer_kernel() -> bool:
    """Return whether torch has a kernel for bytes on this processor; on others torchvision computes in float32."""
    return torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512") or platform.machine() in ("aarch64", "arm64")
