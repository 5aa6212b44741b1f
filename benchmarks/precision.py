"""Speed of bfloat16 and of the memory layouts on this CPU, as ratios to float32: `python -m benchmarks.precision`.

The table decides which backbones `engine/ml/runtime/precision.py` trains in bfloat16.
"""

import copy
import time

import torch
import tyro
from torch import Tensor, nn

from benchmarks.output import print_header, print_row
from engine.config.backbones import find_backbone
from engine.ml.models.build import build_model

BACKBONES = (
    *("se_resnet", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "efficientnet_b0", "efficientnet_v2_s"),
    "efficientnet_lite0",
    *("resnet18", "resnet50", "resnext50_32x4d", "wide_resnet50_2", "regnet_x_400mf", "regnet_y_400mf", "densenet121"),
    *("googlenet", "inception_v3", "mnasnet1_0", "shufflenet_v2_x1_0", "squeezenet1_1", "alexnet", "vgg11"),
    *("convnext_tiny", "vit_b_16", "swin_t", "swin_v2_t", "maxvit_t"),
)
CANDIDATES = {
    "float32": (torch.float32, torch.channels_last),
    "bfloat16": (torch.bfloat16, torch.channels_last),
    "float32, contiguous": (torch.float32, torch.contiguous_format),
    "bfloat16, contiguous": (torch.bfloat16, torch.contiguous_format),
}


def main(backbones: tuple[str, ...] = BACKBONES, images: int = 8, repeats: int = 5) -> None:
    """Print the speed of each candidate, training and predicting with random weights.

    The candidates take turns, and the shortest duration of each counts, so that other programs disturb little.

    Args:
        backbones: Names of the backbones.
        images: Images per batch.
        repeats: Number of turns.
    """
    print_header("backbone", "what", "float32, images/s", *(f"{name}, ratio" for name in list(CANDIDATES)[1:]))
    for name in backbones:
        torch.manual_seed(0)
        size = find_backbone(name).image_size
        network, batch = build_model(name, 5, size, 0.2), torch.randn(images, 3, size, size)
        for is_training in (True, False):
            seconds = _time_candidates(network, batch, is_training, repeats)
            ratios = (f"{seconds[0] / other:.2f}" for other in seconds[1:])
            print_row(name, "training" if is_training else "prediction", f"{images / seconds[0]:.1f}", *ratios)


def _time_candidates(network: nn.Module, batch: Tensor, is_training: bool, repeats: int) -> list[float]:
    """Return the shortest duration of each candidate in seconds."""
    networks = [
        copy.deepcopy(network).to(memory_format=layout).train(is_training)  # type: ignore[call-overload]
        for _, layout in CANDIDATES.values()
    ]
    shortest = [float("inf")] * len(CANDIDATES)
    for _ in range(repeats):
        for number, (dtype, layout) in enumerate(CANDIDATES.values()):
            images = batch.contiguous(memory_format=layout)
            started = time.perf_counter()
            with (
                torch.autocast("cpu", dtype, enabled=dtype != torch.float32),
                torch.set_grad_enabled(is_training),
            ):
                outputs = networks[number](images)
            if is_training:
                outputs.float().sum().backward()
            shortest[number] = min(shortest[number], time.perf_counter() - started)
    return shortest


if __name__ == "__main__":
    tyro.cli(main)
