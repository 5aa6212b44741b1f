"""Tests of what is saved of a run that was stopped or failed, with a writer that records its calls."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from torch import Tensor

from engine.core.errors import EngineError
from engine.core.events import Best, ValScores
from engine.ml.models.model_file import save_model
from engine.ml.training.loop import _run_done, _save_unfinished
from engine.ml.training.phases import Phase
from engine.ml.training.state import TrainState
from engine.runs.run_folder import Run
from tests.engine.ml.training.tiny_state import make_phase, make_state


@dataclass
class RecordingWriter:
    """Writes nothing and records its calls."""

    reason: str | None = None
    """Why checkpoints cannot be saved."""
    calls: list[str] = field(default_factory=list)

    def save_best(self, state: TrainState, evaluation: object) -> None:
        assert evaluation is None
        self.calls.append("best")

    def save_checkpoint(self, state: TrainState, phase: Phase, sums: Tensor) -> str | None:
        assert phase is state.phase
        self.calls.append("checkpoint")
        return self.reason

    def finish(self) -> None:
        self.calls.append("finish")


@pytest.fixture
def state(tmp_path: Path) -> TrainState:
    """Return the state of a run in its first epoch, whose folder holds the untrained model."""
    state = make_state()
    state.run = Run(tmp_path / "run")
    state.run.path.mkdir()
    state.phase = make_phase(state)
    _save_model(state, None)
    return state


def _save_model(state: TrainState, best: Best | None) -> None:
    metadata = state.setup.make_metadata(("a", "b", "c"), best, None).model_copy(update={"image_size": 32})
    save_model(state.run.model_path, state.setup.model, metadata)


def _saved(state: TrainState, has_diverged: bool = False) -> list[str]:
    writer = RecordingWriter()
    _save_unfinished(state, writer, has_diverged)  # type: ignore[arg-type]
    return writer.calls


def test_a_run_stopped_in_its_first_epoch_saves_the_unvalidated_model_and_a_checkpoint(state: TrainState) -> None:
    assert _saved(state) == ["best", "checkpoint", "finish"]
    state.run.model_path.unlink()
    assert _saved(state) == ["best", "checkpoint", "finish"]


def test_an_unvalidated_model_does_not_replace_a_validated_one(state: TrainState) -> None:
    _save_model(state, Best(epoch=1, accuracy=0.5, loss=1.0))
    assert _saved(state) == ["checkpoint", "finish"]


def test_the_best_model_is_kept_even_if_it_could_not_be_written_yet(state: TrainState) -> None:
    state.stopping.update(1, ValScores(loss=1.0, accuracy=0.5))
    assert _saved(state) == ["checkpoint", "finish"]


def test_a_diverged_run_saves_no_checkpoint_because_resuming_would_fail_again(state: TrainState) -> None:
    assert _saved(state, has_diverged=True) == ["finish"]


def test_a_run_stopped_before_its_first_phase_has_nothing_to_save(state: TrainState) -> None:
    state.phase = None
    assert _saved(state) == ["finish"]


def test_a_process_that_stops_alone_saves_no_checkpoint_under_ddp(
    state: TrainState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.ml.runtime.distributed.world_size", lambda: 2)
    assert _saved(state) == ["finish"]


def test_a_checkpoint_that_cannot_be_saved_is_an_error_after_pending_files_were_written(state: TrainState) -> None:
    writer = RecordingWriter(reason="The disk is full.")
    with pytest.raises(EngineError, match="could not be saved: The disk is full") as failure:
        _save_unfinished(state, writer, has_diverged=False)  # type: ignore[arg-type]
    assert failure.value.path == state.run.path
    assert writer.calls[-1] == "finish"


def test_pending_files_are_written_even_if_saving_a_checkpoint_raises_an_error(
    state: TrainState, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    writer = RecordingWriter()
    monkeypatch.setattr(writer, "save_checkpoint", fail)
    with pytest.raises(MemoryError):
        _save_unfinished(state, writer, has_diverged=False)  # type: ignore[arg-type]
    assert writer.calls[-1] == "finish"


@pytest.mark.parametrize("is_stopped", [True, False])
def test_the_last_event_has_the_model_the_best_epoch_and_the_duration(state: TrainState, is_stopped: bool) -> None:
    state.stopping.update(1, ValScores(loss=1.0, accuracy=0.5))
    state.started -= 60.0
    done = _run_done(state, is_stopped)
    assert (done.model, done.best, done.stopped) == (str(state.run.model_path), state.stopping.best, is_stopped)
    assert done.seconds == pytest.approx(60.0, abs=5.0)
