"""Run folder: file names, and creating, listing and reading runs."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from engine.config.settings import RunConfig
from engine.config.settings_file import read_config
from engine.core.atomic_write import append_line, saving, write_text_atomic
from engine.core.errors import EngineError
from engine.core.events import Event, RunDone, from_line, to_line
from engine.core.file_names import shorten_name, unique_path
from engine.core.locks import is_locked, locked
from engine.core.path_text import require_utf8_path
from engine.core.paths import default_runs_folder, folder_name
from engine.core.safe_read import read_text
from engine.data.dataset import Dataset
from engine.data.splits import FileContent, read_split, write_split
from engine.runs.history import History

_MAX_PREFIX_BYTES = 200
"""Limit of the part of a run's name that the dataset gives; file systems allow 255 bytes in all."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder. Files are created as the run progresses."""

    path: Path

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.name

    @property
    def config_path(self) -> Path:
        """Resolved settings."""
        return self.path / "config.json"

    @property
    def split_path(self) -> Path:
        """All images with class and split."""
        return self.path / "split.json"

    @property
    def events_path(self) -> Path:
        """Event log: all events except progress, one JSON object per line."""
        return self.path / "events.jsonl"

    @property
    def model_path(self) -> Path:
        """Best model so far."""
        return self.path / "model.safetensors"

    @property
    def checkpoint_path(self) -> Path:
        """State from which an interrupted run resumes; deleted at the end of the run."""
        return self.path / "checkpoint.safetensors"

    @property
    def legacy_checkpoint_path(self) -> Path:
        """The checkpoint of a run that version 0.1 started."""
        return self.path / "checkpoint.pt"

    @property
    def results_path(self) -> Path:
        """Evaluation of the best model on the validation split."""
        return self.path / "results.json"

    @property
    def reference_path(self) -> Path:
        """Paths of the training images whose embeddings are in the model file."""
        return self.path / "reference.json"

    @property
    def test_path(self) -> Path:
        """Evaluation on the test split, which is done once."""
        return self.path / "test.json"

    @property
    def robustness_path(self) -> Path:
        """Robustness report."""
        return self.path / "robustness.json"

    @property
    def figure_path(self) -> Path:
        """Plot of loss and accuracy."""
        return self.path / "history.png"

    @property
    def tensorboard_path(self) -> Path:
        """Folder of TensorBoard event files, if enabled in the settings."""
        return self.path / "tensorboard"

    @property
    def log_path(self) -> Path:
        """Program log of the run."""
        return self.path / "log.txt"

    @property
    def config(self) -> RunConfig:
        """Settings, read from config.json."""
        return read_config(self.config_path)

    @property
    def dataset(self) -> Dataset:
        """Dataset with its split, read from split.json."""
        return read_split(self.split_path)

    def events(self) -> Iterator[Event]:
        """Yield the logged events; incomplete lines, which a crash leaves, are skipped."""
        try:
            text = read_text(self.events_path, errors="replace")
        except (OSError, EngineError):
            return
        for line in text.split("\n"):  # splitlines() also splits at other characters, which may occur in messages
            try:
                yield from_line(line)
            except ValidationError:
                continue

    @property
    def history(self) -> History:
        """History of the logged events."""
        return History.from_events(self.events())

    @property
    def is_finished(self) -> bool:
        """Return True if the run was completed; a stopped run can be resumed."""
        done = self.history.done
        return done is not None and not done.stopped

    def write_config(self, config: RunConfig) -> None:
        """Write config.json, with the absolute path of start weights, so that it can be used in any folder.

        Raises:
            OSError: The disk refuses.
        """
        weights = config.model.weights_path
        if weights is not None:
            config = config.changed("model", weights=os.path.abspath(weights))
        times = None
        if self.config_path.is_file():
            status = self.config_path.stat()
            times = status.st_atime_ns, status.st_mtime_ns
        write_text_atomic(self.config_path, config.model_dump_json(indent=2))
        if times is not None:
            os.utime(self.config_path, ns=times)  # it is the date of the run

    def delete_checkpoint(self) -> None:
        """Delete the checkpoint; raise OSError if the disk refuses."""
        for path in (self.checkpoint_path, self.legacy_checkpoint_path):
            path.unlink(missing_ok=True)

    def mark_stopped(self) -> None:
        """Log an interrupted run as stopped, so that it is not offered again; raises EngineError if that fails."""
        history = self.history
        seconds = sum(epoch.seconds for epoch in history.epochs)
        end = RunDone(model=str(self.model_path), best=history.best, seconds=seconds, stopped=True)
        with locked(self.path), saving("The end of the run", self.path):
            append_line(self.events_path, to_line(end))


def new_run_path(dataset_root: Path, folder: Path | None = None) -> Path:
    """Return an unused path for a run, named after the dataset and the date."""
    stamp = datetime.now().strftime("%Y-%m-%d")
    return unique_path((folder or default_runs_folder()) / f"{run_prefix(dataset_root)} {stamp}")


def run_prefix(dataset_root: Path) -> str:
    """Return the start of the names of runs on a dataset folder, which a space and the date follow."""
    return shorten_name(folder_name(dataset_root.resolve()), _MAX_PREFIX_BYTES).strip()


def create_run(
    path: Path, config: RunConfig, dataset: Dataset, contents: Mapping[str, FileContent] = MappingProxyType({})
) -> Run:
    """Create a run folder with its settings and split; raises EngineError if the folder is not empty.

    `contents` are sizes and digests of the images by path, with which the folder is recognised after a move.
    """
    run = Run(path)
    require_utf8_path(path)
    with saving("The run", path):
        if path.exists() and not all(_is_leftover(entry.name) for entry in path.iterdir()):
            advice = "resume its run with classifold resume" if run.config_path.is_file() else "delete it first"
            raise EngineError(f"This run folder is not empty. Choose another one, or {advice}.", path)
        path.mkdir(parents=True, exist_ok=True)
        write_split(dataset, run.split_path, contents)
        run.write_config(config)  # last, because it marks the folder as a run
    return run


def list_runs(folder: Path) -> list[Run]:
    """Return the runs directly inside `folder`, newest first."""
    try:
        runs = [run for run in map(Run, folder.iterdir()) if os.path.isfile(run.config_path)]
    except OSError:
        return []
    return sorted(runs, key=_created_at, reverse=True)


def interrupted_runs(folder: Path) -> list[Run]:
    """Return the runs inside `folder` that did not end, were not stopped and are not running, newest first."""
    return [run for run in list_runs(folder) if run.history.done is None and not is_locked(run.path)]


def _created_at(run: Run) -> float:
    try:
        return run.config_path.stat().st_mtime
    except OSError:  # another process has just deleted it
        return 0.0


def _is_leftover(name: str) -> bool:
    """Return True for a lock file or a leftover of a crash during the creation of the folder."""
    return name.startswith(".") or name == Run(Path()).split_path.name
