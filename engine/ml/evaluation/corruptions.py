"""Image corruptions for the robustness report: rotation, blur, noise, brightness, JPEG compression and downscaling.

After Hendrycks and Dietterich (2019), "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", with milder levels, as phones and microscopes produce them.
"""

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from engine.core.seeds import stable_seed
from engine.ml.models.preprocessing import PAD_GREY
from engine.results.robustness import CorruptionKind


@dataclass(frozen=True, slots=True)
class Corruption:
    """A kind of corruption at one level."""

    kind: CorruptionKind
    level: float
    """In the unit of `Trial.level`."""


_LEVELS: dict[CorruptionKind, tuple[float, ...]] = {
    # By rising severity
    "rotation": (10, 30, 90),
    "blur": (1, 2, 4),
    "noise": (10, 25, 50),
    "darker": (0.75, 0.5, 0.25),
    "brighter": (1.25, 1.5, 2),
    "jpeg": (50, 20, 10),
    "scale": (50, 25, 12),
}
CORRUPTIONS = tuple(Corruption(kind, level) for kind, levels in _LEVELS.items() for level in levels)


def corrupt_images(images: Tensor, corruption: Corruption) -> Tensor:
    """Return corrupted copies of preprocessed images, uint8 (N, 3, S, S), of the same shape; deterministic."""
    side = images.shape[2]
    match corruption.kind:
        case "rotation":
            fill = [float(PAD_GREY)] * 3
            return F.rotate(images, corruption.level, F.InterpolationMode.BILINEAR, fill=fill)  # type: ignore[no-any-return]
        case "blur":
            sigma = corruption.level / 100 * side
            return F.gaussian_blur(images, [_kernel_size(sigma, side)] * 2, [sigma] * 2)  # type: ignore[no-any-return]
        case "noise":
            generator = torch.Generator().manual_seed(stable_seed(0, 0))
            noise = torch.randn(images.shape, generator=generator) * corruption.level
            return (images + noise).round().clamp(0, 255).to(torch.uint8)
        case "darker" | "brighter":
            return F.adjust_brightness(images, corruption.level)  # type: ignore[no-any-return]
        case "jpeg":
            return torch.stack([_compress_jpeg(image, int(corruption.level)) for image in images])
        case "scale":
            small = max(1, round(side * corruption.level / 100))
            return F.resize(F.resize(images, [small, small]), [side, side])  # type: ignore[no-any-return]


def _kernel_size(sigma: float, side: int) -> int:
    # A radius of 3 sigma holds 99.7 % of the kernel; reflection padding must be smaller than the image
    radius = min(max(1, round(3 * sigma)), side - 1)
    return 2 * radius + 1


def _compress_jpeg(image: Tensor, quality: int) -> Tensor:
    buffer = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()).save(buffer, "JPEG", quality=quality)
    return torch.from_numpy(np.asarray(Image.open(buffer)).copy()).permute(2, 0, 1)
