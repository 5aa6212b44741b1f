"""The training half of one epoch: a step on every batch."""

import math
import time
from collections.abc import Generator, Iterable

from torch import Tensor

from engine.core.errors import EngineError
from engine.core.events import Event, TrainScores, Warned
from engine.core.progress import Ticker
from engine.core.seeds import stable_seed
from engine.ml.loading.loader import Batch, require_folder
from engine.ml.models.build import train_mode
from engine.ml.runtime import distributed
from engine.ml.runtime.errors import DivergedError
from engine.ml.training.checkpoint_writer import CheckpointWriter
from engine.ml.training.optim import set_lr
from engine.ml.training.phases import Phase
from engine.ml.training.state import VALIDATION_COST, TrainState
from engine.ml.training.step import train_step
from engine.results.evaluation import Unreadable

_MIN_STEPS = 2
"""A phase with a deadline ends if less than this many steps are left."""
_MAX_LOSS_RATIO = 10
"""Largest mean training loss after the first epoch, as a multiple of the loss of random guessing, ln(K)."""


def is_out_of_time(state: TrainState, phase: Phase) -> bool:
    """Return True if the deadline leaves no time for another step and a validation."""
    if phase.deadline is None or state.num_steps_done < _MIN_STEPS:
        return False
    num_val_steps = len(phase.source.val_samples) / phase.batch_size
    validation_seconds = state.validation_seconds or VALIDATION_COST * num_val_steps * state.step_seconds
    return phase.clock() + validation_seconds + _MIN_STEPS * state.step_seconds >= phase.deadline


def train_epoch(
    state: TrainState, phase: Phase, phase_epoch: int, writer: CheckpointWriter
) -> Generator[Event, None, TrainScores]:
    """Train on the remaining batches of an epoch; `phase_epoch` counts the epochs of the phase, from 0."""
    setup, epoch = state.setup, state.epoch + 1
    train_mode(setup.model, head_only=phase.kind != "full", freeze_norms=phase.freezes_norms)
    num_samples = len(phase.source.train_samples)
    ticker = Ticker("train", num_samples, epoch)
    first = state.num_batches_done
    reported = state.sums.cpu().clone()
    num_done = first * phase.batch_size
    began = time.monotonic()
    for step, batch in enumerate(_train_batches(state, phase, first), first):
        num_images = (len(batch.samples) + len(batch.unreadable)) * distributed.world_size()
        num_done = min(num_samples, num_done + num_images)
        yield from unreadable_warnings(state, batch.unreadable)
        factor, is_due = distributed.broadcast_from_rank0(
            (phase.lr_factor(phase_epoch * phase.steps_per_epoch + step), writer.is_due(at_epoch_end=False))
        )
        if len(batch.samples) > 1 or distributed.world_size() > 1:
            set_lr(phase.optimizer, factor)
            state.sums += train_step(state, phase, batch, seed=stable_seed(setup.plan.seed, epoch, step))
        state.num_batches_done = step + 1
        if is_due:
            save_checkpoint(state, phase, writer)
        yield from _notices(state)
        for event in ticker.at(num_done, seconds_left=state.seconds_left(phase, num_done)):
            current = state.sums.cpu().clone()
            yield event.model_copy(update={"loss": _mean_loss(current - reported)})
            reported = current
        state.step_seconds = (time.monotonic() - began) / (step + 1 - first)
        if phase.deadline is not None and distributed.broadcast_from_rank0(is_out_of_time(state, phase)):
            break
    state.work_done += num_samples
    return _train_scores(state)


def _train_batches(state: TrainState, phase: Phase, first: int) -> Iterable[Batch]:
    """Return the batches of the current epoch from number `first` on; their steps may adapt the number of threads.

    Steps of the quick phase are so short that this would gain little.
    """
    batches = phase.source.train_batches(state.epoch + 1, first)
    if state.threads is None or phase.kind == "quick":
        return batches
    return state.threads.during(batches, lambda batch: len(batch.samples))


def save_checkpoint(state: TrainState, phase: Phase, writer: CheckpointWriter) -> str | None:
    """Save a checkpoint, or return the reason why it could not be written.

    All processes must call this together, because the sums are reduced over them; rank 0 writes.
    """
    sums = distributed.all_reduce_(state.sums.clone())
    return writer.save_checkpoint(state, phase, sums) if distributed.rank() == 0 else None


def unreadable_warnings(state: TrainState, unreadable: tuple[Unreadable, ...]) -> Generator[Event, None, None]:
    """Yield a warning for each unreadable image, once per run; raise EngineError if its folder is gone."""
    require_folder(state.dataset.root, unreadable)
    for image in unreadable:
        yield from state.warn_once(Warned(message=f"Left out: {image.reason}", path=image.path))


def _train_scores(state: TrainState) -> TrainScores:
    sums = distributed.all_reduce_(state.sums.clone())
    mean = _mean_loss(sums)
    if mean is None:
        raise EngineError("None of the training images could be read.", state.dataset.root)
    if state.epoch > 0 and mean > _MAX_LOSS_RATIO * math.log(len(state.dataset.classes)):
        raise DivergedError(
            f"The training diverged: the loss is {mean:.1f}, far above that of random guessing. The best model so far "
            "is kept; train again with a lower learning rate."
        )
    _, correct, num_images = sums.tolist()
    accuracy = correct / num_images
    return TrainScores(loss=mean, accuracy=accuracy, plain_accuracy=accuracy)


def _mean_loss(sums: Tensor) -> float | None:
    loss, _, num_images = sums.tolist()
    if not num_images:
        return None
    mean = float(loss / num_images)
    if not math.isfinite(mean):
        raise DivergedError(
            "The training diverged: the loss is not a finite number. The best model so far is kept; train again with a "
            "lower learning rate."
        )
    return mean


def _notices(state: TrainState) -> Generator[Event, None, None]:
    while state.notices:
        yield Warned(message=state.notices.pop(0))
