"""Tests of the head that is fitted to cached features."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.core.events import EpochDone, RunStarted
from engine.ml.training.head_fit import _log_shares, replace_head
from engine.results.model_metadata import read_metadata
from tests.engine.ml.training.tiny_state import make_state
from tests.engine.ml.training.training_runs import TINY, epochs_of, fit_run, make_dataset


def test_quick_mode_begins_with_a_fitted_head_that_classifies_easy_images(tmp_path: Path) -> None:
    _, events = fit_run(make_dataset(tmp_path / "data"), TINY.changed("training", mode="quick"), tmp_path / "run")
    epochs = epochs_of(events)
    assert [(epoch.epoch, epoch.epochs) for epoch in epochs] == [(1, 2), (2, 2)]
    assert epochs[0].val.accuracy == epochs[0].train.accuracy == 1.0
    assert epochs[0].val.loss < 0.1
    kinds = [type(event) for event in events if isinstance(event, RunStarted | EpochDone)]
    assert kinds[0] is RunStarted


def test_the_fitted_head_is_in_the_saved_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ml.training.loop.run_phase", lambda *_: iter(()))
    run, events = fit_run(make_dataset(tmp_path / "data"), TINY.changed("training", mode="quick"), tmp_path / "run")
    (epoch,) = epochs_of(events)
    best = read_metadata(run.model_path).best
    assert best is not None
    assert (best.epoch, best.accuracy) == (epoch.epoch, epoch.val.accuracy)


@pytest.mark.parametrize("mode", ["quick", "full"])
def test_a_head_for_these_classes_from_the_start_weights_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    dataset = make_dataset(tmp_path / "data")
    first, _ = fit_run(dataset, TINY, tmp_path / "first")
    fitted: list[object] = []
    for module in ("head_fit", "head_start"):
        monkeypatch.setattr(f"engine.ml.training.{module}.replace_head", lambda *_: fitted.append(1))
    start = {"weights": str(first.model_path)}
    fit_run(dataset, TINY.changed("model", **start).changed("training", mode=mode, epochs=1), tmp_path / "second")
    assert not fitted
    other = replace(dataset, classes=("green", "red", "violet"))
    fit_run(other, TINY.changed("model", **start).changed("training", mode=mode, epochs=1), tmp_path / "third")
    assert fitted


@pytest.mark.parametrize(("size", "is_fitted"), [(1e-4, False), (1.0, True)])
def test_no_head_is_fitted_to_tiny_embeddings(size: float, is_fitted: bool) -> None:
    state = make_state()
    before = state.setup.model.head.weight.detach().clone()
    embeddings = size * torch.randn(12, before.shape[1], generator=torch.Generator().manual_seed(0))
    replace_head(state, embeddings, torch.arange(12) % 3, torch.arange(12))
    assert (not torch.equal(before, state.setup.model.head.weight)) == is_fitted


def test_a_rare_class_is_as_probable_as_others_if_classes_are_balanced() -> None:
    shares = _log_shares(torch.tensor([0, 0, 0, 2]), 3)
    assert shares.exp().tolist() == pytest.approx([0.75, 1.0, 0.25])
