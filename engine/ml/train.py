"""The training loop: per epoch train, validate, keep the best, tell."""

import itertools
import time
from collections.abc import Generator

import torch

from engine.config import RunConfig
from engine.dataset import Dataset
from engine.errors import EngineError
from engine.events import EpochDone, Event, Progress, RunDone, RunStarted, Scores, TrainScores, Warned
from engine.ml import distributed
from engine.ml.calibration import calibrate
from engine.ml.evaluate import Judged, judge, measure
from engine.ml.feeds import ImageFeed, make_activation_feed
from engine.ml.finish import keep_reference
from engine.ml.models import set_trainable, train_mode
from engine.ml.optim import set_rate
from engine.ml.phases import QUICK_EPOCHS, QUICK_RATE, QUICK_SHARE, REFINING_RATE, Phase
from engine.ml.resume import load_training, save_training
from engine.ml.session import MEASURING_COST, Session, begin
from engine.ml.setup import begins_quickly, make_run_optimizer, prepare_run
from engine.ml.step import learn
from engine.progress import Ticker
from engine.results import Unreadable, write_evaluation
from engine.runs import Run
from engine.seeds import stable_seed

_FEWEST_STEPS = 2
"""A time budget with less left than this many steps ends where it is."""


def fit(config: RunConfig, dataset: Dataset, run: Run) -> Generator[Event, None, None]:
    """Train on the split `dataset` and leave the best model and its results in the run folder.

    Where the folder holds a checkpoint of such a run, go on behind its last epoch. Closing the generator stops; the
    best model so far is in its file by then, and where no epoch was finished yet, the weights as they are. Raises
    EngineError where settings or images do not allow to train or the loss diverges.
    """
    with distributed.process_group():
        setup = yield from prepare_run(config, dataset)
        session = begin(setup, config, dataset, run)
        training = config.training
        try:
            if training.mode == "quick" or begins_quickly(config):
                yield from _run_on_activations(session)
            if training.mode != "quick" and not session.stopping.should_stop:
                yield from _run_on_images(session)
        finally:
            if session.stopping.best is None and session.num_steps_done > 0:
                session.save()
        if distributed.rank() == 0:
            for event in keep_reference(run, dataset, setup.device):
                if not isinstance(event, Warned):  # the epochs have named what is unreadable
                    yield event
        run.checkpoint_path.unlink(missing_ok=True)
        seconds = time.monotonic() - session.started
        yield RunDone(model=str(run.model_path), best=session.stopping.best, seconds=seconds, stopped=False)


def _run_on_activations(session: Session) -> Generator[Event, None, None]:
    setup, config = session.setup, session.config
    if distributed.world_size() > 1:
        raise EngineError("Quick mode takes seconds on one process: start it without torchrun, or choose mode full.")
    feed = yield from make_activation_feed(setup, config, session.dataset)
    budget = config.training.budget_seconds
    phase = Phase(
        kind="quick",
        feed=feed,
        optimizer=make_run_optimizer(config, setup.model, config.optim.lr * QUICK_RATE),
        num_epochs=config.training.epochs if config.training.mode == "quick" else QUICK_EPOCHS,
        batch_size=config.training.batch_size,
        warmup_epochs=config.schedule.warmup_epochs,
        deadline=None if budget is None else session.started + budget * _quick_share(config),
    )
    yield from _run_phase(session, phase)


def _quick_share(config: RunConfig) -> float:
    return 1.0 if config.training.mode == "quick" else QUICK_SHARE


def _run_on_images(session: Session) -> Generator[Event, None, None]:
    setup, config = session.setup, session.config
    set_trainable(setup.model, head_only=config.training.mode == "head")
    if config.training.batch_size < 2 * distributed.world_size():
        raise EngineError("Each process needs two images of a batch at least. Choose a larger batch.")
    network = distributed.spread(setup.model)
    budget = config.training.budget_seconds
    refines = session.epoch > 0
    phase = Phase(
        kind="head" if config.training.mode == "head" else "full",
        feed=ImageFeed(setup, config, session.dataset, network),
        optimizer=make_run_optimizer(config, setup.model, config.optim.lr * (REFINING_RATE if refines else 1)),
        freezes_norms=refines,
        num_epochs=config.training.epochs if budget is None else None,
        batch_size=config.training.batch_size,
        warmup_epochs=config.schedule.warmup_epochs,
        first_epoch=session.epoch + 1,
        deadline=None if budget is None else session.started + budget,
    )
    if budget is None and session.run.checkpoint_path.is_file():
        load_training(session.run.checkpoint_path, session, phase)
    yield from _run_phase(session, phase)


def _run_phase(session: Session, phase: Phase) -> Generator[Event, None, None]:
    first = session.epoch + 1
    if not session.is_told:
        session.is_told = True
        yield _run_started(session, phase)
    for own_epoch in itertools.count(first - phase.first_epoch):
        is_done = phase.num_epochs is not None and own_epoch >= phase.num_epochs
        if is_done or distributed.of_first(_has_no_time(session, phase)):
            return
        yield from _run_epoch(session, phase, own_epoch)
        if session.stopping.should_stop:
            return


def _has_no_time(session: Session, phase: Phase) -> bool:
    if phase.deadline is None or session.num_steps_done < _FEWEST_STEPS:
        return False
    num_val_steps = len(phase.feed.val_samples) / phase.batch_size
    measuring = session.measuring_seconds or MEASURING_COST * num_val_steps * session.step_seconds
    return phase.clock() + measuring + _FEWEST_STEPS * session.step_seconds >= phase.deadline


def _run_started(session: Session, phase: Phase) -> RunStarted:
    parameters = list(session.setup.model.parameters())
    return RunStarted(
        run=str(session.run.path),
        classes=session.dataset.classes,
        num_train=len(phase.feed.train_samples),
        num_val=len(phase.feed.val_samples),
        device=session.setup.device_name,
        precision=str(session.setup.dtype).removeprefix("torch."),
        precision_reason=session.setup.precision.reason,
        parameters=sum(parameter.numel() for parameter in parameters),
        trainable=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        epochs=session.config.training.epochs if phase.num_epochs is None else phase.num_epochs,
    )


def _run_epoch(session: Session, phase: Phase, own_epoch: int) -> Generator[Event, None, None]:
    started = time.monotonic()
    epoch = session.epoch + 1
    scores = yield from _train_epoch(session, phase, epoch, own_epoch)
    judged = yield from _validate(session, phase, epoch)
    if phase.feed.mixes:
        plain = yield from _score_plain(session, phase, epoch)
        scores = scores.model_copy(update={"plain_accuracy": plain.accuracy})
    yield from _warn_of(session, judged.unreadable)
    best = session.stopping.update(epoch, judged.scores)
    if best and distributed.rank() == 0:
        session.calibration = calibrate(judged.logits, judged.labels)
        evaluation = measure(judged, session.dataset.root, session.dataset.classes, session.calibration)
        write_evaluation(evaluation, session.run.results_path)
        session.save()
    session.epoch = epoch
    seconds = time.monotonic() - started
    yield EpochDone(
        epoch=epoch,
        epochs=_planned_epochs(session, phase, seconds),
        train=scores,
        val=judged.scores,
        lr=phase.optimizer.param_groups[-1]["lr"],
        seconds=seconds,
        best=best,
    )
    if phase.kind != "quick" and phase.num_epochs is not None and distributed.rank() == 0:
        save_training(session.run.checkpoint_path, session, phase)


def _planned_epochs(session: Session, phase: Phase, seconds: float) -> int:
    """Return how many epochs the run will have, as far as it can be told."""
    if phase.num_epochs is not None and session.config.training.budget_seconds is None:
        return phase.num_epochs
    left = session.seconds_left(phase, 0) or 0.0
    return session.epoch + (round(left / seconds) if seconds and phase.kind != "quick" else int(left > 0))


def _train_epoch(session: Session, phase: Phase, epoch: int, own_epoch: int) -> Generator[Event, None, TrainScores]:
    setup, training = session.setup, session.config.training
    train_mode(setup.model, head_only=phase.kind != "full", freeze_norms=phase.freezes_norms)
    num_samples = len(phase.feed.train_samples)
    ticker = Ticker("train", num_samples, epoch)
    sums = torch.zeros(3, device=setup.device)  # loss, weight of the right label, images
    told = torch.zeros(3)
    num_done = 0
    began = time.monotonic()
    for step, batch in enumerate(phase.feed.train_batches(epoch)):
        num_done += (len(batch.samples) + len(batch.unreadable)) * distributed.world_size()
        yield from _warn_of(session, batch.unreadable)
        if len(batch.samples) > 1 or distributed.world_size() > 1:
            set_rate(phase.optimizer, distributed.of_first(phase.rate(own_epoch * phase.steps_per_epoch + step)))
            sums += learn(session, phase, batch, seed=stable_seed(training.seed, epoch, step))
        yield from _notices(session)
        for event in ticker.at(min(num_done, num_samples), seconds_left=session.seconds_left(phase, num_done)):
            now = sums.cpu()
            yield event.model_copy(update={"loss": _mean_loss(now - told)})
            told = now
        session.step_seconds = (time.monotonic() - began) / (step + 1)
        if phase.deadline is not None and distributed.of_first(_has_no_time(session, phase)):
            break
    session.work_done += num_samples
    loss, right, num_images = distributed.total_tensor(sums).tolist()
    if not num_images:
        raise EngineError("None of the training images could be read.", session.dataset.root)
    return TrainScores(loss=loss / num_images, accuracy=right / num_images, plain_accuracy=right / num_images)


def _mean_loss(sums: torch.Tensor) -> float | None:
    loss, _, num_images = sums.tolist()
    if not num_images:
        return None
    mean = loss / num_images
    if mean != mean or mean == float("inf"):
        raise EngineError(
            "The loss is no longer a number. The best model so far is kept; train again with a lower learning rate."
        )
    return float(mean)


def _validate(session: Session, phase: Phase, epoch: int) -> Generator[Event, None, Judged]:
    num_samples = len(phase.feed.val_samples)
    session.measured_model.eval()
    began = time.monotonic()
    forward = phase.feed.measuring_forward(session.measured_model)
    judging = judge(phase.feed.val_batches(), num_samples, forward, "validate", epoch)
    judged = yield from _with_time_left(session, phase, judging)
    session.work_done += MEASURING_COST * num_samples
    session.measuring_seconds = time.monotonic() - began
    return Judged.merged(distributed.gather(judged))


def _score_plain(session: Session, phase: Phase, epoch: int) -> Generator[Event, None, Scores]:
    """Measure on training images as they are, as many as validation has: mixed ones tell little of what was learnt."""
    forward = phase.feed.measuring_forward(session.measured_model)
    samples = phase.feed.plain_train_samples
    judged = yield from judge(phase.feed.plain_train_batches(), len(samples), forward, "validate", epoch)
    return Judged.merged(distributed.gather(judged)).scores


def _with_time_left(
    session: Session, phase: Phase, judging: Generator[Progress, None, Judged]
) -> Generator[Progress, None, Judged]:
    while True:
        try:
            event = next(judging)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        left = session.seconds_left(phase, MEASURING_COST * event.done)
        yield event.model_copy(update={"seconds_left": left})


def _warn_of(session: Session, unreadable: tuple[Unreadable, ...]) -> Generator[Event, None, None]:
    for image in unreadable:
        if image.path not in session.warned:
            session.warned.add(image.path)
            yield Warned(message=f"Left out: {image.reason}", path=image.path)


def _notices(session: Session) -> Generator[Event, None, None]:
    while session.notices:
        yield Warned(message=session.notices.pop(0))
