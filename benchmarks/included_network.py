"""The included network beside timm's: `python -m benchmarks.included_network`.

Prints the largest difference of the logits on random images and the speed of both, measured in turns.
"""

import statistics
import sys
import time

import timm
import torch
import tyro
from torch import Tensor, nn

from benchmarks.output import print_line
from benchmarks.published_network import load_published_network
from engine.config.backbones import INCLUDED_BACKBONE, find_backbone
from engine.config.local_weights import weights_path
from engine.ml.models.included_weights import read_included_weights

_SIDE = find_backbone(INCLUDED_BACKBONE).image_size


def main(batch_size: int = 16, repeats: int = 7, threads: int = 2) -> None:
    """Compare logits and speed.

    Args:
        batch_size: Number of random images.
        repeats: Number of timed batches of each network, after one that is not timed.
        threads: Compute threads of torch.
    """
    torch.set_num_threads(threads)
    ours, theirs = load_published_network(), timm_network()
    images = torch.rand(batch_size, 3, _SIDE, _SIDE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        difference = (ours(images) - theirs(images)).abs().max().item()
        largest = theirs(images).abs().max().item()
        pairs = [(_speed(ours, images), _speed(theirs, images)) for _ in range(repeats)]
    ratios = [one / other for one, other in pairs]
    speeds = [statistics.median(column) for column in zip(*pairs, strict=True)]
    print_line(
        f"Logits of {batch_size} random images: largest difference {difference:.2e}, largest logit {largest:.2f}"
    )
    print_line(
        f"Ours {speeds[0]:.1f}, timm {speeds[1]:.1f} images/s, ratio {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}; {repeats} pairs of batches of {batch_size}, {threads} threads)"
    )


def timm_network() -> nn.Module:
    """Return timm's network with the tensors of the same file in their order."""
    model: nn.Module = timm.create_model("tf_efficientnet_lite0")
    tensors = read_included_weights(weights_path(find_backbone(INCLUDED_BACKBONE)))
    model.load_state_dict(dict(zip(model.state_dict(), tensors, strict=True)))
    return model.eval()


def _speed(model: nn.Module, images: Tensor) -> float:
    """Return the images per second of one batch."""
    start = time.perf_counter()
    model(images)
    return len(images) / (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
