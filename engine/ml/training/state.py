"""What changes while a run trains, and how long it still takes."""

import time
from dataclasses import dataclass, field

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from engine.audit.class_balance import class_weights, describe_imbalance, imbalance_ratio, uses_class_weights
from engine.config.settings import RunConfig
from engine.data.dataset import Dataset
from engine.ml.models.build import Classifier
from engine.ml.training.early_stopping import EarlyStopping
from engine.ml.training.phases import Phase
from engine.ml.training.setup import TrainingSetup
from engine.results.calibration import Calibration
from engine.runs.run_folder import Run

VALIDATION_COST = 1 / 5
"""Time to measure an image, as a share of the time to train on it: a fused forward pass without the backward one."""


@dataclass
class TrainState:
    """Everything that changes while a run trains."""

    setup: TrainingSetup
    config: RunConfig
    dataset: Dataset
    run: Run
    stopping: EarlyStopping
    averaged: AveragedModel | None
    started: float
    calibration: Calibration | None = None
    """Of the best epoch so far."""
    epoch: int = 0
    """Epochs that are over."""
    num_batches_done: int = 0
    """Batches of the epoch under way that were learnt from."""
    sums: torch.Tensor = field(default_factory=lambda: torch.zeros(3))
    """Of these batches: loss, weight of the right label, images; shape (3,), on the device."""
    accumulation_steps: int = 1
    """Into how many parts a batch is cut, since memory did not hold all of it."""
    notices: list[str] = field(default_factory=list)
    """Sentences the user has to be told."""
    warned: set[str] = field(default_factory=set)
    """Paths of unreadable images the user has been told of."""
    num_steps_done: int = 0
    work_done: float = 0.0
    """In images trained on; a measured image counts MEASURING_COST."""
    validation_seconds: float = 0.0
    """How long the last validation took."""
    step_seconds: float = 0.0
    """How long a step took in the last epoch."""
    class_weights: torch.Tensor | None = None
    """What an image of each class counts in the loss, shape (K,), on the device; None where all count alike."""
    phase: Phase | None = None
    """What the run is doing."""
    is_announced: bool = False
    """Whether the start of the run was told."""

    @property
    def seconds(self) -> float:
        """How long the run has taken, without the time it lay interrupted."""
        return time.monotonic() - self.started

    @property
    def eval_model(self) -> Classifier:
        """The network that is validated and saved: the average where one is kept."""
        return self.setup.model if self.averaged is None else self.averaged.module  # type: ignore[return-value]

    def seconds_left(self, phase: Phase, work_in_stage: float) -> float | None:
        """Return how long the rest of the run takes: what is left of its budget, else at the speed so far."""
        budget = self.config.training.budget_seconds
        if budget is not None:
            return max(0.0, budget - self.seconds)
        done = self.work_done + work_in_stage
        per_epoch = len(phase.feed.train_samples) + VALIDATION_COST * len(phase.feed.val_samples)
        total = per_epoch * self.config.training.epochs
        return self.seconds / done * max(0.0, total - done) if done > 0 else None


def make_train_state(setup: TrainingSetup, config: RunConfig, dataset: Dataset, run: Run) -> TrainState:
    """Return a session before its first step."""
    decay = config.training.ema_decay
    averaged = None
    if decay:
        averaged = AveragedModel(setup.model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)  # type: ignore[no-untyped-call]
    stopping = EarlyStopping(patience=config.training.early_stopping)
    session = TrainState(setup, config, dataset, run, stopping, averaged, time.monotonic())
    session.sums = torch.zeros(3, device=setup.device)
    counts = dataset.counts("train")
    if uses_class_weights(config.training.balance, counts):
        session.class_weights = torch.tensor(class_weights(counts), device=setup.device)
        session.notices.append(describe_imbalance(imbalance_ratio(counts)))
    return session
