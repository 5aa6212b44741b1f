"""Write the best model and checkpoints; keep failed writes in memory and retry."""

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

_MAX_TIME_SHARE = 1 / 20
"""Share of a run's time that checkpoints after epochs may take."""
_BYTES_PER_SECOND = 200e6
"""Assumed write speed before the first checkpoint is measured."""
_CHECKPOINT_COPIES = 3
"""Tensors per weight in a checkpoint: the weight and two moments of the optimizer."""


class CheckpointWriter:
    """Writes the best model with its results, and checkpoints when they are due."""

    def __init__(self, run: Run, network: nn.Module, minutes: float) -> None:
        """Create a writer that makes a checkpoint due at least every `minutes`."""
        self._run = run
        self._max_interval = 60 * minutes
        num_bytes = _CHECKPOINT_COPIES * sum(p.numel() * p.element_size() for p in network.parameters())
        self._write_seconds = num_bytes / _BYTES_PER_SECOND
        self._last_saved = time.monotonic()
        self._pending: dict[Path, bytes] = {}
        self._reported: set[str] = set()

    def save_best(self, state: TrainState, evaluation: Evaluation | None) -> None:
        """Write the validated network and its evaluation into the run folder.

        The evaluation is written last: after a crash between the two it describes an older, worse model, never a
        better one.
        """
        if distributed.rank() != 0:
            return
        best, classes = state.stopping.best, state.dataset.classes
        metadata = state.setup.make_metadata(classes, best, state.calibration)
        self._pending[self._run.model_path] = model_bytes(state.eval_model, metadata, learnt=state.learnt)
        if evaluation is not None:
            self._pending[self._run.results_path] = evaluation.model_dump_json().encode()
        self.flush_pending(state)

    def flush_pending(self, state: TrainState) -> None:
        """Retry writes that failed before; the first failure of a kind adds a warning to `state`."""
        error = self._write_pending()
        if error is not None:
            self._warn(state, "The best model", error)

    def is_due(self, at_epoch_end: bool) -> bool:
        """Return whether a checkpoint is to be written now."""
        interval = self._write_seconds / _MAX_TIME_SHARE if at_epoch_end else self._max_interval
        return time.monotonic() - self._last_saved >= min(interval, self._max_interval)

    def save_checkpoint(self, state: TrainState, phase: Phase, sums: Tensor) -> str | None:
        """Write a checkpoint.

        Nothing is written if weights or sums are not finite, because the checkpoint before is worth more, or while the
        best model is pending, because a run resumed from that checkpoint would take the best model for saved.

        Args:
            state: The state of the run.
            phase: The phase that is running.
            sums: `state.sums` added up over all processes, shape (3,).

        Returns:
            The reason why the disk refused, or None.
        """
        pending_error = self._write_pending()
        if pending_error is not None:
            return _describe(pending_error)
        if not _is_finite(sums, *state.setup.model.state_dict().values()):
            return None
        started = time.monotonic()
        reason = None
        try:
            write_checkpoint(self._run.checkpoint_path, state, phase, sums)
            self._run.legacy_checkpoint_path.unlink(missing_ok=True)
        except (OSError, MemoryError) as error:
            reason = _describe(error)
            self._warn(state, "A checkpoint", error)
        self._last_saved = time.monotonic()
        self._write_seconds = self._last_saved - started
        return reason

    def finish(self) -> None:
        """Write what is pending; if the run folder refuses it, save it elsewhere and raise EngineError naming where."""
        error = self._write_pending()
        if error is None:
            return
        reason = f"The run folder cannot be written to: {_describe(error)}"
        for parent in (home_folder() / "rescued", Path(tempfile.gettempdir())):
            folder = unique_path(parent / self._run.name)
            try:
                folder.mkdir(parents=True)
                self._write_pending(folder)
            except OSError:
                continue
            if not self._pending:
                raise EngineError(f"{reason} The best model was saved to {folder} instead.", self._run.path) from error
        raise EngineError(
            f"{reason} The best model could not be saved; the one saved before is kept. Free some space."
        ) from error

    def _write_pending(self, folder: Path | None = None) -> OSError | None:
        """Write pending files to the run folder, or to `folder`; return the first error."""
        try:
            for path, content in list(self._pending.items()):
                target = path if folder is None else folder / path.name
                write_atomic(target, lambda temporary, content=content: temporary.write_bytes(content))  # type: ignore[misc]
                del self._pending[path]
        except OSError as error:
            logger.warning("%s cannot be written: %s", path, error)
            return error
        return None

    def _warn(self, state: TrainState, what: str, error: OSError | MemoryError) -> None:
        if what not in self._reported:
            self._reported.add(what)
            state.notices.append(
                f"{what} cannot be saved: {_describe(error)} Training continues and saving is retried. Free some space."
            )


def _describe(error: OSError | MemoryError) -> str:
    return f"{error.strerror or error}." if isinstance(error, OSError) else "There is not enough memory."


def _is_finite(*tensors: Tensor) -> bool:
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)
