"""Tests of training with a time budget."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.core.events import RunDone
from engine.data.dataset import Dataset
from engine.ml.models.build import build_model
from tests.engine.ml.training.training_runs import TINY, epochs_of, fit_run, make_dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return make_dataset(tmp_path / "data")


def test_a_time_budget_ends_the_run_and_the_number_of_epochs_does_not(dataset: Dataset, tmp_path: Path) -> None:
    _, events = fit_run(dataset, TINY.changed("training", budget="2s", epochs=1), tmp_path / "run")
    assert len(epochs_of(events)) > 1
    assert isinstance(events[-1], RunDone)
    assert events[-1].best is not None


def test_with_pretrained_weights_a_time_budget_starts_with_cached_features_and_continues_with_all_layers(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.ml.training.build_phases.QUICK_EPOCHS", 1)  # so that a busy machine gets beyond them
    monkeypatch.setattr("engine.ml.training.race._is_decided", lambda _: False)  # the head alone is perfect
    torch.manual_seed(0)
    save_file(build_model("se_resnet", 3, 16, 0.2).state_dict(), tmp_path / "pretrained.safetensors")
    config = TINY.changed("model", weights=str(tmp_path / "pretrained.safetensors")).changed("training", budget="3s")
    epochs = epochs_of(fit_run(dataset, config, tmp_path / "run")[1])
    assert [epoch.epoch for epoch in epochs] == list(range(1, len(epochs) + 1))
    assert len(epochs) > 1
    assert all(epoch.epochs >= epoch.epoch for epoch in epochs)
