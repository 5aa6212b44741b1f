"""Tests of keeping a loaded model between predictions and explanations."""

import os
import time
from pathlib import Path

import pytest
import torch

from engine.ml.evaluation import explain
from engine.ml.evaluation.predict import open_predictor
from engine.ml.models.model_file import load_model, save_model
from engine.runs.run_folder import Run

MODIFIED = 10**18
"""An even second, as all modification times on FAT are."""


def _write(run: Run, path: Path, bias: float) -> None:
    """Write the model of a run with another bias, and the modification time of the file before."""
    model, metadata = load_model(run.model_path)
    torch.nn.init.constant_(model.head.bias, bias)
    save_model(path, model, metadata)
    os.utime(path, ns=(MODIFIED, MODIFIED))


def test_an_unchanged_model_is_loaded_once(tiny_run: Run) -> None:
    assert open_predictor(tiny_run.model_path) is open_predictor(tiny_run.model_path)


def test_a_model_that_was_rewritten_within_the_resolution_of_file_times_is_loaded_again(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other, embeddings = tmp_path / "model.safetensors", tmp_path / "other.safetensors", torch.zeros(1, 256)
    _write(tiny_run, path, 1.0)
    _write(tiny_run, other, 2.0)
    clock = iter(range(MODIFIED + 10**8, MODIFIED + 10**9, 10**7))
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    first = open_predictor(path)
    path.write_bytes(other.read_bytes())  # the same inode, size and time
    os.utime(path, ns=(MODIFIED, MODIFIED))
    second = open_predictor(path)
    assert not torch.equal(first.head(embeddings), second.head(embeddings))


def test_explanations_use_the_model_that_replaced_another_of_the_same_size_and_time(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[float] = []
    original = explain.open_model
    monkeypatch.setattr(
        explain,
        "open_model",
        lambda path: (model := original(path), opened.append(model.network.head.bias[0].item()))[0],
    )
    path = tmp_path / "model.safetensors"
    image = tiny_run.dataset.root / tiny_run.dataset.samples[0].path
    for bias in (1.0, 2.0):
        _write(tiny_run, path, bias)
        explain.explain_image(path, image, None)
    assert opened == [1.0, 2.0]
