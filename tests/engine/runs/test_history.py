"""Tests of the history of a run."""

from engine.core.events import EpochDone, Progress, TrainScores, ValScores, Warned
from engine.runs.history import History


def _epoch(number: int, accuracy: float, best: bool) -> EpochDone:
    return EpochDone(
        epoch=number,
        epochs=3,
        train=TrainScores(loss=1, accuracy=0.5, plain_accuracy=0.5),
        val=ValScores(loss=1, accuracy=accuracy),
        lr=0.1,
        seconds=1,
        best=best,
    )


def test_the_best_epoch_is_the_last_one_marked_as_best() -> None:
    history = History.from_events([_epoch(1, 0.5, True), _epoch(2, 0.8, True), _epoch(3, 0.7, False)])
    assert history.best is not None
    assert (history.best.epoch, history.best.accuracy) == (2, 0.8)


def test_positions_of_step_losses_are_in_epochs() -> None:
    history = History.from_events(
        [
            Progress(stage="train", done=5, total=10, epoch=1, loss=2.0),
            Progress(stage="validate", done=5, total=10, epoch=1),
            Progress(stage="train", done=10, total=10, epoch=2, loss=1.0),
        ]
    )
    assert history.step_positions == [0.5, 2.0]
    assert history.step_losses == [2.0, 1.0]


def test_warnings_are_collected_and_a_run_without_epochs_has_no_best() -> None:
    history = History.from_events([Warned(message="a")])
    assert [warning.message for warning in history.warnings] == ["a"]
    assert history.best is None
