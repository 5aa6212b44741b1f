"""Tests of best epoch and early stopping."""

from engine.core.events import Criterion, ValScores
from engine.ml.training.early_stopping import EarlyStopping


def _scores(accuracy: float, loss: float) -> ValScores:
    return ValScores(loss=loss, accuracy=accuracy)


def _balanced(accuracy: float, balanced_accuracy: float, balanced_loss: float) -> ValScores:
    return ValScores(loss=0.1, accuracy=accuracy, balanced_accuracy=balanced_accuracy, balanced_loss=balanced_loss)


def _best_epoch(criterion: Criterion, *scores: ValScores) -> int:
    stopping = EarlyStopping(patience=0, criterion=criterion)
    flags = [stopping.update(epoch, val) for epoch, val in enumerate(scores, start=1)]
    assert stopping.best is not None
    assert stopping.best.criterion == criterion
    assert flags[stopping.best.epoch - 1]
    assert not any(flags[stopping.best.epoch :])
    return stopping.best.epoch


def test_higher_accuracy_is_better_and_lower_loss_breaks_a_tie() -> None:
    stopping = EarlyStopping(patience=0)
    assert stopping.update(1, _scores(0.5, 1.0))
    assert stopping.update(2, _scores(0.6, 2.0))
    assert stopping.update(3, _scores(0.6, 1.5))
    assert not stopping.update(4, _scores(0.6, 1.5))
    assert stopping.best is not None
    assert stopping.best.epoch == 3


IGNORES_THE_RARE_CLASS = _balanced(0.995, 0.5, 2.4)
FINDS_SOME = _balanced(0.97, 0.735, 0.9)


def test_an_epoch_that_ignores_a_rare_class_is_not_the_best_one() -> None:
    assert _best_epoch("accuracy", IGNORES_THE_RARE_CLASS, FINDS_SOME) == 1
    assert _best_epoch("balanced_accuracy", IGNORES_THE_RARE_CLASS, FINDS_SOME) == 2
    assert _best_epoch("balanced_loss", IGNORES_THE_RARE_CLASS, FINDS_SOME) == 2


def test_at_equal_balanced_accuracy_the_lower_balanced_loss_is_better() -> None:
    assert _best_epoch("balanced_accuracy", IGNORES_THE_RARE_CLASS, _balanced(0.995, 0.5, 1.1)) == 2


def test_with_few_images_in_a_class_the_balanced_loss_decides_before_the_accuracy() -> None:
    almost = _balanced(0.975, 0.49, 0.5)
    assert _best_epoch("balanced_accuracy", IGNORES_THE_RARE_CLASS, almost) == 1
    assert _best_epoch("balanced_loss", IGNORES_THE_RARE_CLASS, almost) == 2


def test_if_validation_cannot_choose_the_last_epoch_is_kept() -> None:
    assert _best_epoch("last", _scores(1.0, 0.1), _scores(0.9, 0.5)) == 2


def test_a_state_of_an_older_version_goes_on_by_accuracy() -> None:
    old = '{"patience":3,"best":{"epoch":2,"accuracy":0.5,"loss":1.0},"num_since_best":1}'
    stopping = EarlyStopping.model_validate_json(old)
    assert stopping.update(4, _balanced(0.6, 0.1, 9.0))
    assert not stopping.update(5, _balanced(0.5, 0.9, 0.1))


def test_it_stops_after_as_many_epochs_without_improvement_as_the_patience() -> None:
    stopping = EarlyStopping(patience=2)
    stopping.update(1, _scores(0.5, 1.0))
    stopping.update(2, _scores(0.4, 1.0))
    assert not stopping.should_stop
    stopping.update(3, _scores(0.4, 1.0))
    assert stopping.should_stop


def test_a_patience_of_0_never_stops() -> None:
    stopping = EarlyStopping(patience=0)
    for epoch in range(1, 100):
        stopping.update(epoch, _scores(0.5, 1.0))
    assert not stopping.should_stop
