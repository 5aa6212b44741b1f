"""Property test of early stopping."""

from hypothesis import given
from hypothesis import strategies as st

from engine.core.events import ValScores
from engine.ml.training.early_stopping import EarlyStopping
from tests.engine.strategies import scores


@given(st.lists(scores, max_size=30), st.integers(0, 5))
def test_training_stops_when_the_patience_since_the_best_epoch_is_exhausted(
    validation: list[ValScores], patience: int
) -> None:
    stopping = EarlyStopping(patience=patience)
    for epoch, val in enumerate(validation, start=1):
        stopping.update(epoch, val)
    if validation:
        best = max(validation, key=lambda val: (val.accuracy, -val.loss))
        assert stopping.best is not None
        assert (stopping.best.accuracy, stopping.best.loss) == (best.accuracy, best.loss)
        assert stopping.num_since_best == len(validation) - stopping.best.epoch
        assert stopping.best.epoch == validation.index(best) + 1
    assert stopping.should_stop == (0 < patience <= stopping.num_since_best)
    assert EarlyStopping.model_validate_json(stopping.model_dump_json()) == stopping
