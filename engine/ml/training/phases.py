"""What a run does after another: perhaps the last block on kept activations, then everything on images."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import torch

from engine.config.schedule import rate_multiplier
from engine.ml.loading.loader import num_steps
from engine.ml.training.batch_source import BatchSource

WARMUP_SHARE = 0.05
"""Share of a budget in which the learning rate climbs."""
QUICK_RATE = 2.0
"""Times the learning rate for kept activations: with norms frozen the last block stands more, and learns sooner."""
REFINING_RATE = 0.3
"""Times the learning rate for all layers after that: a head that fits already must not be shaken off."""
QUICK_EPOCHS = 6
"""Epochs on kept activations that a time budget begins with."""
QUICK_SHARE = 0.35
"""Share of a time budget that they may take."""

_TICKS = 10_000

PhaseKind: TypeAlias = Literal["full", "head", "quick"]


@dataclass
class Phase:
    """Some epochs with one feed, one optimizer and one schedule of the learning rate."""

    kind: PhaseKind
    feed: BatchSource
    optimizer: torch.optim.Optimizer
    num_epochs: int | None
    """None where the deadline decides."""
    batch_size: int
    warmup_epochs: float
    freezes_norms: bool = False
    """Whether BatchNorm keeps the statistics it came with."""
    first_epoch: int = 1
    """Number in the run of the phase's first epoch."""
    deadline: float | None = None
    """Time of `clock` at which training must be over."""
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()

    @property
    def steps_per_epoch(self) -> int:
        """Batches of one epoch."""
        return num_steps(len(self.feed.train_samples), self.batch_size)

    def rate(self, steps_done: int) -> float:
        """Return the factor of the learning rate: by steps, or by the time where that is what is planned with."""
        if self.num_epochs is None and self.deadline is not None:
            share = min(1.0, (self.clock() - self.began) / max(1e-9, self.deadline - self.began))
            return rate_multiplier(round(share * _TICKS), _TICKS, round(WARMUP_SHARE * _TICKS))
        total = self.steps_per_epoch * (self.num_epochs or 1)
        return rate_multiplier(steps_done, total, min(total, round(self.steps_per_epoch * self.warmup_epochs)))
