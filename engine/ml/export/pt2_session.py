"""Open an exported program of torch."""

from pathlib import Path

import torch

from engine.ml.export.verification_process import Images, Opened, Probabilities


def open_pt2(path: Path) -> Opened:
    """Return what runs the file, and the function from images to probabilities."""
    module = torch.export.load(path).module()

    def run(images: Images) -> Probabilities:
        with torch.inference_mode():
            probabilities: Probabilities = module(torch.from_numpy(images))[0].numpy()
        return probabilities

    return f"torch {torch.__version__}", run
