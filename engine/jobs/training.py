"""Train, resume an interrupted run, and finalize a stopped one."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from engine.audit.learnt_from import LearntFrom
from engine.audit.scan import DatasetScan, file_contents, fingerprint_dataset
from engine.config.settings import RunConfig
from engine.core.atomic_write import remove_temporary_files, saving
from engine.core.errors import EngineError
from engine.core.events import DatasetSplit, Warned
from engine.core.locks import locked
from engine.core.log import log_to_file
from engine.core.paths import path_below
from engine.core.process_rank import is_rank_zero, is_restarted
from engine.data.dataset import Dataset, require_trainable
from engine.data.folders.split_names import SPLITS
from engine.jobs.base import EventStream, load_torch, translate_device_errors
from engine.jobs.dataset import skipped_warnings, split_readable, split_warnings
from engine.jobs.held_out import find_start_images, separate_held_out
from engine.jobs.presets import resolve_for
from engine.runs.event_log import log_events
from engine.runs.image_folder import require_images
from engine.runs.run_folder import Run, create_run
from engine.runs.tensorboard import has_tensorboard, require_tensorboard

logger = logging.getLogger(__name__)


def split_and_train(dataset: Dataset, config: RunConfig, path: Path) -> EventStream[Run]:
    """Split a dataset, then train as `train` does; unreadable images are also written to the event log of the run."""
    config = resolve_for(dataset, config)
    scanned = yield from fingerprint_dataset(dataset)
    start = yield from find_start_images(config.model.weights)
    dataset = yield from split_readable(dataset, config.data, scanned, start)
    return (yield from _train(dataset, config, path, scanned, start))


def train(dataset: Dataset, config: RunConfig, path: Path) -> EventStream[Run]:
    """Train on a split dataset and return the run.

    Closing the generator stops the training and saves the best model so far. Under torchrun only the process of rank 0
    yields events and writes files. When torchrun restarts its processes after a failure, they resume the run.

    Args:
        dataset: The split dataset.
        config: The settings of the run; those that are not set get the values of the presets.
        path: The run folder to create.

    Raises:
        EngineError: The dataset cannot be trained on, or the run folder cannot be created.
    """
    config = resolve_for(dataset, config)
    scanned = yield from fingerprint_dataset(dataset, is_part=True)
    start = yield from find_start_images(config.model.weights)
    return (yield from _train(dataset, config, path, replace(scanned, unreadable=()), start))


def _train(
    dataset: Dataset, config: RunConfig, path: Path, scanned: DatasetScan, start: LearntFrom
) -> EventStream[Run]:
    require_trainable(dataset)
    separated = yield from separate_held_out(dataset, scanned, start)
    dataset = separated.dataset
    if dataset.grey_ranges is None:
        dataset = replace(dataset, grey_ranges=scanned.grey_ranges)
    warnings = (*skipped_warnings(scanned), *split_warnings(dataset), *separated.warnings)
    require_tensorboard(config)
    run = Run(path)
    if not is_rank_zero():
        return (yield from _fit_silently(run, config, dataset))
    yield _split_event(dataset)
    if path_below(path, dataset.root) is not None:
        warnings = (*warnings, Warned(message="The run folder is inside the data folder. It is never read as data."))
    with _locked_folder(run):
        if not (is_restarted() and run.config_path.is_file()):
            create_run(path, config, dataset, file_contents(scanned))
        return (yield from _fit_and_record(run, config, dataset, warnings))


def resume(path: Path) -> EventStream[Run]:
    """Resume a stopped or interrupted run from its last checkpoint, also within an epoch, and return the run.

    Raises:
        EngineError: The run is finished, or its images are missing.
    """
    run = Run(path)
    config, dataset = run.config, require_images(run)
    if not is_rank_zero():
        return (yield from _fit_silently(run, config, dataset))
    with _locked_folder(run):
        if run.is_finished:
            raise EngineError("This run is finished and cannot be resumed.", path)
        return (yield from _fit_and_record(run, config, dataset, ()))


def _split_event(dataset: Dataset) -> DatasetSplit:
    num_train, num_val, num_test = (len(dataset.of_split(split)) for split in SPLITS)
    return DatasetSplit(
        classes=dataset.classes,
        num_train=num_train,
        num_val=num_val,
        num_test=num_test,
        is_drawn=not dataset.has_val,
    )


@contextmanager
def _locked_folder(run: Run) -> Iterator[None]:
    """Create the run folder if it does not exist, and lock it."""
    with saving("The run", run.path):
        run.path.mkdir(parents=True, exist_ok=True)
    with locked(run.path):
        yield


def _fit_silently(run: Run, config: RunConfig, dataset: Dataset) -> EventStream[Run]:
    """Train in a process whose rank is not 0: it writes no files."""
    from engine.ml.training.loop import fit

    yield from translate_device_errors(fit(config, dataset, run))
    return run


def _fit_and_record(run: Run, config: RunConfig, dataset: Dataset, skipped: Iterable[Warned]) -> EventStream[Run]:
    yield from load_torch()
    from engine.core.keep_awake import keep_awake
    from engine.ml.training.loop import fit

    def fit_and_draw() -> EventStream[None]:
        yield from skipped
        try:
            done = yield from translate_device_errors(fit(config, dataset, run))
        finally:
            from engine.ml.report.history_plot import draw_history  # training need not wait for matplotlib

            try:
                draw_history(run.history, run.figure_path)
            except OSError as error:  # the figure can be drawn again later, and this error must not hide an earlier one
                logger.warning("The curves were not drawn: %s", error)
        yield done

    remove_temporary_files(run.path)
    with log_to_file(run.log_path), keep_awake(config.training.keep_awake):
        yield from log_events(run, _with_tensorboard(run, config, fit_and_draw()))
        with suppress(OSError):  # a checkpoint that stays costs space only; an unfinished run does not get here
            run.delete_checkpoint()
    return run


def _with_tensorboard(run: Run, config: RunConfig, work: EventStream[None]) -> EventStream[None]:
    if not config.training.tensorboard or not has_tensorboard():  # a missing TensorBoard must not prevent resuming
        return work
    from engine.ml.training.tensorboard import with_tensorboard

    return with_tensorboard(run, config.model_dump_json(indent=2), work)


def finalize(run: Run) -> EventStream[None]:
    """Finalize a stopped run as the end of training does: save the embeddings of its training images."""
    yield from load_torch()
    from engine.ml.training.finalize import finalize_stopped_run

    with locked(run.path):
        yield from translate_device_errors(finalize_stopped_run(run))
