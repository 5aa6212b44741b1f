"""Values that change during a run, and the estimate of the remaining time."""

import time
from dataclasses import dataclass, field

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from engine.audit.class_balance import (
    class_weights,
    describe_imbalance,
    uses_balanced_sampling,
    uses_class_weights,
)
from engine.audit.learnt_images import LearntImages
from engine.core.events import Event, Warned
from engine.data.dataset import Dataset
from engine.ml.models.build import Classifier
from engine.ml.runtime.adaptive_threads import AdaptiveThreads, make_adaptive_threads
from engine.ml.training.early_stopping import EarlyStopping
from engine.ml.training.phases import Phase
from engine.ml.training.setup import TrainingSetup
from engine.results.calibration import Calibration
from engine.results.imbalance import choose_criterion, imbalance_ratio
from engine.runs.run_folder import Run

VALIDATION_COST = 1 / 5
"""Time to validate an image relative to the time to train on it: a fused forward pass without a backward pass."""


@dataclass
class TrainState:
    """Everything that changes while a run trains."""

    setup: TrainingSetup
    dataset: Dataset
    run: Run
    stopping: EarlyStopping
    averaged: AveragedModel | None
    """Exponential moving average (EMA) of the weights, if the settings ask for one."""
    started: float
    """Value of time.monotonic() at the start of the run, earlier by the time it ran before it was interrupted."""
    learnt: LearntImages | None = None
    """Digests of the images that the model learns from, and of those that its first weights learnt from."""
    calibration: Calibration | None = None
    """Calibration of the best epoch so far."""
    epoch: int = 0
    """Number of finished epochs."""
    num_batches_done: int = 0
    """Number of batches of the current epoch that were trained on."""
    sums: torch.Tensor = field(default_factory=lambda: torch.zeros(3))
    """Running sums of the current epoch over the images of this process, as returned by `train_step`.

    float32, shape (3,), on the training device: cross-entropy in nats (without label smoothing and class weights),
    target weight of the predicted class, number of images. The means over the epoch are sums[0] / sums[2] and
    sums[1] / sums[2] (accuracy).
    """
    accumulation_steps: int = 1
    """Number of parts that a batch is split into because it does not fit into memory as a whole."""
    notices: list[str] = field(default_factory=list)
    """Warnings for the user that have not been yielded yet."""
    warned: set[str] = field(default_factory=set)
    """Paths of unreadable images that the user was already warned of."""
    num_steps_done: int = 0
    """Number of optimizer steps of the run."""
    work_done: float = 0.0
    """Number of images trained on; a validated image counts VALIDATION_COST."""
    validation_seconds: float = 0.0
    """Duration of the last validation."""
    step_seconds: float = 0.0
    """Mean duration of a step in the current epoch."""
    class_weights: torch.Tensor | None = None
    """Weight of each class in the loss, float32, shape (K,), on the device; None if all are equal."""
    is_balanced: bool = False
    """True if each class counts equally in training, whatever its number of images."""
    phase: Phase | None = None
    """The current phase."""
    threads: AdaptiveThreads | None = None
    """Adapts the number of compute threads to other programs; None if it is fixed."""
    is_announced: bool = False
    """True once the RunStarted event has been yielded."""

    def warn_once(self, event: Event) -> list[Event]:
        """Return the event, or nothing if it warns of an image that the user was already warned of."""
        if isinstance(event, Warned) and event.path is not None:
            if event.path in self.warned:
                return []
            self.warned.add(event.path)
        return [event]

    @property
    def seconds(self) -> float:
        """Duration of the run in seconds, without the time during which it was interrupted."""
        return time.monotonic() - self.started

    @property
    def eval_model(self) -> Classifier:
        """The model that is validated and saved: the EMA if there is one."""
        return self.setup.model if self.averaged is None else self.averaged.module  # type: ignore[return-value]

    def seconds_left(self, phase: Phase, work_in_stage: float) -> float | None:
        """Return the remaining time of the run: the rest of the time budget, or an estimate from the speed so far.

        `work_in_stage` is the work of the current stage, in the unit of `work_done`. Returns None before any work.
        """
        plan = self.setup.plan
        if plan.budget_seconds is not None:
            return max(0.0, plan.budget_seconds - self.seconds)
        done = self.work_done + work_in_stage
        per_epoch = len(phase.source.train_samples) + VALIDATION_COST * len(phase.source.val_samples)
        total = per_epoch * plan.epochs
        return self.seconds / done * max(0.0, total - done) if done > 0 else None


def make_train_state(setup: TrainingSetup, dataset: Dataset, run: Run) -> TrainState:
    """Return the state of a run before its first step, with EMA and class weights as planned."""
    plan = setup.plan
    averaged = None
    if plan.ema_decay:
        averaged = AveragedModel(setup.model, multi_avg_fn=get_ema_multi_avg_fn(plan.ema_decay), use_buffers=True)  # type: ignore[no-untyped-call]
        if setup.has_head:  # the average begins with a trained model; otherwise with the first step or a fitted head
            averaged.update_parameters(setup.model)
    stopping = EarlyStopping(patience=plan.early_stopping, criterion=choose_criterion(dataset.counts("val")))
    state = TrainState(setup, dataset, run, stopping, averaged, time.monotonic())
    state.sums = torch.zeros(3, device=setup.device)
    if plan.adapts_threads and setup.device.type == "cpu":
        state.threads = make_adaptive_threads(state.notices.append)
    counts = dataset.counts("train")
    if uses_class_weights(plan.balance):
        state.class_weights = torch.tensor(class_weights(counts), device=setup.device)
    if state.class_weights is not None or uses_balanced_sampling(plan.balance, counts):
        state.is_balanced = True
        state.notices.append(describe_imbalance(imbalance_ratio(counts), plan.balance))
    return state
