"""One epoch: learn from every batch, then measure."""

import math
import time
from collections.abc import Callable, Generator

import torch
from torch import Tensor

from engine.core.errors import EngineError
from engine.core.event_stream import map_events
from engine.core.events import Event, Progress, Scores, TrainScores, Warned
from engine.core.progress import Ticker
from engine.core.seeds import stable_seed
from engine.ml.evaluation.run_inference import Predictions, run_inference
from engine.ml.loading.loader import require_folder
from engine.ml.models.build import train_mode
from engine.ml.runtime import distributed
from engine.ml.runtime.errors import DivergedError
from engine.ml.training.checkpoint_writer import CheckpointWriter
from engine.ml.training.optim import set_lr
from engine.ml.training.phases import Phase
from engine.ml.training.state import VALIDATION_COST, TrainState
from engine.ml.training.step import train_step
from engine.results.evaluation import Unreadable

_FEWEST_STEPS = 2
"""A time budget with less left than this many steps ends where it is."""
_MOST_LOSS = 10
"""Times the loss of pure guessing that training may have after its first epoch; beyond that it has diverged."""


def is_out_of_time(session: TrainState, phase: Phase) -> bool:
    """Say whether the deadline leaves no time for another step and a validation."""
    if phase.deadline is None or session.num_steps_done < _FEWEST_STEPS:
        return False
    num_val_steps = len(phase.feed.val_samples) / phase.batch_size
    measuring = session.validation_seconds or VALIDATION_COST * num_val_steps * session.step_seconds
    return phase.clock() + measuring + _FEWEST_STEPS * session.step_seconds >= phase.deadline


def train_epoch(
    session: TrainState, phase: Phase, own_epoch: int, keeper: CheckpointWriter
) -> Generator[Event, None, TrainScores]:
    """Learn from what is left of the batches of an epoch; `own_epoch` counts the epochs of the phase, from 0."""
    setup, training, epoch = session.setup, session.config.training, session.epoch + 1
    train_mode(setup.model, head_only=phase.kind != "full", freeze_norms=phase.freezes_norms)
    num_samples = len(phase.feed.train_samples)
    ticker = Ticker("train", num_samples, epoch)
    first = session.num_batches_done
    told = session.sums.cpu().clone()
    num_done = min(num_samples, first * phase.batch_size)
    began = time.monotonic()
    for step, batch in enumerate(phase.feed.train_batches(epoch, first), first):
        num_done += (len(batch.samples) + len(batch.unreadable)) * distributed.world_size()
        yield from unreadable_warnings(session, batch.unreadable)
        rate, is_due = distributed.broadcast_from_rank0(
            (phase.rate(own_epoch * phase.steps_per_epoch + step), keeper.is_due(at_epoch_end=False))
        )
        if len(batch.samples) > 1 or distributed.world_size() > 1:
            set_lr(phase.optimizer, rate)
            session.sums += train_step(session, phase, batch, seed=stable_seed(training.seed, epoch, step))
        session.num_batches_done = step + 1
        if is_due:
            save_checkpoint(session, phase, keeper)
        yield from _notices(session)
        for event in ticker.at(min(num_done, num_samples), seconds_left=session.seconds_left(phase, num_done)):
            now = session.sums.cpu().clone()
            yield event.model_copy(update={"loss": _mean_loss(now - told)})
            told = now
        session.step_seconds = (time.monotonic() - began) / (step + 1 - first)
        if phase.deadline is not None and distributed.broadcast_from_rank0(is_out_of_time(session, phase)):
            break
    session.work_done += num_samples
    return _train_scores(session)


def validate(session: TrainState, phase: Phase) -> Generator[Event, None, Predictions]:
    """Judge the validation images."""
    num_samples = len(phase.feed.val_samples)
    session.eval_model.eval()
    began = time.monotonic()
    forward = phase.feed.eval_forward(session.eval_model)
    judging = run_inference(phase.feed.val_batches(), num_samples, forward, "validate", session.epoch + 1)
    judged = yield from _with_time_left(judging, lambda done: session.seconds_left(phase, VALIDATION_COST * done))
    yield from unreadable_warnings(session, judged.unreadable)
    session.work_done += VALIDATION_COST * num_samples
    session.validation_seconds = time.monotonic() - began
    return Predictions.merged(distributed.all_gather(judged))


def score_clean_train(session: TrainState, phase: Phase) -> Generator[Event, None, Scores]:
    """Measure on training images as they are, as many as validation has: mixed ones tell little of what was learnt."""
    forward = phase.feed.eval_forward(session.eval_model)
    samples = phase.feed.clean_train_samples
    judging = run_inference(phase.feed.clean_train_batches(), len(samples), forward, "validate", session.epoch + 1)
    judged = yield from judging
    yield from unreadable_warnings(session, judged.unreadable)
    return Predictions.merged(distributed.all_gather(judged)).scores


def save_checkpoint(session: TrainState, phase: Phase, keeper: CheckpointWriter) -> str | None:
    """Write where the run is, or return why that was refused; all processes come here together, the first writes."""
    sums = distributed.all_reduce_(session.sums.clone())
    return keeper.save_checkpoint(session, phase, sums) if distributed.rank() == 0 else None


def unreadable_warnings(session: TrainState, unreadable: tuple[Unreadable, ...]) -> Generator[Event, None, None]:
    """Name each unreadable image once in a run; raise EngineError where its whole folder is gone."""
    require_folder(session.dataset.root, unreadable)
    for image in unreadable:
        if image.path not in session.warned:
            session.warned.add(image.path)
            yield Warned(message=f"Left out: {image.reason}", path=image.path)


def _train_scores(session: TrainState) -> TrainScores:
    loss, right, num_images = distributed.all_reduce_(session.sums.clone()).tolist()
    if not num_images:
        raise EngineError("None of the training images could be read.", session.dataset.root)
    mean = _mean_loss(torch.tensor((loss, right, num_images)))
    assert mean is not None
    if session.epoch > 0 and mean > _MOST_LOSS * math.log(len(session.dataset.classes)):
        raise DivergedError(
            f"The loss has grown to {mean:.1f}, far beyond that of guessing. The best model so far is kept; train "
            "again with a lower learning rate."
        )
    return TrainScores(loss=mean, accuracy=right / num_images, plain_accuracy=right / num_images)


def _mean_loss(sums: Tensor) -> float | None:
    loss, _, num_images = sums.tolist()
    if not num_images:
        return None
    mean = float(loss / num_images)
    if not math.isfinite(mean):
        raise DivergedError(
            "The loss is no longer a number. The best model so far is kept; train again with a lower learning rate."
        )
    return mean


def _with_time_left(
    judging: Generator[Progress, None, Predictions], seconds_left: Callable[[float], float | None]
) -> Generator[Progress, None, Predictions]:
    return map_events(judging, lambda event: [event.model_copy(update={"seconds_left": seconds_left(event.done)})])


def _notices(session: TrainState) -> Generator[Event, None, None]:
    while session.notices:
        yield Warned(message=session.notices.pop(0))
