"""Tests of the curves for TensorBoard, read back with TensorBoard's own reader."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from engine import jobs
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import EpochDone, Event, Warned
from engine.data.dataset import scan
from engine.data.splits import split
from engine.ml.training import tensorboard as tracking
from engine.runs.run_folder import Run
from tests.journals import epoch, make_run
from tests.pictures import write_classes

TINY = (
    RunConfig()
    .changed("data", image_size=16)
    .changed("training", epochs=3, batch_size=8, device="cpu", tensorboard=True)
    .changed("optim", lr=5e-3)
)


def _curve(run: Run, name: str) -> list[tuple[int, float]]:
    accumulator = EventAccumulator(str(run.tensorboard_path))
    accumulator.Reload()
    return [(point.step, point.value) for point in accumulator.Scalars(name)]


def _train(tmp_path: Path) -> Run:
    dataset = split(scan(write_classes(tmp_path / "data", {"red": 12, "green": 12})), 0.25, 0)
    return run_to_end(jobs.train(dataset, TINY, tmp_path / "run"))


def test_tensorboard_reads_the_same_figures_as_stand_in_the_journal(tmp_path: Path) -> None:
    run = _train(tmp_path)
    epochs = run.history.epochs
    assert len(epochs) == 3
    for name, of in {
        "loss/train": lambda e: e.train.loss,
        "loss/val": lambda e: e.val.loss,
        "accuracy/val": lambda e: e.val.accuracy,
        "learning_rate": lambda e: e.lr,
    }.items():
        assert _curve(run, name) == [(e.epoch, pytest.approx(of(e))) for e in epochs]


def test_a_resumed_run_gives_one_curve_without_gaps_or_twins(tmp_path: Path) -> None:
    dataset = split(scan(write_classes(tmp_path / "data", {"red": 12, "green": 12})), 0.25, 0)
    work = jobs.train(dataset, TINY, tmp_path / "run")
    for event in work:
        if isinstance(event, EpochDone) and event.epoch == 2:  # in the journal by now, but not in TensorBoard's file
            break
    work.close()
    assert [step for step, _ in _curve(Run(tmp_path / "run"), "loss/val")] == [1]
    run = run_to_end(jobs.resume(tmp_path / "run"))
    assert [step for step, _ in _curve(run, "loss/val")] == [1, 2, 3]


def test_a_disk_that_refuses_the_curves_is_told_once_and_ends_nothing(
    tmp_path: Path,
) -> None:
    run = make_run(write_classes(tmp_path / "data", {"red": 4, "green": 4}), "run", config=TINY)
    run.tensorboard_path.write_text("a file where the folder should be")

    def events():  # type: ignore[no-untyped-def]
        yield epoch(1, 2)
        yield epoch(2, 2)
        return "done"

    told: list[Event] = []
    assert run_to_end(tracking.with_tensorboard(run, "{}", events()), told.append) == "done"
    assert [type(event) for event in told] == [EpochDone, Warned, EpochDone]


def test_asking_for_curves_without_tensorboard_fails_before_a_folder_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.runs.tensorboard.find_spec", lambda _: None)
    with pytest.raises(EngineError, match="pip install tensorboard"):
        _train(tmp_path)
    assert not (tmp_path / "run").exists()


def test_a_run_that_asks_for_no_curves_writes_none(tmp_path: Path) -> None:
    dataset = split(scan(write_classes(tmp_path / "data", {"red": 12, "green": 12})), 0.25, 0)
    run = run_to_end(jobs.train(dataset, TINY.changed("training", tensorboard=False, epochs=1), tmp_path / "run"))
    assert not run.tensorboard_path.exists()
