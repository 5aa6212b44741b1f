"""The run folder: what lies where, creating, listing and reading runs."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from engine.config.settings import RunConfig, read_config
from engine.core.atomic_write import append_line, saving, write_text_atomic
from engine.core.errors import EngineError
from engine.core.events import Event, RunDone, from_line, to_line
from engine.core.file_names import unique_path
from engine.core.locks import is_locked, locked
from engine.core.path_text import require_utf8_path
from engine.core.paths import default_runs_folder
from engine.core.safe_read import read_text
from engine.data.dataset import Dataset
from engine.data.splits import read_split, write_split
from engine.runs.history import History


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder. The files are there as far as the run has come."""

    path: Path

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def config_path(self) -> Path:
        """Settings."""
        return self.path / "config.json"

    @property
    def split_path(self) -> Path:
        """Every file with its class and split."""
        return self.path / "split.json"

    @property
    def events_path(self) -> Path:
        """All events but progress, one JSON line each."""
        return self.path / "events.jsonl"

    @property
    def model_path(self) -> Path:
        """The best model so far."""
        return self.path / "model.safetensors"

    @property
    def checkpoint_path(self) -> Path:
        """What is needed to go on where the run was interrupted; gone when it is over."""
        return self.path / "checkpoint.pt"

    @property
    def results_path(self) -> Path:
        """The evaluation of the best model on the validation split."""
        return self.path / "results.json"

    @property
    def reference_path(self) -> Path:
        """Which training images the model file keeps embeddings of."""
        return self.path / "reference.json"

    @property
    def test_path(self) -> Path:
        """The one evaluation on the test split."""
        return self.path / "test.json"

    @property
    def robustness_path(self) -> Path:
        """How the best model does on changed images, once that was measured."""
        return self.path / "robustness.json"

    @property
    def figure_path(self) -> Path:
        """The curves as a picture."""
        return self.path / "history.png"

    @property
    def tensorboard_path(self) -> Path:
        """Folder of the curves for TensorBoard, where the settings ask for them."""
        return self.path / "tensorboard"

    @property
    def log_path(self) -> Path:
        """What the program logged during the run."""
        return self.path / "log.txt"

    @property
    def config(self) -> RunConfig:
        """The settings, read from their file."""
        return read_config(self.config_path)

    @property
    def dataset(self) -> Dataset:
        """The images with their splits, read from their file."""
        return read_split(self.split_path)

    def events(self) -> Iterator[Event]:
        """Yield the recorded events; a torn last line, from a crash, is passed over."""
        try:
            text = read_text(self.events_path, errors="replace")
        except OSError:
            return
        for line in text.split("\n"):  # `splitlines` would cut at more letters than that
            try:
                yield from_line(line)
            except ValidationError:
                continue

    @property
    def history(self) -> History:
        """The recorded events, folded into curves."""
        return History.from_events(self.events())

    @property
    def is_finished(self) -> bool:
        """Say whether the run came to its end; a stopped one may go on."""
        done = self.history.done
        return done is not None and not done.stopped

    def mark_stopped(self) -> None:
        """Write down that the user lets an interrupted run be; raise EngineError where that cannot be."""
        history = self.history
        seconds = sum(epoch.seconds for epoch in history.epochs)
        end = RunDone(model=str(self.model_path), best=history.best, seconds=seconds, stopped=True)
        with locked(self.path), saving("Your choice", self.path):
            append_line(self.events_path, to_line(end))


def new_run_path(dataset_root: Path, folder: Path | None = None) -> Path:
    """Return a path, named after the dataset, at which no run lies yet."""
    stamp = datetime.now().strftime("%Y-%m-%d")
    return unique_path((folder or default_runs_folder()) / f"{dataset_root.resolve().name} {stamp}")


def create_run(path: Path, config: RunConfig, dataset: Dataset) -> Run:
    """Make a run folder with its settings and its split; raise EngineError where something lies there already."""
    run = Run(path)
    require_utf8_path(path)
    with saving("The run", path):
        if path.exists() and not all(_may_lie_in_a_new_run(entry.name) for entry in path.iterdir()):
            advice = "go on with its run: classifold resume" if run.config_path.is_file() else "delete it first"
            raise EngineError(f"This run folder is not empty. Choose another, or {advice}.", path)
        path.mkdir(parents=True, exist_ok=True)
        write_split(dataset, run.split_path)
        write_text_atomic(run.config_path, config.model_dump_json(indent=2))  # last: it says that this is a run
    return run


def list_runs(folder: Path) -> list[Run]:
    """Return the runs directly inside `folder`, the latest first."""
    try:
        found = [run for run in map(Run, folder.iterdir()) if os.path.isfile(run.config_path)]
    except OSError:
        return []
    return sorted(found, key=_made_at, reverse=True)


def interrupted_runs(folder: Path) -> list[Run]:
    """Return the runs inside `folder` that neither ended nor were stopped and nobody works on, the latest first."""
    return [run for run in list_runs(folder) if run.history.done is None and not is_locked(run.path)]


def _made_at(run: Run) -> float:
    try:
        return run.config_path.stat().st_mtime
    except OSError:  # another window has just deleted it
        return 0.0


def _may_lie_in_a_new_run(name: str) -> bool:
    """Say whether a file is one that a crash while the folder was made, or the lock, leaves there."""
    return name.startswith(".") or name == Run(Path()).split_path.name
