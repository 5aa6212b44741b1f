"""Tests of the origin of start weights."""

from pathlib import Path

import torch

from engine.config.backbones import INCLUDED_BACKBONE
from engine.config.settings import RunConfig
from engine.config.weight_origin import describe_weights
from engine.ml.models.build import build_model
from engine.ml.models.model_file import make_metadata, save_model
from engine.ml.models.preprocessing import Preprocessing
from engine.results.model_metadata import ModelMetadata, read_metadata
from engine.results.start_weights import find_origin

INCLUDED = describe_weights(INCLUDED_BACKBONE, "default")


def _metadata(config: RunConfig, started_from: str = "") -> ModelMetadata:
    preprocessing = Preprocessing(32, "crop", (0.5,) * 3, (0.5,) * 3)
    return make_metadata(config, ("ant", "bee"), preprocessing, torch.float32, None, None, started_from)


def _config(weights: str) -> RunConfig:
    return RunConfig().changed("model", backbone=INCLUDED_BACKBONE, weights=weights)


def _save(path: Path, weights: str) -> str:
    """Write a model that started from `weights` and return its path, the start weights of the next one."""
    metadata = _metadata(_config(weights), find_origin(INCLUDED_BACKBONE, weights))
    save_model(path, build_model(INCLUDED_BACKBONE, 2, 32, 0.0), metadata)
    return str(path)


def test_the_origin_is_kept_through_models_that_were_trained_further(tmp_path: Path) -> None:
    first = _save(tmp_path / "first.safetensors", "default")
    second = _save(tmp_path / "second.safetensors", first)
    Path(first).unlink()
    assert read_metadata(Path(second)).origin == find_origin(INCLUDED_BACKBONE, second) == INCLUDED


def test_a_file_of_another_program_or_a_missing_one_is_named(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.pth"
    foreign.write_bytes(b"not a model")
    assert find_origin("se_resnet", str(foreign)) == "the file foreign.pth"
    assert find_origin("se_resnet", str(tmp_path / "missing.pth")) == "the file missing.pth"


def test_a_model_that_does_not_state_its_origin_has_that_of_its_settings() -> None:
    assert _metadata(_config("default")).origin == INCLUDED
    assert _metadata(_config("none")).origin == "random weights"
