"""Candidates within a time budget: a linear head, the last block, all layers. The best on validation is kept."""

import time
from collections.abc import Generator

import torch
from torch import Tensor

from engine.config.network_names import network_name
from engine.core.events import CandidateDone, EpochDone, Event, RaceDone
from engine.core.formatting import percent
from engine.ml.training.build_phases import make_image_phase, make_quick_phase
from engine.ml.training.checkpoint import Checkpoint
from engine.ml.training.checkpoint_writer import CheckpointWriter
from engine.ml.training.early_stopping import EarlyStopping
from engine.ml.training.head_fit import fit_head
from engine.ml.training.run_phase import run_phase
from engine.ml.training.state import TrainState

LINEAR_HEAD, LAST_BLOCK, ALL_LAYERS = "linear head", "last block", "all layers"
"""Layers that the candidates train; the name of a candidate begins with the network."""


def run_race(
    state: TrainState, writer: CheckpointWriter, checkpoint: Checkpoint | None
) -> Generator[Event, None, None]:
    """Train the candidates one after the other, each from the best one before, within the time budget.

    The run folder keeps the best epoch of all, so the result is never below that of the linear head. The race ends
    early if a candidate classifies all validation images correctly, because no other one can be measured as better.

    Args:
        state: The state of the run.
        writer: Writes the best model and checkpoints.
        checkpoint: The checkpoint from which the run is resumed; candidates before it are not trained again.
    """
    done = [] if checkpoint is None else list(state.run.history.candidates)
    if checkpoint is None or checkpoint.kind == "quick":
        started = time.monotonic()
        phase = yield from make_quick_phase(state)
        if checkpoint is None:
            yield from _follow(state, LINEAR_HEAD, fit_head(state, phase, writer), done, started)
        fitted, num_epochs = _trained_weights(state), state.epoch
        if not _is_decided(state):
            yield from _follow(state, LAST_BLOCK, run_phase(state, phase, writer, checkpoint), done)
        if checkpoint is None and state.stopping.best is not None and state.stopping.best.epoch <= num_epochs:
            _restore(state, fitted)  # the last block was not better, so all layers start from the linear head
    if not _is_decided(state):
        yield from _follow(state, ALL_LAYERS, run_phase(state, make_image_phase(state), writer, checkpoint), done)
    if race := _choose(state, done):
        yield race


def _trained_weights(state: TrainState) -> dict[str, Tensor]:
    """Return copies of the parameters that are trained, by name."""
    named = state.setup.model.named_parameters()
    return {name: parameter.detach().clone() for name, parameter in named if parameter.requires_grad}


def _restore(state: TrainState, weights: dict[str, Tensor]) -> None:
    """Copy the parameters of `_trained_weights` back into the model and its EMA."""
    for model in filter(None, (state.setup.model, None if state.averaged is None else state.eval_model)):
        parameters = dict(model.named_parameters())
        with torch.no_grad():
            for name, value in weights.items():
                parameters[name].copy_(value)


def _is_decided(state: TrainState) -> bool:
    best = state.stopping.best
    return state.stopping.should_stop or (best is not None and best.accuracy == 1.0)


def _follow(
    state: TrainState,
    layers: str,
    events: Generator[Event, None, None],
    done: list[CandidateDone],
    started: float | None = None,
) -> Generator[Event, None, None]:
    """Pass on the events of a candidate, then yield its best epoch and append it to `done`.

    `started` is the time at which its preparation began, if there was any.
    """
    started = time.monotonic() if started is None else started
    own = EarlyStopping(patience=0, criterion=state.stopping.criterion)
    for event in events:
        if isinstance(event, EpochDone):
            own.update(event.epoch, event.val)
        yield event
    if own.best is None:
        return
    seconds = time.monotonic() - started
    name = f"{network_name(state.setup.backbone)}, {layers}"
    done.append(
        CandidateDone(name=name, epoch=own.best.epoch, accuracy=own.best.accuracy, loss=own.best.loss, seconds=seconds)
    )
    yield done[-1]


def _choose(state: TrainState, done: list[CandidateDone]) -> RaceDone | None:
    best = state.stopping.best
    winner = next((candidate for candidate in done if best is not None and candidate.epoch == best.epoch), None)
    return None if winner is None else RaceDone(winner=winner.name, reason=_reason(winner, done))


def _reason(winner: CandidateDone, done: list[CandidateDone]) -> str:
    share = f"{percent(winner.accuracy, 1)} of the validation images are classified correctly"
    others = [candidate for candidate in done if candidate is not winner]
    if not others:
        end = "so nothing else was tried" if winner.accuracy == 1.0 else "and there was no time for more"
        return f"{winner.name}: {share}, {end}."
    second = max(others, key=lambda candidate: (candidate.accuracy, -candidate.loss))
    if second.accuracy == winner.accuracy:
        return f"{winner.name}: {share}, as many as with {second.name}, at a lower loss."
    return f"{winner.name}: {share}; the next best is {second.name} with {percent(second.accuracy, 1)}."
