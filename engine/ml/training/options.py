"""Plain values that training functions take; setup.py fills them from the settings of a run."""

from dataclasses import dataclass

from engine.config.settings import Balance, Mode, OptimizerName


@dataclass(frozen=True)
class StepOptions:
    """Options of one training step."""

    clip_norm: float = 0.0
    """Largest norm of the gradient; 0: no clipping."""
    label_smoothing: float = 0.0
    """Fraction of each target that is spread over all classes."""
    mixup_alpha: float = 0.0
    """Parameter of the Beta distribution; 0: no MixUp."""
    cutmix_alpha: float = 0.0
    """Parameter of the Beta distribution; 0: no CutMix."""
    cutmix_probability: float = 0.5
    """Fraction of batches that get CutMix when MixUp is on too."""

    @property
    def uses_mixup(self) -> bool:
        """True if batches are mixed, by MixUp or CutMix."""
        return self.mixup_alpha > 0 or self.cutmix_alpha > 0


@dataclass(frozen=True)
class OptimizerOptions:
    """Optimizer and learning rates of a run."""

    name: OptimizerName
    lr: float
    """Peak learning rate of the head."""
    weight_decay: float
    momentum: float
    """For sgd only; 0: plain gradient descent."""
    layer_decay: float
    """Learning rate of a stage as a multiple of that of the next stage towards the head."""


@dataclass(frozen=True)
class LoopPlan:
    """Length, phases and bookkeeping of a run."""

    mode: Mode
    fits_head: bool
    """True if the head is fitted to the pretrained features before all layers are trained."""
    starts_quick: bool
    """True if a run with a time budget first trains the last block on cached features."""
    epochs: int
    budget_seconds: float | None
    """None if the run ends after `epochs`."""
    batch_size: int
    """Images per step, over all processes."""
    warmup_epochs: float
    early_stopping: int
    """Epochs without improvement before the run stops; 0: never."""
    ema_decay: float
    """Decay of the exponential moving average of the weights; 0: no average."""
    balance: Balance
    """Correction for classes of different size."""
    checkpoint_minutes: float
    seed: int
    adapts_threads: bool = False
    """True if the number of compute threads follows the load by other programs, on the CPU."""
