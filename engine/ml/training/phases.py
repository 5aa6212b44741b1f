"""Phases of a run: perhaps the last block on cached features, then all layers on images."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

import torch

from engine.config.schedule import rate_multiplier
from engine.core.garbage_collection import collector_paused
from engine.ml.loading.loader import num_steps
from engine.ml.training.batch_source import BatchSource

WARMUP_FRACTION = 0.05
"""Fraction of a time budget in which the learning rate rises."""
MAX_WARMUP_STEPS = 20
"""Within a time budget it also rises over this number of steps, or over `warmup_epochs` if that is fewer.

On a slow computer WARMUP_FRACTION is less than one step.
"""
FITTED_HEAD_LR_SCALE = 0.2
"""Factor of the learning rate when all layers are trained after the head was fitted; see docs/performance.md."""
QUICK_EPOCHS = 6
"""Epochs of the quick phase that a time budget starts with."""
QUICK_FRACTION = 0.35
"""Largest fraction of a time budget that the quick phase may take, with the features before it."""
FEATURE_FRACTION = 0.25
"""Largest fraction of a time budget for the features of the quick phase."""

_RESOLUTION = 10_000
"""Steps that a time budget is divided into for the schedule."""

PhaseKind: TypeAlias = Literal["full", "head", "quick"]


@dataclass
class Phase:
    """A number of epochs with one batch source, one optimizer and one learning rate schedule."""

    kind: PhaseKind
    source: BatchSource
    make_optimizer: Callable[[], torch.optim.Optimizer]
    num_epochs: int | None
    """None if only the deadline ends the phase."""
    batch_size: int
    warmup_epochs: float
    freezes_norms: bool = False
    """If True, BatchNorm layers stay in eval mode and keep their running statistics."""
    first_epoch: int = 1
    """Number of the phase's first epoch in the run, from 1."""
    deadline: float | None = None
    """Time of `clock` at which the phase must be over, in seconds."""
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)
    """Time of `clock` at the start of the phase, in seconds."""

    def __post_init__(self) -> None:
        self.began = self.clock()

    @cached_property
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimizer, made at its first use: torch imports its compiler then, and a fitted head does without."""
        with collector_paused():
            return self.make_optimizer()

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches of one epoch."""
        return num_steps(len(self.source.train_samples), self.batch_size)

    def lr_factor(self, steps_done: int) -> float:
        """Return the factor of the learning rate (0..1), by steps, or by time if only the deadline ends the phase."""
        warmup_steps = round(self.steps_per_epoch * self.warmup_epochs)
        if self.num_epochs is None:
            assert self.deadline is not None
            elapsed = (self.clock() - self.began) / max(1e-9, self.deadline - self.began)
            by_time = rate_multiplier(round(elapsed * _RESOLUTION), _RESOLUTION, round(WARMUP_FRACTION * _RESOLUTION))
            return min(by_time, (steps_done + 1) / max(1, min(warmup_steps, MAX_WARMUP_STEPS)))
        total = self.steps_per_epoch * self.num_epochs
        return rate_multiplier(steps_done, total, min(total, warmup_steps))
