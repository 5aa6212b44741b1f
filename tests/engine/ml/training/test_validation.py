"""Tests of the validation half of an epoch, on a tiny network."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from engine.core.event_stream import run_to_end
from engine.core.events import Event, Progress, Warned
from engine.ml.evaluation.run_inference import Predictions
from engine.ml.loading.loader import Batch
from engine.ml.training.state import TrainState
from engine.ml.training.validation import score_clean_train, validate
from engine.results.evaluation import Unreadable
from tests.engine.ml.training.tiny_state import TensorSource, make_batch, make_phase, make_state

UNREADABLE = (Unreadable(path="9.png", reason="It is damaged."),)


@pytest.fixture(autouse=True)
def all_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Report progress after each batch."""
    monkeypatch.setattr("engine.core.progress.SECONDS_BETWEEN", 0)


@dataclass
class ValidationSource(TensorSource):
    """Batch source with two validation batches, one of clean training images, and an unreadable image in each."""

    def val_batches(self) -> Iterable[Batch]:
        return [make_batch([0, 1, 2, 0]), replace(make_batch([1]), unreadable=UNREADABLE)]

    def clean_train_batches(self) -> Iterable[Batch]:
        return [replace(make_batch([2, 2]), unreadable=UNREADABLE)]


def _make_state(tmp_path: Path, **plan: object) -> TrainState:
    """Return a state whose model predicts class 2 for every image."""
    state = make_state(**plan)
    state.dataset = replace(state.dataset, root=tmp_path)
    with torch.no_grad():
        state.eval_model.head.weight.zero_()
        state.eval_model.head.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    return state


def _validate(state: TrainState) -> tuple[Predictions, list[Event]]:
    phase = make_phase(state)
    phase.source = ValidationSource(state.setup.model, make_batch())
    events: list[Event] = []
    return run_to_end(validate(state, phase), events.append), events


def test_the_ema_weights_are_validated_in_eval_mode(tmp_path: Path) -> None:
    state = _make_state(tmp_path, ema_decay=0.9)
    state.eval_model.train()
    predictions, _ = _validate(state)
    assert torch.equal(predictions.logits, torch.tensor([[1.0, 2.0, 3.0]]).expand(5, 3))
    assert not state.eval_model.training


def test_validation_predicts_every_readable_image_and_warns_of_the_others(tmp_path: Path) -> None:
    predictions, events = _validate(_make_state(tmp_path))
    assert predictions.labels.tolist() == [0, 1, 2, 0, 1]
    assert predictions.unreadable == UNREADABLE
    assert [event.path for event in events if isinstance(event, Warned)] == ["9.png"]


def test_progress_of_validation_has_the_epoch_and_the_images_done(tmp_path: Path) -> None:
    state = _make_state(tmp_path)
    state.epoch = 4
    _, events = _validate(state)
    progress = [(event.stage, event.epoch, event.done, event.total) for event in events if isinstance(event, Progress)]
    assert progress == [("validate", 5, 4, 6), ("validate", 5, 6, 6)]


def test_progress_of_validation_counts_a_validated_image_as_a_fifth_of_a_trained_one(tmp_path: Path) -> None:
    state = _make_state(tmp_path, epochs=2)
    state.work_done, state.started = 6.0, state.started - 10.0  # of 2 * (6 + 6 / 5)
    _, events = _validate(state)
    first, last = (event.seconds_left for event in events if isinstance(event, Progress))
    assert first == pytest.approx(10.0 / 6.8 * 7.6, rel=0.02)
    assert last == pytest.approx(10.0, rel=0.02)
    assert state.work_done == pytest.approx(7.2)


def test_the_duration_of_the_validation_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([100.0, 103.0])
    monkeypatch.setattr("engine.ml.training.validation.time", type("Clock", (), {"monotonic": lambda: next(times)}))
    state = _make_state(tmp_path)
    _validate(state)
    assert state.validation_seconds == 3.0


def _score_clean_train(state: TrainState) -> tuple[float, list[Event]]:
    phase = make_phase(state)
    clean = make_batch([2, 2]).samples
    phase.source = ValidationSource(state.setup.model, make_batch(), clean_train_samples=clean)
    events: list[Event] = []
    return run_to_end(score_clean_train(state, phase), events.append).accuracy, events


def test_clean_training_images_are_scored_with_the_ema_weights(tmp_path: Path) -> None:
    accuracy, _ = _score_clean_train(_make_state(tmp_path, ema_decay=0.9))
    assert accuracy == 1.0


def test_scoring_clean_training_images_reports_progress_and_warns_of_unreadable_ones(tmp_path: Path) -> None:
    state = _make_state(tmp_path)
    state.epoch = 4
    progress, warned = _score_clean_train(state)[1]
    assert isinstance(progress, Progress)
    assert (progress.stage, progress.epoch, progress.done, progress.total) == ("validate", 5, 3, 2)
    assert warned == Warned(message="Left out: It is damaged.", path="9.png")


def test_the_predictions_of_all_processes_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ml.runtime.distributed.all_gather", lambda predictions: [predictions, predictions])
    state = _make_state(tmp_path)
    assert len(_validate(state)[0].samples) == 10
    assert _score_clean_train(state)[0] == 1.0
