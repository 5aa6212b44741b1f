"""Run the epochs of a phase: train, validate, save the best model, report."""

import itertools
import sys
import time
from collections.abc import Generator

from engine.core.events import EpochDone, Event, Progress, RunStarted, TrainScores
from engine.ml.evaluation.class_scores import compute_val_scores
from engine.ml.evaluation.metrics import compute_metrics
from engine.ml.evaluation.run_inference import Predictions
from engine.ml.evaluation.temperature import calibrate
from engine.ml.runtime import distributed
from engine.ml.training.checkpoint import Checkpoint
from engine.ml.training.checkpoint_writer import CheckpointWriter
from engine.ml.training.epoch import is_out_of_time, save_checkpoint, train_epoch
from engine.ml.training.phases import Phase
from engine.ml.training.state import TrainState
from engine.ml.training.validation import score_clean_train, validate
from engine.results.class_recalls import MAX_UNMEASURED


def run_phase(
    state: TrainState, phase: Phase, writer: CheckpointWriter, checkpoint: Checkpoint | None
) -> Generator[Event, None, None]:
    """Run all epochs of a phase; a checkpoint of this phase is restored first."""
    if "torch._dynamo" not in sys.modules:  # the first optimizer imports this compiler, which takes a second or more
        yield Progress(stage="load", done=0, total=0)
    phase.optimizer  # noqa: B018 - made now, so that the first epoch does not include the time of this import
    if checkpoint is not None and checkpoint.kind == phase.kind:
        checkpoint.restore(state, phase)
    state.phase = phase
    yield from announce(state, phase)
    for phase_epoch in itertools.count(state.epoch + 1 - phase.first_epoch):
        is_done = phase.num_epochs is not None and phase_epoch >= phase.num_epochs
        if is_done or state.stopping.should_stop or distributed.broadcast_from_rank0(is_out_of_time(state, phase)):
            return
        yield from _run_epoch(state, phase, phase_epoch, writer)


def announce(state: TrainState, phase: Phase) -> Generator[Event, None, None]:
    """Yield the event of the start of the run, unless it was yielded before."""
    if not state.is_announced:
        state.is_announced = True
        yield _run_started(state, phase)


def _run_epoch(
    state: TrainState, phase: Phase, phase_epoch: int, writer: CheckpointWriter
) -> Generator[Event, None, None]:
    started = time.monotonic()
    train_scores = yield from train_epoch(state, phase, phase_epoch, writer)
    predictions = yield from validate(state, phase)
    if phase.source.uses_mixup:
        clean = yield from score_clean_train(state, phase)
        train_scores = train_scores.model_copy(update={"plain_accuracy": clean.accuracy})
    lr = phase.optimizer.param_groups[-1]["lr"]
    yield from finish_epoch(state, phase, writer, train_scores, predictions, started, lr)
    # After the event, so that the event log never lacks an epoch that a checkpoint counts as done
    if distributed.broadcast_from_rank0(writer.is_due(at_epoch_end=True)):
        save_checkpoint(state, phase, writer)


def finish_epoch(
    state: TrainState,
    phase: Phase,
    writer: CheckpointWriter,
    train_scores: TrainScores,
    predictions: Predictions,
    started: float,
    lr: float,
) -> Generator[Event, None, None]:
    """Save the model if it is the best so far, count the epoch, and yield its event.

    Args:
        state: The state of the run.
        phase: The phase that is running.
        writer: Writes the best model.
        train_scores: Scores of the training images.
        predictions: Predictions on all validation images.
        started: Value of time.monotonic() at the start of the epoch.
        lr: Learning rate of the head; 0 without gradient steps.
    """
    epoch = state.epoch + 1
    val_scores = compute_val_scores(predictions, state.dataset.classes)
    is_best = state.stopping.update(epoch, val_scores)
    if distributed.rank() == 0:
        if is_best:
            _save_best(state, predictions, writer)
        else:
            writer.flush_pending(state)
    state.epoch, state.num_batches_done = epoch, 0
    state.sums.zero_()
    seconds = time.monotonic() - started
    yield EpochDone(
        epoch=epoch,
        epochs=_planned_epochs(state, phase, seconds),
        train=train_scores,
        val=val_scores,
        lr=lr,
        seconds=seconds,
        best=is_best,
    )


def _save_best(state: TrainState, predictions: Predictions, writer: CheckpointWriter) -> None:
    dataset = state.dataset
    state.calibration = calibrate(predictions.logits, predictions.labels)
    writer.save_best(state, compute_metrics(predictions, dataset.root, dataset.classes, state.calibration))


def _run_started(state: TrainState, phase: Phase) -> RunStarted:
    setup, parameters = state.setup, list(state.setup.model.parameters())
    measured = {sample.label for sample in phase.source.val_samples}
    unmeasured = [name for label, name in enumerate(state.dataset.classes) if label not in measured]
    return RunStarted(
        run=str(state.run.path),
        classes=state.dataset.classes,
        num_train=len(state.dataset.of_split("train")),
        num_val=len(phase.source.val_samples),
        grouping=state.dataset.grouping,
        device=setup.device_name,
        precision=setup.precision.name,
        precision_reason=setup.precision.reason,
        network_reason=setup.network_reason,
        parameters=sum(parameter.numel() for parameter in parameters),
        trainable=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        epochs=setup.plan.epochs if phase.num_epochs is None else phase.num_epochs,
        criterion=state.stopping.criterion,
        unmeasured=tuple(unmeasured[:MAX_UNMEASURED]),
        num_unmeasured=len(unmeasured),
    )


def _planned_epochs(state: TrainState, phase: Phase, seconds_per_epoch: float) -> int:
    """Return the number of epochs of the run, estimated from the remaining time if there is a time budget."""
    if phase.num_epochs is not None and state.setup.plan.budget_seconds is None:
        return phase.first_epoch - 1 + phase.num_epochs
    left = state.seconds_left(phase, 0) or 0.0
    if phase.kind == "quick" or not seconds_per_epoch:
        return state.epoch + int(left > 0)
    return state.epoch + round(left / seconds_per_epoch)
