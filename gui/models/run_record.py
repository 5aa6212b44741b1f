"""Summaries of run folders."""

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from engine.config.network_names import network_name
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.events import Best
from engine.core.formatting import duration
from engine.core.locks import is_locked
from engine.runs.history import History
from engine.runs.run_folder import Run, list_runs
from gui.formatting import percent_with_interval


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Summary of a run. A field is None if the files of the run do not contain it."""

    run: Run
    started: datetime | None
    config: RunConfig | None
    history: History = field(default_factory=History)
    is_running: bool = False
    """True if this or another process is training the run now."""
    cells: tuple[str, ...] = ()
    """Texts for a table: those of `cell_texts`, empty before they were made."""

    @property
    def num_images(self) -> int | None:
        """Number of training and validation images."""
        start = self.history.started
        return start.num_train + start.num_val if start else None

    @property
    def num_epochs(self) -> int:
        """Number of finished epochs."""
        return len(self.history.epochs)

    @property
    def num_val(self) -> int:
        """Number of validation images."""
        return self.history.started.num_val if self.history.started else 0

    @property
    def best(self) -> Best | None:
        """The best epoch so far."""
        return self.history.best

    @property
    def seconds(self) -> float | None:
        """Training time in seconds; that of the finished epochs if the run did not end."""
        if self.history.done:
            return self.history.done.seconds
        return sum(epoch.seconds for epoch in self.history.epochs) or None

    @property
    def state(self) -> str:
        """Status: running, interrupted, failed, stopped or done."""
        done = self.history.done
        if done is None:
            return "running" if self.is_running else "interrupted" if self.history.started else "failed"
        return "stopped" if done.stopped else "done"

    @property
    def can_resume(self) -> bool:
        """True if the run is unfinished and no process is training it."""
        done = self.history.done
        return (done is None or done.stopped) and not self.is_running


def read_record(run: Run) -> RunRecord:
    """Read the files of a run into a record."""
    try:
        config: RunConfig | None = run.config
    except EngineError:
        config = None
    try:
        started: datetime | None = datetime.fromtimestamp(run.config_path.stat().st_mtime)
    except OSError:
        started = None
    return RunRecord(run, started, config, run.history)


def cell_texts(record: RunRecord) -> tuple[str, ...]:
    """Return start, backbone, images, epochs, best accuracy, time and status of a run as texts."""
    best, seconds = record.best, record.seconds
    return (
        f"{record.started:%Y-%m-%d %H:%M}" if record.started else "–",
        network_name(record.config.model.backbone) if record.config else "–",
        f"{record.num_images:,}" if record.num_images is not None else "–",
        str(record.num_epochs),
        percent_with_interval(best.accuracy, record.num_val) if best else "–",
        duration(seconds) if seconds is not None else "–",
        record.state,
    )


class RecordCache:
    """Records of runs whose event log has not changed since they were read."""

    def __init__(self) -> None:
        self._records: dict[Path, tuple[float, RunRecord]] = {}

    def read(self, run: Run) -> RunRecord:
        """Return the record of a run, read again only if its event log has changed."""
        modified = _modification_time(run)
        cached = self._records.get(run.path)
        record = cached[1] if cached is not None and cached[0] == modified else read_record(run)
        # The files do not show whether a process is training the run, so the lock is checked each time.
        done = record.history.done
        is_running = (done is None or done.stopped) and is_locked(run.path)
        if is_running != record.is_running or not record.cells:
            record = replace(record, is_running=is_running)
            record = replace(record, cells=cell_texts(record))
        self._records[run.path] = modified, record
        return record


def read_records(folder: Path, cache: RecordCache) -> Generator[list[Run] | RunRecord, None, None]:
    """Yield the list of the runs in a folder, the latest first, then the record of each."""
    runs = list_runs(folder)
    yield runs
    for run in runs:
        yield cache.read(run)


def _modification_time(run: Run) -> float:
    try:
        return run.events_path.stat().st_mtime
    except OSError:
        return 0.0
