"""Tests of the training curves for TensorBoard, read back with TensorBoard's own reader."""

from collections.abc import Generator
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from engine import jobs
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import EpochDone, Event, Warned
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.training import tensorboard as tracking
from engine.runs.run_folder import Run
from tests.engine.ml.training import training_runs
from tests.event_logs import epoch_done, make_run
from tests.images import write_classes

TINY = training_runs.TINY.changed("training", tensorboard=True)


def _curve(run: Run, name: str) -> list[tuple[int, float]]:
    accumulator = EventAccumulator(str(run.tensorboard_path))
    accumulator.Reload()
    return [(point.step, point.value) for point in accumulator.Scalars(name)]


def _make_dataset(tmp_path: Path) -> Dataset:
    return split(scan(write_classes(tmp_path / "data", {"red": 6, "green": 6})), 0.25, 0)


def _train(tmp_path: Path) -> Run:
    return run_to_end(jobs.train(_make_dataset(tmp_path), TINY, tmp_path / "run"))


def _epochs(num_epochs: int) -> Generator[Event, None, str]:
    for number in range(1, num_epochs + 1):
        yield epoch_done(number)
    return "done"


def test_tensorboard_has_the_same_values_as_the_event_log(tmp_path: Path) -> None:
    run = _train(tmp_path)
    epochs = run.history.epochs
    assert len(epochs) == 2
    for name, of in {
        "loss/train": lambda e: e.train.loss,
        "loss/val": lambda e: e.val.loss,
        "accuracy/train": lambda e: e.train.plain_accuracy,
        "accuracy/val": lambda e: e.val.accuracy,
        "learning_rate": lambda e: e.lr,
        "seconds": lambda e: e.seconds,
    }.items():
        assert _curve(run, name) == [(e.epoch, pytest.approx(of(e))) for e in epochs]


def test_a_resumed_run_gives_one_curve_without_gaps_or_repeated_epochs(tmp_path: Path) -> None:
    config = TINY.changed("training", epochs=3)
    work = jobs.train(_make_dataset(tmp_path), config, tmp_path / "run")
    for event in work:
        if isinstance(event, EpochDone) and event.epoch == 2:  # already in the event log, but not in TensorBoard's file
            break
    work.close()
    assert [step for step, _ in _curve(Run(tmp_path / "run"), "loss/val")] == [1]
    run = run_to_end(jobs.resume(tmp_path / "run"))
    assert [step for step, _ in _curve(run, "loss/val")] == [1, 2, 3]


def test_curves_that_cannot_be_written_give_one_warning_and_training_continues(tmp_path: Path) -> None:
    run = make_run(write_classes(tmp_path / "data", {"red": 4, "green": 4}), "run", config=TINY)
    run.tensorboard_path.write_text("a file where the folder should be")
    events: list[Event] = []
    assert run_to_end(tracking.with_tensorboard(run, "{}", _epochs(2)), events.append) == "done"
    first, warning, second = events
    assert (first, second) == (epoch_done(1), epoch_done(2))
    assert isinstance(warning, Warned)
    assert "cannot be written: File exists. Training continues" in warning.message


def test_the_settings_of_the_run_are_shown_as_text(tmp_path: Path) -> None:
    run = make_run(write_classes(tmp_path / "data", {"red": 4, "green": 4}), "run", config=TINY)
    run_to_end(tracking.with_tensorboard(run, '{"lr": 0.5}', _epochs(1)))
    accumulator = EventAccumulator(str(run.tensorboard_path))
    accumulator.Reload()
    (text,) = accumulator.Tensors("settings/text_summary")
    assert text.tensor_proto.string_val[0].decode() == '```json\n{"lr": 0.5}\n```'


def test_without_tensorboard_a_run_that_needs_it_fails_before_its_folder_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.runs.tensorboard.find_spec", lambda _: None)
    with pytest.raises(EngineError, match="pip install tensorboard"):
        _train(tmp_path)
    assert not (tmp_path / "run").exists()


def test_no_curves_are_written_unless_the_settings_ask_for_them(tmp_path: Path) -> None:
    config = TINY.changed("training", tensorboard=False, epochs=1)
    run = run_to_end(jobs.train(_make_dataset(tmp_path), config, tmp_path / "run"))
    assert not run.tensorboard_path.exists()
