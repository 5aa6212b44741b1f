"""The training loop: per epoch train, validate, keep the best, tell."""

import time
from collections.abc import Generator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from engine.config import RunConfig
from engine.dataset import Dataset
from engine.errors import EngineError
from engine.events import EpochDone, Event, Progress, RunDone, RunStarted, Scores, TrainScores, Warned
from engine.ml.checkpoint import make_card, save_model
from engine.ml.data import Batch, num_steps
from engine.ml.evaluate import Judged, judge, measure
from engine.ml.feeds import Feed, make_feed
from engine.ml.mixing import mix_batch
from engine.ml.models import Classifier, train_mode
from engine.ml.optim import set_rate
from engine.ml.setup import Setup, prepare_run
from engine.progress import Ticker
from engine.results import Unreadable, write_evaluation
from engine.runs import Run
from engine.schedule import rate_multiplier
from engine.seeds import stable_seed
from engine.stopping import EarlyStopping

MEASURING_COST = 1 / 3
"""Time to measure an image, as a share of the time to train on it: a forward pass without the backward one."""


@dataclass
class Session:
    """Everything that changes while a run trains."""

    setup: Setup
    config: RunConfig
    dataset: Dataset
    run: Run
    feed: Feed
    averaged: AveragedModel | None
    stopping: EarlyStopping
    started: float = field(default_factory=time.monotonic)
    warned: set[str] = field(default_factory=set)
    """Paths of unreadable images the user has been told of."""
    num_steps_done: int = 0
    work_done: float = 0.0
    """In images trained on; a measured image counts MEASURING_COST."""

    @property
    def measured_model(self) -> Classifier:
        """The network that is validated and saved: the average where one is kept."""
        return self.setup.model if self.averaged is None else self.averaged.module  # type: ignore[return-value]

    def seconds_left(self, work_in_stage: float) -> float | None:
        """Return how long the rest of the run takes at the speed so far."""
        done = self.work_done + work_in_stage
        elapsed = time.monotonic() - self.started
        return elapsed / done * (self.total_work - done) if done > 0 else None

    @property
    def total_work(self) -> float:
        """All the work of the run, in images trained on."""
        per_epoch = len(self.feed.train_samples) + MEASURING_COST * len(self.feed.val_samples)
        return per_epoch * self.config.training.epochs


def fit(config: RunConfig, dataset: Dataset, run: Run) -> Generator[Event, None, None]:
    """Train on the split `dataset` and leave the best model and its results in the run folder.

    Closing the generator stops; the best model so far is in its file by then, and where no epoch was finished yet,
    the weights as they are. Raises EngineError where settings or images do not allow to train or the loss diverges.
    """
    setup = yield from prepare_run(config, dataset)
    feed = yield from make_feed(setup, config, dataset)
    session = _begin(setup, config, dataset, run, feed)
    yield _run_started(session)
    try:
        for epoch in range(1, config.training.epochs + 1):
            yield from _run_epoch(session, epoch)
            if session.stopping.should_stop:
                break
    finally:
        if session.stopping.best is None and session.num_steps_done > 0:
            _save(session)
    yield RunDone(
        model=str(run.model_path),
        best=session.stopping.best,
        seconds=time.monotonic() - session.started,
        stopped=False,
    )


def _begin(setup: Setup, config: RunConfig, dataset: Dataset, run: Run, feed: Feed) -> Session:
    decay = config.training.ema_decay
    averaged = None
    if decay:
        averaged = AveragedModel(setup.model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)  # type: ignore[no-untyped-call]
    return Session(setup, config, dataset, run, feed, averaged, EarlyStopping(patience=config.training.early_stopping))


def _run_started(session: Session) -> RunStarted:
    parameters = list(session.setup.model.parameters())
    return RunStarted(
        run=str(session.run.path),
        classes=session.dataset.classes,
        num_train=len(session.feed.train_samples),
        num_val=len(session.feed.val_samples),
        device=session.setup.device_name,
        precision=str(session.setup.dtype).removeprefix("torch."),
        parameters=sum(parameter.numel() for parameter in parameters),
        trainable=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        epochs=session.config.training.epochs,
    )


def _run_epoch(session: Session, epoch: int) -> Generator[Event, None, None]:
    started = time.monotonic()
    scores = yield from _train_epoch(session, epoch)
    judged = yield from _validate(session, epoch)
    if session.feed.mixes:
        plain = yield from _score_plain(session, epoch)
        scores = scores.model_copy(update={"plain_accuracy": plain.accuracy})
    yield from _warn_of(session, judged.unreadable)
    best = session.stopping.update(epoch, judged.scores)
    if best:
        write_evaluation(measure(judged, session.dataset.root, session.dataset.classes), session.run.results_path)
        _save(session)
    yield EpochDone(
        epoch=epoch,
        epochs=session.config.training.epochs,
        train=scores,
        val=judged.scores,
        lr=session.setup.optimizer.param_groups[-1]["lr"],
        seconds=time.monotonic() - started,
        best=best,
    )


def _train_epoch(session: Session, epoch: int) -> Generator[Event, None, TrainScores]:
    setup, training = session.setup, session.config.training
    train_mode(setup.model, head_only=training.mode != "full")
    num_samples = len(session.feed.train_samples)
    steps_per_epoch = num_steps(num_samples, training.batch_size)
    total_steps = steps_per_epoch * training.epochs
    warmup_steps = round(steps_per_epoch * session.config.schedule.warmup_epochs)
    ticker = Ticker("train", num_samples, epoch)
    sums = torch.zeros(3, device=setup.device)  # loss, weight of the right label, images
    told = torch.zeros(3)
    num_done = 0
    for step, batch in enumerate(session.feed.train_batches(epoch)):
        num_done += len(batch.samples) + len(batch.unreadable)
        yield from _warn_of(session, batch.unreadable)
        if len(batch.samples) > 1:
            done_before = (epoch - 1) * steps_per_epoch + step
            set_rate(setup.optimizer, rate_multiplier(done_before, total_steps, min(warmup_steps, total_steps)))
            sums += _step(session, batch, seed=stable_seed(training.seed, epoch, step))
        for event in ticker.at(num_done, seconds_left=session.seconds_left(num_done)):
            now = sums.cpu()
            yield event.model_copy(update={"loss": _mean_loss(now - told)})
            told = now
    session.work_done += num_samples
    loss, right, num_images = sums.tolist()
    if not num_images:
        raise EngineError("None of the training images could be read.", session.dataset.root)
    return TrainScores(loss=loss / num_images, accuracy=right / num_images, plain_accuracy=right / num_images)


def _step(session: Session, batch: Batch, seed: int) -> Tensor:
    """Learn from one batch; return sums over its images of loss, weight of the predicted label, and 1.

    The loss told is the cross-entropy without label smoothing, so that it can be held against validation's.
    """
    setup, config = session.setup, session.config
    targets = nn.functional.one_hot(batch.labels, len(session.dataset.classes)).float()
    inputs = session.feed.to_input(batch.inputs)
    targets = targets.to(setup.device)
    if session.feed.mixes:
        generator = torch.Generator().manual_seed(seed)
        augment = config.augment
        inputs, targets = mix_batch(
            inputs, targets, augment.mixup_alpha, augment.cutmix_alpha, augment.mix_switch, generator
        )
    with torch.autocast(setup.device.type, setup.dtype, enabled=setup.dtype != torch.float32):
        logits = session.feed.forward(inputs)
    logits = logits.float()
    loss = nn.functional.cross_entropy(logits, targets, label_smoothing=config.training.label_smoothing)
    _descend(setup, loss, config.optim.clip_norm)
    session.num_steps_done += 1
    if session.averaged is not None:
        session.averaged.update_parameters(setup.model)
    with torch.no_grad():
        plain_loss = nn.functional.cross_entropy(logits, targets, reduction="sum")
        right = targets.gather(1, logits.argmax(1, keepdim=True)).sum()
        return torch.stack((plain_loss, right, torch.full_like(right, len(batch.samples))))


def _descend(setup: Setup, loss: Tensor, clip_norm: float) -> None:
    setup.optimizer.zero_grad(set_to_none=True)
    setup.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
    if clip_norm:
        setup.scaler.unscale_(setup.optimizer)
        nn.utils.clip_grad_norm_((p for group in setup.optimizer.param_groups for p in group["params"]), clip_norm)
    setup.scaler.step(setup.optimizer)
    setup.scaler.update()


def _mean_loss(sums: Tensor) -> float | None:
    loss, _, num_images = sums.tolist()
    if not num_images:
        return None
    mean = loss / num_images
    if mean != mean or mean == float("inf"):
        raise EngineError(
            "The loss is no longer a number. The best model so far is kept; train again with a lower learning rate."
        )
    return float(mean)


def _validate(session: Session, epoch: int) -> Generator[Event, None, Judged]:
    num_samples = len(session.feed.val_samples)
    session.measured_model.eval()
    forward = session.feed.measuring_forward(session.measured_model)
    judging = judge(session.feed.val_batches(), num_samples, forward, "validate", epoch)
    judged = yield from _with_time_left(session, judging)
    session.work_done += MEASURING_COST * num_samples
    return judged


def _score_plain(session: Session, epoch: int) -> Generator[Event, None, Scores]:
    """Measure on training images as they are, as many as validation has: mixed ones tell little of what was learnt."""
    forward = session.feed.measuring_forward(session.measured_model)
    samples = session.feed.plain_train_samples
    judged = yield from judge(session.feed.plain_train_batches(), len(samples), forward, "validate", epoch)
    return judged.scores


def _with_time_left(session: Session, judging: Generator[Progress, None, Judged]) -> Generator[Progress, None, Judged]:
    while True:
        try:
            event = next(judging)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        left = session.seconds_left(MEASURING_COST * event.done)
        yield event.model_copy(update={"seconds_left": left})


def _warn_of(session: Session, unreadable: tuple[Unreadable, ...]) -> Generator[Event, None, None]:
    for image in unreadable:
        if image.path not in session.warned:
            session.warned.add(image.path)
            yield Warned(message=f"Left out: {image.reason}", path=image.path)


def _save(session: Session) -> None:
    card = make_card(session.config, session.dataset.classes, session.setup.preprocessing, session.stopping.best)
    save_model(session.run.model_path, session.measured_model, card)
