"""Tests of the summary of a run in its report."""

from pathlib import Path

import pytest
import torch

from engine.config.backbones import INCLUDED_BACKBONE
from engine.config.settings import RunConfig
from engine.config.weight_origin import describe_weights
from engine.data.dataset import Dataset
from engine.ml.models.model_file import make_metadata
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.report.run_summary import summarize_run
from engine.runs.history import History

INCLUDED = describe_weights(INCLUDED_BACKBONE, "default")


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("none", "random weights"),
        ("default", INCLUDED),
        ("/home/me/first.safetensors", f"the file first.safetensors, which started from {INCLUDED}"),
    ],
)
def test_the_origin_of_the_start_weights_is_part_of_the_summary(weights: str, expected: str) -> None:
    config = RunConfig().changed("model", backbone=INCLUDED_BACKBONE, weights=weights)
    preprocessing = Preprocessing(32, "crop", (0.5,) * 3, (0.5,) * 3)
    started_from = "random weights" if weights == "none" else INCLUDED
    metadata = make_metadata(config, ("ant", "bee"), preprocessing, torch.float32, None, None, started_from)
    rows = dict(summarize_run(metadata, config, Dataset(Path("data"), ("ant", "bee"), ()), History()))
    assert rows["Started from"] == expected
