"""Best epoch and early stopping."""

from pydantic import BaseModel, ConfigDict

from engine.core.events import Best, Criterion, ValScores


class EarlyStopping(BaseModel):
    """The best epoch and the number of epochs since. Plain data, so that a checkpoint can store it."""

    model_config = ConfigDict(validate_assignment=True)

    patience: int
    """Epochs without improvement before training stops; 0 never stops."""
    criterion: Criterion = "accuracy"
    """Criterion that chooses the best epoch, see `engine.results.imbalance.choose_criterion`."""
    best: Best | None = None
    num_since_best: int = 0

    def update(self, epoch: int, val: ValScores) -> bool:
        """Record the validation scores of `epoch`; return True if it is the best so far.

        Args:
            epoch: Number of the epoch, from 1.
            val: Scores with the fields that `criterion` needs.
        """
        better = self.best is None or self.criterion == "last" or self._rank(val) > self._rank(self.best)
        if better:
            self.best = Best(epoch=epoch, criterion=self.criterion, **dict(val))
        self.num_since_best = 0 if better else self.num_since_best + 1
        return better

    def _rank(self, val: ValScores) -> tuple[float, float]:
        """Return what is compared: the accuracy that the criterion names, at equal accuracy the lower loss."""
        if self.criterion == "accuracy" or val.balanced_accuracy is None or val.balanced_loss is None:
            return val.accuracy, -val.loss
        if self.criterion == "balanced_accuracy":
            return val.balanced_accuracy, -val.balanced_loss
        return -val.balanced_loss, val.balanced_accuracy

    @property
    def should_stop(self) -> bool:
        """True if there was no improvement for `patience` epochs."""
        return 0 < self.patience <= self.num_since_best
