"""The validation half of one epoch: predictions of the current model on validation and clean training images."""

import time
from collections.abc import Callable, Generator

from engine.core.event_stream import map_events
from engine.core.events import Event, Progress, Scores
from engine.ml.evaluation.run_inference import Predictions, run_inference
from engine.ml.runtime import distributed
from engine.ml.training.epoch import unreadable_warnings
from engine.ml.training.phases import Phase
from engine.ml.training.state import VALIDATION_COST, TrainState


def validate(state: TrainState, phase: Phase) -> Generator[Event, None, Predictions]:
    """Return the predictions on all validation images, gathered from all processes."""
    num_samples = len(phase.source.val_samples)
    state.eval_model.eval()
    began = time.monotonic()
    forward = phase.source.eval_forward(state.eval_model)
    inference = run_inference(phase.source.val_batches(), num_samples, forward, "validate", state.epoch + 1)
    predictions = yield from _with_time_left(inference, lambda done: state.seconds_left(phase, VALIDATION_COST * done))
    yield from unreadable_warnings(state, predictions.unreadable)
    state.work_done += VALIDATION_COST * num_samples
    state.validation_seconds = time.monotonic() - began
    return Predictions.merged(distributed.all_gather(predictions))


def score_clean_train(state: TrainState, phase: Phase) -> Generator[Event, None, Scores]:
    """Return the scores on clean training images, because the accuracy on mixed images is not a meaningful one."""
    forward = phase.source.eval_forward(state.eval_model)
    num_samples = len(phase.source.clean_train_samples)
    batches = phase.source.clean_train_batches()
    predictions = yield from run_inference(batches, num_samples, forward, "validate", state.epoch + 1)
    yield from unreadable_warnings(state, predictions.unreadable)
    return Predictions.merged(distributed.all_gather(predictions)).scores


def _with_time_left(
    inference: Generator[Progress, None, Predictions], seconds_left: Callable[[float], float | None]
) -> Generator[Progress, None, Predictions]:
    return map_events(inference, lambda event: [event.model_copy(update={"seconds_left": seconds_left(event.done)})])
