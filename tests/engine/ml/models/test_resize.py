"""Tests of engine.ml.models.resize, compared with torchvision."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as F

from engine.ml.models.resize import resize

SIDES = (1, 2, 3, 17, 40, 64, 131, 224, 375)
RESIZED = (2, 32, 77, 224, 269)
ROOT = Path(__file__).parents[4]
COMPARE = """
import torch
from tests.engine.ml.models.test_resize import differing_sizes
print(torch.backends.cpu.get_cpu_capability(), differing_sizes(), sep="\\n")
"""


def decoded(height: int, width: int) -> torch.Tensor:
    """Return an image of random pixels, uint8, shape (3, H, W), in the memory order of decoded pixels."""
    pixels = np.random.default_rng([height, width]).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return torch.from_numpy(pixels).permute(2, 0, 1)


def differing_sizes() -> list[tuple[int, int, int, int]]:
    """Return the sizes, before and after, at which our bits are not torchvision's, or not in the order (H, W, 3)."""
    differing = []
    for position, (height, width) in enumerate((height, width) for height in SIDES for width in SIDES):
        image = decoded(height, width)
        if position % 2:  # as after the ends of a long strip are cut off
            image = decoded(height, 2 * width)[:, :, width // 2 : width // 2 + width]
        for number, new_height in enumerate(RESIZED):
            new_width = RESIZED[(number + position) % len(RESIZED)]
            expected = F.resize(image, [new_height, new_width], antialias=True)
            resized = resize(image, new_height, new_width)
            if not torch.equal(resized, expected) or not resized.permute(1, 2, 0).is_contiguous():
                differing.append((height, width, new_height, new_width))
    return differing


def test_resizing_gives_the_same_bits_as_torchvision_and_keeps_the_memory_order() -> None:
    assert differing_sizes() == []


@pytest.mark.parametrize(("setting", "capability"), [("default", "DEFAULT"), ("avx2", "AVX2")])
def test_resizing_gives_the_same_bits_on_older_processors(setting: str, capability: str) -> None:
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        pytest.skip("this processor is not a newer one of this family")
    environment = os.environ | {"ATEN_CPU_CAPABILITY": setting, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", COMPARE]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert process.stdout.splitlines() == [capability, "[]"], process.stderr


def test_an_image_that_has_the_size_already_is_returned_as_it_is() -> None:
    image = decoded(40, 30)
    assert resize(image, 40, 30) is image
