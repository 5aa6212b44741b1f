"""Put on the disk what a run has reached, and hold what the disk refuses until it takes it."""

import logging
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.core.atomic_write import write_atomic
from engine.core.errors import EngineError
from engine.core.file_names import unique_path
from engine.core.paths import home_folder
from engine.ml.models.model_file import model_bytes
from engine.ml.runtime import distributed
from engine.ml.training.checkpoint import write_checkpoint
from engine.ml.training.phases import Phase
from engine.ml.training.state import TrainState
from engine.results.evaluation import Evaluation
from engine.runs.run_folder import Run

logger = logging.getLogger(__name__)

_MOST_EXPENSE = 1 / 20
"""Share of a run's time that checkpoints after epochs may take."""
_BYTES_PER_SECOND = 200e6
"""How fast a checkpoint is written, before the first one has shown it."""
_COPIES = 3
"""Weights, and two numbers of the optimizer for each."""


class CheckpointWriter:
    """Writes the best model with its results, and checkpoints when they are due."""

    def __init__(self, run: Run, network: nn.Module, minutes: float) -> None:
        """`minutes` may pass within an epoch before a checkpoint is due."""
        self._run = run
        self._seconds_between = 60 * minutes
        num_bytes = _COPIES * sum(p.numel() * p.element_size() for p in network.parameters())
        self._write_seconds = num_bytes / _BYTES_PER_SECOND
        self._last_saved = time.monotonic()
        self._waiting: dict[Path, bytes] = {}
        self._told: set[str] = set()

    def save_best(self, session: TrainState, evaluation: Evaluation | None) -> None:
        """Write the measured network and what validation says of it, into the run folder.

        The results come last: after a crash between the two they are those of an older, worse model, not of a better.
        """
        if distributed.rank() != 0:
            return
        best, classes = session.stopping.best, session.dataset.classes
        card = session.setup.make_metadata(classes, best, session.calibration)
        self._waiting[self._run.model_path] = model_bytes(session.eval_model, card)
        if evaluation is not None:
            self._waiting[self._run.results_path] = evaluation.model_dump_json().encode()
        self.flush_pending(session)

    def flush_pending(self, session: TrainState) -> None:
        """Try again to write what the disk has refused; where it still does, the user is told once."""
        error = self._write_waiting()
        if error is not None:
            self._tell(session, "The best model", error)

    def is_due(self, at_epoch_end: bool) -> bool:
        """Say whether a checkpoint is to be written now."""
        seconds = self._write_seconds / _MOST_EXPENSE if at_epoch_end else self._seconds_between
        return time.monotonic() - self._last_saved >= min(seconds, self._seconds_between)

    def save_checkpoint(self, session: TrainState, phase: Phase, sums: Tensor) -> str | None:
        """Write where the run is, or return why that was refused; `sums` are those of the session over all processes.

        What is no longer a number is not written: the checkpoint before is worth more. Nor is anything while the best
        model waits for the disk, for who went on from there would take it for saved.
        """
        waiting = self._write_waiting()
        if waiting is not None:
            return _reason(waiting)
        if not _is_finite(sums, *session.setup.model.state_dict().values()):
            return None
        started = time.monotonic()
        reason = None
        try:
            write_checkpoint(self._run.checkpoint_path, session, phase, sums)
        except (OSError, MemoryError) as error:
            reason = _reason(error)
            self._tell(session, "Where the run is", error)
        self._last_saved = time.monotonic()
        self._write_seconds = self._last_saved - started
        return reason

    def finish(self) -> None:
        """Write what still waits; where the run folder takes nothing, raise EngineError that says where it lies."""
        error = self._write_waiting()
        if error is None:
            return
        reason = f"The run folder cannot be written to: {_reason(error)}"
        for folder in (home_folder() / "rescued", Path(tempfile.gettempdir())):
            place = unique_path(folder / self._run.name)
            try:
                place.mkdir(parents=True, exist_ok=True)
                self._write_waiting(place)
            except OSError:
                continue
            if not self._waiting:
                raise EngineError(f"{reason} The best model was saved to {place} instead.", self._run.path) from error
        raise EngineError(f"{reason} The best model that was saved before is kept. Free some space.") from error

    def _write_waiting(self, folder: Path | None = None) -> OSError | None:
        """Write to the run folder, or to another one."""
        try:
            for path, content in list(self._waiting.items()):
                target = path if folder is None else folder / path.name
                write_atomic(target, lambda temporary, content=content: temporary.write_bytes(content))  # type: ignore[misc]
                del self._waiting[path]
        except OSError as error:
            logger.warning("%s cannot be written: %s", path, error)
            return error
        return None

    def _tell(self, session: TrainState, what: str, error: OSError | MemoryError) -> None:
        if what not in self._told:
            self._told.add(what)
            session.notices.append(
                f"{what} cannot be saved: {_reason(error)} Training goes on, and it is tried again. Free some space."
            )


def _reason(error: OSError | MemoryError) -> str:
    return f"{error.strerror or error}." if isinstance(error, OSError) else "There is not enough memory."


def _is_finite(*tensors: Tensor) -> bool:
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)
