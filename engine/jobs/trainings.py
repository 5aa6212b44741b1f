"""Train, go on with a training, and finish one that was stopped."""

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.audit.scan import fingerprint_dataset
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.events import Warned
from engine.core.files import remove_leftovers, saving
from engine.core.locks import locked
from engine.core.log import logged_to
from engine.core.process_rank import is_rank_zero, is_restarted
from engine.data.dataset import Dataset, require_trainable
from engine.jobs.base import EventStream, translate_device_errors
from engine.jobs.datasets import skipped_warnings, split_readable
from engine.runs.event_log import record
from engine.runs.run_folder import Run, create_run
from engine.runs.tensorboard import has_tensorboard, require_trackable

logger = logging.getLogger(__name__)


def split_and_train(dataset: Dataset, config: RunConfig, path: Path) -> EventStream[Run]:
    """Split the dataset, then do what `train` does; what cannot be read is named in the run's journal too."""
    scanned = yield from fingerprint_dataset(dataset)
    dataset = yield from split_readable(dataset, config.data, scanned)
    return (yield from _train(dataset, config, path, skipped_warnings(scanned)))


def train(dataset: Dataset, config: RunConfig, path: Path) -> EventStream[Run]:
    """Train on a split dataset and fill a new run folder at `path`; return the run.

    Closing the generator stops the training and keeps the best model so far. Under torchrun the first process speaks
    and writes, the others work silently; started again after one was killed, they go on where the run stands.
    """
    return (yield from _train(dataset, config, path, ()))


def _train(dataset: Dataset, config: RunConfig, path: Path, skipped: Iterable[Warned]) -> EventStream[Run]:
    require_trainable(dataset)
    require_trackable(config)
    run = Run(path)
    if not is_rank_zero():
        return (yield from _follow(run, config, dataset))
    with _working_on(run):
        if not (is_restarted() and run.config_path.is_file()):
            create_run(path, config, dataset)
        return (yield from _fill(run, config, dataset, skipped))


def resume(path: Path) -> EventStream[Run]:
    """Go on with a run where it was interrupted or stopped, in the middle of an epoch too; return it."""
    run = Run(path)
    config, dataset = run.config, run.dataset
    if not os.path.isdir(dataset.root):
        raise EngineError("The images of this run are gone. Connect their drive or put the folder back.", dataset.root)
    if not is_rank_zero():
        return (yield from _follow(run, config, dataset))
    with _working_on(run):
        if run.is_over:
            raise EngineError("This run cannot go on: it is over.", path)
        return (yield from _fill(run, config, dataset, ()))


@contextmanager
def _working_on(run: Run) -> Iterator[None]:
    """Make the run folder where there is none, and lock it."""
    with saving("The run", run.path):
        run.path.mkdir(parents=True, exist_ok=True)
    with locked(run.path):
        yield


def _follow(run: Run, config: RunConfig, dataset: Dataset) -> EventStream[Run]:
    """Do the share of a process that another one speaks for."""
    from engine.ml.training.loop import fit

    yield from translate_device_errors(fit(config, dataset, run))
    return run


def _fill(run: Run, config: RunConfig, dataset: Dataset, skipped: Iterable[Warned]) -> EventStream[Run]:
    from engine.core.keep_awake import keep_awake
    from engine.ml.report.history_plot import draw_history
    from engine.ml.training.loop import fit

    def work() -> EventStream[None]:
        yield from skipped
        try:
            done = yield from translate_device_errors(fit(config, dataset, run))
        finally:
            try:
                draw_history(run.history, run.figure_path)
            except OSError as error:  # the picture can be drawn again, and must not hide what happened before
                logger.warning("The curves were not drawn: %s", error)
        yield done

    remove_leftovers(run.path)
    with logged_to(run.log_path), keep_awake(config.training.keep_awake):
        yield from record(run, _tracked(run, config, work()))
        with suppress(OSError):
            run.checkpoint_path.unlink()  # only now: a run without an end needs it
    return run


def _tracked(run: Run, config: RunConfig, work: EventStream[None]) -> EventStream[None]:
    if not config.training.tensorboard or not has_tensorboard():  # gone since: no reason not to go on with a run
        return work
    from engine.ml.training.tensorboard import with_tensorboard

    return with_tensorboard(run, work)


def finalize(run: Run) -> EventStream[None]:
    """Do what the end of a training does for a run that was stopped: remember what its images look like to it."""
    from engine.ml.training.finalize import finalize_stopped_run

    with locked(run.path):
        yield from translate_device_errors(finalize_stopped_run(run))
