"""Open an exported program of torch (pt2)."""

from pathlib import Path

import torch

from engine.ml.export.verification_process import Images, Opened, Probabilities


def open_pt2(path: Path) -> Opened:
    """Return the name and version of torch, and a function that runs the file on images."""
    module = torch.export.load(path).module()

    def run(images: Images) -> Probabilities:
        with torch.inference_mode():
            probabilities: Probabilities = module(torch.from_numpy(images))[0].numpy()
        return probabilities

    return f"torch {torch.__version__}", run
