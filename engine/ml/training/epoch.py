"""One epoch: learn from every batch, then measure."""

import math
import time
from collections.abc import Callable, Generator

import torch
from torch import Tensor

from engine.core.errors import EngineError
from engine.core.events import Event, Progress, Scores, TrainScores, Warned
from engine.core.progress import Ticker
from engine.core.seeds import stable_seed
from engine.ml.evaluation.evaluate import Judged, judge
from engine.ml.loading.loader import require_folder
from engine.ml.models.build import train_mode
from engine.ml.runtime import distributed
from engine.ml.runtime.errors import DivergedError
from engine.ml.training.checkpoint_writer import Keeper
from engine.ml.training.optim import set_rate
from engine.ml.training.phases import Phase
from engine.ml.training.state import MEASURING_COST, Session
from engine.ml.training.step import learn
from engine.results.evaluation import Unreadable

_FEWEST_STEPS = 2
"""A time budget with less left than this many steps ends where it is."""
_MOST_LOSS = 10
"""Times the loss of pure guessing that training may have after its first epoch; beyond that it has diverged."""


def has_no_time(session: Session, phase: Phase) -> bool:
    """Say whether the deadline leaves no time for another step and a validation."""
    if phase.deadline is None or session.num_steps_done < _FEWEST_STEPS:
        return False
    num_val_steps = len(phase.feed.val_samples) / phase.batch_size
    measuring = session.measuring_seconds or MEASURING_COST * num_val_steps * session.step_seconds
    return phase.clock() + measuring + _FEWEST_STEPS * session.step_seconds >= phase.deadline


def train_epoch(session: Session, phase: Phase, own_epoch: int, keeper: Keeper) -> Generator[Event, None, TrainScores]:
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
        yield from warn_of(session, batch.unreadable)
        rate, is_due = distributed.of_first(
            (phase.rate(own_epoch * phase.steps_per_epoch + step), keeper.is_due(at_epoch_end=False))
        )
        if len(batch.samples) > 1 or distributed.world_size() > 1:
            set_rate(phase.optimizer, rate)
            session.sums += learn(session, phase, batch, seed=stable_seed(training.seed, epoch, step))
        session.num_batches_done = step + 1
        if is_due:
            keep_checkpoint(session, phase, keeper)
        yield from _notices(session)
        for event in ticker.at(min(num_done, num_samples), seconds_left=session.seconds_left(phase, num_done)):
            now = session.sums.cpu().clone()
            yield event.model_copy(update={"loss": _mean_loss(now - told)})
            told = now
        session.step_seconds = (time.monotonic() - began) / (step + 1 - first)
        if phase.deadline is not None and distributed.of_first(has_no_time(session, phase)):
            break
    session.work_done += num_samples
    return _train_scores(session)


def validate(session: Session, phase: Phase) -> Generator[Event, None, Judged]:
    """Judge the validation images."""
    num_samples = len(phase.feed.val_samples)
    session.measured_model.eval()
    began = time.monotonic()
    forward = phase.feed.measuring_forward(session.measured_model)
    judging = judge(phase.feed.val_batches(), num_samples, forward, "validate", session.epoch + 1)
    judged = yield from _with_time_left(judging, lambda done: session.seconds_left(phase, MEASURING_COST * done))
    yield from warn_of(session, judged.unreadable)
    session.work_done += MEASURING_COST * num_samples
    session.measuring_seconds = time.monotonic() - began
    return Judged.merged(distributed.gather(judged))


def score_plain(session: Session, phase: Phase) -> Generator[Event, None, Scores]:
    """Measure on training images as they are, as many as validation has: mixed ones tell little of what was learnt."""
    forward = phase.feed.measuring_forward(session.measured_model)
    samples = phase.feed.plain_train_samples
    judging = judge(phase.feed.plain_train_batches(), len(samples), forward, "validate", session.epoch + 1)
    judged = yield from judging
    yield from warn_of(session, judged.unreadable)
    return Judged.merged(distributed.gather(judged)).scores


def keep_checkpoint(session: Session, phase: Phase, keeper: Keeper) -> str | None:
    """Write where the run is, or return why that was refused; all processes come here together, the first writes."""
    sums = distributed.total_tensor(session.sums.clone())
    return keeper.keep_checkpoint(session, phase, sums) if distributed.rank() == 0 else None


def warn_of(session: Session, unreadable: tuple[Unreadable, ...]) -> Generator[Event, None, None]:
    """Name each unreadable image once in a run; raise EngineError where its whole folder is gone."""
    require_folder(session.dataset.root, unreadable)
    for image in unreadable:
        if image.path not in session.warned:
            session.warned.add(image.path)
            yield Warned(message=f"Left out: {image.reason}", path=image.path)


def _train_scores(session: Session) -> TrainScores:
    loss, right, num_images = distributed.total_tensor(session.sums.clone()).tolist()
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
    judging: Generator[Progress, None, Judged], seconds_left: Callable[[float], float | None]
) -> Generator[Progress, None, Judged]:
    while True:
        try:
            event = next(judging)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield event.model_copy(update={"seconds_left": seconds_left(event.done)})


def _notices(session: Session) -> Generator[Event, None, None]:
    while session.notices:
        yield Warned(message=session.notices.pop(0))
