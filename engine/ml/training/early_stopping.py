"""Which epoch is the best, and when to stop waiting for a better one."""

from pydantic import BaseModel, ConfigDict

from engine.core.events import Best, Scores


class EarlyStopping(BaseModel):
    """Keeps the best epoch and counts the epochs since. Plain data, so a checkpoint can hold it."""

    model_config = ConfigDict(validate_assignment=True)

    patience: int
    """Epochs without a better one before training stops; 0 never stops."""
    best: Best | None = None
    num_since_best: int = 0

    def update(self, epoch: int, val: Scores) -> bool:
        """Take in the validation scores of `epoch` and say whether it is the best so far.

        Higher accuracy wins; at equal accuracy, lower loss.
        """
        better = self.best is None or (val.accuracy, -val.loss) > (self.best.accuracy, -self.best.loss)
        if better:
            self.best = Best(epoch=epoch, accuracy=val.accuracy, loss=val.loss)
        self.num_since_best = 0 if better else self.num_since_best + 1
        return better

    @property
    def should_stop(self) -> bool:
        """Say whether the patience has run out."""
        return 0 < self.patience <= self.num_since_best
