"""Tests of the history of a run."""

from engine.core.events import CandidateDone, EpochDone, Progress, RaceDone, TrainScores, ValScores, Warned
from engine.runs.history import MAX_CANDIDATES, History


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


def _candidate(name: str, accuracy: float) -> CandidateDone:
    return CandidateDone(name=name, epoch=1, accuracy=accuracy, loss=1, seconds=2)


def test_candidates_and_the_choice_between_them_are_kept() -> None:
    race = RaceDone(winner="all layers", reason="It is the best.")
    history = History.from_events([_candidate("last block", 0.9), _candidate("all layers", 0.95), race])
    assert [candidate.name for candidate in history.candidates] == ["last block", "all layers"]
    assert history.race == race


def test_a_candidate_that_a_resumed_run_repeats_replaces_the_first_one() -> None:
    history = History.from_events([_candidate("last block", 0.9), _candidate("last block", 0.8)])
    assert [candidate.accuracy for candidate in history.candidates] == [0.8]


def test_an_event_log_with_too_many_candidates_keeps_the_latest() -> None:
    history = History.from_events([_candidate(str(number), 0.5) for number in range(MAX_CANDIDATES + 3)])
    assert len(history.candidates) == MAX_CANDIDATES
    assert history.candidates[-1].name == str(MAX_CANDIDATES + 2)
