"""Choose between networks within a part of the time budget: by a linear head, or by a short training from scratch."""

import shutil
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from engine.config.backbones import find_backbone
from engine.config.network_names import network_name
from engine.config.presets import with_network
from engine.config.settings import RunConfig
from engine.core.atomic_write import saving
from engine.core.events import CandidateDone, EpochDone, Event, RunStarted
from engine.data.dataset import Dataset
from engine.ml.training.build_phases import make_image_phase, make_quick_phase
from engine.ml.training.checkpoint_writer import CheckpointWriter
from engine.ml.training.head_fit import fit_head
from engine.ml.training.run_phase import run_phase
from engine.ml.training.setup import make_preprocessing, prepare_run
from engine.ml.training.state import TrainState, make_train_state
from engine.runs.run_folder import Run

TRIAL_FRACTION = 0.3
"""Largest fraction of the time budget for trials of networks."""


@dataclass
class Trial:
    """A network that was tried."""

    config: RunConfig
    """Settings of the run if this network is chosen."""
    state: TrainState
    events: list[Event] = field(default_factory=list)
    """Start and epochs of the trial."""

    @property
    def is_from_scratch(self) -> bool:
        """True if the network started from random weights; its training goes on where the trial ended."""
        return self.config.model.weights == "none"

    @property
    def accuracy(self) -> float:
        """Validation accuracy (0..1) of the best epoch."""
        best = self.state.stopping.best
        return 0.0 if best is None else best.accuracy


def choose_network(config: RunConfig, dataset: Dataset, run: Run) -> Generator[Event, None, Trial]:
    """Try the network of the settings and `config.model.candidates`; return the trial with the best accuracy.

    All trials together take at most TRIAL_FRACTION of the time budget. A network is left out if its features would take
    longer than the time that is left, estimated from the speed of the first one and the numbers of multiply-adds, or if
    another one classifies all validation images correctly.

    Args:
        config: Settings with a time budget.
        dataset: The split dataset.
        run: The run folder. It receives the model of the best trial so far, so that the run is never worse.

    Yields:
        Progress, warnings, and a CandidateDone for each network.
    """
    started = time.monotonic()
    deadline = started + TRIAL_FRACTION * (config.training.budget_seconds or 0.0)
    with tempfile.TemporaryDirectory(prefix=".trial-", dir=run.path, ignore_cleanup_errors=True) as folder:
        best = yield from _try(_choice(config, config.model.backbone), dataset, Path(folder) / "0", deadline)
        _save(best, run)
        speed = _num_operations(best.config) / (time.monotonic() - started)
        for number, name in enumerate(config.model.candidates, start=1):
            other, left = _choice(config, name), deadline - time.monotonic()
            is_too_slow = other.model.weights != "none" and _num_operations(other) > left * speed
            if left <= 0 or is_too_slow or best.accuracy == 1.0:
                continue
            trial = yield from _try(other, dataset, Path(folder) / str(number), deadline)
            if trial.accuracy > best.accuracy:
                best = trial
                _save(best, run)
        best.state.run, best.state.started = run, started
    return best


def _save(trial: Trial, run: Run) -> None:
    """Copy the model of a trial and its results into the run folder."""
    with saving("The best model", run.path):
        for path in (trial.state.run.model_path, trial.state.run.results_path):
            if path.is_file():  # without a validated epoch there are no results
                shutil.copyfile(path, run.path / path.name)


def _choice(config: RunConfig, name: str) -> RunConfig:
    """Return the settings for one network alone."""
    config = config if name == config.model.backbone else with_network(config, name)
    return config.changed("model", candidates=())


def _num_operations(config: RunConfig) -> float:
    """Return the number of multiply-adds for one image."""
    size = make_preprocessing(config, None).image_size
    return find_backbone(config.model.backbone).multiply_adds_at(size)


def _try(config: RunConfig, dataset: Dataset, folder: Path, deadline: float) -> Generator[Event, None, Trial]:
    started = time.monotonic()
    folder.mkdir()
    setup = yield from prepare_run(config, dataset)
    trial = Trial(config, make_train_state(setup, dataset, Run(folder)))
    for event in _train(trial, deadline):
        if isinstance(event, RunStarted | EpochDone):
            trial.events.append(event)
        else:
            yield event
    best = trial.state.stopping.best
    if best is not None:
        layers = "from scratch" if trial.is_from_scratch else "linear head"
        seconds = time.monotonic() - started
        name = f"{network_name(config.model.backbone)}, {layers}"
        yield CandidateDone(name=name, epoch=0, accuracy=best.accuracy, loss=best.loss, seconds=seconds)
    return trial


def _train(trial: Trial, deadline: float) -> Generator[Event, None, None]:
    state = trial.state
    writer = CheckpointWriter(state.run, state.setup.model, state.setup.plan.checkpoint_minutes)
    if trial.is_from_scratch:
        phase = make_image_phase(state)
        phase.deadline = deadline
        yield from run_phase(state, phase, writer, None)
    else:
        phase = yield from make_quick_phase(state)
        yield from fit_head(state, phase, writer)
    writer.finish()
