"""Tests of the writer of the best model and of checkpoints: when they are due, and what happens if a write fails."""

import errno
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import ValScores
from engine.ml.evaluation.metrics import compute_metrics
from engine.ml.evaluation.run_inference import Predictions
from engine.ml.evaluation.temperature import calibrate
from engine.ml.models.model_file import load_model
from engine.ml.runtime.precision import PrecisionChoice
from engine.ml.training.checkpoint import open_checkpoint
from engine.ml.training.checkpoint_writer import CheckpointWriter
from engine.ml.training.setup import prepare_run
from engine.ml.training.state import TrainState, make_train_state
from engine.results.evaluation import Evaluation, read_evaluation
from engine.results.model_metadata import read_metadata
from engine.runs.run_folder import Run
from tests.engine.ml.training.tiny_state import make_phase, make_state
from tests.engine.ml.training.training_runs import TINY, make_dataset

SUMS = torch.ones(3)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("engine.ml.training.checkpoint_writer.time", clock)
    return clock


@pytest.fixture
def state(tmp_path: Path) -> TrainState:
    """Return the state of a tiny run whose folder exists."""
    state = make_state()
    state.run = Run(tmp_path / "run")
    state.run.path.mkdir()
    return state


def _make_writer(state: TrainState, minutes: float = 5.0) -> CheckpointWriter:
    return CheckpointWriter(state.run, state.setup.model, minutes)


def _fail_writes(monkeypatch: pytest.MonkeyPatch, *names: str) -> pytest.MonkeyPatch:
    """Make every rename to a file with one of these names fail."""
    real = os.replace

    def fail(source: Path, target: Path) -> None:
        if Path(target).name in names:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    monkeypatch.setattr(os, "replace", fail)
    return monkeypatch


def test_a_checkpoint_is_due_after_the_interval_within_an_epoch(state: TrainState, clock: Clock) -> None:
    writer = _make_writer(state, minutes=5)
    clock.now += 299.9
    assert not writer.is_due(at_epoch_end=False)
    clock.now += 0.1
    assert writer.is_due(at_epoch_end=False)


def test_checkpoints_at_the_end_of_epochs_take_at_most_a_twentieth_of_the_time(
    state: TrainState, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = _make_writer(state)

    def write(*_: object) -> None:
        clock.now += 2.0

    monkeypatch.setattr("engine.ml.training.checkpoint_writer.write_checkpoint", write)
    assert writer.save_checkpoint(state, make_phase(state), SUMS) is None
    clock.now += 39.9
    assert not writer.is_due(at_epoch_end=True)
    clock.now += 0.1
    assert writer.is_due(at_epoch_end=True)
    assert not writer.is_due(at_epoch_end=False)


def test_a_checkpoint_is_due_after_the_interval_even_if_writing_takes_long(
    state: TrainState, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = _make_writer(state, minutes=1)

    def write(*_: object) -> None:
        clock.now += 100.0

    monkeypatch.setattr("engine.ml.training.checkpoint_writer.write_checkpoint", write)
    writer.save_checkpoint(state, make_phase(state), SUMS)
    clock.now += 60.0
    assert writer.is_due(at_epoch_end=True)


def test_before_the_first_checkpoint_its_duration_is_estimated_from_the_size_of_the_network(
    state: TrainState, clock: Clock
) -> None:
    network = torch.nn.Linear(10**6, 50, bias=False, device="meta")  # 200 MB, so three copies take 3 s
    writer = CheckpointWriter(state.run, network, minutes=1000)
    clock.now += 3.0 * 20 - 0.1
    assert not writer.is_due(at_epoch_end=True)
    clock.now += 0.2
    assert writer.is_due(at_epoch_end=True)


def test_a_checkpoint_replaces_that_of_version_0_1(state: TrainState) -> None:
    state.run.legacy_checkpoint_path.write_bytes(b"old")
    state.epoch = 7
    assert _make_writer(state).save_checkpoint(state, make_phase(state), SUMS) is None
    assert not state.run.legacy_checkpoint_path.exists()
    assert open_checkpoint(state.run.checkpoint_path).metadata.epoch == 7
    assert state.notices == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_state_that_is_not_finite_does_not_replace_the_checkpoint(state: TrainState, value: float) -> None:
    writer, phase = _make_writer(state), make_phase(state)
    assert writer.save_checkpoint(state, phase, torch.tensor([value, 1.0, 1.0])) is None
    with torch.no_grad():
        state.setup.model.head.bias[0] = value
    assert writer.save_checkpoint(state, phase, SUMS) is None
    assert not state.run.checkpoint_path.exists()


def test_checkpoints_that_cannot_be_written_give_the_reason_each_time_and_one_warning(
    state: TrainState, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fail_writes(monkeypatch, "checkpoint.safetensors")
    writer = _make_writer(state)
    reasons = [writer.save_checkpoint(state, make_phase(state), SUMS) for _ in range(2)]
    assert reasons == ["No space left on device."] * 2
    (notice,) = state.notices
    assert notice.startswith("A checkpoint cannot be saved: No space left on device. Training continues")


def test_a_checkpoint_that_does_not_fit_into_memory_is_skipped_with_a_warning(
    state: TrainState, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("engine.ml.training.checkpoint_writer.write_checkpoint", fail)
    assert _make_writer(state).save_checkpoint(state, make_phase(state), SUMS) == "There is not enough memory."
    assert "not enough memory" in state.notices[0]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainState, Evaluation]:
    """Return the state of a run after an epoch, and an evaluation, for tests that save the model."""
    dataset = make_dataset(tmp_path_factory.mktemp("images") / "data")
    state = make_train_state(
        run_to_end(prepare_run(TINY, dataset, PrecisionChoice(torch.float32, "as set"))), dataset, Run(Path())
    )
    state.stopping.update(1, ValScores(loss=0.5, accuracy=0.75))
    samples = dataset.of_split("val")
    predictions = Predictions(samples, torch.eye(3)[[sample.label for sample in samples]])
    state.calibration = calibrate(predictions.logits, predictions.labels)
    return state, compute_metrics(predictions, dataset.root, dataset.classes, None)


@pytest.fixture
def best(trained: tuple[TrainState, Evaluation], tmp_path: Path) -> tuple[TrainState, Evaluation]:
    """Return a copy of the trained state with a run folder of its own."""
    run = Run(tmp_path / "run")
    run.path.mkdir()
    return replace(trained[0], run=run, notices=[]), trained[1]


def test_the_best_model_is_saved_with_its_scores_and_its_evaluation(best: tuple[TrainState, Evaluation]) -> None:
    state, evaluation = best
    _make_writer(state).save_best(state, evaluation)
    model, metadata = load_model(state.run.model_path)
    assert metadata.best == state.stopping.best
    assert metadata.calibration == state.calibration is not None
    assert metadata.classes == state.dataset.classes
    assert torch.equal(model.head.weight, state.setup.model.head.weight)
    assert read_evaluation(state.run.results_path) == evaluation
    assert state.notices == []


def test_an_unvalidated_model_is_saved_without_an_evaluation(best: tuple[TrainState, Evaluation]) -> None:
    state, _ = best
    _make_writer(state).save_best(state, None)
    assert [path.name for path in state.run.path.iterdir()] == ["model.safetensors"]


def test_only_the_first_process_saves_the_best_model(
    best: tuple[TrainState, Evaluation], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, evaluation = best
    monkeypatch.setattr("engine.ml.runtime.distributed.rank", lambda: 1)
    _make_writer(state).save_best(state, evaluation)
    assert list(state.run.path.iterdir()) == []


def test_a_best_model_that_cannot_be_written_is_kept_in_memory_and_written_later(
    best: tuple[TrainState, Evaluation], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, evaluation = best
    writer = _make_writer(state)
    with monkeypatch.context() as patch:
        _fail_writes(patch, "model.safetensors")
        writer.save_best(state, evaluation)
        writer.flush_pending(state)
        reason = writer.save_checkpoint(state, make_phase(state), SUMS)
    assert not state.run.results_path.exists(), "the evaluation is written after its model"
    assert not state.run.checkpoint_path.exists(), "a checkpoint would count the best model as saved"
    assert reason == "No space left on device."
    assert len(state.notices) == 1
    assert state.notices[0].startswith("The best model cannot be saved: No space left on device.")
    writer.finish()
    assert read_metadata(state.run.model_path).best == state.stopping.best
    assert read_evaluation(state.run.results_path) == evaluation


def test_at_the_end_a_pending_model_is_saved_elsewhere_and_the_error_has_the_folder(
    best: tuple[TrainState, Evaluation], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, evaluation = best
    writer = _make_writer(state)
    state.run.path.rmdir()
    writer.save_best(state, evaluation)
    folder = home / "rescued" / "run"
    with pytest.raises(
        EngineError, match=re.escape(f"No such file or directory. The best model was saved to {folder}")
    ) as failure:
        writer.finish()
    assert failure.value.message.startswith("The run folder cannot be written to: No such file")
    assert failure.value.path == state.run.path
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "results.json"}
    writer.finish()  # nothing is pending any more


def test_a_pending_model_goes_to_the_temporary_folder_if_the_home_folder_cannot_be_written_either(
    best: tuple[TrainState, Evaluation], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, evaluation = best
    writer = _make_writer(state)
    state.run.path.rmdir()
    writer.save_best(state, evaluation)
    home.write_text("a file where the folder should be")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "temporary"))
    with pytest.raises(EngineError, match="was saved to"):
        writer.finish()
    assert read_metadata(tmp_path / "temporary" / "run" / "model.safetensors").best is not None


def test_an_error_says_that_a_model_could_not_be_saved_anywhere(
    best: tuple[TrainState, Evaluation], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, evaluation = best
    writer = _make_writer(state)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "temporary"))
    _fail_writes(monkeypatch, "model.safetensors")
    writer.save_best(state, evaluation)
    with pytest.raises(EngineError, match="could not be saved; the one saved before is kept"):
        writer.finish()
