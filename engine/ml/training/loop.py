"""The training loop of a run: prepare, run the phases, save the best model, finish."""

import time
from collections.abc import Generator
from dataclasses import replace

from engine.audit.learnt_images import LearntImages
from engine.config.settings import RunConfig
from engine.core.atomic_write import saving
from engine.core.errors import EngineError
from engine.core.events import Event, RunDone, Warned
from engine.data.dataset import Dataset
from engine.ml.evaluation.learnt_from import digest_images, find_learnt_from_weights
from engine.ml.models.learnt_digests import read_learnt
from engine.ml.runtime import distributed
from engine.ml.runtime.errors import DivergedError
from engine.ml.training.build_phases import make_image_phase, make_quick_phase
from engine.ml.training.checkpoint import Checkpoint, read_checkpoint
from engine.ml.training.checkpoint_writer import CheckpointWriter
from engine.ml.training.choose_network import choose_network
from engine.ml.training.epoch import save_checkpoint
from engine.ml.training.finalize import save_reference_embeddings
from engine.ml.training.head_fit import fit_head
from engine.ml.training.head_start import start_with_fitted_head
from engine.ml.training.race import run_race
from engine.ml.training.run_phase import run_phase
from engine.ml.training.setup import TrainingSetup, prepare_run
from engine.ml.training.state import TrainState, make_train_state
from engine.results.model_metadata import read_metadata
from engine.runs.run_folder import Run


def fit(config: RunConfig, dataset: Dataset, run: Run) -> Generator[Event, None, RunDone]:
    """Train on the split `dataset`, or resume from the checkpoint in the run folder.

    The run folder always contains a model: first the untrained network, then the best one so far. Closing the generator
    stops the run and saves a checkpoint.

    Args:
        config: All settings of the run; passed to `prepare_run`.
        dataset: The split dataset.
        run: The run folder, which exists.

    Returns:
        The last event of the run.

    Raises:
        EngineError: If settings or images do not allow training, the loss diverges, or memory or disk space run out.
    """
    with distributed.process_group():
        # In a frame of its own: once it has returned, nothing of the training keeps the process group alive
        return (yield from _fit(config, dataset, run))


def _fit(config: RunConfig, dataset: Dataset, run: Run) -> Generator[Event, None, RunDone]:
    """Train or resume, within the process group."""
    checkpoint = read_checkpoint(run)
    state = yield from _make_state(config, dataset, run, checkpoint)
    setup = state.setup
    if setup.config != config and distributed.rank() == 0:
        _save_resolved_settings(run, setup)
    state.learnt = yield from _find_learnt(run, setup.config.model.weights, dataset)
    writer = CheckpointWriter(run, setup.model, setup.plan.checkpoint_minutes)
    if checkpoint is not None:
        state.started -= checkpoint.seconds
    elif not run.model_path.is_file():
        writer.save_best(state, None)
    try:
        yield from _run_phases(state, writer, checkpoint)
    except DivergedError:
        yield _run_done(state, stopped=True)
        raise
    writer.finish()
    if distributed.rank() == 0:
        for event in save_reference_embeddings(run, dataset, setup.device):
            if not isinstance(event, Warned):  # unreadable images were already reported during the epochs
                yield event
    return _run_done(state, stopped=False)


def _make_state(
    config: RunConfig, dataset: Dataset, run: Run, checkpoint: Checkpoint | None
) -> Generator[Event, None, TrainState]:
    """Return the state of a run before its first step, after the choice between candidate networks, if there are any.

    The state of a resumed run has the weights of its checkpoint; the rest is restored when its phase begins.
    """
    started = time.monotonic()
    is_choice = bool(config.model.candidates) and checkpoint is None and distributed.world_size() == 1
    if is_choice:
        trial = yield from choose_network(config, dataset, run)
        if trial.is_from_scratch:
            yield from trial.events
            return trial.state
        config = trial.config
    setup = yield from prepare_run(config, dataset, None if checkpoint is None else checkpoint.precision)
    if checkpoint is not None:
        checkpoint.restore_model(setup.model)
    state = make_train_state(setup, dataset, run)
    if is_choice:
        state.started = started  # the trials are part of the time budget
    return state


def _find_learnt(run: Run, weights: str, dataset: Dataset) -> Generator[Event, None, LearntImages | None]:
    """Return the digests of all images that this run and its start weights learn from; None where nothing is written.

    A resumed run keeps those in its model file, as its images may have changed.
    """
    if distributed.rank() != 0:
        return None
    stored = read_learnt(run.model_path) if run.model_path.is_file() else None
    if stored is not None:
        return stored
    own = yield from digest_images(replace(dataset, samples=dataset.of_split("train")))
    return own.union((yield from find_learnt_from_weights(weights)).images)


def _save_resolved_settings(run: Run, setup: TrainingSetup) -> None:
    """Write what was chosen for this computer into config.json, so that the run can be repeated with the same bits."""
    with saving("The settings", run.path):
        run.write_config(setup.config)


def _run_phases(
    state: TrainState, writer: CheckpointWriter, checkpoint: Checkpoint | None
) -> Generator[Event, None, None]:
    plan = state.setup.plan
    try:
        if plan.starts_quick:
            yield from run_race(state, writer, checkpoint)
        elif plan.mode == "quick":
            phase = yield from make_quick_phase(state)
            if checkpoint is None:
                yield from fit_head(state, phase, writer)
            yield from run_phase(state, phase, writer, checkpoint)
        else:
            if plan.fits_head and checkpoint is None and not state.setup.has_head:
                yield from start_with_fitted_head(state)
            yield from run_phase(state, make_image_phase(state), writer, checkpoint)
    except (GeneratorExit, EngineError) as end:
        _save_unfinished(state, writer, has_diverged=isinstance(end, DivergedError))
        raise


def _save_unfinished(state: TrainState, writer: CheckpointWriter, has_diverged: bool) -> None:
    """Save a checkpoint of a run that was stopped or failed; raise EngineError if it cannot be written."""
    reason = None
    try:
        # With several processes the others have not stopped here, so the sums cannot be reduced
        if not has_diverged and distributed.world_size() == 1 and state.phase is not None:
            if state.stopping.best is None and not _has_validated_model(state.run):
                writer.save_best(state, None)
            reason = save_checkpoint(state, state.phase, writer)
    finally:
        writer.finish()
    if reason is not None:
        raise EngineError(f"The checkpoint could not be saved: {reason} The best model is kept.", state.run.path)


def _has_validated_model(run: Run) -> bool:
    """Return True if the model in the run folder was validated, so that an unvalidated one must not replace it."""
    return run.model_path.is_file() and read_metadata(run.model_path).best is not None


def _run_done(state: TrainState, stopped: bool) -> RunDone:
    model, best = str(state.run.model_path), state.stopping.best
    return RunDone(model=model, best=best, seconds=state.seconds, stopped=stopped)
