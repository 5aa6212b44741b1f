"""Tests that a prediction imports only what it needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.config.settings import RunConfig
from engine.ml.models.build import build_model
from engine.ml.models.model_file import make_metadata, save_model
from engine.ml.models.preprocessing import Preprocessing
from tests.images import draw_image

ROOT = Path(__file__).parents[3]
SLOW_PACKAGES = (
    *("torchvision", "torch._dynamo", "torch._inductor", "sympy", "triton", "torch.onnx", "onnx", "sklearn"),
    *("matplotlib", "pandas", "scipy.stats", "scipy.optimize", "scipy.spatial", "scipy.special", "scipy.cluster"),
)
PREDICT_AND_EXPLAIN = f"""
import sys
from pathlib import Path
from engine import jobs
from engine.core.event_stream import run_to_end
model, image = map(Path, sys.argv[1:])
assert run_to_end(jobs.predict(model, [image])) == 1
run_to_end(jobs.explain(model, image))
print(*(name for name in {SLOW_PACKAGES!r} if name in sys.modules))
"""


@pytest.mark.parametrize("backbone", ["se_resnet", "efficientnet_lite0"])
def test_a_prediction_of_a_network_of_this_program_leaves_slow_packages_unloaded(tmp_path: Path, backbone: str) -> None:
    assert _packages_of_a_prediction(tmp_path, backbone) == []


def test_a_prediction_of_a_network_of_torchvision_loads_it(tmp_path: Path) -> None:
    assert "torchvision" in _packages_of_a_prediction(tmp_path, "squeezenet1_1")


def _packages_of_a_prediction(folder: Path, backbone: str) -> list[str]:
    """Return the slow packages that a process has loaded after it predicted and explained one image."""
    config = RunConfig().changed("model", backbone=backbone).changed("data", image_size=32)
    preprocessing = Preprocessing(32, "crop", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    metadata = make_metadata(config, ("a", "b"), preprocessing, torch.float32, None, None)
    save_model(folder / "model.safetensors", build_model(backbone, 2, 32, 0.1), metadata)
    draw_image((200, 40, 40), seed=7).save(folder / "image.png")
    command = [sys.executable, "-c", PREDICT_AND_EXPLAIN, str(folder / "model.safetensors"), str(folder / "image.png")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return process.stdout.split()
