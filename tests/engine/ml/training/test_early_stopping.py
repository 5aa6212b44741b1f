"""Tests of best epoch and early stopping."""

from engine.core.events import Scores
from engine.ml.training.early_stopping import EarlyStopping


def _scores(accuracy: float, loss: float) -> Scores:
    return Scores(loss=loss, accuracy=accuracy)


def test_higher_accuracy_is_better_and_lower_loss_breaks_a_tie() -> None:
    stopping = EarlyStopping(patience=0)
    assert stopping.update(1, _scores(0.5, 1.0))
    assert stopping.update(2, _scores(0.6, 2.0))
    assert stopping.update(3, _scores(0.6, 1.5))
    assert not stopping.update(4, _scores(0.6, 1.5))
    assert stopping.best is not None
    assert stopping.best.epoch == 3


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
