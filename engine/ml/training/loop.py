"""The training loop: per epoch train, validate, keep the best, tell."""

import itertools
import time
from collections.abc import Generator

from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.events import EpochDone, Event, RunDone, RunStarted, Warned
from engine.data.dataset import Dataset
from engine.ml.evaluation.metrics import compute_metrics
from engine.ml.evaluation.run_inference import Predictions
from engine.ml.evaluation.temperature import calibrate
from engine.ml.models.build import set_trainable
from engine.ml.runtime import distributed
from engine.ml.runtime.ddp import wrap_ddp
from engine.ml.runtime.errors import DivergedError
from engine.ml.training.batch_source import ImageBatchSource, make_feature_source
from engine.ml.training.checkpoint import Checkpoint, read_checkpoint
from engine.ml.training.checkpoint_writer import CheckpointWriter
from engine.ml.training.epoch import is_out_of_time, save_checkpoint, score_clean_train, train_epoch, validate
from engine.ml.training.finalize import save_reference_embeddings
from engine.ml.training.phases import QUICK_EPOCHS, QUICK_RATE, QUICK_SHARE, REFINING_RATE, Phase
from engine.ml.training.setup import begins_quickly, make_run_optimizer, prepare_run
from engine.ml.training.state import TrainState, make_train_state
from engine.results.model_metadata import read_metadata
from engine.runs.run_folder import Run


def fit(config: RunConfig, dataset: Dataset, run: Run) -> Generator[Event, None, RunDone]:
    """Train on the split `dataset`, leave the best model and its results in the run folder and return the last event.

    Where the folder holds a checkpoint, go on from there. Closing the generator stops and saves where the run is. There
    is a model in its file all along: at first the network as it starts, then the best so far. Raises EngineError where
    settings or images do not allow to train, the loss diverges, memory is out or the disk takes nothing.
    """
    with distributed.process_group():
        saved = read_checkpoint(run.checkpoint_path)
        setup = yield from prepare_run(config, dataset, None if saved is None else saved.precision)
        if saved is not None:
            saved.restore_model(setup.model)
        session = make_train_state(setup, config, dataset, run)
        keeper = CheckpointWriter(run, setup.model, config.training.checkpoint_minutes)
        if saved is not None:
            session.started -= saved.seconds
        elif not run.model_path.is_file():
            keeper.save_best(session, None)
        try:
            yield from _train(session, keeper, saved)
        except DivergedError:
            yield _run_done(session, stopped=True)
            raise
        keeper.finish()
        if distributed.rank() == 0:
            for event in save_reference_embeddings(run, dataset, setup.device):
                if not isinstance(event, Warned):  # the epochs have named what is unreadable
                    yield event
        return _run_done(session, stopped=False)


def _train(session: TrainState, keeper: CheckpointWriter, saved: Checkpoint | None) -> Generator[Event, None, None]:
    is_quick = session.config.training.mode == "quick"
    try:
        if (is_quick or begins_quickly(session.config)) and (saved is None or saved.kind == "quick"):
            yield from _run_on_activations(session, keeper, saved)
        if not is_quick and not session.stopping.should_stop:
            yield from _run_on_images(session, keeper, saved)
    except (GeneratorExit, EngineError) as end:
        _keep_at_end(session, keeper, has_diverged=isinstance(end, DivergedError))
        raise


def _keep_at_end(session: TrainState, keeper: CheckpointWriter, has_diverged: bool) -> None:
    """Save where a run is that was stopped or cannot go on for now; raise EngineError where that is refused."""
    refused = None
    try:
        # Of many processes the others are not here to add their sums
        if not has_diverged and distributed.world_size() == 1 and session.phase is not None:
            if session.stopping.best is None and not _has_measured_model(session.run):
                keeper.save_best(session, None)
            refused = save_checkpoint(session, session.phase, keeper)
    finally:
        keeper.finish()
    if refused is not None:
        raise EngineError(f"Where the run was could not be saved: {refused} Its best model is kept.", session.run.path)


def _has_measured_model(run: Run) -> bool:
    """Say whether a better model lies there than one that was never measured, as of a run that begins anew."""
    return run.model_path.is_file() and read_metadata(run.model_path).best is not None


def _run_done(session: TrainState, stopped: bool) -> RunDone:
    model, best = str(session.run.model_path), session.stopping.best
    return RunDone(model=model, best=best, seconds=session.seconds, stopped=stopped)


def _run_on_activations(
    session: TrainState, keeper: CheckpointWriter, saved: Checkpoint | None
) -> Generator[Event, None, None]:
    setup, config = session.setup, session.config
    if distributed.world_size() > 1:
        raise EngineError("Quick mode takes seconds on one process: start it without torchrun, or choose mode full.")
    feed = yield from make_feature_source(setup, config, session.dataset)
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
    yield from _run_phase(session, phase, keeper, saved)


def _quick_share(config: RunConfig) -> float:
    return 1.0 if config.training.mode == "quick" else QUICK_SHARE


def _run_on_images(
    session: TrainState, keeper: CheckpointWriter, saved: Checkpoint | None
) -> Generator[Event, None, None]:
    setup, config = session.setup, session.config
    set_trainable(setup.model, head_only=config.training.mode == "head")
    if config.training.batch_size < 2 * distributed.world_size():
        raise EngineError("Each process needs two images of a batch at least. Choose a larger batch.")
    network = wrap_ddp(setup.model)
    budget = config.training.budget_seconds
    refines = begins_quickly(config)
    phase = Phase(
        kind="head" if config.training.mode == "head" else "full",
        feed=ImageBatchSource(setup, config, session.dataset, network),
        optimizer=make_run_optimizer(config, setup.model, config.optim.lr * (REFINING_RATE if refines else 1)),
        freezes_norms=refines,
        num_epochs=config.training.epochs if budget is None else None,
        batch_size=config.training.batch_size,
        warmup_epochs=config.schedule.warmup_epochs,
        first_epoch=session.epoch + 1,
        deadline=None if budget is None else session.started + budget,
    )
    yield from _run_phase(session, phase, keeper, saved)


def _run_phase(
    session: TrainState, phase: Phase, keeper: CheckpointWriter, saved: Checkpoint | None
) -> Generator[Event, None, None]:
    if saved is not None and saved.kind == phase.kind:
        saved.restore(session, phase)
    session.phase = phase
    if not session.is_announced:
        session.is_announced = True
        yield _run_started(session, phase)
    for own_epoch in itertools.count(session.epoch + 1 - phase.first_epoch):
        is_done = phase.num_epochs is not None and own_epoch >= phase.num_epochs
        if is_done or session.stopping.should_stop or distributed.broadcast_from_rank0(is_out_of_time(session, phase)):
            return
        yield from _run_epoch(session, phase, own_epoch, keeper)


def _run_started(session: TrainState, phase: Phase) -> RunStarted:
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


def _run_epoch(
    session: TrainState, phase: Phase, own_epoch: int, keeper: CheckpointWriter
) -> Generator[Event, None, None]:
    started = time.monotonic()
    scores = yield from train_epoch(session, phase, own_epoch, keeper)
    judged = yield from validate(session, phase)
    if phase.feed.uses_mixup:
        plain = yield from score_clean_train(session, phase)
        scores = scores.model_copy(update={"plain_accuracy": plain.accuracy})
    epoch = session.epoch + 1
    best = session.stopping.update(epoch, judged.scores)
    if distributed.rank() == 0:
        if best:
            _keep_best(session, judged, keeper)
        else:
            keeper.flush_pending(session)
    session.epoch, session.num_batches_done = epoch, 0
    session.sums.zero_()
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
    # Behind the event, so that the journal has the epoch before a checkpoint takes it for done
    if distributed.broadcast_from_rank0(keeper.is_due(at_epoch_end=True)):
        save_checkpoint(session, phase, keeper)


def _keep_best(session: TrainState, judged: Predictions, keeper: CheckpointWriter) -> None:
    session.calibration = calibrate(judged.logits, judged.labels)
    keeper.save_best(
        session, compute_metrics(judged, session.dataset.root, session.dataset.classes, session.calibration)
    )


def _planned_epochs(session: TrainState, phase: Phase, seconds: float) -> int:
    """Return how many epochs the run will have, as far as it can be told."""
    if phase.num_epochs is not None and session.config.training.budget_seconds is None:
        return phase.num_epochs
    left = session.seconds_left(phase, 0) or 0.0
    return session.epoch + (round(left / seconds) if seconds and phase.kind != "quick" else int(left > 0))
