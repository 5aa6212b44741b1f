"""The run folder: what lies where, creating, listing and reading runs."""

import os
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from engine.config import RunConfig, read_config
from engine.dataset import Dataset
from engine.errors import EngineError
from engine.events import Event, Progress, RunDone, Warned, from_line, to_line
from engine.files import require_text, unique_path, write_text_atomic
from engine.history import History
from engine.splits import read_split, write_split

Result = TypeVar("Result")


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
        """What is needed to go on behind the last epoch; gone when the run is over."""
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
            text = self.events_path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
        for line in text.splitlines():
            try:
                yield from_line(line)
            except ValidationError:
                continue

    @property
    def history(self) -> History:
        """The recorded events, folded into curves."""
        return History.of(self.events())


def home_folder() -> Path:
    """Return where the program keeps what is its own: CLASSIFOLD_HOME, or a folder in the user's home."""
    home = os.environ.get("CLASSIFOLD_HOME")
    return Path(home) if home else Path.home() / "Classifold"


def default_runs_folder() -> Path:
    """Return where the window keeps its runs."""
    return home_folder() / "runs"


def default_log_path() -> Path:
    """Return where the program logs."""
    return home_folder() / "log.txt"


def new_run_path(dataset_root: Path, folder: Path | None = None) -> Path:
    """Return a path, named after the dataset, at which no run lies yet."""
    stamp = datetime.now().strftime("%Y-%m-%d")
    return unique_path((folder or default_runs_folder()) / f"{dataset_root.resolve().name} {stamp}")


def create_run(path: Path, config: RunConfig, dataset: Dataset) -> Run:
    """Make a run folder with its settings and its split; raise EngineError where something lies there already."""
    run = Run(path)
    require_text(path)
    try:
        if path.exists() and any(path.iterdir()):
            raise EngineError("This run folder is not empty. Choose another, or delete it first.", path)
        path.mkdir(parents=True, exist_ok=True)
        write_text_atomic(run.config_path, config.model_dump_json(indent=2))
        write_split(dataset, run.split_path)
    except OSError as error:
        raise EngineError(f"The run folder could not be made: {error.strerror or error}.", path) from error
    return run


def record(run: Run, events: Generator[Event, None, Result]) -> Generator[Event, None, Result]:
    """Pass the events on and append each but progress to the run's journal as it comes.

    The journal also gets what nobody is left to be told of: that the run was stopped, or why it failed.
    """
    history = History()
    started = time.monotonic()
    with open(run.events_path, "a", encoding="utf-8") as journal:

        def write(event: Event) -> None:
            history.add(event)
            if not isinstance(event, Progress):
                print(to_line(event), file=journal, flush=True)

        try:
            while True:
                try:
                    event = next(events)
                except StopIteration as end:
                    return end.value  # type: ignore[no-any-return]
                write(event)
                yield event
        except GeneratorExit:
            events.close()
            seconds = time.monotonic() - started
            write(RunDone(model=str(run.model_path), best=history.best, seconds=seconds, stopped=True))
            raise
        except EngineError as error:
            write(Warned(message=error.message))
            raise


def list_runs(folder: Path) -> list[Run]:
    """Return the runs directly inside `folder`, the latest first."""
    try:
        found = [Run(path) for path in folder.iterdir() if (path / "config.json").is_file()]
    except OSError:
        return []
    return sorted(found, key=lambda run: run.config_path.stat().st_mtime, reverse=True)
