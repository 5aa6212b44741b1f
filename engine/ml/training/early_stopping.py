"""Best epoch and early stopping."""

from pydantic import BaseModel, ConfigDict

from engine.core.events import Best, Scores


class EarlyStopping(BaseModel):
    """The best epoch and the number of epochs since. Plain data, so that a checkpoint can store it."""

    model_config = ConfigDict(validate_assignment=True)

    patience: int
    """Epochs without improvement before training stops; 0 never stops."""
    best: Best | None = None
    num_since_best: int = 0

    def update(self, epoch: int, val: Scores) -> bool:
        """Record the validation scores of `epoch`; return True if it is the best so far.

        Higher accuracy is better; at equal accuracy, lower loss.
        """
        better = self.best is None or (val.accuracy, -val.loss) > (self.best.accuracy, -self.best.loss)
        if better:
            self.best = Best(epoch=epoch, accuracy=val.accuracy, loss=val.loss)
        self.num_since_best = 0 if better else self.num_since_best + 1
        return better

    @property
    def should_stop(self) -> bool:
        """True if there was no improvement for `patience` epochs."""
        return 0 < self.patience <= self.num_since_best
